//! The output of steps.

use crate::engine::Runs;
use crate::fault;
use crate::load::Loaded;
use crate::verify::files::{log_name, wrong_log};
use rok_facades::runs::{ErrorKind, LogQuery, LogTail, RunsError, StopSignal, TailQuery};
use rok_kernel::{RunState, StepIx};
use rok_projections::LogEntry;
use rok_store_jsonl::Woken;
use rok_vocabulary::{Attempt, RunId, StepState};
use std::cmp::Reverse;
use std::fs::File;
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};
use std::time::Duration;

/// How often a followed log is looked at while its step runs: a process writes
/// to the file itself, and no event tells of it.
const GLANCE: Duration = Duration::from_millis(100);

pub(crate) fn logs(
    runs: &Runs,
    run: &RunId,
    query: &LogQuery,
    stop: &StopSignal,
    out: &mut dyn Write,
) -> Result<(), RunsError> {
    let loaded = runs.load(run)?;
    let state = loaded.state();
    let Some(ix) = state.find(&query.step) else {
        return Err(fault::unknown_step_of(state, &query.step));
    };
    if let Some(child) = &state.step(ix).run {
        let message = format!("a run of its own does the work of step `{}`", query.step);
        return Err(RunsError::new(ErrorKind::NotFound, "ROK0111", message)
            .help(format!("look at that run: `rok summary {child}`")));
    }
    if state.fan_out(ix).is_some() {
        let message = format!(
            "step `{0}` is fanned out: its children do the work, and each has a log",
            query.step
        );
        return Err(
            RunsError::new(ErrorKind::NotFound, "ROK0111", message).help(format!(
                "name one, `{0}[0]`; `rok status {run} {0}` lists them",
                query.step
            )),
        );
    }
    let attempt = query
        .attempt
        .map_or_else(|| last_attempt(state, ix, query.compensation), Attempt);
    let Some(path) = asked(&loaded.dir.join("logs"), state, query, attempt) else {
        return Err(
            taken(&loaded, query, attempt).unwrap_or_else(|| none(state, ix, query, attempt))
        );
    };
    let mut file = rok_files::open(&path).map_err(|error| io_fault(&path, &error))?;
    let mut start = match query.tail {
        Some(lines) => tail_start(&mut file, lines).map_err(|error| io_fault(&path, &error))?,
        None => 0,
    };
    start += copy(&mut file, start, out).map_err(|error| io_fault(&path, &error))?;
    if !query.follow {
        return changed(&loaded, &path).map_or(Ok(()), Err);
    }
    let store = runs.store_of(run);
    let watch = store.watch_log(run).map_err(|error| fault::store(&error))?;
    let stopper = watch.stopper();
    stop.on_stop(move || stopper.stop());
    loop {
        let loaded = runs.load(run)?;
        let over = is_over(loaded.state(), ix, query.compensation, attempt);
        start += copy(&mut file, start, out).map_err(|error| io_fault(&path, &error))?;
        if over || stop.is_stopped() {
            return changed(&loaded, &path).map_or(Ok(()), Err);
        }
        if watch
            .wait(Some(GLANCE))
            .map_err(|error| fault::store(&error))?
            == Woken::Stopped
        {
            return Ok(());
        }
    }
}

/// Why the output that a query names is not what was recorded of it.
pub(crate) fn log_fault(runs: &Runs, run: &RunId, query: &LogQuery) -> Option<RunsError> {
    let loaded = runs.load(run).ok()?;
    let state = loaded.state();
    let ix = state.find(&query.step)?;
    let attempt = query
        .attempt
        .map_or_else(|| last_attempt(state, ix, query.compensation), Attempt);
    let path = asked(&loaded.dir.join("logs"), state, query, attempt)?;
    changed(&loaded, &path)
}

/// What is wrong with the output in a file, where its attempt has ended.
fn changed(loaded: &Loaded, path: &Path) -> Option<RunsError> {
    let name = path.file_name()?.to_str()?;
    let mut recorded = loaded.history().logs().iter();
    unlike(loaded, recorded.rfind(|entry| log_name(entry) == name)?)
}

/// What is wrong where there is no output, and some was recorded.
fn taken(loaded: &Loaded, query: &LogQuery, attempt: Attempt) -> Option<RunsError> {
    let mut recorded = loaded
        .history()
        .logs()
        .iter()
        .filter(|_| !query.compensation);
    let of = |entry: &&LogEntry| entry.step.as_str() == query.step && entry.attempt == attempt;
    unlike(loaded, recorded.rfind(of)?)
}

