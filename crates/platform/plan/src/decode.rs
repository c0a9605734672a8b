//! Tree to plan. The shape has been checked, so this takes what is well formed
//! and passes over the rest in silence; what it says itself is what concerns
//! more than one value: names, edges, bounds that contradict each other, and
//! expressions.

mod agent;
mod approvers;
mod compensate;
mod elsewhere;
mod expressions;
mod http;
mod limits;
mod notify;
mod place;
mod read;
mod sandbox;
mod schema;
mod service;
mod step;

use alloc::collections::{BTreeMap, BTreeSet};
use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;
use core::ops::Range;
use core::time::Duration;
use rok_expr::{Site, Template};
use rok_vocabulary::{ErrorClass, InputName, PlanMode};

use crate::fault::{FaultCode, Finding, Findings, quoted};
use crate::graph::Graph;
use crate::model::{
    Concurrency, InputSpec, OnFailure, OnLimit, Order, Plan, Retry, Shell, SuccessRule,
};
use crate::nearest::Nearest;
use crate::sandbox::Sandbox;
use crate::shape;
use crate::source::Source;
use crate::tree::{Entry, Node};
use elsewhere::Elsewhere;
use step::StepDraft;

/// From SIGTERM to SIGKILL, where the plan does not say.
pub(crate) const KILL_GRACE: Duration = Duration::from_secs(5);

/// The author's version, where the plan does not say.
pub(crate) const VERSION: u64 = 1;

/// Decodes and checks a whole tree. `None` goes with at least one finding.
pub(crate) fn decode(root: &Node, source: &Source<'_>, findings: &mut Findings) -> Option<Plan> {
    let nearest = Nearest::default();
    shape::check(root, findings, &nearest);
    root.map()?;
    Decoder {
        source,
        findings,
        nearest: &nearest,
    }
    .plan(root)
}

/// What every part of the decoder has at hand.
struct Decoder<'a> {
    source: &'a Source<'a>,
    findings: &'a mut Findings,
    nearest: &'a Nearest,
}

/// An expression with the scalar that it was written in.
struct Written<'t, T> {
    expression: T,
    node: &'t Node,
}

/// A `concurrency` whose key still knows where it was written.
struct ConcurrencyDraft<'t> {
    key: Written<'t, Template>,
    limit: u32,
    on_limit: OnLimit,
}

/// The declared inputs, and the names of those whose declaration is broken.
#[derive(Default)]
struct Inputs {
    sound: BTreeMap<InputName, InputSpec>,
    broken: BTreeSet<String>,
}

/// What `defaults` says.
struct Defaults<'t> {
    timeout: Option<Duration>,
    kill_grace: Duration,
    retry: RetryKeys,
    idempotent: bool,
    shell: Shell,
    cwd: Option<Written<'t, Template>>,
    sandbox: Option<Sandbox>,
}

/// The keys of a `retry`, before defaults.
#[derive(Default, Clone)]
struct RetryKeys {
    max: Option<u32>,
    classes: Option<Vec<ErrorClass>>,
    base: Option<Duration>,
    max_delay: Option<Duration>,
}

