//! The check of this workspace, so that `cargo test` is never green over a
//! broken layer.

use xtask::check_layers::{check, human};

use crate::house::workspace;

#[test]
fn this_workspace_keeps_its_layers() {
    let gathered = xtask::gather(&workspace()).unwrap_or_else(|e| panic!("{e}"));
    let report = check(&gathered.graph, &gathered.policy, gathered.today);
    assert_eq!(report.exit_code, 0, "\n{}", human(&report));
}
