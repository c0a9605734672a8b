//! The engine: each question is a request.

use crate::bundle;
use crate::connection::{Connection, Query};
use crate::fault::{elsewhere, unreachable};
use crate::proof;
use crate::stream::{self, Came};
use rok_http::{BatchRequest, Commanded, Definition, EventPage, SignedPage, SubmitRequest};
use rok_http::{CollectBody, Reason, ReplayBody};
use rok_service::RunStanding;
use rok_service::views::format_duration;
use rok_service::views::{
    AttestOptions, Attested, AuditView, BatchId, BatchResult, BatchSubmission, Checkpoint,
    CollectReport, CollectRequest, CommandAnswer, CommandRequest, DriveEnd, DriveOptions, DryRun,
    ErrorKind, EventLine, EventQuery, Explanation, ExportOptions, Exported, Fetched, Head,
    HeldView, HoldRequest, HoldView, ImportOptions, Imported, ListQuery, LogQuery, LogTail,
    Observer, PageQuery, PlanId, RedecidedView, ReplayRequest, Resumable, ResumeOptions,
    RollbackOptions, RunId, RunListing, RunPage, RunSelector, RunSummary, RunTiming, RunsEngine,
    RunsError, SignedFile, StepSummary, StopSignal, Submission, TailQuery, Verb, VerifyOptions,
    VerifyReport,
};
use serde::de::DeserializeOwned;
use serde_json::{Value, json};
use std::io::Write;
use std::num::NonZeroU32;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;
use uuid::Uuid;

/// Events on a page, runs on a page: as many as the server gives at once.
const EVENTS: usize = 5000;
const RUNS: usize = 500;

/// The runs of a server.
pub struct RemoteRuns {
    connection: Arc<Connection>,
}

impl RemoteRuns {
    /// The runs of the server at this address, which has so long to answer at
    /// all. Nothing is asked yet.
    pub fn at(server: &str, token: Option<&str>, patience: Duration) -> Result<Self, RunsError> {
        let connection = Arc::new(Connection::to(server, token, patience)?);
        Ok(Self { connection })
    }

