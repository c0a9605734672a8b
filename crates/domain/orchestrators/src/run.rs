//! The way of a stage: select, compile, submit, drive, report.

use crate::as_staged::{self, State};
use crate::compile::{self, Beside, Part};
use crate::engine::Shared;
use crate::host;
use crate::index;
use crate::judged;
use crate::kept;
use crate::not_started::{self, Refusal, Refused};
use crate::order;
use crate::results;
use crate::rules;
use crate::scope::{self, About, Scoped};
use crate::staged;
use crate::trouble::{of_registry, of_runs, of_taken};
use rok_component::{Admission, Outcome as BreakerOutcome, Selector};
use rok_facades::orchestrators::Orchestrator;
use rok_facades::registry::{Asker, FoundComponent, LeftOut};
use rok_facades::runs::{
    DriveEnd, DriveOptions, DryRun, ErrorKind, Observer, RunSummary, StopSignal, Submission,
    TailQuery, judged_in_words,
};
use rok_orchestration::{
    DryRunReport, ExecutionContext, ExecutionMode, OrchestratorError, PlannedComponent,
    ReportStatus, ResultStatus, RunReport, Trouble,
};
use rok_plan::Plan;
use rok_vocabulary::{ErrorClass, Outcome, RunId, StepState, Timestamp};
use serde_json::{Map, Value};
use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::time::Duration;

/// How much of a failed step's output is searched for what it found.
pub(crate) const TAILS: TailQuery = TailQuery {
    lines: 0,
    failed_lines: 20_000,
    max_bytes: 1024 * 1024,
    total_bytes: 16 * 1024 * 1024,
};

/// The label of a run that looked at a copy of what was staged, and its value.
pub(crate) const LOOKED_AT: &str = "looked_at";
pub(crate) const A_COPY: &str = "a copy of what was staged";

/// The codes of a run that is not there, and of one that is not there any more.
const NO_RUN: &str = "ROK0101";
const COLLECTED: &str = "ROK0160";

/// A run that was let in is there by then.
const BEGINS: Duration = Duration::from_secs(30);

/// Where progress goes, and what stops a run.
pub(crate) struct Watch<'w> {
    pub(crate) stop: &'w StopSignal,
    pub(crate) observer: &'w mut dyn Observer,
}

impl Shared {
    /// Runs a stage. Whatever goes wrong is in the report.
    pub(crate) fn report(
        who: &dyn Orchestrator,
        context: &ExecutionContext,
        work: impl FnOnce(&mut RunReport) -> Result<Option<ReportStatus>, OrchestratorError>,
    ) -> RunReport {
        let id = context.correlation_id.clone();
        let id = id.unwrap_or_else(|| Self::new_id().to_string());
        let mut report = RunReport::begun(&context.stage, who.name(), &id, Self::now());
        report.mode = context.mode();
        let ended = who
            .validate_context(context)
            .and_then(|()| work(&mut report));
        Self::close(&mut report, ended, Self::now());
        if context.strict {
            report.be_strict();
        }
        report
    }

    /// Ends a report as its run ended.
    pub(crate) fn close(
        report: &mut RunReport,
        ended: Result<Option<ReportStatus>, OrchestratorError>,
        at: Timestamp,
    ) {
        match ended {
            Ok(status) => report.settle(status, at),
            Err(error) => report.fail(&error, at),
        }
        if results::is_forbidden(report) {
            report.exit_code = 5;
        }
    }

