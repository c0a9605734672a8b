//! Requests, and an executor that performs them.

use rok_exec_http::{Egress, HttpExecutor};
use rok_executor::contract;
use rok_executor::{Executor, ReportSink, StepReport, StepRequest, StepResult, Work, Workspace};
use rok_expr::SecretText;
use rok_plan::{Redirects, ResolvedBody, ResolvedRequest};
use std::path::Path;
use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Arc, Mutex};
use std::time::Duration;

/// A GET that expects a 2xx.
pub(crate) fn get(url: impl Into<String>) -> ResolvedRequest {
    ResolvedRequest {
        method: "GET".into(),
        url: url.into(),
        headers: Vec::new(),
        body: None,
        expect: Vec::new(),
        redirects: Redirects::SameHost,
        max_bytes: 1024 * 1024,
    }
}

/// The same with a body.
pub(crate) fn post(url: impl Into<String>, json: bool, text: SecretText) -> ResolvedRequest {
    ResolvedRequest {
        method: "POST".into(),
        body: Some(ResolvedBody { json, text }),
        ..get(url)
    }
}

/// A step that makes this request.
pub(crate) fn step(name: &str, request: ResolvedRequest) -> StepRequest {
    StepRequest {
        traceparent: Some("00-aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa-bbbbbbbbbbbbbbbb-01".into()),
        ..contract::request("r1", name, 2, Work::Http(Box::new(request)))
    }
}

pub(crate) fn workspace(dir: &Path) -> Arc<Workspace> {
    Arc::new(Workspace {
        logs: dir.join("logs"),
        artifacts: dir.join("artifacts"),
        procs: dir.join("procs"),
        scratch: dir.join("scratch"),
    })
}

/// An executor that may reach loopback.
pub(crate) fn executor() -> HttpExecutor {
    HttpExecutor::new(Egress::new(["*", "127.0.0.1", "localhost"], []).unwrap())
}

pub(crate) fn sink() -> (Arc<dyn ReportSink>, Receiver<StepReport>) {
    let (sender, reports): (Sender<StepReport>, _) = channel();
    let sender = Mutex::new(sender);
    let sink = move |report| drop(sender.lock().unwrap().send(report));
    (Arc::new(sink), reports)
}

/// Performs a step to its end.
pub(crate) fn perform(executor: &HttpExecutor, request: StepRequest) -> StepResult {
    let (sink, reports) = sink();
    executor.start(request, sink);
    reports
        .recv_timeout(Duration::from_secs(60))
        .unwrap()
        .result
}

/// The outputs of a request that succeeds.
pub(crate) fn outputs(request: ResolvedRequest) -> serde_json::Value {
    let result = perform(&executor(), step("a", request));
    result
        .end
        .unwrap_or_else(|failure| panic!("{failure}"))
        .outputs
}

/// The failure of one that does not.
pub(crate) fn failure(request: ResolvedRequest) -> rok_executor::StepFailure {
    perform(&executor(), step("a", request)).end.unwrap_err()
}
