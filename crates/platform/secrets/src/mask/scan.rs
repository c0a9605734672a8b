//! One pass over a text for all forms: those that stand as they are, and those
//! between whose characters a line may break.

use super::automaton::Automaton;
use super::wrapped::Wrapped;
use crate::forms::{self, Form};
use crate::values::Secrets;
use aho_corasick::automaton::StateID;
use rok_vocabulary::InputName;
use std::sync::Arc;

/// All forms of all secrets, ready to be looked for.
pub(super) struct Patterns {
    plain: Automaton,
    pub(super) base64: Automaton,
    /// Which bytes no form begins with.
    quiet: [bool; 256],
    /// Of each form, plain ones first: the secret that it is a form of.
    names: Vec<InputName>,
    /// How many of the forms are plain.
    plain_forms: usize,
}

impl Patterns {
    pub(super) fn new(secrets: &Secrets) -> Self {
        let (mut plain, mut base64) = (Vec::new(), Vec::new());
        let (mut names, mut base64_names) = (Vec::new(), Vec::new());
        for (name, value) in secrets.iter() {
            for form in forms::all(value) {
                match form {
                    Form::Plain(bytes) => {
                        plain.push(bytes);
                        names.push(name.clone());
                    }
                    Form::Base64(bytes) => {
                        base64.push(bytes);
                        base64_names.push(name.clone());
                    }
                }
            }
        }
        let plain_forms = names.len();
        names.extend(base64_names);
        let (plain, base64) = (Automaton::new(&plain), Automaton::new(&base64));
        let quiet = std::array::from_fn(|byte| {
            let byte = u8::try_from(byte).expect("there are 256 bytes");
            // An escape may stand for the first character.
            !plain.begins(byte) && !base64.begins(byte) && !matches!(byte, b'\\' | b'%')
        });
        Self {
            plain,
            base64,
            quiet,
            names,
            plain_forms,
        }
    }

    /// Whether it changes nothing where nothing has begun.
    #[inline]
    fn says_nothing(&self, byte: u8) -> bool {
        self.quiet[usize::from(byte)]
    }

    /// Whose form it is.
    pub(super) fn name(&self, pattern: usize) -> &InputName {
        &self.names[pattern]
    }
}

/// A form that ends at the last byte.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Found {
    /// How many bytes of the text it takes, line breaks within it included.
    pub(super) length: usize,
    /// Which one; see [`Patterns::name`].
    pub(super) pattern: usize,
}

/// Where a pass over a text is.
pub(super) struct Scan {
    patterns: Arc<Patterns>,
    plain: StateID,
    base64: Wrapped,
}

impl Scan {
    pub(super) fn new(patterns: Arc<Patterns>) -> Self {
        Self {
            plain: patterns.plain.start(),
            base64: Wrapped::new(&patterns.base64),
            patterns,
        }
    }

    /// From here on it is another text.
    pub(super) fn restart(&mut self) {
        self.plain = self.patterns.plain.start();
        self.base64 = Wrapped::new(&self.patterns.base64);
    }

    pub(super) fn name(&self, pattern: usize) -> &InputName {
        self.patterns.name(pattern)
    }

    /// Takes the next byte; the longest form that ends with it.
    #[inline]
    pub(super) fn step(&mut self, byte: u8) -> Option<Found> {
        let Patterns { plain, base64, .. } = &*self.patterns;
        if self.patterns.says_nothing(byte)
            && self.plain == plain.start()
            && self.base64.is_idle(base64)
        {
            return None;
        }
        self.plain = plain.next(self.plain, byte);
        let ends = self.base64.step(base64, byte);
        if ends || plain.ends(self.plain) {
            return self.found(ends);
        }
        None
    }

    /// The longest form that ends with the last byte; `base64_ends` tells whether
    /// one of base64 does.
    fn found(&self, base64_ends: bool) -> Option<Found> {
        let Patterns { plain, base64, .. } = &*self.patterns;
        let of_plain = plain.found(self.plain).map(|found| Found {
            length: found.length,
            pattern: found.form,
        });
        let of_base64 = self.base64.found(base64).filter(|_| base64_ends);
        let of_base64 = of_base64.map(|found| Found {
            length: found.length,
            pattern: self.patterns.plain_forms + found.form,
        });
        of_plain
            .into_iter()
            .chain(of_base64)
            .max_by_key(|found| found.length)
    }

    /// How many of the last bytes may belong to a form that has not ended.
    pub(super) fn open(&self) -> usize {
        let plain = self.patterns.plain.depth(self.plain);
        plain.max(self.base64.open(&self.patterns.base64))
    }
}
