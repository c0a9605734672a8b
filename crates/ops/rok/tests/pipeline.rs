//! Seed 004's programmatic API: a folder, functions, start, execute, resume,
//! summary.

use rok::pipeline::{
    ErrorClass, PipelineExecutor, PipelineState, StepDefinition, StepFunctions, generate_summary,
    resume_run,
};
use rstest::rstest;
use serde_json::{Value, json};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

/// The steps of the built-in pipeline, in order.
const STEPS: [&str; 8] = [
    "preflight_contract_check",
    "phase_benchmark",
    "stage_data_layout",
    "build_steward_bundle",
    "validate_bundle_quality",
    "build_minimal_deliverable",
    "verify_artifacts",
    "publish_internal",
];

#[derive(Clone, Default)]
struct Journal(Arc<Mutex<Vec<String>>>);

impl Journal {
    fn ran(&self) -> Vec<String> {
        self.0.lock().expect("no test panics in here").clone()
    }

    /// A function for each step, which writes down that it ran; `fails` says
    /// what else it answers.
    fn functions(
        &self,
        fails: impl Fn(&str) -> Option<(ErrorClass, String)> + Send + Sync + Clone + 'static,
    ) -> StepFunctions {
        STEPS
            .into_iter()
            .chain(["a", "b", "c"])
            .fold(StepFunctions::new(), |functions, step| {
                let (journal, fails) = (self.clone(), fails.clone());
                functions.with(step, move |_, id| {
                    journal
                        .0
                        .lock()
                        .expect("no test panics in here")
                        .push(id.to_string());
                    fails(id.as_str()).map_or(Ok(()), Err)
                })
            })
    }
}

struct Folder(tempfile::TempDir);

impl Folder {
    fn new() -> Self {
        Self(tempfile::tempdir().expect("a temporary folder"))
    }

    fn run(&self) -> PathBuf {
        self.0.path().join("runs/run_abc")
    }
}

fn states(run: &Path) -> Vec<(String, String)> {
    let summary = generate_summary(run).expect("the run is there").to_dict();
    let word = |value: &Value| value.as_str().expect("a word").to_owned();
    let steps = summary["steps"].as_array().expect("a list of steps");
    steps
        .iter()
        .map(|step| (word(&step["id"]), word(&step["state"])))
        .collect()
}

fn fine(_: &str) -> Option<(ErrorClass, String)> {
    None
}

#[test]
fn the_eight_steps_run_in_order_and_publishing_waits_for_a_person() {
    let (folder, journal) = (Folder::new(), Journal::default());
    let executor = PipelineExecutor::new(folder.run(), journal.functions(fine)).expect("opens");
    let ctx = executor.start("run_abc", "Manual trigger").expect("starts");
    assert_eq!(ctx.state(), PipelineState::Created);
    assert_eq!(executor.execute(&ctx), Ok(PipelineState::Blocked));
    assert_eq!(journal.ran(), STEPS[..7]);

    let gate = "publish_internal".parse().expect("a step id");
    executor
        .rok()
        .approve(ctx.run_id(), gate, "checked by hand")
        .expect("the gate waits");
    let ctx = resume_run(folder.run()).expect("a held run can go on");
    assert_eq!(executor.resume(&ctx), Ok(PipelineState::Succeeded));
    assert_eq!(journal.ran(), STEPS);
}

#[test]
fn a_failed_hard_gate_skips_everything_after_it_and_cannot_be_resumed() {
    let (folder, journal) = (Folder::new(), Journal::default());
    let fails = |step: &str| {
        let reason = "Accuracy 95.2% below threshold 97%";
        (step == "phase_benchmark").then(|| (ErrorClass::HardGateFailed, reason.into()))
    };
    let executor = PipelineExecutor::new(folder.run(), journal.functions(fails)).expect("opens");
    let ctx = executor.start("run_abc", "Manual trigger").expect("starts");
    assert_eq!(executor.execute(&ctx), Ok(PipelineState::Failed));
    assert_eq!(journal.ran(), STEPS[..2]);

    let text = generate_summary(folder.run()).expect("sums up").to_text();
    for line in [
        "Run Summary: run_abc",
        "Status: ✗ FAILED",
        "Steps: 8 total (1 completed, 1 failed, 6 skipped)",
        "Retries: 0",
        "Hard gate failures: phase_benchmark",
        "  ✓ preflight_contract_check",
        "      Error: Accuracy 95.2% below threshold 97%",
        "  ⊘ stage_data_layout",
    ] {
        assert!(text.contains(line), "{line:?} is not in\n{text}");
    }
    let refused = resume_run(folder.run()).expect_err("a failed hard gate is final");
    assert!(refused.message.contains("phase_benchmark"), "{refused}");
}

#[test]
fn a_soft_failure_in_the_middle_never_ends_as_succeeded() {
    let (folder, journal) = (Folder::new(), Journal::default());
    let fails = |step: &str| {
        (step == "b").then(|| (ErrorClass::ValidationFailed, "two rows are missing".into()))
    };
    let executor = PipelineExecutor::new(folder.run(), journal.functions(fails))
        .expect("opens")
        .with_steps(["a", "b", "c"].map(|id| StepDefinition::new(id, id)));
    let ctx = executor.start("run_abc", "").expect("starts");
    assert_eq!(executor.execute(&ctx), Ok(PipelineState::Failed));
    // It is logged and does not block the step that only comes after it.
    assert_eq!(journal.ran(), ["a", "b", "c"]);
    let expected = [("a", "succeeded"), ("b", "failed"), ("c", "succeeded")];
    assert_eq!(
        states(&folder.run()),
        expected.map(|(id, state)| (id.into(), state.into()))
    );
}

