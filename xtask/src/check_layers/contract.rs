//! One contract of `layers.toml`: what it forbids, why, and what to do instead.
//!
//! A contract is read strictly: a key that its kind does not know is refused,
//! so that no rule is weaker than it reads.

use serde::Deserialize;

use super::graph::{Crate, EdgeKind};
use super::selector::{Selector, any_matches, in_words};

/// A rule with its reason.
#[derive(Clone, Debug)]
pub struct Contract {
    /// `LYR` and three digits.
    pub id: String,
    /// The rule in one sentence.
    pub title: String,
    /// Why it stands.
    pub why: String,
    /// What to do in its place.
    pub instead: String,
    /// What is checked.
    pub rule: Rule,
}

/// What a contract checks.
#[derive(Clone, Debug)]
pub enum Rule {
    /// Every crate says its layer, role and domain, in words that the policy knows.
    Classified,
    /// A crate's folder is its layer, and its package is named after the folder.
    Folder,
    /// Who may import whom, by manifest and by source path.
    Import {
        /// The importers.
        from: Vec<Selector>,
        /// Which dependencies are looked at.
        edges: Vec<EdgeKind>,
        /// What is allowed, or what is forbidden.
        verdicts: Verdicts,
        /// Edges that must be caught.
        probes: Vec<Probe>,
    },
    /// What a crate may not re-export.
    Reexport {
        /// Who re-exports.
        from: Vec<Selector>,
        /// What may not be re-exported.
        forbid: Vec<Selector>,
        /// Re-exports that must be caught.
        probes: Vec<Probe>,
    },
    /// The library is `#![no_std]`.
    NoStd {
        /// Which crates.
        from: Vec<Selector>,
    },
    /// Paths that sources may not name.
    Paths {
        /// Which crates.
        from: Vec<Selector>,
        /// In which code.
        edges: Vec<EdgeKind>,
        /// The paths, each standing for all that is below it.
        paths: Vec<String>,
    },
    /// Third-party packages that may not be imported.
    Outside {
        /// Which crates.
        from: Vec<Selector>,
        /// Which dependencies are looked at.
        edges: Vec<EdgeKind>,
        /// The packages.
        packages: Vec<String>,
    },
    /// A crate compiles its own folder's sources only.
    OwnSources,
}

/// The two ways to write an import rule.
#[derive(Clone, Debug)]
pub enum Verdicts {
    /// Everything else is forbidden.
    Allow(Vec<Selector>),
    /// Everything else is left to other contracts.
    Forbid(Vec<Selector>),
}

/// An edge that the self-test injects and its contract must catch.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Probe {
    /// The importer.
    pub from: ProbeCrate,
    /// What it imports.
    pub to: ProbeCrate,
}

/// One end of a probe: a member by name, or a made-up crate by class.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ProbeCrate {
    /// A member.
    pub name: Option<String>,
    /// The layer of a made-up crate.
    pub layer: Option<String>,
    /// Its role.
    pub role: Option<String>,
    /// Its domain.
    pub domain: Option<String>,
}

/// A contract as the file has it, before its keys are checked against its kind.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RawContract {
    pub(super) id: String,
    title: String,
    kind: String,
    why: String,
    instead: String,
    from: Option<Vec<Selector>>,
    edges: Option<Vec<EdgeKind>>,
    allow: Option<Vec<Selector>>,
    forbid: Option<Vec<Selector>>,
    paths: Option<Vec<String>>,
    packages: Option<Vec<String>>,
    probes: Option<Vec<Probe>>,
}

