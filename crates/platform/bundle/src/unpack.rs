//! Unpacking: each entry is compared with what the manifest says is due.

use crate::error::{BundleError, io_fault, shown};
use crate::manifest::{
    FileEntry, MANIFEST, MAX_FILE, MAX_MANIFEST, Manifest, entry_name, header, name,
};
use crate::pack::{BLOCK, padding};
use base16ct::lower::encode_string as hex;
use ruzstd::decoding::{FrameDecoder, StreamingDecoder};
use sha2::{Digest as _, Sha256};
use std::fs::{DirBuilder, File, OpenOptions};
use std::io::{self, BufReader, Read, Write as _};
use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _};
use std::path::Path;
use tar::{EntryType, Header};

/// How many bytes a bundle may unpack to, unless somebody allows more.
pub const DEFAULT_LIMIT: u64 = 4 * 1024 * 1024 * 1024;

/// How much a frame may ask the decoder to remember; ours ask for less.
const MAX_WINDOW: u64 = 8 * 1024 * 1024;
const CHUNK: usize = 64 * 1024;
/// What a zstd frame begins with.
const MAGIC: [u8; 4] = [0x28, 0xb5, 0x2f, 0xfd];

/// Whether a file begins as a bundle does.
#[must_use]
pub fn is_bundle(file: &Path) -> bool {
    let mut begin = [0; 4];
    rok_files::open(file).is_ok_and(|mut file| file.read_exact(&mut begin).is_ok())
        && begin == MAGIC
}

/// Unpacks a bundle into an empty folder, and gives its manifest. Contents are
/// held against their digests; what the bundle claims of a run is not judged.
pub fn unpack(file: &Path, into: &Path, limit: u64) -> Result<Manifest, BundleError> {
    let open = rok_files::open(file).map_err(|source| BundleError::Unreadable { source })?;
    let source = BufReader::with_capacity(CHUNK, open);
    let decoder = StreamingDecoder::new_with_max_window_size(source, MAX_WINDOW).map_err(|_| {
        BundleError::NotABundle {
            what: "it is not compressed by zstd, as a bundle is".into(),
        }
    })?;
    let mut stream = Stream { decoder };
    let manifest = stream.manifest()?;
    if manifest.bytes() > limit {
        return Err(BundleError::TooLarge {
            bytes: manifest.bytes(),
            limit,
        });
    }
    for folder in ["logs", "contents", "plans"] {
        let path = into.join(folder);
        DirBuilder::new()
            .mode(0o700)
            .create(&path)
            .map_err(io_fault("create", path))?;
    }
    for entry in &manifest.files {
        stream.file(entry, into)?;
    }
    stream.end(file)?;
    Ok(manifest)
}

struct Stream {
    decoder: StreamingDecoder<BufReader<File>, FrameDecoder>,
}

impl Stream {
    fn manifest(&mut self) -> Result<Manifest, BundleError> {
        let header = self.header(MANIFEST)?;
        let size = header.size().unwrap_or(u64::MAX);
        check(&header, MANIFEST, size)?;
        if size > MAX_MANIFEST {
            return Err(BundleError::TooLarge {
                bytes: size,
                limit: MAX_MANIFEST,
            });
        }
        // As it comes, not as it says: the header is somebody's claim.
        let mut json = Vec::new();
        self.content(MANIFEST, size, |chunk| {
            json.extend_from_slice(chunk);
            Ok(())
        })?;
        Manifest::from_json(&json)
    }

    fn file(&mut self, entry: &FileEntry, into: &Path) -> Result<(), BundleError> {
        let header = self.header(&entry.path)?;
        check(&header, &entry.path, entry.bytes)?;
        let path = into.join(&entry.path);
        let fault = || io_fault("write", &path);
        let mut file = OpenOptions::new()
            .write(true)
            .create_new(true)
            .mode(0o600)
            .open(&path)
            .map_err(fault())?;
        let mut hash = Sha256::new();
        self.content(&entry.path, entry.bytes, |chunk| {
            hash.update(chunk);
            file.write_all(chunk).map_err(fault())
        })?;
        file.sync_all().map_err(fault())?;
        if hex(&hash.finalize()) == entry.sha256 {
            return Ok(());
        }
        Err(BundleError::Digest {
            name: entry.path.clone(),
        })
    }

