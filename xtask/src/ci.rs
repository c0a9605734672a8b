//! `cargo xtask ci`: exactly what CI runs, with the command that mends each
//! failure, and a table at the end.

use std::fmt::Write as _;
use std::path::Path;
use std::time::{Duration, Instant};

use clap::ValueEnum;

use crate::check_layers::{check, human};
use crate::gather::gather;
use crate::shell::{Call, Ran, say, tell};
use crate::{deny, docs, examples, test, third_party};

/// Which checks to run, and how strictly.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// Only these checks, in CI's order
    #[arg(long, value_enum, value_delimiter = ',')]
    only: Vec<Check>,
    /// Goes without cargo-deny, and says so in the table
    #[arg(long)]
    skip_deny: bool,
    /// A check that could not be made counts as failed
    #[arg(long)]
    strict: bool,
}

/// A check of CI.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Check {
    /// `cargo fmt`
    Format,
    /// The layers
    Layers,
    /// `cargo clippy`
    Lints,
    /// Licences, bans, sources
    Deny,
    /// Known vulnerabilities
    Advisories,
    /// Files that a program writes
    Generated,
    /// `cargo doc`
    Docs,
    /// The tests within the crates
    Unit,
    /// The tests of crates and of the binary as a whole
    Integration,
    /// The examples within the documentation
    Doctests,
    /// Every example
    Examples,
    /// The crate outside the workspace
    ThirdParty,
}

/// How a check ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Outcome {
    /// It holds.
    Ok,
    /// It does not; with a word on why, where one is known.
    Failed(String),
    /// It could not be made.
    NotChecked(String),
    /// It was left out on request.
    Skipped(String),
}

impl Outcome {
    /// By a program's exit.
    pub(crate) fn of(ran: Ran) -> Self {
        if ran.ok {
            Self::Ok
        } else {
            Self::Failed(String::new())
        }
    }
}

/// A line of the table.
struct Row {
    check: Check,
    outcome: Outcome,
    took: Duration,
}

impl Check {
    /// Quick ones first.
    const ALL: [Self; 12] = [
        Self::Format,
        Self::Layers,
        Self::Generated,
        Self::Deny,
        Self::Advisories,
        Self::Lints,
        Self::Docs,
        Self::Unit,
        Self::Integration,
        Self::Doctests,
        Self::Examples,
        Self::ThirdParty,
    ];

    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Format => "format",
            Self::Layers => "layers",
            Self::Lints => "lints",
            Self::Deny => "deny",
            Self::Advisories => "advisories",
            Self::Generated => "generated",
            Self::Docs => "docs",
            Self::Unit => "unit",
            Self::Integration => "integration",
            Self::Doctests => "doctests",
            Self::Examples => "examples",
            Self::ThirdParty => "third-party",
        }
    }

    /// What mends it, or shows what there is to mend.
    fn fix(self) -> &'static str {
        match self {
            Self::Format => "cargo fmt --all",
            Self::Layers => "cargo xtask check-layers",
            Self::Lints => "cargo clippy --fix --workspace --all-targets",
            Self::Deny => "cargo deny check licenses bans sources",
            Self::Advisories => "cargo deny check advisories; cargo update -p CRATE",
            Self::Generated => "cargo xtask docs",
            Self::Docs => "RUSTDOCFLAGS='-D warnings' cargo doc --workspace --no-deps",
            Self::Unit | Self::Integration => "cargo xtask test -- NAME_OF_A_TEST",
            Self::Doctests => "cargo test --doc -p CRATE",
            Self::Examples => "cargo xtask ci --only examples",
            Self::ThirdParty => "cargo test --manifest-path examples/third-party/Cargo.toml",
        }
    }

    fn run(self, root: &Path) -> Outcome {
        let cargo = |args: &[&str]| Call::cargo(root, args);
        match self {
            Self::Format => Outcome::of(cargo(&["fmt", "--all", "--check"]).run()),
            Self::Layers => layers(root),
            Self::Lints => {
                let args = [
                    "clippy",
                    "--workspace",
                    "--all-targets",
                    "--",
                    "-D",
                    "warnings",
                ];
                Outcome::of(cargo(&args).run())
            }
            Self::Deny => deny::check(root),
            Self::Advisories => deny::advisories(root),
            Self::Generated => docs::check(root),
            Self::Docs => {
                let call = cargo(&["doc", "--workspace", "--no-deps"]);
                Outcome::of(call.with_env("RUSTDOCFLAGS", "-D warnings").run())
            }
            Self::Unit | Self::Integration | Self::Doctests => {
                let args = test::Args::of(self.targets());
                Outcome::of(test::run(root, &args))
            }
            Self::Examples => examples::check(root),
            Self::ThirdParty => third_party::check(root),
        }
    }
}

impl Check {
    /// What cargo calls the tests of a check. Together they are every test, as
    /// `cargo xtask test` runs them.
    fn targets(self) -> &'static [&'static str] {
        match self {
            Self::Unit => &["--lib", "--bins"],
            Self::Integration => &["--test", "*"],
            Self::Doctests => &["--doc"],
            _ => &[],
        }
    }
}

