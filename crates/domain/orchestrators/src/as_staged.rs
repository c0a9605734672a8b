//! The last step of a run about what is staged: it fails where what was looked
//! at is not what is staged, whoever drives the run to its end. So the run's
//! own record tells it, and not a report alone.

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
}

impl State {
    /// What is staged now.
    pub(crate) fn of(staged: &Staged) -> Self {
        Self {
            tree: staged.tree.clone(),
            sha256: digest(&staged.entries),
            copied: !staged.differing.is_empty(),
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
        let known = kept::listed(run);
        let now = staged::entries(&self.tree)?;
        let mut names = BTreeSet::new();
        let mut unnamed = false;
        if digest(&now) != self.sha256 {
            match known.filter(|known| digest(known) == self.sha256) {
                Some(known) => names.extend(
                    known
                        .symmetric_difference(&now)
                        .filter_map(|entry| Some(entry.split_once('\t')?.1.to_owned())),
                ),
                None => unnamed = true,
            }
        }
        names.extend(if self.copied {
            staged::changed_in(&kept::copy(run)?, &self.tree, &now)?
        } else {
            staged::unstaged(&self.tree, "untracked")?
        });
        let names: Vec<String> = names.into_iter().collect();
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

fn digest(entries: &BTreeSet<String>) -> String {
    Digest::of(kept::listing(entries).as_bytes()).to_hex()
}
