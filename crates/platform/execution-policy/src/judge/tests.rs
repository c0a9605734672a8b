//! What policies forbid, case by case.

use super::*;
use alloc::vec;
use rstest::rstest;

const PLAN: &str = r"
plan: p
labels: { team: data }
budget: { max_cost_usd: 5, max_time: 2h }
steps:
  shell: { run: 'echo x | /usr/bin/curl -d @- https://a.example' }
  argv: { run: [/opt/bin/wget, x], sandbox: { network: any, max_cpu: 1m } }
  computed: { run: ['${{ inputs.tool }}', x] }
  asks: { http: { url: 'https://ada.example.com:8443/x' } }
  undone: { run: [true], compensate: { run: [rm, -rf, x] } }
  calls: { call: f }
  remote: { agent: translate, capabilities: [gpu], min_trust: SIGNED }
inputs: { tool: { type: string } }
";

fn policies(scope: &str, level: &str, payload: &str) -> Vec<ExecutionPolicy> {
    let text = format!(
        r#"[{{"type":"security",{scope},"enforcement_level":"{level}","payload":{{"id":"x",{payload}}}}}]"#
    );
    serde_json::from_str(&text).unwrap_or_else(|error| panic!("{text}: {error}"))
}

fn told(policies: &[ExecutionPolicy], sandbox: SandboxMode) -> Vec<String> {
    let plan = rok_plan::parse(PLAN.as_bytes(), "p.yaml").unwrap_or_else(|e| panic!("{e}"));
    let facts = RunFacts {
        plan: &plan,
        labels: &plan.labels,
        submitter: "user:ada",
        sandbox,
    };
    let breaches = judge(policies, &facts);
    breaches.into_iter().map(|breach| breach.why).collect()
}

