//! Regular files, through symbolic links.

use rustix::fs::OFlags;
use std::fs::{File, FileType, OpenOptions};
use std::io::{Error, ErrorKind, Read as _, Result};
use std::os::unix::fs::{FileTypeExt as _, OpenOptionsExt as _};
use std::path::Path;

/// Where a process finds what it was handed open.
const HANDED: [&str; 2] = ["/dev/fd", "/proc/self/fd"];

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

/// Reads a file that a caller names for this one reading: a regular file, or a
/// pipe that was handed in open, such as the `<(…)` of a shell. No more of it
/// than `bound` bytes; of a pipe it waits for them.
///
/// # Errors
/// As of [`read`]. A pipe in a folder of files is refused: its writer may never
/// come.
pub fn read_handed(path: &Path, bound: u64) -> Result<Vec<u8>> {
    let handed = HANDED
        .iter()
        .any(|folder| path.parent() == Some(Path::new(folder)));
    if !(handed && std::fs::metadata(path)?.file_type().is_fifo()) {
        return read(path, bound);
    }
    let mut bytes = Vec::new();
    File::open(path)?.take(bound).read_to_end(&mut bytes)?;
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
    use std::io::Write as _;
    use std::os::fd::AsRawFd as _;
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

    #[test]
    fn a_pipe_that_was_handed_in_is_read_up_to_the_bound() {
        let (reader, mut writer) = std::io::pipe().unwrap();
        writer.write_all(b"long").unwrap();
        drop(writer);
        let path = format!("/proc/self/fd/{}", reader.as_raw_fd());
        let told = read(path.as_ref(), 3).unwrap_err().to_string();
        assert_eq!(told, "not a regular file: it is a pipe");
        assert_eq!(read_handed(path.as_ref(), 3).unwrap(), b"lon");
    }
}
