//! The outbox: what is due is sent, and what came of it is noted.

use crate::hook::{self, Hooks};
use crate::key::Key;
use crate::mailer::{self, Letter, Mailer};
use crate::state::{DELIVERIES, Delivery, Failure, FailureClass, MAX_ATTEMPTS, Standing, backoff};
use rok_exec_http::{Client, Url};
use rok_log::{Cells, OUTBOX, Records, StoreError};
use rok_vocabulary::Timestamp;
use serde::Deserialize;
use serde_json::Value;
use std::time::Duration;
use tokio::task::JoinSet;

/// After its time was up, an attempt has so long to be noted; then another may
/// be made.
const TO_NOTE: Duration = Duration::from_secs(5);

/// Attempts at once; rows that are read at once.
const PAGE: usize = 32;

/// So many rows tell what waits.
const LOOKED_AT: usize = 1_000;

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

/// A row, as the commit wrote it: to be posted, or to be written.
#[derive(Deserialize)]
struct Row {
    url: Option<String>,
    mail: Option<Letter>,
    event: Value,
}

/// How a row goes.
#[derive(Clone)]
enum Way {
    Hook(Hooks),
    Mail(Mailer),
}

/// A row whose turn it is, and that nobody else takes for now.
struct Due {
    key: String,
    row: Row,
    way: Way,
    began: Delivery,
}

/// The outbox of a store.
#[derive(Debug)]
pub struct Outbox<S> {
    store: S,
    hooks: Option<Hooks>,
    mailer: Option<Mailer>,
}

impl<S: Records + Cells> Outbox<S> {
    /// The outbox of a store, from which nothing goes yet.
    pub const fn new(store: S) -> Self {
        Self {
            store,
            hooks: None,
            mailer: None,
        }
    }

    /// Webhooks go by a client, signed with a key.
    #[must_use]
    pub fn webhooks(mut self, client: Client, key: Key) -> Self {
        self.hooks = Some(Hooks { client, key });
        self
    }

    /// Mail goes by a server.
    #[must_use]
    pub fn mail(mut self, mailer: Mailer) -> Self {
        self.mailer = Some(mailer);
        self
    }

    /// Whether anything goes.
    #[must_use]
    pub const fn delivers(&self) -> bool {
        self.hooks.is_some() || self.mailer.is_some()
    }

    /// What waits and does not go by any way that this outbox has: `webhooks`,
    /// `mail`. The first rows tell.
    pub fn stuck(&self) -> Result<Vec<&'static str>, StoreError> {
        let rows = self.store.records(OUTBOX, None, LOOKED_AT)?;
        let rows: Vec<Row> = rows.iter().map(|(_, json)| read(json)).collect();
        let hooks = self.hooks.is_none() && rows.iter().any(|row| row.mail.is_none());
        let mail = self.mailer.is_none() && rows.iter().any(|row| row.mail.is_some());
        let stuck = [("webhooks", hooks), ("mail", mail)];
        Ok(stuck
            .into_iter()
            .filter_map(|(what, is)| is.then_some(what))
            .collect())
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
                    under_way.spawn(send(due, now));
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
        let row = read(json);
        let way = if row.mail.is_some() {
            self.mailer.clone().map(Way::Mail)
        } else {
            self.hooks.clone().map(Way::Hook)
        };
        let Some(way) = way else {
            // It waits until somebody has its way; no attempt is counted.
            return Ok(None);
        };
        let lease = way.timeout() + TO_NOTE;
        let began = Delivery {
            id: row.event["id"].as_str().unwrap_or(&key).to_owned(),
            standing: Standing::Open,
            attempts: before.map_or(0, |delivery| delivery.attempts) + 1,
            at: now.after(lease),
            error: None,
            class: None,
        };
        let ours = self.put(&key, seen.as_deref(), &began)?;
        Ok(ours.then_some(Due {
            key,
            row,
            way,
            began,
        }))
    }

    /// Notes what came of an attempt; where another has taken the row by now,
    /// what that one notes holds.
    fn note(
        &mut self,
        due: Due,
        sent: Result<(), Failure>,
        now: Timestamp,
    ) -> Result<Said, StoreError> {
        let to = due.to();
        let Due { key, began, .. } = due;
        let (id, attempts) = (began.id.clone(), began.attempts);
        let again = backoff(attempts);
        let (standing, at, said) = match &sent {
            Ok(()) => {
                let line = format!("notify.delivered {id} to {to}, attempt {attempts}");
                (Standing::Delivered, now, Said::Delivered(line))
            }
            Err(Failure { class, why }) if *class == FailureClass::Permanent => {
                let line = format!(
                    "notify.given_up {id} to {to}, attempt {attempts}, refused for good: {why}"
                );
                (Standing::GivenUp, now, Said::GivenUp(line))
            }
            Err(Failure { why, .. }) if attempts >= MAX_ATTEMPTS => {
                let line = format!("notify.given_up {id} to {to} after {attempts} attempts: {why}");
                (Standing::GivenUp, now, Said::GivenUp(line))
            }
            Err(Failure { why, .. }) => {
                let line = format!(
                    "notify.failed {id} to {to}, attempt {attempts}, again in {}s: {why}",
                    again.as_secs()
                );
                (Standing::Open, now.after(again), Said::Failed(line))
            }
        };
        let seen = bytes(&began);
        let failure = sent.err();
        let noted = Delivery {
            standing,
            at,
            class: failure.as_ref().map(|failure| failure.class),
            error: failure.map(|failure| failure.why),
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

fn read(json: &[u8]) -> Row {
    // One that cannot be read has no address, and is given up in the end.
    serde_json::from_slice(json).unwrap_or(Row {
        url: None,
        mail: None,
        event: Value::Null,
    })
}

impl Way {
    const fn timeout(&self) -> Duration {
        match self {
            Self::Hook(_) => hook::TIMEOUT,
            Self::Mail(_) => mailer::TIMEOUT,
        }
    }
}

impl Due {
    /// Where it goes, as lines of the log say it: a path may be a secret, and a
    /// mailbox is somebody's.
    fn to(&self) -> String {
        match &self.way {
            Way::Mail(mailer) => format!("a mailbox by {}", mailer.name()),
            Way::Hook(_) => Url::parse(self.row.url.as_deref().unwrap_or_default()).map_or_else(
                |_| "no address".to_owned(),
                |url| url.origin().ascii_serialization(),
            ),
        }
    }
}

async fn send(due: Due, now: Timestamp) -> (Due, Result<(), Failure>) {
    let (row, id) = (&due.row, due.began.id.as_str());
    let sent = async {
        match (&due.way, &row.mail) {
            (Way::Mail(mailer), Some(letter)) => mailer.send(letter, id, told_at(row, now)).await,
            (Way::Mail(_), None) => Err(Failure::permanent("it is no letter")),
            (Way::Hook(hooks), _) => {
                let url = row.url.as_deref().unwrap_or_default();
                Ok(hooks.send(url, id, &row.event, now).await?)
            }
        }
    };
    let limit = due.way.timeout();
    let sent = tokio::time::timeout(limit, sent).await;
    let sent =
        sent.unwrap_or_else(|_| Err(format!("no answer within {}s", limit.as_secs()).into()));
    (due, sent)
}

/// When the run ended: a letter has that date each time that it is sent.
fn told_at(row: &Row, now: Timestamp) -> Timestamp {
    let time = row.event["time"].as_str();
    time.and_then(|time| Timestamp::parse_rfc3339(time).ok())
        .unwrap_or(now)
}
