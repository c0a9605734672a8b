//! The JSON of seed 002's endpoints: its names, its nulls, its statuses.

use rok_exec_service::ServiceMap;
use rok_service::views::{
    ErrorClass, Outcome, RunPhase, RunSummary, StepState, StepSummary, Timestamp, parse_duration,
};
use rok_service::{PlanView, StepView};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// A run that is asked for.
#[derive(Debug, Clone, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct RunBody {
    /// The site's id.
    #[schemars(length(min = 1))]
    pub(crate) website_id: String,
    /// The site's domain.
    #[schemars(length(min = 1))]
    pub(crate) domain: String,
    /// The plan; `standard-v1` where none is named.
    #[serde(default)]
    pub(crate) plan_id: Option<String>,
}

/// A run that has ended.
#[derive(Debug, Clone, Serialize, JsonSchema)]
pub(crate) struct Answer {
    /// That it ended, not that it succeeded.
    pub(crate) success: bool,
    /// The run.
    pub(crate) run_id: String,
    /// `completed`, `failed` or `timeout`.
    pub(crate) status: &'static str,
    /// What came of it.
    pub(crate) summary: RunSummaryView,
}

impl Answer {
    pub(crate) fn of(summary: RunSummaryView) -> Self {
        Self {
            success: true,
            run_id: summary.run_id.clone(),
            status: summary.status,
            summary,
        }
    }
}

/// The seed's `RunSummary`.
#[derive(Debug, Clone, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(rename = "OrchestrationSummary")]
pub(crate) struct RunSummaryView {
    pub(crate) run_id: String,
    pub(crate) website_id: Option<String>,
    pub(crate) domain: Option<String>,
    pub(crate) plan_id: String,
    pub(crate) status: &'static str,
    pub(crate) started_at: Timestamp,
    pub(crate) completed_at: Option<Timestamp>,
    pub(crate) duration_ms: u64,
    pub(crate) services_completed: usize,
    pub(crate) services_failed: usize,
    pub(crate) services_timeout: usize,
    pub(crate) services_skipped: usize,
    pub(crate) services_total: usize,
    pub(crate) diagnosis_event_id: Option<String>,
    pub(crate) error: Option<String>,
}

/// How a service ended.
fn ended(step: &StepSummary, as_what: StepState, by_time: bool) -> bool {
    let timed_out = step
        .error
        .as_ref()
        .is_some_and(|e| e.class == ErrorClass::Timeout);
    step.state == as_what && timed_out == by_time
}

impl RunSummaryView {
    pub(crate) fn of(run: &RunSummary, diagnosis: Option<String>) -> Self {
        let count =
            |fits: &dyn Fn(&StepSummary) -> bool| run.steps.iter().filter(|s| fits(s)).count();
        let input = |name: &str| run.inputs.get(name)?.as_str().map(str::to_owned);
        let completed = count(&|step| step.state == StepState::Succeeded);
        let status = match (run.phase, run.outcome) {
            (RunPhase::Completed, _) => "completed",
            (_, Some(Outcome::TimedOut)) => "timeout",
            _ => "failed",
        };
        Self {
            run_id: run.run_id.to_string(),
            website_id: input("website_id"),
            domain: input("domain"),
            plan_id: run.plan.to_string(),
            status,
            started_at: run.created_at,
            completed_at: run.completed_at,
            duration_ms: run.duration_ms,
            services_completed: completed,
            services_failed: count(&|step| ended(step, StepState::Failed, false)),
            services_timeout: count(&|step| ended(step, StepState::Failed, true)),
            services_skipped: count(&|step| step.state == StepState::Skipped),
            services_total: run.steps.len(),
            diagnosis_event_id: diagnosis,
            error: run.error.as_ref().map(|error| error.reason.clone()),
        }
    }
}

/// A run plan.
#[expect(clippy::struct_field_names, reason = "the seed's own names")]
#[derive(Debug, Clone, Serialize, JsonSchema)]
#[schemars(rename = "OrchestrationPlan")]
pub(crate) struct Plan {
    pub(crate) plan_id: String,
    pub(crate) name: String,
    pub(crate) description: String,
    pub(crate) max_duration_ms: Option<u64>,
    pub(crate) services: Vec<ServiceItem>,
}

