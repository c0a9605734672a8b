//! Tokens: what a program shows so that the server knows who asks. Only a hash
//! of each is kept: in one file that nobody else may write, or, where the runs
//! are in a database, there.
//!
//! A token is `rok_ID_SECRET`. Its secret has 256 bits of chance, so a plain
//! hash keeps it: there is nothing to guess.

mod file;
mod keep;

use base16ct::lower::encode_string as hex;
use file::TokenFile;
use keep::{Keep, Kept};
use rok_log::Cells;
use rok_vocabulary::{Actor, Timestamp};
use serde::Serialize;
use sha2::{Digest as _, Sha256};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};
use subtle::ConstantTimeEq as _;

/// What every token begins with, so that scanners for leaked secrets find it.
const PREFIX: &str = "rok_";
/// Bytes of chance in a secret.
const SECRET_BYTES: usize = 32;
/// Bytes of chance in an id, which is no secret.
const ID_BYTES: usize = 6;
/// How many letters a role may differ by from one that is known, to be taken
/// for it mistyped.
const TYPO: usize = 2;

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
    /// The database cannot be used.
    #[error("{0}")]
    Store(String),
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

/// The tokens of a server. What another process changes is seen at once.
#[derive(Debug)]
pub struct TokenBook {
    /// Whether policies of the house's own say what a role may.
    own_rules: bool,
    keep: Keep,
}

impl TokenBook {
    /// The tokens in a file, which need not be there yet.
    #[must_use]
    pub fn at(file: impl Into<PathBuf>) -> Self {
        Self {
            own_rules: false,
            keep: Keep::File(TokenFile::at(file.into())),
        }
    }

