//! The x of every item, after Brandes and Köpf, "Fast and simple horizontal
//! coordinate assignment" (2001): four alignments, the middle of which is taken.

use super::super::chains::Rows;
use alloc::collections::BTreeSet;
use alloc::vec;
use alloc::vec::Vec;

/// The centre of every item; the leftmost item's left side is at 0.
pub(super) fn centres(rows: &Rows) -> Vec<i32> {
    let conflicts = conflicts(rows);
    let mut four: Vec<Vec<i32>> = Vec::with_capacity(4);
    for down in [true, false] {
        for left in [true, false] {
            let view = View::new(rows, down, left);
            let mut xs = view.compact(&view.align(&conflicts));
            if !left {
                for x in &mut xs {
                    *x = -*x;
                }
            }
            four.push(xs);
        }
    }
    balance(rows, &mut four)
}

/// Moves the four together by the narrowest, and takes the mean of the middle
/// two: distances that all four keep, it keeps.
fn balance(rows: &Rows, four: &mut [Vec<i32>]) -> Vec<i32> {
    let span = |xs: &[i32]| {
        let sides = xs.iter().enumerate().map(|(item, x)| {
            let half = rows.width(item) / 2;
            (*x - half, *x + half)
        });
        sides.fold((i32::MAX, i32::MIN), |all, one| {
            (all.0.min(one.0), all.1.max(one.1))
        })
    };
    let spans: Vec<(i32, i32)> = four.iter().map(|xs| span(xs)).collect();
    let narrowest = spans
        .iter()
        .copied()
        .min_by_key(|(left, right)| right.saturating_sub(*left));
    let Some(narrowest) = narrowest.filter(|(left, right)| left <= right) else {
        return Vec::new();
    };
    for (at, xs) in four.iter_mut().enumerate() {
        // Of each pair the first is aligned to the left.
        let shift = if at % 2 == 0 {
            narrowest.0 - spans[at].0
        } else {
            narrowest.1 - spans[at].1
        };
        for x in xs.iter_mut() {
            *x += shift;
        }
    }
    let middle = |item: usize| {
        let mut xs: Vec<i32> = four.iter().map(|xs| xs[item]).collect();
        xs.sort_unstable();
        i32::midpoint(xs[1], xs[2])
    };
    let mut xs: Vec<i32> = (0..rows.row.len()).map(middle).collect();
    let (left, _) = span(&xs);
    for x in &mut xs {
        *x -= left;
    }
    xs
}

/// Links that cross a long edge's inner piece: those pieces are kept straight.
fn conflicts(rows: &Rows) -> BTreeSet<(usize, usize)> {
    let mut at = vec![0; rows.row.len()];
    for row in &rows.order {
        for (place, item) in row.iter().enumerate() {
            at[*item] = place;
        }
    }
    let mut found = BTreeSet::new();
    for row in rows.order.windows(2) {
        let (upper, lower) = (&row[0], &row[1]);
        let inner = |item: usize| {
            let above = rows.above[item].iter().copied();
            rows.is_joint(item)
                .then(|| above.into_iter().find(|end| rows.is_joint(*end)))
                .flatten()
        };
        let (mut left, mut scanned) = (0, 0);
        for (place, item) in lower.iter().enumerate() {
            let joint = inner(*item);
            if joint.is_none() && place + 1 != lower.len() {
                continue;
            }
            let right = joint.map_or(upper.len(), |end| at[end]);
            for other in &lower[scanned..=place] {
                for end in &rows.above[*other] {
                    let crosses = at[*end] < left || at[*end] > right;
                    if crosses && !(rows.is_joint(*end) && rows.is_joint(*other)) {
                        found.insert((*end, *other));
                    }
                }
            }
            scanned = place + 1;
            left = right;
        }
    }
    found
}

/// The rows as seen from one of the four corners.
struct View<'a> {
    rows: &'a Rows,
    order: Vec<Vec<usize>>,
    at: Vec<usize>,
    neighbours: &'a [Vec<usize>],
    down: bool,
}

impl<'a> View<'a> {
    fn new(rows: &'a Rows, down: bool, left: bool) -> Self {
        let mut order = rows.order.clone();
        if !down {
            order.reverse();
        }
        if !left {
            for row in &mut order {
                row.reverse();
            }
        }
        let mut at = vec![0; rows.row.len()];
        for row in &order {
            for (place, item) in row.iter().enumerate() {
                at[*item] = place;
            }
        }
        Self {
            neighbours: if down { &rows.above } else { &rows.below },
            rows,
            order,
            at,
            down,
        }
    }

    /// Items in one vertical line share a root.
    fn align(&self, conflicts: &BTreeSet<(usize, usize)>) -> Vec<usize> {
        let items = self.at.len();
        let mut root: Vec<usize> = (0..items).collect();
        let mut taken = vec![false; items];
        for row in &self.order {
            let mut last: Option<usize> = None;
            for item in row {
                let mut ends = self.neighbours[*item].clone();
                ends.sort_unstable_by_key(|end| self.at[*end]);
                let Some(top) = ends.len().checked_sub(1) else {
                    continue;
                };
                for end in &ends[top / 2..=top.div_ceil(2)] {
                    let link = if self.down {
                        (*end, *item)
                    } else {
                        (*item, *end)
                    };
                    let beyond = last.is_none_or(|last| last < self.at[*end]);
                    if root[*item] == *item && !taken[*end] && beyond && !conflicts.contains(&link)
                    {
                        taken[*end] = true;
                        root[*item] = root[*end];
                        last = Some(self.at[*end]);
                    }
                }
            }
        }
        root
    }

    /// As far left as neighbours allow, then each line right up to its next
    /// neighbour where it has one on its right only.
    fn compact(&self, root: &[usize]) -> Vec<i32> {
        let items = root.len();
        let mut right: Vec<Vec<(usize, i32)>> = vec![Vec::new(); items];
        let mut open = vec![0_usize; items];
        for row in &self.order {
            for pair in row.windows(2) {
                let apart = self.rows.apart(pair[0], pair[1]);
                right[root[pair[0]]].push((root[pair[1]], apart));
                open[root[pair[1]]] += 1;
            }
        }
        let mut ready: Vec<usize> = (0..items)
            .filter(|item| root[*item] == *item && open[*item] == 0)
            .collect();
        let mut sorted = Vec::with_capacity(items);
        let mut x = vec![0; items];
        while let Some(line) = ready.pop() {
            sorted.push(line);
            for (other, apart) in &right[line] {
                x[*other] = x[*other].max(x[line] + apart);
                open[*other] -= 1;
                if open[*other] == 0 {
                    ready.push(*other);
                }
            }
        }
        for line in sorted.into_iter().rev() {
            let room = right[line].iter().map(|(other, apart)| x[*other] - apart);
            if let Some(room) = room.min() {
                x[line] = x[line].max(room);
            }
        }
        (0..items).map(|item| x[root[item]]).collect()
    }
}
