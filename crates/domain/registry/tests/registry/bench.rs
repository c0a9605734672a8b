//! A folder of components, and what is asked of it.

use rok_component::Selector;
use rok_facades::registry::{
    Found, ManifestFile, RegistryEngine as _, RegistryError, RegistryQuery,
};
use rok_registry::{Registry, Root};
use std::path::{Path, PathBuf};
use tempfile::TempDir;

pub(crate) struct Bench {
    dir: TempDir,
}

/// An active tool with more lines.
pub(crate) fn tool(name: &str, version: &str, more: &str) -> String {
    let status = if more.contains("status:") {
        ""
    } else {
        "status: active\n"
    };
    format!(
        "name: {name}\nversion: {version}\ntype: tool\n{status}entrypoint: {{ run: x }}\n{more}\n"
    )
}

impl Bench {
    pub(crate) fn new() -> Self {
        let dir = tempfile::tempdir().expect("it is made for this test");
        std::fs::create_dir(dir.path().join("components")).expect("it is made for this test");
        Self { dir }
    }

    /// With these components, each active.
    pub(crate) fn with(components: &[(&str, &str, &str)]) -> Self {
        let bench = Self::new();
        for (name, version, more) in components {
            bench.put(
                &format!("{name}@{version}.component.yaml"),
                &tool(name, version, more),
            );
        }
        bench
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    pub(crate) fn components(&self) -> PathBuf {
        self.path("components")
    }

    pub(crate) fn lock_file(&self) -> PathBuf {
        self.path("components.lock")
    }

    pub(crate) fn put(&self, file: &str, text: &str) {
        let path = self.components().join(file);
        std::fs::create_dir_all(path.parent().expect("it is made for this test"))
            .expect("it is made for this test");
        std::fs::write(path, text).expect("it is made for this test");
    }

    pub(crate) fn registry(&self) -> Registry {
        Registry::new(vec![Root::folder(self.components())], self.lock_file())
            .seen_from(self.dir.path())
    }

    /// Names and versions that a filter finds.
    pub(crate) fn find(&self, filter: &str) -> Result<Vec<String>, RegistryError> {
        self.registry()
            .find(&query(filter))
            .map(|found| ids(&found))
    }

    /// The code and the message of what a filter is refused with.
    pub(crate) fn refusal(&self, filter: &str) -> (&'static str, String) {
        refusal(self.find(filter))
    }

    /// Files below the folder of components.
    pub(crate) fn files(&self) -> Vec<String> {
        let mut names: Vec<String> = std::fs::read_dir(self.components())
            .expect("it is made for this test")
            .map(|entry| {
                entry
                    .expect("it is made for this test")
                    .file_name()
                    .into_string()
                    .expect("it is made for this test")
            })
            .collect();
        names.sort();
        names
    }
}

pub(crate) fn query(filter: &str) -> RegistryQuery {
    RegistryQuery {
        selector: Selector::parse(filter).expect("it is made for this test"),
        allow_draft: false,
    }
}

pub(crate) fn ids(found: &Found) -> Vec<String> {
    let components = found.components.iter();
    components
        .map(|found| found.component.id().to_string())
        .collect()
}

pub(crate) fn refusal<T: std::fmt::Debug>(
    result: Result<T, RegistryError>,
) -> (&'static str, String) {
    let error = result.expect_err("it is refused");
    (error.code(), error.to_string())
}

pub(crate) fn manifest(name: &str, text: &str) -> ManifestFile {
    ManifestFile {
        bytes: text.as_bytes().to_vec(),
        name: name.to_owned(),
        path: Path::new("/").join(name),
    }
}