impl RawContract {
    /// The contract, or every fault of it.
    pub(super) fn read(self) -> Result<Contract, Vec<String>> {
        let mut keys = Keys {
            raw: self,
            faults: Vec::new(),
        };
        keys.check_words();
        let kind = keys.raw.kind.clone();
        let rule = match kind.as_str() {
            "classified" => Some(Rule::Classified),
            "folder" => Some(Rule::Folder),
            "own-sources" => Some(Rule::OwnSources),
            "import" => Some(keys.import()),
            "reexport" => Some(Rule::Reexport {
                from: keys.from(),
                forbid: keys.take("forbid", |r| r.forbid.take()),
                probes: keys.take("probes", |r| r.probes.take()),
            }),
            "no-std" => Some(Rule::NoStd { from: keys.from() }),
            "paths" => Some(Rule::Paths {
                from: keys.from(),
                edges: keys.edges(),
                paths: keys.take("paths", |r| r.paths.take()),
            }),
            "outside" => Some(Rule::Outside {
                from: keys.from(),
                edges: keys.edges(),
                packages: keys.take("packages", |r| r.packages.take()),
            }),
            other => {
                keys.faults.push(format!("unknown kind `{other}`"));
                None
            }
        };
        keys.finish(rule)
    }
}

/// Takes keys one by one; what is left at the end does not belong to the kind.
struct Keys {
    raw: RawContract,
    faults: Vec<String>,
}

impl Keys {
    fn check_words(&mut self) {
        let digits = self.raw.id.strip_prefix("LYR").unwrap_or_default();
        if digits.len() != 3 || !digits.bytes().all(|b| b.is_ascii_digit()) {
            self.faults.push("an id is LYR and three digits".into());
        }
        let texts = [
            ("title", &self.raw.title),
            ("why", &self.raw.why),
            ("instead", &self.raw.instead),
        ];
        for (key, text) in texts {
            if text.trim().is_empty() {
                self.faults.push(format!("`{key}` is empty"));
            }
        }
    }

    fn take<T>(
        &mut self,
        key: &str,
        get: impl FnOnce(&mut RawContract) -> Option<Vec<T>>,
    ) -> Vec<T> {
        let list = get(&mut self.raw).unwrap_or_default();
        if list.is_empty() {
            self.faults.push(format!("`{key}` is missing or empty"));
        }
        list
    }

    fn from(&mut self) -> Vec<Selector> {
        let from = self.take("from", |r| r.from.take());
        if from
            .iter()
            .any(|s| !s.edges.is_empty() || s.domain.is_some())
        {
            self.faults
                .push("`from` has neither `edges` nor `domain`; they are a target's".into());
        }
        from
    }

    /// Absent means all three.
    fn edges(&mut self) -> Vec<EdgeKind> {
        match self.raw.edges.take() {
            None => EdgeKind::ALL.to_vec(),
            some => self.take("edges", |_| some),
        }
    }

    fn import(&mut self) -> Rule {
        let from = self.from();
        let edges = self.edges();
        let verdicts = match (self.raw.allow.take(), self.raw.forbid.take()) {
            (Some(allow), None) => Verdicts::Allow(self.take("allow", |_| Some(allow))),
            (None, Some(forbid)) => Verdicts::Forbid(self.take("forbid", |_| Some(forbid))),
            _ => {
                self.faults
                    .push("an import contract has either `allow` or `forbid`".into());
                Verdicts::Forbid(Vec::new())
            }
        };
        let probes = self.take("probes", |r| r.probes.take());
        Rule::Import {
            from,
            edges,
            verdicts,
            probes,
        }
    }

    fn finish(mut self, rule: Option<Rule>) -> Result<Contract, Vec<String>> {
        let raw = &self.raw;
        let left = [
            ("from", raw.from.is_some()),
            ("edges", raw.edges.is_some()),
            ("allow", raw.allow.is_some()),
            ("forbid", raw.forbid.is_some()),
            ("paths", raw.paths.is_some()),
            ("packages", raw.packages.is_some()),
            ("probes", raw.probes.is_some()),
        ];
        for (key, is_left) in left {
            if is_left && rule.is_some() {
                self.faults
                    .push(format!("a `{}` contract has no `{key}`", raw.kind));
            }
        }
        match rule {
            Some(rule) if self.faults.is_empty() => {
                let RawContract {
                    id,
                    title,
                    why,
                    instead,
                    ..
                } = self.raw;
                Ok(Contract {
                    id,
                    title,
                    why,
                    instead,
                    rule,
                })
            }
            _ => Err(self
                .faults
                .iter()
                .map(|f| format!("{}: {f}", self.raw.id))
                .collect()),
        }
    }
}

