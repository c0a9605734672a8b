//! Faults of the top level.

use crate::faults;
use rstest::rstest;

#[rstest]
#[case::a_list("- a", &["1:1: a plan is a mapping, and this is a list (it begins with `plan: some-id` and has `steps:`)"])]
#[case::a_text("just text", &["1:1: a plan is a mapping, and this is text (it begins with `plan: some-id` and has `steps:`)"])]
#[case::no_plan("steps:\n  a: { run: echo a }", &["1:1: `plan` is missing (add `plan: …`)"])]
#[case::no_steps("plan: p", &["1:1: `steps` is missing (add `steps: …`)"])]
#[case::empty_steps("plan: p\nsteps: {}", &["2:8: `steps` holds no step (a plan has at least one step)"])]
#[case::null_steps("plan: p\nsteps:", &["2:1: `steps` must be a mapping from step ids to steps, and is nothing (give it a value, or remove the key)"])]
#[case::steps_as_list(r"plan: p
steps:
  - run: echo a", &["3:3: `steps` must be a mapping from step ids to steps, and is a list"])]
#[case::plan_id(r"plan: My Plan
steps:
  a: { run: echo a }", &["1:7: `plan` is no plan id: `My Plan` (it must match [a-z0-9][a-z0-9-]{0,63})"])]
#[case::version_text(r"plan: p
version: two
steps:
  a: { run: echo a }", &["2:10: `version` must be a whole number, and is text (it is a whole number from 0 up)"])]
#[case::version_quoted(r"plan: p
version: '2'
steps:
  a: { run: echo a }", &["2:10: `version` must be a whole number, and is text (remove the quotes)"])]
#[case::version_negative(r"plan: p
version: -1
steps:
  a: { run: echo a }", &["2:10: `version` is out of bounds (it is a whole number from 0 up)"])]
#[case::version_huge(r"plan: p
version: 99999999999999999999
steps:
  a: { run: echo a }", &["2:10: `version` is out of bounds (it is a whole number from 0 up)"])]
#[case::name_empty(r"plan: p
name: ''
steps:
  a: { run: echo a }", &["2:7: `name` is empty (give it a value, or remove the key)"])]
#[case::name_null(r"plan: p
name: ~
steps:
  a: { run: echo a }", &["2:1: `name` must be text, and is nothing (put it in quotes if you mean the text `~`)"])]
#[case::name_control(r#"plan: p
name: "a\e[31m"
steps:
  a: { run: echo a }
"#, &["2:7: `name` holds the control character U+001B (remove it)"])]
#[case::description_list(r"plan: p
description: [a]
steps:
  a: { run: echo a }", &["2:14: `description` must be text, and is a list"])]
#[case::labels_list(r"plan: p
labels: [a]
steps:
  a: { run: echo a }", &["2:9: `labels` must be a mapping from names to values, and is a list"])]
#[case::labels_null(r"plan: p
labels: { team: null }
steps:
  a: { run: echo a }", &["2:11: `team` of `labels` must be text, and is nothing (put it in quotes if you mean the text `null`)"])]
#[case::profile_case(r"plan: p
profile: strict
steps:
  a: { run: echo a }", &["2:10: `profile` cannot be `strict` (did you mean `STRICT`?)"])]
#[case::order_word(r"plan: p
order: serial
steps:
  a: { run: echo a }", &["2:8: `order` cannot be `serial` (use `dag`, `sequential`)"])]
#[case::success_word(r"plan: p
success: all
steps:
  a: { run: echo a }", &["2:10: `success` cannot be `all` (use `required`, `any`)"])]
#[case::max_duration_unit(r"plan: p
max_duration: 600
steps:
  a: { run: echo a }", &["2:15: `max_duration` is no duration: the unit is missing (write `600s` for seconds)"])]
#[case::max_duration_zero(r"plan: p
max_duration: 0s
steps:
  a: { run: echo a }", &["2:15: `max_duration` must be longer than nothing (write for example 500ms, 60s, 10m, 2h, 7d or 1h30m)"])]
#[case::max_parallel_zero(r"plan: p
max_parallel: 0
steps:
  a: { run: echo a }", &["2:15: `max_parallel` is out of bounds (it is a whole number from 1 to 10000)"])]
#[case::max_parallel_float(r"plan: p
max_parallel: 2.5
steps:
  a: { run: echo a }", &["2:15: `max_parallel` must be a whole number, and is a number with a fraction (it is a whole number from 1 to 10000)"])]
#[case::on_failure_word(r"plan: p
on_failure: continue
steps:
  a: { run: echo a }", &["2:13: `on_failure` cannot be `continue` (use `stop`, `rollback`)"])]
#[case::default_mode_word(r"plan: p
default_mode: remote
steps:
  a: { run: echo a }", &["2:15: `default_mode` cannot be `remote` (use `local`, `distributed`, `hybrid`)"])]