fn unlike(loaded: &Loaded, entry: &LogEntry) -> Option<RunsError> {
    let why = wrong_log(&loaded.dir, entry)?;
    let (run, name) = (loaded.state().run_id(), log_name(entry));
    let message = format!("the output of run {run} is not what was recorded: logs/{name} {why}");
    let error = RunsError::new(ErrorKind::Protocol, "ROK0105", message);
    Some(error.help(format!(
        "what is shown is what stands there now; `rok verify {run}` tells more"
    )))
}

/// Whether `logs` has something to show of a step or child: then it is offered.
pub(crate) fn has_output(loaded: &Loaded, step: &str, compensation: bool) -> bool {
    let state = loaded.state();
    let Some(ix) = state.find(step) else {
        return false;
    };
    if state.step(ix).run.is_some() || state.fan_out(ix).is_some() {
        return false;
    }
    let query = LogQuery {
        step: step.to_owned(),
        attempt: None,
        compensation,
        tail: None,
        follow: false,
    };
    let attempt = last_attempt(state, ix, compensation);
    asked(&loaded.dir.join("logs"), state, &query, attempt).is_some()
}

/// The ends of the steps' outputs, within the query's bounds.
pub(crate) fn tails(loaded: &Loaded, query: &TailQuery) -> Result<Vec<LogTail>, RunsError> {
    let state = loaded.state();
    let dir = loaded.dir.join("logs");
    // Failed steps first, then those that ended last: what is looked for.
    let mut order: Vec<StepIx> = state.places().collect();
    order.sort_by_key(|ix| {
        let slot = state.step(*ix);
        (slot.state != StepState::Failed, Reverse(slot.ended_at), *ix)
    });
    let mut left = query.total_bytes;
    let mut found: Vec<(StepIx, LogTail)> = Vec::new();
    for ix in order {
        let (step, slot) = (state.step_id(ix), state.step(ix));
        let attempts = (0..=slot.attempt.0).rev();
        let log = attempts
            .map(Attempt)
            .find_map(|attempt| Some((attempt, find(&dir, state, step.as_str(), attempt)?)));
        let Some((attempt, path)) = log else {
            continue;
        };
        let lines = if slot.state == StepState::Failed {
            query.failed_lines
        } else {
            query.lines
        };
        let (text, cut) = tail(&path, lines, query.max_bytes.min(left))
            .map_err(|error| io_fault(&path, &error))?;
        left -= (text.len() as u64).min(left);
        if text.is_empty() {
            continue;
        }
        let tail = LogTail {
            step: step.to_string(),
            attempt: attempt.0,
            text,
            cut,
        };
        found.push((ix, tail));
    }
    found.sort_by_key(|(ix, _)| *ix);
    Ok(found.into_iter().map(|(_, tail)| tail).collect())
}

/// The last lines of a file, within so many bytes, and whether there are more.
fn tail(path: &Path, lines: usize, max_bytes: u64) -> io::Result<(String, bool)> {
    let mut file = rok_files::open(path)?;
    let start = tail_start(&mut file, lines)?;
    let end = file.seek(SeekFrom::End(0))?;
    let start = start.max(end.saturating_sub(max_bytes));
    file.seek(SeekFrom::Start(start))?;
    let mut bytes = Vec::new();
    // A step that runs may write on.
    file.take(end - start).read_to_end(&mut bytes)?;
    Ok((String::from_utf8_lossy(&bytes).into_owned(), start > 0))
}

/// The attempt that was begun last.
fn last_attempt(state: &RunState, ix: StepIx, compensation: bool) -> Attempt {
    let before = |attempt: Attempt| Attempt(attempt.0.saturating_sub(1));
    let slot = state.step(ix);
    // Where another one is due, the last attempt is the one before.
    match state.undo(&state.step_id(ix)).filter(|_| compensation) {
        Some(undo) if undo.class.is_some() && undo.ended_at.is_some() => before(undo.attempt),
        Some(undo) => undo.attempt,
        None if slot.retry_due.is_some() => before(slot.attempt),
        None => slot.attempt,
    }
}

