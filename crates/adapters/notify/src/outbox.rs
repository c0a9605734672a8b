//! The outbox: what is due is sent, and what came of it is noted.

use crate::key::Key;
use crate::state::{DELIVERIES, Delivery, MAX_ATTEMPTS, Standing, backoff};
use rok_exec_http::headers::{CONTENT_TYPE, HeaderMap, HeaderName, HeaderValue};
use rok_exec_http::{Client, Method, Outgoing, Url};
use rok_log::{Cells, OUTBOX, Records, StoreError};
use rok_plan::Redirects;
use rok_vocabulary::Timestamp;
use serde::Deserialize;
use serde_json::Value;
use std::time::Duration;
use tokio::task::JoinSet;

/// How long one attempt may take.
const TIMEOUT: Duration = Duration::from_secs(10);

/// From when on another may try what somebody began and did not end.
const LEASE: Duration = Duration::from_secs(15);

/// Attempts at once; rows that are read at once.
const PAGE: usize = 32;

/// The most of an answer that is read.
const MAX_BYTES: u64 = 64 * 1024;

/// What came of one attempt, in a line.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Said {
    /// It was taken.
    Delivered(String),
    /// It was not, and is tried again.
    Failed(String),
    /// It was not, and is not tried again.
    GivenUp(String),
}

/// A row, as the commit wrote it.
#[derive(Deserialize)]
struct Row {
    url: String,
    event: Value,
}

/// A row whose turn it is, and that nobody else takes for now.
struct Due {
    key: String,
    row: Row,
    began: Delivery,
}

/// The outbox of a store.
#[derive(Debug)]
pub struct Outbox<S> {
    store: S,
    client: Client,
    key: Key,
}

/// Whether anything waits in the outbox of a store.
pub fn waiting(store: &dyn Records) -> Result<bool, StoreError> {
    Ok(!store.records(OUTBOX, None, 1)?.is_empty())
}

impl<S: Records + Cells> Outbox<S> {
    /// The outbox of a store, whose messages go by a client, signed with a key.
    pub const fn new(store: S, client: Client, key: Key) -> Self {
        Self { store, client, key }
    }

    /// Sends all that is due, once, as long as `goes_on` says so, and says what
    /// came of each. Rows that another process has taken are left to it.
    pub async fn round(
        &mut self,
        clock: impl Fn() -> Timestamp,
        goes_on: impl Fn() -> bool,
    ) -> Result<Vec<Said>, StoreError> {
        let mut said = Vec::new();
        let mut after: Option<String> = None;
        while goes_on() {
            let now = clock();
            let page = self.store.records(OUTBOX, after.as_deref(), PAGE)?;
            let Some((last, _)) = page.last() else {
                break;
            };
            after = Some(last.clone());
            let mut under_way = JoinSet::new();
            for (key, json) in page {
                if let Some(due) = self.take(key, &json, now)? {
                    let sent = send(self.client.clone(), self.key.clone(), now, due);
                    under_way.spawn(sent);
                }
            }
            while let Some(sent) = under_way.join_next().await {
                // One that panicked is due again when its lease is over.
                if let Ok((due, sent)) = sent {
                    said.push(self.note(due, sent, clock())?);
                }
            }
        }
        Ok(said)
    }

    /// Takes a row whose turn it is: the attempt is noted before it is made.
    fn take(
        &mut self,
        key: String,
        json: &[u8],
        now: Timestamp,
    ) -> Result<Option<Due>, StoreError> {
        let seen = self.store.cell(DELIVERIES, &key)?;
        let before: Option<Delivery> = seen
            .as_deref()
            .and_then(|json| serde_json::from_slice(json).ok());
        match &before {
            Some(delivery) if delivery.standing != Standing::Open => {
                // Whoever noted the end did not come to remove the row.
                self.store.remove_record(OUTBOX, &key)?;
                return Ok(None);
            }
            Some(delivery) if delivery.at > now => return Ok(None),
            _ => {}
        }
        let row = serde_json::from_slice(json).unwrap_or_else(|_| Row {
            url: String::new(),
            event: Value::Null,
        });
        let began = Delivery {
            id: row.event["id"].as_str().unwrap_or(&key).to_owned(),
            standing: Standing::Open,
            attempts: before.map_or(0, |delivery| delivery.attempts) + 1,
            at: now.after(LEASE),
            error: None,
        };
        let ours = self.put(&key, seen.as_deref(), &began)?;
        Ok(ours.then_some(Due { key, row, began }))
    }

