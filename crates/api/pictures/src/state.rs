//! Where a step or a run stands: its word, its signs, its colours. A colour
//! never stands alone: each state has a sign of its own shape.

use alloc::string::String;
use core::fmt::Write as _;

/// Where a step or a run stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[expect(missing_docs, reason = "the states' own names")]
pub enum State {
    Pending,
    Waiting,
    Running,
    Succeeded,
    /// Some of what it stands for succeeded, some did not.
    Partial,
    Failed,
    Skipped,
    Compensated,
}

/// How a state looks: ink on paper, in light and in dark.
struct Look {
    word: &'static str,
    class: &'static str,
    sign: &'static str,
    ascii: &'static str,
    /// An icon within 14 by 14, centred on 0,0.
    icon: &'static str,
    light: Paint,
    dark: Paint,
}

/// The colour of lines and signs, and of the area behind text.
#[derive(Clone, Copy)]
pub(crate) struct Paint {
    pub(crate) ink: &'static str,
    pub(crate) fill: &'static str,
}

/// The colours that belong to no state.
#[derive(Clone, Copy)]
pub(crate) struct Theme {
    /// The page.
    pub(crate) page: &'static str,
    /// Text.
    pub(crate) text: &'static str,
    /// Text of less weight.
    pub(crate) faint: &'static str,
    /// Edges and axes.
    pub(crate) line: &'static str,
    /// Grid lines, which carry no meaning.
    pub(crate) grid: &'static str,
    /// What a plan's step is filled with.
    pub(crate) plain: &'static str,
    /// What stands out: the critical path, links.
    pub(crate) mark: &'static str,
}

pub(crate) const LIGHT: Theme = Theme {
    page: "#ffffff",
    text: "#1b1f24",
    faint: "#4f5864",
    line: "#66707c",
    grid: "#dfe3e8",
    plain: "#f4f6f9",
    mark: "#7a3e9d",
};

pub(crate) const DARK: Theme = Theme {
    page: "#0f141a",
    text: "#e6edf3",
    faint: "#a7b1bd",
    line: "#8d98a5",
    grid: "#29323c",
    plain: "#1b222b",
    mark: "#d2a8ff",
};

const fn paint(ink: &'static str, fill: &'static str) -> Paint {
    Paint { ink, fill }
}

const LOOKS: [Look; 8] = [
    Look {
        word: "pending",
        class: "pend",
        sign: "·",
        ascii: "[    ]",
        icon: "M-5 0A5 5 0 1 1 5 0A5 5 0 1 1 -5 0",
        light: paint("#5c6672", "#ffffff"),
        dark: paint("#93a0ad", "#141a21"),
    },
    Look {
        word: "waiting",
        class: "wait",
        sign: "‖",
        ascii: "[WAIT]",
        icon: "M-2.5 -5V5M2.5 -5V5",
        light: paint("#8a5a00", "#fff3c9"),
        dark: paint("#e0aa3e", "#33270c"),
    },
    Look {
        word: "running",
        class: "run",
        sign: "▸",
        ascii: "[RUN ]",
        icon: "M-3.5 -5L5 0L-3.5 5Z",
        light: paint("#0b5cad", "#dcedff"),
        dark: paint("#6cb6ff", "#0e2a45"),
    },
    Look {
        word: "succeeded",
        class: "ok",
        sign: "✓",
        ascii: "[PASS]",
        icon: "M-5 0.5L-1.5 4L5 -4",
        light: paint("#1a7034", "#dff6e4"),
        dark: paint("#56d364", "#11291a"),
    },
    Look {
        word: "partial",
        class: "part",
        sign: "◐",
        ascii: "[PART]",
        icon: "M0 -5A5 5 0 0 1 0 5ZA5 5 0 0 1 0 -5",
        light: paint("#9a4a00", "#ffe9d6"),
        dark: paint("#f0883e", "#35210f"),
    },
    Look {
        word: "failed",
        class: "bad",
        sign: "✗",
        ascii: "[FAIL]",
        icon: "M-4.5 -4.5L4.5 4.5M-4.5 4.5L4.5 -4.5",
        light: paint("#b3141f", "#ffe5e4"),
        dark: paint("#ff7b72", "#3a1517"),
    },
    Look {
        word: "skipped",
        class: "skip",
        sign: "⊘",
        ascii: "[SKIP]",
        icon: "M-5 0A5 5 0 1 1 5 0A5 5 0 1 1 -5 0M-3.5 3.5L3.5 -3.5",
        light: paint("#5c6672", "#eceff2"),
        dark: paint("#93a0ad", "#20272f"),
    },
    Look {
        word: "compensated",
        class: "undo",
        sign: "↶",
        ascii: "[UNDO]",
        icon: "M-5 -1H2A3 3 0 0 1 2 5H-1M-2 -4L-5 -1L-2 2",
        light: paint("#6e3fb0", "#f1e8ff"),
        dark: paint("#c297ff", "#261b3d"),
    },
];