#[test]
fn a_custom_pipeline_resumes_as_itself() {
    let (folder, journal) = (Folder::new(), Journal::default());
    let broken = |step: &str| {
        (step == "b").then(|| {
            (
                ErrorClass::ContractInputMissing,
                "Missing input file".into(),
            )
        })
    };
    let executor = PipelineExecutor::new(folder.run(), journal.functions(broken))
        .expect("opens")
        .with_steps(["a", "b"].map(|id| StepDefinition::new(id, id)));
    let ctx = executor.start("run_abc", "").expect("starts");
    assert_eq!(executor.execute(&ctx), Ok(PipelineState::Failed));

    let ctx = resume_run(folder.run()).expect("it can go on");
    assert_eq!(ctx.state(), PipelineState::Failed);
    let executor = PipelineExecutor::new(folder.run(), journal.functions(fine)).expect("opens");
    assert_eq!(executor.resume(&ctx), Ok(PipelineState::Succeeded));
    // Not the built-in steps, and what had succeeded is not run again.
    assert_eq!(journal.ran(), ["a", "b", "b"]);
    let refused = resume_run(folder.run()).expect_err("a closed run is not resumed");
    assert!(refused.message.contains("COMPLETED"), "{refused}");
}

#[rstest]
#[case::transient_is_retried(ErrorClass::TransientIo, 3, PipelineState::Succeeded)]
#[case::missing_input_is_not(ErrorClass::ContractInputMissing, 1, PipelineState::Failed)]
#[case::hard_gate_is_not(ErrorClass::HardGateFailed, 1, PipelineState::Failed)]
#[case::validation_is_not(ErrorClass::ValidationFailed, 1, PipelineState::Failed)]
fn classes_decide_about_retries(
    #[case] class: ErrorClass,
    #[case] attempts: u32,
    #[case] ends: PipelineState,
) {
    let (folder, tried) = (Folder::new(), Arc::new(AtomicU32::new(0)));
    let count = Arc::clone(&tried);
    let functions = StepFunctions::new().with("a", move |ctx, _| {
        let before = count.fetch_add(1, Ordering::SeqCst);
        assert_eq!(ctx.attempt().0, before, "the attempt is told, 0-based");
        if before < 2 {
            return Err((class, "not yet".into()));
        }
        Ok(())
    });
    let step = StepDefinition::new("a", "A")
        .hard_gate()
        .max_retries(3)
        .backoff(Duration::ZERO, Duration::ZERO);
    let executor = PipelineExecutor::new(folder.run(), functions)
        .expect("opens")
        .with_steps([step]);
    let ctx = executor.start("run_abc", "").expect("starts");
    assert_eq!(executor.execute(&ctx), Ok(ends));
    assert_eq!(tried.load(Ordering::SeqCst), attempts);
}

#[test]
fn inputs_reach_the_functions() {
    let folder = Folder::new();
    let functions = StepFunctions::new().with("a", |ctx, step| {
        assert_eq!(ctx.run_id().as_str(), "run_abc");
        assert!(ctx.run_dir().join("events.jsonl").is_file());
        let rows = ctx.inputs()["rows"].as_i64();
        match rows {
            Some(150) => Ok(()),
            other => Err((ErrorClass::ValidationFailed, format!("{step}: {other:?}"))),
        }
    });
    let inputs = json!({ "rows": 150, "name": "iris" });
    let executor = PipelineExecutor::new(folder.run(), functions)
        .expect("opens")
        .with_steps([StepDefinition::new("a", "A")])
        .with_inputs(inputs.as_object().expect("an object").clone());
    let ctx = executor.start("run_abc", "").expect("starts");
    assert_eq!(executor.execute(&ctx), Ok(PipelineState::Succeeded));
}

#[rstest]
#[case::another_name("run_xyz", "a run's folder bears its id")]
#[case::no_id("../run_abc", "run id")]
fn an_unfit_run_id_is_refused_and_nothing_is_made(#[case] id: &str, #[case] why: &str) {
    let folder = Folder::new();
    let executor = PipelineExecutor::new(folder.run(), StepFunctions::new()).expect("opens");
    let refused = executor.start(id, "").expect_err("an unfit id");
    assert!(refused.message.contains(why), "{refused}");
    assert!(!folder.run().exists());
}

#[test]
fn a_step_without_a_function_fails_the_run_before_anything_runs() {
    let (folder, journal) = (Folder::new(), Journal::default());
    let executor = PipelineExecutor::new(folder.run(), journal.functions(fine))
        .expect("opens")
        .with_steps(["a", "nobody"].map(|id| StepDefinition::new(id, id)));
    let ctx = executor.start("run_abc", "").expect("starts");
    assert_eq!(executor.execute(&ctx), Ok(PipelineState::Failed));
    assert_eq!(journal.ran(), [""; 0]);
    let text = generate_summary(folder.run()).expect("sums up").to_text();
    assert!(text.contains("nobody"), "{text}");
}
