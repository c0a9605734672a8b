//! `doctor`: whether runs could go on here.

use crate::exit::Exit;
use crate::render;
use crate::terminal::Terminal;
use rok_service::{Finding, Service, ServiceError};

/// Looks at everything, and tells what it finds.
pub(crate) fn doctor(service: &Service, terminal: &mut Terminal) -> Result<Exit, ServiceError> {
    let examined = service.examine()?;
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
