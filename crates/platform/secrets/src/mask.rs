//! Masking and detection over one automaton of all forms of all secrets.
//!
//! What is masked is the union of all occurrences, overlapping ones merged.
//! So the result is a property of the whole text and cannot depend on where
//! chunks end: a stream holds back only what may still become an occurrence.

use crate::forms;
use crate::values::Secrets;
use aho_corasick::automaton::{Automaton as _, StateID};
use aho_corasick::nfa::contiguous::NFA;
use aho_corasick::{Anchored, MatchKind};
use rok_vocabulary::InputName;
use serde_json::Value;
use std::borrow::Cow;
use std::collections::HashMap;
use std::fmt;
use std::sync::Arc;

/// What stands where a secret stood.
pub const REPLACEMENT: &str = "***";

/// Replaces secrets in texts, JSON and streams. Cloning is cheap.
#[derive(Clone)]
pub struct Masker {
    /// `None` when there is nothing to mask.
    inner: Option<Arc<Patterns>>,
}

struct Patterns {
    nfa: NFA,
    start: StateID,
    /// The length of the longest suffix that may become an occurrence, by state.
    depth: HashMap<StateID, usize>,
    /// Of each pattern: the secret that it is a form of.
    names: Vec<InputName>,
}

impl Patterns {
    fn new(secrets: &Secrets) -> Self {
        let mut patterns: Vec<(Vec<u8>, InputName)> = Vec::new();
        for (name, value) in secrets.iter() {
            patterns.extend(
                forms::all(value)
                    .into_iter()
                    .map(|form| (form, name.clone())),
            );
        }
        let nfa = NFA::builder()
            .match_kind(MatchKind::Standard)
            .build(patterns.iter().map(|(form, _)| form))
            .expect("secrets are far fewer and shorter than the automaton's limits");
        let start = nfa
            .start_state(Anchored::No)
            .expect("an automaton built with defaults can search unanchored");
        let mut depth = HashMap::from([(start, 0)]);
        for (form, _) in &patterns {
            let mut state = start;
            for (at, byte) in form.iter().enumerate() {
                state = nfa.next_state(Anchored::No, state, *byte);
                depth.insert(state, at + 1);
            }
        }
        let names = patterns.into_iter().map(|(_, name)| name).collect();
        Self {
            nfa,
            start,
            depth,
            names,
        }
    }

    fn next(&self, state: StateID, byte: u8) -> StateID {
        self.nfa.next_state(Anchored::No, state, byte)
    }

    /// The longest occurrence that ends in this state, and whose it is.
    fn longest(&self, state: StateID) -> Option<(usize, &InputName)> {
        // Cheap: special states are the dead, the start and the matching ones.
        if !self.nfa.is_special(state) || !self.nfa.is_match(state) {
            return None;
        }
        (0..self.nfa.match_len(state))
            .map(|index| self.nfa.match_pattern(state, index))
            .max_by_key(|pattern| self.nfa.pattern_len(*pattern))
            .map(|pattern| {
                (
                    self.nfa.pattern_len(pattern),
                    &self.names[pattern.as_usize()],
                )
            })
    }
}

impl Masker {
    /// The masker of these secrets; made once, then shared by their clones.
    #[must_use]
    pub fn new(secrets: &Secrets) -> Self {
        secrets.masker().clone()
    }

    pub(crate) fn build(secrets: &Secrets) -> Self {
        let inner = (!secrets.is_empty()).then(|| Arc::new(Patterns::new(secrets)));
        Self { inner }
    }

    /// Whether there is anything to mask.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.inner.is_none()
    }

    /// The text with every secret replaced.
    #[must_use]
    pub fn mask_str<'t>(&self, text: &'t str) -> Cow<'t, str> {
        match self.mask_bytes(text.as_bytes()) {
            Cow::Borrowed(_) => Cow::Borrowed(text),
            // Forms are UTF-8, so they begin and end where characters do.
            Cow::Owned(bytes) => Cow::Owned(
                String::from_utf8(bytes)
                    .unwrap_or_else(|e| String::from_utf8_lossy(e.as_bytes()).into_owned()),
            ),
        }
    }

    /// The bytes with every secret replaced.
    #[must_use]
    pub fn mask_bytes<'t>(&self, bytes: &'t [u8]) -> Cow<'t, [u8]> {
        if self.find(bytes).is_none() {
            return Cow::Borrowed(bytes);
        }
        let mut stream = self.stream();
        let mut out = Vec::with_capacity(bytes.len());
        stream.push(bytes, &mut out);
        stream.finish(&mut out);
        Cow::Owned(out)
    }

    /// Replaces secrets in every string and key; a number or boolean whose text
    /// holds one becomes a string. Keys that become alike are numbered.
    pub fn mask_json(&self, value: &mut Value) {
        if self.is_empty() {
            return;
        }
        match value {
            Value::Null => {}
            Value::Bool(_) | Value::Number(_) => {
                if let Cow::Owned(masked) = self.mask_str(&value.to_string()) {
                    *value = Value::String(masked);
                }
            }
            Value::String(text) => {
                if let Cow::Owned(masked) = self.mask_str(text) {
                    *text = masked;
                }
            }
            Value::Array(items) => items.iter_mut().for_each(|item| self.mask_json(item)),
            Value::Object(map) => {
                map.values_mut().for_each(|item| self.mask_json(item));
                let secret: Vec<String> = map
                    .keys()
                    .filter(|key| self.find(key.as_bytes()).is_some())
                    .cloned()
                    .collect();
                for key in secret {
                    let item = map
                        .remove(&key)
                        .expect("the key was just read from the map");
                    let masked = self.mask_str(&key).into_owned();
                    let mut name = masked.clone();
                    let mut number = 2;
                    while map.contains_key(&name) {
                        name = format!("{masked} ({number})");
                        number += 1;
                    }
                    map.insert(name, item);
                }
            }
        }
    }

    /// The name of the first secret that the bytes contain.
    #[must_use]
    pub fn find(&self, bytes: &[u8]) -> Option<&InputName> {
        let patterns = self.inner.as_deref()?;
        let mut state = patterns.start;
        for byte in bytes {
            state = patterns.next(state, *byte);
            if let Some((_, name)) = patterns.longest(state) {
                return Some(name);
            }
        }
        None
    }

    /// A stream that masks chunk by chunk.
    #[must_use]
    pub fn stream(&self) -> MaskStream {
        MaskStream {
            patterns: self.inner.clone(),
            state: self.inner.as_deref().map(|patterns| patterns.start),
            pending: Vec::new(),
            hits: Vec::new(),
        }
    }

    /// A stream that looks for secrets chunk by chunk.
    #[must_use]
    pub fn detector(&self) -> Detector {
        Detector {
            patterns: self.inner.clone(),
            state: self.inner.as_deref().map(|patterns| patterns.start),
            found: None,
        }
    }
}

