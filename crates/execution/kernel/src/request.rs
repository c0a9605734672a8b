//! Resolving a step: its templates against the run's state. Secrets stay
//! names; the executor fills them in.

use crate::compiled::StepIx;
use crate::needs::Needs;
use crate::scope::RunScope;
use crate::state::{Done, RunState};
use alloc::boxed::Box;
use alloc::collections::BTreeMap;
use alloc::format;
use alloc::string::{String, ToString};
use alloc::vec::Vec;
use rok_expr::{EvalError, SecretText, Template};
use rok_plan::{Action, AgentAction, ResolvedRequest, Shell, Step};
use rok_vocabulary::{InputName, PlanId};
use serde_json::{Map, Value};

/// A step with everything filled in but the secrets.
#[derive(Debug, Clone, PartialEq)]
pub struct ResolvedStep {
    /// What it does.
    pub action: ResolvedAction,
    /// The plan's environment, then the step's; a later one wins.
    pub env: Vec<(String, SecretText)>,
    /// Its working directory as the plan says; `None`: the plan file's folder.
    pub cwd: Option<String>,
    /// Declared artifacts.
    pub artifacts: Vec<ResolvedArtifact>,
    /// Files that it reads; all of them must be there, but those of patterns.
    pub reads: Vec<ResolvedArtifact>,
}

/// A declared artifact with its path filled in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ResolvedArtifact {
    /// A path, or a pattern in which no value can mean more than itself.
    pub path: String,
    /// Whether the step fails when there is none.
    pub required: bool,
    /// Whether it is a pattern.
    pub pattern: bool,
}

/// What a resolved step does.
#[derive(Debug, Clone, PartialEq)]
pub enum ResolvedAction {
    /// A process from an argument vector.
    Argv(Vec<String>),
    /// A shell line and the values that it refers to.
    Shell {
        /// The shell that reads it.
        shell: Shell,
        /// The rewritten line.
        script: String,
        /// `ROK_E0`, `ROK_E1`, …
        values: Vec<(String, SecretText)>,
    },
    /// A registered function, with the outputs of the steps it needs by id.
    Call {
        /// Its name.
        function: String,
        /// Outputs by step id.
        needs: Needs,
        /// The item of a fan-out's child, and its place.
        item: Option<(Value, u32)>,
    },
    /// An HTTP request.
    Http(Box<ResolvedRequest>),
    /// A service of the service map.
    Service {
        /// Its slug.
        service: String,
        /// The site's id.
        site: String,
        /// The site's domain.
        domain: String,
    },
    /// Work of an agent.
    Agent {
        /// What is asked for; its `with` is filled in beside it.
        ask: Box<AgentAction>,
        /// What it works on.
        with: Map<String, Value>,
    },
    /// A run of another plan.
    Plan {
        /// The plan.
        id: PlanId,
        /// Its inputs.
        inputs: SubInputs,
    },
}

/// The inputs of a sub-run.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct SubInputs {
    /// Those that are values.
    pub values: Map<String, Value>,
    /// Those that are text, read by the type that the plan declares.
    pub texts: BTreeMap<String, String>,
}

impl SubInputs {
    /// All of them, text as text.
    fn into_object(self) -> Map<String, Value> {
        let mut all = self.values;
        let texts = self.texts.into_iter();
        all.extend(texts.map(|(name, text)| (name, Value::String(text))));
        all
    }
}

/// A step whose expressions cannot be evaluated: `config_error`.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
#[error("{place}: {source}")]
pub struct ResolveError {
    /// Where the expression stands.
    pub place: String,
    /// What is wrong.
    pub source: EvalError,
}

impl RunState {
    /// Fills in a step's templates.
    pub fn resolve(&self, ix: StepIx) -> Result<ResolvedStep, ResolveError> {
        let step = self.definition(ix);
        let scope = RunScope::of(self, ix);
        let action = resolve_action(
            &step.action,
            scope,
            "run",
            || self.needs(ix),
            || self.item(ix).map(|(item, index)| (item.clone(), index)),
        )?;
        let artifacts = step.artifacts.iter().enumerate().map(|(at, artifact)| {
            let (path, required) = (&artifact.path, artifact.required);
            file(path, required, scope, || format!("artifacts[{at}].path"))
        });
        let reads = step.reads.iter().enumerate().map(|(at, path)| {
            let required = !rok_plan::is_pattern(path);
            file(path, required, scope, || format!("reads[{at}]"))
        });
        Ok(ResolvedStep {
            action,
            env: self.resolve_env(step, scope)?,
            cwd: resolve_cwd(step, scope)?,
            artifacts: artifacts.collect::<Result<_, _>>()?,
            reads: reads.collect::<Result<_, _>>()?,
        })
    }

