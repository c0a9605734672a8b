//! `status`, `summary`, `ls`, `explain`: looking changes nothing.

use super::pictures::{hand_over, only_text};
use crate::args::{DiffArgs, ExplainArgs, LsArgs, MetricsArgs, StatusArgs, SummaryArgs};
use crate::exit::Exit;
use crate::render::{self, Caller};
use crate::terminal::Terminal;
use rok_service::views::{
    Epoch, ErrorView, HoldView, ListQuery, Outcome, PageQuery, PlanId, RunId, RunListing, RunPhase,
    RunSummary, StepTotals, Timestamp, parse_duration,
};
use rok_service::{Service, ServiceError};
use serde::Serialize;

/// The summary's head as JSON.
#[derive(Serialize)]
struct Standing<'a> {
    run_id: &'a RunId,
    plan: &'a PlanId,
    status: &'a str,
    phase: RunPhase,
    outcome: Option<Outcome>,
    epoch: Epoch,
    error: Option<&'a ErrorView>,
    hold: Option<&'a HoldView>,
    totals: StepTotals,
    created_at: Timestamp,
    completed_at: Option<Timestamp>,
    duration_ms: u64,
    sealed: bool,
}

impl<'a> Standing<'a> {
    fn of(run: &'a RunSummary) -> Self {
        Self {
            run_id: &run.run_id,
            plan: &run.plan,
            status: &run.status,
            phase: run.phase,
            outcome: run.outcome,
            epoch: run.epoch,
            error: run.error.as_ref(),
            hold: run.hold.as_ref(),
            totals: run.totals,
            created_at: run.created_at,
            completed_at: run.completed_at,
            duration_ms: run.duration_ms,
            sealed: run.sealed,
        }
    }
}

/// Where a run stands.
pub(crate) fn status(
    service: &Service,
    terminal: &mut Terminal,
    args: &StatusArgs,
) -> Result<Exit, ServiceError> {
    let run = service.find(&args.run)?;
    if let Some(step) = &args.step {
        let steps = run.step(step)?;
        if terminal.json {
            terminal.show_json(&steps)?;
        } else {
            let text = render::steps(&steps, terminal.out_look);
            terminal.show(&text)?;
        }
        return Ok(Exit::Success);
    }
    let summary = run.summary()?;
    if terminal.json {
        terminal.show_json(&Standing::of(&summary))?;
        return Ok(Exit::Success);
    }
    let text = render::status(&summary, terminal.out_look);
    terminal.show(&text)?;
    terminal.flush()?;
    if let Some(hold) = &summary.hold {
        let caller = Caller::at(terminal, run.name());
        let text = render::hold(&caller, hold, terminal.err_look);
        terminal.note(&text);
    }
    Ok(Exit::Success)
}

/// What a run is, has done and owes.
pub(crate) fn summary(
    service: &Service,
    terminal: &mut Terminal,
    args: &SummaryArgs,
) -> Result<Exit, ServiceError> {
    let run = service.find(&args.run)?;
    let mut summary = run.summary()?;
    if args.all {
        let mut steps = Vec::with_capacity(summary.steps.len());
        for step in std::mem::take(&mut summary.steps) {
            match step.children {
                Some(_) => steps.extend(run.step(&step.id)?),
                None => steps.push(step),
            }
        }
        summary.steps = steps;
    }
    if terminal.json {
        terminal.show_json(&summary)?;
    } else {
        let text = render::summary(&summary, terminal.out_look);
        terminal.show(&text)?;
    }
    Ok(Exit::Success)
}

/// Lists runs.
pub(crate) fn list(
    service: &Service,
    terminal: &mut Terminal,
    args: LsArgs,
) -> Result<Exit, ServiceError> {
    service.refuse_absent_folder()?;
    let since = args.since.as_deref().map(instant).transpose()?;
    let filter = ListQuery {
        statuses: args.status,
        plan: args.plan,
        since,
        labels: args.labels.into_iter().collect(),
    };
    if args.limit.is_some() || args.cursor.is_some() {
        let query = PageQuery {
            filter,
            prefix: None,
            cursor: args.cursor,
            limit: args.limit.map(usize::from),
        };
        return page(service, terminal, &query);
    }
    let runs = service.list(&filter)?;
    if terminal.json {
        terminal.show_json(&runs)?;
    } else if runs.is_empty() {
        terminal.note("no runs\n");
    } else {
        let text = render::runs(&runs, terminal.out_look);
        terminal.show(&text)?;
    }
    Ok(of_list(&runs))
}