    fn header(&mut self, due: &str) -> Result<Header, BundleError> {
        let mut header = Header::new_old();
        self.exactly(due, header.as_mut_bytes())?;
        Ok(header)
    }

    /// A content, and the zeros behind it.
    fn content(
        &mut self,
        name: &str,
        bytes: u64,
        mut take: impl FnMut(&[u8]) -> Result<(), BundleError>,
    ) -> Result<(), BundleError> {
        let mut chunk = vec![0; CHUNK];
        let mut left = bytes;
        while left > 0 {
            let most = usize::try_from(left).map_or(CHUNK, |left| left.min(CHUNK));
            self.exactly(name, &mut chunk[..most])?;
            take(&chunk[..most])?;
            left -= most as u64;
        }
        let mut zeros = padding(bytes);
        self.exactly(name, &mut zeros)?;
        if zeros.iter().any(|byte| *byte != 0) {
            let what = format!("what stands behind `{name}` is not zero");
            return Err(BundleError::NotABundle { what });
        }
        Ok(())
    }

    fn exactly(&mut self, name: &str, buffer: &mut [u8]) -> Result<(), BundleError> {
        self.decoder
            .read_exact(buffer)
            .map_err(|error| match error.kind() {
                io::ErrorKind::UnexpectedEof => BundleError::Cut { name: name.into() },
                _ => BundleError::NotABundle {
                    what: format!("its compressed bytes are damaged within `{name}`"),
                },
            })
    }

    fn end(mut self, file: &Path) -> Result<(), BundleError> {
        let mut end = [1; 2 * BLOCK];
        self.exactly("its end", &mut end)?;
        if end.iter().any(|byte| *byte != 0) {
            // Not the end: the manifest does not name what comes.
            let mut header = Header::new_old();
            header.as_mut_bytes().copy_from_slice(&end[..BLOCK]);
            let found = header.path_bytes();
            refuse(&header, &found)?;
            return Err(BundleError::OtherEntry {
                due: "its end".into(),
                found: shown(&found),
            });
        }
        let more = self.decoder.read(&mut [0; 1]).unwrap_or(1);
        let mut rest = self.decoder.into_inner();
        let behind = rest.read(&mut [0; 1]).map_err(io_fault("read", file))?;
        if more + behind > 0 {
            return Err(BundleError::Trailing);
        }
        Ok(())
    }
}

/// Whether a header is the one that is due.
fn check(found: &Header, path: &str, bytes: u64) -> Result<(), BundleError> {
    if bytes <= MAX_FILE && found.as_bytes() == header(path, bytes).as_bytes() {
        return Ok(());
    }
    let name = found.path_bytes();
    refuse(found, &name)?;
    if *name != *entry_name(path).as_bytes() {
        return Err(BundleError::OtherEntry {
            due: path.into(),
            found: shown(&name),
        });
    }
    Err(BundleError::NotABundle {
        what: format!("the header of `{path}` is not as rok writes it"),
    })
}

/// Tells what is dangerous about an entry before what is merely unexpected.
fn refuse(found: &Header, path: &[u8]) -> Result<(), BundleError> {
    let kind = match found.entry_type() {
        EntryType::Regular => {
            if path == MANIFEST.as_bytes() || path.starts_with(b"long/") {
                return Ok(());
            }
            return name(&String::from_utf8_lossy(path));
        }
        EntryType::Link => "a hard link",
        EntryType::Symlink => "a symbolic link",
        EntryType::Char | EntryType::Block => "a device",
        EntryType::Directory => "a folder",
        EntryType::Fifo => "a pipe",
        _ => "of a kind that bundles do not hold",
    };
    Err(BundleError::NoFile {
        name: shown(path),
        kind,
    })
}
