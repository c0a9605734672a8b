//! A checkpoint: a signed note that says how long a run's log is and what its
//! hash is, in the C2SP checkpoint form.
//!
//! A chain alone proves nothing against the one who writes it: he can write
//! another. A second party who has cosigned a head makes that visible.

use crate::key::{PublicKey, SigningKey};
use crate::note::{Note, NoteError};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use rok_chain::ChainHash;
use rok_vocabulary::{IdError, RunId};

/// What the origin of a run's log begins with.
const ORIGIN: &str = "rok.dev/runs/";

/// A head of a log: how many lines, and the hash after them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Head {
    /// How many lines.
    pub lines: u64,
    /// The chain's hash after the last of them.
    pub hash: ChainHash,
}

/// A file that is no checkpoint.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum CheckpointError {
    /// The note is none, or a signature is missing or forged.
    #[error(transparent)]
    Note(#[from] NoteError),
    /// The origin is not a run's log.
    #[error("is no checkpoint of a run: its first line is not `{ORIGIN}RUN_ID`")]
    Origin(#[source] Option<IdError>),
    /// The second line is no number of lines.
    #[error("is no checkpoint: its second line is no number of lines")]
    Lines,
    /// The third line is no hash.
    #[error("is no checkpoint: its third line is no sha-256 in base64")]
    Hash,
    /// Extension lines, whose meaning nobody here knows.
    #[error("is no checkpoint of rok's: it has lines after the third")]
    Extended,
    /// The log's own key is no second party.
    #[error("is signed by key {key} itself: only another party's key cosigns it")]
    Own {
        /// The key.
        key: String,
    },
    /// The key cosigned before.
    #[error("bears a cosignature of key {key} already, as `{name}`")]
    Again {
        /// The key.
        key: String,
        /// The name that the line bears.
        name: String,
    },
}

/// A signed head of a run's log.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Checkpoint {
    run: RunId,
    head: Head,
    note: Note,
}

impl Checkpoint {
    /// Signs a head of a run's log.
    pub fn sign(run: &RunId, head: Head, key: &SigningKey) -> Result<Self, CheckpointError> {
        let origin = format!("{ORIGIN}{run}");
        let hash = STANDARD.encode(head.hash.as_bytes());
        let mut note = Note::new(format!("{origin}\n{}\n{hash}\n", head.lines));
        note.sign(&origin, key)?;
        Ok(Self {
            run: run.clone(),
            head,
            note,
        })
    }

    /// Reads a checkpoint, without proof of its signatures.
    pub fn parse(bytes: &[u8]) -> Result<Self, CheckpointError> {
        let note = Note::parse(bytes)?;
        let mut lines = note.text().trim_end_matches('\n').split('\n');
        let mut next = || lines.next().unwrap_or_default();
        let run = next()
            .strip_prefix(ORIGIN)
            .ok_or(CheckpointError::Origin(None))?;
        let run = run
            .parse()
            .map_err(|error| CheckpointError::Origin(Some(error)))?;
        let count = next();
        // One number has one text: no sign, no leading zero.
        let lines_of = count.parse::<u64>().ok();
        let count = lines_of
            .filter(|number| number.to_string() == count)
            .ok_or(CheckpointError::Lines)?;
        let hash = STANDARD.decode(next()).ok();
        let hash = hash.and_then(|bytes| <[u8; 32]>::try_from(bytes).ok());
        let hash = ChainHash::from_bytes(hash.ok_or(CheckpointError::Hash)?);
        if lines.next().is_some() || note.text().ends_with("\n\n") {
            return Err(CheckpointError::Extended);
        }
        let head = Head { lines: count, hash };
        Ok(Self { run, head, note })
    }

    /// The run whose log it is of.
    #[must_use]
    pub const fn run(&self) -> &RunId {
        &self.run
    }

    /// The head that it signs.
    #[must_use]
    pub const fn head(&self) -> Head {
        self.head
    }

    /// The note's text and signature lines.
    #[must_use]
    pub const fn note(&self) -> &Note {
        &self.note
    }

    /// The checkpoint as it lies in a file.
    #[must_use]
    pub fn to_text(&self) -> String {
        self.note.to_text()
    }

    /// Proves that the log's key signed it.
    pub fn signed_by(&self, key: &PublicKey) -> Result<(), CheckpointError> {
        Ok(self.note.signed_by(&format!("{ORIGIN}{}", self.run), key)?)
    }

    /// Proves that a second party cosigned it; gives that party's name and
    /// when, in seconds since 1970.
    pub fn cosigned_by(&self, key: &PublicKey) -> Result<(String, u64), CheckpointError> {
        self.refuse_own(key)?;
        Ok(self.note.cosigned_by(key)?)
    }

