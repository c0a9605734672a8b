//! The desk: work by its key, orders by their nonce. Work that goes on or
//! succeeded is never begun again, whoever orders it.

use crate::{process, program};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use rok_agents::{
    AgentCard, AgentSpec, Offer, OfferAnswer, Order, PROTOCOL, RUN, Signed, SignedWhat, WorkError,
    WorkResult, WorkStatus, WorkUsage,
};
use rok_attest::SigningKey;
use serde::Serialize;
use serde_json::Value;
use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use tokio::sync::watch;
use tokio::task::AbortHandle;

/// How work ended.
#[derive(Debug, Clone)]
pub(crate) struct End {
    pub(crate) came_to: Result<Value, WorkError>,
    pub(crate) usage: WorkUsage,
    /// What it printed, where that is for the step's log.
    pub(crate) log: String,
}

impl From<Result<Value, WorkError>> for End {
    fn from(came_to: Result<Value, WorkError>) -> Self {
        Self {
            came_to,
            usage: WorkUsage::default(),
            log: String::new(),
        }
    }
}

/// Work under one key.
#[derive(Debug)]
struct Work {
    end: watch::Receiver<Option<End>>,
    /// Ends the program, where it still runs.
    stop: AbortHandle,
}

impl Work {
    fn is_over(&self) -> bool {
        self.end.borrow().is_some()
    }

    fn failed(&self) -> bool {
        let succeeded = self
            .end
            .borrow()
            .as_ref()
            .is_some_and(|end| end.came_to.is_ok());
        self.stop.is_finished() && !succeeded
    }
}

#[derive(Debug, Default)]
struct Books {
    by_key: HashMap<String, Work>,
    by_nonce: HashMap<String, Order>,
    beats: u64,
}

/// An agent's desk.
#[derive(Debug)]
pub(crate) struct Desk {
    spec: AgentSpec,
    key: Option<SigningKey>,
    program: Vec<String>,
    books: Mutex<Books>,
}

impl Desk {
    pub(crate) fn new(spec: AgentSpec, key: Option<SigningKey>, program: Vec<String>) -> Self {
        Self {
            spec,
            key,
            program,
            books: Mutex::default(),
        }
    }

    fn books(&self) -> MutexGuard<'_, Books> {
        self.books.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// What it says of itself.
    pub(crate) fn card(&self, challenge: String, key: Option<&str>) -> Signed {
        let books = self.books();
        let held = key.and_then(|key| books.by_key.get(key));
        let card = AgentCard {
            protocol: PROTOCOL.to_owned(),
            challenge,
            spec: self.spec.clone(),
            load: load(&books),
            holds: held.is_some_and(|work| !work.failed()),
        };
        drop(books);
        self.signed(SignedWhat::Card, &card)
    }

    /// Whether it takes a step. It can honour no policy of its own accord: who
    /// wrote the program knows, and says so here.
    pub(crate) fn consider(&self, offer: &Offer) -> OfferAnswer {
        let can = &self.spec.capabilities;
        if !can.contains(&offer.capability) || !offer.capabilities.is_subset(can) {
            return OfferAnswer::refused("it cannot do that");
        }
        let books = self.books();
        let known = books.by_key.contains_key(&offer.key);
        let busy = !known && load(&books) >= self.spec.slots;
        OfferAnswer {
            accept: !busy,
            busy,
            ..OfferAnswer::accepted()
        }
    }

    /// Takes an order, and begins its work unless that is begun.
    pub(crate) fn begin(&self, order: Order) {
        let mut books = self.books();
        let key = order.offer.key.clone();
        if books.by_key.get(&key).is_none_or(Work::failed) {
            let (done, end) = watch::channel(None);
            let (program, given) = (self.program.clone(), order.clone());
            let task = tokio::spawn(async move {
                let ended = if given.offer.capability.as_str() == RUN {
                    process::perform(&given).await
                } else {
                    program::perform(&program, &given).await.into()
                };
                // Nobody may be left who asks.
                let _ = done.send(Some(ended));
            });
            let stop = task.abort_handle();
            books.by_key.insert(key, Work { end, stop });
        }
        books.by_nonce.insert(order.offer.nonce.clone(), order);
    }

    /// How an order goes, after a while at most.
    pub(crate) async fn status(&self, nonce: &str, wait: Duration) -> Option<WorkStatus> {
        let (order, mut end) = {
            let books = self.books();
            let order = books.by_nonce.get(nonce)?.clone();
            let end = books.by_key.get(&order.offer.key)?.end.clone();
            (order, end)
        };
        let over = tokio::time::timeout(wait, end.wait_for(Option::is_some)).await;
        let ended = match over {
            Ok(Ok(ended)) => ended.clone()?,
            // It was ended: there will be no result.
            Ok(Err(_)) => return None,
            Err(_) => {
                let mut books = self.books();
                books.beats += 1;
                let beat = books.beats;
                return Some(WorkStatus::Running { beat });
            }
        };
        let mut result = WorkResult::of(&order.offer, self.spec.agent_id.clone(), Value::Null);
        (result.usage, result.log) = (ended.usage, ended.log);
        match ended.came_to {
            Ok(outputs) => result.outputs = outputs,
            Err(error) => result.error = Some(error),
        }
        let result = self.signed(SignedWhat::Result, &result);
        Some(WorkStatus::Done { result })
    }

    /// Nobody waits for an order any more: its work is ended, unless another
    /// order is for the same.
    pub(crate) fn withdraw(&self, nonce: &str) {
        let mut books = self.books();
        let Some(order) = books.by_nonce.remove(nonce) else {
            return;
        };
        let key = &order.offer.key;
        let wanted = books.by_nonce.values().any(|other| other.offer.key == *key);
        if let Some(work) = books.by_key.get(key)
            && !wanted
            && !work.is_over()
        {
            work.stop.abort();
        }
    }

    fn signed(&self, what: SignedWhat, value: &impl Serialize) -> Signed {
        let payload = serde_json::to_string(value).expect("its keys are strings");
        let signature = self.key.as_ref().map(|key| {
            let message = Signed::message(what, &payload);
            STANDARD.encode(key.sign(&message))
        });
        Signed { payload, signature }
    }
}

fn load(books: &Books) -> u32 {
    let busy = books
        .by_key
        .values()
        .filter(|work| !work.stop.is_finished());
    u32::try_from(busy.count()).unwrap_or(u32::MAX)
}
