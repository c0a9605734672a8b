//! The self-test: puts forbidden things into a copy of the graph, one after the
//! other, and demands that their contract sees each. A contract that misses one
//! would pass for the wrong reason, so that is a fault of the policy.

use super::contract::{Contract, Probe, ProbeCrate, Rule};
use super::engine::violations;
use super::graph::{Claims, Crate, Edge, EdgeKind, Escape, Graph, Mention, Place};
use super::policy::Policy;
use super::report::SelfTest;

/// Injects for every contract. What is not caught goes to `faults`.
pub(super) fn run(graph: &Graph, policy: &Policy, faults: &mut Vec<String>) -> SelfTest {
    let base = graph.crates_only();
    let mut tally = SelfTest::default();
    for contract in &policy.contracts {
        for injection in injections(&base, policy, contract) {
            tally.injected += 1;
            let caught = violations(&injection.graph, policy, contract);
            if caught
                .iter()
                .any(|v| v.from == injection.culprit && v.to == injection.to)
            {
                tally.caught += 1;
            } else {
                faults.push(format!("{} does not catch {}", contract.id, injection.what));
            }
        }
    }
    tally
}

struct Injection {
    graph: Graph,
    culprit: String,
    to: Option<String>,
    what: String,
}

fn injections(base: &Graph, policy: &Policy, contract: &Contract) -> Vec<Injection> {
    match &contract.rule {
        Rule::Classified => vec![unclassified(base)],
        Rule::Folder => policy
            .layers
            .iter()
            .map(|floor| misplaced(base, policy, &floor.id))
            .collect(),
        Rule::Import { edges, probes, .. } => probes
            .iter()
            .filter_map(|p| Ends::of(base, p))
            .flat_map(|ends| edges.iter().flat_map(move |kind| ends.imports(base, *kind)))
            .collect(),
        Rule::Reexport { probes, .. } => probes
            .iter()
            .filter_map(|p| Ends::of(base, p))
            .map(|e| e.reexport(base))
            .collect(),
        Rule::NoStd { .. } => culprits(base, contract, policy)
            .map(|c| with_crate(base, c, "a crate with std"))
            .collect(),
        Rule::Paths { edges, paths, .. } => culprits(base, contract, policy)
            .flat_map(|c| {
                paths
                    .iter()
                    .map(move |p| path_use(base, c.clone(), p, edges[0]))
            })
            .collect(),
        Rule::Outside {
            edges, packages, ..
        } => culprits(base, contract, policy)
            .flat_map(|c| {
                packages
                    .iter()
                    .map(move |p| outside(base, c.clone(), p, edges[0]))
            })
            .collect(),
        Rule::OwnSources => vec![escape(base)],
    }
}

/// One crate that the contract governs, made up where none is there.
fn culprits<'a>(
    base: &'a Graph,
    contract: &'a Contract,
    policy: &'a Policy,
) -> impl Iterator<Item = Crate> + 'a {
    let real = base.crates.values().find(|c| contract.governs(c)).cloned();
    let made_up = policy.layers.iter().flat_map(|l| {
        l.roles
            .iter()
            .map(|r| made_up("self-test", &l.id, r, "self-test"))
    });
    real.into_iter()
        .chain(made_up)
        .filter(|c| contract.governs(c))
        .take(1)
}

fn made_up(name: &str, layer: &str, role: &str, domain: &str) -> Crate {
    Crate {
        name: format!("rok-{name}"),
        folder: format!("nowhere/{name}"),
        claims: Claims {
            layer: Some(layer.to_owned()),
            role: Some(role.to_owned()),
            domain: Some(domain.to_owned()),
        },
        no_std: false,
        root: None,
    }
}

fn here() -> Place {
    Place::new("self-test", 1, "")
}

/// The two crates of a probe; none if one is named and not there yet.
struct Ends {
    from: Crate,
    to: Crate,
}

impl Ends {
    fn of(base: &Graph, probe: &Probe) -> Option<Self> {
        Some(Self {
            from: end(base, &probe.from, "importer")?,
            to: end(base, &probe.to, "target")?,
        })
    }

