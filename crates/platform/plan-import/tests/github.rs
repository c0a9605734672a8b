//! GitHub workflows: what comes of them, and what is refused, with its line.

use rok_plan::{Plan, parse};
use rok_plan_import::{ImportError, Imported, Options, github};
use rstest::rstest;
use std::fmt::Write as _;

fn import(text: &str) -> Result<Imported, ImportError> {
    github(
        text.as_bytes(),
        ".github/workflows/ci.yml",
        &Options::default(),
    )
}

fn imported(text: &str) -> Imported {
    import(text).unwrap_or_else(|error| panic!("{error}"))
}

fn plan(imported: &Imported) -> Plan {
    parse(imported.text.as_bytes(), "p.yaml").unwrap_or_else(|e| panic!("{}", e.render()))
}

/// `step: needs; after` for each step.
fn edges(text: &str) -> Vec<String> {
    let plan = plan(&imported(text));
    let ids = |edges: &[usize]| {
        edges
            .iter()
            .map(|at| plan.steps[*at].id.to_string())
            .collect::<Vec<_>>()
            .join(" ")
    };
    plan.steps
        .iter()
        .map(|step| format!("{}: {}; {}", step.id, ids(&step.needs), ids(&step.after)))
        .collect()
}

const CI: &str = r#"
name: Build & Test
run-name: by hand
on:
  push:
    branches: [main]
permissions: { contents: read }
env:
  RUST_LOG: info
  LEVEL: 3
  EMPTY:
defaults:
  run: { shell: bash, working-directory: app }
jobs:
  build:
    name: Build
    runs-on: ubuntu-latest
    timeout-minutes: 10
    steps:
      - name: Compile
        run: |
          make -j2
          make check
  lint:
    runs-on: [self-hosted, linux]
    if: true
    env: { LEVEL: "4", MODE: strict }
    steps:
      - run: ./lint.sh | tee lint.log
        working-directory: ./tools
        env: { MODE: lax, TOKEN: "Bearer ${{ secrets.LINT_TOKEN }}!" }
      - run: echo two
        shell: sh
        continue-on-error: true
        timeout-minutes: 1
      - name: Three
        run: echo three
  publish:
    needs: [build, lint]
    runs-on: ubuntu-latest
    defaults: { run: { working-directory: site } }
    steps:
      - run: make publish
"#;

#[test]
fn a_workflow_becomes_a_plan() {
    let imported = imported(CI);
    insta::assert_snapshot!(format!(
        "{}---\n{}",
        imported.text,
        imported.notes.join("\n")
    ));
    let plan = plan(&imported);
    assert_eq!((imported.id.as_str(), plan.steps.len()), ("build-test", 5));
}

#[test]
fn without_a_shell_the_pipes_first_part_may_fail() {
    let text = "on: push\njobs:\n  a-b:\n    steps:\n      - run: |\n          false | true\n          echo \"it's\"\n      - { run: 'x', shell: bash }\n";
    let imported = imported(text);
    insta::assert_snapshot!(imported.text);
    assert_eq!(imported.id, "ci");
}

#[rstest]
#[case::in_a_row("a: { steps: [{ run: x }, { run: x }, { run: x }] }", &["a__1: ; ", "a__2: a__1; ", "a__3: a__2; "])]
#[case::last_of_each("a: { steps: [{ run: x }, { run: x }] }\n  b: { steps: [{ run: x }] }\n  c: { needs: [a, b], steps: [{ run: x }] }", &["a__1: ; ", "a__2: a__1; ", "b: ; ", "c: a__2 b; "])]
#[case::named_before("b: { needs: a, steps: [{ run: x }] }\n  a: { steps: [{ run: x }] }", &["b: a; ", "a: ; "])]
#[case::may_fail("a: { steps: [{ run: x }, { run: x, continue-on-error: true }, { run: x }] }", &["a__1: ; ", "a__2: a__1; ", "a__3: a__1; a__2"])]
#[case::last_may_fail("a: { steps: [{ run: x }, { run: x, continue-on-error: true }] }\n  b: { needs: a, steps: [{ run: x }] }", &["a__1: ; ", "a__2: a__1; ", "b: a__1; a__2"])]
#[case::only_may_fail("z: { steps: [{ run: x }] }\n  a: { needs: z, steps: [{ run: x, continue-on-error: true }] }\n  b: { needs: a, steps: [{ run: x }] }", &["z: ; ", "a: z; ", "b: z; a"])]
#[case::job_may_fail("z: { steps: [{ run: x }] }\n  a: { needs: z, continue-on-error: true, steps: [{ run: x }, { run: x }] }\n  b: { needs: a, steps: [{ run: x }] }", &["z: ; ", "a__1: z; ", "a__2: a__1; ", "b: z; a__2"])]
#[case::ids_that_clash("a__1: { steps: [{ run: x }] }\n  a: { steps: [{ run: x }, { run: x }] }", &["a__1: ; ", "a__1-2: ; ", "a__2: a__1-2; "])]
fn edges_of_jobs(#[case] jobs: &str, #[case] expected: &[&str]) {
    assert_eq!(edges(&format!("on: push\njobs:\n  {jobs}\n")), expected);
}

