//! Tokens: what a program shows so that the server knows who asks. Only a hash
//! of each is kept, in one file that nobody else may write.
//!
//! A token is `rok_ID_SECRET`. Its secret has 256 bits of chance, so a plain
//! hash keeps it: there is nothing to guess.

use base16ct::lower::encode_string as hex;
use rok_vocabulary::{Actor, Timestamp};
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};
use std::fs::{self, File, OpenOptions};
use std::io::{self, Read as _, Write as _};
use std::os::unix::fs::{MetadataExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, SystemTime, UNIX_EPOCH};
use subtle::ConstantTimeEq as _;

/// What every token begins with, so that scanners for leaked secrets find it.
const PREFIX: &str = "rok_";
/// Bytes of chance in a secret.
const SECRET_BYTES: usize = 32;
/// Bytes of chance in an id, which is no secret.
const ID_BYTES: usize = 6;
/// More than a server's users ever have; the file is read as a whole.
const MAX_FILE_BYTES: u64 = 4 * 1024 * 1024;

/// Roles that the policies of access know by default.
pub const ROLES: &[&str] = &["viewer", "operator", "approver", "admin"];

/// What can go wrong with tokens.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum TokenError {
    /// The file cannot be used.
    #[error("{}: {why}", .file.display())]
    File {
        /// The file.
        file: PathBuf,
        /// What is wrong with it.
        why: String,
    },
    /// A name, role or time that is none.
    #[error("{0}")]
    Bad(String),
    /// There is no such token.
    #[error("there is no token `{0}`")]
    Unknown(String),
    /// The system gives no chance.
    #[error("the system gives no random bytes: {0}")]
    NoChance(String),
}

/// A token as it is listed: everything but its secret.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct TokenView {
    /// Its id.
    pub id: String,
    /// Who shows it.
    pub user: String,
    /// What they may be.
    pub roles: Vec<String>,
    /// When it was made.
    pub created_at: Timestamp,
    /// When it ends.
    pub expires_at: Option<Timestamp>,
    /// When it was revoked.
    pub revoked_at: Option<Timestamp>,
}

/// A token that was just made: the only time that it is shown.
#[derive(Clone, PartialEq, Eq)]
pub struct NewToken {
    /// The token as it is listed.
    pub view: TokenView,
    /// The token itself.
    pub token: String,
}

impl std::fmt::Debug for NewToken {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("NewToken")
            .field("view", &self.view)
            .finish_non_exhaustive()
    }
}

#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Kept {
    id: String,
    user: String,
    roles: Vec<String>,
    sha256: String,
    created_at: Timestamp,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    expires_at: Option<Timestamp>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    revoked_at: Option<Timestamp>,
}

impl Kept {
    fn view(&self) -> TokenView {
        TokenView {
            id: self.id.clone(),
            user: self.user.clone(),
            roles: self.roles.clone(),
            created_at: self.created_at,
            expires_at: self.expires_at,
            revoked_at: self.revoked_at,
        }
    }

    fn is_live(&self, now: Timestamp) -> bool {
        self.revoked_at.is_none() && self.expires_at.is_none_or(|end| now < end)
    }
}

#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Tokens {
    version: u32,
    tokens: Vec<Kept>,
}

/// When and how a file was last seen: another one is read again.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Seen {
    inode: u64,
    bytes: u64,
    modified: (i64, i64),
}

/// The tokens of a server. What another process changes is seen at once.
#[derive(Debug)]
pub struct TokenBook {
    /// Whether policies of the house's own say what a role may.
    own_rules: bool,
    file: PathBuf,
    read: Mutex<Option<(Seen, Tokens)>>,
}

impl TokenBook {
    /// The tokens in a file, which need not be there yet.
    #[must_use]
    pub fn at(file: impl Into<PathBuf>) -> Self {
        Self {
            own_rules: false,
            file: file.into(),
            read: Mutex::new(None),
        }
    }

    /// Whether policies of the house's own say what a role may: any role may
    /// mean something there. Without them a token needs one of [`ROLES`].
    #[must_use]
    pub fn with_own_rules(mut self, own_rules: bool) -> Self {
        self.own_rules = own_rules;
        self
    }

