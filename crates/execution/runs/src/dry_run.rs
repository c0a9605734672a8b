//! A dry run: the same checks, the same preflight and the same questions to the
//! policies as a run, over a store in memory. No worker claims it, so nothing
//! of it is executed; nothing is written.

use crate::cache::FolderCache;
use crate::engine::Runs;
use crate::fault;
use crate::submit::{Prepared, absolute, contents, for_record, owner};
use rok_expr::{EvalError, Target, Template};
use rok_facades::runs::{
    CacheAnswer, CandidateView, DryRun, DrySandbox, DryStep, Finding, Limits, PlannedBudget,
    PlannedDuty, PolicyDecision, Refusal, RunsError, SecretState, Submission,
};
use rok_kernel::{CommandKind, RunScope, RunState, StepIx};
use rok_log::{EventReader as _, MemoryStore};
use rok_plan::{Action, Gate, OnExceeded, Plan, Shell, StepPlace};
use rok_rac::Deadline;
use rok_runner::{Files, RunContext, RunRunner, Services, Shard};
use rok_vocabulary::{BudgetDimension, ErrorClass, Outcome, RunId, RunPhase, format_duration};
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

/// What the memory store knows of a policy's answer.
#[derive(serde::Deserialize)]
struct Evaluated {
    event_type: String,
    reason: Option<String>,
    data: Option<rok_events::PolicyData>,
}

impl Runs {
    pub(crate) fn dry_run_of(&self, submission: Submission) -> Result<DryRun, RunsError> {
        let named = submission.run_id.is_some();
        let folder = submission.cwd.clone();
        let Prepared {
            run,
            plan,
            canonical,
            spec,
            secrets,
            services,
        } = self.prepare(submission)?;
        crate::subruns::plans::find(plan.plan(), &folder)?;
        let secret_states = secret_states(plan.plan(), secrets.as_ref().ok());
        // Where results of earlier runs lie: only looked at.
        let folder = self.store_of(&run);
        let held = Arc::new(contents(&folder));
        let context = RunContext {
            recorded: None,
            services: None,
            owner: owner().to_string(),
            roles: self.setup.roles_of(&spec.submitter),
            submitter: spec.submitter.clone(),
            user: self.setup.user.clone(),
            user_roles: self.setup.roles.clone(),
            secrets: secrets.map_err(|why| for_record(&why)),
            workspace: None,
            files: Some(Arc::new(Files::of_run(
                &absolute(&folder.run_dir(&run)),
                Arc::clone(&held),
            ))),
            cache: Some(Arc::new(FolderCache::new(
                &folder,
                self.setup.store.clone(),
                held,
            ))),
        };
        let store = MemoryStore::new();
        let mut shard = Shard::new(Box::new(store.clone()), services.clone(), owner());
        shard
            .create(run.clone(), plan, canonical, spec, context)
            .map_err(|error| fault::runner(&error))?;
        loop {
            shard.turn().map_err(|error| fault::runner(&error))?;
            if !shard.is_busy() {
                break;
            }
        }
        let runner = shard
            .run(&run)
            .ok_or_else(|| fault::runner(&rok_runner::RunnerError::Lost { run: run.clone() }))?;
        let mut dry = view(runner, &services, named);
        dry.secrets = secret_states;
        dry.policies
            .splice(0..0, start(&store, &run, &dry.submitter)?);
        Ok(dry)
    }
}

fn secret_states(plan: &Plan, found: Option<&rok_secrets::Secrets>) -> Vec<SecretState> {
    let present = |name: &str| match found {
        Some(secrets) => secrets.get(name).is_some(),
        None => std::env::var_os(name).is_some_and(|value| !value.is_empty()),
    };
    let states = plan.secrets.iter().map(|name| SecretState {
        name: name.to_string(),
        present: present(name.as_str()),
    });
    states.collect()
}

/// What the policies said of the start, as it stands in the record.
fn start(
    store: &MemoryStore,
    run: &RunId,
    submitter: &str,
) -> Result<Vec<PolicyDecision>, RunsError> {
    let log = store.read(run).map_err(|error| fault::store(&error))?;
    let lines = log.lines();
    let events = lines.filter_map(|line| serde_json::from_slice::<Evaluated>(line).ok());
    let decisions = events.filter_map(|event| {
        let data = event
            .data
            .filter(|_| event.event_type == "policy.evaluated")?;
        (data.stage == rok_events::PolicyStage::Authorize).then(|| PolicyDecision {
            action: "run".into(),
            step: None,
            actor: submitter.to_owned(),
            allowed: data.allowed,
            policies: data.policies,
            reason: event.reason,
        })
    });
    Ok(decisions.collect())
}