    /// Fills in the templates of what undoes a step that succeeded, in the
    /// step's environment and working directory.
    pub fn resolve_compensation(&self, done: &Done) -> Result<ResolvedStep, ResolveError> {
        let step = self.plan().step(done.origin);
        let undo = step.compensate.as_ref().expect("only such steps are kept");
        let scope = RunScope::undoing(self, done);
        let needs = || {
            let mut needs = self.needs_outputs(done.origin);
            if let Some(own) = &done.outputs {
                needs.insert(step.id.to_string(), (**own).clone());
            }
            Needs::new(needs)
        };
        Ok(ResolvedStep {
            action: resolve_action(&undo.action, scope, "compensate.run", needs, || {
                done.item.clone()
            })?,
            env: self.resolve_env(step, scope)?,
            cwd: resolve_cwd(step, scope)?,
            artifacts: Vec::new(),
            reads: Vec::new(),
        })
    }

    fn resolve_env(
        &self,
        step: &Step,
        scope: RunScope<'_>,
    ) -> Result<Vec<(String, SecretText)>, ResolveError> {
        let env = self.plan().plan().env.iter().chain(&step.env);
        env.map(|(name, template)| {
            let text = template.text(&scope);
            let text = text.map_err(|source| ResolveError {
                place: format!("env.{name}"),
                source,
            })?;
            Ok((name.clone(), text))
        })
        .collect()
    }
}

/// One expression keeps its type; text is read by the type that is declared.
fn sub_inputs(
    with: &[(InputName, Template)],
    scope: RunScope<'_>,
) -> Result<SubInputs, ResolveError> {
    let mut inputs = SubInputs::default();
    for (name, template) in with {
        let value = template.value(&scope).map_err(|source| ResolveError {
            place: format!("with.{name}"),
            source,
        })?;
        match value {
            Value::String(text) if !template.is_expression() => {
                inputs.texts.insert(name.to_string(), text);
            }
            value => drop(inputs.values.insert(name.to_string(), value)),
        }
    }
    Ok(inputs)
}

fn resolve_cwd(step: &Step, scope: RunScope<'_>) -> Result<Option<String>, ResolveError> {
    let cwd = step.cwd.as_ref();
    cwd.map(|cwd| plain(cwd, scope, || "cwd".into()))
        .transpose()
}

fn resolve_action(
    action: &Action,
    scope: RunScope<'_>,
    place: &str,
    needs: impl FnOnce() -> Needs,
    item: impl FnOnce() -> Option<(Value, u32)>,
) -> Result<ResolvedAction, ResolveError> {
    Ok(match action {
        Action::Argv(args) => {
            let args = args.iter().zip(0_usize..);
            let args = args.map(|(arg, i)| plain(arg, scope, || format!("{place}[{i}]")));
            ResolvedAction::Argv(args.collect::<Result<_, _>>()?)
        }
        Action::Shell { shell, line } => ResolvedAction::Shell {
            shell: *shell,
            script: line.script().into(),
            values: line.resolve(&scope).map_err(|source| ResolveError {
                place: place.into(),
                source,
            })?,
        },
        Action::Call(function) => ResolvedAction::Call {
            function: function.clone(),
            needs: needs(),
            item: item(),
        },
        Action::Http(request) => {
            let request = request.resolve(&scope);
            let request = request.map_err(|(place, source)| ResolveError { place, source })?;
            ResolvedAction::Http(Box::new(request))
        }
        Action::Service {
            service,
            site,
            domain,
        } => ResolvedAction::Service {
            service: service.clone(),
            site: plain(site, scope, || "inputs.website_id".into())?,
            domain: plain(domain, scope, || "inputs.domain".into())?,
        },
        Action::Agent(ask) => ResolvedAction::Agent {
            with: sub_inputs(&ask.with, scope)?.into_object(),
            ask: ask.clone(),
        },
        Action::Plan { id, with } => ResolvedAction::Plan {
            id: id.clone(),
            inputs: sub_inputs(with, scope)?,
        },
    })
}

/// A path, or a pattern in which no value means more than itself.
fn file(
    template: &Template,
    required: bool,
    scope: RunScope<'_>,
    place: impl FnOnce() -> String,
) -> Result<ResolvedArtifact, ResolveError> {
    let pattern = rok_plan::is_pattern(template);
    let text = if pattern {
        template.text_escaping(&scope, rok_plan::escape_pattern)
    } else {
        template.text(&scope)
    };
    Ok(ResolvedArtifact {
        path: as_plain(text, place)?,
        required,
        pattern,
    })
}

/// A template in a place where secrets cannot stand; validation saw to that.
fn plain(
    template: &Template,
    scope: RunScope<'_>,
    place: impl FnOnce() -> String,
) -> Result<String, ResolveError> {
    as_plain(template.text(&scope), place)
}

fn as_plain(
    text: Result<SecretText, EvalError>,
    place: impl FnOnce() -> String,
) -> Result<String, ResolveError> {
    match text {
        Ok(text) => Ok(text
            .as_plain()
            .expect("validation refuses secrets here")
            .into()),
        Err(source) => Err(ResolveError {
            place: place(),
            source,
        }),
    }
}
