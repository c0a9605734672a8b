//! `verify`: chain, seal, plan, replay, artifacts. Writes nothing.

pub(crate) mod files;
pub(crate) mod row;
pub(crate) mod traces;

use crate::fault;
use crate::home::Home;
use crate::load::{Loaded, created_of, plan_by};
use crate::proof::{self, Envelopes};
use crate::record::Record;
use crate::submit::{contents, results};
use crate::subruns::missing_plans;
use rok_chain::{LogState, SealCheck};
use rok_facades::runs::{RunsError, VerifyFault, VerifyOptions, VerifyReport, VerifyVerdict};
use rok_kernel::{CompiledPlan, RunState};
use rok_log::StoreError;
use rok_projections::{Replay, ReplayError};
use rok_vocabulary::RunId;
use std::path::Path;
use std::sync::Arc;
use traces::Traces;

const LOG: &str = "events.jsonl";

/// Everything, the envelopes beside the log included.
pub(crate) fn verify(
    store: &Home,
    run: &RunId,
    options: &VerifyOptions,
) -> Result<VerifyReport, RunsError> {
    judge(store, run, Some(options), Place::Here)
}

/// As [`verify`], of what came in a bundle: what lies elsewhere on this machine
/// is not its files, and the key in it must be the one that signed.
pub(crate) fn verify_bundled(
    store: &Home,
    run: &RunId,
    options: &VerifyOptions,
) -> Result<VerifyReport, RunsError> {
    judge(store, run, Some(options), Place::Bundle)
}

/// Where a record lies.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Place {
    /// Where the run was made, or taken in.
    Here,
    /// In a bundle.
    Bundle,
}

/// Everything but the envelopes.
pub(crate) fn without_envelopes(store: &Home, run: &RunId) -> Result<VerifyReport, RunsError> {
    judge(store, run, None, Place::Here)
}

fn judge(
    store: &Home,
    run: &RunId,
    options: Option<&VerifyOptions>,
    place: Place,
) -> Result<VerifyReport, RunsError> {
    let mut report = VerifyReport {
        run_id: run.clone(),
        verdict: VerifyVerdict::Broken,
        lines: 0,
        head: String::new(),
        phase: None,
        epoch: None,
        collected_at: None,
        artifacts: 0,
        attestations: Vec::new(),
        checkpoint: None,
        faults: Vec::new(),
        notes: Vec::new(),
    };
    let stub = match store.stub(run) {
        Err(StoreError::Corrupt { what, .. }) => {
            report.faults.push(file_fault(row::ROW, what));
            return Ok(report);
        }
        stub => stub.map_err(|error| fault::store(&error))?,
    };
    if let Some(bytes) = stub {
        let options = options.cloned().unwrap_or_default();
        crate::stub::judge(store, run, &bytes, &options, &mut report);
        return Ok(report);
    }
    let chain = match store.verify(run) {
        Ok(chain) => chain,
        // A seal or log that cannot even be read is a finding, not a failure.
        Err(StoreError::Corrupt {
            path,
            line,
            byte,
            what,
        }) => {
            report.faults.push(fault_at(&path, line, byte, what));
            return Ok(report);
        }
        Err(error) => return Err(fault::store(&error)),
    };
    let before_fault = chain
        .fault
        .as_ref()
        .map(|fault| fault.line.saturating_sub(1));
    report.lines = before_fault.unwrap_or(chain.events);
    report.head = chain.head.to_hex();
    if let Some(fault) = &chain.fault {
        let (line, byte) = (fault.line, fault.byte);
        report
            .faults
            .push(fault_at(Path::new(LOG), line, byte, fault.what.to_string()));
    }
    match &chain.torn_tail {
        // Nobody can tell a writer that died from one who adds to what is closed.
        Some(tail) if chain.state == LogState::Sealed => {
            let what = format!(
                "is after the seal: {} bytes follow a closed log; `rok resume` drops them, and says so in it",
                tail.bytes
            );
            let line = chain.events + 1;
            report
                .faults
                .push(fault_at(Path::new(LOG), line, chain.bytes, what));
        }
        Some(tail) => report.notes.push(format!(
            "an unfinished decision of {} bytes follows line {}; the next owner drops it and says so",
            tail.bytes, chain.events
        )),
        None => {}
    }
    match chain.seal {
        // Log and row are committed in one: no crash comes between them.
        SealCheck::Missing | SealCheck::Behind { .. } if store.is_shared() => {
            let what = "holds no seal or an older one, and the log is sealed";
            report.faults.push(file_fault(row::ROW, what.into()));
        }
        SealCheck::Missing => report.notes.push(
            "the log is sealed and seal.json is missing; `rok resume` and `rok gc` write it again when they take the run over"
                .into(),
        ),
        SealCheck::Behind { .. } => report.notes.push(
            "seal.json is that of an earlier epoch; `rok resume` and `rok gc` write it again when they take the run over"
                .into(),
        ),
        SealCheck::None | SealCheck::Matches | SealCheck::Contradicted => {}
    }
    if chain.fault.is_none() {
        replay(store, run, options, place, &mut report)?;
    }
    if place == Place::Bundle {
        proof::check_key(store, run, &mut report).map_err(|error| fault::store(&error))?;
    }
    report.verdict = match (report.faults.is_empty(), chain.state) {
        (false, _) | (true, LogState::Broken) => VerifyVerdict::Broken,
        (true, LogState::Sealed) => VerifyVerdict::Intact,
        (true, LogState::Open | LogState::Empty) => VerifyVerdict::Open,
    };
    Ok(report)
}

