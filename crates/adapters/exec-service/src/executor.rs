//! [`ServiceExecutor`]: the port's side of services.

use crate::answer::judge;
use crate::key::{Key, KeyError};
use crate::map::{ServiceMap, ServiceSpec};
use crate::standing::{Environment, Standing};
use rok_exec_http::headers::{AUTHORIZATION, CONTENT_TYPE, HeaderMap, HeaderValue};
use rok_exec_http::{
    Client, Egress, Flights, Flown, Method, Outgoing, address, failure, header, ours,
};
use rok_executor::{
    AttemptRef, CancelReason, Executor, ExecutorError, PreflightFault, Remains, ReportSink,
    ServiceWork, StepFailure, StepRequest, Work, Workspace,
};
use rok_plan::Redirects;
use rok_vocabulary::{ErrorClass, RunId};
use serde_json::json;
use std::sync::{Arc, OnceLock};
use std::time::{Duration, Instant};

/// Calls at once.
const IN_FLIGHT: usize = 256;
/// The most of an answer that is read.
const MAX_ANSWER: u64 = 32 * 1024 * 1024;
/// The most of a health endpoint's answer that is read.
const MAX_HEALTH: u64 = 64 * 1024;

/// Performs `service` steps. Dropping it ends what is in flight.
#[derive(Debug)]
pub struct ServiceExecutor {
    map: Arc<ServiceMap>,
    environment: Environment,
    flights: Flights,
    deny: Vec<String>,
    client: OnceLock<Result<Client, String>>,
}

/// What a health endpoint said.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Health {
    /// Whether it answered 2xx.
    pub healthy: bool,
    /// Its status, or why there was none.
    pub said: String,
}

impl ServiceExecutor {
    /// An executor over a map. Whoever wrote the map named its hosts: they may
    /// be reached, private ones too, unless `deny` has them.
    #[must_use]
    pub fn new(map: ServiceMap, environment: Environment, deny: Vec<String>) -> Self {
        Self {
            map: Arc::new(map),
            environment,
            flights: Flights::new(IN_FLIGHT),
            deny,
            client: OnceLock::new(),
        }
    }

    /// Its services.
    #[must_use]
    pub fn map(&self) -> &ServiceMap {
        &self.map
    }

    /// How a service stands, as far as configuration tells.
    #[must_use]
    pub fn standing(&self, service: &ServiceSpec) -> Standing {
        Standing::of(service, &self.environment)
    }

    fn client(&self) -> Result<&Client, StepFailure> {
        let made = self.client.get_or_init(|| {
            let bases = self.map.iter().filter_map(|service| {
                match Standing::of(service, &self.environment) {
                    Standing::Ready { base } => address(&base).ok(),
                    _ => None,
                }
            });
            let hosts: Vec<String> = bases
                .filter_map(|url| Some(bare(url.host_str()?).to_owned()))
                .collect();
            let egress = Egress::new(&hosts, &self.deny).map_err(|error| error.to_string())?;
            Client::new(egress, []).map_err(|error| error.to_string())
        });
        let fault = |why: &String| StepFailure::new(ErrorClass::ConfigError, why.clone());
        made.as_ref().map_err(fault)
    }

    fn call(&self, request: &StepRequest) -> Result<Call, Declined> {
        let Work::Service(work) = &request.work else {
            let kind = request.work.kind();
            let reason = format!("a `{kind}` step was given to the executor of `service` steps");
            return Err(StepFailure::new(ErrorClass::Internal, reason).into());
        };
        let service = self.map.get(&work.service);
        let service = service.ok_or_else(|| config(self.map.unknown(&work.service)))?;
        let base = match Standing::of(service, &self.environment) {
            Standing::Ready { base } => base,
            Standing::NeedsConfig { what, mend } => {
                let failure = config(format!("Worker config invalid: {what}"));
                let note = format!("Worker config invalid: {what}\n{mend}\n");
                return Err(Declined { failure, note });
            }
            Standing::Blocked { why } => {
                let reason = format!("Worker blocked: {why}");
                return Err(StepFailure::new(ErrorClass::PolicyViolation, reason).into());
            }
        };
        let headers = ours(request).map_err(|error| config(error.to_string()))?;
        let out = outgoing(&base, &service.run, Method::POST, headers).map_err(config)?;
        Ok(Call {
            service: service.clone(),
            environment: self.environment.clone(),
            client: self.client()?.clone(),
            out: told(out, &request.attempt.run, work)?,
        })
    }

    /// Asks a service's health endpoint, from a thread of its own.
    #[must_use]
    pub fn health(&self, slug: &str, timeout: Duration) -> Health {
        let unwell = |said: String| Health {
            healthy: false,
            said,
        };
        let asked = || -> Result<(Client, Outgoing), String> {
            let service = self.map.get(slug).ok_or_else(|| self.map.unknown(slug))?;
            let Standing::Ready { base } = Standing::of(service, &self.environment) else {
                return Err("it is not configured".to_owned());
            };
            let out = outgoing(&base, &service.health, Method::GET, HeaderMap::new())?;
            let out = Outgoing {
                max_bytes: MAX_HEALTH,
                ..out
            };
            let client = self.client().map_err(|failure| failure.reason)?;
            Ok((client.clone(), out))
        };
        let (client, out) = match asked() {
            Ok(asked) => asked,
            Err(why) => return unwell(why),
        };
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build();
        let runtime = match runtime {
            Ok(runtime) => runtime,
            Err(error) => return unwell(error.to_string()),
        };
        runtime.block_on(async {
            match tokio::time::timeout(timeout, client.send(out)).await {
                Ok(Ok(answer)) => Health {
                    healthy: answer.status.is_success(),
                    said: answer.status.to_string(),
                },
                Ok(Err(error)) => unwell(error.to_string()),
                Err(_) => unwell(format!("no answer within {timeout:?}")),
            }
        })
    }
}

