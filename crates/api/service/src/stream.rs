//! Events on their way to other programs: the log's own lines, as YAML, a
//! compact form for agents, server-sent events, `CloudEvents`.
//!
//! Every form carries the event's id, `RUN_ID:SEQ`, or its `seq`, so that a
//! reader that was cut off goes on where it stopped.

use rok_facades::runs::EventLine;
use rok_vocabulary::RunId;
use serde::Serialize;
use serde_json::Value;
use serde_json::value::RawValue;

/// What stands before a type in a `CloudEvents` `type`: reverse DNS, as the
/// specification asks for.
const TYPE_PREFIX: &str = "dev.rok.";

/// A form for programs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum StreamFormat {
    /// The log's own lines: one JSON object a line.
    Jsonl,
    /// Only what says what happened, one short JSON object a line.
    Compact,
    /// Server-sent events, as a browser's `EventSource` reads them.
    Sse,
    /// The log's lines as YAML documents, each begun by `---`: for people.
    Yaml,
    /// `CloudEvents` 1.0 in the JSON event format, one a line.
    CloudEvents,
}

impl StreamFormat {
    /// An event in this form, with the line's end or the frame's empty line.
    #[must_use]
    pub fn frame(self, run: &RunId, event: &EventLine) -> String {
        let mut text = match self {
            Self::Jsonl => event.line.to_string(),
            Self::Compact => json(&Compact::of(event)),
            Self::Yaml => return yaml(event),
            Self::Sse => sse(run, event),
            Self::CloudEvents => json(&CloudEvent::of(run, event)),
        };
        text.push('\n');
        text
    }
}

fn json(value: &impl Serialize) -> String {
    serde_json::to_string(value).expect("it has only names as keys")
}

fn yaml(event: &EventLine) -> String {
    // What is no JSON is shown as the text that it is.
    let text = || Value::from(&*event.line);
    let line = serde_json::from_str(&event.line).unwrap_or_else(|_| text());
    format!("---\n{}", rok_yaml::document(&line))
}

/// A log line holds no newline, so one `data:` field holds it whole.
fn sse(run: &RunId, event: &EventLine) -> String {
    format!(
        "id: {run}:{}\nevent: {}\ndata: {}\n",
        event.seq, event.event_type, event.line
    )
}

#[derive(Serialize)]
struct Compact<'a> {
    seq: u64,
    #[serde(rename = "type")]
    event_type: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    step: Option<&'a str>,
    #[serde(skip_serializing_if = "is_first")]
    attempt: u32,
    #[serde(skip_serializing_if = "Option::is_none")]
    state: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    error: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    reason: Option<&'a str>,
}

#[expect(
    clippy::trivially_copy_pass_by_ref,
    reason = "the signature that serde asks for"
)]
const fn is_first(attempt: &u32) -> bool {
    *attempt == 0
}

impl<'a> Compact<'a> {
    fn of(event: &'a EventLine) -> Self {
        Self {
            seq: event.seq.0,
            event_type: &event.event_type,
            step: event.step.as_deref(),
            attempt: event.attempt,
            state: event.new_state.as_deref(),
            error: event.error_class.as_deref(),
            reason: event.reason.as_deref(),
        }
    }
}

#[derive(Serialize)]
struct CloudEvent<'a> {
    specversion: &'static str,
    id: String,
    source: String,
    #[serde(rename = "type")]
    event_type: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    subject: Option<&'a str>,
    time: String,
    datacontenttype: &'static str,
    data: Data<'a>,
}

/// The line as it stands, or as text where it is not JSON: a viewer shows what
/// it does not know.
#[derive(Serialize)]
#[serde(untagged)]
enum Data<'a> {
    Line(&'a RawValue),
    Text(Value),
}

impl<'a> CloudEvent<'a> {
    fn of(run: &RunId, event: &'a EventLine) -> Self {
        let data = serde_json::from_str(&event.line)
            .map_or_else(|_| Data::Text(Value::from(&*event.line)), Data::Line);
        Self {
            specversion: "1.0",
            id: format!("{run}:{}", event.seq),
            source: format!("/runs/{run}"),
            event_type: format!("{TYPE_PREFIX}{}", event.event_type),
            subject: event.step.as_deref(),
            time: event.at.to_string(),
            datacontenttype: "application/json",
            data,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use rok_vocabulary::{Epoch, Seq, Timestamp};
    use serde_json::json;

    fn event() -> (RunId, EventLine) {
        let event = EventLine {
            seq: Seq(7),
            event_type: "step.failed".into(),
            at: Timestamp::from_millis(0),
            epoch: Epoch(0),
            step: Some("build".into()),
            attempt: 1,
            actor: "runner".into(),
            new_state: None,
            error_class: Some("transient_io".into()),
            reason: Some("a \"quoted\"\nline".into()),
            line: r#"{"event_id":"run_abc:7","reason":"a \"quoted\"\nline"}"#.into(),
        };
        ("run_abc".parse().expect("an id"), event)
    }

    #[test]
    fn the_log_line_is_handed_on_as_it_stands() {
        let (run, event) = event();
        let expected = format!("{}\n", event.line);
        assert_eq!(StreamFormat::Jsonl.frame(&run, &event), expected);
    }

    #[test]
    fn the_compact_form_says_what_happened_and_no_more() {
        let (run, event) = event();
        let text = StreamFormat::Compact.frame(&run, &event);
        let expected = json!({
            "seq": 7, "type": "step.failed", "step": "build", "attempt": 1,
            "error": "transient_io", "reason": "a \"quoted\"\nline",
        });
        assert_eq!(text, format!("{expected}\n"));
    }

    #[test]
    fn a_server_sent_event_is_one_frame() {
        let (run, event) = event();
        let text = StreamFormat::Sse.frame(&run, &event);
        let lines: Vec<&str> = text.lines().collect();
        assert_eq!(lines[..2], ["id: run_abc:7", "event: step.failed"]);
        assert_eq!(lines[2], format!("data: {}", event.line));
        assert!(text.ends_with("}\n\n"), "{text:?}");
    }

    #[test]
    fn a_cloud_event_has_every_required_attribute() {
        let (run, event) = event();
        let text = StreamFormat::CloudEvents.frame(&run, &event);
        let found: Value = serde_json::from_str(&text).expect("JSON");
        let expected = json!({
            "specversion": "1.0",
            "id": "run_abc:7",
            "source": "/runs/run_abc",
            "type": "dev.rok.step.failed",
            "subject": "build",
            "time": "1970-01-01T00:00:00.000Z",
            "datacontenttype": "application/json",
            "data": { "event_id": "run_abc:7", "reason": "a \"quoted\"\nline" },
        });
        assert_eq!(found, expected);
    }
}
