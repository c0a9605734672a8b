//! A file of inputs: one mapping from names to values, YAML or JSON, read by
//! YAML's core schema as plans are. Nothing is guessed: no anchors, no tags,
//! no key twice, no `yes` for true.

use crate::error::ServiceError;
use saphyr_parser::{Event, Parser, ScalarStyle};
use serde::de::{Deserialize, Deserializer, Error, MapAccess, SeqAccess, Visitor};
use serde_json::{Map, Number, Value};
use std::io::Read as _;
use std::path::Path;

/// The largest file: what a plan may be.
const MAX_BYTES: u64 = 16 * 1024 * 1024;

/// Containers within containers, as in plans.
const MAX_DEPTH: usize = 64;

/// Reads the file, seen from `cwd`.
pub(crate) fn read(file: &Path, cwd: &Path) -> Result<Map<String, Value>, ServiceError> {
    let wrong = |why: String| ServiceError::InputsFile {
        file: file.to_owned(),
        why,
    };
    let mut bytes = Vec::new();
    std::fs::File::open(cwd.join(file))
        .and_then(|open| open.take(MAX_BYTES + 1).read_to_end(&mut bytes))
        .map_err(|error| wrong(error.to_string()))?;
    if bytes.len() as u64 > MAX_BYTES {
        return Err(wrong("it is larger than 16 MiB".to_owned()));
    }
    let text = String::from_utf8(bytes).map_err(|_| wrong("it is not UTF-8".to_owned()))?;
    parse(text.trim_start_matches('\u{feff}')).map_err(wrong)
}

/// The mapping in a text, or `line L, column C: what is wrong`.
fn parse(text: &str) -> Result<Map<String, Value>, String> {
    // JSON's escapes beyond the basic plane are no YAML.
    match serde_json::from_str(text) {
        Ok(Strict(Value::Object(map))) => Ok(map),
        _ => parse_yaml(text),
    }
}

fn parse_yaml(text: &str) -> Result<Map<String, Value>, String> {
    let mut reader = Reader::default();
    let mut parser = Parser::new_from_str(text);
    while let Some(next) = parser.next_event() {
        let (event, span) = next.map_err(|error| {
            let at = error.marker();
            format!(
                "line {}, column {}: {}",
                at.line(),
                at.col() + 1,
                error.info()
            )
        })?;
        let (line, column) = (span.start.line(), span.start.col() + 1);
        reader
            .event(event)
            .map_err(|what| format!("line {line}, column {column}: {what}"))?;
    }
    match reader.root {
        Some(Value::Object(map)) => Ok(map),
        Some(_) => Err("it holds no mapping from names to values".to_owned()),
        None => Err("it is empty".to_owned()),
    }
}

/// A container whose end has not come yet.
enum Open {
    List(Vec<Value>),
    Map(Map<String, Value>, Option<String>),
}

#[derive(Default)]
struct Reader {
    open: Vec<Open>,
    root: Option<Value>,
    documents: usize,
}

impl Reader {
    fn event(&mut self, event: Event<'_>) -> Result<(), String> {
        match event {
            Event::Nothing | Event::StreamStart | Event::StreamEnd | Event::DocumentEnd => Ok(()),
            Event::DocumentStart(_) => {
                self.documents += 1;
                match self.documents {
                    1 => Ok(()),
                    _ => Err("a second document".to_owned()),
                }
            }
            Event::Alias(_) => Err("an alias; write the value out".to_owned()),
            Event::Scalar(text, style, anchor, tag) => {
                plain(anchor, tag.is_some())?;
                self.scalar(&text, style)
            }
            Event::SequenceStart(anchor, tag) => {
                plain(anchor, tag.is_some())?;
                self.begin(Open::List(Vec::new()))
            }
            Event::MappingStart(anchor, tag) => {
                plain(anchor, tag.is_some())?;
                self.begin(Open::Map(Map::new(), None))
            }
            Event::SequenceEnd | Event::MappingEnd => match self.open.pop() {
                Some(Open::List(items)) => self.value(Value::Array(items)),
                Some(Open::Map(map, _)) => self.value(Value::Object(map)),
                None => Err("an end without a beginning".to_owned()),
            },
        }
    }

