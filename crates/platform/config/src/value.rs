//! A setting's value: how it is read from text, and how it is shown.

use crate::keys::Kind;
use rok_log::Durability;
use rok_vocabulary::{Capability, Profile, SandboxMode};
use serde::{Serialize, Serializer};
use std::fmt;
use std::num::NonZeroU32;
use std::path::{Path, PathBuf};
use std::time::Duration;
use zeroize::Zeroizing;

/// A year: longer times are a slip of the pen.
const MAX_MILLIS: i64 = 366 * 86_400_000;

/// A text that is shown nowhere and wiped when it is dropped.
#[derive(Clone, PartialEq, Eq)]
pub struct Hidden(Zeroizing<String>);

impl Hidden {
    /// The text, for the one who needs it.
    #[must_use]
    pub fn expose(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Hidden {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("***")
    }
}

/// A value of a setting.
#[derive(Debug, Clone, PartialEq, Eq)]
#[expect(missing_docs, reason = "the kinds' own names; see `Kind`")]
pub enum Value {
    Profile(Profile),
    Bool(bool),
    /// Milliseconds; not positive is a contradiction, told with the others.
    Millis(i64),
    Count(NonZeroU32),
    Durability(Durability),
    Sandbox(SandboxMode),
    Path(PathBuf),
    Paths(Vec<PathBuf>),
    Name(String),
    Words(Vec<String>),
    /// A program and its arguments.
    Command(Vec<String>),
    Secret(Hidden),
}

impl Value {
    /// Reads a text as a value of a kind; paths are taken from `base`.
    pub(crate) fn parse(kind: Kind, text: &str, base: &Path) -> Result<Self, String> {
        let list = |separator: char| text.split(separator).filter(|item| !item.is_empty());
        match kind {
            Kind::Paths => return Ok(Self::Paths(list(':').map(|item| base.join(item)).collect())),
            Kind::Words => {
                let words = list(',').map(|item| word(item.trim()));
                return words.collect::<Result<_, _>>().map(Self::Words);
            }
            Kind::Capabilities => {
                let able = list(',').map(|item| capability(item.trim()));
                return able.collect::<Result<_, _>>().map(Self::Words);
            }
            Kind::Roots => {
                let roots = list(',').map(|item| root(item.trim(), base));
                return roots.collect::<Result<_, _>>().map(Self::Words);
            }
            Kind::Hosts => {
                let hosts = list(',').map(|item| host(item.trim()));
                return hosts.collect::<Result<_, _>>().map(Self::Words);
            }
            _ if text.is_empty() => return Err("the value is empty".to_owned()),
            _ => {}
        }
        let quoted = quoted(text);
        match kind {
            Kind::Profile => text
                .parse()
                .map(Self::Profile)
                .map_err(|_| format!("{quoted} is no profile (STRICT, STANDARD or OBSERVE_ONLY)")),
            Kind::Bool => match text {
                "true" => Ok(Self::Bool(true)),
                "false" => Ok(Self::Bool(false)),
                _ => Err(format!("{quoted} is neither true nor false")),
            },
            Kind::Millis => match text.parse::<i64>() {
                Ok(ms) if ms <= MAX_MILLIS => Ok(Self::Millis(ms)),
                Ok(_) => Err(format!("{quoted} milliseconds are more than a year")),
                Err(_) => Err(format!(
                    "{quoted} is no number of milliseconds (write for example 5000)"
                )),
            },
            Kind::Count => text
                .parse()
                .map(Self::Count)
                .map_err(|_| format!("{quoted} is no number of at least 1")),
            Kind::Durability => match text {
                "fsync" => Ok(Self::Durability(Durability::Fsync)),
                "flush" => Ok(Self::Durability(Durability::Flush)),
                _ => Err(format!("{quoted} is neither fsync nor flush")),
            },
            Kind::Sandbox => text
                .parse()
                .map(Self::Sandbox)
                .map_err(|_| format!("{quoted} is none of off, asked and required")),
            Kind::Path => Ok(Self::Path(base.join(text))),
            Kind::Name => name(text).map(Self::Name),
            Kind::User => name(text.strip_prefix("user:").unwrap_or(text)).map(Self::Name),
            Kind::Url => url(text).map(Self::Name),
            Kind::Store => store(text, base).map(Self::Path),
            Kind::Mail => mail(text).map(Self::Name),
            Kind::Command => {
                let words: Vec<String> = text.split_whitespace().map(str::to_owned).collect();
                if words.is_empty() {
                    return Err("the value is empty".to_owned());
                }
                Ok(Self::Command(words))
            }
            Kind::Secret => Ok(Self::Secret(Hidden(Zeroizing::new(text.to_owned())))),
            Kind::Paths | Kind::Roots | Kind::Words | Kind::Capabilities | Kind::Hosts => {
                unreachable!("lists returned above")
            }
        }
    }
}

/// The file of a database. Another address may hold a password: it is not shown.
fn store(text: &str, base: &Path) -> Result<PathBuf, String> {
    let path = text.strip_prefix("sqlite:");
    if let Some(path) = path.filter(|path| !path.is_empty()) {
        return Ok(base.join(path));
    }
    let postgres = ["postgres:", "postgresql:"];
    Err(if postgres.iter().any(|scheme| text.starts_with(scheme)) {
        "runs cannot be kept in PostgreSQL (write sqlite:PATH)".to_owned()
    } else {
        "the value is no store (write sqlite:PATH)".to_owned()
    })
}

/// An address of a server, without a path of its own.
fn url(text: &str) -> Result<String, String> {
    let rest = text.strip_prefix("https://");
    let rest = rest.or_else(|| text.strip_prefix("http://"));
    let rest = rest.map(|rest| rest.strip_suffix('/').unwrap_or(rest));
    let stray = |c: char| c.is_whitespace() || c.is_control() || "/?#@\\".contains(c);
    match rest {
        Some(rest) if !rest.is_empty() && !rest.contains(stray) => {
            Ok(text.trim_end_matches('/').to_owned())
        }
        // It may hold a password: it is not shown.
        _ if text.contains('@') => Err(
            "the value is no address of a server (write https://host:port; who calls is told by `token`)"
                .to_owned(),
        ),
        _ => Err(format!(
            "{} is no address of a server (write https://host:port)",
            quoted(text)
        )),
    }
}

/// An address of a mail server; who sends reads it closely. What is wrong with
/// it may be a password: it is not shown.
fn mail(text: &str) -> Result<String, String> {
    let schemes = ["smtps://", "smtp://", "smtp+plain://"];
    let rest = schemes.iter().find_map(|scheme| text.strip_prefix(scheme));
    let stray = |c: char| c.is_whitespace() || c.is_control() || "?#@\\".contains(c);
    match rest {
        Some(rest) if !rest.is_empty() && !rest.contains(stray) => Ok(text.to_owned()),
        _ => Err("the value is no address of a mail server (write smtps://host:port; user and password are settings of their own)".to_owned()),
    }
}

/// A folder, or the address of a server.
fn root(text: &str, base: &Path) -> Result<String, String> {
    if is_address(text) {
        return url(text);
    }
    let path = base.join(text).into_os_string().into_string();
    path.map_err(|_| format!("the folder of {} is not UTF-8", quoted(text)))
}

/// Whether a text names a server and no folder.
pub(crate) fn is_address(text: &str) -> bool {
    text.starts_with("https://") || text.starts_with("http://")
}

/// The text in backquotes, cut, without what a terminal might obey.
fn quoted(text: &str) -> String {
    let shown: String = text
        .chars()
        .take(80)
        .map(|c| if c.is_control() { '\u{fffd}' } else { c })
        .collect();
    format!("`{shown}`")
}

/// What an actor's name in events may be.
pub(crate) fn name(text: &str) -> Result<String, String> {
    let printable = !text.chars().any(char::is_control);
    if printable && (1..=128).contains(&text.chars().count()) {
        Ok(text.to_owned())
    } else {
        Err(format!(
            "{} is no name of 1 to 128 printable characters",
            quoted(text)
        ))
    }
}

fn word(text: &str) -> Result<String, String> {
    let fits = |c: char| c.is_ascii_alphanumeric() || "._-".contains(c);
    if (1..=64).contains(&text.len()) && text.chars().all(fits) {
        Ok(text.to_owned())
    } else {
        Err(format!(
            "{} is no word of [A-Za-z0-9._-]{{1,64}}",
            quoted(text)
        ))
    }
}

/// What a host offers. What rok tells of it by itself nobody can say otherwise.
fn capability(text: &str) -> Result<String, String> {
    if text.parse::<Capability>().is_err() {
        return Err(format!(
            "{} is no capability (small letters, digits, `.`, `_`, `:` and `-`, as in cuda:12)",
            quoted(text)
        ));
    }
    if text == "sandbox" || text.starts_with("os:") || text.starts_with("arch:") {
        return Err(format!(
            "{} is told by rok itself (remove it)",
            quoted(text)
        ));
    }
    Ok(text.to_owned())
}

/// What may stand in a list of hosts; who enforces it reads it closely.
fn host(text: &str) -> Result<String, String> {
    let fits = |c: char| c.is_ascii_alphanumeric() || "._-*:/[]".contains(c);
    if (1..=253).contains(&text.len()) && text.chars().all(fits) {
        Ok(text.to_owned())
    } else {
        Err(format!("{} is no host", quoted(text)))
    }
}

const fn durability(durability: Durability) -> &'static str {
    match durability {
        Durability::Fsync => "fsync",
        Durability::Flush => "flush",
    }
}

