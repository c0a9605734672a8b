//! serp-intelligence: who comes first when somebody searches both sites for
//! what the site's own titles promise.

use super::{NEAR, crawled, finding};
use crate::page::{Page, words};
use crate::web::Origin;
use serde_json::{Value, json};

/// Searches.
const QUERIES: usize = 20;
/// A word in a title counts for so many in the text.
const TITLE_WEIGHT: usize = 5;

pub(super) async fn measure(site: &Origin, second: &Origin) -> Result<Value, String> {
    let (ours, theirs) = (crawled(site, NEAR).await?, crawled(second, NEAR).await?);
    let mut queries: Vec<&str> = ours
        .pages()
        .filter_map(|(_, p)| p.title.as_deref())
        .collect();
    queries.sort_unstable();
    queries.dedup();
    queries.truncate(QUERIES);
    let best = |pages: &mut dyn Iterator<Item = &Page>, query: &str| {
        pages.map(|page| score(page, query)).max().unwrap_or(0)
    };
    let mut lost = Vec::new();
    for query in &queries {
        let mine = best(&mut ours.pages().map(|(_, page)| page), query);
        if best(&mut theirs.pages().map(|(_, page)| page), query) > mine {
            lost.push(*query);
        }
    }
    let (of, asked) = (lost.len(), queries.len());
    let headline = format!("{} comes first in {of} of {asked} searches", second.domain);
    let findings: Vec<Value> = (!lost.is_empty())
        .then(|| finding("medium", &headline, &json!(lost)))
        .into_iter()
        .collect();
    Ok(json!({ "summary": headline, "findings": findings, "searches": asked, "lost": lost }))
}

/// How well a page answers a search.
fn score(page: &Page, query: &str) -> usize {
    let title: Vec<String> = words(page.title.as_deref().unwrap_or_default()).collect();
    words(query)
        .map(|word| {
            let titled = title.iter().filter(|known| **known == word).count();
            let said = page.words.iter().filter(|known| **known == word).count();
            titled * TITLE_WEIGHT + said
        })
        .sum()
}
