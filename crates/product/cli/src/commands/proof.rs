//! `verify`, `attest`, `key`: what can be proved of a record, and by which key.

use crate::args::{AttestArgs, KeyCommand, VerifyArgs};
use crate::exit::Exit;
use crate::failure;
use crate::render;
use crate::terminal::Terminal;
use rok_service::views::{Attested, DriveEnd, VerifyVerdict};
use rok_service::{Service, ServiceError, VerifyRequest};
use std::fmt::Write as _;

/// Proves that the record is intact.
pub(crate) fn verify(
    service: &Service,
    terminal: &mut Terminal,
    args: &VerifyArgs,
) -> Result<Exit, ServiceError> {
    let request = VerifyRequest {
        key: args.key.clone(),
    };
    let report = service.find(&args.run)?.verify(&request)?;
    if terminal.json {
        terminal.show_json(&report)?;
    } else {
        let text = render::verify(&report, terminal.out_look);
        terminal.show(&text)?;
    }
    Ok(match report.verdict {
        VerifyVerdict::Intact => Exit::Success,
        VerifyVerdict::Open if !args.sealed => Exit::Success,
        VerifyVerdict::Open | VerifyVerdict::Broken => Exit::Protocol,
    })
}

/// Signs what a sealed run's log says.
pub(crate) fn attest(
    service: &Service,
    terminal: &mut Terminal,
    args: &AttestArgs,
) -> Result<Exit, ServiceError> {
    let attested = service.find(&args.run)?.attest(args.key.as_deref())?;
    if terminal.json {
        terminal.show_json(&attested)?;
    } else {
        let text = line(&attested);
        terminal.show(&text)?;
    }
    Ok(Exit::Success)
}

fn line(attested: &Attested) -> String {
    let replaced = match attested.replaced {
        Some(lines) => format!("; replaces what covered lines 1 to {lines}"),
        None => String::new(),
    };
    format!(
        "attested {}, lines 1 to {}, by key {}: {}{replaced}\n",
        attested.run_id,
        attested.lines,
        attested.key_id,
        attested.files.join(", "),
    )
}

/// Tells what became of attesting a run that was driven to its end.
pub(crate) fn told(terminal: &mut Terminal, end: &DriveEnd) {
    let DriveEnd::Ended {
        attested: Some(attested),
        ..
    } = end
    else {
        return;
    };
    match &**attested {
        Ok(attested) => terminal.note(&format!("\n{}", line(attested))),
        Err(error) => {
            failure::tell(terminal, &error.clone().into());
        }
    }
}

/// Keys that sign.
pub(crate) fn key(
    service: &Service,
    terminal: &mut Terminal,
    command: &KeyCommand,
) -> Result<Exit, ServiceError> {
    let (key, public) = match command {
        KeyCommand::New { out } => (service.new_key(out.as_deref())?, false),
        KeyCommand::Show { file, public } => (service.show_key(file.as_deref())?, *public),
    };
    if terminal.json {
        terminal.show_json(&key)?;
        return Ok(Exit::Success);
    }
    if public {
        terminal.show(&key.public)?;
        return Ok(Exit::Success);
    }
    let mut text = format!("Key: {}\n", key.key_id);
    for (what, file) in [("Private", &key.file), ("Public", &key.public_file)] {
        if let Some(file) = file {
            let file = render::clean(&file.display().to_string());
            let _ = writeln!(text, "{what}: {file}");
        }
    }
    if key.file.is_none() {
        text.push_str(&key.public);
    }
    terminal.show(&text)?;
    Ok(Exit::Success)
}
