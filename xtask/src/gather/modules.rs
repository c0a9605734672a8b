//! From a target's root file through every `mod` that it declares.
//!
//! Following the declarations, rather than the folders, tells for each file
//! whether it is compiled into what ships, into tests, or not at all.

use std::collections::BTreeSet;
use std::num::NonZero;
use std::path::{Component, Path, PathBuf};
use std::sync::Mutex;
use std::thread;

use super::cargo::{Member, Root, relative};
use super::paths::{Declared, Source, read_paths};
use crate::check_layers::{EdgeKind, Escape, Graph, Mention, Place, Unreadable};

/// A file to read, and how it is reached.
struct Next {
    path: PathBuf,
    /// The folder in which its child modules are looked for.
    children: PathBuf,
    kind: EdgeKind,
}

/// What one member's sources held.
#[derive(Default)]
struct Walked {
    mentions: Vec<Mention>,
    escapes: Vec<Escape>,
    unreadable: Vec<Unreadable>,
    files: usize,
    /// Whether the library is `no_std`, and where it begins.
    lib_root: Option<(bool, Place)>,
}

/// Reads every member's sources into `graph`, on all cores: parsing is what the
/// whole check spends its time on. The order of what is found is the members'.
pub(super) fn read_all(root: &Path, members: &[Member], graph: &mut Graph) {
    let cores = thread::available_parallelism().map_or(1, NonZero::get);
    let rest = Mutex::new(members.iter());
    let next = || rest.lock().expect("a walk does not panic").next();
    let read_some = || {
        let walk = |member| (member, walk(root, member));
        std::iter::from_fn(next).map(walk).collect::<Vec<_>>()
    };
    let mut walked: Vec<(&Member, Walked)> = thread::scope(|scope| {
        let readers: Vec<_> = (0..cores).map(|_| scope.spawn(read_some)).collect();
        let join = |w: thread::ScopedJoinHandle<'_, _>| w.join().expect("a walk does not panic");
        readers.into_iter().flat_map(join).collect()
    });
    walked.sort_by(|(a, _), (b, _)| a.name.cmp(&b.name));
    for (member, found) in walked {
        graph.mentions.extend(found.mentions);
        graph.escapes.extend(found.escapes);
        graph.unreadable.extend(found.unreadable);
        graph.files += found.files;
        if let Some(krate) = graph.crates.get_mut(&member.name)
            && let Some((no_std, place)) = found.lib_root
        {
            krate.no_std = no_std;
            krate.root = Some(place);
        }
    }
}

fn walk(root: &Path, member: &Member) -> Walked {
    let mut walked = Walked::default();
    let mut seen = BTreeSet::new();
    for target in &member.roots {
        let mut queue = vec![begin(target)];
        let mut is_root = true;
        while let Some(next) = queue.pop() {
            if !seen.insert((next.path.clone(), next.kind)) {
                continue;
            }
            let library = target.is_library && std::mem::take(&mut is_root);
            match read_one(root, member, &next, library, &mut walked) {
                Ok(found) => queue.extend(found),
                Err(cause) => {
                    let file = relative(root, &next.path);
                    walked.unreadable.push(Unreadable { file, cause });
                }
            }
        }
    }
    walked
}

fn begin(target: &Root) -> Next {
    let children = target.path.parent().unwrap_or(Path::new("")).to_owned();
    Next {
        path: target.path.clone(),
        children,
        kind: target.kind,
    }
}

fn read_one(
    root: &Path,
    member: &Member,
    next: &Next,
    is_library_root: bool,
    walked: &mut Walked,
) -> Result<Vec<Next>, String> {
    let text = std::fs::read_to_string(&next.path).map_err(|e| e.to_string())?;
    let syntax = syn::parse_file(&text).map_err(|e| {
        let at = e.span().start();
        format!("line {}: {e}", at.line)
    })?;
    let file = relative(root, &next.path);
    let source = Source {
        package: &member.name,
        externs: &member.externs,
        file: &file,
        text: &text,
    };
    let found = read_paths(&source, &syntax, next.kind);
    walked.files += 1;
    walked.mentions.extend(found.mentions);
    if is_library_root {
        let no_std = syntax.attrs.iter().any(|a| a.path().is_ident("no_std"));
        let first = text.lines().next().unwrap_or_default();
        walked.lib_root = Some((no_std, Place::new(&file, 1, first)));
    }
    let beside = next.path.parent().unwrap_or(Path::new(""));
    for (target, at) in found.includes {
        if !is_inside(&member.folder, &beside.join(&target)) {
            walked.escapes.push(Escape {
                from: member.name.clone(),
                target,
                at,
            });
        }
    }
    let mut queue = Vec::new();
    for declared in found.modules {
        queue.extend(locate(member, next, declared, walked)?);
    }
    Ok(queue)
}

/// The file of `mod name;`, or an escape if `#[path]` leads out of the crate.
fn locate(
    member: &Member,
    parent: &Next,
    declared: Declared,
    walked: &mut Walked,
) -> Result<Option<Next>, String> {
    let mut folder = parent.children.clone();
    folder.extend(&declared.inside);
    if let Some(target) = declared.path {
        let beside = parent.path.parent().unwrap_or(Path::new(""));
        let path = if declared.inside.is_empty() {
            beside.join(&target)
        } else {
            folder.join(&target)
        };
        if !is_inside(&member.folder, &path) {
            walked.escapes.push(Escape {
                from: member.name.clone(),
                target,
                at: declared.at,
            });
            return Ok(None);
        }
        let children = path.parent().unwrap_or(Path::new("")).to_owned();
        return Ok(Some(Next {
            path,
            children,
            kind: declared.kind,
        }));
    }
    let children = folder.join(&declared.name);
    let candidates = [
        folder.join(format!("{}.rs", declared.name)),
        children.join("mod.rs"),
    ];
    match candidates.into_iter().find(|p| p.is_file()) {
        Some(path) => Ok(Some(Next {
            path,
            children,
            kind: declared.kind,
        })),
        None => Err(format!(
            "line {}: there is no file for `mod {}`",
            declared.at.line, declared.name
        )),
    }
}

/// Whether `path`, with its `..` resolved by name, stays in `folder`.
fn is_inside(folder: &Path, path: &Path) -> bool {
    let mut plain = PathBuf::new();
    for part in path.components() {
        match part {
            Component::ParentDir => {
                plain.pop();
            }
            Component::CurDir => {}
            other => plain.push(other),
        }
    }
    plain.starts_with(folder)
}
