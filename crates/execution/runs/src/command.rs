//! Commands: to whoever drives the run, or, where nobody does, taken here: the
//! lock is taken, the run turns once, and is let go.

use crate::engine::Runs;
use crate::fault;
use crate::home::Home;
use crate::submit::{load_secrets, refuse_reason};
use rok_facades::runs::{CommandAnswer, CommandRequest, ErrorKind, RunsError, Verb};
use rok_kernel::{RunState, StepIx};
use rok_log::{Answer, Command, CommandKind, REASON_MAX, Verdict};
use rok_runner::{Clock, RunRunner, RunnerError, SystemClock, repair_of};
use rok_vocabulary::{RunId, RunPhase, StepState};
use std::time::{Duration, Instant};

/// How long an owner may take to answer before it is said to be delivered only.
const PATIENCE: Duration = Duration::from_secs(10);
/// How long that lasts where nobody drives the run: a server over the database
/// looks twice a second, so that none is up once this has passed.
const UNDRIVEN: Duration = Duration::from_secs(3);

impl Runs {
    pub(crate) fn command_run(
        &self,
        run: &RunId,
        request: CommandRequest,
    ) -> Result<CommandAnswer, RunsError> {
        refuse_unfit_reason(request.reason.as_deref())?;
        let store = self.store_of(run);
        let loaded = self.load(run)?;
        refuse_early(loaded.state(), &request.verb, self.is_pooled())?;
        // Whoever decides need not know the secrets; what is known is looked for.
        if let Ok(secrets) = load_secrets(loaded.state().plan().plan(), None) {
            refuse_reason(&secrets, request.reason.as_deref())?;
        }
        let roles = self.setup.roles_of(&request.actor);
        let command = command(request, roles);
        let watch = store
            .watch_answers(run)
            .map_err(|error| fault::store(&error))?;
        store
            .put(run, &command)
            .map_err(|error| fault::store(&error))?;
        let asked = Instant::now();
        loop {
            // Where a pool drives, it takes what waits too.
            if !self.is_pooled() {
                match self.take_here(run, &command)? {
                    Taken::Obeyed | Taken::Unwritten => {
                        return Self::answered(&store, run, &command, false);
                    }
                    Taken::Held => {}
                }
            }
            let patience = match store.driver(run) {
                Ok(None) => UNDRIVEN,
                Ok(Some(_)) | Err(_) => PATIENCE,
            };
            let step = Duration::from_secs(1).min(patience.saturating_sub(asked.elapsed()));
            let answer = store
                .answer(run, &command.id)
                .map_err(|error| fault::store(&error))?;
            if answer.is_some() {
                return Self::answered(&store, run, &command, true);
            }
            if step.is_zero() {
                return Ok(unanswered(&store, run));
            }
            watch
                .wait(Some(step))
                .map_err(|error| fault::store(&error))?;
        }
    }

    /// Lays a command into a run's inbox, and waits for nothing.
    pub(crate) fn put_command(
        &self,
        run: &RunId,
        request: CommandRequest,
    ) -> Result<(), RunsError> {
        let command = command(request, Vec::new());
        let put = self.home().put(run, &command);
        put.map_err(|error| fault::store(&error))
    }

    /// Takes the run, if nobody has it, and obeys.
    fn take_here(&self, run: &RunId, command: &Command) -> Result<Taken, RunsError> {
        let (mut shard, claim) = match self.take_over(run, None) {
            Ok(taken) => taken,
            Err(error) if error.kind == ErrorKind::Busy => return Ok(Taken::Held),
            Err(error) if error.code == "ROK0106" => return Ok(Taken::Unwritten),
            Err(error) => return Err(error),
        };
        let repaired = repair_of(&claim);
        shard.drain(run);
        let cancels = command.kind == CommandKind::Cancel;
        let unfinished = shard.run(run).is_some_and(|runner| {
            let state = runner.state();
            // What a dead owner was about is dealt with first: without that, a
            // cancelled run would stay open, and nobody would close it; and the
            // clock of one that executes would count the time without an owner.
            (cancels && !state.outstanding().is_empty())
                || (state.phase() == RunPhase::Executing && state.hold().is_none())
        });
        let unwritten = |error: RunnerError| match error {
            RunnerError::Store(_) => Ok(Taken::Unwritten),
            error => Err(fault::runner(&error)),
        };
        let result = (|| {
            if repaired.is_some() || unfinished {
                let withdrawn = if cancels {
                    Self::withdraw(&shard, run)?
                } else {
                    Vec::new()
                };
                Self::say_recovered(&mut shard, run, repaired, withdrawn)?;
                if cancels {
                    // They are cancelled with it, and by nobody else.
                    shard.go_on_with_sub_runs(run);
                }
                if let Err(error) = shard.turn() {
                    return unwritten(error);
                }
            }
            shard.read_inbox(run);
            loop {
                if let Err(error) = shard.turn() {
                    return unwritten(error);
                }
                let sub_runs = cancels && shard.run(run).is_some_and(has_sub_runs);
                if !shard.is_busy() && !sub_runs {
                    return Ok(Taken::Obeyed);
                }
                shard.wait();
            }
        })();
        shard.release(run);
        result
    }

