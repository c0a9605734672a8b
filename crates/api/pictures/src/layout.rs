//! A layered layout: every edge goes downwards, no two boxes overlap.
//!
//! ```text
//! sizes, edges ─rank─▶ layers ─chains─▶ rows of items ─order─▶ few crossings ─place─▶ x, y
//! ```
//!
//! The method is Sugiyama's: ranks by longest path, sources drawn down towards
//! what they feed; layers that are too wide are wrapped; long edges are bundled
//! into chains by their common end; crossings are reduced by sweeps of
//! barycentre and median with transposition; x by Brandes and Köpf.

mod chains;
mod order;
mod place;
mod rank;

use alloc::vec;
use alloc::vec::Vec;
use chains::Rows;

pub(crate) use rank::{acyclic, ranks};

/// Between boxes of a row.
const GAP_X: i32 = 24;
/// Between a long edge and its neighbours.
const GAP_CHAIN: i32 = 10;
/// Between rows: at least, and at most.
const GAP_Y: (i32, i32) = (38, 120);

/// Something to be placed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Size {
    pub(crate) w: i32,
    pub(crate) h: i32,
}

/// An edge; `kind` keeps bundles apart that are drawn differently.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Link {
    pub(crate) from: usize,
    pub(crate) to: usize,
    pub(crate) kind: u8,
}

/// A box in its place: left, top, width, height.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Place {
    pub(crate) x: i32,
    pub(crate) y: i32,
    pub(crate) w: i32,
    pub(crate) h: i32,
}

/// A piece of an edge, from one row to the next: down from `from` to `rise`,
/// then over to `to`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Piece {
    pub(crate) from: (i32, i32),
    pub(crate) rise: i32,
    pub(crate) to: (i32, i32),
    pub(crate) kind: u8,
    /// It ends at a box.
    pub(crate) arrives: bool,
}

/// Where everything is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Layout {
    pub(crate) places: Vec<Place>,
    pub(crate) pieces: Vec<Piece>,
    /// The row of each box.
    pub(crate) rows: Vec<usize>,
    pub(crate) width: i32,
    pub(crate) height: i32,
}

/// Lays out boxes. Edges to boxes that are not there, to themselves, or that
/// would close a cycle, are left out.
pub(crate) fn layout(sizes: &[Size], links: &[Link], max_width: i32) -> Layout {
    let links = acyclic(sizes.len(), links);
    let ranks = ranks(sizes.len(), &links);
    let layers = rank::wrapped(&ranks, sizes, &links, max_width);
    let mut rows = Rows::new(sizes, &links, &layers);
    order::untangle(&mut rows);
    let centres = place::centres(&rows);
    assemble(sizes, &rows, &centres)
}

/// From rows and centres to boxes and pieces.
fn assemble(sizes: &[Size], rows: &Rows, centres: &[i32]) -> Layout {
    let gaps: Vec<i32> = rows.gaps(centres);
    let mut tops = vec![0; rows.order.len()];
    let mut heights = vec![0; rows.order.len()];
    let mut y = 0;
    for (row, items) in rows.order.iter().enumerate() {
        let boxes = items.iter().filter_map(|item| sizes.get(*item));
        heights[row] = boxes.map(|size| size.h).max().unwrap_or(0);
        tops[row] = y;
        y += heights[row] + gaps[row];
    }
    let height = y - gaps.last().copied().unwrap_or(0);
    let row_of = |item: usize| rows.row[item];
    let places: Vec<Place> = sizes
        .iter()
        .enumerate()
        .map(|(item, size)| Place {
            x: centres[item] - size.w / 2,
            y: tops[row_of(item)] + (heights[row_of(item)] - size.h) / 2,
            w: size.w,
            h: size.h,
        })
        .collect();
    let bottom = |item: usize| tops[row_of(item)] + heights[row_of(item)];
    let start = |item: usize| places.get(item).map_or(tops[row_of(item)], |p| p.y + p.h);
    let end = |item: usize| places.get(item).map_or(tops[row_of(item)], |p| p.y);
    let pieces = rows.links.iter().chain(&rows.far).map(|link| Piece {
        from: (centres[link.from], start(link.from)),
        rise: bottom(link.from),
        to: (centres[link.to], end(link.to)),
        kind: link.kind,
        arrives: link.to < sizes.len(),
    });
    let edges = (0..rows.row.len()).map(|item| centres[item] + rows.width(item) / 2);
    Layout {
        pieces: pieces.collect(),
        rows: rows.row[..sizes.len()].to_vec(),
        width: edges.max().unwrap_or(0),
        height: height.max(0),
        places,
    }
}

#[cfg(test)]
mod tests;