    /// Makes a token.
    pub fn create(
        &self,
        user: &str,
        roles: &[String],
        lifetime: Option<Duration>,
    ) -> Result<NewToken, TokenError> {
        let actor: Result<Actor, _> = format!("user:{user}").parse();
        actor.map_err(|_| TokenError::Bad(format!("`{user}` is no user's name")))?;
        if roles.is_empty() {
            let roles = ROLES.join(", ");
            return Err(TokenError::Bad(format!(
                "a token without a role may do nothing: name one, such as {roles}"
            )));
        }
        if let Some(role) = roles.iter().find(|role| !is_word(role)) {
            return Err(TokenError::Bad(format!("`{role}` is no role's name")));
        }
        // Beside one of these, others are for the `approvers` of plans.
        if !self.own_rules && !roles.iter().any(|role| ROLES.contains(&role.as_str())) {
            let (roles, known) = (roles.join("`, `"), ROLES.join(", "));
            return Err(TokenError::Bad(format!(
                "a token with the role `{roles}` alone may do nothing: the roles of this server are {known}"
            )));
        }
        let (id, secret) = (chance(ID_BYTES)?, chance(SECRET_BYTES)?);
        let now = now();
        let kept = Kept {
            sha256: hash(&secret),
            id: id.clone(),
            user: user.to_owned(),
            roles: roles.to_vec(),
            created_at: now,
            expires_at: lifetime.map(|lifetime| now.after(lifetime)),
            revoked_at: None,
        };
        let view = kept.view();
        self.change(|tokens| {
            tokens.tokens.push(kept);
            Ok(())
        })?;
        let token = format!("{PREFIX}{id}_{secret}");
        Ok(NewToken { view, token })
    }

    /// Every token, the oldest first.
    pub fn list(&self) -> Result<Vec<TokenView>, TokenError> {
        let tokens = self.tokens()?;
        Ok(tokens.tokens.iter().map(Kept::view).collect())
    }

    /// Ends a token at once. Ending it again changes nothing.
    pub fn revoke(&self, id: &str) -> Result<TokenView, TokenError> {
        self.change(|tokens| {
            let found = tokens.tokens.iter_mut().find(|kept| kept.id == id);
            let kept = found.ok_or_else(|| TokenError::Unknown(id.to_owned()))?;
            kept.revoked_at = kept.revoked_at.or_else(|| Some(now()));
            Ok(kept.view())
        })
    }

    /// Whose token this is; `None`: nobody's, or it has ended.
    pub fn whose(&self, token: &str) -> Result<Option<TokenView>, TokenError> {
        let parts = token.strip_prefix(PREFIX).and_then(|t| t.split_once('_'));
        let Some((id, secret)) = parts else {
            return Ok(None);
        };
        let tokens = self.tokens()?;
        let shown = hash(secret);
        let found = tokens.tokens.iter().find(|kept| kept.id == id);
        let matching = found.filter(|kept| {
            let same: bool = kept.sha256.as_bytes().ct_eq(shown.as_bytes()).into();
            same && kept.is_live(now())
        });
        Ok(matching.map(Kept::view))
    }

