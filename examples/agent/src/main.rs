//! An agent of rok that has its work done by a program: the order on its
//! standard input, the outputs on its standard output. With `--run` it also
//! takes the processes of plans whose mode is distributed or hybrid.

mod desk;
mod process;
mod program;

use axum::extract::{Path, Query, Request, State};
use axum::http::StatusCode;
use axum::http::header::AUTHORIZATION;
use axum::middleware::{Next, from_fn_with_state};
use axum::response::{IntoResponse as _, Response};
use axum::routing::{get, post};
use axum::{Json, Router};
use clap::Parser;
use desk::Desk;
use rok_agents::{AgentSpec, Offer, OfferAnswer, Order, RUN, Signed, WorkStatus};
use rok_attest::SigningKey;
use rok_chain::Digest;
use rok_vocabulary::{AgentId, Capability, TrustLevel};
use serde::Deserialize;
use std::collections::BTreeSet;
use std::error::Error;
use std::io::Write as _;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

/// Nobody is made to wait longer for news.
const MAX_WAIT: Duration = Duration::from_secs(30);

/// An agent of rok that has its work done by a program.
#[derive(Debug, Parser)]
#[command(name = "rok-agent", version)]
struct Options {
    /// Its id
    #[arg(long)]
    id: AgentId,
    /// What its program can do; may stand more than once
    #[arg(long = "can", requires = "program", required_unless_present = "run")]
    capabilities: Vec<Capability>,
    /// Also takes the `run` steps of plans, and starts their processes as its user
    #[arg(long, requires = "token_env")]
    run: bool,
    /// The variable with the token that whoever asks must show
    #[arg(long, value_name = "NAME")]
    token_env: Option<String>,
    /// The key that signs what it says, PEM, as `rok key new` makes it
    #[arg(long, value_name = "FILE")]
    key: Option<PathBuf>,
    /// Where it is
    #[arg(long)]
    region: Option<String>,
    /// How many steps it does at once
    #[arg(long, default_value_t = 1)]
    slots: u32,
    /// Where to listen; port 0 takes any that is free
    #[arg(long, default_value = "127.0.0.1:7001")]
    listen: SocketAddr,
    /// The program and its arguments
    #[arg(last = true, requires = "capabilities")]
    program: Vec<String>,
}

#[derive(Deserialize)]
struct Asked {
    challenge: String,
    key: Option<String>,
}

#[derive(Deserialize)]
struct Waits {
    #[serde(default)]
    wait_ms: u64,
}

async fn card(State(desk): State<Arc<Desk>>, Query(asked): Query<Asked>) -> Json<Signed> {
    Json(desk.card(asked.challenge, asked.key.as_deref()))
}

async fn offer(State(desk): State<Arc<Desk>>, Json(offer): Json<Offer>) -> Json<OfferAnswer> {
    Json(desk.consider(&offer))
}

async fn work(State(desk): State<Arc<Desk>>, Json(order): Json<Order>) -> StatusCode {
    desk.begin(order);
    StatusCode::ACCEPTED
}

async fn status(
    State(desk): State<Arc<Desk>>,
    Path(nonce): Path<String>,
    Query(waits): Query<Waits>,
) -> Result<Json<WorkStatus>, StatusCode> {
    let wait = Duration::from_millis(waits.wait_ms).min(MAX_WAIT);
    let status = desk.status(&nonce, wait).await;
    status.map(Json).ok_or(StatusCode::NOT_FOUND)
}

async fn withdraw(State(desk): State<Arc<Desk>>, Path(nonce): Path<String>) -> StatusCode {
    desk.withdraw(&nonce);
    StatusCode::NO_CONTENT
}

/// Nobody is heard who does not show the token, where there is one.
async fn admit(State(token): State<Option<Arc<str>>>, request: Request, next: Next) -> Response {
    let shown = request.headers().get(AUTHORIZATION);
    let shown = shown.and_then(|value| value.to_str().ok()?.strip_prefix("Bearer "));
    match token.as_deref() {
        // Digests: how long it takes tells nothing of the token.
        Some(token) if shown.map(digest) != Some(digest(token)) => {
            StatusCode::UNAUTHORIZED.into_response()
        }
        _ => next.run(request).await,
    }
}

fn digest(token: &str) -> Digest {
    Digest::of(token.as_bytes())
}

fn token(options: &Options) -> Result<Option<Arc<str>>, Box<dyn Error>> {
    let Some(name) = &options.token_env else {
        return Ok(None);
    };
    match std::env::var(name) {
        Ok(token) if !token.is_empty() => Ok(Some(token.into())),
        _ => Err(format!("{name} holds no token: set it, here and where `rok` runs").into()),
    }
}

fn desk(options: &Options) -> Result<Desk, Box<dyn Error>> {
    let mut capabilities: BTreeSet<Capability> = options.capabilities.iter().cloned().collect();
    let run: Capability = RUN.parse()?;
    if capabilities.contains(&run) {
        return Err("`--can run` is for `--run`, which needs no program".into());
    }
    capabilities.extend(options.run.then_some(run));
    let key = options.key.as_deref().map(SigningKey::read).transpose()?;
    let spec = AgentSpec {
        agent_id: options.id.clone(),
        capabilities,
        trust_level: match key {
            Some(_) => TrustLevel::Verified,
            None => TrustLevel::Unverified,
        },
        region: options.region.clone(),
        slots: options.slots.max(1),
    };
    Ok(Desk::new(spec, key, options.program.clone()))
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let options = Options::parse();
    let (desk, token) = (Arc::new(desk(&options)?), token(&options)?);
    let router = Router::new()
        .route("/agent", get(card))
        .route("/offers", post(offer))
        .route("/orders", post(work))
        .route("/orders/{nonce}", get(status).delete(withdraw))
        .with_state(desk)
        .layer(from_fn_with_state(token, admit));
    let listener = tokio::net::TcpListener::bind(options.listen).await?;
    let address = listener.local_addr()?;
    writeln!(std::io::stdout(), "http://{address}")?;
    axum::serve(listener, router).await?;
    Ok(())
}
