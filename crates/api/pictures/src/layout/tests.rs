//! The laws of a layout.

extern crate std;

use super::*;
use proptest::prelude::*;
use std::vec::Vec;

fn graph() -> impl Strategy<Value = (Vec<Size>, Vec<Link>, i32)> {
    (1_usize..60).prop_flat_map(|nodes| {
        let sizes = proptest::collection::vec((10_i32..220, 20_i32..50), nodes);
        // Any pair, also cycles, loops and ends that are not there.
        let links = proptest::collection::vec((0..nodes + 1, 0..nodes + 1, 0_u8..4), 0..nodes * 3);
        (sizes, links, 200_i32..3000).prop_map(|(sizes, links, width)| {
            let sizes = sizes
                .into_iter()
                .map(|(w, h)| Size { w: w * 2, h })
                .collect();
            let links = links
                .into_iter()
                .map(|(from, to, kind)| Link { from, to, kind })
                .collect();
            (sizes, links, width)
        })
    })
}

proptest! {
    #[test]
    fn no_two_boxes_overlap_and_all_lie_within((sizes, links, width) in graph()) {
        let layout = layout(&sizes, &links, width);
        for (at, a) in layout.places.iter().enumerate() {
            prop_assert_eq!((a.w, a.h), (sizes[at].w, sizes[at].h));
            prop_assert!(a.x >= 0 && a.y >= 0, "{:?}", a);
            prop_assert!(a.x + a.w <= layout.width && a.y + a.h <= layout.height, "{:?}", a);
            for b in &layout.places[..at] {
                let apart = a.x + a.w + 10 <= b.x || b.x + b.w + 10 <= a.x
                    || a.y + a.h + 10 <= b.y || b.y + b.h + 10 <= a.y;
                prop_assert!(apart, "{:?} {:?}", a, b);
            }
        }
    }

    #[test]
    fn every_edge_goes_downwards_past_the_boxes((sizes, links, width) in graph()) {
        let layout = layout(&sizes, &links, width);
        for link in acyclic(sizes.len(), &links) {
            prop_assert!(layout.rows[link.from] < layout.rows[link.to]);
            let (from, to) = (layout.places[link.from], layout.places[link.to]);
            prop_assert!(from.y + from.h < to.y);
        }
        for piece in &layout.pieces {
            prop_assert!(piece.from.1 <= piece.rise && piece.rise < piece.to.1, "{:?}", piece);
            prop_assert!(piece.from.0 >= 0 && piece.from.0 <= layout.width);
            for place in &layout.places {
                let beside = piece.from.0 <= place.x || piece.from.0 >= place.x + place.w;
                let above = piece.rise <= place.y || piece.from.1 >= place.y + place.h;
                prop_assert!(beside || above, "{:?} runs through {:?}", piece, place);
            }
        }
    }

    #[test]
    fn each_edge_is_drawn_from_end_to_end((sizes, links, width) in graph()) {
        let layout = layout(&sizes, &links, width);
        for link in acyclic(sizes.len(), &links) {
            let start = layout.places[link.from];
            let end = layout.places[link.to];
            let mut at = std::vec![(start.x + start.w / 2, start.y + start.h)];
            let goal = (end.x + end.w / 2, end.y);
            let mut found = false;
            while let Some(point) = at.pop() {
                found |= point == goal;
                let on = layout.pieces.iter().filter(|p| p.from == point && p.kind == link.kind);
                at.extend(on.map(|p| p.to));
            }
            prop_assert!(found, "{:?}", link);
        }
    }

    #[test]
    fn the_same_graph_gives_the_same_layout((sizes, links, width) in graph()) {
        prop_assert_eq!(layout(&sizes, &links, width), layout(&sizes, &links, width));
    }
}

#[test]
fn a_cycle_is_drawn_without_the_edge_that_closes_it() {
    let link = |from, to| Link { from, to, kind: 0 };
    let left = acyclic(
        3,
        &[link(0, 1), link(1, 2), link(2, 0), link(1, 1), link(1, 9)],
    );
    assert_eq!(left, [link(0, 1), link(1, 2)]);
}

#[test]
fn a_tree_has_no_crossings() {
    let sizes = std::vec![Size { w: 100, h: 30 }; 15];
    let links: Vec<Link> = (1..15)
        .map(|to| Link {
            from: (to - 1) / 2,
            to,
            kind: 0,
        })
        .collect();
    let ranks = ranks(sizes.len(), &links);
    let layers = rank::wrapped(&ranks, &sizes, &links, 5000);
    let mut rows = Rows::new(&sizes, &links, &layers);
    order::untangle(&mut rows);
    assert_eq!(order::crossings(&rows), 0);
}