impl Contract {
    /// Whether it is about what `importer` does.
    pub fn governs(&self, importer: &Crate) -> bool {
        match &self.rule {
            Rule::Classified | Rule::Folder | Rule::OwnSources => true,
            Rule::Import { from, .. }
            | Rule::Reexport { from, .. }
            | Rule::NoStd { from }
            | Rule::Paths { from, .. }
            | Rule::Outside { from, .. } => any_matches(from, importer, importer),
        }
    }

    /// Whether it forbids that `importer` depends on `target` in this way.
    pub fn forbids_import(&self, importer: &Crate, target: &Crate, kind: EdgeKind) -> bool {
        let Rule::Import {
            edges, verdicts, ..
        } = &self.rule
        else {
            return false;
        };
        self.governs(importer)
            && edges.contains(&kind)
            && match verdicts {
                Verdicts::Allow(allow) => {
                    !allow.iter().any(|s| s.matches_edge(importer, target, kind))
                }
                Verdicts::Forbid(forbid) => forbid
                    .iter()
                    .any(|s| s.matches_edge(importer, target, kind)),
            }
    }

    /// Whether it forbids that `importer` re-exports something of `target`.
    pub fn forbids_reexport(&self, importer: &Crate, target: &Crate) -> bool {
        let Rule::Reexport { forbid, .. } = &self.rule else {
            return false;
        };
        self.governs(importer) && any_matches(forbid, importer, target)
    }

    /// Every selector of it.
    pub fn selectors(&self) -> Vec<&Selector> {
        match &self.rule {
            Rule::Classified | Rule::Folder | Rule::OwnSources => Vec::new(),
            Rule::Import {
                from,
                verdicts: Verdicts::Allow(to) | Verdicts::Forbid(to),
                ..
            }
            | Rule::Reexport {
                from, forbid: to, ..
            } => from.iter().chain(to).collect(),
            Rule::NoStd { from } | Rule::Paths { from, .. } | Rule::Outside { from, .. } => {
                from.iter().collect()
            }
        }
    }

    /// The probes that the file gives it.
    pub fn probes(&self) -> &[Probe] {
        match &self.rule {
            Rule::Import { probes, .. } | Rule::Reexport { probes, .. } => probes,
            _ => &[],
        }
    }

    /// The rule in words, for `explain`.
    pub fn in_words(&self) -> String {
        let kinds = |edges: &[EdgeKind]| {
            let words: Vec<&str> = edges.iter().map(|e| e.as_str()).collect();
            words.join(", ")
        };
        match &self.rule {
            Rule::Classified => {
                "every crate: layer, role and domain in `[package.metadata.layer]`".into()
            }
            Rule::Folder => {
                "every crate: the folder is the layer, the package is named after it".into()
            }
            Rule::OwnSources => {
                "every crate: no `#[path]` or `include!` that leaves its folder".into()
            }
            Rule::Import {
                from,
                edges,
                verdicts: Verdicts::Allow(allow),
                ..
            } => {
                format!(
                    "{} may import only {} ({})",
                    in_words(from),
                    in_words(allow),
                    kinds(edges)
                )
            }
            Rule::Import {
                from,
                edges,
                verdicts: Verdicts::Forbid(forbid),
                ..
            } => {
                format!(
                    "{} may never import {} ({})",
                    in_words(from),
                    in_words(forbid),
                    kinds(edges)
                )
            }
            Rule::Reexport { from, forbid, .. } => {
                format!(
                    "{} may never re-export {}",
                    in_words(from),
                    in_words(forbid)
                )
            }
            Rule::NoStd { from } => format!("{}: `#![no_std]`", in_words(from)),
            Rule::Paths { from, edges, paths } => {
                format!(
                    "{} may never name {} ({})",
                    in_words(from),
                    paths.join(", "),
                    kinds(edges)
                )
            }
            Rule::Outside {
                from,
                edges,
                packages,
            } => format!(
                "{} may never depend on {} ({})",
                in_words(from),
                packages.join(", "),
                kinds(edges)
            ),
        }
    }
}
