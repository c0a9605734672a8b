//! What a schedule file may say, and each fault with its place.

use super::*;
use alloc::borrow::ToOwned;
use alloc::vec;
use rstest::rstest;

const LEAST: &str = "schedule: s\nplan: p.yaml\ncron: 0 7 * * *\n";

fn faults(text: &str) -> String {
    let errors = parse(text.as_bytes(), "s.yaml").expect_err("it has faults");
    errors.to_string()
}

#[rstest]
#[case(
    "overlaps: skip",
    "4:1: unknown key in a schedule `overlaps` (did you mean `overlap`?)"
)]
#[case(
    "catch-up: all",
    "4:1: unknown key in a schedule `catch-up` (did you mean `catch_up`?)"
)]
#[case(
    "overlap: queued",
    "4:10: unknown overlap `queued` (did you mean `queue`?)"
)]
#[case("catch_up: al", "4:11: unknown catch_up `al` (did you mean `all`?)")]
#[case(
    "catch_up: all\noverlap: cancel_previous",
    "4:11: `catch_up: all` and `overlap: cancel_previous` contradict each other (each firing would cancel the one before it: use `latest`, or `overlap: queue`)"
)]
#[case(
    "catch_up_max: 3",
    "4:15: `catch_up_max` means nothing here (remove it, or say `catch_up: all`)"
)]
#[case(
    "catch_up: all\ncatch_up_max: 0",
    "5:15: `catch_up_max` must be from 1 to 1000"
)]
#[case(
    "catch_up: all\ncatch_up_max: 1001",
    "5:15: `catch_up_max` must be from 1 to 1000"
)]
#[case(
    "catch_up: all\ncatch_up_max: x",
    "5:15: `catch_up_max` must be a whole number, and is text"
)]
#[case("grace: 2h", "4:8: `grace` is longer than 1h")]
#[case(
    "grace: soon",
    "4:8: `soon` is no duration: a whole number must come first (write for example 500ms, 60s, 10m, 2h, 7d or 1h30m)"
)]
#[case("jitter: 2d", "4:9: `jitter` is longer than 1d")]
#[case(
    "jitter: -1s",
    "4:9: `-1s` is no duration: a whole number must come first (write for example 500ms, 60s, 10m, 2h, 7d or 1h30m)"
)]
#[case(
    "paused: maybe",
    "4:9: `paused` must be `true` or `false`, and is text"
)]
#[case(
    "from: tomorrow",
    "4:7: `from` is no instant (write it in universal time, such as 2026-02-16T00:00:00Z)"
)]
#[case(
    "from: 2026-02-16T00:00:00Z\nuntil: 2026-02-16T00:00:00Z",
    "5:8: `until` is not after `from`: nothing is due between them"
)]
#[case(
    "for_each: []",
    "4:11: `for_each` is empty: the schedule would never run anything"
)]
#[case(
    "for_each: {a: 1}",
    "4:11: `for_each` must be a list of items, or the path of a file with one, and is a mapping"
)]
#[case(
    "for_each: [a, a]",
    "4:15: the item a is here twice (remove one of them: each item has one run at each firing)"
)]
#[case("for_each: ''", "4:11: `for_each` is no path")]
#[case(
    "inputs: [a]",
    "4:9: `inputs` must be a mapping from names to values, and is a list"
)]
#[case(
    "inputs: { 'A-b': 1 }",
    "4:11: `A-b` is no input name: it must match [A-Za-z_][A-Za-z0-9_]{0,127}"
)]
#[case(
    "inputs: { a: }",
    "4:11: `a` says nothing (give it a value, or remove the key)"
)]
#[case(
    "inputs: { a: '${{ item }}' }",
    "4:14: there is no `item` here (`item` stands for an item of `for_each`, in that step alone)"
)]
#[case(
    "inputs: { a: '${{ inputs.b }}' }",
    "4:14: inputs are not known to a schedule (it knows `item` and `run.labels`, such as `run.labels.due`)"
)]
#[case(
    "inputs: { a: ['${{ secrets.T }}'] }",
    "4:14: a secret may not stand here (secrets may stand in env, headers, bodies and shell lines)"
)]
#[case(
    "inputs: { a: '${{ run.id }}' }",
    "4:14: other fields of the run than `labels` are not known to a schedule (it knows `item` and `run.labels`, such as `run.labels.due`)"
)]
#[case(
    "for_each: [a]\ninputs: { a: '${{ item_index }}' }",
    "5:14: places of items are not known to a schedule (it knows `item` and `run.labels`, such as `run.labels.due`)"
)]
#[case(
    "inputs: { a: '${{ run.labels.due ' }",
    "4:14: this `${{` is never closed (close it with `}}`, or write `$${{` for the characters themselves)"
)]
#[case(
    "labels: { due: x }",
    "4:11: the label `due` is set for each run anyway (choose another name)"
)]
#[case(
    "labels: [a]",
    "4:9: `labels` must be a mapping of texts, and is a list"
)]
#[case("labels: { a: [1] }", "4:14: label `a` must be text, and is a list")]
#[case("description: [x]", "4:14: `description` must be text, and is a list")]
#[case("timezone: [x]", "4:11: `timezone` must be text, and is a list")]
#[case(
    "cron: 1",
    "4:1: `cron` is given twice (first given here at 3:1) (rename or remove one of the two)"
)]
fn a_fault_has_its_place(#[case] lines: &str, #[case] fault: &str) {
    let found = faults(&format!("{LEAST}{lines}\n"));
    assert_eq!(found, format!("s.yaml:{fault}"));
}

