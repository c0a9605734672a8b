//! The contract that every executor keeps, a rule at a time.
//!
//! An executor's tests hand a [`Subject`] to [`assert_kept`]; who wants to show
//! what was found, as `rok conformance` does, takes the list of [`check`].
//!
//! ```
//! use rok_executor::contract::{Deed, Subject, assert_kept};
//! use rok_executor::{Call, CallWork, Executor, Functions, StepFailure, Work};
//! use rok_vocabulary::ErrorClass;
//! use std::sync::Arc;
//!
//! struct Registered(Arc<Functions>);
//!
//! impl Subject for Registered {
//!     fn executor(&self) -> Arc<dyn Executor> {
//!         Arc::clone(&self.0) as _
//!     }
//!     fn work(&self, deed: Deed) -> Option<Work> {
//!         let function = match deed {
//!             Deed::Answers => "answers",
//!             Deed::Fails => "fails",
//!             _ => return None,
//!         };
//!         Some(Work::Call(CallWork {
//!             function: function.into(),
//!             needs: Arc::default(),
//!             item: None,
//!         }))
//!     }
//! }
//!
//! let functions = Functions::new()
//!     .register("answers", |_: &Call<'_>| Ok(serde_json::json!({ "answer": 42 })))
//!     .register("fails", |_: &Call<'_>| Err(StepFailure::new(ErrorClass::ContractInputMissing, "no")));
//! assert_kept(&Registered(Arc::new(functions)));
//! ```

mod ends;
mod stage;
mod stops;

use crate::port::{CallWork, Executor, ProcessWork, Program, Work, Workspace};
use rok_expr::{Part, SecretText};
use rok_secrets::Secrets;
use std::fmt;
use std::path::Path;
use std::sync::Arc;

pub use stage::{SECRET, request, secrets, workspace};

/// What the work of an attempt is to do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Deed {
    /// Succeeds at once.
    Answers,
    /// Fails at once.
    Fails,
    /// Goes on until it is stopped.
    Stays,
    /// Fails, and says the secret [`SECRET`] wherever it can: in its error, its
    /// output, its result.
    Blabs,
    /// Is of a kind that the executor does not accept.
    Foreign,
}

/// An executor, and the work that shows how it behaves.
pub trait Subject {
    /// The executor. The same one, or a fresh one, each time.
    fn executor(&self) -> Arc<dyn Executor>;

    /// Work that does this; `None` where the executor has no such work, and the
    /// rules about it say nothing.
    fn work(&self, deed: Deed) -> Option<Work>;

    /// Where its attempts may write; `None` for an executor that needs no place.
    fn workspace(&self) -> Option<Arc<Workspace>> {
        None
    }

    /// What the ids of its runs begin with. Who remembers work by run and step,
    /// and outlives a check, is to see another one each time. Letters, digits
    /// and dashes, of which the first twenty count.
    fn runs(&self) -> String {
        "contract".to_owned()
    }

    /// The secrets of the run, [`SECRET`] among them; needed where work blabs.
    fn secrets(&self) -> Secrets {
        Secrets::none()
    }
}

/// A call of a function: foreign to every executor but that of functions.
#[must_use]
pub fn a_call() -> Work {
    Work::Call(CallWork {
        function: "f".to_owned(),
        needs: Arc::default(),
        item: None,
    })
}

/// A shell line as work of processes, in a folder. Its variable `TOKEN` is the
/// secret of [`secrets`]: work that blabs needs them.
#[must_use]
pub fn a_shell_line(folder: &Path, line: &str) -> Work {
    let mut env = Vec::new();
    if line.contains("$TOKEN") {
        let token = Part::Secret(stage::token());
        env.push(("TOKEN".to_owned(), SecretText::from_parts([token])));
    }
    Work::Process(ProcessWork {
        program: Program::Shell {
            bash: false,
            script: line.to_owned(),
            values: Vec::new(),
        },
        env,
        cwd: folder.to_owned(),
        sandbox: None,
    })
}

/// How a rule was found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Finding {
    /// It is kept.
    Kept,
    /// It is broken, so.
    Broken(String),
    /// The subject has no work that would show it.
    Unshown(Deed),
}

