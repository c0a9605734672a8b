//! The pages on artifacts, on the cache and on retention: their commands print
//! what they show.

#[expect(dead_code, reason = "this file needs a part of it")]
mod support;

#[expect(dead_code, reason = "this file needs a part of it")]
#[path = "support/page.rs"]
mod page;

use page::{block, play};
use rstest::rstest;
use support::Bench;

const KEEP: &str = include_str!("../../../../docs/howto/keep-and-use-artifacts.md");
const REUSE: &str = include_str!("../../../../docs/howto/reuse-results.md");
const FORGET: &str = include_str!("../../../../docs/howto/keep-and-forget-runs.md");

#[rstest]
#[case::keep(KEEP)]
#[case::reuse(REUSE)]
#[case::forget(FORGET)]
fn the_commands_of_the_page(#[case] page: &str) {
    let bench = Bench::new();
    bench.write("plan.yaml", block(page, "yaml"));
    play(&bench, page);
}
