//! The files that a run is about, and which components they concern.

use crate::as_staged::State;
use crate::compile::{self, Part};
use crate::not_started::Refused;
use crate::staged::Staged;
use crate::trouble::config;
use rok_facades::registry::{Found, FoundComponent};
use rok_orchestration::{ExecutionContext, FileScope, OrchestratorError};
use std::collections::BTreeMap;
use std::path::{Component, Path, PathBuf};

/// What is run, and what is left out for its files.
#[derive(Debug, Default)]
pub(crate) struct Scoped {
    /// What is run, in the order in which it was found.
    pub(crate) kept: Vec<FoundComponent>,
    /// What is not, and why.
    pub(crate) skipped: Vec<(FoundComponent, String)>,
    /// The files that concern each, by name; empty where all files do.
    pub(crate) files: BTreeMap<String, Vec<String>>,
    /// Variables of all of them, where what is staged is looked at.
    pub(crate) around: Vec<(&'static str, String)>,
    /// What is staged, where that is looked at.
    pub(crate) staged: Option<State>,
}

impl Scoped {
    /// Whether any component looks at the files: what is refused does not.
    pub(crate) fn looks(&self, refused: &Refused) -> bool {
        let mut kept = self.kept.iter();
        kept.any(|found| !refused.contains_key(found.component.name.as_str()))
    }

    /// The parts of a plan of what is run.
    pub(crate) fn parts(
        &self,
        context: &ExecutionContext,
    ) -> Result<Vec<Part<'_>>, OrchestratorError> {
        compile::parts(context, &self.kept, &self.files, &self.around)
    }
}

/// What a run is about.
#[derive(Debug)]
pub(crate) enum About {
    /// All files.
    All,
    /// These.
    Listed(Vec<String>),
    /// What is staged for the next commit.
    Staged(Staged),
}

impl About {
    /// The files; `None`: all of them.
    pub(crate) fn files(&self) -> Option<&[String]> {
        match self {
            Self::All => None,
            Self::Listed(files) => Some(files),
            Self::Staged(staged) => Some(&staged.files),
        }
    }

    /// The files that go.
    pub(crate) fn deleted(&self) -> &[String] {
        match self {
            Self::All | Self::Listed(_) => &[],
            Self::Staged(staged) => &staged.deleted,
        }
    }
}

/// What a context is about. A commit is about what is staged for it, where
/// there is a repository at all.
pub(crate) fn about(context: &ExecutionContext, folder: &Path) -> Result<About, OrchestratorError> {
    match &context.files {
        FileScope::Listed(files) => {
            let files = files.iter().map(|file| below(file, folder));
            let files: Result<Vec<String>, _> = files.collect();
            files.map(About::Listed)
        }
        FileScope::Staged => {
            let asked = Staged::ask(folder).map(About::Staged);
            asked.map_err(|error| {
                if is_repository(folder) {
                    return error;
                }
                config(
                    "ROK0223",
                    format!(
                        "--staged looks at what is staged, and {} lies in no git work tree",
                        folder.display()
                    ),
                    "call it in a work tree, name the files by --files, or say --all-files",
                )
            })
        }
        FileScope::Default if context.stage == "pre-commit" && is_repository(folder) => {
            Staged::ask(folder).map(About::Staged)
        }
        FileScope::All | FileScope::Default => Ok(About::All),
    }
}

/// A path as globs have it: seen from the folder, without `./`. What is no file
/// there would concern no component, and pass.
fn below(file: &str, folder: &Path) -> Result<String, OrchestratorError> {
    let path = Path::new(file);
    let path = path.strip_prefix(folder).unwrap_or(path);
    let path: PathBuf = path
        .components()
        .filter(|part| !matches!(part, Component::CurDir))
        .collect();
    let inside = path
        .components()
        .all(|part| matches!(part, Component::Normal(_)));
    // A link that leads nowhere is a file to git, too.
    let found = folder.join(&path).symlink_metadata();
    if inside && found.is_ok_and(|found| !found.is_dir()) {
        return Ok(path.to_string_lossy().into_owned());
    }
    Err(config(
        "ROK0223",
        format!("{file} is no file of {}", folder.display()),
        "name files that are there, seen from that folder; --all-files looks at all",
    ))
}