impl fmt::Display for Value {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Profile(profile) => profile.fmt(f),
            Self::Bool(value) => value.fmt(f),
            Self::Millis(ms) => ms.fmt(f),
            Self::Count(count) => count.fmt(f),
            Self::Durability(value) => f.write_str(durability(*value)),
            Self::Sandbox(mode) => mode.fmt(f),
            Self::Path(path) => path.display().fmt(f),
            Self::Paths(paths) => {
                for (at, path) in paths.iter().enumerate() {
                    write!(f, "{}{}", if at > 0 { ":" } else { "" }, path.display())?;
                }
                Ok(())
            }
            Self::Name(name) => f.write_str(name),
            Self::Words(words) => f.write_str(&words.join(",")),
            // An argument may be a secret.
            Self::Command(words) => {
                let more = if words.len() > 1 { " …" } else { "" };
                write!(f, "{}{more}", words.first().map_or("", String::as_str))
            }
            Self::Secret(_) => f.write_str("***"),
        }
    }
}

impl Serialize for Value {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::Bool(value) => serializer.serialize_bool(*value),
            Self::Millis(ms) => serializer.serialize_i64(*ms),
            Self::Count(count) => serializer.serialize_u32(count.get()),
            Self::Paths(paths) => serializer.collect_seq(paths.iter().map(|p| p.to_string_lossy())),
            Self::Words(words) => serializer.collect_seq(words),
            Self::Profile(_)
            | Self::Durability(_)
            | Self::Sandbox(_)
            | Self::Path(_)
            | Self::Name(_)
            | Self::Command(_)
            | Self::Secret(_) => serializer.collect_str(self),
        }
    }
}

impl Value {
    pub(crate) fn millis(&self) -> Duration {
        match self {
            Self::Millis(ms) => Duration::from_millis(u64::try_from(*ms).unwrap_or(0)),
            other => unreachable!("a time is milliseconds, not {other}"),
        }
    }
}
