//! `site-workers`: starts the workers, and serves the sites that they measure.

use axum::Router;
use clap::Parser;
use rok_site_diagnostic::{Origin, Web, Worker, folder, station};
use std::io::Write as _;
use std::net::{Ipv4Addr, SocketAddr};
use std::path::Path;
use std::process::ExitCode;
use tokio::net::TcpListener;
use tokio::task::JoinSet;

/// Five workers that measure a site, for rok's service runs.
///
/// Each wants the key of its variable (CRAWL_RENDER_API_KEY and so on) as a
/// bearer key. Everything is on loopback.
#[derive(Debug, Parser)]
#[command(name = "site-workers")]
struct Args {
    /// The workers to start [default: all five]
    #[arg(value_enum)]
    workers: Vec<Worker>,
    /// The site: a folder, which is served, or HOST:PORT on loopback
    #[arg(long, value_name = "DIR|ADDRESS")]
    site: String,
    /// The site's domain
    #[arg(long, default_value = "example.com")]
    domain: String,
    /// The path of the site's first page
    #[arg(long, default_value = "/")]
    start: String,
    /// The site to compare with, as --site
    #[arg(long, value_name = "DIR|ADDRESS")]
    second: Option<String>,
    /// The second site's domain
    #[arg(long, default_value = "rival.example")]
    second_domain: String,
    /// The site's port; the workers' are the next five, then the second
    /// site's. 0: free ones
    #[arg(long, default_value_t = 5100)]
    port: u16,
}

fn main() -> ExitCode {
    let args = Args::parse();
    let runtime = tokio::runtime::Runtime::new().map_err(|error| error.to_string());
    match runtime.and_then(|runtime| runtime.block_on(serve(&args))) {
        Ok(()) => ExitCode::SUCCESS,
        Err(why) => {
            let _ = writeln!(std::io::stderr(), "site-workers: {why}");
            ExitCode::FAILURE
        }
    }
}

async fn serve(args: &Args) -> Result<(), String> {
    let mut house = House::default();
    let at = house.site(&args.site, port(args, 0)?).await?;
    let mut web = Web::default();
    web.sites.push(Origin {
        domain: args.domain.clone(),
        at,
        start: args.start.clone(),
    });
    if let Some(second) = &args.second {
        let at = house.site(second, port(args, 6)?).await?;
        web.sites.push(Origin {
            domain: args.second_domain.clone(),
            at,
            start: "/".to_owned(),
        });
    }
    for site in &web.sites {
        tell(&format!("{} http://{}", site.domain, site.at));
    }
    for (worker, nth) in Worker::ALL.into_iter().zip(1..) {
        if !args.workers.is_empty() && !args.workers.contains(&worker) {
            continue;
        }
        let key = std::env::var(worker.key_env()).ok();
        let key = key
            .map(|key| key.trim().to_owned())
            .filter(|key| !key.is_empty());
        let standing = match key {
            Some(_) => "ready".to_owned(),
            None => format!("needs {}", worker.key_env()),
        };
        let router = station(worker, web.clone(), key);
        let at = house.open(router, port(args, nth)?).await?;
        tell(&format!("{} http://{at} {standing}", worker.slug()));
    }
    tell("all listen");
    house.live().await
}

fn port(args: &Args, nth: u16) -> Result<u16, String> {
    if args.port == 0 {
        return Ok(0);
    }
    args.port
        .checked_add(nth)
        .ok_or_else(|| "--port leaves no room for seven".to_owned())
}

fn tell(line: &str) {
    // Nobody need listen.
    let _ = writeln!(std::io::stdout(), "{line}");
    let _ = std::io::stdout().flush();
}

/// All that listens.
#[derive(Default)]
struct House {
    servers: JoinSet<std::io::Result<()>>,
}

impl House {
    /// Where a site is: a folder is served, an address is taken.
    async fn site(&mut self, site: &str, port: u16) -> Result<SocketAddr, String> {
        if let Ok(at) = site.parse::<SocketAddr>() {
            let refused = || format!("{at} is not on loopback");
            return at.ip().is_loopback().then_some(at).ok_or_else(refused);
        }
        let router = folder(Path::new(site)).map_err(|error| format!("{site}: {error}"))?;
        self.open(router, port).await
    }

    async fn open(&mut self, router: Router, port: u16) -> Result<SocketAddr, String> {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, port)).await;
        let listener = listener.map_err(|error| format!("port {port}: {error}"))?;
        let at = listener.local_addr().map_err(|error| error.to_string())?;
        self.servers
            .spawn(async move { axum::serve(listener, router).await });
        Ok(at)
    }

    /// Until one of them ends.
    async fn live(mut self) -> Result<(), String> {
        match self.servers.join_next().await {
            Some(Ok(Err(error))) => Err(error.to_string()),
            Some(Err(error)) => Err(error.to_string()),
            Some(Ok(Ok(()))) | None => Ok(()),
        }
    }
}
