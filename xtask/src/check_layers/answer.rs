//! Answers to questions: may A import B, does it, and what does a contract say.

use std::collections::{BTreeMap, VecDeque};
use std::fmt::Write as _;

use serde::Serialize;

use super::contract::Contract;
use super::graph::{Crate, EdgeKind, Graph, Place};
use super::policy::Policy;

/// How alike a name must be to be suggested.
const ALIKE: f64 = 0.75;

/// What `why A B` has to say.
#[derive(Clone, Debug, Serialize)]
pub struct Answer {
    /// The importer, with its class.
    pub from: String,
    /// What it would import, with its class.
    pub to: String,
    /// For each kind of dependency, whether it may be.
    pub verdicts: Vec<Verdict>,
    /// The shortest chain of dependencies that leads there today.
    pub path: Vec<String>,
    /// Where each link of the chain is declared.
    pub links: Vec<Place>,
}

/// Whether one kind of dependency may be.
#[derive(Clone, Debug, Serialize)]
pub struct Verdict {
    /// The kind.
    pub kind: EdgeKind,
    /// Whether no contract forbids it.
    pub allowed: bool,
    /// The contracts that forbid it.
    pub forbidden_by: Vec<String>,
}

/// A question that has no answer.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum AskError {
    /// No such crate.
    #[error("there is no crate {name}{}", hint(.near.as_deref()))]
    UnknownCrate {
        /// What was asked for.
        name: String,
        /// The name that is most like it.
        near: Option<String>,
    },
    /// No such contract.
    #[error("there is no contract {id}; there are {}", .known.join(", "))]
    UnknownContract {
        /// What was asked for.
        id: String,
        /// Those that there are.
        known: Vec<String>,
    },
}

fn hint(near: Option<&str>) -> String {
    near.map(|n| format!("; did you mean {n}?"))
        .unwrap_or_default()
}

/// Whether `from` may import `to`, which contract forbids it, and the path that
/// leads there today.
pub fn why(graph: &Graph, policy: &Policy, from: &str, to: &str) -> Result<Answer, AskError> {
    let (from, to) = (find(graph, from)?, find(graph, to)?);
    let verdicts = EdgeKind::ALL.map(|kind| {
        let forbidden_by: Vec<String> = policy
            .contracts
            .iter()
            .filter(|c| c.forbids_import(from, to, kind))
            .map(|c| c.id.clone())
            .collect();
        Verdict {
            kind,
            allowed: forbidden_by.is_empty(),
            forbidden_by,
        }
    });
    let (path, links) = shortest(graph, &from.name, &to.name);
    Ok(Answer {
        from: from.to_string(),
        to: to.to_string(),
        verdicts: verdicts.to_vec(),
        path,
        links,
    })
}

/// What a contract says, why, whom it governs and what it lets through.
pub fn explain(graph: &Graph, policy: &Policy, id: &str) -> Result<String, AskError> {
    let contract =
        policy
            .contract(&id.to_uppercase())
            .ok_or_else(|| AskError::UnknownContract {
                id: id.to_owned(),
                known: policy.contracts.iter().map(|c| c.id.clone()).collect(),
            })?;
    let governed: Vec<&str> = graph
        .crates
        .values()
        .filter(|c| contract.governs(c))
        .map(|c| c.name.as_str())
        .collect();
    let mut out = String::new();
    let _ = writeln!(out, "{}: {}\n", contract.id, contract.title);
    let _ = writeln!(out, "  rule:       {}", contract.in_words());
    let _ = writeln!(out, "  why:        {}", contract.why.trim());
    let _ = writeln!(out, "  instead:    {}", contract.instead.trim());
    let _ = writeln!(out, "  governs:    {}", or_nothing(&governed.join(", ")));
    let exceptions: Vec<String> = policy
        .exceptions
        .iter()
        .filter(|e| e.contract == contract.id)
        .map(|e| format!("{} until {} ({}): {}", e.from, e.expires, e.owner, e.reason))
        .collect();
    let _ = writeln!(out, "  exceptions: {}", or_nothing(&exceptions.join("; ")));
    Ok(out)
}

