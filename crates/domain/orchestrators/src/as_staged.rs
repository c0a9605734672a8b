//! The last step of a run about what is staged: it fails where what was looked
//! at is not what is staged, whoever drives the run to its end. So the run's
//! own record tells it, and not a report alone.

use crate::index::{self, Entries};
use crate::kept;
use crate::not_started;
use crate::staged::{self, Staged};
use rok_chain::Digest;
use rok_executor::{Call, Functions, StepFailure};
use rok_vocabulary::{ErrorClass, RunId};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use std::collections::BTreeSet;
use std::path::PathBuf;

/// The step's id. No component has such a name.
pub(crate) const STEP: &str = "_as_staged";

/// The input that says what was staged.
pub(crate) const INPUT: &str = "rok_staged";

/// The function that the step calls.
const FUNCTION: &str = "rok.as_staged";

/// What a run is about, for its record.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct State {
    /// The work tree.
    tree: PathBuf,
    /// The digest of what git keeps of each staged file.
    sha256: String,
    /// Whether a copy is looked at, and not the work tree.
    copied: bool,
    /// Whether components are shown an index that is kept for the run.
    #[serde(default, skip_serializing_if = "is_not")]
    shown: bool,
}

impl State {
    /// What is staged now.
    pub(crate) fn of(staged: &Staged) -> Self {
        Self {
            tree: staged.tree.clone(),
            sha256: digest(&staged.entries),
            copied: !staged.differing.is_empty(),
            shown: staged.in_another || !staged.differing.is_empty(),
        }
    }

    /// The input of a plan that says so. No other value can be given.
    pub(crate) fn input(&self) -> Value {
        json!({
            "type": "object",
            "description": "What was staged when the run began.",
            "default": self,
            "enum": [self],
        })
    }

    /// Which files are otherwise by now, in words; `None`: none is.
    fn changed(&self, run: &RunId) -> Result<Option<String>, String> {
        let known = kept::listed(run).filter(|known| digest(known) == self.sha256);
        let now = index::entries(&self.tree)?;
        let mut held = vec![&now];
        let shown;
        if self.shown {
            shown = index::entries_of(&kept::index(run)?, &self.tree)?;
            held.push(&shown);
        }
        let mut names = BTreeSet::new();
        let mut unnamed = false;
        for held in held {
            if digest(held) == self.sha256 {
                continue;
            }
            match &known {
                Some(known) => {
                    let entries = known.symmetric_difference(held);
                    let files = entries.filter_map(|entry| index::apart(entry));
                    names.extend(files.map(|(_, file)| file));
                }
                None => unnamed = true,
            }
        }
        let copy = kept::copy(run)?;
        let (work, ignored) = if self.copied {
            (&copy, "none")
        } else {
            (&self.tree, "untracked")
        };
        // Of a replay nothing is kept.
        let _made = kept::make_if_gone(run, &self.tree, &now)?;
        let scratch = kept::scratch(run)?;
        names.extend(index::changed(work, &self.tree, &now, &scratch, ignored)?);
        let names: Vec<PathBuf> = names.into_iter().collect();
        Ok(match (names.is_empty(), unnamed) {
            (true, true) => Some("what is staged".to_owned()),
            (true, false) => None,
            (false, _) => Some(staged::named(&names)),
        })
    }
}

/// The step, after all others, however those finished.
pub(crate) fn step(after: &[String]) -> Value {
    json!({
        "call": FUNCTION,
        "name": "as staged",
        "description": "fails where what was looked at is not what is staged",
        "after": after,
    })
}

/// Adds what plans of orchestrators call. An engine of runs without it refuses
/// them before they begin.
#[must_use]
pub fn with_checks(functions: Functions) -> Functions {
    not_started::register(functions.register(FUNCTION, judge))
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde asks it so")]
fn is_not(told: &bool) -> bool {
    !told
}

fn judge(call: &Call<'_>) -> Result<Value, StepFailure> {
    let unfit = |why: String| {
        let reason = format!("cannot tell whether what is staged was looked at: {why}");
        StepFailure::new(ErrorClass::ConfigError, reason)
    };
    let state = call.input(INPUT).cloned().unwrap_or_default();
    let state: State = serde_json::from_value(state).map_err(|error| unfit(error.to_string()))?;
    let run = &call.attempt().run;
    let changed = state.changed(run).map_err(unfit)?;
    // Nothing comes after this step that would look at it.
    kept::take_away(run);
    match changed {
        None => Ok(Value::Null),
        Some(names) => Err(StepFailure::new(
            ErrorClass::ValidationFailed,
            format!("changed meanwhile: {names}; what was looked at is not what is staged"),
        )),
    }
}

fn digest(entries: &Entries) -> String {
    Digest::of(&kept::listing(entries)).to_hex()
}