#[test]
fn what_may_fail_is_not_required() {
    let text = "on: push\njobs:\n  a: { continue-on-error: true, steps: [{ run: x }] }\n  b: { steps: [{ run: x, continue-on-error: true }, { run: x }] }\n";
    let required: Vec<bool> = plan(&imported(text))
        .steps
        .iter()
        .map(|step| step.required)
        .collect();
    assert_eq!(required, [false, false, true]);
}

#[test]
fn everything_that_cannot_be_carried_over_is_listed_with_its_line() {
    let text = r#"
on: push
concurrency: x
env: { A: "${{ github.sha }}", B: 1.10, C: "${{ secrets.GITHUB_TOKEN }}", D: [x] }
colour: red
jobs:
  build:
    runs-on: ${{ matrix.os }}
    strategy: { matrix: { os: [a, b] } }
    services: { db: { image: x } }
    container: x
    outputs: { x: y }
    permissions: { id-token: write }
    if: github.ref == 'main'
    timeout-minutes: 5
    steps:
      - uses: actions/checkout@v5
        with: { fetch-depth: 0 }
      - uses: actions/setup-python@v6
      - run: echo ${{ github.sha }}
      - run: echo "x=1" >> $GITHUB_OUTPUT; echo "$RUNNER_TEMP $GITHUB_OUTPUT"
      - run: echo "::set-output name=x::1"
        if: failure()
        shell: pwsh
        continue-on-error: ${{ inputs.x }}
      - run: ""
        timeout-minutes: 0.5
      - name: nothing
  windows: { runs-on: windows-latest, needs: [build, nowhere], steps: [{ run: dir }] }
  call: { uses: ./.github/workflows/x.yml, with: { a: b }, secrets: inherit }
  empty: { runs-on: x, steps: [] }
  one: { needs: two, environment: prod, steps: [{ run: x }] }
  two: { needs: one, steps: [{ run: x, wiht: y }] }
"#;
    insta::assert_snapshot!(import(text).unwrap_err().to_string());
}

#[rstest]
#[case("", "the file is empty")]
#[case("- a\n", "a workflow is a mapping, and this is a list")]
#[case("on: push\n", "the workflow has no jobs")]
#[case("on: push\njobs: {}\n", "the workflow has no jobs")]
#[case("on: push\njobs: { a: x }\n", "a job is a mapping")]
#[case("on: push\njobs: { a: { steps: [x] } }\n", "a step is a mapping")]
#[case("on: [\n", "this is not YAML")]
#[case(
    "on: push\njobs: { a: { steps: [{ run: x }] }, a: { steps: [{ run: x }] } }\n",
    "`a` is given twice"
)]
#[case(
    "on: push\njobs: { a: &a { steps: [{ run: x }] }, b: { <<: *a } }\n",
    "`<<` merges"
)]
#[case(
    "on: push\nenv: { ROK_RUN_ID: x }\njobs: { a: { steps: [{ run: x }] } }\n",
    "no plan comes of it: `ROK_RUN_ID` is a name of ours"
)]
fn workflows_that_are_none(#[case] text: &str, #[case] part: &str) {
    let error = import(text).unwrap_err().to_string();
    assert!(error.contains(part), "{error}");
}

#[test]
fn a_variable_of_githubs_that_the_workflow_sets_is_its_own() {
    let text = "on: push\nenv: { GITHUB_USER: ada }\njobs: { a: { steps: [{ run: echo $GITHUB_USER }] } }\n";
    assert_eq!(imported(text).steps, 1);
}

#[test]
fn harm_is_refused_in_time() {
    let circle = (0..9_000).fold(String::new(), |mut jobs, n| {
        let _ = write!(
            jobs,
            "j{n}: {{ needs: j{}, steps: [{{ run: x }}] }},",
            (n + 1) % 9_000
        );
        jobs
    });
    let start = std::time::Instant::now();
    for text in [
        "on: ".to_owned() + &"[".repeat(1_000_000),
        format!(
            "on: push\njobs: {{ a: {{ steps: [{}] }} }}",
            "{ uses: x },".repeat(20_000)
        ),
        format!("on: push\njobs: {{ {circle} }}"),
        format!(
            "on: push\njobs: {{ a: {{ steps: [{{ run: '{}' }}] }} }}",
            "$GITHUB_X ".repeat(20_000)
        ),
    ] {
        let error = import(&text).expect_err("it means harm");
        assert!(error.refusals.len() <= 500);
        let _ = error.to_string();
    }
    assert!(start.elapsed().as_secs() < 60, "took {:?}", start.elapsed());
}
