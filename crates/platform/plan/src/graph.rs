//! The steps' edges: names to indices, cycles, and who comes before whom. All
//! of it is linear in steps and edges.

use alloc::collections::{BTreeMap, BTreeSet};
use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;
use core::ops::Range;

use rok_vocabulary::StepId;

mod fallback;

use crate::decode::twice;
use crate::fault::{FaultCode, Finding, Findings, quoted};
use crate::model::Order;
use crate::nearest::Nearest;
use crate::tree::{Entry, Node};

/// A longer cycle is shown by its two ends.
const SHOWN_CYCLE: usize = 1000;

/// The edges of a plan, by the steps' indices.
#[derive(Debug)]
pub(crate) struct Graph {
    needs: Vec<Vec<usize>>,
    after: Vec<Vec<usize>>,
    fallback: Vec<Option<usize>>,
    /// What a step waits for besides: the step that it stands in for, and what
    /// stands in for the steps that it waits for.
    implied: Vec<Vec<usize>>,
    /// Every step after what comes before it; `None` when there is a cycle.
    topological: Option<Vec<usize>>,
}

impl Graph {
    /// Reads `needs` and `after` of every step, adds the edges of a sequential
    /// order, and looks for cycles.
    pub(crate) fn build(
        entries: &[Entry],
        order: Order,
        findings: &mut Findings,
        nearest: &Nearest,
    ) -> Self {
        let index: BTreeMap<&str, usize> = entries
            .iter()
            .enumerate()
            .map(|(at, entry)| (entry.key.as_str(), at))
            .collect();
        let mut reader = Reader {
            index: &index,
            entries,
            findings,
            nearest,
        };
        let fallback = reader.fallbacks();
        let (mut needs, mut after) = (Vec::new(), Vec::new());
        for at in 0..entries.len() {
            let mut seen = BTreeMap::new();
            needs.push(reader.list(at, "needs", &mut seen));
            after.push(reader.list(at, "after", &mut seen));
            let stands_in = at > 0 && fallback[at - 1] == Some(at);
            if order == Order::Sequential && at > 0 && !stands_in && !seen.contains_key(&(at - 1)) {
                after[at].push(at - 1);
            }
        }
        let mut graph = Self {
            implied: fallback::implied(&needs, &after, &fallback),
            needs,
            after,
            fallback,
            topological: None,
        };
        let search = graph.search();
        for cycle in &search.cycles {
            findings.push(graph.describe(cycle, entries, order));
        }
        graph.topological = search.cycles.is_empty().then_some(search.finished);
        graph
    }

    /// The steps that must have succeeded, in file order.
    pub(crate) fn needs(&self, at: usize) -> &[usize] {
        &self.needs[at]
    }

    /// The steps that must have finished, in file order.
    pub(crate) fn after(&self, at: usize) -> &[usize] {
        &self.after[at]
    }

    /// The step that runs instead when this one fails.
    pub(crate) fn fallback(&self, at: usize) -> Option<usize> {
        self.fallback[at]
    }

    fn before(&self, at: usize) -> impl Iterator<Item = usize> {
        let edges = self.needs[at].iter().chain(&self.after[at]);
        edges.chain(&self.implied[at]).copied()
    }

    fn before_nth(&self, at: usize, n: usize) -> Option<usize> {
        let (needs, after) = (&self.needs[at], &self.after[at]);
        let listed = needs.len() + after.len();
        if n < needs.len() {
            Some(needs[n])
        } else if n < listed {
            Some(after[n - needs.len()])
        } else {
            self.implied[at].get(n - listed).copied()
        }
    }

    /// Which of these pairs (step, other) hold a step and one that comes
    /// before it, directly or not. All of them do when there is a cycle: that
    /// is the fault to mend first.
    pub(crate) fn ancestors(&self, queries: BTreeSet<(usize, usize)>) -> BTreeSet<(usize, usize)> {
        let Some(topological) = &self.topological else {
            return queries;
        };
        let (mut found, open): (BTreeSet<_>, BTreeSet<_>) = queries
            .into_iter()
            .partition(|(step, other)| self.before(*step).any(|before| before == *other));
        let mut by_target: BTreeMap<usize, Vec<usize>> = BTreeMap::new();
        for (step, other) in open {
            by_target.entry(other).or_default().push(step);
        }
        let targets: Vec<usize> = by_target.keys().copied().collect();
        let mut bit = alloc::vec![0_u64; self.needs.len()];
        let mut reached = alloc::vec![0_u64; self.needs.len()];
        for batch in targets.chunks(64) {
            for (n, target) in batch.iter().enumerate() {
                bit[*target] = 1 << n;
            }
            for &step in topological {
                reached[step] = self
                    .before(step)
                    .fold(0, |all, before| all | reached[before] | bit[before]);
            }
            for (n, target) in batch.iter().enumerate() {
                let steps = by_target.get(target).into_iter().flatten();
                found.extend(
                    steps
                        .filter(|step| reached[**step] >> n & 1 == 1)
                        .map(|step| (*step, *target)),
                );
                bit[*target] = 0;
            }
        }
        found
    }

