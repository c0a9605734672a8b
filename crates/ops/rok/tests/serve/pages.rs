//! Pages of runs and of events, and the rank that a run was asked for with.

use super::{Served, bench};
use crate::support::Ran;
use rstest::rstest;
use serde_json::{Value, json};

const FOLDERS: &[&str] = &["--insecure-no-auth"];
const DATABASE: &[&str] = &["--insecure-no-auth", "--store", "sqlite:rok.db"];

fn names(page: &Value) -> Vec<&str> {
    let runs = page["runs"].as_array().expect("runs").iter();
    runs.map(|run| run["run_id"].as_str().expect("an id"))
        .collect()
}

/// Runs of two plans, every second one of which fails.
fn filled(flags: &[&str]) -> Served {
    let served = Served::with(bench(), flags);
    for (n, run) in ["a1", "a2", "b1", "b2", "c1", "c2"].into_iter().enumerate() {
        let does = if n % 2 == 0 { "true" } else { "false" };
        let plan = format!("plan: {does}\nsteps: {{ a: {{ run: ['{does}'] }} }}\n");
        let asked = json!({ "definition": plan, "run_id": run, "labels": { "team": "data" } });
        served.post("/api/v1/runs?wait=30s", &asked).is(201);
    }
    served
}

/// All pages of a list, each with so many runs at most.
fn pages(served: &Served, query: &str, limit: usize) -> Vec<Vec<String>> {
    let mut pages = Vec::new();
    let mut next = String::new();
    loop {
        let path = format!("/api/v1/runs?limit={limit}{query}{next}");
        let page = served.get(&path).is(200).json();
        pages.push(names(&page).into_iter().map(str::to_owned).collect());
        match page["next_cursor"].as_str() {
            Some(cursor) => next = format!("&cursor={cursor}"),
            None => return pages,
        }
    }
}

#[rstest]
#[case::folders(FOLDERS)]
#[case::database(DATABASE)]
fn pages_leave_nothing_out_whatever_is_asked_for(#[case] flags: &[&str]) {
    let served = filled(flags);
    let all = ["c2", "c1", "b2", "b1", "a2", "a1"];
    for limit in 1..=7 {
        for (query, expected) in [
            ("", &all[..]),
            ("&label=team%3Ddata", &all[..]),
            ("&status=failed", &["c2", "b2", "a2"]),
            ("&status=FAILED&status=succeeded", &all[..]),
            ("&plan=true&since=2020-01-01T00:00:00Z", &["c1", "b1", "a1"]),
            ("&since=2999-01-01T00:00:00Z", &[]),
            ("&status=timed_out", &[]),
            ("&prefix=b", &["b1", "b2"]),
            ("&prefix=b1", &["b1"]),
            ("&prefix=b&status=failed", &["b2"]),
        ] {
            let pages = pages(&served, query, limit);
            assert!(pages.iter().all(|page| page.len() <= limit), "{pages:?}");
            assert_eq!(pages.concat(), expected, "{query} by {limit}");
        }
    }
}

#[rstest]
#[case::folders(FOLDERS)]
#[case::database(DATABASE)]
fn a_page_goes_on_behind_the_one_before_whatever_came_meanwhile(#[case] flags: &[&str]) {
    let served = filled(flags);
    let first = served.get("/api/v1/runs?limit=2").is(200).json();
    assert_eq!(names(&first), ["c2", "c1"]);
    let plan = "plan: quick\nsteps: { a: { run: ['true'] } }\n";
    let asked = json!({ "definition": plan, "run_id": "d1" });
    served.post("/api/v1/runs?wait=30s", &asked).is(201);
    let cursor = first["next_cursor"].as_str().expect("there is more");
    let next = format!("/api/v1/runs?limit=2&cursor={cursor}");
    assert_eq!(names(&served.get(&next).is(200).json()), ["b2", "b1"]);
}

#[rstest]
#[case::folders(FOLDERS)]
#[case::database(DATABASE)]
fn a_cursor_is_of_the_list_that_it_came_with(#[case] flags: &[&str]) {
    let served = filled(flags);
    let first = served
        .get("/api/v1/runs?limit=1&status=failed")
        .is(200)
        .json();
    let cursor = first["next_cursor"].as_str().expect("there is more");
    let half = &cursor[..cursor.len() / 2];
    for (query, cursor) in [
        ("", cursor),
        ("&status=succeeded", cursor),
        ("&status=failed&plan=true", cursor),
        ("&status=failed&prefix=a", cursor),
        ("&status=failed&label=team%3Ddata", cursor),
        ("&status=failed", half),
        ("&status=failed", "made-up"),
        ("&status=failed", "===="),
    ] {
        let path = format!("/api/v1/runs?limit=1{query}&cursor={cursor}");
        let refused = served.get(&path).is(400).json();
        assert_eq!(refused["code"], "ROK0122", "{query}");
    }
}

