//! When a schedule is due: a cron expression in a time zone.
//!
//! Zones and their changes of the clock are those that are built in, so that
//! every node agrees; the machine's own are not read. `jiff` names each change
//! of a zone's clock, which makes the two rules below exact; `croner` matches
//! local times only, and never sees a zone.

use alloc::format;
use alloc::string::{String, ToString};
use alloc::vec::Vec;
use core::fmt;
use croner::parser::{CronParser, Year};
use jiff::Timestamp as Instant;
use jiff::civil::DateTime;
use jiff::tz::{AmbiguousOffset, TimeZone, TimeZoneDatabase};
use rok_vocabulary::Timestamp;

/// Before this no expression that is never due can be told from a rare one.
const EPOCH: DateTime = jiff::civil::date(2000, 1, 1).at(0, 0, 0, 0);

/// A window that is searched backwards is doubled, beginning with this.
const WINDOW_MS: i64 = 3_600_000;

/// A text that is no cron expression, or no time zone.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum CronError {
    /// It does not parse.
    #[error("it is no cron expression: {why}")]
    Syntax {
        /// What the parser says.
        why: String,
    },
    /// It has six fields or more, and one of them is a year.
    #[error("it has {fields} fields")]
    Fields {
        /// How many.
        fields: usize,
    },
    /// No day is ever like this.
    #[error("it is never due")]
    Never,
    /// No zone has this name.
    #[error("unknown time zone `{name}`")]
    Zone {
        /// The name.
        name: String,
    },
}

/// A time zone of the IANA database, as it is built in.
#[derive(Clone, PartialEq, Eq)]
pub struct Zone {
    name: String,
    rules: TimeZone,
}

impl Zone {
    /// The zone of this name, such as `Europe/Berlin`.
    pub fn named(name: &str) -> Result<Self, CronError> {
        let unknown = |_| CronError::Zone {
            name: name.to_string(),
        };
        let rules = TimeZoneDatabase::bundled().get(name).map_err(unknown)?;
        Ok(Self {
            name: rules.iana_name().unwrap_or(name).to_string(),
            rules,
        })
    }

    /// Universal time, which knows no change of the clock.
    #[must_use]
    pub fn utc() -> Self {
        Self {
            name: "UTC".to_string(),
            rules: TimeZone::UTC,
        }
    }

    /// The names of every zone, for hints.
    #[must_use]
    pub fn names() -> Vec<String> {
        let database = TimeZoneDatabase::bundled();
        database
            .available()
            .map(|name| name.as_str().to_string())
            .collect()
    }

    /// Its name.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// An instant as a clock in this zone shows it: `2026-03-29T03:00:00+02:00`.
    #[must_use]
    pub fn local(&self, at: Timestamp) -> String {
        let instant = instant(at);
        let seconds = self.rules.to_offset(instant).seconds();
        let (sign, size) = if seconds < 0 {
            ('-', -seconds)
        } else {
            ('+', seconds)
        };
        format!(
            "{}{sign}{:02}:{:02}",
            self.rules
                .to_datetime(instant)
                .strftime("%Y-%m-%dT%H:%M:%S"),
            size / 3600,
            size / 60 % 60
        )
    }

    /// The date that a calendar in this zone shows: `2026-03-29`.
    #[must_use]
    pub fn date(&self, at: Timestamp) -> String {
        self.rules.to_datetime(instant(at)).date().to_string()
    }
}

impl fmt::Debug for Zone {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Zone({})", self.name)
    }
}

/// What an expression means where the clock is changed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Pace {
    /// Its hours are named: each local time is served once, a skipped one as
    /// soon as the clock goes on, a repeated one the first time.
    Civil,
    /// Every hour is its hour: it follows the time that really passes, so a
    /// skipped hour has no firing and a repeated one has them twice.
    Elapsed,
}

/// A cron expression of five fields, or six with seconds first.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Cron {
    source: String,
    matches: croner::Cron,
    pace: Pace,
}

/// What the parser says, without the name of its own error.
fn syntax(said: &str) -> String {
    let why = said.trim_start_matches("Component error: ");
    if why.contains("out of bounds") {
        return "a field is out of its bounds: minutes and seconds are 0 to 59, hours 0 to 23, days 1 to 31, months 1 to 12, days of the week 0 to 7".into();
    }
    why.into()
}

