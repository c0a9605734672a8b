//! The client: one request and its redirects, under egress rules. Proxies of
//! the environment are not used: behind one, nobody could tell addresses.

use crate::egress::{Egress, Refused};
use reqwest::dns::{Addrs, Name, Resolve, Resolving};
use reqwest::header::{HeaderMap, HeaderName, HeaderValue, LOCATION};
use reqwest::{Method, StatusCode, Url};
use rok_plan::Redirects;
use rustls::ClientConfig;
use rustls::crypto::ring::default_provider;
use rustls::pki_types::CertificateDer;
use rustls_platform_verifier::Verifier;
use std::error::Error;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

/// How long a connection may take to be made.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);

/// More redirects than these are a circle.
const MAX_REDIRECTS: usize = 10;

/// What goes out.
#[derive(Clone)]
pub struct Outgoing {
    /// The method.
    pub method: Method,
    /// Where to.
    pub url: Url,
    /// Headers of ours: they go wherever the request goes.
    pub ours: HeaderMap,
    /// Headers of whoever asks: they never leave the first host.
    pub headers: HeaderMap,
    /// The body.
    pub body: Vec<u8>,
    /// Where redirects may lead.
    pub redirects: Redirects,
    /// Statuses that are an answer even where they redirect.
    pub expect: Vec<u16>,
    /// The most of an answer that is read.
    pub max_bytes: u64,
}

/// What came back, read to its end.
#[derive(Debug, Clone)]
pub struct Answer {
    /// Its status.
    pub status: StatusCode,
    /// Its headers.
    pub headers: HeaderMap,
    /// Its body.
    pub body: Vec<u8>,
    /// Redirects that led to it.
    pub redirects: usize,
}

/// Why nothing came back.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum RequestError {
    /// A rule forbids the host.
    #[error(transparent)]
    Egress(#[from] Refused),
    /// A redirect that may not be followed.
    #[error("redirected to {to}: {why}")]
    Redirect {
        /// Where to: scheme, host and port.
        to: String,
        /// Why it is not followed.
        why: String,
    },
    /// The other side is not who it should be.
    #[error("the certificate of {host} is not accepted: {why}")]
    Certificate {
        /// The host.
        host: String,
        /// What is wrong with it.
        why: String,
    },
    /// The connection could not be made, or broke.
    #[error("{host}: {why}")]
    Connection {
        /// The host.
        host: String,
        /// What happened.
        why: String,
    },
    /// The answer is longer than may be read.
    #[error("the answer of {host} is larger than {limit} bytes")]
    TooLarge {
        /// The host.
        host: String,
        /// The limit.
        limit: u64,
    },
    /// The request cannot be sent as it is.
    #[error("the request cannot be sent: {why}")]
    Request {
        /// What is wrong with it.
        why: String,
    },
}

/// A client under egress rules.
#[derive(Debug, Clone)]
pub struct Client {
    client: reqwest::Client,
    egress: Arc<Egress>,
}

/// The client cannot be made.
#[derive(Debug, thiserror::Error)]
#[error("cannot set up TLS: {why}")]
pub struct ClientError {
    /// What is wrong.
    pub why: String,
}

impl Client {
    /// A client that trusts what the system trusts, and these certificates
    /// (DER) besides.
    pub fn new(
        egress: Egress,
        roots: impl IntoIterator<Item = Vec<u8>>,
    ) -> Result<Self, ClientError> {
        let fault = |error: &dyn Error| ClientError { why: told(error) };
        let provider = Arc::new(default_provider());
        let roots = roots.into_iter().map(CertificateDer::from);
        let verifier = Verifier::new_with_extra_roots(roots, Arc::clone(&provider));
        let verifier = verifier.map_err(|error| fault(&error))?;
        let tls = ClientConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .map_err(|error| fault(&error))?
            .dangerous()
            .with_custom_certificate_verifier(Arc::new(verifier))
            .with_no_client_auth();
        let egress = Arc::new(egress);
        let client = reqwest::Client::builder()
            .tls_backend_preconfigured(tls)
            .no_proxy()
            .redirect(reqwest::redirect::Policy::none())
            .referer(false)
            .connect_timeout(CONNECT_TIMEOUT)
            .dns_resolver(Arc::new(Resolver(Arc::clone(&egress))))
            .build()
            .map_err(|error| fault(&error))?;
        Ok(Self { client, egress })
    }

    /// Sends a request, follows redirects as far as they may lead, and reads
    /// the answer within its limit.
    pub async fn send(&self, mut out: Outgoing) -> Result<Answer, RequestError> {
        let mut redirects = 0;
        loop {
            let host = self.permitted(&out.url)?;
            let sent = self
                .client
                .request(out.method.clone(), out.url.clone())
                .headers(out.ours.clone())
                .headers(out.headers.clone());
            let sent = if out.body.is_empty() {
                sent
            } else {
                sent.body(out.body.clone())
            };
            let response = sent.send().await.map_err(|error| failed(&host, error))?;
            let status = response.status();
            let answers =
                out.expect.contains(&status.as_u16()) || out.redirects == Redirects::Never;
            let to = response
                .headers()
                .get(LOCATION)
                .filter(|_| !answers && moves(status));
            let Some(to) = to else {
                return read(response, &host, out.max_bytes, redirects).await;
            };
            let to = to.to_str().ok().and_then(|to| out.url.join(to).ok());
            redirects += 1;
            out = follow(out, status, to, redirects)?;
        }
    }

    /// The host of an address that may be reached, as far as its name tells.
    fn permitted(&self, url: &Url) -> Result<String, RequestError> {
        let host = url.host_str().ok_or_else(|| RequestError::Request {
            why: "its address has no host".to_owned(),
        })?;
        self.egress.check_host(host)?;
        Ok(host.to_owned())
    }

