//! Packing: contents are measured, told in the manifest, and streamed.

use crate::error::{BundleError, io_fault};
use crate::manifest::{FileEntry, MANIFEST, Manifest, header};
use base16ct::lower::encode_string as hex;
use rok_artifacts::measure;
use rok_vocabulary::RunId;
use ruzstd::encoding::{CompressionLevel, FrameCompressor};
use sha2::{Digest as _, Sha256};
use std::collections::BTreeMap;
use std::fs::{self, File, OpenOptions};
use std::io::{self, BufWriter, Cursor, Read, Write};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};

/// The size of a tar's blocks.
pub(crate) const BLOCK: usize = 512;

/// A file that goes into a bundle.
#[derive(Debug, Clone)]
pub struct Content {
    path: String,
    from: From,
}

#[derive(Debug, Clone)]
enum From {
    File(PathBuf),
    Bytes(Vec<u8>),
}

impl Content {
    /// A file on disk.
    pub fn file(path: impl Into<String>, from: impl Into<PathBuf>) -> Self {
        Self {
            path: path.into(),
            from: From::File(from.into()),
        }
    }

    /// Bytes at hand.
    pub fn bytes(path: impl Into<String>, bytes: impl Into<Vec<u8>>) -> Self {
        Self {
            path: path.into(),
            from: From::Bytes(bytes.into()),
        }
    }

    fn entry(&self) -> Result<FileEntry, BundleError> {
        let (sha256, bytes) = match &self.from {
            From::Bytes(bytes) => (hex(&Sha256::digest(bytes)), bytes.len() as u64),
            From::File(file) => {
                let found = measure(file)
                    .map_err(|error| io_fault("read", file)(io::Error::other(error)))?;
                (found.sha256, found.bytes)
            }
        };
        Ok(FileEntry {
            path: self.path.clone(),
            sha256,
            bytes,
        })
    }
}

/// Packs a run's files into a new file; the same files give the same bytes.
/// An existing file is not overwritten.
pub fn pack(run: &RunId, contents: &[Content], out: &Path) -> Result<Manifest, BundleError> {
    let entries = contents.iter().map(Content::entry);
    let entries = entries.collect::<Result<Vec<_>, _>>()?;
    let manifest = Manifest::new(run.clone(), entries)?;
    let by_path: BTreeMap<&str, &From> = contents
        .iter()
        .map(|content| (content.path.as_str(), &content.from))
        .collect();
    let mut parts = manifest_parts(&manifest);
    for entry in &manifest.files {
        parts.push(Part::Bytes(Cursor::new(
            header(&entry.path, entry.bytes).as_bytes().to_vec(),
        )));
        parts.push(match by_path[entry.path.as_str()] {
            From::Bytes(bytes) => Part::Bytes(Cursor::new(bytes.clone())),
            From::File(file) => Part::File(Streamed::new(file, entry)),
        });
        parts.push(Part::Bytes(Cursor::new(padding(entry.bytes))));
    }
    parts.push(Part::Bytes(Cursor::new(vec![0; 2 * BLOCK])));

    if out.symlink_metadata().is_ok() {
        let there = io::Error::from(io::ErrorKind::AlreadyExists);
        return Err(io_fault("write", out)(there));
    }
    let mut name = out.as_os_str().to_owned();
    name.push(format!(".{}.tmp", std::process::id()));
    let temporary = PathBuf::from(name);
    let packed = compress(parts, &temporary).and_then(|()| {
        // Fails where somebody else made the file meanwhile.
        fs::hard_link(&temporary, out).map_err(io_fault("write", out))
    });
    let _ = fs::remove_file(&temporary);
    packed.map(|()| manifest)
}

fn manifest_parts(manifest: &Manifest) -> Vec<Part> {
    let json = manifest.to_json();
    let bytes = json.len() as u64;
    vec![
        Part::Bytes(Cursor::new(header(MANIFEST, bytes).as_bytes().to_vec())),
        Part::Bytes(Cursor::new(json)),
        Part::Bytes(Cursor::new(padding(bytes))),
    ]
}

