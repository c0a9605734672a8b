//! The check itself: each contract against the graph, exceptions, vacuity, and
//! the self-test, in one pass without side effects.

use std::collections::BTreeMap;

use super::contract::{Contract, Rule};
use super::date::Date;
use super::graph::{Crate, EdgeKind, Graph, Place};
use super::policy::{Exception, Policy};
use super::report::{
    ContractResult, ExceptionResult, ExceptionState, LookedAt, Report, Status, Violation,
};
use super::selector::Selector;
use super::selftest;

/// Holds `graph` against `policy`. `today` dates the exceptions; it may be
/// absent only where there is none.
pub fn check(graph: &Graph, policy: &Policy, today: Option<Date>) -> Report {
    let mut faults = Vec::new();
    for file in &graph.unreadable {
        faults.push(format!(
            "{}: {}; nothing can be said about it",
            file.file, file.cause
        ));
    }
    check_names(graph, policy, &mut faults);

    let mut found: Vec<Vec<Violation>> = policy
        .contracts
        .iter()
        .map(|c| violations(graph, policy, c))
        .collect();
    let exceptions = excuse(policy, today, &mut found, &mut faults);

    let mut contracts = Vec::new();
    for (contract, violations) in policy.contracts.iter().zip(found) {
        let crates = graph
            .crates
            .values()
            .filter(|c| contract.governs(c))
            .count();
        let status = if !violations.is_empty() {
            Status::Violations
        } else if crates > 0 {
            Status::Clean
        } else {
            if !waits(policy, contract) {
                faults.push(format!(
                    "{} can match nothing: no crate is {}",
                    contract.id,
                    contract.in_words()
                ));
            }
            Status::Idle
        };
        contracts.push(ContractResult {
            id: contract.id.clone(),
            title: contract.title.clone(),
            why: contract.why.clone(),
            instead: contract.instead.clone(),
            status,
            crates,
            violations,
        });
    }
    let self_test = selftest::run(graph, policy, &mut faults);
    finish(
        graph,
        policy,
        today,
        Parts {
            contracts,
            exceptions,
            self_test,
            faults,
        },
    )
}

struct Parts {
    contracts: Vec<ContractResult>,
    exceptions: Vec<ExceptionResult>,
    self_test: super::report::SelfTest,
    faults: Vec<String>,
}

fn finish(graph: &Graph, policy: &Policy, today: Option<Date>, parts: Parts) -> Report {
    let Parts {
        contracts,
        exceptions,
        self_test,
        faults,
    } = parts;
    let count = |status| contracts.iter().filter(|c| c.status == status).count();
    let (passed, failed, idle) = (
        count(Status::Clean),
        count(Status::Violations),
        count(Status::Idle),
    );
    let status = if !faults.is_empty() {
        Status::BadPolicy
    } else if failed > 0 {
        Status::Violations
    } else if exceptions.iter().any(|e| e.state != ExceptionState::InUse) {
        Status::StaleException
    } else {
        Status::Clean
    };
    let internal = graph.internal_edges().count();
    Report {
        status,
        exit_code: status.exit_code(),
        passed,
        failed,
        idle,
        contracts,
        exceptions,
        self_test,
        faults,
        notes: notes(graph, policy),
        looked_at: LookedAt {
            crates: graph.crates.len(),
            edges: internal,
            outside_edges: graph.edges.len() - internal,
            files: graph.files,
            paths: graph.mentions.len(),
            today,
        },
    }
}

/// A contract that names a crate which is neither there nor planned is a typo.
fn check_names(graph: &Graph, policy: &Policy, faults: &mut Vec<String>) {
    for contract in &policy.contracts {
        let probes = contract.probes().iter().flat_map(|p| [&p.from, &p.to]);
        let named = contract.selectors().into_iter().flat_map(Selector::names);
        for name in named.chain(probes.filter_map(|p| p.name.as_ref())) {
            if !graph.crates.contains_key(name) && !policy.planned.crates.contains(name) {
                faults.push(format!(
                    "{} names {name}, which is neither a crate nor planned",
                    contract.id
                ));
            }
        }
    }
}

/// Whether a contract that governs no crate may wait for one.
fn waits(policy: &Policy, contract: &Contract) -> bool {
    let planned_role = |role: &String| {
        let mut floors = policy
            .planned
            .layers
            .iter()
            .filter_map(|id| policy.layer(id));
        floors.any(|l| l.roles.contains(role))
    };
    contract.selectors().into_iter().any(|s| {
        s.name.iter().any(|n| policy.planned.crates.contains(n))
            || s.layer.iter().any(|l| policy.planned.layers.contains(l))
            || (s.layer.is_empty() && s.role.iter().any(planned_role))
    })
}

