//! Steps of agents, end to end: agents that fail in the middle, the record of
//! it, an engine that is killed, dry runs and lists.

#[expect(dead_code, reason = "this file needs a part of it")]
#[path = "support/live.rs"]
mod live;

mod support;

use live::Live;
use rok_test_support::agents::{Manner, TestAgent};
use rok_vocabulary::TrustLevel;
use rstest::rstest;
use serde_json::{Value, json};
use std::io::{BufRead as _, BufReader};
use std::process::Stdio;
use support::Bench;

/// What is fetched is summed by an agent, and used.
const PLAN: &str = r#"
plan: agents
steps:
  fetch: { run: "printf '{\"text\":\"abc\"}' > \"$ROK_OUTPUT\"", outputs: { text: { type: string } } }
  sum:
    needs: [fetch]
    agent: sum
    min_trust: SIGNED
    federation: remote_prefer
    max_latency: 2s
    with: { text: "${{ steps.fetch.outputs.text }}", n: 7 }
    outputs: { by: { type: string }, with: { type: object } }
  use: { needs: [sum], run: [echo, "by ${{ steps.sum.outputs.by }}"] }
"#;

/// A remote agent, and a local one that takes over.
struct House {
    bench: Bench,
    remote: TestAgent,
    here: TestAgent,
}

impl House {
    fn new(manner: Manner) -> Self {
        let house = Self {
            bench: Bench::new(),
            remote: TestAgent::start("r1", manner),
            here: TestAgent::start("here", Manner::Works),
        };
        let bench = &house.bench;
        for (name, agent) in [("r1", &house.remote), ("here", &house.here)] {
            bench.write(&format!("{name}.pub"), &agent.key().to_pem());
        }
        let remote = house.remote.table(TrustLevel::Verified);
        let here = house.here.table(TrustLevel::Signed);
        bench.write(
            "agents.toml",
            &format!("heartbeat = '50ms'\nsilence = '1s'\n{remote}{here}local = true\n"),
        );
        bench.write("rok.toml", "agents = \"agents.toml\"\n");
        bench.write("plan.yaml", PLAN);
        house
    }

    fn run(&self, code: i32) {
        let ran = self
            .bench
            .rok(["run", "plan.yaml", "--run-id", "r", "--quiet"]);
        ran.exits(code);
    }

    fn of_sum(&self) -> Vec<Value> {
        let mut events = self.bench.events("r");
        events.retain(|event| event["step_id"] == "sum");
        events
    }
}

/// Each attempt is told, also where the last one found nobody.
#[test]
fn a_sole_agent_that_dies_is_told_with_each_attempt() {
    let bench = Bench::new();
    let agent = TestAgent::start("r1", Manner::Dies);
    bench.write("r1.pub", &agent.key().to_pem());
    let table = agent.table(TrustLevel::Verified);
    let agents = format!("heartbeat = '50ms'\nsilence = '1s'\n{table}");
    bench.write("agents.toml", &agents);
    bench.write("rok.toml", "agents = \"agents.toml\"\n");
    let retry = "    agent: sum\n    retry: { max: 1, base: 10ms }\n";
    let plan = PLAN.replace("    agent: sum\n", retry);
    bench.write("plan.yaml", &plan);
    bench
        .rok(["run", "plan.yaml", "--run-id", "r", "--quiet"])
        .exits(1);
    let explained = bench.rok(["explain", "r", "sum"]).exits(0).out;
    let place = |what: &str| {
        let found = explained.find(what);
        found.unwrap_or_else(|| panic!("no {what} in {explained}"))
    };
    let first = place("attempt 1 failed: ");
    let taken = place("it was taken away from agent `r1` (agent_lost)");
    assert!(
        first < taken && taken < place("no agent did it"),
        "{explained}"
    );
}

