//! A table of a seed's sentences and the tests that hold them.

use std::path::Path;

/// Every row names tests, and each of them is in the file that it is said to
/// be in. `heads` begins the first cell of the table's heads.
pub(crate) fn names_tests_that_exist(table: &str, heads: &str, at_least: usize) {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../..");
    let table =
        std::fs::read_to_string(root.join("crates/ops/rok/tests").join(table)).expect("the table");
    let head = format!("| {heads}");
    let rows: Vec<&str> = table
        .lines()
        .filter(|line| {
            line.starts_with("| ") && !line.starts_with(&head) && !line.starts_with("| ---")
        })
        .collect();
    assert!(rows.len() >= at_least, "only {} rows", rows.len());
    let mut faults = Vec::new();
    for row in rows {
        let cell = row
            .trim_end_matches(" |")
            .rsplit(" | ")
            .next()
            .unwrap_or_default();
        let names: Vec<&str> = cell.split('`').skip(1).step_by(2).collect();
        if names.is_empty() {
            faults.push(format!("no test: {row}"));
        }
        for name in names {
            let Some((file, test)) = name.split_once("::") else {
                faults.push(format!("`{name}` is not FILE::TEST"));
                continue;
            };
            let text = std::fs::read_to_string(root.join("crates").join(file)).unwrap_or_default();
            if !text.contains(&format!("fn {test}(")) {
                faults.push(format!("`{name}` is nowhere"));
            }
        }
    }
    assert!(faults.is_empty(), "{}", faults.join("\n"));
}
