//! The external verifier: public Python libraries that check our attestations,
//! and tools that check the server by its OpenAPI document, installed once into `target/tools/verifier`.
//!
//! A test runs it, so that what we sign is read by somebody else's code. Where
//! it cannot be installed, that is told and counts as a failure.

use std::fs;
use std::path::Path;

use crate::shell::{Call, find, tell};

/// Where it is installed; the test looks here.
const VENV: &str = "target/tools/verifier";
/// What is installed, each with its version.
const REQUIREMENTS: &str = "xtask/verifier-requirements.txt";
/// Written last, with what was installed: without it nothing counts.
const READY: &str = "ready";

/// Makes sure that it is there, in the versions that are asked for.
pub(crate) fn prepare(root: &Path) -> Result<(), String> {
    let asked = fs::read_to_string(root.join(REQUIREMENTS))
        .map_err(|error| format!("cannot read {REQUIREMENTS}: {error}"))?;
    let venv = root.join(VENV);
    let python = venv.join("bin/python");
    if python.is_file() && fs::read_to_string(venv.join(READY)).is_ok_and(|had| had == asked) {
        return Ok(());
    }
    let system = find("python3").ok_or(
        "python3 is not on the path, and a test checks attestations by public Python libraries: \
         install it (Debian: `apt-get install python3 python3-venv`) and run `cargo xtask test` again",
    )?;
    tell(&format!(
        "installing what {REQUIREMENTS} names into {VENV}, once"
    ));
    let made = Call::new(root, &system, "python3", &["-m", "venv", "--clear", VENV]).run();
    if !made.ok {
        return Err(
            "python3 cannot make a virtual environment: install its venv module \
             (Debian: `apt-get install python3-venv`) and run `cargo xtask test` again"
                .into(),
        );
    }
    let args = [
        "-m",
        "pip",
        "install",
        "--quiet",
        "--disable-pip-version-check",
        "--only-binary",
        ":all:",
        "--requirement",
        REQUIREMENTS,
    ];
    if !Call::new(root, &python, &format!("{VENV}/bin/python"), &args)
        .run()
        .ok
    {
        return Err(format!(
            "pip cannot install what {REQUIREMENTS} names: it needs a Python package index once; \
             run `cargo xtask test` again where pip reaches one"
        ));
    }
    fs::write(venv.join(READY), asked).map_err(|error| format!("cannot write {VENV}: {error}"))
}

#[cfg(test)]
mod tests {
    use super::{READY, REQUIREMENTS, VENV, prepare};
    use std::fs;
    use std::path::Path;

    #[test]
    fn what_is_there_in_the_right_versions_is_left_alone() {
        let dir = tempfile::tempdir().unwrap();
        let root = dir.path();
        let error = prepare(root).unwrap_err();
        assert!(error.contains(REQUIREMENTS), "{error}");

        fs::create_dir_all(root.join(VENV).join("bin")).unwrap();
        fs::create_dir_all(root.join(REQUIREMENTS).parent().unwrap()).unwrap();
        fs::write(root.join(REQUIREMENTS), "a==1\n").unwrap();
        fs::write(root.join(VENV).join("bin/python"), "no program").unwrap();
        fs::write(root.join(VENV).join(READY), "a==1\n").unwrap();
        assert_eq!(prepare(root), Ok(()));
    }

    #[test]
    fn every_requirement_has_one_version() {
        let root = Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap();
        let text = fs::read_to_string(root.join(REQUIREMENTS)).unwrap();
        let lines = text.lines().filter(|line| !line.starts_with('#'));
        for line in lines {
            let pinned = line.split_once("==").is_some_and(|(name, version)| {
                !name.is_empty() && version.starts_with(|c: char| c.is_ascii_digit())
            });
            assert!(pinned, "{line}");
        }
    }
}
