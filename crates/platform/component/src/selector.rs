//! Which components are meant: by type, lifecycle, tags, name and owner, and
//! by what may run at all.

use alloc::collections::{BTreeMap, BTreeSet};
use alloc::format;
use alloc::string::{String, ToString};
use alloc::sync::Arc;
use alloc::vec::Vec;
use core::fmt;
use core::str::FromStr;
use rok_plan::nearest;
use rok_vocabulary::{Channel, ComponentName, ComponentStatus, ComponentType};
use semver::Version;

use crate::decode::is_tag;
use crate::model::Component;
use crate::name::{NameError, NamePattern};

/// What a component must be. Of several values of one kind any will do, of
/// tags all must be there.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Selector {
    /// Any of these types.
    pub types: Vec<ComponentType>,
    /// Any of these statuses.
    pub statuses: Vec<ComponentStatus>,
    /// Any of these channels.
    pub channels: Vec<Channel>,
    /// Any of these, as a status or as a channel.
    pub lifecycles: Vec<Lifecycle>,
    /// All of these tags.
    pub tags: Vec<String>,
    /// Any of these names.
    pub names: Vec<NamePattern>,
    /// Any of these owners.
    pub owners: Vec<String>,
}

/// A status or a channel, whichever has this word.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Lifecycle {
    /// As a status.
    pub status: Option<ComponentStatus>,
    /// As a channel.
    pub channel: Option<Channel>,
}

impl Lifecycle {
    /// Every word, of statuses and then of channels.
    pub fn words() -> impl Iterator<Item = &'static str> + Clone {
        let channels = Channel::WORDS.iter();
        let more = channels.filter(|word| !ComponentStatus::WORDS.contains(word));
        ComponentStatus::WORDS.iter().chain(more).copied()
    }

    fn matches(self, component: &Component) -> bool {
        self.status == Some(component.status) || self.channel == Some(component.channel)
    }
}

/// The keys of a filter.
const KEYS: &[&str] = &[
    "type",
    "lifecycle",
    "status",
    "channel",
    "tag",
    "name",
    "owner",
];

/// A filter that is none.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SelectorError {
    /// A part is no `key=value`.
    #[error("`{part}` is no filter: write `key=value`, such as `type=validator`")]
    NoPair {
        /// The part.
        part: String,
    },
    /// A key that filters do not have.
    #[error("unknown filter `{key}`{}", hint(.nearest.as_deref()))]
    UnknownKey {
        /// The key.
        key: String,
        /// What may be meant.
        nearest: Option<String>,
    },
    /// A value that a key does not have.
    #[error("unknown {key} `{value}`{}", hint(.nearest.as_deref()))]
    UnknownValue {
        /// The key.
        key: String,
        /// The value.
        value: String,
        /// What may be meant, or what there is.
        nearest: Option<String>,
    },
    /// A name that is none.
    #[error(transparent)]
    Name(#[from] NameError),
}

fn hint(nearest: Option<&str>) -> String {
    nearest.map_or_else(String::new, |nearest| format!(": did you mean {nearest}?"))
}

/// Why a component is left out.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Left {
    /// It is of another type.
    Type(ComponentType),
    /// It stands elsewhere in its life.
    Lifecycle(ComponentStatus, Channel),
    /// It lacks a tag.
    Tag(String),
    /// It has another name or version.
    Name,
    /// Somebody else owns it.
    Owner,
    /// It is a draft, and drafts are not allowed.
    Draft,
    /// It is deprecated, and neither named nor filtered for.
    Deprecated,
    /// It is archived.
    Archived,
    /// A later version of it is taken.
    Older(Version),
    /// An earlier version of it is taken: this one does not go with others.
    Newer(Version),
}

impl fmt::Display for Left {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Type(kind) => write!(f, "it is a {kind}"),
            Self::Lifecycle(status, channel) => write!(f, "it is {status}, in channel {channel}"),
            Self::Tag(tag) => write!(f, "it has no tag `{tag}`"),
            Self::Name => f.write_str("it has another name or version"),
            Self::Owner => f.write_str("it has another owner"),
            Self::Draft => f.write_str("it is a draft, and runs with --allow-draft only"),
            Self::Deprecated => {
                f.write_str("it is deprecated, and runs only where it is named or filtered for")
            }
            Self::Archived => f.write_str("it is archived, and never runs"),
            Self::Older(version) => write!(f, "version {version} of it is taken"),
            Self::Newer(version) => write!(
                f,
                "version {version} of it is taken, the latest that goes with what requires it and what it requires"
            ),
        }
    }
}

/// What a selector comes to.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Selection {
    /// What is taken, by name: of each the latest version that fits.
    pub taken: Vec<Arc<Component>>,
    /// What is not, and why.
    pub left: Vec<(Arc<Component>, Left)>,
}

