//! Rows of items: boxes, and the joints of edges that pass a row. Long edges
//! with a common end share one chain of joints, so a step that feeds hundreds
//! is one line that branches.

use super::rank::adjacency;
use super::{GAP_CHAIN, GAP_X, GAP_Y, Link, Size};
use alloc::collections::BTreeMap;
use alloc::vec;
use alloc::vec::Vec;

/// So many joints at most: beyond, a long edge is a straight line. Nobody could
/// follow it anyway, and the layout of any plan ends soon.
const MAX_JOINTS: usize = 20_000;

/// Items in rows. The first items are the boxes, the rest are joints.
#[derive(Debug, Clone)]
pub(super) struct Rows {
    /// Top row first, left item first.
    pub(super) order: Vec<Vec<usize>>,
    /// The row of each item.
    pub(super) row: Vec<usize>,
    /// From each row to the next.
    pub(super) links: Vec<Link>,
    /// Long edges without joints.
    pub(super) far: Vec<Link>,
    /// The items above each item.
    pub(super) above: Vec<Vec<usize>>,
    /// The items below each item.
    pub(super) below: Vec<Vec<usize>>,
    widths: Vec<i32>,
}

/// The end that the edges of a chain share.
#[derive(PartialEq, Eq, PartialOrd, Ord, Clone, Copy)]
enum Shared {
    From(usize, u8),
    To(usize, u8),
}

impl Rows {
    pub(super) fn new(sizes: &[Size], links: &[Link], layers: &[Vec<usize>]) -> Self {
        let mut row = vec![0; sizes.len()];
        for (at, layer) in layers.iter().enumerate() {
            for item in layer {
                row[*item] = at;
            }
        }
        let mut rows = Self {
            order: layers.to_vec(),
            row,
            links: Vec::with_capacity(links.len()),
            far: Vec::new(),
            above: Vec::new(),
            below: Vec::new(),
            // Halves must be whole.
            widths: sizes.iter().map(|size| (size.w + 1) / 2 * 2).collect(),
        };
        rows.chain(links);
        rows.links.sort_unstable();
        rows.links.dedup();
        let items = rows.row.len();
        rows.above = adjacency(items, &rows.links, |link| (link.to, link.from));
        rows.below = adjacency(items, &rows.links, |link| (link.from, link.to));
        rows
    }

    fn chain(&mut self, links: &[Link]) {
        let is_long = |rows: &Self, link: &Link| rows.row[link.to] > rows.row[link.from] + 1;
        let mut weight: BTreeMap<Shared, usize> = BTreeMap::new();
        for link in links.iter().filter(|link| is_long(self, link)) {
            *weight
                .entry(Shared::From(link.from, link.kind))
                .or_default() += 1;
            *weight.entry(Shared::To(link.to, link.kind)).or_default() += 1;
        }
        let mut joints: BTreeMap<(Shared, usize), usize> = BTreeMap::new();
        for link in links {
            if !is_long(self, link) {
                self.links.push(*link);
                continue;
            }
            if self.row.len() > MAX_JOINTS {
                self.far.push(*link);
                continue;
            }
            let (from, to) = (
                Shared::From(link.from, link.kind),
                Shared::To(link.to, link.kind),
            );
            let shared = if weight[&to] > weight[&from] {
                to
            } else {
                from
            };
            let mut last = link.from;
            for row in self.row[link.from] + 1..self.row[link.to] {
                let joint = *joints
                    .entry((shared, row))
                    .or_insert_with(|| self.joint(row));
                self.links.push(Link {
                    from: last,
                    to: joint,
                    ..*link
                });
                last = joint;
            }
            self.links.push(Link {
                from: last,
                ..*link
            });
        }
    }

    fn joint(&mut self, row: usize) -> usize {
        let item = self.row.len();
        self.row.push(row);
        self.widths.push(0);
        self.order[row].push(item);
        item
    }

    /// How wide an item is.
    pub(super) fn width(&self, item: usize) -> i32 {
        self.widths[item]
    }

    /// Whether an item is a joint of a long edge.
    pub(super) fn is_joint(&self, item: usize) -> bool {
        self.widths[item] == 0
    }

    /// How far the centres of neighbours must be apart.
    pub(super) fn apart(&self, left: usize, right: usize) -> i32 {
        let gap = if self.is_joint(left) || self.is_joint(right) {
            GAP_CHAIN
        } else {
            GAP_X
        };
        i32::midpoint(self.width(left), self.width(right)) + gap
    }

    /// The room under each row: more where edges go far to the side.
    pub(super) fn gaps(&self, centres: &[i32]) -> Vec<i32> {
        let mut reach = vec![0_i32; self.order.len()];
        for link in &self.links {
            let row = self.row[link.from];
            reach[row] = reach[row].max((centres[link.from] - centres[link.to]).abs());
        }
        let room = |reach: i32| (GAP_Y.0 + reach / 16).min(GAP_Y.1);
        reach.into_iter().map(room).collect()
    }
}
