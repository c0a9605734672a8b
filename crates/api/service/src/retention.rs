//! Retention: collecting runs by rules that a person writes.

use crate::error::ServiceError;
use crate::service::Service;
use rok_facades::runs::{CollectReport, CollectRequest};
use rok_vocabulary::{Actor, parse_duration};

/// What is to be collected, as a person writes it.
#[derive(Debug, Clone, Default)]
pub struct CollectAsk {
    /// `30d`: runs that were closed longer ago.
    pub older_than: Option<String>,
    /// The newest so many are kept.
    pub keep: Option<usize>,
    /// `10GB`: the oldest, until no more than this is left.
    pub max_size: Option<String>,
    /// Changes nothing.
    pub dry_run: bool,
    /// Who collects; else the user.
    pub actor: Option<Actor>,
}

impl Service {
    /// Collects runs, and the contents that nobody names any more.
    pub fn collect(&self, ask: &CollectAsk) -> Result<CollectReport, ServiceError> {
        let older_than = ask.older_than.as_deref().map(|text| {
            parse_duration(text).map_err(|error| ServiceError::BadName {
                what: format!("--older-than: {error}"),
            })
        });
        let max_bytes = ask.max_size.as_deref().map(|text| {
            size(text).ok_or_else(|| ServiceError::BadName {
                what: format!("--max-size: `{text}` is no size: write 500MB, 10GB or 2GiB"),
            })
        });
        let request = CollectRequest {
            older_than: older_than.transpose()?,
            keep: ask.keep,
            max_bytes: max_bytes.transpose()?,
            dry_run: ask.dry_run,
            actor: ask
                .actor
                .clone()
                .unwrap_or_else(|| self.config().settings.actor()),
        };
        Ok(self.runs()?.collect(&request)?)
    }
}

/// A size in bytes: a whole number with a unit.
fn size(text: &str) -> Option<u64> {
    const UNITS: [(&str, u64); 10] = [
        ("B", 1),
        ("KB", 1_000),
        ("MB", 1_000_000),
        ("GB", 1_000_000_000),
        ("TB", 1_000_000_000_000),
        ("KiB", 1 << 10),
        ("MiB", 1 << 20),
        ("GiB", 1 << 30),
        ("TiB", 1 << 40),
        ("", 1),
    ];
    let digits = text
        .find(|c: char| !c.is_ascii_digit())
        .unwrap_or(text.len());
    let (number, unit) = text.split_at(digits);
    let unit = unit.trim_start();
    let (_, factor) = UNITS.iter().find(|(name, _)| *name == unit)?;
    number.parse::<u64>().ok()?.checked_mul(*factor)
}

#[cfg(test)]
mod tests {
    use super::size;
    use rstest::rstest;

    #[rstest]
    #[case("0", Some(0))]
    #[case("10GB", Some(10_000_000_000))]
    #[case("2 GiB", Some(2 << 30))]
    #[case("7B", Some(7))]
    #[case("GB", None)]
    #[case("1.5GB", None)]
    #[case("10gb", None)]
    #[case("-1", None)]
    #[case("99999999999999999TB", None)]
    fn sizes(#[case] text: &str, #[case] bytes: Option<u64>) {
        assert_eq!(size(text), bytes);
    }
}
