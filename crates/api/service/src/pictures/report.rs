//! Everything about a run on one page: from views to the report that is drawn.

mod sections;

use super::graph::{counts, lasted};
use rok_facades::runs::{
    AuditView, LogTail, RollbackView, RunSummary, RunTiming, TailQuery, VerifyReport, VerifyVerdict,
};
use rok_pictures::{Body, Cell, Graph, Mark, Report, Section, State, Timeline};
use rok_vocabulary::Timestamp;

/// How much of the outputs a report holds: enough to see why something failed,
/// and a file that a browser opens at once.
pub(super) const TAILS: TailQuery = TailQuery {
    lines: 10,
    failed_lines: 60,
    max_bytes: 16 * 1024,
    total_bytes: 512 * 1024,
};

/// What a report is made of.
pub(super) struct Parts {
    pub(super) run: RunSummary,
    pub(super) timing: RunTiming,
    pub(super) audit: AuditView,
    pub(super) proof: VerifyReport,
    pub(super) tails: Vec<LogTail>,
    pub(super) graph: Graph,
    pub(super) timeline: Timeline,
}

/// The report of a run.
pub(super) fn of_run(parts: Parts) -> Report {
    let Parts {
        run,
        timing,
        audit,
        proof,
        tails,
        graph,
        timeline,
    } = parts;
    let mut sections = vec![
        section("Steps", "", sections::steps(&run, &timing)),
        section(
            "Logs",
            "The ends of what the steps printed.",
            sections::logs(&run, &tails),
        ),
        section(
            "Reconciliation",
            "What was declared at the start, against what was acknowledged.",
            sections::reconciliation(&audit.reconciliation),
        ),
        section("Expectations", "", sections::expectations(&audit)),
        section("Acknowledgements", "", sections::acks(&audit)),
        section("Decisions", "", sections::decisions(&run)),
        section("Overrides", "", sections::overrides(&run)),
        section("Artifacts", "", sections::artifacts(&run)),
        section("Incident", "", sections::incident(&run)),
        section(
            "Proof",
            "How the record stands, checked when this report was made.",
            sections::proved(&run, &proof),
        ),
    ];
    if let (Some(body), Some(rollback)) = (sections::rollback(&run, &timing), &run.rollback) {
        let how = format!("It is {}.", rollback.state.replace('_', " "));
        sections.insert(1, section("Rollback", &how, body));
    }
    Report {
        title: format!("Run {}", run.run_id),
        verdict: Some(verdict(&run)),
        notices: notices(&run, &proof),
        facts: facts(&run, timing.until),
        graph,
        timeline,
        sections,
    }
}

fn section(title: &str, intro: &str, body: Body) -> Section {
    Section {
        title: title.to_owned(),
        intro: intro.to_owned(),
        body,
    }
}

/// How the run ended, or stands.
fn verdict(run: &RunSummary) -> Mark {
    let state = match run.status.as_str() {
        "succeeded" => State::Succeeded,
        "partial" => State::Partial,
        "failed" => State::Failed,
        "rolled_back" => State::Compensated,
        "blocked" => State::Waiting,
        "executing" => State::Running,
        _ => State::Pending,
    };
    let words = match run.outcome {
        Some(outcome) if outcome.as_str() != run.status => format!("{} ({outcome})", run.status),
        _ => run.status.clone(),
    };
    Mark { state, words }
}

/// What must not be overlooked.
fn notices(run: &RunSummary, proof: &VerifyReport) -> Vec<Mark> {
    let mut found = Vec::new();
    let mut note = |state: State, words: String| found.push(Mark { state, words });
    if proof.verdict == VerifyVerdict::Broken {
        note(
            State::Failed,
            "The record is not what was written; see Proof.".to_owned(),
        );
    }
    if let Some(error) = &run.error {
        note(State::Failed, format!("{} ({})", error.reason, error.class));
    }
    for (step, to) in fallbacks(run) {
        let words = format!("{step} failed, and {to} ran in its place.");
        note(State::Partial, words);
    }
    let left = run.rollback.as_ref().map(RollbackView::not_undone);
    if let Some(left) = left.filter(|left| !left.is_empty()) {
        let words = format!("Not undone: {}.", left.join(", "));
        note(State::Failed, words);
    }
    for gate in &run.gate_failures {
        note(State::Failed, format!("The hard gate {gate} failed."));
    }
    for one in &run.violations {
        let (state, how) = if one.blocking {
            (State::Failed, "denied")
        } else {
            (State::Partial, "recorded, blocks nothing")
        };
        note(
            state,
            format!("Policy violation, {how}: {}.", one.in_words()),
        );
    }
    let more = (run.violation_count as usize).saturating_sub(run.violations.len());
    if more > 0 {
        let words = format!("{more} more violations of policies are in the log.");
        note(State::Partial, words);
    }
    for passed in &run.overrides {
        let words = format!(
            "{} lets the failed hard gate {} pass: {}",
            passed.actor, passed.step, passed.reason
        );
        note(State::Partial, words);
    }
    if let Some(hold) = &run.hold {
        note(
            State::Waiting,
            format!("{}, since {}.", hold.message, hold.since),
        );
    }
    if run.degraded {
        let words = "A domain was unavailable, and the profile went on without it.";
        note(State::Partial, words.to_owned());
    }
    found
}

/// Steps that failed, and what ran in their place.
fn fallbacks(run: &RunSummary) -> impl Iterator<Item = (&str, &str)> {
    let steps = run.steps.iter();
    steps.filter_map(|step| Some((step.id.as_str(), step.fell_back_to.as_deref()?)))
}

type Facts = Vec<(String, Cell)>;

fn fact(name: &str, value: Cell) -> (String, Cell) {
    (name.to_owned(), value)
}

fn facts(run: &RunSummary, until: Timestamp) -> Facts {
    let name = run.plan_name.as_deref().map(|name| format!(" ({name})"));
    let plan = format!(
        "{}, version {}{}",
        run.plan,
        run.plan_version,
        name.unwrap_or_default()
    );
    let completed = run
        .completed_at
        .map_or_else(|| "not yet".to_owned(), |at| at.to_string());
    let mut facts = vec![
        fact("Plan", Cell::text(plan)),
        fact("Profile", Cell::text(run.profile.clone())),
        fact("Phase", Cell::text(run.phase.to_string())),
        fact("Steps", Cell::text(totals(run))),
        fact(
            "Created",
            Cell::text(format!("{} by {}", run.created_at, run.submitter)),
        ),
        fact("Completed", Cell::text(completed)),
        fact(
            "Duration",
            Cell::text(lasted(run, Some(until.since(run.created_at)))),
        ),
        fact("Retries", Cell::text(run.retries.to_string())),
        fact("Epoch", Cell::text(run.epoch.to_string())),
        fact("Plan's sha-256", Cell::code(run.plan_sha256.clone())),
    ];
    let labels: Vec<String> = run
        .labels
        .iter()
        .map(|(key, value)| format!("{key}={value}"))
        .collect();
    if !labels.is_empty() {
        facts.push(fact("Labels", Cell::text(labels.join(", "))));
    }
    if run
        .inputs
        .as_object()
        .is_some_and(|inputs| !inputs.is_empty())
    {
        facts.push(fact("Inputs", Cell::code(run.inputs.to_string())));
    }
    if let Some(driver) = &run.driven_by {
        facts.push(fact("Driven by", Cell::text(driver.clone())));
    }
    facts
}

fn totals(run: &RunSummary) -> String {
    format!("{} ({})", run.totals.total, counts(run.totals))
}
