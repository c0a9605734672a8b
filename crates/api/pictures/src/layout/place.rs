//! The x of every item: aligned in columns, which reads best, unless that would
//! make the picture much wider than its widest row.

mod aligned;
mod pressed;

use super::chains::Rows;

/// How much wider than the widest row a picture may be: by half, and this.
const SLACK: i32 = 400;

/// The centre of every item; the leftmost item's left side is at 0.
pub(super) fn centres(rows: &Rows) -> alloc::vec::Vec<i32> {
    let widest = rows.order.iter().map(|row| {
        let gaps = row.windows(2).map(|pair| rows.apart(pair[0], pair[1]));
        gaps.sum::<i32>()
    });
    let allowed = widest.max().unwrap_or(0) / 2 * 3 + SLACK;
    let aligned = aligned::centres(rows);
    if aligned.iter().all(|x| *x <= allowed) {
        return aligned;
    }
    pressed::centres(rows)
}
