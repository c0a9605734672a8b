//! The pages on fan-outs, sub-runs and places: their commands print what they
//! show.

#[expect(dead_code, reason = "this file needs a part of it")]
mod support;

#[expect(dead_code, reason = "this file needs a part of it")]
#[path = "support/page.rs"]
mod page;

use page::{block, play};
use rstest::rstest;
use support::Bench;

const EACH: &str = include_str!("../../../../docs/howto/do-the-same-for-each.md");
const WITHIN: &str = include_str!("../../../../docs/howto/run-a-plan-within-a-plan.md");
const ONE: &str = include_str!("../../../../docs/howto/run-one-at-a-time.md");

#[rstest]
#[case::each(EACH)]
#[case::within(WITHIN)]
#[case::one(ONE)]
fn the_commands_of_the_page(#[case] page: &str) {
    let bench = Bench::new();
    bench.write("plan.yaml", block(page, "yaml"));
    play(&bench, page);
}
