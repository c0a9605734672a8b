//! One attempt of a step: offered, given, watched, and judged, from agent to
//! agent until one has done it or nobody is left.

use crate::config::RemoteAgent;
use crate::directory::{AgentDirectory, Reached, nonce};
use crate::function::AgentFunction;
use crate::orders::{OpenOrder, unheard};
use crate::proof::{self, Fault};
use crate::talk::{Talk, TalkError};
use rok_agents::{
    Accepted, Candidate, Happened, Limits, Move, Need, Offer, OfferAnswer, Order, Routing, Table,
    Taker, Watch, WorkResult, WorkStatus, judge, negotiate,
};
use rok_component::Outcome;
use rok_exec_http::headers::HeaderMap;
use rok_exec_http::{Flown, Known};
use rok_executor::{AgentRecord, AgentWork, StepFailure, StepSuccess, Usage};
use rok_vocabulary::{AgentId, AgentPlace, ErrorClass};
use serde_json::Value;
use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, PoisonError};
use std::time::{Duration, Instant};
use tokio::time::{sleep, timeout};

/// An agent may answer so much later than it was asked to, on a slow network.
const SLACK: Duration = Duration::from_secs(2);
/// The longest reason that is kept of an agent.
const MAX_REASON: usize = 4096;
/// The most that is kept of what work printed: it is written while others wait.
const MAX_LOG: usize = 1024 * 1024;

/// What an agent made of the step, or what happened instead.
type Done = Result<Result<StepSuccess, StepFailure>, Happened>;

/// One attempt of a step.
pub(crate) struct Attempt {
    pub(crate) directory: Arc<AgentDirectory>,
    pub(crate) work: AgentWork,
    /// The offer, but for its nonce.
    pub(crate) offer: Offer,
    pub(crate) headers: HeaderMap,
    pub(crate) known: Known,
    /// What is noted in the step's log.
    pub(crate) note: String,
    /// Raised where this machine is to do the work, and the end means nothing.
    pub(crate) handed_over: Arc<AtomicBool>,
}

impl Attempt {
    pub(crate) async fn perform(mut self) -> Flown {
        let end = self.routed().await;
        if let Err(failure) = &end
            && !self.handed_over.load(Ordering::Acquire)
        {
            let _ = writeln!(self.note, "failed: {}", failure.reason);
        }
        (end, self.note)
    }

    async fn routed(&mut self) -> Result<StepSuccess, StepFailure> {
        let need = self.work.need.clone();
        // The work of an earlier attempt may be under way somewhere.
        let again = self.offer.attempt.0 > 0 || self.offer.epoch.0 > 0;
        let key = again.then(|| self.offer.key.clone());
        let mut routing: Option<Routing> = None;
        loop {
            let holds = self.directory.look(Some(&need), key.as_deref()).await;
            let table = negotiate(&need, &candidates(&self.directory, &self.work, &holds));
            let route = match &mut routing {
                Some(route) => {
                    route.renew(&table);
                    route
                }
                none => none.insert(Routing::new(&need, self.work.idempotent, &table)),
            };
            let up = loop {
                let taker = match route.next() {
                    Move::Offer(taker) => taker.clone(),
                    Move::GiveUp(up) if up.busy => break up,
                    Move::GiveUp(up) => {
                        self.record(None, route);
                        return Err(StepFailure::new(up.class, up.reason));
                    }
                };
                self.record(Some(&taker), route);
                if self.is_this_machine(&taker) {
                    return Err(self.hand_over(&table, route));
                }
                let had = holds.contains(&taker.agent);
                match self.ask(&taker, had).await {
                    Ok(end) => return end,
                    Err(happened) => {
                        self.told(&taker.agent, &happened);
                        route.happened(happened);
                    }
                }
            };
            self.record(None, route);
            self.waits_for(&up.reason);
            self.directory.freed().await;
        }
    }

    fn is_this_machine(&self, taker: &Taker) -> bool {
        taker.agent.is_this_machine() && or_here(&self.work)
    }

    /// No agent does it. Why is told, where nobody was asked.
    fn hand_over(&mut self, table: &Table, route: &Routing) -> StepFailure {
        let why = route.tried().is_empty().then(|| route.why_nobody(table));
        let told = why.as_deref().unwrap_or("no agent does it");
        let _ = writeln!(self.note, "done here: {told}");
        let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(record) = &mut known.record.agent {
            record.reason = why;
        }
        self.handed_over.store(true, Ordering::Release);
        StepFailure::new(ErrorClass::Internal, "this machine does it")
    }

