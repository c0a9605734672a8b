//! [`Synthesis`]: the engine behind the facade.

use crate::rules::Rules;
use crate::signals::{rank, signals};
use rok_facades::{
    Cause, DEGRADED_AFTER, Diagnosis, EngineError, ServiceFact, ServiceRunFacts, Signal,
    SynthesisEngine,
};
use rok_log::WorkerBook;
use std::sync::Arc;

/// More lines than these nobody reads.
const MAX_LINES: usize = 5;
/// What a missing service costs.
const REQUIRED_COST: u32 = 20;
const OPTIONAL_COST: u32 = 10;

/// Makes diagnoses by a table of rules.
#[derive(Debug)]
pub struct Synthesis {
    rules: Rules,
    workers: Option<Arc<dyn WorkerBook>>,
}

impl Synthesis {
    /// By these rules.
    #[must_use]
    pub const fn new(rules: Rules) -> Self {
        Self {
            rules,
            workers: None,
        }
    }

    /// Says which workers are degraded, by this book.
    #[must_use]
    pub fn workers(mut self, book: Arc<dyn WorkerBook>) -> Self {
        self.workers = Some(book);
        self
    }

    /// How often in a row each service has failed this site, this run included;
    /// `None` where nobody counts, or it cannot be told.
    fn failures(&self, facts: &ServiceRunFacts<'_>) -> Option<Vec<u32>> {
        let before = self.workers.as_ref()?.failures_of(facts.website_id).ok()?;
        let services = facts.services.iter().map(|fact| {
            let known = before.iter().find(|known| known.service == fact.service);
            let before = known.map_or(0, |known| known.failures);
            match fact.status {
                "completed" => 0,
                "failed" | "timeout" => before.saturating_add(1),
                _ => before,
            }
        });
        Some(services.collect())
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
        let failures = self.failures(facts);
        let degraded: Option<Vec<String>> = failures.map(|failures| {
            let services = facts.services.iter().zip(failures);
            let degraded = services.filter(|(_, failures)| *failures >= DEGRADED_AFTER);
            degraded.map(|(fact, _)| fact.service.to_owned()).collect()
        });
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
            degraded_services: degraded,
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
    use rok_log::{StoreError, WorkerFailures};
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

    #[derive(Debug)]
    struct Book;

    impl WorkerBook for Book {
        fn failures_of(&self, site: &str) -> Result<Vec<WorkerFailures>, StoreError> {
            let known = |service: &str, failures| WorkerFailures {
                website_id: site.to_owned(),
                service: service.to_owned(),
                failures,
                since: String::new(),
                run_id: String::new(),
                error: None,
            };
            Ok(vec![
                known("a", 2),
                known("b", 1),
                known("c", 3),
                known("d", 9),
            ])
        }

        fn failing(&self, _: u32, _: usize) -> Result<Vec<WorkerFailures>, StoreError> {
            Ok(Vec::new())
        }
    }

    #[test]
    fn the_third_failure_in_a_row_degrades_and_a_report_ends_it() {
        let run = "r1".parse().unwrap();
        let statuses = [
            ("a", "failed"),
            ("b", "timeout"),
            ("c", "skipped"),
            ("d", "completed"),
        ];
        let services = statuses.map(|(service, status)| ServiceFact {
            service,
            required: true,
            status,
            error: None,
            payload: None,
        });
        let facts = ServiceRunFacts {
            run: &run,
            website_id: "s",
            domain: "d",
            services: services.to_vec(),
        };
        let counted = Synthesis::standard().workers(Arc::new(Book));
        let degraded = counted.synthesize(&facts).unwrap().degraded_services;
        assert_eq!(degraded.unwrap(), ["a", "c"]);
        let alone = Synthesis::standard().synthesize(&facts).unwrap();
        assert_eq!(alone.degraded_services, None);
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
