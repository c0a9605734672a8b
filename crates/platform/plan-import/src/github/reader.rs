//! What is said about a workflow while it is read.

use alloc::collections::BTreeSet;
use alloc::format;
use alloc::string::{String, ToString};
use alloc::vec::Vec;
use core::ops::Range;
use rok_plan::{Document, Entry, Node};

use crate::error::Refusals;

/// Keys that GitHub knows and a plan cannot carry over, and what to do.
const REFUSED: &[(&str, &str)] = &[
    (
        "concurrency",
        "say it by hand with `concurrency` in the plan",
    ),
    ("container", "write it as a `run` that starts the container"),
    (
        "environment",
        "its secrets and approvals are GitHub's: use `secrets` and a manual gate",
    ),
    ("if", "write it by hand as the plan's `if`"),
    (
        "outputs",
        "hand values on by the file that ROK_OUTPUT names",
    ),
    ("secrets", "name them in the plan's `secrets`"),
    ("services", "start them in a step of their own"),
    ("snapshot", "images are GitHub's"),
    (
        "strategy",
        "write a job for each combination, or `for_each` by hand",
    ),
    ("with", "it belongs to an action"),
];

/// The document, and what is wrong with it or left out of it.
pub(super) struct Reader<'d> {
    document: &'d Document,
    /// With the place in bytes, by which they are sorted.
    refusals: Vec<(usize, String, Option<&'static str>)>,
    secrets: BTreeSet<String>,
    notes: Vec<String>,
}

impl<'d> Reader<'d> {
    pub(super) fn new(document: &'d Document) -> Self {
        Self {
            document,
            refusals: Vec::new(),
            secrets: BTreeSet::new(),
            notes: Vec::new(),
        }
    }

    /// The refusals in the order of the file, the secrets that are used, and
    /// what was left out.
    pub(super) fn finish(mut self) -> (Refusals, Vec<String>, Vec<String>) {
        self.refusals.sort();
        self.refusals.dedup();
        let mut refusals = Refusals::default();
        for (at, what, hint) in self.refusals {
            let (line, column) = self.document.position(at);
            refusals.push(format!("{line}:{column}"), what, hint);
        }
        (refusals, self.secrets.into_iter().collect(), self.notes)
    }

    pub(super) fn refuse(
        &mut self,
        span: &Range<usize>,
        what: impl Into<String>,
        hint: impl Into<Option<&'static str>>,
    ) {
        self.refusals.push((span.start, what.into(), hint.into()));
    }

    /// Says once what is left out or not the same.
    pub(super) fn note(&mut self, note: &str) {
        if !self.notes.iter().any(|said| said == note) {
            self.notes.push(note.to_string());
        }
    }

    pub(super) fn secret(&mut self, name: &str) {
        self.secrets.insert(name.to_string());
    }

    /// A key that is not carried over.
    pub(super) fn unknown(&mut self, entry: &Entry, place: &str) {
        match REFUSED.iter().find(|(key, _)| *key == entry.key) {
            Some((key, hint)) => {
                self.refuse(
                    &entry.span,
                    format!("`{key}` cannot be carried over"),
                    *hint,
                );
            }
            None => {
                let what = format!(
                    "{} is no key of {place} that is known here",
                    quoted(&entry.key)
                );
                self.refuse(&entry.span, what, None);
            }
        }
    }

    /// What a token may do says nothing without the token.
    pub(super) fn permissions(&mut self, entry: &Entry) {
        if entry.node.get("id-token").and_then(Node::text) == Some("write") {
            let hint = "the steps may ask GitHub for an identity, which nobody gives them here";
            self.refuse(&entry.span, "`permissions` grant `id-token`", hint);
        }
        self.note("left out: `permissions`, which concern GitHub's token");
    }
}

/// A word of the file, cut to a readable length.
pub(super) fn quoted(text: &str) -> String {
    const SHOWN: usize = 80;
    let mut shown: String = text
        .chars()
        .take(SHOWN)
        .map(|c| if c.is_control() { ' ' } else { c })
        .collect();
    if text.chars().nth(SHOWN).is_some() {
        shown.push('…');
    }
    format!("`{shown}`")
}
