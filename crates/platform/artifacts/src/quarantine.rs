//! What an attempt left that must not be taken for a result: put aside before
//! anything else reads it. Only what the attempt itself made, and what holds a
//! secret, is deleted.
//!
//! ```text
//! QUARANTINE/STEP.ATTEMPT/cwd/…   paths from the step's working directory
//!                         run/…   from the run's ROK_ARTIFACTS
//!                         abs/…   absolute
//! ```

use crate::before::Before;
use crate::beneath::Folder;
use crate::declared::{Candidate, Declared, Place, Roots, candidates};
use crate::digest::{ArtifactError, measure_file};
use crate::store::store_fault;
use rok_secrets::Masker;
use rustix::fs::OFlags;
use std::ffi::OsString;
use std::fs::{self, DirBuilder, OpenOptions};
use std::io::{self, ErrorKind};
use std::os::unix::ffi::{OsStrExt as _, OsStringExt as _};
use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _, PermissionsExt as _};
use std::path::{Component, Path, PathBuf};

/// Something that was put aside.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Quarantined {
    /// As declared; of a pattern, as it matched. Secrets in it are masked, as
    /// they are in the name under which it is kept.
    pub path: String,
    /// sha-256 of its content; absent where it is no regular file, or holds a
    /// secret.
    pub sha256: Option<String>,
    /// Size in bytes.
    pub bytes: u64,
    /// It holds a secret.
    pub secret: bool,
    /// The attempt made it, and it is gone.
    pub removed: bool,
    /// Something stood there before the attempt.
    pub earlier: bool,
}

/// Whose a file is.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Owner {
    /// The attempt made it, and can make it again.
    Attempt,
    /// It may have stood there before.
    Another,
}

/// Puts everything aside that an attempt made of what it declared. What
/// cannot be put aside is an error: it would be read as a result.
pub fn quarantine(
    declared: &[Declared],
    roots: &Roots,
    before: &Before,
    into: &Path,
    secrets: &Masker,
) -> Result<Vec<Quarantined>, ArtifactError> {
    let mut out = Vec::new();
    for declared in declared {
        for candidate in candidates(declared, roots)? {
            if is_the_attempts(&candidate.file, before) {
                let owner = if before.may_have_known(&candidate.file) {
                    Owner::Another
                } else {
                    Owner::Attempt
                };
                let left = put_aside(&candidate, roots, into, secrets, owner)?;
                out.extend(left.map(|left| Quarantined {
                    earlier: before.knew(&candidate.file),
                    ..left
                }));
            }
        }
    }
    Ok(out)
}

/// Puts one file aside, whoever made it; one that lies behind a link out of
/// where it must lie is left alone, and an error.
pub fn quarantine_file(
    path: &str,
    place: Place,
    roots: &Roots,
    into: &Path,
    secrets: &Masker,
) -> Result<Option<Quarantined>, ArtifactError> {
    let candidate = Candidate {
        path: path.to_owned(),
        place,
        file: roots.file(place, path),
        leaves: false,
    };
    put_aside(&candidate, roots, into, secrets, Owner::Another)
}

/// Puts aside what lies at a place beneath a folder, whoever made it. What
/// cannot be reached but through a link out of the folder is an error.
pub fn quarantine_at(
    bound: &Path,
    file: &Path,
    into: &Path,
    secrets: &Masker,
) -> Result<Option<Quarantined>, ArtifactError> {
    let name = file.display().to_string();
    let to = Path::new("abs").join(plain(file));
    move_aside(&name, bound, file, (into, &to), secrets, Owner::Another)
}

/// A folder that was there before is the user's, whatever changed in it.
fn is_the_attempts(file: &Path, before: &Before) -> bool {
    let folder = fs::symlink_metadata(file).is_ok_and(|meta| meta.is_dir());
    before.is_new(file) && !(folder && before.knew(file))
}

fn put_aside(
    candidate: &Candidate,
    roots: &Roots,
    into: &Path,
    secrets: &Masker,
    owner: Owner,
) -> Result<Option<Quarantined>, ArtifactError> {
    let Candidate {
        path, place, file, ..
    } = candidate;
    let bound = roots.bound(*place, path);
    let to = within(*place, path, roots);
    move_aside(path, &bound, file, (into, &to), secrets, owner)
}

/// Through the folder itself, which is held open: a link that leads out of the
/// bound, whenever it comes into the way, leads nowhere.
fn move_aside(
    path: &str,
    bound: &Path,
    file: &Path,
    (into, to): (&Path, &Path),
    secrets: &Masker,
    owner: Owner,
) -> Result<Option<Quarantined>, ArtifactError> {
    let (Some(above), Some(name)) = (file.parent(), file.file_name()) else {
        return Ok(None);
    };
    let Some(folder) = Folder::beneath(bound, above)? else {
        return Ok(None);
    };
    let file = &folder.at(name);
    let meta = match fs::symlink_metadata(file) {
        Ok(meta) => meta,
        Err(error) if matches!(error.kind(), ErrorKind::NotFound | ErrorKind::NotADirectory) => {
            return Ok(None);
        }
        Err(source) => return Err(store_fault("look at", file, source)),
    };
    let mut left = Quarantined {
        path: secrets.mask_str(path).into_owned(),
        sha256: None,
        bytes: if meta.is_file() { meta.len() } else { 0 },
        secret: false,
        removed: false,
        earlier: false,
    };
    if meta.is_file() {
        let mut detector = secrets.detector();
        // One that nobody can read is put aside unread.
        if let Ok(digest) = read_entry(file).and_then(|found| {
            measure_file(found, file, |chunk| {
                detector.push(chunk);
                Ok(())
            })
            .map_err(io::Error::other)
        }) {
            (left.sha256, left.bytes) = (Some(digest.sha256), digest.bytes);
        }
        left.secret = detector.found().is_some();
    } else if let Ok(target) = fs::read_link(file) {
        left.secret = secrets.find(target.as_os_str().as_bytes()).is_some();
    }
    if left.secret {
        // The digest of a text that can be guessed tells the text.
        left.sha256 = None;
    }
    if left.secret && owner == Owner::Attempt {
        fs::remove_file(file).map_err(|source| store_fault("remove", file, source))?;
        left.removed = true;
        return Ok(Some(left));
    }
    let to = free(&into.join(masked(to, secrets)));
    if let Some(folder) = to.parent() {
        DirBuilder::new()
            .recursive(true)
            .mode(0o700)
            .create(folder)
            .map_err(|source| store_fault("make", folder, source))?;
    }
    move_to(file, &to, &meta).map_err(|source| store_fault("put aside", file, source))?;
    if left.secret && meta.is_file() {
        let mode = fs::Permissions::from_mode(0o600);
        fs::set_permissions(&to, mode).map_err(|source| store_fault("close", &to, source))?;
    }
    Ok(Some(left))
}