/// A page of runs; as JSON it says itself what comes next.
fn page(
    service: &Service,
    terminal: &mut Terminal,
    query: &PageQuery,
) -> Result<Exit, ServiceError> {
    let mut page = service.page(query)?;
    if terminal.json {
        terminal.show_json(&page)?;
        return Ok(of_list(&page.runs));
    }
    // As in a whole list, the newest stands last.
    page.runs.reverse();
    if !page.runs.is_empty() {
        let text = render::runs(&page.runs, terminal.out_look);
        terminal.show(&text)?;
        terminal.flush()?;
    }
    match &page.next_cursor {
        Some(cursor) => terminal.note(&format!("before them: the same with --cursor {cursor}\n")),
        None if page.runs.is_empty() => terminal.note("no runs\n"),
        None => {}
    }
    Ok(of_list(&page.runs))
}

/// What runs did, as metrics.
pub(crate) fn metrics(
    service: &Service,
    terminal: &mut Terminal,
    args: MetricsArgs,
) -> Result<Exit, ServiceError> {
    let instead = "`rok ls --json` and `rok summary RUN --json` have the same as data";
    only_text(terminal, "--json of metrics", instead)?;
    service.refuse_absent_folder()?;
    let since = args.since.as_deref().map(instant).transpose()?;
    let figures = service.metrics(&ListQuery {
        plan: args.plan,
        since,
        ..ListQuery::default()
    })?;
    let exit = hand_over(service, terminal, args.output.as_deref(), &figures.text)?;
    if figures.broken.is_empty() {
        return Ok(exit);
    }
    terminal.flush()?;
    for run in &figures.broken {
        let (name, why) = (render::clean(&run.run_id), render::clean(&run.why));
        terminal.complain(&format!(
            "warning: run {name} is broken, and counted as that alone: {why}\n"
        ));
    }
    Ok(Exit::Protocol)
}

/// A list that shows a broken run is no success: somebody must look at it.
fn of_list(runs: &[RunListing]) -> Exit {
    if runs.iter().any(|run| run.broken.is_some()) {
        return Exit::Protocol;
    }
    Exit::Success
}

/// An instant, or one that lies a duration before now.
fn instant(text: &str) -> Result<Timestamp, ServiceError> {
    if let Ok(at) = Timestamp::parse_rfc3339(text) {
        return Ok(at);
    }
    let Ok(ago) = parse_duration(text) else {
        return Err(ServiceError::BadName {
            what: format!(
                "`{}` is neither a duration such as 24h nor an instant such as 2026-02-16T00:00:00Z",
                render::clean(text)
            ),
        });
    };
    let ago = i64::try_from(ago.as_millis()).unwrap_or(i64::MAX);
    let then = render::now().as_millis().saturating_sub(ago);
    Ok(Timestamp::from_millis(then.max(0)))
}

/// What each step took and used.
pub(crate) fn profile(
    service: &Service,
    terminal: &mut Terminal,
    name: &str,
) -> Result<Exit, ServiceError> {
    let profile = service.find(name)?.profile()?;
    if terminal.json {
        terminal.show_json(&profile)?;
    } else {
        let text = render::profile(&profile, terminal.out_look);
        terminal.show(&text)?;
    }
    Ok(Exit::Success)
}

/// Why a run or a step is as it is.
pub(crate) fn explain(
    service: &Service,
    terminal: &mut Terminal,
    args: &ExplainArgs,
) -> Result<Exit, ServiceError> {
    let run = service.find(&args.run)?;
    let found = run.explain(args.step.as_deref())?;
    if terminal.json {
        terminal.show_json(&found)?;
    } else {
        let caller = Caller::at(terminal, run.name());
        let text = render::explanation(&found, &caller, terminal.out_look);
        terminal.show(&text)?;
    }
    Ok(Exit::Success)
}

/// What differs between two runs.
pub(crate) fn diff(
    service: &Service,
    terminal: &mut Terminal,
    args: &DiffArgs,
) -> Result<Exit, ServiceError> {
    let (left, right) = (service.find(&args.left)?, service.find(&args.right)?);
    let found = left.diff(&right)?;
    if terminal.json {
        terminal.show_json(&found)?;
    } else {
        let text = render::diff(&found, terminal.out_look);
        terminal.show(&text)?;
    }
    Ok(if args.exit_code && !found.same {
        Exit::Failed
    } else {
        Exit::Success
    })
}
