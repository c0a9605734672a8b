//! The program that does the work: started for an order, ended with it.

use rok_agents::{Order, WorkError};
use rok_vocabulary::ErrorClass;
use serde_json::Value;
use std::process::Stdio;
use tokio::io::AsyncWriteExt as _;
use tokio::process::Command;

/// More than that is no result.
const MAX_OUTPUT: usize = 16 * 1024 * 1024;
/// The longest reason that is told.
const MAX_REASON: usize = 500;

fn error(class: ErrorClass, reason: impl Into<String>) -> WorkError {
    WorkError {
        class,
        reason: reason.into(),
    }
}

/// Has the work done. Dropping it ends the program.
pub(crate) async fn perform(program: &[String], order: &Order) -> Result<Value, WorkError> {
    let mut words = program.iter();
    let first = words
        .next()
        .ok_or_else(|| error(ErrorClass::ConfigError, "there is no program"))?;
    let started = Command::new(first)
        .args(words)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .kill_on_drop(true)
        .spawn();
    let mut child = started.map_err(|why| {
        let reason = format!("cannot start {first}: {why}");
        error(ErrorClass::ConfigError, reason)
    })?;
    let given = serde_json::to_vec(order).expect("its keys are strings");
    let mut input = child.stdin.take().expect("it was asked for");
    let feeding = tokio::spawn(async move {
        // A program need not read what it is given.
        let _ = input.write_all(&given).await;
    });
    let ended = child.wait_with_output().await;
    feeding.abort();
    let ended = ended.map_err(|why| error(ErrorClass::TransientIo, why.to_string()))?;
    if !ended.status.success() {
        let class = match ended.status.code() {
            Some(75) => ErrorClass::TransientIo,
            Some(66) => ErrorClass::ContractInputMissing,
            Some(78) => ErrorClass::ConfigError,
            _ => ErrorClass::ValidationFailed,
        };
        return Err(error(class, said(&ended.stderr, ended.status)));
    }
    if ended.stdout.len() > MAX_OUTPUT {
        let reason = format!("it wrote more than {MAX_OUTPUT} bytes");
        return Err(error(ErrorClass::ValidationFailed, reason));
    }
    if ended.stdout.iter().all(u8::is_ascii_whitespace) {
        return Ok(Value::Null);
    }
    match serde_json::from_slice(&ended.stdout) {
        Ok(outputs @ Value::Object(_)) => Ok(outputs),
        Ok(_) => Err(error(
            ErrorClass::ValidationFailed,
            "it wrote no JSON object",
        )),
        Err(why) => {
            let reason = format!("what it wrote is no JSON: {why}");
            Err(error(ErrorClass::ValidationFailed, reason))
        }
    }
}

/// The last line of what it complained of, and how it ended.
fn said(stderr: &[u8], status: std::process::ExitStatus) -> String {
    let text = String::from_utf8_lossy(stderr);
    let last = text.lines().rev().find(|line| !line.trim().is_empty());
    let last: String = last.unwrap_or_default().chars().take(MAX_REASON).collect();
    if last.is_empty() {
        status.to_string()
    } else {
        format!("{status}: {last}")
    }
}
