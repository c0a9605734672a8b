//! What a run of services comes to: its rows, its diagnosis, its summary; by
//! the seed's own names.

use crate::calls::FIVE;
use crate::workers::{Does, Workers};
use rok::Rok;
use rok::service_runs::{
    RunSummary, enqueue_run_jobs, execute_run, finalize_run, start_run, wait_for_run,
};
use rok_exec_service::{Environment, ServiceExecutor, ServiceMap};
use rok_executor::Executor;
use rok_facades::runs::{DriveOptions, RunsFacade, StopSignal, Submission};
use rok_facades::{Diagnosis, EngineError, ServiceRunFacts, SynthesisEngine};
use rok_runner::Services;
use rok_runs::{Governed, Needs, Runs, RunsSetup};
use rstest::rstest;
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::sync::Arc;

fn finds(json: &Value) -> Does {
    Does::Answers(200, json.to_string())
}

/// The seed's own example: four answer, domain-authority has no key.
fn workers() -> Workers {
    let well = finds(&json!({ "findings": [] }));
    let seo = json!({
        "summary": "2 broken links",
        "findings": [{ "headline": "2 broken links", "severity": "high", "evidence": ["/a", "/b"] }],
    });
    Workers::start(FIVE.map(|slug| match slug {
        "technical-seo" => (slug, finds(&seo)),
        "serp-intelligence" => (slug, finds(&json!({ "rankings_dropped": 3 }))),
        _ => (slug, well.clone()),
    }))
}

fn rok(dir: &tempfile::TempDir, workers: &Workers) -> Rok {
    let keyless = "[domain-authority]\nworker_key = 'backlink_authority'\nname = 'Domain Authority'\nbase_url = ";
    let map = workers.map();
    let (before, after) = map.split_once("[domain-authority]").expect("it has it");
    let (_, base) = after.split_once("base_url = ").expect("it has one");
    let base = base.replacen("bearer = false\n", "", 1);
    let file = dir.path().join("services.toml");
    std::fs::write(&file, format!("{before}{keyless}{base}")).expect("a folder of ours");
    let rok = Rok::in_folder(dir.path().join("runs")).services(file);
    rok.open().expect("it opens")
}

fn standard() -> (RunSummary, Workers) {
    let (dir, workers) = (tempfile::tempdir().expect("a folder"), workers());
    let rok = rok(&dir, &workers);
    let summary = execute_run(&rok, "site_123", "example.com", "standard-v1").expect("it ends");
    (summary, workers)
}

#[test]
fn the_summary_is_the_seed_s() {
    let (run, _workers) = standard();
    assert_eq!(
        (run.website_id.as_str(), run.domain.as_str()),
        ("site_123", "example.com")
    );
    assert_eq!(
        (run.plan_id.as_str(), run.status.as_str()),
        ("standard-v1", "completed")
    );
    let counts = ["completed", "failed", "timeout", "skipped"].map(|word| run.count(word));
    assert_eq!((counts, run.services.len()), ([4, 1, 0, 0], 5));
    let failed = run
        .services
        .iter()
        .find(|s| s.service == "domain-authority")
        .unwrap();
    assert_eq!(
        failed.error.as_deref(),
        Some("Worker config invalid: No API key found")
    );
    assert!(run.diagnosis_event_id.is_some() && run.error.is_none());
}

#[test]
fn four_names_make_one_run() {
    let (dir, workers) = (tempfile::tempdir().unwrap(), workers());
    let rok = rok(&dir, &workers);
    let mut context = start_run(&rok, "site_123", "example.com", "quick-v1").unwrap();
    assert_eq!(context.summary().unwrap().status, "started");
    assert!(workers.called().is_empty());
    enqueue_run_jobs(&mut context).unwrap();
    // Asking twice calls nobody twice.
    enqueue_run_jobs(&mut context).unwrap();
    wait_for_run(&mut context).unwrap();
    assert_eq!(finalize_run(&context).unwrap().status, "completed");
    assert_eq!(workers.called().len(), 3);
    let error = start_run(&rok, "site_123", "example.com", "custom-v9").unwrap_err();
    assert!(error.to_string().contains("custom-v9"), "{error}");
}

#[test]
fn the_diagnosis_says_what_is_missing() {
    let (run, _workers) = standard();
    let diagnosis = run.diagnosis.unwrap();
    assert_eq!(diagnosis["primary_cause"]["headline"], "2 broken links");
    assert_eq!(diagnosis["supporting_causes"][0]["type"], "rankings");
    assert_eq!(diagnosis["missing_services"], json!(["domain-authority"]));
    assert_eq!(diagnosis["confidence"], "medium");
    assert_eq!(diagnosis["confidence_score"], 90);
    assert_eq!(run.synthesis_error, None);
}

