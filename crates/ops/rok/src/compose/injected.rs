//! Policies that are injected into runs, read from their files: those that say
//! what is forbidden under a condition become Cedar, the others are rules.

use super::unfit;
use rok_execution_policy::ExecutionPolicy;
use rok_facades::runs::RunsError;
use rok_governance::{ConditionalPolicy, PolicySources};
use rok_plan::CheckedFile;
use serde_json::Value;
use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

/// The largest file; a larger one is some other file.
const MAX_BYTES: u64 = 1024 * 1024;

/// What the files hold.
pub(super) struct Injected {
    /// What is recorded in each run.
    pub(super) rules: Vec<ExecutionPolicy>,
    cedar: Vec<(String, ConditionalPolicy)>,
}

/// Reads all of them; the first that is none is an error.
pub(super) fn read(files: &[PathBuf]) -> Result<Injected, RunsError> {
    let mut injected = Injected {
        rules: Vec::new(),
        cedar: Vec::new(),
    };
    let mut ids = BTreeSet::new();
    for file in files {
        for (at, value) in policies(file)?.into_iter().enumerate() {
            let place = format!("{}: policy {}", file.display(), at + 1);
            let id = injected.take(&place, value)?;
            if !ids.insert(id.clone()) {
                return Err(unfit(&format!("{place}: there is another policy `{id}`")));
            }
        }
    }
    Ok(injected)
}

impl Injected {
    /// Sorts one in, and gives its id.
    fn take(&mut self, place: &str, value: Value) -> Result<String, RunsError> {
        let fault = |why: &dyn std::fmt::Display| unfit(&format!("{place}: {why}"));
        let conditional = value.pointer("/payload/action").is_some();
        if conditional {
            let policy: ConditionalPolicy =
                serde_json::from_value(value).map_err(|why| fault(&why))?;
            let id = policy.payload.id.clone();
            self.cedar.push((place.to_owned(), policy));
            return Ok(id);
        }
        let policy: ExecutionPolicy = serde_json::from_value(value).map_err(|why| fault(&why))?;
        policy.check().map_err(|why| fault(&why))?;
        let id = policy.payload.id.clone();
        self.rules.push(policy);
        Ok(id)
    }

    /// The configured sources, and those of the conditional ones.
    pub(super) fn with_cedar(
        &self,
        configured: Option<PolicySources>,
    ) -> Result<Option<PolicySources>, RunsError> {
        if self.cedar.is_empty() {
            return Ok(configured);
        }
        let sources = configured.unwrap_or_else(PolicySources::permissive);
        let mut cedar = self.cedar.iter();
        let all = cedar.try_fold(sources, |sources, (place, policy)| {
            sources
                .with_execution_policy(place, policy)
                .map_err(|why| unfit(&format!("{place}: {why}")))
        });
        all.map(Some)
    }
}

/// One policy, or a list of them under `policies`.
fn policies(file: &Path) -> Result<Vec<Value>, RunsError> {
    let name = file.display().to_string();
    let bytes = rok_files::read(file, MAX_BYTES + 1);
    let bytes = bytes.map_err(|why| unfit(&format!("{name}: cannot be read: {why}")))?;
    if bytes.len() as u64 > MAX_BYTES {
        return Err(unfit(&format!("{name}: is larger than 1 MiB")));
    }
    let checked = CheckedFile::new(&bytes, &name);
    let read = |file: CheckedFile| file.decode(|root, faults| faults.object(root, "the file"));
    let mut map = checked.and_then(read).map_err(|faults| unfit(&faults))?;
    let wrong = || {
        unfit(&format!(
            "{name}: is neither a policy nor a list of them under `policies`"
        ))
    };
    match map.remove("policies") {
        None => Ok(vec![Value::Object(map)]),
        Some(Value::Array(list)) if map.is_empty() && !list.is_empty() => Ok(list),
        Some(_) => Err(wrong()),
    }
}
