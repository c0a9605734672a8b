//! Commands and answers: a row each, which waits until it has an answer.

use crate::access::Access;
use crate::fault::Failure;
use crate::store::SqliteStore;
use rok_log::{Answer, Command, Namespace, Signal, StoreError};
use rok_vocabulary::{CommandId, RunId};
use rusqlite::OptionalExtension;

/// Lays a command into a run's inbox, once.
pub(crate) fn put(store: &SqliteStore, run: &RunId, command: &Command) -> Result<(), StoreError> {
    command.check()?;
    let space = store.namespace.clone();
    let (to, command) = (run.clone(), command.clone());
    let is_new = store.database.write("write a command to", move |at| {
        let no = at.number(&space, &to)?;
        let body = serde_json::to_string(&command).expect("a command is words");
        let mut insert = at.prepare_cached(
            "INSERT INTO commands (run_no, id, at, body) VALUES (?1, ?2, ?3, ?4)
             ON CONFLICT DO NOTHING",
        )?;
        let row = (no, command.id.as_str(), command.at.as_millis(), body);
        let is_new = insert.execute(row)? > 0;
        if is_new {
            at.prepare_cached("UPDATE runs SET commands = commands + 1, broken = 0 WHERE no = ?1")?
                .execute([no])?;
        }
        Ok(is_new)
    })?;
    if is_new {
        store.tell(&Signal::Command(run.clone()));
        store.tell(&Signal::Due);
    }
    Ok(())
}

/// The commands that wait, by time and id.
pub(crate) fn take(
    at: Access<'_>,
    space: &Namespace,
    run: &RunId,
) -> Result<Vec<Command>, Failure> {
    let no = at.number(space, run)?;
    let mut select = at.prepare_cached(
        "SELECT id, body FROM commands WHERE run_no = ?1 AND answer IS NULL ORDER BY at, id",
    )?;
    let mut rows = select.query([no])?;
    let mut commands = Vec::new();
    while let Some(row) = rows.next()? {
        let (id, body): (String, String) = (row.get(0)?, row.get(1)?);
        let command = serde_json::from_str(&body)
            .map_err(|error| at.corrupt(run, 1, format!("of its command {id} is none: {error}")))?;
        commands.push(command);
    }
    Ok(commands)
}

/// Answers a command; the first answer stands.
pub(crate) fn done(
    store: &mut SqliteStore,
    run: &RunId,
    id: &CommandId,
    answer: &Answer,
) -> Result<(), StoreError> {
    let space = store.namespace.clone();
    let (of, id, answer) = (run.clone(), id.clone(), answer.clone());
    store.database.write("answer a command in", move |at| {
        let no = at.number(&space, &of)?;
        let answer = serde_json::to_string(&answer).expect("an answer is words");
        let mut update = at.prepare_cached(
            "UPDATE commands SET answer = ?3 WHERE run_no = ?1 AND id = ?2 AND answer IS NULL",
        )?;
        if update.execute((no, id.as_str(), &answer))? > 0 {
            at.prepare_cached("UPDATE runs SET commands = commands - 1 WHERE no = ?1")?
                .execute([no])?;
            return Ok(());
        }
        // It never came this way; a second delivery is late all the same.
        let mut insert = at.prepare_cached(
            "INSERT INTO commands (run_no, id, answer) VALUES (?1, ?2, ?3)
             ON CONFLICT DO NOTHING",
        )?;
        insert.execute((no, id.as_str(), &answer))?;
        Ok(())
    })?;
    store.tell(&Signal::Answer(run.clone()));
    Ok(())
}

/// What became of a command.
pub(crate) fn answer(
    at: Access<'_>,
    space: &Namespace,
    run: &RunId,
    id: &CommandId,
) -> Result<Option<Answer>, Failure> {
    let no = at.number(space, run)?;
    let mut select =
        at.prepare_cached("SELECT answer FROM commands WHERE run_no = ?1 AND id = ?2")?;
    let found: Option<Option<String>> = select
        .query_row((no, id.as_str()), |row| row.get(0))
        .optional()?;
    let Some(text) = found.flatten() else {
        return Ok(None);
    };
    let read = serde_json::from_str(&text);
    read.map(Some)
        .map_err(|error| at.corrupt(run, 1, format!("of its answer to {id} is none: {error}")))
}