/// Who did the step and why the other did not, in an event and in words.
#[rstest]
#[case::works(Manner::Works, "", "agent r1")]
#[case::dies(Manner::Dies, "agent_lost", "agent here, after r1 (agent_lost)")]
#[case::slow(Manner::Slow, "latency", "agent here, after r1 (latency)")]
#[case::forges(
    Manner::Forges,
    "signature_mismatch",
    "agent here, after r1 (signature_mismatch)"
)]
fn the_step_ends_once_and_the_record_tells_where(
    #[case] manner: Manner,
    #[case] trigger: &str,
    #[case] words: &str,
) {
    let house = House::new(manner);
    house.run(0);
    let of_sum = house.of_sum();
    let types: Vec<&str> = of_sum
        .iter()
        .filter_map(|e| e["event_type"].as_str())
        .collect();
    let ended = of_sum.last().expect("it ended");
    if trigger.is_empty() {
        assert_eq!(types, ["step.started", "step.succeeded"]);
        assert_eq!(ended["data"]["agent"]["id"], "r1");
        assert_eq!(ended["data"]["agent"]["trust"], "VERIFIED");
    } else {
        assert_eq!(types, ["step.started", "step.fell_back", "step.succeeded"]);
        let fell = &of_sum[1];
        let expected = json!({
            "from_agent": "r1", "to_agent": "here", "place": "remote",
            "trust": "VERIFIED", "trigger": trigger,
        });
        assert_eq!(fell["data"], expected);
        assert!(fell["reason"].is_string(), "{fell}");
        assert_eq!(ended["data"]["agent"]["tried"][0]["agent"], "r1");
    }
    let outputs = &ended["data"]["outputs"];
    assert_eq!(outputs["with"], json!({ "text": "abc", "n": "7" }));
    assert!(ended["data"]["usage"]["cost_usd"].is_number(), "{ended}");

    let summary = house.bench.rok(["summary", "r"]).exits(0).out;
    assert!(summary.contains(words), "{summary}");
    let verified = house.bench.rok(["verify", "r"]).exits(0).out;
    assert!(verified.contains("INTACT"), "{verified}");
    let replayed = house.bench.rok(["replay", "r", "--json"]).exits(0).json();
    assert_eq!(replayed["divergences"], json!([]), "{replayed}");
    house
        .bench
        .rok(["timeline", "r", "--format", "ascii"])
        .exits(0);
    let explained = house.bench.rok(["explain", "r", "sum"]).exits(0).out;
    if trigger.is_empty() {
        assert!(explained.contains("agent `r1` did it"), "{explained}");
    } else {
        let why = format!("it was taken away from agent `r1` ({trigger}): ");
        assert!(explained.contains(&why), "{explained}");
        assert!(explained.contains("agent `here` did it"), "{explained}");
    }
    house.bench.rok(["report", "r", "-o", "r.html"]).exits(0);
}

#[test]
fn under_quarantine_the_step_is_refused() {
    let house = House::new(Manner::Forges);
    house
        .bench
        .write("plan.yaml", &PLAN.replace("remote_prefer", "quarantine"));
    house.run(1);
    let of_sum = house.of_sum();
    let failed = of_sum.last().expect("it ended");
    assert_eq!(failed["event_type"], "step.failed");
    assert_eq!(failed["error_class"], "policy_violation");
    assert_eq!(of_sum[1]["data"]["trigger"], "signature_mismatch");
    assert_eq!(of_sum[1]["data"].get("to_agent"), None);
    assert_eq!(house.here.begun(), 0);
    house.bench.rok(["verify", "r"]).exits(0);
    let explained = house.bench.rok(["explain", "r", "sum"]).exits(0).out;
    let why = "it was taken away from agent `r1` (signature_mismatch): ";
    assert!(explained.contains(why), "{explained}");
    assert!(
        !explained.contains("did it") || explained.contains("no agent did it"),
        "{explained}"
    );
}

/// Policies that are injected into a run travel with the offer: one that is
/// strict must be honoured, one that is soft is noted.
#[rstest]
#[case::strict("strict", "agent here, after r1 (refused)")]
#[case::soft("soft", "agent r1; cannot honour eu-only: it is beyond me")]
fn what_a_run_is_under_travels_with_the_offer(#[case] level: &str, #[case] words: &str) {
    let house = House::new(Manner::Cannot("eu-only".into()));
    let policy = json!({
        "type": "privacy", "scope": "org", "enforcement_level": level,
        "payload": { "id": "eu-only", "deny": { "commands": ["curl"] } },
    });
    house.bench.write("policy.json", &policy.to_string());
    let run = [
        "run",
        "plan.yaml",
        "--run-id",
        "r",
        "--quiet",
        "--policy",
        "policy.json",
    ];
    house.bench.rok(run).exits(0);
    let summary = house.bench.rok(["summary", "r"]).exits(0).out;
    assert!(summary.contains(words), "{summary}");
    let offers = house.remote.seen().into_iter();
    let offer = offers
        .into_iter()
        .find(|seen| seen.line.starts_with("POST /v1/offers"));
    let offer: Value = serde_json::from_str(&offer.expect("it was offered").body).expect("JSON");
    let offered = &offer["terms"]["policies"][0];
    assert_eq!(offered["name"], "eu-only");
    assert_eq!(offered["payload"]["deny"]["commands"], json!(["curl"]));
    // What it works on is told once it is accepted.
    assert_eq!(offer.get("with"), None);
}

