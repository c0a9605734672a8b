//! The Prometheus text format: what any parser of it relies on.

use super::places::{Place, Where};
use std::collections::{BTreeMap, BTreeSet};

const PLAN: &str = "plan: p
steps:
  a: { run: 'exit 75', required: false, retry: { max: 1 } }
  b: { run: ['true'] }
";

/// Each family is told of once, before its samples, which stand together; no
/// two names are one to a reader that takes `_total` off a counter's; each
/// sample is there once, and is a number.
fn parse(text: &str) -> BTreeMap<String, String> {
    assert!(text.ends_with('\n'), "the last line has an end");
    let (mut kinds, mut helped) = (BTreeMap::new(), BTreeSet::new());
    let (mut bases, mut samples) = (BTreeSet::new(), BTreeSet::new());
    let mut family = String::new();
    for line in text.lines() {
        if let Some(help) = line.strip_prefix("# HELP ") {
            let (name, words) = help.split_once(' ').expect("a name and words");
            assert!(helped.insert(name.to_owned()), "{line}");
            assert!(!words.trim().is_empty(), "{line}");
        } else if let Some(kind) = line.strip_prefix("# TYPE ") {
            let (name, kind) = kind.split_once(' ').expect("a name and a kind");
            assert!(helped.contains(name), "{line}");
            assert!(["counter", "gauge", "histogram"].contains(&kind), "{line}");
            assert_eq!(name.ends_with("_total"), kind == "counter", "{line}");
            let base = name.strip_suffix("_total").unwrap_or(name);
            assert!(bases.insert(base.to_owned()), "{line}: {base} is another's");
            let before = kinds.insert(name.to_owned(), kind.to_owned());
            assert_eq!(before, None, "{line}");
            name.clone_into(&mut family);
        } else {
            let (sample, value) = line.rsplit_once(' ').expect("a sample and a value");
            let name = sample.split('{').next().expect("a name");
            let of = match kinds[&family].as_str() {
                "histogram" => ["_bucket", "_sum", "_count"]
                    .iter()
                    .find_map(|end| name.strip_suffix(end))
                    .expect("a histogram's sample"),
                _ => name,
            };
            assert_eq!(of, family, "{line}");
            assert!(samples.insert(sample.to_owned()), "{line}");
            assert!(value.parse::<f64>().is_ok_and(|it| it >= 0.0), "{line}");
            if let Some((_, labels)) = sample.split_once('{') {
                let labels = labels.strip_suffix('}').expect("labels end");
                for label in labels.split(',') {
                    let (name, value) = label.split_once('=').expect("a label");
                    let plain = |c: char| c.is_ascii_lowercase() || c == '_';
                    assert!(name.chars().all(plain), "{line}");
                    assert!(value.len() > 1 && value.starts_with('"') && value.ends_with('"'));
                    assert!(!value[1..value.len() - 1].contains(['"', '\\']), "{line}");
                }
            }
        }
    }
    assert_eq!(kinds.keys().cloned().collect::<BTreeSet<_>>(), helped);
    kinds
}

#[test]
fn what_is_told_of_runs_is_parsed_everywhere() {
    for at in [Where::Folder, Where::Database, Where::Server] {
        let mut place = Place::new(at);
        place.ran(PLAN, "r1");
        let kinds = parse(&place.rok(&["metrics"]).exits(0).out);
        assert_eq!(kinds["rok_runs_broken"], "gauge", "{at:?}");
        assert_eq!(kinds["rok_step_retries_total"], "counter", "{at:?}");
        assert_eq!(kinds["rok_run_duration_seconds"], "histogram", "{at:?}");
        if at != Where::Folder {
            place.served().get("/nowhere").is(404);
            let kinds = parse(&place.served().get("/metrics").is(200).body);
            for name in [
                "rok_http_requests_total",
                "rok_runs_broken_total",
                "rok_events_total",
            ] {
                assert_eq!(kinds[name], "counter");
            }
            assert_eq!(kinds["rok_queue_due"], "gauge");
        }
    }
}