/// Whether the folder lies in a repository. A hook says so, too.
pub(crate) fn is_repository(folder: &Path) -> bool {
    folder
        .ancestors()
        .any(|folder| folder.join(".git").exists())
}

/// Leaves out what the files do not concern. What another one requires stays,
/// and so does what the files concern that go, unless it is about the content
/// of files and none of its own is left.
pub(crate) fn scoped(found: Found, files: Option<&[String]>, deleted: &[String]) -> Scoped {
    let mut scoped = Scoped::default();
    let Some(files) = files else {
        scoped.kept = found.components;
        return scoped;
    };
    let mut out: Vec<(FoundComponent, String)> = Vec::new();
    for found in found.components {
        let globs = found.component.files();
        let concerned = files.iter().filter(|file| globs.concern(file));
        let concerned: Vec<String> = concerned.cloned().collect();
        let gone = deleted.iter().filter(|file| globs.concern(file)).count();
        let tree = gone > 0 && !takes_list(&found);
        if concerned.is_empty() && !found.pulled_in && !tree {
            out.push((found, why_not(files.len() + deleted.len(), gone)));
            continue;
        }
        scoped
            .files
            .insert(found.component.name.to_string(), concerned);
        scoped.kept.push(found);
    }
    let needed = |name: &str, kept: &[FoundComponent]| {
        let mut all = kept.iter().flat_map(|found| &found.requires);
        all.any(|required| required.as_str() == name)
    };
    // What another one requires that runs runs as well, whatever the files.
    while let Some(at) = out
        .iter()
        .position(|(found, _)| needed(found.component.name.as_str(), &scoped.kept))
    {
        let (mut found, _) = out.remove(at);
        found.pulled_in = true;
        let name = found.component.name.to_string();
        scoped.files.insert(name, Vec::new());
        scoped.kept.push(found);
    }
    // What only those that are left out require is left out with them.
    while let Some(at) = scoped
        .kept
        .iter()
        .position(|found| found.pulled_in && !needed(found.component.name.as_str(), &scoped.kept))
    {
        let found = scoped.kept.remove(at);
        scoped.files.remove(found.component.name.as_str());
        out.push((found, "nothing that runs requires it".to_owned()));
    }
    scoped.skipped = out;
    scoped
}

/// Whether a component looks at the files that it is told: its manifest names
/// the variable. Any other looks at the tree.
fn takes_list(found: &FoundComponent) -> bool {
    let step = serde_json::Value::Object(found.component.step_json());
    step.to_string().contains("COMPONENT_FILES")
}