    /// The roles of all of an actor's tokens that have not ended.
    #[must_use]
    pub fn roles_of(&self, actor: &Actor) -> Vec<String> {
        let Actor::User(user) = actor else {
            return Vec::new();
        };
        // Tokens that cannot be read give nobody a role.
        let tokens = self.tokens().unwrap_or_default();
        let now = now();
        let of_user = tokens.tokens.iter();
        let of_user = of_user.filter(|kept| *kept.user == **user && kept.is_live(now));
        let mut roles: Vec<String> = of_user.flat_map(|kept| kept.roles.clone()).collect();
        roles.sort();
        roles.dedup();
        roles
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

fn is_word(word: &str) -> bool {
    let bytes = word.bytes();
    (1..=64).contains(&word.len()) && { bytes }
        .all(|b| b.is_ascii_alphanumeric() || b"._-".contains(&b))
}

fn now() -> Timestamp {
    let since = SystemTime::now().duration_since(UNIX_EPOCH);
    let ms = since.unwrap_or_default().as_millis();
    Timestamp::from_millis(i64::try_from(ms).unwrap_or(i64::MAX))
}

fn hash(secret: &str) -> String {
    hex(&Sha256::digest(secret.as_bytes()))
}

fn chance(bytes: usize) -> Result<String, TokenError> {
    let mut random = vec![0; bytes];
    getrandom::fill(&mut random).map_err(|error| TokenError::NoChance(error.to_string()))?;
    Ok(hex(&random))
}

#[cfg(test)]
mod tests {
    use super::*;
    use rstest::rstest;
    use std::os::unix::fs::PermissionsExt as _;

    fn roles(roles: &[&str]) -> Vec<String> {
        roles.iter().map(|&role| role.to_owned()).collect()
    }

    #[test]
    fn a_token_is_known_until_it_is_revoked_and_is_not_in_the_file() {
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("made/tokens.json");
        let (book, other) = (TokenBook::at(&file), TokenBook::at(&file));
        let made = book.create("ada", &roles(&["operator"]), None).unwrap();
        assert_eq!(other.whose(&made.token).unwrap(), Some(made.view.clone()));
        let text = fs::read_to_string(&file).unwrap();
        let secret = made.token.rsplit('_').next().unwrap();
        assert!(!text.contains(secret));
        assert!(!format!("{made:?}").contains(secret));
        assert_eq!(fs::metadata(&file).unwrap().mode() & 0o777, 0o600);

        assert!(other.revoke(&made.view.id).unwrap().revoked_at.is_some());
        assert_eq!(book.whose(&made.token).unwrap(), None);
        assert_eq!(book.list().unwrap().len(), 1);
        assert_eq!(
            book.revoke("nobody"),
            Err(TokenError::Unknown("nobody".into()))
        );
    }

    #[test]
    fn a_token_ends_with_its_time_and_roles_end_with_it() {
        let dir = tempfile::tempdir().unwrap();
        let book = TokenBook::at(dir.path().join("t.json"));
        let ended = book.create("ada", &roles(&["admin"]), Some(Duration::ZERO));
        assert_eq!(book.whose(&ended.unwrap().token).unwrap(), None);
        let hour = Some(Duration::from_secs(3600));
        for role in ["viewer", "approver"] {
            book.create("ada", &roles(&[role]), hour).unwrap();
        }
        let ada = Actor::User("ada".into());
        assert_eq!(book.roles_of(&ada), ["approver", "viewer"]);
        assert!(book.roles_of(&Actor::Agent("ada".into())).is_empty());
    }

    #[rstest]
    #[case("")]
    #[case("rok_")]
    #[case("rok_aa_bb")]
    #[case("rok_ID_")]
    #[case("rok_ID_SECRETx")]
    #[case("Bearer rok_ID_SECRET")]
    fn nobody_has(#[case] shown: &str) {
        let dir = tempfile::tempdir().unwrap();
        let book = TokenBook::at(dir.path().join("t.json"));
        let made = book.create("ada", &roles(&["viewer"]), None).unwrap();
        let (_, secret) = made.token["rok_".len()..].split_once('_').unwrap();
        let shown = shown.replace("ID", &made.view.id).replace("SECRET", secret);
        assert_eq!(book.whose(&shown).unwrap(), None);
    }

    #[test]
    fn a_file_that_others_may_write_to_is_refused() {
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("t.json");
        let book = TokenBook::at(&file);
        let made = book.create("ada", &roles(&["viewer"]), None).unwrap();
        fs::set_permissions(&file, fs::Permissions::from_mode(0o666)).unwrap();
        let again = TokenBook::at(&file);
        let error = again.whose(&made.token).unwrap_err();
        assert!(error.to_string().contains("others may write"), "{error}");
    }

    #[test]
    fn a_token_needs_a_user_and_a_role() {
        let dir = tempfile::tempdir().unwrap();
        let book = TokenBook::at(dir.path().join("t.json"));
        for (user, given) in [
            ("", "viewer"),
            ("a\nb", "viewer"),
            ("ada", "a role"),
            ("ada", "bogus"),
        ] {
            assert!(book.create(user, &roles(&[given]), None).is_err());
        }
        assert!(book.create("ada", &[], None).is_err());
        assert!(book.list().unwrap().is_empty());
    }
    #[test]
    fn a_role_that_means_nothing_is_refused_with_those_that_do() {
        let dir = tempfile::tempdir().unwrap();
        let book = TokenBook::at(dir.path().join("t.json"));
        let refused = book.create("ada", &roles(&["bogus"]), None).unwrap_err();
        let known = "are viewer, operator, approver, admin";
        assert!(refused.to_string().ends_with(known), "{refused}");
        // Plans may name roles of their own, and so may policies.
        let both = roles(&["approver", "release-manager"]);
        book.create("ada", &both, None).unwrap();
        let book = book.with_own_rules(true);
        book.create("ada", &roles(&["bogus"]), None).unwrap();
    }
}
