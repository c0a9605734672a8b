//! What the doctor found, a line each.

use super::paint::{Paint, clean};
use super::tables::counted;
use crate::terminal::Look;
use rok_service::{Examination, Finding};
use std::fmt::Write as _;

/// The width of the column of areas.
const AREA_WIDTH: usize = 14;

/// What the doctor found.
pub(crate) fn examination(examined: &Examination, look: Look) -> String {
    let paint = Paint::of(look);
    let mut out = String::new();
    for check in &examined.checks {
        let sign = match check.finding {
            Finding::Ok => paint.good(if look.ascii { "[ OK ]" } else { "✓" }),
            Finding::Warning => paint.warn(if look.ascii { "[WARN]" } else { "!" }),
            Finding::Fault => paint.bad(if look.ascii { "[FAIL]" } else { "✗" }),
        };
        let name = match check.name.as_str() {
            "" => String::new(),
            name => format!("{}: ", clean(name)),
        };
        let (area, said) = (check.area, clean(&check.said));
        let _ = writeln!(out, "{sign} {area:<AREA_WIDTH$} {name}{said}");
        if let Some(help) = &check.help {
            let _ = writeln!(out, "  {:<AREA_WIDTH$} {}", "", paint.hint(&clean(help)));
        }
    }
    let count = |finding| {
        let found = examined
            .checks
            .iter()
            .filter(|check| check.finding == finding);
        found.count()
    };
    let (faults, warnings) = (count(Finding::Fault), count(Finding::Warning));
    let (faults, warnings) = (counted(faults, "fault"), counted(warnings, "warning"));
    let _ = writeln!(out, "\n{faults}, {warnings}");
    out
}
