//! Commits: compare, append, and write all that becomes true with it.

use crate::access::Access;
use crate::fault::Failure;
use crate::records;
use crate::row::labels_text;
use crate::store::SqliteStore;
use rok_log::{Commit, CommitResult, Document, Fence, Namespace, RunRow, Signal, StoreError};
use rok_vocabulary::{Disposition, HoldReason, Outcome, Seq, Timestamp};
use rusqlite::{OptionalExtension, named_params};

/// Commits all of `commits` in one transaction, which others may share.
pub(crate) fn commit(
    store: &SqliteStore,
    commits: &[Commit],
) -> Result<Vec<CommitResult>, StoreError> {
    for commit in commits {
        commit.check().map_err(|fault| StoreError::Invalid {
            run: commit.run.clone(),
            fault,
        })?;
    }
    if commits.is_empty() {
        return Ok(Vec::new());
    }
    let mine = commits.to_vec();
    let results = store.database.write("write", move |at| {
        let each = mine.iter().map(|commit| one(at, commit));
        each.collect::<Result<Vec<_>, _>>()
    })?;
    for (commit, result) in commits.iter().zip(&results) {
        if matches!(result, CommitResult::Committed { .. }) {
            let tell = |signal: &Signal| store.database.board.tell(&commit.namespace, signal);
            tell(&Signal::Grown(commit.run.clone()));
            if commit.row.rests() {
                tell(&Signal::Rests(commit.run.clone()));
            }
            if commit.creates() || commit.row.phase.is_terminal() {
                tell(&Signal::Due);
            }
        }
    }
    Ok(results)
}

/// What a commit compares with, and what it may leave as it is.
struct Before {
    no: i64,
    next_seq: i64,
    fence: i64,
    is_held: bool,
    /// Whether what indexes hold of the row is what the commit says.
    same_state: bool,
    same_place: bool,
}

fn one(at: Access<'_>, commit: &Commit) -> Result<CommitResult, Failure> {
    let before = before(at, commit)?;
    let no = match &before {
        None if commit.creates() && commit.fence == Fence::UNCLAIMED => create(at, commit)?,
        None => return Ok(stale(0, 0)),
        Some(run) => {
            let (seq, fence) = (commit.expect_seq.0 as i64, commit.fence.0 as i64);
            if (run.next_seq, run.fence, run.is_held) != (seq, fence, true) {
                return Ok(stale(run.next_seq, run.fence));
            }
            append(at, run, commit)?;
            run.no
        }
    };
    let mut insert =
        at.prepare_cached("INSERT INTO chunks (run_no, seq, n, lines) VALUES (?1, ?2, ?3, ?4)")?;
    let seq = commit.expect_seq.0 as i64;
    insert.execute((no, seq, commit.events, &commit.lines))?;
    for document in &commit.documents {
        keep(at, &commit.namespace, document)?;
    }
    for record in &commit.records {
        records::put(at, &commit.namespace, record)?;
    }
    Ok(CommitResult::Committed {
        next_seq: commit.next_seq(),
    })
}

const fn stale(next_seq: i64, fence: i64) -> CommitResult {
    CommitResult::Stale {
        next_seq: Seq(next_seq as u64),
        fence: Fence(fence as u64),
    }
}

fn before(at: Access<'_>, commit: &Commit) -> Result<Option<Before>, Failure> {
    let mut select = at.prepare_cached(
        "SELECT no, next_seq, fence, owner IS NOT NULL,
           phase = :phase AND outcome IS :outcome AND hold IS :hold,
           plan = :plan AND created_at = :created_at AND labels IS :labels
             AND priority = :priority AND concurrency_key IS :key
             AND concurrency_limit IS :limit
         FROM runs WHERE namespace = :namespace AND id = :id",
    )?;
    let row = &commit.row;
    let concurrency = row.concurrency.as_ref();
    let found = select.query_row(
        named_params! {
            ":namespace": commit.namespace.as_str(),
            ":id": commit.run.as_str(),
            ":phase": row.phase.as_str(),
            ":outcome": row.outcome.map(Outcome::as_str),
            ":hold": row.hold.map(HoldReason::as_str),
            ":plan": row.plan.as_str(),
            ":created_at": row.created_at.as_millis(),
            ":labels": labels_text(&row.labels),
            ":priority": row.priority,
            ":key": concurrency.map(|it| &it.key),
            ":limit": concurrency.map(|it| it.limit),
        },
        |row| {
            Ok(Before {
                no: row.get(0)?,
                next_seq: row.get(1)?,
                fence: row.get(2)?,
                is_held: row.get(3)?,
                same_state: row.get(4)?,
                same_place: row.get(5)?,
            })
        },
    );
    Ok(found.optional()?)
}

