//! The table of labels, by which lists find runs, against the runs' rows.

use crate::access::Access;
use crate::fault::Failure;
use rok_log::{Namespace, RunRow};
use rok_vocabulary::RunId;
use rusqlite::params;
use std::collections::BTreeMap;

/// More of them are not told one by one.
const NAMED: u32 = 20;

/// Whether a row says the labels by which its run was found.
pub(super) fn said(row: &RunRow, asked: &BTreeMap<String, String>) -> Result<(), String> {
    let mut asked = asked.iter();
    match asked.find(|(key, value)| row.labels.get(*key) != Some(*value)) {
        None => Ok(()),
        Some((key, value)) => Err(format!(
            "it is in the list of label {key}={value}, which its row does not say"
        )),
    }
}

/// Every difference of the table from the rows, in words.
pub(crate) fn differences(at: Access<'_>) -> Result<Vec<String>, Failure> {
    let mut select = at.prepare(
        "SELECT r.id || ': the list of label ' || j.key || ' does not have it'
         FROM runs r, json_each(CASE WHEN json_valid(r.labels) THEN r.labels END) j
         WHERE NOT EXISTS (SELECT 1 FROM labels l WHERE l.namespace = r.namespace
           AND l.key = j.key AND l.value = j.value AND l.created_at = r.created_at
           AND l.id = r.id AND l.run_no = r.no)
         UNION ALL
         SELECT l.id || ': it is in the list of label ' || l.key || ', which its row does not say'
         FROM labels l LEFT JOIN runs r ON r.no = l.run_no
         WHERE NOT EXISTS (SELECT 1
           FROM json_each(CASE WHEN json_valid(r.labels) THEN r.labels END) j
           WHERE j.key = l.key AND j.value = l.value AND l.namespace = r.namespace
             AND l.created_at = r.created_at AND l.id = r.id)
         LIMIT ?1",
    )?;
    let found = select.query_map([NAMED], |row| row.get::<_, String>(0))?;
    Ok(found.collect::<Result<_, _>>()?)
}

/// The same of one run, told without its name.
pub(crate) fn faults_of(
    at: Access<'_>,
    space: &Namespace,
    run: &RunId,
) -> Result<Vec<String>, Failure> {
    let mut select = at.prepare_cached(
        "SELECT 'the list of label ' || j.key || ' does not have it'
         FROM runs r, json_each(CASE WHEN json_valid(r.labels) THEN r.labels END) j
         WHERE r.namespace = ?1 AND r.id = ?2
           AND NOT EXISTS (SELECT 1 FROM labels l WHERE l.namespace = r.namespace
             AND l.key = j.key AND l.value = j.value AND l.created_at = r.created_at
             AND l.id = r.id AND l.run_no = r.no)
         UNION ALL
         SELECT 'it is in the list of label ' || l.key || ', which its row does not say'
         FROM labels l JOIN runs r ON r.namespace = ?1 AND r.id = ?2
         WHERE (l.run_no = r.no OR l.namespace = ?1 AND l.id = ?2)
           AND NOT EXISTS (SELECT 1
             FROM json_each(CASE WHEN json_valid(r.labels) THEN r.labels END) j
             WHERE j.key = l.key AND j.value = l.value AND l.namespace = r.namespace
               AND l.created_at = r.created_at AND l.id = r.id AND l.run_no = r.no)
         LIMIT ?3",
    )?;
    let found = select.query_map(params![space.as_str(), run.as_str(), NAMED], |row| {
        row.get::<_, String>(0)
    })?;
    Ok(found.collect::<Result<_, _>>()?)
}

/// Makes the table anew of what the rows say.
pub(crate) fn rebuild(at: Access<'_>, space: &str) -> Result<(), Failure> {
    at.prepare("DELETE FROM labels WHERE namespace = ?1")?
        .execute([space])?;
    at.prepare(
        "INSERT INTO labels (namespace, key, value, created_at, id, run_no)
         SELECT r.namespace, j.key, j.value, r.created_at, r.id, r.no
         FROM runs r, json_each(CASE WHEN json_valid(r.labels) THEN r.labels END) j
         WHERE r.namespace = ?1",
    )?
    .execute([space])?;
    Ok(())
}
