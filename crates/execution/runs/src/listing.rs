//! Lists of runs: all that match, or a page of them. A page is read from the
//! store as it is asked for: never more than a bounded number of rows.

use crate::asked::{plan_of, refuse_unknown_statuses};
use crate::fault;
use crate::home::Home;
use crate::subruns::PARENT_RUN;
use crate::summary::{BROKEN, COLLECTED, status};
use crate::vouched::Vouched;
use crate::waits::WaitingParents;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use rok_chain::Digest;
use rok_facades::runs::{ErrorKind, ListQuery, PageQuery, RunListing, RunPage, RunsError};
use rok_log::{Cursor, RunEntry, RunFilter, RunOrder, RunRow, StoreError};
use rok_vocabulary::{Disposition, Outcome, RunId, RunPhase, Timestamp};

/// So many rows are read at a time where some of them may not match.
const CHUNK: usize = 500;

/// The most rows that are looked at for one page. A page may be shorter than
/// its limit, and have a cursor all the same.
const LOOKED_AT: usize = 10_000;

/// The runs on a page where no number is named.
const PAGE: usize = 50;

/// How many characters of a cursor say what was asked for.
const ASKED: usize = 16;

/// All runs that match, by id.
pub(crate) fn list(store: &Home, query: &ListQuery) -> Result<Vec<RunListing>, RunsError> {
    refuse_unknown_statuses(query)?;
    let failed = |error: StoreError| fault::store(&error);
    let entries = store.list(&filter(store, query)?).map_err(failed)?;
    let waiting = WaitingParents::among(store, &entries).map_err(failed)?;
    let listings = entries
        .into_iter()
        .map(|entry| listed(store, entry, &waiting));
    Ok(listings
        .filter(|run| has_any(run, &query.statuses))
        .collect())
}

/// A page of them: the newest first, or by id where they are asked for by how
/// their ids begin.
pub(crate) fn page(store: &Home, query: &PageQuery) -> Result<RunPage, RunsError> {
    refuse_unknown_statuses(&query.filter)?;
    let failed = |error: StoreError| fault::store(&error);
    let prefix = query.prefix.as_deref().unwrap_or_default();
    let limit = query.limit.unwrap_or(PAGE).max(1);
    let mut filter = filter(store, &query.filter)?;
    let mut page = RunPage::default();
    match &query.cursor {
        Some(cursor) => filter.after = Some(read(cursor, query)?),
        None if prefix.is_empty() => {}
        // What is exactly it stands before all that begin so.
        None => {
            page.runs.extend(exactly(store, prefix, &query.filter)?);
            filter.after = Some(Cursor {
                created_at: None,
                name: prefix.to_owned(),
            });
        }
    }
    if prefix.is_empty() {
        filter.order = RunOrder::NewestFirst;
    }
    let mut looked = 0;
    loop {
        // One more tells whether there is more.
        let all_match = query.filter.statuses.is_empty();
        let ask = if all_match {
            limit - page.runs.len() + 1
        } else {
            CHUNK
        };
        filter.limit = Some(ask.min(CHUNK));
        let entries = store.list(&filter).map_err(failed)?;
        let is_last = entries.len() < ask.min(CHUNK);
        let waiting = WaitingParents::of_page(store, &entries).map_err(failed)?;
        for entry in entries {
            if !entry.name().starts_with(prefix) {
                return Ok(page);
            }
            if page.runs.len() == limit || looked == LOOKED_AT {
                page.next_cursor = filter.after.as_ref().map(|at| written(at, query));
                return Ok(page);
            }
            looked += 1;
            filter.after = Some(entry.cursor());
            let run = listed(store, entry, &waiting);
            page.runs
                .extend(has_any(&run, &query.filter.statuses).then_some(run));
        }
        if is_last {
            return Ok(page);
        }
    }
}

/// The run of this id, where it matches.
fn exactly(store: &Home, name: &str, query: &ListQuery) -> Result<Option<RunListing>, RunsError> {
    let failed = |error: StoreError| fault::store(&error);
    let Ok(run) = name.parse::<RunId>() else {
        return Ok(None);
    };
    if !store.exists(&run).map_err(failed)? {
        return Ok(None);
    }
    let row = store.get(&run).map_err(failed)?;
    let Some(row) = row.filter(|row| filter(store, query).is_ok_and(|all| all.matches(row))) else {
        return Ok(None);
    };
    let entry = [entry_of(store, run, row).map_err(failed)?];
    let waiting = WaitingParents::of_page(store, &entry).map_err(failed)?;
    let [entry] = entry;
    let run = listed(store, entry, &waiting);
    Ok(has_any(&run, &query.statuses).then_some(run))
}

