//! The page about proof: its commands, in its order, with its plan; and the
//! lines that it shows are printed.

use crate::page;
use crate::support::Bench;

const PAGE: &str = include_str!("../../../../../docs/proof.md");

#[test]
fn every_command_does_what_the_page_shows() {
    let bench = Bench::new();
    bench.write("plan.yaml", page::block(PAGE, "yaml"));
    assert!(page::scenes(PAGE).len() > 15);
    page::play(&bench, PAGE);
}

#[test]
fn the_page_names_the_types_that_are_signed() {
    for named in [
        rok_attest::AUDIT_RECORD,
        rok_attest::PROVENANCE,
        rok_attest::BUILD_TYPE,
        rok_attest::BUILDER,
        rok_attest::PAYLOAD_TYPE,
    ] {
        assert!(PAGE.contains(named), "{named}");
    }
}
