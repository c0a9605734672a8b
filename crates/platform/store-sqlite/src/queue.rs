//! Claims, and what is due.

mod doubts;
mod pull;

use crate::access::{Access, unknown};
use crate::fault::Failure;
use crate::logs::{Ending, prove};
use crate::retention::collected;
use crate::store::SqliteStore;
use rok_chain::ChainHash;
use rok_log::{
    Backlog, Claim, ClaimError, Fence, Lease, LogBytes, Namespace, Owner, Signal, Standing,
    StoreError,
};
use rok_vocabulary::{RunId, Seq, Timestamp};
use rusqlite::{OptionalExtension, named_params};
use std::collections::HashMap;
use std::sync::Arc;

pub(crate) use doubts::{differences, mend};
pub(crate) use pull::{begin_claim, next_due};

/// What a claim came to, before the log was looked at.
enum Given {
    Held { by: String },
    Claimed(Ending),
}

/// Claims a run. The claim is made before the log is checked, so that nobody
/// waits for the check; a log that fails it is let go again.
pub(crate) fn claim(
    store: &SqliteStore,
    run: &RunId,
    owner: &Owner,
    lease: Lease,
) -> Result<Claim, ClaimError> {
    let space = store.namespace.clone();
    let (wanted, by) = (run.clone(), owner.clone());
    let given = store.database.write_queue("claim a run of", move |at| {
        let mut select = at.prepare_cached(
            "SELECT no, owner, leased_until, collected FROM runs WHERE namespace = ?1 AND id = ?2",
        )?;
        let found = select
            .query_row([space.as_str(), wanted.as_str()], |row| {
                let held: (Option<String>, Option<i64>) = (row.get(1)?, row.get(2)?);
                Ok((row.get::<_, i64>(0)?, held, row.get::<_, bool>(3)?))
            })
            .optional()?;
        match found.ok_or_else(|| unknown(&wanted))? {
            (_, _, true) => Err(collected(&wanted)),
            (_, (Some(by), Some(until)), _) if until > lease.now.as_millis() => {
                Ok(Given::Held { by })
            }
            (no, ..) => give(at, &wanted, no, &by, lease.until, false).map(Given::Claimed),
        }
    })?;
    match given {
        Given::Held { by } => Err(ClaimError::Held {
            run: run.clone(),
            by,
        }),
        Given::Claimed(ending) => {
            let looked = store.database.read("read", |at| prove(at, run, &ending));
            let (claim, _) = claim_or_let_go(store, &ending, looked, false)?;
            Ok(claim)
        }
    }
}

/// Raises the fence. A claim that only visits takes no place of the run's key.
fn give(
    at: Access<'_>,
    run: &RunId,
    no: i64,
    owner: &Owner,
    until: Timestamp,
    visits: bool,
) -> Result<Ending, Failure> {
    let mut update = at.prepare_cached(
        "UPDATE runs SET fence = fence + 1, broken = 0, owner = :owner, leased_until = :until,
           visits = :visits, placed = CASE WHEN :visits THEN placed
             ELSE concurrency_key IS NOT NULL AND NOT closed END
         WHERE no = :no RETURNING fence, next_seq, head",
    )?;
    let ending = update.query_row(
        named_params! {
            ":no": no,
            ":owner": owner.as_str(),
            ":until": until.as_millis(),
            ":visits": visits,
        },
        |row| {
            let (fence, next): (i64, i64) = (row.get(0)?, row.get(1)?);
            Ok((fence, next, row.get::<_, Vec<u8>>(2)?))
        },
    )?;
    let (fence, next, head) = ending;
    let head = <[u8; 32]>::try_from(head)
        .map_err(|_| at.corrupt(run, next as u64, "has a hash of another length"))?;
    Ok(Ending {
        no,
        fence: Fence(fence as u64),
        next_seq: Seq(next as u64),
        head: ChainHash::from_bytes(head),
    })
}

