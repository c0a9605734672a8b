//! The faults that are planted: each breaks one check, and says which.

use std::fs;
use std::path::Path;

use clap::ValueEnum;

use crate::ci::Check;

/// The crate that faults are planted in: `xtask` is tested with it, and built
/// without it, so that it can still tell of a fault that keeps it from building.
const LIB: &str = "crates/platform/component/src/lib.rs";

/// A fault, by its name.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Fault {
    /// None at all
    None,
    /// A badly formatted file
    Format,
    /// An import from L6 to L4
    Layers,
    /// A generated page that was edited
    Generated,
    /// A crate under a licence that is not allowed
    Licence,
    /// A warning of clippy
    Clippy,
    /// A link in the documentation that leads nowhere
    Docs,
    /// A unit test that fails
    Unit,
    /// A test of a crate as a whole that fails
    Integration,
    /// A doctest that fails
    Doctest,
    /// An example that does not build
    Example,
    /// A badly formatted file in the crate outside the workspace
    ThirdParty,
}

/// What is done to a clone.
enum Edit {
    Append(&'static str, &'static str),
    Create(&'static str, &'static str),
    Replace(&'static str, &'static str, &'static str),
}

impl Fault {
    pub(crate) const ALL: [Self; 12] = [
        Self::None,
        Self::Format,
        Self::Layers,
        Self::Generated,
        Self::Licence,
        Self::Clippy,
        Self::Docs,
        Self::Unit,
        Self::Integration,
        Self::Doctest,
        Self::Example,
        Self::ThirdParty,
    ];

    /// For people.
    pub(crate) const fn about(self) -> &'static str {
        match self {
            Self::None => "none",
            Self::Format => "a badly formatted file",
            Self::Layers => "an import from L6 to L4",
            Self::Generated => "a generated page that was edited",
            Self::Licence => "a crate under a licence that is not allowed",
            Self::Clippy => "a warning of clippy",
            Self::Docs => "a link in the documentation that leads nowhere",
            Self::Unit => "a unit test that fails",
            Self::Integration => "a test of a crate as a whole that fails",
            Self::Doctest => "a doctest that fails",
            Self::Example => "an example that does not build",
            Self::ThirdParty => "a badly formatted file in the crate outside the workspace",
        }
    }

    /// The checks that are asked for, and the component of each.
    pub(crate) const fn asked(self) -> &'static [(Check, &'static str)] {
        match self {
            Self::None => &[
                (Check::Format, "fmt"),
                (Check::Layers, "layers"),
                (Check::Generated, "generated"),
                (Check::Deny, "deny"),
            ],
            Self::Format => &[(Check::Format, "fmt")],
            Self::Layers => &[(Check::Layers, "layers")],
            Self::Generated => &[(Check::Generated, "generated")],
            Self::Licence => &[(Check::Deny, "deny")],
            Self::Clippy => &[(Check::Lints, "clippy")],
            Self::Docs => &[(Check::Docs, "docs")],
            Self::Unit => &[(Check::Unit, "unit")],
            Self::Integration => &[(Check::Integration, "integration")],
            Self::Doctest => &[(Check::Doctests, "doctests")],
            Self::Example => &[(Check::Examples, "examples")],
            Self::ThirdParty => &[(Check::ThirdParty, "third-party")],
        }
    }

    /// What whoever finds this fault, and no other, has to say. Empty where
    /// there is nothing to find.
    pub(crate) const fn sign(self) -> &'static str {
        match self {
            Self::None => "",
            Self::Format => "component/src/lib.rs",
            Self::Layers => "rok-sandbox",
            Self::Generated => "docs/layers.md",
            Self::Licence => "GPL-3.0",
            Self::Clippy => "let_and_return",
            Self::Docs => "nowhere_at_all",
            Self::Unit => "a_planted_unit_test_fails",
            Self::Integration => "a_planted_integration_test_fails",
            Self::Doctest => "component/src/lib.rs - PLANTED",
            Self::Example => "examples/planted.rs",
            Self::ThirdParty => "third-party/src/lib.rs",
        }
    }

    /// Whether crates must be compiled to find it.
    pub(crate) const fn compiles(self) -> bool {
        matches!(
            self,
            Self::Clippy
                | Self::Docs
                | Self::Unit
                | Self::Integration
                | Self::Doctest
                | Self::Example
        )
    }

    const fn edit(self) -> Option<Edit> {
        Some(match self {
            Self::None => return None,
            Self::Format => Edit::Append(LIB, "\n#[cfg(test)]\nmod   planted {  }\n"),
            Self::Layers => Edit::Replace(
                "crates/platform/sandbox/Cargo.toml",
                "[dependencies]\n",
                "[dependencies]\nrok-facades.workspace = true\n",
            ),
            Self::Generated => Edit::Append("docs/layers.md", "\nPlanted.\n"),
            Self::Licence => Edit::Replace(
                "crates/platform/component/Cargo.toml",
                "license.workspace = true\n",
                "license = \"GPL-3.0-only\"\n",
            ),
            Self::Clippy => Edit::Append(
                LIB,
                "\n/// Planted.\npub fn planted() -> u8 {\n    let answer = 42;\n    answer\n}\n",
            ),
            Self::Docs => Edit::Append(
                LIB,
                "\n/// Planted, see [`nowhere_at_all`].\npub const PLANTED: u8 = 0;\n",
            ),
            Self::Unit => Edit::Append(
                LIB,
                "\n#[cfg(test)]\nmod planted {\n    #[test]\n    fn a_planted_unit_test_fails() {\n        assert_eq!(1 + 1, 3);\n    }\n}\n",
            ),
            Self::Integration => Edit::Create(
                "crates/platform/component/tests/planted.rs",
                "//! Planted.\n\n#[test]\nfn a_planted_integration_test_fails() {\n    assert_eq!(1 + 1, 3);\n}\n",
            ),
            Self::Doctest => Edit::Append(
                LIB,
                "\n/// Planted.\n///\n/// ```\n/// assert_eq!(1 + 1, 3);\n/// ```\npub const PLANTED: u8 = 0;\n",
            ),
            Self::Example => Edit::Create(
                "crates/platform/component/examples/planted.rs",
                "//! Planted.\n\nfn main() {\n    nothing_of_that_name();\n}\n",
            ),
            Self::ThirdParty => Edit::Append(
                "examples/third-party/src/lib.rs",
                "\n#[cfg(test)]\nmod   planted {  }\n",
            ),
        })
    }

    /// Plants it in a checkout. What it is planted in must be as it is known.
    pub(crate) fn plant(self, checkout: &Path) -> Result<(), String> {
        let Some(edit) = self.edit() else {
            return Ok(());
        };
        let (name, text) = match edit {
            Edit::Append(name, more) => (name, read(checkout, name)? + more),
            Edit::Create(name, text) if checkout.join(name).exists() => {
                return Err(format!("{name} is there already, and {text:?} would go"));
            }
            Edit::Create(name, text) => (name, text.to_owned()),
            Edit::Replace(name, from, to) => {
                let text = read(checkout, name)?;
                if !text.contains(from) {
                    return Err(format!("{name} does not say {from:?}"));
                }
                (name, text.replacen(from, to, 1))
            }
        };
        let path = checkout.join(name);
        let made = path.parent().map_or(Ok(()), fs::create_dir_all);
        made.and_then(|()| fs::write(&path, text))
            .map_err(|error| format!("{name}: {error}"))
    }
}