/// A house whose engine was killed by `kill -9` while an agent works.
fn killed_at_the_agent() -> House {
    let house = House::new(Manner::Slow);
    house.bench.write(
        "plan.yaml",
        &PLAN.replace("max_latency: 2s", "max_latency: 1h"),
    );
    let command = house
        .bench
        .command(["run", "plan.yaml", "--run-id", "r", "--quiet"]);
    let mut live = Live::start(command);
    while house.remote.asked("GET /v1/orders") == 0 {
        assert!(!live.ended(), "it waits for its agent");
        std::thread::yield_now();
    }
    live.kill();
    house
}

/// Who cancels a run whose engine is gone tells the agent, and what an agent was
/// not heard to end is on record as such.
#[rstest]
#[case::heard(false)]
#[case::unheard(true)]
fn an_interrupted_run_that_is_cancelled_is_withdrawn_from_its_agent(#[case] is_gone: bool) {
    let house = killed_at_the_agent();
    if is_gone {
        house.remote.stop();
    }
    house.bench.rok(["cancel", "r"]).exits(0);
    assert_eq!(house.remote.withdrawn(), usize::from(!is_gone));
    let of_sum = house.of_sum();
    let mut agents = of_sum.iter().map(|event| &event["data"]["agent"]);
    let had = agents.find(|agent| agent["id"] == "r1");
    let reason = &had.expect("who had it is on record")["reason"];
    assert_eq!(reason.is_string(), is_gone, "{reason}");
    let explained = house.bench.rok(["explain", "r", "sum"]).exits(0).out;
    assert_eq!(
        explained.contains("may go on there"),
        is_gone,
        "{explained}"
    );
    house.bench.rok(["verify", "r"]).exits(0);
    // The next epoch tells it before it begins the work anew.
    house.remote.go_on();
    house.remote.finish();
    house.bench.rok(["resume", "r", "--quiet"]).exits(0);
    assert_eq!((house.remote.withdrawn(), house.remote.begun()), (1, 2));
}

/// So does a server that takes up a run in whose inbox a cancel lies.
#[test]
fn a_server_that_takes_up_a_cancelled_run_withdraws_it_from_its_agent() {
    let house = House::new(Manner::Slow);
    let store = ["--store", "sqlite:rok.db"];
    house.bench.write(
        "plan.yaml",
        &PLAN.replace("max_latency: 2s", "max_latency: 1h"),
    );
    let (mut server, url) = served(&house.bench, &store);
    let at = ["--server", url.as_str()];
    let run = ["run", "plan.yaml", "--run-id", "r", "--quiet"];
    let client = Live::start(house.bench.command(run.into_iter().chain(at)));
    while house.remote.asked("GET /v1/orders") == 0 {
        std::thread::yield_now();
    }
    server.kill().expect("it is ours");
    server.wait().expect("it is ours");
    drop(client);
    // It waits until somebody takes the run up.
    let cancel = ["cancel", "r"].into_iter().chain(store);
    house.bench.rok(cancel).exits(1);
    assert_eq!(house.remote.withdrawn(), 0);
    let (mut server, _) = served(&house.bench, &store);
    while house.remote.withdrawn() == 0 {
        std::thread::yield_now();
    }
    server.kill().expect("it is ours");
    server.wait().expect("it is ours");
    assert_eq!(house.remote.begun(), 1);
}

/// `kill -9` while an agent works: the next owner asks whoever has the work,
/// and it is begun once.
#[test]
fn an_engine_that_is_killed_has_nothing_done_twice() {
    let house = killed_at_the_agent();
    house.remote.finish();
    house.bench.rok(["resume", "r", "--quiet"]).exits(0);
    assert_eq!((house.remote.begun(), house.here.begun()), (1, 0));
    let ended = house.of_sum();
    let ended = ended.last().expect("it ended");
    assert_eq!(ended["event_type"], "step.succeeded");
    assert_eq!(
        (&ended["attempt"], &ended["data"]["agent"]["id"]),
        (&json!(1), &json!("r1"))
    );
    house.bench.rok(["verify", "r"]).exits(0);
}