fn or_nothing(text: &str) -> &str {
    if text.is_empty() { "none" } else { text }
}

/// By package name, with or without `rok-`.
fn find<'a>(graph: &'a Graph, name: &str) -> Result<&'a Crate, AskError> {
    let full = format!("rok-{name}");
    graph
        .crates
        .get(name)
        .or_else(|| graph.crates.get(&full))
        .ok_or_else(|| {
            let score = |known: &str| {
                strsim::jaro_winkler(known, name).max(strsim::jaro_winkler(known, &full))
            };
            let near = graph
                .crates
                .keys()
                .max_by(|a, b| score(a).total_cmp(&score(b)));
            AskError::UnknownCrate {
                name: name.to_owned(),
                near: near.filter(|n| score(n) >= ALIKE).cloned(),
            }
        })
}

/// Breadth first over all kinds of edges; the manifest's order decides ties.
fn shortest(graph: &Graph, from: &str, to: &str) -> (Vec<String>, Vec<Place>) {
    let mut came_by: BTreeMap<&str, (&str, &Place)> = BTreeMap::new();
    let mut queue = VecDeque::from([from]);
    while let Some(at) = queue.pop_front() {
        if at == to {
            break;
        }
        for edge in graph.internal_edges().filter(|e| e.from == at) {
            if edge.to != from && !came_by.contains_key(edge.to.as_str()) {
                came_by.insert(&edge.to, (at, &edge.at));
                queue.push_back(&edge.to);
            }
        }
    }
    let (mut path, mut links) = (Vec::new(), Vec::new());
    let mut at = to;
    while let Some((before, place)) = came_by.get(at) {
        path.push(at.to_owned());
        links.push((*place).clone());
        at = before;
    }
    if path.is_empty() {
        return (path, links);
    }
    path.push(from.to_owned());
    path.reverse();
    links.reverse();
    (path, links)
}

impl Answer {
    /// Whether it may be a normal dependency.
    pub fn allowed(&self) -> bool {
        self.verdicts
            .iter()
            .any(|v| v.kind == EdgeKind::Normal && v.allowed)
    }

    /// The answer as a JSON object, with a line feed at its end.
    pub fn json(&self) -> String {
        let text = serde_json::to_string_pretty(self);
        text.expect("an answer has string keys and plain values") + "\n"
    }

    /// The answer for people.
    pub fn human(&self, policy: &Policy) -> String {
        let mut out = String::new();
        let _ = writeln!(out, "{} → {}", self.from, self.to);
        let mut told: Vec<&Contract> = Vec::new();
        for verdict in &self.verdicts {
            let word = if verdict.allowed {
                "allowed"
            } else {
                "forbidden"
            };
            let by = if verdict.allowed {
                String::new()
            } else {
                format!(" by {}", verdict.forbidden_by.join(", "))
            };
            let _ = writeln!(out, "  {:<7} {word}{by}", format!("{}:", verdict.kind));
            for contract in verdict
                .forbidden_by
                .iter()
                .filter_map(|id| policy.contract(id))
            {
                if !told.iter().any(|c| c.id == contract.id) {
                    told.push(contract);
                }
            }
        }
        for contract in told {
            let _ = writeln!(out, "  {}: {}", contract.id, contract.title);
            let _ = writeln!(out, "    why:     {}", contract.why.trim());
            let _ = writeln!(out, "    instead: {}", contract.instead.trim());
        }
        if self.path.is_empty() {
            let _ = writeln!(out, "  today:  no path");
        } else {
            let _ = writeln!(out, "  today:  {}", self.path.join(" → "));
            for link in &self.links {
                let _ = writeln!(out, "    {}:{}  {}", link.file, link.line, link.text);
            }
        }
        out
    }
}