#[case::distributed_and_bound(r"plan: p
default_mode: distributed
secrets: [TOKEN]
steps:
  a: { run: echo a, artifacts: [{ path: a.txt }] }
  b: { run: echo b, reads: [a.txt] }
  c: { run: echo c, cwd: /srv }
  d: { run: 'echo ${{ secrets.TOKEN }}' }
  e: { run: echo e, compensate: { run: echo undone } }
  f: { run: echo f, sandbox: {} }
  g: { call: f }
  h: { plan: other }
  i: { run: [echo, i], mode: local, artifacts: [{ path: a.txt }] }
  j: { run: [echo, j], cache: true }", &["5:8: step `a` cannot be given to an agent: it has `artifacts`, files of this machine (say `mode: local` on it, or leave that out)",
    "6:8: step `b` cannot be given to an agent: it has `reads`, files of this machine (say `mode: local` on it, or leave that out)",
    "7:8: step `c` cannot be given to an agent: it has a `cwd`, a folder of this machine (say `mode: local` on it, or leave that out)",
    "8:8: step `d` cannot be given to an agent: it has secrets, which never leave this machine (say `mode: local` on it, or leave that out)",
    "9:8: step `e` cannot be given to an agent: it has `compensate`, which is done here (say `mode: local` on it, or leave that out)",
    "10:8: step `f` cannot be given to an agent: it has a `sandbox`, which no agent can be held to (say `mode: local` on it, or leave that out)",
    "11:8: the plan's `default_mode` is `distributed`, and no agent does step `g`, a `call` (say `mode: local` on it)",
    "12:8: the plan's `default_mode` is `distributed`, and no agent does step `h`, a `plan` (say `mode: local` on it)",
    "14:8: step `j` cannot be given to an agent: it has `cache`, whose results are of this machine (say `mode: local` on it, or leave that out)"])]
#[case::secrets_of_all(r"plan: p
default_mode: distributed
secrets: [TOKEN]
env: { T: '${{ secrets.TOKEN }}' }
steps:
  a: { run: echo a }", &["6:8: step `a` cannot be given to an agent: it has secrets, which never leave this machine (say `mode: local` on it, or leave that out)"])]
#[case::priority_bounds(r"plan: p
priority: 500
steps:
  a: { run: echo a }", &["2:11: `priority` is out of bounds (it is a whole number from -100 to 100)"])]
#[case::concurrency_shape(r"plan: p
concurrency: { limit: 0, on_limit: wait }
steps:
  a: { run: echo a }", &["2:1: `key` is missing in `concurrency` (add `key: …`)", "2:23: `limit` of `concurrency` is out of bounds (it is a whole number from 1 to 10000)", "2:36: `on_limit` of `concurrency` cannot be `wait` (use `queue`, `reject`, `cancel_oldest`)"])]
#[case::budget_shape(r"plan: p
budget: { max_cost: 5 }
steps:
  a: { run: echo a }", &["2:11: unknown key `max_cost` in `budget`"])]
#[case::budget_of_nothing(r"plan: p
budget: { on_exceeded: hold }
steps:
  a: { run: echo a }", &["2:1: `budget` limits nothing (give it a limit, such as `max_cost_usd: 5`, or remove it)"])]
#[case::budget_negative(r"plan: p
budget: { max_cost_usd: -1, max_steps: 0, max_time: 5 }
steps:
  a: { run: echo a }", &["2:25: `max_cost_usd` of `budget` is out of bounds (it is a number from 0)", "2:40: `max_steps` of `budget` is out of bounds (it is a whole number from 1 up)", "2:53: `max_time` of `budget` is no duration: the unit is missing (write `5s` for seconds)"])]
#[case::expect_nobody(r"plan: p
expect:
  - { domain: mail, action: send }
  - { domain: artifacts, action: emit }
  - { domain: artifacts, action: emit, key: b.txt }
  - { domain: steps, action: succeed, key: b }
  - { domain: steps, action: succeed, key: a }
  - { domain: steps, action: succeed, key: a }
steps:
  a: { run: echo a, artifacts: [{ path: a.txt }] }", &["3:15: nobody here acknowledges `mail/send` (the run could never complete; known are `artifacts/emit`, `steps/succeed`)", "4:5: `artifacts/emit` needs a `key` (name the path of an artifact that a step declares)", "5:45: no step declares an artifact `b.txt`", "6:44: there is no step `b`", "8:5: `steps/succeed/a` is named twice in `expect` (first named here at 7:5) (remove one of the two)"])]
#[case::policies_of_what(r"plan: p
policies: [p.cedar, p.json, p.cedar]
steps:
  a: { run: echo a }", &["2:21: `p.json` is no policy file (policies are `*.cedar`, declarations of inputs `*.cedarschema`)", "2:29: `p.cedar` is named twice in `policies` (first named here at 2:12) (remove one of the two)"])]
#[case::notify_shape(r"plan: p
notify: { email: a }
steps:
  a: { run: echo a }", &["2:9: `notify` must be a list, and is a mapping"])]
