//! Legal holds: a run that is held is never collected. Who held it, who
//! released it and why stands beside the log, a line each, and stays.

use crate::command::refuse_unfit_reason;
use crate::engine::Runs;
use crate::fault;
use crate::home::Home;
use crate::load::Loaded;
use crate::setup::{Governed, Needs};
use crate::submit::refuse_reason;
use rok_facades::runs::{ErrorKind, HeldView, HoldRequest, RunsError};
use rok_facades::{ActionRequest, GovernedAction, RunFacts};
use rok_runner::{Clock as _, SystemClock};
use rok_vocabulary::RunId;
use rustix::fs::OFlags;
use serde_json::Value;
use std::collections::BTreeMap;
use std::fs::{self, File, OpenOptions};
use std::io::{self, ErrorKind as IoErrorKind, Read as _, Write as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::Path;

/// The lines of a run's holds, in its folder.
pub(crate) const HOLDS: &str = "holds.jsonl";

/// More lines than these are no holds.
const MAX_HOLDS: u64 = 1 << 20;

/// Whether a run is held.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Held {
    No,
    /// By whom and why, in words.
    By(String),
}

/// What a run's holds come to. What cannot be read holds.
pub(crate) fn held(store: &Home, run: &RunId) -> Held {
    match lines(&store.run_dir(run).join(HOLDS)) {
        Ok(text) => match text.lines().next_back() {
            None => Held::No,
            Some(line) => match serde_json::from_str::<HeldView>(line) {
                Ok(hold) if hold.held => Held::By(format!("{}: {}", hold.actor, hold.reason)),
                Ok(_) => Held::No,
                Err(error) => Held::By(format!("its {HOLDS} cannot be read: {error}")),
            },
        },
        Err(error) if error.kind() == IoErrorKind::NotFound => Held::No,
        Err(error) => Held::By(format!("its {HOLDS} cannot be read: {error}")),
    }
}

fn lines(path: &Path) -> io::Result<String> {
    let mut text = String::new();
    let file = options().read(true).open(path)?;
    file.take(MAX_HOLDS).read_to_string(&mut text)?;
    Ok(text)
}

fn options() -> OpenOptions {
    let mut options = OpenOptions::new();
    let flags = OFlags::NOFOLLOW | OFlags::NONBLOCK;
    options.mode(0o600).custom_flags(flags.bits().cast_signed());
    options
}

/// Keeps holding and collecting apart, over all processes.
pub(crate) fn exclusively(root: &Path) -> Result<File, RunsError> {
    let path = root.join(".gc~");
    let locked = || -> io::Result<File> {
        let file = options().append(true).create(true).open(&path)?;
        file.lock()?;
        Ok(file)
    };
    locked().map_err(|error| {
        let message = format!("cannot lock {}: {error}", path.display());
        fault::folder(message)
    })
}

impl Runs {
    pub(crate) fn hold_run(
        &self,
        run: &RunId,
        request: &HoldRequest,
    ) -> Result<HeldView, RunsError> {
        refuse_unfit_reason(Some(&request.reason))?;
        let store = self.store_of(run);
        let loaded = self.load(run)?;
        store.make_dirs(run).map_err(|e| fault::store(&e))?;
        let plan = loaded.state().plan().clone();
        // A reason stands in a file for ever.
        if let Ok(secrets) = crate::submit::load_secrets(plan.plan(), None) {
            refuse_reason(&secrets, Some(&request.reason))?;
        }
        self.may_hold(&loaded, request)?;
        let _alone = exclusively(store.root())?;
        if store.stub(run).map_err(|e| fault::store(&e))?.is_some() {
            return Err(fault::store(&rok_log::StoreError::Collected {
                run: run.clone(),
            }));
        }
        match (held(&store, run), request.release) {
            (Held::By(by), false) => {
                return Err(state(format!("run {run} is held already ({by})")));
            }
            (Held::No, true) => return Err(state(format!("run {run} is not held"))),
            _ => {}
        }
        let hold = HeldView {
            at: SystemClock.now(),
            actor: request.actor.to_string(),
            held: !request.release,
            reason: request.reason.clone(),
        };
        append(&store.run_dir(run), &hold).map_err(|error| {
            let message = format!("run {run} cannot be held: {error}");
            fault::folder(message)
        })?;
        Ok(hold)
    }
}

impl Runs {
    /// Asks the policies that the run is governed by, as for any other command.
    fn may_hold(&self, loaded: &Loaded, request: &HoldRequest) -> Result<(), RunsError> {
        let state = loaded.state();
        let run = state.run_id();
        if !state.settings().contract.governs() {
            return Ok(());
        }
        let created = state.created();
        let cwd = created.and_then(|created| created.cwd.as_deref());
        let needs = Needs {
            processes: None,
            ..Needs::of(state.plan().plan(), cwd, 1)
        };
        let Governed { services, policies } = self.services(&needs)?;
        let of_run = created.and_then(|created| created.policies.as_deref());
        self.hold_same_policies(run, of_run, policies.as_deref())?;
        let (no_labels, no_inputs) = (BTreeMap::new(), Value::Null);
        let submitter_roles = self.setup.roles_of(state.submitter());
        let action = GovernedAction::Hold;
        let answer = services.authorize(&ActionRequest {
            actor: &request.actor,
            roles: &self.setup.roles_of(&request.actor),
            action,
            run: RunFacts {
                run,
                epoch: state.epoch(),
                plan: &state.plan().plan().id,
                labels: state.labels().unwrap_or(&no_labels),
                inputs: state.inputs().map_or(&no_inputs, |inputs| inputs),
                submitter: state.submitter(),
                roles: &submitter_roles,
                profile: state.settings().profile,
                created_at: state.created_at(),
                now: SystemClock.now(),
            },
            step: None,
            reason: Some(&request.reason),
            gate: None,
            hold: state.hold().map(|hold| hold.reason),
            budget_use: state.budget_use(),
        });
        if answer.granted {
            return Ok(());
        }
        let reasons: Vec<&str> = [answer.reason.as_str()]
            .into_iter()
            .chain(answer.errors.iter().map(String::as_str))
            .collect();
        Err(fault::denied(&action, &reasons.join("; ")))
    }
}

fn state(message: String) -> RunsError {
    RunsError::new(ErrorKind::State, "ROK0162", message)
}

/// Durable when this returns.
fn append(dir: &Path, hold: &HeldView) -> io::Result<()> {
    let path = dir.join(HOLDS);
    let torn = fs::read(&path).is_ok_and(|text| text.last().is_some_and(|byte| *byte != b'\n'));
    let mut line = serde_json::to_string(hold)?;
    line.push('\n');
    if torn {
        line.insert(0, '\n');
    }
    let mut file = options().append(true).create(true).open(&path)?;
    file.write_all(line.as_bytes())?;
    file.sync_all()?;
    File::open(dir)?.sync_all()
}
