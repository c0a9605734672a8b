//! What is carried out is accepted, what is not is refused by name.

use rok_plan::{
    Action, Gate, HttpBody, JsonTemplate, KEYS, Order, Place, Redirects, Shell, SuccessRule,
    Support, parse,
};
use rok_vocabulary::{ErrorClass, Federation, Profile, TrustLevel};
use serde_json::json;
use std::time::Duration;

const EVERYTHING: &str = include_str!("../plans/everything.yaml");
const WHOLE_FORMAT: &str = include_str!("../plans/whole-format.yaml");

#[test]
fn a_plan_of_every_key_is_decoded_as_written() {
    let plan = parse(EVERYTHING.as_bytes(), "everything.yaml").unwrap_or_else(|e| panic!("{e}"));
    assert_eq!((plan.id.as_str(), plan.version), ("everything", 3));
    assert_eq!(plan.description.as_deref(), Some("Two lines\nof text.\n"));
    assert_eq!(plan.labels["tier"], "1.10");
    assert_eq!(plan.profile, Some(Profile::Strict));
    assert_eq!(
        (plan.order, plan.success),
        (Order::Sequential, SuccessRule::Any)
    );
    assert_eq!(plan.max_duration, Some(Duration::from_secs(5400)));
    assert_eq!(plan.max_parallel, Some(8));
    let default = |name: &str| plan.inputs[name].default.clone().unwrap_or_default();
    assert_eq!(default("dataset"), json!("1.10"));
    assert!(default("min_accuracy").is_f64());
    assert_eq!(default("rounds"), json!(16));
    assert_eq!(default("regions"), json!(["eu", 1, 2.5, true, null]));
    assert_eq!(default("extra"), json!({ "a": { "b": 1 } }));
    assert_eq!(plan.inputs["token_file"].default, None);
    let names: Vec<&str> = plan.env.iter().map(|(name, _)| name.as_str()).collect();
    assert_eq!(names, ["RUST_LOG", "VERSION", "AUTH"]);
    assert_eq!(plan.env[1].1.as_literal(), Some("1.10"));
    assert_eq!(plan.secrets[0].as_str(), "PUBLISH_TOKEN");
    let overrides = plan.overrides.expect("the plan has some");
    assert_eq!((overrides.max, overrides.by.count), (2, 1));
    assert_eq!(overrides.expires, Duration::from_secs(7 * 24 * 3600));
    assert_eq!(
        overrides.by.who(),
        "role:release-manager, other than the submitter"
    );
}

