//! Text in which secrets stand as names. The core sees the name, only the
//! executor the value.

use alloc::string::String;
use alloc::vec::Vec;
use rok_vocabulary::InputName;

/// A piece of a [`SecretText`].
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Part {
    /// Text as it is.
    Text(String),
    /// The value of the secret of this name.
    Secret(InputName),
}

/// A secret that is named and has no value.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("secret `{name}` has no value")]
pub struct MissingSecret {
    /// The secret's name.
    pub name: InputName,
}

/// Text in which secrets stand as names.
#[derive(Debug, Clone, Default, PartialEq, Eq, Hash)]
pub struct SecretText {
    parts: Vec<Part>,
}

impl SecretText {
    /// Text without secrets.
    pub fn plain(text: impl Into<String>) -> Self {
        Self::from_parts([Part::Text(text.into())])
    }

    /// Text from its parts; neighbouring texts are joined, empty ones dropped.
    pub fn from_parts(parts: impl IntoIterator<Item = Part>) -> Self {
        let mut joined: Vec<Part> = Vec::new();
        for part in parts {
            match (joined.last_mut(), part) {
                (_, Part::Text(text)) if text.is_empty() => {}
                (Some(Part::Text(before)), Part::Text(text)) => before.push_str(&text),
                (_, part) => joined.push(part),
            }
        }
        Self { parts: joined }
    }

    /// The parts, in order; never two texts in a row.
    pub fn parts(&self) -> &[Part] {
        &self.parts
    }

    /// Whether a secret stands in it.
    pub fn has_secrets(&self) -> bool {
        self.parts
            .iter()
            .any(|part| matches!(part, Part::Secret(_)))
    }

    /// The text, unless a secret stands in it.
    pub fn as_plain(&self) -> Option<&str> {
        match self.parts.as_slice() {
            [] => Some(""),
            [Part::Text(text)] => Some(text),
            _ => None,
        }
    }

    /// The text with the secrets' values filled in.
    pub fn reveal<'a>(
        &self,
        lookup: impl Fn(&InputName) -> Option<&'a str>,
    ) -> Result<String, MissingSecret> {
        let mut text = String::new();
        for part in &self.parts {
            match part {
                Part::Text(plain) => text.push_str(plain),
                Part::Secret(name) => {
                    let value = lookup(name).ok_or_else(|| MissingSecret { name: name.clone() })?;
                    text.push_str(value);
                }
            }
        }
        Ok(text)
    }
}