    /// Selects the components of a stage and has them run.
    pub(crate) fn stage(
        &self,
        who: &dyn Orchestrator,
        context: &ExecutionContext,
        mut watch: Watch<'_>,
        report: &mut RunReport,
    ) -> Result<Option<ReportStatus>, OrchestratorError> {
        if context.mode() == ExecutionMode::Replay {
            return self.replay(context, &mut watch, report);
        }
        let found = who.discover_components(context)?;
        let left = found.left.clone();
        if found.components.is_empty() {
            return Err(nothing_selected(&left));
        }
        let about = scope::about(context, &self.folder)?;
        let mut scoped = scope::scoped(found, about.files(), about.deleted());
        scoped.kept = order::in_order(context, scoped.kept)?;
        let run = report.correlation_id.parse();
        let run = run.unwrap_or_else(|_| Self::new_id());
        if let About::Staged(staged) = &about {
            let rules = self.rules(context)?;
            rules::refuse_unstaged(staged, &rules)?;
            report.messages.extend(rules::taken_away(staged, &rules));
            if !staged.differing.is_empty() {
                rules::refuse_missing(staged, &self.registry_roots()?)?;
                staged.refuse_modules()?;
            }
            staged.refuse_unlisted(&scoped.files)?;
            let tree = self.folder.to_string_lossy().into_owned();
            scoped.around.push(("COMPONENT_WORKTREE", tree));
            if staged.in_another {
                let index = kept::index(&run).map_err(|why| staged::refuse(&why))?;
                let index = index.to_string_lossy().into_owned();
                scoped.around.push((index::VARIABLE, index));
            }
            scoped.staged = Some(State::of(staged));
            report.messages.extend(staged.otherwise());
        }
        if context.mode() == ExecutionMode::DryRun {
            self.dry_run(who, context, &scoped, &left, report)?;
            return Ok(None);
        }
        let parts = scoped.parts(context)?;
        let refused = self.admit(&run, &parts)?;
        // What was staged matters to what looks at it.
        let looks = scoped.looks(&refused);
        let beside = Beside {
            refused,
            left_out: &scoped.skipped,
            staged: scoped.staged.as_ref().filter(|_| looks),
        };
        let plan = compile::plan(context, who.name(), &parts, &beside)?;
        let about = if looks { &about } else { &About::All };
        self.perform(context, (&plan, &scoped, run), about, &mut watch, report)
    }

    /// The folders that manifests come from.
    fn registry_roots(&self) -> Result<Vec<PathBuf>, OrchestratorError> {
        let report = self.registry.validate().map_err(of_registry)?;
        let roots = report.roots.iter().map(|root| self.folder.join(root));
        Ok(roots
            .map(|root| root.canonicalize().unwrap_or(root))
            .collect())
    }

    /// The files and folders that say what is judged.
    fn rules(&self, context: &ExecutionContext) -> Result<Vec<PathBuf>, OrchestratorError> {
        let all = self.registry.list(&Selector::default());
        let all = all.map_err(of_registry)?;
        // What a server has is no file here.
        let manifests = all.iter().filter(|view| !view.source.contains("://"));
        let manifests = manifests.map(|view| self.folder.join(&view.source));
        let given = context.policies.iter().map(|file| self.folder.join(file));
        Ok(self
            .rules
            .iter()
            .cloned()
            .chain(given)
            .chain(manifests)
            .collect())
    }

    /// Has the components of a plan run, where they are to look.
    fn perform(
        &self,
        context: &ExecutionContext,
        (plan, scoped, run): (&Plan, &Scoped, RunId),
        about: &About,
        watch: &mut Watch<'_>,
        report: &mut RunReport,
    ) -> Result<Option<ReportStatus>, OrchestratorError> {
        kept::sweep(&self.records, |run| self.is_over(run));
        let mut aside = match about {
            About::Staged(staged) => Some(staged.keep(&run, &self.records)?),
            _ => None,
        };
        let copy = aside.as_ref().and_then(|(_, folder)| folder.clone());
        let folder = copy.as_ref().unwrap_or(&self.folder);
        let kept = aside.as_ref().map(|(aside, _)| aside.git());
        let (judged, unknown) = judged::labels(&self.folder, kept.as_deref());
        report.messages.extend(unknown);
        let words = judged_in_words(&judged);
        let run = self.submit(context, plan, (run, folder, judged), report)?;
        report.judged = words;
        let end = self.drive(&run, watch)?;
        if let (Some((aside, copy)), DriveEnd::Held(_) | DriveEnd::Interrupted) = (&mut aside, &end)
        {
            let place = aside.leave().display();
            if copy.is_some() {
                let message = format!("what is staged is kept for that in {place}");
                report.messages.push(message);
            }
        }
        let summary = self.results(&run, (plan, scoped), folder, report)?;
        self.record(plan, &scoped.kept, &summary)?;
        if context.mode() == ExecutionMode::Profile {
            report.profile = Some(self.profile(&run)?);
        }
        Self::ended(&end, &summary, report)
    }

    /// Whether a run needs nothing any more that is kept for it: it has ended,
    /// or there is none.
    fn is_over(&self, run: &RunId) -> bool {
        match self.runs.summary(run) {
            Ok(summary) => summary.completed_at.is_some(),
            Err(error) => matches!(error.code, NO_RUN | COLLECTED),
        }
    }