    /// The tokens in a database.
    #[must_use]
    pub fn in_database(cells: Arc<dyn Cells>) -> Self {
        Self {
            own_rules: false,
            keep: Keep::Database(cells),
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
        if !self.own_rules {
            roles.iter().try_for_each(|role| refuse_typo(role))?;
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
        self.keep.add(kept)?;
        let token = format!("{PREFIX}{id}_{secret}");
        Ok(NewToken { view, token })
    }

    /// Every token, the oldest first.
    pub fn list(&self) -> Result<Vec<TokenView>, TokenError> {
        Ok(self.keep.all()?.iter().map(Kept::view).collect())
    }

    /// Ends a token at once. Ending it again changes nothing.
    pub fn revoke(&self, id: &str) -> Result<TokenView, TokenError> {
        let ended = |kept: &mut Kept| kept.revoked_at = kept.revoked_at.or_else(|| Some(now()));
        let kept = self.keep.update(id, ended)?;
        let kept = kept.ok_or_else(|| TokenError::Unknown(id.to_owned()))?;
        Ok(kept.view())
    }

    /// Takes over the tokens of another book that are not here yet, as they
    /// are; that book is left as it is. Gives those that came.
    pub fn import(&self, from: &Self) -> Result<Vec<TokenView>, TokenError> {
        let mut came = Vec::new();
        for kept in self.missing(from)? {
            came.push(kept.view());
            self.keep.add(kept)?;
        }
        Ok(came)
    }

    /// The tokens of another book that have not ended and are not here.
    pub(crate) fn not_here(&self, from: &Self) -> Result<Vec<TokenView>, TokenError> {
        let now = now();
        let missing = self.missing(from)?;
        let live = missing.iter().filter(|kept| kept.is_live(now));
        Ok(live.map(Kept::view).collect())
    }

    fn missing(&self, from: &Self) -> Result<Vec<Kept>, TokenError> {
        let mut theirs = from.keep.all()?;
        let here = self.keep.all()?;
        theirs.retain(|kept| here.iter().all(|known| known.id != kept.id));
        Ok(theirs)
    }

    /// Whose token this is; `None`: nobody's, or it has ended.
    pub fn whose(&self, token: &str) -> Result<Option<TokenView>, TokenError> {
        let parts = token.strip_prefix(PREFIX).and_then(|t| t.split_once('_'));
        let Some((id, secret)) = parts else {
            return Ok(None);
        };
        if !is_word(id) {
            return Ok(None);
        }
        let shown = hash(secret);
        let matching = self.keep.one(id)?.filter(|kept| {
            let same: bool = kept.sha256.as_bytes().ct_eq(shown.as_bytes()).into();
            same && kept.is_live(now())
        });
        Ok(matching.map(|kept| kept.view()))
    }

    /// The roles of all of an actor's tokens that have not ended.
    #[must_use]
    pub fn roles_of(&self, actor: &Actor) -> Vec<String> {
        let Actor::User(user) = actor else {
            return Vec::new();
        };
        // Tokens that cannot be read give nobody a role.
        let tokens = self.keep.all().unwrap_or_default();
        let now = now();
        let of_user = tokens.into_iter();
        let of_user = of_user.filter(|kept| *kept.user == **user && kept.is_live(now));
        let mut roles: Vec<String> = of_user.flat_map(|kept| kept.roles).collect();
        roles.sort();
        roles.dedup();
        roles
    }
}

/// A role that nobody has is as good as none: what is nearly one that means
/// something was meant to be it.
fn refuse_typo(role: &str) -> Result<(), TokenError> {
    if ROLES.contains(&role) {
        return Ok(());
    }
    let lower = role.to_lowercase();
    let near = |known: &&&str| strsim::damerau_levenshtein(known, &lower) <= TYPO;
    match ROLES.iter().find(near) {
        None => Ok(()),
        Some(meant) => Err(TokenError::Bad(format!(
            "`{role}` is no role of this server: did you mean `{meant}`?"
        ))),
    }
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
    use rok_log::MemoryCells;
    use rstest::rstest;
    use std::fs;
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
        assert_eq!(
            fs::metadata(&file).unwrap().permissions().mode() & 0o777,
            0o600
        );

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

    #[rstest]
    #[case("aprover", "approver")]
    #[case("Viewer", "viewer")]
    #[case("opeartor", "operator")]
    #[case("admins", "admin")]
    fn a_typo_beside_a_role_is_refused(#[case] typo: &str, #[case] meant: &str) {
        let book = TokenBook::in_database(Arc::new(MemoryCells::new()));
        let given = roles(&["viewer", typo]);
        let refused = book.create("ada", &given, None).unwrap_err();
        let hint = format!("did you mean `{meant}`?");
        assert!(refused.to_string().ends_with(&hint), "{refused}");
        assert!(book.list().unwrap().is_empty());
        // Policies of the house's own may know it.
        book.with_own_rules(true)
            .create("ada", &given, None)
            .unwrap();
    }

    #[test]
    fn a_database_keeps_tokens_as_a_file_does_and_no_secret() {
        let cells = MemoryCells::new();
        let book = || TokenBook::in_database(Arc::new(cells.clone()));
        let made = book().create("ada", &roles(&["admin"]), None).unwrap();
        assert_eq!(book().whose(&made.token).unwrap(), Some(made.view.clone()));
        assert_eq!(book().roles_of(&Actor::User("ada".into())), ["admin"]);
        let secret = made.token.rsplit('_').next().unwrap();
        let kept = cells.cell("tokens", &made.view.id).unwrap().unwrap();
        assert!(!String::from_utf8(kept).unwrap().contains(secret));
        for nobody in ["rok_", "rok_0_0", &format!("rok_{}_0", made.view.id)] {
            assert_eq!(book().whose(nobody).unwrap(), None);
        }
        assert!(book().revoke(&made.view.id).unwrap().revoked_at.is_some());
        assert_eq!(book().whose(&made.token).unwrap(), None);
        let unknown = book().revoke("nobody").unwrap_err();
        assert_eq!(unknown, TokenError::Unknown("nobody".into()));
    }

    #[test]
    fn tokens_of_a_file_are_taken_over_as_they_are() {
        let dir = tempfile::tempdir().unwrap();
        let file = TokenBook::at(dir.path().join("t.json"));
        let made = file.create("ada", &roles(&["admin"]), None).unwrap();
        let ended = file.create("bob", &roles(&["admin"]), None).unwrap();
        file.revoke(&ended.view.id).unwrap();
        let book = TokenBook::in_database(Arc::new(MemoryCells::new()));
        assert_eq!(book.not_here(&file).unwrap()[0], made.view);
        assert_eq!(book.import(&file).unwrap().len(), 2);
        assert!(book.not_here(&file).unwrap().is_empty());
        assert!(book.import(&file).unwrap().is_empty());
        assert_eq!(book.whose(&made.token).unwrap(), Some(made.view));
        assert_eq!(book.whose(&ended.token).unwrap(), None);
    }
}
