//! A whole value as a document.

use crate::scalars::{scalar, text};
use alloc::collections::BTreeMap;
use alloc::string::{String, ToString};
use core::fmt::Write as _;
use serde_json::Value;

/// What is shorter than this as JSON is written again rather than referred to.
const WORTH_AN_ANCHOR: usize = 16;

/// Writes a value as a YAML document in block style. A mapping or list that
/// stands in it twice is written once, under an anchor.
#[must_use]
pub fn document(value: &Value) -> String {
    let mut writer = Writer {
        repeated: Repeated::of(value),
        out: String::new(),
    };
    match value {
        Value::Object(_) | Value::Array(_) if !is_empty(value) => writer.block(value, 0, true),
        _ => {
            writer.leaf(value, 0);
            writer.out.push('\n');
        }
    }
    writer.out
}

struct Writer {
    repeated: Repeated,
    out: String,
}

impl Writer {
    /// What follows `key:` or `-`: a leaf on the line, or an alias, or an
    /// anchor and the block below. `dash`: the block begins on the line itself
    /// where nothing else stands there.
    fn value(&mut self, value: &Value, indent: usize, dash: bool) {
        if is_leaf(value) {
            self.out.push(' ');
            self.leaf(value, indent);
            self.out.push('\n');
            return;
        }
        match self.repeated.meet(value) {
            Met::Again(number) => {
                let _ = writeln!(self.out, " *a{number}");
                return;
            }
            Met::First(number) => {
                let _ = writeln!(self.out, " &a{number}");
            }
            Met::Once if dash && value.is_object() => {
                self.out.push(' ');
                self.block(value, indent, false);
                return;
            }
            Met::Once => self.out.push('\n'),
        }
        self.block(value, indent, true);
    }

    /// The lines of a mapping or list; `first`: the first of them is indented
    /// too.
    fn block(&mut self, value: &Value, indent: usize, first: bool) {
        let mut first = first;
        let mut begin = |out: &mut String| {
            if first {
                let _ = write!(out, "{:indent$}", "");
            }
            first = true;
        };
        match value {
            Value::Object(entries) => {
                for (key, value) in entries {
                    begin(&mut self.out);
                    scalar(key, &mut self.out);
                    self.out.push(':');
                    self.value(value, indent + 2, false);
                }
            }
            Value::Array(items) => {
                for item in items {
                    begin(&mut self.out);
                    self.out.push('-');
                    self.value(item, indent + 2, true);
                }
            }
            leaf => self.leaf(leaf, indent),
        }
    }

    fn leaf(&mut self, value: &Value, indent: usize) {
        match value {
            Value::String(written) => text(written, indent.saturating_sub(2), &mut self.out),
            // `{}` and `[]` are YAML too, and so are numbers and words.
            other => self.out.push_str(&other.to_string()),
        }
    }
}

fn is_empty(value: &Value) -> bool {
    match value {
        Value::Object(entries) => entries.is_empty(),
        Value::Array(items) => items.is_empty(),
        _ => true,
    }
}

fn is_leaf(value: &Value) -> bool {
    is_empty(value)
}

/// What stands in a document more than once, by its JSON.
struct Repeated {
    /// How often it stands there, and its number once it was written.
    seen: BTreeMap<String, (u32, Option<u32>)>,
    next: u32,
}

enum Met {
    Once,
    First(u32),
    Again(u32),
}

impl Repeated {
    fn of(value: &Value) -> Self {
        let mut seen = BTreeMap::new();
        count(value, &mut seen);
        seen.retain(|_, (times, _)| *times > 1);
        Self { seen, next: 1 }
    }

    fn meet(&mut self, value: &Value) -> Met {
        if self.seen.is_empty() {
            return Met::Once;
        }
        match self.seen.get_mut(&value.to_string()) {
            None => Met::Once,
            Some((_, Some(number))) => Met::Again(*number),
            Some((_, number)) => {
                *number = Some(self.next);
                self.next += 1;
                Met::First(self.next - 1)
            }
        }
    }
}

