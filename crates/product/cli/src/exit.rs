//! Exit codes: the one table, the same for every command.

use rok_service::views::{DriveEnd, ErrorKind, Outcome, RunPhase};

/// How the program ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Exit {
    /// What was asked for is done.
    Success,
    /// Execution failed or is blocked, or the run is in no state for it.
    Failed,
    /// Settings or usage, an unknown run included.
    Usage,
    /// An unknown plan, step or component.
    NotFound,
    /// The log is broken, the reconciliation fails the run, or it cannot be attested.
    Protocol,
    /// Denied: a policy or the sandbox forbids it.
    Denied,
    /// Stopped by a signal, cleanly.
    Signal(i32),
}

/// Every code and what it means, as `rok help exit-codes` shows it.
pub const EXIT_CODES: &[(u8, &str)] = &[
    (0, "success"),
    (1, "execution failed, blocked or not resumable"),
    (2, "configuration or usage, an unknown run included"),
    (3, "registry resolution: an unknown plan, step or component"),
    (
        4,
        "protocol violation: the log is broken, the reconciliation fails the run, or it cannot be attested",
    ),
    (5, "denied: a policy or the sandbox forbids it"),
    (130, "stopped by Ctrl-C (SIGINT); the run can be resumed"),
    (143, "stopped by SIGTERM; the run can be resumed"),
];

impl Exit {
    /// The process's exit code.
    #[must_use]
    pub fn code(self) -> u8 {
        match self {
            Self::Success => 0,
            Self::Failed => 1,
            Self::Usage => 2,
            Self::NotFound => 3,
            Self::Protocol => 4,
            Self::Denied => 5,
            Self::Signal(signal) => 128_u8.saturating_add(u8::try_from(signal).unwrap_or(0)),
        }
    }

    /// The exit of a report.
    pub(crate) fn of_code(code: u8) -> Self {
        match code {
            0 => Self::Success,
            2 => Self::Usage,
            3 => Self::NotFound,
            4 => Self::Protocol,
            5 => Self::Denied,
            signal @ 129.. => Self::Signal(i32::from(signal - 128)),
            _ => Self::Failed,
        }
    }

    /// The exit of a refusal.
    pub(crate) const fn of_kind(kind: ErrorKind) -> Self {
        match kind {
            ErrorKind::Usage => Self::Usage,
            ErrorKind::NotFound => Self::NotFound,
            ErrorKind::State | ErrorKind::Busy | ErrorKind::Storage => Self::Failed,
            ErrorKind::Protocol => Self::Protocol,
            ErrorKind::Denied => Self::Denied,
        }
    }

    /// The exit of a run that was driven; `strict`: partial is a failure.
    pub(crate) fn of_end(end: &DriveEnd, strict: bool, signal: Option<i32>) -> Self {
        match end {
            DriveEnd::Held(_) => Self::Failed,
            // The engine stops for no other reason than a signal of ours.
            DriveEnd::Interrupted => Self::Signal(signal.unwrap_or(signal_hook::consts::SIGINT)),
            DriveEnd::Ended {
                refused_by: Some(kind),
                ..
            } => Self::of_kind(*kind),
            DriveEnd::Ended {
                phase,
                outcome,
                attested,
                ..
            } => match (phase, outcome) {
                (_, Outcome::Denied) => Self::Denied,
                (RunPhase::Completed, Outcome::Partial) if strict => Self::Failed,
                // What was to be proved is not.
                (RunPhase::Completed, _) if attested.as_ref().is_some_and(|a| a.is_err()) => {
                    Self::Protocol
                }
                (RunPhase::Completed, _) => Self::Success,
                _ => Self::Failed,
            },
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use rok_service::views::{HoldReason, HoldView, Timestamp};
    use rstest::rstest;

    fn ended(phase: RunPhase, outcome: Outcome, refused_by: Option<ErrorKind>) -> DriveEnd {
        DriveEnd::Ended {
            phase,
            outcome,
            refused_by,
            attested: None,
        }
    }

    #[rstest]
    #[case(ErrorKind::Usage, 2)]
    #[case(ErrorKind::NotFound, 3)]
    #[case(ErrorKind::State, 1)]
    #[case(ErrorKind::Busy, 1)]
    #[case(ErrorKind::Protocol, 4)]
    #[case(ErrorKind::Denied, 5)]
    #[case(ErrorKind::Storage, 1)]
    fn a_refusal_exits_by_its_kind(#[case] kind: ErrorKind, #[case] code: u8) {
        assert_eq!(Exit::of_kind(kind).code(), code);
    }

    #[rstest]
    #[case(RunPhase::Completed, Outcome::Succeeded, None, false, 0)]
    #[case(RunPhase::Completed, Outcome::Succeeded, None, true, 0)]
    #[case(RunPhase::Completed, Outcome::Partial, None, false, 0)]
    #[case(RunPhase::Completed, Outcome::Partial, None, true, 1)]
    #[case(RunPhase::Failed, Outcome::Failed, None, false, 1)]
    #[case(RunPhase::Failed, Outcome::TimedOut, None, false, 1)]
    #[case(RunPhase::Failed, Outcome::Cancelled, None, false, 1)]
    #[case(RunPhase::Failed, Outcome::Denied, Some(ErrorKind::Denied), false, 5)]
    #[case(RunPhase::Failed, Outcome::Denied, None, false, 5)]
    #[case(
        RunPhase::Failed,
        Outcome::Succeeded,
        Some(ErrorKind::Denied),
        false,
        5
    )]
    #[case(
        RunPhase::Failed,
        Outcome::Succeeded,
        Some(ErrorKind::Protocol),
        false,
        4
    )]
    #[case(RunPhase::Failed, Outcome::Failed, Some(ErrorKind::Protocol), true, 4)]
    fn a_run_exits_by_its_end(
        #[case] phase: RunPhase,
        #[case] outcome: Outcome,
        #[case] refused_by: Option<ErrorKind>,
        #[case] strict: bool,
        #[case] code: u8,
    ) {
        let end = ended(phase, outcome, refused_by);
        assert_eq!(Exit::of_end(&end, strict, None).code(), code);
    }

    #[test]
    fn a_hold_is_blocked_and_a_signal_is_told() {
        let hold = DriveEnd::Held(HoldView {
            reason: HoldReason::ManualGate,
            steps: Vec::new(),
            since: Timestamp::from_millis(0),
            message: String::new(),
            gates: Vec::new(),
            run: None,
        });
        assert_eq!(Exit::of_end(&hold, false, None).code(), 1);
        assert_eq!(
            Exit::of_end(&DriveEnd::Interrupted, false, Some(2)).code(),
            130
        );
        assert_eq!(
            Exit::of_end(&DriveEnd::Interrupted, false, Some(15)).code(),
            143
        );
        assert_eq!(
            Exit::of_end(&DriveEnd::Interrupted, false, None).code(),
            130
        );
    }

    #[test]
    fn the_table_lists_every_code() {
        let codes = [
            Exit::Success,
            Exit::Failed,
            Exit::Usage,
            Exit::NotFound,
            Exit::Protocol,
            Exit::Denied,
            Exit::Signal(2),
            Exit::Signal(15),
        ];
        let listed: Vec<u8> = EXIT_CODES.iter().map(|(code, _)| *code).collect();
        assert_eq!(codes.map(Exit::code).to_vec(), listed);
    }
}
