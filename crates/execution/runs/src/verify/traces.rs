//! What a run leaves beside its log, each only after a line of the log that is
//! durable: an answer to a command, what an attempt printed. Where one is there
//! and its line is not, lines were taken away.

use super::file_fault;
use crate::fault;
use crate::home::Home;
use crate::submit::results;
use rok_facades::runs::{ErrorKind, RunsError, VerifyFault, VerifyReport};
use rok_kernel::{CompiledPlan, RunState};
use rok_log::{LogBytes, Verdict};
use rok_projections::Replay;
use rok_vocabulary::{CommandId, RunId, Seq, StepState};
use std::path::Path;
use std::sync::Arc;

/// How the file of an answer ends.
const ANSWER: &str = ".answer";
/// How the file of an attempt's output ends.
const OUTPUT: &str = ".log";
/// Where what an attempt printed is put that the log does not know.
pub(crate) const SET_ASIDE: &str = "set-aside";
const UNSAID: &str = "is what an attempt printed that the log does not know: lines were taken away, or the log is an older copy";

/// What lies beside a log. It is looked at before the log is read: what comes
/// later comes after lines that are not read.
pub(crate) struct Traces {
    /// Commands that were taken, and the last line that says so.
    taken: Vec<(CommandId, Seq)>,
    /// Attempts that printed: step, attempt, epoch.
    begun: Vec<(String, u32, u32)>,
}

impl Traces {
    /// In a database answers are rows: only the folder tells here.
    pub(crate) fn look(store: &Home, run: &RunId) -> Self {
        let dir = store.run_dir(run);
        let answers = names(&dir.join("inbox"), ANSWER);
        let taken = answers.filter_map(|name| {
            let id: CommandId = name.parse().ok()?;
            let answer = store.answer(run, &id).ok()??;
            let taken = answer.verdict == Verdict::Accepted;
            Some((id, answer.seq.filter(|_| taken)?))
        });
        let begun = names(&dir.join("logs"), OUTPUT).filter_map(|name| attempt(&name));
        Self {
            taken: taken.collect(),
            begun: begun.collect(),
        }
    }

    /// The first answer of a command whose line a log of so many lines lacks.
    pub(crate) fn cut(&self, lines: u64) -> Option<String> {
        let mut taken = self.taken.iter();
        let (id, seq) = taken.find(|(_, seq)| seq.0 >= lines)?;
        Some(format!("inbox/{id}{ANSWER} {}", answered(*seq)))
    }

    /// What is wrong where the log has no line at all.
    pub(super) fn of_nothing(&self) -> Option<VerifyFault> {
        let (id, seq) = self.taken.first()?;
        Some(file_fault(&format!("inbox/{id}{ANSWER}"), answered(*seq)))
    }

    /// Holds what lies there against what the log says.
    pub(super) fn check(&self, state: &RunState, report: &mut VerifyReport) {
        let lost = self.taken.iter().filter(|(id, _)| !state.has_seen(id));
        let lost = lost.map(|(id, seq)| file_fault(&format!("inbox/{id}{ANSWER}"), answered(*seq)));
        let unsaid = self.unsaid(state);
        let unsaid = unsaid.map(|name| file_fault(&format!("logs/{name}"), UNSAID.into()));
        report.faults.extend(lost.chain(unsaid));
    }

    /// Whether any attempt has printed.
    pub(crate) const fn has_output(&self) -> bool {
        !self.begun.is_empty()
    }

    /// The files of attempts of which the log never said that they began.
    pub(crate) fn unsaid(&self, state: &RunState) -> impl Iterator<Item = String> {
        self.begun.iter().filter_map(|begun| unsaid(begun, state))
    }

    /// Refuses a run with such a file: its attempt would begin as a new one, and
    /// print behind what another has printed.
    pub(crate) fn hold(&self, run: &RunId, state: &RunState) -> Result<(), RunsError> {
        let Some(name) = self.unsaid(state).next() else {
            return Ok(());
        };
        let message = format!("run {run} cannot be gone on with: its logs/{name} {UNSAID}");
        Err(RunsError::new(ErrorKind::Protocol, "ROK0105", message).help(
            "`rok verify` names every such file; where a backup was put back, `rok doctor --rebuild` sets them aside",
        ))
    }

    /// The same, of a log that is about to be gone on with.
    pub(crate) fn hold_log(
        store: &Home,
        run: &RunId,
        plan: &Arc<CompiledPlan>,
        log: &LogBytes,
    ) -> Result<(), RunsError> {
        let traces = Self::look(store, run);
        if !traces.has_output() {
            return Ok(());
        }
        let mut replay = Replay::new(Arc::clone(plan), run.clone()).with_contents(results(store));
        replay.lines(&log.bytes).map_err(|error| {
            let what = fault::chain(&error);
            let message = format!("the log of run {run} cannot be replayed: {what}");
            RunsError::new(ErrorKind::Protocol, "ROK0105", message)
                .help("`rok verify` names what is wrong")
        })?;
        traces.hold(run, replay.state())
    }
}

/// What lies set aside beside a log, in words.
pub(super) fn set_aside(dir: &Path) -> impl Iterator<Item = String> + use<> {
    let mut found: Vec<String> = names(&dir.join(SET_ASIDE), "").collect();
    found.sort_unstable();
    found.into_iter().map(|name| {
        format!(
            "{SET_ASIDE}/{name} is what an attempt printed that this log does not know; `rok doctor --rebuild` set it aside"
        )
    })
}

fn answered(seq: Seq) -> String {
    format!(
        "says that the command was taken in line {}, and the log does not: lines were taken away",
        seq.0 + 1
    )
}

/// The file of an attempt, where the log never said that it began.
fn unsaid(begun: &(String, u32, u32), state: &RunState) -> Option<String> {
    let (step, attempt, epoch) = begun;
    let slot = state.step(state.find(step)?);
    let now = state.epoch().0;
    let never = slot.state == StepState::Pending && slot.started_at.is_none();
    let later = *epoch > now || (*epoch == now && (never || *attempt > slot.attempt.0));
    let name = match epoch {
        0 => format!("{step}.{attempt}{OUTPUT}"),
        _ => format!("{step}.{attempt}.e{epoch}{OUTPUT}"),
    };
    later.then_some(name)
}

/// `STEP.ATTEMPT` or `STEP.ATTEMPT.eEPOCH`.
fn attempt(name: &str) -> Option<(String, u32, u32)> {
    let (rest, last) = name.rsplit_once('.')?;
    match last.strip_prefix('e') {
        None => Some((rest.to_owned(), last.parse().ok()?, 0)),
        Some(epoch) => {
            let (step, attempt) = rest.rsplit_once('.')?;
            Some((step.to_owned(), attempt.parse().ok()?, epoch.parse().ok()?))
        }
    }
}

/// The names in a folder that end so, without the end. What cannot be listed
/// tells nothing.
fn names(dir: &Path, end: &'static str) -> impl Iterator<Item = String> + use<> {
    let listed = std::fs::read_dir(dir).into_iter().flatten().flatten();
    listed.filter_map(move |entry| {
        let name = entry.file_name().into_string().ok()?;
        Some(name.strip_suffix(end)?.to_owned())
    })
}
