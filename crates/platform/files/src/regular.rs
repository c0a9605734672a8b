//! Regular files, through symbolic links.

use rustix::fs::OFlags;
use std::fs::{File, FileType, OpenOptions};
use std::io::{Error, ErrorKind, Read as _, Result};
use std::os::unix::fs::{FileTypeExt as _, OpenOptionsExt as _};
use std::path::Path;

/// Opens a regular file to read.
///
/// # Errors
/// If it cannot be opened, or is something else: the error says what.
pub fn open(path: &Path) -> Result<File> {
    // Without a wait for whoever writes to a pipe.
    let flags = OFlags::NONBLOCK | OFlags::NOCTTY;
    let mut options = OpenOptions::new();
    let options = options.read(true).custom_flags(flags.bits().cast_signed());
    let file = options.open(path).map_err(|error| {
        let meta = std::fs::metadata(path);
        // A socket, and a device that is not there, cannot even be opened.
        match meta.map(|meta| meta.file_type()) {
            Ok(kind) if !kind.is_file() && error.kind() != ErrorKind::PermissionDenied => {
                irregular(kind)
            }
            _ => error,
        }
    })?;
    let kind = file.metadata()?.file_type();
    if kind.is_file() {
        Ok(file)
    } else {
        Err(irregular(kind))
    }
}

/// Reads a regular file, no more of it than `bound` bytes.
///
/// # Errors
/// As of [`open`]; if it cannot be read.
pub fn read(path: &Path, bound: u64) -> Result<Vec<u8>> {
    let mut bytes = Vec::new();
    open(path)?.take(bound).read_to_end(&mut bytes)?;
    Ok(bytes)
}

fn irregular(kind: FileType) -> Error {
    let what = if kind.is_dir() {
        "a folder"
    } else if kind.is_fifo() {
        "a pipe"
    } else if kind.is_socket() {
        "a socket"
    } else {
        "a device"
    };
    Error::new(
        ErrorKind::InvalidInput,
        format!("not a regular file: it is {what}"),
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use rstest::rstest;
    use rustix::fs::{CWD, FileType, Mode, mknodat};
    use std::os::unix::net::UnixListener;

    #[rstest]
    #[case("text", "")]
    #[case("link", "")]
    #[case("pipe", "not a regular file: it is a pipe")]
    #[case("socket", "not a regular file: it is a socket")]
    #[case(".", "not a regular file: it is a folder")]
    #[case("/dev/zero", "not a regular file: it is a device")]
    #[case("none", "No such file or directory")]
    fn opens(#[case] name: &str, #[case] fault: &str) {
        let dir = tempfile::tempdir().unwrap();
        std::fs::write(dir.path().join("text"), "long").unwrap();
        std::os::unix::fs::symlink("text", dir.path().join("link")).unwrap();
        let pipe = dir.path().join("pipe");
        mknodat(CWD, &pipe, FileType::Fifo, Mode::RUSR | Mode::WUSR, 0).unwrap();
        let _socket = UnixListener::bind(dir.path().join("socket")).unwrap();
        match read(&dir.path().join(name), 3) {
            Ok(bytes) => assert_eq!((fault, bytes.as_slice()), ("", b"lon".as_slice())),
            Err(error) => {
                let told = error.to_string();
                assert!(!fault.is_empty() && told.starts_with(fault), "{told}");
            }
        }
    }
}