/// What is planned and has come.
fn notes(graph: &Graph, policy: &Policy) -> Vec<String> {
    let crates = policy
        .planned
        .crates
        .iter()
        .filter(|n| graph.crates.contains_key(*n));
    let layers = policy
        .planned
        .layers
        .iter()
        .filter(|l| graph.crates.values().any(|c| c.layer() == l.as_str()));
    crates
        .chain(layers)
        .map(|name| format!("{name} is there now: take it out of `planned`"))
        .collect()
}

/// Moves what an exception covers out of `found`.
fn excuse(
    policy: &Policy,
    today: Option<Date>,
    found: &mut [Vec<Violation>],
    faults: &mut Vec<String>,
) -> Vec<ExceptionResult> {
    if today.is_none() && !policy.exceptions.is_empty() {
        faults.push("there are exceptions, and no day to compare their expiry with".into());
    }
    let mut results = Vec::new();
    for exception in &policy.exceptions {
        let mut covers = Vec::new();
        for (contract, violations) in policy.contracts.iter().zip(found.iter_mut()) {
            if contract.id == exception.contract {
                covers.extend(violations.extract_if(.., |v| exception.covers(v)));
            }
        }
        let state = if covers.is_empty() {
            ExceptionState::Unused
        } else if today.is_some_and(|day| day > exception.expires) {
            ExceptionState::Expired
        } else {
            ExceptionState::InUse
        };
        let Exception {
            contract,
            from,
            to,
            reason,
            owner,
            expires,
        } = exception.clone();
        results.push(ExceptionResult {
            contract,
            from,
            to,
            reason,
            owner,
            expires,
            state,
            covers,
        });
    }
    results
}

impl Exception {
    fn covers(&self, violation: &Violation) -> bool {
        violation.from == self.from && violation.to == self.to
    }
}

/// Everything in `graph` that breaks `contract`.
pub(super) fn violations(graph: &Graph, policy: &Policy, contract: &Contract) -> Vec<Violation> {
    match &contract.rule {
        Rule::Classified => graph
            .crates
            .values()
            .filter_map(|c| unclassified(policy, c))
            .collect(),
        Rule::Folder => graph
            .crates
            .values()
            .filter_map(|c| misplaced(policy, c))
            .collect(),
        Rule::Import { .. } => imports(graph, contract),
        Rule::Reexport { .. } => reexports(graph, contract),
        Rule::NoStd { .. } => governed(graph, contract)
            .filter(|c| !c.no_std)
            .map(has_std)
            .collect(),
        Rule::Paths { edges, paths, .. } => forbidden_paths(graph, contract, edges, paths),
        Rule::Outside {
            edges, packages, ..
        } => outside(graph, contract, edges, packages),
        Rule::OwnSources => escapes(graph),
    }
}

fn governed<'a>(graph: &'a Graph, contract: &'a Contract) -> impl Iterator<Item = &'a Crate> {
    graph.crates.values().filter(|c| contract.governs(c))
}

fn manifest(member: &Crate) -> Place {
    Place::new(
        format!("{}/Cargo.toml", member.folder),
        1,
        "[package.metadata.layer]",
    )
}

fn unclassified(policy: &Policy, member: &Crate) -> Option<Violation> {
    let claims = &member.claims;
    let what = match (&claims.layer, &claims.role, &claims.domain) {
        (Some(layer), Some(role), Some(domain)) => match policy.layer(layer) {
            None => format!("layer `{layer}` is not a floor of the house"),
            Some(floor) if !floor.roles.contains(role) => {
                format!(
                    "{layer} has the roles {}, not `{role}`",
                    floor.roles.join(", ")
                )
            }
            Some(_) if domain.trim().is_empty() => "the domain is empty".to_owned(),
            Some(_) => return None,
        },
        (layer, role, domain) => {
            let keys = [("layer", layer), ("role", role), ("domain", domain)];
            let missing: Vec<&str> = keys
                .iter()
                .filter(|(_, v)| v.is_none())
                .map(|(k, _)| *k)
                .collect();
            format!("it says no {}", missing.join(", no "))
        }
    };
    Some(Violation {
        from: member.name.clone(),
        to: None,
        what,
        places: vec![manifest(member)],
    })
}

