//! What is due, in the order of its rank: a lane for each priority, since
//! within one the order is that of time.

use super::{Places, claim_or_let_go, give};
use crate::access::Access;
use crate::fault::Failure;
use crate::logs::{Ending, Unproven, check, fetch, prove};
use crate::store::SqliteStore;
use rok_log::{Namespace, Pull, Pulled, Pulling};
use rok_vocabulary::{RunId, Timestamp};
use std::collections::VecDeque;

/// How many rows of a lane are read at a time.
const BLOCK: i64 = 64;

/// The log of a run that has hardly begun, in lines, is read with its claim:
/// whoever writes has its pages at hand, and a reader would look for them anew.
const SHORT: u64 = 64;

/// A run that is due.
struct Ready {
    no: i64,
    id: String,
    at: i64,
    /// Key and limit, where it may have to wait for others.
    key: Option<(String, i64)>,
    /// Whether a command waits: it is given whoever stands before it.
    asked: bool,
}

/// The runs of one priority, by when they are due.
struct Lane {
    priority: i8,
    rows: VecDeque<Ready>,
    /// Behind which row to go on; none when all were read.
    next: Option<(i64, String)>,
}

impl Lane {
    /// The first row, read where need be.
    fn head(
        &mut self,
        at: Access<'_>,
        space: &Namespace,
        until: i64,
    ) -> Result<Option<&Ready>, Failure> {
        if self.rows.is_empty()
            && let Some((time, id)) = self.next.take()
        {
            let mut select = at.prepare_cached(
                "SELECT no, id, ready_at, concurrency_key, concurrency_limit,
                   placed OR closed, commands > 0
                 FROM runs INDEXED BY runs_ready
                 WHERE namespace = ?1 AND priority = ?2 AND ready_at IS NOT NULL
                   AND ready_at <= ?3 AND ready_at >= ?4 AND (ready_at > ?4 OR id > ?5)
                 ORDER BY ready_at, id LIMIT ?6",
            )?;
            let from = (space.as_str(), self.priority, until, time, &id, BLOCK);
            let mut rows = select.query(from)?;
            while let Some(row) = rows.next()? {
                let key: Option<String> = row.get(3)?;
                let limit: Option<i64> = row.get(4)?;
                let is_free: bool = row.get(5)?;
                self.rows.push_back(Ready {
                    no: row.get(0)?,
                    id: row.get(1)?,
                    at: row.get(2)?,
                    key: key.zip(limit).filter(|_| !is_free),
                    asked: row.get(6)?,
                });
            }
            if self.rows.len() as i64 == BLOCK {
                self.next = self.rows.back().map(|last| (last.at, last.id.clone()));
                if self.next <= Some((time, id)) {
                    return Err(at.disordered("look for what is due in"));
                }
            }
        }
        Ok(self.rows.front())
    }
}

/// A lane for each priority that anything ready has.
fn lanes(at: Access<'_>, space: &Namespace) -> Result<Vec<Lane>, Failure> {
    // One seek a priority: there are 201 at most, and mostly one.
    let mut select = at.prepare_cached(
        "SELECT priority FROM runs INDEXED BY runs_ready
         WHERE namespace = ?1 AND ready_at IS NOT NULL AND priority > ?2
         ORDER BY priority LIMIT 1",
    )?;
    let mut lanes: Vec<Lane> = Vec::new();
    loop {
        let above = lanes
            .last()
            .map_or(i64::MIN, |lane| i64::from(lane.priority));
        let mut rows = select.query((space.as_str(), above))?;
        let Some(row) = rows.next()? else {
            return Ok(lanes);
        };
        let priority = row.get(0)?;
        if i64::from(priority) <= above {
            return Err(at.disordered("look for what is due in"));
        }
        lanes.push(Lane {
            priority,
            rows: VecDeque::new(),
            next: Some((i64::MIN, String::new())),
        });
    }
}

/// A run that was given, and whether it may begin.
struct Given {
    run: RunId,
    ending: Ending,
    may_begin: bool,
    asked: bool,
    /// Its log, where that is short.
    log: Option<Unproven>,
}

/// Claims what is due, with whatever else is written next. All of it in one
/// transaction; the logs are looked at after that.
pub(crate) fn begin_claim(store: &SqliteStore, pull: &Pull) -> Pulling {
    if pull.limit == 0 {
        return Pulling::done(Ok(Vec::new()));
    }
    let (space, now) = (store.namespace.clone(), pull.lease.now);
    let database = &store.database;
    // Who asks in vain keeps nobody waiting. What is in line to be let go may
    // be due, and is let go before this.
    if !database.has_posted() {
        match database.read("read", |at| earliest(at, &space, Some(now))) {
            Ok(Some(_)) => {}
            Ok(None) => return Pulling::done(Ok(Vec::new())),
            Err(error) => return Pulling::done(Err(error)),
        }
    }
    let mine = pull.clone();
    let posted = database.begin("claim runs of", move |at| claim_ready(at, &space, &mine));
    let store = store.clone();
    Pulling::new(move || {
        let given = store.database.finish(&posted)?;
        Ok(prove_all(&store, given))
    })
}

