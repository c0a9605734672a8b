//! An automaton that finds forms of secrets byte by byte.

use aho_corasick::automaton::{Automaton as _, StateID};
use aho_corasick::nfa::contiguous::NFA;
use aho_corasick::{Anchored, MatchKind};
use std::collections::HashMap;

/// Finds every form, each told by its number.
pub(super) struct Automaton {
    nfa: NFA,
    start: StateID,
    /// Which bytes a form begins with: most of a text is not even that.
    begins: [bool; 256],
    /// The length of the longest suffix that may become an occurrence, by state.
    depth: HashMap<StateID, usize>,
    /// The length of the longest form.
    longest: usize,
}

/// A form that ends where the automaton is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Match {
    /// How many bytes of input it has.
    pub(super) length: usize,
    /// The number of the form.
    pub(super) form: usize,
}

impl Automaton {
    pub(super) fn new(forms: &[Vec<u8>]) -> Self {
        let nfa = NFA::builder()
            .match_kind(MatchKind::Standard)
            .build(forms)
            .expect("secrets are far fewer and shorter than the automaton's limits");
        let start = nfa
            .start_state(Anchored::No)
            .expect("an automaton built with defaults can search unanchored");
        let mut depth = HashMap::from([(start, 0)]);
        for form in forms {
            let mut state = start;
            for (at, byte) in form.iter().enumerate() {
                state = nfa.next_state(Anchored::No, state, *byte);
                depth.insert(state, at + 1);
            }
        }
        let mut begins = [false; 256];
        for first in forms.iter().filter_map(|form| form.first()) {
            begins[usize::from(*first)] = true;
        }
        let longest = forms.iter().map(Vec::len).max().unwrap_or_default();
        Self {
            nfa,
            start,
            begins,
            depth,
            longest,
        }
    }

    /// Whether a form begins with it.
    pub(super) fn begins(&self, byte: u8) -> bool {
        self.begins[usize::from(byte)]
    }

    /// Where nothing has begun.
    pub(super) fn start(&self) -> StateID {
        self.start
    }

    #[inline]
    pub(super) fn next(&self, state: StateID, byte: u8) -> StateID {
        if state == self.start && !self.begins(byte) {
            return state;
        }
        self.nfa.next_state(Anchored::No, state, byte)
    }

    /// How many bytes of input may belong to a form that has not ended.
    pub(super) fn depth(&self, state: StateID) -> usize {
        self.depth.get(&state).copied().unwrap_or(self.longest)
    }

    /// Whether a form ends in this state.
    #[inline]
    pub(super) fn ends(&self, state: StateID) -> bool {
        // Cheap: special states are the dead, the start and the matching ones.
        state != self.start && self.nfa.is_special(state) && self.nfa.is_match(state)
    }

    /// The longest form that ends in a state in which one does.
    pub(super) fn found(&self, state: StateID) -> Option<Match> {
        if !self.ends(state) {
            return None;
        }
        (0..self.nfa.match_len(state))
            .map(|index| {
                let pattern = self.nfa.match_pattern(state, index);
                Match {
                    length: self.nfa.pattern_len(pattern),
                    form: pattern.as_usize(),
                }
            })
            .max_by_key(|found| found.length)
    }
}
