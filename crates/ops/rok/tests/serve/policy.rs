//! What policies are in force, and what they would decide: of runs, and of the
//! door of a server.

use super::bench;
use rstest::rstest;
use serde_json::json;

const POLICIES: &str = r#"
@id("all") permit (principal, action, resource);
@id("no-prod-by-juniors") @description("juniors do not touch prod")
forbid (principal in Role::"junior", action == Action::"run", resource == Plan::"prod");
@id("own-approval") @enforcement_level("soft")
forbid (principal, action == Action::"approve", resource) when { context.is_submitter };
"#;

#[test]
fn policies_are_checked_and_told() {
    let bench = bench();
    let default = bench.rok(["policy", "check", "--json"]).exits(0).json();
    assert_eq!(default["is_default"], true);
    bench.write("p.cedar", POLICIES);
    let report = bench
        .rok(["policy", "check", "p.cedar", "--json"])
        .exits(0)
        .json();
    let ids = report["policies"].as_array().expect("a list").iter();
    let mut ids: Vec<_> = ids
        .map(|policy| policy["id"].as_str().expect("an id"))
        .collect();
    ids.sort_unstable();
    assert_eq!(ids, ["all", "no-prod-by-juniors", "own-approval"]);
    assert_eq!(report["decisions"], json!([]));
    // With a plan: every action.
    let args = [
        "policy", "check", "p.cedar", "--plan", "prod", "--role", "junior", "--json",
    ];
    let report = bench.rok(args).exits(0).json();
    let decisions = report["decisions"].as_array().expect("a list").iter();
    let denied = decisions.filter(|decision| decision["granted"] == false);
    let denied: Vec<_> = denied.map(|decision| decision["action"].as_str()).collect();
    assert_eq!(denied, [Some("run")]);
}

#[test]
fn faults_are_told_with_their_places() {
    let bench = bench();
    bench.write(
        "p.cedar",
        "permit (principal, action == Action::\"fly\", resource);\n",
    );
    let refused = bench.rok(["policy", "check", "p.cedar"]).exits(2);
    assert!(refused.err.contains("ROK0118"), "{}", refused.err);
    assert!(refused.err.contains("p.cedar:1"), "{}", refused.err);
    bench.rok(["policy", "check", "none.cedar"]).exits(2);
}

#[rstest]
#[case(&["run", "--plan", "prod", "--role", "junior"], 5, "no-prod-by-juniors")]
#[case(&["run", "--plan", "prod", "--role", "senior"], 0, "all")]
#[case(&["run", "--plan", "other", "--role", "junior"], 0, "all")]
#[case(&["approve", "--plan", "prod"], 0, "own-approval")]
#[case(&["approve", "--plan", "prod", "--as", "eve", "--submitter", "ada"], 0, "all")]
#[case(&["complete", "--plan", "prod", "--outcome", "failed"], 0, "all")]
fn a_decision_is_explained(#[case] args: &[&str], #[case] code: i32, #[case] by: &str) {
    let bench = bench();
    bench.write("p.cedar", POLICIES);
    let head = ["policy", "explain"].iter().chain(args);
    let told = bench
        .rok(head.chain(&["--policies", "p.cedar", "--json"]))
        .exits(code)
        .json();
    let decision = &told["decisions"][0];
    assert_eq!(decision["granted"], code == 0, "{decision}");
    let policies = decision["policies"].as_array().expect("a list");
    assert!(policies.contains(&json!(by)), "{decision}");
}

#[rstest]
#[case(&["view", "--role", "viewer"], 0)]
#[case(&["cancel", "--role", "viewer"], 5)]
#[case(&["decide_lesson", "--role", "approver"], 0)]
#[case(&["manage_schedules", "--role", "approver"], 5)]
#[case(&["fly", "--role", "admin"], 2)]
fn the_door_of_a_server_is_explained(#[case] args: &[&str], #[case] code: i32) {
    let head = ["policy", "explain"].iter().chain(args);
    bench()
        .rok(head.chain(&["--access", "--as", "eve"]))
        .exits(code);
}

/// What the door judges by is listed, the embedded policies of the roles too.
#[test]
fn the_policies_of_the_door_are_listed() {
    let bench = bench();
    let listed = |more: &[&str]| {
        let args = ["policy", "check", "--access"];
        let json = bench.rok([&args[..], more, &["--json"]].concat()).exits(0);
        let text = bench.rok([&args[..], more].concat()).exits(0).out;
        let policies = json.json()["policies"].as_array().cloned();
        let policies = policies.expect("a list");
        for policy in &policies {
            assert!(
                text.contains(policy["id"].as_str().expect("an id")),
                "{text}"
            );
        }
        policies
    };
    let embedded = listed(&[]);
    assert!(embedded.len() >= 4, "{embedded:?}");
    assert_eq!(embedded[0]["source"], "access.cedar");
    bench.write(
        "door.cedar",
        "@id(\"eve-looks\") permit (principal == User::\"eve\", action == Action::\"view\", resource);\n",
    );
    let own = listed(&["door.cedar"]);
    assert_eq!((own.len(), &own[0]["id"]), (1, &json!("eve-looks")));
}
