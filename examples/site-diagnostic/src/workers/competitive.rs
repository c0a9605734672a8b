//! competitive-intelligence: the same measures of two sites, side by side.

use super::{NEAR, crawled, finding, median, millis};
use crate::crawl::Crawl;
use crate::web::Origin;
use serde_json::{Value, json};

/// A measure: its name, its value, and whether more of it is better.
type Measure = (&'static str, f64, bool);

pub(super) async fn measure(site: &Origin, second: &Origin) -> Result<Value, String> {
    let ours = measures(&crawled(site, NEAR).await?);
    let theirs = measures(&crawled(second, NEAR).await?);
    let behind: Vec<&str> = ours
        .iter()
        .zip(&theirs)
        .filter(
            |((_, ours, more), (_, theirs, _))| if *more { ours < theirs } else { ours > theirs },
        )
        .map(|((name, ..), _)| *name)
        .collect();
    let (of, than) = (&site.domain, &second.domain);
    let findings: Vec<Value> = behind
        .iter()
        .map(|name| {
            finding(
                "info",
                &format!("{of} is behind {than} in {name}"),
                &Value::Null,
            )
        })
        .collect();
    Ok(json!({
        "summary": format!("{of} is behind {than} in {} of {} measures", behind.len(), ours.len()),
        "findings": findings,
        "compared_with": than,
        "ours": object(&ours),
        "theirs": object(&theirs),
        "behind_in": behind,
    }))
}

fn measures(crawl: &Crawl) -> [Measure; 5] {
    let share = |count: usize| {
        let pages = crawl.pages().count().max(1);
        (count as f64 / pages as f64 * 1000.0).round() / 1000.0
    };
    let broken = crawl
        .visits
        .iter()
        .filter(|v| v.status == 0 || v.status >= 400);
    let titled = crawl.pages().filter(|(_, page)| page.title.is_some());
    let canonical = crawl.pages().filter(|(_, page)| page.canonical.is_some());
    let times = crawl.pages().map(|(visit, _)| millis(visit.first_byte));
    let sizes = crawl.pages().map(|(visit, _)| visit.bytes as f64);
    [
        ("median_first_byte_ms", median(times.collect()), false),
        ("median_page_bytes", median(sizes.collect()), false),
        ("titled_share", share(titled.count()), true),
        ("canonical_share", share(canonical.count()), true),
        ("broken_share", share(broken.count()), false),
    ]
}

fn object(measures: &[Measure]) -> Value {
    let fields = measures
        .iter()
        .map(|(name, value, _)| ((*name).to_owned(), json!(value)));
    Value::Object(fields.collect())
}