/// Runs the checks; whether all of them hold.
pub(crate) fn run(root: &Path, args: &Args) -> bool {
    let mut rows = Vec::new();
    for check in Check::ALL {
        if !args.only.is_empty() && !args.only.contains(&check) {
            continue;
        }
        tell(&format!("\n== {} ==", check.name()));
        let begun = Instant::now();
        let is_deny = matches!(check, Check::Deny | Check::Advisories);
        let outcome = if is_deny && args.skip_deny {
            Outcome::Skipped("by --skip-deny".into())
        } else {
            check.run(root)
        };
        if let Outcome::Failed(_) = &outcome {
            tell(&format!(
                "{} failed; mend it with: {}",
                check.name(),
                check.fix()
            ));
        }
        rows.push(Row {
            check,
            outcome,
            took: begun.elapsed(),
        });
    }
    say(&table(&rows));
    hand_on(&rows) && holds(&rows, args.strict)
}

/// Tells `rok orch`, where it runs this as a component, what failed, and what was
/// not checked: that is a warning there. Whether it could be told.
fn hand_on(rows: &[Row]) -> bool {
    let (warnings, failure) = (warnings(rows), failure(rows));
    let warnings = (!warnings.is_empty()).then(|| serde_json::json!({ "warnings": warnings }));
    told_in("ROK_OUTPUT", warnings) && told_in("ROK_ERROR", failure)
}

/// Writes it to the file that the variable names, where both are there.
fn told_in(variable: &str, what: Option<serde_json::Value>) -> bool {
    let (Some(file), Some(what)) = (std::env::var_os(variable), what) else {
        return true;
    };
    match std::fs::write(&file, what.to_string()) {
        Ok(()) => true,
        Err(error) => {
            tell(&format!("error: {}: {error}", Path::new(&file).display()));
            false
        }
    }
}

/// The checks that failed, and what mends each.
fn failure(rows: &[Row]) -> Option<serde_json::Value> {
    let failed = rows.iter().filter_map(|row| match &row.outcome {
        Outcome::Failed(why) if why.is_empty() => Some((row.check, "failed")),
        Outcome::Failed(why) => Some((row.check, why.as_str())),
        _ => None,
    });
    let failed = failed
        .map(|(check, why)| format!("{}: {why}; mend it with: {}", check.name(), check.fix()));
    let failed: Vec<String> = failed.collect();
    let told = || serde_json::json!({ "class": "validation_failed", "reason": failed.join("; ") });
    (!failed.is_empty()).then(told)
}

/// The checks that were not made, and why.
fn warnings(rows: &[Row]) -> Vec<String> {
    let open = rows.iter().filter_map(|row| match &row.outcome {
        Outcome::NotChecked(why) => Some(format!("{}: not checked: {why}", row.check.name())),
        Outcome::Skipped(why) => Some(format!("{}: skipped: {why}", row.check.name())),
        Outcome::Ok | Outcome::Failed(_) => None,
    });
    open.collect()
}

fn holds(rows: &[Row], is_strict: bool) -> bool {
    !rows.iter().any(|row| match row.outcome {
        Outcome::Failed(_) => true,
        Outcome::NotChecked(_) => is_strict,
        Outcome::Ok | Outcome::Skipped(_) => false,
    })
}

fn layers(root: &Path) -> Outcome {
    match gather(root) {
        Ok(found) => {
            let report = check(&found.graph, &found.policy, found.today);
            tell(human(&report).trim_end());
            if report.exit_code == 0 {
                Outcome::Ok
            } else {
                Outcome::Failed(String::new())
            }
        }
        Err(error) => Outcome::Failed(error.to_string()),
    }
}

fn table(rows: &[Row]) -> String {
    let mut text = String::from("\ncheck       result       took  \n");
    for row in rows {
        let (word, remark) = match &row.outcome {
            Outcome::Ok => ("ok", String::new()),
            Outcome::Failed(cause) if cause.is_empty() => ("FAILED", row.check.fix().to_owned()),
            Outcome::Failed(cause) => ("FAILED", format!("{cause}; {}", row.check.fix())),
            Outcome::NotChecked(cause) => ("NOT CHECKED", cause.clone()),
            Outcome::Skipped(cause) => ("SKIPPED", cause.clone()),
        };
        let took = format!("{:.1} s", row.took.as_secs_f64());
        let line = format!("{:<11} {word:<12} {took:>7}  {remark}", row.check.name());
        let _ = writeln!(text, "{}", line.trim_end());
    }
    let count = |wanted: fn(&Outcome) -> bool| rows.iter().filter(|r| wanted(&r.outcome)).count();
    let _ = writeln!(
        text,
        "{} ok, {} failed, {} not checked, {} skipped",
        count(|o| matches!(o, Outcome::Ok)),
        count(|o| matches!(o, Outcome::Failed(_))),
        count(|o| matches!(o, Outcome::NotChecked(_))),
        count(|o| matches!(o, Outcome::Skipped(_))),
    );
    text
}

#[cfg(test)]
mod tests {
    use std::path::Path;
    use std::time::Duration;

    use rstest::rstest;

