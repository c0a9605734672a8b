//! Whole files: after a crash there is the old one or the new one.

use std::fs::{self, File};
use std::io::{Error, ErrorKind, Result, Write as _};
use std::path::{Path, PathBuf};

/// Puts a file in its place, durably, in one step, whatever is there. Its
/// folder is made where there is none.
///
/// # Errors
/// If it cannot be written. The file that was there may be there still.
pub fn replace(path: &Path, bytes: &[u8]) -> Result<()> {
    let (folder, aside) = aside(path, bytes)?;
    let renamed = fs::rename(&aside, path);
    settle(&aside, renamed, &folder)
}

/// Puts a file where none is, durably, in one step. Its folder is made where
/// there is none.
///
/// # Errors
/// If it cannot be written; [`ErrorKind::AlreadyExists`] where one is.
pub fn create(path: &Path, bytes: &[u8]) -> Result<()> {
    let (folder, aside) = aside(path, bytes)?;
    // A link, unlike a renaming, takes nothing's place.
    let linked = fs::hard_link(&aside, path).and_then(|()| fs::remove_file(&aside));
    settle(&aside, linked, &folder)
}

/// Removes a file, durably.
///
/// # Errors
/// If it cannot be removed.
pub fn remove(path: &Path) -> Result<()> {
    fs::remove_file(path)?;
    sync(&folder_of(path))
}

/// The bytes under another name in the same folder, durable.
fn aside(path: &Path, bytes: &[u8]) -> Result<(PathBuf, PathBuf)> {
    let folder = folder_of(path);
    let Some(name) = path.file_name() else {
        return Err(Error::new(ErrorKind::InvalidInput, "it names no file"));
    };
    make(&folder)?;
    let name = name.to_string_lossy();
    let aside = folder.join(format!(".{name}.{}.tmp", std::process::id()));
    // What a crash left of a process with our number.
    match fs::remove_file(&aside) {
        Err(error) if error.kind() != ErrorKind::NotFound => return Err(error),
        _ => {}
    }
    let mut file = File::create_new(&aside)?;
    let written = file.write_all(bytes).and_then(|()| file.sync_all());
    if let Err(error) = written {
        let _ = fs::remove_file(&aside);
        return Err(error);
    }
    Ok((folder, aside))
}

fn settle(aside: &Path, done: Result<()>, folder: &Path) -> Result<()> {
    if let Err(error) = done {
        let _ = fs::remove_file(aside);
        return Err(error);
    }
    sync(folder)
}

fn folder_of(path: &Path) -> PathBuf {
    let parent = path
        .parent()
        .filter(|folder| !folder.as_os_str().is_empty());
    parent.unwrap_or(Path::new(".")).to_owned()
}

/// Makes a folder and those above it, each durable in the one above.
fn make(folder: &Path) -> Result<()> {
    if folder.is_dir() {
        return Ok(());
    }
    let above = folder_of(folder);
    make(&above)?;
    match fs::create_dir(folder) {
        Err(error) if error.kind() != ErrorKind::AlreadyExists => return Err(error),
        _ => {}
    }
    sync(&above)
}

fn sync(folder: &Path) -> Result<()> {
    File::open(folder)?.sync_all()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(folder: &Path) -> Vec<String> {
        let entries = fs::read_dir(folder).unwrap();
        let names = entries.map(|entry| entry.unwrap().file_name().into_string().unwrap());
        names.collect()
    }

    #[test]
    fn a_file_is_made_once_and_replaced_whole() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("a/b/file");
        create(&path, b"one").unwrap();
        let error = create(&path, b"two").unwrap_err();
        assert_eq!(error.kind(), ErrorKind::AlreadyExists);
        assert_eq!(fs::read(&path).unwrap(), b"one");
        replace(&path, b"three").unwrap();
        assert_eq!(fs::read(&path).unwrap(), b"three");
        assert_eq!(names(path.parent().unwrap()), ["file"]);
        remove(&path).unwrap();
        assert!(names(path.parent().unwrap()).is_empty());
        assert!(remove(&path).is_err());
    }

    #[test]
    fn a_link_is_replaced_and_not_followed() {
        let dir = tempfile::tempdir().unwrap();
        let (target, link) = (dir.path().join("target"), dir.path().join("link"));
        fs::write(&target, "mine").unwrap();
        std::os::unix::fs::symlink(&target, &link).unwrap();
        assert!(create(&link, b"other").is_err());
        replace(&link, b"other").unwrap();
        assert_eq!(fs::read(&target).unwrap(), b"mine");
        assert_eq!(fs::read(&link).unwrap(), b"other");
    }

    #[test]
    fn where_no_file_can_be_nothing_is_left() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("folder");
        fs::create_dir(&path).unwrap();
        assert!(replace(&path, b"one").is_err());
        assert_eq!(names(dir.path()), ["folder"]);
        assert!(create(&dir.path().join("file/.."), b"one").is_err());
    }
}