/// A run of this row, or what is left of one.
pub(crate) fn entry_of(store: &Home, run: RunId, row: RunRow) -> Result<RunEntry, StoreError> {
    Ok(match store.stub(&run) {
        Ok(Some(_)) => RunEntry::Collected { run, row },
        Ok(None) if store.is_shared() && row.phase.is_terminal() => {
            match against_seal(store, &run, &row) {
                Some(why) => RunEntry::Broken {
                    name: run.to_string(),
                    why,
                },
                None => RunEntry::Run { run, row },
            }
        }
        Ok(None) => RunEntry::Run { run, row },
        Err(error @ StoreError::Corrupt { .. }) => RunEntry::Broken {
            name: run.to_string(),
            why: fault::chain(&error),
        },
        Err(error) => return Err(error),
    })
}

/// What of a query the store can tell, not less than what is asked for.
fn filter(store: &Home, query: &ListQuery) -> Result<RunFilter, RunsError> {
    let filter = RunFilter {
        plan: plan_of(query)?,
        since: query.since,
        labels: query.labels.clone(),
        ..RunFilter::default()
    };
    // A folder would read each log for it, however few are asked for.
    if !store.is_shared() || query.statuses.is_empty() {
        return Ok(filter);
    }
    let words = || query.statuses.iter().map(String::as_str);
    // What a run can have as its outcome and as nothing else.
    let outcomes: Option<Vec<Outcome>> = words()
        .map(|word| word.to_ascii_lowercase().parse::<Outcome>().ok())
        .map(|outcome| outcome.filter(|it| !it.may_complete() && *it != Outcome::Failed))
        .collect();
    if let Some(outcomes) = outcomes {
        return Ok(RunFilter { outcomes, ..filter });
    }
    let phases: Option<Vec<&[RunPhase]>> = words().map(phases).collect();
    let phases = phases.unwrap_or_default().concat();
    Ok(RunFilter { phases, ..filter })
}

/// The phases that a run with this status is in; `None`: any.
fn phases(word: &str) -> Option<&'static [RunPhase]> {
    const UNDER_WAY: &[RunPhase] = &[
        RunPhase::Executing,
        RunPhase::GovernanceCheck,
        RunPhase::Finalizing,
    ];
    Some(match word.to_ascii_lowercase().as_str() {
        "created" => &[RunPhase::Created],
        "preflight_validated" | "authorized" => &[RunPhase::Authorized],
        "blocked" => &[RunPhase::Executing],
        "executing" => UNDER_WAY,
        "governance_check" => &[RunPhase::GovernanceCheck],
        "finalizing" => &[RunPhase::Finalizing],
        "completed" | "succeeded" => &[RunPhase::Completed],
        "rolled_back" => &[RunPhase::Failed],
        // Of a run that goes on, it is the outcome.
        "failed" => &[
            RunPhase::Created,
            RunPhase::Authorized,
            RunPhase::Executing,
            RunPhase::GovernanceCheck,
            RunPhase::Finalizing,
            RunPhase::Failed,
        ],
        _ => return None,
    })
}

/// Where a page ended, as text that says also what was asked for: the next page
/// goes on behind it, and with nothing else.
fn written(at: &Cursor, query: &PageQuery) -> String {
    URL_SAFE_NO_PAD.encode(format!("{} {at}", asked(query)))
}

fn read(cursor: &str, query: &PageQuery) -> Result<Cursor, RunsError> {
    let bytes = URL_SAFE_NO_PAD.decode(cursor).unwrap_or_default();
    let text = String::from_utf8(bytes).unwrap_or_default();
    let parts = text.split_once(' ');
    let what = match parts.and_then(|(asked, at)| Some((asked, at.parse::<Cursor>().ok()?))) {
        Some((of, at)) if of == asked(query) => return Ok(at),
        Some((of, _)) if of.len() == ASKED => "the cursor is of a list of other runs",
        _ => "the cursor is not one that came with a page of runs",
    };
    Err(RunsError::new(ErrorKind::Usage, "ROK0122", what)
        .help("take the cursor of the page before, and ask for the same runs as then"))
}

/// What is asked for, in a few characters.
fn asked(query: &PageQuery) -> String {
    let ListQuery {
        statuses,
        plan,
        since,
        labels,
    } = &query.filter;
    let mut statuses: Vec<String> = statuses.iter().map(|s| s.to_ascii_lowercase()).collect();
    statuses.sort_unstable();
    let since = since.map(Timestamp::as_millis);
    let asked = serde_json::json!([statuses, plan, since, labels, query.prefix]);
    let digest = Digest::of(format!("rok-page-1\n{asked}").as_bytes()).to_hex();
    digest[..ASKED].to_owned()
}

