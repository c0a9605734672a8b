//! Reports in a real browser: its console stays silent and the script runs.

use crate::commands::held;
use crate::support::Bench;
use std::path::Path;
use std::process::Command;
use std::time::Instant;

/// What a page came to.
struct Shown {
    console: Vec<String>,
    page: String,
}

/// Opens a file in headless Chromium, without a network.
fn open(file: &Path) -> Shown {
    let profile = tempfile::tempdir().expect("a temporary folder");
    let output = Command::new("chromium")
        .args([
            "--headless",
            "--no-sandbox",
            "--disable-gpu",
            "--no-first-run",
        ])
        .args([
            "--disable-background-networking",
            "--disable-component-update",
            "--disable-sync",
            "--disable-quic",
        ])
        .args(["--enable-logging=stderr", "--dump-dom"])
        .arg(format!("--user-data-dir={}", profile.path().display()))
        .arg(format!("file://{}", file.display()))
        .env("HOME", profile.path())
        .output()
        .expect("chromium starts; `apt-get install chromium` brings it");
    let told = String::from_utf8_lossy(&output.stderr);
    let console = told.lines().filter(|line| line.contains(":CONSOLE"));
    Shown {
        console: console.map(str::to_owned).collect(),
        page: String::from_utf8_lossy(&output.stdout).into_owned(),
    }
}

#[test]
fn a_page_with_an_error_is_found_out() {
    let bench = Bench::new();
    let file = bench.write(
        "bad.html",
        "<!doctype html><title>x</title><script>nothing.there()</script>",
    );
    assert_eq!(open(&file).console.len(), 1);
}

#[test]
fn a_report_opens_without_an_error() {
    let bench = held();
    bench.rok(["report", "r1", "-o", "r.html"]).exits(0);
    let shown = open(&bench.path().join("r.html"));
    assert_eq!(shown.console, [""; 0]);
    assert!(
        shown.page.contains("class=\"tools\""),
        "the script has run: {}",
        shown.page
    );
}

/// What was undone, what ran in another's place, names with markup: all at once.
#[test]
fn a_report_of_a_run_that_was_rolled_back_opens_without_an_error() {
    let bench = Bench::new();
    bench.write(
        "p.yaml",
        "plan: p\non_failure: rollback\nsteps:\n  lay: { name: '<b>Lay</b> & go', run: 'true', compensate: { run: exit 3 } }\n  a: { needs: [lay], run: exit 3, fallback: b }\n  b: { run: 'true', compensate: { run: 'true' } }\n  end: { needs: [a], run: exit 3 }\n",
    );
    bench
        .rok(["run", "p.yaml", "--run-id", "r", "--quiet"])
        .exits(1);
    bench.rok(["report", "r", "-o", "r.html"]).exits(0);
    let shown = open(&bench.path().join("r.html"));
    assert_eq!(shown.console, [""; 0]);
    for part in [
        "Rollback</h2>",
        "Not undone: lay.",
        "a failed, and b ran in its place.",
        "&lt;b&gt;Lay&lt;/b&gt; &amp; go",
        "rollback, incomplete",
    ] {
        assert!(shown.page.contains(part), "{part} in {}", shown.page);
    }
}

/// A run of a thousand steps: its report is there in two seconds, with all of
/// them, and a browser shows it.
#[test]
fn a_report_of_a_thousand_steps_is_made_soon_and_opens() {
    let bench = Bench::new();
    let steps = (0..1000).map(|at: usize| {
        let needs = match at.checked_sub(25) {
            Some(before) => format!("needs: [s{before}], "),
            None => String::new(),
        };
        let run = if at == 500 {
            "'echo boom; exit 3'"
        } else {
            "[echo, told]"
        };
        format!("  s{at}: {{ {needs}required: false, run: {run} }}\n")
    });
    let plan = format!(
        "plan: thousand\nsuccess: any\nsteps:\n{}",
        steps.collect::<String>()
    );
    bench.write("plan.yaml", &plan);
    bench
        .rok([
            "run",
            "plan.yaml",
            "--run-id",
            "k",
            "--quiet",
            "--durability",
            "flush",
        ])
        .exits(0);
    let begun = Instant::now();
    bench.rok(["report", "k", "-o", "k.html"]).exits(0);
    // The bound is for a release build on a free machine; this one is neither.
    assert!(begun.elapsed().as_secs() < 20, "{:?}", begun.elapsed());
    let shown = open(&bench.path().join("k.html"));
    assert_eq!(shown.console, [""; 0]);
    assert!(shown.page.contains("1000 rows"));
    assert!(shown.page.contains("boom"));
}