impl fmt::Debug for Masker {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Masker")
            .field("is_empty", &self.is_empty())
            .finish_non_exhaustive()
    }
}

/// Masks a stream of chunks, whatever their borders.
pub struct MaskStream {
    patterns: Option<Arc<Patterns>>,
    state: Option<StateID>,
    /// What was read and not yet written.
    pending: Vec<u8>,
    /// Merged occurrences within `pending`, as (start, end), in order.
    hits: Vec<(usize, usize)>,
}

impl MaskStream {
    /// Takes a chunk; appends to `out` what can be told already.
    pub fn push(&mut self, chunk: &[u8], out: &mut Vec<u8>) {
        let (Some(patterns), Some(mut state)) = (self.patterns.clone(), self.state) else {
            out.extend_from_slice(chunk);
            return;
        };
        for byte in chunk {
            self.pending.push(*byte);
            state = patterns.next(state, *byte);
            if let Some((len, _)) = patterns.longest(state) {
                self.hit(self.pending.len() - len, self.pending.len());
            }
        }
        self.state = Some(state);
        // An occurrence yet to come begins at `open` or later.
        let depth = patterns
            .depth
            .get(&state)
            .copied()
            .unwrap_or(self.pending.len());
        let open = self.pending.len() - depth.min(self.pending.len());
        let crossing = self.hits.iter().find(|(_, end)| *end > open);
        let border = crossing.map_or(open, |(start, _)| open.min(*start));
        self.flush(border, out);
    }

    /// The end of the stream: appends what was held back.
    pub fn finish(&mut self, out: &mut Vec<u8>) {
        self.flush(self.pending.len(), out);
        self.state = self.patterns.as_deref().map(|patterns| patterns.start);
    }

    fn hit(&mut self, start: usize, end: usize) {
        let mut start = start;
        while let Some((earlier, until)) = self.hits.last().copied()
            && start < until
        {
            start = start.min(earlier);
            self.hits.pop();
        }
        self.hits.push((start, end));
    }

    /// Writes the first `border` pending bytes; no occurrence crosses it.
    fn flush(&mut self, border: usize, out: &mut Vec<u8>) {
        let done = self
            .hits
            .iter()
            .take_while(|(_, end)| *end <= border)
            .count();
        let mut at = 0;
        for (start, end) in self.hits.drain(..done) {
            out.extend_from_slice(&self.pending[at..start]);
            out.extend_from_slice(REPLACEMENT.as_bytes());
            at = end;
        }
        out.extend_from_slice(&self.pending[at..border]);
        self.pending.drain(..border);
        for (start, end) in &mut self.hits {
            *start -= border;
            *end -= border;
        }
    }
}

impl fmt::Debug for MaskStream {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("MaskStream")
            .field("pending", &self.pending.len())
            .finish_non_exhaustive()
    }
}

/// Looks for secrets in a stream of chunks, whatever their borders.
pub struct Detector {
    patterns: Option<Arc<Patterns>>,
    state: Option<StateID>,
    found: Option<InputName>,
}

impl Detector {
    /// Takes a chunk.
    pub fn push(&mut self, chunk: &[u8]) {
        let (Some(patterns), Some(mut state)) = (self.patterns.as_deref(), self.state) else {
            return;
        };
        if self.found.is_some() {
            return;
        }
        for byte in chunk {
            state = patterns.next(state, *byte);
            if let Some((_, name)) = patterns.longest(state) {
                self.found = Some(name.clone());
                return;
            }
        }
        self.state = Some(state);
    }

    /// The name of the first secret met so far.
    #[must_use]
    pub fn found(&self) -> Option<&InputName> {
        self.found.as_ref()
    }
}

impl fmt::Debug for Detector {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Detector")
            .field("found", &self.found)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests;
