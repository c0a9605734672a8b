//! Single values whose shape has been checked: `None` means absent, or wrong
//! and already said so.

use alloc::string::{String, ToString};
use core::str::FromStr;
use core::time::Duration;
use rok_vocabulary::parse_duration;

use super::RetryKeys;
use crate::model::Shell;
use crate::tree::{Node, Plain};

pub(super) fn text(node: &Node, key: &str) -> Option<String> {
    node.get(key)?.text().map(ToString::to_string)
}

pub(super) fn parsed<T: FromStr>(node: &Node, key: &str) -> Option<T> {
    node.get(key)?.text()?.parse().ok()
}

pub(super) fn duration(node: &Node, key: &str) -> Option<Duration> {
    parse_duration(node.get(key)?.text()?).ok()
}

pub(super) fn boolean(node: &Node, key: &str) -> Option<bool> {
    match node.get(key)?.plain()? {
        Plain::Bool(value) => Some(value),
        _ => None,
    }
}

pub(super) fn whole<T: TryFrom<i128>>(node: &Node, key: &str) -> Option<T> {
    match node.get(key)?.plain()? {
        Plain::Integer(number) => T::try_from(number).ok(),
        _ => None,
    }
}

pub(super) fn number(node: &Node, key: &str) -> Option<f64> {
    match node.get(key)?.plain()? {
        Plain::Integer(number) => Some(number as f64),
        Plain::Float(number) => Some(number),
        _ => None,
    }
}

pub(super) fn shell(node: &Node) -> Option<Shell> {
    match node.get("shell")?.text()? {
        "sh" => Some(Shell::Sh),
        "bash" => Some(Shell::Bash),
        _ => None,
    }
}

pub(super) fn retry(node: &Node) -> RetryKeys {
    RetryKeys {
        max: whole(node, "max"),
        classes: node.get("classes").and_then(Node::list).map(|items| {
            items
                .iter()
                .filter_map(|item| item.text()?.parse().ok())
                .collect()
        }),
        base: duration(node, "base"),
        max_delay: duration(node, "max_delay"),
    }
}
