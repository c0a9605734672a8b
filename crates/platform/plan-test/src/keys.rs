//! The one table of keys: decoder, faults and reference read it.

/// Where a key stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Place {
    /// The file.
    File,
    /// `defaults`, or one of `tests`.
    Test,
    /// One of a test's `steps`.
    Stub,
    /// A stub's `fails`.
    Fails,
    /// A stub's `usage`.
    Usage,
    /// A stub's `compensate`.
    Compensate,
    /// One of `commands`.
    Command,
    /// `expect`.
    Expect,
    /// One of `expect.steps`.
    ExpectStep,
    /// `expect.held`.
    Held,
    /// `expect.incident`.
    Incident,
    /// A span of time.
    Span,
}

impl Place {
    /// Every place, in the order of the reference.
    pub const ALL: &'static [Self] = &[
        Self::File,
        Self::Test,
        Self::Stub,
        Self::Fails,
        Self::Usage,
        Self::Compensate,
        Self::Command,
        Self::Expect,
        Self::ExpectStep,
        Self::Held,
        Self::Incident,
        Self::Span,
    ];

    /// What it is called.
    #[must_use]
    pub const fn title(self) -> &'static str {
        match self {
            Self::File => "the file",
            Self::Test => "a test",
            Self::Stub => "a stub",
            Self::Fails => "`fails`",
            Self::Usage => "`usage`",
            Self::Compensate => "`compensate`",
            Self::Command => "a command",
            Self::Expect => "`expect`",
            Self::ExpectStep => "an expected step",
            Self::Held => "`held`",
            Self::Incident => "`incident`",
            Self::Span => "a span",
        }
    }
}

/// A key of the format.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct KeySpec {
    /// Where it stands.
    pub place: Place,
    /// The key.
    pub key: &'static str,
    /// What it takes, in words.
    pub takes: &'static str,
    /// What it means.
    pub doc: &'static str,
}

impl KeySpec {
    /// The keys of a place.
    pub fn of(place: Place) -> impl Iterator<Item = &'static Self> {
        KEYS.iter().filter(move |spec| spec.place == place)
    }
}

macro_rules! keys {
    ($( $place:ident { $( $key:literal: $takes:literal, $doc:literal; )+ } )+) => {
        /// Every key.
        pub const KEYS: &[KeySpec] = &[
            $( $( KeySpec { place: Place::$place, key: $key, takes: $takes, doc: $doc }, )+ )+
        ];
    };
}

