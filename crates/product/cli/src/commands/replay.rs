//! `replay`: a log decided again, or a run executed anew from a step on.

use crate::args::ReplayArgs;
use crate::exit::Exit;
use crate::progress::Progress;
use crate::render::{self, Caller};
use crate::signals::Stop;
use crate::terminal::Terminal;
use rok_service::views::{DriveEnd, DriveOptions};
use rok_service::{ReplayOptions, Service, ServiceError};

/// Replays a run. A divergence exits with 1.
pub(crate) fn replay(
    service: &Service,
    terminal: &mut Terminal,
    args: ReplayArgs,
) -> Result<Exit, ServiceError> {
    let original = service.find(&args.run)?;
    let Some(from) = args.from else {
        let found = original.redecide()?;
        if terminal.json {
            terminal.show_json(&found)?;
        } else {
            let text = render::redecided(&found, terminal.out_look);
            terminal.show(&text)?;
        }
        return Ok(verdict(!found.divergences.is_empty()));
    };
    service.drives_here("replay")?;
    let mut progress = Progress::of(terminal);
    let stop = Stop::listen_to(terminal.live, original.is_elsewhere(), progress.teller());
    let options = ReplayOptions {
        from: from.clone(),
        run_id: args.run_id,
        reason: args.reason,
        secrets_file: args.secrets,
    };
    let run = service.replay(&original, options)?;
    terminal.note(&format!("run {} replays {}\n", run.id(), original.id()));
    let drive = DriveOptions {
        wait_on_hold: args.wait,
    };
    let end = run.drive(&drive, stop.signal(), &mut progress);
    progress.finish(terminal);
    let end = end?;
    if let DriveEnd::Held(hold) = &end {
        let caller = Caller::at(terminal, run.name());
        let text = render::hold(&caller, hold, terminal.err_look);
        terminal.note(&format!("\n{text}"));
    }
    if matches!(end, DriveEnd::Interrupted) && run.is_elsewhere() {
        let caller = Caller::at(terminal, run.name());
        let text = render::left(&caller, terminal.err_look);
        terminal.note(&format!("\n{text}"));
    }
    let found = run.replayed(&original, &from)?;
    if terminal.json {
        terminal.show_json(&found)?;
    } else {
        let ended = matches!(end, DriveEnd::Ended { .. });
        let text = render::replayed(&found, ended, terminal.out_look);
        terminal.show(&text)?;
    }
    Ok(match &end {
        // A failure that was recorded and comes again is no divergence.
        DriveEnd::Ended { .. } => verdict(found.diverged),
        _ => Exit::of_end(&end, false, stop.received()),
    })
}

fn verdict(diverged: bool) -> Exit {
    if diverged {
        Exit::Failed
    } else {
        Exit::Success
    }
}
