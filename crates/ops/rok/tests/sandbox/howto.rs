//! The page on sandboxes: its commands print what it shows.

use crate::page::{block, play};
use crate::support::Bench;

const PAGE: &str = include_str!("../../../../../docs/howto/sandbox.md");

#[test]
fn the_commands_of_the_page() {
    let bench = Bench::new();
    bench.write("plan.yaml", block(PAGE, "yaml"));
    if rok_sandbox::Offer::of_this_machine().is_complete() {
        play(&bench, PAGE);
    } else {
        bench.rok(["run", "plan.yaml"]).exits(5);
    }
}
