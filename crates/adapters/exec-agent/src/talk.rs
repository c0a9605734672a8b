//! Talking with one agent over HTTP: `rok-agent/1`.

use crate::config::RemoteAgent;
use crate::proof::object;
use rok_agents::{Offer, OfferAnswer, Order, Signed, WorkStatus};
use rok_exec_http::headers::{AUTHORIZATION, CONTENT_TYPE, HeaderMap, HeaderValue};
use rok_exec_http::{Answer, Client, Method, Outgoing, StatusCode, Url, header};
use rok_plan::Redirects;
use serde::Serialize;
use serde::de::DeserializeOwned;
use std::time::Duration;

/// The most of a result that is read.
const MAX_RESULT: u64 = 32 * 1024 * 1024;
/// The most of any other answer that is read.
const MAX_ANSWER: u64 = 1024 * 1024;
/// How much of what an agent says is shown.
const SHOWN: usize = 300;

/// Why an agent said nothing that can be used.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(crate) enum TalkError {
    /// It was not asked: something is missing here.
    #[error("{0}")]
    NotAsked(String),
    /// The connection could not be made, or broke.
    #[error("{0}")]
    Connection(String),
    /// It answered with a status that is no success.
    #[error("it answered {status}{said}")]
    Status {
        /// The status.
        status: StatusCode,
        /// What it said, shortened.
        said: String,
    },
    /// What it said makes no sense.
    #[error("what it answered cannot be read: {0}")]
    Nonsense(String),
}

/// One agent, and what every request to it has.
#[derive(Debug, Clone)]
pub(crate) struct Talk {
    client: Client,
    base: Url,
    headers: HeaderMap,
}

impl Talk {
    /// Nothing is sent yet.
    pub(crate) fn with(
        client: Client,
        agent: &RemoteAgent,
        mut headers: HeaderMap,
    ) -> Result<Self, TalkError> {
        let json = HeaderValue::from_static("application/json");
        headers.insert(CONTENT_TYPE, json);
        if let Some(name) = &agent.token_env {
            let token = std::env::var(name).ok().filter(|token| !token.is_empty());
            let token = token.ok_or_else(|| {
                TalkError::NotAsked(format!("its token is missing: {name} is not set"))
            })?;
            let value = header("authorization", &format!("Bearer {token}"));
            let (_, value) = value.map_err(|error| TalkError::NotAsked(error.to_string()))?;
            headers.insert(AUTHORIZATION, value);
        }
        Ok(Self {
            client,
            base: agent.url.clone(),
            headers,
        })
    }

    /// What it says of itself, and whether it has work of a key.
    pub(crate) async fn card(
        &self,
        challenge: &str,
        key: Option<&str>,
    ) -> Result<Signed, TalkError> {
        let mut out = self.request(Method::GET, &["agent"], None::<&()>);
        let key = key.map(|key| ("key", key));
        let pairs = [("challenge", challenge)].into_iter().chain(key);
        out.url.query_pairs_mut().extend_pairs(pairs);
        read(&self.send(out).await?)
    }

    /// Offers it a step.
    pub(crate) async fn offer(&self, offer: &Offer) -> Result<OfferAnswer, TalkError> {
        let out = self.request(Method::POST, &["offers"], Some(offer));
        read(&self.send(out).await?)
    }

    /// Gives it a step that it accepted.
    pub(crate) async fn order(&self, order: &Order) -> Result<(), TalkError> {
        let out = self.request(Method::POST, &["orders"], Some(order));
        self.send(out).await.map(drop)
    }

    /// How the work of an order goes. It may wait so long for news.
    pub(crate) async fn status(
        &self,
        nonce: &str,
        wait: Duration,
    ) -> Result<WorkStatus, TalkError> {
        let mut out = self.request(Method::GET, &["orders", nonce], None::<&()>);
        let wait = wait.as_millis().to_string();
        out.url.query_pairs_mut().append_pair("wait_ms", &wait);
        out.max_bytes = MAX_RESULT;
        read(&self.send(out).await?)
    }

    /// Tells it that nobody waits for an order's result any more.
    pub(crate) async fn withdraw(&self, nonce: &str) -> Result<(), TalkError> {
        let out = self.request(Method::DELETE, &["orders", nonce], None::<&()>);
        self.send(out).await.map(drop)
    }

    fn request(&self, method: Method, path: &[&str], body: Option<&impl Serialize>) -> Outgoing {
        let mut url = self.base.clone();
        if let Ok(mut segments) = url.path_segments_mut() {
            segments.pop_if_empty().extend(path);
        }
        let body = body.map(|body| serde_json::to_vec(body).expect("it has string keys only"));
        Outgoing {
            method,
            url,
            ours: HeaderMap::new(),
            headers: self.headers.clone(),
            body: body.unwrap_or_default(),
            redirects: Redirects::Never,
            expect: Vec::new(),
            max_bytes: MAX_ANSWER,
        }
    }

    async fn send(&self, out: Outgoing) -> Result<Answer, TalkError> {
        let answer = self.client.send(out).await;
        let answer = answer.map_err(|error| TalkError::Connection(error.to_string()))?;
        if answer.status.is_success() {
            return Ok(answer);
        }
        Err(TalkError::Status {
            status: answer.status,
            said: said(&answer.body),
        })
    }
}

fn read<T: DeserializeOwned>(answer: &Answer) -> Result<T, TalkError> {
    object(&answer.body).map_err(TalkError::Nonsense)
}

/// The first line of what was said, without control characters.
fn said(body: &[u8]) -> String {
    let text = String::from_utf8_lossy(&body[..body.len().min(4 * SHOWN)]);
    let line = text.lines().map(str::trim).find(|line| !line.is_empty());
    let line = line.unwrap_or_default().chars();
    let line: String = line.filter(|c| !c.is_control()).take(SHOWN).collect();
    if line.is_empty() {
        line
    } else {
        format!(": {line}")
    }
}