#[rstest]
#[case::label(r#""require":{"labels":{"owner":null,"team":null}}"#, &["the run has no label `owner`"])]
#[case::label_value(r#""require":{"labels":{"team":"ops"}}"#, &["the run's label `team` is `data`, and must be `ops`"])]
#[case::budget(r#""max_budget":{"max_cost_usd":5,"max_time":"1h","max_steps":3}"#, &["the plan's `budget` has no `max_steps`, and at most 3 is permitted", "the plan's `budget` has a `max_time` of 2h, and at most 1h is permitted"])]
#[case::executors(r#""deny":{"executors":["call","http"]}"#, &["step `asks` is a `http` step", "step `calls` is a `call` step"])]
#[case::command(r#""deny":{"commands":["curl","wget","rm"]}"#, &["step `shell` names `/usr/bin/curl` in its shell line", "step `argv` starts `/opt/bin/wget`", "step `undone` starts `rm`"])]
#[case::path(r#""deny":{"commands":["/usr/bin/wget"]}"#, &[])]
#[case::host(r#""deny":{"hosts":["*.Example.com"]}"#, &["step `asks` asks the host `ada.example.com` (`*.Example.com`)"])]
#[case::other_host(r#""deny":{"hosts":["example.com","a.example.com"]}"#, &[])]
#[case::capability(r#""deny":{"capabilities":["gpu"]}"#, &["step `remote` asks an agent for `gpu`"])]
#[case::trust(r#""require":{"min_trust":"VERIFIED"}"#, &["step `remote` asks agents for trust SIGNED, and VERIFIED is the least"])]
#[case::enough_trust(r#""require":{"min_trust":"SIGNED"}"#, &[])]
#[case::reason(r#""reason":"see 7","deny":{"executors":["agent"]}"#, &["step `remote` is a `agent` step (see 7)"])]
fn what_is_forbidden(#[case] payload: &str, #[case] why: &[&str]) {
    let policies = policies(r#""scope":"org""#, "strict", payload);
    assert_eq!(policies[0].check(), Ok(()));
    assert_eq!(told(&policies, SandboxMode::Asked), why);
}

#[rstest]
#[case::this_plan(r#""scope":"plan""#, r#""plan":"p""#, 2)]
#[case::other_plan(r#""scope":"plan""#, r#""plan":"q""#, 0)]
#[case::this_step(r#""scope":"step""#, r#""plan":"p","step":"argv""#, 1)]
#[case::other_step(r#""scope":"step""#, r#""plan":"p","step":"calls""#, 0)]
#[case::this_person(r#""scope":"session""#, r#""submitter":"user:ada""#, 2)]
#[case::other_person(r#""scope":"session""#, r#""submitter":"user:bob""#, 0)]
fn whom_a_policy_covers(#[case] scope: &str, #[case] of: &str, #[case] breaches: usize) {
    let payload = format!(r#"{of},"deny":{{"commands":["wget","curl"]}}"#);
    let policies = policies(scope, "strict", &payload);
    assert_eq!(policies[0].check(), Ok(()));
    assert_eq!(told(&policies, SandboxMode::Asked).len(), breaches);
}

#[rstest]
#[case::strict_gives_it("strict", SandboxMode::Asked, 0)]
#[case::soft_says_it("soft", SandboxMode::Asked, 4)]
#[case::soft_where_all_have_one("soft", SandboxMode::Required, 1)]
#[case::off("strict", SandboxMode::Off, 4)]
fn a_sandbox_that_is_demanded(
    #[case] level: &str,
    #[case] mode: SandboxMode,
    #[case] breaches: usize,
) {
    let payload = r#""require":{"sandbox":{"network":"none"}}"#;
    let policies = policies(r#""scope":"org""#, level, payload);
    let told = told(&policies, mode);
    assert_eq!(told.len(), breaches, "{told:?}");
}

#[test]
fn bounds_only_ever_tighten() {
    let plan = rok_plan::parse(PLAN.as_bytes(), "p.yaml").unwrap_or_else(|e| panic!("{e}"));
    let own = plan.steps[1].sandbox.as_ref();
    let mut all = policies(
        r#""scope":"org""#,
        "strict",
        r#""require":{"sandbox":{"max_cpu":"2m","max_processes":8}}"#,
    );
    all.extend(policies(
        r#""scope":"org""#,
        "strict",
        r#""require":{"sandbox":{"network":"none","max_processes":4}}"#,
    ));
    all.extend(policies(
        r#""scope":"org""#,
        "soft",
        r#""require":{"sandbox":{"max_processes":1}}"#,
    ));
    let bounds = crate::bounds_of(&all, "p", "user:ada", "argv").unwrap();
    let told = crate::tightened(own, &bounds).to_string();
    assert_eq!(told, "no network; 1m of processor time; 4 processes");
    assert_eq!(crate::bounds_of(&all[2..], "p", "user:ada", "argv"), None);
}

#[rstest]
#[case::nothing(r#""scope":"org""#, r#""require":{}"#, "says nothing")]
#[case::executor(
    r#""scope":"org""#,
    r#""deny":{"executors":["exec"]}"#,
    "no executor `exec`"
)]
#[case::needs(
    r#""scope":"plan""#,
    r#""deny":{"executors":["run"]}"#,
    "needs `payload.plan`"
)]
#[case::useless(
    r#""scope":"org""#,
    r#""plan":"p","deny":{"executors":["run"]}"#,
    "has no use for `payload.plan`"
)]
#[case::of_run(
    r#""scope":"step""#,
    r#""plan":"p","step":"a","max_budget":{"max_steps":1}"#,
    "concerns the whole run"
)]
#[case::amount(
    r#""scope":"org""#,
    r#""max_budget":{"max_cost_usd":-1}"#,
    "no number from 0"
)]
fn what_is_no_policy(#[case] scope: &str, #[case] payload: &str, #[case] part: &str) {
    let error = policies(scope, "strict", payload)[0].check().unwrap_err();
    assert!(error.to_string().contains(part), "{error}");
}

#[rstest]
#[case::key(r#"{"id":"x","denies":{}}"#)]
#[case::within(r#"{"id":"x","deny":{"programs":["curl"]}}"#)]
#[case::laxer_network(r#"{"id":"x","require":{"sandbox":{"network":"any"}}}"#)]
#[case::trust(r#"{"id":"x","require":{"min_trust":"SOME"}}"#)]
fn the_unknown_is_an_error(#[case] payload: &str) {
    assert!(serde_json::from_str::<crate::Payload>(payload).is_err());
}

#[test]
fn what_is_recorded_is_read_as_it_was() {
    let payload = r#""require":{"sandbox":{"max_cpu":"90s"},"labels":{"a":null}},"max_budget":{"max_time":"1h"}"#;
    let policies = policies(r#""scope":"org""#, "soft", payload);
    let text = serde_json::to_string(&policies).unwrap();
    let read: Vec<ExecutionPolicy> = serde_json::from_str(&text).unwrap();
    assert_eq!(read, policies);
    assert!(text.contains("\"1m30s\""), "{text}");
    assert_eq!(vec![policies[0].payload.id.as_str()], ["x"]);
}

#[rstest]
#[case("https://Ada@Host.Example.:1/x", Some("host.example"))]
#[case("http://[::1]:80/", Some("::1"))]
#[case("https://a.b?x@evil", Some("a.b"))]
#[case("https:///x", None)]
fn the_host_of_an_address(#[case] url: &str, #[case] host: Option<&str>) {
    assert_eq!(crate::work::host_of(url).as_deref(), host);
}
