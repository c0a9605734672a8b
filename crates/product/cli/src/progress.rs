//! A run as it goes, on standard error: on a terminal a line for each running
//! step below what is finished; elsewhere a line for each thing that happens.

use crate::render::{Paint, clean, seconds};
use crate::terminal::{Look, Terminal};
use indicatif::{MultiProgress, ProgressBar, ProgressDrawTarget, ProgressStyle};
use rok_service::views::{EventLine, Observer, StepState, Timestamp};
use std::collections::BTreeMap;
use std::io::Write as _;
use std::time::Duration;

/// How often a spinner turns, and how often the terminal is drawn: fast
/// enough to look alive, slow enough not to flicker.
const TICK: Duration = Duration::from_millis(120);
const FRAMES_PER_SECOND: u8 = 12;

/// More running steps than this are counted, not shown.
const MAX_BARS: usize = 12;

/// Shows a run that is driven.
pub(crate) struct Progress {
    look: Look,
    mode: Telling,
    started: BTreeMap<String, Timestamp>,
    /// Whether the run tells of its services itself.
    tells: bool,
}

enum Telling {
    Nothing,
    /// Collected; written when the driving ends or, where live, at once.
    Lines {
        live: bool,
        text: String,
    },
    Bars {
        all: MultiProgress,
        steps: BTreeMap<String, ProgressBar>,
    },
}

impl Progress {
    /// As the terminal can take it.
    pub(crate) fn of(terminal: &Terminal) -> Self {
        let look = terminal.err_look;
        let mode = if terminal.quiet {
            Telling::Nothing
        } else if look.tty && terminal.live && !look.ascii {
            let target = ProgressDrawTarget::stderr_with_hz(FRAMES_PER_SECOND);
            Telling::Bars {
                all: MultiProgress::with_draw_target(target),
                steps: BTreeMap::new(),
            }
        } else {
            Telling::Lines {
                live: terminal.live,
                text: String::new(),
            }
        };
        Self {
            look,
            mode,
            started: BTreeMap::new(),
            tells: false,
        }
    }

    /// Tells something from another thread, above the bars where there are
    /// some.
    pub(crate) fn teller(&self) -> impl Fn(&str) + Send + 'static {
        let bars = match &self.mode {
            Telling::Bars { all, .. } => Some(all.clone()),
            Telling::Nothing | Telling::Lines { .. } => None,
        };
        move |line| {
            let told = bars.as_ref().is_some_and(|bars| bars.println(line).is_ok());
            if !told {
                let _ = writeln!(std::io::stderr(), "{line}");
            }
        }
    }

    /// Takes the bars away and hands on what was collected.
    pub(crate) fn finish(self, terminal: &mut Terminal) {
        match self.mode {
            Telling::Nothing => {}
            Telling::Lines { text, .. } => terminal.note(&text),
            Telling::Bars { all, .. } => {
                let _ = all.clear();
            }
        }
    }

    /// Lines of one turn go out in one piece: the driver waits for us.
    fn tell(&mut self, lines: &str) {
        match &mut self.mode {
            _ if lines.is_empty() => {}
            Telling::Nothing => {}
            Telling::Lines { live: true, .. } => {
                let _ = std::io::stderr().write_all(lines.as_bytes());
            }
            Telling::Lines { text, .. } => text.push_str(lines),
            Telling::Bars { all, .. } => {
                let _ = all.println(lines.trim_end_matches('\n'));
            }
        }
    }

    fn begin(&mut self, step: &str) {
        if let Telling::Bars { all, steps } = &mut self.mode {
            if steps.len() >= MAX_BARS {
                return;
            }
            let style = ProgressStyle::with_template("  {spinner:.cyan} {msg} {elapsed:.dim}")
                .expect("the template is a constant")
                .tick_chars("⠋⠙⠹⠸⠼⠴⠦⠧⠇⠏ ");
            let bar = all.add(ProgressBar::new_spinner().with_style(style));
            bar.set_message(clean(step));
            bar.enable_steady_tick(TICK);
            steps.insert(step.to_owned(), bar);
        }
    }

    fn end(&mut self, step: &str) {
        if let Telling::Bars { all, steps } = &mut self.mode
            && let Some(bar) = steps.remove(step)
        {
            bar.finish_and_clear();
            all.remove(&bar);
        }
    }

    fn event(&mut self, event: &EventLine, lines: &mut String) {
        let step = event.step.as_deref();
        let state = match (event.event_type.as_str(), step) {
            ("step.started", Some(step)) => {
                self.started.insert(step.to_owned(), event.at);
                self.begin(step);
                // On a terminal the bar says it.
                if matches!(self.mode, Telling::Bars { .. }) || is_child(step) {
                    return;
                }
                StepState::Running
            }
            ("step.compensated", Some(_)) => StepState::Compensated,
            ("step.succeeded", Some(_)) => StepState::Succeeded,
            ("step.failed" | "step.compensation_failed", Some(_)) => StepState::Failed,
            ("step.skipped", Some(_)) => StepState::Skipped,
            ("step.waiting", Some(_)) => StepState::Waiting,
            ("step.retried", Some(_)) => StepState::Pending,
            _ => return,
        };
        let step = step.unwrap_or_default();
        let paint = Paint::of(self.look);
        let mut line = format!("  {} {}", paint.sign(state), clean(step));
        if let StepState::Succeeded | StepState::Failed = state {
            self.end(step);
            if let Some(started) = self.started.remove(step) {
                line.push(' ');
                line.push_str(&paint.faint(&seconds(event.at.since(started))));
            }
            if state == StepState::Succeeded && is_child(step) {
                return;
            }
        }
        let word = match state {
            StepState::Waiting => Some("waits for a decision"),
            StepState::Pending => Some("will be tried again"),
            _ => None,
        };
        for more in word.into_iter().map(str::to_owned).chain(why(event)) {
            line.push_str(": ");
            line.push_str(&more);
        }
        lines.push_str(&line);
        lines.push('\n');
    }
}

/// The line of a fan-out sums up its children: of each, only failures are told.
fn is_child(step: &str) -> bool {
    step.ends_with(']')
}

fn why(event: &EventLine) -> Option<String> {
    match (&event.reason, &event.error_class) {
        (Some(reason), Some(class)) => Some(format!("{} ({class})", clean(reason))),
        (Some(text), None) | (None, Some(text)) => Some(clean(text)),
        (None, None) => None,
    }
}

impl Observer for Progress {
    fn events(&mut self, events: &[EventLine]) {
        let mut lines = String::new();
        for event in events {
            self.event(event, &mut lines);
        }
        if !self.tells {
            self.tell(&lines);
        }
    }

    fn told(&mut self, lines: &[String]) {
        self.tells = true;
        let lines = lines.iter().map(|line| clean(line) + "\n");
        let lines: String = lines.collect();
        self.tell(&lines);
    }

    fn waits(&mut self, why: &str) {
        let sign = Paint::of(self.look).sign(StepState::Waiting);
        self.tell(&format!("  {sign} {}\n", clean(why)));
    }
}
