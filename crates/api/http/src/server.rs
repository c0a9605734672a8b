//! The server: a socket, its limits, its end.

use crate::app::App;
use crate::dispatch::{dispatch, nowhere};
use crate::driver::How;
use crate::operation::Verb;
use crate::operations::operations;
use crate::options::{Limits, ServeOptions, TlsFiles};
use crate::schedules;
use axum::Router;
use axum::routing::{MethodFilter, MethodRouter, on};
use hyper::server::conn::http1;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::service::TowerToHyperService;
use rok_exec_service::ServiceMap;
use rok_service::views::{PoolAsk, RunsPool, StopSignal};
use rok_service::{Service, ServiceError};
use rustls::pki_types::pem::{Error as PemError, PemObject as _};
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use std::collections::BTreeMap;
use std::net::{SocketAddr, TcpListener};
use std::sync::Arc;
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncWrite, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::sync::{OwnedSemaphorePermit, Semaphore, watch};
use tokio::task::JoinSet;
use tokio_rustls::TlsAcceptor;

/// How long answers that are under way may take once all runs have stopped.
const LAST_WORDS: Duration = Duration::from_secs(5);
/// How long nothing is accepted once the system has no more room for it.
const NO_ROOM: Duration = Duration::from_millis(100);
/// What a connection too many is told.
const FULL: &[u8] = b"HTTP/1.1 503 Service Unavailable\r\nretry-after: 1\r\nconnection: close\r\ncontent-length: 0\r\n\r\n";

/// A server that listens; nobody is answered yet.
pub struct Server {
    app: Arc<App>,
    listener: TcpListener,
    tls: Option<TlsAcceptor>,
    stopping: watch::Sender<bool>,
    address: SocketAddr,
}

impl Server {
    /// Listens, where that is safe.
    pub fn bind(service: Arc<Service>, options: ServeOptions) -> Result<Self, ServiceError> {
        refuse_unsafe(&options)?;
        let tls = options.tls.as_ref().map(acceptor).transpose()?;
        let access = service.access()?;
        service.refuse_unreadable_key()?;
        service.refuse_left_behind()?;
        let tokens = service.tokens()?;
        let services = service.config().settings.services.as_deref();
        let services = services.map_or_else(|| Ok(ServiceMap::builtin()), ServiceMap::read);
        let services = services.map_err(|error| ServiceError::Server {
            what: error.to_string(),
            help: "mend the file that the setting `services` names".to_owned(),
        })?;
        raise_open_files(options.limits.connections);
        let listen = options.listen;
        let cannot = |error: std::io::Error| ServiceError::Server {
            what: format!("cannot listen on {listen}: {error}"),
            help: "`--listen 127.0.0.1:0` takes any port that is free, and says which".to_owned(),
        };
        let listener = TcpListener::bind(listen).map_err(cannot)?;
        listener.set_nonblocking(true).map_err(cannot)?;
        let address = listener.local_addr().map_err(cannot)?;
        let (stopping, told) = watch::channel(false);
        Ok(Self {
            app: Arc::new(App::new(service, access, tokens, services, options, told)),
            listener,
            tls,
            stopping,
            address,
        })
    }

    /// Where it listens.
    #[must_use]
    pub const fn address(&self) -> SocketAddr {
        self.address
    }

    /// The address that a browser or `curl` takes.
    #[must_use]
    pub fn url(&self) -> String {
        let scheme = if self.tls.is_some() { "https" } else { "http" };
        format!("{scheme}://{}", self.address)
    }

    /// Answers until `stop` is given. Then nothing new is accepted, runs go on
    /// for the grace period, and what is left of them can be resumed.
    pub fn run(self, stop: &StopSignal) -> Result<(), ServiceError> {
        let failed = |error: std::io::Error| ServiceError::Server {
            what: format!("the server cannot run: {error}"),
            help: "look at the limits of threads and open files (`ulimit -a`)".to_owned(),
        };
        let mut runtime = tokio::runtime::Builder::new_multi_thread();
        let runtime = runtime
            .enable_all()
            .thread_name("http")
            .build()
            .map_err(failed)?;
        // Before anything is asked of runs: those of a database are its pool's.
        let pool = self.start_pool()?;
        if let Err(why) = self.app.ready() {
            let told = format!("not ready, and nothing is accepted until it is: {why}");
            self.app.options.log.tell(&told);
        }
        self.tell_unattested();
        self.take_up();
        schedules::keep(&self.app, stop).map_err(failed)?;
        let stopping = self.stopping.clone();
        stop.on_stop(move || {
            stopping.send_replace(true);
        });
        let served = runtime.block_on(self.serve(pool)).map_err(failed);
        // Copies that nobody reads any more are not waited for.
        runtime.shutdown_background();
        served
    }