#[test]
fn the_rows_are_the_seed_s() {
    let (run, _workers) = standard();
    let kinds: Vec<_> = run
        .kbase
        .iter()
        .map(|row| row["type"].as_str().unwrap())
        .collect();
    assert_eq!(kinds.first(), Some(&"run_status"));
    assert_eq!(kinds.last(), Some(&"run_status"));
    assert_eq!(kinds.iter().filter(|kind| **kind == "result").count(), 4);
    assert_eq!(kinds[kinds.len() - 2], "diagnosis");
    let id = run.run_id.to_string();
    assert!(
        run.kbase
            .iter()
            .all(|row| row["run_id"] == id.as_str() && row["website_id"] == "site_123")
    );

    let start = &run.kbase[0];
    assert_eq!(start["service"], "hermes");
    let payload = &start["payload"];
    assert_eq!(payload["status"], "started");
    assert_eq!(payload["plan_name"], "Standard Diagnostic Run");
    assert_eq!(payload["services_planned"], json!(FIVE));
    assert!(payload["timeout_at"].is_string());

    let seo = run
        .kbase
        .iter()
        .find(|row| row["service"] == "technical-seo")
        .unwrap();
    assert_eq!(seo["summary"], "2 broken links");
    assert_eq!(seo["payload"]["findings"][0]["severity"], "high");

    let end = &run.kbase[run.kbase.len() - 1]["payload"];
    let mut keys: Vec<_> = end
        .as_object()
        .unwrap()
        .keys()
        .map(String::as_str)
        .collect();
    keys.sort_unstable();
    let expected = [
        "completed_at",
        "diagnosis_event_id",
        "domain",
        "duration_ms",
        "plan_id",
        "service_results",
        "services_completed",
        "services_failed",
        "services_skipped",
        "services_timeout",
        "services_total",
        "started_at",
        "status",
        "synthesis_error",
    ];
    assert_eq!(keys, expected);
    assert_eq!(end["status"], "completed");
    assert_eq!(
        end["diagnosis_event_id"],
        run.diagnosis_event_id.unwrap().as_str()
    );
    assert_eq!(end["synthesis_error"], Value::Null);
    let services: Vec<_> = end["service_results"].as_array().unwrap().iter().collect();
    assert_eq!(services.len(), 5);
    assert_eq!(services[2]["service"], "domain-authority");
    assert_eq!(services[2]["status"], "failed");
    assert_eq!(
        services[2]["error"],
        "Worker config invalid: No API key found"
    );
    assert_eq!(services[0]["error"], Value::Null);
}

#[test]
fn nothing_completing_fails_the_run_and_is_still_diagnosed() {
    let dir = tempfile::tempdir().unwrap();
    let down = Does::Answers(500, "{}".into());
    let workers = Workers::start(FIVE.map(|slug| (slug, down.clone())));
    let file = dir.path().join("services.toml");
    std::fs::write(&file, workers.map()).unwrap();
    let rok = Rok::in_folder(dir.path().join("runs"))
        .services(file)
        .open()
        .unwrap();
    let run = execute_run(&rok, "s", "d", "standard-v1").unwrap();
    assert_eq!(run.status, "failed");
    assert!(run.error.is_some());
    let diagnosis = run.diagnosis.unwrap();
    assert_eq!(diagnosis["primary_cause"], Value::Null);
    assert_eq!(diagnosis["confidence"], "low");
    // 100 - 3 * 20 - 2 * 10
    assert_eq!(diagnosis["confidence_score"], 20);
    let skipped = run
        .services
        .iter()
        .find(|s| s.service == "competitive-intelligence")
        .unwrap();
    assert_eq!(skipped.status, "skipped");
    assert_eq!(
        skipped.error.as_deref(),
        Some("Dependencies failed or timed out")
    );
    assert_eq!(workers.called().len(), 4);
}

struct Broken(bool);

impl SynthesisEngine for Broken {
    fn synthesize(&self, _: &ServiceRunFacts<'_>) -> Result<Diagnosis, EngineError> {
        assert!(!self.0, "a bug in a rule");
        Err(EngineError::unavailable("the rules cannot be read"))
    }
}

#[rstest]
#[case::error(false, "the rules cannot be read")]
#[case::panic(true, "the engine panicked; the log of this process says where")]
fn a_synthesis_error_never_fails_the_run(#[case] panics: bool, #[case] says: &str) {
    let dir = tempfile::tempdir().unwrap();
    let workers = Workers::start(FIVE.map(|slug| (slug, finds(&json!({})))));
    let map = ServiceMap::parse(&workers.map(), "services.toml").unwrap();
    let executor = ServiceExecutor::new(map, Environment::of([("", ""); 0]), Vec::new());
    let executor: Arc<dyn Executor> = Arc::new(executor);
    let (facades, _) = rok::compose::facades(&[], &[]).unwrap();
    let facades = facades.synthesis(Arc::new(Broken(panics)));
    let services = move |_: &Needs| {
        let services = Services::new(facades.clone()).executor(Arc::clone(&executor));
        Ok(Governed {
            services,
            policies: None,
        })
    };
    let setup = RunsSetup::new(dir.path().join("runs"), "user:ada".parse().unwrap());
    let runs = RunsFacade::new(Arc::new(Runs::new(setup, Arc::new(services))));
    let inputs = [("website_id", "s"), ("domain", "d")];
    let inputs = inputs.map(|(name, value)| (name.to_owned(), value.into()));
    let run = runs
        .submit(Submission {
            plan: rok_plan::builtin("quick-v1").unwrap().into(),
            source: "builtin:quick-v1".into(),
            cwd: dir.path().to_owned(),
            inputs: inputs.into_iter().collect(),
            input_texts: Vec::new(),
            labels: BTreeMap::default(),
            profile: None,
            max_parallel: None,
            never_retry: false,
            priority: None,
            idempotency_key: None,
            run_id: None,
            submitter: "user:ada".parse().unwrap(),
            reason: None,
            secrets_file: None,
            no_cache: false,
        })
        .unwrap();
    runs.drive(&run, &DriveOptions::default(), &StopSignal::new(), &mut ())
        .unwrap();
    let view = runs.service_run(&run).unwrap().unwrap();
    assert_eq!(view.status, "completed");
    assert_eq!(view.diagnosis_event_id, None);
    assert_eq!(view.synthesis_error.as_deref(), Some(says));
    let end = view.kbase.last().unwrap();
    assert_eq!(end["payload"]["synthesis_error"], says);
    assert!(runs.summary(&run).unwrap().reconciliation.is_clean());
}