impl Selector {
    /// A filter: `type=validator,lifecycle=canary`. A key may stand more than
    /// once.
    pub fn parse(filter: &str) -> Result<Self, SelectorError> {
        let mut selector = Self::default();
        selector.filter(filter)?;
        Ok(selector)
    }

    /// Adds a filter.
    pub fn filter(&mut self, filter: &str) -> Result<(), SelectorError> {
        for part in filter
            .split(',')
            .map(str::trim)
            .filter(|part| !part.is_empty())
        {
            let pair = part
                .split_once('=')
                .filter(|(_, value)| !value.trim().is_empty());
            let (key, value) = pair.ok_or_else(|| SelectorError::NoPair {
                part: part.chars().take(80).collect(),
            })?;
            self.pair(key.trim(), value.trim())?;
        }
        Ok(())
    }

    fn pair(&mut self, key: &str, value: &str) -> Result<(), SelectorError> {
        match key {
            "type" => self.types.push(word(key, value, ComponentType::WORDS)?),
            "status" => self
                .statuses
                .push(word(key, value, ComponentStatus::WORDS)?),
            "channel" => self.channels.push(word(key, value, Channel::WORDS)?),
            "lifecycle" => self.lifecycles.push(value.parse()?),
            "tag" => self.tag(value)?,
            "name" => self.names.push(value.parse()?),
            "owner" => self.owners.push(value.to_string()),
            _ => {
                let meant = nearest(key, KEYS.iter().copied()).map(|key| format!("`{key}`"));
                return Err(SelectorError::UnknownKey {
                    key: key.chars().take(80).collect(),
                    nearest: Some(meant.unwrap_or_else(|| one_of(KEYS.iter().copied()))),
                });
            }
        }
        Ok(())
    }

    /// Adds a tag that must be there.
    pub fn tag(&mut self, tag: &str) -> Result<(), SelectorError> {
        if !is_tag(tag) {
            return Err(SelectorError::UnknownValue {
                key: "tag".to_string(),
                value: tag.chars().take(80).collect(),
                nearest: Some("a tag like `pre-commit`".to_string()),
            });
        }
        self.tags.push(tag.to_string());
        Ok(())
    }

    /// This selector, and what it does not speak of as `defaults` has it.
    /// Lifecycle, status and channel are one matter.
    #[must_use]
    pub fn or(mut self, defaults: Self) -> Self {
        let life =
            self.lifecycles.is_empty() && self.statuses.is_empty() && self.channels.is_empty();
        if life {
            self.lifecycles = defaults.lifecycles;
            self.statuses = defaults.statuses;
            self.channels = defaults.channels;
        }
        if self.types.is_empty() {
            self.types = defaults.types;
        }
        if self.tags.is_empty() {
            self.tags = defaults.tags;
        }
        if self.names.is_empty() {
            self.names = defaults.names;
        }
        if self.owners.is_empty() {
            self.owners = defaults.owners;
        }
        self
    }

    /// Whether a component is meant, whatever it may do.
    pub fn matches(&self, component: &Component) -> Result<(), Left> {
        let any = |empty: bool, found: bool| empty || found;
        let named = self.names.iter().any(|name| name.matches(component));
        if !any(self.names.is_empty(), named) {
            return Err(Left::Name);
        }
        if !any(self.types.is_empty(), self.types.contains(&component.kind)) {
            return Err(Left::Type(component.kind));
        }
        let life = any(
            self.statuses.is_empty(),
            self.statuses.contains(&component.status),
        ) && any(
            self.channels.is_empty(),
            self.channels.contains(&component.channel),
        ) && any(
            self.lifecycles.is_empty(),
            self.lifecycles.iter().any(|life| life.matches(component)),
        );
        if !life {
            return Err(Left::Lifecycle(component.status, component.channel));
        }
        if let Some(tag) = self.tags.iter().find(|tag| !component.tags.contains(*tag)) {
            return Err(Left::Tag(tag.clone()));
        }
        let owner = component.owner.as_ref();
        let owned = owner.is_some_and(|owner| self.owners.contains(owner));
        if !any(self.owners.is_empty(), owned) {
            return Err(Left::Owner);
        }
        Ok(())
    }

    /// Whether a component is meant and may run.
    pub fn admits(&self, component: &Component, drafts: bool) -> Result<(), Left> {
        self.matches(component)?;
        match component.status {
            ComponentStatus::Archived => Err(Left::Archived),
            ComponentStatus::Draft if !drafts => Err(Left::Draft),
            _ if component.is_deprecated() && !self.asks_for(component) => Err(Left::Deprecated),
            _ => Ok(()),
        }
    }

