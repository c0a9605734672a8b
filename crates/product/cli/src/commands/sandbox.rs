//! `sandbox check`: what this machine has of what a sandbox needs.

use crate::args::SandboxCommand;
use crate::exit::Exit;
use crate::terminal::Terminal;
use rok_service::{SandboxOffer, ServiceError, sandbox_offer};

/// Looks at the kernel.
pub(crate) fn sandbox(
    terminal: &mut Terminal,
    command: &SandboxCommand,
) -> Result<Exit, ServiceError> {
    let SandboxCommand::Check = command;
    let offer = sandbox_offer();
    if terminal.json {
        terminal.show_json(&offer)?;
    } else {
        terminal.show(&told(&offer))?;
    }
    Ok(if offer.complete {
        Exit::Success
    } else {
        Exit::Denied
    })
}

fn told(offer: &SandboxOffer) -> String {
    let mark = |there| if there { "✓" } else { "✗" };
    let SandboxOffer {
        landlock,
        needed_landlock,
        seccomp,
        counts_processes,
        complete,
        ..
    } = offer;
    let mut text = format!(
        "{} Landlock: ABI {landlock}, {needed_landlock} is needed\n\
         {} seccomp\n\
         {} max_processes above 1\n",
        mark(landlock >= needed_landlock),
        mark(*seccomp),
        mark(*counts_processes),
    );
    text.push_str(if *complete {
        "Steps can run in sandboxes here.\n"
    } else {
        "No step can run in a sandbox here.\n"
    });
    for lack in &offer.lacks {
        text.push_str("  ");
        text.push_str(lack);
        text.push('\n');
    }
    text
}