/// The zeros behind a content.
pub(crate) fn padding(bytes: u64) -> Vec<u8> {
    let over = (bytes % BLOCK as u64) as usize;
    vec![0; (BLOCK - over) % BLOCK]
}

fn compress(parts: Vec<Part>, out: &Path) -> Result<(), BundleError> {
    let file = OpenOptions::new()
        .write(true)
        .create_new(true)
        .mode(0o600)
        .open(out)
        .map_err(io_fault("write", out))?;
    let mut source = Source {
        parts: parts.into_iter(),
        now: None,
        fault: None,
    };
    let mut drain = Drain {
        file: BufWriter::new(file),
        fault: None,
    };
    // The compressor panics on an error of either side: none reaches it.
    let mut compressor = FrameCompressor::new(CompressionLevel::Fastest);
    compressor.set_source(&mut source);
    compressor.set_drain(&mut drain);
    compressor.compress();
    drop(compressor);
    if let Some(fault) = source.fault {
        return Err(fault);
    }
    let written = match drain.fault {
        Some(fault) => Err(fault),
        None => drain
            .file
            .into_inner()
            .map_err(io::IntoInnerError::into_error)
            .and_then(|file| file.sync_all()),
    };
    written.map_err(io_fault("write", out))
}

enum Part {
    Bytes(Cursor<Vec<u8>>),
    File(Streamed),
}

/// A file that is held against what was measured of it.
struct Streamed {
    path: PathBuf,
    sha256: String,
    left: u64,
    open: Option<(File, Sha256)>,
}

impl Streamed {
    fn new(path: &Path, entry: &FileEntry) -> Self {
        Self {
            path: path.to_owned(),
            sha256: entry.sha256.clone(),
            left: entry.bytes,
            open: None,
        }
    }

    fn read(&mut self, buffer: &mut [u8]) -> Result<usize, BundleError> {
        let fault = |source| io_fault("read", &self.path)(source);
        let (file, hash) = match &mut self.open {
            Some(open) => open,
            None => {
                let file = File::open(&self.path).map_err(fault)?;
                self.open.insert((file, Sha256::new()))
            }
        };
        if self.left == 0 {
            let found = hex(&hash.finalize_reset());
            self.open = None;
            if found != self.sha256 {
                let path = self.path.clone();
                return Err(BundleError::Changed { path });
            }
            return Ok(0);
        }
        let most = usize::try_from(self.left).unwrap_or(usize::MAX);
        let most = most.min(buffer.len());
        let read = file
            .read(&mut buffer[..most])
            .map_err(io_fault("read", &self.path))?;
        if read == 0 {
            let path = self.path.clone();
            return Err(BundleError::Changed { path });
        }
        hash.update(&buffer[..read]);
        self.left -= read as u64;
        Ok(read)
    }
}

/// The tar as a stream. A fault ends it and is kept.
struct Source {
    parts: std::vec::IntoIter<Part>,
    now: Option<Part>,
    fault: Option<BundleError>,
}

impl Read for Source {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        while self.fault.is_none() && !buffer.is_empty() {
            let part = match &mut self.now {
                Some(part) => part,
                None => match self.parts.next() {
                    Some(part) => self.now.insert(part),
                    None => return Ok(0),
                },
            };
            let read = match part {
                Part::Bytes(bytes) => bytes.read(buffer)?,
                Part::File(file) => match file.read(buffer) {
                    Ok(read) => read,
                    Err(fault) => {
                        self.fault = Some(fault);
                        return Ok(0);
                    }
                },
            };
            if read > 0 {
                return Ok(read);
            }
            self.now = None;
        }
        Ok(0)
    }
}

/// Where the compressed bytes go. After a fault, nowhere.
struct Drain {
    file: BufWriter<File>,
    fault: Option<io::Error>,
}

impl Write for Drain {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        if self.fault.is_none() {
            self.fault = self.file.write_all(bytes).err();
        }
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
