//! A server on loopback that answers as it is told, and requests to it.

use rok_exec_http::{Egress, HttpExecutor};
use rok_executor::{
    AttemptRef, Executor, ReportSink, StepReport, StepRequest, StepResult, Work, Workspace,
};
use rok_expr::SecretText;
use rok_plan::{Redirects, ResolvedBody, ResolvedRequest};
use rok_secrets::Secrets;
use rok_vocabulary::{Attempt, Epoch, IdempotencyKey, RunId, StepId, StepRef};
use serde_json::json;
use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::path::Path;
use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Arc, Mutex};
use std::time::Duration;

/// What came in.
#[derive(Debug, Clone, Default)]
pub(crate) struct Seen {
    pub(crate) line: String,
    pub(crate) headers: Vec<(String, String)>,
    pub(crate) body: String,
}

impl Seen {
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        let found = self.headers.iter().find(|(key, _)| key == name);
        found.map(|(_, value)| value.as_str())
    }
}

/// A server on loopback.
pub(crate) struct Server {
    pub(crate) port: u16,
    seen: Arc<Mutex<Vec<Seen>>>,
}

impl Server {
    /// Answers each connection's one request by what the function writes.
    pub(crate) fn start(answer: impl Fn(&Seen, &mut TcpStream) + Send + Sync + 'static) -> Self {
        let listener = TcpListener::bind(("127.0.0.1", 0)).unwrap();
        let port = listener.local_addr().unwrap().port();
        let seen = Arc::new(Mutex::new(Vec::new()));
        let (answer, noted) = (Arc::new(answer), Arc::clone(&seen));
        std::thread::spawn(move || {
            for stream in listener.incoming() {
                let (answer, noted) = (Arc::clone(&answer), Arc::clone(&noted));
                std::thread::spawn(move || {
                    let Ok(mut stream) = stream else { return };
                    let Some(request) = read(&stream) else { return };
                    noted.lock().unwrap().push(request.clone());
                    answer(&request, &mut stream);
                });
            }
        });
        Self { port, seen }
    }

    /// One that always gives this whole answer.
    pub(crate) fn answering(answer: impl Into<String>) -> Self {
        let answer = answer.into();
        Self::start(move |_, stream| drop(stream.write_all(answer.as_bytes())))
    }

    pub(crate) fn url(&self, path: &str) -> String {
        format!("http://127.0.0.1:{}{path}", self.port)
    }

    pub(crate) fn seen(&self) -> Vec<Seen> {
        self.seen.lock().unwrap().clone()
    }
}

fn read(stream: &TcpStream) -> Option<Seen> {
    let mut reader = BufReader::new(stream.try_clone().ok()?);
    let mut seen = Seen::default();
    reader.read_line(&mut seen.line).ok()?;
    seen.line = seen.line.trim().to_owned();
    loop {
        let mut line = String::new();
        reader.read_line(&mut line).ok()?;
        let Some((name, value)) = line.trim().split_once(':') else {
            break;
        };
        let pair = (name.to_ascii_lowercase(), value.trim().to_owned());
        seen.headers.push(pair);
    }
    let length = seen
        .header("content-length")
        .map_or(0, |n| n.parse().unwrap());
    let mut body = vec![0; length];
    reader.read_exact(&mut body).ok()?;
    seen.body = String::from_utf8(body).ok()?;
    Some(seen)
}

/// An answer with its length.
pub(crate) fn answer(status: &str, headers: &str, body: &str) -> String {
    let length = body.len();
    format!(
        "HTTP/1.1 {status}\r\nconnection: close\r\ncontent-length: {length}\r\n{headers}\r\n{body}"
    )
}

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
    let (run, step): (RunId, StepId) = ("r1".parse().unwrap(), name.parse().unwrap());
    StepRequest {
        key: IdempotencyKey::new(&run, Epoch(0), &step),
        attempt: AttemptRef {
            run,
            step: StepRef {
                epoch: Epoch(0),
                step,
                attempt: Attempt(2),
                compensates: false,
            },
        },
        work: Work::Http(Box::new(request)),
        inputs: Arc::new(json!({})),
        secrets: Secrets::none(),
        timeout: None,
        kill_grace: Duration::ZERO,
        traceparent: Some("00-aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa-bbbbbbbbbbbbbbbb-01".into()),
        artifacts: Vec::new(),
        workspace: None,
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