    /// Keeps who has the step and who had it, however it ends.
    fn record(&self, by: Option<&Taker>, route: &Routing) {
        let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        known.record.agent = Some(Box::new(AgentRecord {
            by: by.cloned(),
            tried: route.tried().to_vec(),
            ..AgentRecord::default()
        }));
    }

    /// Keeps what the step waits for, should it do so in vain.
    fn waits_for(&self, what: &str) {
        let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        known.waits = Some(what.to_owned());
        if let Some(record) = &mut known.record.agent {
            record.reason = Some(what.to_owned());
        }
    }

    fn told(&mut self, agent: &AgentId, happened: &Happened) {
        let what = match happened {
            Happened::Busy => "busy",
            Happened::Refused { why, .. }
            | Happened::Unreachable(why)
            | Happened::Silent(why)
            | Happened::Late { why, .. }
            | Happened::Forged(why)
            | Happened::QuorumLost(why) => why,
        };
        let _ = writeln!(self.note, "agent {agent}: {what}");
    }

    async fn ask(&mut self, taker: &Taker, had: bool) -> Done {
        let directory = Arc::clone(&self.directory);
        let Some(reached) = directory.reached(&taker.agent) else {
            return Err(Happened::Unreachable("it is not known any more".into()));
        };
        let spec = match reached {
            Reached::Function(function) => function.spec(),
            Reached::Remote(agent) => &agent.spec,
        };
        let Some(slot) = directory.hold(spec, had) else {
            return Err(Happened::Busy);
        };
        let offer = Offer {
            nonce: nonce().map_err(Happened::Unreachable)?,
            ..self.offer.clone()
        };
        let done = match reached {
            Reached::Function(function) => self.function(function, offer).await,
            Reached::Remote(agent) => self.remote(taker, agent, offer).await,
        };
        if matches!(done, Err(Happened::Busy)) {
            slot.was_none();
        }
        done
    }

    fn order(&self, offer: Offer) -> Order {
        Order {
            offer,
            with: self.work.with.clone(),
        }
    }

    async fn function(&mut self, function: &AgentFunction, offer: Offer) -> Done {
        self.accepted(&function.spec().agent_id, &function.consider(&offer))?;
        match function.perform(self.order(offer)).await {
            Ok(outputs) => Ok(success(outputs)),
            Err(failure) => Ok(Err(failure)),
        }
    }

    /// What an answer to the offer comes to; notes are kept.
    fn accepted(&mut self, agent: &AgentId, answer: &OfferAnswer) -> Result<(), Happened> {
        match judge(&self.offer.terms, answer) {
            Accepted::Yes { notes } => {
                let _ = writeln!(self.note, "agent {agent}: takes it");
                let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
                known.waits = None;
                if let Some(record) = &mut known.record.agent {
                    record.notes = notes;
                }
                Ok(())
            }
            Accepted::Busy => Err(Happened::Busy),
            Accepted::No { why, policy } => Err(Happened::Refused {
                why: shortened(&why),
                policy,
            }),
        }
    }

    async fn remote(&mut self, taker: &Taker, agent: &RemoteAgent, offer: Offer) -> Done {
        let directory = Arc::clone(&self.directory);
        if taker.place == AgentPlace::Remote {
            directory.quorum().map_err(Happened::QuorumLost)?;
        }
        directory.admit(agent).map_err(Happened::Unreachable)?;
        let done = self.given(agent, offer).await;
        let outcome = match &done {
            // An answer, whatever it says.
            Ok(_) | Err(Happened::Refused { .. } | Happened::Busy) => Some(Outcome::Succeeded),
            Err(Happened::Unreachable(_)) => Some(Outcome::Failed(ErrorClass::TransientIo)),
            Err(Happened::Silent(_)) => Some(Outcome::Failed(ErrorClass::WorkerLost)),
            Err(Happened::Late { .. }) => Some(Outcome::Failed(ErrorClass::Timeout)),
            Err(Happened::Forged(_) | Happened::QuorumLost(_)) => None,
        };
        if let Some(outcome) = outcome {
            directory.came(agent, outcome);
        }
        done
    }

