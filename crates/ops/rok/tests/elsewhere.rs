//! Plans whose steps are given to agents: distributed, where nobody else does
//! them, and hybrid, where this machine does what no agent does.

mod support;

use rok_test_support::agents::{Manner, TestAgent};
use rok_vocabulary::TrustLevel;
use rstest::rstest;
use serde_json::{Value, json};
use support::Bench;

const PLAN: &str = r"
plan: elsewhere
default_mode: MODE
inputs: { who: { type: string, default: ada } }
steps:
  greet:
    run: echo hello ${{ inputs.who }}
    env: { GREETING: hello }
    federation: remote_prefer
    max_latency: 2s
  after: { needs: [greet], mode: local, run: [echo, after] }
";

/// A folder with a plan of that mode, and an agent that `run`s.
struct House {
    bench: Bench,
    agent: TestAgent,
}

impl House {
    fn new(mode: &str, manner: Manner) -> Self {
        let house = Self {
            bench: Bench::new(),
            agent: TestAgent::start("r1", manner),
        };
        let bench = &house.bench;
        bench.write("r1.pub", &house.agent.key().to_pem());
        let table = house.agent.table(TrustLevel::Verified);
        let times = "heartbeat = '50ms'\nsilence = '1s'\n";
        bench.write("agents.toml", &format!("{times}{table}"));
        bench.write("rok.toml", "agents = \"agents.toml\"\n");
        bench.write("plan.yaml", &PLAN.replace("MODE", mode));
        house
    }

    fn run(&self, code: i32) -> Vec<Value> {
        let run = ["run", "plan.yaml", "--run-id", "r", "--quiet"];
        self.bench.rok(run).exits(code);
        let mut events = self.bench.events("r");
        events.retain(|event| event["step_id"] == "greet");
        events
    }

    fn summary(&self) -> String {
        self.bench.rok(["summary", "r"]).exits(0).out
    }

    fn is_whole(&self) {
        let verified = self.bench.rok(["verify", "r"]).exits(0).out;
        assert!(verified.contains("INTACT"), "{verified}");
        let replayed = self.bench.rok(["replay", "r", "--json"]).exits(0).json();
        assert_eq!(replayed["divergences"], json!([]), "{replayed}");
    }
}

fn types(events: &[Value]) -> Vec<&str> {
    let types = events.iter();
    types.filter_map(|one| one["event_type"].as_str()).collect()
}

#[rstest]
#[case("distributed")]
#[case("hybrid")]
fn an_agent_is_told_the_process_and_its_inputs(#[case] mode: &str) {
    let house = House::new(mode, Manner::Works);
    let greet = house.run(0);
    assert_eq!(types(&greet), ["step.started", "step.succeeded"]);
    assert_eq!(greet[1]["data"]["agent"]["id"], "r1");
    let with = &greet[1]["data"]["outputs"]["with"];
    let argv = with["argv"].as_array().expect("a list");
    assert_eq!(argv[..3], ["/bin/sh", "-e", "-c"]);
    assert_eq!(with["env"], json!({ "GREETING": "hello", "ROK_E0": "ada" }));
    assert_eq!(with["inputs"], json!({ "who": "ada" }));
    let log = house.bench.rok(["logs", "r", "greet"]).exits(0).out;
    assert!(log.contains("summed up"), "{log}");
    assert!(house.summary().contains("agent r1"), "{}", house.summary());
    house.is_whole();
}

/// It dies in the middle: nobody else does what is distributed. What was lost is
/// offered once more, and there is nobody.
#[test]
fn what_is_distributed_fails_with_the_agent_that_dies() {
    let house = House::new("distributed", Manner::Dies);
    let greet = house.run(1);
    let expected = ["step.started", "step.fell_back", "step.failed"];
    assert_eq!(types(&greet)[..3], expected);
    assert_eq!(greet[1]["data"]["trigger"], "agent_lost");
    assert_eq!(greet[1]["data"].get("to_agent"), None);
    assert_eq!(greet[2]["error_class"], "worker_lost");
    let last = greet.last().expect("it ended");
    assert_eq!(last["event_type"], "step.failed");
    let reason = last["reason"].as_str().expect("a reason");
    assert!(reason.contains("r1: it cannot be reached"), "{reason}");
    house.is_whole();
}