impl Cron {
    /// Reads an expression, or one of `@yearly`, `@monthly`, `@weekly`,
    /// `@daily`, `@hourly`.
    pub fn parse(text: &str) -> Result<Self, CronError> {
        let source = text.trim();
        let fields: Vec<&str> = source.split_whitespace().collect();
        let hours = match fields.as_slice() {
            [nickname] if nickname.starts_with('@') => {
                if nickname.eq_ignore_ascii_case("@hourly") {
                    "*"
                } else {
                    "0"
                }
            }
            [_, hours, _, _, _] | [_, _, hours, _, _, _] => hours,
            other => {
                return Err(CronError::Fields {
                    fields: other.len(),
                });
            }
        };
        let parser = CronParser::builder().year(Year::Disallowed).build();
        let matches = parser.parse(source).map_err(|error| CronError::Syntax {
            why: syntax(&error.to_string()),
        })?;
        if matches.find_next_occurrence(&EPOCH, true).is_err() {
            return Err(CronError::Never);
        }
        Ok(Self {
            source: source.to_string(),
            matches,
            pace: if hours.starts_with(['*', '?']) {
                Pace::Elapsed
            } else {
                Pace::Civil
            },
        })
    }

    /// As it was written.
    #[must_use]
    pub fn source(&self) -> &str {
        &self.source
    }

    /// What it means where the clock is changed.
    #[must_use]
    pub const fn pace(&self) -> Pace {
        self.pace
    }

    /// In words: "At 07:00."
    #[must_use]
    pub fn describe(&self) -> String {
        self.matches.describe()
    }

    /// The first time after `after` at which it is due in a zone; `None` past
    /// the end of the calendar.
    #[must_use]
    pub fn next(&self, zone: &Zone, after: Timestamp) -> Option<Timestamp> {
        let after = instant(after);
        let found = match self.pace {
            Pace::Elapsed => self.next_elapsed(&zone.rules, after),
            Pace::Civil => self.next_civil(&zone.rules, after),
        }?;
        Some(Timestamp::from_millis(found.as_millisecond()))
    }

    /// The last `most` times at which it is due after `after`, up to and with
    /// `upto`, in order. Costs no more than what is found near the end.
    #[must_use]
    pub fn last(
        &self,
        zone: &Zone,
        after: Timestamp,
        upto: Timestamp,
        most: usize,
    ) -> Vec<Timestamp> {
        let mut window = WINDOW_MS;
        loop {
            let begin = upto.as_millis().saturating_sub(window);
            let begin = begin.max(after.as_millis());
            let mut found = Vec::new();
            let mut at = Timestamp::from_millis(begin);
            while let Some(next) = self.next(zone, at).filter(|next| *next <= upto) {
                found.push(next);
                at = next;
            }
            if found.len() >= most || begin <= after.as_millis() {
                let surplus = found.len().saturating_sub(most);
                found.drain(..surplus);
                return found;
            }
            window = window.saturating_mul(2);
        }
    }

    /// The next local time on the pattern.
    fn next_local(&self, from: DateTime, inclusive: bool) -> Option<DateTime> {
        self.matches.find_next_occurrence(&from, inclusive).ok()
    }

    /// Between two changes of the clock local time runs as time does: the next
    /// match there, or the first one behind the change.
    fn next_elapsed(&self, zone: &TimeZone, after: Instant) -> Option<Instant> {
        let (mut from, mut inclusive) = (after, false);
        loop {
            let offset = zone.to_offset(from);
            let change = zone.following(from).next().map(|change| change.timestamp());
            let local = self.next_local(offset.to_datetime(from), inclusive)?;
            let found = offset.to_timestamp(local).ok()?;
            match change {
                Some(change) if change <= found => (from, inclusive) = (change, true),
                _ => return Some(found),
            }
        }
    }

    /// Each local time has one instant, and they come in the same order; of
    /// several that come to the same instant the first stands for all.
    fn next_civil(&self, zone: &TimeZone, after: Instant) -> Option<Instant> {
        let mut local = zone.to_datetime(after);
        loop {
            local = self.next_local(local, false)?;
            let found = serve(zone, local)?;
            if found > after {
                return Some(found);
            }
        }
    }
}

/// When a local time is served.
fn serve(zone: &TimeZone, local: DateTime) -> Option<Instant> {
    match zone.to_ambiguous_timestamp(local).offset() {
        AmbiguousOffset::Unambiguous { offset } => offset.to_timestamp(local).ok(),
        AmbiguousOffset::Fold { before, .. } => before.to_timestamp(local).ok(),
        // By the clock of after it lies before the change, and by that of
        // before behind it: the change is the next one.
        AmbiguousOffset::Gap { after, .. } => {
            let at = after.to_timestamp(local).ok()?;
            zone.following(at).next().map(|change| change.timestamp())
        }
    }
}

fn instant(at: Timestamp) -> Instant {
    // Both calendars end with the year 9999; ours begins later.
    Instant::from_millisecond(at.as_millis()).unwrap_or(Instant::MAX)
}

#[cfg(test)]
mod tests;