/// What lies in a value that was met before is not counted again: it is not
/// written again.
fn count(value: &Value, seen: &mut BTreeMap<String, (u32, Option<u32>)>) {
    if is_leaf(value) {
        return;
    }
    let json = value.to_string();
    if json.len() >= WORTH_AN_ANCHOR {
        let entry = seen.entry(json).or_insert((0, None));
        entry.0 += 1;
        if entry.0 > 1 {
            return;
        }
    }
    match value {
        Value::Object(entries) => entries.values().for_each(|value| count(value, seen)),
        Value::Array(items) => items.iter().for_each(|value| count(value, seen)),
        _ => {}
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::string::ToString;
    use alloc::vec::Vec;
    use proptest::prelude::*;
    use rok_plan::{Document, Node};
    use rstest::rstest;
    use serde_json::{Map, json};

    /// As another reader sees it: texts are texts, the rest is JSON.
    fn read_back(node: &Node) -> Value {
        if let Some(entries) = node.map() {
            let entries = entries.iter();
            let entries: Map<String, Value> = entries
                .map(|entry| (entry.key.clone(), read_back(&entry.node)))
                .collect();
            return Value::Object(entries);
        }
        if let Some(items) = node.list() {
            return items.iter().map(|item| read_back(item)).collect();
        }
        let (written, style) = node.scalar().unwrap_or(("null", rok_plan::Style::Plain));
        match style {
            rok_plan::Style::Plain => {
                serde_json::from_str(written).unwrap_or_else(|_| Value::String(written.to_string()))
            }
            _ => Value::String(written.to_string()),
        }
    }

    #[rstest]
    #[case(json!(null), "null\n")]
    #[case(json!("x"), "x\n")]
    #[case(json!({}), "{}\n")]
    #[case(json!([]), "[]\n")]
    #[case(json!([[1, 2], [3]]), "-\n  - 1\n  - 2\n-\n  - 3\n")]
    #[case(json!({"a": [{"b": 1, "c": {}}]}), "a:\n  - b: 1\n    c: {}\n")]
    #[case(json!({"a": "1", "b": "x\ny\n"}), "a: \"1\"\nb: |\n  x\n  y\n")]
    fn written(#[case] value: Value, #[case] text: &str) {
        assert_eq!(document(&value), text);
    }

    #[test]
    fn what_repeats_is_written_once() {
        let inner = json!({ "name": "a long enough one" });
        let outer = json!({ "of": inner, "count": 1 });
        let text = document(&json!([outer, outer, inner]));
        assert_eq!(
            text,
            "- &a1\n  of: &a2\n    name: a long enough one\n  count: 1\n- *a1\n- *a2\n"
        );
        assert!(!document(&json!([[1], [1]])).contains('&'), "too short");
    }

    fn any_value() -> impl Strategy<Value = Value> {
        let leaf = prop_oneof![
            Just(Value::Null),
            any::<bool>().prop_map(Value::from),
            any::<i64>().prop_map(Value::from),
            "[ -~\n]{0,30}".prop_map(Value::from),
        ];
        leaf.prop_recursive(4, 40, 4, |inner| {
            prop_oneof![
                prop::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
                prop::collection::vec(("[ -~]{1,12}", inner), 0..4).prop_map(|entries| {
                    let entries: Vec<(String, Value)> = entries;
                    Value::Object(entries.into_iter().collect())
                }),
            ]
        })
    }

    proptest! {
        #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

        #[test]
        fn a_value_comes_back(value in any_value(), twice in any::<bool>()) {
            let value = if twice { json!({ "a": value, "b": { "c": value } }) } else { json!({ "k": value }) };
            let text = document(&value);
            let read = Document::read(text.as_bytes(), "t.yaml")
                .unwrap_or_else(|e| panic!("{}\n{text}", e.render()));
            prop_assert_eq!(read_back(read.root()), value, "{}", text);
        }
    }
}
