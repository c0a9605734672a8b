//! The DAG: dependents by node, as two flat arrays.

use alloc::collections::BTreeMap;
use alloc::vec;
use alloc::vec::Vec;

/// How many kinds of work have parallelism limits of their own.
pub const LANES: usize = 2;

/// An edge between two nodes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Edge {
    from: u32,
    to: u32,
    needs: bool,
}

impl Edge {
    /// `to` runs only if `from` succeeded.
    #[must_use]
    pub const fn needs(from: u32, to: u32) -> Self {
        Self {
            from,
            to,
            needs: true,
        }
    }

    /// `to` runs once `from` is finished, however it finished.
    #[must_use]
    pub const fn after(from: u32, to: u32) -> Self {
        Self {
            from,
            to,
            needs: false,
        }
    }
}

/// What is no DAG.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum GraphError {
    /// An edge names a node that does not exist.
    #[error("the edge {from} -> {to} names a node beyond {nodes}")]
    UnknownNode {
        /// Where the edge starts.
        from: u32,
        /// Where it ends.
        to: u32,
        /// How many nodes there are.
        nodes: usize,
    },
    /// Nodes that wait for each other, among them this one.
    #[error("node {node} waits for itself")]
    Cycle {
        /// A node of the cycle.
        node: u32,
    },
    /// A lane number of [`LANES`] or more.
    #[error("node {node} is in lane {lane}, there are {LANES}")]
    UnknownLane {
        /// The node.
        node: u32,
        /// Its lane.
        lane: usize,
    },
}

/// An immutable DAG. Shared by all runs of a plan.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Graph {
    starts: Vec<u32>,
    dependents: Vec<(u32, bool)>,
    parents: Vec<u32>,
    lanes: Vec<u8>,
    /// Which node stands in for which.
    fallbacks: BTreeMap<u32, u32>,
}

impl Graph {
    /// Builds and checks a DAG of `nodes` nodes; `lane` gives each node's kind
    /// of work, below [`LANES`].
    pub fn new(
        nodes: usize,
        edges: impl IntoIterator<Item = Edge>,
        lane: impl Fn(u32) -> usize,
    ) -> Result<Self, GraphError> {
        let edges: Vec<Edge> = edges.into_iter().collect();
        let mut starts = vec![0_u32; nodes + 1];
        let mut parents = vec![0_u32; nodes];
        for &Edge { from, to, .. } in &edges {
            if from as usize >= nodes || to as usize >= nodes {
                return Err(GraphError::UnknownNode { from, to, nodes });
            }
            starts[from as usize + 1] += 1;
            parents[to as usize] += 1;
        }
        for i in 0..nodes {
            starts[i + 1] += starts[i];
        }
        let mut cursor = starts.clone();
        let mut dependents = vec![(0, false); edges.len()];
        for &Edge { from, to, needs } in &edges {
            let at = &mut cursor[from as usize];
            dependents[*at as usize] = (to, needs);
            *at += 1;
        }
        let mut lanes = Vec::with_capacity(nodes);
        for node in 0..nodes as u32 {
            let lane = lane(node);
            if lane >= LANES {
                return Err(GraphError::UnknownLane { node, lane });
            }
            lanes.push(lane as u8);
        }
        let graph = Self {
            starts,
            dependents,
            parents,
            lanes,
            fallbacks: BTreeMap::new(),
        };
        graph.refuse_cycles()?;
        Ok(graph)
    }

    /// Names nodes that stand in for others: (node, its fallback). A fallback
    /// waits until it is [released](crate::Schedule::release).
    pub fn with_fallbacks(
        mut self,
        pairs: impl IntoIterator<Item = (u32, u32)>,
    ) -> Result<Self, GraphError> {
        let nodes = self.len();
        for (from, to) in pairs {
            if from as usize >= nodes || to as usize >= nodes {
                return Err(GraphError::UnknownNode { from, to, nodes });
            }
            if self.fallbacks.insert(from, to).is_none() {
                self.parents[to as usize] += 1;
            }
        }
        Ok(self)
    }

    /// The node that stands in for this one.
    #[must_use]
    pub fn fallback(&self, node: u32) -> Option<u32> {
        self.fallbacks.get(&node).copied()
    }

    fn refuse_cycles(&self) -> Result<(), GraphError> {
        let mut waiting = self.parents.clone();
        let mut free: Vec<u32> = (0..self.len() as u32)
            .filter(|n| waiting[*n as usize] == 0)
            .collect();
        let mut seen = 0;
        while let Some(node) = free.pop() {
            seen += 1;
            for &(to, _) in self.dependents(node) {
                waiting[to as usize] -= 1;
                if waiting[to as usize] == 0 {
                    free.push(to);
                }
            }
        }
        if seen == self.len() {
            return Ok(());
        }
        let node = waiting
            .iter()
            .position(|w| *w > 0)
            .expect("a node was never freed") as u32;
        Err(GraphError::Cycle { node })
    }

    /// How many nodes there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.parents.len()
    }

    /// Whether there are no nodes.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.parents.is_empty()
    }

    /// Who depends on a node, and whether by `needs`.
    #[must_use]
    pub fn dependents(&self, node: u32) -> &[(u32, bool)] {
        let (start, end) = (self.starts[node as usize], self.starts[node as usize + 1]);
        &self.dependents[start as usize..end as usize]
    }

    /// A node's kind of work.
    #[must_use]
    pub fn lane(&self, node: u32) -> usize {
        usize::from(self.lanes[node as usize])
    }

    pub(crate) fn parents(&self) -> &[u32] {
        &self.parents
    }
}
