//! Whole processes: the `rok` that is measured, and its peers.

use crate::args::Args;
use crate::load::Failed;
use crate::measure::Spent;
use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::time::Instant;
use wait4::Wait4;

/// How much of a failed command's errors is shown, in bytes.
const SHOWN: usize = 600;

/// The `rok` to measure: the one that was named, or one that is built now, in
/// the profile of this program.
pub(crate) fn rok(args: &Args) -> Result<PathBuf, Failed> {
    if let Some(rok) = &args.rok {
        return Ok(std::path::absolute(rok)?);
    }
    let program = std::env::current_exe()?;
    let built = program.with_file_name("rok");
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let root = concat!(env!("CARGO_MANIFEST_DIR"), "/..");
    let mut build = Command::new(cargo);
    build
        .args(["build", "--quiet", "-p", "rok", "--bin", "rok"])
        .current_dir(root);
    if !cfg!(debug_assertions) {
        build.arg("--release");
    }
    if let Some(target) = program.parent().and_then(std::path::Path::parent) {
        build.arg("--target-dir").arg(target);
    }
    let status = build.status()?;
    if !status.success() {
        return Err(Failed(format!(
            "`rok` could not be built ({status}); name one with --rok"
        )));
    }
    Ok(built)
}

/// Runs a command to its end. What it says is dropped; one that fails is an
/// error with the end of what it said.
pub(crate) fn run(command: &mut Command) -> Result<Spent, Failed> {
    let errors = tempfile::tempfile()?;
    command
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(errors.try_clone()?);
    let began = Instant::now();
    let used = command.spawn()?.wait4()?;
    let wall = began.elapsed();
    if !used.status.success() {
        let said = read(errors)?;
        let status = used.status;
        let program = command.get_program().display();
        return Err(Failed(format!("`{program}` failed ({status}): {said}")));
    }
    Ok(Spent {
        wall,
        cpu: used.rusage.utime + used.rusage.stime,
    })
}

fn read(mut file: std::fs::File) -> Result<String, Failed> {
    use std::io::{Read, Seek};
    let mut text = Vec::new();
    file.rewind()?;
    file.read_to_end(&mut text)?;
    let end = &text[text.len().saturating_sub(SHOWN)..];
    Ok(String::from_utf8_lossy(end).trim().to_owned())
}
