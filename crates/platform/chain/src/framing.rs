//! Where the last whole decision ends.
//!
//! Each line of a decision but its last carries `"more":true`. What follows
//! the last line without it was being written when the writer died: bytes
//! without a newline, blocks of NULs, or whole lines.

use crate::header;
use serde::Deserialize;

/// What follows the last whole decision of a log.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TornTail {
    /// Where it begins, in bytes from the start of the log.
    pub byte: usize,
    /// How many bytes it has.
    pub bytes: usize,
    /// How many lines it has; a last one without a newline counts.
    pub lines: usize,
}

/// How a log divides into whole decisions and a torn tail.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Framing {
    /// The length of the whole decisions.
    pub complete: usize,
    /// Where the line begins that is neither an event nor the mark of a torn
    /// write, if one was met while looking for the last whole decision.
    /// Then `complete` is where that line begins, and nothing may be dropped.
    pub unreadable: Option<usize>,
}

#[derive(Deserialize)]
struct More {
    #[serde(default)]
    more: bool,
}

impl Framing {
    /// Divides `log`. Looks at the last decision and what follows it only.
    #[must_use]
    pub fn of(log: &[u8]) -> Self {
        let mut end = memchr::memrchr(b'\n', log).map_or(0, |at| at + 1);
        while end > 0 {
            let start = memchr::memrchr(b'\n', &log[..end - 1]).map_or(0, |at| at + 1);
            let line = &log[start..end - 1];
            match header::decode::<More>(line) {
                Ok(More { more: false }) => break,
                Ok(More { more: true }) => {}
                // A block that never reached the disk reads as NULs; any other
                // whole line that is no event was changed after it was written.
                Err(_) if memchr::memchr(0, line).is_some() => {}
                Err(_) => {
                    return Self {
                        complete: start,
                        unreadable: Some(start),
                    };
                }
            }
            end = start;
        }
        Self {
            complete: end,
            unreadable: None,
        }
    }

    /// What follows the whole decisions of `log`, if anything does.
    #[must_use]
    pub fn torn_tail(&self, log: &[u8]) -> Option<TornTail> {
        let tail = &log[self.complete..];
        if tail.is_empty() || self.unreadable.is_some() {
            return None;
        }
        let newlines = memchr::memchr_iter(b'\n', tail).count();
        let unended = usize::from(tail.last() != Some(&b'\n'));
        Some(TornTail {
            byte: self.complete,
            bytes: tail.len(),
            lines: newlines + unended,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use rstest::rstest;

    const END: &str = "{\"seq\":0}\n";
    const MORE: &str = "{\"seq\":1,\"more\":true}\n";

    #[rstest]
    #[case::nothing("", 0, None)]
    #[case::whole("{}\n{}\n", 6, None)]
    #[case::bytes("{}\n{\"se", 3, Some((4, 1)))]
    #[case::nuls("{}\n\0\0\0", 3, Some((3, 1)))]
    #[case::a_hole("{}\n\0\0\0\"x\":1}\n", 3, Some((10, 1)))]
    #[case::whole_lines("{}\n{\"more\":true}\n", 3, Some((14, 1)))]
    #[case::lines_and_bytes("{}\n{\"more\":true}\n{", 3, Some((15, 2)))]
    #[case::more_false("{\"more\":false}\n", 15, None)]
    #[case::only_a_tear("{\"more\":true}\n", 0, Some((14, 1)))]
    #[case::an_event_without_its_newline("{}\n{}", 3, Some((2, 1)))]
    fn frames(#[case] log: &str, #[case] complete: usize, #[case] tail: Option<(usize, usize)>) {
        let framing = Framing::of(log.as_bytes());
        assert_eq!(
            framing,
            Framing {
                complete,
                unreadable: None
            }
        );
        let found = framing.torn_tail(log.as_bytes());
        assert_eq!(found.map(|t| (t.bytes, t.lines)), tail);
        assert!(found.is_none_or(|t| t.byte == complete));
    }

    #[rstest]
    #[case::garbage("{}\ngarbage\n", 3)]
    #[case::garbage_before_more("{}\ngarbage\n{\"more\":true}\n", 3)]
    #[case::an_empty_line("{}\n\n", 3)]
    #[case::a_list("[]x\n", 0)]
    fn what_no_torn_write_leaves_is_never_dropped(#[case] log: &str, #[case] at: usize) {
        let framing = Framing::of(log.as_bytes());
        assert_eq!(framing.unreadable, Some(at));
        assert_eq!(framing.torn_tail(log.as_bytes()), None);
    }

    #[test]
    fn a_cut_anywhere_leaves_whole_decisions() {
        let log = [END, MORE, MORE, END].concat();
        for cut in 0..=log.len() {
            let expected = match cut {
                cut if cut == log.len() => log.len(),
                cut if cut >= END.len() => END.len(),
                _ => 0,
            };
            assert_eq!(
                Framing::of(&log.as_bytes()[..cut]).complete,
                expected,
                "cut at {cut}"
            );
        }
    }
}
