//! Colours, signs, and texts that fit.

use crate::look::Look;
use alloc::format;
use alloc::string::{String, ToString};
use alloc::vec::Vec;
use anstyle::{AnsiColor, Style};
use rok_orchestration::{ComponentResult, ResultStatus};
use rok_pictures::{clean, columns, shorten_with};

const GOOD: Style = AnsiColor::Green.on_default();
const BAD: Style = AnsiColor::Red.on_default().bold();
const WARN: Style = AnsiColor::Yellow.on_default();
const STRONG: Style = Style::new().bold();
const FAINT: Style = Style::new().dimmed();

/// The sign of a word, as terminals show it.
const SIGNS: [(&str, &str); 5] = [
    ("PASS", "✅"),
    ("FAIL", "❌"),
    ("WARN", "⚠️"),
    ("SKIP", "⏭️"),
    ("TIME", "⏱️"),
];

/// How many bytes of a text fit; one sign at least.
fn fitting(text: &str, room: usize) -> usize {
    let mut used = 0;
    let mut bytes = 0;
    for c in text.chars() {
        used += columns(c.encode_utf8(&mut [0; 4]));
        if used > room && bytes > 0 {
            break;
        }
        bytes += c.len_utf8();
    }
    bytes
}

/// How to paint.
#[derive(Debug, Clone, Copy)]
pub(super) struct Paint(pub(super) Look);

impl Paint {
    fn styled(self, style: Style, text: &str) -> String {
        if self.0.color && !text.is_empty() {
            format!("{style}{text}{style:#}")
        } else {
            text.to_string()
        }
    }

    pub(super) fn good(self, text: &str) -> String {
        self.styled(GOOD, text)
    }

    pub(super) fn bad(self, text: &str) -> String {
        self.styled(BAD, text)
    }

    pub(super) fn warn(self, text: &str) -> String {
        self.styled(WARN, text)
    }

    pub(super) fn strong(self, text: &str) -> String {
        self.styled(STRONG, text)
    }

    pub(super) fn faint(self, text: &str) -> String {
        self.styled(FAINT, text)
    }

    pub(super) const fn dot(self) -> &'static str {
        if self.0.ascii { "-" } else { "·" }
    }

    /// The sign of a result.
    pub(super) fn sign(self, result: &ComponentResult) -> String {
        let word = result.word();
        let sign = SIGNS.iter().find(|(known, _)| *known == word);
        let text = match sign {
            Some((_, sign)) if !self.0.ascii => (*sign).to_string(),
            _ => format!("[{word}]"),
        };
        match result.status {
            ResultStatus::Pass => self.good(&text),
            ResultStatus::Fail => self.bad(&text),
            ResultStatus::Warn => self.warn(&text),
            ResultStatus::Skip => self.faint(&text),
        }
    }

    /// How many columns a sign takes.
    pub(super) const fn sign_columns(self) -> usize {
        if self.0.ascii { "[PASS]".len() } else { 2 }
    }

    /// A text from elsewhere on one line, harmless, no wider than this, and in
    /// ASCII where nothing else is shown rightly.
    pub(super) fn fit(self, text: &str, room: usize) -> String {
        let sign = if self.0.ascii { "..." } else { "…" };
        let shown = self.shown(text);
        if room < columns(sign) && columns(&shown) > room {
            return String::new();
        }
        let short = shorten_with(&shown, room, sign);
        debug_assert!(columns(&short) <= room, "it was shortened");
        short
    }

    /// A text from elsewhere on as many lines as it takes, harmless; a line
    /// that is too long is broken between words.
    pub(super) fn lines(self, text: &str, room: usize) -> Vec<String> {
        let mut lines = Vec::new();
        for line in text.trim_end().lines() {
            let shown = self.shown(line);
            let mut rest = shown.as_str();
            while columns(rest) > room {
                let fits = fitting(rest, room);
                let word = rest[..fits].trim_start();
                let indent = fits - word.len();
                let cut = if rest[fits..].starts_with(' ') {
                    fits
                } else {
                    word.rfind(' ').map_or(fits, |at| indent + at)
                };
                lines.push(rest[..cut].trim_end().to_string());
                rest = rest[cut..].trim_start();
            }
            lines.push(rest.to_string());
        }
        lines
    }

    /// A text from elsewhere on one line, harmless.
    pub(super) fn shown(self, text: &str) -> String {
        let shown = |c: char| {
            if c.is_ascii() || !self.0.ascii {
                c
            } else {
                '?'
            }
        };
        // A selector that widens the sign before it, which nothing can measure.
        let kept = |c: &char| *c != '\u{fe0f}';
        clean(text).chars().filter(kept).map(shown).collect()
    }
}
