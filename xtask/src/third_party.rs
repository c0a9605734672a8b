//! The crate of somebody else's in `examples/third-party`, which is no member
//! of the workspace: formatted and tested by itself, as they would.

use std::fs;
use std::path::Path;

use crate::ci::Outcome;
use crate::shell::Call;

/// Where it lies.
const FOLDER: &str = "examples/third-party";

/// What is done in it, in order; the first that fails ends it.
const STEPS: [&[&str]; 2] = [&["fmt", "--check"], &["test"]];

/// Checks it, with the versions of the workspace's lock file and, so that
/// nothing is built twice that need not be, in its target folder.
pub(crate) fn check(root: &Path) -> Outcome {
    let folder = root.join(FOLDER);
    if let Err(error) = fs::copy(root.join("Cargo.lock"), folder.join("Cargo.lock")) {
        return Outcome::Failed(format!("cannot lock {FOLDER}: {error}"));
    }
    let target = crate::shell::target(root);
    for step in STEPS {
        let call = Call::cargo(&folder, step);
        let call = call.with_env("CARGO_TARGET_DIR", &target.to_string_lossy());
        if !call.run().ok {
            return Outcome::Failed(format!("`cargo {}` in {FOLDER}", step[0]));
        }
    }
    Outcome::Ok
}