/// What was given, each with its log where that is sound.
fn prove_all(store: &SqliteStore, given: Vec<Given>) -> Vec<Pulled> {
    let database = &store.database;
    let each = given.into_iter().map(|given| {
        let (run, ending) = (given.run, given.ending);
        let looked = match given.log {
            Some(log) => {
                let path = store.path();
                let checked = check(path, &run, &ending, log);
                checked
                    .map(Some)
                    .map_err(|failure| failure.into_store("read", path))
            }
            None => database.read("read", |at| prove(at, &run, &ending)),
        };
        let (claim, log) = match claim_or_let_go(store, &ending, looked, true) {
            Ok((claim, log)) => (Ok(claim), log),
            Err(error) => (Err(error), None),
        };
        Pulled {
            run,
            claim,
            may_begin: given.may_begin,
            asked: given.asked,
            log,
        }
    });
    each.collect()
}

/// The log of a run that was given, where it is short. What is wrong with it
/// spoils it for none of the others: it is read again by itself.
fn read_short(at: Access<'_>, run: &RunId, ending: &Ending) -> Result<Option<Unproven>, Failure> {
    if ending.next_seq.0 > SHORT {
        return Ok(None);
    }
    match fetch(at, run, ending) {
        Err(failure) if at.is_autocommit() => Err(failure),
        Err(_) => Ok(None),
        fetched => fetched,
    }
}

fn claim_ready(at: Access<'_>, space: &Namespace, pull: &Pull) -> Result<Vec<Given>, Failure> {
    let mut lanes = lanes(at, space)?;
    let mut places = Places::default();
    let mut given = Vec::new();
    while given.len() < pull.limit {
        let Some(ready) = first(at, space, &mut lanes, pull)? else {
            break;
        };
        let behind = match &ready.key {
            Some((key, limit)) => *places.of(at, space, key)? >= *limit,
            None => false,
        };
        if behind && !ready.asked {
            continue;
        }
        let Ok(run) = ready.id.parse::<RunId>() else {
            // Listed as broken; nobody can drive what has no name.
            continue;
        };
        let ending = give(at, &run, ready.no, &pull.owner, pull.lease.until, behind)?;
        if let (false, Some((key, _))) = (behind, &ready.key) {
            *places.of(at, space, key)? += 1;
        }
        given.push(Given {
            log: read_short(at, &run, &ending)?,
            run,
            ending,
            may_begin: !behind,
            asked: ready.asked,
        });
    }
    Ok(given)
}

/// The run that stands first in any lane.
fn first(
    at: Access<'_>,
    space: &Namespace,
    lanes: &mut [Lane],
    pull: &Pull,
) -> Result<Option<Ready>, Failure> {
    let mut best = None;
    for (n, lane) in lanes.iter_mut().enumerate() {
        let priority = lane.priority;
        if let Some(head) = lane.head(at, space, pull.lease.now.as_millis())? {
            let rank = pull.rank(priority, Timestamp::from_millis(head.at));
            let place = (rank, head.id.clone(), n);
            if best.as_ref().is_none_or(|best| place < *best) {
                best = Some(place);
            }
        }
    }
    Ok(best.and_then(|(.., n)| lanes[n].rows.pop_front()))
}

/// When the first run is due that waits behind nobody.
pub(crate) fn next_due(at: Access<'_>, space: &Namespace) -> Result<Option<Timestamp>, Failure> {
    earliest(at, space, None)
}

fn earliest(
    at: Access<'_>,
    space: &Namespace,
    until: Option<Timestamp>,
) -> Result<Option<Timestamp>, Failure> {
    let until = until.map_or(i64::MAX, Timestamp::as_millis);
    let mut places = Places::default();
    let mut earliest: Option<i64> = None;
    for mut lane in lanes(at, space)? {
        // What comes later than the earliest so far is of no interest.
        let until = earliest.map_or(until, |found| until.min(found));
        while let Some(ready) = lane.head(at, space, until)? {
            let (time, asked, key) = (ready.at, ready.asked, ready.key.clone());
            let behind = match key {
                Some((key, limit)) if !asked => *places.of(at, space, &key)? >= limit,
                _ => false,
            };
            if !behind {
                earliest = Some(time);
                break;
            }
            lane.rows.pop_front();
        }
    }
    Ok(earliest.map(Timestamp::from_millis))
}