/// It dies in the middle, is late or forges: this machine does it, once.
#[rstest]
#[case(Manner::Dies, "agent_lost")]
#[case(Manner::Slow, "latency")]
#[case(Manner::Forges, "signature_mismatch")]
fn what_is_hybrid_is_done_here_after_the_agent_that_fails(
    #[case] manner: Manner,
    #[case] trigger: &str,
) {
    let house = House::new("hybrid", manner);
    let greet = house.run(0);
    let expected = ["step.started", "step.fell_back", "step.succeeded"];
    assert_eq!(types(&greet), expected);
    assert_eq!(greet[1]["data"]["to_agent"], "localhost");
    assert_eq!(greet[1]["data"]["trigger"], trigger);
    assert_eq!(greet[2]["data"]["agent"]["id"], "localhost");
    assert_eq!(greet[2]["data"]["agent"]["place"], "local");
    let log = house.bench.rok(["logs", "r", "greet"]).exits(0).out;
    assert!(
        log.contains("done here") && log.contains("hello ada"),
        "{log}"
    );
    let summary = house.summary();
    let words = format!("this machine, after r1 ({trigger})");
    assert!(summary.contains(&words), "{summary}");
    house.is_whole();
}

#[test]
fn where_no_agent_is_there_hybrid_runs_here_and_says_so() {
    let house = House::new("hybrid", Manner::Works);
    house.bench.write("agents.toml", "");
    let greet = house.run(0);
    assert_eq!(types(&greet), ["step.started", "step.succeeded"]);
    let summary = house.summary();
    assert!(
        summary.contains("this machine: there is no agent"),
        "{summary}"
    );
    house.is_whole();
}

#[test]
fn where_no_agent_is_there_distributed_is_refused_before_anything_runs() {
    let house = House::new("distributed", Manner::Works);
    house.bench.write("agents.toml", "");
    assert!(house.run(1).is_empty());
    let summary = house.summary();
    assert!(
        summary.contains("there is no agent: name some"),
        "{summary}"
    );
}

/// Who would be asked, in order, and who stands in.
#[test]
fn a_dry_run_shows_the_routing_table() {
    let house = House::new("hybrid", Manner::Works);
    let dry = ["run", "plan.yaml", "--mode", "dry-run"];
    let text = house.bench.rok(dry).exits(0).out;
    for line in [
        "agent 1.  r1 (remote, VERIFIED): 0 of 1 slots taken",
        "agent 2.  localhost (local, VERIFIED): this machine, where no agent does it",
    ] {
        assert!(text.contains(line), "{text}");
    }
    house.bench.write(
        "plan.yaml",
        "plan: p\ndefault_mode: hybrid\nsteps: { a: { run: ['true'], cwd: / } }\n",
    );
    let text = house.bench.rok(dry).exits(0).out;
    let bound = "done here, and by no agent: it has a `cwd`";
    assert!(text.contains(bound), "{text}");
    assert!(house.agent.seen().is_empty(), "nobody is asked");
}

/// A policy that forbids a command forbids it wherever it would run.
#[test]
fn what_is_forbidden_here_is_not_given_away() {
    let house = House::new("distributed", Manner::Works);
    let policy = json!({
        "type": "security", "scope": "org", "enforcement_level": "strict",
        "payload": { "id": "no-echo", "deny": { "commands": ["echo"] } },
    });
    house.bench.write("policy.json", &policy.to_string());
    let run = ["run", "plan.yaml", "--quiet", "--policy", "policy.json"];
    house.bench.rok(run).exits(5);
    assert_eq!(house.agent.begun(), 0);
}

/// A sandbox is laid on here or nowhere.
#[rstest]
#[case("hybrid", 0)]
#[case("distributed", 1)]
fn what_must_be_in_a_sandbox_is_given_to_nobody(#[case] mode: &str, #[case] code: i32) {
    let house = House::new(mode, Manner::Works);
    let run = ["run", "plan.yaml", "--quiet", "--run-id", "r"];
    let ran = house
        .bench
        .rok(run.into_iter().chain(["--set", "sandbox=required"]));
    assert_eq!(house.agent.begun(), 0, "{}", ran.err);
    if code == 1 {
        assert!(ran.code != 0);
        let summary = house.summary();
        assert!(summary.contains("no agent can be held to one"), "{summary}");
    }
}