    /// Starts what drives the runs, where they are in a database.
    fn start_pool(&self) -> Result<Option<Arc<dyn RunsPool>>, ServiceError> {
        let (hub, log) = (Arc::clone(&self.app.hub), self.app.options.log.clone());
        let resting = Arc::clone(&hub);
        let metrics = Arc::clone(&self.app.metrics);
        let counting = Arc::clone(&metrics);
        let pool = self.app.service.start_pool(PoolAsk {
            grace: self.app.options.grace,
            grown: Arc::new(move |run| match run {
                Some(run) => hub.went_on(run),
                None => hub.all_went_on(),
            }),
            rests: Arc::new(move |run| resting.rests(run)),
            ended: Arc::new(move |run| metrics.closed(run)),
            broken: Arc::new(move |run| counting.found_broken(run.as_str())),
            log: Arc::new(move |line| log.tell(line)),
        })?;
        let pool: Option<Arc<dyn RunsPool>> = pool.map(Arc::from);
        if let Some(pool) = &pool {
            self.app.metrics.pooled(Arc::clone(pool));
        }
        Ok(pool)
    }

    /// Tells which runs a server before this one has sealed and not attested.
    fn tell_unattested(&self) {
        let log = &self.app.options.log;
        match self.app.service.unattested() {
            Ok(runs) if runs.is_empty() => {}
            Ok(runs) => {
                let runs: Vec<String> = runs.iter().map(ToString::to_string).collect();
                let runs = runs.join(", ");
                log.tell(&format!(
                    "sealed and not attested: {runs}; `rok attest RUN` attests one"
                ));
            }
            Err(error) => log.tell(&format!("what is not attested cannot be told: {error}")),
        }
    }

    /// Goes on with what a server before this one has accepted, and that has
    /// not ended.
    fn take_up(&self) {
        let (app, log) = (&self.app, &self.app.options.log);
        let accepted = app.service.accepted().unwrap_or_else(|error| {
            log.tell(&format!("what was accepted is not gone on with: {error}"));
            Vec::new()
        });
        for run in accepted {
            let actor = app.service.config().settings.actor();
            let found = app.service.run_for(&run, &actor);
            let driven = found.and_then(|run| app.drivers.drive(run, How::GoOn));
            let driven = match driven {
                // It was removed.
                Err(error) if error.code() == "ROK0101" => app.service.acquit(&run),
                driven => driven.map(drop),
            };
            if let Err(error) = driven {
                app.metrics.failed(run.as_str(), error.code());
                log.tell(&format!("run {run} is not gone on with: {error}"));
            }
        }
    }

    async fn serve(self, pool: Option<Arc<dyn RunsPool>>) -> std::io::Result<()> {
        let listener = tokio::net::TcpListener::from_std(self.listener)?;
        let limits = self.app.options.limits;
        let room = Arc::new(Semaphore::new(limits.connections));
        let router = router(&self.app);
        let mut stopping = self.stopping.subscribe();
        let mut open = JoinSet::new();
        while !*stopping.borrow_and_update() {
            let accepted = tokio::select! {
                accepted = listener.accept() => accepted,
                _ = stopping.changed() => continue,
                Some(_) = open.join_next(), if !open.is_empty() => continue,
            };
            match accepted {
                Ok((stream, _)) => match Arc::clone(&room).try_acquire_owned() {
                    Ok(place) => {
                        let connection = Connection {
                            app: Arc::clone(&self.app),
                            router: router.clone(),
                            stopping: self.stopping.subscribe(),
                            _place: place,
                        };
                        open.spawn(connection.serve(stream, self.tls.clone()));
                    }
                    Err(_) => refuse(stream),
                },
                Err(error) => {
                    self.app
                        .options
                        .log
                        .tell(&format!("cannot accept: {error}"));
                    tokio::time::sleep(NO_ROOM).await;
                }
            }
        }
        drop(listener);
        let (drivers, driving) = (Arc::clone(&self.app.drivers), pool.clone());
        let grace = self.app.options.grace;
        let stopped = tokio::task::spawn_blocking(move || {
            if let Some(pool) = driving {
                pool.stop();
            }
            drivers.shut_down(grace);
        });
        let _ = stopped.await;
        let left = async { while open.join_next().await.is_some() {} };
        // Those who are not done by now are cut off.
        let _ = tokio::time::timeout(LAST_WORDS, left).await;
        if let Some(pool) = pool {
            let closed = tokio::task::spawn_blocking(move || pool.close()).await;
            if let Ok(Err(error)) = closed {
                self.app.options.log.tell(&format!("{error}"));
            }
        }
        Ok(())
    }
}

impl std::fmt::Debug for Server {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Server")
            .field("address", &self.address)
            .finish_non_exhaustive()
    }
}

/// A connection that has a place.
struct Connection {
    app: Arc<App>,
    router: Router,
    stopping: watch::Receiver<bool>,
    _place: OwnedSemaphorePermit,
}

impl Connection {
    async fn serve(self, stream: TcpStream, tls: Option<TlsAcceptor>) {
        let app = Arc::clone(&self.app);
        app.metrics.server.connections(1);
        // Small answers leave at once.
        let _ = stream.set_nodelay(true);
        match tls {
            None => self.speak(stream).await,
            Some(tls) => {
                let shaking =
                    tokio::time::timeout(app.options.limits.header_time, tls.accept(stream));
                if let Ok(Ok(stream)) = shaking.await {
                    self.speak(stream).await;
                }
            }
        }
        app.metrics.server.connections(-1);
    }

