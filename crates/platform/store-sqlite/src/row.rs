//! A run's row in its columns.

use rok_chain::Seal;
use rok_log::{Concurrency, Labels, RunRow};
use rok_vocabulary::{Epoch, Seq, Timestamp};
use rusqlite::Row;
use std::collections::BTreeMap;
use std::fmt::Display;
use std::str::FromStr;

/// The columns that [`read`] reads, in its order.
pub(crate) const COLUMNS: &str = "plan, phase, outcome, hold, disposition, undoing, epoch, labels, \
     created_at, updated_at, wake_at, priority, concurrency_key, concurrency_limit, next_seq";

/// Reads a row from its columns, the first of which is number `at`. What does
/// not belong there comes back in words.
pub(crate) fn read(row: &Row<'_>, at: usize) -> rusqlite::Result<Result<RunRow, String>> {
    let text =
        |n: usize| -> rusqlite::Result<Option<&str>> { Ok(row.get_ref(at + n)?.as_str_or_null()?) };
    let number = |n: usize| row.get::<_, i64>(at + n);
    let moment = |n: usize| number(n).map(Timestamp::from_millis);
    let (plan, phase) = (text(0)?.unwrap_or_default(), text(1)?.unwrap_or_default());
    let (outcome, hold, disposition) = (text(2)?, text(3)?, text(4)?);
    let (undoing, epoch, labels) = (row.get(at + 5)?, number(6)?, text(7)?);
    let (created_at, updated_at) = (moment(8)?, moment(9)?);
    let wake_at = row
        .get::<_, Option<i64>>(at + 10)?
        .map(Timestamp::from_millis);
    let (priority, key, limit) = (number(11)?, text(12)?, row.get::<_, Option<i64>>(at + 13)?);
    let next_seq = number(14)?;
    let read = || -> Result<RunRow, String> {
        Ok(RunRow {
            plan: word("plan", plan)?,
            phase: word("phase", phase)?,
            outcome: outcome.map(|text| word("outcome", text)).transpose()?,
            hold: hold.map(|text| word("hold", text)).transpose()?,
            disposition: disposition
                .map(|text| word("disposition", text))
                .transpose()?,
            undoing,
            epoch: Epoch(fits("epoch", epoch)?),
            labels: labels.map(read_labels).transpose()?.unwrap_or_default(),
            created_at,
            updated_at,
            wake_at,
            priority: fits("priority", priority)?,
            concurrency: match (key, limit) {
                (Some(key), Some(limit)) => Some(Concurrency {
                    key: key.to_owned(),
                    limit: fits("concurrency_limit", limit)?,
                }),
                (None, None) => None,
                (Some(_), None) => return Err("its column concurrency_limit: holds nothing".into()),
                (None, Some(_)) => return Err("its column concurrency_key: holds nothing".into()),
            },
            next_seq: Seq(fits("next_seq", next_seq)?),
        })
    };
    Ok(read())
}

/// What a row says of its run's end beside what lists show.
pub(crate) struct End {
    pub(crate) closed: bool,
    pub(crate) head: Vec<u8>,
    pub(crate) seal: Option<String>,
}

impl End {
    /// What of it contradicts the row comes back in words. A seal that cannot be
    /// read is told of where it is read.
    pub(crate) fn fits(&self, row: &RunRow) -> Result<(), String> {
        if self.closed != row.phase.is_terminal() {
            let (closed, phase) = (self.closed, row.phase);
            return Err(format!("its column closed: says {closed} of {phase}"));
        }
        let seal = self.seal.as_deref().map(str::as_bytes);
        let seal = seal.and_then(|text| Seal::from_json(text).ok());
        let seal = seal.filter(|seal| seal.seq.next() == row.next_seq);
        match seal {
            Some(seal) if seal.head.as_bytes()[..] != self.head[..] => {
                let sealed = seal.head.to_hex();
                Err(format!("its column head: its seal says {sealed}"))
            }
            _ => Ok(()),
        }
    }
}

fn word<T: FromStr<Err: Display>>(column: &str, text: &str) -> Result<T, String> {
    text.parse()
        .map_err(|error| format!("its column {column}: {error}"))
}

fn fits<T: TryFrom<i64>>(column: &str, number: i64) -> Result<T, String> {
    T::try_from(number).map_err(|_| format!("its column {column} holds {number}"))
}

fn read_labels(json: &str) -> Result<Labels, String> {
    let labels: Result<BTreeMap<String, String>, _> = serde_json::from_str(json);
    labels
        .map(Labels::from)
        .map_err(|error| format!("its column labels: {error}"))
}

/// The labels as they stand in their column.
pub(crate) fn labels_text(labels: &Labels) -> Option<String> {
    (!labels.is_empty()).then(|| serde_json::to_string(&**labels).expect("labels are words"))
}