/// A service of a run plan.
#[derive(Debug, Clone, Serialize, JsonSchema)]
pub(crate) struct ServiceItem {
    pub(crate) service: String,
    pub(crate) display_name: String,
    pub(crate) worker_key: Option<String>,
    pub(crate) required: bool,
    pub(crate) depends_on: Vec<String>,
    pub(crate) timeout_ms: Option<u64>,
}

/// The plans.
#[derive(Debug, Clone, Serialize, JsonSchema)]
#[schemars(rename = "OrchestrationPlans")]
pub(crate) struct Plans {
    /// Always true.
    pub(crate) success: bool,
    /// The plans.
    pub(crate) plans: Vec<Plan>,
}

impl Plans {
    pub(crate) fn of(plans: &[PlanView], map: &ServiceMap) -> Self {
        Self {
            success: true,
            plans: plans.iter().map(|plan| plan_view(plan, map)).collect(),
        }
    }
}

/// One plan.
#[derive(Debug, Clone, Serialize, JsonSchema)]
#[schemars(rename = "OnePlan")]
pub(crate) struct OnePlan {
    /// Always true.
    pub(crate) success: bool,
    /// The plan.
    pub(crate) plan: Plan,
}

impl OnePlan {
    pub(crate) const fn of(plan: Plan) -> Self {
        Self {
            success: true,
            plan,
        }
    }
}

/// Health.
#[derive(Debug, Clone, Serialize, JsonSchema)]
#[schemars(rename = "OrchestrationHealth")]
pub(crate) struct Health {
    /// Always true.
    pub(crate) success: bool,
    /// `orchestration`.
    pub(crate) service: &'static str,
    /// `healthy`.
    pub(crate) status: &'static str,
    /// The ids of the plans.
    pub(crate) available_plans: Vec<String>,
    /// Services whose workers failed some site three times in a row or more;
    /// absent where there is none.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(crate) degraded_services: Vec<String>,
}

impl Health {
    pub(crate) const fn of(available_plans: Vec<String>, degraded_services: Vec<String>) -> Self {
        Self {
            degraded_services,
            success: true,
            service: "orchestration",
            status: "healthy",
            available_plans,
        }
    }
}

/// A refusal.
#[derive(Debug, Clone, Serialize, JsonSchema)]
#[schemars(rename = "OrchestrationRefusal")]
pub(crate) struct Refusal {
    /// Always false.
    pub(crate) success: bool,
    /// What is wrong, in a few words.
    pub(crate) error: String,
    /// What is wrong.
    pub(crate) message: String,
    /// The ids of the plans that there are.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) available_plans: Option<Vec<String>>,
}

impl Refusal {
    pub(crate) fn new(
        error: &str,
        message: impl Into<String>,
        available_plans: Option<Vec<String>>,
    ) -> Self {
        Self {
            success: false,
            error: error.to_owned(),
            message: message.into(),
            available_plans,
        }
    }
}

/// Whether a plan is made of services alone: only such plans are listed.
pub(crate) fn is_of_services(plan: &PlanView) -> bool {
    !plan.steps.is_empty() && plan.steps.iter().all(|step| step.action == "service")
}

/// A plan as the seed lists it.
pub(crate) fn plan_view(plan: &PlanView, map: &ServiceMap) -> Plan {
    let name = plan.name.clone().unwrap_or_else(|| plan.plan.clone());
    Plan {
        plan_id: plan.plan.clone(),
        name,
        description: plan.description.clone().unwrap_or_default(),
        max_duration_ms: millis(plan.max_duration.as_deref()),
        services: plan.steps.iter().map(|step| service(step, map)).collect(),
    }
}

/// A service as the plan and the service map tell of it.
fn service(step: &StepView, map: &ServiceMap) -> ServiceItem {
    let slug = step.text.clone();
    let known = map.get(&slug);
    let name = step.description.clone();
    let name = name.or_else(|| known.map(|known| known.name.clone()));
    ServiceItem {
        display_name: name.unwrap_or_else(|| slug.clone()),
        worker_key: known.map(|known| known.worker_key.clone()),
        service: slug,
        required: step.required,
        depends_on: step.needs.clone(),
        timeout_ms: millis(step.timeout.as_deref()),
    }
}

fn millis(duration: Option<&str>) -> Option<u64> {
    let duration = parse_duration(duration?).ok()?;
    u64::try_from(duration.as_millis()).ok()
}
