//! Requests to one server.

use crate::fault::{refused, unreachable};
use reqwest::blocking::{Body, Client, RequestBuilder, Response};
use reqwest::header::{ACCEPT, AUTHORIZATION, CONTENT_TYPE, HeaderValue};
use reqwest::{Method, Url};
use rok_service::views::{ErrorKind, RunsError, format_duration};
use rustls::crypto::ring::default_provider;
use rustls::{ClientConfig, RootCertStore};
use rustls_platform_verifier::Verifier;
use serde::Serialize;
use serde::de::DeserializeOwned;
use std::error::Error;
use std::fs::File;
use std::io::{self, Read as _};
use std::net::IpAddr;
use std::path::Path;
use std::sync::{Arc, OnceLock};
use std::time::Duration;

/// How long an answer may take of a server that is known to answer: it may have
/// a long log to prove. Streams are not bounded.
const ANSWER_TIMEOUT: Duration = Duration::from_secs(330);
/// How long a file may take to be sent, and judged.
const FILE_TIMEOUT: Duration = Duration::from_secs(1200);
/// More than any answer has.
const MAX_ANSWER: u64 = 256 * 1024 * 1024;

/// Values of a query.
pub(crate) type Query = Vec<(&'static str, String)>;

/// One server, and who asks it.
pub(crate) struct Connection {
    client: Client,
    base: Url,
    token: Option<HeaderValue>,
    /// How long an answer may take.
    answer: Duration,
    /// How long the server may take to answer at all.
    patience: Duration,
    /// Set once it has.
    answers: OnceLock<()>,
}

impl Connection {
    /// A server that has so long to answer at all. Nothing is asked yet.
    pub(crate) fn to(
        server: &str,
        token: Option<&str>,
        patience: Duration,
    ) -> Result<Self, RunsError> {
        let refuse = |what: String| {
            RunsError::new(ErrorKind::Usage, "ROK0213", what)
                .help("`--server https://host:port` names a server; http is for loopback")
        };
        let base = Url::parse(server).map_err(|error| refuse(format!("{server}: {error}")))?;
        if token.is_some() && base.scheme() != "https" && !is_loopback(&base) {
            return Err(refuse(format!(
                "a token does not travel in the clear to {server}"
            )));
        }
        let token = token.map(|token| {
            let value = HeaderValue::from_str(&format!("Bearer {token}"));
            let mut value = value.map_err(|_| refuse("ROK_TOKEN holds no token".to_owned()))?;
            value.set_sensitive(true);
            Ok::<_, RunsError>(value)
        });
        let client = client(base.scheme() == "https", patience)
            .map_err(|error| unreachable(told(&*error)))?;
        Ok(Self {
            client,
            base,
            token: token.transpose()?,
            answer: ANSWER_TIMEOUT,
            patience,
            answers: OnceLock::new(),
        })
    }

    /// Gives no answer more time than that, nor asks beforehand whether there
    /// will be any.
    pub(crate) fn at_once(self) -> Self {
        Self {
            answer: self.patience,
            answers: OnceLock::from(()),
            ..self
        }
    }

    /// The address of an operation, each part of its path on its own.
    fn url(&self, path: &[&str], query: &[(&'static str, String)]) -> Url {
        let mut url = self.base.clone();
        if let Ok(mut parts) = url.path_segments_mut() {
            parts.clear().extend(path);
        }
        if !query.is_empty() {
            url.query_pairs_mut().extend_pairs(query);
        }
        url
    }

    fn request(
        &self,
        method: Method,
        path: &[&str],
        query: &[(&'static str, String)],
    ) -> RequestBuilder {
        let request = self.client.request(method, self.url(path, query));
        match &self.token {
            Some(token) => request.header(AUTHORIZATION, token.clone()),
            None => request,
        }
    }

    /// Asks for a sign of life, once: what takes connections and never answers
    /// would be waited for as long as for an answer that is long in the making.
    fn is_there(&self) -> Result<(), RunsError> {
        if self.answers.get().is_none() {
            let request = self.client.get(self.url(&["livez"], &[]));
            let answer = request.timeout(self.patience).send();
            answer.map_err(|error| self.unanswered(&error))?;
            let _ = self.answers.set(());
        }
        Ok(())
    }

    fn unanswered(&self, error: &reqwest::Error) -> RunsError {
        let base = &self.base;
        if error.is_timeout() {
            return unreachable(format!("{base} does not answer in time")).help(format!(
                "is it a rok server, and is it up? It has {} to answer at all: `server_timeout_ms`",
                format_duration(self.patience)
            ));
        }
        let why = told(error);
        let help = if why.contains("certificate") {
            UNTRUSTED
        } else {
            "is the server up, and is the address right?"
        };
        unreachable(format!("{base} cannot be reached: {why}")).help(help)
    }

    fn send(&self, request: RequestBuilder) -> Result<Response, RunsError> {
        self.is_there()?;
        let response = request.send().map_err(|error| self.unanswered(&error))?;
        let status = response.status();
        if status.is_success() {
            return Ok(response);
        }
        let body = bytes(response)?;
        Err(refused(status.as_u16(), &body))
    }

    /// Looks.
    pub(crate) fn get<T: DeserializeOwned>(
        &self,
        path: &[&str],
        query: &[(&'static str, String)],
    ) -> Result<T, RunsError> {
        read(self.send(self.request(Method::GET, path, query).timeout(self.answer))?)
    }

    /// Looks at bytes.
    pub(crate) fn bytes(&self, path: &[&str]) -> Result<Vec<u8>, RunsError> {
        bytes(self.send(self.request(Method::GET, path, &[]).timeout(self.answer))?)
    }

    /// Asks for something to be done. A key makes it safe to send twice.
    pub(crate) fn post<T: DeserializeOwned>(
        &self,
        path: &[&str],
        body: &impl Serialize,
        key: Option<&str>,
    ) -> Result<T, RunsError> {
        let body = serde_json::to_vec(body).map_err(|error| unreachable(error.to_string()))?;
        let request = || {
            let request = self
                .request(Method::POST, path, &[])
                .timeout(ANSWER_TIMEOUT);
            let request = request.header(CONTENT_TYPE, "application/json");
            let request = request.body(body.clone());
            match key {
                Some(key) => request.header("Idempotency-Key", key),
                None => request,
            }
        };
        // Else a server that never answers would be given its time twice.
        self.is_there()?;
        let mut answer = self.send(request());
        // Whether the first one arrived cannot be told; the key makes it one.
        if answer.is_err()
            && key.is_some()
            && matches!(&answer, Err(error) if error.code == "ROK0213")
        {
            answer = self.send(request());
        }
        read(answer?)
    }

    /// Asks for something to be done that needs no words.
    pub(crate) fn tell<T: DeserializeOwned>(&self, path: &[&str]) -> Result<T, RunsError> {
        let request = self.request(Method::POST, path, &[]);
        read(self.send(request.timeout(ANSWER_TIMEOUT))?)
    }

    /// Sends a file, as it is.
    pub(crate) fn send_file<T: DeserializeOwned>(
        &self,
        path: &[&str],
        query: &[(&'static str, String)],
        file: &Path,
    ) -> Result<T, RunsError> {
        let opened = File::open(file).and_then(|opened| {
            let meta = opened.metadata()?;
            if meta.is_file() {
                Ok((opened, meta.len()))
            } else {
                Err(io::Error::other("it is no regular file"))
            }
        });
        let (opened, length) = opened.map_err(|error| {
            let message = format!("bundle {} cannot be read: {error}", file.display());
            RunsError::new(ErrorKind::Usage, "ROK0143", message)
                .help("name a bundle: `rok export RUN -o FILE` writes one")
        })?;
        let request = self.request(Method::POST, path, query);
        let request = request
            .timeout(FILE_TIMEOUT)
            .header(CONTENT_TYPE, "application/octet-stream");
        read(self.send(request.body(Body::sized(opened, length)))?)
    }

    /// Where something is at the server, for people.
    pub(crate) fn shown(&self, path: &[&str]) -> String {
        self.url(path, &[]).to_string()
    }

    /// Asks for something to be taken away.
    pub(crate) fn delete<T: DeserializeOwned>(&self, path: &[&str]) -> Result<T, RunsError> {
        let request = self.request(Method::DELETE, path, &[]);
        read(self.send(request.timeout(ANSWER_TIMEOUT))?)
    }

    /// Opens what goes on for as long as it does.
    pub(crate) fn open(
        &self,
        path: &[&str],
        query: &[(&'static str, String)],
        headers: &[(&'static str, String)],
    ) -> Result<Response, RunsError> {
        let mut request = self.request(Method::GET, path, query);
        for (name, value) in headers {
            request = request.header(*name, value);
        }
        self.send(request)
    }

    /// The same for a stream of events.
    pub(crate) fn events(
        &self,
        path: &[&str],
        query: &[(&'static str, String)],
        last: Option<&str>,
    ) -> Result<Response, RunsError> {
        let mut headers = vec![(ACCEPT.as_str().to_owned(), "text/event-stream".to_owned())];
        headers.extend(last.map(|last| ("last-event-id".to_owned(), last.to_owned())));
        let mut request = self.request(Method::GET, path, query);
        for (name, value) in headers {
            request = request.header(name, value);
        }
        self.send(request)
    }
}

fn read<T: DeserializeOwned>(response: Response) -> Result<T, RunsError> {
    let body = bytes(response)?;
    serde_json::from_slice(&body).map_err(|error| {
        unreachable(format!("the server's answer is not understood: {error}"))
            .help("`rok --version` here and where the server runs: are they the same?")
    })
}

fn bytes(response: Response) -> Result<Vec<u8>, RunsError> {
    let mut body = Vec::new();
    let read = response.take(MAX_ANSWER).read_to_end(&mut body);
    read.map_err(|error| unreachable(format!("the server's answer broke off: {error}")))?;
    Ok(body)
}

/// How a server is trusted whose certificate no known authority signed.
const UNTRUSTED: &str = "its certificate must be signed by an authority that this machine trusts: \
     `SSL_CERT_FILE` names a file (PEM) of the authorities to trust instead";

fn client(tls: bool, patience: Duration) -> Result<Client, Box<dyn Error>> {
    let client = Client::builder()
        .no_proxy()
        .redirect(reqwest::redirect::Policy::none())
        .referer(false)
        .connect_timeout(patience)
        .timeout(None);
    let provider = Arc::new(default_provider());
    let config = ClientConfig::builder_with_provider(Arc::clone(&provider))
        .with_safe_default_protocol_versions()?;
    let config = if tls {
        let verifier = Arc::new(Verifier::new(provider)?);
        config
            .dangerous()
            .with_custom_certificate_verifier(verifier)
    } else {
        // Nobody is trusted where nobody is asked for a certificate.
        config.with_root_certificates(RootCertStore::empty())
    };
    let config = config.with_no_client_auth();
    Ok(client.tls_backend_preconfigured(config).build()?)
}

fn is_loopback(url: &Url) -> bool {
    let host = url.host_str().unwrap_or_default();
    let name = host.trim_start_matches('[').trim_end_matches(']');
    host == "localhost" || name.parse::<IpAddr>().is_ok_and(|ip| ip.is_loopback())
}

/// An error and what led to it, without addresses twice.
fn told(error: &dyn Error) -> String {
    let mut innermost = error;
    while let Some(source) = innermost.source() {
        innermost = source;
    }
    innermost.to_string()
}
