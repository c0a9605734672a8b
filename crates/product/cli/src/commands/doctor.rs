//! `doctor`: whether runs could go on here.

use crate::args::DoctorArgs;
use crate::exit::Exit;
use crate::render;
use crate::terminal::Terminal;
use rok_service::{Finding, Logs, Rounds, Service, ServiceError, Tables};

/// Looks at everything, and tells what it finds.
pub(crate) fn doctor(
    service: &Service,
    terminal: &mut Terminal,
    args: &DoctorArgs,
) -> Result<Exit, ServiceError> {
    let tables = if args.rebuild {
        Tables::Rebuild
    } else {
        Tables::Leave
    };
    let logs = if args.all_logs {
        Logs::All
    } else {
        Logs::Newest
    };
    let examined = service.examine(Rounds { tables, logs })?;
    if terminal.json {
        terminal.show_json(&examined)?;
    } else {
        let text = render::examination(&examined, terminal.out_look);
        terminal.show(&text)?;
    }
    Ok(match examined.finding {
        Finding::Ok | Finding::Warning => Exit::Success,
        Finding::Fault => Exit::Failed,
    })
}
