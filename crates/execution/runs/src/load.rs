//! A run read from its folder, without its lock: plan, state and history.

use crate::fault;
use crate::home::{Home, Proven};
use crate::submit::results;
use crate::vouched::Vouched;
use rok_chain::Digest;
use rok_events::{Body, CreatedData, Event, decode};
use rok_facades::runs::{ErrorKind, RunsError};
use rok_kernel::{CompiledPlan, RunState};
use rok_log::LogBytes;
use rok_projections::{History, Replay};
use rok_vocabulary::RunId;
use std::path::PathBuf;
use std::sync::Arc;

/// A run as its folder tells it.
pub(crate) struct Loaded {
    pub(crate) replay: Replay,
    pub(crate) dir: PathBuf,
}

impl Loaded {
    /// The run, and who drives it now, in words.
    pub(crate) fn read_driven(
        store: &Home,
        run: &RunId,
    ) -> Result<(Self, Option<String>), RunsError> {
        let driver = || store.driver(run).map_err(|error| fault::store(&error));
        if !store.is_shared() {
            // Before the log: who lets go of a run has written its end by then.
            let driver = driver()?;
            return Ok((Self::read(store, run)?, driver));
        }
        loop {
            let loaded = Self::read(store, run)?;
            // A claim that is about to be let go says nothing of a closed run,
            // and whoever asks for it waits until it is.
            if loaded.state().phase().is_terminal() {
                return Ok((loaded, None));
            }
            let driver = driver()?;
            let next = store.next_seq(run).map_err(|error| fault::store(&error))?;
            // Else who drove it has written more, and let it go.
            if driver.is_some() || next == loaded.state().next_seq() {
                return Ok((loaded, driver));
            }
        }
    }

    pub(crate) fn read(store: &Home, run: &RunId) -> Result<Self, RunsError> {
        let vouched = Vouched::read(store, run);
        // Whoever tells a run's state vouches for it.
        let log = match store.proven(run).map_err(|error| fault::store(&error))? {
            Proven::Intact(log) => log,
            Proven::Broken(fault) => {
                let message = format!("the log of run {run} is not what was written: {fault}");
                return Err(RunsError::new(ErrorKind::Protocol, "ROK0105", message)
                    .help("`rok verify` tells more; `rok events` shows what stands there"));
            }
        };
        vouched.hold(run, &log.bytes)?;
        let (plan, _) = plan_of(store, run, &log)?;
        let mut replay = Replay::new(plan, run.clone()).with_contents(results(store));
        replay.lines(&log.bytes).map_err(|error| {
            let message = format!(
                "the log of run {run} cannot be replayed: {}",
                fault::chain(&error)
            );
            RunsError::new(ErrorKind::Protocol, "ROK0105", message)
                .help("`rok verify` names what is wrong")
        })?;
        Ok(Self {
            replay,
            dir: store.run_dir(run),
        })
    }

    pub(crate) fn state(&self) -> &RunState {
        self.replay.state()
    }

    pub(crate) fn history(&self) -> &History {
        self.replay.history()
    }
}

fn broken(run: &RunId, what: &str) -> RunsError {
    RunsError::new(ErrorKind::Protocol, "ROK0105", format!("run {run}: {what}"))
        .help("`rok verify` names what is wrong")
}

/// The plan that a run was created with, checked against the digest in its log.
pub(crate) fn plan_of(
    store: &Home,
    run: &RunId,
    log: &LogBytes,
) -> Result<(Arc<CompiledPlan>, CreatedData), RunsError> {
    let created = created_of(run, log).map_err(|what| broken(run, &format!("line 1 {what}")))?;
    let plan = plan_by(store, run, &created)?;
    Ok((plan, created))
}

/// The first event of a log.
pub(crate) fn event_of(run: &RunId, log: &LogBytes) -> Result<Event, String> {
    let first = log.lines().next().ok_or("is missing")?;
    let event =
        decode(first, run).map_err(|error| format!("cannot be read: {}", fault::chain(&error)))?;
    Ok(event.event)
}

/// What the first line of a log says, or what is wrong with that line.
pub(crate) fn created_of(run: &RunId, log: &LogBytes) -> Result<CreatedData, String> {
    match event_of(run, log)?.body {
        Body::RunCreated { data, .. } => Ok(*data),
        _ => Err("is no run.created".into()),
    }
}

/// The plan beside a log, checked against the digest in it.
pub(crate) fn plan_by(
    store: &Home,
    run: &RunId,
    data: &CreatedData,
) -> Result<Arc<CompiledPlan>, RunsError> {
    let broken = |what: String| broken(run, &what);
    let digest: Digest = data
        .plan
        .sha256
        .parse()
        .map_err(|_| broken("line 1 names no plan digest".into()))?;
    let bytes = store
        .document(run, digest)
        .map_err(|error| fault::store(&error))?;
    let bytes = bytes.ok_or_else(|| broken("its plan.json is gone".into()))?;
    if Digest::of(&bytes) != digest {
        return Err(broken(
            "its plan.json is not the plan that the log names".into(),
        ));
    }
    let read = || {
        let plan = rok_plan::parse(&bytes, "plan.json")
            .map_err(|error| broken(format!("its plan.json cannot be read: {error}")))?;
        CompiledPlan::new(plan, digest.to_hex())
            .map_err(|error| broken(format!("its plan.json is no plan: {error}")))
    };
    match store.plans() {
        Some(plans) => plans.recorded((digest, &bytes), read),
        None => read(),
    }
}