fn is_over(state: &RunState, ix: StepIx, compensation: bool, attempt: Attempt) -> bool {
    if compensation {
        let running = state.rollback().and_then(rok_kernel::Rollback::running);
        let id = state.step_id(ix);
        return running.is_none_or(|running| {
            state.done(running).id != id || state.undo_attempt(running) != attempt
        });
    }
    let slot = state.step(ix);
    slot.state != StepState::Running || slot.attempt != attempt
}

/// The log that a query is about.
fn asked(dir: &Path, state: &RunState, query: &LogQuery, attempt: Attempt) -> Option<PathBuf> {
    if query.compensation {
        let path = dir.join(format!("{}.compensate.{attempt}.log", query.step));
        return path.is_file().then_some(path);
    }
    find(dir, state, &query.step, attempt)
}

/// The log of an attempt, of the latest epoch that has one.
fn find(dir: &Path, state: &RunState, step: &str, attempt: Attempt) -> Option<PathBuf> {
    let names = (0..=state.epoch().0).rev().map(|epoch| match epoch {
        0 => format!("{step}.{attempt}.log"),
        _ => format!("{step}.{attempt}.e{epoch}.log"),
    });
    names.map(|name| dir.join(name)).find(|path| path.is_file())
}

/// Why there is nothing to show, and what there is.
fn none(state: &RunState, ix: StepIx, query: &LogQuery, attempt: Attempt) -> RunsError {
    let (run, step) = (state.run_id(), &query.step);
    let slot = state.step(ix);
    let last = last_attempt(state, ix, query.compensation);
    let undone = state.undo(&state.step_id(ix)).is_some();
    let began = if query.compensation {
        undone
    } else {
        slot.started_at.is_some()
    };
    let what = if query.compensation {
        format!("the compensation of step `{step}`")
    } else {
        format!("step `{step}`")
    };
    let (message, help) = if query.compensation && state.definition(ix).compensate.is_none() {
        (
            format!("step `{step}` of run {run} has no compensation"),
            format!("without `--compensation`: `rok logs {run} {step}`"),
        )
    } else if !began {
        let why = if query.compensation {
            String::from("it has not run")
        } else {
            format!("the step is {}", slot.state)
        };
        (
            format!("run {run} has no output of {what}: {why}"),
            format!(
                "there is a log once it has started; `rok explain {run} {step}` says why it has not"
            ),
        )
    } else if attempt > last {
        (
            format!("{what} of run {run} has no attempt {attempt}: attempts count from 0"),
            format!("the last one is {last}; leave `--attempt` out to see it"),
        )
    } else {
        (
            format!("run {run} has no output of {what}, attempt {attempt}: it started no process"),
            format!(
                "functions and taken results print nothing; `rok status {run} {step}` shows its outcome"
            ),
        )
    };
    RunsError::new(ErrorKind::NotFound, "ROK0115", message).help(help)
}

fn io_fault(path: &Path, error: &io::Error) -> RunsError {
    let kind = if error.kind() == io::ErrorKind::BrokenPipe {
        ErrorKind::State
    } else {
        ErrorKind::Storage
    };
    RunsError::new(
        kind,
        "ROK0106",
        format!("cannot read {}: {error}", path.display()),
    )
}

fn copy(file: &mut File, from: u64, out: &mut dyn Write) -> io::Result<u64> {
    file.seek(SeekFrom::Start(from))?;
    let copied = io::copy(file, out)?;
    out.flush()?;
    Ok(copied)
}

/// Where the last `lines` lines begin.
fn tail_start(file: &mut File, lines: usize) -> io::Result<u64> {
    let mut end = file.seek(SeekFrom::End(0))?;
    let total = end;
    if lines == 0 {
        return Ok(total);
    }
    let mut found = 0;
    let mut chunk = [0_u8; 8192];
    while end > 0 {
        let size = end.min(chunk.len() as u64);
        let start = end - size;
        file.seek(SeekFrom::Start(start))?;
        let part = &mut chunk[..size as usize];
        file.read_exact(part)?;
        for (i, byte) in part.iter().enumerate().rev() {
            let at = start + i as u64;
            // The newline that ends the last line begins none.
            if *byte == b'\n' && at + 1 < total {
                found += 1;
                if found == lines {
                    return Ok(at + 1);
                }
            }
        }
        end = start;
    }
    Ok(0)
}
