//! `run --batch` and `batch show`: one plan over a list of inputs.

use crate::args::BatchCommand;
use crate::exit::Exit;
use crate::progress::Progress;
use crate::render;
use crate::signals::Stop;
use crate::terminal::Terminal;
use rok_service::views::{BatchStatus, BatchSubmission, DriveEnd, DriveOptions};
use rok_service::{RunHandle, RunRequest, Service, ServiceError};
use std::path::PathBuf;
use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Mutex, PoisonError};

/// So many of a server's runs are watched at once.
const WATCHED: usize = 16;

/// What `run --batch` is asked.
pub(super) struct Asked {
    pub(super) request: RunRequest,
    pub(super) file: PathBuf,
    pub(super) batch: Option<String>,
    pub(super) max_runs: Option<u16>,
    pub(super) options: DriveOptions,
}

/// A run that went as far as it goes, by its place in the batch.
type Told = (usize, Result<(RunHandle, Option<DriveEnd>), ServiceError>);

/// Makes a run for each item, or finds it, and drives what has not ended.
pub(super) fn run(
    service: &Service,
    terminal: &mut Terminal,
    asked: Asked,
) -> Result<Exit, ServiceError> {
    service.drives_here("run")?;
    let remote = service.is_elsewhere();
    if remote && asked.max_runs.is_some() {
        return Err(ServiceError::NotSupported {
            what: "--max-runs with --server".to_owned(),
            instead: "leave it out: the server's own settings bound its runs",
        });
    }
    let batch = service.batch_of(asked.request, &asked.file, asked.batch.as_deref())?;
    let progress = Progress::of(terminal);
    let stop = Stop::listen_to(terminal.live, remote, progress.teller());
    let (n, id) = (batch.items.len(), batch.batch.clone());
    // The server judges and makes all of them at once.
    let made = if remote {
        Some(service.submit_batch(&batch)?)
    } else {
        service.check_batch(&batch)?;
        None
    };
    let noun = if n == 1 { "item" } else { "items" };
    terminal.note(&format!("batch {id}: {n} {noun}\n"));
    let cpus = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
    let at_once = asked.max_runs.map_or(cpus, usize::from);
    let line = Line {
        service,
        batch: &batch,
        made: made.as_deref(),
        options: asked.options,
        stop: &stop,
        next: Mutex::new(0),
    };
    let at_once = if remote { WATCHED } else { at_once }.min(n);
    let first_fault = std::thread::scope(|scope| {
        let (tell, told) = channel();
        for _ in 0..at_once {
            let (line, tell) = (&line, tell.clone());
            scope.spawn(move || line.work(&tell));
        }
        drop(tell);
        hear(terminal, &told, n)
    });
    let shown = show(service, terminal, id.as_str());
    if let Some(error) = first_fault {
        return Err(error);
    }
    let status = shown?;
    if let Some(signal) = stop.received() {
        terminal.note(&if remote {
            let shows = format!("{} batch show {id}", terminal.program);
            format!("\nno longer watched: the batch goes on at the server; `{shows}` tells how\n")
        } else {
            let again = format!("rok run … --batch … --batch-id {id}");
            format!("\nstopped; the batch goes on by `{again}`\n")
        });
        return Ok(Exit::Signal(signal));
    }
    Ok(match status {
        BatchStatus::Success => Exit::Success,
        _ => Exit::Failed,
    })
}

/// What those who drive share.
struct Line<'a> {
    service: &'a Service,
    batch: &'a BatchSubmission,
    /// Runs that a server has made already.
    made: Option<&'a [RunHandle]>,
    options: DriveOptions,
    stop: &'a Stop,
    next: Mutex<usize>,
}

impl Line<'_> {
    /// Drives one item after the other, until none is left or it is stopped.
    fn work(&self, tell: &Sender<Told>) {
        while let Some((index, taken)) = self.take() {
            let driven = taken.and_then(|run| {
                let end = self.drive(&run)?;
                Ok((run, end))
            });
            // Whoever listens does so until all are done.
            let _ = tell.send((index, driven));
        }
    }

    /// The next item and its run, which is made in the items' order.
    fn take(&self) -> Option<(usize, Result<RunHandle, ServiceError>)> {
        let mut next = self.next.lock().unwrap_or_else(PoisonError::into_inner);
        let index = *next;
        if index >= self.batch.items.len() || self.stop.signal().is_stopped() {
            return None;
        }
        *next += 1;
        let run = match self.made {
            Some(made) => self.service.find(made[index].id().as_str()),
            None => self.service.submit_item(self.batch, index),
        };
        if run.is_err() {
            // Nothing more is begun: it would fail alike.
            *next = self.batch.items.len();
        }
        Some((index, run))
    }

    fn drive(&self, run: &RunHandle) -> Result<Option<DriveEnd>, ServiceError> {
        let signal = self.stop.signal();
        if self.made.is_some() {
            return match run.drive(&self.options, signal, &mut ()) {
                // It had ended before it was collected.
                Err(error) if error.code() == "ROK0160" => Ok(None),
                driven => driven.map(Some),
            };
        }
        let secrets = self.batch.common.secrets_file.as_deref();
        run.go_on_with(secrets, &self.options, signal, &mut ())
    }
}

/// Tells of each run as it comes, and keeps the first fault.
fn hear(terminal: &mut Terminal, told: &Receiver<Told>, n: usize) -> Option<ServiceError> {
    let mut first = None;
    for (index, driven) in told {
        let place = format!("item {}/{n}", index + 1);
        match driven {
            Ok((run, end)) => {
                let what = match &end {
                    Some(DriveEnd::Ended { phase, outcome, .. }) => format!("{phase} {outcome}"),
                    Some(DriveEnd::Held(_)) => "waits for a decision".to_owned(),
                    Some(DriveEnd::Interrupted) if run.is_elsewhere() => {
                        "goes on at the server".to_owned()
                    }
                    Some(DriveEnd::Interrupted) => "interrupted".to_owned(),
                    None => "had ended, or goes on elsewhere".to_owned(),
                };
                terminal.note(&format!("{place}  {}  {what}\n", run.id()));
            }
            Err(error) => {
                terminal.note(&format!("{place}  {}\n", render::clean(&error.to_string())));
                first.get_or_insert(error);
            }
        }
    }
    first
}

/// Shows a batch.
pub(crate) fn batch(
    service: &Service,
    terminal: &mut Terminal,
    command: &BatchCommand,
) -> Result<Exit, ServiceError> {
    let BatchCommand::Show { id } = command;
    show(service, terminal, id).map(|_| Exit::Success)
}

fn show(service: &Service, terminal: &mut Terminal, id: &str) -> Result<BatchStatus, ServiceError> {
    let found = service.batch_result(id)?;
    if terminal.json {
        terminal.show_json(&found)?;
    } else {
        let text = render::batch(&found, terminal.out_look);
        terminal.show(&text)?;
    }
    terminal.flush()?;
    Ok(found.status)
}
