//! `serve`: the same use cases, over HTTP.

use crate::args::ServeArgs;
use crate::exit::Exit;
use crate::render;
use crate::signals::Stop;
use crate::terminal::Terminal;
use rok_http::{Limits, Log, ServeOptions, Server, TlsFiles};
use rok_service::views::parse_duration;
use rok_service::{Service, ServiceError};
use serde::Serialize;
use std::io::Write as _;
use std::sync::Arc;

/// Where the server is reached.
#[derive(Serialize)]
struct Listening<'a> {
    url: &'a str,
}

/// Serves until a signal comes.
pub(crate) fn serve(
    service: Service,
    terminal: &mut Terminal,
    args: ServeArgs,
) -> Result<Exit, ServiceError> {
    let grace = parse_duration(&args.grace).map_err(|error| ServiceError::BadName {
        what: format!("--grace: {error}"),
    })?;
    if let Some(server) = &service.config().settings.server {
        return Err(ServiceError::Server {
            what: format!("a server serves its own runs, and not those of {server}"),
            help: "leave `--server` and ROK_SERVER out".to_owned(),
        });
    }
    let folder = service.folder().to_owned();
    let tls = args.tls_cert.zip(args.tls_key).map(|(cert, key)| TlsFiles {
        cert: folder.join(cert),
        key: folder.join(key),
    });
    let service = Arc::new(service);
    let server = Server::bind(
        Arc::clone(&service),
        ServeOptions {
            listen: args.listen,
            tls,
            no_auth: args.insecure_no_auth,
            behind_proxy: args.behind_proxy,
            grace,
            limits: Limits::default(),
            log: log(terminal),
        },
    )?;
    let url = server.url();
    if args.insecure_no_auth {
        terminal.note("no authentication: whoever reaches this address may do everything\n");
    } else if service.tokens()?.list()?.is_empty() {
        terminal.note("nobody has a token yet: `rok token create --user NAME --role admin`\n");
    }
    if terminal.json {
        terminal.show_json(&Listening { url: &url })?;
    } else {
        terminal.show(&format!("rok serves on {url}\n"))?;
    }
    terminal.flush()?;
    let quiet = terminal.quiet;
    let stop = Stop::listen(terminal.live, move |what| {
        if !quiet {
            tell(what);
        }
    });
    server.run(stop.signal())?;
    Ok(Exit::Success)
}

/// What no client is told goes to standard error, where that is a process's own.
fn log(terminal: &Terminal) -> Log {
    let live = terminal.live;
    Log::new(move |line| {
        if live {
            tell(line);
        }
    })
}

fn tell(line: &str) {
    let line = format!("{}\n", render::clean(line));
    // A log that nobody reads stops no server.
    let _ = std::io::stderr().write_all(line.as_bytes());
}
