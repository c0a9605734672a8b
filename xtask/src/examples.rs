//! The examples: Rust ones are built, plans are validated and tested by `rok`
//! itself.

use std::path::{Path, PathBuf};

use crate::ci::Outcome;
use crate::shell::{Call, tell};

/// Where the plans of the examples are.
const FOLDER: &str = "examples";
/// The package whose binary reads plans.
const BINARY: &str = "crates/ops/rok";

/// Builds and validates them all.
pub(crate) fn check(root: &Path) -> Outcome {
    if !Call::cargo(root, &["build", "--workspace", "--examples"])
        .run()
        .ok
    {
        return Outcome::Failed("an example does not build".into());
    }
    let plans = plans(&root.join(FOLDER));
    if plans.is_empty() {
        return Outcome::Ok;
    }
    if !root.join(BINARY).join("Cargo.toml").is_file() {
        return Outcome::NotChecked(format!(
            "{} plan(s), and no {BINARY} to read them",
            plans.len()
        ));
    }
    let mut bad = 0;
    for plan in &plans {
        let file = plan
            .strip_prefix(root)
            .unwrap_or(plan)
            .to_string_lossy()
            .into_owned();
        let verb = if is_test(plan) { "test" } else { "validate" };
        let args = ["run", "--quiet", "-p", "rok", "--", "plan", verb, &file];
        if !Call::cargo(root, &args).run().ok {
            bad += 1;
        }
    }
    tell(&format!(
        "{} plan(s) and test(s) of plans, {bad} refused",
        plans.len()
    ));
    if bad == 0 {
        Outcome::Ok
    } else {
        Outcome::Failed(format!("{bad} plan(s) refused"))
    }
}

/// The files that say `plan:` in their first column, in order of their names.
fn plans(folder: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    let mut folders = vec![folder.to_owned()];
    while let Some(folder) = folders.pop() {
        let Ok(entries) = std::fs::read_dir(&folder) else {
            continue;
        };
        for path in entries.flatten().map(|e| e.path()) {
            if path.is_dir() {
                folders.push(path);
            } else if is_plan(&path) {
                found.push(path);
            }
        }
    }
    found.sort();
    found
}

/// Whether a file has tests of a plan, which it names as a plan names itself.
fn is_test(path: &Path) -> bool {
    path.file_stem()
        .is_some_and(|stem| Path::new(stem).extension().is_some_and(|e| e == "plantest"))
}

fn is_plan(path: &Path) -> bool {
    let is_yaml = path.extension().is_some_and(|e| e == "yaml" || e == "yml");
    is_yaml
        && std::fs::read_to_string(path)
            .is_ok_and(|text| text.lines().any(|line| line.starts_with("plan:")))
}

#[cfg(test)]
mod tests {
    use std::fs;

    use std::path::Path;

    use super::{is_test, plans};

    #[test]
    fn plans_are_told_from_other_files() {
        let root = tempfile::tempdir().unwrap();
        fs::create_dir(root.path().join("b")).unwrap();
        fs::write(root.path().join("b/x.yaml"), "# a plan\nplan: x\n").unwrap();
        fs::write(root.path().join("a.yml"), "plan: a\n").unwrap();
        fs::write(root.path().join("sites.yaml"), "- site\n").unwrap();
        fs::write(root.path().join("README.md"), "plan: no\n").unwrap();
        let names: Vec<String> = plans(root.path())
            .iter()
            .map(|p| p.strip_prefix(root.path()).unwrap().display().to_string())
            .collect();
        assert_eq!(names, ["a.yml", "b/x.yaml"]);
        assert!(is_test(Path::new("b/x.plantest.yaml")));
        assert!(!is_test(Path::new("plantest.yaml")));
    }
}