fn create(at: Access<'_>, commit: &Commit) -> Result<i64, Failure> {
    let mut insert = at.prepare_cached(
        "INSERT INTO runs (namespace, id, next_seq, head, plan, phase, outcome, hold, disposition,
           undoing, epoch, labels, created_at, updated_at, wake_at, priority, concurrency_key,
           concurrency_limit, closed, seal, due)
         VALUES (:namespace, :id, :next_seq, :head, :plan, :phase, :outcome, :hold, :disposition,
           :undoing, :epoch, :labels, :created_at, :updated_at, :wake_at, :priority, :key,
           :limit, :closed, :seal, :created_at)",
    )?;
    let row = &commit.row;
    let concurrency = row.concurrency.as_ref();
    insert.execute(named_params! {
        ":namespace": commit.namespace.as_str(),
        ":id": commit.run.as_str(),
        ":next_seq": commit.next_seq().0 as i64,
        ":head": commit.head.as_bytes(),
        ":plan": row.plan.as_str(),
        ":phase": row.phase.as_str(),
        ":outcome": row.outcome.map(Outcome::as_str),
        ":hold": row.hold.map(HoldReason::as_str),
        ":disposition": row.disposition.map(Disposition::as_str),
        ":undoing": row.undoing,
        ":epoch": row.epoch.0,
        ":labels": labels_text(&row.labels),
        ":created_at": row.created_at.as_millis(),
        ":updated_at": row.updated_at.as_millis(),
        ":wake_at": row.wake_at.map(Timestamp::as_millis),
        ":priority": row.priority,
        ":key": concurrency.map(|it| &it.key),
        ":limit": concurrency.map(|it| it.limit),
        ":closed": row.phase.is_terminal(),
        ":seal": commit.seal.map(|seal| seal.to_json()),
    })?;
    let no = at.last_insert_rowid();
    label(at, commit, no)?;
    Ok(no)
}

fn append(at: Access<'_>, run: &Before, commit: &Commit) -> Result<(), Failure> {
    let row = &commit.row;
    // What most commits change stands in no index.
    let mut update = at.prepare_cached(
        "UPDATE runs SET next_seq = :next_seq, head = :head, disposition = :disposition,
           undoing = :undoing, epoch = :epoch, updated_at = :updated_at, wake_at = :wake_at,
           seal = coalesce(:seal, seal)
         WHERE no = :no",
    )?;
    update.execute(named_params! {
        ":no": run.no,
        ":next_seq": commit.next_seq().0 as i64,
        ":head": commit.head.as_bytes(),
        ":disposition": row.disposition.map(Disposition::as_str),
        ":undoing": row.undoing,
        ":epoch": row.epoch.0,
        ":updated_at": row.updated_at.as_millis(),
        ":wake_at": row.wake_at.map(Timestamp::as_millis),
        ":seal": commit.seal.map(|seal| seal.to_json()),
    })?;
    if !run.same_place {
        move_elsewhere(at, run, commit)?;
    }
    if run.same_state && run.same_place {
        return Ok(());
    }
    // Who drives the run holds a place of its key, until the run is closed.
    let mut update = at.prepare_cached(
        "UPDATE runs SET phase = :phase, outcome = :outcome, hold = :hold, closed = :closed,
           placed = CASE WHEN visits THEN placed
             ELSE concurrency_key IS NOT NULL AND NOT :closed END
         WHERE no = :no",
    )?;
    update.execute(named_params! {
        ":no": run.no,
        ":phase": row.phase.as_str(),
        ":outcome": row.outcome.map(Outcome::as_str),
        ":hold": row.hold.map(HoldReason::as_str),
        ":closed": row.phase.is_terminal(),
    })?;
    Ok(())
}

/// A row that says something else of what its run was created with. No log
/// does that today; the index follows what it is given.
fn move_elsewhere(at: Access<'_>, run: &Before, commit: &Commit) -> Result<(), Failure> {
    let RunRow {
        plan,
        created_at,
        priority,
        concurrency,
        labels,
        ..
    } = &commit.row;
    let mut update = at.prepare_cached(
        "UPDATE runs SET plan = ?2, created_at = ?3, labels = ?4, priority = ?5,
           concurrency_key = ?6, concurrency_limit = ?7
         WHERE no = ?1",
    )?;
    update.execute((
        run.no,
        plan.as_str(),
        created_at.as_millis(),
        labels_text(labels),
        priority,
        concurrency.as_ref().map(|it| &it.key),
        concurrency.as_ref().map(|it| it.limit),
    ))?;
    // A scan of the labels: see above.
    at.prepare_cached("DELETE FROM labels WHERE run_no = ?1")?
        .execute([run.no])?;
    label(at, commit, run.no)
}

fn label(at: Access<'_>, commit: &Commit, no: i64) -> Result<(), Failure> {
    if commit.row.labels.is_empty() {
        return Ok(());
    }
    let mut insert = at.prepare_cached(
        "INSERT INTO labels (namespace, key, value, created_at, id, run_no)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6)",
    )?;
    for (key, value) in commit.row.labels.iter() {
        insert.execute((
            commit.namespace.as_str(),
            key,
            value,
            commit.row.created_at.as_millis(),
            commit.run.as_str(),
            no,
        ))?;
    }
    Ok(())
}

fn keep(at: Access<'_>, space: &Namespace, document: &Document) -> Result<(), Failure> {
    let mut insert = at.prepare_cached(
        "INSERT INTO documents (namespace, digest, kind, bytes) VALUES (?1, ?2, ?3, ?4)
         ON CONFLICT DO NOTHING",
    )?;
    insert.execute((
        space.as_str(),
        document.digest.as_bytes(),
        document.kind.as_str(),
        &*document.bytes,
    ))?;
    Ok(())
}