fn fault_at(path: &Path, line: u64, byte: u64, what: String) -> VerifyFault {
    let file = path.file_name().map_or_else(
        || path.display().to_string(),
        |name| name.to_string_lossy().into_owned(),
    );
    VerifyFault {
        file,
        line: Some(line),
        byte: Some(byte),
        what,
    }
}

fn file_fault(file: &str, what: String) -> VerifyFault {
    VerifyFault {
        file: file.into(),
        line: None,
        byte: None,
        what,
    }
}

/// Replays the events: they must give the state that the log and the seal
/// claim, and the artifacts that they name must be what they were.
fn replay(
    store: &Home,
    run: &RunId,
    options: Option<&VerifyOptions>,
    place: Place,
    report: &mut VerifyReport,
) -> Result<(), RunsError> {
    let traces = Traces::look(store, run);
    let log = match store.read(run) {
        // The row of a shared store says where the log ends.
        Err(StoreError::Corrupt { what, line, .. }) if store.is_shared() => {
            let what = format!("says that the log has line {line}, which {what}");
            report.faults.push(file_fault(row::ROW, what));
            return Ok(());
        }
        log => log.map_err(|error| fault::store(&error))?,
    };
    if let Some(options) = options {
        crate::checkpoint::check_log(run, &log.bytes, options, report);
    }
    let envelopes = options
        .map(|options| Envelopes::read(store, run, options, report).map(|found| (found, options)));
    let envelopes = envelopes
        .transpose()
        .map_err(|error| fault::store(&error))?;
    if log.bytes.is_empty() {
        report.faults.extend(traces.of_nothing());
        if let Some((envelopes, options)) = envelopes {
            envelopes.conclude(0, false, options, report);
        }
        return Ok(());
    }
    let created = match created_of(run, &log) {
        Ok(created) => created,
        Err(what) => {
            report.faults.push(fault_at(Path::new(LOG), 1, 0, what));
            return Ok(());
        }
    };
    let plan = match plan_by(store, run, &created) {
        Ok(plan) => plan,
        Err(error) => {
            report.faults.push(file_fault("plan.json", error.message));
            return Ok(());
        }
    };
    let folded = match &envelopes {
        Some((envelopes, _)) if !envelopes.is_empty() => {
            compared(store, plan, run, &log.bytes, envelopes, report)
        }
        _ => {
            let mut replay = Replay::new(plan, run.clone()).with_contents(results(store));
            replay.lines(&log.bytes).map(|()| replay)
        }
    };
    let replay = match folded {
        Ok(replay) => replay,
        Err(error) => {
            let what = match &error {
                ReplayError::Content { what, .. } => {
                    format!("is intact, and names what cannot be read back: {what}")
                }
                _ => format!(
                    "is intact, and cannot follow the lines before it: {}",
                    fault::chain(&error)
                ),
            };
            report.faults.push(VerifyFault {
                file: LOG.into(),
                line: Some(error.line()),
                byte: None,
                what,
            });
            return Ok(());
        }
    };
    // An override is no fault, and whoever looks is told for ever.
    report.notes.extend(replay.state().overrides_in_words());
    if let Some((envelopes, options)) = envelopes {
        envelopes.conclude(replay.count(), replay.state().is_sealed(), options, report);
    }
    let loaded = Loaded {
        replay,
        dir: store.run_dir(run),
    };
    let state = loaded.state();
    report.phase = Some(state.phase());
    report.epoch = Some(state.epoch());
    if let Some(seal) = store.seal(run).map_err(|error| fault::store(&error))?
        && state.is_sealed()
        && (Some(seal.outcome), seal.phase) != (state.outcome(), state.phase())
    {
        let what = format!(
            "says {} {}, a replay gives {}",
            seal.phase,
            seal.outcome,
            state.phase()
        );
        report.faults.push(file_fault("seal.json", what));
    }
    if place == Place::Here {
        let missing = missing_sub_runs(store, loaded.state());
        report.notes.extend(missing.map(|run| {
            format!("its sub-run {run} is not here: what that run did cannot be verified")
        }));
    }
    for sha256 in missing_plans(store, &loaded) {
        let what = "is missing, or is not the plan that the log names".to_owned();
        let file = format!("plans/{sha256}.json");
        report.faults.push(file_fault(&file, what));
    }
    traces.check(loaded.state(), report);
    report.notes.extend(traces::set_aside(&loaded.dir));
    files::check(&loaded, &contents(store), place, report);
    row::check(store, run, loaded.replay, report)
}

/// Folds a log, and compares what envelopes say with it at the lines that they
/// cover.
fn compared(
    store: &Home,
    plan: Arc<CompiledPlan>,
    run: &RunId,
    log: &[u8],
    envelopes: &Envelopes,
    report: &mut VerifyReport,
) -> Result<Replay, ReplayError> {
    let mut record = Record::new(plan, run.clone(), results(store));
    let mut end = 0;
    for line in log.split_inclusive(|byte| *byte == b'\n') {
        end += line.len();
        record.line(line.strip_suffix(b"\n").unwrap_or(line))?;
        let lines = record.replay().count();
        if envelopes.cover(lines) {
            let said = record.statements(&log[..end]);
            envelopes.compare(lines, said.as_ref(), report);
        }
    }
    Ok(record.into_replay())
}

/// The runs of steps that ended, of which nothing is left here.
fn missing_sub_runs(store: &Home, state: &RunState) -> impl Iterator<Item = RunId> {
    let ended = state.places().map(|ix| state.step(ix));
    let ended = ended.filter(|slot| slot.is_finished());
    let runs = ended.filter_map(|slot| slot.run.clone());
    runs.filter(|run| matches!(store.exists(run), Ok(false)))
}