/// Why a component is not run, of so many files, of which so many are its
/// concern and go.
fn why_not(files: usize, gone: usize) -> String {
    match (files, gone) {
        (0, _) => "no file is staged or named".to_owned(),
        (1, 0) => "the one file is not its concern".to_owned(),
        (count, 0) => format!("none of the {count} files is its concern"),
        (_, 1) => "the one file of its concern is deleted, and nothing of it is left to look at"
            .to_owned(),
        (_, gone) => {
            format!(
                "the {gone} files of its concern are deleted, and nothing of them is left to look at"
            )
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::Arc;

    fn found(name: &str, files: &str, pulled_in: bool, requires: &[&str]) -> FoundComponent {
        let text = format!(
            "name: {name}\nversion: 1.0.0\ntype: tool\nstatus: active\n{files}\nentrypoint: {{ run: [x] }}\n"
        );
        let component = rok_component::parse(text.as_bytes(), "x.component.yaml").unwrap();
        FoundComponent {
            component: Arc::new(component),
            source: "x".into(),
            deprecation: None,
            pulled_in,
            requires: requires.iter().map(|name| name.parse().unwrap()).collect(),
        }
    }

    fn names(found: &[FoundComponent]) -> Vec<&str> {
        found.iter().map(|f| f.component.name.as_str()).collect()
    }

    #[test]
    fn only_what_the_files_concern_runs_and_what_it_requires() {
        let all = Found {
            components: vec![
                found("base", "", true, &[]),
                found("only-docs", "files: [\"lib/**\"]", true, &[]),
                found("docs", "files: [\"**/*.md\"]", false, &["only-docs"]),
                found("rust", "files: [\"**/*.rs\"]", false, &["base"]),
                found("any", "", false, &[]),
            ],
            left: Vec::new(),
        };
        let files = ["src/a.rs".to_owned(), "b.rs".to_owned()];
        let scoped = scoped(all, Some(&files), &[]);
        assert_eq!(names(&scoped.kept), ["base", "rust", "any"]);
        assert_eq!(scoped.files["rust"], files);
        let skipped: Vec<&str> = scoped
            .skipped
            .iter()
            .map(|(f, _)| f.component.name.as_str())
            .collect();
        assert_eq!(skipped, ["docs", "only-docs"]);
    }

    #[test]
    fn what_goes_concerns_whoever_looks_at_the_tree() {
        let list = "entrypoint: { run: \"x $COMPONENT_FILES\" }";
        let component = |name: &str, files: &str, entry: &str| {
            let text = format!(
                "name: {name}\nversion: 1.0.0\ntype: tool\nstatus: active\n{files}\n{entry}\n"
            );
            let component = rok_component::parse(text.as_bytes(), "x.component.yaml").unwrap();
            FoundComponent {
                component: Arc::new(component),
                ..found(name, "", false, &[])
            }
        };
        let tree = "entrypoint: { run: [x] }";
        let all = || Found {
            components: vec![
                component("all", "", tree),
                component("docs", "files: [\"*.md\"]", tree),
                component("listed", "files: [\"*.rs\"]", list),
                component("rust", "files: [\"*.rs\"]", tree),
            ],
            left: Vec::new(),
        };
        let gone = ["a.rs".to_owned()];
        let only = scoped(all(), Some(&[]), &gone);
        assert_eq!(names(&only.kept), ["all", "rust"]);
        let why: Vec<&str> = only.skipped.iter().map(|(_, why)| why.as_str()).collect();
        assert_eq!(why[0], "the one file is not its concern");
        assert!(
            why[1].starts_with("the one file of its concern is deleted"),
            "{why:?}"
        );
        let beside = ["b.rs".to_owned()];
        let both = scoped(all(), Some(&beside), &gone);
        assert_eq!(names(&both.kept), ["all", "listed", "rust"]);
        assert_eq!(both.files["listed"], beside);
        let none = scoped(all(), Some(&[]), &[]);
        assert_eq!(none.skipped[0].1, "no file is staged or named");
    }

    #[test]
    fn without_files_everything_runs() {
        let all = Found {
            components: vec![found("docs", "files: [\"**/*.md\"]", false, &[])],
            left: Vec::new(),
        };
        let scoped = scoped(all, None, &[]);
        assert_eq!(names(&scoped.kept), ["docs"]);
        assert!(scoped.files.is_empty());
    }

    #[test]
    fn paths_are_seen_from_the_folder() {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR"));
        let whole = folder.join("src/lib.rs").display().to_string();
        for file in [&*whole, "./src/lib.rs", "src/lib.rs", "src/./lib.rs"] {
            assert_eq!(below(file, folder).unwrap(), "src/lib.rs");
        }
        for file in ["src", "", "src/none.rs", "src/../src/lib.rs", "/lib.rs"] {
            assert!(below(file, folder).is_err(), "{file}");
        }
    }

    #[test]
    fn outside_a_repository_nothing_is_staged_and_that_is_said() {
        let dir = tempfile::tempdir().unwrap();
        let mut context = ExecutionContext::of_stage("pre-commit");
        if !is_repository(dir.path()) {
            assert!(about(&context, dir.path()).unwrap().files().is_none());
            context.files = FileScope::Staged;
            let error = about(&context, dir.path()).unwrap_err();
            assert_eq!(error.exit_code(), 2);
            let told = error.to_string();
            assert!(told.contains("lies in no git work tree"), "{told}");
        }
    }
}
