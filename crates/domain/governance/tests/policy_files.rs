//! Policies from files and folders, as `rok` reads them.

use rok_governance::{CedarEngine, MAX_FILE_BYTES, Policies, PolicySources};
use std::fs;
use std::path::PathBuf;

const PERMIT: &str = "permit (principal, action, resource);\n";

#[test]
fn a_folder_holds_policies_and_declarations() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let at = |name: &str| folder.path().join(name);
    let by_size = "forbid (principal, action == Action::\"run\", resource)
        when { context.inputs has rows && context.inputs.rows > 10 };";
    fs::write(at("b.cedar"), PERMIT).expect("written");
    fs::write(at("a.cedar"), by_size).expect("written");
    fs::write(at("inputs.cedarschema"), "type Inputs = { rows?: Long };").expect("written");
    fs::write(at("notes.txt"), "not read").expect("written");
    fs::create_dir(at("within")).expect("made");
    fs::write(at("within/c.cedar"), "not read").expect("written");
    let sources = PolicySources::read(&[folder.path().to_owned()]).expect("read");
    let policies = Policies::load(&sources).unwrap_or_else(|error| panic!("{error}"));
    let lines: Vec<_> = policies.infos().map(|info| info.line).collect();
    assert_eq!(lines, [1, 1]);
    assert!(!CedarEngine::new(policies).is_default());
}

#[test]
fn every_unreadable_file_is_named() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let at = |name: &str| folder.path().join(name);
    let large = usize::try_from(MAX_FILE_BYTES).expect("it fits") + 1;
    fs::write(at("large.cedar"), " ".repeat(large)).expect("written");
    fs::write(at("latin1.cedar"), b"// caf\xe9").expect("written");
    fs::write(at("other.rego"), "allow").expect("written");
    let paths: Vec<PathBuf> = ["absent.cedar", "large.cedar", "latin1.cedar", "other.rego"]
        .into_iter()
        .map(at)
        .collect();
    let error = PolicySources::read(&paths).expect_err("none can be read");
    let faults = error.as_slice();
    assert_eq!(faults.len(), 4);
    for (fault, path) in faults.iter().zip(&paths) {
        assert_eq!(fault.source, path.display().to_string());
    }
    assert!(
        faults[3]
            .hint
            .as_deref()
            .is_some_and(|hint| hint.contains("*.cedar"))
    );
}

#[test]
fn a_folder_without_policies_is_a_fault_and_not_the_default() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let sources = PolicySources::read(&[folder.path().to_owned()]).expect("read");
    assert!(Policies::load(&sources).is_err());
}

#[test]
fn a_fault_names_file_line_and_column() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let file = folder.path().join("release.cedar");
    fs::write(&file, format!("{PERMIT}permit (principal, action) ;\n")).expect("written");
    let sources = PolicySources::read(std::slice::from_ref(&file)).expect("read");
    let error = Policies::load(&sources).expect_err("a scope lacks its resource");
    let text = error.to_string();
    assert!(text.contains(&format!("{}:2:", file.display())), "{text}");
}
