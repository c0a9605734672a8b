//! `cargo xtask new-crate FLOOR NAME`: a crate in its place, classified, that
//! builds and passes its first doctest.

use std::fs;
use std::path::{Path, PathBuf};

use crate::check_layers::{Layer, Policy, PolicyError};

/// What to make.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// The floor, by id or name: `L6` or `platform`
    floor: String,
    /// The folder's name; the package is called `rok-NAME`
    name: String,
    /// The role; the floor's first by default
    #[arg(long)]
    role: Option<String>,
    /// The domain; the crate's own name on L4, elsewhere the floor's name
    #[arg(long)]
    domain: Option<String>,
    /// One sentence on what it is for
    #[arg(long, default_value = "One sentence of purpose.")]
    about: String,
}

/// Why no crate was made.
#[derive(Debug, thiserror::Error)]
pub(crate) enum NewCrateError {
    /// The policy says nothing of such a floor.
    #[error("there is no floor {floor}; there are {known}")]
    NoFloor { floor: String, known: String },
    /// A floor of single folders has no room for another.
    #[error("{floor} has fixed folders; make the crate by hand and list its folder in layers.toml")]
    FixedFolders { floor: String },
    /// The floor knows no such role.
    #[error("{floor} has the roles {known}, not {role}")]
    NoRole {
        floor: String,
        role: String,
        known: String,
    },
    /// Not a name for a folder and a package.
    #[error("`{name}` is no crate name; use a-z, 0-9 and single hyphens, a letter first")]
    BadName { name: String },
    /// Something is there.
    #[error("{folder} is there already")]
    Exists { folder: PathBuf },
    /// `layers.toml` cannot be used.
    #[error(transparent)]
    Policy(#[from] PolicyError),
    /// The disk said no.
    #[error("{path}: {cause}")]
    Io {
        path: PathBuf,
        cause: std::io::Error,
    },
}

/// Makes it, and says what is left to do.
pub(crate) fn run(root: &Path, args: &Args) -> Result<String, NewCrateError> {
    let path = root.join("layers.toml");
    let text = fs::read_to_string(&path).map_err(|cause| NewCrateError::Io { path, cause })?;
    let policy = Policy::parse(&text)?;
    let plan = plan(&policy, args)?;
    let folder = root.join(&plan.folder);
    if folder.exists() {
        return Err(NewCrateError::Exists { folder });
    }
    let source = folder.join("src");
    fs::create_dir_all(&source).map_err(|cause| NewCrateError::Io {
        path: source,
        cause,
    })?;
    for (file, text) in &plan.files {
        let path = folder.join(file);
        fs::write(&path, text).map_err(|cause| NewCrateError::Io { path, cause })?;
    }
    Ok(format!(
        "made {folder}\nadd to [workspace.dependencies] of Cargo.toml, in the floor's place:\n  \
         {name} = {{ path = \"{folder}\" }}\nthen: cargo test -p {name} && cargo xtask check-layers\n",
        folder = plan.folder,
        name = plan.package,
    ))
}

/// A crate that is yet to be written.
#[derive(Debug)]
struct Plan {
    folder: String,
    package: String,
    files: Vec<(&'static str, String)>,
}

fn plan(policy: &Policy, args: &Args) -> Result<Plan, NewCrateError> {
    let floor = find_floor(policy, &args.floor)?;
    let parent = floor.folders.iter().find_map(|f| f.strip_suffix("/*"));
    let parent = parent.ok_or_else(|| NewCrateError::FixedFolders {
        floor: floor.id.clone(),
    })?;
    if !is_name(&args.name) {
        return Err(NewCrateError::BadName {
            name: args.name.clone(),
        });
    }
    let role = args
        .role
        .as_ref()
        .or(floor.roles.first())
        .cloned()
        .unwrap_or_default();
    if !floor.roles.contains(&role) {
        let known = floor.roles.join(", ");
        return Err(NewCrateError::NoRole {
            floor: floor.id.clone(),
            role,
            known,
        });
    }
    let own = if floor.name == "domain" {
        &args.name
    } else {
        &floor.name
    };
    let domain = args.domain.as_ref().unwrap_or(own);
    let folder = format!("{parent}/{}", args.name);
    let package = policy.package_name(&folder);
    let is_pure = ["pure", "contract", "kernel"].contains(&role.as_str());
    let files = vec![
        (
            "Cargo.toml",
            manifest(&package, &args.about, &floor.id, &role, domain),
        ),
        ("src/lib.rs", library(&package, &args.about, is_pure)),
        ("README.md", readme(&package, &args.about)),
    ];
    Ok(Plan {
        folder,
        package,
        files,
    })
}

fn find_floor<'a>(policy: &'a Policy, wanted: &str) -> Result<&'a Layer, NewCrateError> {
    let is_it = |l: &&Layer| l.id.eq_ignore_ascii_case(wanted) || l.name == wanted;
    policy.layers.iter().find(is_it).ok_or_else(|| {
        let known: Vec<String> = policy
            .layers
            .iter()
            .map(|l| format!("{} {}", l.id, l.name))
            .collect();
        NewCrateError::NoFloor {
            floor: wanted.to_owned(),
            known: known.join(", "),
        }
    })
}