#[test]
fn steps_take_defaults_and_say_otherwise() {
    let plan = parse(EVERYTHING.as_bytes(), "everything.yaml").unwrap_or_else(|e| panic!("{e}"));
    let [
        check,
        benchmark,
        stage,
        publish,
        per_region,
        by_hand,
        announce,
        crawl,
        summarize,
    ] = plan.steps.as_slice()
    else {
        panic!("nine steps")
    };

    assert_eq!(check.gate, Some(Gate::Hard));
    assert_eq!(
        (check.timeout, check.kill_grace),
        (Some(Duration::from_secs(5)), Duration::ZERO)
    );
    assert!(matches!(
        &check.action,
        Action::Shell {
            shell: Shell::Sh,
            ..
        }
    ));
    assert_eq!(check.retry.max, 1);
    assert_eq!(check.retry.base, Duration::from_millis(100));

    let items = per_region.for_each.as_ref().map(rok_expr::Items::source);
    assert_eq!(items, Some("inputs.regions"));
    assert_eq!(per_region.max_parallel, Some(4));
    assert_eq!(per_region.fallback, Some(5));
    assert!(
        by_hand.after.is_empty(),
        "it runs only once its step has failed"
    );
    assert_eq!((&*benchmark.needs, &*benchmark.after), (&[0][..], &[][..]));
    assert_eq!(benchmark.retry.max, 2);
    assert_eq!(
        benchmark.retry.classes,
        [ErrorClass::TransientIo, ErrorClass::Timeout]
    );
    assert_eq!(benchmark.kill_grace, Duration::from_secs(2));
    assert_eq!(
        benchmark.cwd.as_ref().and_then(|cwd| cwd.as_literal()),
        Some("work")
    );
    let Action::Argv(argv) = &benchmark.action else {
        panic!("argv")
    };
    assert_eq!(argv[5].as_literal(), Some("true"));
    assert_eq!(argv[4].as_literal(), Some("1.10"));
    assert!(benchmark.artifacts[0].required && !benchmark.artifacts[1].required);

    assert_eq!(stage.after, [1]);
    assert!(matches!(
        &stage.action,
        Action::Shell {
            shell: Shell::Bash,
            ..
        }
    ));
    assert_eq!((stage.idempotent, stage.retry.max), (false, 0));
    assert_eq!(stage.deprecated.as_deref(), Some("Use the new one."));
    let sandbox = stage.sandbox.as_ref().expect("it has its own");
    assert_eq!(
        (sandbox.read.len(), &*sandbox.write),
        (0, &["out".into()][..])
    );
    assert_eq!(
        sandbox.to_string(),
        "writes out; no network; 30s of processor time; 512 MiB of memory; 64 open files; 100 MiB a file"
    );
    let of_defaults = benchmark.sandbox.as_ref().expect("that of `defaults`");
    assert_eq!(
        of_defaults.to_string(),
        "reads tools; connects to TCP 80, 443, listens on TCP 8080; 64 processes"
    );
    assert_eq!(publish.sandbox, None, "it starts no process");

    assert_eq!((&*publish.needs, &*publish.after), (&[0][..], &[1, 2][..]));
    assert_eq!(
        (publish.gate, publish.required),
        (Some(Gate::Manual), false)
    );
    assert_eq!(publish.action, Action::Call("publish".into()));
    let Action::Http(request) = &announce.action else {
        panic!("a request")
    };
    assert_eq!((request.method.as_str(), request.max_bytes), ("PUT", 4096));
    assert_eq!(
        (&*request.expect, request.redirects),
        (&[200, 201][..], Redirects::Any)
    );
    assert_eq!(request.headers[0].0, "Authorization");
    assert!(
        matches!(&request.body, Some(HttpBody::Json(JsonTemplate::Object(all))) if all.len() == 4)
    );

    assert!(matches!(&crawl.action, Action::Service { service, .. } if service == "technical-seo"));
    let Action::Agent(agent) = &summarize.action else {
        panic!("an agent's work")
    };
    assert_eq!(agent.capability.as_str(), "summarize");
    assert_eq!(agent.min_trust, TrustLevel::Signed);
    assert_eq!(agent.federation, Some(Federation::RemotePrefer));
    assert_eq!(agent.max_latency, Some(Duration::from_secs(60)));
    assert_eq!(publish.cwd, None);
    assert_eq!(publish.approvers.count, 2);
    assert_eq!(
        publish.approvers.who(),
        "role:release-manager or user:ada, other than the submitter"
    );
    assert_eq!(publish.expires, Some(Duration::from_secs(24 * 3600)));
    assert_eq!(
        (stage.approvers.clone(), stage.expires),
        (rok_plan::Approvers::default(), None)
    );
}

/// Where the plan above has a mapping with the keys of a place.
fn carried_out(place: Place) -> bool {
    KEYS.iter().any(|spec| {
        spec.support == Support::Now
            && spec.kind().ends_with(place.title())
            && (spec.place == Place::Plan
                || spec.place == Place::Step
                || spec.place == Place::Defaults)
    }) || place == Place::Plan
}

#[test]
fn the_plan_of_every_key_has_every_key() {
    for spec in KEYS
        .iter()
        .filter(|spec| spec.support == Support::Now && carried_out(spec.place))
    {
        let key = format!("{}:", spec.key);
        assert!(EVERYTHING.contains(&key), "{key} of {}", spec.place.title());
    }
}

#[test]
fn the_whole_format_is_known_and_what_is_not_carried_out_is_refused() {
    let errors = parse(WHOLE_FORMAT.as_bytes(), "plan.yaml").unwrap_err();
    let messages: Vec<&str> = errors
        .faults
        .iter()
        .map(|fault| fault.message.as_str())
        .collect();
    let expected = [
        // And what nobody makes cannot be expected.
        "no step declares an artifact `report.json`",
    ];
    assert_eq!(messages, expected);
}
