//! The commit's date: the same day for everyone who checks the same commit.

use std::path::Path;
use std::process::Command;

use crate::check_layers::Date;

/// The day of HEAD's commit in UTC, or none outside a git history.
pub(super) fn head_date(root: &Path) -> Option<Date> {
    let output = Command::new("git")
        .arg("-C")
        .arg(root)
        .args(["log", "-1", "--format=%cd", "--date=format-local:%Y-%m-%d"])
        .env("TZ", "UTC")
        .output()
        .ok()
        .filter(|o| o.status.success())?;
    String::from_utf8(output.stdout).ok()?.trim().parse().ok()
}