    fn begin(&mut self, container: Open) -> Result<(), String> {
        if let Some(Open::Map(_, None)) = self.open.last() {
            return Err("a key that is no text".to_owned());
        }
        if self.open.len() == MAX_DEPTH {
            return Err(format!("more than {MAX_DEPTH} levels"));
        }
        self.open.push(container);
        Ok(())
    }

    fn scalar(&mut self, text: &str, style: ScalarStyle) -> Result<(), String> {
        if let Some(Open::Map(map, key @ None)) = self.open.last_mut() {
            if map.contains_key(text) {
                return Err("a key that is there twice".to_owned());
            }
            *key = Some(text.to_owned());
            return Ok(());
        }
        let value = match style {
            ScalarStyle::Plain => bare(text)?,
            _ => Value::from(text),
        };
        self.value(value)
    }

    fn value(&mut self, value: Value) -> Result<(), String> {
        match self.open.last_mut() {
            Some(Open::List(items)) => items.push(value),
            Some(Open::Map(map, key)) => {
                let key = key.take().ok_or("a key that is no text")?;
                map.insert(key, value);
            }
            None => self.root = Some(value),
        }
        Ok(())
    }
}

/// Anchors and tags would say something that we do not do.
fn plain(anchor: usize, tagged: bool) -> Result<(), String> {
    match (anchor, tagged) {
        (0, false) => Ok(()),
        (_, true) => Err("a tag; write the value as it is meant".to_owned()),
        _ => Err("an anchor; write the value out where it is needed".to_owned()),
    }
}

/// A bare scalar by the core schema, as far as JSON has a value for it.
fn bare(text: &str) -> Result<Value, String> {
    match text {
        "" | "~" | "null" | "Null" | "NULL" => return Ok(Value::Null),
        "true" => return Ok(Value::Bool(true)),
        "false" => return Ok(Value::Bool(false)),
        _ => {}
    }
    let folded = text.to_ascii_lowercase();
    if ["true", "false", "yes", "no", "on", "off"].contains(&folded.as_str()) {
        return Err("a boolean is `true` or `false`; put a text in quotes".to_owned());
    }
    if let Ok(number) = text.parse::<i64>() {
        return Ok(Value::from(number));
    }
    let digits = text.strip_prefix(['-', '+']).unwrap_or(text);
    let like_a_number = digits.starts_with(|c: char| c.is_ascii_digit() || c == '.')
        && digits
            .bytes()
            .all(|b| b.is_ascii_digit() || b".eE+-".contains(&b));
    match text.parse::<f64>() {
        Ok(number) if like_a_number => match (text.parse::<u64>(), Number::from_f64(number)) {
            (Ok(whole), _) => Ok(Value::from(whole)),
            // Digits that a double cannot hold would be lost.
            _ if digits.bytes().all(|b| b.is_ascii_digit()) => {
                Err("a whole number that is too large; put it in quotes".to_owned())
            }
            (_, Some(number)) => Ok(Value::Number(number)),
            (_, None) => Err("a number that is too large".to_owned()),
        },
        _ => Ok(Value::from(text)),
    }
}

/// A JSON value in which no key stands twice.
struct Strict(Value);

impl<'de> Deserialize<'de> for Strict {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(StrictVisitor).map(Self)
    }
}

struct StrictVisitor;

impl<'de> Visitor<'de> for StrictVisitor {
    type Value = Value;

    fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("a JSON value")
    }

    fn visit_unit<E>(self) -> Result<Value, E> {
        Ok(Value::Null)
    }

    fn visit_bool<E>(self, value: bool) -> Result<Value, E> {
        Ok(Value::Bool(value))
    }

    fn visit_i64<E>(self, value: i64) -> Result<Value, E> {
        Ok(Value::from(value))
    }

    fn visit_u64<E>(self, value: u64) -> Result<Value, E> {
        Ok(Value::from(value))
    }

    fn visit_f64<E: Error>(self, value: f64) -> Result<Value, E> {
        // A whole number that only a double holds may have lost digits; the
        // YAML reader says so with its place.
        match Number::from_f64(value) {
            Some(number) if value.abs() < 2_f64.powi(53) => Ok(Value::Number(number)),
            _ => Err(E::custom("a number that is too large")),
        }
    }

    fn visit_str<E>(self, value: &str) -> Result<Value, E> {
        Ok(Value::from(value))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Value, A::Error> {
        let mut list = Vec::new();
        while let Some(Strict(item)) = items.next_element()? {
            list.push(item);
        }
        Ok(Value::Array(list))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut entries: A) -> Result<Value, A::Error> {
        let mut map = Map::new();
        while let Some((key, Strict(value))) = entries.next_entry::<String, Strict>()? {
            if map.insert(key, value).is_some() {
                return Err(A::Error::custom("a key that is there twice"));
            }
        }
        Ok(Value::Object(map))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use rstest::rstest;
    use serde_json::json;

    #[rstest]
    #[case("{}", json!({}))]
    #[case("a: 1\nb: -2.5\nc: 'no'\nd: [x, ~, true]\ne: {f: g}\n", json!({"a": 1, "b": -2.5, "c": "no", "d": ["x", null, true], "e": {"f": "g"}}))]
    #[case(r#"{"a": "line\nbreak \u00e9 \ud83d\ude00", "b": 1e3, "c": 18446744073709551615}"#,
        json!({"a": "line\nbreak é 😀", "b": 1000.0, "c": 18_446_744_073_709_551_615_u64}))]
    #[case("v: 1.10.2\nw: 2026-11-21\ny: 0x10\n", json!({"v": "1.10.2", "w": "2026-11-21", "y": "0x10"}))]
    fn values(#[case] text: &str, #[case] expected: Value) {
        assert_eq!(parse(text).map(Value::Object), Ok(expected));
    }

    #[rstest]
    #[case("", "it is empty")]
    #[case("[1, 2]", "it holds no mapping from names to values")]
    #[case("just text", "it holds no mapping from names to values")]
    #[case("a: 1\na: 2\n", "line 2, column 1: a key that is there twice")]
    #[case(
        "a: yes\n",
        "line 1, column 4: a boolean is `true` or `false`; put a text in quotes"
    )]
    #[case(
        "a: &x 1\n",
        "line 1, column 4: an anchor; write the value out where it is needed"
    )]
    #[case(
        "a: !!str 1\n",
        "line 1, column 4: a tag; write the value as it is meant"
    )]
    #[case("? [k]\n: v\n", "line 1, column 3: a key that is no text")]
    #[case("a: 1\n---\nb: 2\n", "line 2, column 1: a second document")]
    #[case(
        "a: 99999999999999999999\n",
        "line 1, column 4: a whole number that is too large; put it in quotes"
    )]
    #[case("a: 1e999\n", "line 1, column 4: a number that is too large")]
    #[case(
        "{\"a\": 1,\n \"a\": 2}",
        "line 2, column 2: a key that is there twice"
    )]
    fn refusals(#[case] text: &str, #[case] why: &str) {
        assert_eq!(parse(text), Err(why.to_owned()));
    }

    #[test]
    fn syntax_and_depth_end_with_a_place() {
        assert!(parse("a: [1, 2\n").is_err_and(|why| why.starts_with("line ")));
        let deep = format!("a: {}1{}", "[".repeat(100), "]".repeat(100));
        assert!(parse(&deep).is_err_and(|why| why.contains("more than 64 levels")));
    }
}
