//! vitals-monitor: loads the first page as a browser does, and takes the time.

use super::{finding, median, millis, told};
use crate::crawl::{absolute, asked};
use crate::fetch::get;
use crate::page::Page;
use crate::web::Origin;
use serde_json::{Value, json};
use std::collections::HashSet;
use std::time::Duration;

/// The first page is asked for so often; the median counts.
const SAMPLES: usize = 5;
/// A page that loads more is cut, and fails for it.
const MAX_REQUESTS: usize = 100;
/// What web.dev calls a good time to first byte.
const GOOD_FIRST_BYTE: f64 = 800.0;
/// What Lighthouse calls a large page.
const GOOD_BYTES: usize = 1_600 * 1024;

pub(super) async fn measure(site: &Origin) -> Result<Value, String> {
    let first = site.first().ok_or("the site's address makes no sense")?;
    let (mut first_bytes, mut last) = (Vec::new(), None);
    for _ in 0..SAMPLES {
        let got = get(site.at, &site.domain, &asked(&first)).await;
        let got = got.map_err(|error| told(&error))?;
        first_bytes.push(millis(got.first_byte));
        last = Some(got);
    }
    let Some(page) = last.filter(|page| page.status == 200) else {
        return Err(format!("{} does not answer 200", first.path()));
    };
    let resources = Page::read(&page.body).resources;
    let resources = resources.iter().filter_map(|link| absolute(&first, link));
    let ours: HashSet<_> = resources.filter(|url| site.has(url)).collect();
    let (mut bytes, mut whole, mut missing) = (page.body.len(), page.whole, Vec::new());
    for url in ours.iter().take(MAX_REQUESTS) {
        match get(site.at, &site.domain, &asked(url)).await {
            Ok(got) if got.status < 400 => {
                bytes += got.body.len();
                whole += got.whole;
            }
            _ => missing.push(url.path().to_owned()),
        }
    }
    let first_byte = median(first_bytes);
    Ok(answer(first_byte, bytes, 1 + ours.len(), whole, &missing))
}

fn answer(
    first_byte: f64,
    bytes: usize,
    requests: usize,
    whole: Duration,
    missing: &[String],
) -> Value {
    let mut failing = Vec::new();
    if first_byte > GOOD_FIRST_BYTE {
        failing.push("time_to_first_byte");
    }
    if bytes > GOOD_BYTES {
        failing.push("transfer_size");
    }
    if requests > MAX_REQUESTS {
        failing.push("request_count");
    }
    let headline = format!("{} resources of the first page are missing", missing.len());
    let findings: Vec<Value> = (!missing.is_empty())
        .then(|| finding("medium", &headline, &json!(missing)))
        .into_iter()
        .collect();
    json!({
        "summary": format!("first byte after {first_byte} ms, {bytes} bytes in {requests} requests"),
        "findings": findings,
        "vitals_failing": failing,
        "time_to_first_byte_ms": first_byte,
        "load_ms": millis(whole),
        "transfer_bytes": bytes,
        "request_count": requests,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_over_its_bound_fails() {
        let second = Duration::from_secs(1);
        let bad = answer(
            800.1,
            GOOD_BYTES + 1,
            MAX_REQUESTS + 1,
            second,
            &["/a".into()],
        );
        let failing = ["time_to_first_byte", "transfer_size", "request_count"];
        assert_eq!(bad["vitals_failing"], json!(failing));
        assert_eq!(bad["findings"][0]["severity"], "medium");
        let good = answer(800.0, GOOD_BYTES, MAX_REQUESTS, second, &[]);
        assert_eq!(
            (&good["vitals_failing"], &good["findings"]),
            (&json!([]), &json!([]))
        );
    }
}