    /// The edge in a manifest, and apart from it the path in a source.
    fn imports(&self, base: &Graph, kind: EdgeKind) -> [Injection; 2] {
        let (from, to) = (self.from.name.clone(), self.to.name.clone());
        let what = format!("{} importing {} ({kind})", self.from, self.to);
        let mut by_manifest = self.graph(base);
        by_manifest.edges.push(Edge {
            from: from.clone(),
            to: to.clone(),
            kind,
            at: here(),
        });
        let mut by_source = self.graph(base);
        by_source.mentions.push(self.mention(kind, false));
        [by_manifest, by_source].map(|graph| Injection {
            graph,
            culprit: from.clone(),
            to: Some(to.clone()),
            what: what.clone(),
        })
    }

    fn reexport(&self, base: &Graph) -> Injection {
        let mut graph = self.graph(base);
        graph.mentions.push(self.mention(EdgeKind::Normal, true));
        Injection {
            graph,
            culprit: self.from.name.clone(),
            to: Some(self.to.name.clone()),
            what: format!("{} re-exporting {}", self.from, self.to),
        }
    }

    fn graph(&self, base: &Graph) -> Graph {
        let mut graph = base.clone();
        graph.add(self.from.clone());
        graph.add(self.to.clone());
        graph
    }

    fn mention(&self, kind: EdgeKind, public: bool) -> Mention {
        Mention {
            from: self.from.name.clone(),
            to: self.to.name.clone(),
            path: format!("{}::Anything", self.to.name.replace('-', "_")),
            kind,
            public,
            at: here(),
        }
    }
}

fn end(base: &Graph, end: &ProbeCrate, place: &str) -> Option<Crate> {
    if let Some(name) = &end.name {
        return base.crates.get(name).cloned();
    }
    let word = |w: &Option<String>| w.clone().unwrap_or_else(|| "-".into());
    let domain = end
        .domain
        .clone()
        .unwrap_or_else(|| format!("self-test-{place}"));
    let name = format!("self-test-{place}");
    Some(made_up(&name, &word(&end.layer), &word(&end.role), &domain))
}

fn with_crate(base: &Graph, member: Crate, what: &str) -> Injection {
    let mut graph = base.clone();
    let culprit = member.name.clone();
    graph.add(Crate {
        no_std: false,
        ..member
    });
    Injection {
        graph,
        culprit,
        to: None,
        what: what.to_owned(),
    }
}

fn unclassified(base: &Graph) -> Injection {
    let member = Crate {
        claims: Claims::default(),
        ..made_up("self-test", "", "", "")
    };
    with_crate(base, member, "a crate without a class")
}

/// A crate that lives on `floor` and claims to be somewhere else.
fn misplaced(base: &Graph, policy: &Policy, floor: &str) -> Injection {
    let folder = policy.layer(floor).and_then(|l| l.folders.first());
    let folder = folder
        .map(|f| f.replace('*', "self-test"))
        .unwrap_or_default();
    let member = Crate {
        folder,
        ..made_up("self-test", "L0", "pure", "self-test")
    };
    with_crate(base, member, &format!("a crate of {floor} that claims L0"))
}

fn path_use(base: &Graph, member: Crate, path: &str, kind: EdgeKind) -> Injection {
    let what = format!("{member} naming {path}");
    let mut injection = with_crate(base, member, &what);
    injection.to = Some(path.to_owned());
    injection.graph.mentions.push(Mention {
        from: injection.culprit.clone(),
        to: path.split("::").next().unwrap_or(path).to_owned(),
        path: format!("{path}::anything"),
        kind,
        public: false,
        at: here(),
    });
    injection
}

fn outside(base: &Graph, member: Crate, package: &str, kind: EdgeKind) -> Injection {
    let what = format!("{member} depending on {package}");
    let mut injection = with_crate(base, member, &what);
    injection.to = Some(package.to_owned());
    injection.graph.edges.push(Edge {
        from: injection.culprit.clone(),
        to: package.to_owned(),
        kind,
        at: here(),
    });
    injection
}

fn escape(base: &Graph) -> Injection {
    let member = made_up("self-test", "L6", "library", "self-test");
    let mut injection = with_crate(base, member, "a crate that includes another's source");
    injection.to = Some("../other/src/lib.rs".into());
    injection.graph.escapes.push(Escape {
        from: injection.culprit.clone(),
        target: "../other/src/lib.rs".into(),
        at: here(),
    });
    injection
}
