//! What each worker measures. It only reads: asked twice, it measures twice.

mod authority;
mod competitive;
mod serp;
mod technical;
mod vitals;

use crate::crawl::{Crawl, Limits, crawl};
use crate::fetch::FetchError;
use crate::web::{Origin, Web};
use crate::worker::Worker;
use serde_json::{Value, json};
use std::error::Error as _;
use std::time::Duration;

/// As far as the crawl of one site goes, within the plan's time for a service.
const FAR: Limits = Limits {
    requests: 500,
    time: Duration::from_secs(40),
};
/// As far as it goes where two sites are crawled.
const NEAR: Limits = Limits {
    requests: 100,
    time: Duration::from_secs(20),
};

/// Measures a domain: the worker's answer, or why there is none.
pub(crate) async fn measure(worker: Worker, web: &Web, domain: &str) -> Result<Value, String> {
    let site = web.site(domain)?;
    match worker {
        Worker::TechnicalSeo => technical::measure(site).await,
        Worker::VitalsMonitor => vitals::measure(site).await,
        Worker::CompetitiveIntelligence => competitive::measure(site, web.other(domain)?).await,
        Worker::SerpIntelligence => serp::measure(site, web.other(domain)?).await,
        Worker::DomainAuthority => authority::measure(site, web.other(domain)?).await,
    }
}

async fn crawled(site: &Origin, limits: Limits) -> Result<Crawl, String> {
    crawl(site, limits).await.map_err(|error| told(&error))
}

fn told(error: &FetchError) -> String {
    match error.source() {
        Some(source) => format!("{error}: {source}"),
        None => error.to_string(),
    }
}

fn finding(severity: &str, headline: &str, evidence: &Value) -> Value {
    json!({ "headline": headline, "severity": severity, "evidence": evidence })
}

fn median(mut all: Vec<f64>) -> f64 {
    all.sort_by(f64::total_cmp);
    all.get(all.len() / 2).copied().unwrap_or_default()
}

/// Milliseconds with two places.
fn millis(time: Duration) -> f64 {
    (time.as_secs_f64() * 100_000.0).round() / 100.0
}
