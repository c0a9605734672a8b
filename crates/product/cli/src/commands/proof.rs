//! `verify`, `attest`, `checkpoint`, `cosign`, `key`: what can be proved of a record, and by which key.

use crate::args::{AttestArgs, CheckpointArgs, CosignArgs, KeyCommand, VerifyArgs};
use crate::exit::Exit;
use crate::failure;
use crate::render;
use crate::terminal::Terminal;
use rok_service::views::{Attested, DriveEnd, VerifyVerdict};
use rok_service::{CosignRequest, Service, ServiceError, VerifyRequest};
use std::fmt::Write as _;

/// Proves that the record is intact.
pub(crate) fn verify(
    service: &Service,
    terminal: &mut Terminal,
    args: &VerifyArgs,
) -> Result<Exit, ServiceError> {
    let Some(run) = &args.run else {
        service.refuse_absent_folder()?;
        let proof = service.desk()?.prove()?;
        let text = render::book(&proof, terminal.out_look);
        return terminal.tell(&proof, &text);
    };
    let request = VerifyRequest {
        key: args.key.clone(),
        attested: args.attested,
        checkpoint: args.checkpoint.clone(),
        cosigners: args.cosigners.clone(),
    };
    let report = service.verify(run, args.max_bytes, &request)?;
    if terminal.json {
        terminal.show_json(&report)?;
    } else {
        let text = render::verify(&report, terminal.out_look);
        terminal.show(&text)?;
    }
    Ok(match report.verdict {
        VerifyVerdict::Intact | VerifyVerdict::Collected => Exit::Success,
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

/// Signs a log's head.
pub(crate) fn checkpoint(
    service: &Service,
    terminal: &mut Terminal,
    args: &CheckpointArgs,
) -> Result<Exit, ServiceError> {
    let run = service.find(&args.run)?;
    let made = run.write_checkpoint(args.key.as_deref(), args.out.as_deref())?;
    if terminal.json {
        terminal.show_json(&made)?;
    } else if let Some(file) = &made.file {
        let file = render::clean(&file.display().to_string());
        terminal.show(&format!(
            "checkpoint of {} at line {}: {file}\n",
            made.run_id, made.lines
        ))?;
    } else {
        terminal.show(&made.text)?;
    }
    Ok(Exit::Success)
}

/// Adds a second party's line to a checkpoint.
pub(crate) fn cosign(
    service: &Service,
    terminal: &mut Terminal,
    args: CosignArgs,
) -> Result<Exit, ServiceError> {
    let cosigned = service.cosign(&CosignRequest {
        file: args.file,
        key: args.key,
        name: args.name,
        log_key: args.log_key,
        run: args.run,
        last: args.last,
        out: args.out,
    })?;
    if terminal.json {
        terminal.show_json(&cosigned)?;
        return Ok(Exit::Success);
    }
    let mut text = format!(
        "cosigned as {}: run {}, {} lines, key {}\n",
        render::clean(&cosigned.name),
        cosigned.checkpoint.run_id,
        cosigned.checkpoint.lines,
        cosigned.key_id
    );
    for checked in &cosigned.checked {
        let _ = writeln!(text, "  checked: {}", render::clean(checked));
    }
    terminal.show(&text)?;
    terminal.flush()?;
    if !cosigned.unchecked.is_empty() {
        let what = cosigned.unchecked.join(", ");
        terminal.note(&format!("not checked: {what}\n"));
    }
    Ok(Exit::Success)
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