fn read(checkout: &Path, name: &str) -> Result<String, String> {
    fs::read_to_string(checkout.join(name)).map_err(|error| format!("{name}: {error}"))
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::path::Path;

    use super::{Edit, Fault};

    fn root() -> &'static Path {
        Path::new(env!("CARGO_MANIFEST_DIR"))
            .parent()
            .expect("xtask lies in the workspace")
    }

    /// What is planted in is as the faults take it to be.
    #[test]
    fn every_fault_can_be_planted() {
        for fault in Fault::ALL {
            let clone = tempfile::tempdir().unwrap();
            let Some(edit) = fault.edit() else {
                fault.plant(clone.path()).unwrap();
                continue;
            };
            let (Edit::Append(name, _) | Edit::Create(name, _) | Edit::Replace(name, ..)) = edit;
            let there = root().join(name);
            let before = fs::read_to_string(&there).ok();
            if let Some(text) = &before {
                let copy = clone.path().join(name);
                fs::create_dir_all(copy.parent().unwrap()).unwrap();
                fs::write(copy, text).unwrap();
            }
            fault.plant(clone.path()).unwrap();
            let after = fs::read_to_string(clone.path().join(name)).unwrap();
            assert_ne!(before.as_deref(), Some(&*after), "{fault:?}");
        }
    }

    #[test]
    fn a_fault_is_not_planted_in_what_is_not_as_it_is_known() {
        let clone = tempfile::tempdir().unwrap();
        assert!(Fault::Format.plant(clone.path()).is_err());
        Fault::Integration.plant(clone.path()).unwrap();
        assert!(Fault::Integration.plant(clone.path()).is_err());
        let manifest = clone.path().join("crates/platform/component/Cargo.toml");
        fs::write(manifest, "[package]\n").unwrap();
        assert!(Fault::Licence.plant(clone.path()).is_err());
    }

    /// Each component makes the check beside which it stands.
    #[test]
    fn checks_and_components_belong_together() {
        for (check, component) in Fault::ALL.iter().flat_map(|fault| fault.asked()) {
            let file = format!(".rok/components/{component}.component.yaml");
            let text = fs::read_to_string(root().join(&file)).unwrap();
            let words = text.replace([',', ']', '}'], " ");
            let words: Vec<&str> = words.split_whitespace().collect();
            let makes = words.windows(2).any(|two| two == ["--only", check.name()]);
            assert!(makes, "{file}: {}", check.name());
        }
    }
}
