//! `notify`.

use alloc::collections::BTreeMap;
use alloc::format;
use alloc::string::{String, ToString};
use alloc::vec::Vec;
use core::ops::Range;

use super::{Decoder, twice};
use crate::fault::{FaultCode, Finding, quoted};
use crate::model::Recipient;
use crate::tree::Node;

/// The longest address of a webhook.
const URL_MAX: usize = 2_048;
/// The longest address of a mailbox (RFC 5321).
const MAILBOX_MAX: usize = 254;
/// The longest part before its `@` (RFC 5321).
const LOCAL_MAX: usize = 64;

/// A way to tell somebody: its key, what an address is not, how one is written.
struct Way {
    key: &'static str,
    unfit: fn(&str) -> Option<&'static str>,
    hint: &'static str,
    recipient: fn(String) -> Recipient,
}

const WAYS: [Way; 2] = [
    Way {
        key: "webhook",
        unfit: no_url,
        hint: "write it as `https://example.com/hook`",
        recipient: Recipient::Webhook,
    },
    Way {
        key: "email",
        unfit: no_mailbox,
        hint: "write it as `ops@example.com`",
        recipient: Recipient::Email,
    },
];

impl Decoder<'_> {
    /// Who is told how a run ended.
    pub(super) fn notify(&mut self, root: &Node) -> Vec<Recipient> {
        let items = root.get("notify").and_then(Node::list).unwrap_or(&[]);
        let mut seen: BTreeMap<&str, &Range<usize>> = BTreeMap::new();
        let mut all = Vec::new();
        for item in items {
            let Some(entries) = item.map() else { continue };
            let given = WAYS
                .iter()
                .filter_map(|way| Some((way, item.get(way.key)?)));
            let given: Vec<(&Way, &Node)> = given.collect();
            match given[..] {
                [(way, node)] => all.extend(self.recipient(way, node, &mut seen)),
                [] if entries.is_empty() => {
                    let message = "an item of `notify` names nobody";
                    let finding = Finding::new(FaultCode::MissingKey, item.span.clone(), message);
                    self.findings
                        .push(finding.hint("add `webhook: …` or `email: …`"));
                }
                // Its keys were found unknown.
                [] => {}
                _ => {
                    let message = "an item of `notify` names more than one recipient";
                    let finding = Finding::new(FaultCode::WrongValue, item.span.clone(), message);
                    self.findings
                        .push(finding.hint("give each an item of its own"));
                }
            }
        }
        all
    }

    fn recipient<'n>(
        &mut self,
        way: &Way,
        node: &'n Node,
        seen: &mut BTreeMap<&'n str, &'n Range<usize>>,
    ) -> Option<Recipient> {
        let text = node.text()?;
        if let Some(first) = seen.get(text) {
            self.findings.push(twice(text, "`notify`", node, first));
            return None;
        }
        if let Some(why) = (way.unfit)(text) {
            let message = match why {
                // What it holds is not said again.
                CREDENTIALS => format!("`{}` {why}", way.key),
                why => format!("{} {why}", quoted(text)),
            };
            let finding = Finding::new(FaultCode::WrongValue, node.span.clone(), message);
            self.findings.push(finding.hint(way.hint));
            return None;
        }
        seen.insert(text, &node.span);
        Some((way.recipient)(text.to_string()))
    }
}

const CREDENTIALS: &str = "holds a user or password";
const EXPRESSION: &str = "is taken as written: no expression is filled in here";

/// Why nothing can be posted to an address, as far as its text tells.
fn no_url(url: &str) -> Option<&'static str> {
    let rest = url
        .strip_prefix("https://")
        .or_else(|| url.strip_prefix("http://"));
    let Some(rest) = rest else {
        return Some("is no `http` or `https` address");
    };
    let host = rest.split(['/', '?', '#']).next().unwrap_or_default();
    if url.contains("${{") {
        return Some(EXPRESSION);
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

/// Why nothing can be written to an address. What mail permits beyond this
/// (quotes, comments, other scripts) is where headers are smuggled in.
fn no_mailbox(address: &str) -> Option<&'static str> {
    if address.contains("${{") {
        return Some(EXPRESSION);
    }
    let Some((local, domain)) = address.split_once('@') else {
        return Some("is no address of a mailbox");
    };
    let part = |part: &str, others: &[u8]| {
        let fits = |byte: u8| byte.is_ascii_alphanumeric() || others.contains(&byte);
        !part.is_empty() && part.bytes().all(fits)
    };
    let atoms = local
        .split('.')
        .all(|atom| part(atom, b"!#$%&'*+-/=?^_`{|}~"));
    let labels = domain.split('.').all(|label| {
        let ends = label.starts_with('-') || label.ends_with('-');
        part(label, b"-") && !ends && label.len() <= 63
    });
    let fits = address.len() <= MAILBOX_MAX && local.len() <= LOCAL_MAX;
    (!(atoms && labels && fits)).then_some("is no address of a mailbox")
}
