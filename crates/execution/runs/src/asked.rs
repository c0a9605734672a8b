//! What a viewer asks for: a word that nothing can have would show nothing for
//! ever, and is refused.

use crate::engine::Runs;
use crate::events::line_of;
use crate::fault;
use crate::summary::STATUSES;
use rok_events::EventType;
use rok_facades::runs::{ErrorKind, EventLine, EventQuery, ListQuery, RunsError};
use rok_kernel::RunState;
use rok_vocabulary::{Outcome, PlanId, RunId, RunPhase, Seq};

impl Runs {
    /// Refuses types and steps that no event of the run can have.
    pub(crate) fn refuse_unknown(&self, run: &RunId, query: &EventQuery) -> Result<(), RunsError> {
        let unsure: Vec<&String> = query.types.iter().filter(|p| !is_known(p)).collect();
        if unsure.is_empty() && query.steps.is_empty() {
            return Ok(());
        }
        // All of it, wherever the reader begins: a newer version's log has
        // types and steps that only it tells.
        let log = self
            .store_of(run)
            .read_from(run, Seq::FIRST)
            .map_err(|error| fault::store(&error))?;
        let lines: Vec<EventLine> = log.lines().map(line_of).collect();
        for pattern in unsure {
            if !lines.iter().any(|line| fits(pattern, &line.event_type)) {
                let message = format!("no event type is named `{pattern}`");
                let help = fault::meant(pattern, "the types", EventType::WORDS);
                return Err(RunsError::new(ErrorKind::Usage, "ROK0004", message).help(help));
            }
        }
        for step in &query.steps {
            if lines.iter().any(|line| line.step.as_ref() == Some(step)) {
                continue;
            }
            let loaded = self.load(run)?;
            if !may_come(loaded.state(), step) {
                return Err(fault::unknown_step_of(loaded.state(), step));
            }
        }
        Ok(())
    }
}

fn is_known(pattern: &str) -> bool {
    EventType::WORDS.iter().any(|word| fits(pattern, word))
}

fn fits(pattern: &str, word: &str) -> bool {
    match pattern.strip_suffix('*') {
        Some(prefix) => word.starts_with(prefix),
        None => word == pattern,
    }
}

/// Whether the run has the step, or may fan out to it.
fn may_come(state: &RunState, id: &str) -> bool {
    if state.find(id).is_some() {
        return true;
    }
    let child = id.strip_suffix(']').and_then(|id| id.split_once('['));
    child.is_some_and(|(parent, index)| {
        let parent = state.find(parent);
        index.parse::<u32>().is_ok()
            && parent.is_some_and(|ix| {
                state.fan_out(ix).is_none() && state.definition(ix).for_each.is_some()
            })
    })
}

/// Refuses a status that no run of a list has.
pub(crate) fn refuse_unknown_statuses(query: &ListQuery) -> Result<(), RunsError> {
    let mut known: Vec<&str> = STATUSES.to_vec();
    for word in Outcome::WORDS.iter().chain(RunPhase::WORDS) {
        if !known.iter().any(|known| known.eq_ignore_ascii_case(word)) {
            known.push(word);
        }
    }
    let unknown = query
        .statuses
        .iter()
        .find(|status| !known.iter().any(|word| word.eq_ignore_ascii_case(status)));
    let Some(unknown) = unknown else {
        return Ok(());
    };
    let message = format!("no run has the status `{unknown}`");
    let help = fault::meant(unknown, "statuses, outcomes and phases", &known);
    Err(RunsError::new(ErrorKind::Usage, "ROK0004", message).help(help))
}

/// The plan whose runs are listed.
pub(crate) fn plan_of(query: &ListQuery) -> Result<Option<PlanId>, RunsError> {
    let id = query.plan.as_deref().map(str::parse).transpose();
    id.map_err(|error: rok_vocabulary::IdError| {
        RunsError::new(ErrorKind::Usage, "ROK0005", error.to_string())
    })
}
