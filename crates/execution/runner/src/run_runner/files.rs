//! A run's attempts and the files around them: what an attempt declares and
//! finds, and its report as an input.

use super::RunRunner;
use crate::cache::{CacheAnswer, InputsBase};
use crate::made::{Made, cwd_of};
use crate::services::Services;
use crate::stage::{Files, Job, StepFiles, key_of};
use rok_artifacts::{Declared, Digest, Emitted, Place, Quarantined, Roots, quarantine_file};
use rok_events::{
    ArtifactLeft, ArtifactMade, ArtifactPlace, Body, CachedData, ContentRef, Event, InputsHash,
    StepEndData, UsageData,
};
use rok_executor::{AttemptRef, PreflightFault, StepFailure, StepReport, StepResult, is_inline};
use rok_kernel::{Input, ResolvedArtifact, ResolvedStep, StepDone, StepEnd, StepIx, StepSuccess};
use rok_vocabulary::{Attempt, ErrorClass, StepRef};
use serde_json::Value;
use std::sync::Arc;

impl RunRunner {
    pub(super) fn note_made(&mut self, event: &Event) {
        let artifacts = self.context.files.as_ref().map(|files| &*files.artifacts);
        self.made.note(event, self.kernel.state(), artifacts);
    }

    pub(crate) const fn made(&self) -> &Made {
        &self.made
    }

    /// What became durable: an attempt that has ended leaves no note.
    pub(crate) fn settled(&self, events: &[Event]) {
        let Some(files) = &self.context.files else {
            return;
        };
        for event in events {
            self.keep_result(event);
        }
        for event in events {
            if let Body::StepSucceeded { step, attempt, .. }
            | Body::StepFailed { step, attempt, .. } = &event.body
                && let Some(ix) = self.find(step)
                && !self.state().definition(ix).artifacts.is_empty()
            {
                files.forget(&StepRef {
                    epoch: event.epoch,
                    step: step.clone(),
                    attempt: *attempt,
                    compensates: false,
                });
            }
        }
    }

    /// A durable result of a step that may be cached is kept for later runs.
    fn keep_result(&self, event: &Event) {
        let Body::StepSucceeded { step, data, .. } = &event.body else {
            return;
        };
        let (Some(cache), Some(key), None) =
            (&self.context.cache, &data.inputs_sha256, &data.cached)
        else {
            return;
        };
        if self
            .find(step)
            .is_some_and(|ix| self.state().definition(ix).cache)
        {
            cache.keep(key, self.state().run_id(), step, event.seq);
        }
    }

    /// What must be done around an attempt of a step; `None`: nothing.
    pub(super) fn staged(&self, ix: StepIx, recorded: bool) -> Option<(Arc<Files>, StepFiles)> {
        let step = self.state().definition(ix);
        let comes_of_files = step.cache || !step.reads.is_empty();
        let upstream = self.made.before(ix, self.state());
        if step.artifacts.is_empty() && upstream.is_empty() && !comes_of_files && !recorded {
            return None;
        }
        // Without a folder, artifacts are the executor's own affair.
        let files = self.context.files.as_ref()?;
        // What cannot be resolved has been refused with the request.
        let resolved = self.state().resolve(ix).ok()?;
        let inputs = comes_of_files.then(|| InputsBase {
            step: resolved.digest().to_hex(),
            before: self.made.results_before(ix, self.state()),
            looks: step.cache && !self.state().settings().no_cache,
        });
        let step = self.files_of(resolved);
        let step = StepFiles {
            upstream,
            inputs,
            ..step
        };
        Some((Arc::clone(files), step))
    }

    /// What the cache says of a step now; `None` where the step asks for none,
    /// or what it comes of is not known yet. Looks, and changes nothing.
    #[must_use]
    pub fn look_in_cache(
        &self,
        ix: StepIx,
        services: &Services,
    ) -> Option<Result<CacheAnswer, StepFailure>> {
        let step = self.state().definition(ix);
        let cache = self.context.cache.as_ref().filter(|_| step.cache)?;
        let request = self.request(ix, Attempt::FIRST).ok()?;
        if self
            .breached(ix, &request)
            .is_some_and(|found| found.blocked)
        {
            return None;
        }
        let executor = Arc::clone(services.executor_for(&request.work)?);
        let (files, step) = self.staged(ix, false)?;
        let job = Job {
            request,
            executor,
            sink: Arc::new(|_: StepReport| {}),
            files,
            step,
            masker: self.masker.clone(),
            cache: None,
            recorded: None,
        };
        match key_of(&job) {
            Ok(key) => Some(Ok(cache.find(&key?))),
            Err(failure) => Some(Err(failure)),
        }
    }

