//! Values of path, query and headers, checked against an operation's
//! parameters: what is unknown, misshapen or given twice is refused.

use crate::operation::{Kind, Operation, Param, Place};
use crate::problem::Problem;
use axum::http::HeaderMap;
use rok_service::views::{BatchId, PlanId, RunId, StepId, Timestamp, parse_duration};
use std::time::Duration;

/// How many values a query may have.
const MAX_PAIRS: usize = 64;

/// Values by their parameters' names.
#[derive(Debug, Default)]
pub(crate) struct Values(Vec<(&'static str, String)>);

impl Values {
    /// Checks all of them.
    pub(crate) fn read(
        operation: &Operation,
        path: &[(String, String)],
        query: &str,
        headers: &HeaderMap,
    ) -> Result<Self, Problem> {
        let mut values = Self::default();
        for (name, value) in path {
            let param = find(operation, name, &[Place::Path]);
            let param = param
                .ok_or_else(|| Problem::internal(format!("path parameter {name} is undeclared")))?;
            values.take(param, value)?;
        }
        for (at, (name, value)) in form_urlencoded::parse(query.as_bytes()).enumerate() {
            if at == MAX_PAIRS {
                return Err(Problem::bad("the query has too many parameters"));
            }
            let param = find(operation, &name, &[Place::Query, Place::Repeated]);
            let param = param.ok_or_else(|| {
                let known: Vec<&str> = operation
                    .params
                    .iter()
                    .filter(|param| matches!(param.place, Place::Query | Place::Repeated))
                    .map(|param| param.name)
                    .collect();
                let help = match known.as_slice() {
                    [] => "this address takes none".to_owned(),
                    known => format!("it takes {}", known.join(", ")),
                };
                Problem::bad("the query has a parameter that is not known here").help(help)
            })?;
            if param.place == Place::Query && values.text(param.name).is_some() {
                return Err(Problem::bad(format!("`{}` is given twice", param.name)));
            }
            values.take(param, &value)?;
        }
        let in_headers = operation.params.iter();
        for param in in_headers.filter(|param| param.place == Place::Header) {
            let mut found = headers.get_all(param.name).iter();
            let Some(value) = found.next() else { continue };
            if found.next().is_some() {
                return Err(Problem::bad(format!("`{}` is given twice", param.name)));
            }
            let text = value.to_str().map_err(|_| wrong(param))?;
            values.take(param, text)?;
        }
        Ok(values)
    }

    fn take(&mut self, param: &'static Param, value: &str) -> Result<(), Problem> {
        if fits(param.kind, value) {
            self.0.push((param.name, value.to_owned()));
            Ok(())
        } else {
            Err(wrong(param))
        }
    }

    pub(crate) fn text(&self, name: &str) -> Option<&str> {
        let mut found = self.0.iter().filter(|(known, _)| *known == name);
        found.next().map(|(_, value)| value.as_str())
    }

    pub(crate) fn all<'a>(&'a self, name: &'a str) -> impl Iterator<Item = &'a str> {
        let found = self.0.iter().filter(move |(known, _)| *known == name);
        found.map(|(_, value)| value.as_str())
    }

    /// A value that was checked to be one of these.
    pub(crate) fn parsed<T: std::str::FromStr>(&self, name: &str) -> Option<T> {
        self.text(name).and_then(|value| value.parse().ok())
    }

    /// A value that must be there: of the path.
    pub(crate) fn needed<T: std::str::FromStr>(&self, name: &str) -> Result<T, Problem> {
        self.parsed(name)
            .ok_or_else(|| Problem::bad(format!("`{name}` is missing")))
    }

    pub(crate) fn flag(&self, name: &str) -> bool {
        self.text(name) == Some("true")
    }

    pub(crate) fn instant(&self, name: &str) -> Option<Timestamp> {
        Timestamp::parse_rfc3339(self.text(name)?).ok()
    }

    pub(crate) fn wait(&self, name: &str) -> Option<Duration> {
        parse_duration(self.text(name)?).ok()
    }
}

fn find(operation: &Operation, name: &str, places: &[Place]) -> Option<&'static Param> {
    let mut params = operation.params.iter();
    params.find(|param| param.name == name && places.contains(&param.place))
}

/// Says which parameter, never its value: that is the client's own affair.
fn wrong(param: &Param) -> Problem {
    let help = match param.kind {
        Kind::RunId => "a run id: [A-Za-z0-9._-], 1 to 64 of them".to_owned(),
        Kind::BatchId => "a batch id: [A-Za-z0-9._-], 1 to 59 of them".to_owned(),
        Kind::PlanId => "a plan id: [a-z0-9-], 1 to 64 of them".to_owned(),
        Kind::StepId => "a step's id, or a child's, `id[0]`".to_owned(),
        Kind::ErrorCode => "a code such as ROK0104".to_owned(),
        Kind::Word(words) => format!("one of {}", words.join(", ")),
        Kind::Text(bytes) => format!("a text of 1 to {bytes} bytes"),
        Kind::Path => "a relative path, without `.`, `..` and empty parts".to_owned(),
        Kind::Label => "name=value".to_owned(),
        Kind::Count(from, to) => format!("a number from {from} to {to}"),
        Kind::Bool => "true or false".to_owned(),
        Kind::Instant => "an instant such as 2026-02-16T00:00:00Z".to_owned(),
        Kind::Wait(seconds) => format!("a duration such as 30s, at most {seconds}s"),
        Kind::Key => "1 to 255 visible ASCII characters".to_owned(),
    };
    Problem::bad(format!("`{}` is not what it must be", param.name)).help(help)
}

fn fits(kind: Kind, value: &str) -> bool {
    let printable = |value: &str| !value.chars().any(char::is_control);
    match kind {
        Kind::RunId => value.parse::<RunId>().is_ok(),
        Kind::BatchId => value.parse::<BatchId>().is_ok(),
        Kind::PlanId => value.parse::<PlanId>().is_ok(),
        Kind::StepId => value.parse::<StepId>().is_ok(),
        Kind::ErrorCode => {
            let digits = value.strip_prefix("ROK").unwrap_or_default();
            digits.len() == 4 && digits.bytes().all(|b| b.is_ascii_digit())
        }
        Kind::Word(words) => words.contains(&value),
        Kind::Text(bytes) => (1..=bytes).contains(&value.len()) && printable(value),
        Kind::Path => {
            let part = |part: &str| !matches!(part, "" | "." | "..");
            value.len() <= 4096
                && printable(value)
                && !value.contains('\\')
                && value.split('/').all(part)
        }
        Kind::Label => {
            let name = value.split_once('=').map_or("", |(name, _)| name);
            !name.is_empty() && value.len() <= 1024 && printable(value)
        }
        Kind::Count(from, to) => {
            let digits = value.len() <= 20 && value.bytes().all(|b| b.is_ascii_digit());
            let number = value.parse::<u64>().ok().filter(|_| digits);
            number.is_some_and(|number| (from..=to).contains(&number))
        }
        Kind::Bool => matches!(value, "true" | "false"),
        Kind::Instant => Timestamp::parse_rfc3339(value).is_ok(),
        Kind::Wait(seconds) => {
            let most = Duration::from_secs(seconds);
            parse_duration(value).is_ok_and(|wait| wait <= most)
        }
        Kind::Key => {
            (1..=255).contains(&value.len()) && value.bytes().all(|b| b.is_ascii_graphic())
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use rstest::rstest;

    #[rstest]
    #[case(Kind::Path, "out/report.json", true)]
    #[case(Kind::Path, "../secret", false)]
    #[case(Kind::Path, "a/../b", false)]
    #[case(Kind::Path, "/etc/passwd", false)]
    #[case(Kind::Path, "a//b", false)]
    #[case(Kind::Path, "a\\..\\b", false)]
    #[case(Kind::Path, "a\0b", false)]
    #[case(Kind::Path, "", false)]
    #[case(Kind::RunId, "..", false)]
    #[case(Kind::RunId, "run_1", true)]
    #[case(Kind::Count(1, 10), "10", true)]
    #[case(Kind::Count(1, 10), "11", false)]
    #[case(Kind::Count(1, 10), "+1", false)]
    #[case(Kind::Count(1, 10), "-1", false)]
    #[case(Kind::Wait(60), "60s", true)]
    #[case(Kind::Wait(60), "61s", false)]
    #[case(Kind::Wait(60), "1", false)]
    #[case(Kind::Bool, "True", false)]
    #[case(Kind::Label, "a=b", true)]
    #[case(Kind::Label, "=b", false)]
    #[case(Kind::Label, "ab", false)]
    #[case(Kind::Key, "k-1", true)]
    #[case(Kind::Key, "k 1", false)]
    #[case(Kind::Instant, "2026-02-16T00:00:00Z", true)]
    #[case(Kind::Instant, "yesterday", false)]
    #[case(Kind::ErrorCode, "ROK0104", true)]
    #[case(Kind::ErrorCode, "ROK/../", false)]
    fn values_fit_or_are_refused(#[case] kind: Kind, #[case] value: &str, #[case] right: bool) {
        assert_eq!(fits(kind, value), right, "{value:?}");
    }
}
