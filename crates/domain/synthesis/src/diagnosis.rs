//! [`Synthesis`]: the engine behind the facade.

use crate::rules::Rules;
use crate::signals::{rank, signals};
use rok_facades::{
    Cause, Diagnosis, EngineError, ServiceFact, ServiceRunFacts, Signal, SynthesisEngine,
};

/// More lines than these nobody reads.
const MAX_LINES: usize = 5;
/// What a missing service costs.
const REQUIRED_COST: u32 = 20;
const OPTIONAL_COST: u32 = 10;

/// Makes diagnoses by a table of rules.
#[derive(Debug)]
pub struct Synthesis {
    rules: Rules,
}

impl Synthesis {
    /// By these rules.
    #[must_use]
    pub const fn new(rules: Rules) -> Self {
        Self { rules }
    }

    /// By the rules that come with rok.
    #[must_use]
    pub fn standard() -> Self {
        Self::new(Rules::standard())
    }

    /// All causes, the primary one first: by the rules' order, the worst signal
    /// of a rule first.
    fn causes(&self, facts: &ServiceRunFacts<'_>) -> Vec<(usize, Cause)> {
        let found = facts.services.iter().filter(|fact| reported(fact));
        let mut causes: Vec<(usize, Cause)> = found
            .flat_map(signals)
            .map(|signal| {
                let (place, rule, _) = self.rules.of(&signal);
                let rule = rule.to_owned();
                (place, Cause { rule, signal })
            })
            .collect();
        causes.sort_by_key(|(place, cause)| (*place, rank(&cause.signal)));
        causes
    }
}

fn reported(fact: &ServiceFact<'_>) -> bool {
    fact.status == "completed"
}

impl SynthesisEngine for Synthesis {
    fn synthesize(&self, facts: &ServiceRunFacts<'_>) -> Result<Diagnosis, EngineError> {
        let causes = self.causes(facts);
        let missing: Vec<_> = facts
            .services
            .iter()
            .filter(|fact| !reported(fact))
            .collect();
        let cost: u32 = missing
            .iter()
            .map(|fact| {
                if fact.required {
                    REQUIRED_COST
                } else {
                    OPTIONAL_COST
                }
            })
            .sum();
        let confidence = match missing.len() {
            0 if !facts.services.is_empty() => "high",
            0 | 1 => "medium",
            _ => "low",
        };
        let slugs = |facts: &mut dyn Iterator<Item = &&ServiceFact<'_>>| {
            facts.map(|fact| fact.service.to_owned()).collect()
        };
        let mut what_to_do_next: Vec<String> = Vec::new();
        for (_, cause) in &causes {
            let (_, _, next) = self.rules.of(&cause.signal);
            if !what_to_do_next.iter().any(|known| known == next) {
                what_to_do_next.push(next.to_owned());
            }
        }
        what_to_do_next.extend(missing.iter().map(|fact| again(fact)));
        what_to_do_next.truncate(MAX_LINES);
        let mut causes = causes.into_iter().map(|(_, cause)| cause);
        let primary_cause = causes.next();
        let supporting_causes: Vec<Cause> = causes.collect();
        let all = primary_cause.iter().chain(&supporting_causes);
        let changed = all
            .map(|cause| &cause.signal)
            .filter(|signal| signal.severity != "info");
        Ok(Diagnosis {
            what_changed: changed.take(MAX_LINES).map(line).collect(),
            primary_cause,
            what_to_do_next,
            confidence: confidence.to_owned(),
            confidence_score: 100_u32.saturating_sub(cost),
            missing_services: slugs(&mut missing.iter()),
            timed_out_services: slugs(&mut missing.iter().filter(|f| f.status == "timeout")),
            rules: self.rules.digest().to_owned(),
            supporting_causes,
        })
    }
}

fn line(signal: &Signal) -> String {
    format!(
        "{} ({}): {}",
        signal.service, signal.severity, signal.headline
    )
}

fn again(fact: &ServiceFact<'_>) -> String {
    match fact.error {
        Some(error) => format!("Get {} to report: {error}", fact.service),
        None => format!("Get {} to report", fact.service),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use rstest::rstest;
    use serde_json::{Value, json};

    fn diagnose(services: &[(&str, bool, &str, Value)]) -> Diagnosis {
        let run = "r1".parse().unwrap();
        let services = services
            .iter()
            .map(|(service, required, status, payload)| ServiceFact {
                service,
                required: *required,
                status,
                error: None,
                payload: Some(payload).filter(|payload| !payload.is_null()),
            });
        let facts = ServiceRunFacts {
            run: &run,
            website_id: "s",
            domain: "d",
            services: services.collect(),
        };
        Synthesis::standard().synthesize(&facts).unwrap()
    }

    #[test]
    fn the_first_rule_that_matches_gives_the_primary_cause() {
        let diagnosis = diagnose(&[
            (
                "serp-intelligence",
                true,
                "completed",
                json!({"rankings_dropped": 2}),
            ),
            (
                "vitals-monitor",
                true,
                "completed",
                json!({"vitals_failing": true}),
            ),
            (
                "technical-seo",
                true,
                "completed",
                json!({"findings": [{"severity": "low"}]}),
            ),
        ]);
        assert_eq!(diagnosis.primary_cause.unwrap().rule, "vitals");
        let rules: Vec<_> = diagnosis
            .supporting_causes
            .iter()
            .map(|c| &*c.rule)
            .collect();
        assert_eq!(rules, ["rankings", "routine"]);
        assert_eq!(diagnosis.confidence, "high");
        assert_eq!(diagnosis.confidence_score, 100);
    }

    #[test]
    fn without_signals_there_is_no_cause() {
        let diagnosis = diagnose(&[("technical-seo", true, "completed", json!({}))]);
        assert_eq!(diagnosis.primary_cause, None);
        assert!(diagnosis.what_changed.is_empty());
    }

    #[rstest]
    #[case(&[], "high", 100)]
    #[case(&[("a", false, "failed")], "medium", 90)]
    #[case(&[("a", true, "timeout")], "medium", 80)]
    #[case(&[("a", true, "timeout"), ("b", false, "skipped")], "low", 70)]
    #[case(&[("a", true, "failed"), ("b", true, "failed"), ("c", true, "failed"),
        ("d", true, "failed"), ("e", true, "failed"), ("f", true, "failed")], "low", 0)]
    fn what_is_missing_lowers_the_confidence(
        #[case] missing: &[(&str, bool, &str)],
        #[case] confidence: &str,
        #[case] score: u32,
    ) {
        let mut all = vec![("x", true, "completed", json!({}))];
        all.extend(
            missing
                .iter()
                .map(|(s, required, status)| (*s, *required, *status, json!(null))),
        );
        let diagnosis = diagnose(&all);
        assert_eq!(
            (&*diagnosis.confidence, diagnosis.confidence_score),
            (confidence, score)
        );
        let slugs: Vec<_> = missing.iter().map(|(slug, ..)| *slug).collect();
        assert_eq!(diagnosis.missing_services, slugs);
        let timed_out = missing.iter().filter(|(_, _, status)| *status == "timeout");
        assert_eq!(diagnosis.timed_out_services.len(), timed_out.count());
    }

    #[test]
    fn at_most_five_lines_are_said() {
        let findings: Vec<Value> = (0..9)
            .map(|n| json!({ "headline": n.to_string() }))
            .collect();
        let payload = json!({ "findings": findings });
        let diagnosis = diagnose(&[("technical-seo", true, "completed", payload)]);
        assert_eq!(diagnosis.what_changed.len(), 5);
        assert_eq!(diagnosis.supporting_causes.len(), 8);
    }
}
