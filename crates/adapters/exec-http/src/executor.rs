//! [`HttpExecutor`]: the port's side of requests.

use crate::answer::{failure, judge};
use crate::client::{Client, Outgoing};
use crate::egress::Egress;
use crate::flights::{Flights, Flown};
use crate::request::outgoing;
use rok_executor::{
    AttemptRef, CancelReason, Executor, ExecutorError, PreflightFault, Remains, ReportSink,
    StepFailure, StepRequest, Work, Workspace,
};
use rok_plan::ResolvedRequest;
use rok_secrets::Masker;
use rok_vocabulary::{ErrorClass, RunId};
use std::sync::{Arc, OnceLock};
use std::time::Instant;

/// Requests at once, unless told otherwise.
const DEFAULT_IN_FLIGHT: usize = 256;

/// Performs `http` steps. Dropping it ends what is in flight; such attempts are
/// reported as `worker_lost`.
#[derive(Debug)]
pub struct HttpExecutor {
    flights: Flights,
    egress: Egress,
    roots: Vec<Vec<u8>>,
    /// Made with the first request: it reads the system's certificates.
    client: OnceLock<Result<Client, String>>,
}

impl HttpExecutor {
    /// An executor under these egress rules. Nothing is started before the
    /// first request.
    #[must_use]
    pub fn new(egress: Egress) -> Self {
        Self {
            flights: Flights::new(DEFAULT_IN_FLIGHT),
            egress,
            roots: Vec::new(),
            client: OnceLock::new(),
        }
    }

    /// At most so many requests at once; others wait, in order.
    #[must_use]
    pub fn max_in_flight(mut self, limit: usize) -> Self {
        self.flights = Flights::new(limit);
        self
    }

    /// Trusts this certificate (DER) besides the system's.
    #[must_use]
    pub fn trust(mut self, root: Vec<u8>) -> Self {
        self.roots.push(root);
        self
    }

    fn client(&self) -> Result<&Client, StepFailure> {
        let made = self.client.get_or_init(|| {
            let client = Client::new(self.egress.clone(), self.roots.clone());
            client.map_err(|error| error.to_string())
        });
        let fault = |why: &String| StepFailure::new(ErrorClass::ConfigError, why.clone());
        made.as_ref().map_err(fault)
    }
}

/// What a request is called where people read it; without its query, which may
/// grant something.
fn called(method: &str, url: &reqwest::Url) -> String {
    let origin = url.origin().ascii_serialization();
    format!("{method} {origin}{}", url.path())
}

fn requested(work: &Work) -> Result<&ResolvedRequest, StepFailure> {
    match work {
        Work::Http(request) => Ok(request),
        other => Err(StepFailure::new(
            ErrorClass::Internal,
            format!(
                "a `{}` step was given to the executor of `http` steps",
                other.kind()
            ),
        )),
    }
}

async fn perform(ready: Result<(Client, Outgoing), StepFailure>) -> Flown {
    let (client, out) = match ready {
        Ok(ready) => ready,
        Err(failure) => {
            let note = format!("not sent: {}\n", failure.reason);
            return (Err(failure), note);
        }
    };
    let what = called(out.method.as_str(), &out.url);
    let (expect, began) = (out.expect.clone(), Instant::now());
    match client.send(out).await {
        Ok(answer) => {
            let (bytes, ms) = (answer.body.len(), began.elapsed().as_millis());
            let followed = match answer.redirects {
                0 => String::new(),
                n => format!(", redirects: {n}"),
            };
            let note = format!(
                "{what}\n{}, {bytes} bytes in {ms} ms{followed}\n",
                answer.status
            );
            (judge(&what, &expect, &answer), note)
        }
        Err(error) => (Err(failure(&what, &error)), format!("{what}\n{error}\n")),
    }
}

impl Executor for HttpExecutor {
    fn accepts(&self, work: &Work) -> bool {
        matches!(work, Work::Http(_))
    }

    fn preflight(&self, request: &StepRequest) -> Vec<PreflightFault> {
        let Ok(work) = requested(&request.work) else {
            return Vec::new();
        };
        let found = outgoing(request, work).and_then(|out| {
            let host = out.url.host_str().unwrap_or_default();
            let judged = self.egress.check_host(host);
            judged.map_err(|why| StepFailure::new(ErrorClass::PolicyViolation, why.to_string()))
        });
        let masker = Masker::new(&request.secrets);
        let fault = |failure: StepFailure| PreflightFault {
            step: request.attempt.step.step.to_string(),
            class: failure.class,
            reason: masker.mask_str(&failure.reason).into_owned(),
        };
        found.err().map(fault).into_iter().collect()
    }

    fn start(&self, request: StepRequest, sink: Arc<dyn ReportSink>) {
        let ready = requested(&request.work).and_then(|work| {
            let out = outgoing(&request, work)?;
            Ok((self.client()?.clone(), out))
        });
        self.flights.start(&request, sink, perform(ready));
    }

    fn cancel(&self, attempt: &AttemptRef, reason: CancelReason) {
        self.flights.cancel(attempt, reason);
    }

    fn stop_remains(&self, _: &RunId, _: &Workspace) -> Result<Remains, ExecutorError> {
        // A request dies with the process that made it.
        Ok(Remains::default())
    }
}
