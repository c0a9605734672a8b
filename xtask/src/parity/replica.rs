//! The clone that faults are planted in: what is committed, at one place, so
//! that what was built for one fault serves the next.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

use serde_json::Value;

use crate::shell::{Call, find, target};

/// Below the target folder: the checkout, what is built of it, what was said.
const FOLDER: &str = "parity";

/// A checkout of its own, with a target folder of its own.
pub(crate) struct Replica {
    place: PathBuf,
}

impl Replica {
    /// Of what is committed in this checkout.
    pub(crate) fn of(root: &Path) -> Result<Self, String> {
        let clone = Self {
            place: target(root).join(FOLDER),
        };
        let at = |error| format!("{}: {error}", clone.place.display());
        fs::create_dir_all(clone.place.join(".cargo")).map_err(at)?;
        fs::create_dir_all(clone.place.join("said")).map_err(at)?;
        // Cargo reads this one too, and no file of the checkout need be changed.
        let build = toml::Value::from(clone.place.join("build").to_string_lossy().as_ref());
        let config = format!("[build]\ntarget-dir = {build}\n");
        fs::write(clone.place.join(".cargo/config.toml"), config).map_err(at)?;
        fs::create_dir_all(clone.checkout()).map_err(at)?;
        clone.git(&["init", "--quiet"])?;
        let origin = root.to_string_lossy();
        clone.git(&["fetch", "--quiet", "--no-tags", &origin, "HEAD"])?;
        clone.git(&["update-ref", "HEAD", "FETCH_HEAD"])?;
        clone.reset()?;
        // What is installed once need not be installed twice.
        let tools = root.join("target/tools");
        let link = clone.checkout().join("target/tools");
        fs::create_dir_all(&tools).map_err(at)?;
        fs::create_dir_all(clone.checkout().join("target")).map_err(at)?;
        if !link.is_symlink() {
            std::os::unix::fs::symlink(&tools, &link).map_err(at)?;
        }
        Ok(clone)
    }

    pub(crate) fn checkout(&self) -> PathBuf {
        self.place.join("checkout")
    }

    /// Where what was said of a fault is kept.
    pub(crate) fn said(&self, name: &str) -> PathBuf {
        self.place.join("said").join(name)
    }

    /// As it was committed; what git ignores stays.
    pub(crate) fn reset(&self) -> Result<(), String> {
        self.git(&["reset", "--quiet", "--hard"])?;
        self.git(&["clean", "--quiet", "-fd"])
    }

    fn git(&self, args: &[&str]) -> Result<(), String> {
        let git = find("git").ok_or("git is not on the path")?;
        let mut call = Call::new(&self.checkout(), &git, "git", args);
        // Within a hook these name the repository that is being committed to.
        for name in ["GIT_DIR", "GIT_WORK_TREE", "GIT_INDEX_FILE"] {
            call = call.without_env(name);
        }
        call.capture().map(drop)
    }

    /// Leaves only the crates that `xtask` needs, for itself and for its tests:
    /// what has to be compiled is a matter of minutes then.
    pub(crate) fn trim(&self) -> Result<usize, String> {
        let args = ["metadata", "--no-deps", "--format-version", "1"];
        let told = Call::cargo(&self.checkout(), &args).capture()?;
        let told: Value = serde_json::from_str(&told).map_err(|error| error.to_string())?;
        let members = needed(&told, &self.checkout(), "xtask");
        let manifest = self.checkout().join("Cargo.toml");
        let text = fs::read_to_string(&manifest).map_err(|error| error.to_string())?;
        fs::write(&manifest, with_members(&text, &members)).map_err(|error| error.to_string())?;
        Ok(members.len())
    }
}

/// The folders of a package and of all that it is built and tested with.
fn needed(told: &Value, checkout: &Path, first: &str) -> BTreeSet<String> {
    let packages = told["packages"].as_array().into_iter().flatten();
    let by_name: BTreeMap<&str, &Value> = packages
        .filter_map(|package| Some((package["name"].as_str()?, package)))
        .collect();
    let (mut open, mut seen, mut folders) = (vec![first], BTreeSet::new(), BTreeSet::new());
    while let Some(name) = open.pop() {
        let Some(package) = by_name.get(name).filter(|_| seen.insert(name)) else {
            continue;
        };
        let manifest = Path::new(package["manifest_path"].as_str().unwrap_or_default());
        let folder = manifest
            .parent()
            .and_then(|f| f.strip_prefix(checkout).ok());
        folders.extend(folder.map(|folder| folder.to_string_lossy().into_owned()));
        let all = package["dependencies"].as_array().into_iter().flatten();
        let ours = all.filter(|one| one["path"].is_string());
        open.extend(ours.filter_map(|one| one["name"].as_str()));
    }
    folders
}

/// A workspace's manifest with these members and no others.
fn with_members(text: &str, members: &BTreeSet<String>) -> String {
    let mut lines = String::new();
    for line in text.lines() {
        let key = line.split(" = [").next().unwrap_or_default();
        if matches!(key, "members" | "default-members") {
            lines += &format!("{key} = {members:?}").replace(['{', '}'], "");
            let from = lines.rfind(" = ").map_or(lines.len(), |at| at + 3);
            lines.insert(from, '[');
            lines.push(']');
        } else {
            lines += line;
        }
        lines.push('\n');
    }
    lines
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;
    use std::path::Path;

    use serde_json::json;

    use super::{needed, with_members};

    #[test]
    fn a_package_needs_what_it_is_built_and_tested_with() {
        let package = |name: &str, needs: &[&str]| {
            let needs: Vec<_> = needs
                .iter()
                .map(|n| json!({ "name": n, "path": "/x" }))
                .collect();
            json!({ "name": name, "manifest_path": format!("/w/in/{name}/Cargo.toml"), "dependencies": needs })
        };
        let told = json!({ "packages": [
            package("a", &["b"]), package("b", &["c", "a"]), package("c", &[]), package("d", &["a"]),
        ] });
        let found = needed(&told, Path::new("/w"), "a");
        assert_eq!(
            found.into_iter().collect::<Vec<_>>(),
            ["in/a", "in/b", "in/c"]
        );
    }

    #[test]
    fn a_manifest_is_left_with_these_members() {
        let text = "[workspace]\nmembers = [\"crates/*/*\", \"xtask\"]\ndefault-members = [\"c\"]\nresolver = \"3\"\n";
        let members = BTreeSet::from(["a/b".to_owned(), "xtask".to_owned()]);
        assert_eq!(
            with_members(text, &members),
            "[workspace]\nmembers = [\"a/b\", \"xtask\"]\ndefault-members = [\"a/b\", \"xtask\"]\nresolver = \"3\"\n"
        );
    }
}