    /// What a step declares, and where; `None` where its expressions cannot be
    /// evaluated.
    pub(crate) fn step_files(&self, ix: StepIx) -> Option<StepFiles> {
        Some(self.files_of(self.state().resolve(ix).ok()?))
    }

    fn files_of(&self, resolved: ResolvedStep) -> StepFiles {
        StepFiles {
            roots: self.roots(resolved.cwd.as_deref()),
            declared: resolved.artifacts.into_iter().map(declared).collect(),
            reads: resolved.reads.into_iter().map(declared).collect(),
            upstream: Vec::new(),
            inputs: None,
        }
    }

    pub(crate) fn roots(&self, cwd: Option<&str>) -> Roots {
        let files = self.context.files.as_ref();
        Roots {
            cwd: cwd_of(self.state(), cwd),
            run: files.map(|files| files.artifacts.clone()),
        }
    }

    /// A report as an input. Nothing that a step says reaches the log unmasked.
    pub(crate) fn done(&self, step: StepIx, report: StepReport) -> Input {
        let StepResult {
            end,
            started_at,
            wall,
            usage,
            exit_code,
            record,
        } = report.result;
        let mut data = StepEndData {
            started_at,
            wall_ms: u64::try_from(wall.as_millis()).unwrap_or(u64::MAX),
            usage: UsageData {
                cpu_ms: u64::try_from(usage.cpu.as_millis()).unwrap_or(u64::MAX),
                max_rss_kib: usage.max_rss / 1024,
                cost_usd: usage.cost_usd,
                energy_kwh: usage.energy_kwh,
                tokens: usage.tokens,
            },
            exit_code,
            log_bytes: record.log.as_ref().map(|log| log.bytes),
            log_sha256: record.log.and_then(|log| log.sha256),
            restored: record
                .restored
                .iter()
                .map(|path| self.masked(path))
                .collect(),
            inputs_hash: record.inputs_sha256.as_deref().and_then(InputsHash::of),
            inputs_sha256: record.inputs_sha256,
            cached: record
                .cached
                .map(|(run, step, seq)| CachedData { run, step, seq }),
            cache_note: record.cache_note.map(|note| self.masked(&note)),
            agent: record.agent.map(|agent| Box::new(self.agent_data(*agent))),
            ..StepEndData::default()
        };
        let mut left: Vec<ArtifactLeft> = record.quarantined.into_iter().map(told).collect();
        let end = match end {
            Ok(success) => {
                let mut outputs = success.outputs;
                if !self.masker.is_empty() {
                    self.masker.mask_json(&mut outputs);
                }
                match self.keep_outputs(step, &report.attempt, &mut outputs) {
                    Ok(kept) => {
                        data.outputs_ref = kept;
                        let aside =
                            self.refused(step, &report.attempt, &outputs, &success.artifacts);
                        left.extend(aside);
                        let artifacts = success.artifacts.into_iter().map(made);
                        StepEnd::Succeeded(StepSuccess {
                            outputs,
                            artifacts: artifacts.collect(),
                        })
                    }
                    Err(StepFailure { class, reason, .. }) => {
                        let why = "the step's outputs cannot be kept";
                        let aside = self.put_aside(step, &report.attempt, &success.artifacts, why);
                        left.extend(aside);
                        let reason = self.masker.mask_str(&reason).into_owned();
                        StepEnd::Failed { class, reason }
                    }
                }
            }
            Err(failure) => {
                let hint = failure.retry_after.map(|delay| delay.as_millis());
                data.retry_after_ms = hint.map(|ms| u64::try_from(ms).unwrap_or(u64::MAX));
                StepEnd::Failed {
                    class: failure.class,
                    reason: self.masker.mask_str(&failure.reason).into_owned(),
                }
            }
        };
        let StepRef {
            epoch,
            attempt,
            compensates,
            ..
        } = report.attempt.step;
        let done = StepDone {
            epoch,
            step,
            attempt,
            end,
            data: Box::new(data),
            left,
        };
        if compensates {
            Input::CompensationDone(done)
        } else {
            Input::StepDone(done)
        }
    }