    /// Judges an address before anything is sent.
    pub fn check(&self, url: &Url) -> Result<(), RequestError> {
        self.permitted(url).map(drop)
    }
}

/// Whether a status asks for another address.
fn moves(status: StatusCode) -> bool {
    matches!(status.as_u16(), 301 | 302 | 303 | 307 | 308)
}

/// The request that a redirect asks for, if it may be made.
fn follow(
    mut out: Outgoing,
    status: StatusCode,
    to: Option<Url>,
    redirects: usize,
) -> Result<Outgoing, RequestError> {
    let refuse = |to: String, why: &str| {
        let why = why.to_owned();
        Err(RequestError::Redirect { to, why })
    };
    let Some(to) = to else {
        return refuse("nowhere".to_owned(), "its `location` is no address");
    };
    let shown = to.origin().ascii_serialization();
    let known = matches!(to.scheme(), "http" | "https");
    if !known || !to.username().is_empty() || to.password().is_some() {
        return refuse(
            shown,
            "only plain `http` and `https` addresses are followed",
        );
    }
    if redirects > MAX_REDIRECTS {
        return refuse(shown, "that is one redirect too many");
    }
    let leaves = to.origin() != out.url.origin();
    if leaves && out.redirects == Redirects::SameHost {
        return refuse(
            shown,
            "another host, which `redirects: same_host` does not allow",
        );
    }
    if leaves && out.url.scheme() == "https" && to.scheme() == "http" {
        return refuse(shown, "from `https` to `http`");
    }
    let reads = matches!(out.method, Method::GET | Method::HEAD);
    let becomes_get = status == StatusCode::SEE_OTHER || matches!(status.as_u16(), 301 | 302);
    if becomes_get && !reads {
        out.method = Method::GET;
        out.body = Vec::new();
        out.headers.remove(reqwest::header::CONTENT_TYPE);
    }
    if leaves {
        if !out.body.is_empty() {
            return refuse(shown, "a body is not handed on to another host");
        }
        out.headers = HeaderMap::new();
    }
    out.url = to;
    Ok(out)
}

async fn read(
    mut response: reqwest::Response,
    host: &str,
    limit: u64,
    redirects: usize,
) -> Result<Answer, RequestError> {
    let too_large = || RequestError::TooLarge {
        host: host.to_owned(),
        limit,
    };
    let (status, headers) = (response.status(), response.headers().clone());
    if response
        .content_length()
        .is_some_and(|length| length > limit)
    {
        return Err(too_large());
    }
    let mut body = Vec::new();
    let next = |error| failed(host, error);
    while let Some(chunk) = response.chunk().await.map_err(next)? {
        if body.len() as u64 + chunk.len() as u64 > limit {
            return Err(too_large());
        }
        body.extend_from_slice(&chunk);
    }
    Ok(Answer {
        status,
        headers,
        body,
        redirects,
    })
}

fn failed(host: &str, error: reqwest::Error) -> RequestError {
    let error = error.without_url();
    let mut cause: Option<&(dyn Error + 'static)> = Some(&error);
    while let Some(found) = cause {
        if let Some(refused) = found.downcast_ref::<Refused>() {
            return refused.clone().into();
        }
        if let Some(rustls::Error::InvalidCertificate(why)) = found.downcast_ref() {
            return RequestError::Certificate {
                host: host.to_owned(),
                why: why.to_string(),
            };
        }
        cause = match found.downcast_ref::<std::io::Error>() {
            // An error within an I/O error is not its source.
            Some(error) => error.get_ref().map(|inner| inner as _).or(found.source()),
            None => found.source(),
        };
    }
    if error.is_builder() {
        return RequestError::Request { why: told(&error) };
    }
    RequestError::Connection {
        host: host.to_owned(),
        why: told(&error),
    }
}

/// An error and what it came of, each thing said once.
fn told(error: &dyn Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(found) = cause {
        let found_text = found.to_string();
        if !text.contains(&found_text) {
            text = format!("{text}: {found_text}");
        }
        cause = found.source();
    }
    text
}

/// Resolves names to the addresses that may be reached.
struct Resolver(Arc<Egress>);

impl Resolve for Resolver {
    fn resolve(&self, name: Name) -> Resolving {
        let rules = Arc::clone(&self.0);
        Box::pin(async move {
            let host = name.as_str();
            let found = tokio::net::lookup_host((host, 0)).await?;
            let mut permitted: Vec<SocketAddr> = Vec::new();
            let mut refused = None;
            for address in found {
                match rules.check_address(host, address.ip()) {
                    Ok(()) => permitted.push(address),
                    Err(why) => refused = Some(why),
                }
            }
            match refused {
                Some(why) if permitted.is_empty() => Err(why.into()),
                _ => Ok(Box::new(permitted.into_iter()) as Addrs),
            }
        })
    }
}

impl std::fmt::Debug for Outgoing {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        // Headers and body may hold secrets.
        f.debug_struct("Outgoing")
            .field("method", &self.method)
            .finish_non_exhaustive()
    }
}

/// A header, from a name and a value that was filled in.
pub fn header(name: &str, value: &str) -> Result<(HeaderName, HeaderValue), RequestError> {
    let parsed = name.parse::<HeaderName>().ok();
    // Nothing is said of the value: it may hold a secret.
    let why = || RequestError::Request {
        why: format!("the value of header `{name}` holds a character that no header may"),
    };
    let mut value = HeaderValue::from_str(value).map_err(|_| why())?;
    value.set_sensitive(true);
    Ok((parsed.ok_or_else(why)?, value))
}
