//! cargo-deny: finding it, or installing it once into `target/tools`.
//!
//! Licences, bans and sources need no network. Advisories need the RustSec
//! database; where it cannot be fetched nothing is known, and that is what is
//! said.

use std::path::{Path, PathBuf};

use crate::ci::Outcome;
use crate::shell::{Call, find, tell};

/// The version that `deny.toml` is written for.
const VERSION: &str = "0.20.2";
/// Where it is installed, if it is not on the path.
const TOOLS: &str = "target/tools";

/// Licences, bans and sources.
pub(crate) fn check(root: &Path) -> Outcome {
    match tool(root) {
        Ok(deny) => {
            // Warnings (two versions of one crate) are for who asks; here errors count.
            let args = ["-L", "error", "check", "licenses", "bans", "sources"];
            Outcome::of(Call::new(root, &deny, "cargo deny", &args).run())
        }
        Err(cause) => Outcome::Failed(cause),
    }
}

/// Known vulnerabilities.
pub(crate) fn advisories(root: &Path) -> Outcome {
    let deny = match tool(root) {
        Ok(deny) => deny,
        Err(cause) => return Outcome::Failed(cause),
    };
    tell("$ cargo deny fetch db");
    if let Err(cause) = Call::new(root, &deny, "cargo deny", &["fetch", "db"]).capture() {
        let cause = cause.lines().last().unwrap_or("no reason given").to_owned();
        return Outcome::NotChecked(format!("the advisory database cannot be fetched: {cause}"));
    }
    Outcome::of(
        Call::new(
            root,
            &deny,
            "cargo deny",
            &["--offline", "check", "advisories"],
        )
        .run(),
    )
}

/// The program on the path, the one in `target/tools`, or a new one there.
fn tool(root: &Path) -> Result<PathBuf, String> {
    let local = root.join(TOOLS).join("bin/cargo-deny");
    if let Some(found) = find("cargo-deny").or_else(|| local.is_file().then(|| local.clone())) {
        return Ok(found);
    }
    tell(&format!(
        "cargo-deny is not installed: building {VERSION} into {TOOLS}, once. \
         That takes some minutes on two cores; --skip-deny goes without."
    ));
    let args = [
        "install",
        "cargo-deny",
        "--locked",
        "--version",
        VERSION,
        "--root",
        TOOLS,
    ];
    let call = Call::cargo(root, &args).with_env("CARGO_TARGET_DIR", "target/tools/build");
    let shown = call.shown().to_owned();
    if call.run().ok && local.is_file() {
        Ok(local)
    } else {
        Err(format!("cargo-deny could not be installed by `{shown}`"))
    }
}
