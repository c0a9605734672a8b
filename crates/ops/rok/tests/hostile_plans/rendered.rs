//! How faults are shown: file, line, column, the text underlined, a hint.

use crate::measured::refused;
use crate::support::Bench;
use rstest::rstest;

#[rstest]
#[case::cycle(
    "plan: p\nsteps:\n  a: { run: x, needs: [c] }\n  b: { run: x, after: [a] }\n  c: { run: x, needs: [b] }\n"
)]
#[case::self_edge("plan: p\nsteps:\n  a: { run: x, needs: [a] }\n")]
#[case::two_cycles(
    "plan: p\nsteps:\n  a: { run: x, needs: [b] }\n  b: { run: x, needs: [a] }\n  c: { run: x, after: [d] }\n  d: { run: x, after: [c] }\n  e: { run: x, needs: [a] }\n"
)]
#[case::cycle_by_order(
    "plan: p\norder: sequential\nsteps:\n  a: { run: x, needs: [b] }\n  b: { run: x }\n"
)]
#[case::unknown_names(
    "plan: p\nprofil: STRICT\nsteps:\n  fetch: { run: x, tiemout: 5s, gate: hrad }\n  b: { run: x, needs: [fetsh], retry: { max: 1, classes: [transient] } }\n"
)]
#[case::unknown_in_expressions(
    "plan: p\ninputs: { region: { type: string } }\nsteps:\n  fetch: { run: 'echo ${{ inputs.regoin }}' }\n  b: { run: [echo, '${{ steps.fetch.outputs.x }}'], if: 'size(input.region) > 0' }\n  per-region: { run: x }\n  c: { needs: [per-region], run: 'echo ${{ steps.per-region.outputs.x }} ${{ secrets.TOKN }}' }\n"
)]
#[case::duplicates(
    "plan: p\nenv: { A: x, A: y }\nsteps:\n  a: { run: x }\n  b: { run: x, needs: [a, a], run: y }\n  a: { run: y }\nplan: q\n"
)]
#[case::wrong_types(
    "plan: [p]\nversion: one\nmax_duration: 5\nmax_parallel: 0\nlabels: { a: [1] }\ninputs: { n: { type: integer, default: many }, m: text }\nsteps:\n  a: { run: { x: 1 }, required: yes, timeout: -1s, retry: 3 }\n  b: [run, x]\n  c:\n"
)]
#[case::conflicts(
    "plan: p\nsteps:\n  a: { run: x, call: y }\n  b: {}\n  c: { call: f, shell: bash, env: { A: b } }\n  d: { run: x, gate: hard, required: false }\n"
)]
#[case::shell_quotes(
    "plan: p\ninputs: { v: { type: string } }\nsteps:\n  a:\n    run: |\n      echo '${{ inputs.v }}'\n      echo \"$(cat ${{ inputs.v }})\" # ${{ inputs.v }}\n"
)]
#[case::later(
    "plan: p\nversion: 3\ndefaults: { sandbox: { network: loopback } }\nsteps:\n  a: { http: { url: 'https://example.com' } }\n  b: { run: x, sandbox: { network: loopback } }\n"
)]
#[case::yaml_features("plan: !!str p\nsteps:\n  a: &a { run: x }\n  b: { <<: *a }\n")]
#[case::broken_yaml("plan: p\nsteps:\n  a: { run: x\n  b: { run: y }\n")]
#[case::wide_characters(
    "plan: p\ndescription: \"日本語 and ü\"\nsteps: { \"日本\": { run: x }, a: { run: \"é\", neds: [] } }\n"
)]
#[case::nothing("")]
fn faults_are_shown_where_they_are(#[case] plan: &str) {
    let bench = Bench::new();
    bench.write("plan.yaml", plan);
    let name = std::thread::current().name().unwrap_or_default().to_owned();
    let case = name.rsplit("::").next().unwrap_or_default();
    let case = case.splitn(3, '_').nth(2).unwrap_or_default().to_owned();
    insta::assert_snapshot!(case, refused(&bench, "plan.yaml"));
}

/// As JSON: code, message, help, line and column of each.
#[test]
fn faults_as_json() {
    let bench = Bench::new();
    bench.write(
        "bad.yaml",
        "plan: p\nsteps: { a: { run: x, needs: [b] }, c: 1 }\n",
    );
    bench.write("good.yaml", "plan: q\nsteps: { a: { run: x } }\n");
    let ran = bench
        .rok(["plan", "validate", "--json", "bad.yaml", "good.yaml"])
        .exits(2);
    let verdicts = ran.json();
    assert_eq!(verdicts[0]["valid"], false);
    assert_eq!(verdicts[1]["valid"], true);
    let faults = verdicts[0]["faults"].as_array().expect("a list");
    let places: Vec<(u64, u64)> = faults
        .iter()
        .map(|fault| {
            (
                fault["line"].as_u64().unwrap_or(0),
                fault["column"].as_u64().unwrap_or(0),
            )
        })
        .collect();
    assert_eq!(places, [(2, 31), (2, 40)]);
    assert!(faults.iter().all(|fault| fault["code"] == "ROK0001"));
}

/// One bad plan does not hide the others.
#[test]
fn every_plan_is_checked() {
    let bench = Bench::new();
    bench.write("good.yaml", "plan: q\nsteps: { a: { run: x } }\n");
    bench.write("bad.yaml", "plan: Q\nsteps: { a: { run: x } }\n");
    let ran = bench.rok(["plan", "validate", "absent.yaml", "bad.yaml", "good.yaml"]);
    assert!(ran.code == 2 || ran.code == 3, "{ran:?}");
    assert!(
        ran.err.contains("no plan file at absent.yaml"),
        "{}",
        ran.err
    );
    assert!(ran.err.contains("--> bad.yaml:1:7"), "{}", ran.err);
    assert_eq!(ran.out, "good.yaml: valid (q, 1 step)\n");
}