    /// Asks this host for what components need of it, and the breakers. Where
    /// one refuses, its component fails, and what needs it does not run: an
    /// attempt that is not made is no success.
    fn admit(&self, run: &RunId, parts: &[Part<'_>]) -> Result<Refused, OrchestratorError> {
        let mut refused = Refused::new();
        let mut out: BTreeSet<&str> = BTreeSet::new();
        // What is needed comes before what needs it.
        for part in parts {
            let component = part.component;
            if let Some(reason) = host::lacks(component, &self.capabilities) {
                let class = ErrorClass::ConfigError;
                refused.insert(component.name.to_string(), Refusal { class, reason });
                out.insert(component.name.as_str());
                continue;
            }
            // Nobody would tell what came of a trial of it.
            if part.needs.iter().any(|need| out.contains(&**need)) {
                out.insert(component.name.as_str());
                continue;
            }
            let is_gone = |run: &RunId, since| self.is_gone(run, since);
            let who = Asker {
                run,
                is_gone: &is_gone,
            };
            let admission = self.registry.admit(component, &who).map_err(of_registry)?;
            if let Some(reason) = not_admitted(&admission) {
                let class = ErrorClass::TransientIo;
                refused.insert(component.name.to_string(), Refusal { class, reason });
                out.insert(component.name.as_str());
            }
        }
        Ok(refused)
    }

    /// Whether nobody will tell what came of a trial: its run is over, or no
    /// process drives it.
    fn is_gone(&self, run: &RunId, since: Timestamp) -> bool {
        match self.runs.summary(run) {
            Ok(summary) => summary.completed_at.is_some() || summary.driven_by.is_none(),
            // One that was let in is submitted at once, if it is at all.
            Err(error) if error.code == NO_RUN => Self::now().since(since) > BEGINS,
            Err(error) => error.code == COLLECTED,
        }
    }

    /// Tells the breakers what came of what they let in.
    fn record(
        &self,
        plan: &Plan,
        kept: &[FoundComponent],
        summary: &RunSummary,
    ) -> Result<(), OrchestratorError> {
        for found in kept {
            let name = found.component.name.as_str();
            if not_started::is_step(plan, name) {
                continue;
            }
            let step = summary.steps.iter().find(|step| step.id == name);
            let outcome = match step.map(|step| (step.state, &step.error)) {
                Some((StepState::Succeeded, _)) => BreakerOutcome::Succeeded,
                Some((StepState::Failed, Some(error))) => BreakerOutcome::Failed(error.class),
                _ => continue,
            };
            let recorded = self.registry.record(&found.component, outcome);
            recorded.map_err(of_registry)?;
        }
        Ok(())
    }

    fn submission(&self, context: &ExecutionContext, plan: &Plan, folder: &Path) -> Submission {
        let sequential = !context.mode().is_concurrent();
        Submission {
            plan: plan.to_canonical_json(),
            source: format!("stage {}", context.stage),
            cwd: folder.to_owned(),
            inputs: Map::new(),
            input_texts: context.inputs.clone(),
            // Not of the plan: a dry run shows the one that any mode runs.
            labels: BTreeMap::from([("mode".to_owned(), context.mode().to_string())]),
            profile: None,
            max_parallel: sequential.then_some(1),
            never_retry: !context.mode().retries(),
            run_id: None,
            submitter: self.submitter(context),
            reason: context.reason.clone(),
            secrets_file: context.secrets_file.as_ref().map(|f| self.folder.join(f)),
            no_cache: false,
            priority: None,
            idempotency_key: None,
        }
    }

    /// Creates the run, whose id is the correlation key.
    fn submit(
        &self,
        context: &ExecutionContext,
        plan: &Plan,
        (run, folder, judged): (RunId, &Path, BTreeMap<String, String>),
        report: &mut RunReport,
    ) -> Result<RunId, OrchestratorError> {
        let mut submission = self.submission(context, plan, folder);
        submission.labels.extend(judged);
        if *folder != self.folder {
            let labels = &mut submission.labels;
            labels.insert(LOOKED_AT.to_owned(), A_COPY.to_owned());
        }
        submission.run_id = Some(run);
        let run = self.runs.submit(submission).map_err(of_taken)?;
        report.correlation_id = run.to_string();
        report.run_id = Some(run.clone());
        Ok(run)
    }

    pub(crate) fn drive(
        &self,
        run: &RunId,
        watch: &mut Watch<'_>,
    ) -> Result<DriveEnd, OrchestratorError> {
        let options = DriveOptions::default();
        let end = self.runs.drive(run, &options, watch.stop, watch.observer);
        end.map_err(of_runs)
    }

    /// What came of each component.
    fn results(
        &self,
        run: &RunId,
        (plan, scoped): (&Plan, &Scoped),
        folder: &Path,
        report: &mut RunReport,
    ) -> Result<RunSummary, OrchestratorError> {
        let summary = self.runs.summary(run).map_err(of_runs)?;
        let tails = self.runs.log_tails(run, &TAILS).map_err(of_runs)?;
        let left_out = scoped.skipped.iter().map(|(found, _)| found);
        for found in scoped.kept.iter().chain(left_out) {
            let component = &found.component;
            let mut result = results::of_component(component, &summary, &tails, folder);
            if not_started::is_step(plan, component.name.as_str()) {
                result.attempts = 0;
            }
            report.results.push(result);
        }
        report.messages.extend(results::of_run_as_a_whole(&summary));
        Ok(summary)
    }

    /// How the run as a whole ended.
    pub(crate) fn ended(
        end: &DriveEnd,
        summary: &RunSummary,
        report: &mut RunReport,
    ) -> Result<Option<ReportStatus>, OrchestratorError> {
        let (outcome, refused_by, attested) = match end {
            DriveEnd::Held(hold) => {
                report.messages.push(hold.message.clone());
                return Ok(Some(ReportStatus::Blocked));
            }
            DriveEnd::Interrupted => {
                let run = &summary.run_id;
                let how = format!("interrupted; it can be resumed: rok resume {run}");
                report.messages.push(how);
                return Ok(Some(ReportStatus::Cancelled));
            }
            DriveEnd::Ended {
                outcome,
                refused_by,
                attested,
                ..
            } => (*outcome, *refused_by, attested),
        };
        let reason = || {
            let error = summary.error.as_ref();
            error.map_or_else(|| "the run failed".to_owned(), |error| error.reason.clone())
        };
        match refused_by {
            Some(ErrorKind::Denied) => {
                let trouble = Trouble::new("ROK0107", reason());
                return Err(OrchestratorError::Sandbox(trouble));
            }
            Some(_) => {
                let trouble = Trouble::new("ROK0226", reason());
                return Err(OrchestratorError::Protocol(trouble));
            }
            None => {}
        }
        if let Some(Err(error)) = attested.as_deref() {
            let trouble = Trouble::new(error.code, error.message.clone());
            return Err(OrchestratorError::Protocol(trouble));
        }
        let told = report
            .results
            .iter()
            .any(|r| r.status == ResultStatus::Fail);
        if let (Some(error), false) = (&summary.error, told) {
            // What held the run to what is staged is no component.
            let ours = error.reason.strip_prefix(as_staged::STEP);
            let reason = ours.and_then(|reason| reason.strip_prefix(": "));
            let reason = reason.unwrap_or(&error.reason).to_owned();
            report.messages.push(reason);
        }
        Ok(Some(match outcome {
            Outcome::Succeeded => ReportStatus::Success,
            Outcome::Partial => ReportStatus::Partial,
            Outcome::Failed => ReportStatus::Failed,
            Outcome::TimedOut => ReportStatus::TimedOut,
            Outcome::Cancelled => ReportStatus::Cancelled,
            Outcome::Denied => {
                let trouble = Trouble::new("ROK0107", reason());
                return Err(OrchestratorError::Sandbox(trouble));
            }
        }))
    }

    /// Tells the exact plan, what would run and why; changes nothing.
    fn dry_run(
        &self,
        who: &dyn Orchestrator,
        context: &ExecutionContext,
        scoped: &Scoped,
        left: &[LeftOut],
        report: &mut RunReport,
    ) -> Result<(), OrchestratorError> {
        let mut dry = DryRunReport::default();
        for left in left {
            let (name, version) = left
                .component
                .split_once('@')
                .unwrap_or((&left.component, ""));
            dry.left_out.push(PlannedComponent {
                component: name.to_owned(),
                version: version.to_owned(),
                why: left.why.clone(),
                ..PlannedComponent::default()
            });
        }
        for (found, why) in &scoped.skipped {
            dry.left_out.push(PlannedComponent {
                component: found.component.name.to_string(),
                version: found.component.version.to_string(),
                why: why.clone(),
                ..PlannedComponent::default()
            });
        }
        let parts = scoped.parts(context)?;
        let beside = Beside {
            left_out: &scoped.skipped,
            staged: scoped.staged.as_ref().filter(|_| !scoped.kept.is_empty()),
            ..Beside::default()
        };
        let plan = compile::plan(context, who.name(), &parts, &beside)?;
        let submission = self.submission(context, &plan, &self.folder);
        let told = self.runs.dry_run(submission).map_err(of_runs)?;
        dry.plan = serde_json::from_slice(&plan.to_canonical_json()).unwrap_or(Value::Null);
        dry.plan_sha256.clone_from(&told.plan_sha256);
        for (part, found) in parts.iter().zip(&scoped.kept) {
            let lacks = host::lacks(part.component, &self.capabilities);
            let lacks = lacks.map(|why| format!("{}: {why}", part.component.name));
            dry.findings.extend(lacks);
            dry.components.push(self.planned(part, found, &told)?);
        }
        // In the order in which they would run.
        let place =
            |c: &PlannedComponent| told.steps.iter().position(|step| step.id == c.component);
        dry.components.sort_by_key(place);
        let denied = told.refused.as_ref().is_some_and(|refusal| refusal.denied);
        dry.refused = told.refused.as_ref().map(|refusal| refusal.reason.clone());
        let findings = told.findings.iter();
        let findings = findings.map(|f| format!("{}: {}", f.step, f.reason));
        dry.findings.extend(findings);
        let refused = told_refusal(&dry, denied);
        report.dry_run = Some(dry);
        refused.map_or(Ok(()), Err)
    }

    fn planned(
        &self,
        part: &Part<'_>,
        found: &FoundComponent,
        told: &DryRun,
    ) -> Result<PlannedComponent, OrchestratorError> {
        let name = part.component.name.as_str();
        let step = told.steps.iter().find(|step| step.id == name);
        let mut why = match (found.pulled_in, part.files) {
            (true, _) => "another one requires it".to_owned(),
            (false, None) => "it is selected".to_owned(),
            (false, Some([])) => "files of its concern are deleted".to_owned(),
            (false, Some(files)) if files.len() == 1 => format!("{} is its concern", files[0]),
            (false, Some(files)) => format!("{} files are its concern", files.len()),
        };
        if let Some(deprecation) = &found.deprecation {
            why = format!("{why}; {deprecation}");
        }
        let pattern = (&part.component.name).into();
        let seen = self.registry.inspect(&pattern).map_err(of_registry)?;
        if let ("open", Some(until)) = (seen.breaker.state.as_str(), seen.breaker.until) {
            why = format!("{why}; its circuit breaker is open until {until}");
        }
        if let ("half_open", Some(by)) = (seen.breaker.state.as_str(), &seen.breaker.by) {
            why = format!("{why}; its circuit breaker is half open, run {by} was to try it out");
        }
        Ok(PlannedComponent {
            component: name.to_owned(),
            version: part.component.version.to_string(),
            why,
            needs: part.needs.clone(),
            does: step.map_or_else(String::new, |step| step.command.join(" ")),
            retries: step.map_or(0, |step| step.retries),
        })
    }
}

/// Why a component is not started; `None`: it may be.
fn not_admitted(admission: &Admission) -> Option<String> {
    match admission {
        Admission::Go | Admission::Trial => None,
        Admission::Refused { until } => Some(format!(
            "its circuit breaker is open until {until}: it kept failing, and was not started"
        )),
        Admission::OnTrial { by, since, .. } => {
            let by = match by {
                Some(by) => format!("run {by} tries it out"),
                None => "another attempt tries it out".to_owned(),
            };
            Some(format!(
                "its circuit breaker is half open: {by} since {since}, and it was not started besides"
            ))
        }
    }
}

/// A dry run exits as the run would that is refused.
fn told_refusal(dry: &DryRunReport, denied: bool) -> Option<OrchestratorError> {
    match (&dry.refused, dry.findings.first()) {
        (Some(refused), _) if denied => {
            let trouble = Trouble::new("ROK0107", format!("the run would be refused: {refused}"));
            Some(OrchestratorError::Sandbox(trouble))
        }
        (Some(why), _) | (None, Some(why)) => {
            let trouble = Trouble::new("ROK0222", format!("the run would fail: {why}"));
            Some(OrchestratorError::Execution(trouble))
        }
        (None, None) => None,
    }
}

/// A run of nothing proves nothing.
fn nothing_selected(left: &[LeftOut]) -> OrchestratorError {
    let shown = left.iter().take(5);
    let shown: Vec<String> = shown
        .map(|l| format!("{}: {}", l.component, l.why))
        .collect();
    let more = left.len().saturating_sub(shown.len());
    let help = match (shown.is_empty(), more) {
        (true, _) => "the registry is empty: `rok registry add FILE`".to_owned(),
        (false, 0) => shown.join("; "),
        (false, more) => format!("{}; and {more} more", shown.join("; ")),
    };
    let message = "no component is selected, and a run of nothing proves nothing";
    OrchestratorError::Registry(Trouble::new("ROK0221", message).help(help))
}

#[cfg(test)]
mod tests;