    /// Depth first, without recursion: 10,000 steps in a row are no reason to
    /// overflow a stack.
    fn search(&self) -> Search {
        let mut search = Search {
            finished: Vec::new(),
            cycles: Vec::new(),
        };
        let mut state = alloc::vec![State::New; self.needs.len()];
        for root in 0..self.needs.len() {
            if state[root] != State::New {
                continue;
            }
            let mut path = alloc::vec![(root, 0)];
            state[root] = State::Open;
            while let Some((step, next)) = path.last_mut() {
                let step = *step;
                let Some(before) = self.before_nth(step, *next) else {
                    state[step] = State::Done;
                    search.finished.push(step);
                    path.pop();
                    continue;
                };
                *next += 1;
                match state[before] {
                    State::New => {
                        state[before] = State::Open;
                        path.push((before, 0));
                    }
                    State::Open => {
                        let start = path
                            .iter()
                            .position(|(step, _)| *step == before)
                            .unwrap_or(0);
                        search
                            .cycles
                            .push(path[start..].iter().map(|(step, _)| *step).collect());
                        // Once a step is in a cycle that was told, another one
                        // through it tells nothing new.
                        for (step, _) in &path[start..] {
                            state[*step] = State::Told;
                        }
                    }
                    State::Told | State::Done => {}
                }
            }
        }
        search
    }

    fn describe(&self, cycle: &[usize], entries: &[Entry], order: Order) -> Finding {
        let Some(&first) = cycle.iter().min() else {
            return Finding::new(FaultCode::Cycle, 0..0, "the steps wait for each other");
        };
        let turn = cycle.iter().position(|step| *step == first).unwrap_or(0);
        let names: Vec<&str> = cycle[turn..]
            .iter()
            .chain(&cycle[..=turn])
            .map(|step| entries[*step].key.as_str())
            .collect();
        let shown = if names.len() > SHOWN_CYCLE {
            let (head, tail) = (
                &names[..SHOWN_CYCLE / 2],
                &names[names.len() - SHOWN_CYCLE / 2..],
            );
            format!(
                "{} → ({} more) → {}",
                head.join(" → "),
                names.len() - SHOWN_CYCLE,
                tail.join(" → ")
            )
        } else {
            names.join(" → ")
        };
        let span = edge(&entries[first], names[1]);
        let hint = match order {
            Order::Sequential if self.needs.len() > 1 => {
                "each step waits for the one after the arrow, and by `order: sequential` for the one above it: remove one edge"
            }
            _ => "each step waits for the one after the arrow: remove one edge",
        };
        Finding::new(
            FaultCode::Cycle,
            span,
            format!("the steps wait for each other: {shown}"),
        )
        .hint(hint)
    }
}

/// Where a step names another; its id, where the edge is implied.
fn edge(entry: &Entry, other: &str) -> Range<usize> {
    ["needs", "after"]
        .iter()
        .filter_map(|key| entry.node.get(key)?.list())
        .flatten()
        .map(|item| &**item)
        .chain(entry.node.get("fallback"))
        .find(|item| item.text() == Some(other))
        .map_or_else(|| entry.span.clone(), |item| item.span.clone())
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum State {
    New,
    Open,
    Told,
    Done,
}

struct Search {
    finished: Vec<usize>,
    cycles: Vec<Vec<usize>>,
}

struct Reader<'a> {
    index: &'a BTreeMap<&'a str, usize>,
    entries: &'a [Entry],
    findings: &'a mut Findings,
    nearest: &'a Nearest,
}

impl<'a> Reader<'a> {
    /// One list of edges. `seen` holds what the step's lists named so far.
    fn list(
        &mut self,
        at: usize,
        key: &'static str,
        seen: &mut BTreeMap<usize, (&'static str, &'a Range<usize>)>,
    ) -> Vec<usize> {
        let entry = &self.entries[at];
        let items = entry.node.get(key).and_then(Node::list).unwrap_or(&[]);
        let mut edges = Vec::new();
        for item in items {
            let Some(text) = item.text() else { continue };
            let Some(&other) = self.index.get(text) else {
                self.unknown(text, item);
                continue;
            };
            if other == at {
                let message = format!("step {} waits for itself", quoted(text));
                let finding = Finding::new(FaultCode::Cycle, item.span.clone(), message);
                self.findings.push(finding.hint("remove it"));
            } else if let Some((list, first)) = seen.get(&other) {
                let list = if *list == key {
                    format!("`{key}`")
                } else {
                    String::from("`needs` and `after`")
                };
                self.findings.push(twice(text, &list, item, first));
            } else {
                seen.insert(other, (key, &item.span));
                edges.push(other);
            }
        }
        edges
    }

    fn unknown(&mut self, text: &str, item: &Node) {
        if text.parse::<StepId>().is_err() {
            return; // the shape has said so
        }
        let near = self.nearest.of(text, self.index.keys().copied());
        let hint = near.map(|near| format!("did you mean {}?", quoted(near)));
        let message = format!("there is no step {}", quoted(text));
        self.findings.push(
            Finding::new(FaultCode::UnknownName, item.span.clone(), message).maybe_hint(hint),
        );
    }
}

#[cfg(test)]
mod tests;