/// The claim, where its log is proven. Otherwise the run is let go, and where
/// it came from a pull, due to nobody until a command comes.
fn claim_or_let_go(
    store: &SqliteStore,
    ending: &Ending,
    looked: Result<Option<LogBytes>, StoreError>,
    pulled: bool,
) -> Result<(Claim, Option<LogBytes>), StoreError> {
    let log = looked.or_else(|error| {
        let (no, fence) = (ending.no, ending.fence.0 as i64);
        store.database.write_queue("let go a run of", move |at| {
            let mut update = at.prepare_cached(
                "UPDATE runs SET owner = NULL, leased_until = NULL, broken = ?3
                 WHERE no = ?1 AND fence = ?2",
            )?;
            update.execute((no, fence, pulled))?;
            Ok(())
        })?;
        Err(error)
    })?;
    let claim = Claim {
        fence: ending.fence,
        next_seq: ending.next_seq,
        head: ending.head,
        repaired: None,
        resealed: false,
    };
    Ok((claim, log))
}

/// Prolongs claims; what is lost comes back.
pub(crate) fn renew(
    store: &SqliteStore,
    held: &[(RunId, Fence)],
    lease: Lease,
) -> Result<Vec<RunId>, StoreError> {
    if held.is_empty() {
        return Ok(Vec::new());
    }
    let (space, held) = (store.namespace.clone(), held.to_vec());
    store.database.write_queue("renew claims in", move |at| {
        let mut update = at.prepare_cached(
            "UPDATE runs SET leased_until = ?4
             WHERE namespace = ?1 AND id = ?2 AND fence = ?3 AND owner IS NOT NULL",
        )?;
        let mut lost = Vec::new();
        for (run, fence) in &held {
            let until = lease.until.as_millis();
            let row = (space.as_str(), run.as_str(), fence.0 as i64, until);
            if update.execute(row)? == 0 {
                lost.push(run.clone());
            }
        }
        Ok(lost)
    })
}

/// Lets a run go, before all that comes later; those who let go many wait for
/// none. Where it cannot be written, the lease runs out. Whoever listens hears of
/// it where the run is to be claimed again: most are closed.
pub(crate) fn release(store: &SqliteStore, run: &RunId, fence: Fence, due: Option<Timestamp>) {
    let (space, run) = (store.namespace.clone(), run.clone());
    let work = move |at: Access<'_>| {
        let mut update = at.prepare_cached(
            "UPDATE runs SET owner = NULL, leased_until = NULL, due = ?4
             WHERE namespace = ?1 AND id = ?2 AND fence = ?3
             RETURNING ready_at IS NOT NULL",
        )?;
        let due = due.map(Timestamp::as_millis);
        let row = (space.as_str(), run.as_str(), fence.0 as i64, due);
        let is_due = update.query_row(row, |row| row.get(0)).optional()?;
        Ok(is_due.unwrap_or(false))
    };
    let (board, space) = (Arc::clone(&store.database.board), store.namespace.clone());
    let tell = move || board.tell(&space, &Signal::Due);
    store.database.post("let go a run of", work, tell);
}

/// Who has claims. Reads all of them.
pub(crate) fn owners(at: Access<'_>, space: &Namespace) -> Result<Vec<Owner>, Failure> {
    let mut select = at.prepare_cached(
        "SELECT DISTINCT owner FROM runs INDEXED BY runs_held
         WHERE namespace = ?1 AND owner IS NOT NULL ORDER BY owner",
    )?;
    let owners = select.query_map([space.as_str()], |row| row.get::<_, String>(0))?;
    Ok(owners
        .map(|owner| owner.map(Owner::new))
        .collect::<Result<_, _>>()?)
}

/// Takes the claims of one who is gone. A raised fence keeps it out, were it
/// not.
pub(crate) fn disown(
    store: &SqliteStore,
    owner: &Owner,
    now: Timestamp,
) -> Result<usize, StoreError> {
    let (space, owner) = (store.namespace.clone(), owner.clone());
    let taken = store.database.write("take over runs of", move |at| {
        let mut update = at.prepare_cached(
            "UPDATE runs SET fence = fence + 1, owner = NULL, leased_until = NULL, due = ?3
             WHERE namespace = ?1 AND owner = ?2",
        )?;
        Ok(update.execute((space.as_str(), owner.as_str(), now.as_millis()))?)
    })?;
    store.tell(&Signal::Due);
    Ok(taken)
}