    use super::{Check, Outcome, Row, failure, holds, table, warnings};

    fn row(check: Check, outcome: Outcome) -> Row {
        Row {
            check,
            outcome,
            took: Duration::from_millis(1500),
        }
    }

    #[test]
    fn the_table_tells_each_result_and_what_mends_it() {
        let rows = [
            row(Check::Format, Outcome::Failed(String::new())),
            row(Check::Lints, Outcome::Ok),
            row(Check::Advisories, Outcome::NotChecked("no network".into())),
            row(Check::Deny, Outcome::Skipped("by --skip-deny".into())),
        ];
        assert_eq!(
            table(&rows),
            "\ncheck       result       took  \n\
             format      FAILED         1.5 s  cargo fmt --all\n\
             lints       ok             1.5 s\n\
             advisories  NOT CHECKED    1.5 s  no network\n\
             deny        SKIPPED        1.5 s  by --skip-deny\n\
             1 ok, 1 failed, 1 not checked, 1 skipped\n"
        );
    }

    #[rstest]
    #[case(Outcome::Ok, false, true)]
    #[case(Outcome::Skipped(String::new()), true, true)]
    #[case(Outcome::NotChecked(String::new()), false, true)]
    #[case(Outcome::NotChecked(String::new()), true, false)]
    #[case(Outcome::Failed(String::new()), false, false)]
    fn strictness_decides_on_what_was_not_checked(
        #[case] outcome: Outcome,
        #[case] is_strict: bool,
        #[case] expected: bool,
    ) {
        assert_eq!(holds(&[row(Check::Format, outcome)], is_strict), expected);
    }

    #[test]
    fn what_was_not_checked_is_a_warning() {
        let rows = [
            row(Check::Format, Outcome::Failed(String::new())),
            row(Check::Lints, Outcome::Ok),
            row(Check::Advisories, Outcome::NotChecked("no network".into())),
            row(Check::Deny, Outcome::Skipped("by --skip-deny".into())),
        ];
        assert_eq!(
            warnings(&rows),
            [
                "advisories: not checked: no network",
                "deny: skipped: by --skip-deny"
            ]
        );
    }

    #[test]
    fn what_failed_is_told_with_what_mends_it() {
        assert_eq!(failure(&[row(Check::Lints, Outcome::Ok)]), None);
        let rows = [
            row(Check::Format, Outcome::Failed(String::new())),
            row(Check::Lints, Outcome::Ok),
            row(Check::Deny, Outcome::Failed("no cargo-deny".into())),
        ];
        let told = failure(&rows).expect("two failed");
        assert_eq!(told["class"], "validation_failed");
        assert_eq!(
            told["reason"],
            "format: failed; mend it with: cargo fmt --all; \
             deny: no cargo-deny; mend it with: cargo deny check licenses bans sources"
        );
    }

    #[test]
    fn the_tests_of_ci_are_all_tests_once() {
        let mut targets: Vec<&str> = Check::ALL
            .iter()
            .flat_map(|c| c.targets())
            .copied()
            .collect();
        targets.sort_unstable();
        // Examples are built by a check of their own; benches hold no tests.
        assert_eq!(targets, ["*", "--bins", "--doc", "--lib", "--test"]);
    }

    /// The check that a component makes, from the one command that it may be.
    fn check_of(component: &rok_component::Component) -> Option<String> {
        let step = serde_json::Value::Object(component.step_json());
        let words = match &step["run"] {
            serde_json::Value::Array(words) => words.iter().filter_map(|w| w.as_str()).collect(),
            run => run
                .as_str()
                .unwrap_or_default()
                .split_whitespace()
                .collect::<Vec<_>>(),
        };
        let command = ["cargo", "xtask", "ci", "--only"];
        let mut found = words.windows(5).filter(|five| five[..4] == command);
        let only = found.next()?[4];
        found.next().is_none().then(|| only.to_owned())
    }

    /// `rok orch --stage ci` and `cargo xtask ci` come to one verdict only if
    /// neither has a check that the other has not.
    #[test]
    fn our_components_make_these_checks_and_no_other() {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../.rok/components");
        let mut made = Vec::new();
        for entry in std::fs::read_dir(&folder).unwrap().flatten() {
            let name = entry.file_name().to_string_lossy().into_owned();
            let bytes = std::fs::read(entry.path()).unwrap();
            let component = rok_component::parse(&bytes, &name)
                .unwrap_or_else(|errors| panic!("{}", errors.render()));
            let is_ci = component.tags.contains("ci");
            let check = check_of(&component);
            assert_eq!(is_ci, check.is_some(), "{name}: {check:?}");
            made.extend(check);
        }
        made.sort_unstable();
        let mut checks: Vec<&str> = Check::ALL.iter().map(|c| c.name()).collect();
        checks.sort_unstable();
        assert_eq!(made, checks);
    }

    #[test]
    fn every_check_is_in_the_order() {
        let mut names: Vec<&str> = Check::ALL.iter().map(|c| c.name()).collect();
        names.sort_unstable();
        names.dedup();
        assert_eq!(names.len(), Check::ALL.len());
    }
}
