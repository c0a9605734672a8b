//! Two runs, compared.

use super::paint::{Paint, clean, seconds};
use crate::terminal::Look;
use rok_service::{RunDiff, Timing, ValueDiff};
use serde_json::Value;
use std::fmt::Write as _;
use std::time::Duration;

/// Longer values are cut: `--json` has them whole.
const VALUE_WIDTH: usize = 60;
/// A smaller difference of time, as a share and as such, is noise.
const NOISE_PER_CENT: u64 = 10;
const NOISE_MS: u64 = 50;

/// What differs, part by part; a part that is the same in both is one line.
pub(crate) fn diff(found: &RunDiff, look: Look) -> String {
    let view = View {
        paint: Paint::of(look),
        arrow: if look.ascii { "->" } else { "→" },
    };
    let mut out = String::new();
    view.all(&mut out, found)
        .expect("a string takes everything");
    out
}

struct View {
    paint: Paint,
    arrow: &'static str,
}

impl View {
    fn all(&self, out: &mut String, found: &RunDiff) -> std::fmt::Result {
        let paint = self.paint;
        let (left, right) = (&found.left, &found.right);
        let title = format!("Run Diff: {} {} {}", left.run_id, self.arrow, right.run_id);
        writeln!(out, "{}", paint.strong(&title))?;
        writeln!(out, "{}", paint.rule('='))?;
        let plan = format!("{}, version {}", left.plan, left.plan_version);
        self.part(out, "Plan", &format!("the same ({plan})"), &found.plan)?;
        self.part(out, "Inputs", "the same", &found.inputs)?;
        self.part(out, "Run", "the same result", &found.run)?;
        if found.steps.is_empty() {
            writeln!(out, "Steps: all {} the same", found.steps_same)?;
        } else {
            let (differ, same) = (found.steps.len(), found.steps_same);
            writeln!(out, "Steps: {differ} differ, {same} the same")?;
        }
        for step in &found.steps {
            writeln!(out, "  {}", paint.strong(&clean(&step.step)))?;
            self.changes(out, "    ", &step.changes)?;
        }
        self.timings(out, &found.timings)
    }

    fn part(
        &self,
        out: &mut String,
        name: &str,
        same: &str,
        changes: &[ValueDiff],
    ) -> std::fmt::Result {
        if changes.is_empty() {
            return writeln!(out, "{name}: {same}");
        }
        writeln!(out, "{name}:")?;
        self.changes(out, "  ", changes)
    }

    fn changes(&self, out: &mut String, indent: &str, changes: &[ValueDiff]) -> std::fmt::Result {
        let paint = self.paint;
        for change in changes {
            let path = if change.path.is_empty() {
                String::new()
            } else {
                format!("{}: ", clean(&change.path))
            };
            let line = match (&change.left, &change.right) {
                (Some(left), Some(right)) => {
                    let (left, right) = (value(left), value(right));
                    paint.warn(&format!("~ {path}{left} {} {right}", self.arrow))
                }
                (Some(left), None) => paint.bad(&format!("- {path}{}", value(left))),
                (None, Some(right)) => paint.good(&format!("+ {path}{}", value(right))),
                (None, None) => continue,
            };
            writeln!(out, "{indent}{line}")?;
        }
        Ok(())
    }

    fn timings(&self, out: &mut String, timings: &[Timing]) -> std::fmt::Result {
        let shown: Vec<&Timing> = timings
            .iter()
            .filter(|timing| timing.step.is_none() || matters(timing))
            .collect();
        let of = |timing: &Timing| {
            let name = timing.step.as_deref().unwrap_or("the run");
            clean(name)
        };
        let width = shown.iter().map(|timing| of(timing).chars().count());
        let width = width.max().unwrap_or_default();
        writeln!(out, "Timings:")?;
        for timing in shown {
            let (left, right) = (time(timing.left_ms), time(timing.right_ms));
            writeln!(
                out,
                "  {:width$}  {left:>10} {} {right:>10}  {:>7}",
                of(timing),
                self.arrow,
                change(timing),
            )?;
        }
        Ok(())
    }
}

fn matters(timing: &Timing) -> bool {
    let by = timing.left_ms.abs_diff(timing.right_ms);
    by >= NOISE_MS && by.saturating_mul(100) >= timing.left_ms.saturating_mul(NOISE_PER_CENT)
}

fn time(ms: u64) -> String {
    seconds(Duration::from_millis(ms))
}

/// The second run's time against the first's, in per cent.
fn change(timing: &Timing) -> String {
    let (left, right) = (i128::from(timing.left_ms), i128::from(timing.right_ms));
    if left == 0 {
        return String::new();
    }
    format!("{:+} %", (right - left) * 100 / left)
}

fn value(value: &Value) -> String {
    let text = match value {
        Value::String(text) => clean(text),
        other => clean(&other.to_string()),
    };
    if text.chars().count() <= VALUE_WIDTH {
        return text;
    }
    let cut: String = text.chars().take(VALUE_WIDTH).collect();
    format!("{cut}…")
}