fn view(runner: &RunRunner, services: &Services, named: bool) -> DryRun {
    let state = runner.state();
    let plan = state.plan().plan();
    let settings = state.settings();
    let millis = |duration: Duration| u64::try_from(duration.as_millis()).unwrap_or(u64::MAX);
    let mut findings: Vec<Finding> = runner
        .preflight_faults(services)
        .into_iter()
        .map(|fault| Finding {
            step: fault.step,
            class: fault.class,
            reason: fault.reason,
        })
        .collect();
    let steps = steps(runner, services, named, &mut findings);
    DryRun {
        plan: plan.id.clone(),
        plan_version: plan.version,
        plan_sha256: state.plan().sha256().into(),
        refused: refusal(state),
        submitter: runner.context().submitter.to_string(),
        inputs: state
            .inputs()
            .map(|inputs| (**inputs).clone())
            .unwrap_or_default(),
        labels: state.labels().cloned().unwrap_or_default(),
        profile: state.profile_in_words(),
        limits: Limits {
            max_parallel: settings.max_parallel,
            max_processes: settings.max_processes,
            max_duration_ms: plan.max_duration.map(millis),
            governance_timeout_ms: millis(settings.governance_timeout),
        },
        budget: budget(plan, settings.never_retry),
        secrets: Vec::new(),
        steps,
        findings,
        policies: decisions(runner, services),
        duties: duties(state),
    }
}

/// What the plan lets its runs use up, and how many attempts it can come to.
fn budget(plan: &Plan, never_retry: bool) -> Option<PlannedBudget> {
    let budget = plan.budget.as_ref()?;
    let limits = BudgetDimension::ALL.iter();
    let known = plan.steps.iter().all(|step| step.for_each.is_none());
    let attempts = plan.steps.iter().map(|step| {
        let again = step.idempotent && !never_retry;
        1 + u64::from(if again { step.retry.max } else { 0 })
    });
    Some(PlannedBudget {
        limits: limits
            .filter_map(|dimension| Some((*dimension, budget.limit(*dimension)?)))
            .collect(),
        on_exceeded: match budget.on_exceeded {
            OnExceeded::Fail => "fail".into(),
            OnExceeded::Hold => "hold".into(),
        },
        most_attempts: known.then(|| attempts.sum()),
    })
}

/// A run that may start is AUTHORIZED now; any other is closed, or closing.
fn refusal(state: &RunState) -> Option<Refusal> {
    if state.phase() == RunPhase::Authorized {
        return None;
    }
    let (class, reason) = state.end();
    Some(Refusal {
        denied: state.outcome() == Some(Outcome::Denied),
        class: class.unwrap_or(ErrorClass::Unknown),
        reason: reason.unwrap_or("the run would not start").to_owned(),
    })
}

fn decisions(runner: &RunRunner, services: &Services) -> Vec<PolicyDecision> {
    let context = runner.context();
    let (actor, roles) = (&context.submitter, &context.roles);
    let ask = |kind: CommandKind| {
        let answer = runner.ask(&kind, actor, roles, None, services)?;
        let step = match &kind {
            CommandKind::Approve(step) | CommandKind::Reject(step) => Some(step.to_string()),
            _ => None,
        };
        Some(PolicyDecision {
            action: kind.as_str().into(),
            step,
            actor: actor.to_string(),
            allowed: answer.data.allowed,
            policies: answer.data.policies,
            reason: answer.reason,
        })
    };
    let steps = runner.state().plan().plan().steps.iter();
    let gates = steps.filter(|step| step.gate == Some(Gate::Manual));
    let of_gates = gates.flat_map(|step| {
        let (approve, reject) = (step.id.clone(), step.id.clone());
        [CommandKind::Approve(approve), CommandKind::Reject(reject)]
    });
    of_gates
        .chain([CommandKind::Cancel])
        .filter_map(ask)
        .collect()
}

/// What a step's processes would be kept in, and who asks for that.
fn sandbox(state: &RunState, ix: StepIx) -> Option<DrySandbox> {
    let told = state.sandbox_told(ix)?;
    let own = state.definition(ix).sandbox.is_some();
    let policies = state.sandbox_demanded_by(ix).into_iter();
    let policies = policies.map(|id| format!("policy {id}"));
    let mut by: Vec<String> = own.then(|| "the plan".to_owned()).into_iter().collect();
    by.extend(policies);
    if by.is_empty() {
        by.push("the setting sandbox".to_owned());
    }
    Some(DrySandbox {
        permits: told.permits,
        by,
        off: told.off,
    })
}

fn duties(state: &RunState) -> Vec<PlannedDuty> {
    let after = |deadline: Deadline| format_duration(deadline.allowed());
    let expectations = state.ledger().expectations().iter();
    let duties = expectations.map(|expectation| PlannedDuty {
        id: expectation.id.to_string(),
        due: match expectation.deadline.phase() {
            None => format!("{} after creation", after(expectation.deadline)),
            Some(phase) => format!("{} after {phase}", after(expectation.deadline)),
        },
        liveness: expectation.liveness,
    });
    duties.collect()
}

