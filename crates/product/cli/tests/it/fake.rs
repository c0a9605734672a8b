//! An engine of runs that answers from a script.

use rok_cli::{Captured, Terminal, run_on};
use rok_service::Wiring;
use rok_service::views::*;
use std::io::Write;
use std::path::Path;
use std::sync::{Arc, Mutex};

/// What the engine answers, and what it was asked.
pub(crate) struct Fake {
    pub(crate) summary: RunSummary,
    pub(crate) end: DriveEnd,
    pub(crate) events: Vec<EventLine>,
    pub(crate) answer: CommandAnswer,
    pub(crate) resumable: Resumable,
    pub(crate) explanation: Explanation,
    pub(crate) listing: Vec<RunListing>,
    pub(crate) report: VerifyReport,
    pub(crate) log: Vec<u8>,
    pub(crate) refuse: Option<RunsError>,
    pub(crate) asked: Mutex<Vec<String>>,
}

pub(crate) fn at(ms: i64) -> Timestamp {
    // 2026-02-16T23:00:00Z, the instant of seed 004's example.
    Timestamp::from_millis(1_771_282_800_000 + ms)
}

pub(crate) fn run_id() -> RunId {
    "run_abc".parse().unwrap()
}

pub(crate) fn step(id: &str, state: StepState) -> StepSummary {
    let finished = matches!(state, StepState::Succeeded | StepState::Failed);
    StepSummary {
        id: id.to_owned(),
        name: None,
        state,
        attempt: 0,
        gate: None,
        required: true,
        error: None,
        skip_reason: (state == StepState::Skipped)
            .then(|| "Dependencies failed or timed out".to_owned()),
        started_at: finished.then(|| at(0)),
        queued: false,
        began_at: None,
        ended_at: finished.then(|| at(1250)),
        wall_ms: finished.then_some(1250),
        retry_at: None,
        decision: (state == StepState::Waiting).then(|| gate(id)),
        outputs: None,
        run: None,
        fell_back_to: None,
        agent: None,
        children: None,
        cached_from: None,
        cache_note: None,
        deprecated: None,
    }
}

pub(crate) fn totals(steps: &[StepSummary]) -> StepTotals {
    let mut totals = StepTotals {
        total: steps.len() as u32,
        ..StepTotals::default()
    };
    for step in steps {
        let count = match step.state {
            StepState::Pending => &mut totals.pending,
            StepState::Waiting => &mut totals.waiting,
            StepState::Running => &mut totals.running,
            StepState::Failed => &mut totals.failed,
            StepState::Skipped => &mut totals.skipped,
            StepState::Succeeded => &mut totals.succeeded,
            StepState::Compensated => &mut totals.compensated,
        };
        *count += 1;
    }
    totals
}

/// Seed 004's example: a hard gate failed.
pub(crate) fn failed_summary() -> RunSummary {
    let mut benchmark = step("phase_benchmark", StepState::Failed);
    benchmark.gate = Some("hard".to_owned());
    benchmark.error = Some(ErrorView {
        class: ErrorClass::HardGateFailed,
        reason: "Accuracy 95.2% below threshold 97%".to_owned(),
    });
    let steps = vec![
        step("preflight_contract_check", StepState::Succeeded),
        benchmark,
        step("stage_data_layout", StepState::Skipped),
        step("build_steward_bundle", StepState::Skipped),
        step("validate_bundle_quality", StepState::Skipped),
        step("build_minimal_deliverable", StepState::Skipped),
        step("verify_artifacts", StepState::Skipped),
        step("publish_internal", StepState::Skipped),
    ];
    let mut summary = succeeded_summary();
    summary.phase = RunPhase::Failed;
    summary.status = String::from("failed");
    summary.outcome = Some(Outcome::Failed);
    summary.error.clone_from(&steps[1].error);
    summary.gate_failures = vec!["phase_benchmark".to_owned()];
    summary.totals = totals(&steps);
    summary.steps = steps;
    summary.incident = Some(IncidentView {
        occurrence_of: None,
        id: "inc-1".to_owned(),
        severity: Severity::High,
        status: "OPEN".to_owned(),
        category: Some("quality".to_owned()),
    });
    summary
}

