//! How a server is set up, and its bounds.

use std::fmt;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

/// Where the server tells what no client is told.
#[derive(Clone)]
pub struct Log(Arc<dyn Fn(&str) + Send + Sync>);

impl Log {
    /// A log that hands each line to this function.
    pub fn new(tell: impl Fn(&str) + Send + Sync + 'static) -> Self {
        Self(Arc::new(tell))
    }

    /// Tells a line.
    pub(crate) fn tell(&self, line: &str) {
        (self.0)(line);
    }
}

impl fmt::Debug for Log {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Log")
    }
}

/// The files of a certificate.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TlsFiles {
    /// The chain, PEM, the server's own first.
    pub cert: PathBuf,
    /// Its private key, PEM.
    pub key: PathBuf,
}

/// How a server is set up.
#[derive(Debug, Clone)]
pub struct ServeOptions {
    /// Where it listens; port 0: any that is free.
    pub listen: SocketAddr,
    /// Its certificate; `None`: plain HTTP.
    pub tls: Option<TlsFiles>,
    /// Everybody who reaches it is its own user, as admin. Loopback only.
    pub no_auth: bool,
    /// Something in front of it ends TLS, so that it may listen beyond loopback
    /// without a certificate.
    pub behind_proxy: bool,
    /// How long runs may go on once it is told to stop.
    pub grace: Duration,
    /// Its bounds.
    pub limits: Limits,
    /// Where it tells what no client is told.
    pub log: Log,
}

/// Bounds of what clients may take.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// Connections at once; the next one is told to come again.
    pub connections: usize,
    /// How long the head of a request may take, and a connection may be idle.
    pub header_time: Duration,
    /// How long a body may take.
    pub body_time: Duration,
    /// How long an answer may take, waiting and following aside.
    pub answer_time: Duration,
    /// How large a body may be.
    pub body_bytes: usize,
    /// How large a bundle may be that is sent, and to how much it may unpack.
    pub bundle_bytes: u64,
    /// See `bundle_bytes`.
    pub unpacked_bytes: u64,
    /// How long a bundle may take to come; between two parts of it `body_time`.
    pub bundle_time: Duration,
    /// Bundles that come at once: each is kept on the disk.
    pub bundles: usize,
    /// How many header fields a request may have.
    pub headers: usize,
    /// How large its head may be.
    pub header_bytes: usize,
    /// How often a stream in which nothing happens says that it is alive.
    pub heartbeat: Duration,
    /// How often a run that goes on elsewhere is looked at, where somebody
    /// follows it.
    pub glance: Duration,
    /// Use cases at once: each takes a thread, and reads a log.
    pub blocking: usize,
    /// Runs that are driven at once; the others wait.
    pub driven: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            // 10,000 that only wait leave room for those that ask.
            connections: 16_384,
            header_time: Duration::from_secs(10),
            body_time: Duration::from_secs(20),
            answer_time: Duration::from_secs(60),
            // A plan may have 16 MiB; what people write is far below.
            body_bytes: 4 * 1024 * 1024,
            bundle_bytes: 256 * 1024 * 1024,
            unpacked_bytes: 4 * 1024 * 1024 * 1024,
            bundle_time: Duration::from_secs(600),
            bundles: 4,
            headers: 64,
            // A path of 4096 characters, each of them encoded.
            header_bytes: 64 * 1024,
            heartbeat: Duration::from_secs(15),
            glance: Duration::from_secs(1),
            blocking: 32,
            driven: 256,
        }
    }
}
