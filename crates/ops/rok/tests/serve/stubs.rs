//! What is left of collected runs, over the server of their folder: the same
//! text and the same exit code as in the folder, for those who may look.

use super::{Served, bench};
use crate::support::{Bench, Ran};
use rstest::rstest;
use serde_json::{Value, json};

const QUICK: &str = "plan: quick
labels: { team: data }
steps: { make: { run: [sh, -c, 'echo 42 > out.txt'], artifacts: [{ path: out.txt }] } }
";
const OWN: &str = "@id(\"own\") permit (principal, action, resource) when { context.is_submitter };
@id(\"look\") permit (principal, action == Action::\"view\", resource is Server);
@id(\"all\") permit (principal in Role::\"admin\", action, resource);
";

/// A folder with a stub of `old-1`, and the run `new-1`.
fn house() -> Bench {
    let bench = bench();
    bench.write("quick.yaml", QUICK);
    for run in ["old-1", "new-1"] {
        ran(&bench, run, "ada");
    }
    bench.rok(["gc", "--keep", "1"]).exits(0);
    bench
}

fn ran(bench: &Bench, run: &str, user: &str) {
    let mut command = bench.command(["run", "quick.yaml", "--run-id", run, "--quiet"]);
    let output = command.env("ROK_USER", user).output().expect("rok starts");
    Ran::from(output).exits(0);
}

fn there(served: &Served, token: Option<&Value>, args: &[&str]) -> Ran {
    let server = format!("http://{}", served.client.address());
    let mut command = served.bench.command(args);
    command.env("ROK_SERVER", server);
    let token = token.map(|token| token["token"].as_str().expect("a token"));
    command.envs(token.map(|token| ("ROK_TOKEN", token)));
    Ran::from(command.output().expect("rok starts"))
}

fn token(bench: &Bench, user: &str, role: &str) -> Value {
    let made = bench.rok(["token", "create", "--user", user, "--role", role, "--json"]);
    made.exits(0).json()
}

#[rstest]
#[case::verify(&["verify", "old-1"], 0)]
#[case::verify_sealed(&["verify", "old-1", "--sealed", "--json"], 0)]
#[case::verify_by_prefix(&["verify", "old"], 0)]
#[case::status(&["status", "old-1"], 1)]
#[case::by_prefix(&["status", "old"], 1)]
#[case::step(&["status", "old-1", "make"], 1)]
#[case::summary(&["summary", "old-1"], 1)]
#[case::summary_json(&["summary", "old-1", "--json"], 1)]
#[case::list(&["ls"], 0)]
#[case::list_json(&["ls", "--json"], 0)]
#[case::list_collected(&["ls", "--status", "collected"], 0)]
#[case::list_others(&["ls", "--status", "succeeded"], 0)]
#[case::list_by_label(&["ls", "--label", "team=data", "--plan", "quick"], 0)]
#[case::metrics(&["metrics"], 0)]
#[case::events(&["events", "old-1"], 1)]
#[case::events_followed(&["events", "old-1", "--follow"], 1)]
#[case::logs(&["logs", "old-1", "make"], 1)]
#[case::explain(&["explain", "old-1"], 1)]
#[case::explain_step(&["explain", "old-1", "make"], 1)]
#[case::profile(&["profile", "old-1"], 1)]
#[case::diff(&["diff", "old-1", "new-1"], 1)]
#[case::graph(&["graph", "old-1"], 1)]
#[case::timeline(&["timeline", "old-1"], 1)]
#[case::report(&["report", "old-1"], 1)]
#[case::export(&["export", "old-1", "--out", "old.tar.zst"], 1)]
#[case::hold(&["hold", "old-1", "--reason", "case 17"], 1)]
#[case::check(&["resume", "old-1", "--check"], 1)]
#[case::resume(&["resume", "old-1"], 1)]
#[case::rollback(&["rollback", "old-1"], 1)]
#[case::replay(&["replay", "old-1"], 1)]
#[case::replay_from(&["replay", "old-1", "--from", "make"], 1)]
#[case::approve(&["approve", "old-1", "make", "--reason", "x"], 1)]
#[case::cancel(&["cancel", "old-1"], 1)]
#[case::pause(&["pause", "old-1"], 1)]
fn a_stub_says_the_same_here_and_there(#[case] args: &[&str], #[case] code: i32) {
    let served = Served::open(house());
    let (here, there) = (served.bench.rok(args), there(&served, None, args));
    assert_eq!(here.code, code, "{}", here.err);
    assert_eq!((there.code, &there.out), (code, &here.out), "{}", there.err);
    assert_eq!(there.err, here.err);
    assert_eq!(here.err.contains("ROK0160"), code == 1, "{}", here.err);
}

/// A server that never saw the run live knows what is left of it: in lists, by
/// status, by how its id begins, over pages and in counts.
#[test]
fn lists_pages_and_counts_know_stubs() {
    let bench = house();
    for run in ["old-2", "old-3"] {
        ran(&bench, run, "ada");
    }
    bench.rok(["gc", "--keep", "1"]).exits(0);
    let mut served = Served::open(bench);
    served.stop();
    served.restart(&["--insecure-no-auth"]);
    let ids = |query: &str| -> Vec<String> {
        let page = served.get(&format!("/api/v1/runs{query}")).is(200).json();
        let runs = page["runs"].as_array().expect("a list").iter();
        runs.map(|run| run["run_id"].as_str().expect("an id").to_owned())
            .collect()
    };
    assert_eq!(ids(""), ["old-3", "old-2", "new-1", "old-1"]);
    assert_eq!(ids("?status=collected"), ["old-2", "new-1", "old-1"]);
    assert_eq!(ids("?prefix=old"), ["old-1", "old-2", "old-3"]);
    assert_eq!(ids("?prefix=old-2"), ["old-2"]);
    let first = served.get("/api/v1/runs?limit=3").is(200).json();
    let cursor = first["next_cursor"].as_str().expect("a cursor");
    assert_eq!(ids(&format!("?limit=3&cursor={cursor}")), ["old-1"]);
    let metrics = there(&served, None, &["metrics"]).exits(0).out;
    assert!(
        metrics.contains("rok_runs_by_status{status=\"collected\"} 3"),
        "{metrics}"
    );
    let gone = served.get("/api/v1/runs/old-1").is(409).json();
    assert_eq!(gone["code"], "ROK0160");
    let several = there(&served, None, &["verify", "old"]).exits(2);
    assert!(several.err.contains("ROK0102"), "{}", several.err);
}

#[test]
fn a_stub_of_somebody_else_is_not_there() {
    let bench = house();
    bench.write("own.cedar", OWN);
    let [ada, bob, root] = [("ada", "viewer"), ("bob", "viewer"), ("root", "admin")]
        .map(|(user, role)| token(&bench, user, role));
    let mut served = Served::with(bench, &["--set", "access_policies=own.cedar"]);
    let verify = ["verify", "old-1"];
    for who in [&ada, &root] {
        let proved = there(&served, Some(who), &verify).exits(0).out;
        assert!(proved.starts_with("✓ STUB"), "{proved}");
        let list = there(&served, Some(who), &["ls", "--json"]).exits(0).json();
        assert_eq!(list.as_array().map(Vec::len), Some(2), "{list}");
    }
    let hidden = there(&served, Some(&bob), &verify).exits(2);
    assert!(hidden.err.contains("ROK0101"), "{}", hidden.err);
    let list = there(&served, Some(&bob), &["ls", "--json"]).exits(0);
    assert_eq!(list.json(), json!([]));

    // One of before that said who submitted it: only who sees all sees it.
    served.stop();
    let path = served.bench.runs().join("old-1/stub.json");
    let text = std::fs::read_to_string(&path).expect("a stub");
    let mut stub: Value = serde_json::from_str(&text).expect("JSON");
    for later in ["submitter", "digest"] {
        stub.as_object_mut().expect("an object").remove(later);
    }
    stub["schema"] = json!(1);
    std::fs::write(&path, stub.to_string()).expect("it is written");
    served.restart(&["--set", "access_policies=own.cedar"]);
    there(&served, Some(&root), &verify).exits(0);
    for who in [&ada, &bob] {
        let hidden = there(&served, Some(who), &verify).exits(2);
        assert!(hidden.err.contains("ROK0101"), "{}", hidden.err);
    }
}
