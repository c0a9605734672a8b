//! `plan test`: plans against stubs.

use crate::args::PlanTestArgs;
use crate::exit::Exit;
use crate::failure;
use crate::render;
use crate::terminal::Terminal;
use rok_service::{PlanTestReport, PlanTestRequest, Service, ServiceError};

/// Runs the tests that are found, and tells what came of them.
pub(super) fn plan_test(
    service: &Service,
    terminal: &mut Terminal,
    args: PlanTestArgs,
) -> Result<Exit, ServiceError> {
    let report = service.plan_test(&PlanTestRequest {
        paths: args.paths,
        filters: args.filter,
    })?;
    if let Some(path) = &args.junit {
        std::fs::write(path, report.to_junit()).map_err(|error| ServiceError::Output {
            why: format!("{}: {error}", path.display()),
        })?;
    }
    if terminal.json {
        terminal.show_json(&report)?;
        return Ok(exit(&report));
    }
    for file in &report.files {
        let text = render::plan_test(file, terminal.out_look, terminal.quiet);
        terminal.show(&text)?;
        if let Some(error) = &file.error {
            terminal.flush()?;
            failure::tell(terminal, error);
        }
    }
    let total = render::plan_test_total(&report, terminal.out_look);
    terminal.show(&total)?;
    Ok(exit(&report))
}

/// A test that is wrong itself outweighs one that failed: of what it was to
/// show, nothing is known.
fn exit(report: &PlanTestReport) -> Exit {
    let of_file = |file: &rok_service::TestFileReport| {
        let error = file.error.as_ref()?;
        Some(Exit::of_kind(error.kind()))
    };
    if let Some(exit) = report.files.iter().find_map(of_file) {
        exit
    } else if report.broken > 0 {
        Exit::Usage
    } else if report.failed > 0 {
        Exit::Failed
    } else {
        Exit::Success
    }
}
