//! [`Secrets`]: values by name. Nothing here prints a value.

use crate::mask::Masker;
use rok_vocabulary::InputName;
use std::collections::BTreeMap;
use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::{Arc, OnceLock};

/// A shorter value cannot be masked without masking unrelated text.
pub const MIN_SECRET_BYTES: usize = 4;

/// The secrets of a run, by name. Cloning is cheap.
#[derive(Clone, Default)]
pub struct Secrets {
    inner: Arc<Inner>,
}

#[derive(Default)]
struct Inner {
    values: BTreeMap<InputName, Box<str>>,
    /// Made once, on first use: every step of a run masks by the same one.
    masker: OnceLock<Masker>,
}

/// A secret cannot be had. Names the secret and the place, never a value.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum SecretsError {
    /// A secret that the plan names was not given.
    #[error("secret `{name}` is missing: set it in {from}")]
    Missing {
        /// The secret.
        name: InputName,
        /// Where it was looked for.
        from: String,
    },
    /// A secret has no content.
    #[error("secret `{name}` is empty in {from}")]
    Empty {
        /// The secret.
        name: InputName,
        /// Where it was found.
        from: String,
    },
    /// A value that cannot serve as a secret.
    #[error("secret `{name}` in {from} {why}")]
    Unfit {
        /// The secret.
        name: InputName,
        /// Where it was found.
        from: String,
        /// What is wrong with it, without the value.
        why: &'static str,
    },
    /// A secrets file that others can read.
    #[error(
        "secrets file {} can be read by others (mode {mode:03o}): run `chmod 600` on it",
        path.display()
    )]
    Exposed {
        /// The file.
        path: PathBuf,
        /// Its permission bits.
        mode: u32,
    },
    /// A secrets file that is not in one of the two forms.
    #[error(
        "secrets file {}, line {line}{}: {why}",
        path.display(),
        key.as_ref().map(|key| format!(", key `{key}`")).unwrap_or_default()
    )]
    Malformed {
        /// The file.
        path: PathBuf,
        /// The line, 1-based.
        line: usize,
        /// The key, where there is one.
        key: Option<String>,
        /// What is wrong and what is expected.
        why: &'static str,
    },
    /// A secrets file that cannot be read.
    #[error("cannot read secrets file {}", path.display())]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// The operating system's answer.
        #[source]
        source: std::io::Error,
    },
}

impl Secrets {
    /// No secrets.
    #[must_use]
    pub fn none() -> Self {
        Self::default()
    }

    /// Secrets given as values; for embedders and tests.
    pub fn from_pairs<V: Into<String>>(
        pairs: impl IntoIterator<Item = (InputName, V)>,
    ) -> Result<Self, SecretsError> {
        let mut values = BTreeMap::new();
        for (name, value) in pairs {
            let value = fit(&name, value.into(), "the values given")?;
            values.insert(name, value);
        }
        Ok(Self::new(values))
    }

    /// Reads the named secrets from environment variables of the same names.
    pub fn from_env<'a>(
        names: impl IntoIterator<Item = &'a InputName>,
    ) -> Result<Self, SecretsError> {
        Self::from_lookup(names, "the environment", |name| {
            std::env::var_os(name.as_str())
        })
    }

    /// Reads every secret of a file: `KEY=VALUE` lines (`#` comments on lines
    /// of their own, `'…'` literal, `"…"` with `\n \t \" \\`), or one JSON object of strings.
    /// A file that its group or others can read is refused.
    pub fn from_file(path: &Path) -> Result<Self, SecretsError> {
        let from = format!("secrets file {}", path.display());
        let mut values = BTreeMap::new();
        for (name, value) in crate::file::read(path)? {
            let value = fit(&name, value, &from)?;
            values.insert(name, value);
        }
        Ok(Self::new(values))
    }

    /// The named secrets only; one that is missing is an error, which says
    /// that it was looked for in `from` (for example the file's path).
    pub fn select<'a>(
        &self,
        names: impl IntoIterator<Item = &'a InputName>,
        from: &str,
    ) -> Result<Self, SecretsError> {
        Self::from_lookup(names, from, |name| self.get(name.as_str()).map(Into::into))
    }

    fn from_lookup<'a>(
        names: impl IntoIterator<Item = &'a InputName>,
        from: &str,
        lookup: impl Fn(&InputName) -> Option<std::ffi::OsString>,
    ) -> Result<Self, SecretsError> {
        let mut values = BTreeMap::new();
        for name in names {
            let missing = || SecretsError::Missing {
                name: name.clone(),
                from: from.to_owned(),
            };
            let value = lookup(name)
                .ok_or_else(missing)?
                .into_string()
                .map_err(|_| SecretsError::Unfit {
                    name: name.clone(),
                    from: from.to_owned(),
                    why: "is not UTF-8",
                })?;
            values.insert(name.clone(), fit(name, value, from)?);
        }
        Ok(Self::new(values))
    }

    fn new(values: BTreeMap<InputName, Box<str>>) -> Self {
        Self {
            inner: Arc::new(Inner {
                values,
                masker: OnceLock::new(),
            }),
        }
    }

    /// The masker of these secrets, made once for all clones.
    pub(crate) fn masker(&self) -> &Masker {
        self.inner.masker.get_or_init(|| Masker::build(self))
    }

    /// These secrets and those of `other`, which win where both have one.
    #[must_use]
    pub fn with(&self, other: &Self) -> Self {
        let mut values = self.inner.values.clone();
        let more = &other.inner.values;
        values.extend(
            more.iter()
                .map(|(name, value)| (name.clone(), value.clone())),
        );
        Self::new(values)
    }

    /// The value of a secret. Whoever asks must not let it out.
    #[must_use]
    pub fn get(&self, name: &str) -> Option<&str> {
        self.inner.values.get(name).map(|value| &**value)
    }

    /// The names, sorted.
    pub fn names(&self) -> impl Iterator<Item = &InputName> {
        self.inner.values.keys()
    }

    /// Whether there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.inner.values.is_empty()
    }

    /// How many there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.inner.values.len()
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = (&InputName, &str)> {
        self.inner
            .values
            .iter()
            .map(|(name, value)| (name, &**value))
    }
}