fn masked(path: &Path, secrets: &Masker) -> PathBuf {
    let bytes = secrets.mask_bytes(path.as_os_str().as_bytes());
    PathBuf::from(OsString::from_vec(bytes.into_owned()))
}

fn read_entry(file: &Path) -> io::Result<fs::File> {
    let flags = OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::NOCTTY;
    OpenOptions::new()
        .read(true)
        .custom_flags(flags.bits().cast_signed())
        .open(file)
}

/// Where a path lies within a quarantine.
fn within(place: Place, path: &str, roots: &Roots) -> PathBuf {
    let named = Path::new(path);
    let leaves = |part: Component<'_>| part == Component::ParentDir;
    if !named.is_absolute() && !named.components().any(leaves) {
        let first = match place {
            Place::Cwd => "cwd",
            Place::Run => "run",
        };
        return Path::new(first).join(plain(named));
    }
    Path::new("abs").join(plain(&roots.file(place, path)))
}

/// Names only: no root, no `.`, and `..` taken out by what it leaves.
fn plain(path: &Path) -> PathBuf {
    let mut out = PathBuf::new();
    for part in path.components() {
        match part {
            Component::Normal(name) => out.push(name),
            Component::ParentDir => drop(out.pop()),
            Component::Prefix(_) | Component::RootDir | Component::CurDir => {}
        }
    }
    out
}

/// The path, or the first one like it that is free.
fn free(path: &Path) -> PathBuf {
    let mut out = path.to_owned();
    let mut number = 1;
    while fs::symlink_metadata(&out).is_ok() {
        number += 1;
        let mut name = path.file_name().unwrap_or_default().to_owned();
        name.push(format!("~{number}"));
        out = path.with_file_name(name);
    }
    out
}

/// Renames; onto another file system a file is copied whole, and only then
/// taken away. Who still writes to it writes to nobody.
fn move_to(from: &Path, to: &Path, meta: &fs::Metadata) -> io::Result<()> {
    match fs::rename(from, to) {
        Err(error) if error.kind() == ErrorKind::CrossesDevices => {}
        renamed => return renamed,
    }
    if meta.is_file() {
        let mut source = read_entry(from)?;
        let mut copy = OpenOptions::new()
            .write(true)
            .create_new(true)
            .mode(0o600)
            .open(to)?;
        io::copy(&mut source, &mut copy)?;
        copy.sync_all()?;
        return fs::remove_file(from);
    }
    if meta.is_symlink() {
        std::os::unix::fs::symlink(fs::read_link(from)?, to)?;
        return fs::remove_file(from);
    }
    if meta.is_dir() {
        // File by file it could be led elsewhere on the way.
        return Err(ErrorKind::CrossesDevices.into());
    }
    // A pipe or socket has no content that could be kept.
    fs::remove_file(from)
}

/// What lies in a quarantine, by the names that the paths had.
pub fn quarantined(folder: &Path, secrets: &Masker) -> Result<Vec<Quarantined>, ArtifactError> {
    let mut out = Vec::new();
    for (kind, front) in [("cwd", ""), ("run", ""), ("abs", "/")] {
        list(&folder.join(kind), front, secrets, &mut out)?;
    }
    Ok(out)
}

fn list(
    folder: &Path,
    front: &str,
    secrets: &Masker,
    out: &mut Vec<Quarantined>,
) -> Result<(), ArtifactError> {
    let entries = match fs::read_dir(folder) {
        Ok(entries) => entries,
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(()),
        Err(source) => return Err(store_fault("list", folder, source)),
    };
    let mut paths: Vec<PathBuf> = entries.flatten().map(|entry| entry.path()).collect();
    paths.sort();
    for path in paths {
        let Ok(meta) = fs::symlink_metadata(&path) else {
            continue;
        };
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        let name = format!("{front}{name}");
        if meta.is_dir() {
            list(&path, &format!("{name}/"), secrets, out)?;
            continue;
        }
        let mut detector = secrets.detector();
        let read = |chunk: &[u8]| {
            detector.push(chunk);
            Ok(())
        };
        let digest = meta
            .is_file()
            .then(|| measure_file(read_entry(&path).ok()?, &path, read).ok())
            .flatten();
        let secret = detector.found().is_some();
        out.push(Quarantined {
            path: secrets.mask_str(&name).into_owned(),
            bytes: digest.as_ref().map_or(0, |digest| digest.bytes),
            sha256: digest.map(|digest| digest.sha256).filter(|_| !secret),
            secret,
            removed: false,
            earlier: false,
        });
    }
    Ok(())
}
