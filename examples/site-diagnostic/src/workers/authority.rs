//! domain-authority: the pages of the second site that lead to this one.

use super::{NEAR, crawled, finding};
use crate::crawl::leads;
use crate::web::Origin;
use serde_json::{Value, json};

pub(super) async fn measure(site: &Origin, second: &Origin) -> Result<Value, String> {
    let theirs = crawled(second, NEAR).await?;
    let counts = theirs.pages().map(|(visit, _)| {
        let leads = leads(visit);
        leads.iter().filter(|url| site.has(url)).count()
    });
    let counts: Vec<usize> = counts.filter(|count| *count > 0).collect();
    let (pages, links): (usize, usize) = (counts.len(), counts.iter().sum());
    let headline = format!("{pages} pages of {} lead here", second.domain);
    let findings: Vec<Value> = (pages == 0)
        .then(|| finding("low", &headline, &Value::Null))
        .into_iter()
        .collect();
    Ok(json!({
        "summary": headline, "findings": findings,
        "referring_pages": pages, "backlinks": links,
    }))
}