/// The steps by waves: the longest way of edges that leads to each.
fn steps(
    runner: &RunRunner,
    services: &Services,
    named: bool,
    findings: &mut Vec<Finding>,
) -> Vec<DryStep> {
    let plan = runner.state().plan().plan();
    let waves = waves(plan);
    let mut steps: Vec<DryStep> = Vec::new();
    for (at, step) in plan.steps.iter().enumerate() {
        match dry_step(runner, services, at, waves[at], named) {
            Ok(dry) => steps.push(dry),
            Err(wrong) => {
                let (dry, error) = *wrong;
                findings.push(Finding {
                    step: step.id.to_string(),
                    class: ErrorClass::ConfigError,
                    reason: runner.masked(&error.to_string()),
                });
                steps.push(dry);
            }
        }
    }
    steps.sort_by_key(|step| step.wave);
    steps
}

/// Steps may stand before those that they wait for: edges are followed until
/// nothing changes any more, which in a graph without cycles it does not.
fn waves(plan: &Plan) -> Vec<u32> {
    let mut waves = vec![0_u32; plan.steps.len()];
    let mut open: Vec<usize> = (0..plan.steps.len()).collect();
    let owners = owners(plan);
    while !open.is_empty() {
        open.retain(|at| {
            let step = &plan.steps[*at];
            let edges = || step.needs.iter().chain(&step.after);
            // What waits for a step waits for what stands in for it too.
            let stand_ins = edges().flat_map(|edge| stand_ins(plan, *edge));
            let before: Vec<usize> = edges()
                .chain(&owners[*at])
                .copied()
                .chain(stand_ins)
                .collect();
            let before = || before.iter();
            if before().any(|edge| waves[*edge] == 0) {
                return true;
            }
            waves[*at] = before().map(|edge| waves[*edge]).max().unwrap_or(0) + 1;
            false
        });
    }
    waves
}

/// The fallback of a step, its fallback, and so on.
fn stand_ins(plan: &Plan, at: usize) -> impl Iterator<Item = usize> {
    std::iter::successors(plan.steps[at].fallback, |at| plan.steps[*at].fallback)
}

/// The step that each one stands in for.
fn owners(plan: &Plan) -> Vec<Option<usize>> {
    let mut owners = vec![None; plan.steps.len()];
    for (at, step) in plan.steps.iter().enumerate() {
        if let Some(fallback) = step.fallback {
            owners[fallback] = Some(at);
        }
    }
    owners
}

