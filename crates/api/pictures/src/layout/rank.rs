//! Which layer a box is in.

use super::{GAP_X, Link, Size};
use alloc::vec;
use alloc::vec::Vec;

/// Edges that are drawn: within bounds, once, and without cycles. Those that
/// close a cycle are found by a walk in declaration order.
pub(crate) fn acyclic(nodes: usize, links: &[Link]) -> Vec<Link> {
    let mut links: Vec<Link> = links
        .iter()
        .copied()
        .filter(|link| link.from < nodes && link.to < nodes && link.from != link.to)
        .collect();
    links.sort_unstable();
    // Of parallel edges the first kind is drawn: it says the most.
    links.dedup_by_key(|link| (link.from, link.to));
    let children = adjacency(nodes, &links, |link| (link.from, link.to));
    let mut back = Vec::new();
    // 0: not seen, 1: on the path, 2: done.
    let mut seen = vec![0_u8; nodes];
    for root in 0..nodes {
        if seen[root] != 0 {
            continue;
        }
        let mut path = vec![(root, 0_usize)];
        seen[root] = 1;
        while let Some((node, next)) = path.last_mut() {
            let Some(child) = children[*node].get(*next).copied() else {
                seen[*node] = 2;
                path.pop();
                continue;
            };
            *next += 1;
            match seen[child] {
                0 => {
                    seen[child] = 1;
                    path.push((child, 0));
                }
                1 => back.push((*node, child)),
                _ => {}
            }
        }
    }
    back.sort_unstable();
    links.retain(|link| back.binary_search(&(link.from, link.to)).is_err());
    links
}

/// For each node, the other ends of its links.
pub(crate) fn adjacency(
    nodes: usize,
    links: &[Link],
    ends: impl Fn(&Link) -> (usize, usize),
) -> Vec<Vec<usize>> {
    let mut lists = vec![Vec::new(); nodes];
    for link in links {
        let (of, other) = ends(link);
        lists[of].push(other);
    }
    lists
}

/// The longest path to each box; then a box that has more edges below than
/// above moves down as far as it can, which shortens them.
pub(crate) fn ranks(nodes: usize, links: &[Link]) -> Vec<usize> {
    let children = adjacency(nodes, links, |link| (link.from, link.to));
    let mut open = vec![0_usize; nodes];
    for link in links {
        open[link.to] += 1;
    }
    let parents = open.clone();
    let mut ready: Vec<usize> = (0..nodes).rev().filter(|node| open[*node] == 0).collect();
    let mut order = Vec::with_capacity(nodes);
    let mut ranks = vec![0; nodes];
    while let Some(node) = ready.pop() {
        order.push(node);
        for child in &children[node] {
            ranks[*child] = ranks[*child].max(ranks[node] + 1);
            open[*child] -= 1;
            if open[*child] == 0 {
                ready.push(*child);
            }
        }
    }
    for node in order.into_iter().rev() {
        let below = children[node].iter().map(|child| ranks[*child] - 1).min();
        if let Some(below) = below.filter(|_| children[node].len() > parents[node]) {
            ranks[node] = below;
        }
    }
    ranks
}

/// Layers from ranks, top first: one that is wider than `max_width` is wrapped
/// into rows, neighbours below each other, so that they stay near what they
/// share.
pub(super) fn wrapped(
    ranks: &[usize],
    sizes: &[Size],
    links: &[Link],
    max_width: i32,
) -> Vec<Vec<usize>> {
    let count = ranks.iter().max().map_or(0, |max| max + 1);
    let mut layers = vec![Vec::new(); count];
    for (node, rank) in ranks.iter().enumerate() {
        layers[*rank].push(node);
    }
    let parents = adjacency(sizes.len(), links, |link| (link.to, link.from));
    // Where a node stands within its layer, in thousandths.
    let mut stand = vec![0_i64; sizes.len()];
    let mut rows = Vec::with_capacity(count);
    for mut layer in layers {
        let above = |node: &usize| {
            let above = &parents[*node];
            let sum: i64 = above.iter().map(|parent| stand[*parent]).sum();
            sum / i64::try_from(above.len().max(1)).unwrap_or(1)
        };
        layer.sort_by_cached_key(|node| (above(node), *node));
        let len = layer.len().max(1);
        for (at, node) in layer.iter().enumerate() {
            stand[*node] = i64::try_from(at * 1000 / len).unwrap_or(0);
        }
        let wide: i32 = layer.iter().map(|node| sizes[*node].w + GAP_X).sum();
        let parts = usize::try_from(wide / max_width.max(1) + 1).unwrap_or(1);
        let mut split = vec![Vec::new(); parts.min(len)];
        let parts = split.len();
        for (at, node) in layer.into_iter().enumerate() {
            split[at % parts].push(node);
        }
        rows.extend(split);
    }
    rows
}
