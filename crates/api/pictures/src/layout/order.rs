//! The order of items in their rows, with few crossings.

use super::chains::Rows;
use alloc::vec;
use alloc::vec::Vec;

/// Sweeps over all rows, down and up in turn.
const SWEEPS: usize = 12;
/// Fewer where a sweep is long: so many links are swept in all.
const SWEPT_LINKS: usize = 60_000;
/// Passes of swapping neighbours after a sweep.
const SWAPS: usize = 4;

/// Reorders the rows; the best order that a sweep gave is kept.
pub(super) fn untangle(rows: &mut Rows) {
    let mut best = rows.order.clone();
    let mut fewest = crossings(rows);
    let affordable = SWEPT_LINKS / rows.links.len().max(1);
    for sweep in 0..SWEEPS.min(affordable.max(2)) {
        if fewest == 0 {
            break;
        }
        let count = rows.order.len();
        for step in 1..count {
            // Downwards by what is above, upwards by what is below.
            let down = sweep % 2 == 0;
            let row = if down { step } else { count - 1 - step };
            sort_row(rows, row, down, sweep % 4 < 2);
        }
        transpose(rows);
        let now = crossings(rows);
        if now < fewest {
            fewest = now;
            best.clone_from(&rows.order);
        }
    }
    rows.order = best;
}

fn positions(rows: &Rows) -> Vec<usize> {
    let mut at = vec![0; rows.row.len()];
    for row in &rows.order {
        for (place, item) in row.iter().enumerate() {
            at[*item] = place;
        }
    }
    at
}

/// Sorts a row by the middle of what each item is linked to; an item without
/// links keeps its place.
fn sort_row(rows: &mut Rows, row: usize, down: bool, by_mean: bool) {
    let other = if down {
        row.checked_sub(1)
    } else {
        Some(row + 1)
    };
    let Some(other) = other.filter(|other| *other < rows.order.len()) else {
        return;
    };
    let mut at = vec![0_usize; rows.row.len()];
    for (place, item) in rows.order[other].iter().enumerate() {
        at[*item] = place;
    }
    let lists = if down { &rows.above } else { &rows.below };
    let middle = |item: usize| -> Option<u64> {
        let mut ends: Vec<u64> = lists[item].iter().map(|end| at[*end] as u64).collect();
        let count = ends.len() as u64;
        if count == 0 {
            return None;
        }
        if by_mean {
            return Some(ends.iter().sum::<u64>() * 1000 / count);
        }
        ends.sort_unstable();
        let half = ends.len() / 2;
        Some(if ends.len() % 2 == 1 {
            ends[half] * 1000
        } else {
            (ends[half - 1] + ends[half]) * 500
        })
    };
    let mut linked: Vec<(u64, usize)> = rows.order[row]
        .iter()
        .filter_map(|item| Some((middle(*item)?, *item)))
        .collect();
    // Stable: items alike stay as they are.
    linked.sort_by_key(|(key, _)| *key);
    let free: Vec<bool> = rows.order[row]
        .iter()
        .map(|item| lists[*item].is_empty())
        .collect();
    let mut next = linked.into_iter().map(|(_, item)| item);
    for (place, stays) in free.into_iter().enumerate() {
        if !stays && let Some(item) = next.next() {
            rows.order[row][place] = item;
        }
    }
}

/// Swaps neighbours while that lessens crossings.
fn transpose(rows: &mut Rows) {
    let mut at = positions(rows);
    for _ in 0..SWAPS {
        let mut better = false;
        for row in 0..rows.order.len() {
            for place in 1..rows.order[row].len() {
                let (left, right) = (rows.order[row][place - 1], rows.order[row][place]);
                let gain = |lists: &[Vec<usize>]| {
                    let (kept, swapped) = between(&lists[left], &lists[right], &at);
                    i64::try_from(kept).unwrap_or(i64::MAX)
                        - i64::try_from(swapped).unwrap_or(i64::MAX)
                };
                if gain(&rows.above) + gain(&rows.below) > 0 {
                    rows.order[row].swap(place - 1, place);
                    at.swap(left, right);
                    better = true;
                }
            }
        }
        if !better {
            break;
        }
    }
}

/// Crossings between the links of two neighbours: as they stand, and swapped.
fn between(left: &[usize], right: &[usize], at: &[usize]) -> (usize, usize) {
    let (mut kept, mut swapped) = (0, 0);
    for a in left {
        for b in right {
            kept += usize::from(at[*a] > at[*b]);
            swapped += usize::from(at[*a] < at[*b]);
        }
    }
    (kept, swapped)
}

/// All crossings between neighbouring rows, counted with a tree of sums.
pub(super) fn crossings(rows: &Rows) -> u64 {
    let at = positions(rows);
    let mut total = 0;
    for (row, items) in rows.order.iter().enumerate() {
        let Some(next) = rows.order.get(row + 1) else {
            break;
        };
        let mut tree = vec![0_u64; next.len() + 1];
        let mut seen = 0_u64;
        for item in items {
            let mut ends: Vec<usize> = rows.below[*item].iter().map(|end| at[*end]).collect();
            ends.sort_unstable();
            for end in &ends {
                // Links so far that end at or left of this one do not cross it.
                let (mut left, mut index) = (0, end + 1);
                while index > 0 {
                    left += tree[index];
                    index &= index - 1;
                }
                total += seen - left;
            }
            for end in ends {
                let mut index = end + 1;
                while index < tree.len() {
                    tree[index] += 1;
                    index += index & index.wrapping_neg();
                }
                seen += 1;
            }
        }
    }
    total
}
