//! One step.

use alloc::boxed::Box;
use alloc::collections::BTreeMap;
use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;
use core::time::Duration;
use rok_expr::{Condition, Items, ShellLine, Site, Template};
use rok_vocabulary::{ErrorClass, InputName, PlanId, PlanMode, StepId};

use super::agent::AgentDraft;
use super::compensate::CompensateDraft;
use super::http::HttpDraft;
use super::{Decoder, Defaults, Written, read};
use crate::approvers::Approvers;
use crate::fault::{FaultCode, Finding, quoted};
use crate::graph::Graph;
use crate::keys::{KeySpec, Place};
use crate::model::{Action, ArtifactDecl, Gate, OutputSpec, Retry, Shell, Step, StepPlace};
use crate::sandbox::Sandbox;

use crate::pattern;
use crate::tree::{Entry, Node};

/// The keys of which a step has exactly one.
pub(super) const EXECUTORS: &[&str] = &["run", "call", "http", "service", "agent", "plan"];

/// The keys that only a process can obey.
const PROCESS_ONLY: &[&str] = &["env", "cwd", "shell", "reads", "cache", "sandbox"];

/// A step whose edges are still names and whose expressions still know where
/// they were written.
pub(super) struct StepDraft<'t> {
    pub(super) id: Option<StepId>,
    /// Whether it has a `for_each`, sound or not.
    pub(super) fan_out: bool,
    pub(super) for_each: Option<Written<'t, Items>>,
    pub(super) max_parallel: Option<u32>,
    pub(super) name: Option<String>,
    pub(super) description: Option<String>,
    pub(super) action: Option<ActionDraft<'t>>,
    pub(super) mode: PlanMode,
    pub(super) place: StepPlace,
    pub(super) condition: Option<Written<'t, Condition>>,
    pub(super) skip_reason: Option<String>,
    pub(super) gate: Option<Gate>,
    pub(super) approvers: Approvers,
    pub(super) expires: Option<Duration>,
    pub(super) required: bool,
    pub(super) timeout: Option<Duration>,
    pub(super) kill_grace: Duration,
    pub(super) retry: Retry,
    pub(super) idempotent: bool,
    pub(super) deprecated: Option<String>,
    pub(super) env: Vec<(String, Written<'t, Template>)>,
    pub(super) cwd: Option<Written<'t, Template>>,
    pub(super) outputs: BTreeMap<String, OutputSpec>,
    pub(super) artifacts: Vec<(Written<'t, Template>, bool)>,
    pub(super) compensate: Option<CompensateDraft<'t>>,
    pub(super) reads: Vec<Written<'t, Template>>,
    pub(super) cache: bool,
    pub(super) sandbox: Option<Sandbox>,
}

pub(super) enum ActionDraft<'t> {
    Argv(Vec<Written<'t, Template>>),
    Shell {
        shell: Shell,
        line: Written<'t, ShellLine>,
    },
    Call(String),
    Http(Box<HttpDraft<'t>>),
    Service {
        service: String,
        site: Written<'t, Template>,
        domain: Written<'t, Template>,
    },
    Agent(AgentDraft<'t>),
    Plan {
        id: PlanId,
        with: Vec<(InputName, Written<'t, Template>)>,
    },
}

impl Decoder<'_> {
    pub(super) fn step<'t>(&mut self, entry: &'t Entry, defaults: &Defaults<'_>) -> StepDraft<'t> {
        let node = &entry.node;
        let gate = match node.get("gate").and_then(Node::text) {
            Some("hard") => Some(Gate::Hard),
            Some("manual") => Some(Gate::Manual),
            _ => None,
        };
        let required = read::boolean(node, "required").unwrap_or(true);
        if let (Some(Gate::Hard), false, Some(key)) = (gate, required, node.entry("required")) {
            let finding = Finding::new(
                FaultCode::Conflict,
                key.span.clone(),
                "a hard gate cannot be optional",
            );
            self.findings.push(finding.hint(
                "its failure always fails the run: remove `required: false` or `gate: hard`",
            ));
        }
        let idempotent = read::boolean(node, "idempotent").unwrap_or(defaults.idempotent);
        StepDraft {
            id: entry.key.parse().ok(),
            fan_out: node.get("for_each").is_some(),
            for_each: node
                .get("for_each")
                .and_then(|node| self.written(Items::parse(node.text()?), node)),
            max_parallel: self.children_at_once(node),
            name: read::text(node, "name"),
            description: read::text(node, "description"),
            action: self.action(entry, defaults),
            // Once all of it is known.
            mode: PlanMode::Local,
            place: StepPlace::Own,
            condition: node
                .get("if")
                .and_then(|node| self.written(Condition::parse(node.text()?), node)),
            skip_reason: self.skip_reason(node),
            gate,
            approvers: self.approvers(node, gate),
            expires: read::duration(node, "expires"),
            required,
            timeout: read::duration(node, "timeout").or(defaults.timeout),
            kill_grace: read::duration(node, "kill_grace").unwrap_or(defaults.kill_grace),
            retry: self.retry(node, defaults, gate, idempotent),
            idempotent,
            deprecated: read::text(node, "deprecated"),
            env: self.env(node),
            cwd: node
                .get("cwd")
                .and_then(|node| self.template(node, Site::Plain)),
            outputs: self.outputs(node),
            artifacts: self.artifacts(node),
            compensate: self.compensate(entry, defaults),
            reads: self.reads(node),
            cache: self.cache(node, gate, idempotent),
            sandbox: self.sandbox(node),
        }
    }

    fn action<'t>(&mut self, entry: &'t Entry, defaults: &Defaults<'_>) -> Option<ActionDraft<'t>> {
        let node: &'t Node = &entry.node;
        let entries = node.map()?;
        let mut found = entries
            .iter()
            .filter(|entry| EXECUTORS.contains(&entry.key.as_str()));
        let Some(first) = found.next() else {
            let known = |entry: &Entry| KeySpec::find(Place::Step, &entry.key).is_some();
            if !entries.iter().all(known) {
                return None; // the unknown key may be the executor
            }
            let message = format!("step {} does nothing", quoted(&entry.key));
            let finding = Finding::new(FaultCode::MissingKey, entry.span.clone(), message);
            self.findings
                .push(finding.hint("give it `run`, `call`, `http`, `service`, `agent` or `plan`"));
            return None;
        };
        let mut single = true;
        for other in found {
            single = false;
            let message = format!(
                "a step has one executor, and {} has both {} and {}",
                quoted(&entry.key),
                quoted(&first.key),
                quoted(&other.key)
            );
            let finding = Finding::new(FaultCode::Conflict, other.span.clone(), message)
                .hint("make two steps of it")
                .related(first.span.clone(), "the first one");
            self.findings.push(finding);
        }
        if !single {
            return None;
        }
        let shell = node.entry("shell");
        if !matches!(first.key.as_str(), "plan" | "agent") {
            self.without_effect(node.entry("with"), "without `plan` or `agent`");
        }
        match (first.key.as_str(), &*first.node) {
            ("run", run) => self.command(run, shell, read::shell(node).unwrap_or(defaults.shell)),
            ("call", call) => {
                let keys = entries
                    .iter()
                    .filter(|entry| PROCESS_ONLY.contains(&entry.key.as_str()));
                self.without_effect(keys, "on a `call`, which runs within this process");
                Some(ActionDraft::Call(call.text()?.into()))
            }
            ("http", http) => {
                let keys = entries.iter().filter(|entry| {
                    PROCESS_ONLY.contains(&entry.key.as_str()) || entry.key == "artifacts"
                });
                self.without_effect(keys, "on an `http`, which starts no process");
                self.http(http).map(Box::new).map(ActionDraft::Http)
            }
            ("service", service) => self.service(entries, service),
            ("agent", agent) => self.agent(node, agent).map(ActionDraft::Agent),
            ("plan", plan) => self.sub_plan(node, plan),
            _ => None,
        }
    }

    fn sub_plan<'t>(&mut self, step: &'t Node, plan: &Node) -> Option<ActionDraft<'t>> {
        let entries = step.map()?.iter();
        let keys = entries
            .filter(|entry| PROCESS_ONLY.contains(&entry.key.as_str()) || entry.key == "artifacts");
        self.without_effect(keys, "on a `plan`, whose own steps say it");
        Some(ActionDraft::Plan {
            id: plan.text()?.parse().ok()?,
            with: self.with(step)?,
        })
    }

    /// The step's `with`, in file order.
    pub(super) fn with<'t>(
        &mut self,
        step: &'t Node,
    ) -> Option<Vec<(InputName, Written<'t, Template>)>> {
        let with: &'t [Entry] = step.get("with").and_then(Node::map).unwrap_or(&[]);
        let with = with.iter().map(|entry| {
            let name: Option<InputName> = entry.key.parse().ok();
            Some((name?, self.template(&entry.node, Site::Plain)?))
        });
        // All of them first: each may have faults to tell.
        let with: Vec<_> = with.collect();
        with.into_iter().collect()
    }

    /// The step's `max_parallel`, which is about the children of a fan-out.
    fn children_at_once(&mut self, node: &Node) -> Option<u32> {
        if node.get("for_each").is_none() {
            self.without_effect(node.entry("max_parallel"), "without `for_each`");
        }
        read::whole(node, "max_parallel")
    }

    /// A shell line, or a list of arguments, with which `shell` has no effect.
    pub(super) fn command<'t>(
        &mut self,
        run: &'t Node,
        shell: Option<&Entry>,
        read_by: Shell,
    ) -> Option<ActionDraft<'t>> {
        if let Some(items) = run.list() {
            self.without_effect(shell, "on a list of arguments, which no shell sees");
            let argv: Vec<_> = items
                .iter()
                .map(|item| self.template(item, Site::Plain))
                .collect();
            let argv = argv.into_iter().collect::<Option<_>>();
            return argv.map(ActionDraft::Argv);
        }
        let line = self.written(ShellLine::parse(run.text()?), run)?;
        let shell = read_by;
        Some(ActionDraft::Shell { shell, line })
    }

    pub(super) fn without_effect<'e>(
        &mut self,
        keys: impl IntoIterator<Item = &'e Entry>,
        whereon: &str,
    ) {
        for entry in keys {
            let message = format!("{} has no effect {whereon}", quoted(&entry.key));
            let finding = Finding::new(FaultCode::Conflict, entry.span.clone(), message);
            self.findings.push(finding.hint("remove it"));
        }
    }

    fn retry(
        &mut self,
        step: &Node,
        defaults: &Defaults<'_>,
        gate: Option<Gate>,
        idempotent: bool,
    ) -> Retry {
        let node = step.get("retry");
        let own = node.map(read::retry).unwrap_or_default();
        let mut retry = own.clone().over(&defaults.retry);
        let at = |key: &str| {
            node.and_then(|node| node.entry(key))
                .map(|entry| entry.span.clone())
        };
        if !idempotent {
            if let (Some(1..), Some(span)) = (own.max, at("max")) {
                let finding = Finding::new(
                    FaultCode::Conflict,
                    span,
                    "a step that is not idempotent cannot be tried again",
                );
                self.findings
                    .push(finding.hint("remove `retry`, or `idempotent: false`"));
            }
            retry.max = 0; // what `defaults` grants does not reach it
        }
        if gate == Some(Gate::Hard)
            && let (Some(classes), Some(span)) = (&own.classes, at("classes"))
            && let Some(class) = classes
                .iter()
                .find(|class| **class != ErrorClass::TransientIo)
        {
            let message = format!(
                "a hard gate is not tried again after {}",
                quoted(class.as_str())
            );
            let finding = Finding::new(FaultCode::Conflict, span, message);
            self.findings
                .push(finding.hint("a hard gate may retry `transient_io` alone"));
        } else if gate == Some(Gate::Hard) {
            retry
                .classes
                .retain(|class| *class == ErrorClass::TransientIo);
        }
        if retry.base > retry.max_delay
            && let Some(span) = at("base").or_else(|| at("max_delay"))
        {
            let finding = Finding::new(
                FaultCode::Conflict,
                span,
                "`base` of `retry` is longer than `max_delay`",
            );
            self.findings.push(finding.hint("the first delay cannot be longer than the longest: raise `max_delay` (default 60s)"));
        }
        retry
    }

    fn outputs(&mut self, step: &Node) -> BTreeMap<String, OutputSpec> {
        let entries = step.get("outputs").and_then(Node::map).unwrap_or(&[]);
        entries
            .iter()
            .filter_map(|entry| Some((entry.key.clone(), self.output(entry)?)))
            .collect()
    }

    fn reads<'t>(&mut self, step: &'t Node) -> Vec<Written<'t, Template>> {
        let items = step.get("reads").and_then(Node::list).unwrap_or(&[]);
        let mut reads = Vec::new();
        for item in items {
            if item.text().is_some_and(|text| text.trim().is_empty()) {
                let message = "a path of `reads` is empty";
                let finding = Finding::new(FaultCode::WrongValue, item.span.clone(), message);
                self.findings.push(finding);
            }
            let template = self.template(item, Site::Plain);
            self.refuse_flaw(item, template.as_ref());
            reads.extend(template);
        }
        reads
    }

    fn cache(&mut self, step: &Node, gate: Option<Gate>, idempotent: bool) -> bool {
        let cache = read::boolean(step, "cache").unwrap_or(false);
        let Some(key) = step.entry("cache").filter(|_| cache) else {
            return false;
        };
        let (message, hint) = if gate == Some(Gate::Manual) {
            (
                "a manual gate has no result that could be kept",
                "a person decides each time: remove `cache`, or make a step of its own of the work",
            )
        } else if !idempotent {
            (
                "a step that is not idempotent cannot be left out",
                "remove `cache`, or `idempotent: false`",
            )
        } else if step.get("compensate").is_some() {
            (
                "a step that is undone has effects that no kept result brings back",
                "remove `cache`, or `compensate`",
            )
        } else {
            return true;
        };
        let finding = Finding::new(FaultCode::Conflict, key.span.clone(), message);
        self.findings.push(finding.hint(hint));
        true
    }

    fn artifacts<'t>(&mut self, step: &'t Node) -> Vec<(Written<'t, Template>, bool)> {
        let items = step.get("artifacts").and_then(Node::list).unwrap_or(&[]);
        let mut artifacts = Vec::new();
        for item in items {
            let Some(path) = item.get("path") else {
                continue;
            };
            if path.text().is_some_and(|text| text.trim().is_empty()) {
                self.findings.push(Finding::new(
                    FaultCode::WrongValue,
                    path.span.clone(),
                    "the artifact's path is empty",
                ));
            }
            let template = self.template(path, Site::Plain);
            self.refuse_flaw(path, template.as_ref());
            if let Some(template) = template {
                artifacts.push((template, read::boolean(item, "required").unwrap_or(false)));
            }
        }
        artifacts
    }

    /// Why a step is skipped whose condition does not hold.
    fn skip_reason(&mut self, node: &Node) -> Option<String> {
        if node.get("if").is_none() {
            let entries = node.map().unwrap_or(&[]).iter();
            let without = entries.filter(|entry| entry.key == "skip_reason");
            self.without_effect(without, "on a step without `if`");
        }
        read::text(node, "skip_reason")
    }

    /// Refuses a pattern that no file can have.
    fn refuse_flaw(&mut self, node: &Node, path: Option<&Written<'_, Template>>) {
        if let Some((message, hint)) = path.and_then(|path| pattern::flaw(&path.expression)) {
            let finding = Finding::new(FaultCode::WrongValue, node.span.clone(), message);
            self.findings.push(finding.hint(hint));
        }
    }
}