keys! {
    File {
        "plan": "text", "The plan: a path seen from this file, or `builtin:ID`. Required.";
        "policies": "list of paths", "Cedar policy files, or folders of them, seen from this file. Without any the permissive default holds.";
        "defaults": "mapping", "What every test begins with; a test's own keys win, key by key and step by step.";
        "tests": "mapping", "The tests by name. Required.";
    }
    Test {
        "inputs": "mapping", "The run's inputs.";
        "labels": "mapping of texts", "The run's labels, besides the plan's.";
        "submitter": "actor", "Who submits the run; default `user:tester`.";
        "roles": "list of texts", "The submitter's roles.";
        "profile": "STRICT, STANDARD, OBSERVE_ONLY", "The profile of the run, where the plan is not stricter; default STRICT.";
        "cpus": "whole number", "CPUs of the virtual machine: processes at once where the plan has no `max_parallel`; default 4.";
        "steps": "mapping by step", "Stubs. `ID[0]` is one child of a step that fans out, `ID` all of them.";
        "commands": "list", "What people do, in this order.";
        "expect": "mapping", "What must be true in the end. Required in a test, and not empty.";
    }
    Stub {
        "outputs": "mapping", "What the step hands on. A step that runs, and whose outputs are declared or read, needs them.";
        "delay": "duration", "How long each attempt takes; default 0s. An attempt longer than its timeout ends at its timeout.";
        "fails": "error class, or mapping", "The step fails, each time or the first few times.";
        "artifacts": "mapping of texts", "The content of artifacts by path; `null` for one that is not made. Others that the step requires are made empty.";
        "usage": "mapping", "What each attempt uses.";
        "compensate": "mapping", "How its compensation goes; without this it succeeds at once.";
        "exit_code": "whole number", "The exit code in the record; default 0 where a process succeeds.";
    }
    Fails {
        "class": "error class", "The class, which decides about retries. Required.";
        "reason": "text", "The reason in the record; default \"stubbed failure\".";
        "times": "whole number", "How many attempts fail before one succeeds; default: all.";
    }
    Usage {
        "cpu": "duration", "CPU time.";
        "max_rss_kib": "whole number", "Peak memory in KiB.";
        "cost_usd": "number", "Cost.";
        "tokens": "whole number", "Tokens.";
        "energy_kwh": "number", "Energy.";
    }
    Compensate {
        "delay": "duration", "How long each attempt at it takes; default 0s.";
        "fails": "error class, or mapping", "It fails, each time or the first few times.";
    }
    Command {
        "at": "duration", "When, from the run's creation. Without it: as soon as the run only waits for somebody.";
        "approve": "step", "Lets a waiting step pass.";
        "reject": "step", "Stops a waiting step.";
        "override": "step", "Lets the next epoch pass a failed hard gate.";
        "cancel": "true", "Ends the run.";
        "pause": "true", "Starts nothing new until the run is unpaused.";
        "unpause": "true", "Goes on.";
        "resume": "true", "Begins the next epoch of a failed run.";
        "rollback": "true", "Undoes what succeeded in a failed run, in an epoch of its own.";
        "by": "actor", "Who; default `user:tester`.";
        "roles": "list of texts", "Who that is; default: the submitter's roles for the submitter, else none.";
        "reason": "text", "Why; default \"plan test\".";
        "answer": "accepted, refused, denied", "How it must be answered; default `accepted`. Denied is by a policy.";
    }
    Expect {
        "outcome": "outcome", "How execution ended: `succeeded`, `partial`, `failed`, `timed_out`, `cancelled`, `denied`.";
        "phase": "phase", "Where the run stands: `COMPLETED`, `FAILED`, `EXECUTING`, …";
        "error": "error class", "The class of the error that failed the run.";
        "held": "step, list of steps, mapping, or false", "What the run waits for in the end. A test without `held` goes on until nothing is due by itself.";
        "order": "list of steps", "Each begins after the one before it has ended. A list within the list: in any order.";
        "steps": "mapping by step", "What became of steps: a state, or a mapping.";
        "retries": "whole number", "Attempts beyond the first, of all steps.";
        "gate_failures": "list of steps", "Exactly the hard gates that failed.";
        "reconciliation": "COMPLETE, INCOMPLETE, STALE, DISABLED", "What the last comparison of expectations and acks gave.";
        "expectations": "mapping of words", "The status of duties by `domain/action`, or `domain/action/key`: `PENDING`, `ACKED`, `FAILED`, `MISSING`.";
        "incident": "mapping", "The incident record.";
        "duration": "duration, or span", "Virtual time from the epoch's start to its end.";
        "events": "list of texts", "Events that happen in this order, others between them: `TYPE`, or `TYPE STEP`.";
        "never": "list of texts", "Events that do not happen.";
        "violated": "list of texts", "Exactly the policies that were violated, by id.";
        "artifacts": "list of texts", "Paths of artifacts that were made, among others.";
    }
    ExpectStep {
        "state": "step state", "`succeeded`, `failed`, `skipped`, `waiting`, `pending`, `compensated`.";
        "attempts": "whole number", "How often it was tried in the last epoch; 0 where it never was.";
        "class": "error class", "The class of its last failure.";
        "reason": "text", "Part of the reason why it failed or was skipped.";
        "outputs": "mapping", "What it handed on, among others.";
        "started": "duration, or span", "When its first attempt began, from the run's creation.";
        "ended": "duration, or span", "When it reached its last state, from the run's creation.";
    }
    Held {
        "reason": "hold reason", "`manual_gate`, `pause`, `budget`, `interrupted_step`.";
        "steps": "list of steps", "Exactly the steps that wait.";
    }
    Incident {
        "severity": "severity", "`none`, `low`, `medium`, `high`, `critical`.";
        "status": "text", "`OPEN`, `CLOSED`, …";
        "category": "text", "The category.";
    }
    Span {
        "min": "duration", "At least.";
        "max": "duration", "At most.";
    }
}