pub(crate) fn succeeded_summary() -> RunSummary {
    let steps = vec![
        step("fetch", StepState::Succeeded),
        step("load", StepState::Succeeded),
    ];
    RunSummary {
        run_id: run_id(),
        plan: "deliverable".parse().unwrap(),
        plan_version: 3,
        plan_name: Some("Internal deliverable".to_owned()),
        plan_sha256: "0".repeat(64),
        phase: RunPhase::Completed,
        status: "succeeded".to_owned(),
        outcome: Some(Outcome::Succeeded),
        epoch: Epoch(0),
        error: None,
        hold: None,
        parent: None,
        submitter: "user:ada".to_owned(),
        labels: [("team".to_owned(), "data".to_owned())].into(),
        priority: 0,
        inputs: serde_json::json!({ "dataset": "iris" }),
        created_at: at(0),
        completed_at: Some(at(312_450)),
        duration_ms: 312_450,
        profile: "STRICT".to_owned(),
        degraded: false,
        totals: totals(&steps),
        retries: 0,
        gate_failures: Vec::new(),
        violations: Vec::new(),
        violation_count: 0,
        reconciliation: Reconciliation {
            status: ReconciliationStatus::Complete,
            expected: 5,
            acked: 5,
            missing: Vec::new(),
            drift: Vec::new(),
            failed: Vec::new(),
        },
        incident: None,
        lessons: Vec::new(),
        budget: Vec::new(),
        rollback: None,
        approvals: Vec::new(),
        overrides: Vec::new(),
        driven_by: None,
        queued: None,
        sealed: true,
        events: 42,
        steps,
        artifacts: Vec::new(),
        diagnosis: None,
    }
}

pub(crate) fn gate(step: &str) -> GateView {
    GateView {
        step: step.to_owned(),
        who: "anybody".to_owned(),
        needed: 1,
        missing: 1,
        given: Vec::new(),
        since: Some(at(60_000)),
        expires_at: None,
        message: String::new(),
    }
}

pub(crate) fn hold() -> HoldView {
    HoldView {
        reason: HoldReason::ManualGate,
        steps: vec!["publish_internal".to_owned()],
        since: at(60_000),
        message: "manual gate publish_internal waits for a decision".to_owned(),
        gates: vec![gate("publish_internal")],
        run: None,
    }
}

pub(crate) fn held_summary() -> RunSummary {
    let steps = vec![
        step("verify_artifacts", StepState::Succeeded),
        step("publish_internal", StepState::Waiting),
        step("announce", StepState::Pending),
    ];
    let mut summary = succeeded_summary();
    summary.phase = RunPhase::Executing;
    summary.status = String::from("blocked");
    summary.outcome = None;
    summary.hold = Some(hold());
    summary.completed_at = None;
    summary.duration_ms = 60_000;
    summary.totals = totals(&steps);
    summary.steps = steps;
    summary.sealed = false;
    summary.reconciliation.status = ReconciliationStatus::Incomplete;
    summary.reconciliation.acked = 1;
    summary.reconciliation.missing = vec!["logs/complete_trace".parse().unwrap()];
    summary
}

