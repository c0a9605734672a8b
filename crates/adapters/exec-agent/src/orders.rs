//! Orders that agents may be working on, kept beyond this process: whoever takes
//! a run up can tell them that nobody waits for it any more.

use crate::book::key;
use crate::config::RemoteAgent;
use crate::directory::AgentDirectory;
use crate::talk::TalkError;
use rok_agents::{Offer, Taker};
use rok_exec_http::StatusCode;
use rok_exec_http::headers::HeaderMap;
use rok_executor::Withdrawn;
use rok_vocabulary::{AgentId, AgentPlace, Attempt, Epoch, RunId, StepId, StepRef, TrustLevel};
use serde::{Deserialize, Serialize};
use std::sync::Arc;
use std::time::Duration;
use tokio::task::JoinSet;
use tokio::time::timeout;

/// An agent that is told to stop is not waited for longer.
const WITHDRAWAL: Duration = Duration::from_secs(2);

/// An order that an agent may be working on.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct OpenOrder {
    pub(crate) agent: AgentId,
    /// One that answers elsewhere, or by another key, never had it.
    is: String,
    pub(crate) run: RunId,
    epoch: Epoch,
    step: StepId,
    attempt: Attempt,
    place: AgentPlace,
    trust: TrustLevel,
    region: Option<String>,
    pub(crate) key: String,
    pub(crate) nonce: String,
}

impl OpenOrder {
    pub(crate) fn new(agent: &RemoteAgent, offer: &Offer) -> Self {
        let spec = &agent.spec;
        Self {
            agent: spec.agent_id.clone(),
            is: key(agent),
            run: offer.run_id.clone(),
            epoch: offer.epoch,
            step: offer.step_id.clone(),
            attempt: offer.attempt,
            place: agent.place,
            trust: spec.trust_level,
            region: spec.region.clone(),
            key: offer.key.clone(),
            nonce: offer.nonce.clone(),
        }
    }

    fn withdrawn(self, heard: Result<(), String>) -> Withdrawn {
        Withdrawn {
            step: StepRef {
                epoch: self.epoch,
                step: self.step,
                attempt: self.attempt,
                compensates: false,
            },
            by: Taker {
                agent: self.agent,
                place: self.place,
                trust: self.trust,
                region: self.region,
            },
            unheard: heard.err().map(|why| unheard(&why)),
        }
    }
}

/// It is never said that such work ended.
pub(crate) fn unheard(why: &str) -> String {
    format!("it could not be told that nobody waits for the work, which may go on there: {why}")
}

impl AgentDirectory {
    /// Notes that an agent is given work, before it is.
    pub(crate) fn ordered(&self, agent: &RemoteAgent, offer: &Offer) -> Result<(), String> {
        let order = OpenOrder::new(agent, offer);
        let noted = self
            .book()
            .map(|book| book.change_orders(&offer.run_id, |orders| orders.push(order.clone())));
        noted.unwrap_or(Ok(()))
    }

    /// The orders of a run that may be worked on.
    pub(crate) fn orders(&self, run: &RunId) -> Result<Vec<OpenOrder>, String> {
        self.book()
            .map_or_else(|| Ok(Vec::new()), |book| book.orders(run))
    }

    /// An order is over.
    pub(crate) fn settled(&self, run: &RunId, nonce: &str) {
        if let Some(book) = self.book() {
            // What stays is told once more that nobody waits for it.
            let _ = book.change_orders(run, |orders| orders.retain(|one| one.nonce != nonce));
        }
    }

    /// Tells an agent that nobody waits for an order any more; or why it may
    /// not have heard it.
    pub(crate) async fn withdraw(&self, order: &OpenOrder) -> Result<(), String> {
        let mut agents = self.file().agents.iter();
        let agent = agents.find(|one| one.spec.agent_id == order.agent && key(one) == order.is);
        let agent = agent.ok_or("the agents' file does not name it any more")?;
        let talk = self.talk(agent, HeaderMap::new());
        let talk = talk.map_err(|error| error.to_string())?;
        match timeout(WITHDRAWAL, talk.withdraw(&order.nonce)).await {
            // One that knows nothing of it does nothing for it.
            Ok(
                Ok(())
                | Err(TalkError::Status {
                    status: StatusCode::NOT_FOUND,
                    ..
                }),
            ) => {}
            Ok(Err(error)) => return Err(error.to_string()),
            Err(_) => return Err(format!("no answer within {WITHDRAWAL:?}")),
        }
        self.settled(&order.run, &order.nonce);
        Ok(())
    }

    /// The same of all that are open of a run, at once.
    pub(crate) async fn withdraw_all(self: &Arc<Self>, orders: Vec<OpenOrder>) -> Vec<Withdrawn> {
        let mut told = JoinSet::new();
        for order in orders {
            let directory = Arc::clone(self);
            told.spawn(async move {
                let heard = directory.withdraw(&order).await;
                order.withdrawn(heard)
            });
        }
        told.join_all().await
    }
}