fn is_name(name: &str) -> bool {
    name.starts_with(|c: char| c.is_ascii_lowercase())
        && !name.ends_with('-')
        && !name.contains("--")
        && name
            .bytes()
            .all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-')
}

fn manifest(package: &str, about: &str, layer: &str, role: &str, domain: &str) -> String {
    let inherited: String = [
        "version",
        "edition",
        "rust-version",
        "license",
        "repository",
        "publish",
    ]
    .map(|key| format!("{key}.workspace = true\n"))
    .concat();
    format!(
        "[package]\nname = \"{package}\"\ndescription = {about:?}\n{inherited}\n\
         [package.metadata.layer]\nlayer = \"{layer}\"\nrole = \"{role}\"\ndomain = \"{domain}\"\n\n\
         [dependencies]\n\n[lints]\nworkspace = true\n"
    )
}

fn library(package: &str, about: &str, is_pure: bool) -> String {
    let ident = package.replace('-', "_");
    let purity = if is_pure {
        "#![no_std]\n\nextern crate alloc;\n"
    } else {
        ""
    };
    format!(
        "//! {about}\n//!\n//! It never … (what this crate leaves to others).\n//!\n\
         //! ```\n//! use {ident} as _;\n//! ```\n{purity}"
    )
}

fn readme(package: &str, about: &str) -> String {
    let ident = package.replace('-', "_");
    format!("# {package}\n\n{about}\n\n```rust\nuse {ident} as _;\n```\n")
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use rstest::rstest;

    use super::{Args, Policy, plan};

    fn policy() -> Policy {
        let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("../layers.toml");
        Policy::parse(&std::fs::read_to_string(file).unwrap()).unwrap()
    }

    fn args(floor: &str, name: &str, role: Option<&str>) -> Args {
        Args {
            floor: floor.into(),
            name: name.into(),
            role: role.map(Into::into),
            domain: None,
            about: "Counts \"things\".".into(),
        }
    }

    #[test]
    fn a_pure_crate_comes_with_its_class_and_its_guard() {
        let plan = plan(&policy(), &args("platform", "clock", Some("pure"))).unwrap();
        assert_eq!(
            (plan.folder.as_str(), plan.package.as_str()),
            ("crates/platform/clock", "rok-clock")
        );
        let text = |name| &plan.files.iter().find(|(file, _)| *file == name).unwrap().1;
        let manifest: toml::Table = text("Cargo.toml").parse().unwrap();
        assert_eq!(
            manifest["package"]["description"].as_str(),
            Some("Counts \"things\".")
        );
        let class = &manifest["package"]["metadata"]["layer"];
        assert_eq!(class["layer"].as_str(), Some("L6"));
        assert_eq!(class["role"].as_str(), Some("pure"));
        assert_eq!(class["domain"].as_str(), Some("platform"));
        assert!(text("src/lib.rs").contains("#![no_std]"));
    }

    #[test]
    fn a_domain_is_named_after_its_crate() {
        let plan = plan(&policy(), &args("L4", "registry", None)).unwrap();
        assert!(plan.files[0].1.contains("domain = \"registry\""));
        assert!(plan.files[0].1.contains("role = \"engine\""));
    }

    #[test]
    fn a_floor_of_fixed_folders_has_no_room() {
        let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("../layers.toml");
        let text = std::fs::read_to_string(file).unwrap();
        let fixed = text.replace(", \"examples/*\"]", "]");
        assert_ne!(fixed, text);
        let policy = Policy::parse(&fixed).unwrap();
        let error = plan(&policy, &args("L8", "x", None)).unwrap_err();
        assert!(error.to_string().contains("fixed folders"), "{error}");
        let open = plan(&Policy::parse(&text).unwrap(), &args("L8", "x", None)).unwrap();
        assert_eq!(open.folder, "examples/x");
    }

    #[rstest]
    #[case("L9", "x", None, "there is no floor L9")]
    #[case("L6", "x", Some("engine"), "not engine")]
    #[case("L6", "Clock", None, "no crate name")]
    #[case("L6", "a--b", None, "no crate name")]
    #[case("L6", "../a", None, "no crate name")]
    fn what_fits_no_floor_is_refused(
        #[case] floor: &str,
        #[case] name: &str,
        #[case] role: Option<&str>,
        #[case] cause: &str,
    ) {
        let error = plan(&policy(), &args(floor, name, role))
            .unwrap_err()
            .to_string();
        assert!(error.contains(cause), "{error}");
    }
}
