//! Waiting for a place: how a run with a `concurrency` key comes to go on.

use crate::engine::Runs;
use crate::fault;
use crate::slots::{Asker, AtStart, Place, Slot, Slots, Ticket, of_plan};
use crate::submit::Prepared;
use rok_facades::runs::{CommandRequest, ErrorKind, RunsError, StopSignal, Verb};
use rok_kernel::{RunScope, RunState};
use rok_plan::OnLimit;
use rok_runner::{Clock as _, Message, ShardHandle, SystemClock};
use rok_vocabulary::{Actor, Epoch, RunId, RunPhase};
use std::collections::BTreeSet;
use std::io;
use std::path::Path;
use std::sync::mpsc::{Receiver, RecvTimeoutError};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

/// How often those that wait look whether a place is free: locks tell nobody
/// that they were let go.
const GLANCE: Duration = Duration::from_millis(150);

/// One run's wait for a place.
pub(crate) struct Waiting {
    slots: Slots,
    key: String,
    limit: u32,
    on_limit: OnLimit,
    asker: Asker,
    submitter: Actor,
    ancestors: Vec<RunId>,
    got: Mutex<Got>,
}

#[derive(Default)]
struct Got {
    slot: Option<Slot>,
    told: Option<String>,
    /// What was not shown yet.
    news: Option<String>,
    /// Why there will never be a place.
    never: Option<String>,
}

impl Waiting {
    /// The wait of a run that is about to be driven; `None` where it needs none.
    pub(crate) fn of(runs: &Runs, state: &RunState) -> Result<Option<Self>, RunsError> {
        let plan = state.plan().plan();
        let root = runs.store_of(state.run_id()).root().to_owned();
        let found = of_plan(plan, &root, &RunScope::new(state)).map_err(|error| unfit(&error))?;
        let (Some((slots, key)), Some(concurrency)) = (found, &plan.concurrency) else {
            return Ok(None);
        };
        Ok(Some(Self {
            slots,
            key,
            limit: concurrency.limit,
            on_limit: concurrency.on_limit,
            asker: Asker {
                run: state.run_id().clone(),
                created_at: state.created_at(),
            },
            submitter: state.submitter().clone(),
            ancestors: runs.ancestors(state),
            got: Mutex::default(),
        }))
    }

    fn got(&self) -> std::sync::MutexGuard<'_, Got> {
        self.got.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// It has a place that was taken for it before.
    pub(crate) fn hold(&self, slot: Slot) {
        self.got().slot = Some(slot);
    }

    pub(crate) fn has_place(&self) -> bool {
        self.got().slot.is_some()
    }

    /// What there is to tell, once.
    pub(crate) fn news(&self) -> Option<String> {
        self.got().news.take()
    }

    /// Why it will never have a place.
    pub(crate) fn never(&self) -> Option<String> {
        self.got().never.clone()
    }

    /// Waits until there is a place, or nobody cares any more.
    pub(crate) fn until_there_is_one(&self, runs: &Runs, wake: &ShardHandle, over: &Receiver<()>) {
        let mut line = None;
        let mut cancelled = BTreeSet::new();
        while !self.has_place() && self.never().is_none() {
            if let Err(error) = self.look(runs, &mut line, &mut cancelled) {
                self.got().never = Some(format!("its places cannot be used: {error}"));
            }
            wake.send(Message::Wake);
            if self.has_place() || over.recv_timeout(GLANCE) != Err(RecvTimeoutError::Timeout) {
                return;
            }
        }
    }

    fn look(
        &self,
        runs: &Runs,
        line: &mut Option<Ticket>,
        cancelled: &mut BTreeSet<RunId>,
    ) -> io::Result<()> {
        let holders = match self.slots.take(&self.asker)? {
            Place::Held(slot) => {
                self.got().slot = Some(slot);
                return Ok(());
            }
            Place::Taken(holders) => holders,
        };
        if line.is_none() {
            *line = Some(self.slots.wait(&self.asker)?);
        }
        let names: Vec<&str> = holders.iter().map(RunId::as_str).collect();
        let why = if names.is_empty() {
            format!("waits for its turn (concurrency key `{}`)", self.key)
        } else {
            let names = names.join(", ");
            format!(
                "waits for run {names} (concurrency key `{}`, limit {})",
                self.key, self.limit
            )
        };
        if let Some(own) = holders.iter().find(|run| self.ancestors.contains(run)) {
            let why = format!(
                "it would wait for run {own}, which waits for it (concurrency key `{}`)",
                self.key
            );
            self.got().never = Some(why);
            return Ok(());
        }
        let mut got = self.got();
        if got.told.as_ref() != Some(&why) {
            got.told = Some(why.clone());
            got.news = Some(why);
        }
        drop(got);
        let oldest = holders
            .first()
            .filter(|_| self.on_limit == OnLimit::CancelOldest);
        if let Some(oldest) = oldest.filter(|run| !cancelled.contains(*run)) {
            cancelled.insert(oldest.clone());
            let reason = format!(
                "run {} takes its place (concurrency key `{}`)",
                self.asker.run, self.key
            );
            let request = CommandRequest {
                verb: Verb::Cancel,
                actor: self.submitter.clone(),
                reason: Some(reason),
            };
            if let Err(error) = runs.command_run(oldest, request) {
                let news = format!("run {oldest} could not be cancelled: {}", error.message);
                self.got().news = Some(news);
            }
        }
        Ok(())
    }
}