#[test]
fn a_dry_run_shows_who_would_be_asked_and_asks_nobody() {
    let house = House::new(Manner::Works);
    let dry = ["run", "plan.yaml", "--mode", "dry-run"];
    let text = house.bench.rok(dry).exits(0).out;
    for line in [
        "agent 1.  r1 (remote, VERIFIED): 0 of 1 slots taken",
        "agent 2.  here (local, SIGNED): 0 of 1 slots taken",
    ] {
        assert!(text.contains(line), "{text}");
    }
    house.bench.write(
        "plan.yaml",
        &PLAN.replace("min_trust: SIGNED", "min_trust: VERIFIED"),
    );
    let text = house.bench.rok(dry).exits(0).out;
    let refused = "agent –   here (local, SIGNED): it is SIGNED, and VERIFIED is asked for";
    assert!(text.contains(refused), "{text}");
    assert!(house.remote.seen().is_empty() && house.here.seen().is_empty());
}

#[test]
fn what_no_agent_can_do_is_refused_before_anything_runs() {
    let house = House::new(Manner::Works);
    house
        .bench
        .write("plan.yaml", &PLAN.replace("agent: sum", "agent: draw"));
    house.run(1);
    let events = house.bench.events("r");
    assert!(
        events
            .iter()
            .all(|event| event["event_type"] != "step.started")
    );
    let summary = house.bench.rok(["summary", "r"]).exits(0).out;
    assert!(summary.contains("r1: it cannot draw"), "{summary}");
}

#[test]
fn a_file_that_makes_no_sense_starts_nothing() {
    let house = House::new(Manner::Works);
    house.bench.write("agents.toml", "quorum = 1\n");
    let ran = house.bench.rok(["run", "plan.yaml"]).exits(2);
    assert!(ran.err.contains("error[ROK0172]"), "{}", ran.err);
    assert!(
        ran.err.contains("`quorum` is 1, and there are 0"),
        "{}",
        ran.err
    );
    assert!(!house.bench.runs().exists());
}

/// A server of a bench, and where it answers.
fn served(bench: &Bench, options: &[&str]) -> (std::process::Child, String) {
    let serve = [
        "serve",
        "--listen",
        "127.0.0.1:0",
        "--insecure-no-auth",
        "--json",
    ];
    let mut command = bench.command(serve.iter().chain(options).copied());
    let mut server = command
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .expect("it starts");
    let out = server.stdout.take().expect("a pipe");
    let mut said = serde_json::Deserializer::from_reader(BufReader::new(out)).into_iter::<Value>();
    let listening = said.next().expect("it says where").expect("JSON");
    let url = listening["url"].as_str().expect("an address").to_owned();
    (server, url)
}

/// The same list here and of a server.
#[test]
fn the_list_tells_how_each_stands() {
    let house = House::new(Manner::Impostor);
    let list = house
        .bench
        .rok(["agents", "list", "--json"])
        .exits(0)
        .json();
    let states = |list: &Value| -> Vec<(String, String)> {
        let agents = list["agents"].as_array().expect("a list").iter();
        let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
        agents
            .map(|one| (text(&one["agent_id"]), text(&one["state"])))
            .collect()
    };
    let expected = [("here", "up"), ("r1", "quarantined")];
    let expected = expected.map(|(id, state)| (id.to_owned(), state.to_owned()));
    assert_eq!(states(&list), expected);
    let text = house.bench.rok(["agents", "list"]).exits(0).out;
    assert!(
        text.contains("quarantined: it does not prove its key"),
        "{text}"
    );

    let (mut server, url) = served(&house.bench, &[]);
    let of_server = house
        .bench
        .rok(["agents", "list", "--json", "--server", &url]);
    server.kill().expect("it is ours");
    server.wait().expect("it is ours");
    assert_eq!(states(&of_server.exits(0).json()), expected);
}