impl State {
    /// Every state.
    pub const ALL: [Self; 8] = [
        Self::Pending,
        Self::Waiting,
        Self::Running,
        Self::Succeeded,
        Self::Partial,
        Self::Failed,
        Self::Skipped,
        Self::Compensated,
    ];

    const fn look(self) -> &'static Look {
        &LOOKS[self as usize]
    }

    /// The word for people.
    #[must_use]
    pub const fn word(self) -> &'static str {
        self.look().word
    }

    /// The sign for a terminal.
    #[must_use]
    pub const fn sign(self, ascii: bool) -> &'static str {
        let look = self.look();
        if ascii { look.ascii } else { look.sign }
    }

    pub(crate) const fn class(self) -> &'static str {
        self.look().class
    }

    pub(crate) const fn light(self) -> Paint {
        self.look().light
    }

    pub(crate) const fn icon(self) -> &'static str {
        self.look().icon
    }

    /// What stands for several: the same, or what is most urgent to know.
    pub(crate) fn of_all(states: impl IntoIterator<Item = Self>) -> Option<Self> {
        let mut states = states.into_iter();
        let first = states.next()?;
        let (mut all_same, mut most_urgent) = (true, first);
        let urgency = |state: Self| match state {
            Self::Waiting => 4,
            Self::Running => 3,
            Self::Failed | Self::Skipped | Self::Partial => 2,
            _ => 1,
        };
        for state in states {
            all_same &= state == first;
            if urgency(state) > urgency(most_urgent) {
                most_urgent = state;
            }
        }
        Some(match most_urgent {
            same if all_same => same,
            urgent if urgency(urgent) > 2 => urgent,
            _ => Self::Partial,
        })
    }
}

/// The style rules of states and themes, for pictures under this selector.
pub(crate) fn rules(root: &str) -> String {
    let mut out = String::new();
    theme(&mut out, root, &LIGHT, |look| look.light);
    out.push_str("@media(prefers-color-scheme:dark){");
    theme(&mut out, root, &DARK, |look| look.dark);
    out.push_str("}\n");
    out
}

/// The style rules of signs with words, on a page.
pub(crate) fn chips() -> String {
    let mut out = String::new();
    chip_rules(&mut out, |look| look.light);
    out.push_str("@media(prefers-color-scheme:dark){");
    chip_rules(&mut out, |look| look.dark);
    out.push_str("}\n");
    out
}

fn chip_rules(out: &mut String, paint: fn(&Look) -> Paint) {
    for look in &LOOKS {
        let (Paint { ink, fill }, class) = (paint(look), look.class);
        let _ = write!(
            out,
            ".chip.{class},.notice.{class}{{color:{ink};background:{fill}}}"
        );
    }
}

