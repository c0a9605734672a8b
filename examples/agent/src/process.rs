//! The process of a `run` step: started as `rok` starts it on its own machine,
//! in a folder of its own that is removed afterwards. Ended with the order, and
//! with it all that it started.

use crate::desk::End;
use rok_agents::{Order, ProcessOrder, WorkError, WorkUsage};
use rok_executor::strict_json;
use rok_vocabulary::ErrorClass;
use rustix::process::{Pid, Signal, kill_process_group};
use serde::Deserialize;
use serde_json::Value;
use std::fs::{self, File};
use std::io::{self, Read as _, Seek as _, SeekFrom};
use std::path::Path;
use std::process::{ExitStatus, Stdio};
use tokio::process::{Child, Command};

/// What it inherits of the agent's environment.
const INHERITED: [&str; 5] = ["PATH", "HOME", "LANG", "TZ", "TMPDIR"];
/// More than that of a file is no result.
const MAX_FILE: u64 = 16 * 1024 * 1024;
/// The end of what it printed that is told.
const MAX_LOG: u64 = 1024 * 1024;

fn error(class: ErrorClass, reason: impl Into<String>) -> WorkError {
    WorkError {
        class,
        reason: reason.into(),
    }
}

/// Has the process started and waits for its end. Dropping it ends the process.
pub(crate) async fn perform(order: &Order) -> End {
    let folder = match tempfile::tempdir() {
        Ok(folder) => folder,
        Err(why) => return Err(here(&why)).into(),
    };
    let ended = run(order, folder.path()).await;
    End {
        came_to: ended.and_then(|status| judged(status, folder.path())),
        usage: used(folder.path()),
        log: log(folder.path()).unwrap_or_default(),
    }
}

/// A failure of the agent's machine: elsewhere, or later, it may go well.
fn here(why: &io::Error) -> WorkError {
    error(ErrorClass::TransientIo, format!("the agent cannot: {why}"))
}

async fn run(order: &Order, folder: &Path) -> Result<ExitStatus, WorkError> {
    let given = serde_json::from_value(Value::Object(order.with.clone()));
    let given: ProcessOrder = given.map_err(|why| {
        let reason = format!("what is to be run cannot be read: {why}");
        error(ErrorClass::ContractInputMissing, reason)
    })?;
    let command = command(order, &given, folder).map_err(|why| here(&why))?;
    let Some(mut command) = command else {
        let reason = "there is no program";
        return Err(error(ErrorClass::ConfigError, reason));
    };
    let child = command.spawn().map_err(|why| {
        let reason = format!("cannot start {}: {why}", given.argv[0]);
        error(ErrorClass::ConfigError, reason)
    })?;
    let mut group = Group(child);
    group.0.wait().await.map_err(|why| here(&why))
}

fn command(order: &Order, given: &ProcessOrder, folder: &Path) -> io::Result<Option<Command>> {
    let Some((program, arguments)) = given.argv.split_first() else {
        return Ok(None);
    };
    let (work, offer) = (folder.join("work"), &order.offer);
    fs::create_dir(&work)?;
    fs::write(folder.join("inputs"), serde_json::to_vec(&given.inputs)?)?;
    let log = File::create(folder.join("log"))?;
    let mut command = Command::new(program);
    command
        .args(arguments)
        .current_dir(&work)
        .env_clear()
        .envs(
            INHERITED
                .iter()
                .filter_map(|name| Some((name, std::env::var_os(name)?))),
        )
        .envs(&given.env)
        .env("ROK_RUN_ID", offer.run_id.as_str())
        .env("ROK_STEP_ID", offer.step_id.as_str())
        .env("ROK_ATTEMPT", offer.attempt.to_string())
        .env("ROK_IDEMPOTENCY_KEY", &offer.key)
        .env("ROK_INPUTS", folder.join("inputs"))
        .env("ROK_OUTPUT", folder.join("output"))
        .env("ROK_ERROR", folder.join("error"))
        .env("ROK_USAGE", folder.join("usage"))
        .stdin(Stdio::null())
        .stdout(log.try_clone()?)
        .stderr(log)
        .process_group(0);
    Ok(Some(command))
}

/// A process and all that it started.
struct Group(Child);

impl Drop for Group {
    fn drop(&mut self) {
        let pid = self.0.id().and_then(|id| i32::try_from(id).ok());
        if let Some(pid) = pid.and_then(Pid::from_raw) {
            // It may have ended meanwhile.
            let _ = kill_process_group(pid, Signal::KILL);
        }
    }
}

/// What it came to, by the contract of process steps.
fn judged(status: ExitStatus, folder: &Path) -> Result<Value, WorkError> {
    #[derive(Deserialize)]
    struct Said {
        class: ErrorClass,
        reason: String,
    }
    if !status.success() {
        let said: Option<Said> =
            read(&folder.join("error")).and_then(|bytes| serde_json::from_slice(&bytes).ok());
        if let Some(said) = said {
            return Err(error(said.class, said.reason));
        }
        let class = match status.code() {
            Some(75) => ErrorClass::TransientIo,
            Some(66) => ErrorClass::ContractInputMissing,
            Some(78) => ErrorClass::ConfigError,
            Some(_) => ErrorClass::ValidationFailed,
            None => ErrorClass::Unknown,
        };
        return Err(error(class, status.to_string()));
    }
    let Some(bytes) = read(&folder.join("output")).filter(|bytes| !bytes.is_empty()) else {
        return Ok(Value::Null);
    };
    match strict_json(&bytes) {
        Ok(outputs @ Value::Object(_)) => Ok(outputs),
        Ok(_) => Err(error(
            ErrorClass::ValidationFailed,
            "ROK_OUTPUT is no JSON object",
        )),
        Err(why) => {
            let reason = format!("ROK_OUTPUT is no JSON: {why}");
            Err(error(ErrorClass::ValidationFailed, reason))
        }
    }
}

/// A file that it wrote, if it did and it is none too large.
fn read(path: &Path) -> Option<Vec<u8>> {
    let file = File::open(path).ok()?;
    let mut bytes = Vec::new();
    file.take(MAX_FILE + 1).read_to_end(&mut bytes).ok()?;
    (bytes.len() as u64 <= MAX_FILE).then_some(bytes)
}

/// What it says that it used: JSON lines, of which the rest is not counted.
fn used(folder: &Path) -> WorkUsage {
    #[derive(Deserialize)]
    struct Line {
        #[serde(default)]
        cost_usd: f64,
        #[serde(default)]
        energy_kwh: f64,
        #[serde(default)]
        tokens: u64,
    }
    let bytes = read(&folder.join("usage")).unwrap_or_default();
    let lines = bytes.split(|byte| *byte == b'\n');
    let lines = lines.filter_map(|line| serde_json::from_slice::<Line>(line).ok());
    lines.fold(WorkUsage::default(), |all, line| WorkUsage {
        cost_usd: all.cost_usd + line.cost_usd,
        energy_kwh: all.energy_kwh + line.energy_kwh,
        tokens: all.tokens.saturating_add(line.tokens),
    })
}

/// The end of what it printed.
fn log(folder: &Path) -> io::Result<String> {
    let mut file = File::open(folder.join("log"))?;
    let from = file.metadata()?.len().saturating_sub(MAX_LOG);
    file.seek(SeekFrom::Start(from))?;
    let mut bytes = Vec::new();
    file.take(MAX_LOG).read_to_end(&mut bytes)?;
    Ok(String::from_utf8_lossy(&bytes).into_owned())
}
