//! `schedule`: what runs by the clock.

use crate::args::{BackfillArgs, ScheduleCommand, TriggerArgs};
use crate::exit::Exit;
use crate::render;
use crate::signals::Stop;
use crate::terminal::Terminal;
use rok_service::views::{
    DriveEnd, DrivenRun, FiringView, ScheduleView, TickObserver, TickReport, Timestamp,
    parse_duration,
};
use rok_service::{ScheduleBook, Service, ServiceError};
use serde::Serialize;
use std::fmt::Write as _;
use std::io::Write as _;
use std::path::Path;

/// What the next tick has to do.
const CARRIED_OUT: &str = "the server carries it out, or `rok schedule tick`";

/// One of the commands on schedules.
pub(crate) fn schedule(
    service: &Service,
    terminal: &mut Terminal,
    command: ScheduleCommand,
) -> Result<Exit, ServiceError> {
    // The first one that is added makes it.
    if !matches!(command, ScheduleCommand::Add { .. }) {
        service.refuse_absent_folder()?;
    }
    let book = service.schedules()?;
    match command {
        ScheduleCommand::List { schedule } => list(&book, terminal, schedule.as_deref()),
        ScheduleCommand::Add { file } => add(&book, terminal, &file),
        ScheduleCommand::Import => {
            let moved = book.take_over()?;
            if moved.is_empty() {
                terminal.note("no schedules in the folder\n");
            }
            let mut text = String::new();
            for id in &moved {
                let _ = writeln!(text, "moved {}", render::clean(id));
            }
            terminal.tell(&moved, &text)
        }
        ScheduleCommand::Pause { schedule, reason } => {
            let view = book.pause(&schedule, reason)?;
            terminal.tell(&view, &format!("paused {schedule}\n"))
        }
        ScheduleCommand::Unpause { schedule } => {
            let view = book.unpause(&schedule)?;
            let text = render::unpaused(&view, terminal.out_look);
            terminal.tell(&view, &text)
        }
        ScheduleCommand::Trigger(TriggerArgs {
            schedule,
            items,
            reason,
        }) => {
            let firings = book.trigger(&schedule, &items, reason)?;
            fired(terminal, &firings)
        }
        ScheduleCommand::Backfill(args) => backfill(&book, terminal, args),
        ScheduleCommand::Remove { schedule } => {
            let removed = book.remove(&schedule)?;
            let text = render::removed(&removed);
            terminal.tell(&removed, &text)
        }
        ScheduleCommand::Next { schedule, count } => {
            let dues = book.next(schedule.as_deref(), count.into())?;
            let text = render::due_times(&dues, terminal.out_look);
            terminal.tell(&dues, &text)
        }
        ScheduleCommand::Tick { until, strict } => {
            service.drives_here("schedule tick")?;
            tick(&book, terminal, until.as_deref(), strict)
        }
    }
}

fn list(
    book: &ScheduleBook,
    terminal: &mut Terminal,
    schedule: Option<&str>,
) -> Result<Exit, ServiceError> {
    let views: Vec<ScheduleView> = match schedule {
        Some(schedule) => vec![book.show(schedule)?],
        None => book.list()?,
    };
    if views.is_empty() && !terminal.json {
        terminal.note("no schedules\n");
        return Ok(Exit::Success);
    }
    let text = render::schedules(&views, terminal.out_look);
    terminal.tell(&views, &text)
}

fn add(book: &ScheduleBook, terminal: &mut Terminal, file: &Path) -> Result<Exit, ServiceError> {
    let added = book.add(file)?;
    let text = render::added(&added, terminal.out_look);
    terminal.tell(&added, &text)
}

fn backfill(
    book: &ScheduleBook,
    terminal: &mut Terminal,
    args: BackfillArgs,
) -> Result<Exit, ServiceError> {
    let instant = |flag: &str, text: &str| {
        Timestamp::parse_rfc3339(text).map_err(|_| ServiceError::BadName {
            what: format!(
                "{flag}: `{}` is no instant: write it in universal time, such as 2026-02-16T00:00:00Z",
                render::clean(text)
            ),
        })
    };
    let range = (
        instant("--from", &args.from)?,
        instant("--until", &args.until)?,
    );
    let firings = book.backfill(&args.schedule, range, args.reason)?;
    fired(terminal, &firings)
}