/// A forger is known to the next process, whoever runs it, and what is kept of it
/// is no leave to ask it when it cannot be read.
#[test]
fn what_is_known_of_an_agent_outlives_the_process() {
    let house = House::new(Manner::Forges);
    house.run(0);
    let offers = || house.remote.asked("POST /v1/offers");
    assert_eq!(offers(), 1);
    let again = |run: &str| {
        let words = ["run", "plan.yaml", "--run-id", run, "--quiet"];
        house.bench.rok(words).exits(0);
        house.bench.rok(["summary", run]).exits(0).out
    };
    assert!(again("again").contains("agent here"));
    assert_eq!(offers(), 1, "a forger is not asked again");
    let list = || house.bench.rok(["agents", "list"]).exits(0).out;
    assert!(
        list().contains("quarantined: its result is refused"),
        "{}",
        list()
    );

    let folder = house.bench.runs().join(".agents~");
    let kept = std::fs::read_dir(&folder).expect("it is kept");
    let kept = kept.map(|entry| entry.expect("an entry").path());
    let kept: Vec<_> = kept.filter(|path| path.extension().is_some()).collect();
    for file in &kept {
        std::fs::write(file, "{").expect("it is ours");
    }
    let json = house
        .bench
        .rok(["agents", "list", "--json"])
        .exits(0)
        .json();
    let states = json["agents"].as_array().expect("a list").iter();
    let unread = states.filter(|one| one["state"] == "quarantined");
    assert_eq!(unread.count(), kept.len(), "{json}");
    for agent in ["r1", "here"] {
        house.bench.rok(["agents", "reset", agent]).exits(0);
    }
    house.bench.rok(["agents", "reset", "nobody"]).exits(3);
    again("reset");
    assert_eq!(offers(), 2);
}

/// In a database it is kept there.
#[test]
fn what_is_known_of_an_agent_is_kept_in_a_database() {
    let house = House::new(Manner::Impostor);
    let store = ["--store", "sqlite:rok.db"];
    let missing = house.bench.rok(["agents", "list"].into_iter().chain(store));
    missing.exits(2);
    house.bench.write(
        "rok.toml",
        "agents = \"agents.toml\"\nstore = \"sqlite:rok.db\"\n",
    );
    let serve = ["serve", "--listen", "127.0.0.1:0", "--insecure-no-auth"];
    let mut server = Live::start(house.bench.command(serve));
    let database = house.bench.path().join("rok.db");
    while !database.exists() {
        assert!(!server.ended(), "it makes its database");
        std::thread::yield_now();
    }
    let list = || {
        let list = house.bench.rok(["agents", "list", "--json"]);
        list.exits(0).json()["agents"][1].clone()
    };
    assert_eq!(list()["state"], "quarantined");
    server.kill();
    drop(server);
    house.remote.stop();
    let listed = list();
    assert_eq!(listed["state"], "quarantined", "{listed}");
    assert!(listed["since"].is_string(), "{listed}");
    assert!(!house.bench.runs().join(".agents~").exists());
}

/// The agent of the guide is one.
#[test]
fn the_agent_of_the_guide_does_its_work() {
    let guide = include_str!("../../../../docs/howto/agents.md");
    let agent = guide.split("```python\n").nth(1).expect("it has one");
    let agent = agent.split("```").next().expect("it ends");
    let bench = Bench::new();
    bench.write("agent.py", agent);
    let mut python = std::process::Command::new("python3")
        .args(["agent.py", "0"])
        .current_dir(bench.path())
        .stdout(Stdio::piped())
        .spawn()
        .expect("python3 is there");
    let mut url = String::new();
    let out = python.stdout.take().expect("a pipe");
    BufReader::new(out)
        .read_line(&mut url)
        .expect("it says where");
    bench.write(
        "agents.toml",
        &format!(
            "[agents.summarizer]\nurl = '{}'\ncapabilities = ['summarize']\nslots = 2\n",
            url.trim()
        ),
    );
    bench.write(
        "plan.yaml",
        "plan: p\nsteps:\n  good: { agent: summarize, with: { text: one two three four five six } }\n  \
         bad: { agent: summarize, with: { words: none } }\n",
    );
    let set = ["--set", "agents=agents.toml"];
    let run = ["run", "plan.yaml", "--run-id", "r", "--quiet"];
    let ran = bench.rok(run.into_iter().chain(set));
    let summary = bench.rok(["summary", "r", "--json"]).exits(0).json();
    python.kill().expect("it is ours");
    python.wait().expect("it is ours");
    ran.exits(1);
    let steps = &summary["steps"];
    let expected = json!({ "words": 6, "summary": "one two three four five" });
    assert_eq!(steps[0]["outputs"], expected);
    assert_eq!(steps[1]["error"]["class"], "validation_failed");
    assert_eq!(steps[1]["agent"]["agent_id"], "summarizer");
}
