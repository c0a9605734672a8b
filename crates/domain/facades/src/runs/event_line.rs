//! A line of a log as an event, as far as people and filters need it.

use super::views::{EventLine, EventQuery};
use rok_vocabulary::{Epoch, Seq, Timestamp};
use serde::Deserialize;
use std::borrow::Cow;
use std::sync::Arc;

#[derive(Deserialize)]
struct Header<'a> {
    #[serde(borrow)]
    event_type: Cow<'a, str>,
    #[serde(borrow)]
    timestamp_utc: Cow<'a, str>,
    #[serde(borrow)]
    actor: Cow<'a, str>,
    #[serde(default)]
    attempt: u32,
    seq: u64,
    #[serde(default)]
    epoch: u32,
    #[serde(default, borrow)]
    step_id: Option<Cow<'a, str>>,
    #[serde(default, borrow)]
    new_state: Option<Cow<'a, str>>,
    #[serde(default, borrow)]
    error_class: Option<Cow<'a, str>>,
    #[serde(default, borrow)]
    reason: Option<Cow<'a, str>>,
}

impl EventLine {
    /// The event of a line as it stands in a log, without its newline.
    #[must_use]
    pub fn of_line(line: &[u8]) -> Self {
        let text = String::from_utf8_lossy(line);
        let owned = |text: Option<Cow<'_, str>>| text.map(Cow::into_owned);
        match serde_json::from_str::<Header<'_>>(&text) {
            Ok(header) => Self {
                seq: Seq(header.seq),
                event_type: header.event_type.into_owned(),
                at: Timestamp::parse_rfc3339(&header.timestamp_utc).unwrap_or_default(),
                epoch: Epoch(header.epoch),
                step: owned(header.step_id),
                attempt: header.attempt,
                actor: header.actor.into_owned(),
                new_state: owned(header.new_state),
                error_class: owned(header.error_class),
                reason: owned(header.reason),
                line: Arc::from(&*text),
            },
            Err(error) => Self {
                seq: Seq(0),
                event_type: "unreadable".into(),
                at: Timestamp::default(),
                epoch: Epoch(0),
                step: None,
                attempt: 0,
                actor: String::new(),
                new_state: None,
                error_class: None,
                reason: Some(error.to_string()),
                line: Arc::from(&*text),
            },
        }
    }
}

impl EventQuery {
    /// Whether an event is one of those that are asked for, `tail` and
    /// `limit` aside.
    #[must_use]
    pub fn fits(&self, event: &EventLine) -> bool {
        let of_type = |pattern: &String| match pattern.strip_suffix('*') {
            Some(prefix) => event.event_type.starts_with(prefix),
            None => event.event_type == *pattern,
        };
        let of_step = |step: &String| event.step.as_ref() == Some(step);
        (self.types.is_empty() || self.types.iter().any(of_type))
            && (self.steps.is_empty() || self.steps.iter().any(of_step))
            && self.from.is_none_or(|from| event.seq >= from)
    }
}