    fn of_run<T: DeserializeOwned>(
        &self,
        run: &RunId,
        what: &[&str],
        query: &[(&'static str, String)],
    ) -> Result<T, RunsError> {
        self.connection.get(&path(run, what), query)
    }

    fn told(&self, run: &RunId, what: &[&str], body: &Value) -> Result<Commanded, RunsError> {
        self.connection.post(&path(run, what), body, None)
    }

    /// Watches a run that the server drives, from an event on.
    fn watch(
        &self,
        run: &RunId,
        from: u64,
        options: &DriveOptions,
        stop: &StopSignal,
        observer: &mut dyn Observer,
    ) -> Result<DriveEnd, RunsError> {
        let query = vec![("from", from.to_string())];
        for came in stream::events(&self.connection, run, query, stop) {
            match came {
                Came::Part(event) => {
                    let held = event.event_type == "run.held" && !options.wait_on_hold;
                    observer.events(&[event]);
                    if held && let Some(hold) = self.hold(run)? {
                        return Ok(DriveEnd::Held(hold));
                    }
                }
                Came::Ended(ended) => {
                    ended?;
                    return Ok(DriveEnd::of_ended(&self.summary(run)?));
                }
                Came::Stopped => return Ok(DriveEnd::Interrupted),
            }
        }
        Ok(DriveEnd::Interrupted)
    }

    /// What a run waits for, where it waits for nothing else.
    fn hold(&self, run: &RunId) -> Result<Option<HoldView>, RunsError> {
        let summary = self.summary(run)?;
        Ok(summary.hold.filter(|_| summary.totals.running == 0))
    }
}

impl std::fmt::Debug for RemoteRuns {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("RemoteRuns").finish_non_exhaustive()
    }
}

fn path<'a>(run: &'a RunId, what: &[&'a str]) -> Vec<&'a str> {
    let head = ["api", "v1", "runs", run.as_str()];
    head.into_iter().chain(what.iter().copied()).collect()
}

fn asked(submission: Submission) -> Result<SubmitRequest, RunsError> {
    refuse_secrets(submission.secrets_file.as_deref())?;
    // Those the server has itself.
    let known = ["builtin:", "server:"];
    let known = { known.iter() }.find_map(|place| submission.source.strip_prefix(place));
    let (plan, definition) = match known.and_then(|id| id.parse().ok()) {
        Some(id) => (Some(id), None),
        None => {
            let text = String::from_utf8(submission.plan).map_err(|_| {
                RunsError::new(ErrorKind::Usage, "ROK0108", "the plan is not UTF-8")
            })?;
            (None, Some(Definition::Text(text)))
        }
    };
    Ok(SubmitRequest {
        plan,
        definition,
        inputs: submission.inputs,
        input_texts: submission.input_texts.into_iter().collect(),
        labels: submission.labels,
        profile: submission.profile,
        max_parallel: submission.max_parallel.and_then(NonZeroU32::new),
        never_retry: submission.never_retry,
        no_cache: submission.no_cache,
        priority: submission.priority,
        run_id: submission.run_id,
        reason: submission.reason.map(Reason),
    })
}

/// A server signs by its own key, or not at all.
fn without_key(error: RunsError) -> RunsError {
    match error.code {
        "ROK0140" => error.help(
            "the server has none: who runs it sets `signing_key_file`; or `rok export RUN`, and import and sign it here, without a server",
        ),
        _ => error,
    }
}

/// Values of secrets do not travel: a server has its own.
fn refuse_secrets(file: Option<&Path>) -> Result<(), RunsError> {
    match file {
        None => Ok(()),
        Some(_) => Err(elsewhere(
            "a file of secrets",
            "goes to no server",
            "leave --secrets out, and set the secrets where the server runs",
        )),
    }
}

fn filters(query: &EventQuery) -> Query {
    let types = query.types.iter().map(|of| ("type", of.clone()));
    let steps = query.steps.iter().map(|of| ("step", of.clone()));
    types.chain(steps).collect()
}

impl RunsEngine for RemoteRuns {
    fn submit(&self, submission: Submission) -> Result<RunId, RunsError> {
        let asked = asked(submission)?;
        let path = ["api", "v1", "runs"];
        // A request that broke off can be sent again, and makes one run.
        let key = asked.run_id.is_none().then(|| Uuid::new_v4().to_string());
        let made: RunStanding = self.connection.post(&path, &asked, key.as_deref())?;
        Ok(made.run_id)
    }

    /// The server judges every item before it makes the first run.
    fn submit_batch(&self, batch: &BatchSubmission) -> Result<Vec<RunId>, RunsError> {
        let common = asked(batch.common.clone())?;
        let body = BatchRequest {
            plan: common.plan,
            definition: common.definition,
            items: batch.items.clone(),
            batch_id: Some(batch.batch.clone()),
            inputs: common.inputs,
            labels: common.labels,
            profile: common.profile,
            max_parallel: common.max_parallel,
            never_retry: common.never_retry,
            no_cache: common.no_cache,
            priority: common.priority,
            reason: common.reason,
        };
        let path = ["api", "v1", "batches"];
        let made: BatchResult = self.connection.post(&path, &body, None)?;
        Ok(made.results.into_iter().map(|item| item.run_id).collect())
    }

    fn batch(&self, batch: &BatchId) -> Result<BatchResult, RunsError> {
        let path = ["api", "v1", "batches", batch.as_str()];
        self.connection.get(&path, &[])
    }

    fn dry_run(&self, submission: Submission) -> Result<DryRun, RunsError> {
        let path = ["api", "v1", "dry-runs"];
        self.connection.post(&path, &asked(submission)?, None)
    }

    fn known_plan(&self, plan: &PlanId) -> Result<Option<Vec<u8>>, RunsError> {
        let path = ["api", "v1", "plans", plan.as_str(), "definition"];
        match self.connection.bytes(&path) {
            Ok(definition) => Ok(Some(definition)),
            Err(error) if error.code == "ROK0002" => Ok(None),
            Err(error) => Err(error),
        }
    }

    fn known_plans(&self) -> Result<Option<Vec<Value>>, RunsError> {
        let page: Value = self.connection.get(&["api", "v1", "plans"], &[])?;
        let plans = page["plans"].as_array();
        let plans = plans.ok_or_else(|| unreachable("the server's list of plans is none"))?;
        Ok(Some(plans.clone()))
    }

    fn check_plans(&self, _: &[u8], _: &str, _: &Path) -> Result<(), RunsError> {
        Err(elsewhere(
            "plans within plans",
            "are files, and checked where they lie",
            "leave --server and ROK_SERVER out",
        ))
    }

    fn redecide(&self, run: &RunId) -> Result<RedecidedView, RunsError> {
        self.of_run(run, &["redecision"], &[])
    }

    fn replay(&self, run: &RunId, request: ReplayRequest) -> Result<RunId, RunsError> {
        refuse_secrets(request.secrets_file.as_deref())?;
        let Some(from) = request.from else {
            return Err(elsewhere(
                "replays of whole runs",
                "are of stages, which run where they are asked for",
                "leave --server and ROK_SERVER out",
            ));
        };
        let body = ReplayBody {
            from,
            run_id: request.run_id,
            reason: request.reason.map(Reason),
        };
        let made: RunStanding = self.connection.post(&path(run, &["replay"]), &body, None)?;
        Ok(made.run_id)
    }

    fn drive(
        &self,
        run: &RunId,
        options: &DriveOptions,
        stop: &StopSignal,
        observer: &mut dyn Observer,
    ) -> Result<DriveEnd, RunsError> {
        self.watch(run, 0, options, stop, observer)
    }

    fn resume(
        &self,
        run: &RunId,
        options: &ResumeOptions,
        stop: &StopSignal,
        observer: &mut dyn Observer,
    ) -> Result<DriveEnd, RunsError> {
        refuse_secrets(options.secrets_file.as_deref())?;
        let from = self.summary(run)?.events;
        let body = json!({ "reason": options.reason });
        let _: RunStanding = self.connection.post(&path(run, &["resume"]), &body, None)?;
        // That it waits was said before, and is not said again.
        if !options.drive.wait_on_hold
            && let Some(hold) = self.hold(run)?
        {
            return Ok(DriveEnd::Held(hold));
        }
        self.watch(run, from, &options.drive, stop, observer)
    }

    fn rollback(
        &self,
        run: &RunId,
        options: &RollbackOptions,
        stop: &StopSignal,
        observer: &mut dyn Observer,
    ) -> Result<DriveEnd, RunsError> {
        refuse_secrets(options.secrets_file.as_deref())?;
        let from = self.summary(run)?.events;
        let body = json!({
            "reason": options.reason,
            "done": options.done,
            "again": options.again,
        });
        let _: RunStanding = self
            .connection
            .post(&path(run, &["rollback"]), &body, None)?;
        self.watch(run, from, &options.drive, stop, observer)
    }

    fn resumable(&self, run: &RunId) -> Result<Resumable, RunsError> {
        self.of_run(run, &["resumable"], &[])
    }

    fn command(&self, run: &RunId, request: CommandRequest) -> Result<CommandAnswer, RunsError> {
        let body = match &request.reason {
            Some(reason) => json!({ "reason": reason }),
            None => json!({}),
        };
        let told = match &request.verb {
            Verb::Approve(step) => self.told(run, &["steps", step.as_str(), "approve"], &body),
            Verb::Reject(step) => self.told(run, &["steps", step.as_str(), "reject"], &body),
            Verb::Override(step) => self.told(run, &["steps", step.as_str(), "override"], &body),
            Verb::Cancel => self.told(run, &["cancel"], &body),
            Verb::Pause => self.told(run, &["pause"], &body),
            Verb::Unpause => self.told(run, &["unpause"], &body),
        }?;
        Ok(match told.answer.as_str() {
            "delivered" if told.driven => CommandAnswer::Delivered,
            "delivered" => CommandAnswer::Waits,
            _ => CommandAnswer::Done {
                by_owner: told.driven,
            },
        })
    }

    fn find(&self, selector: &RunSelector) -> Result<RunId, RunsError> {
        let unknown = |text: &str| {
            RunsError::new(
                ErrorKind::Usage,
                "ROK0101",
                format!("no run `{text}` on the server"),
            )
            .help("`rok ls` lists the runs")
        };
        let text = &selector.0;
        let exact = text.parse::<RunId>().map_err(|_| unknown(text))?;
        match self.of_run::<RunStanding>(&exact, &[], &[]) {
            Ok(found) => return Ok(found.run_id),
            // A stub is left of it: what is asked of that says the rest.
            Err(error) if error.code == "ROK0160" => return Ok(exact),
            Err(error) if error.code == "ROK0101" => {}
            Err(error) => return Err(error),
        }
        let mut query = PageQuery {
            prefix: Some(text.clone()),
            limit: Some(2),
            ..PageQuery::default()
        };
        let mut page = self.page(&query)?;
        // What one may not look at is left out, and pages may be short for it.
        while let (true, Some(cursor)) = (page.runs.len() < 2, page.next_cursor.take()) {
            query.cursor = Some(cursor);
            let next = self.page(&query)?;
            page.runs.extend(next.runs);
            page.next_cursor = next.next_cursor;
        }
        match page.runs.as_slice() {
            [one] => one.run_id.parse().map_err(|_| unknown(text)),
            [] => Err(unknown(text)),
            _ => {
                let message = format!("several runs begin with `{text}`");
                Err(RunsError::new(ErrorKind::Usage, "ROK0102", message)
                    .help("write more of the id"))
            }
        }
    }

    fn plan(&self, run: &RunId) -> Result<Vec<u8>, RunsError> {
        self.connection.bytes(&path(run, &["plan"]))
    }

    fn summary(&self, run: &RunId) -> Result<RunSummary, RunsError> {
        self.of_run(run, &["summary"], &[])
    }

    fn step(&self, run: &RunId, step: &str) -> Result<Vec<StepSummary>, RunsError> {
        self.of_run(run, &["steps", step], &[])
    }

    fn artifact(&self, run: &RunId, name: &str, step: Option<&str>) -> Result<Fetched, RunsError> {
        let summary = self.summary(run)?;
        let mut made = summary.artifacts.into_iter().rev();
        let found =
            made.find(|made| made.path == name && step.is_none_or(|step| step == made.step));
        let artifact = found.ok_or_else(|| {
            RunsError::new(
                ErrorKind::NotFound,
                "ROK0115",
                format!("run {run} made no `{name}`"),
            )
        })?;
        let parts: Vec<&str> = std::iter::once("artifacts")
            .chain(name.split('/'))
            .collect();
        let query = [("step", artifact.step.clone())];
        let response = self.connection.open(&path(run, &parts), &query, &[])?;
        Ok(Fetched {
            artifact,
            content: Box::new(response),
        })
    }

    fn envelopes(&self, run: &RunId) -> Result<Vec<SignedFile>, RunsError> {
        let page: SignedPage = self.of_run(run, &["attestation"], &[])?;
        let files = page.envelopes.into_iter().map(|file| SignedFile {
            name: file.name,
            envelope: file.envelope,
        });
        Ok(files.collect())
    }

    fn ready(&self) -> Result<(), RunsError> {
        let _: Value = self.connection.get(&["readyz"], &[])?;
        Ok(())
    }

    fn audit(&self, run: &RunId) -> Result<AuditView, RunsError> {
        self.of_run(run, &["audit"], &[])
    }

    fn explain(&self, run: &RunId, step: Option<&str>) -> Result<Explanation, RunsError> {
        let query: Query = step
            .map(|step| ("step", step.to_owned()))
            .into_iter()
            .collect();
        self.of_run(run, &["explain"], &query)
    }

    fn events(&self, run: &RunId, query: &EventQuery) -> Result<Vec<EventLine>, RunsError> {
        let mut found = Vec::new();
        let mut from = query.from.map_or(0, |from| from.0);
        // The server cuts off what fits on a page; a longer end is cut off here.
        let tail = query.tail.filter(|tail| (1..=EVENTS).contains(tail));
        let most = query.limit.filter(|_| query.tail.is_none());
        loop {
            let left = most.map_or(EVENTS, |most| (most - found.len()).clamp(1, EVENTS));
            let mut asked = filters(query);
            asked.push(("from", from.to_string()));
            asked.push(("limit", left.to_string()));
            asked.extend(tail.map(|tail| ("tail", tail.to_string())));
            let page: EventPage = self.of_run(run, &["events"], &asked)?;
            let lines = page.events.iter();
            found.extend(lines.map(|line| EventLine::of_line(line.get().as_bytes())));
            match page.next_from {
                Some(next) if next > from && most.is_none_or(|most| found.len() < most) => {
                    from = next;
                }
                _ => break,
            }
        }
        if let Some(tail) = query.tail {
            found.drain(..found.len().saturating_sub(tail));
        }
        found.truncate(query.limit.unwrap_or(usize::MAX));
        Ok(found)
    }

    fn follow(
        &self,
        run: &RunId,
        query: &EventQuery,
        stop: &StopSignal,
        each: &mut dyn FnMut(&EventLine) -> bool,
    ) -> Result<(), RunsError> {
        let mut asked = filters(query);
        asked.extend(query.from.map(|from| ("from", from.to_string())));
        asked.extend(
            query
                .tail
                .map(|tail| ("tail", tail.clamp(1, EVENTS).to_string())),
        );
        for came in stream::events(&self.connection, run, asked, stop) {
            match came {
                Came::Part(event) if each(&event) => {}
                Came::Part(_) | Came::Stopped => return Ok(()),
                Came::Ended(ended) => return ended,
            }
        }
        Ok(())
    }

    fn logs(
        &self,
        run: &RunId,
        query: &LogQuery,
        stop: &StopSignal,
        out: &mut dyn Write,
    ) -> Result<(), RunsError> {
        let mut asked: Query = Vec::new();
        asked.extend(
            query
                .attempt
                .map(|attempt| ("attempt", attempt.to_string())),
        );
        asked.extend(query.tail.map(|tail| ("tail", tail.to_string())));
        let flags = [
            ("compensation", query.compensation),
            ("follow", query.follow),
        ];
        asked.extend(
            flags
                .iter()
                .filter(|(_, set)| *set)
                .map(|(name, _)| (*name, "true".to_owned())),
        );
        let at = path(run, &["logs", &query.step]);
        let at = at.into_iter().map(str::to_owned).collect();
        for came in stream::output(&self.connection, at, asked, stop) {
            match came {
                Came::Part(part) => {
                    let written = out.write_all(&part);
                    written.map_err(|error| {
                        unreachable(format!("cannot write the output: {error}"))
                    })?;
                }
                Came::Stopped => return Ok(()),
                Came::Ended(ended) => return ended,
            }
        }
        Ok(())
    }

    fn timing(&self, run: &RunId) -> Result<RunTiming, RunsError> {
        self.of_run(run, &["timing"], &[])
    }

    fn log_tails(&self, run: &RunId, query: &TailQuery) -> Result<Vec<LogTail>, RunsError> {
        let asked = [
            ("lines", query.lines.to_string()),
            ("failed_lines", query.failed_lines.to_string()),
            ("max_bytes", query.max_bytes.to_string()),
            ("total_bytes", query.total_bytes.to_string()),
        ];
        self.of_run(run, &["log-tails"], &asked)
    }

    fn list(&self, query: &ListQuery) -> Result<Vec<RunListing>, RunsError> {
        let mut asked = PageQuery {
            filter: query.clone(),
            limit: Some(RUNS),
            ..PageQuery::default()
        };
        let mut found = Vec::new();
        loop {
            let page = self.page(&asked)?;
            found.extend(page.runs);
            asked.cursor = page.next_cursor;
            if asked.cursor.is_none() {
                break;
            }
        }
        // A server tells the newest first, an engine last.
        found.reverse();
        Ok(found)
    }

    fn page(&self, query: &PageQuery) -> Result<RunPage, RunsError> {
        let ListQuery {
            statuses,
            plan,
            since,
            labels,
        } = &query.filter;
        let statuses = statuses.iter().map(|status| ("status", status.clone()));
        let labels = labels
            .iter()
            .map(|(name, value)| ("label", format!("{name}={value}")));
        let one = [
            ("plan", plan.clone()),
            ("since", since.map(|since| since.to_string())),
            ("prefix", query.prefix.clone()),
            ("cursor", query.cursor.clone()),
            (
                "limit",
                query.limit.map(|limit| limit.min(RUNS).to_string()),
            ),
        ];
        let one = one
            .into_iter()
            .filter_map(|(name, value)| Some((name, value?)));
        let asked: Query = statuses.chain(labels).chain(one).collect();
        self.connection.get(&["api", "v1", "runs"], &asked)
    }

    fn hold(&self, run: &RunId, request: &HoldRequest) -> Result<HeldView, RunsError> {
        let what = if request.release { "release" } else { "hold" };
        let body = json!({ "reason": request.reason });
        self.connection.post(&path(run, &[what]), &body, None)
    }

    fn collect(&self, request: &CollectRequest) -> Result<CollectReport, RunsError> {
        let keep = request
            .keep
            .map(|keep| u32::try_from(keep).unwrap_or(u32::MAX));
        let body = CollectBody {
            older_than: request.older_than.map(format_duration),
            keep,
            max_size: request.max_bytes.map(|bytes| bytes.to_string()),
            dry_run: request.dry_run,
        };
        self.connection.post(&["api", "v1", "collect"], &body, None)
    }

    fn verify(&self, run: &RunId, options: &VerifyOptions) -> Result<VerifyReport, RunsError> {
        let VerifyOptions {
            key,
            checkpoint,
            cosigners,
            attested,
        } = options;
        if key.is_some() || checkpoint.is_some() || !cosigners.is_empty() || *attested {
            return Err(elsewhere(
                "a proof against a key or a checkpoint",
                "proves nothing where the server itself gives it",
                "export the run, and verify the bundle here",
            ));
        }
        self.of_run(run, &["verification"], &[])
    }

    fn attest(&self, run: &RunId, options: &AttestOptions) -> Result<Attested, RunsError> {
        if options.key.is_some() {
            return Err(elsewhere(
                "a private key",
                "goes to no server",
                "leave --key out, and the server signs by its own; or export the run, import it here, and attest that",
            ));
        }
        let attested = self.connection.tell(&path(run, &["attest"]));
        attested.map_err(without_key)
    }

    fn checkpoint(&self, run: &RunId, options: &AttestOptions) -> Result<Checkpoint, RunsError> {
        if options.key.is_some() {
            return Err(elsewhere(
                "a private key",
                "goes to no server, and a checkpoint is the word of whoever keeps the log",
                "leave --key out, and the server signs by its own; `rok cosign --key FILE --run RUN` adds yours, once you have seen the log",
            ));
        }
        let checkpoint = proof::checkpoint(&self.connection, run, &path(run, &["checkpoint"]));
        checkpoint.map_err(without_key)
    }

    fn head_at(&self, run: &RunId, lines: u64) -> Result<Option<Head>, RunsError> {
        proof::head_at(run, &self.events(run, &EventQuery::default())?, lines)
    }

    fn export(&self, run: &RunId, options: &ExportOptions) -> Result<Exported, RunsError> {
        if options.key.is_some() {
            return Err(elsewhere(
                "a key of one's own in a bundle",
                "is put in by whoever packs it, here the server, which puts its own in",
                "leave --key out, and hand the public key over beside the bundle: it proves nothing by lying in it",
            ));
        }
        let answer = self.connection.open(&path(run, &["bundle"]), &[], &[])?;
        bundle::keep(answer, &options.out)
    }

    fn import(&self, options: &ImportOptions) -> Result<Imported, RunsError> {
        let limit = options.limit.map(|limit| ("max_bytes", limit.to_string()));
        let query: Query = limit.into_iter().collect();
        let path = ["api", "v1", "bundles"];
        let imported = self.connection.send_file(&path, &query, &options.file);
        let imported: Imported = imported.map_err(|error| match error.code {
            "ROK0116" => error.help(
                "it is never touched by an import; `rok verify RUN` says what the server has, and `rok import FILE --dir DIR`, without a server, takes the bundle in here",
            ),
            _ => error,
        })?;
        let folder = self.connection.shown(&self::path(&imported.run_id, &[]));
        Ok(Imported {
            folder: folder.into(),
            ..imported
        })
    }

    fn verify_bundle(
        &self,
        _: &ImportOptions,
        _: &VerifyOptions,
    ) -> Result<VerifyReport, RunsError> {
        Err(elsewhere(
            "a bundle",
            "is a file, and verified where it lies",
            "leave --server and ROK_SERVER out",
        ))
    }
}