    async fn given(&mut self, agent: &RemoteAgent, offer: Offer) -> Done {
        let directory = Arc::clone(&self.directory);
        let id = &agent.spec.agent_id;
        let unreachable = |error: &TalkError| {
            let why = error.to_string();
            directory.down(agent, &why);
            Happened::Unreachable(why)
        };
        let talk = directory
            .talk(agent, self.headers.clone())
            .map_err(|error| unreachable(&error))?;
        let limit = directory.file().offer_timeout;
        let answer = match timeout(limit, talk.offer(&offer)).await {
            Ok(Ok(answer)) => answer,
            Ok(Err(error)) => return Err(not_taken(&error).unwrap_or_else(|| unreachable(&error))),
            Err(_) => {
                let why = format!("no answer to the offer within {limit:?}");
                return Err(Happened::Late { why, begun: false });
            }
        };
        self.accepted(id, &answer)?;
        directory
            .ordered(agent, &offer)
            .map_err(Happened::Unreachable)?;
        // From here on it may have begun.
        let mut withdrawal = Withdrawal::armed(self, agent, &offer);
        match timeout(limit, talk.order(&self.order(offer.clone()))).await {
            // One that does not answer in time may have it all the same: it is
            // watched.
            Ok(Ok(())) | Err(_) => {}
            Ok(Err(error)) => {
                return Err(not_taken(&error).unwrap_or_else(|| {
                    let why = error.to_string();
                    directory.down(agent, &why);
                    Happened::Silent(why)
                }));
            }
        }
        self.supersede(&offer);
        let done = self.watched(agent, &talk, &offer).await;
        if done.is_ok() {
            withdrawal.disarm();
            directory.settled(&offer.run_id, &offer.nonce);
        }
        let done = done.and_then(|result| self.used(&result).map(|()| result));
        if let Ok(result) = &done {
            self.printed(&result.log);
        }
        match done {
            Ok(result) => Ok(ended(result)),
            Err(happened) => {
                match &happened {
                    Happened::Silent(why) => directory.down(agent, why),
                    Happened::Forged(why) => directory.quarantine(agent, why),
                    _ => {}
                }
                Err(happened)
            }
        }
    }

    /// What earlier attempts ordered of the same work, nobody waits for any more.
    fn supersede(&self, offer: &Offer) {
        let orders = self.directory.orders(&offer.run_id).unwrap_or_default();
        for order in orders {
            if order.key == offer.key && order.nonce != offer.nonce {
                let directory = Arc::clone(&self.directory);
                // What does not hear it now is told when the run is taken up.
                drop(tokio::spawn(
                    async move { directory.withdraw(&order).await },
                ));
            }
        }
    }

    /// Asks how the work goes, until it is over or the agent is given up.
    async fn watched(
        &self,
        agent: &RemoteAgent,
        talk: &Talk,
        offer: &Offer,
    ) -> Result<WorkResult, Happened> {
        let file = self.directory.file();
        let latency = self.work.max_latency.or(file.limits.latency);
        // A local agent is what is fallen back to: only its silence counts.
        let remote = agent.place == AgentPlace::Remote;
        let limits = Limits {
            latency: latency.filter(|_| remote),
            ..file.limits
        };
        let began = Instant::now();
        let mut watch = Watch::new(limits, Duration::ZERO);
        loop {
            let asked = began.elapsed();
            let patience = watch.patience(asked);
            let wait = file.heartbeat.min(patience);
            let status = timeout(patience.min(wait + SLACK), talk.status(&offer.nonce, wait)).await;
            let now = began.elapsed();
            match status {
                Ok(Ok(WorkStatus::Running { beat })) => watch.heard(beat, now),
                Ok(Ok(WorkStatus::Done { result })) => {
                    let id = &agent.spec.agent_id;
                    let read = proof::result(&result, agent.key.as_ref(), offer, id);
                    return read.map_err(|fault| match fault {
                        Fault::Foreign(why) => Happened::Forged(why),
                        Fault::Unread(why) => Happened::Silent(why),
                    });
                }
                Ok(Err(TalkError::Status { status, .. })) if status.as_u16() == 404 => {
                    let why = "it knows nothing of the work any more".to_owned();
                    return Err(Happened::Silent(why));
                }
                // Perhaps the next time.
                Ok(Err(_)) | Err(_) => {}
            }
            if let Some(happened) = watch.verdict(now) {
                return Err(happened);
            }
            // An agent need not wait for news: it is not asked more often.
            let pace = (asked + wait).saturating_sub(now);
            sleep(pace.min(watch.patience(now))).await;
        }
    }

    /// Takes what the work printed into the step's log, as far as it is the end
    /// of it.
    fn printed(&mut self, log: &str) {
        let from = log.len().saturating_sub(MAX_LOG);
        let from = (from..log.len()).find(|at| log.is_char_boundary(*at));
        let Some(end) = from.map(|from| &log[from..]) else {
            return;
        };
        if end.len() < log.len() {
            let _ = writeln!(self.note, "… (the end of {} bytes)", log.len());
        }
        self.note.push_str(end);
        if !end.ends_with('\n') {
            self.note.push('\n');
        }
    }

