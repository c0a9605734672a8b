//! The tables, a step per version, and the way from every older one.

use rusqlite::Connection;

/// Says that a file is a store of rok: `rok1`.
pub(crate) const APPLICATION: i64 = 0x726f_6b31;

/// Each step leads from the version before to the next; from nothing, all of
/// them make a new file. A step that was released is never changed.
const STEPS: &[&str] = &[
    include_str!("schema/v1.sql"),
    include_str!("schema/v2.sql"),
    include_str!("schema/v3.sql"),
    include_str!("schema/v4.sql"),
];

/// The version that this code reads and writes.
pub(crate) const VERSION: i64 = STEPS.len() as i64;

/// What a file says of itself.
pub(crate) struct Header {
    pub(crate) application: i64,
    pub(crate) version: i64,
    /// Whether it holds any table at all.
    pub(crate) is_empty: bool,
}

impl Header {
    pub(crate) fn read(db: &Connection) -> rusqlite::Result<Self> {
        let pragma = |name: &str| db.pragma_query_value(None, name, |row| row.get::<_, i64>(0));
        let tables: i64 =
            db.query_row("SELECT count(*) FROM sqlite_schema", [], |row| row.get(0))?;
        Ok(Self {
            application: pragma("application_id")?,
            version: pragma("user_version")?,
            is_empty: tables == 0,
        })
    }
}

/// Goes the steps that are left, within the caller's transaction.
pub(crate) fn migrate(db: &Connection, from: i64) -> rusqlite::Result<()> {
    for step in &STEPS[usize::try_from(from).unwrap_or(0)..] {
        db.execute_batch(step)?;
    }
    db.pragma_update(None, "application_id", APPLICATION)?;
    db.pragma_update(None, "user_version", VERSION)
}

#[cfg(test)]
mod tests;