#[rstest]
#[case("", "1:1: the file is empty")]
#[case("~", "1:1: the file is empty")]
#[case("[]", "1:1: a schedule file must be a mapping, and is a list")]
#[case(
    "a: : b",
    "1:4: this is not YAML: mapping values are not allowed in this context (put a text that holds `: ` in quotes)"
)]
#[case(
    "schedule: s\nplan: p\ncron: 0 0 7 * * * 2026\n",
    "3:7: `cron`: it has 7 fields (a year is no field here: use `from` and `until`)"
)]
#[case(
    "schedule: s\nplan: p\ncron: 0 0 30 2 *\n",
    "3:7: `cron`: it is never due (look at its day and month)"
)]
fn a_file_that_is_none(#[case] text: &str, #[case] fault: &str) {
    assert_eq!(faults(text), format!("s.yaml:{fault}"));
}

#[test]
fn every_fault_is_told_at_once() {
    let found = faults(
        "schedule: S!\nplan: ''\ncron: 61 * * * *\ntimezone: Europe/Berln\nlabel: {}\ngrace: 2h\n",
    );
    let places: Vec<&str> = found
        .lines()
        .map(|line| line.split(": ").next().unwrap_or_default())
        .collect();
    let expected = ["5:1", "1:11", "2:7", "3:7", "4:11", "6:8"];
    let mut expected: Vec<_> = expected.iter().map(|at| format!("s.yaml:{at}")).collect();
    expected.sort();
    assert_eq!(places, expected, "{found}");
    assert!(found.contains("did you mean `Europe/Berlin`?"), "{found}");
    assert!(found.contains("did you mean `labels`?"), "{found}");
    let missing = faults("schedule: s\n");
    assert!(missing.contains("`plan` is missing") && missing.contains("`cron` is missing"));
}

#[test]
fn what_is_not_said_has_its_default() {
    let schedule = parse(LEAST.as_bytes(), "s.yaml").unwrap();
    assert_eq!(
        (schedule.overlap, schedule.catch_up),
        (Overlap::Skip, CatchUp::Latest)
    );
    assert_eq!((schedule.catch_up_max, schedule.grace), (CATCH_UP, GRACE));
    assert_eq!((schedule.jitter, schedule.paused), (Duration::ZERO, false));
    assert_eq!(schedule.zone.name(), "UTC");
    assert_eq!(
        (schedule.from, schedule.until, schedule.for_each),
        (None, None, None)
    );
}

#[test]
fn every_key_is_read_in_yaml_and_in_toml() {
    let yaml = "schedule: sites\ndescription: Each site.\nplan: site.yaml\ncron: 30 7 * * MON-FRI\n\
        timezone: Europe/Berlin\noverlap: queue\ncatch_up: all\ncatch_up_max: 7\ngrace: 90s\n\
        jitter: 5m\npaused: true\nfrom: 2026-02-16T00:00:00Z\nuntil: 2027-02-16T00:00:00Z\n\
        for_each: [a, { id: b }]\ninputs: { site: '${{ item }}', day: '${{ run.labels.due_date }}', n: 3, all: [x] }\n\
        labels: { team: seo }\n";
    let toml = "schedule = 'sites'\ndescription = 'Each site.'\nplan = 'site.yaml'\ncron = '30 7 * * MON-FRI'\n\
        timezone = 'Europe/Berlin'\noverlap = 'queue'\ncatch_up = 'all'\ncatch_up_max = 7\ngrace = '90s'\n\
        jitter = '5m'\npaused = true\nfrom = '2026-02-16T00:00:00Z'\nuntil = '2027-02-16T00:00:00Z'\n\
        for_each = ['a', { id = 'b' }]\n[inputs]\nsite = '${{ item }}'\nday = '${{ run.labels.due_date }}'\nn = 3\nall = ['x']\n\
        [labels]\nteam = 'seo'\n";
    let schedule = parse(yaml.as_bytes(), "s.yaml").unwrap();
    assert_eq!(schedule, parse(toml.as_bytes(), "s.toml").unwrap());
    for key in NAMES {
        assert!(yaml.contains(&format!("{key}:")), "{key} is not tried");
    }
    assert_eq!(schedule.catch_up_max, 7);
    assert_eq!(schedule.inputs["n"], Input::Text("3".to_owned()));
    assert_eq!(
        schedule.inputs["all"],
        Input::Json(vec![Value::from("x")].into())
    );
    let from = Timestamp::parse_rfc3339("2026-02-16T00:00:00Z").ok();
    assert_eq!(schedule.from, from);
    let Some(ForEach::Items(items)) = &schedule.for_each else {
        panic!("{:?}", schedule.for_each);
    };
    assert_eq!(items.len(), 2);
    let file = format!("{LEAST}for_each: sites.yaml\n");
    let file = parse(file.as_bytes(), "s.yaml").unwrap();
    assert_eq!(file.for_each, Some(ForEach::File("sites.yaml".to_owned())));
}
