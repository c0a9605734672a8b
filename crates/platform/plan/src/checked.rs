//! Other files in the notation of plan files (tests of plans, for one): the
//! same text rules and bounds, the same places, the same way of telling every
//! fault at once.

mod read;
mod step;

pub use step::StepParts;

use alloc::borrow::ToOwned;
use alloc::format;
use alloc::rc::Rc;
use alloc::string::String;
use core::ops::Range;
use serde_json::Value;

use crate::fault::{Finding, Findings, quoted};
use crate::nearest::Nearest;
use crate::source::{self, Holds, Source};
use crate::tree::{self, Node, Syntax};
use crate::values::untyped;
use crate::{FaultCode, PlanErrors, ValueFault};

/// A file's text. It is read into a tree for each look at it, so that a later
/// look, which knows more, tells its faults with their places too.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CheckedFile {
    name: String,
    text: String,
}

impl CheckedFile {
    /// Takes the bytes of a file. `name` is for messages; nothing is opened.
    pub fn new(bytes: &[u8], name: &str) -> Result<Self, PlanErrors> {
        let (text, unreadable) = source::read(bytes, Holds::Code);
        let file = Self {
            name: name.to_owned(),
            text,
        };
        match unreadable {
            None => Ok(file),
            Some(finding) => {
                let mut findings = Findings::of(Syntax::of(name));
                findings.push(finding);
                Err(findings.into_errors(name, &Source::new(&file.text)))
            }
        }
    }

    /// The file's name.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The line of a byte of the text, from 1.
    #[must_use]
    pub fn line(&self, byte: usize) -> usize {
        Source::new(&self.text).position(byte).0
    }

    /// Decodes the whole file. Either there is a value and no fault, or
    /// every fault that was told comes back. `decode` gives `None` only after
    /// it has told a fault.
    pub fn decode<T>(
        &self,
        decode: impl FnOnce(Item<'_>, &mut Faults<'_>) -> Option<T>,
    ) -> Result<T, PlanErrors> {
        let source = Source::new(&self.text);
        let mut findings = Findings::of(Syntax::of(&self.name));
        let root = tree::load(&source, &mut findings);
        let mut faults = Faults {
            source: &source,
            findings,
            nearest: Nearest::default(),
        };
        if root.is_none() && faults.findings.is_empty() {
            faults.tell(FaultCode::Syntax, 0..0, "the file is empty");
        }
        let value = root.and_then(|root| decode(Item(&root), &mut faults));
        match value {
            Some(value) if faults.findings.is_empty() => Ok(value),
            _ => {
                if faults.findings.is_empty() {
                    faults.tell(FaultCode::Syntax, 0..0, "the file could not be read");
                }
                Err(faults.findings.into_errors(&self.name, &source))
            }
        }
    }
}

/// Collects faults.
#[derive(Debug)]
pub struct Faults<'s> {
    source: &'s Source<'s>,
    findings: Findings,
    nearest: Nearest,
}

impl Faults<'_> {
    /// Tells a fault.
    pub fn tell(&mut self, code: FaultCode, span: Range<usize>, message: impl Into<String>) {
        self.findings.push(Finding::new(code, span, message));
    }

    /// Tells a fault and how to mend it.
    pub fn tell_with_hint(
        &mut self,
        code: FaultCode,
        span: Range<usize>,
        message: impl Into<String>,
        hint: impl Into<String>,
    ) {
        self.findings
            .push(Finding::new(code, span, message).hint(hint));
    }

    /// Tells that nothing of that name is known here; `what` it would be, for
    /// example "step". The nearest known name is the hint.
    pub fn unknown<'n>(
        &mut self,
        code: FaultCode,
        span: Range<usize>,
        what: &str,
        name: &str,
        known: impl IntoIterator<Item = &'n str>,
    ) {
        let nearest = self.nearest.of(name, known);
        let finding = Finding::new(code, span, format!("unknown {what} {}", quoted(name)));
        let hint = nearest.map(|nearest| format!("did you mean {}?", quoted(nearest)));
        self.findings.push(finding.maybe_hint(hint));
    }

    /// Whether nothing was told so far.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.findings.is_empty()
    }
}

/// A value of a file, with its place.
#[derive(Debug, Clone, Copy)]
pub struct Item<'t>(&'t Rc<Node>);

/// A key of a mapping, with its place.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Key<'t> {
    /// Its text.
    pub text: &'t str,
    /// Its place.
    pub span: Range<usize>,
}

impl<'t> Item<'t> {
    /// Its place.
    #[must_use]
    pub fn span(self) -> Range<usize> {
        self.0.span.clone()
    }

    /// What a person would call it: "a mapping", "a number".
    #[must_use]
    pub fn describe(self) -> &'static str {
        self.0.describe()
    }

    /// Whether it says nothing: an empty value, `null` or `~`.
    #[must_use]
    pub fn is_null(self) -> bool {
        self.0.is_null()
    }

    /// The text of a scalar that says something, as written.
    #[must_use]
    pub fn text(self) -> Option<&'t str> {
        self.0.text()
    }

    /// The items of a list.
    #[must_use]
    pub fn list(self) -> Option<impl ExactSizeIterator<Item = Item<'t>>> {
        Some(self.0.list()?.iter().map(Item))
    }

    /// The entries of a mapping, in file order, without duplicates.
    #[must_use]
    pub fn map(self) -> Option<impl ExactSizeIterator<Item = (Key<'t>, Item<'t>)>> {
        let entries = self.0.map()?.iter();
        Some(entries.map(|entry| {
            let key = Key {
                text: &entry.key,
                span: entry.span.clone(),
            };
            (key, Item(&entry.node))
        }))
    }

    /// The value of a key; `None` also when this is no mapping.
    #[must_use]
    pub fn get(self, key: &str) -> Option<Self> {
        self.0.entry(key).map(|entry| Item(&entry.node))
    }

    /// As JSON, by the YAML core schema.
    pub fn json(self) -> Result<Value, ValueFault> {
        untyped(self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::string::ToString;
    use alloc::vec::Vec;

    #[test]
    fn a_later_look_tells_its_faults_with_their_places() {
        let file = CheckedFile::new(b"a: 1\nbc: [x, y]\n", "some.yaml").unwrap();
        let names =
            file.decode(|root, _| Some(root.map()?.map(|(key, _)| key.text.to_string()).collect()));
        assert_eq!(names, Ok(Vec::from(["a".to_string(), "bc".to_string()])));

        let errors = file.decode(|root, faults| {
            for (key, _) in root.map()? {
                faults.unknown(FaultCode::UnknownKey, key.span, "key", key.text, ["bcd"]);
            }
            Some(())
        });
        assert_eq!(
            errors.unwrap_err().to_string(),
            "some.yaml:1:1: unknown key `a`\n\
             some.yaml:2:1: unknown key `bc` (did you mean `bcd`?)"
        );
    }

    #[test]
    fn what_is_no_text_is_refused_at_once() {
        let errors = CheckedFile::new(b"a: \xff", "some.yaml").unwrap_err();
        assert!(errors.to_string().contains("not UTF-8"), "{errors}");
    }

    #[test]
    fn no_value_is_never_without_a_fault() {
        let file = CheckedFile::new(b"a: 1\n", "some.yaml").unwrap();
        assert!(file.decode(|_, _| None::<()>).is_err());
        let file = CheckedFile::new(b"a: [1\n", "some.yaml").unwrap();
        assert!(file.decode(|_, _| Some(())).is_err());
    }
}
