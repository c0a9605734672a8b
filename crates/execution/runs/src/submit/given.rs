//! What was handed in with a submission: inputs, secrets, reason and rank, judged
//! before a run exists. No secret's value gets into what is written.

use crate::fault;
use rok_executor::strict_json;
use rok_facades::runs::{ErrorKind, RunsError, Submission};
use rok_plan::{Plan, ValueKind, check_inputs, parse_input};
use rok_secrets::{Masker, Secrets, SecretsError};
use rok_vocabulary::InputName;
use serde_json::{Map, Value};
use std::collections::BTreeSet;
use std::ops::RangeInclusive;
use std::path::Path;

/// The ranks that runs can have.
const RANKS: RangeInclusive<i8> = -100..=100;
pub(crate) fn inputs_of(
    plan: &Plan,
    submission: &Submission,
) -> Result<Map<String, Value>, RunsError> {
    let mut given = submission.inputs.clone();
    let mut faults = Vec::new();
    let mut misread = BTreeSet::new();
    for (name, text) in &submission.input_texts {
        let spec = name
            .parse::<InputName>()
            .ok()
            .and_then(|name| plan.inputs.get(&name));
        // What is no text is JSON, and of a key that is there twice the last
        // would win.
        let twice = { spec.filter(|spec| spec.kind != ValueKind::String) }
            .filter(|spec| parse_input(spec, text).is_ok())
            .and_then(|_| strict_json(text.as_bytes()).err());
        if let Some(error) = twice {
            faults.push(format!("input `{name}`: {error}"));
            misread.insert(name.as_str());
            continue;
        }
        match spec.map(|spec| parse_input(spec, text)) {
            Some(Ok(value)) => drop(given.insert(name.clone(), value)),
            Some(Err(fault)) => {
                faults.push(format!("input `{name}`: {fault}"));
                misread.insert(name.as_str());
            }
            // Unknown: the check below says so, with the nearest name.
            None => drop(given.insert(name.clone(), Value::String(text.clone()))),
        }
    }
    match check_inputs(plan, &given) {
        Ok(inputs) if faults.is_empty() => Ok(inputs),
        Ok(_) => Err(wrong_inputs(plan, &faults)),
        Err(more) => {
            // What could not be read was given.
            let more = more.iter().filter(|f| !misread.contains(&*f.name));
            faults.extend(more.map(ToString::to_string));
            Err(wrong_inputs(plan, &faults))
        }
    }
}

fn wrong_inputs(plan: &Plan, faults: &[String]) -> RunsError {
    let known: Vec<String> = plan
        .inputs
        .iter()
        .map(|(name, spec)| format!("{name} ({})", spec.kind.as_str()))
        .collect();
    let help = if known.is_empty() {
        format!("plan `{}` takes no inputs", plan.id)
    } else {
        format!("plan `{}` takes {}", plan.id, known.join(", "))
    };
    RunsError::new(ErrorKind::Usage, "ROK0109", faults.join("\n")).help(help)
}

/// A secrets file that is named and not there is a mistake of whoever names it,
/// and no run's failure.
pub(crate) fn refuse_absent(file: Option<&Path>) -> Result<(), RunsError> {
    let Some(file) = file.filter(|file| !file.exists()) else {
        return Ok(());
    };
    let message = format!("secrets file {}: no such file", file.display());
    Err(RunsError::new(ErrorKind::Usage, "ROK0110", message).help("name one that is there"))
}

/// The secrets that a plan names, from a file first, then the environment.
pub(crate) fn load_secrets(plan: &Plan, file: Option<&Path>) -> Result<Secrets, String> {
    if plan.secrets.is_empty() {
        return Ok(Secrets::none());
    }
    let text = |error: SecretsError| fault::chain(&error);
    let filed = match file {
        Some(file) => Secrets::from_file(file).map_err(text)?,
        None => Secrets::none(),
    };
    let from = file.map(|file| format!("secrets file {}", file.display()));
    let mut found = Secrets::none();
    let mut faults = Vec::new();
    // One by one, so that all that is missing is told at once.
    for name in &plan.secrets {
        let one = match &from {
            Some(from) if filed.get(name.as_str()).is_some() => filed.select([name], from),
            from => Secrets::from_env([name]).map_err(|error| in_either(error, from.as_deref())),
        };
        match one {
            Ok(one) => found = found.with(&one),
            Err(error) => faults.push(text(error)),
        }
    }
    if faults.is_empty() {
        return Ok(found);
    }
    Err(faults.join("; "))
}

/// What is missing may be set in the file, too, where one is given.
fn in_either(error: SecretsError, file: Option<&str>) -> SecretsError {
    match (error, file) {
        (SecretsError::Missing { name, from }, Some(file)) => SecretsError::Missing {
            name,
            from: format!("{file}, or in {from}"),
        },
        (error, _) => error,
    }
}

/// Why secrets are missing, for a run's record: with the code of the page that
/// says how to mend it.
pub(crate) fn for_record(why: &str) -> String {
    format!("{why} (ROK0110)")
}

/// A secret's value in the plan or the inputs would be written to the log.
pub(crate) fn refuse_leaks(
    secrets: &Secrets,
    canonical: &[u8],
    inputs: &Map<String, Value>,
    submission: &Submission,
) -> Result<(), RunsError> {
    let masker = Masker::new(secrets);
    if let Some(name) = masker.find(canonical) {
        return Err(leak(&format!("plan {}", submission.source), name));
    }
    for (input, value) in inputs {
        if let Some(name) = masker.find(value.to_string().as_bytes()) {
            return Err(leak(&format!("input `{input}`"), name));
        }
    }
    let labels = submission.labels.iter();
    let labels = labels.flat_map(|(name, value)| [("a label", name.as_str()), ("a label", value)]);
    let reason = submission.reason.iter();
    let reason = reason.map(|reason| ("the reason", reason.as_str()));
    let key = submission.idempotency_key.iter();
    let key = key.map(|key| ("the idempotency key", key.as_str()));
    let run = submission
        .run_id
        .iter()
        .map(|run| ("the run's id", run.as_str()));
    for (place, text) in labels.chain(reason).chain(key).chain(run) {
        if let Some(name) = masker.find(text.as_bytes()) {
            return Err(leak(place, name));
        }
    }
    Ok(())
}

/// The reason of a later command would be written to the log too.
pub(crate) fn refuse_reason(secrets: &Secrets, reason: Option<&str>) -> Result<(), RunsError> {
    let found = reason.and_then(|reason| Masker::new(secrets).find(reason.as_bytes()).cloned());
    match found {
        Some(name) => Err(leak("the reason", &name)),
        None => Ok(()),
    }
}

/// A plan's rank is within the same bounds.
pub(super) fn refuse_rank(rank: Option<i8>) -> Result<(), RunsError> {
    match rank {
        Some(rank) if !RANKS.contains(&rank) => {
            let message = format!("a run cannot have priority {rank}");
            Err(RunsError::new(ErrorKind::Usage, "ROK0117", message)
                .help("take a whole number from -100 to 100"))
        }
        _ => Ok(()),
    }
}

pub(super) fn leak(place: &str, name: &InputName) -> RunsError {
    let message = format!("{place} contains the value of secret `{name}`");
    RunsError::new(ErrorKind::Usage, "ROK0110", message).help(format!(
        "refer to it as ${{{{ secrets.{name} }}}} in `env`, and hand its value in by the environment or --secrets"
    ))
}
