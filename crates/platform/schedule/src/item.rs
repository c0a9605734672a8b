//! What a schedule runs for: the items of `for_each`.

use alloc::borrow::ToOwned;
use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;
use rok_plan::{CheckedFile, FaultCode, Faults, Item as Node, PlanErrors};
use serde::{Deserialize, Serialize};
use serde_json::Value;

/// Items of one schedule; each is a run at each firing.
pub const MAX_ITEMS: usize = 1000;

/// An item, known by its value: its place in a list is no part of it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Item(pub Value);

impl Item {
    /// A text is its own; anything else is its JSON.
    #[must_use]
    pub fn label(&self) -> String {
        match &self.0 {
            Value::String(text) => text.clone(),
            value => canonical(value),
        }
    }

    /// The same for the same value, however its keys are ordered.
    #[must_use]
    pub fn key(&self) -> String {
        canonical(&self.0)
    }
}

/// JSON with its keys in order.
fn canonical(value: &Value) -> String {
    match value {
        Value::Object(object) => {
            let mut entries: Vec<_> = object.iter().collect();
            entries.sort_unstable_by_key(|(key, _)| *key);
            let entries: Vec<_> = entries
                .into_iter()
                .map(|(key, value)| format!("{}:{}", Value::from(key.as_str()), canonical(value)))
                .collect();
            format!("{{{}}}", entries.join(","))
        }
        Value::Array(items) => {
            let items: Vec<_> = items.iter().map(canonical).collect();
            format!("[{}]", items.join(","))
        }
        scalar => format!("{scalar}"),
    }
}

/// The items in a file such as `sites.yaml`: a list, each item once.
pub fn parse_items(bytes: &[u8], name: &str) -> Result<Vec<Item>, PlanErrors> {
    CheckedFile::new(bytes, name)?.decode(|root, faults| items(root, "the file", faults))
}

/// The items of a list.
pub(crate) fn items(node: Node<'_>, label: &str, faults: &mut Faults) -> Option<Vec<Item>> {
    let Some(list) = node.list() else {
        faults.mistyped(node, label, "a list of items");
        return None;
    };
    if list.len() > MAX_ITEMS {
        let message = format!(
            "{label} has {} items, and {MAX_ITEMS} are allowed",
            list.len()
        );
        faults.tell(FaultCode::Limit, node.span(), message);
        return None;
    }
    let mut items: Vec<Item> = Vec::with_capacity(list.len());
    let mut keys = alloc::collections::BTreeSet::new();
    for entry in list {
        let item = match entry.json() {
            Ok(Value::Null) => {
                let message = "an item says nothing".to_owned();
                faults.tell(FaultCode::WrongValue, entry.span(), message);
                continue;
            }
            Ok(value) => Item(value),
            Err(fault) => {
                let message = format!("an item {fault}");
                faults.tell(FaultCode::WrongValue, entry.span(), message);
                continue;
            }
        };
        if keys.insert(item.key()) {
            items.push(item);
        } else {
            let message = format!("the item {} is here twice", item.label());
            let hint = "remove one of them: each item has one run at each firing";
            faults.tell_with_hint(FaultCode::Conflict, entry.span(), message, hint);
        }
    }
    Some(items)
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::string::ToString;
    use serde_json::json;

    #[test]
    fn an_item_is_its_value() {
        let (left, right) = (json!({"a": 1, "b": [true]}), json!({"b": [true], "a": 1}));
        assert_eq!(Item(left).key(), Item(right).key());
        assert_eq!(Item(json!("eu")).label(), "eu");
        assert_eq!(Item(json!("eu")).key(), "\"eu\"");
        assert_eq!(Item(json!({"a\"": null})).label(), "{\"a\\\"\":null}");
    }

    #[test]
    fn a_list_has_each_item_once() {
        let text = b"- { id: a, url: x }\n- b\n- { url: x, id: a }\n-\n";
        let error = parse_items(text, "sites.yaml").unwrap_err().to_string();
        assert_eq!(
            error,
            "sites.yaml:3:3: the item {\"id\":\"a\",\"url\":\"x\"} is here twice (remove one of them: each item has one run at each firing)\n\
             sites.yaml:4:2: an item says nothing"
        );
        let error = parse_items(b"sites: []\n", "sites.yaml").unwrap_err();
        assert!(
            error.to_string().contains("must be a list of items"),
            "{error}"
        );
        assert_eq!(parse_items(b"- 1\n- a\n", "s.yaml").unwrap().len(), 2);
    }
}
