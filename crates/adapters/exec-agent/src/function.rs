//! Agents in this process: functions with an [`AgentSpec`].

use rok_agents::{AgentSpec, Offer, OfferAnswer, Order};
use rok_executor::StepFailure;
use rok_vocabulary::ErrorClass;
use serde_json::Value;
use std::fmt;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use tokio::sync::oneshot;

type Body = dyn Fn(&Order) -> Result<Value, StepFailure> + Send + Sync;
type Consider = dyn Fn(&Offer) -> OfferAnswer + Send + Sync;

/// An agent in this process. Each order is done on a thread of its own; one
/// that is stopped goes on to its end, and what it says then is not heard.
#[derive(Clone)]
pub struct AgentFunction {
    spec: AgentSpec,
    body: Arc<Body>,
    consider: Option<Arc<Consider>>,
}

impl AgentFunction {
    /// An agent that takes every step it can do.
    pub fn new(
        spec: AgentSpec,
        body: impl Fn(&Order) -> Result<Value, StepFailure> + Send + Sync + 'static,
    ) -> Self {
        Self {
            spec,
            body: Arc::new(body),
            consider: None,
        }
    }

    /// The same, which looks at each offer before it takes it.
    #[must_use]
    pub fn considering(
        mut self,
        consider: impl Fn(&Offer) -> OfferAnswer + Send + Sync + 'static,
    ) -> Self {
        self.consider = Some(Arc::new(consider));
        self
    }

    /// What it is.
    #[must_use]
    pub const fn spec(&self) -> &AgentSpec {
        &self.spec
    }

    pub(crate) fn consider(&self, offer: &Offer) -> OfferAnswer {
        let Some(consider) = &self.consider else {
            return OfferAnswer::accepted();
        };
        let said = catch_unwind(AssertUnwindSafe(|| consider(offer)));
        said.unwrap_or_else(|_| OfferAnswer::refused("it panicked over the offer"))
    }

    pub(crate) async fn perform(&self, order: Order) -> Result<Value, StepFailure> {
        let (done, end) = oneshot::channel();
        let body = Arc::clone(&self.body);
        let thread = std::thread::Builder::new().name(format!("agent {}", self.spec.agent_id));
        let started = thread.spawn(move || {
            // What is caught is dropped: the body's state is its own affair.
            let said = catch_unwind(AssertUnwindSafe(|| body(&order)));
            // Whoever waited may be gone.
            let _ = done.send(said.unwrap_or_else(|_| Err(internal("the agent panicked"))));
        });
        if let Err(error) = started {
            let reason = format!("cannot start the agent's thread: {error}");
            return Err(StepFailure::new(ErrorClass::TransientIo, reason));
        }
        end.await
            .unwrap_or_else(|_| Err(internal("the agent said nothing")))
    }
}

fn internal(reason: &str) -> StepFailure {
    StepFailure::new(ErrorClass::Internal, reason)
}

impl fmt::Debug for AgentFunction {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("AgentFunction")
            .field("spec", &self.spec)
            .finish_non_exhaustive()
    }
}
