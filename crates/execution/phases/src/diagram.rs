//! The table as a Mermaid state diagram, for docs that cannot go stale.

use crate::table::VALID_TRANSITIONS;
use alloc::string::String;
use core::fmt::Write as _;
use rok_vocabulary::RunPhase;

/// The table as a Mermaid `stateDiagram-v2`.
#[must_use]
pub fn mermaid() -> String {
    let mut out = String::from("stateDiagram-v2\n    [*] --> CREATED\n");
    for row in VALID_TRANSITIONS {
        let _ = writeln!(out, "    {} --> {}: {}", row.from, row.to, row.input);
    }
    for phase in RunPhase::ALL.iter().filter(|phase| phase.is_terminal()) {
        let _ = writeln!(out, "    {phase} --> [*]");
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_diagram_has_an_arrow_a_row() {
        let arrows = mermaid().matches("-->").count();
        assert_eq!(arrows, VALID_TRANSITIONS.len() + 3);
    }
}
