//! Who is to be told how a run ended: a row of `kbase_events` for each
//! recipient of the plan's `notify`, and what is sent. Both come of the log
//! alone, so that what is sent twice is the same both times.

use alloc::format;
use alloc::string::{String, ToString};
use alloc::vec::Vec;
use rok_events::{Body, CompletedData, Event};
use rok_plan::{Plan, Recipient};
use rok_vocabulary::RunId;
use serde_json::{Value, json};

use crate::letter::Letter;
use crate::service_run::{KbaseRow, ServiceRun};

/// Who writes the rows.
pub const NOTIFICATIONS: &str = "notifications";

/// What is sent to one recipient.
#[derive(Debug, Clone, PartialEq)]
pub struct Notice {
    /// By which way, and where to.
    pub way: Way,
    /// The CloudEvent.
    pub event: Value,
}

/// A way to a recipient.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Way {
    /// The event is posted to this address.
    Webhook(String),
    /// This is written.
    Mail(Letter),
}

impl Notice {
    /// The row of the outbox that delivers it.
    #[must_use]
    pub fn to_json(&self) -> Value {
        match &self.way {
            Way::Webhook(url) => json!({ "url": url, "event": self.event }),
            Way::Mail(Letter { to, subject, text }) => json!({
                "mail": { "to": to, "subject": subject, "text": text },
                "event": self.event,
            }),
        }
    }
}

/// The notices of a run, as its log tells them.
#[derive(Debug, Clone, PartialEq)]
pub struct Notices {
    run: RunId,
    plan_id: String,
    recipients: Vec<Recipient>,
    website_id: String,
    /// All rows so far, each with what is sent.
    made: Vec<(KbaseRow, Notice)>,
}

impl Notices {
    /// The notices of a run of this plan before its first event; `None` where
    /// the plan names nobody.
    #[must_use]
    pub fn of(plan: &Plan, run: &RunId) -> Option<Self> {
        (!plan.notify.is_empty()).then(|| Self {
            run: run.clone(),
            plan_id: plan.id.to_string(),
            recipients: plan.notify.clone(),
            website_id: String::new(),
            made: Vec::new(),
        })
    }

    /// Takes in one event; `services` is the run of services that the run is,
    /// which has taken it in. What it adds is at the end of [`Self::made`].
    pub fn note(&mut self, event: &Event, services: Option<&ServiceRun>) {
        match &event.body {
            Body::RunCreated { data, .. } => {
                let site = data.inputs.get("website_id").and_then(Value::as_str);
                self.website_id = site.unwrap_or_default().into();
                if data.replays.is_some() {
                    // What happened was told when it happened.
                    self.recipients.clear();
                }
            }
            Body::RunCompleted { reason, data, .. } => {
                let diagnosis = services.and_then(|run| run.diagnosis_event_id.as_deref());
                let said = self.said(event, reason.as_ref(), data, diagnosis);
                for at in 0..self.recipients.len() {
                    let made = self.one(event, at, &said, services);
                    self.made.push(made);
                }
            }
            _ => {}
        }
    }

    /// Every row so far, and what is sent for it.
    #[must_use]
    pub fn made(&self) -> &[(KbaseRow, Notice)] {
        &self.made
    }

    fn said(
        &self,
        event: &Event,
        reason: Option<&String>,
        data: &CompletedData,
        diagnosis: Option<&str>,
    ) -> Value {
        json!({
            "run_id": self.run.as_str(),
            "plan_id": self.plan_id,
            "epoch": event.epoch,
            "phase": data.phase,
            "outcome": data.outcome,
            "reason": reason,
            "duration_ms": data.duration_ms,
            "website_id": (!self.website_id.is_empty()).then_some(&self.website_id),
            "diagnosis_event_id": diagnosis,
        })
    }

    fn one(
        &self,
        event: &Event,
        at: usize,
        said: &Value,
        services: Option<&ServiceRun>,
    ) -> (KbaseRow, Notice) {
        let (kind, recipient, way) = match &self.recipients[at] {
            Recipient::Webhook(url) => ("webhook_request", url, Way::Webhook(url.clone())),
            Recipient::Email(to) => {
                let letter = Letter::of(to, &self.plan_id, said, services);
                ("email_request", to, Way::Mail(letter))
            }
            _ => unreachable!("no other recipient passes the parser"),
        };
        let id = format!("{}:{}:notify:{at}", self.run, event.seq.0);
        let notice = Notice {
            way,
            event: json!({
                "specversion": "1.0",
                "id": id,
                "source": format!("/api/v1/runs/{}", self.run),
                "type": "rok.run.completed",
                "subject": self.run.as_str(),
                "time": event.at.to_string(),
                "datacontenttype": "application/json",
                "data": said,
            }),
        };
        let row = KbaseRow {
            id,
            website_id: self.website_id.clone(),
            run_id: self.run.to_string(),
            job_id: None,
            service: NOTIFICATIONS.into(),
            kind,
            summary: None,
            payload: json!({
                "diagnosis_event_id": said["diagnosis_event_id"],
                "recipient": recipient,
            }),
            created_at: event.at,
        };
        (row, notice)
    }
}
