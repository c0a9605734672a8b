//! technical-seo: crawls the site.

use super::{FAR, crawled, finding};
use crate::crawl::{Crawl, Visit};
use crate::web::Origin;
use serde_json::{Value, json};
use std::collections::BTreeMap;
use url::Url;

/// So many examples tell where to look.
const SHOWN: usize = 10;

pub(super) async fn measure(site: &Origin) -> Result<Value, String> {
    let crawl = crawled(site, FAR).await?;
    let broken: Vec<Value> = crawl.visits.iter().filter_map(broken).collect();
    let (pages, found) = (crawl.pages().count(), findings(&crawl, &broken));
    let mut statuses: BTreeMap<String, usize> = BTreeMap::new();
    for visit in &crawl.visits {
        *statuses.entry(visit.status.to_string()).or_default() += 1;
    }
    let summary = format!("{pages} pages crawled, {} links broken", broken.len());
    Ok(json!({
        "summary": summary,
        "findings": found,
        "pages": pages,
        "requests": crawl.visits.len(),
        "statuses": statuses,
        "broken_links": broken.len(),
        "external_links": crawl.elsewhere.len(),
        "robots_txt": crawl.robots.is_some(),
        "kept_away_by_robots": crawl.kept_away,
        "cut_short": crawl.cut,
    }))
}

fn broken(visit: &Visit) -> Option<Value> {
    let from = visit.from.as_ref().map(Url::path);
    let bad = visit.status == 0 || visit.status >= 400;
    bad.then(|| json!({ "url": visit.url.path(), "status": visit.status, "from": from }))
}

fn findings(crawl: &Crawl, broken: &[Value]) -> Vec<Value> {
    let mut findings = Vec::new();
    let mut tell = |severity, what: &str, examples: Vec<Value>| {
        if !examples.is_empty() {
            let headline = format!("{} {what}", examples.len());
            let shown: Vec<Value> = examples.into_iter().take(SHOWN).collect();
            findings.push(finding(severity, &headline, &json!(shown)));
        }
    };
    tell("high", "broken links", broken.to_vec());
    let mut titles: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
    for (visit, page) in crawl.pages() {
        let title = page.title.as_deref().unwrap_or_default();
        titles.entry(title).or_default().push(visit.url.path());
    }
    let untitled = titles.remove("").unwrap_or_default();
    let untitled = untitled.into_iter().map(|path| json!(path));
    tell("medium", "pages without a title", untitled.collect());
    let shared = titles.iter().filter(|(_, paths)| paths.len() > 1);
    let shared = shared.map(|(title, paths)| json!({ "title": title, "pages": paths.len() }));
    tell("low", "titles that several pages share", shared.collect());
    let without = crawl.pages().filter(|(_, page)| page.canonical.is_none());
    let without = without.map(|(visit, _)| json!(visit.url.path()));
    tell(
        "low",
        "pages without a canonical address",
        without.collect(),
    );
    if crawl.robots.is_none() {
        let headline = "The site has no robots.txt";
        findings.push(finding("info", headline, &Value::Null));
    }
    findings
}
