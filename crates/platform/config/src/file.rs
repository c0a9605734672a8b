//! A settings file: TOML, flat, each key with its line.

use crate::error::ConfigFault;
use crate::keys::{KEYS, KeySpec, Kind};
use crate::nearest::nearest;
use crate::settings::Source;
use crate::value::Value;
use std::collections::BTreeMap;
use std::path::Path;
use toml::de::{DeTable, DeValue};

/// The largest settings file; a larger one is some other file.
const MAX_BYTES: u64 = 1024 * 1024;

/// What a file sets.
pub(crate) type Layer = BTreeMap<&'static str, (Value, Source)>;

/// Reads a file; one that is absent sets nothing unless it was `named`.
pub(crate) fn read(path: &Path, named: bool, faults: &mut Vec<ConfigFault>) -> Layer {
    let unreadable = |why: String| ConfigFault::Unreadable {
        file: path.to_owned(),
        why,
    };
    let bytes = match rok_files::read(path, MAX_BYTES + 1) {
        Ok(bytes) if bytes.len() as u64 > MAX_BYTES => Err("it is larger than 1 MiB".to_owned()),
        Ok(bytes) => Ok(bytes),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound && !named => {
            return Layer::new();
        }
        Err(error) => Err(error.to_string()),
    };
    let text =
        bytes.and_then(|bytes| String::from_utf8(bytes).map_err(|_| "it is not UTF-8".to_owned()));
    match text {
        Ok(text) => parse(path, &text, faults),
        Err(why) => {
            faults.push(unreadable(why));
            Layer::new()
        }
    }
}

fn parse(path: &Path, text: &str, faults: &mut Vec<ConfigFault>) -> Layer {
    let line_of = |at: usize| text[..at.min(text.len())].matches('\n').count() + 1;
    let (table, errors) = DeTable::parse_recoverable(text);
    for error in &errors {
        faults.push(ConfigFault::Syntax {
            file: path.to_owned(),
            line: error.span().map_or(1, |span| line_of(span.start)),
            what: error.message().to_owned(),
        });
    }
    let base = path.parent().unwrap_or(Path::new("/"));
    let mut found: Vec<_> = table.get_ref().iter().collect();
    found.sort_by_key(|(key, _)| key.span().start);
    let mut layer = Layer::new();
    for (key, value) in found {
        let line = line_of(key.span().start);
        let place = || format!("{}:{line}", path.display());
        let Some(spec) = KeySpec::of(key.get_ref()) else {
            faults.push(ConfigFault::UnknownKey {
                place: place(),
                key: key.get_ref().to_string(),
                nearest: nearest(key.get_ref(), KEYS.iter().map(|spec| spec.key)),
            });
            continue;
        };
        match typed(spec.kind, value.get_ref(), base) {
            Ok(value) => {
                let path = path.to_owned();
                layer.insert(spec.key, (value, Source::File { path, line }));
            }
            Err(what) => faults.push(ConfigFault::BadValue {
                place: place(),
                key: spec.key,
                what: format!("`{}`: {what}", spec.key),
            }),
        }
    }
    layer
}

/// A TOML value of the right type, read by the same rules as text elsewhere.
fn typed(kind: Kind, value: &DeValue<'_>, base: &Path) -> Result<Value, String> {
    let wanted = match kind {
        Kind::Secret => {
            return Err("is a secret: hand it in by the environment alone".to_owned());
        }
        Kind::Bool => "boolean",
        Kind::Millis | Kind::Count => "integer",
        Kind::Paths | Kind::Roots | Kind::Words | Kind::Capabilities | Kind::Hosts => "array",
        Kind::Profile
        | Kind::Durability
        | Kind::Sandbox
        | Kind::Path
        | Kind::Name
        | Kind::User
        | Kind::Store
        | Kind::Url
        | Kind::Mail
        | Kind::Command => "string",
    };
    if value.type_str() != wanted {
        return Err(format!(
            "expected {}, found {}",
            article(wanted),
            article(value.type_str())
        ));
    }
    match value {
        DeValue::Boolean(value) => Ok(Value::Bool(*value)),
        DeValue::Integer(number) => Value::parse(kind, &number.to_string().replace('_', ""), base),
        DeValue::String(text) => Value::parse(kind, text, base),
        DeValue::Array(items) => {
            let items = items.iter().map(|item| match item.get_ref().as_str() {
                Some("") => Err("an item is empty".to_owned()),
                Some(text) => Ok(text.to_owned()),
                None => Err(format!(
                    "expected strings, found {}",
                    article(item.get_ref().type_str())
                )),
            });
            let items = items.collect::<Result<Vec<String>, _>>()?;
            match kind {
                Kind::Paths => Ok(Value::Paths(
                    items.iter().map(|item| base.join(item)).collect(),
                )),
                // A comma is no part of a word, so an item that holds one is refused.
                _ if items.iter().any(|item| item.contains(',')) => {
                    Err("an item holds a comma".to_owned())
                }
                _ => Value::parse(kind, &items.join(","), base),
            }
        }
        other => Err(format!("found {}", article(other.type_str()))),
    }
}

fn article(noun: &str) -> String {
    let article = if noun.starts_with(['a', 'i']) {
        "an"
    } else {
        "a"
    };
    format!("{article} {noun}")
}
