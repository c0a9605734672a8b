//! What services answered, as signals.

use rok_facades::{ServiceFact, Signal};
use serde_json::{Value, json};

/// The severities, the worst first.
const SEVERITIES: [&str; 5] = ["critical", "high", "medium", "low", "info"];
/// A change of authority that is no noise.
const AUTHORITY_NOISE: f64 = 5.0;
/// A longer headline is cut.
const HEADLINE_CHARS: usize = 200;

/// How bad a signal is: 0 is the worst.
pub(crate) fn rank(signal: &Signal) -> usize {
    let place = SEVERITIES.iter().position(|word| *word == signal.severity);
    place.unwrap_or(SEVERITIES.len())
}

/// The signals in what a service answered.
#[must_use]
pub fn signals(fact: &ServiceFact<'_>) -> Vec<Signal> {
    let Some(payload) = fact.payload else {
        return Vec::new();
    };
    let findings = payload.get("findings").and_then(Value::as_array);
    let findings = findings.into_iter().flatten();
    let mut all: Vec<Signal> = findings.map(|found| finding(fact.service, found)).collect();
    let special = match fact.service {
        "serp-intelligence" => rankings(payload),
        "domain-authority" => authority(payload),
        "vitals-monitor" => vitals(payload),
        _ => None,
    };
    all.extend(special.map(|(kind, severity, headline, evidence)| Signal {
        service: fact.service.to_owned(),
        kind: kind.to_owned(),
        severity: severity.to_owned(),
        headline,
        evidence,
    }));
    all
}

fn finding(service: &str, found: &Value) -> Signal {
    let severity = found.get("severity").and_then(Value::as_str);
    let severity = severity.filter(|word| SEVERITIES.contains(word));
    let headline = ["headline", "title", "message"];
    let headline = headline.iter().find_map(|key| found.get(key)?.as_str());
    let headline = headline
        .or(found.as_str())
        .unwrap_or("a finding without words");
    let evidence = found.get("evidence").cloned().unwrap_or(Value::Null);
    Signal {
        service: service.to_owned(),
        kind: "technical".to_owned(),
        // What says nothing of itself is neither nothing nor an alarm.
        severity: severity.unwrap_or("medium").to_owned(),
        headline: headline.chars().take(HEADLINE_CHARS).collect(),
        evidence,
    }
}

type Special = Option<(&'static str, &'static str, String, Value)>;

/// Whether a field says that something is the case: true, a number that is not
/// zero, or a list that is not empty.
fn says_so(value: &Value) -> bool {
    match value {
        Value::Bool(so) => *so,
        Value::Number(n) => n.as_f64().is_some_and(|n| n != 0.0),
        Value::Array(items) => !items.is_empty(),
        _ => false,
    }
}

fn rankings(payload: &Value) -> Special {
    let dropped = payload.get("rankings_dropped").filter(|v| says_so(v))?;
    Some((
        "rankings",
        "high",
        "Rankings dropped".into(),
        dropped.clone(),
    ))
}

fn authority(payload: &Value) -> Special {
    let delta = payload.get("authority_delta")?.as_f64()?;
    if delta.abs() <= AUTHORITY_NOISE {
        return None;
    }
    let (severity, word) = if delta < 0.0 {
        ("medium", "fell")
    } else {
        ("info", "rose")
    };
    let headline = format!("Domain authority {word} by {}", delta.abs());
    Some(("authority", severity, headline, json!(delta)))
}

fn vitals(payload: &Value) -> Special {
    let failing = payload.get("vitals_failing").filter(|v| says_so(v))?;
    Some((
        "vitals",
        "high",
        "Core web vitals fail".into(),
        failing.clone(),
    ))
}

#[cfg(test)]
mod tests {
    use super::*;
    use rstest::rstest;

    #[rstest]
    #[case("serp-intelligence", json!({"rankings_dropped": 3}), &["rankings high"])]
    #[case("serp-intelligence", json!({"rankings_dropped": false}), &[])]
    #[case("serp-intelligence", json!({"rankings_dropped": []}), &[])]
    #[case("domain-authority", json!({"authority_delta": -6}), &["authority medium"])]
    #[case("domain-authority", json!({"authority_delta": 5.1}), &["authority info"])]
    #[case("domain-authority", json!({"authority_delta": -5}), &[])]
    #[case("vitals-monitor", json!({"vitals_failing": ["lcp"]}), &["vitals high"])]
    #[case("technical-seo", json!({"vitals_failing": true}), &[])]
    #[case("any", json!({"findings": [{"severity": "critical"}, {"severity": "odd"}, "x"]}),
        &["technical critical", "technical medium", "technical medium"])]
    #[case("any", json!({"findings": 7}), &[])]
    fn what_answers_say(#[case] service: &str, #[case] payload: Value, #[case] expected: &[&str]) {
        let fact = ServiceFact {
            service,
            required: true,
            status: "completed",
            error: None,
            payload: Some(&payload),
        };
        let found = signals(&fact);
        let found: Vec<_> = found
            .iter()
            .map(|s| format!("{} {}", s.kind, s.severity))
            .collect();
        assert_eq!(found, expected);
    }
}
