//! Waiting until a run rests: until it is sealed and let go of, or waits for
//! somebody.

use crate::app::App;
use crate::hub::Channel;
use crate::problem::Problem;
use rok_service::RunHandle;
use rok_service::views::{EventLine, EventQuery, RunSummary};
use std::sync::Arc;
use tokio::sync::watch;

/// A wait for a run. What happens to it from the making of this on is heard.
pub(crate) struct Rest {
    run: Arc<RunHandle>,
    channel: Arc<Channel>,
    went_on: watch::Receiver<u64>,
    /// Told by a pool alone.
    rests: watch::Receiver<u64>,
    /// Whether it may wait for runs of its own, of which its pool says nothing.
    has_sub_runs: Option<bool>,
    /// It was looked at, and goes on.
    goes_on: bool,
}

impl Rest {
    /// A wait for a run of which nothing is known.
    pub(crate) fn of(app: &App, run: &Arc<RunHandle>) -> Self {
        let channel = app.hub.channel(run.id());
        Self {
            went_on: channel.listen(),
            rests: channel.listen_for_rest(),
            run: Arc::clone(run),
            channel,
            has_sub_runs: None,
            goes_on: false,
        }
    }

    /// A wait for a run that was created just now: it may have come to rest
    /// already, and is looked at for that. Blocks.
    pub(crate) fn of_new(app: &App, run: &Arc<RunHandle>, has_sub_runs: bool) -> Self {
        let rest = Self::of(app, run);
        Self {
            goes_on: app.drivers.are_pooled() && run.rests().is_ok_and(|rests| !rests),
            has_sub_runs: Some(has_sub_runs),
            ..rest
        }
    }

    /// Waits until the run rests, or the server stops, and tells what it is then.
    pub(crate) async fn comes(self, app: &Arc<App>) -> Result<RunSummary, Problem> {
        if app.drivers.are_pooled() {
            self.in_a_pool(app).await
        } else {
            self.in_a_folder(app).await
        }
    }

    /// A pool says when a run rests: it is read then.
    async fn in_a_pool(mut self, app: &Arc<App>) -> Result<RunSummary, Problem> {
        let mut stopping = app.stopping.clone();
        loop {
            if !std::mem::take(&mut self.goes_on) {
                let summary = self.summary(app).await?;
                if summary.sealed && app.drivers.has(self.run.id()) {
                    // Its next epoch is being begun.
                    app.drivers.let_go(self.run.id()).await;
                    return self.summary(app).await;
                }
                if summary.sealed || summary.hold.is_some() || *stopping.borrow() {
                    return Ok(summary);
                }
            }
            let each_step = self.may_have_sub_runs(app).await?;
            tokio::select! {
                _ = self.went_on.changed(), if each_step => {}
                _ = self.rests.changed(), if !each_step => {}
                _ = stopping.changed() => {}
                () = tokio::time::sleep(app.options.limits.glance) => {}
            }
        }
    }

    async fn summary(&self, app: &Arc<App>) -> Result<RunSummary, Problem> {
        let run = Arc::clone(&self.run);
        app.blocking(move |_| run.summary()).await
    }

    /// As its first event says.
    async fn may_have_sub_runs(&mut self, app: &Arc<App>) -> Result<bool, Problem> {
        if let Some(known) = self.has_sub_runs {
            return Ok(known);
        }
        let first = EventQuery {
            limit: Some(1),
            ..EventQuery::default()
        };
        let run = Arc::clone(&self.run);
        let first = app.blocking(move |_| run.events(&first)).await?;
        let may_have = first.iter().any(EventLine::may_have_sub_runs);
        self.has_sub_runs = Some(may_have);
        Ok(may_have)
    }

    /// What is new in the log is read with each step.
    async fn in_a_folder(mut self, app: &Arc<App>) -> Result<RunSummary, Problem> {
        let mut stopping = app.stopping.clone();
        let mut next = 0;
        let (mut sealed, mut held, mut has_sub_runs) = (false, false, false);
        loop {
            let found = self.channel.from(app, &self.run, next).await?;
            for event in found.events {
                next = event.seq.0 + 1;
                (sealed, held) = match event.event_type.as_str() {
                    "run.sealed" => (true, false),
                    "run.held" => (false, true),
                    "run.released" | "run.resumed" | "run.rollback_started" => (false, false),
                    _ => (sealed, held),
                };
                has_sub_runs |= event.begins_a_sub_run();
            }
            if !found.is_all {
                continue;
            }
            if sealed {
                app.drivers.let_go(self.run.id()).await;
            }
            // A run whose sub-runs wait says nothing of it in its log.
            if sealed || held || has_sub_runs || *stopping.borrow() {
                let summary = self.summary(app).await?;
                if sealed || held || summary.hold.is_some() || *stopping.borrow() {
                    return Ok(summary);
                }
            }
            tokio::select! {
                _ = self.went_on.changed() => {}
                _ = stopping.changed() => {}
                () = tokio::time::sleep(app.options.limits.glance) => {}
            }
        }
    }
}
