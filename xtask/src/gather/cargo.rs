//! Cargo's own view: members, their classes, their declared dependencies.
//!
//! `cargo metadata --no-deps` reads manifests only, so it is exact, quick, and
//! works without a network or an up-to-date lock file.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use cargo_metadata::{DependencyKind, MetadataCommand, Package, TargetKind};

use super::{GatherError, read as read_file};
use crate::check_layers::{Claims, Crate, Edge, EdgeKind, Graph, Place};

/// A member with what is needed to read its sources.
pub(super) struct Member {
    pub(super) name: String,
    pub(super) folder: PathBuf,
    /// Names that its sources use for other packages.
    pub(super) externs: BTreeMap<String, String>,
    /// Its targets' root files.
    pub(super) roots: Vec<Root>,
}

/// The file that a target begins with.
pub(super) struct Root {
    pub(super) path: PathBuf,
    pub(super) kind: EdgeKind,
    pub(super) is_library: bool,
}

/// Fills in crates and edges.
pub(super) fn read(root: &Path, graph: &mut Graph) -> Result<Vec<Member>, GatherError> {
    let metadata = MetadataCommand::new()
        .manifest_path(root.join("Cargo.toml"))
        .no_deps()
        .exec()
        .map_err(|e| GatherError::Metadata {
            root: root.to_owned(),
            cause: e.to_string(),
        })?;
    let base = metadata.workspace_root.as_std_path();
    let packages = metadata.workspace_packages();
    let library_names: BTreeMap<&str, String> = packages
        .iter()
        .map(|p| (p.name.as_str(), library_name(p)))
        .collect();
    let mut members = Vec::new();
    for package in packages {
        let manifest = package.manifest_path.as_std_path();
        let lines = ManifestLines::read(base, manifest)?;
        let folder = manifest.parent().unwrap_or(base).to_owned();
        graph.add(Crate {
            name: package.name.to_string(),
            folder: relative(base, &folder),
            claims: claims(package),
            no_std: false,
            root: None,
        });
        let mut externs = BTreeMap::from([
            ("std".to_owned(), "std".to_owned()),
            (library_name(package), package.name.to_string()),
        ]);
        for dependency in &package.dependencies {
            let kind = match dependency.kind {
                DependencyKind::Build => EdgeKind::Build,
                DependencyKind::Development => EdgeKind::Dev,
                _ => EdgeKind::Normal,
            };
            let key = dependency.rename.as_deref().unwrap_or(&dependency.name);
            let ident = match (
                &dependency.rename,
                library_names.get(dependency.name.as_str()),
            ) {
                (None, Some(library)) => library.clone(),
                _ => key.replace('-', "_"),
            };
            externs.insert(ident, dependency.name.clone());
            graph.edges.push(Edge {
                from: package.name.to_string(),
                to: dependency.name.clone(),
                kind,
                at: lines.find(key, kind),
            });
        }
        let roots = package.targets.iter().map(target_root).collect();
        members.push(Member {
            name: package.name.to_string(),
            folder,
            externs,
            roots,
        });
    }
    Ok(members)
}

/// A path relative to the workspace, with `/` between its parts.
pub(super) fn relative(base: &Path, path: &Path) -> String {
    let inside = path.strip_prefix(base).unwrap_or(path);
    let parts: Vec<_> = inside
        .components()
        .map(|c| c.as_os_str().to_string_lossy())
        .collect();
    parts.join("/")
}

fn target_root(target: &cargo_metadata::Target) -> Root {
    let is = |kinds: &[TargetKind]| target.kind.iter().any(|k| kinds.contains(k));
    let kind = if is(&[TargetKind::CustomBuild]) {
        EdgeKind::Build
    } else if is(&[TargetKind::Test, TargetKind::Bench, TargetKind::Example]) {
        EdgeKind::Dev
    } else {
        EdgeKind::Normal
    };
    let is_library = kind == EdgeKind::Normal && !is(&[TargetKind::Bin]);
    Root {
        path: target.src_path.clone().into_std_path_buf(),
        kind,
        is_library,
    }
}

fn library_name(package: &Package) -> String {
    let library = package.targets.iter().find(|t| target_root(t).is_library);
    library.map_or_else(
        || package.name.replace('-', "_"),
        |t| t.name.replace('-', "_"),
    )
}

/// What does not have the expected form counts as not said.
fn claims(package: &Package) -> Claims {
    let layer = package.metadata.get("layer").cloned().unwrap_or_default();
    let word = |key: &str| layer.get(key).and_then(|v| v.as_str()).map(str::to_owned);
    Claims {
        layer: word("layer"),
        role: word("role"),
        domain: word("domain"),
    }
}

/// Finds the line on which a manifest declares a dependency.
struct ManifestLines {
    file: String,
    /// Section, key, line number, text.
    entries: Vec<(String, String, usize, String)>,
}

impl ManifestLines {
    fn read(base: &Path, manifest: &Path) -> Result<Self, GatherError> {
        let text = read_file(manifest)?;
        let mut section = String::new();
        let mut entries = Vec::new();
        for (index, line) in text.lines().enumerate() {
            let line = line.trim();
            if let Some(header) = line.strip_prefix('[').and_then(|l| l.split(']').next()) {
                header.trim().clone_into(&mut section);
                if let Some((table, key)) = section.rsplit_once('.') {
                    entries.push((table.to_owned(), unquote(key), index + 1, line.to_owned()));
                }
            } else if let Some(end) = line.find(['.', '=', ' ']) {
                entries.push((
                    section.clone(),
                    unquote(&line[..end]),
                    index + 1,
                    line.to_owned(),
                ));
            }
        }
        Ok(Self {
            file: relative(base, manifest),
            entries,
        })
    }

    fn find(&self, key: &str, kind: EdgeKind) -> Place {
        let table = match kind {
            EdgeKind::Normal => "dependencies",
            EdgeKind::Build => "build-dependencies",
            EdgeKind::Dev => "dev-dependencies",
        };
        let is_table = |s: &str| s == table || s.ends_with(&format!(".{table}"));
        let found = self
            .entries
            .iter()
            .find(|(section, name, ..)| is_table(section) && name == key);
        match found {
            Some((_, _, line, text)) => Place::new(&self.file, *line, text),
            None => Place::new(&self.file, 1, format!("[{table}] {key}")),
        }
    }
}

fn unquote(text: &str) -> String {
    text.trim_matches(['"', '\'']).to_owned()
}