/// How a run stands.
pub(crate) fn standing(
    at: Access<'_>,
    space: &Namespace,
    run: &RunId,
) -> Result<Option<Standing>, Failure> {
    let mut select = at.prepare_cached(
        "SELECT owner, leased_until, ready_at FROM runs WHERE namespace = ?1 AND id = ?2",
    )?;
    let found = select.query_row([space.as_str(), run.as_str()], |row| {
        let (owner, until): (Option<String>, Option<i64>) = (row.get(0)?, row.get(1)?);
        let due = row.get::<_, Option<i64>>(2)?.map(Timestamp::from_millis);
        Ok(match (owner, until) {
            (Some(owner), Some(until)) => Standing::Claimed {
                owner: Owner::new(owner),
                until: Timestamp::from_millis(until),
            },
            _ => Standing::Free { due },
        })
    });
    Ok(found.optional()?)
}

/// How many runs hold a place of each key, as far as anybody asked.
#[derive(Default)]
struct Places {
    taken: HashMap<String, i64>,
}

impl Places {
    fn of(&mut self, at: Access<'_>, space: &Namespace, key: &str) -> Result<&mut i64, Failure> {
        if !self.taken.contains_key(key) {
            let mut count = at.prepare_cached(
                "SELECT count(*) FROM runs
                 WHERE namespace = ?1 AND concurrency_key = ?2 AND placed",
            )?;
            let taken = count.query_row([space.as_str(), key], |row| row.get(0))?;
            self.taken.insert(key.to_owned(), taken);
        }
        Ok(self.taken.get_mut(key).expect("it was put there"))
    }
}

/// Counts what waits. Reads all of it.
pub(crate) fn backlog(
    at: Access<'_>,
    space: &Namespace,
    now: Timestamp,
) -> Result<Backlog, Failure> {
    let count = |sql: &str| -> Result<u64, Failure> {
        let mut count = at.prepare_cached(sql)?;
        let row = (space.as_str(), now.as_millis());
        Ok(count.query_row(row, |row| row.get::<_, i64>(0))? as u64)
    };
    let claimed = count(
        "SELECT count(*) FROM runs INDEXED BY runs_held
         WHERE namespace = ?1 AND owner IS NOT NULL AND leased_until > ?2",
    )?;
    let ready = count(
        "SELECT count(*) FROM runs INDEXED BY runs_ready
         WHERE namespace = ?1 AND ready_at IS NOT NULL AND ready_at <= ?2",
    )?;
    // A claim is due when it runs out: those that last were counted already.
    let later = count(
        "SELECT count(*) FROM runs INDEXED BY runs_ready
         WHERE namespace = ?1 AND ready_at > ?2 AND owner IS NULL",
    )?;
    let behind = behind(at, space, now)?;
    Ok(Backlog {
        due: ready - behind.0,
        later: later - behind.1,
        behind: behind.0 + behind.1,
        claimed,
    })
}

/// How many of those that are due wait behind others, and of those that are
/// due later.
fn behind(at: Access<'_>, space: &Namespace, now: Timestamp) -> Result<(u64, u64), Failure> {
    let mut select = at.prepare_cached(
        "SELECT concurrency_key, concurrency_limit, ready_at <= ?2, count(*)
         FROM runs INDEXED BY runs_waiting
         WHERE namespace = ?1 AND concurrency_key IS NOT NULL AND NOT placed AND NOT closed
           AND ready_at IS NOT NULL AND NOT commands
           AND (owner IS NULL OR leased_until <= ?2)
         GROUP BY 1, 2, 3",
    )?;
    let mut places = Places::default();
    let mut counted = (0, 0);
    let mut rows = select.query((space.as_str(), now.as_millis()))?;
    while let Some(row) = rows.next()? {
        let key: String = row.get(0)?;
        let (limit, is_due, n): (i64, bool, i64) = (row.get(1)?, row.get(2)?, row.get(3)?);
        if *places.of(at, space, &key)? >= limit {
            let counter = if is_due {
                &mut counted.0
            } else {
                &mut counted.1
            };
            *counter += n as u64;
        }
    }
    Ok(counted)
}
