//! Tokens in a file that nobody else may write, read again when it is another.

use super::TokenError;
use super::keep::{Kept, Tokens};
use std::fs::{self, File, OpenOptions};
use std::io::{self, Read as _, Write as _};
use std::os::unix::fs::{MetadataExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

/// More than a server's users ever have; the file is read as a whole.
const MAX_FILE_BYTES: u64 = 4 * 1024 * 1024;

/// When and how a file was last seen: another one is read again.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Seen {
    inode: u64,
    bytes: u64,
    modified: (i64, i64),
}

/// A file of tokens.
#[derive(Debug)]
pub(super) struct TokenFile {
    file: PathBuf,
    read: Mutex<Option<(Seen, Tokens)>>,
}

impl TokenFile {
    pub(super) fn at(file: PathBuf) -> Self {
        Self {
            file,
            read: Mutex::new(None),
        }
    }

    /// Every token, the oldest first.
    pub(super) fn all(&self) -> Result<Vec<Kept>, TokenError> {
        Ok(self.tokens()?.tokens)
    }

    pub(super) fn one(&self, id: &str) -> Result<Option<Kept>, TokenError> {
        let tokens = self.tokens()?.tokens.into_iter();
        Ok({ tokens }.find(|kept| kept.id == id))
    }

    pub(super) fn add(&self, kept: Kept) -> Result<(), TokenError> {
        self.change(|tokens| {
            tokens.tokens.push(kept);
            Ok(())
        })
    }

    pub(super) fn update(
        &self,
        id: &str,
        change: impl Fn(&mut Kept),
    ) -> Result<Option<Kept>, TokenError> {
        self.change(|tokens| {
            let found = tokens.tokens.iter_mut().find(|kept| kept.id == id);
            Ok(found.map(|kept| {
                change(kept);
                kept.clone()
            }))
        })
    }

    fn fault(&self, why: &impl ToString) -> TokenError {
        TokenError::File {
            file: self.file.clone(),
            why: why.to_string(),
        }
    }

    fn tokens(&self) -> Result<Tokens, TokenError> {
        let mut file = match File::open(&self.file) {
            Ok(file) => file,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Tokens::default()),
            Err(error) => return Err(self.fault(&error)),
        };
        let meta = file.metadata().map_err(|error| self.fault(&error))?;
        let seen = Seen {
            inode: meta.ino(),
            bytes: meta.size(),
            modified: (meta.mtime(), meta.mtime_nsec()),
        };
        let mut read = self.read.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((_, tokens)) = read.as_ref().filter(|(before, _)| *before == seen) {
            return Ok(tokens.clone());
        }
        if meta.mode() & 0o022 != 0 {
            return Err(self.fault(&"others may write to it: `chmod 600` it"));
        }
        if meta.size() > MAX_FILE_BYTES {
            return Err(self.fault(&format!("it is larger than {MAX_FILE_BYTES} bytes")));
        }
        let mut text = String::new();
        file.read_to_string(&mut text)
            .map_err(|error| self.fault(&error))?;
        let tokens: Tokens = serde_json::from_str(&text).map_err(|error| self.fault(&error))?;
        if tokens.version != 1 {
            return Err(self.fault(&format!("version {} is not known", tokens.version)));
        }
        *read = Some((seen, tokens.clone()));
        Ok(tokens)
    }

    /// Changes the file under a lock, as a whole.
    fn change<T>(
        &self,
        change: impl FnOnce(&mut Tokens) -> Result<T, TokenError>,
    ) -> Result<T, TokenError> {
        let folder = self.file.parent().unwrap_or(Path::new("."));
        fs::create_dir_all(folder).map_err(|error| self.fault(&error))?;
        let lock = new_file(&beside(&self.file, ".lock")).map_err(|error| self.fault(&error))?;
        lock.lock().map_err(|error| self.fault(&error))?;
        let mut tokens = self.tokens()?;
        tokens.version = 1;
        let answer = change(&mut tokens)?;
        let text = serde_json::to_vec_pretty(&tokens).expect("words and lists");
        let new = beside(&self.file, ".new");
        let write = || -> io::Result<()> {
            let mut file = new_file(&new)?;
            file.set_len(0)?;
            file.write_all(&text)?;
            file.sync_all()?;
            fs::rename(&new, &self.file)?;
            File::open(folder)?.sync_all()
        };
        write().map_err(|error| self.fault(&error))?;
        Ok(answer)
    }
}

fn new_file(path: &Path) -> io::Result<File> {
    let mut options = OpenOptions::new();
    options.write(true).create(true).truncate(false).mode(0o600);
    options.open(path)
}

fn beside(file: &Path, end: &str) -> PathBuf {
    let mut name = file.as_os_str().to_owned();
    name.push(end);
    name.into()
}