impl StepDraft<'_> {
    /// The step, once nothing is wrong with the plan.
    pub(super) fn finish(self, graph: &Graph, at: usize, defaults: &Defaults<'_>) -> Option<Step> {
        let action = self.action?.finish();
        let process = matches!(action, Action::Argv(_) | Action::Shell { .. });
        let undone = self.compensate.as_ref().map(|undo| &undo.action);
        let starts_process = process
            || matches!(
                undone,
                Some(ActionDraft::Argv(_) | ActionDraft::Shell { .. })
            );
        let default_cwd = || {
            defaults
                .cwd
                .as_ref()
                .filter(|_| process)
                .map(|cwd| cwd.expression.clone())
        };
        Some(Step {
            id: self.id?,
            name: self.name,
            description: self.description,
            action,
            mode: self.mode,
            place: self.place,
            needs: graph.needs(at).to_vec(),
            after: graph.after(at).to_vec(),
            fallback: graph.fallback(at),
            condition: self.condition.map(|condition| condition.expression),
            skip_reason: self.skip_reason,
            for_each: self.for_each.map(|items| items.expression),
            max_parallel: self.max_parallel,
            gate: self.gate,
            approvers: self.approvers,
            expires: self.expires,
            required: self.required,
            timeout: self.timeout,
            kill_grace: self.kill_grace,
            retry: self.retry,
            idempotent: self.idempotent,
            deprecated: self.deprecated,
            env: self
                .env
                .into_iter()
                .map(|(name, value)| (name, value.expression))
                .collect(),
            cwd: self.cwd.map(|cwd| cwd.expression).or_else(default_cwd),
            outputs: self.outputs,
            artifacts: self
                .artifacts
                .into_iter()
                .map(|(path, required)| ArtifactDecl {
                    path: path.expression,
                    required,
                })
                .collect(),
            compensate: self.compensate.map(CompensateDraft::finish),
            reads: self.reads.into_iter().map(|path| path.expression).collect(),
            cache: self.cache,
            sandbox: self
                .sandbox
                .or_else(|| defaults.sandbox.clone().filter(|_| starts_process)),
        })
    }
}

impl ActionDraft<'_> {
    pub(super) fn finish(self) -> Action {
        match self {
            Self::Argv(items) => {
                Action::Argv(items.into_iter().map(|item| item.expression).collect())
            }
            Self::Shell { shell, line } => Action::Shell {
                shell,
                line: line.expression,
            },
            Self::Call(name) => Action::Call(name),
            Self::Http(request) => Action::Http(Box::new(request.finish())),
            Self::Service {
                service,
                site,
                domain,
            } => Action::Service {
                service,
                site: site.expression,
                domain: domain.expression,
            },
            Self::Agent(agent) => Action::Agent(Box::new(agent.finish())),
            Self::Plan { id, with } => Action::Plan {
                id,
                with: with
                    .into_iter()
                    .map(|(name, value)| (name, value.expression))
                    .collect(),
            },
        }
    }
}
