//! SLSA provenance v1: the plan as the build's definition, the run as its run.

use crate::statement::Subject;
use rok_vocabulary::{PlanId, RunId, Timestamp};
use serde_json::{Value, json};

/// The predicate's type.
pub const PROVENANCE: &str = "https://slsa.dev/provenance/v1";
/// What `externalParameters` mean.
pub const BUILD_TYPE: &str = "https://rok.dev/build-types/plan-run/v1";
/// Who vouches: rok on a machine whose owner holds the key.
pub const BUILDER: &str = "https://rok.dev/builders/local/v1";

/// What provenance is told of a run.
#[derive(Debug, Clone, PartialEq)]
pub struct Provenance {
    /// The run.
    pub run_id: RunId,
    /// The plan's id.
    pub plan: PlanId,
    /// The plan's version.
    pub plan_version: u64,
    /// sha-256 of the plan's canonical bytes.
    pub plan_sha256: String,
    /// sha-256 of the policy files in force, where there are any.
    pub policy_files: Option<String>,
    /// The run's inputs: names of secrets at most, never their values.
    pub inputs: Value,
    /// Labels of plan and run.
    pub labels: Value,
    /// The profile in force, in words.
    pub profile: String,
    /// The rok version that created the run.
    pub engine: String,
    /// When it was created.
    pub started_on: Timestamp,
    /// When it was sealed.
    pub finished_on: Timestamp,
    /// What it made beside its artifacts: the log.
    pub byproducts: Vec<Subject>,
}

impl From<&Provenance> for Value {
    fn from(told: &Provenance) -> Self {
        let mut dependencies = vec![Subject::file("plan.json", &told.plan_sha256)];
        if let Some(policies) = &told.policy_files {
            dependencies.push(Subject::file("policies", policies));
        }
        json!({
            "buildDefinition": {
                "buildType": BUILD_TYPE,
                "externalParameters": {
                    "plan": told.plan,
                    "version": told.plan_version,
                    "inputs": told.inputs,
                    "labels": told.labels,
                },
                "internalParameters": { "profile": told.profile },
                "resolvedDependencies": dependencies,
            },
            "runDetails": {
                "builder": { "id": BUILDER, "version": { "rok": told.engine } },
                "metadata": {
                    "invocationId": told.run_id,
                    "startedOn": told.started_on,
                    "finishedOn": told.finished_on,
                },
                "byproducts": told.byproducts,
            },
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_has_the_standards_fields() {
        let told = Provenance {
            run_id: "r".parse().unwrap(),
            plan: "p".parse().unwrap(),
            plan_version: 3,
            plan_sha256: "aa".into(),
            policy_files: Some("bb".into()),
            inputs: json!({ "day": "monday" }),
            labels: json!({}),
            profile: "STRICT".into(),
            engine: "0.1.0".into(),
            started_on: Timestamp::from_millis(0),
            finished_on: Timestamp::from_millis(1500),
            byproducts: vec![Subject::file("events.jsonl", "cc")],
        };
        let value = Value::from(&told);
        let at = |pointer: &str| value.pointer(pointer).cloned().unwrap_or_default();
        assert_eq!(at("/buildDefinition/buildType"), BUILD_TYPE);
        assert_eq!(
            at("/buildDefinition/externalParameters/inputs/day"),
            "monday"
        );
        assert_eq!(
            at("/buildDefinition/resolvedDependencies/1/digest/sha256"),
            "bb"
        );
        assert_eq!(at("/runDetails/metadata/invocationId"), "r");
        assert_eq!(
            at("/runDetails/metadata/finishedOn"),
            "1970-01-01T00:00:01.500Z"
        );
        assert_eq!(at("/runDetails/byproducts/0/name"), "events.jsonl");
    }
}
