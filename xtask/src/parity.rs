//! `cargo xtask parity`: one fault at a time in a clone, and what the two ways
//! of checking say of it. Both must come to one exit code and name one check.

mod faults;
mod replica;

use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};

use serde_json::Value;

use crate::ci::Check;
use crate::shell::{Call, Observed, say, target, tell};
use faults::Fault;
use replica::Replica;

/// Which faults to plant, and in what.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// Only these faults
    #[arg(long = "fault", value_enum, value_delimiter = ',')]
    faults: Vec<Fault>,
    /// In all crates, also where they must be compiled; else only in those that xtask needs
    #[arg(long)]
    whole: bool,
}

/// What one of the two said of a fault.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Said {
    code: Option<i32>,
    /// The checks that failed, by the names that it has for them.
    failed: Vec<String>,
    /// Whether it tells of the fault that was planted.
    names_it: bool,
}

/// A line of the table.
struct Row {
    fault: Fault,
    /// How many crates are in the clone; `None`: all.
    crates: Option<usize>,
    ci: Said,
    orch: Said,
}

/// Plants each fault and asks both; whether they are of one mind about all.
pub(crate) fn run(root: &Path, args: &Args) -> Result<bool, String> {
    let asked = match args.faults.as_slice() {
        [] => &Fault::ALL[..],
        some => some,
    };
    let clone = Replica::of(root)?;
    let rok = rok(root)?;
    let mut rows = Vec::new();
    for &fault in asked {
        clone.reset()?;
        let trimmed = fault.compiles() && !args.whole;
        let crates = trimmed.then(|| clone.trim()).transpose()?;
        fault.plant(&clone.checkout())?;
        let (checks, components): (Vec<_>, Vec<_>) = fault.asked().iter().copied().unzip();
        let checks: Vec<&str> = checks.into_iter().map(Check::name).collect();
        let only = checks.join(",");
        tell(&format!("\n== {} ==", fault.about()));
        let ci = ["xtask", "ci", "--only", &only];
        let ci = ask(&clone, fault, "ci", Call::cargo(&clone.checkout(), &ci))?;
        let mut orch = vec!["orch", "--stage", "ci", "--format", "json"];
        orch.extend(components.iter().flat_map(|name| ["--name", name]));
        let orch = Call::new(&clone.checkout(), &rok, "rok", &orch);
        let mut orch = ask(&clone, fault, "orch", orch)?;
        orch.err += &logs(&clone, &rok, &orch.out);
        let row = Row {
            fault,
            crates,
            ci: Said {
                failed: failed_in_table(&ci.out),
                ..said(&ci, fault)
            },
            orch: Said {
                failed: failed_in_report(&orch.out),
                ..said(&orch, fault)
            },
        };
        tell(row.line().trim_end());
        rows.push(row);
    }
    clone.reset()?;
    say(&table(&rows));
    Ok(rows.iter().all(Row::alike))
}

/// The `rok` of this checkout.
fn rok(root: &Path) -> Result<PathBuf, String> {
    let built = Call::cargo(root, &["build", "--quiet", "--package", "rok"]).run();
    let rok = target(root).join("debug/rok");
    if built.ok && rok.is_file() {
        return Ok(rok);
    }
    Err(format!("there is no {}", rok.display()))
}

/// What the components printed that failed: a report quotes a part of it.
fn logs(clone: &Replica, rok: &Path, report: &str) -> String {
    let run = serde_json::from_str::<Value>(report).unwrap_or_default();
    let run = run["run_id"].as_str().unwrap_or_default();
    let failed = failed_in_report(report);
    let told = failed.iter().map(|component| {
        let args = ["logs", run, component];
        let call = Call::new(&clone.checkout(), rok, "rok", &args);
        call.capture().unwrap_or_default()
    });
    told.collect()
}

/// Runs it, and keeps what it said.
fn ask(clone: &Replica, fault: Fault, who: &str, call: Call) -> Result<Observed, String> {
    tell(&format!("$ {}", call.shown()));
    let call = call.without_env("CARGO_TARGET_DIR");
    let observed = call.without_env("ROK_SERVER").observe()?;
    let file = clone.said(&format!("{fault:?}.{who}.txt").to_lowercase());
    let text = format!("{}\n{}", observed.out, observed.err);
    fs::write(&file, text).map_err(|error| format!("{}: {error}", file.display()))?;
    tell(&format!("  all that it said: {}", file.display()));
    Ok(observed)
}

fn said(observed: &Observed, fault: Fault) -> Said {
    let sign = fault.sign();
    Said {
        code: observed.code,
        failed: Vec::new(),
        names_it: observed.out.contains(sign) || observed.err.contains(sign),
    }
}

/// The checks that failed, in the table of `cargo xtask ci`.
fn failed_in_table(out: &str) -> Vec<String> {
    let lines = out.lines().map(|line| line.split_whitespace());
    let failed = lines.filter_map(|mut words| {
        let (name, word) = (words.next()?, words.next()?);
        (word == "FAILED").then(|| name.to_owned())
    });
    failed.collect()
}

