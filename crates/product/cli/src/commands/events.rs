//! `events` and `logs`: what happened, and what was printed.

use crate::args::{EventFormat, EventsArgs, LogsArgs};
use crate::exit::Exit;
use crate::render;
use crate::signals::Stop;
use crate::terminal::Terminal;
use rok_service::views::{EventLine, EventQuery, LogQuery, RunId, Seq};
use rok_service::{RunHandle, Service, ServiceError, StreamFormat};

/// Events: the log's own lines where a program reads, else a line for people.
pub(crate) fn events(
    service: &Service,
    terminal: &mut Terminal,
    args: EventsArgs,
) -> Result<Exit, ServiceError> {
    let run = service.find(&args.run)?;
    let query = EventQuery {
        tail: args.tail,
        types: args.types,
        steps: args.steps,
        from: args.from.map(Seq),
        limit: None,
    };
    let format = form(args.format, terminal);
    if args.follow {
        let stop = Stop::listen(terminal.live, |_| ());
        let mut shown = Ok(());
        run.follow(&query, stop.signal(), &mut |event| {
            shown = show(terminal, run.id(), event, format).and_then(|()| terminal.flush());
            shown.is_ok() && !terminal.reader_gone()
        })?;
        shown?;
        if let Some(signal) = stop.received() {
            return Ok(Exit::Signal(signal));
        }
        return vouched(&run, terminal);
    }
    for event in run.events(&query)? {
        show(terminal, run.id(), &event, format)?;
        if terminal.reader_gone() {
            break;
        }
    }
    vouched(&run, terminal)
}

/// A log is shown as it stands, also one that was changed; then that is said.
fn vouched(run: &RunHandle, terminal: &mut Terminal) -> Result<Exit, ServiceError> {
    if terminal.reader_gone() {
        return Ok(Exit::Success);
    }
    terminal.flush()?;
    // Whatever tells how a run stands holds its log against chain and seal.
    run.summary()?;
    Ok(Exit::Success)
}

/// The form that was asked for; `None` is the one for people.
fn form(asked: Option<EventFormat>, terminal: &Terminal) -> Option<StreamFormat> {
    match asked {
        None if terminal.yaml => Some(StreamFormat::Yaml),
        None if terminal.json || !terminal.out_look.tty => Some(StreamFormat::Jsonl),
        None | Some(EventFormat::Human) => None,
        Some(EventFormat::Jsonl) => Some(StreamFormat::Jsonl),
        Some(EventFormat::Compact) => Some(StreamFormat::Compact),
        Some(EventFormat::Yaml) => Some(StreamFormat::Yaml),
        Some(EventFormat::Sse) => Some(StreamFormat::Sse),
        Some(EventFormat::Cloudevents) => Some(StreamFormat::CloudEvents),
    }
}

fn show(
    terminal: &mut Terminal,
    run: &RunId,
    event: &EventLine,
    format: Option<StreamFormat>,
) -> Result<(), ServiceError> {
    let text = match format {
        Some(format) => format.frame(run, event),
        None => render::event(event, terminal.out_look),
    };
    terminal.show(&text)
}

/// A step's output, as it was printed, secrets masked.
pub(crate) fn logs(
    service: &Service,
    terminal: &mut Terminal,
    args: LogsArgs,
) -> Result<Exit, ServiceError> {
    let run = service.find(&args.run)?;
    let query = LogQuery {
        step: args.step,
        attempt: args.attempt,
        compensation: args.compensation,
        tail: args.tail,
        follow: args.follow,
    };
    let stop = Stop::listen(terminal.live && args.follow, |_| ());
    let copied = run.logs(&query, stop.signal(), &mut Flushing(terminal));
    if terminal.reader_gone() {
        return Ok(Exit::Success);
    }
    copied?;
    Ok(stop.received().map_or(Exit::Success, Exit::Signal))
}

/// Hands on every part as it comes, so that a follower sees it.
struct Flushing<'t>(&'t mut Terminal);

impl std::io::Write for Flushing<'_> {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        let stream = self.0.stream();
        stream.write_all(bytes)?;
        stream.flush()?;
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        self.0.stream().flush()
    }
}
