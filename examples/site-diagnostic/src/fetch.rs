//! One GET on a connection of its own, timed. It follows no redirect.

use http_body_util::{BodyExt as _, Limited};
use hyper::Request;
use hyper::header::{CONTENT_TYPE, HOST, LOCATION, USER_AGENT};
use hyper_util::rt::TokioIo;
use std::net::SocketAddr;
use std::time::{Duration, Instant};
use tokio::net::TcpStream;

/// The most of a body that is read: rustdoc's largest search index is smaller.
const MAX_BODY: usize = 16 * 1024 * 1024;
/// A site that takes longer for one answer is as good as gone.
const PATIENCE: Duration = Duration::from_secs(10);

/// What a site answered.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fetched {
    /// The status.
    pub status: u16,
    /// Where a redirect leads.
    pub location: Option<String>,
    /// Whether it is HTML.
    pub html: bool,
    /// The body.
    pub body: Vec<u8>,
    /// From the first packet to the answer's head.
    pub first_byte: Duration,
    /// From the first packet to the body's end.
    pub whole: Duration,
}

/// Why nothing was answered.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum FetchError {
    /// Nobody listens.
    #[error("cannot connect to {at}")]
    Connect {
        /// Where.
        at: SocketAddr,
        /// Why.
        #[source]
        source: std::io::Error,
    },
    /// It does not speak HTTP, or went away.
    #[error("{at} gave no answer: {what}")]
    Broken {
        /// Where.
        at: SocketAddr,
        /// What came instead.
        what: String,
    },
    /// It took too long.
    #[error("{at} did not answer within {PATIENCE:?}")]
    Slow {
        /// Where.
        at: SocketAddr,
    },
}

/// Asks a site for a path.
pub async fn get(at: SocketAddr, host: &str, path: &str) -> Result<Fetched, FetchError> {
    let asked = tokio::time::timeout(PATIENCE, ask(at, host, path)).await;
    asked.unwrap_or(Err(FetchError::Slow { at }))
}

async fn ask(at: SocketAddr, host: &str, path: &str) -> Result<Fetched, FetchError> {
    let broken = |what: String| FetchError::Broken { at, what };
    let began = Instant::now();
    let stream = TcpStream::connect(at).await;
    let stream = stream.map_err(|source| FetchError::Connect { at, source })?;
    let (mut sender, connection) = hyper::client::conn::http1::handshake(TokioIo::new(stream))
        .await
        .map_err(|error| broken(error.to_string()))?;
    // It ends when `sender` is dropped; what goes wrong is seen there.
    tokio::spawn(connection);
    let request = Request::get(path)
        .header(HOST, host)
        .header(USER_AGENT, "rok-site-diagnostic")
        .body(String::new())
        .map_err(|error| broken(error.to_string()))?;
    let answer = sender.send_request(request).await;
    let answer = answer.map_err(|error| broken(error.to_string()))?;
    let first_byte = began.elapsed();
    let text = |name| {
        let value = answer.headers().get(name);
        value
            .and_then(|value| value.to_str().ok())
            .map(str::to_owned)
    };
    let (location, kind) = (text(LOCATION), text(CONTENT_TYPE).unwrap_or_default());
    let status = answer.status().as_u16();
    let body = Limited::new(answer.into_body(), MAX_BODY).collect().await;
    let body = body.map_err(|error| broken(error.to_string()))?;
    Ok(Fetched {
        status,
        location,
        html: kind.starts_with("text/html"),
        body: body.to_bytes().to_vec(),
        first_byte,
        whole: began.elapsed(),
    })
}
