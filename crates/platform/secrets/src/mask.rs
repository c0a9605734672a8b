//! Masking and detection: one scan of the bytes for all forms of all secrets.
//!
//! What is masked is the union of all occurrences, overlapping ones merged.
//! So the result is a property of the whole text and cannot depend on where
//! chunks end: a stream holds back only what may still become an occurrence.

mod automaton;
mod scan;
mod wrapped;

use crate::values::Secrets;
use rok_vocabulary::InputName;
use scan::{Patterns, Scan};
use serde_json::Value;
use std::borrow::Cow;
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
        let patterns = self.inner.as_ref()?;
        let mut scan = Scan::new(Arc::clone(patterns));
        let found = bytes.iter().find_map(|byte| scan.step(*byte))?;
        Some(patterns.name(found.pattern))
    }

    /// A stream that masks chunk by chunk.
    #[must_use]
    pub fn stream(&self) -> MaskStream {
        MaskStream {
            scan: self.inner.clone().map(Scan::new),
            pending: Vec::new(),
            hits: Vec::new(),
        }
    }

    /// A stream that looks for secrets chunk by chunk.
    #[must_use]
    pub fn detector(&self) -> Detector {
        Detector {
            scan: self.inner.clone().map(Scan::new),
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
    /// `None` when there is nothing to mask.
    scan: Option<Scan>,
    /// What was read and not yet written.
    pending: Vec<u8>,
    /// Merged occurrences within `pending`, as (start, end), in order.
    hits: Vec<(usize, usize)>,
}

impl MaskStream {
    /// Takes a chunk; appends to `out` what can be told already.
    pub fn push(&mut self, chunk: &[u8], out: &mut Vec<u8>) {
        let Some(mut scan) = self.scan.take() else {
            out.extend_from_slice(chunk);
            return;
        };
        for byte in chunk {
            self.pending.push(*byte);
            if let Some(found) = scan.step(*byte) {
                let end = self.pending.len();
                self.hit(end.saturating_sub(found.length), end);
            }
        }
        // An occurrence yet to come begins at `open` or later.
        let open = self.pending.len().saturating_sub(scan.open());
        self.scan = Some(scan);
        let crossing = self.hits.iter().find(|(_, end)| *end > open);
        let border = crossing.map_or(open, |(start, _)| open.min(*start));
        self.flush(border, out);
    }

    /// The end of the stream: appends what was held back.
    pub fn finish(&mut self, out: &mut Vec<u8>) {
        self.flush(self.pending.len(), out);
        if let Some(scan) = &mut self.scan {
            scan.restart();
        }
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
    /// `None` when there is nothing to find.
    scan: Option<Scan>,
    found: Option<InputName>,
}

impl Detector {
    /// Takes a chunk.
    pub fn push(&mut self, chunk: &[u8]) {
        if self.found.is_some() {
            return;
        }
        if let Some(scan) = &mut self.scan
            && let Some(found) = chunk.iter().find_map(|byte| scan.step(*byte))
        {
            self.found = Some(scan.name(found.pattern).clone());
        }
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