/// What was decided, and who does it. Where nothing will be done, that is no
/// success.
fn fired(terminal: &mut Terminal, firings: &[FiringView]) -> Result<Exit, ServiceError> {
    let text = render::firings(firings, terminal.out_look);
    terminal.tell(&firings, &text)?;
    let begun = |firing: &FiringView| matches!(firing.what.as_str(), "started" | "waits");
    if !firings.iter().any(begun) {
        return Ok(Exit::Failed);
    }
    terminal.note(&format!("{CARRIED_OUT}\n"));
    Ok(Exit::Success)
}

/// A run that was driven.
#[derive(Serialize)]
struct Ran {
    schedule: String,
    run_id: String,
    /// How it ended: an outcome, `held`, `interrupted` or `refused`.
    end: String,
    /// Why it could not be driven.
    #[serde(skip_serializing_if = "Option::is_none")]
    error: Option<String>,
}

/// What a tick came to.
#[derive(Serialize)]
struct TickedView<'a> {
    #[serde(flatten)]
    report: &'a TickReport,
    runs: &'a [Ran],
}

/// Shows what happens while it does.
struct Watch<'a> {
    terminal: &'a mut Terminal,
    signal: &'a Stop,
    strict: bool,
    runs: Vec<Ran>,
    worst: Exit,
    failed: Option<ServiceError>,
}

impl Watch<'_> {
    fn show(&mut self, text: &str) {
        if self.terminal.json || self.failed.is_some() {
            return;
        }
        let shown = self.terminal.show(text);
        let shown = shown.and_then(|()| self.terminal.flush());
        self.failed = shown.err();
    }
}

impl TickObserver for Watch<'_> {
    fn ticked(&mut self, report: &TickReport) {
        let text = render::firings(&report.firings, self.terminal.out_look);
        self.show(&text);
        for trouble in &report.troubles {
            let text = render::trouble(trouble, self.terminal.err_look);
            self.terminal.complain(&text);
        }
        let refused = report.firings.iter().any(|firing| firing.what == "refused");
        if (refused || !report.troubles.is_empty()) && self.worst == Exit::Success {
            self.worst = Exit::Failed;
        }
    }

    fn driven(&mut self, run: &DrivenRun) {
        let text = render::driven(run, self.terminal.out_look);
        self.show(&text);
        let exit = match &run.end {
            Ok(end) => Exit::of_end(end, self.strict, self.signal.received()),
            Err(error) => Exit::of_kind(error.kind),
        };
        if self.worst == Exit::Success {
            self.worst = exit;
        }
        self.runs.push(Ran {
            schedule: run.schedule.clone(),
            run_id: run.run.to_string(),
            end: match &run.end {
                Ok(DriveEnd::Ended { outcome, .. }) => outcome.to_string(),
                Ok(DriveEnd::Held(_)) => "held".to_owned(),
                Ok(DriveEnd::Interrupted) => "interrupted".to_owned(),
                Err(_) => "refused".to_owned(),
            },
            error: run.end.as_ref().err().map(|error| error.message.clone()),
        });
    }
}

fn tick(
    book: &ScheduleBook,
    terminal: &mut Terminal,
    until: Option<&str>,
    strict: bool,
) -> Result<Exit, ServiceError> {
    let until = until.map(later).transpose()?;
    let quiet = terminal.quiet;
    let stop = Stop::listen(terminal.live, move |text| {
        if !quiet {
            // There is nobody to tell when that fails.
            let _ = writeln!(std::io::stderr(), "{text}");
        }
    });
    let mut watch = Watch {
        terminal,
        signal: &stop,
        strict,
        runs: Vec::new(),
        worst: Exit::Success,
        failed: None,
    };
    let report = book.work(until, stop.signal(), &mut watch);
    let (runs, worst, failed) = (watch.runs, watch.worst, watch.failed);
    let report = report?;
    if let Some(failed) = failed {
        return Err(failed);
    }
    if terminal.json {
        let report = &report;
        terminal.show_json(&TickedView {
            report,
            runs: &runs,
        })?;
    } else if report.firings.is_empty() && runs.is_empty() && report.troubles.is_empty() {
        terminal.note("nothing is due\n");
    }
    Ok(match stop.received() {
        Some(signal) => Exit::Signal(signal),
        None => worst,
    })
}

/// An instant, or one that lies a duration behind now.
fn later(text: &str) -> Result<Timestamp, ServiceError> {
    if let Ok(at) = Timestamp::parse_rfc3339(text) {
        return Ok(at);
    }
    let duration = parse_duration(text).map_err(|_| ServiceError::BadName {
        what: format!(
            "--until: `{}` is neither a duration such as 8h nor an instant such as 2026-02-16T00:00:00Z",
            render::clean(text)
        ),
    })?;
    Ok(render::now().after(duration))
}
