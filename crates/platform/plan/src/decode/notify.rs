//! `notify`.

use alloc::collections::BTreeMap;
use alloc::format;
use alloc::string::ToString;
use alloc::vec::Vec;
use core::ops::Range;

use super::{Decoder, twice};
use crate::fault::{FaultCode, Finding, quoted};
use crate::model::Recipient;
use crate::tree::Node;

/// The longest address.
const URL_MAX: usize = 2_048;

impl Decoder<'_> {
    /// Who is told how a run ended.
    pub(super) fn notify(&mut self, root: &Node) -> Vec<Recipient> {
        let items = root.get("notify").and_then(Node::list).unwrap_or(&[]);
        let mut seen: BTreeMap<&str, &Range<usize>> = BTreeMap::new();
        let mut all = Vec::new();
        for item in items {
            let Some(entries) = item.map() else { continue };
            let Some(node) = item.get("webhook") else {
                if entries.is_empty() {
                    let message = "an item of `notify` names nobody";
                    let finding = Finding::new(FaultCode::MissingKey, item.span.clone(), message);
                    self.findings.push(finding.hint("add `webhook: …`"));
                }
                continue;
            };
            let Some(text) = node.text() else { continue };
            if let Some(first) = seen.get(text) {
                self.findings.push(twice(text, "`notify`", node, first));
            } else if let Some(why) = unfit(text) {
                let message = match why {
                    // What it holds is not said again.
                    CREDENTIALS => format!("`webhook` {why}"),
                    why => format!("{} {why}", quoted(text)),
                };
                let finding = Finding::new(FaultCode::WrongValue, node.span.clone(), message);
                let hint = "write it as `https://example.com/hook`";
                self.findings.push(finding.hint(hint));
            } else {
                seen.insert(text, &node.span);
                all.push(Recipient::Webhook(text.to_string()));
            }
        }
        all
    }
}

const CREDENTIALS: &str = "holds a user or password";

/// Why nothing can be posted to an address, as far as its text tells.
fn unfit(url: &str) -> Option<&'static str> {
    let rest = url
        .strip_prefix("https://")
        .or_else(|| url.strip_prefix("http://"));
    let Some(rest) = rest else {
        return Some("is no `http` or `https` address");
    };
    let host = rest.split(['/', '?', '#']).next().unwrap_or_default();
    if url.contains("${{") {
        return Some("is taken as written: no expression is filled in here");
    }
    if host.is_empty() || host.starts_with(':') {
        return Some("has no host");
    }
    if host.contains('@') {
        return Some(CREDENTIALS);
    }
    if url.len() > URL_MAX || !url.bytes().all(|byte| byte.is_ascii_graphic()) {
        return Some("is longer than 2048 characters, or has one that an address may not have");
    }
    None
}
