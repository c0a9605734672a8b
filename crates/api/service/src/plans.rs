//! Use cases of plans: validate, list, show, new, schema, lint, import. Only
//! validate asks the domain of runs: what finds the plans that steps name.

mod document;
mod heads;
mod import;
mod view;

use crate::error::ServiceError;
use crate::plan_file::{self, PlanText};
use crate::service::Service;
use rok_facades::runs::{ErrorKind, RunsError};
use rok_plan::{Action, PlanErrors, Step, Syntax};
use rok_vocabulary::PlanId;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;

pub(crate) use heads::{Heads, PlanHead};
pub use import::{ImportFormat, ImportRequest, ImportTasks, PlanImport};
pub use view::{InputView, PlanView, StepView};

/// A plan that can be run from here.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct PlanListing {
    /// Its id; absent where the file has faults.
    pub plan: Option<String>,
    /// `builtin:ID`, or the file's name.
    pub source: String,
    /// Its version.
    pub version: Option<u64>,
    /// Shown to people.
    pub name: Option<String>,
    /// How many steps it has.
    pub steps: Option<usize>,
    /// How many faults it has.
    pub faults: usize,
}

/// What validation says of a plan.
#[derive(Debug, Clone, PartialEq)]
pub struct PlanReport {
    /// The plan as given.
    pub source: String,
    /// The plan, or what is wrong.
    pub result: Result<PlanView, ServiceError>,
}

/// Something that is allowed and unwise.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Warning {
    /// The step; absent where it concerns the plan.
    pub step: Option<String>,
    /// What is unwise.
    pub message: String,
    /// What is wiser.
    pub hint: Option<String>,
}

impl Service {
    /// The text of the plan that a person names: a file, a built-in plan, or
    /// one that the server knows by this id, where one is asked.
    pub fn plan_text(&self, name: &str) -> Result<PlanText, ServiceError> {
        let found = plan_file::find(name, self.cwd());
        let (Err(ServiceError::NoPlan { .. }), Some(_), Ok(id)) = (
            &found,
            &self.config().settings.server,
            name.parse::<PlanId>(),
        ) else {
            return found;
        };
        match self.runs()?.known_plan(&id)? {
            None => found,
            Some(bytes) => {
                let source = format!("server:{id}");
                Ok(PlanText::new(bytes, source, self.cwd().to_owned()))
            }
        }
    }

    /// Checks a plan, and those that its steps name.
    pub fn plan_validate(&self, name: &str) -> PlanReport {
        let checked = || {
            let text = self.plan_text(name)?;
            let plan = text.parse()?;
            let names_plans = |step: &Step| matches!(step.action, Action::Plan { .. });
            if plan.steps.iter().any(names_plans) {
                self.runs_here()?
                    .check_plans(&text.bytes, &text.source, &text.folder)?;
            }
            Ok(PlanView::of(&plan, &text.source))
        };
        PlanReport {
            source: name.to_owned(),
            result: checked(),
        }
    }

    /// The plan for people.
    pub fn plan_view(&self, name: &str) -> Result<PlanView, ServiceError> {
        let text = self.plan_text(name)?;
        Ok(PlanView::of(&text.parse()?, &text.source))
    }

    /// The plan's canonical bytes: what a run's digest is of.
    pub fn plan_canonical(&self, name: &str) -> Result<Vec<u8>, ServiceError> {
        Ok(self.plan_text(name)?.parse()?.to_canonical_json())
    }

    /// Built-in plans, and those in the current folder.
    pub fn plans(&self) -> Vec<PlanListing> {
        let builtin = rok_plan::builtin_ids().map(|id| format!("builtin:{id}"));
        builtin
            .chain(self.plan_files())
            .filter_map(|source| listing(&self.plan_text(&source).ok()?))
            .collect()
    }

    /// The plans that can be named here: the server's, where one is asked.
    pub fn plans_at_hand(&self) -> Result<Vec<PlanListing>, ServiceError> {
        if self.config().settings.server.is_none() {
            return Ok(self.plans());
        }
        let plans = self.runs()?.known_plans()?.unwrap_or_default();
        let plans = plans.into_iter().map(serde_json::from_value);
        plans.collect::<Result<_, _>>().map_err(|error| {
            let message = format!("the server's list of plans cannot be read: {error}");
            RunsError::new(ErrorKind::Storage, "ROK0213", message).into()
        })
    }

    /// The names of the files in the current folder that may be plans.
    pub(crate) fn plan_files(&self) -> impl Iterator<Item = String> {
        let files = plan_file::plan_files(self.cwd()).into_iter();
        files.filter_map(|path| Some(path.file_name()?.to_str()?.to_owned()))
    }

    /// A small commented plan of this id.
    pub fn plan_template(&self, id: &str, syntax: Syntax) -> Result<String, ServiceError> {
        rok_plan::template(id, syntax).map_err(|error| ServiceError::BadName {
            what: error.to_string(),
        })
    }

    /// The JSON Schema of plan files.
    pub fn plan_schema(&self) -> Value {
        rok_plan::json_schema()
    }

    /// What is allowed in a plan and unwise.
    pub fn plan_lint(&self, name: &str) -> Result<Vec<Warning>, ServiceError> {
        let warnings = self.plan_text(name)?.parse()?.warnings().into_iter();
        let warnings = warnings.map(|warning| Warning {
            step: warning.step.map(|step| step.to_string()),
            message: warning.message,
            hint: warning.hint,
        });
        Ok(warnings.collect())
    }
}

fn listing(text: &PlanText) -> Option<PlanListing> {
    let source = text.source.clone();
    match rok_plan::parse(&text.bytes, &source) {
        Ok(plan) => Some(PlanListing {
            plan: Some(plan.id.to_string()),
            source,
            version: Some(plan.version),
            name: plan.name,
            steps: Some(plan.steps.len()),
            faults: 0,
        }),
        Err(errors) => claims_to_be_a_plan(&errors).then(|| PlanListing {
            plan: None,
            source,
            version: None,
            name: None,
            steps: None,
            faults: errors.faults.len() + errors.omitted,
        }),
    }
}

/// Whether a file with faults means to be a plan: most YAML files do not.
fn claims_to_be_a_plan(errors: &PlanErrors) -> bool {
    let begins = |line: &str| match Syntax::of(&errors.file) {
        Syntax::Yaml => line.starts_with("plan:") || line.trim_start().starts_with("\"plan\""),
        Syntax::Toml => line
            .strip_prefix("plan")
            .is_some_and(|rest| rest.trim_start().starts_with('=')),
    };
    errors.source.lines().any(begins)
}
