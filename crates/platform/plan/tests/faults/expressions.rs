//! Expressions against what the plan declares. The wording is that of `rok-expr`;
//! what matters here is that each is found, and where.

use crate::faults;
use rstest::rstest;

#[rstest]
#[case::expr_unknown_input(r#"plan: p
inputs: { dataset: { type: string } }
steps:
  a: { run: [echo, "${{ inputs.datset }}"] }"#, &["4:25"])]
#[case::expr_unknown_step(r"plan: p
steps:
  a: { run: echo, if: steps.zz.outputs.x == 1 }", &["3:23"])]
#[case::expr_not_ancestor(r"plan: p
steps:
  a: { run: echo }
  b: { run: echo, if: steps.a.outputs.x == 1 }", &["4:23"])]
#[case::expr_plan_env(r#"plan: p
env: { A: "${{ steps.a.outputs.x }}" }
steps:
  a: { run: echo a }"#, &["2:16"])]
#[case::expr_secret_unknown(r#"plan: p
secrets: [TOKEN]
steps:
  a: { run: echo, env: { T: "${{ secrets.TOKNE }}" } }"#, &["4:34"])]
#[case::expr_secret_argv(r#"plan: p
secrets: [TOKEN]
steps:
  a: { run: [echo, "${{ secrets.TOKEN }}"] }"#, &["4:25"])]
#[case::expr_shell_quotes(r"plan: p
inputs: { n: { type: string } }
steps:
  a:
    run: |
      set -x
      echo '${{ inputs.n }}'", &["7:13"])]
#[case::expr_unclosed(r"plan: p
steps:
  a: { run: [echo, '${{ inputs.n'] }", &["3:21"])]
#[case::expr_broken_input(r"plan: p
inputs: { n: { type: strng } }
steps:
  a: { run: [echo, '${{ inputs.n }}'] }", &["2:22: `type` of `n` of `inputs` cannot be `strng` (did you mean `string`?)"])]
#[case::expr_type(r"plan: p
inputs: { n: { type: integer } }
steps:
  a: { run: echo, if: inputs.n == 'x' }", &["4:23"])]
#[case::expr_constant_condition(r"plan: p
steps:
  a: { run: echo, if: 1 + 1 }", &["3:23: a condition must be bool, and this is int"])]
fn expressions(#[case] text: &str, #[case] expected: &[&str]) {
    let found = faults(text);
    assert_eq!(found.len(), expected.len(), "{found:?}");
    for (fault, start) in found.iter().zip(expected) {
        assert!(fault.starts_with(start), "{fault}");
    }
}
