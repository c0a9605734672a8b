//! What was measured, as tables for people and as JSON for programs.

use crate::args::Bench;
use crate::machine::Machine;
use crate::measure::{Goal, Measure, Unit};
use comfy_table::{Cell, CellAlignment, Table as Grid, presets};
use serde::Serialize;
use std::fmt;

/// Everything of a session.
#[derive(Debug, Serialize)]
pub(crate) struct Report {
    machine: Machine,
    benches: Vec<Table>,
}

/// What a bench measured.
#[derive(Debug, Serialize)]
pub(crate) struct Table {
    bench: String,
    /// What must be known to read the figures.
    settings: Vec<String>,
    measures: Vec<Measure>,
    /// What could not be measured, loudly.
    skipped: Vec<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    failed: Option<String>,
}

impl Report {
    pub(crate) const fn new(machine: Machine) -> Self {
        Self {
            machine,
            benches: Vec::new(),
        }
    }

    pub(crate) fn head(&self) -> String {
        self.machine.to_string()
    }

    pub(crate) fn add(&mut self, table: Table) {
        self.benches.push(table);
    }

    /// Whether every bench did its work.
    pub(crate) fn is_whole(&self) -> bool {
        self.benches.iter().all(|table| table.failed.is_none())
    }

    pub(crate) fn to_json(&self) -> serde_json::Result<Vec<u8>> {
        let mut json = serde_json::to_vec_pretty(self)?;
        json.push(b'\n');
        Ok(json)
    }
}

impl Table {
    pub(crate) fn new(bench: Bench) -> Self {
        Self {
            bench: bench.to_string(),
            settings: Vec::new(),
            measures: Vec::new(),
            skipped: Vec::new(),
            failed: None,
        }
    }

    pub(crate) fn setting(&mut self, text: impl Into<String>) {
        self.settings.push(text.into());
    }

    pub(crate) fn add(&mut self, measure: Measure) {
        self.measures.push(measure);
    }

    pub(crate) fn skip(&mut self, text: impl Into<String>) {
        self.skipped.push(text.into());
    }

    pub(crate) fn fail(&mut self, text: impl Into<String>) {
        self.failed = Some(text.into());
    }
}

impl fmt::Display for Table {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for setting in &self.settings {
            writeln!(f, "{setting}")?;
        }
        if !self.measures.is_empty() {
            writeln!(f, "\n{}", grid(&self.measures))?;
        }
        for skipped in &self.skipped {
            writeln!(f, "\nSKIPPED: {skipped}")?;
        }
        if let Some(failed) = &self.failed {
            writeln!(f, "\nFAILED: {failed}")?;
        }
        Ok(())
    }
}

fn grid(measures: &[Measure]) -> Grid {
    let mut grid = Grid::new();
    grid.load_style(presets::NOTHING);
    grid.set_header(["measure", "figure", "range", "cpu", "goal", ""]);
    for measure in measures {
        let unit = measure.unit;
        let (least, most) = (measure.values.first(), measure.values.last());
        let range = match (least, most) {
            (Some(least), Some(most)) => format!("{} – {}", number(*least), number(*most)),
            _ => String::new(),
        };
        let (goal, verdict) = match measure.goal {
            None => (String::new(), ""),
            Some(goal) => (
                match goal {
                    Goal::AtLeast(value) => format!("≥ {}", with_unit(value, unit)),
                    Goal::AtMost(value) => format!("≤ {}", with_unit(value, unit)),
                },
                if goal.is_met(measure.figure()) {
                    "met"
                } else {
                    "MISSED"
                },
            ),
        };
        let each = measure.cpu_us().map(|us| cpu(us, unit)).unwrap_or_default();
        let right = |text: String| Cell::new(text).set_alignment(CellAlignment::Right);
        grid.add_row([
            Cell::new(&measure.name),
            right(with_unit(measure.figure(), unit)),
            right(range),
            right(each),
            right(goal),
            Cell::new(verdict),
        ]);
    }
    grid
}

/// Processor time: of a thing where a rate is given, else of all the work.
fn cpu(us: f64, unit: Unit) -> String {
    match unit {
        Unit::PerSecond | Unit::Us => format!("{} µs", number(us)),
        _ => format!("{} ms", number(us / 1e3)),
    }
}

fn with_unit(value: f64, unit: Unit) -> String {
    let number = number(value);
    match unit {
        Unit::Ms => format!("{number} ms"),
        Unit::Us => format!("{number} µs"),
        Unit::PerSecond => format!("{number} /s"),
        Unit::Times => format!("{number} ×"),
        Unit::Mb => format!("{number} MB"),
        Unit::Count => number,
    }
}

/// Three digits, or all before the point, in groups.
fn number(value: f64) -> String {
    let decimals = match value.abs() {
        v if v >= 100.0 => 0,
        v if v >= 10.0 => 1,
        _ => 2,
    };
    let text = format!("{value:.decimals$}");
    let (whole, rest) = text.split_once('.').unwrap_or((&text, ""));
    let mut grouped = String::new();
    for (i, digit) in whole.chars().enumerate() {
        if i > 0 && (whole.len() - i) % 3 == 0 {
            grouped.push(',');
        }
        grouped.push(digit);
    }
    if !rest.is_empty() {
        grouped.push('.');
        grouped.push_str(rest);
    }
    grouped
}

#[cfg(test)]
mod tests {
    use super::{Table, number};
    use crate::args::Bench;
    use crate::measure::{Goal, Measure};
    use rstest::rstest;

    #[rstest]
    #[case(0.4567, "0.46")]
    #[case(12.34, "12.3")]
    #[case(123.4, "123")]
    #[case(1_234_567.8, "1,234,568")]
    fn numbers_for_people(#[case] value: f64, #[case] text: &str) {
        assert_eq!(number(value), text);
    }

    #[test]
    fn what_is_missed_or_skipped_is_said() {
        let mut table = Table::new(Bench::Linear);
        table.add(Measure::times("cost", vec![11.0]).goal(Goal::AtMost(10.5)));
        table.skip("ninja is not there");
        let text = table.to_string();
        assert!(
            text.contains("≤ 10.5 ×") && text.contains("MISSED"),
            "{text}"
        );
        assert!(text.contains("SKIPPED: ninja is not there"), "{text}");
    }
}