/// A rule of the contract.
#[derive(Clone, Copy)]
pub struct Rule {
    /// Its name, as tests are named.
    pub name: &'static str,
    /// What holds, in a sentence.
    pub about: &'static str,
    holds: fn(&stage::Stage<'_>) -> Result<(), Fault>,
}

impl fmt::Debug for Rule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Rule")
            .field("name", &self.name)
            .finish_non_exhaustive()
    }
}

/// Why a rule is not found to be kept.
enum Fault {
    Broken(String),
    Unshown(Deed),
}

/// The rules, in the order in which they are checked.
pub const RULES: [Rule; 12] = [
    Rule {
        name: "a_success_is_reported_once",
        about: "work that succeeds is reported once, as a success, with outputs that can be kept and the time at which it began",
        holds: ends::a_success_is_reported_once,
    },
    Rule {
        name: "a_failure_is_reported_once_with_its_reason",
        about: "work that fails is reported once, as a failure that says why",
        holds: ends::a_failure_is_reported_once_with_its_reason,
    },
    Rule {
        name: "many_attempts_at_once_are_told_apart",
        about: "of many attempts at once each is reported once, with its own end",
        holds: ends::many_attempts_at_once_are_told_apart,
    },
    Rule {
        name: "a_secret_is_never_told",
        about: "neither outputs nor reasons have a secret of the run in them",
        holds: ends::a_secret_is_never_told,
    },
    Rule {
        name: "foreign_work_is_refused_and_reported",
        about: "work of another kind is not accepted; started all the same, it is reported as a failure",
        holds: ends::foreign_work_is_refused_and_reported,
    },
    Rule {
        name: "sound_work_has_no_fault_beforehand",
        about: "its own work is accepted, and nothing is found wrong with it before it starts",
        holds: ends::sound_work_has_no_fault_beforehand,
    },
    Rule {
        name: "a_deadline_ends_work_as_a_timeout",
        about: "work that takes longer than it may is ended, as `timeout`",
        holds: stops::a_deadline_ends_work_as_a_timeout,
    },
    Rule {
        name: "a_stop_ends_work_for_its_reason",
        about: "work that is stopped ends as what it was stopped for",
        holds: stops::a_stop_ends_work_for_its_reason,
    },
    Rule {
        name: "a_stop_right_after_the_start_is_heard",
        about: "a stop that comes before the work has begun is not lost",
        holds: stops::a_stop_right_after_the_start_is_heard,
    },
    Rule {
        name: "a_stop_ends_one_attempt_and_no_other",
        about: "a stop ends the attempt that it names, and no other",
        holds: stops::a_stop_ends_one_attempt_and_no_other,
    },
    Rule {
        name: "a_stop_of_what_is_over_is_nothing",
        about: "a stop of what has ended, or never began, does nothing",
        holds: stops::a_stop_of_what_is_over_is_nothing,
    },
    Rule {
        name: "what_remains_is_ended_twice_over",
        about: "what an earlier owner left can be ended, and asking again does no harm",
        holds: stops::what_remains_is_ended_twice_over,
    },
];

impl Rule {
    /// Holds a subject against this rule.
    pub fn check(&self, subject: &dyn Subject) -> Finding {
        let stage = stage::Stage::new(subject, self.name);
        match (self.holds)(&stage).and_then(|()| stage.nothing_more_came()) {
            Ok(()) => Finding::Kept,
            Err(Fault::Broken(why)) => Finding::Broken(why),
            Err(Fault::Unshown(deed)) => Finding::Unshown(deed),
        }
    }
}

/// Holds a subject against every rule.
pub fn check(subject: &dyn Subject) -> Vec<(Rule, Finding)> {
    let found = RULES.iter().map(|rule| (*rule, rule.check(subject)));
    found.collect()
}

/// Holds a subject against every rule; for tests.
///
/// # Panics
///
/// If a rule is broken, with all that are; or if not one was shown to be kept.
pub fn assert_kept(subject: &dyn Subject) {
    let found = check(subject);
    let broken: Vec<String> = found
        .iter()
        .filter_map(|(rule, finding)| match finding {
            Finding::Broken(why) => Some(format!("{}: {why}", rule.name)),
            _ => None,
        })
        .collect();
    assert!(
        broken.is_empty(),
        "the contract is broken:\n{}",
        broken.join("\n")
    );
    let kept = found.iter().any(|(_, finding)| *finding == Finding::Kept);
    assert!(kept, "no rule was shown to be kept");
}

#[cfg(test)]
mod tests;
