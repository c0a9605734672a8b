//! A plan as it is shown: texts only, defaults left out.

use rok_plan::{Action, Gate, InputSpec, Order, Plan, Shell, Step, SuccessRule};
use rok_vocabulary::format_duration;
use schemars::JsonSchema;
use serde::Serialize;
use serde_json::Value;

/// A plan for people.
#[derive(Debug, Clone, PartialEq, Serialize, JsonSchema)]
pub struct PlanView {
    /// Its id.
    pub plan: String,
    /// `builtin:ID`, or the file as given.
    pub source: String,
    /// Its version.
    pub version: u64,
    /// Shown to people.
    pub name: Option<String>,
    /// Shown to people.
    pub description: Option<String>,
    /// The least strict profile that it accepts.
    pub profile: Option<String>,
    /// `dag` or `sequential`.
    pub order: &'static str,
    /// `required` or `any`.
    pub success: &'static str,
    /// Active time that a run may take.
    pub max_duration: Option<String>,
    /// Steps at once.
    pub max_parallel: Option<u32>,
    /// Names of the secrets that it uses.
    pub secrets: Vec<String>,
    /// Its inputs.
    pub inputs: Vec<InputView>,
    /// Its steps, in declaration order.
    pub steps: Vec<StepView>,
}

/// A declared input.
#[derive(Debug, Clone, PartialEq, Serialize, JsonSchema)]
pub struct InputView {
    /// Its name.
    pub name: String,
    /// Its JSON type.
    pub kind: &'static str,
    /// Its default; without one it must be given.
    pub default: Option<Value>,
    /// Shown to people.
    pub description: Option<String>,
}

/// A step of a plan.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct StepView {
    /// Its id.
    pub id: String,
    /// Shown to people.
    pub description: Option<String>,
    /// Its executor: `run`, `call`, `http`, `service` or `plan`.
    pub action: &'static str,
    /// What is run, as written.
    pub text: String,
    /// `hard` or `manual`.
    pub gate: Option<&'static str>,
    /// Whether its failure fails the run.
    pub required: bool,
    /// Edges by success.
    pub needs: Vec<String>,
    /// Edges by order.
    pub after: Vec<String>,
    /// The condition, as written.
    pub condition: Option<String>,
    /// How long an attempt may take.
    pub timeout: Option<String>,
    /// Attempts after the first.
    pub retries: u32,
}

impl PlanView {
    pub(crate) fn of(plan: &Plan, source: &str) -> Self {
        Self {
            plan: plan.id.to_string(),
            source: source.to_owned(),
            version: plan.version,
            name: plan.name.clone(),
            description: plan.description.clone(),
            profile: plan.profile.map(|profile| profile.to_string()),
            order: match plan.order {
                Order::Dag => "dag",
                Order::Sequential => "sequential",
            },
            success: match plan.success {
                SuccessRule::Required => "required",
                SuccessRule::Any => "any",
            },
            max_duration: plan.max_duration.map(format_duration),
            max_parallel: plan.max_parallel,
            secrets: plan.secrets.iter().map(ToString::to_string).collect(),
            inputs: plan
                .inputs
                .iter()
                .map(|(name, spec)| input(name.as_str(), spec))
                .collect(),
            steps: plan.steps.iter().map(|s| step(plan, s)).collect(),
        }
    }
}

fn input(name: &str, spec: &InputSpec) -> InputView {
    InputView {
        name: name.to_owned(),
        kind: spec.kind.as_str(),
        default: spec.default.clone(),
        description: spec.description.clone(),
    }
}

fn step(plan: &Plan, step: &Step) -> StepView {
    let ids = |edges: &[usize]| {
        let ids = edges.iter().map(|at| plan.steps[*at].id.to_string());
        ids.collect()
    };
    let (action, text) = match &step.action {
        Action::Argv(items) => (
            "run",
            items
                .iter()
                .map(rok_expr::Template::source)
                .collect::<Vec<_>>()
                .join(" "),
        ),
        Action::Shell { shell, line } => match shell {
            Shell::Sh => ("run", line.source().to_owned()),
            Shell::Bash => ("run (bash)", line.source().to_owned()),
        },
        Action::Call(name) => ("call", name.clone()),
        Action::Http(request) => {
            let url = request.url.source();
            ("http", format!("{} {url}", request.method))
        }
        Action::Service { service, .. } => ("service", service.clone()),
        Action::Agent(agent) => ("agent", agent.capability.to_string()),
        Action::Plan { id, .. } => ("plan", id.to_string()),
    };
    StepView {
        id: step.id.to_string(),
        description: step.description.clone().or_else(|| step.name.clone()),
        action,
        text,
        gate: step.gate.map(|gate| match gate {
            Gate::Hard => "hard",
            Gate::Manual => "manual",
        }),
        required: step.required,
        needs: ids(&step.needs),
        after: ids(&step.after),
        condition: step.condition.as_ref().map(|c| c.source().to_owned()),
        timeout: step.timeout.map(format_duration),
        retries: step.retry.max,
    }
}