fn misplaced(policy: &Policy, member: &Crate) -> Option<Violation> {
    let expected = policy.package_name(&member.folder);
    let what = match policy.layer_of_folder(&member.folder) {
        None => format!("{} is a folder of no floor", member.folder),
        Some(floor) if floor.id != member.layer() => format!(
            "{} is a folder of {} {}, and the metadata says {}",
            member.folder,
            floor.id,
            floor.name,
            member.layer()
        ),
        Some(_) if expected != member.name => {
            format!("the package in {} is named {expected}", member.folder)
        }
        Some(_) => return None,
    };
    Some(Violation {
        from: member.name.clone(),
        to: None,
        what,
        places: vec![manifest(member)],
    })
}

fn has_std(member: &Crate) -> Violation {
    Violation {
        from: member.name.clone(),
        to: None,
        what: format!("{member} is not `#![no_std]`"),
        places: vec![member.root.clone().unwrap_or_else(|| manifest(member))],
    }
}

/// Violations by pair, so that one edge with many uses is one finding.
struct ByPair<'a>(BTreeMap<(&'a str, &'a str), Violation>);

impl<'a> ByPair<'a> {
    fn add(&mut self, from: &'a str, to: &'a str, at: &Place, what: impl FnOnce() -> String) {
        let entry = self.0.entry((from, to)).or_insert_with(|| Violation {
            from: from.to_owned(),
            to: Some(to.to_owned()),
            what: what(),
            places: Vec::new(),
        });
        if !entry.places.contains(at) {
            entry.places.push(at.clone());
        }
    }

    fn done(self) -> Vec<Violation> {
        self.0.into_values().collect()
    }
}

fn imports(graph: &Graph, contract: &Contract) -> Vec<Violation> {
    let mut pairs = ByPair(BTreeMap::new());
    let edges = graph.edges.iter().map(|e| (&e.from, &e.to, e.kind, &e.at));
    let paths = graph
        .mentions
        .iter()
        .map(|m| (&m.from, &m.to, m.kind, &m.at));
    for (from, to, kind, at) in edges.chain(paths) {
        let (Some(importer), Some(target)) = (graph.crates.get(from), graph.crates.get(to)) else {
            continue;
        };
        if from != to && contract.forbids_import(importer, target, kind) {
            pairs.add(from, to, at, || {
                format!("{importer} imports {target} ({kind})")
            });
        }
    }
    pairs.done()
}

fn reexports(graph: &Graph, contract: &Contract) -> Vec<Violation> {
    let mut pairs = ByPair(BTreeMap::new());
    for mention in graph
        .mentions
        .iter()
        .filter(|m| m.public && m.kind != EdgeKind::Dev)
    {
        let ends = (
            graph.crates.get(&mention.from),
            graph.crates.get(&mention.to),
        );
        let (Some(importer), Some(target)) = ends else {
            continue;
        };
        if mention.from != mention.to && contract.forbids_reexport(importer, target) {
            pairs.add(&mention.from, &mention.to, &mention.at, || {
                format!("{importer} re-exports {target}")
            });
        }
    }
    pairs.done()
}

fn forbidden_paths(
    graph: &Graph,
    contract: &Contract,
    edges: &[EdgeKind],
    paths: &[String],
) -> Vec<Violation> {
    let mut pairs = ByPair(BTreeMap::new());
    for mention in graph.mentions.iter().filter(|m| edges.contains(&m.kind)) {
        let Some(member) = graph
            .crates
            .get(&mention.from)
            .filter(|c| contract.governs(c))
        else {
            continue;
        };
        if let Some(path) = paths.iter().find(|p| is_under(&mention.path, p)) {
            pairs.add(&mention.from, path, &mention.at, || {
                format!("{member} names `{path}`")
            });
        }
    }
    pairs.done()
}

fn is_under(path: &str, prefix: &str) -> bool {
    path.strip_prefix(prefix)
        .is_some_and(|rest| rest.is_empty() || rest.starts_with("::"))
}

fn outside(
    graph: &Graph,
    contract: &Contract,
    edges: &[EdgeKind],
    packages: &[String],
) -> Vec<Violation> {
    let mut pairs = ByPair(BTreeMap::new());
    for edge in graph.edges.iter().filter(|e| edges.contains(&e.kind)) {
        let Some(member) = graph.crates.get(&edge.from).filter(|c| contract.governs(c)) else {
            continue;
        };
        if packages.contains(&edge.to) {
            pairs.add(&edge.from, &edge.to, &edge.at, || {
                format!("{member} depends on {} ({})", edge.to, edge.kind)
            });
        }
    }
    pairs.done()
}

fn escapes(graph: &Graph) -> Vec<Violation> {
    let mut pairs = ByPair(BTreeMap::new());
    for escape in &graph.escapes {
        pairs.add(&escape.from, &escape.target, &escape.at, || {
            format!(
                "{} compiles {}, which is outside its folder",
                escape.from, escape.target
            )
        });
    }
    pairs.done()
}
