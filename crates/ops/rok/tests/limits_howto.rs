//! The pages on undoing and on budgets: their commands print what they show.

#[expect(dead_code, reason = "this file needs a part of it")]
mod support;

#[expect(dead_code, reason = "this file needs a part of it")]
#[path = "support/page.rs"]
mod page;

use page::{block, play};
use rstest::rstest;
use support::Bench;

const UNDO: &str = include_str!("../../../../docs/howto/undo-a-failed-run.md");
const LIMIT: &str = include_str!("../../../../docs/howto/limit-what-a-run-may-use.md");

#[rstest]
#[case::undo(UNDO)]
#[case::limit(LIMIT)]
fn the_commands_of_the_page(#[case] page: &str) {
    let bench = Bench::new();
    bench.write("plan.yaml", block(page, "yaml"));
    play(&bench, page);
}
