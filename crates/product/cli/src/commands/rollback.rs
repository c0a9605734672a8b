//! `rollback`: undoes what succeeded, shows it live, says what is left.

use super::run::tell;
use crate::args::RollbackArgs;
use crate::exit::Exit;
use crate::progress::Progress;
use crate::signals::Stop;
use crate::terminal::Terminal;
use rok_service::views::{Disposition, DriveEnd};
use rok_service::{RollbackRequest, Service, ServiceError};

/// Rolls a run back. A run that is rolled back has done what was asked for.
pub(crate) fn rollback(
    service: &Service,
    terminal: &mut Terminal,
    args: RollbackArgs,
) -> Result<Exit, ServiceError> {
    service.drives_here("rollback")?;
    let run = service.find(&args.run)?;
    let request = RollbackRequest {
        reason: args.reason,
        done: args.done,
        again: args.again,
        secrets_file: args.secrets,
    };
    let mut progress = Progress::of(terminal);
    let stop = Stop::listen_to(terminal.live, run.is_elsewhere(), progress.teller());
    terminal.note(&format!("run {}\n", run.id()));
    let end = run.rollback(request, stop.signal(), &mut progress);
    progress.finish(terminal);
    let end = end?;
    let exit = tell(terminal, &run, &end, false, &stop)?;
    let undone = run.summary()?.status == Disposition::RolledBack.as_str();
    let refused = matches!(
        end,
        DriveEnd::Ended {
            refused_by: Some(_),
            ..
        }
    );
    Ok(if undone && !refused {
        Exit::Success
    } else {
        exit
    })
}