    /// Notes what came of an attempt; where another has taken the row by now,
    /// what that one notes holds.
    fn note(
        &mut self,
        due: Due,
        sent: Result<(), String>,
        now: Timestamp,
    ) -> Result<Said, StoreError> {
        let Due { key, row, began } = due;
        let (id, attempts) = (began.id.clone(), began.attempts);
        let to = Url::parse(&row.url).map_or_else(
            |_| "no address".to_owned(),
            |url| url.origin().ascii_serialization(),
        );
        let again = backoff(attempts);
        let (standing, at, said) = match &sent {
            Ok(()) => {
                let line = format!("notify.delivered {id} to {to}, attempt {attempts}");
                (Standing::Delivered, now, Said::Delivered(line))
            }
            Err(why) if attempts >= MAX_ATTEMPTS => {
                let line = format!("notify.given_up {id} to {to} after {attempts} attempts: {why}");
                (Standing::GivenUp, now, Said::GivenUp(line))
            }
            Err(why) => {
                let line = format!(
                    "notify.failed {id} to {to}, attempt {attempts}, again in {}s: {why}",
                    again.as_secs()
                );
                (Standing::Open, now.after(again), Said::Failed(line))
            }
        };
        let seen = bytes(&began);
        let noted = Delivery {
            standing,
            at,
            error: sent.err(),
            ..began
        };
        if self.put(&key, Some(&seen), &noted)? && standing != Standing::Open {
            self.store.remove_record(OUTBOX, &key)?;
        }
        Ok(said)
    }

    fn put(&self, key: &str, seen: Option<&[u8]>, new: &Delivery) -> Result<bool, StoreError> {
        self.store.swap(DELIVERIES, key, seen, Some(&bytes(new)))
    }
}

fn bytes(delivery: &Delivery) -> Vec<u8> {
    serde_json::to_vec(delivery).expect("texts and numbers are JSON")
}

async fn send(client: Client, key: Key, now: Timestamp, due: Due) -> (Due, Result<(), String>) {
    let posted = match request(&due, &key, now) {
        Ok(out) => tokio::time::timeout(TIMEOUT, client.send(out)).await,
        Err(why) => return (due, Err(why)),
    };
    let sent = match posted {
        Err(_) => Err(format!("no answer within {}s", TIMEOUT.as_secs())),
        Ok(Err(error)) => Err(error.to_string()),
        Ok(Ok(answer)) if answer.status.is_success() => Ok(()),
        Ok(Ok(answer)) => Err(format!("answered {}", answer.status.as_u16())),
    };
    (due, sent)
}

fn request(due: &Due, key: &Key, now: Timestamp) -> Result<Outgoing, String> {
    let url = Url::parse(&due.row.url).map_err(|error| format!("its address: {error}"))?;
    let body = due.row.event.to_string().into_bytes();
    let seconds = now.as_millis().div_euclid(1_000);
    let signature = key.sign(&due.began.id, seconds, &body);
    let value = |text: &str| {
        HeaderValue::from_str(text).map_err(|_| "its id is no header's value".to_owned())
    };
    let ours = HeaderMap::from_iter([
        (
            CONTENT_TYPE,
            HeaderValue::from_static("application/cloudevents+json; charset=utf-8"),
        ),
        (HeaderName::from_static("webhook-id"), value(&due.began.id)?),
        (
            HeaderName::from_static("webhook-timestamp"),
            HeaderValue::from(seconds),
        ),
        (
            HeaderName::from_static("webhook-signature"),
            value(&signature)?,
        ),
    ]);
    Ok(Outgoing {
        method: Method::POST,
        url,
        ours,
        headers: HeaderMap::new(),
        body,
        redirects: Redirects::Never,
        expect: Vec::new(),
        max_bytes: MAX_BYTES,
    })
}
