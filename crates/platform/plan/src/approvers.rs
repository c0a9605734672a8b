//! Who may decide: the approvers of a manual gate, and of an override.
//! Invariant: whoever is not named is not allowed, and one person is one
//! approval.

use alloc::format;
use alloc::string::{String, ToString};
use alloc::vec::Vec;
use core::fmt;
use core::str::FromStr;
use core::time::Duration;
use rok_vocabulary::Actor;

/// The longest name, as of an actor.
const NAME_MAX: usize = 128;

/// Who may approve, and how many must.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Approvers {
    /// Who may; empty: everybody.
    pub any_of: Vec<Approver>,
    /// How many different persons must; at least 1.
    pub count: u32,
    /// Whether whoever submitted the run does not count.
    pub not_submitter: bool,
}

impl Default for Approvers {
    /// One person, whoever it is.
    fn default() -> Self {
        Self {
            any_of: Vec::new(),
            count: 1,
            not_submitter: false,
        }
    }
}

/// One of those who may approve.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum Approver {
    /// This user.
    User(String),
    /// Whoever has this role.
    Role(String),
}

/// A text that names no approver.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{text}` names no approver: write user:NAME or role:NAME")]
pub struct ApproverError {
    /// The text that was met, cut to 80 characters.
    pub text: String,
}

/// What a person may not do, and why.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum NotEntitled {
    /// The plan names others.
    #[error("{who} may")]
    NotNamed {
        /// Who may, in words.
        who: String,
    },
    /// The plan asks for another person than the submitter.
    #[error("whoever submitted the run may not, {who} may")]
    Submitter {
        /// Who may, in words.
        who: String,
    },
}

/// How often a failed hard gate may be overridden, and for how long.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Overrides {
    /// How many a run may have.
    pub max: u32,
    /// How long one is good for.
    pub expires: Duration,
    /// Who may; one of them is enough.
    pub by: Approvers,
}

impl Default for Overrides {
    /// `overrides: {}`: one, for a day, by anybody.
    fn default() -> Self {
        Self {
            max: 1,
            expires: Duration::from_secs(24 * 60 * 60),
            by: Approvers::default(),
        }
    }
}

impl Approver {
    /// Whether this entry means an actor with these roles.
    fn means(&self, actor: &Actor, roles: &[String]) -> bool {
        match (self, actor) {
            (Self::User(name), Actor::User(user)) => **name == **user,
            (Self::User(_), _) => false,
            (Self::Role(role), _) => roles.contains(role),
        }
    }
}

impl Approvers {
    /// As which entry an actor may decide: `None` where everybody may.
    pub fn entitle(
        &self,
        actor: &Actor,
        roles: &[String],
        submitter: &Actor,
    ) -> Result<Option<&Approver>, NotEntitled> {
        let entry = self.named(actor, roles)?;
        if self.not_submitter && actor == submitter {
            let who = self.who();
            return Err(NotEntitled::Submitter { who });
        }
        Ok(entry)
    }

    /// As which entry an actor is named, whoever submitted the run.
    pub fn named(&self, actor: &Actor, roles: &[String]) -> Result<Option<&Approver>, NotEntitled> {
        if self.any_of.is_empty() {
            return Ok(None);
        }
        let found = self.any_of.iter().find(|one| one.means(actor, roles));
        found
            .map(Some)
            .ok_or_else(|| NotEntitled::NotNamed { who: self.who() })
    }

    /// Who may, in words: `user:ada or role:release-manager, other than the submitter`.
    #[must_use]
    pub fn who(&self) -> String {
        let names: Vec<String> = self.any_of.iter().map(ToString::to_string).collect();
        let names = match names.split_last() {
            None => "anybody".into(),
            Some((one, [])) => one.clone(),
            Some((last, rest)) => format!("{} or {last}", rest.join(", ")),
        };
        if self.not_submitter {
            format!("{names}, other than the submitter")
        } else {
            names
        }
    }
}

impl fmt::Display for Approver {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::User(name) => write!(f, "user:{name}"),
            Self::Role(name) => write!(f, "role:{name}"),
        }
    }
}

impl FromStr for Approver {
    type Err = ApproverError;
    fn from_str(text: &str) -> Result<Self, ApproverError> {
        let (kind, name) = text.split_once(':').unwrap_or_default();
        let fits = (1..=NAME_MAX).contains(&name.chars().count())
            && !name.chars().any(char::is_control)
            && name.trim() == name;
        match kind {
            "user" if fits => Ok(Self::User(name.into())),
            "role" if fits => Ok(Self::Role(name.into())),
            _ => Err(ApproverError {
                text: text.chars().take(80).collect(),
            }),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use rstest::rstest;

    fn approvers(any_of: &[&str], not_submitter: bool) -> Approvers {
        Approvers {
            any_of: any_of.iter().map(|one| one.parse().unwrap()).collect(),
            count: 1,
            not_submitter,
        }
    }

    #[rstest]
    #[case::anybody(&[], false, "user:ada", &[], Ok(None))]
    #[case::by_name(&["user:ada"], false, "user:ada", &[], Ok(Some("user:ada")))]
    #[case::another_name(&["user:ada"], false, "user:bob", &[], Err("user:ada may"))]
    #[case::an_agent_is_no_user(&["user:ada"], false, "agent:ada", &[], Err("user:ada may"))]
    #[case::by_role(&["user:ada", "role:rm"], false, "user:bob", &["rm"], Ok(Some("role:rm")))]
    #[case::a_role_is_no_name(&["user:rm"], false, "user:bob", &["rm"], Err("user:rm may"))]
    #[case::the_submitter(
        &[], true, "user:eve", &[],
        Err("whoever submitted the run may not, anybody, other than the submitter may")
    )]
    #[case::the_submitter_in_the_role(
        &["role:rm"], true, "user:eve", &["rm"],
        Err("whoever submitted the run may not, role:rm, other than the submitter may")
    )]
    fn entitled(
        #[case] any_of: &[&str],
        #[case] not_submitter: bool,
        #[case] actor: &str,
        #[case] roles: &[&str],
        #[case] expected: Result<Option<&str>, &str>,
    ) {
        let approvers = approvers(any_of, not_submitter);
        let roles: Vec<String> = roles.iter().map(ToString::to_string).collect();
        let submitter = "user:eve".parse().unwrap();
        let entry = approvers.entitle(&actor.parse().unwrap(), &roles, &submitter);
        let entry = entry
            .map(|entry| entry.map(ToString::to_string))
            .map_err(|error| error.to_string());
        let expected = expected.map(|entry| entry.map(ToString::to_string));
        assert_eq!(entry, expected.map_err(ToString::to_string));
    }

    #[rstest]
    #[case("ada")]
    #[case("user:")]
    #[case("group:x")]
    #[case("user: ada")]
    #[case("role:a\u{7}")]
    fn what_names_nobody(#[case] text: &str) {
        assert!(text.parse::<Approver>().is_err());
    }

    #[test]
    fn several_in_words() {
        assert_eq!(
            approvers(&["user:a", "user:b", "role:c"], false).who(),
            "user:a, user:b or role:c"
        );
    }
}
