//! The process contract: what an exit means, and the files that a step writes.

use crate::log::last_line;
use crate::places::Places;
use rok_executor::MAX_OUTPUT_BYTES;
use rok_executor::{
    LogRecord, StepFailure, StepSuccess, Usage, check_outputs, oversized_outputs, strict_json,
};
use rok_plan::Sandbox;
use rok_secrets::Masker;
use rok_vocabulary::ErrorClass;
use rustix::fs::OFlags;
use serde_json::Value;
use std::fs::OpenOptions;
use std::io::{self, Read as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::os::unix::process::ExitStatusExt as _;
use std::path::Path;
use std::process::ExitStatus;

/// `ROK_USAGE` and `ROK_ERROR` are a few lines; more is a mistake.
const MAX_NOTE_BYTES: usize = 1 << 20;

/// A step's own reason, cut to what a person reads.
const MAX_REASON_CHARS: usize = 1000;

/// What the step's files and its exit status say.
#[derive(Debug)]
pub(crate) struct Verdict {
    pub(crate) end: Result<StepSuccess, StepFailure>,
    pub(crate) cost_usd: f64,
    pub(crate) energy_kwh: f64,
    pub(crate) tokens: u64,
    /// The attempt's complete log.
    pub(crate) log: Option<LogRecord>,
}

/// Reads and removes the attempt's files, and judges. Where it was `stopped`
/// from outside, that is its end, whatever it wrote; its usage still counts.
pub(crate) fn judge(
    status: ExitStatus,
    stopped: Option<StepFailure>,
    sandbox: Option<&Sandbox>,
    places: &Places,
    masker: &Masker,
) -> Verdict {
    let output = take(&places.output, MAX_OUTPUT_BYTES);
    let error = take(&places.error, MAX_NOTE_BYTES);
    let mut usage = Usage::default();
    let counted = count(take(&places.usage, MAX_NOTE_BYTES), &mut usage);
    let refusal = places.refusal.as_deref();
    let refusal = refusal.map(|path| take(path, MAX_NOTE_BYTES));
    let end = match (stopped, refusal) {
        (Some(failure), _) => Err(failure),
        // Nothing but the launcher can have written it.
        (None, Some(Ok(Some(told)))) if !told.is_empty() => Err(crate::sandbox::refused(&told)),
        (None, Some(Err(why))) => Err(StepFailure::new(
            ErrorClass::SandboxViolation,
            format!("whether it ran in its sandbox is unknown: what the launcher said {why}"),
        )),
        (None, _) => {
            let failure = failure_of(status).map(|failure| match sandbox {
                Some(sandbox) => crate::sandbox::stopped_by(status, sandbox, failure),
                None => failure,
            });
            ended(failure, error, output, counted, places, masker)
        }
    };
    let end = end.map_err(|failure| StepFailure {
        reason: masker.mask_str(&failure.reason).into_owned(),
        ..failure
    });
    Verdict {
        end,
        cost_usd: usage.cost_usd,
        energy_kwh: usage.energy_kwh,
        tokens: usage.tokens,
        log: None,
    }
}

fn ended(
    by_exit: Option<StepFailure>,
    error: Result<Option<Vec<u8>>, String>,
    output: Result<Option<Vec<u8>>, String>,
    counted: Result<(), String>,
    places: &Places,
    masker: &Masker,
) -> Result<StepSuccess, StepFailure> {
    let named = error.and_then(|bytes| bytes.map(|bytes| named(&bytes)).transpose());
    match (by_exit, named) {
        (None, Ok(None)) => {
            counted.map_err(|why| invalid(format!("ROK_USAGE {why}")))?;
            let outputs = outputs(output, masker)?;
            Ok(StepSuccess {
                outputs,
                artifacts: Vec::new(),
            })
        }
        (None, Err(why)) => Err(invalid(format!("exit code 0, but ROK_ERROR {why}"))),
        (None, Ok(Some(named))) => Err(named.failure("exit code 0", ErrorClass::ValidationFailed)),
        (Some(failure), Ok(Some(named))) => Err(named.failure(&failure.reason, failure.class)),
        (Some(mut failure), Err(why)) => {
            failure.reason = format!("{} (ROK_ERROR {why})", failure.reason);
            Err(failure)
        }
        (Some(mut failure), Ok(None)) => {
            if let Some(line) = places.log.as_deref().and_then(last_line) {
                failure.reason = format!("{}: {line}", failure.reason);
            }
            Err(failure)
        }
    }
}

/// The table of run-model.md.
fn failure_of(status: ExitStatus) -> Option<StepFailure> {
    if let Some(signal) = status.signal() {
        let reason = format!("killed by signal {signal} ({})", signal_name(signal));
        return Some(StepFailure::new(ErrorClass::Unknown, reason));
    }
    let code = status.code().unwrap_or(-1);
    let class = match code {
        0 => return None,
        66 => ErrorClass::ContractInputMissing,
        75 => ErrorClass::TransientIo,
        78 => ErrorClass::ConfigError,
        _ => ErrorClass::ValidationFailed,
    };
    Some(StepFailure::new(class, format!("exit code {code}")))
}

/// What a step says of its own failure.
struct Named {
    class: Option<ErrorClass>,
    reason: Option<String>,
}

impl Named {
    fn failure(self, how: &str, class: ErrorClass) -> StepFailure {
        let reason = match self.reason {
            Some(reason) => match reason.char_indices().nth(MAX_REASON_CHARS) {
                Some((at, _)) => format!("{}…", &reason[..at]),
                None => reason,
            },
            None => format!("{how}, named by the step as its error class"),
        };
        StepFailure::new(self.class.unwrap_or(class), reason)
    }
}

fn named(bytes: &[u8]) -> Result<Named, String> {
    const FORM: &str = "must be {\"class\": …, \"reason\": …}";
    let value = strict_json(bytes).map_err(|error| format!("is no JSON ({error}); it {FORM}"))?;
    let object = value
        .as_object()
        .ok_or_else(|| format!("is no JSON object; it {FORM}"))?;
    let mut named = Named {
        class: None,
        reason: None,
    };
    for (key, value) in object {
        match (key.as_str(), value) {
            ("class", Value::String(word)) => match word.parse() {
                Ok(class) => named.class = Some(class),
                // The step meant to name a class: its word must not pass for another.
                Err(error) => {
                    named.class = Some(ErrorClass::ValidationFailed);
                    let reason = object
                        .get("reason")
                        .and_then(Value::as_str)
                        .unwrap_or_default();
                    named.reason = Some(format!("ROK_ERROR: {error}; {reason}"));
                    return Ok(named);
                }
            },
            ("reason", Value::String(reason)) => named.reason = Some(reason.clone()),
            _ => {
                return Err(format!(
                    "has key `{key}` that is unknown or no string; it {FORM}"
                ));
            }
        }
    }
    if named.class.is_none() && named.reason.is_none() {
        return Err(format!("says nothing; it {FORM}"));
    }
    Ok(named)
}

fn outputs(bytes: Result<Option<Vec<u8>>, String>, masker: &Masker) -> Result<Value, StepFailure> {
    let bytes = match bytes {
        Ok(None) => return Ok(Value::Null),
        Ok(Some(bytes)) if bytes.len() > MAX_OUTPUT_BYTES => return Err(oversized_outputs()),
        Ok(Some(bytes)) => bytes,
        Err(why) => return Err(invalid(format!("ROK_OUTPUT {why}"))),
    };
    if bytes.iter().all(u8::is_ascii_whitespace) {
        return Err(invalid(
            "ROK_OUTPUT is empty: write a JSON object, or do not create the file",
        ));
    }
    let mut outputs: Value = strict_json(&bytes)
        .map_err(|error| invalid(format!("ROK_OUTPUT is no JSON to take: {error}")))?;
    masker.mask_json(&mut outputs);
    check_outputs(&outputs)?;
    // Masked value by value; a secret that spans several would show here.
    if let Some(name) = (!masker.is_empty())
        .then(|| outputs.to_string())
        .and_then(|text| masker.find(text.as_bytes()).map(ToString::to_string))
    {
        return Err(StepFailure::new(
            ErrorClass::PolicyViolation,
            format!("ROK_OUTPUT holds secret `{name}` in a form that cannot be masked"),
        ));
    }
    Ok(outputs)
}

/// Sums JSON lines of `{"cost_usd": …, "tokens": …, "energy_kwh": …}`, up to the first bad one.
fn count(bytes: Result<Option<Vec<u8>>, String>, usage: &mut Usage) -> Result<(), String> {
    let Some(bytes) = bytes? else { return Ok(()) };
    if bytes.len() > MAX_NOTE_BYTES {
        return Err("is larger than 1 MiB".into());
    }
    for (index, line) in bytes.split(|byte| *byte == b'\n').enumerate() {
        if line.iter().all(u8::is_ascii_whitespace) {
            continue;
        }
        add(line, usage).ok_or_else(|| {
            format!(
                "line {} must be {{\"cost_usd\": number, \"energy_kwh\": number, \"tokens\": whole number}}, none negative",
                index + 1
            )
        })?;
    }
    Ok(())
}

fn add(line: &[u8], usage: &mut Usage) -> Option<()> {
    let value = strict_json(line).ok()?;
    let (mut cost, mut energy, mut tokens) = (0.0, 0.0, 0_u64);
    let amount = |value: &Value| {
        value
            .as_f64()
            .filter(|amount| amount.is_finite() && *amount >= 0.0)
    };
    for (key, value) in value.as_object()? {
        match key.as_str() {
            "cost_usd" => cost = amount(value)?,
            "energy_kwh" => energy = amount(value)?,
            "tokens" => tokens = value.as_u64()?,
            _ => return None,
        }
    }
    usage.cost_usd += cost;
    usage.energy_kwh += energy;
    usage.tokens = usage.tokens.checked_add(tokens)?;
    Some(())
}

/// Reads a file that a step may have written, to just beyond `limit`, and
/// removes it. What is no regular file is refused, and not waited for.
fn take(path: &Path, limit: usize) -> Result<Option<Vec<u8>>, String> {
    let flags = OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::NOCTTY;
    let opened = OpenOptions::new()
        .read(true)
        .custom_flags(flags.bits().cast_signed())
        .open(path);
    let result = match opened {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(error) => Err(format!("cannot be read: {error}")),
        Ok(file) => {
            if file.metadata().is_ok_and(|meta| meta.is_file()) {
                let mut bytes = Vec::new();
                let read = file.take(limit as u64 + 1).read_to_end(&mut bytes);
                read.map(|_| Some(bytes))
                    .map_err(|error| format!("cannot be read: {error}"))
            } else {
                Err("is no regular file".to_owned())
            }
        }
    };
    // It may hold a secret. A folder in its place is removed as well.
    if std::fs::remove_file(path).is_err() {
        let _ = std::fs::remove_dir_all(path);
    }
    result
}

fn invalid(reason: impl Into<String>) -> StepFailure {
    StepFailure::new(ErrorClass::ValidationFailed, reason)
}

fn signal_name(signal: i32) -> &'static str {
    const NAMES: [&str; 31] = [
        "SIGHUP",
        "SIGINT",
        "SIGQUIT",
        "SIGILL",
        "SIGTRAP",
        "SIGABRT",
        "SIGBUS",
        "SIGFPE",
        "SIGKILL",
        "SIGUSR1",
        "SIGSEGV",
        "SIGUSR2",
        "SIGPIPE",
        "SIGALRM",
        "SIGTERM",
        "SIGSTKFLT",
        "SIGCHLD",
        "SIGCONT",
        "SIGSTOP",
        "SIGTSTP",
        "SIGTTIN",
        "SIGTTOU",
        "SIGURG",
        "SIGXCPU",
        "SIGXFSZ",
        "SIGVTALRM",
        "SIGPROF",
        "SIGWINCH",
        "SIGIO",
        "SIGPWR",
        "SIGSYS",
    ];
    usize::try_from(signal - 1)
        .ok()
        .and_then(|index| NAMES.get(index))
        .unwrap_or(&"real-time")
}