#[case::notify_whom(r#"plan: p
notify: [{}, { email: a@example.com }, { webhook: ftp://a }, { webhook: "https:///x" }, { webhook: "https://u:p@a/" }]
steps:
  a: { run: echo a }"#, &["2:10: an item of `notify` names nobody (add `webhook: …` or `email: …`)", "2:51: `ftp://a` is no `http` or `https` address (write it as `https://example.com/hook`)", "2:73: `https:///x` has no host (write it as `https://example.com/hook`)", "2:100: `webhook` holds a user or password (write it as `https://example.com/hook`)"])]
#[case::notify_where(r#"plan: p
notify: [{ webhook: "https://a/${{ inputs.b }}" }, { webhook: "https://a/b c" }, { webhook: "https://a" }, { webhook: "https://a" }]
steps:
  a: { run: echo a }"#, &["2:21: `https://a/${{ inputs.b }}` is taken as written: no expression is filled in here (write it as `https://example.com/hook`)", "2:63: `https://a/b c` is longer than 2048 characters, or has one that an address may not have (write it as `https://example.com/hook`)", "2:119: `https://a` is named twice in `notify` (first named here at 2:93) (remove one of the two)"])]
#[case::notify_by_mail(r#"plan: p
notify: [{ email: "a@example.com\r\nBcc: b@example.com" }, { email: "Ann <a@example.com>" }, { email: "a@b@c" }, { email: a@-b.example }, { email: "${{ inputs.b }}" }, { email: a@b, webhook: "https://a" }, { email: a@b }, { email: a@b }]
steps:
  a: { run: echo a }"#, &["2:19: `email` of an item of `notify` holds the control character U+000D (remove it)", "2:19: `a@example.com\\u{d}\\u{a}Bcc: b@example.com` is no address of a mailbox (write it as `ops@example.com`)", "2:69: `Ann <a@example.com>` is no address of a mailbox (write it as `ops@example.com`)", "2:103: `a@b@c` is no address of a mailbox (write it as `ops@example.com`)", "2:123: `a@-b.example` is no address of a mailbox (write it as `ops@example.com`)", "2:148: `${{ inputs.b }}` is taken as written: no expression is filled in here (write it as `ops@example.com`)", "2:169: an item of `notify` names more than one recipient (give each an item of its own)", "2:232: `a@b` is named twice in `notify` (first named here at 2:216) (remove one of the two)"])]
#[case::expect_shape(r"plan: p
expect: [{ domain: artifacts }]
steps:
  a: { run: echo a }", &["2:10: `action` is missing in an item of `expect` (add `action: …`)"])]
#[case::unknown_key(r"plan: p
max-paralel: 3
steps:
  a: { run: echo a }", &["2:1: unknown key `max-paralel` (did you mean `max_parallel`?)"])]
#[case::foreign_key(r"plan: p
jobs: {}
steps:
  a: { run: echo a }", &["2:1: unknown key `jobs` (here it is called `steps`)"])]
#[case::key_elsewhere(r"plan: p
needs: [a]
steps:
  a: { run: echo a }", &["2:1: unknown key `needs` (`needs` belongs in a step)"])]
#[case::unknown_far(r"plan: p
zebra: 1
steps:
  a: { run: echo a }", &["2:1: unknown key `zebra`"])]
#[case::empty_env(r"plan: p
env:
steps:
  a: { run: echo a }", &["2:1: `env` must be a mapping from names to values, and is nothing (give it a value, or remove the key)"])]
#[case::env_ours(r"plan: p
env: { ROK_RUN_ID: x }
steps:
  a: { run: echo a }", &["2:8: `ROK_RUN_ID` is a name of ours (choose one that does not begin with `ROK_`)"])]
#[case::env_name(r"plan: p
env: { A-B: x }
steps:
  a: { run: echo a }", &["2:8: `A-B` is no variable name (it must match [A-Za-z_][A-Za-z0-9_]{0,127})"])]
#[case::env_null(r"plan: p
env: { A: }
steps:
  a: { run: echo a }", &["2:8: `A` of `env` must be text, and is nothing (give it a value, or remove the key)"])]
#[case::secrets_text(r"plan: p
secrets: TOKEN
steps:
  a: { run: echo a }", &["2:10: `secrets` must be a list, and is text (write `[TOKEN]`)"])]
#[case::secrets_ours(r"plan: p
secrets: [ROK_KEY]
steps:
  a: { run: echo a }", &["2:11: `ROK_KEY` is a name of ours (choose one that does not begin with `ROK_`)"])]
#[case::secrets_twice(r"plan: p
secrets: [A, B, A]
steps:
  a: { run: echo a }", &["2:17: `A` is named twice in `secrets` (first named here at 2:11) (remove one of the two)"])]
#[case::defaults_key(r"plan: p
defaults: { timeut: 3s, needs: [a] }
steps:
  a: { run: echo a }", &["2:13: unknown key `timeut` in `defaults` (did you mean `timeout`?)", "2:25: unknown key `needs` in `defaults` (`needs` belongs in a step)"])]
#[case::twice(r"plan: p
name: a
name: b
steps:
  a: { run: echo a }", &["3:1: `name` is given twice (first given here at 2:1) (rename or remove one of the two)"])]
fn plan(#[case] text: &str, #[case] expected: &[&str]) {
    assert_eq!(faults(text), expected);
}
