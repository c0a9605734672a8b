//! What a run tells as it goes: the seed's lines, on standard error.

use crate::support::Bench;
use crate::workers::{Does, Workers};
use crate::{plan, run};

/// The lines, with `N` where a time stands.
fn lines(text: &str) -> Vec<String> {
    let timed = |line: &str| {
        let words = line.split(' ').map(|word| match word.strip_suffix("ms") {
            Some(n) if !n.is_empty() && n.bytes().all(|byte| byte.is_ascii_digit()) => "Nms",
            _ => word,
        });
        words.collect::<Vec<_>>().join(" ")
    };
    text.lines().map(timed).collect()
}

#[test]
fn a_run_tells_the_seed_s_lines() {
    let well = Does::Answers(200, "{}".into());
    let bad = Does::Answers(
        200,
        r#"{"success":false,"error":"Worker config\ninvalid"}"#.into(),
    );
    let workers = Workers::start([
        ("a", well.clone()),
        ("b", bad),
        ("c", well.clone()),
        ("d", well),
    ]);
    let bench = Bench::new();
    let services = [("a", ""), ("b", "a"), ("c", "b"), ("d", "c")];
    bench.write("p.yaml", &plan("name: P", &services));
    let ran = run(&bench, &workers, "p.yaml").exits(0);
    let told = lines(&ran.err);
    let begin = told
        .iter()
        .position(|line| line.starts_with("==="))
        .expect("lines");
    let end = told
        .iter()
        .rposition(|line| line.starts_with("Diagnosis: "))
        .expect("lines");
    let expected = "\
=== Starting Orchestrated Run for example.com ===

[Run r1] Started for example.com using plan p
[Run r1] Wave 1: Submitting 1 services: a
[Run r1] Starting service: a
[Run r1] ✓ a completed in Nms
[Run r1] Wave 2: Submitting 1 services: b
[Run r1] Starting service: b
[Run r1] ✗ b failed: Worker config invalid
[Run r1] ⊘ c skipped: Dependencies failed or timed out
[Run r1] ⊘ d skipped: Dependencies failed or timed out
[Run r1] Finalizing: 1 completed, 1 failed, 0 timeout, 2 skipped
[Run r1] ✓ Diagnosis written: event_id=r1:SEQ
[Run r1] ✓ Run finalized with status: completed

=== Run Complete: completed ===
Duration: Nms
Services: 1/4 completed, 1 failed, 0 timeout
Diagnosis: r1:SEQ";
    let rows = bench.rok(["summary", "r1", "--json"]).exits(0).json();
    let id = rows["diagnosis"]["event_id"].as_str().expect("a diagnosis");
    assert_eq!(told[begin..=end].join("\n"), expected.replace("r1:SEQ", id));
    let mut quiet = bench.command(["run", "p.yaml", "--quiet", "--run-id", "r2"]);
    quiet.args([
        "--input",
        "website_id=site_123",
        "--input",
        "domain=example.com",
    ]);
    let quiet = quiet
        .env("ROK_SERVICES", "services.toml")
        .output()
        .expect("rok starts");
    assert!(quiet.status.success());
    assert_eq!(String::from_utf8_lossy(&quiet.stderr), "");
}

#[test]
fn a_wave_is_told_whole_before_its_services() {
    let well = Does::Answers(200, "{}".into());
    let slugs = crate::calls::FIVE.map(|slug| (slug, well.clone()));
    let (bench, workers) = (Bench::new(), Workers::start(slugs));
    let ran = run(&bench, &workers, "standard-v1").exits(0);
    let told = lines(&ran.err);
    let at = |line: &str| {
        let found = told.iter().position(|told| told == line);
        found.unwrap_or_else(|| panic!("no {line:?} in {told:#?}"))
    };
    let first = at(
        "[Run r1] Wave 1: Submitting 4 services: serp-intelligence, technical-seo, domain-authority, vitals-monitor",
    );
    let second = at("[Run r1] Wave 2: Submitting 1 services: competitive-intelligence");
    let done = at("[Run r1] ✓ serp-intelligence completed in Nms");
    let starts = told.iter().filter(|line| line.contains("Starting service"));
    assert_eq!(starts.count(), 5);
    assert!(first < at("[Run r1] Starting service: serp-intelligence") && done < second);
    // The ordinary lines of steps would say it twice.
    assert!(
        !told.iter().any(|line| line.starts_with("  ✓")),
        "{told:#?}"
    );
}