    /// Keeps what the work used; what makes no sense is not counted, and the
    /// result not taken.
    fn used(&self, result: &WorkResult) -> Result<(), Happened> {
        let usage = &result.usage;
        let sound = |amount: f64| amount.is_finite() && amount >= 0.0;
        if !sound(usage.cost_usd) || !sound(usage.energy_kwh) {
            let why = "its result is refused: what it used makes no sense".to_owned();
            return Err(Happened::Silent(why));
        }
        let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        known.usage = Usage {
            cost_usd: usage.cost_usd,
            energy_kwh: usage.energy_kwh,
            tokens: usage.tokens,
            ..Usage::default()
        };
        Ok(())
    }
}

/// A refusal by status; `None` where that says nothing about the step.
fn not_taken(error: &TalkError) -> Option<Happened> {
    match error {
        TalkError::Status { status, .. } if matches!(status.as_u16(), 429 | 503) => {
            Some(Happened::Busy)
        }
        TalkError::Status { status, .. } if status.is_client_error() => Some(Happened::Refused {
            why: error.to_string(),
            policy: false,
        }),
        TalkError::Nonsense(_) => Some(Happened::Refused {
            why: error.to_string(),
            policy: false,
        }),
        _ => None,
    }
}

fn ended(result: WorkResult) -> Result<StepSuccess, StepFailure> {
    match result.error {
        Some(error) => Err(StepFailure::new(error.class, shortened(&error.reason))),
        None => success(result.outputs),
    }
}

fn success(outputs: Value) -> Result<StepSuccess, StepFailure> {
    if !outputs.is_object() && !outputs.is_null() {
        let reason = "the agent's outputs are no JSON object";
        return Err(StepFailure::new(ErrorClass::ValidationFailed, reason));
    }
    Ok(StepSuccess {
        outputs,
        artifacts: Vec::new(),
    })
}

fn shortened(text: &str) -> String {
    match text.char_indices().nth(MAX_REASON) {
        Some((at, _)) => format!("{}…", &text[..at]),
        None => text.to_owned(),
    }
}

/// Tells an agent that its result is not waited for any more, however the wait
/// ends; the attempt is reported when it heard it, or did not.
struct Withdrawal {
    directory: Arc<AgentDirectory>,
    known: Known,
    order: Option<OpenOrder>,
}

impl Withdrawal {
    fn armed(attempt: &Attempt, agent: &RemoteAgent, offer: &Offer) -> Self {
        Self {
            directory: Arc::clone(&attempt.directory),
            known: Arc::clone(&attempt.known),
            order: Some(OpenOrder::new(agent, offer)),
        }
    }

    fn disarm(&mut self) {
        self.order = None;
    }
}

impl Drop for Withdrawal {
    fn drop(&mut self) {
        let (Some(order), Ok(runtime)) = (self.order.take(), tokio::runtime::Handle::try_current())
        else {
            return;
        };
        let (directory, known) = (Arc::clone(&self.directory), Arc::clone(&self.known));
        let told = runtime.spawn(async move {
            let Err(why) = directory.withdraw(&order).await else {
                return;
            };
            let mut known = known.lock().unwrap_or_else(PoisonError::into_inner);
            // Where another one has the step by now, that is on record as it is.
            let had = known.record.agent.as_mut().filter(|record| {
                let by = record.by.as_ref();
                by.is_some_and(|by| by.agent == order.agent)
            });
            if let Some(record) = had {
                record.reason = Some(unheard(&why));
            }
        });
        let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        known.farewells.push(told);
    }
}

/// Whether this machine stands in where no agent does the work.
pub(crate) fn or_here(work: &AgentWork) -> bool {
    work.process.as_ref().is_some_and(|given| given.or_here)
}

/// Who might do the work.
pub(crate) fn candidates(
    directory: &AgentDirectory,
    work: &AgentWork,
    holds: &BTreeSet<AgentId>,
) -> Vec<Candidate> {
    let mut all = directory.candidates(holds);
    all.extend(or_here(work).then(Candidate::this_machine));
    all
}

/// The need of a step, with what the file says where the step says nothing.
pub(crate) fn need(work: &AgentWork, directory: &AgentDirectory) -> Need {
    Need {
        federation: work.federation.unwrap_or(directory.file().federation),
        ..work.need.clone()
    }
}
