//! Base64 as it is printed: in lines, and within JSON and URLs.
//!
//! What stands between the characters and is none of them is looked through:
//! white space, `\n` and `\r` as JSON writes them, `\/`, and `%2B`, `%2F`,
//! `%0A`, `%0D` as URLs have them.

use super::automaton::{Automaton, Match};
use aho_corasick::automaton::StateID;

/// More stretches between characters than this are looked through for old ones.
const MANY: usize = 64;

/// Where a pass over base64 is.
pub(super) struct Wrapped {
    state: StateID,
    /// How many characters were read since something may have begun.
    characters: usize,
    /// What stood between them: behind how many characters, and how many bytes.
    /// Only what is younger than the longest form counts.
    between: Vec<(usize, usize)>,
    escape: Escape,
}

/// What was read of an escape that is not whole.
#[derive(Clone, Copy)]
enum Escape {
    None,
    /// `\`
    Backslash,
    /// `%`
    Percent,
    /// `%0` or `%2`
    Digit(u8),
}

impl Wrapped {
    pub(super) fn new(forms: &Automaton) -> Self {
        Self {
            state: forms.start(),
            characters: 0,
            between: Vec::new(),
            escape: Escape::None,
        }
    }

    /// Whether nothing has begun.
    #[inline]
    pub(super) fn is_idle(&self, forms: &Automaton) -> bool {
        self.state == forms.start() && matches!(self.escape, Escape::None)
    }

    /// Takes the next byte; whether a form ends with it.
    #[inline]
    pub(super) fn step(&mut self, forms: &Automaton, byte: u8) -> bool {
        match self.escape {
            Escape::None => self.plain(forms, byte),
            _ => self.escaped(forms, byte),
        }
    }

    /// The longest form that ends with the last byte, where one does.
    pub(super) fn found(&self, forms: &Automaton) -> Option<Match> {
        let found = forms.found(self.state)?;
        Some(Match {
            length: self.bytes(found.length),
            ..found
        })
    }

    /// The next byte of an escape.
    fn escaped(&mut self, forms: &Automaton, byte: u8) -> bool {
        match (std::mem::replace(&mut self.escape, Escape::None), byte) {
            (Escape::Backslash, b'n' | b'r' | b't') => self.skip(forms, 2),
            (Escape::Digit(b'0'), b'A' | b'a' | b'D' | b'd') => self.skip(forms, 3),
            (Escape::Backslash, b'\\') => {
                self.skip(forms, 1);
                self.escape = Escape::Backslash;
            }
            (Escape::Percent, b'0' | b'2') => self.escape = Escape::Digit(byte),
            (Escape::Backslash, b'/') => {
                self.skip(forms, 1);
                return self.take(forms, b'/');
            }
            (Escape::Digit(b'2'), b'B' | b'b' | b'F' | b'f') => {
                self.skip(forms, 2);
                let plus = matches!(byte, b'B' | b'b');
                return self.take(forms, if plus { b'+' } else { b'/' });
            }
            // It was no such escape: it ends whatever there was.
            (was, _) => {
                self.restart(forms);
                if let Escape::Digit(digit) = was {
                    self.take(forms, digit);
                }
                return self.plain(forms, byte);
            }
        }
        false
    }

    /// How many of the last bytes may belong to a form that has not ended.
    pub(super) fn open(&self, forms: &Automaton) -> usize {
        let escape = match self.escape {
            Escape::None => 0,
            Escape::Backslash | Escape::Percent => 1,
            Escape::Digit(_) => 2,
        };
        match forms.depth(self.state) {
            0 => 0,
            depth => self.bytes(depth) + escape,
        }
    }

    /// A byte that belongs to no escape that has begun.
    #[inline]
    fn plain(&mut self, forms: &Automaton, byte: u8) -> bool {
        match byte {
            b' ' | b'\t' | b'\r' | b'\n' => self.skip(forms, 1),
            b'\\' => self.escape = Escape::Backslash,
            b'%' => self.escape = Escape::Percent,
            _ => return self.take(forms, byte),
        }
        false
    }

    fn restart(&mut self, forms: &Automaton) {
        self.state = forms.start();
        self.characters = 0;
        self.between.clear();
    }

    /// Bytes that are looked through.
    fn skip(&mut self, forms: &Automaton, bytes: usize) {
        if self.state == forms.start() {
            return;
        }
        if self.between.len() >= MANY {
            let younger = self.characters - forms.depth(self.state);
            self.between.retain(|(behind, _)| *behind > younger);
        }
        match self.between.last_mut() {
            Some((behind, sum)) if *behind == self.characters => *sum += bytes,
            _ => self.between.push((self.characters, bytes)),
        }
    }

    /// A character of base64, or what is none.
    #[inline]
    fn take(&mut self, forms: &Automaton, byte: u8) -> bool {
        self.state = forms.next(self.state, byte);
        if self.state == forms.start() {
            if self.characters > 0 {
                self.restart(forms);
            }
            return false;
        }
        self.characters += 1;
        forms.ends(self.state)
    }

    /// How many bytes of text the last so many characters take, with all that
    /// stands between and behind them.
    fn bytes(&self, characters: usize) -> usize {
        let before = self.characters - characters;
        let within = self
            .between
            .iter()
            .rev()
            .take_while(|(behind, _)| *behind > before);
        characters + within.map(|(_, bytes)| bytes).sum::<usize>()
    }
}
