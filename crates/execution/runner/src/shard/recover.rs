//! Taking a run over whose owner is gone: what it left is ended, put aside and
//! put back before the run is told.

use super::Shard;
use crate::error::RunnerError;
use crate::run_runner::RunRunner;
use crate::stock::{Stock, Unmendable};
use rok_artifacts::ArtifactError;
use rok_events::ArtifactLeft;
use rok_executor::{ExecutorError, Withdrawn};
use rok_kernel::{Input, Repair, StepIx};
use rok_log::Claim;
use rok_vocabulary::RunId;

/// What keeps a run from being taken over.
#[derive(Debug, thiserror::Error)]
pub enum RecoverError {
    /// Something of an earlier attempt is alive, and does not end.
    #[error(transparent)]
    Remains(#[from] ExecutorError),
    /// What attempts left cannot be put aside.
    #[error(transparent)]
    Stock(#[from] ArtifactError),
    /// What finished steps made cannot be put back.
    #[error(transparent)]
    Unmendable(#[from] Unmendable),
    /// The run cannot be driven.
    #[error(transparent)]
    Runner(#[from] RunnerError),
}

/// What a new owner found, and has dealt with.
#[derive(Debug)]
pub struct Found {
    /// What attempts left that nobody ended.
    pub stock: Stock,
    /// What lay in the place of what finished steps made.
    pub replaced: Vec<(StepIx, Vec<ArtifactLeft>)>,
}

impl Found {
    /// Tells the run what was put aside; after it has been told to go on.
    pub fn say(self, shard: &mut Shard, run: &RunId) {
        for (step, left) in self.stock.left.into_iter().chain(self.replaced) {
            shard.say(run, Input::Left { step, left });
        }
    }
}

/// What a claim had to drop, as the run is told.
#[must_use]
pub fn repair_of(claim: &Claim) -> Option<Repair> {
    claim.repaired.map(|repair| Repair {
        dropped_bytes: repair.dropped_bytes,
        dropped_lines: repair.dropped_lines,
    })
}

impl Shard {
    /// Ends whatever an earlier, dead owner left of a run's attempts; returns
    /// how many processes that were.
    pub fn stop_remains(&self, run: &RunId) -> Result<u32, ExecutorError> {
        let Some(runner) = self.runs.get(run) else {
            return Ok(0);
        };
        let Some(workspace) = runner.context().workspace.clone() else {
            return Ok(0);
        };
        let mut killed = 0;
        for executor in runner.services(&self.services).executors() {
            killed += executor.stop_remains(run, &workspace)?.killed.len();
        }
        Ok(killed as u32)
    }

    /// Tells whoever does work of a run elsewhere, for an earlier owner, that
    /// nobody will ask for it again.
    pub fn withdraw(&self, run: &RunId) -> Result<Vec<Withdrawn>, ExecutorError> {
        let mut withdrawn = Vec::new();
        if let Some(runner) = self.runs.get(run) {
            for executor in runner.services(&self.services).executors() {
                withdrawn.extend(executor.withdraw(run)?);
            }
        }
        Ok(withdrawn)
    }

    /// Puts aside what attempts left that nobody ended; their processes must
    /// be gone.
    pub fn take_stock(&self, run: &RunId) -> Result<Stock, ArtifactError> {
        self.runs
            .get(run)
            .map_or_else(|| Ok(Stock::default()), RunRunner::take_stock)
    }

    /// Holds what finished steps made against what lies there, and puts back
    /// what can be put back; gives what lay in its place, by step.
    pub fn mend(&self, run: &RunId) -> Result<Vec<(StepIx, Vec<ArtifactLeft>)>, Unmendable> {
        self.runs
            .get(run)
            .map_or_else(|| Ok(Vec::new()), RunRunner::mend)
    }

    /// Puts aside what attempts left that nobody ended, and puts back what
    /// finished steps made where it is missing or altered.
    pub fn look_over(&self, run: &RunId) -> Result<Found, RecoverError> {
        Ok(Found {
            stock: self.take_stock(run)?,
            replaced: self.mend(run)?,
        })
    }

    /// Ends what an earlier owner left, then goes on with the same epoch:
    /// attempts are lost, all else that is outstanding is performed again.
    /// `withdrawn` is what was told to end elsewhere, where no attempt follows.
    pub fn recover(
        &mut self,
        run: &RunId,
        owner: String,
        repaired: Option<Repair>,
        withdrawn: Vec<Withdrawn>,
    ) -> Result<(), RecoverError> {
        let killed = self.stop_remains(run)?;
        let mut found = self.look_over(run)?;
        if let Some(runner) = self.runs.get(run) {
            runner.note_withdrawn(withdrawn, &mut found.stock.lost);
        }
        let lost = std::mem::take(&mut found.stock.lost);
        self.say(
            run,
            Input::Recovered {
                owner,
                repaired,
                killed,
                lost,
            },
        );
        found.say(self, run);
        Ok(self.perform_outstanding(run)?)
    }
}
