//! The page about decisions: its commands, in its order, with its plan; and the
//! lines that it shows are printed.

#[expect(dead_code, reason = "this file needs a part of it")]
mod support;

#[expect(dead_code, reason = "this file reads the page itself")]
#[path = "support/page.rs"]
mod page;

use support::Bench;

const PAGE: &str = include_str!("../../../../docs/howto/approve-and-override.md");

#[test]
fn every_command_does_what_the_page_shows() {
    let bench = Bench::new();
    bench.write("plan.yaml", page::block(PAGE, "yaml"));
    assert!(page::scenes(PAGE).len() > 15);
    page::play(&bench, PAGE);
}
