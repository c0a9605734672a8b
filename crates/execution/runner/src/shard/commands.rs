//! Commands of a run: taken from its inbox, decided on, and answered once what
//! came of them is durable.

use super::{Shard, Told, Turn, panicked};
use crate::error::RunnerError;
use rok_kernel::Input;
use rok_log::Answer;
use rok_vocabulary::{CommandId, RunId, Seq};
use std::panic::{AssertUnwindSafe, catch_unwind};

/// The answer to a command of a run that broke.
pub(super) const CLOSED_BROKEN: &str = "rok failed while it drove the run: the run is being closed";

/// What became of a command.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum CommandOutcome {
    /// It is in the log.
    Accepted,
    /// It makes no sense, or a policy refuses it.
    Refused {
        /// Why.
        reason: String,
        /// Whether a policy refused it.
        denied: bool,
    },
}

impl CommandOutcome {
    pub(super) fn refused(reason: impl Into<String>) -> Self {
        Self::Refused {
            reason: reason.into(),
            denied: false,
        }
    }
}

/// A command that is decided on, and not answered yet.
pub(super) struct PendingAnswer {
    pub(super) run: RunId,
    id: CommandId,
    pub(super) outcome: CommandOutcome,
    seq: Seq,
}

impl Shard {
    /// Takes commands from a run's inbox.
    pub fn read_inbox(&mut self, run: &RunId) {
        // An unreadable inbox is looked at again with the next message.
        let Ok(commands) = self.store.take(run) else {
            return;
        };
        for command in commands {
            let Some(runner) = self.runs.get(run) else {
                return;
            };
            let roles: &[String] = if !command.roles.is_empty() {
                &command.roles
            } else if command.actor == runner.context().submitter {
                &runner.context().roles
            } else {
                &[]
            };
            let services = runner.services(&self.services);
            let made = catch_unwind(AssertUnwindSafe(|| {
                runner.command(&command, roles, &services)
            }));
            let outcome = match made {
                Ok(Ok(input)) => self.obey(run, input),
                Ok(Err(reason)) => CommandOutcome::refused(reason),
                Err(panic) => {
                    self.close_broken(run, &panicked(&*panic));
                    CommandOutcome::refused(CLOSED_BROKEN)
                }
            };
            let seq = self
                .runs
                .get(run)
                .map_or(Seq::FIRST, |runner| runner.state().next_seq());
            self.answers.push(PendingAnswer {
                run: run.clone(),
                id: command.id,
                outcome,
                seq,
            });
        }
    }

    fn obey(&mut self, run: &RunId, input: Input) -> CommandOutcome {
        let now = self.services.now();
        match self.tell(run, input, now) {
            Told::Taken(None) => CommandOutcome::Accepted,
            Told::Taken(Some(reason)) => CommandOutcome::Refused {
                reason,
                denied: true,
            },
            Told::Refused(rejected) => CommandOutcome::refused(rejected.to_string()),
            Told::Broke => CommandOutcome::refused(CLOSED_BROKEN),
            Told::Absent => CommandOutcome::refused("the run is not driven here"),
        }
    }

    /// Commands are answered once what came of them is durable.
    pub(super) fn answer_commands(&mut self, turn: &mut Turn) -> Result<(), RunnerError> {
        for PendingAnswer {
            run,
            id,
            outcome,
            seq,
        } in std::mem::take(&mut self.answers)
        {
            let answer = match &outcome {
                CommandOutcome::Accepted => Answer::accepted(Seq(seq.0.saturating_sub(1))),
                CommandOutcome::Refused { reason, denied } => {
                    let word = if *denied { "denied by policy: " } else { "" };
                    Answer::refused(format!("{word}{reason}"))
                }
            };
            if let Err(error) = self.store.done(&run, &id, &answer) {
                self.drop_all();
                return Err(error.into());
            }
            turn.commands.push((run, id, outcome));
        }
        Ok(())
    }
}