/// A step, and what is wrong with an expression of it that could be known.
fn dry_step(
    runner: &RunRunner,
    services: &Services,
    at: usize,
    wave: u32,
    named: bool,
) -> Result<DryStep, Box<(DryStep, EvalError)>> {
    let state = runner.state();
    let plan = state.plan().plan();
    let step = &plan.steps[at];
    let scope = RunScope::of(state, at as StepIx);
    let mut wrong = None;
    let mut text = |template: &Template| {
        let unknown = |target: &Target| match target {
            Target::Step { .. } | Target::Item | Target::ItemIndex => true,
            Target::Run(field) => field == "id" && !named,
            Target::Input(_) | Target::Secret(_) => false,
        };
        match template.preview(&scope, &unknown) {
            Ok(text) => runner.masked(&text),
            Err(error) => {
                let source = template.source().to_owned();
                wrong.get_or_insert(error);
                source
            }
        }
    };
    let mut env: Vec<(String, String)> = plan
        .env
        .iter()
        .chain(&step.env)
        .map(|(name, template)| (name.clone(), text(template)))
        .collect();
    let (kind, command) = match &step.action {
        Action::Argv(args) => ("run", args.iter().map(&mut text).collect()),
        Action::Shell { shell, line } => {
            let values = line.values().iter();
            env.extend(values.map(|(name, template)| (name.clone(), text(template))));
            let words: &[&str] = match shell {
                Shell::Sh => &["/bin/sh", "-e", "-c"],
                Shell::Bash => &["bash", "-eo", "pipefail", "-c"],
            };
            let words = words.iter().map(ToString::to_string);
            ("run", words.chain([line.script().to_owned()]).collect())
        }
        Action::Call(function) => ("call", vec![function.clone()]),
        Action::Http(request) => ("http", vec![request.method.clone(), text(&request.url)]),
        Action::Service {
            service,
            site,
            domain,
        } => ("service", vec![service.clone(), text(site), text(domain)]),
        Action::Agent(agent) => {
            let with = agent.with.iter();
            let with = with.map(|(name, value)| format!("{name}={}", text(value)));
            let capability = std::iter::once(agent.capability.to_string());
            ("agent", capability.chain(with).collect())
        }
        Action::Plan { id, with } => {
            let with = with.iter();
            let with = with.map(|(name, value)| format!("{name}={}", text(value)));
            (
                "plan",
                std::iter::once(id.to_string()).chain(with).collect(),
            )
        }
    };
    let base = state.created().and_then(|created| created.cwd.as_deref());
    let base = Path::new(base.unwrap_or("/"));
    let cwd = step.cwd.as_ref().map(&mut text);
    let artifacts: Vec<String> = step.artifacts.iter().map(|a| text(&a.path)).collect();
    let ids = |edges: &[usize]| -> Vec<String> {
        edges
            .iter()
            .map(|edge| plan.steps[*edge].id.to_string())
            .collect()
    };
    let owner = plan.steps.iter().find(|owner| owner.fallback == Some(at));
    let only_if_fails = owner.map(|owner| owner.id.to_string());
    let dry = DryStep {
        id: step.id.to_string(),
        name: step.name.clone(),
        wave,
        needs: ids(&step.needs),
        after: ids(&step.after),
        why: why(
            &ids(&step.needs),
            &ids(&step.after),
            only_if_fails.as_deref(),
        ),
        only_if_fails,
        fallback: step.fallback.map(|at| plan.steps[at].id.to_string()),
        kind: kind.into(),
        command,
        env,
        cwd: (kind == "run").then(|| match cwd {
            Some(cwd) => base.join(cwd).display().to_string(),
            None => base.display().to_string(),
        }),
        condition: step.condition.as_ref().map(|c| c.source().to_owned()),
        for_each: step
            .for_each
            .as_ref()
            .map(|items| items.source().to_owned()),
        gate: step.gate.map(|gate| match gate {
            Gate::Hard => "hard".into(),
            Gate::Manual => "manual".into(),
        }),
        timeout_ms: step
            .timeout
            .map(|timeout| u64::try_from(timeout.as_millis()).unwrap_or(u64::MAX)),
        retries: if step.idempotent { step.retry.max } else { 0 },
        required: step.required,
        artifacts,
        cache: step
            .cache
            .then(|| cache_answer(runner, services, at as StepIx)),
        stays_here: match step.place {
            StepPlace::Bound(what) => Some(format!("it has {what}")),
            StepPlace::Own | StepPlace::Away(_) => None,
        },
        sandbox: sandbox(state, at as StepIx),
        agents: candidates(runner, services, at as StepIx),
    };
    match wrong {
        None => Ok(dry),
        Some(error) => Err(Box::new((dry, error))),
    }
}

/// Which agents would be asked for a step, and which not.
fn candidates(runner: &RunRunner, services: &Services, ix: StepIx) -> Vec<CandidateView> {
    let table = runner.candidates(ix, services).unwrap_or_default();
    let rows = table.rows.into_iter().map(|row| CandidateView {
        reason: row.reason(),
        taken: row.verdict.is_ok(),
        agent_id: row.agent,
        place: row.place,
        trust_level: row.trust,
        region: row.region,
    });
    rows.collect()
}

/// What the cache would say of a step that asks for it.
fn cache_answer(runner: &RunRunner, services: &Services, ix: StepIx) -> CacheAnswer {
    let state = runner.state();
    let step = state.plan().step(ix);
    let (hit, why) = if state.settings().no_cache {
        (Some(false), "the cache is not asked".to_owned())
    } else if !step.needs.is_empty() || !step.after.is_empty() || step.for_each.is_some() {
        (None, "that depends on what comes before it".to_owned())
    } else {
        match runner.look_in_cache(ix, services) {
            Some(Ok(rok_runner::CacheAnswer::Hit(hit))) => {
                let from = format!(
                    "run {}, step {}, event {}",
                    hit.from.run, hit.from.step, hit.from.seq
                );
                (Some(true), from)
            }
            Some(Ok(rok_runner::CacheAnswer::Miss(note))) => {
                let none = || "no earlier run has done the same work".to_owned();
                (Some(false), note.unwrap_or_else(none))
            }
            Some(Err(failure)) => (Some(false), runner.masked(&failure.reason)),
            None => (None, "what it comes of is not known yet".to_owned()),
        }
    };
    CacheAnswer { hit, why }
}

fn why(needs: &[String], after: &[String], instead_of: Option<&str>) -> String {
    let all = [
        instead_of.map(|step| format!("only if {step} fails")),
        (!needs.is_empty()).then(|| format!("once {} succeeded", needs.join(", "))),
        (!after.is_empty()).then(|| format!("once {} ended", after.join(", "))),
    ];
    let all: Vec<String> = all.into_iter().flatten().collect();
    if all.is_empty() {
        return "at the start".into();
    }
    all.join(" and ")
}