impl Decoder<'_> {
    fn plan(&mut self, root: &Node) -> Option<Plan> {
        let inputs = self.inputs(root);
        let secrets = self.secrets(root);
        let env = self.env(root);
        let overrides = self.overrides(root);
        let budget = self.budget(root);
        let policies = self.policies(root);
        let notify = self.notify(root);
        let defaults = self.defaults(root);
        let order = match root.get("order").and_then(Node::text) {
            Some("sequential") => Order::Sequential,
            _ => Order::Dag,
        };
        let entries = root.get("steps").and_then(Node::map).unwrap_or(&[]);
        self.services_once(entries);
        let graph = Graph::build(entries, order, self.findings, self.nearest);
        let default_mode = read::parsed(root, "default_mode").unwrap_or(PlanMode::Local);
        let mut steps: Vec<StepDraft<'_>> = entries
            .iter()
            .map(|entry| self.step(entry, &defaults))
            .collect();
        let elsewhere = Elsewhere::new(default_mode, &env, &defaults);
        for (step, entry) in steps.iter_mut().zip(entries) {
            self.placed(step, entry, &elsewhere);
        }
        let expect = self.expect(root, &steps);
        let concurrency = self.concurrency(root);
        let key = concurrency.as_ref().map(|concurrency| &concurrency.key);
        let of_plan = env.iter().map(|(_, value)| value).chain(key);
        let of_plan: Vec<_> = of_plan.collect();
        self.expressions(&inputs, &secrets, &of_plan, entries, &steps, &graph);
        if !self.findings.is_empty() {
            return None;
        }
        let steps: Option<Vec<_>> = steps
            .into_iter()
            .enumerate()
            .map(|(at, draft)| draft.finish(&graph, at, &defaults))
            .collect();
        Some(Plan {
            id: read::parsed(root, "plan")?,
            version: read::whole(root, "version").unwrap_or(VERSION),
            name: read::text(root, "name"),
            description: read::text(root, "description"),
            labels: labels(root),
            profile: read::parsed(root, "profile"),
            order,
            success: match root.get("success").and_then(Node::text) {
                Some("any") => SuccessRule::Any,
                _ => SuccessRule::Required,
            },
            max_duration: read::duration(root, "max_duration"),
            on_failure: match root.get("on_failure").and_then(Node::text) {
                Some("rollback") => OnFailure::Rollback,
                _ => OnFailure::Stop,
            },
            max_parallel: read::whole(root, "max_parallel"),
            default_mode,
            priority: read::whole(root, "priority").unwrap_or_default(),
            inputs: inputs.sound,
            env: env
                .into_iter()
                .map(|(name, value)| (name, value.expression))
                .collect(),
            secrets,
            overrides,
            concurrency: concurrency.map(|found| Concurrency {
                key: found.key.expression,
                limit: found.limit,
                on_limit: found.on_limit,
            }),
            budget,
            expect,
            policies,
            notify,
            steps: steps?,
        })
    }

    fn inputs(&mut self, root: &Node) -> Inputs {
        let mut inputs = Inputs::default();
        for entry in root.get("inputs").and_then(Node::map).unwrap_or(&[]) {
            match (entry.key.parse(), self.input(entry)) {
                (Ok(name), Some(spec)) => {
                    inputs.sound.insert(name, spec);
                }
                _ => {
                    inputs.broken.insert(entry.key.clone());
                }
            }
        }
        inputs
    }

    fn secrets(&mut self, root: &Node) -> Vec<InputName> {
        let items = root.get("secrets").and_then(Node::list).unwrap_or(&[]);
        let mut seen: BTreeMap<&str, &Range<usize>> = BTreeMap::new();
        let mut names = Vec::new();
        for node in items {
            let Some(text) = node.text() else { continue };
            if let Some(first) = seen.get(text) {
                self.findings.push(twice(text, "`secrets`", node, first));
            } else if let Ok(name) = text.parse() {
                seen.insert(text, &node.span);
                names.push(name);
            }
        }
        names
    }

    fn concurrency<'t>(&mut self, root: &'t Node) -> Option<ConcurrencyDraft<'t>> {
        let node: &'t Node = root.get("concurrency")?;
        Some(ConcurrencyDraft {
            key: self.template(node.get("key")?, Site::Plain)?,
            limit: read::whole(node, "limit").unwrap_or(1),
            on_limit: match node.get("on_limit").and_then(Node::text) {
                Some("reject") => OnLimit::Reject,
                Some("cancel_oldest") => OnLimit::CancelOldest,
                _ => OnLimit::Queue,
            },
        })
    }

    /// The `env` of the plan or of a step, in file order.
    fn env<'t>(&mut self, owner: &'t Node) -> Vec<(String, Written<'t, Template>)> {
        let entries: &'t [Entry] = owner.get("env").and_then(Node::map).unwrap_or(&[]);
        entries
            .iter()
            .filter_map(|entry| {
                Some((
                    entry.key.clone(),
                    self.template(&entry.node, Site::Secrets)?,
                ))
            })
            .collect()
    }

    fn defaults<'t>(&mut self, root: &'t Node) -> Defaults<'t> {
        let node = root.get("defaults");
        Defaults {
            timeout: node.and_then(|node| read::duration(node, "timeout")),
            kill_grace: node
                .and_then(|node| read::duration(node, "kill_grace"))
                .unwrap_or(KILL_GRACE),
            retry: node
                .and_then(|node| node.get("retry"))
                .map(read::retry)
                .unwrap_or_default(),
            idempotent: node
                .and_then(|node| read::boolean(node, "idempotent"))
                .unwrap_or(true),
            shell: node.and_then(read::shell).unwrap_or_default(),
            cwd: node
                .and_then(|node| node.get("cwd"))
                .and_then(|node| self.template(node, Site::Plain)),
            sandbox: node.and_then(|node| self.sandbox(node)),
        }
    }

    fn template<'t>(&mut self, node: &'t Node, site: Site) -> Option<Written<'t, Template>> {
        let parsed = Template::parse(node.text()?, site);
        self.written(parsed, node)
    }

    /// Takes an expression, or says at its place what is wrong with it.
    fn written<'t, T>(
        &mut self,
        parsed: Result<T, Vec<rok_expr::Fault>>,
        node: &'t Node,
    ) -> Option<Written<'t, T>> {
        match parsed {
            Ok(expression) => Some(Written { expression, node }),
            Err(faults) => {
                for fault in faults {
                    self.expression_fault(fault, node);
                }
                None
            }
        }
    }

    fn expression_fault(&mut self, fault: rok_expr::Fault, node: &Node) {
        let span = place::of(self.source, node, &fault.range);
        let finding = Finding::new(FaultCode::Expression, span, fault.message);
        self.findings.push(finding.maybe_hint(fault.hint));
    }
}

fn labels(root: &Node) -> BTreeMap<String, String> {
    let entries = root.get("labels").and_then(Node::map).unwrap_or(&[]);
    let pair = |entry: &Entry| Some((entry.key.clone(), String::from(entry.node.text()?)));
    entries.iter().filter_map(pair).collect()
}

/// A name that a list holds twice.
pub(crate) fn twice(text: &str, list: &str, node: &Node, first: &Range<usize>) -> Finding {
    let message = format!("{} is named twice in {list}", quoted(text));
    Finding::new(FaultCode::Conflict, node.span.clone(), message)
        .hint("remove one of the two")
        .related(first.clone(), "first named here")
}

impl RetryKeys {
    /// These keys, with `defaults` behind them and the format's behind those.
    fn over(self, defaults: &Self) -> Retry {
        let format = Retry::default();
        let base = self.base.or(defaults.base);
        let max_delay = self
            .max_delay
            .or(defaults.max_delay)
            .unwrap_or(format.max_delay);
        Retry {
            max: self.max.or(defaults.max).unwrap_or(format.max),
            classes: self
                .classes
                .or_else(|| defaults.classes.clone())
                .unwrap_or(format.classes),
            base: base.unwrap_or(format.base.min(max_delay)),
            max_delay,
        }
    }
}