pub(crate) fn event(seq: u64, event_type: &str, step: Option<&str>, ms: i64) -> EventLine {
    EventLine {
        seq: Seq(seq),
        event_type: event_type.to_owned(),
        at: at(ms),
        epoch: Epoch(0),
        step: step.map(str::to_owned),
        attempt: 0,
        actor: "runner".to_owned(),
        new_state: None,
        error_class: None,
        reason: None,
        line: format!(r#"{{"seq":{seq},"event_type":"{event_type}"}}"#).into(),
    }
}

impl Fake {
    pub(crate) fn new() -> Self {
        Self {
            summary: succeeded_summary(),
            end: DriveEnd::Ended {
                phase: RunPhase::Completed,
                outcome: Outcome::Succeeded,
                refused_by: None,
                attested: None,
            },
            events: Vec::new(),
            answer: CommandAnswer::Done { by_owner: false },
            resumable: Resumable {
                resumable: true,
                how: "next_epoch".to_owned(),
                reason: "it failed; succeeded steps are kept".to_owned(),
                steps: vec!["load".to_owned()],
            },
            explanation: Explanation {
                run_id: run_id(),
                step: None,
                headline: "it waits for a decision on publish_internal".to_owned(),
                because: vec!["publish_internal is a manual gate".to_owned()],
                next: vec!["nothing, until somebody decides".to_owned()],
                remedies: vec![Remedy {
                    does: "lets it pass".to_owned(),
                    command: Some("approve run_abc publish_internal --reason …".to_owned()),
                }],
            },
            listing: Vec::new(),
            report: VerifyReport {
                collected_at: None,
                run_id: run_id(),
                verdict: VerifyVerdict::Intact,
                lines: 42,
                head: "ab".repeat(32),
                phase: Some(RunPhase::Completed),
                epoch: Some(Epoch(0)),
                artifacts: 2,
                attestations: Vec::new(),
                checkpoint: None,
                faults: Vec::new(),
                notes: Vec::new(),
            },
            log: Vec::new(),
            refuse: None,
            asked: Mutex::default(),
        }
    }

    pub(crate) fn failed() -> Self {
        Self {
            summary: failed_summary(),
            end: DriveEnd::Ended {
                phase: RunPhase::Failed,
                outcome: Outcome::Failed,
                refused_by: None,
                attested: None,
            },
            ..Self::new()
        }
    }

    pub(crate) fn held() -> Self {
        Self {
            summary: held_summary(),
            end: DriveEnd::Held(hold()),
            ..Self::new()
        }
    }

    /// Each step that ended ran once, and began when the run did.
    fn timing(&self) -> RunTiming {
        let steps = self.summary.steps.iter().map(|step| StepTiming {
            id: step.id.clone(),
            attempts: step
                .started_at
                .map(|from| AttemptSpan {
                    epoch: Epoch(0),
                    attempt: 0,
                    from,
                    until: step.ended_at,
                    state: step.state,
                    reason: step.error.as_ref().map(|error| error.reason.clone()),
                    usage: Some(AttemptUsage {
                        wall_ms: 1250,
                        cpu_ms: 400,
                        max_rss_kib: 2048,
                    }),
                })
                .into_iter()
                .collect(),
            waits: Vec::new(),
            compensations: Vec::new(),
        });
        RunTiming {
            run_id: run_id(),
            from: at(0),
            until: at(2000),
            open: false,
            steps: steps.collect(),
            pauses: Vec::new(),
            epochs: Vec::new(),
            rollbacks: Vec::new(),
            critical_path: vec![self.summary.steps[0].id.clone()],
        }
    }

    fn ask(&self, what: String) -> Result<(), RunsError> {
        self.asked.lock().unwrap().push(what);
        match &self.refuse {
            Some(error) => Err(error.clone()),
            None => Ok(()),
        }
    }
}

/// The engine behind the facade; the test keeps the other end.
pub(crate) struct Engine(pub(crate) Arc<Fake>);

impl RunsEngine for Engine {
    fn submit(&self, submission: Submission) -> Result<RunId, RunsError> {
        self.0.ask(format!(
            "submit {} inputs {:?} {:?} labels {:?} parallel {:?} id {:?} by {} because {:?}",
            submission.source,
            submission.inputs,
            submission.input_texts,
            submission.labels,
            submission.max_parallel,
            submission.run_id,
            submission.submitter,
            submission.reason,
        ))?;
        Ok(submission.run_id.unwrap_or_else(run_id))
    }

    fn redecide(&self, run: &RunId) -> Result<RedecidedView, RunsError> {
        self.0.ask(format!("redecide {run}"))?;
        Ok(RedecidedView {
            run_id: run.clone(),
            events: 54,
            alike: 30,
            given: 2,
            divergences: Vec::new(),
        })
    }

    fn replay(&self, run: &RunId, request: ReplayRequest) -> Result<RunId, RunsError> {
        let from = request.from.map(|step| format!(" from {step}"));
        self.0
            .ask(format!("replay {run}{}", from.unwrap_or_default()))?;
        Ok(run.clone())
    }

    fn check_plans(&self, _: &[u8], source: &str, _: &Path) -> Result<(), RunsError> {
        self.0.ask(format!("check plans of {source}"))?;
        Ok(())
    }

    fn dry_run(&self, submission: Submission) -> Result<DryRun, RunsError> {
        self.0.ask(format!("dry run {}", submission.source))?;
        Ok(DryRun {
            plan: "deliverable".parse().unwrap(),
            plan_version: 3,
            plan_sha256: "ab".repeat(32),
            refused: None,
            submitter: submission.submitter.to_string(),
            inputs: serde_json::json!({}),
            labels: submission.labels,
            profile: "STRICT".to_owned(),
            limits: Limits {
                max_parallel: 64,
                max_processes: 2,
                max_duration_ms: None,
                governance_timeout_ms: 5000,
            },
            budget: None,
            secrets: Vec::new(),
            steps: Vec::new(),
            findings: Vec::new(),
            policies: Vec::new(),
            duties: Vec::new(),
        })
    }

    fn drive(
        &self,
        run: &RunId,
        options: &DriveOptions,
        _: &StopSignal,
        observer: &mut dyn Observer,
    ) -> Result<DriveEnd, RunsError> {
        self.0
            .ask(format!("drive {run} wait {}", options.wait_on_hold))?;
        observer.events(&self.0.events);
        Ok(self.0.end.clone())
    }

    fn resume(
        &self,
        run: &RunId,
        options: &ResumeOptions,
        _: &StopSignal,
        observer: &mut dyn Observer,
    ) -> Result<DriveEnd, RunsError> {
        self.0.ask(format!(
            "resume {run} by {} because {:?} wait {}",
            options.actor, options.reason, options.drive.wait_on_hold
        ))?;
        observer.events(&self.0.events);
        Ok(self.0.end.clone())
    }

    fn rollback(
        &self,
        run: &RunId,
        options: &RollbackOptions,
        _: &StopSignal,
        observer: &mut dyn Observer,
    ) -> Result<DriveEnd, RunsError> {
        self.0.ask(format!(
            "rollback {run} by {} because {:?} done {:?} again {:?}",
            options.actor, options.reason, options.done, options.again
        ))?;
        observer.events(&self.0.events);
        Ok(self.0.end.clone())
    }

    fn resumable(&self, _: &RunId) -> Result<Resumable, RunsError> {
        Ok(self.0.resumable.clone())
    }

    fn command(&self, run: &RunId, request: CommandRequest) -> Result<CommandAnswer, RunsError> {
        self.0.ask(format!(
            "{:?} {run} by {} because {:?}",
            request.verb, request.actor, request.reason
        ))?;
        Ok(self.0.answer.clone())
    }

    fn find(&self, selector: &RunSelector) -> Result<RunId, RunsError> {
        if "run_abc".starts_with(&selector.0) {
            return Ok(run_id());
        }
        let what = format!("no run `{}` here", selector.0);
        Err(RunsError::new(ErrorKind::Usage, "ROK0101", what).help("`rok ls` lists the runs"))
    }

    fn summary(&self, _: &RunId) -> Result<RunSummary, RunsError> {
        Ok(self.0.summary.clone())
    }

    fn plan(&self, _: &RunId) -> Result<Vec<u8>, RunsError> {
        let steps = self.0.summary.steps.iter();
        let steps: Vec<String> = steps
            .map(|step| format!(r#""{}":{{"call":"f"}}"#, step.id))
            .collect();
        let plan = format!(
            r#"{{"plan":"deliverable","steps":{{{}}}}}"#,
            steps.join(",")
        );
        Ok(plan.into_bytes())
    }

    fn step(&self, _: &RunId, step: &str) -> Result<Vec<StepSummary>, RunsError> {
        self.0.ask(format!("step {step:?}"))?;
        Ok(self.0.summary.steps.clone())
    }

    fn artifact(&self, run: &RunId, path: &str, _: Option<&str>) -> Result<Fetched, RunsError> {
        let message = format!("run {run} has no artifact `{path}`");
        Err(RunsError::new(ErrorKind::NotFound, "ROK0111", message))
    }

    fn envelopes(&self, _: &RunId) -> Result<Vec<SignedFile>, RunsError> {
        Ok(Vec::new())
    }

    fn ready(&self) -> Result<(), RunsError> {
        Ok(())
    }

    fn audit(&self, _: &RunId) -> Result<AuditView, RunsError> {
        Ok(AuditView {
            run_id: run_id(),
            epoch: Epoch(0),
            profile: Profile::Strict,
            expectations: vec![ExpectationView {
                id: "logs/complete_trace".to_owned(),
                status: ExpectationStatus::Acked,
                created_at: at(0),
                deadline: Some(at(60_000)),
                acked_at: Some(at(1300)),
                liveness: false,
            }],
            acks: vec![AckView {
                id: "ack-1".to_owned(),
                duty: "logs/complete_trace".to_owned(),
                status: AckStatus::Success,
                result_id: Some("trace-1".to_owned()),
                error: None,
                at: at(1300),
            }],
            reconciliation: self.0.summary.reconciliation.clone(),
        })
    }

    fn explain(&self, _: &RunId, step: Option<&str>) -> Result<Explanation, RunsError> {
        self.0.ask(format!("explain {step:?}"))?;
        Ok(self.0.explanation.clone())
    }

    fn events(&self, _: &RunId, query: &EventQuery) -> Result<Vec<EventLine>, RunsError> {
        self.0.ask(format!("events {query:?}"))?;
        Ok(self.0.events.clone())
    }

    fn follow(
        &self,
        _: &RunId,
        query: &EventQuery,
        _: &StopSignal,
        each: &mut dyn FnMut(&EventLine) -> bool,
    ) -> Result<(), RunsError> {
        self.0.ask(format!("follow {query:?}"))?;
        for event in &self.0.events {
            if !each(event) {
                self.0.asked.lock().unwrap().push("stopped".to_owned());
                break;
            }
        }
        Ok(())
    }

    fn logs(
        &self,
        _: &RunId,
        query: &LogQuery,
        _: &StopSignal,
        out: &mut dyn Write,
    ) -> Result<(), RunsError> {
        self.0.ask(format!("logs {query:?}"))?;
        out.write_all(&self.0.log)
            .map_err(|error| RunsError::new(ErrorKind::Storage, "ROK0106", error.to_string()))
    }

    fn timing(&self, _: &RunId) -> Result<RunTiming, RunsError> {
        Ok(self.0.timing())
    }

    fn log_tails(&self, _: &RunId, _: &TailQuery) -> Result<Vec<LogTail>, RunsError> {
        let text = String::from_utf8_lossy(&self.0.log).into_owned();
        let step = self.0.summary.steps[0].id.clone();
        let tail = LogTail {
            step,
            attempt: 0,
            text,
            cut: false,
        };
        Ok(vec![tail])
    }

    fn list(&self, query: &ListQuery) -> Result<Vec<RunListing>, RunsError> {
        self.0.ask(format!("list {query:?}"))?;
        Ok(self.0.listing.clone())
    }

    fn hold(&self, _: &RunId, _: &HoldRequest) -> Result<HeldView, RunsError> {
        unreachable!("holds are tested end to end")
    }

    fn collect(&self, _: &CollectRequest) -> Result<CollectReport, RunsError> {
        unreachable!("collecting is tested end to end")
    }

    fn verify(&self, _: &RunId, options: &VerifyOptions) -> Result<VerifyReport, RunsError> {
        self.0.ask(format!("verify by {:?}", options.key))?;
        Ok(self.0.report.clone())
    }

    fn checkpoint(&self, _: &RunId, _: &AttestOptions) -> Result<Checkpoint, RunsError> {
        unreachable!("checkpoints are tested end to end")
    }

    fn export(&self, _: &RunId, _: &ExportOptions) -> Result<Exported, RunsError> {
        unreachable!("bundles are tested end to end")
    }

    fn import(&self, _: &ImportOptions) -> Result<Imported, RunsError> {
        unreachable!("bundles are tested end to end")
    }

    fn verify_bundle(
        &self,
        _: &ImportOptions,
        _: &VerifyOptions,
    ) -> Result<VerifyReport, RunsError> {
        unreachable!("bundles are tested end to end")
    }

    fn head_at(&self, _: &RunId, _: u64) -> Result<Option<Head>, RunsError> {
        unreachable!("checkpoints are tested end to end")
    }

    fn attest(&self, run: &RunId, options: &AttestOptions) -> Result<Attested, RunsError> {
        self.0.ask(format!("attest {run} by {:?}", options.key))?;
        Ok(Attested {
            run_id: run.clone(),
            files: vec![
                "attestation.dsse.json".to_owned(),
                "provenance.dsse.json".to_owned(),
            ],
            key_id: "ab".repeat(32),
            lines: 42,
            head: "cd".repeat(32),
            replaced: None,
        })
    }
}

/// What a command line did.
pub(crate) struct Done {
    pub(crate) code: u8,
    pub(crate) out: String,
    pub(crate) err: String,
    pub(crate) asked: Vec<String>,
}

impl Done {
    /// For snapshots: everything that a person would see.
    pub(crate) fn seen(&self) -> String {
        format!(
            "{}--- stderr ---\n{}--- exit {} ---\n",
            self.out, self.err, self.code
        )
    }
}

pub(crate) fn wiring(fake: &Arc<Fake>, cwd: &Path) -> Wiring {
    let fake = Arc::clone(fake);
    Wiring::new(move |_| Ok(RunsFacade::new(Arc::new(Engine(fake.clone())))))
        .in_environment(cwd, [("ROK_USER", "ada")])
}

/// Runs a command line in a folder, on a terminal that `look` may change.
pub(crate) fn run_in(
    cwd: &Path,
    fake: Fake,
    arguments: &[&str],
    look: impl FnOnce(Terminal) -> Terminal,
) -> Done {
    let fake = Arc::new(fake);
    let (terminal, captured): (Terminal, Captured) = Terminal::in_memory();
    let mut terminal = look(terminal);
    let arguments = std::iter::once("rok").chain(arguments.iter().copied());
    let code = run_on(arguments, wiring(&fake, cwd), &mut terminal);
    Done {
        code,
        out: captured.stdout(),
        err: captured.stderr(),
        asked: std::mem::take(&mut *fake.asked.lock().unwrap()),
    }
}

/// Runs a command line where there is nothing, on no terminal.
pub(crate) fn run(fake: Fake, arguments: &[&str]) -> Done {
    run_in(Path::new("/nowhere"), fake, arguments, |terminal| terminal)
}
