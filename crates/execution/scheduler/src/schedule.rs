//! What is ready and what is doomed, as results come in.

use crate::graph::{Graph, LANES};
use alloc::collections::{BTreeSet, BinaryHeap, VecDeque};
use alloc::vec;
use alloc::vec::Vec;
use core::cmp::Reverse;

/// Why a node will not run.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Doom {
    /// What it needs was skipped, and no failure is behind that.
    Skip,
    /// What it needs failed, or was skipped because of a failure.
    Failure,
    /// The node that it stands in for did not fail.
    Unneeded,
}

/// How a node finished.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Finish {
    /// It succeeded.
    Succeeded,
    /// It failed for good.
    Failed,
    /// It was skipped.
    Skipped(Doom),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Node {
    Waiting,
    Offered,
    Taken,
    Finished,
}

/// The progress of one run through a [`Graph`].
#[derive(Debug, Clone)]
pub struct Schedule {
    waiting: Vec<u32>,
    nodes: Vec<Node>,
    doom: Vec<Option<Doom>>,
    ready: [BinaryHeap<Reverse<u32>>; LANES],
    doomed: VecDeque<u32>,
    /// Fallbacks whose turn has come.
    released: BTreeSet<u32>,
    unfinished: usize,
}

impl Schedule {
    /// A run at its start: nodes without parents are ready.
    #[must_use]
    pub fn new(graph: &Graph) -> Self {
        let mut schedule = Self {
            waiting: graph.parents().to_vec(),
            nodes: vec![Node::Waiting; graph.len()],
            doom: vec![None; graph.len()],
            ready: Default::default(),
            doomed: VecDeque::new(),
            released: BTreeSet::new(),
            unfinished: graph.len(),
        };
        for node in 0..graph.len() as u32 {
            schedule.offer_if_free(graph, node);
        }
        schedule
    }

    /// Takes the first ready node, by declaration order, whose lane is open.
    pub fn pop_ready(&mut self, graph: &Graph, open: impl Fn(usize) -> bool) -> Option<u32> {
        let node = self.next_ready(open)?;
        self.take(graph, node);
        Some(node)
    }

    /// The node that [`pop_ready`](Self::pop_ready) would take.
    pub fn next_ready(&mut self, open: impl Fn(usize) -> bool) -> Option<u32> {
        let nodes = &self.nodes;
        (0..LANES)
            .filter(|lane| open(*lane))
            .filter_map(|lane| {
                let heap = &mut self.ready[lane];
                // What was taken out of order is dropped once it comes up.
                while heap
                    .peek()
                    .is_some_and(|r| nodes[r.0 as usize] != Node::Offered)
                {
                    heap.pop();
                }
                heap.peek().map(|r| r.0)
            })
            .min()
    }

    /// Takes one ready node. False, and nothing changes, where it is not ready.
    pub fn take(&mut self, graph: &Graph, node: u32) -> bool {
        if self.nodes[node as usize] != Node::Offered {
            return false;
        }
        self.nodes[node as usize] = Node::Taken;
        let heap = &mut self.ready[graph.lane(node)];
        if heap.peek() == Some(&Reverse(node)) {
            heap.pop();
        }
        true
    }

    /// Makes a taken node ready again: a retry is due, or a gate was opened.
    pub fn offer_again(&mut self, graph: &Graph, node: u32) {
        if self.nodes[node as usize] == Node::Taken {
            self.nodes[node as usize] = Node::Offered;
            self.ready[graph.lane(node)].push(Reverse(node));
        }
    }

    /// Takes a node that must be skipped, with the reason. Each is given once.
    pub fn pop_doomed(&mut self) -> Option<(u32, Doom)> {
        while let Some(node) = self.doomed.pop_front() {
            if self.nodes[node as usize] != Node::Finished {
                let doom = self.doom[node as usize].expect("a doomed node has a reason");
                return Some((node, doom));
            }
        }
        None
    }

    /// Records how a node finished. Finishing it again changes nothing.
    pub fn finish(&mut self, graph: &Graph, node: u32, how: Finish) {
        if self.nodes[node as usize] == Node::Finished {
            return;
        }
        self.nodes[node as usize] = Node::Finished;
        self.unfinished -= 1;
        let doom = match how {
            Finish::Succeeded => None,
            Finish::Failed => Some(Doom::Failure),
            Finish::Skipped(doom) => Some(doom),
        };
        if let Some(stand_in) = graph.fallback(node) {
            self.not_needed(stand_in);
        }
        for &(to, needs) in graph.dependents(node) {
            self.waiting[to as usize] -= 1;
            if self.nodes[to as usize] == Node::Finished {
                continue;
            }
            if let Some(doom) = doom.filter(|_| needs) {
                let before = self.doom[to as usize];
                self.doom[to as usize] = before.max(Some(doom));
                if before.is_none() {
                    self.doomed.push_back(to);
                }
            }
            self.offer_if_free(graph, to);
        }
    }

    /// A node failed: its fallback may start, once what it needs is there.
    pub fn release(&mut self, graph: &Graph, fallback: u32) {
        if self.released.insert(fallback) {
            self.waiting[fallback as usize] -= 1;
            self.offer_if_free(graph, fallback);
        }
    }

    /// A node is finished, and its fallback had no turn.
    fn not_needed(&mut self, fallback: u32) {
        let open = self.nodes[fallback as usize] == Node::Waiting;
        if open && !self.released.contains(&fallback) {
            self.doom[fallback as usize] = Some(Doom::Unneeded);
            self.doomed.push_back(fallback);
        }
    }

    fn offer_if_free(&mut self, graph: &Graph, node: u32) {
        let at = node as usize;
        if self.waiting[at] == 0 && self.nodes[at] == Node::Waiting && self.doom[at].is_none() {
            self.nodes[at] = Node::Offered;
            self.ready[graph.lane(node)].push(Reverse(node));
        }
    }

    /// How many nodes are neither finished nor skipped.
    #[must_use]
    pub const fn unfinished(&self) -> usize {
        self.unfinished
    }

    /// Whether a node waits for parents that are not finished.
    #[must_use]
    pub fn is_blocked(&self, node: u32) -> bool {
        self.nodes[node as usize] == Node::Waiting
    }
}

#[cfg(test)]
mod tests;
