//! What a component needs of its host is asked of the host before it runs.

use super::{bench, ends, orch, result};
use serde_json::{Value, json};
use std::env::consts::{ARCH, OS};

/// A component that leaves a file, and needs this of whoever runs it.
fn needs(capabilities: &str) -> String {
    format!("type: test\ncapabilities: [{capabilities}]\nentrypoint: {{ run: [touch, ran] }}")
}

#[test]
fn a_component_runs_only_where_its_host_offers_what_it_needs() {
    let manifest = needs(&format!("\"os:{OS}\", \"arch:{ARCH}\", \"cuda:12\", gpu"));
    let after = "type: test\nrequires: { heavy: ^1 }\nentrypoint: { run: [touch, after-ran] }";
    let bench = bench(&[("heavy", &manifest), ("after", after)]);
    bench.write("rok.toml", "capabilities = [\"gpu\"]\n");
    let words = "--stage test --correlation-id lacking";
    let report = orch(&bench, words).exits(1).json();
    assert_eq!(ends(&report), [("heavy", "fail"), ("after", "skip")]);
    let heavy = result(&report, "heavy");
    assert_eq!(
        (&heavy["attempts"], &heavy["error_class"]),
        (&0.into(), &"config_error".into())
    );
    let why = heavy["errors"][0]["message"].as_str().expect("why");
    let told = "this host does not offer `cuda:12`, which it needs; it offers ";
    assert!(why.starts_with(told), "{why}");
    assert!(why.contains(&format!("os:{OS}")), "{why}");
    for file in ["ran", "after-ran"] {
        assert!(!bench.path().join(file).exists(), "{file}");
    }
    let explained = bench.rok(["explain", "lacking"]).out;
    assert!(
        explained.contains("does not offer `cuda:12`"),
        "{explained}"
    );
    // Whoever goes on with the run has it refused once more.
    bench.rok(["resume", "lacking", "--quiet"]).exits(1);
    assert!(!bench.path().join("ran").exists());

    let dry = orch(&bench, "--stage test --dry-run").exits(1).json();
    let finding = dry["dry_run"]["findings"][0].as_str().expect("a finding");
    assert!(
        finding.starts_with("heavy: this host does not offer"),
        "{finding}"
    );

    let words = "--stage test --set capabilities=gpu,cuda:12";
    let report = orch(&bench, words).exits(0).json();
    assert_eq!(ends(&report), [("heavy", "pass"), ("after", "pass")]);
    assert!(bench.path().join("ran").exists());
}

#[test]
fn an_execution_plan_asks_this_host_or_the_agents() {
    let bench = bench(&[("heavy", &needs("gpu"))]);
    let import = |mode: &str, offered: &str| {
        let document = json!({ "plan_id": "p", "nodes": ["heavy"], "default_mode": mode });
        bench.write("p.json", &document.to_string());
        let set = format!("capabilities={offered}");
        let words = ["plan", "import", "--from", "execution-plan", "p.json"];
        bench.rok(words.into_iter().chain(["--set", &set]))
    };
    let refused = import("local", "");
    let refused = refused.exits(2);
    let why = "node `heavy` cannot run: this host does not offer `gpu`";
    assert!(refused.err.contains(why), "{}", refused.err);
    assert!(refused.err.contains("ROK0224"), "{}", refused.err);
    import("local", "gpu").exits(0);
    let plan = import("distributed", "").exits(0).out;
    bench.write("p.yaml", &plan);
    let show = ["plan", "show", "p.yaml", "--json"];
    let shown: Value = bench.rok(show).exits(0).json();
    assert!(shown.to_string().contains("\"gpu\""), "{shown:#}");
    let back = ["plan", "show", "p.yaml", "--as", "execution-plan"];
    bench.rok(back).exits(0);
}
