//! How faults look.

use rok_plan::{FaultCode, parse};

fn shown(text: &str) -> String {
    parse(text.as_bytes(), "plan.yaml")
        .expect_err("it has a fault")
        .render()
}

#[test]
fn a_fault_is_underlined() {
    insta::assert_snapshot!(shown("plan: p\r\nsteps:\r\n  a:\r\n    run: echo\r\n    time_out: 3s\r\n"), @r"
    error[unknown-key]: unknown key `time_out` in step `a`
     --> plan.yaml:5:5
      |
    5 |     time_out: 3s
      |     ^^^^^^^^
      = help: did you mean `timeout`?

    plan.yaml: 1 fault
    ");
}

#[test]
fn both_of_two_equal_keys_are_shown() {
    let text = "plan: p\nsteps:\n  a: { run: echo }\n  b: { run: echo }\n  c: { run: echo }\n  a: { call: f }\n";
    insta::assert_snapshot!(shown(text), @r"
    error[duplicate-key]: `a` is given twice
     --> plan.yaml:6:3
      |
    3 |   a: { run: echo }
      |   - first given here
     ...
    6 |   a: { call: f }
      |   ^
      = help: rename or remove one of the two

    plan.yaml: 1 fault
    ");
}

#[test]
fn the_place_within_a_block_is_found() {
    let text = "plan: p\nsteps:\n  a:\n    run: |\n      set -x\n      echo ${{ inputs.x }} done\n";
    let errors = parse(text.as_bytes(), "plan.yaml").unwrap_err();
    let fault = &errors.faults[0];
    assert_eq!((fault.code, fault.line), (FaultCode::Expression, 6));
    assert!(
        errors.source[fault.span.clone()].contains("inputs.x"),
        "{fault:?}"
    );
}

#[test]
fn several_faults_come_in_the_order_of_their_places() {
    let text = "plan: P\nsteps:\n  a: { run: echo, needs: [c], timeout: 5 }\n  b: { call: f, gate: soft }\n";
    insta::assert_snapshot!(shown(text), @r"
    error[bad-name]: `plan` is no plan id: `P`
     --> plan.yaml:1:7
      |
    1 | plan: P
      |       ^
      = help: it must match [a-z0-9][a-z0-9-]{0,63}

    error[unknown-name]: there is no step `c`
     --> plan.yaml:3:27
      |
    3 |   a: { run: echo, needs: [c], timeout: 5 }
      |                           ^
      = help: did you mean `a`?

    error[wrong-value]: `timeout` of step `a` is no duration: the unit is missing
     --> plan.yaml:3:40
      |
    3 |   a: { run: echo, needs: [c], timeout: 5 }
      |                                        ^
      = help: write `5s` for seconds

    error[wrong-value]: `gate` of step `b` cannot be `soft`
     --> plan.yaml:4:23
      |
    4 |   b: { call: f, gate: soft }
      |                       ^^^^
      = help: use `hard`, `manual`

    plan.yaml: 4 faults
    ");
}

#[test]
fn a_long_line_is_cut_around_the_fault() {
    let text = format!(
        "{{\"plan\":\"p\",\"description\":\"{}\",\"stepz\":1,\"steps\":{{\"a\":{{\"run\":\"x\"}}}}}}",
        "d".repeat(5000)
    );
    let shown = shown(&text);
    assert!(shown.lines().all(|line| line.len() < 160), "{shown}");
    let lines: Vec<&str> = shown.lines().collect();
    let at = lines[4].find('^').unwrap();
    assert!(lines[3][at..].starts_with("\"stepz\""), "{shown}");
}

#[test]
fn control_characters_never_reach_the_terminal() {
    let text = "plan: p\n\"a\\e[31m\\u202e\": 1\nsteps: { a: { run: x } }\n";
    let errors = parse(text.as_bytes(), "pl\u{1b}an").unwrap_err();
    let all = format!("{errors}{}", errors.render());
    assert!(!all.contains(['\u{1b}', '\u{202e}']), "{all:?}");
    assert!(errors.faults[0].message.contains("\\u{1b}"));
}

#[test]
fn too_many_faults_are_counted() {
    let unknown: Vec<String> = (0..2000).map(|n| format!("k{n}: 1")).collect();
    let unknown = unknown.join("\n");
    let errors = parse(
        format!("plan: p\n{unknown}\nsteps: {{ a: {{ run: x }} }}\n").as_bytes(),
        "p",
    )
    .unwrap_err();
    assert_eq!((errors.faults.len(), errors.omitted), (500, 1500));
    assert!(errors.to_string().ends_with("p: and 1500 more faults"));
    assert!(errors.render().ends_with("p: 2000 faults\n"));
}
