//! What the queue's columns of a row say that cannot be. No log says it, and
//! each of them would keep a run, or others, from being driven or collected.

use crate::access::Access;
use crate::fault::Failure;
use rok_log::Namespace;
use rok_vocabulary::Timestamp;

/// What cannot be: which rows, in words, and how they are mended. `?2` is when
/// every lease has run out.
const DOUBTS: [(&str, &str, &str); 4] = [
    (
        "placed AND (closed OR concurrency_key IS NULL)",
        "holds a place of a concurrency key that it has no use for (placed): others wait for it",
        "placed = 0",
    ),
    (
        "commands <> (SELECT count(*) FROM commands WHERE run_no = no AND answer IS NULL)",
        "says another number of commands than wait for it (commands)",
        "commands = (SELECT count(*) FROM commands WHERE run_no = no AND answer IS NULL)",
    ),
    (
        "owner IS NOT NULL AND (leased_until IS NULL OR leased_until > ?2)",
        "is claimed for longer than a lease lasts (owner, leased_until): nobody else goes on with it",
        "leased_until = 0",
    ),
    (
        "broken",
        "is marked as one that cannot be driven (broken): nobody goes on with it",
        "broken = 0",
    ),
];

/// Runs whose rows say of the queue what cannot be, in words. Reads all rows.
pub(crate) fn differences(
    at: Access<'_>,
    space: &Namespace,
    lapsed: Timestamp,
) -> Result<Vec<(String, &'static str)>, Failure> {
    let mut found = Vec::new();
    for (which, words, _) in DOUBTS {
        // Rare, and so not kept compiled.
        let mut select = at.prepare(&format!(
            "SELECT id FROM runs WHERE namespace = ?1 AND ?2 IS NOT NULL AND ({which}) ORDER BY id"
        ))?;
        let rows = select.query_map((space.as_str(), lapsed.as_millis()), |row| row.get(0))?;
        for id in rows {
            found.push((id?, words));
        }
    }
    Ok(found)
}

/// Makes such rows say what holds; a run that cannot be driven is tried again.
pub(crate) fn mend(at: Access<'_>, space: &Namespace, lapsed: Timestamp) -> Result<(), Failure> {
    for (which, _, set) in DOUBTS {
        at.execute(
            &format!("UPDATE runs SET {set} WHERE namespace = ?1 AND ?2 IS NOT NULL AND ({which})"),
            (space.as_str(), lapsed.as_millis()),
        )?;
    }
    Ok(())
}