#[test]
fn the_terminal_turns_the_same_pages_here_and_there() {
    let served = filled(FOLDERS);
    let server = format!("http://{}", served.client.address());
    let mut told: Vec<Value> = Vec::new();
    for at in [&[][..], &["--server", &server]] {
        let ls = |args: &[&str]| -> Ran {
            let args = [&["ls", "--status", "failed", "-n", "2"], args, at].concat();
            served.bench.rok(args)
        };
        let first = ls(&["--json"]).exits(0).json();
        assert_eq!(names(&first), ["c2", "b2"]);
        let cursor = first["next_cursor"].as_str().expect("there is more");
        let rest = ls(&["--json", "--cursor", cursor]).exits(0).json();
        assert_eq!(names(&rest), ["a2"]);
        assert_eq!(rest["next_cursor"], Value::Null);
        let human = ls(&[]).exits(0);
        assert!(human.err.contains(cursor), "{}", human.err);
        let (older, newer) = (human.out.find("b2"), human.out.find("c2"));
        assert!(older < newer && older.is_some(), "{}", human.out);
        told.push(first);
        let refused = ls(&["--cursor", "made-up"]).exits(2);
        assert!(refused.err.contains("ROK0122"), "{}", refused.err);
    }
    assert_eq!(told[0], told[1]);
}

#[rstest]
#[case::folders(FOLDERS)]
#[case::database(DATABASE)]
fn pages_of_events_are_parts_of_the_log(#[case] flags: &[&str]) {
    let served = filled(flags);
    let events = |query: &str| {
        let page = served.get(&format!("/api/v1/runs/a1/events?{query}"));
        page.is(200).json()
    };
    let all = events("");
    let lines = all["events"].as_array().expect("events");
    assert_eq!(
        (&all["sealed"], &all["next_from"]),
        (&json!(true), &Value::Null)
    );
    let mut found = Vec::new();
    let mut from = 0;
    while from < lines.len() {
        let page = events(&format!("limit=3&from={from}"));
        let part = page["events"].as_array().expect("events");
        found.extend(part.iter().cloned());
        assert_eq!(page["sealed"], true);
        from = page["next_from"]
            .as_u64()
            .map_or(lines.len(), |n| n as usize);
    }
    assert_eq!(&found, lines);
    let end = events("tail=2");
    assert_eq!(
        end["events"].as_array().expect("events"),
        &lines[lines.len() - 2..]
    );
    let beyond = events(&format!("from={}", lines.len() + 5));
    assert_eq!(beyond["events"], json!([]));
    let steps = events("type=step.*&limit=1");
    assert_eq!(steps["events"][0]["event_type"], "step.started");
    assert!(steps["next_from"].is_u64());
}

#[rstest]
#[case::folders(FOLDERS)]
#[case::database(DATABASE)]
fn a_rank_that_is_asked_for_stands_in_the_record(#[case] flags: &[&str]) {
    let served = Served::with(bench(), flags);
    let plan = "plan: quick\npriority: 3\nsteps: { a: { run: ['true'] } }\n";
    for (run, rank, recorded) in [
        ("r1", json!(7), 7),
        ("r2", json!(-100), -100),
        ("r3", Value::Null, 3),
    ] {
        let asked = json!({ "definition": plan, "run_id": run, "priority": rank });
        served.post("/api/v1/runs?wait=30s", &asked).is(201);
        let events = served
            .get(&format!("/api/v1/runs/{run}/events?limit=1"))
            .is(200)
            .json();
        assert_eq!(events["events"][0]["data"]["priority"], recorded, "{run}");
        let summary = served
            .get(&format!("/api/v1/runs/{run}/summary"))
            .is(200)
            .json();
        assert_eq!(summary["priority"], recorded);
    }
    let asked = json!({ "definition": plan, "priority": 101 });
    let refused = served.post("/api/v1/runs", &asked).is(422).json();
    assert_eq!(refused["code"], "ROK0117");
    served
        .post(
            "/api/v1/runs",
            &json!({ "definition": plan, "priority": 1000 }),
        )
        .is(400);
}

#[test]
fn a_rank_on_the_command_line_stands_in_the_record_too() {
    let bench = bench();
    bench.write(
        "quick.yaml",
        "plan: quick\nsteps: { a: { run: ['true'] } }\n",
    );
    bench
        .rok(["run", "quick.yaml", "--run-id", "r1", "--priority", "-5"])
        .exits(0);
    assert_eq!(bench.events("r1")[0]["data"]["priority"], -5);
    bench
        .rok(["run", "quick.yaml", "--priority", "101"])
        .exits(2);
}

#[test]
fn whoever_may_not_prioritize_ranks_no_run_above_its_plan() {
    let bench = bench();
    bench.write(
        "own.cedar",
        "permit (principal, action in [Action::\"view\", Action::\"submit\"], resource);\n",
    );
    let made = bench.rok([
        "token", "create", "--user", "ada", "--role", "viewer", "--json",
    ]);
    let token = made.exits(0).json()["token"]
        .as_str()
        .expect("a token")
        .to_owned();
    let served = Served::with(bench, &["--set", "access_policies=own.cedar"]);
    let ada = served
        .client
        .with("authorization", &format!("Bearer {token}"));
    let ask = |rank: i64| {
        ada.post(
            "/api/v1/runs",
            &json!({ "plan": "hello", "priority": rank }),
        )
    };
    assert_eq!(ask(1).is(403).json()["code"], "ROK0202");
    ask(0).is(201);
    ask(-1).is(201);
}
