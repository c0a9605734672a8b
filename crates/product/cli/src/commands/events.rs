//! `events` and `logs`: what happened, and what was printed.

use crate::args::{EventsArgs, LogsArgs};
use crate::exit::Exit;
use crate::render;
use crate::signals::Stop;
use crate::terminal::Terminal;
use rok_service::views::{EventLine, EventQuery, LogQuery};
use rok_service::{Service, ServiceError};

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
        from: None,
    };
    if args.follow {
        let stop = Stop::listen(terminal.live, |_| ());
        let mut shown = Ok(());
        run.follow(&query, stop.signal(), &mut |event| {
            shown = show(terminal, event).and_then(|()| terminal.flush());
            shown.is_ok() && !terminal.reader_gone()
        })?;
        shown?;
        return Ok(stop.received().map_or(Exit::Success, Exit::Signal));
    }
    for event in run.events(&query)? {
        show(terminal, &event)?;
        if terminal.reader_gone() {
            break;
        }
    }
    Ok(Exit::Success)
}

fn show(terminal: &mut Terminal, event: &EventLine) -> Result<(), ServiceError> {
    if terminal.json || !terminal.out_look.tty {
        terminal.show(&event.line)?;
        return terminal.show("\n");
    }
    let line = render::event(event, terminal.out_look);
    terminal.show(&line)
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
