//! Colours, signs, and texts that came from elsewhere.

use crate::terminal::Look;
use anstyle::{AnsiColor, Style};
use rok_service::views::StepState;
use std::time::Duration;

/// How to paint on a stream.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Paint {
    color: bool,
    ascii: bool,
}

const GOOD: Style = AnsiColor::Green.on_default();
const BAD: Style = AnsiColor::Red.on_default().bold();
const WARN: Style = AnsiColor::Yellow.on_default();
const HINT: Style = AnsiColor::Cyan.on_default();
const STRONG: Style = Style::new().bold();
const FAINT: Style = Style::new().dimmed();

impl Paint {
    pub(crate) const fn of(look: Look) -> Self {
        Self {
            color: look.color,
            ascii: look.ascii,
        }
    }

    fn styled(self, style: Style, text: &str) -> String {
        if self.color {
            format!("{style}{text}{style:#}")
        } else {
            text.to_owned()
        }
    }

    pub(crate) fn good(self, text: &str) -> String {
        self.styled(GOOD, text)
    }

    pub(crate) fn bad(self, text: &str) -> String {
        self.styled(BAD, text)
    }

    pub(crate) fn warn(self, text: &str) -> String {
        self.styled(WARN, text)
    }

    pub(crate) fn hint(self, text: &str) -> String {
        self.styled(HINT, text)
    }

    pub(crate) fn strong(self, text: &str) -> String {
        self.styled(STRONG, text)
    }

    pub(crate) fn faint(self, text: &str) -> String {
        self.styled(FAINT, text)
    }

    /// A rule of this many columns.
    pub(crate) fn rule(self, sign: char) -> String {
        self.faint(&sign.to_string().repeat(60))
    }

    /// What separates parts of a line.
    pub(crate) const fn dot(self) -> &'static str {
        if self.ascii { "-" } else { "·" }
    }

    /// The sign of a run that completed with some of its work failed.
    pub(crate) fn partial(self) -> String {
        self.warn(if self.ascii { "[PART]" } else { "◐" })
    }

    /// The sign of a step's state.
    pub(crate) fn sign(self, state: StepState) -> String {
        let (sign, ascii) = match state {
            StepState::Succeeded => ("✓", "[PASS]"),
            StepState::Failed => ("✗", "[FAIL]"),
            StepState::Skipped => ("⊘", "[SKIP]"),
            StepState::Waiting => ("‖", "[WAIT]"),
            StepState::Running => ("▸", "[RUN ]"),
            StepState::Pending => ("·", "[    ]"),
            StepState::Compensated => ("↶", "[UNDO]"),
        };
        let sign = if self.ascii { ascii } else { sign };
        match state {
            StepState::Succeeded => self.good(sign),
            StepState::Failed => self.bad(sign),
            StepState::Waiting => self.warn(sign),
            StepState::Running => self.hint(sign),
            StepState::Skipped | StepState::Pending | StepState::Compensated => self.faint(sign),
        }
    }
}

/// A text from elsewhere on one line, without what a terminal might obey.
pub(crate) fn clean(text: &str) -> String {
    text.trim_end()
        .chars()
        .map(|c| match c {
            '\n' | '\t' => ' ',
            c if harmful(c) => '\u{fffd}',
            c => c,
        })
        .collect()
}

/// Control characters, and the ones that turn the direction of text.
fn harmful(c: char) -> bool {
    c.is_control()
        || matches!(c, '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}

/// Seconds with two digits, as seed 004 writes durations.
pub(crate) fn seconds(duration: Duration) -> String {
    format!("{:.2}s", duration.as_secs_f64())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_from_elsewhere_give_no_orders() {
        assert_eq!(
            clean("a\u{1b}[31mred\nnext\u{202e}x\n"),
            "a\u{fffd}[31mred next\u{fffd}x"
        );
    }
}