    /// Outputs that the kernel will refuse fail the step: what it made must not
    /// be read either.
    fn refused(
        &self,
        ix: StepIx,
        attempt: &AttemptRef,
        outputs: &Value,
        artifacts: &[Emitted],
    ) -> Vec<ArtifactLeft> {
        let step = self.state().definition(ix);
        if artifacts.is_empty() || rok_plan::check_outputs(step, outputs).is_ok() {
            return Vec::new();
        }
        self.put_aside(ix, attempt, artifacts, "the step's outputs were refused")
    }

    /// Outputs that are too large for a line are stored before the line that
    /// names them, as the kernel will accept them.
    fn keep_outputs(
        &self,
        ix: StepIx,
        attempt: &AttemptRef,
        outputs: &mut Value,
    ) -> Result<Option<ContentRef>, StepFailure> {
        if attempt.step.compensates || is_inline(outputs) {
            return Ok(None);
        }
        let refused = |why: &str| {
            let reason = format!(
                "outputs are larger than 64 KiB, and {why}: write a file and declare it as an artifact"
            );
            Err(StepFailure::new(ErrorClass::ValidationFailed, reason))
        };
        if self.state().child(ix).is_some() {
            return refused("those of a `for_each`'s children stand together in one list");
        }
        let Some(files) = &self.context.files else {
            return refused("this run has no folder to keep them in");
        };
        let Ok(accepted) = rok_plan::check_outputs(self.state().definition(ix), outputs) else {
            // The kernel says what is wrong with them.
            return Ok(None);
        };
        *outputs = accepted;
        let kept = files.contents.put(outputs.to_string().as_bytes());
        let Digest { sha256, bytes } = kept.map_err(|error| {
            let reason = format!("the outputs cannot be stored: {error}");
            StepFailure::new(ErrorClass::TransientIo, reason)
        })?;
        Ok(Some(ContentRef { sha256, bytes }))
    }

    /// What a step made that has not succeeded in the end.
    fn put_aside(
        &self,
        ix: StepIx,
        attempt: &AttemptRef,
        artifacts: &[Emitted],
        why: &str,
    ) -> Vec<ArtifactLeft> {
        let (Some(files), Some(of)) = (&self.context.files, self.step_files(ix)) else {
            return Vec::new();
        };
        let aside = files.aside(&attempt.step);
        let aside = |made: &Emitted| {
            // One that cannot be moved is no artifact all the same.
            quarantine_file(&made.path, made.place, &of.roots, &aside, &self.masker).ok()?
        };
        let left = artifacts.iter().filter_map(aside);
        left.map(|left| told((left, why.into()))).collect()
    }

    /// Patterns of artifacts that are none.
    pub(super) fn unfit_patterns(&self, ix: StepIx) -> Vec<PreflightFault> {
        let step = self.state().definition(ix);
        if step.artifacts.is_empty() && step.reads.is_empty() {
            return Vec::new();
        }
        let files = self.step_files(ix);
        let faults = files.into_iter();
        let faults = faults.flat_map(|step| step.declared.into_iter().chain(step.reads));
        let faults = faults.filter_map(|declared| declared.check().err());
        faults
            .map(|error| PreflightFault {
                step: step.id.to_string(),
                class: ErrorClass::ConfigError,
                reason: error.to_string(),
            })
            .collect()
    }
}

pub(super) fn declared(artifact: ResolvedArtifact) -> Declared {
    Declared {
        path: artifact.path,
        required: artifact.required,
        pattern: artifact.pattern,
    }
}

fn told((left, reason): (Quarantined, String)) -> ArtifactLeft {
    ArtifactLeft {
        path: left.path,
        sha256: left.sha256,
        bytes: left.bytes,
        reason,
    }
}

fn made(artifact: Emitted) -> ArtifactMade {
    ArtifactMade {
        path: artifact.path,
        sha256: artifact.sha256,
        bytes: artifact.bytes,
        place: match artifact.place {
            Place::Cwd => ArtifactPlace::Cwd,
            Place::Run => ArtifactPlace::Run,
        },
        executable: artifact.executable,
    }
}