    fn answered(
        store: &Home,
        run: &RunId,
        command: &Command,
        by_owner: bool,
    ) -> Result<CommandAnswer, RunsError> {
        let answer = store
            .answer(run, &command.id)
            .map_err(|error| fault::store(&error))?;
        match answer {
            Some(Answer {
                verdict: Verdict::Accepted | Verdict::Absorbed,
                ..
            }) => Ok(CommandAnswer::Done { by_owner }),
            Some(Answer {
                verdict: Verdict::Refused,
                reason,
                ..
            }) => {
                let reason = reason.unwrap_or_else(|| "it makes no sense now".into());
                Err(match reason.strip_prefix("denied by policy: ") {
                    Some(why) => fault::denied(&command.kind, why),
                    None => RunsError::new(ErrorKind::State, "ROK0112", reason),
                })
            }
            None => Ok(unanswered(store, run)),
        }
    }
}

/// What became of an attempt to obey here.
enum Taken {
    /// It was obeyed.
    Obeyed,
    /// Somebody has the run.
    Held,
    /// The store cannot be written now. The command is in it already, and
    /// whoever takes the run up once it can obeys.
    Unwritten,
}

/// What is so of a command that lies in the inbox.
fn unanswered(store: &Home, run: &RunId) -> CommandAnswer {
    match store.driver(run) {
        Ok(Some(_)) => CommandAnswer::Delivered,
        // Where that cannot be told, nobody can drive it either.
        Ok(None) | Err(_) => CommandAnswer::Waits,
    }
}

/// A reason is kept for ever and read by people: some words, no book.
pub(crate) fn refuse_unfit_reason(reason: Option<&str>) -> Result<(), RunsError> {
    let Some(reason) = reason else { return Ok(()) };
    let bytes = reason.len();
    if reason.trim().is_empty() {
        let message = "the reason is empty";
        return Err(RunsError::new(ErrorKind::Usage, "ROK0112", message)
            .help("say why, in a few words: the record keeps it"));
    }
    if bytes > REASON_MAX {
        let message = format!("the reason is {bytes} bytes long, and the limit is {REASON_MAX}");
        return Err(RunsError::new(ErrorKind::Usage, "ROK0112", message)
            .help("say it in fewer words, and name the document that says the rest"));
    }
    Ok(())
}

/// What can be told without asking the owner.
fn refuse_early(state: &RunState, verb: &Verb, is_pooled: bool) -> Result<(), RunsError> {
    let (run, phase) = (state.run_id(), state.phase());
    // A server alone drives the runs of a database.
    let of_server = if is_pooled { " --server URL" } else { "" };
    // Only what follows a seal reaches a closed run.
    if phase.is_terminal() && !matches!(verb, Verb::Override(_)) {
        let help = match phase {
            RunPhase::Failed => {
                format!(
                    "`rok resume {run}{of_server}` begins the next epoch, where that is allowed"
                )
            }
            _ => "start a new run".into(),
        };
        return Err(RunsError::new(
            ErrorKind::State,
            "ROK0113",
            format!("run {run} is closed: it is {phase}"),
        )
        .help(help));
    }
    if let Verb::Approve(step) | Verb::Reject(step) | Verb::Override(step) = verb
        && state.find(step.as_str()).is_none()
    {
        return Err(fault::unknown_step_of(state, step.as_str()));
    }
    Ok(())
}

fn command(request: CommandRequest, roles: Vec<String>) -> Command {
    let (kind, step) = match request.verb {
        Verb::Approve(step) => (CommandKind::Approve, Some(step)),
        Verb::Reject(step) => (CommandKind::Reject, Some(step)),
        Verb::Cancel => (CommandKind::Cancel, None),
        Verb::Pause => (CommandKind::Pause, None),
        Verb::Unpause => (CommandKind::Unpause, None),
        Verb::Override(step) => (CommandKind::Override, Some(step)),
    };
    let id = uuid::Uuid::now_v7().hyphenated().to_string();
    Command {
        id: id.parse().expect("a UUID is a command id"),
        kind,
        step,
        reason: request.reason,
        actor: request.actor,
        roles,
        at: SystemClock.now(),
    }
}

/// Whether runs do the work of steps that have not ended.
fn has_sub_runs(runner: &RunRunner) -> bool {
    let state = runner.state();
    let runs = |ix: &StepIx| state.step(*ix).state == StepState::Running && state.is_sub_run(*ix);
    let mut places = state.places();
    !state.is_sealed() && { places.find(runs) }.is_some()
}