    async fn speak<S: AsyncRead + AsyncWrite + Unpin + Send + 'static>(mut self, stream: S) {
        let service = TowerToHyperService::new(self.router.clone());
        let connection =
            http(self.app.options.limits).serve_connection(TokioIo::new(stream), service);
        let mut connection = std::pin::pin!(connection);
        let stopped = async {
            // The sender lives as long as the server.
            while !*self.stopping.borrow_and_update() && self.stopping.changed().await.is_ok() {}
        };
        // What goes wrong with a connection is its client's affair.
        let ended = tokio::select! {
            ended = connection.as_mut() => Some(ended),
            () = stopped => None,
        };
        if ended.is_none() {
            connection.as_mut().graceful_shutdown();
            let _ = connection.await;
        }
    }
}

fn http(limits: Limits) -> http1::Builder {
    let mut http = http1::Builder::new();
    http.timer(TokioTimer::new())
        .header_read_timeout(limits.header_time)
        .max_headers(limits.headers)
        .max_buf_size(limits.header_bytes);
    http
}

fn router(app: &Arc<App>) -> Router {
    let mut paths: BTreeMap<&str, (MethodRouter, Vec<&str>)> = BTreeMap::new();
    for operation in operations() {
        let app = Arc::clone(app);
        let (filter, methods) = match operation.verb {
            Verb::Get => (MethodFilter::GET, "GET, HEAD"),
            Verb::Post => (MethodFilter::POST, "POST"),
            Verb::Delete => (MethodFilter::DELETE, "DELETE"),
        };
        let (router, allowed) = paths.entry(operation.path).or_default();
        let answers = on(filter, move |request| dispatch(app, operation, request));
        *router = std::mem::take(router).merge(answers);
        allowed.push(methods);
    }
    let mut router = Router::new();
    for (path, (methods, allowed)) in paths {
        let (app, allowed) = (Arc::clone(app), allowed.join(", "));
        let methods =
            methods.fallback(move |request| async move { nowhere(app, request, &allowed).await });
        router = router.route(path, methods);
    }
    let app = Arc::clone(app);
    router.fallback(move |request| async move { nowhere(app, request, "").await })
}

/// A connection too many is told so, where it listens at once.
fn refuse(mut stream: TcpStream) {
    tokio::spawn(async move {
        let telling = stream.write_all(FULL);
        let _ = tokio::time::timeout(NO_ROOM, telling).await;
    });
}

fn refuse_unsafe(options: &ServeOptions) -> Result<(), ServiceError> {
    let address = options.listen;
    if address.ip().is_loopback() {
        return Ok(());
    }
    let refused = |why: &str, help: &str| ServiceError::Server {
        what: format!("{address} is reached from elsewhere, and {why}"),
        help: help.to_owned(),
    };
    if options.no_auth {
        return Err(refused(
            "without authentication only loopback is served",
            "listen on 127.0.0.1, or leave out `--insecure-no-auth` and make tokens by `rok token create`",
        ));
    }
    if options.tls.is_none() && !options.behind_proxy {
        return Err(refused(
            "tokens do not travel in the clear",
            "name `--tls-cert` and `--tls-key`, or say by `--behind-proxy` that something in front ends TLS",
        ));
    }
    Ok(())
}

fn acceptor(files: &TlsFiles) -> Result<TlsAcceptor, ServiceError> {
    let unfit = |file: &std::path::Path, why: &dyn std::fmt::Display| ServiceError::Server {
        what: format!("{}: {why}", file.display()),
        help: "`--tls-cert` is the chain and `--tls-key` its private key, both PEM".to_owned(),
    };
    let chain =
        CertificateDer::pem_file_iter(&files.cert).and_then(Iterator::collect::<Result<Vec<_>, _>>);
    let chain = chain.map_err(|error| unfit(&files.cert, &error))?;
    if chain.is_empty() {
        return Err(unfit(&files.cert, &"it holds no certificate in PEM"));
    }
    let key = PrivateKeyDer::from_pem_file(&files.key).map_err(|error| match error {
        PemError::NoItemsFound => unfit(&files.key, &"it holds no private key in PEM"),
        error => unfit(&files.key, &error),
    })?;
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = rustls::ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(|error| unfit(&files.cert, &error))?
        .with_no_client_auth()
        .with_single_cert(chain, key)
        .map_err(|error| unfit(&files.cert, &error))?;
    Ok(TlsAcceptor::from(Arc::new(config)))
}

/// Takes as many open files as connections may need, as far as it is let: each
/// run that is driven holds some besides.
fn raise_open_files(connections: usize) {
    use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
    let limit = getrlimit(Resource::Nofile);
    let wanted = connections as u64 + 8192;
    let wanted = limit.maximum.map_or(wanted, |most| wanted.min(most));
    if limit.current.is_some_and(|current| current < wanted) {
        let raised = Rlimit {
            current: Some(wanted),
            maximum: limit.maximum,
        };
        // What cannot be raised bounds the connections earlier; they are told.
        let _ = setrlimit(Resource::Nofile, raised);
    }
}
