//! What a mail says of a run that ended. It comes of the log alone, and nothing
//! that a run was told can begin a line of its own in it.

use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;
use core::fmt::Write as _;
use serde_json::Value;

use crate::service_run::ServiceRun;

/// A longer subject is cut by whoever shows it.
const SUBJECT_MAX: usize = 150;
/// More of one value nobody reads in a mail.
const LINE_MAX: usize = 1_000;

/// A mail, but for its sender.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Letter {
    /// The mailbox.
    pub to: String,
    /// Its subject, one line.
    pub subject: String,
    /// Its text.
    pub text: String,
}

impl Letter {
    /// The letter that tells what an event's data `said`.
    pub(crate) fn of(to: &str, plan_id: &str, said: &Value, services: Option<&ServiceRun>) -> Self {
        let word = |key: &str| line(said[key].as_str().unwrap_or_default(), LINE_MAX);
        let (run, outcome) = (word("run_id"), word("outcome"));
        let whose = services.map_or_else(String::new, |run| format!(" for {}", run.domain));
        let subject = format!("[rok] {plan_id}{whose}: {outcome}");
        let mut text = format!("Run {run} of plan {plan_id} ended.\n\n");
        tell(&mut text, "Outcome", &outcome);
        tell(&mut text, "Phase", &word("phase"));
        tell(&mut text, "Reason", &word("reason"));
        if let Some(ms) = said["duration_ms"].as_u64() {
            tell(&mut text, "Duration", &format!("{ms} ms"));
        }
        if let Some(run) = services {
            diagnosed(&mut text, run);
        }
        Self {
            to: to.into(),
            subject: line(&subject, SUBJECT_MAX),
            text,
        }
    }
}

/// What the services of a run found, and who did not report.
fn diagnosed(text: &mut String, run: &ServiceRun) {
    let site = format!("{} ({})", run.domain, run.website_id);
    tell(text, "Site", &line(&site, LINE_MAX));
    let Some(diagnosis) = &run.diagnosis else {
        let why = run.synthesis_error.as_deref().unwrap_or_default();
        tell(text, "No diagnosis", &line(why, LINE_MAX));
        return;
    };
    let id = run.diagnosis_event_id.as_deref().unwrap_or_default();
    tell(text, "Diagnosis", id);
    let headline = diagnosis["primary_cause"]["headline"].as_str();
    let headline = headline.unwrap_or("nothing was found");
    tell(text, "Primary cause", &line(headline, LINE_MAX));
    if let (Some(word), Some(score)) = (
        diagnosis["confidence"].as_str(),
        diagnosis["confidence_score"].as_u64(),
    ) {
        tell(text, "Confidence", &format!("{word}, {score} of 100"));
    }
    let list = |key: &str| -> Vec<String> {
        let items = diagnosis[key].as_array().into_iter().flatten();
        let items = items.filter_map(Value::as_str);
        items.map(|item| line(item, LINE_MAX)).collect()
    };
    tell(
        text,
        "Missing services",
        &list("missing_services").join(", "),
    );
    let next = list("what_to_do_next");
    if !next.is_empty() {
        text.push_str("\nWhat to do next:\n");
        for item in next {
            let _ = writeln!(text, "  - {item}");
        }
    }
}

/// A line of the text; none where there is nothing to say.
fn tell(text: &mut String, what: &str, said: &str) {
    if !said.is_empty() {
        let _ = writeln!(text, "{what}: {said}");
    }
}

/// One line of it, cut.
fn line(text: &str, most: usize) -> String {
    let one = text.chars().map(|c| if c.is_control() { ' ' } else { c });
    one.take(most).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn what_a_run_was_told_begins_no_line() {
        let plan = "plan: p\nsuccess: any\nsteps: { a: { service: a } }\n\
            inputs: { website_id: { type: string }, domain: { type: string } }";
        let plan = rok_plan::parse(plan.as_bytes(), "p").expect("a plan");
        let mut run = ServiceRun::of(&plan, &"r1".parse().expect("an id")).expect("services");
        run.domain = "x\r\nBcc: b@example.com".into();
        run.website_id = "w\nPhase: COMPLETED".into();
        run.diagnosis = Some(json!({
            "primary_cause": { "headline": "slow\n.\nQUIT" }, "what_to_do_next": ["a\n\nb"],
        }));
        let said = json!({ "run_id": "r1", "outcome": "failed", "reason": "a\r\nb" });
        let letter = Letter::of("ops@example.com", "p", &said, Some(&run));
        assert_eq!(letter.subject, "[rok] p for x  Bcc: b@example.com: failed");
        let expected = "Run r1 of plan p ended.\n\nOutcome: failed\nReason: a  b\n\
            Site: x  Bcc: b@example.com (w Phase: COMPLETED)\nPrimary cause: slow . QUIT\n\n\
            What to do next:\n  - a  b\n";
        assert_eq!(letter.text, expected);
        run.domain = "x".repeat(2_000);
        let long = Letter::of("ops@example.com", "p", &said, Some(&run));
        assert_eq!(long.subject.len(), SUBJECT_MAX);
    }
}
