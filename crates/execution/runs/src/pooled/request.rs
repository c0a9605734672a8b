//! Requests that make one run, however often they come: a key and a submitter
//! name the run, and what was asked for is in its first line.

use rok_chain::Digest;
use rok_events::RequestData;
use rok_facades::runs::{BatchSubmission, ErrorKind, RunsError, Submission};
use rok_vocabulary::{Actor, RunId};
use serde_json::{Value, json};

/// The longest idempotency key.
const KEY_MAX: usize = 255;

/// What a submission asks for, where it has a key.
pub(super) fn request_of(submission: &Submission) -> Result<Option<RequestData>, RunsError> {
    let Some(key) = &submission.idempotency_key else {
        return Ok(None);
    };
    let unfit = |what: String| {
        RunsError::new(ErrorKind::Usage, "ROK0121", what)
            .help("a key is 1 to 255 visible ASCII characters, a UUID for example")
    };
    let visible = key.bytes().all(|byte| (0x21..0x7f).contains(&byte));
    if key.is_empty() || key.len() > KEY_MAX || !visible {
        return Err(unfit("the idempotency key cannot be used".into()));
    }
    if submission.run_id.is_some() {
        return Err(unfit(
            "a request has an idempotency key or names its run, not both".into(),
        ));
    }
    Ok(Some(RequestData {
        key: key.clone(),
        sha256: sha256(&asked(submission)),
    }))
}

/// What a submission asks for, as one that comes again is compared with it.
fn asked(submission: &Submission) -> Value {
    json!({
        "plan": Digest::of(&submission.plan).to_hex(),
        "cwd": submission.cwd,
        "inputs": submission.inputs,
        "input_texts": submission.input_texts,
        "labels": submission.labels,
        "profile": submission.profile,
        "max_parallel": submission.max_parallel,
        "never_retry": submission.never_retry,
        "no_cache": submission.no_cache,
        "priority": submission.priority,
        "reason": submission.reason,
    })
}

fn sha256(asked: &Value) -> String {
    Digest::of(asked.to_string().as_bytes()).to_hex()
}

/// What an item of a batch asks for: of another submitter, or in a batch of
/// other items, it is another request.
pub(crate) fn item_request(batch: &BatchSubmission, index: usize) -> RequestData {
    let submitter = batch.common.submitter.to_string();
    let asked = json!([asked(&batch.item(index)), batch.sha256(), submitter]);
    RequestData {
        key: batch.run(index).to_string(),
        sha256: sha256(&asked),
    }
}

/// The run that a key stands for. One submitter's keys say nothing of another's.
pub(super) fn id_of(submitter: &Actor, key: &str) -> RunId {
    let text = format!("rok-request-1\n{submitter}\n{key}");
    let digest = Digest::of(text.as_bytes()).to_hex();
    let mut bytes = [0_u8; 16];
    for (byte, pair) in bytes.iter_mut().zip(digest.as_bytes().chunks(2)) {
        let text = std::str::from_utf8(pair).unwrap_or_default();
        *byte = u8::from_str_radix(text, 16).unwrap_or_default();
    }
    let id = uuid::Builder::from_custom_bytes(bytes).into_uuid();
    id.hyphenated()
        .to_string()
        .parse()
        .expect("a UUID is a run id")
}