/// The components that failed, in the report of `rok orch`.
fn failed_in_report(out: &str) -> Vec<String> {
    let report: Value = serde_json::from_str(out).unwrap_or_default();
    let results = report["results"].as_array().into_iter().flatten();
    let failed = results.filter(|result| result["status"] == "fail");
    failed
        .filter_map(|result| result["component"].as_str())
        .map(str::to_owned)
        .collect()
}

impl Row {
    /// Both come to one exit code, both name the check that this fault breaks
    /// and no other, and what they found is this fault.
    fn alike(&self) -> bool {
        let expected = i32::from(self.fault != Fault::None);
        let all_of = |pick: fn(&(Check, &'static str)) -> &'static str| {
            let broken = self.fault.asked().iter().filter(|_| expected == 1);
            broken.map(pick).collect::<Vec<_>>()
        };
        self.ci.code == Some(expected)
            && self.orch.code == Some(expected)
            && self.ci.failed == all_of(|(check, _)| check.name())
            && self.orch.failed == all_of(|(_, component)| component)
            && self.ci.names_it
            && self.orch.names_it
    }

    fn line(&self) -> String {
        let crates = self
            .crates
            .map_or_else(|| "all".to_owned(), |count| count.to_string());
        let (fault, alike) = (
            self.fault.about(),
            if self.alike() { "yes" } else { "**NO**" },
        );
        format!(
            "| {fault} | {crates} | {} | {} | {alike} |\n",
            self.ci.cell(),
            self.orch.cell()
        )
    }
}

impl Said {
    fn cell(&self) -> String {
        let code = self
            .code
            .map_or_else(|| "a signal".to_owned(), |code| format!("exit {code}"));
        let mut cell = code;
        for name in &self.failed {
            let _ = write!(cell, ", `{name}`");
        }
        if !self.names_it {
            cell += ", for another reason";
        }
        cell
    }
}

/// As it stands in docs/orchestrators.md.
fn table(rows: &[Row]) -> String {
    let mut text = String::from(
        "\n| fault | crates | `cargo xtask ci --only …` | `rok orch --stage ci --name …` | alike |\n\
         | --- | --- | --- | --- | --- |\n",
    );
    for row in rows {
        text += &row.line();
    }
    text
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::{Fault, Row, Said, failed_in_report, failed_in_table, table};

    fn said(code: i32, failed: &[&str]) -> Said {
        Said {
            code: Some(code),
            failed: failed.iter().map(|name| (*name).to_owned()).collect(),
            names_it: true,
        }
    }

    fn row(fault: Fault, ci: Said, orch: Said) -> Row {
        Row {
            fault,
            crates: fault.compiles().then_some(12),
            ci,
            orch,
        }
    }

    #[test]
    fn what_failed_is_read_from_both() {
        let out = "\ncheck       result       took\nformat      ok  0.4 s\nlints       FAILED  2.0 s  cargo clippy\n1 ok, 1 failed\n";
        assert_eq!(failed_in_table(out), ["lints"]);
        let out = r#"{"results":[{"component":"fmt","status":"pass"},{"component":"clippy","status":"fail"}]}"#;
        assert_eq!(failed_in_report(out), ["clippy"]);
        assert_eq!(failed_in_report("no report"), [""; 0]);
    }

    #[rstest]
    #[case::one_mind(said(1, &["unit"]), said(1, &["unit"]), true)]
    #[case::other_codes(said(1, &["unit"]), said(5, &["unit"]), false)]
    #[case::not_seen(said(1, &["unit"]), said(0, &[]), false)]
    #[case::neither_sees_it(said(0, &[]), said(0, &[]), false)]
    #[case::another_check(said(1, &["unit", "docs"]), said(1, &["unit"]), false)]
    #[case::for_another_reason(Said { names_it: false, ..said(1, &["unit"]) }, said(1, &["unit"]), false)]
    fn they_are_alike_where_both_find_this_fault(
        #[case] ci: Said,
        #[case] orch: Said,
        #[case] alike: bool,
    ) {
        assert_eq!(row(Fault::Unit, ci, orch).alike(), alike);
    }

    #[test]
    fn a_sound_checkout_passes_both() {
        assert!(row(Fault::None, said(0, &[]), said(0, &[])).alike());
        assert!(!row(Fault::None, said(1, &["format"]), said(1, &["fmt"])).alike());
    }

    #[test]
    fn the_table_tells_what_each_said() {
        let other = Said {
            names_it: false,
            ..said(1, &["clippy"])
        };
        let rows = [
            row(Fault::None, said(0, &[]), said(0, &[])),
            row(Fault::Clippy, said(1, &["lints"]), other),
        ];
        assert_eq!(
            table(&rows),
            "\n| fault | crates | `cargo xtask ci --only …` | `rok orch --stage ci --name …` | alike |\n\
             | --- | --- | --- | --- | --- |\n\
             | none | all | exit 0 | exit 0 | yes |\n\
             | a warning of clippy | 12 | exit 1, `lints` | exit 1, `clippy`, for another reason | **NO** |\n"
        );
    }
}