    /// Whether a deprecated component is named or filtered for.
    fn asks_for(&self, component: &Component) -> bool {
        let exact = |name: &NamePattern| name.exact().is_some() && name.matches(component);
        let of_life = |life: &Lifecycle| {
            life.status == Some(ComponentStatus::Deprecated)
                || life.channel == Some(Channel::Deprecated)
        };
        self.names.iter().any(exact)
            || self.statuses.contains(&ComponentStatus::Deprecated)
            || self.channels.contains(&Channel::Deprecated)
            || self.lifecycles.iter().any(of_life)
    }

    /// What is meant and may run: of each name the latest version that fits.
    #[must_use]
    pub fn select(&self, all: &[Arc<Component>], drafts: bool) -> Selection {
        let mut selection = Selection::default();
        for component in all {
            match self.admits(component, drafts) {
                Err(left) => selection.left.push((Arc::clone(component), left)),
                Ok(()) => selection.take(component),
            }
        }
        selection.taken.sort_by(|a, b| a.name.cmp(&b.name));
        selection
    }
}

impl Selection {
    /// What may be taken of each name that is: the latest first, and after all
    /// of them those that are deprecated, which a requirement may ask for.
    #[must_use]
    pub fn candidates(&self) -> Vec<Arc<Component>> {
        let names: BTreeSet<&ComponentName> = self.taken.iter().map(|t| &t.name).collect();
        let left = |why: fn(&Left) -> bool| {
            let left = self.left.iter().filter(move |(_, left)| why(left));
            let left = left.filter(|(component, _)| names.contains(&component.name));
            let mut left: Vec<_> = left.map(|(component, _)| Arc::clone(component)).collect();
            left.sort_by(|a, b| b.version.cmp(&a.version));
            left
        };
        let older = left(|left| matches!(left, Left::Older(_)));
        let deprecated = left(|left| matches!(left, Left::Deprecated));
        let taken = self.taken.iter().cloned();
        taken.chain(older).chain(deprecated).collect()
    }

    /// The selection once it is known which of the candidates run.
    #[must_use]
    pub fn settled(self, run: &[Arc<Component>]) -> Self {
        let by_name: BTreeMap<_, _> = run.iter().map(|run| (&run.name, run)).collect();
        let other = |component: &Component| by_name.get(&component.name).copied();
        let runs = |component: &Component| {
            let other = other(component);
            other.is_some_and(|other| other.version == component.version)
        };
        let candidates = self.candidates();
        let mut settled = Self::default();
        for component in &candidates {
            let why = match other(component) {
                Some(other) if runs(component) => {
                    settled.taken.push(Arc::clone(other));
                    continue;
                }
                Some(other) if component.version < other.version => {
                    Left::Older(other.version.clone())
                }
                Some(other) => Left::Newer(other.version.clone()),
                None => Left::Name,
            };
            settled.left.push((Arc::clone(component), why));
        }
        let known: BTreeSet<_> = candidates.iter().map(|candidate| candidate.id()).collect();
        let others = self.left.into_iter();
        let others =
            others.filter(|(component, _)| !known.contains(&component.id()) && !runs(component));
        settled.left.extend(others);
        settled.taken.sort_by(|a, b| a.name.cmp(&b.name));
        settled.left.sort_by_key(|(component, _)| component.id());
        settled
    }

    /// Takes a component, or leaves the older one of two versions.
    fn take(&mut self, component: &Arc<Component>) {
        let same = |other: &Arc<Component>| other.name == component.name;
        let Some(at) = self.taken.iter().position(same) else {
            self.taken.push(Arc::clone(component));
            return;
        };
        let mut older = Arc::clone(component);
        if self.taken[at].version < component.version {
            core::mem::swap(&mut self.taken[at], &mut older);
        }
        let newer = self.taken[at].version.clone();
        self.left.push((older, Left::Older(newer)));
    }
}

impl FromStr for Lifecycle {
    type Err = SelectorError;

    fn from_str(text: &str) -> Result<Self, SelectorError> {
        let (status, channel) = (text.parse().ok(), text.parse().ok());
        if status.is_none() && channel.is_none() {
            return Err(unknown("lifecycle", text, Self::words()));
        }
        Ok(Self { status, channel })
    }
}

fn word<T: FromStr>(
    key: &str,
    value: &str,
    words: &'static [&'static str],
) -> Result<T, SelectorError> {
    let known = words.iter().copied();
    value.parse().map_err(|_| unknown(key, value, known))
}

fn unknown(
    key: &str,
    value: &str,
    known: impl Iterator<Item = &'static str> + Clone,
) -> SelectorError {
    let meant = nearest(value, known.clone()).map(|word| format!("`{word}`"));
    SelectorError::UnknownValue {
        key: key.to_string(),
        value: value.chars().take(80).collect(),
        nearest: Some(meant.unwrap_or_else(|| one_of(known))),
    }
}

fn one_of<'w>(words: impl Iterator<Item = &'w str>) -> String {
    let words: Vec<String> = words.map(|word| format!("`{word}`")).collect();
    words.join(" or ")
}

#[cfg(test)]
mod tests;