/// Plain rules rather than variables: not only browsers show pictures.
fn theme(out: &mut String, root: &str, theme: &Theme, paint: impl Fn(&Look) -> Paint) {
    let _ = write!(
        out,
        "{root}{{color:{line}}}{root} .page{{fill:{page}}}{root} .t{{fill:{text}}}{root} .f{{fill:{faint}}}\
         {root} .l{{stroke:{line}}}{root} .head{{fill:{line}}}{root} .grid{{stroke:{grid}}}{root} text.on{{stroke:{page}}}{root} .box{{fill:{plain}}}\
         {root} .mark{{stroke:{mark}}}{root} .m{{fill:{mark}}}",
        line = theme.line,
        page = theme.page,
        text = theme.text,
        faint = theme.faint,
        grid = theme.grid,
        plain = theme.plain,
        mark = theme.mark,
    );
    for look in &LOOKS {
        let paint = paint(look);
        let _ = write!(
            out,
            "{root} .{class}{{color:{}}}{root} .{class} .box{{fill:{}}}",
            paint.ink,
            paint.fill,
            class = look.class,
        );
    }
    out.push('\n');
}

#[cfg(test)]
mod tests {
    extern crate std;

    use super::*;
    use rstest::rstest;
    use std::vec::Vec;

    fn luminance(colour: &str) -> f64 {
        let channel = |at: usize| {
            let value = f64::from(u8::from_str_radix(&colour[at..at + 2], 16).unwrap()) / 255.0;
            if value <= 0.040_45 {
                value / 12.92
            } else {
                ((value + 0.055) / 1.055).powf(2.4)
            }
        };
        0.2126 * channel(1) + 0.7152 * channel(3) + 0.0722 * channel(5)
    }

    fn contrast(a: &str, b: &str) -> f64 {
        let (a, b) = (luminance(a), luminance(b));
        (a.max(b) + 0.05) / (a.min(b) + 0.05)
    }

    #[rstest]
    #[case(&LIGHT, |look: &Look| look.light)]
    #[case(&DARK, |look: &Look| look.dark)]
    fn text_stands_out_by_4_5_and_lines_by_3(
        #[case] theme: &Theme,
        #[case] of: fn(&Look) -> Paint,
    ) {
        let papers: Vec<&str> = LOOKS
            .iter()
            .map(|look| of(look).fill)
            .chain([theme.page, theme.plain])
            .collect();
        for paper in papers {
            for ink in [theme.text, theme.faint, theme.mark] {
                assert!(contrast(ink, paper) >= 4.5, "{ink} on {paper}");
            }
        }
        assert!(contrast(theme.line, theme.page) >= 3.0);
        for look in &LOOKS {
            let paint = of(look);
            assert!(contrast(paint.ink, paint.fill) >= 4.5, "{}", look.word);
            assert!(contrast(paint.ink, theme.page) >= 4.5, "{}", look.word);
        }
    }

    #[test]
    fn the_table_is_in_the_order_of_the_enum_and_no_sign_stands_twice() {
        for (at, state) in State::ALL.into_iter().enumerate() {
            assert_eq!(state as usize, at);
            assert_eq!(std::format!("{state:?}").to_lowercase(), state.word());
            for other in &LOOKS[..at] {
                assert_ne!(other.icon, state.icon());
                assert_ne!(other.sign, state.sign(false));
                assert_ne!(other.ascii, state.sign(true));
            }
        }
    }

    #[rstest]
    #[case(&[], None)]
    #[case(&[State::Succeeded, State::Succeeded], Some(State::Succeeded))]
    #[case(&[State::Succeeded, State::Failed], Some(State::Partial))]
    #[case(&[State::Failed, State::Skipped], Some(State::Partial))]
    #[case(&[State::Succeeded, State::Pending], Some(State::Partial))]
    #[case(&[State::Failed, State::Running, State::Pending], Some(State::Running))]
    #[case(&[State::Running, State::Waiting], Some(State::Waiting))]
    fn several_states_as_one(#[case] states: &[State], #[case] expected: Option<State>) {
        assert_eq!(State::of_all(states.iter().copied()), expected);
    }
}