    /// Who signed the log's head cannot vouch for himself. A line in the key's
    /// name that it did not make makes it no second party either.
    fn refuse_own(&self, key: &PublicKey) -> Result<(), CheckpointError> {
        match self.signed_by(key) {
            Err(CheckpointError::Note(NoteError::NotSigned { .. })) => Ok(()),
            Err(error) => Err(error),
            Ok(()) => Err(CheckpointError::Own {
                key: key.id().to_string(),
            }),
        }
    }

    /// Adds a second party's line. Whether the head is a continuation of what
    /// that party has seen is for the caller to have checked.
    pub fn cosign(
        &mut self,
        name: &str,
        key: &SigningKey,
        seconds: u64,
    ) -> Result<(), CheckpointError> {
        let public = key.public();
        self.refuse_own(&public)?;
        match self.note.cosigned_by(&public) {
            Ok((name, _)) => {
                let key = public.id().to_string();
                return Err(CheckpointError::Again { key, name });
            }
            Err(NoteError::NotSigned { .. }) => {}
            Err(error) => return Err(error.into()),
        }
        Ok(self.note.cosign(name, key, seconds)?)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use rstest::rstest;

    fn key(seed: u8) -> SigningKey {
        SigningKey::from_seed([seed; 32])
    }

    fn head() -> Head {
        Head {
            lines: 54,
            hash: ChainHash::from_bytes([9; 32]),
        }
    }

    fn signed() -> Checkpoint {
        Checkpoint::sign(&"iris-1".parse().unwrap(), head(), &key(1)).unwrap()
    }

    #[test]
    fn a_checkpoint_is_a_note_of_three_lines() {
        let text = signed().to_text();
        let lines: Vec<&str> = text.lines().collect();
        assert_eq!(lines[0], "rok.dev/runs/iris-1");
        assert_eq!(lines[1], "54");
        assert_eq!(lines[2], "CQkJCQkJCQkJCQkJCQkJCQkJCQkJCQkJCQkJCQkJCQk=");
        assert_eq!(lines[3], "");
        assert!(lines[4].starts_with("\u{2014} rok.dev/runs/iris-1 "));
        let read = Checkpoint::parse(text.as_bytes()).unwrap();
        assert_eq!(read, signed());
        assert_eq!((read.run().as_str(), read.head()), ("iris-1", head()));
        assert!(read.signed_by(&key(1).public()).is_ok());
        assert!(read.signed_by(&key(2).public()).is_err());
    }

    #[test]
    fn a_second_party_adds_its_line_once() {
        let mut checkpoint = signed();
        checkpoint
            .cosign("auditor", &key(2), 1_800_000_000)
            .unwrap();
        let again = checkpoint.cosign("auditor-2", &key(2), 1_800_000_001);
        assert!(matches!(again, Err(CheckpointError::Again { .. })));
        checkpoint.cosign("other", &key(3), 5).unwrap();
        let read = Checkpoint::parse(checkpoint.to_text().as_bytes()).unwrap();
        let (name, at) = read.cosigned_by(&key(2).public()).unwrap();
        assert_eq!((name.as_str(), at), ("auditor", 1_800_000_000));
        assert!(read.cosigned_by(&key(3).public()).is_ok());
        assert!(read.cosigned_by(&key(1).public()).is_err());
        assert!(read.signed_by(&key(1).public()).is_ok());
    }

    #[test]
    fn the_log_s_own_key_is_no_second_party() {
        let own = |result| matches!(result, Err(CheckpointError::Own { .. }));
        let mut checkpoint = signed();
        assert!(own(checkpoint.cosign("me", &key(1), 5)));
        checkpoint.note.cosign("me", &key(1), 5).unwrap();
        let read = Checkpoint::parse(checkpoint.to_text().as_bytes()).unwrap();
        assert!(own(read.cosigned_by(&key(1).public()).map(|_| ())));
    }

    #[rstest]
    #[case("rok.dev/runs/iris-1", "rok.dev/other/iris-1")]
    #[case("rok.dev/runs/iris-1\n", "rok.dev/runs/../up\n")]
    #[case("\n54\n", "\n054\n")]
    #[case("\n54\n", "\n+54\n")]
    #[case("\n54\n", "\n-1\n")]
    #[case("\n54\n", "\n99999999999999999999\n")]
    #[case("\n54\n", "\n\n")]
    #[case("\nCQkJ", "\nCQk")]
    #[case("CQk=\n\n", "CQk=\nmore\n\n")]
    #[case("CQk=\n\n", "CQk=\n\n\n")]
    fn what_is_no_checkpoint(#[case] old: &str, #[case] new: &str) {
        let text = signed().to_text();
        let changed = text.replacen(old, new, 1);
        assert_ne!(changed, text);
        assert!(Checkpoint::parse(changed.as_bytes()).is_err(), "{changed}");
    }
}