pub(crate) fn listed(store: &Home, entry: RunEntry, waiting: &WaitingParents) -> RunListing {
    match entry {
        RunEntry::Run { run, row } => {
            if let Some(why) = contradiction(store, &run, &row) {
                return broken(run.to_string(), why);
            }
            let held = row.hold.is_some() || waiting.contains(&run);
            let goes_on = !held && !row.phase.is_terminal();
            RunListing {
                interrupted: goes_on && is_interrupted(store, &run),
                // One that cannot be told of is one that goes on.
                queued: goes_on.then(|| store.queued(&run).ok().flatten()).flatten(),
                ..listing(run.to_string(), &row, held)
            }
        }
        RunEntry::Collected { run, row } => RunListing {
            status: COLLECTED.into(),
            ..listing(run.to_string(), &row, row.hold.is_some())
        },
        RunEntry::Broken { name, why } => broken(name, why),
    }
}

fn has_any(listing: &RunListing, statuses: &[String]) -> bool {
    statuses.is_empty() || statuses.iter().any(|status| has_status(listing, status))
}

fn has_status(listing: &RunListing, word: &str) -> bool {
    let phase = listing.phase.map(RunPhase::as_str);
    // A good outcome alone is no success: the check may have refused it, or not
    // have been made yet. Where it is one, the status says so.
    let outcome = listing.outcome.filter(|outcome| !outcome.may_complete());
    let outcome = outcome.map(Outcome::as_str);
    listing.status.eq_ignore_ascii_case(word)
        || phase.is_some_and(|phase| phase.eq_ignore_ascii_case(word))
        || outcome.is_some_and(|outcome| outcome.eq_ignore_ascii_case(word))
}

fn listing(run_id: String, row: &RunRow, held: bool) -> RunListing {
    RunListing {
        run_id,
        plan: Some(row.plan.clone()),
        status: status(
            row.phase,
            held,
            row.disposition.unwrap_or(Disposition::None),
            row.outcome,
        )
        .into(),
        phase: Some(row.phase),
        outcome: row.outcome,
        created_at: Some(row.created_at),
        updated_at: Some(row.updated_at),
        epoch: Some(row.epoch),
        parent: row.labels.get(PARENT_RUN).cloned(),
        rollback: rollback_of(row).map(ToOwned::to_owned),
        interrupted: false,
        queued: None,
        broken: None,
    }
}

/// What a closed run's row says that cannot be, or that its seal does not say:
/// nothing is shown as done that does not hold.
fn contradiction(store: &Home, run: &RunId, row: &RunRow) -> Option<String> {
    if !row.phase.is_terminal() {
        // One that was signed once ended once: it has at least those lines.
        let signed = Vouched::read(store, run).lines()?;
        return (signed > row.next_seq.0).then(|| {
            let has = row.next_seq;
            format!("its log has {has} lines, and {signed} were attested; `rok verify` tells more")
        });
    }
    let is_good = row.outcome.is_some_and(Outcome::may_complete);
    if row.phase == RunPhase::Completed && !is_good {
        return Some(format!(
            "its log says COMPLETED and {}, which no run is; `rok verify` tells more",
            row.outcome.map_or("no outcome", Outcome::as_str)
        ));
    }
    // The list of a shared store has held its rows against the log.
    if store.is_shared() {
        return None;
    }
    against_seal(store, run, row)
}

/// What it says of its end that its seal does not say.
fn against_seal(store: &Home, run: &RunId, row: &RunRow) -> Option<String> {
    let told = row.outcome.map_or("no outcome", Outcome::as_str);
    let seal = match store.seal(run) {
        Ok(seal) => seal?,
        Err(error) => return Some(fault::chain(&error)),
    };
    // One that is behind is written again by the next owner.
    let same =
        seal.epoch != row.epoch || (seal.phase, Some(seal.outcome)) == (row.phase, row.outcome);
    (!same).then(|| {
        format!(
            "its log says {} and {told}, its seal {} and {}; `rok verify` tells more",
            row.phase, seal.phase, seal.outcome
        )
    })
}

/// Whether an open run is driven by nobody. In a shared store a pool drives it.
fn is_interrupted(store: &Home, run: &RunId) -> bool {
    !store.is_shared() && matches!(store.driver(run), Ok(None))
}

fn rollback_of(row: &RunRow) -> Option<&'static str> {
    match (row.disposition, row.undoing) {
        (Some(Disposition::RolledBack), _) => Some(Disposition::RolledBack.as_str()),
        (_, true) if row.phase.is_terminal() => Some(crate::rollback::INCOMPLETE),
        (_, true) => Some(crate::rollback::UNDER_WAY),
        (_, false) => None,
    }
}

fn broken(run_id: String, why: String) -> RunListing {
    RunListing {
        run_id,
        plan: None,
        status: BROKEN.into(),
        phase: None,
        outcome: None,
        created_at: None::<Timestamp>,
        updated_at: None,
        epoch: None,
        parent: None,
        rollback: None,
        interrupted: false,
        queued: None,
        broken: Some(why),
    }
}
