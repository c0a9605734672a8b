//! The logs: whether each is what was written, line by line, and what its seal
//! says.

use super::{NAMED, refused};
use rok_facades::runs::{PageQuery, RunListing, RunsError, RunsFacade};
use rok_service::{Check, Logs};
use rok_vocabulary::RunId;

/// So many logs of the newest runs are read, without being told to read all.
const NEWEST: usize = 50;
/// So many runs are listed at once.
const PAGE: usize = 500;

/// Holds logs against their chains and seals. What is broken as a whole is told
/// with the runs, and what was collected has no log.
pub(super) fn checks(runs: &RunsFacade, which: Logs) -> Vec<Check> {
    let mut checks = Vec::new();
    let (mut looked, mut bad) = (0, 0_usize);
    let mut query = PageQuery {
        limit: Some(match which {
            Logs::Newest => NEWEST,
            Logs::All => PAGE,
        }),
        ..PageQuery::default()
    };
    loop {
        let page = match runs.page(&query) {
            Ok(page) => page,
            Err(error) => {
                checks.push(refused("logs", &error));
                return checks;
            }
        };
        for run in page.runs.iter().filter_map(with_a_log) {
            looked += 1;
            if let Err(error) = runs.head_at(&run, 0) {
                bad += 1;
                checks.extend((bad <= NAMED).then(|| of_log(&run, &error)));
            }
        }
        query.cursor = page.next_cursor.filter(|_| which == Logs::All);
        if query.cursor.is_none() {
            break;
        }
    }
    if bad > NAMED {
        let more = format!("and {} more are not what was written", bad - NAMED);
        checks.push(Check::fault("logs", more));
    }
    let sound = looked - bad;
    let said = match which {
        Logs::All => format!(
            "{sound} of {looked} event logs are what was written; `rok verify` looks at output and artifacts, too"
        ),
        Logs::Newest => format!(
            "{sound} of the newest {looked} event logs are what was written (--all-logs reads every one; `rok verify` looks at output and artifacts, too)"
        ),
    };
    checks.push(Check::ok("logs", said));
    checks
}

fn with_a_log(run: &RunListing) -> Option<RunId> {
    let there = run.broken.is_none() && run.status != "collected";
    run.run_id.parse().ok().filter(|_| there)
}

fn of_log(run: &RunId, error: &RunsError) -> Check {
    Check::fault("logs", error.message.clone())
        .of(run.to_string())
        .help(format!("rok verify {run}"))
}
