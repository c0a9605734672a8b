//! A server whose runs are done by agents: components of an execution plan, who
//! takes over where an agent fails, and the record of it, all over HTTP.

use super::{Served, bench};
use crate::support::Bench;
use rok_test_support::agents::{Manner, TestAgent};
use rok_vocabulary::TrustLevel;
use rstest::rstest;
use serde_json::{Value, json};

/// A folder with components, a plan of them that agents carry out, and an agent.
fn house(agent: &TestAgent) -> (Bench, String) {
    let bench = bench();
    std::fs::create_dir_all(bench.path().join(".rok/components")).expect("a folder");
    for name in ["fetch", "check"] {
        let text = format!(
            "name: {name}\nversion: 1.0.0\nstatus: active\ntype: tool\nidempotent: true\nentrypoint: {{ run: [echo, {name}] }}\n"
        );
        bench.write(&format!(".rok/components/{name}.component.yaml"), &text);
    }
    bench.write("r1.pub", &agent.key().to_pem());
    let table = agent.table(TrustLevel::Verified);
    let limits =
        "federation = 'remote_prefer'\nheartbeat = '50ms'\nsilence = '1s'\nmax_latency = '2s'\n";
    bench.write("agents.toml", &format!("{limits}{table}"));
    bench.write("rok.toml", "agents = \"agents.toml\"\n");
    let document = json!({
        "plan_id": "nightly",
        "nodes": ["fetch", { "id": "check", "mode": "local" }],
        "edges": [["fetch", "check"]],
        "default_mode": "hybrid",
    });
    bench.write("nightly.json", &document.to_string());
    let import = ["plan", "import", "--from", "execution-plan", "nightly.json"];
    let plan = bench.rok(import).exits(0).out;
    (bench, plan)
}

#[rstest]
#[case::works(Manner::Works, "")]
#[case::dies(Manner::Dies, "agent_lost")]
#[case::slow(Manner::Slow, "latency")]
#[case::forges(Manner::Forges, "signature_mismatch")]
fn components_are_given_to_agents_and_who_takes_over_is_on_record(
    #[case] manner: Manner,
    #[case] trigger: &str,
    #[values(&[][..], &["--store", "sqlite:rok.db"][..])] store: &[&str],
) {
    let agent = TestAgent::start("r1", manner);
    let (bench, plan) = house(&agent);
    let served = Served::with(bench, &[&["--insecure-no-auth"], store].concat());
    let asked = json!({ "definition": plan, "run_id": "r1" });
    let made = served.post("/api/v1/runs?wait=60s", &asked).is(201).json();
    assert_eq!(made["status"], "succeeded", "{made}");
    let page = served.get("/api/v1/runs/r1/events?step=fetch").is(200);
    let page = page.json();
    let events = page["events"].as_array().expect("events");
    let types: Vec<&Value> = events.iter().map(|event| &event["event_type"]).collect();
    let ended = events.last().expect("it ended");
    let summary = served.get("/api/v1/runs/r1/summary").is(200).body;
    if trigger.is_empty() {
        assert_eq!(types, ["step.started", "step.succeeded"]);
        assert_eq!(ended["data"]["agent"]["id"], "r1");
    } else {
        assert_eq!(types, ["step.started", "step.fell_back", "step.succeeded"]);
        let fell = json!({
            "from_agent": "r1", "to_agent": "localhost", "place": "remote",
            "trust": "VERIFIED", "trigger": trigger,
        });
        assert_eq!(events[1]["data"], fell);
        assert_eq!(ended["data"]["agent"]["id"], "localhost");
        assert!(summary.contains(trigger), "{summary}");
    }
    let verified = served.get("/api/v1/runs/r1/verification").is(200).json();
    assert_eq!(verified["faults"], json!([]), "{verified}");
}