impl fmt::Debug for Secrets {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secrets")?;
        f.debug_list().entries(self.inner.values.keys()).finish()
    }
}

/// Refuses what cannot be passed on or cannot be masked.
fn fit(name: &InputName, value: String, from: &str) -> Result<Box<str>, SecretsError> {
    let why = if value.is_empty() {
        return Err(SecretsError::Empty {
            name: name.clone(),
            from: from.to_owned(),
        });
    } else if value.contains('\0') {
        "holds a NUL byte, which no environment or header can carry"
    } else if value.trim().len() < MIN_SECRET_BYTES {
        "is shorter than 4 bytes: masking it would mask unrelated text"
    } else if value.bytes().all(|byte| byte == b'*') {
        "consists of `*` only, which is what masking writes"
    } else {
        return Ok(value.into_boxed_str());
    };
    Err(SecretsError::Unfit {
        name: name.clone(),
        from: from.to_owned(),
        why,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use rstest::rstest;

    fn name(text: &str) -> InputName {
        text.parse().unwrap()
    }

    #[test]
    fn debug_shows_names_only() {
        let secrets = Secrets::from_pairs([(name("TOKEN"), "hunter2hunter2")]).unwrap();
        assert_eq!(format!("{secrets:?}"), "Secrets[\"TOKEN\"]");
        assert_eq!(secrets.get("TOKEN"), Some("hunter2hunter2"));
        assert_eq!(secrets.get("OTHER"), None);
    }

    #[test]
    fn a_missing_variable_is_named() {
        let error = Secrets::from_env([&name("ROK_SECRETS_TEST_ABSENT")]).unwrap_err();
        assert_eq!(
            error.to_string(),
            "secret `ROK_SECRETS_TEST_ABSENT` is missing: set it in the environment"
        );
    }

    #[rstest]
    #[case("", "secret `S` is empty in the values given")]
    #[case("abc", "shorter than 4 bytes")]
    #[case("   \n", "shorter than 4 bytes")]
    #[case("a\0bcd", "NUL byte")]
    #[case("*****", "`*` only")]
    fn unfit_values_are_refused(#[case] value: &str, #[case] part: &str) {
        let error = Secrets::from_pairs([(name("S"), value)])
            .unwrap_err()
            .to_string();
        assert!(error.contains(part), "{error}");
    }

    #[test]
    fn select_and_with() {
        let a = Secrets::from_pairs([(name("A"), "aaaaaaaa"), (name("B"), "bbbbbbbb")]).unwrap();
        let b = Secrets::from_pairs([(name("B"), "cccccccc")]).unwrap();
        let both = a.with(&b);
        assert_eq!(
            (both.get("A"), both.get("B")),
            (Some("aaaaaaaa"), Some("cccccccc"))
        );
        assert_eq!(both.select([&name("A")], "here").unwrap().len(), 1);
        let error = b.select([&name("A")], "file x").unwrap_err();
        assert_eq!(error.to_string(), "secret `A` is missing: set it in file x");
    }
}