/// What is not even sent, and what is noted of it.
struct Declined {
    failure: StepFailure,
    note: String,
}

impl From<StepFailure> for Declined {
    fn from(failure: StepFailure) -> Self {
        let note = format!("not sent: {}\n", failure.reason);
        Self { failure, note }
    }
}

/// A call, but for its key.
struct Call {
    service: ServiceSpec,
    environment: Environment,
    client: Client,
    out: Outgoing,
}

fn config(reason: String) -> StepFailure {
    StepFailure::new(ErrorClass::ConfigError, reason)
}

/// An IPv6 address without its brackets.
fn bare(host: &str) -> &str {
    host.trim_start_matches('[').trim_end_matches(']')
}

fn outgoing(
    base: &str,
    endpoint: &str,
    method: Method,
    ours: HeaderMap,
) -> Result<Outgoing, String> {
    let url = format!("{}{endpoint}", base.trim_end_matches('/'));
    Ok(Outgoing {
        method,
        url: address(&url)?,
        ours,
        headers: HeaderMap::new(),
        body: Vec::new(),
        redirects: Redirects::Never,
        expect: Vec::new(),
        max_bytes: MAX_ANSWER,
    })
}

/// The call of a run: what the worker is told.
fn told(mut out: Outgoing, run: &RunId, work: &ServiceWork) -> Result<Outgoing, StepFailure> {
    let (name, id) = header("x-request-id", run.as_str()).map_err(|e| config(e.to_string()))?;
    out.headers.insert(name, id);
    let json = HeaderValue::from_static("application/json");
    out.headers.insert(CONTENT_TYPE, json);
    let body = json!({ "site_id": work.site, "run_id": run.as_str(), "domain": work.domain });
    out.body = body.to_string().into_bytes();
    Ok(out)
}

impl Call {
    async fn perform(mut self) -> Flown {
        let (what, began) = (
            format!(
                "POST {}{}",
                self.out.url.origin().ascii_serialization(),
                self.out.url.path()
            ),
            Instant::now(),
        );
        let key = match Key::of(&self.service, &self.environment).await {
            Ok(key) => key,
            Err(error) => {
                let failure = invalid(&error);
                let note = format!("not sent: {}\n", failure.reason);
                return (Err(failure), note);
            }
        };
        if let Some(key) = &key {
            match header("authorization", &format!("Bearer {}", key.expose())) {
                Ok((_, value)) => drop(self.out.headers.insert(AUTHORIZATION, value)),
                Err(error) => return (Err(config(error.to_string())), String::new()),
            }
        }
        let (end, note) = match self.client.send(self.out).await {
            Ok(answer) => {
                let (bytes, ms) = (answer.body.len(), began.elapsed().as_millis());
                let note = format!("{what}\n{}, {bytes} bytes in {ms} ms\n", answer.status);
                (judge(&what, &answer), note)
            }
            Err(error) => (Err(failure(&what, &error)), format!("{what}\n{error}\n")),
        };
        masked(key.as_ref(), end, note)
    }
}

/// Takes the key out of all that goes back.
fn masked(
    key: Option<&Key>,
    end: Result<rok_executor::StepSuccess, StepFailure>,
    note: String,
) -> Flown {
    let Some(masker) = key.map(Key::masker) else {
        return (end, note);
    };
    let end = match end {
        Ok(mut success) => {
            masker.mask_json(&mut success.outputs);
            Ok(success)
        }
        Err(failure) => Err(StepFailure {
            reason: masker.mask_str(&failure.reason).into_owned(),
            ..failure
        }),
    };
    (end, masker.mask_str(&note).into_owned())
}

fn invalid(error: &KeyError) -> StepFailure {
    config(format!("Worker config invalid: {error}"))
}

impl Executor for ServiceExecutor {
    fn accepts(&self, work: &Work) -> bool {
        matches!(work, Work::Service(_))
    }

    /// Only what the map does not know: what is not configured is a matter of
    /// that service, when it is called.
    fn preflight(&self, request: &StepRequest) -> Vec<PreflightFault> {
        let Work::Service(work) = &request.work else {
            return Vec::new();
        };
        if self.map.get(&work.service).is_some() {
            return Vec::new();
        }
        vec![PreflightFault {
            step: request.attempt.step.step.to_string(),
            class: ErrorClass::ConfigError,
            reason: self.map.unknown(&work.service),
        }]
    }

    fn start(&self, request: StepRequest, sink: Arc<dyn ReportSink>) {
        let call = self.call(&request);
        self.flights.start(&request, sink, async move {
            match call {
                Ok(call) => call.perform().await,
                Err(Declined { failure, note }) => (Err(failure), note),
            }
        });
    }

    fn cancel(&self, attempt: &AttemptRef, reason: CancelReason) {
        self.flights.cancel(attempt, reason);
    }

    fn stop_remains(&self, _: &RunId, _: &Workspace) -> Result<Remains, ExecutorError> {
        // A call dies with the process that made it.
        Ok(Remains::default())
    }
}
