//! Commits: compare, append, and write all that becomes true with it.

use crate::access::Access;
use crate::fault::Failure;
use crate::records;
use crate::row::labels_text;
use crate::store::SqliteStore;
use rok_log::{Commit, CommitResult, Document, Fence, Namespace, RunRow, Signal, StoreError};
use rok_vocabulary::{Disposition, HoldReason, Outcome, Seq, Timestamp};
use rusqlite::{OptionalExtension, params};

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
            // One that ends leaves a place to those that wait behind it.
            let leaves_a_place = commit.row.phase.is_terminal() && commit.row.concurrency.is_some();
            if commit.creates() || leaves_a_place {
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

pub(crate) fn one(at: Access<'_>, commit: &Commit) -> Result<CommitResult, Failure> {
    let no = match go_on(at, commit)? {
        Some(no) => no,
        None => match place(at, commit)? {
            Ok(no) => no,
            Err(stale) => return Ok(stale),
        },
    };
    if let Some(known) = at.known() {
        known.wrote(commit, no);
    }
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

/// What most commits are: the next of a run that was committed here, and
/// nothing that its row says changes but where its log ends.
fn go_on(at: Access<'_>, commit: &Commit) -> Result<Option<i64>, Failure> {
    let Some(no) = at.known().and_then(|known| known.goes_on(commit)) else {
        return Ok(None);
    };
    let mut update = at.prepare_cached(
        "UPDATE runs SET next_seq = ?2, head = ?3, updated_at = ?4, wake_at = ?5
         WHERE no = ?1 AND next_seq = ?6 AND fence = ?7 AND owner IS NOT NULL
           AND id = ?8 AND namespace = ?9",
    )?;
    let changed = update.execute((
        no,
        commit.next_seq().0 as i64,
        commit.head.as_bytes(),
        commit.row.updated_at.as_millis(),
        commit.row.wake_at.map(Timestamp::as_millis),
        commit.expect_seq.0 as i64,
        commit.fence.0 as i64,
        commit.run.as_str(),
        commit.namespace.as_str(),
    ))?;
    Ok((changed == 1).then_some(no))
}

/// The number of the run's row, which is written; or that the commit is stale.
fn place(at: Access<'_>, commit: &Commit) -> Result<Result<i64, CommitResult>, Failure> {
    let Some(run) = before(at, commit)? else {
        if commit.creates() && commit.fence == Fence::UNCLAIMED {
            return create(at, commit).map(Ok);
        }
        return Ok(Err(stale(0, 0)));
    };
    let (seq, fence) = (commit.expect_seq.0 as i64, commit.fence.0 as i64);
    if (run.next_seq, run.fence, run.is_held) != (seq, fence, true) {
        return Ok(Err(stale(run.next_seq, run.fence)));
    }
    append(at, &run, commit)?;
    Ok(Ok(run.no))
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
           phase = ?3 AND outcome IS ?4 AND hold IS ?5,
           plan = ?6 AND created_at = ?7 AND labels IS ?8 AND priority = ?9
             AND concurrency_key IS ?10 AND concurrency_limit IS ?11
         FROM runs WHERE namespace = ?1 AND id = ?2",
    )?;
    let row = &commit.row;
    let concurrency = row.concurrency.as_ref();
    let found = select.query_row(
        params![
            commit.namespace.as_str(),
            commit.run.as_str(),
            row.phase.as_str(),
            row.outcome.map(Outcome::as_str),
            row.hold.map(HoldReason::as_str),
            row.plan.as_str(),
            row.created_at.as_millis(),
            labels_text(&row.labels),
            row.priority,
            concurrency.map(|it| &it.key),
            concurrency.map(|it| it.limit),
        ],
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
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9,
           ?10, ?11, ?12, ?13, ?14, ?15, ?16, ?17,
           ?18, ?19, ?20, ?13)",
    )?;
    let row = &commit.row;
    let concurrency = row.concurrency.as_ref();
    insert.execute(params![
        commit.namespace.as_str(),
        commit.run.as_str(),
        commit.next_seq().0 as i64,
        commit.head.as_bytes(),
        row.plan.as_str(),
        row.phase.as_str(),
        row.outcome.map(Outcome::as_str),
        row.hold.map(HoldReason::as_str),
        row.disposition.map(Disposition::as_str),
        row.undoing,
        row.epoch.0,
        labels_text(&row.labels),
        row.created_at.as_millis(),
        row.updated_at.as_millis(),
        row.wake_at.map(Timestamp::as_millis),
        row.priority,
        concurrency.map(|it| &it.key),
        concurrency.map(|it| it.limit),
        row.phase.is_terminal(),
        commit.seal.map(|seal| seal.to_json()),
    ])?;
    let no = at.last_insert_rowid();
    label(at, commit, no)?;
    Ok(no)
}

fn append(at: Access<'_>, run: &Before, commit: &Commit) -> Result<(), Failure> {
    let row = &commit.row;
    // What most commits change stands in no index.
    let mut update = at.prepare_cached(
        "UPDATE runs SET next_seq = ?2, head = ?3, disposition = ?4,
           undoing = ?5, epoch = ?6, updated_at = ?7, wake_at = ?8,
           seal = coalesce(?9, seal)
         WHERE no = ?1",
    )?;
    update.execute(params![
        run.no,
        commit.next_seq().0 as i64,
        commit.head.as_bytes(),
        row.disposition.map(Disposition::as_str),
        row.undoing,
        row.epoch.0,
        row.updated_at.as_millis(),
        row.wake_at.map(Timestamp::as_millis),
        commit.seal.map(|seal| seal.to_json()),
    ])?;
    if !run.same_place {
        move_elsewhere(at, run, commit)?;
    }
    if run.same_state && run.same_place {
        return Ok(());
    }
    // Who drives the run holds a place of its key, until the run is closed.
    let mut update = at.prepare_cached(
        "UPDATE runs SET phase = ?2, outcome = ?3, hold = ?4, closed = ?5,
           placed = CASE WHEN visits THEN placed
             ELSE concurrency_key IS NOT NULL AND NOT ?5 END
         WHERE no = ?1",
    )?;
    update.execute(params![
        run.no,
        row.phase.as_str(),
        row.outcome.map(Outcome::as_str),
        row.hold.map(HoldReason::as_str),
        row.phase.is_terminal(),
    ])?;
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
