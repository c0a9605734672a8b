//! The x of every item: as near as can be to the middle of what it is linked
//! to, without overlap, row after row.
//!
//! A row is solved exactly: given where each item would like to be, the places
//! that keep their distance and lie nearest (least squares) come from pooling
//! neighbours that press against each other. So a row is as wide as it must be,
//! and not, as with alignments in columns, as wide as all rows together.

use super::super::chains::Rows;
use alloc::vec;
use alloc::vec::Vec;

/// Sweeps, down and up in turn; the last ones look both ways.
const SWEEPS: usize = 16;
const BOTH_WAYS: usize = 6;

/// The centre of every item; the leftmost item's left side is at 0.
pub(super) fn centres(rows: &Rows) -> Vec<i32> {
    let mut xs = packed(rows);
    let count = rows.order.len();
    for sweep in 0..SWEEPS {
        let both = sweep + BOTH_WAYS >= SWEEPS;
        for step in 0..count {
            let down = sweep % 2 == 0;
            let row = if down { step } else { count - 1 - step };
            let (up, below) = (down || both, !down || both);
            settle(rows, row, up, below, &mut xs);
        }
    }
    let left = (0..xs.len())
        .map(|item| xs[item] - rows.width(item) / 2)
        .min();
    for x in &mut xs {
        *x -= left.unwrap_or(0);
    }
    xs
}

/// Each row packed, all with one middle.
fn packed(rows: &Rows) -> Vec<i32> {
    let mut xs = vec![0; rows.row.len()];
    for row in &rows.order {
        for pair in row.windows(2) {
            xs[pair[1]] = xs[pair[0]] + rows.apart(pair[0], pair[1]);
        }
        let half = row.last().map_or(0, |last| xs[*last] / 2);
        for item in row {
            xs[*item] -= half;
        }
    }
    xs
}

/// Several neighbours that press against each other: their wishes, relative to
/// the first, and how much they weigh.
struct Pool {
    sum: i64,
    weight: i64,
    items: usize,
}

impl Pool {
    fn mean(&self) -> i64 {
        self.sum.div_euclid(self.weight)
    }
}

/// Moves a row's items as near as can be to where they would like to be.
fn settle(rows: &Rows, row: usize, up: bool, down: bool, xs: &mut [i32]) {
    let items = &rows.order[row];
    let mut pools: Vec<Pool> = Vec::with_capacity(items.len());
    let mut offsets = Vec::with_capacity(items.len());
    let mut offset = 0;
    for (at, item) in items.iter().enumerate() {
        if at > 0 {
            offset += i64::from(rows.apart(items[at - 1], *item));
        }
        offsets.push(offset);
        let (wish, weight) = wish(rows, *item, up, down, xs);
        pools.push(Pool {
            sum: (wish - offset) * weight,
            weight,
            items: 1,
        });
        while let [.., left, right] = pools.as_slice()
            && left.mean() >= right.mean()
        {
            let pool = Pool {
                sum: left.sum + right.sum,
                weight: left.weight + right.weight,
                items: left.items + right.items,
            };
            pools.truncate(pools.len() - 2);
            pools.push(pool);
        }
    }
    let mut placed = items.iter().zip(offsets);
    for pool in pools {
        let mean = pool.mean();
        for (item, offset) in placed.by_ref().take(pool.items) {
            xs[*item] = i32::try_from(mean + offset).unwrap_or(i32::MAX);
        }
    }
}

/// Where an item would like to be, and how much that weighs: in the middle of
/// what it is linked to, and a long edge straight above all.
fn wish(rows: &Rows, item: usize, up: bool, down: bool, xs: &[i32]) -> (i64, i64) {
    let weight = |other: usize| match (rows.is_joint(item), rows.is_joint(other)) {
        (true, true) => 8,
        (false, false) => 2,
        _ => 3,
    };
    let above = rows.above[item].iter().filter(|_| up);
    let below = rows.below[item].iter().filter(|_| down);
    let mut ends: Vec<(i64, i64)> = above
        .chain(below)
        .map(|other| (i64::from(xs[*other]), weight(*other)))
        .collect();
    let total: i64 = ends.iter().map(|(_, weight)| weight).sum();
    if total == 0 {
        return (i64::from(xs[item]), 1);
    }
    ends.sort_unstable();
    // The weighted median: the mean of both middles where there are two.
    let (mut sum, mut low, mut high) = (0, ends[0].0, ends[0].0);
    for (x, weight) in ends {
        if sum * 2 < total {
            low = x;
        }
        if sum * 2 <= total {
            high = x;
        }
        sum += weight;
    }
    (i64::midpoint(low, high), total)
}
