//! Taking stock: what a new owner finds of attempts that nobody has ended, and
//! whether what finished steps made is still there.

use crate::run_runner::RunRunner;
use crate::stage::{Files, StepFiles, Upstream};
use rok_artifacts::ArtifactError;
use rok_events::{ArtifactLeft, StepEndData};
use rok_executor::LogRecord;
use rok_kernel::{Effect, LostAttempt, StepIx};
use rok_vocabulary::{Attempt, Epoch, StepId, StepRef, StepState};

/// What a new owner finds.
#[derive(Debug, Default)]
pub struct Stock {
    /// Attempts that ran when the last owner went.
    pub lost: Vec<LostAttempt>,
    /// What lay about of attempts that were given up before.
    pub left: Vec<(StepIx, Vec<ArtifactLeft>)>,
}

/// What finished steps made is not there any more, and cannot be put back.
#[derive(Debug, thiserror::Error)]
#[error("{path} of step `{step}` is missing or altered, and cannot be put back", path = .artifact.path, step = .artifact.step)]
pub struct Unmendable {
    /// The artifact.
    pub artifact: Box<Upstream>,
    /// Why not.
    #[source]
    pub source: ArtifactError,
}

impl RunRunner {
    /// Puts aside what attempts left that nobody ended. Their processes must
    /// be gone.
    pub(crate) fn take_stock(&self) -> Result<Stock, ArtifactError> {
        let mut stock = Stock::default();
        let Some(files) = self.context().files.clone() else {
            return Ok(stock);
        };
        let state = self.state();
        for effect in state.outstanding() {
            let Effect::StartStep { step, attempt } = effect else {
                continue;
            };
            let of = self.attempt_ref(step, attempt).step;
            let (log, left) = self.give_up(&files, step, &of)?;
            let data = StepEndData {
                log_bytes: log.as_ref().map(|log| log.bytes),
                log_sha256: log.and_then(|log| log.sha256),
                ..StepEndData::default()
            };
            stock.lost.push(LostAttempt {
                step,
                data: Box::new(data),
                left,
            });
        }
        for of in files.noted() {
            let Some(step) = self.find(&of.step) else {
                continue;
            };
            let running = self.attempt_ref(step, of.attempt).step == of
                && state.step(step).state == StepState::Running;
            if state.step(step).state == StepState::Succeeded || running {
                files.forget(&of);
                continue;
            }
            let (_, left) = self.give_up(&files, step, &of)?;
            if !left.is_empty() {
                stock.left.push((step, left));
            }
        }
        Ok(stock)
    }

    fn give_up(
        &self,
        files: &Files,
        ix: StepIx,
        of: &StepRef,
    ) -> Result<(Option<LogRecord>, Vec<ArtifactLeft>), ArtifactError> {
        let state = self.state();
        let began = state.step(ix).started_at.unwrap_or(state.last_at());
        // Without its declarations it can have made nothing of them.
        let step = self.step_files(ix).unwrap_or_else(|| StepFiles {
            declared: Vec::new(),
            roots: self.roots(None),
            upstream: Vec::new(),
            reads: Vec::new(),
            inputs: None,
        });
        let lost = files.lost(of, began, &step, self.masker())?;
        Ok((lost.log, lost.left))
    }

    /// Holds what finished steps made against what lies there, and puts back
    /// what can be put back; gives what lay in its place, by step.
    pub(crate) fn mend(&self) -> Result<Vec<(StepIx, Vec<ArtifactLeft>)>, Unmendable> {
        let Some(files) = &self.context().files else {
            return Ok(Vec::new());
        };
        if self.state().rollback().is_some() {
            // What is being undone is not to be put back.
            return Ok(Vec::new());
        }
        let mut out = Vec::new();
        for ix in self.made().steps(self.state()) {
            let artifacts = self.made().of_step(ix, self.state());
            let id = self.state().step_id(ix);
            let of = StepRef {
                epoch: self.state().epoch(),
                step: id,
                attempt: self.state().step(ix).attempt,
                compensates: false,
            };
            let aside = files.aside(&of).join("found");
            let left =
                files
                    .mend(&artifacts, &aside, self.masker())
                    .map_err(|(artifact, source)| Unmendable {
                        artifact: Box::new(artifact),
                        source,
                    })?;
            if !left.is_empty() {
                out.push((ix, left));
            }
        }
        Ok(out)
    }
}

impl Files {
    /// The attempts of which it is noted what stood there before.
    fn noted(&self) -> Vec<StepRef> {
        let entries = std::fs::read_dir(&self.notes).into_iter().flatten();
        let names = entries.flatten().map(|entry| entry.file_name());
        let mut noted: Vec<StepRef> = names.filter_map(|name| parse(name.to_str()?)).collect();
        noted.sort_by(|a, b| (a.epoch, &a.step, a.attempt).cmp(&(b.epoch, &b.step, b.attempt)));
        noted
    }

    /// Forgets what stood there before an attempt.
    pub(crate) fn forget(&self, attempt: &StepRef) {
        // What stays is looked at by the next owner, who finds it settled.
        let _ = std::fs::remove_file(self.note(attempt));
    }
}

/// `STEP.ATTEMPT[.eN].json`
fn parse(name: &str) -> Option<StepRef> {
    let mut parts = name.strip_suffix(".json")?.split('.');
    let step: StepId = parts.next()?.parse().ok()?;
    let attempt = Attempt(parts.next()?.parse().ok()?);
    let epoch = match parts.next() {
        None => Epoch(0),
        Some(epoch) => Epoch(epoch.strip_prefix('e')?.parse().ok()?),
    };
    parts.next().is_none().then_some(StepRef {
        epoch,
        step,
        attempt,
        compensates: false,
    })
}