impl Runs {
    /// Takes the place of a run before it exists, where its plan says that it is
    /// not to wait.
    pub(crate) fn place_or_reject(&self, prepared: &Prepared) -> Result<Option<Slot>, RunsError> {
        let plan = prepared.plan.plan();
        let known = AtStart {
            run: &prepared.run,
            plan,
            inputs: &prepared.spec.inputs,
            labels: &prepared.spec.labels,
            epoch: Epoch::FIRST,
        };
        // A key that has no value is told before the run exists.
        let found = of_plan(plan, &self.setup.root, &known).map_err(|error| unfit(&error))?;
        let rejects = plan.concurrency.as_ref();
        let rejects = rejects.is_some_and(|found| found.on_limit == OnLimit::Reject);
        let Some((slots, key)) = found.filter(|_| rejects) else {
            return Ok(None);
        };
        let asker = Asker {
            run: prepared.run.clone(),
            created_at: SystemClock.now(),
        };
        self.place_at_once(&slots, &key, &asker).map(Some)
    }

    fn place_at_once(&self, slots: &Slots, key: &str, asker: &Asker) -> Result<Slot, RunsError> {
        match slots
            .take(asker)
            .map_err(|error| unusable(&error, &self.setup.root))?
        {
            Place::Held(slot) => Ok(slot),
            Place::Taken(holders) => {
                let names: Vec<&str> = holders.iter().map(RunId::as_str).collect();
                let message = format!(
                    "no place is free for concurrency key `{key}`: {} has it",
                    names.join(", ")
                );
                Err(RunsError::new(ErrorKind::State, "ROK0120", message)
                    .help("wait for that run, or cancel it; `on_limit: queue` makes runs wait"))
            }
        }
    }

    /// An interrupted run goes on in a place of its own, as it did before.
    /// False: it was told to stop before there was one.
    pub(crate) fn place_again(&self, run: &RunId, stop: &StopSignal) -> Result<bool, RunsError> {
        let loaded = self.load(run)?;
        let state = loaded.state();
        if state.is_sealed() || state.phase() != RunPhase::Executing {
            return Ok(true);
        }
        let Some(waiting) = Waiting::of(self, state)? else {
            return Ok(true);
        };
        // Its own place is what it would wait for.
        let driver = self.home().driver(run);
        if let Some(driver) = driver.map_err(|error| fault::store(&error))? {
            return Err(fault::driven(format!("run {run} is driven by {driver}")));
        }
        if waiting.on_limit == OnLimit::Reject {
            let slot = self.place_at_once(&waiting.slots, &waiting.key, &waiting.asker)?;
            self.keep_place(run, slot);
            return Ok(true);
        }
        let (mut line, mut cancelled) = (None, BTreeSet::new());
        loop {
            let looked = waiting.look(self, &mut line, &mut cancelled);
            looked.map_err(|error| unusable(&error, &self.setup.root))?;
            if let Some(slot) = waiting.got().slot.take() {
                self.keep_place(run, slot);
                return Ok(true);
            }
            if let Some(why) = waiting.never() {
                return Err(RunsError::new(
                    ErrorKind::State,
                    "ROK0120",
                    format!("run {run}: {why}"),
                ));
            }
            if stop.is_stopped() {
                return Ok(false);
            }
            std::thread::sleep(GLANCE);
        }
    }

    /// The runs that a sub-run is within.
    pub(crate) fn ancestors(&self, state: &RunState) -> Vec<RunId> {
        let mut found = Vec::new();
        let parent = |state: &RunState| {
            let created = state.created()?;
            created.parent.as_ref().map(|parent| parent.run.clone())
        };
        let mut next = parent(state);
        while let Some(run) = next {
            next = self
                .load(&run)
                .ok()
                .and_then(|loaded| parent(loaded.state()));
            if found.contains(&run) {
                break;
            }
            found.push(run);
        }
        found
    }
}

pub(crate) fn unfit(error: &rok_expr::EvalError) -> RunsError {
    RunsError::new(
        ErrorKind::Usage,
        "ROK0109",
        format!("concurrency.key: {error}"),
    )
}

fn unusable(error: &io::Error, root: &Path) -> RunsError {
    let message = format!(
        "cannot use the places of runs in {}: {error}",
        root.display()
    );
    RunsError::new(ErrorKind::Storage, "ROK0106", message)
}
