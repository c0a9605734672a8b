//! `docs/events.md` names every event type, and none that is not there.

use rok_events::EventType;
use std::collections::BTreeSet;
use std::path::Path;

#[test]
fn the_page_has_a_row_for_each_type_and_no_other() {
    let page = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../docs/events.md");
    let page = std::fs::read_to_string(page).expect("the page is there");
    let (_, types) = page.split_once("## Types").expect("a table of types");
    let shown: BTreeSet<&str> = types
        .lines()
        .filter_map(|line| line.strip_prefix("| `")?.split('`').next())
        .collect();
    let known: BTreeSet<&str> = EventType::WORDS.iter().copied().collect();
    assert_eq!(shown, known);
}
