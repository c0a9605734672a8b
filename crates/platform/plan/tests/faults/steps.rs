//! Faults of steps and their edges.

use crate::faults;
use rstest::rstest;

#[rstest]
#[case::step_id(r"plan: p
steps:
  1st: { run: echo }", &["3:3: `1st` is no step id (it must match [A-Za-z_][A-Za-z0-9_-]{0,127})"])]
#[case::step_id_child(r"plan: p
steps:
  'a[0]': { run: echo }", &["3:3: `a[0]` is no step id (it must match [A-Za-z_][A-Za-z0-9_-]{0,127})"])]
#[case::step_null(r"plan: p
steps:
  a:", &["3:3: step `a` must be a mapping with the keys of a step, and is nothing (give it a value, or remove the key)"])]
#[case::step_text(r"plan: p
steps:
  a: echo hi", &["3:6: step `a` must be a mapping with the keys of a step, and is text (write `{ run: echo hi }`)"])]
#[case::step_nothing(r"plan: p
steps:
  a: { name: A }", &["3:3: step `a` does nothing (give it `run`, `call`, `http`, `service`, `agent` or `plan`)"])]
#[case::sandbox_unknown(r"plan: p
steps:
  a: { run: echo, sandbox: { net: any } }", &["3:30: unknown key `net` in `sandbox` of step `a` (here it is called `network`)"])]
#[case::sandbox_call(r"plan: p
steps:
  a: { call: f, sandbox: {} }", &["3:17: `sandbox` has no effect on a `call`, which runs within this process (remove it)"])]
#[case::sandbox_paths(r"plan: p
steps:
  a: { run: echo, sandbox: { read: ['*.csv', x, x], write: ['${{ inputs.x }}', ''] } }", &["3:37: `*.csv` is a pattern, and the paths of a sandbox are files and folders (name the folder: what is in it is meant too)", "3:49: `x` is named twice in `read` of `sandbox` (first named here at 3:46) (remove one of the two)", "3:61: `${{ inputs.x }}` is an expression, and the paths of a sandbox are fixed (name the folder in which the file is)", "3:80: an item of `write` of `sandbox` of step `a` is empty (give it a value, or remove the key)"])]
#[case::sandbox_network(r"plan: p
steps:
  a: { run: echo, sandbox: { network: none, connect: [443] } }
  b: { run: echo, sandbox: { network: loopback } }
  c: { run: echo, sandbox: { connect: [], bind: [0] } }
  d: { run: echo, sandbox: { max_cpu: 1500ms, max_processes: 0 } }", &["3:45: `connect` has no effect beside `network` (remove it)", "4:39: `loopback` as `network` of `sandbox` of step `b` is not supported: the kernel can hold no process to it (name the ports that it needs by `connect` and `bind`)", "5:30: `connect` of `sandbox` names no port (remove it: without it there is no network)", "5:50: an item of `bind` of `sandbox` of step `c` is out of bounds (it is a whole number from 1 to 65535)", "6:39: `max_cpu` of `sandbox` is no whole number of seconds (the kernel counts processor time in whole seconds: write for example 30s)", "6:62: `max_processes` of `sandbox` of step `d` is out of bounds (it is a whole number from 1 to 4194304)"])]
#[case::step_two_executors(r"plan: p
steps:
  a: { run: echo, call: f }", &["3:19: a step has one executor, and `a` has both `run` and `call` (the first one at 3:8) (make two steps of it)"])]
#[case::agent(r"plan: p
inputs: { n: { type: string } }
steps:
  a: { agent: Sum up, capabilities: [gpu, G], min_trust: signed, federation: trusted, max_latency: 0s, with: { n: '${{ inputs.m }}' }, cwd: x }", &["4:15: `Sum up` is no capability (small letters, digits, `.`, `_`, `:` and `-`, as in `summarize`)", "4:43: `G` is no capability (small letters, digits, `.`, `_`, `:` and `-`, as in `summarize`)", "4:58: `min_trust` of step `a` cannot be `signed` (did you mean `SIGNED`?)", "4:78: `federation` of step `a` cannot be `trusted` (use `local_prefer`, `remote_prefer`, `quarantine`)", "4:100: `max_latency` of step `a` must be longer than nothing (write for example 500ms, 60s, 10m, 2h, 7d or 1h30m)", "4:136: `cwd` has no effect on an `agent`, which starts no process here (remove it)"])]
#[case::agent_reads(r"plan: p
inputs: { n: { type: string } }
steps:
  a: { agent: sum, with: { n: '${{ inputs.m }}' } }", &["4:36: unknown input `m` (the inputs are n)"])]
#[case::http_url(r"plan: p
steps:
  a: { http: { url: ftp://x } }
  b: { http: { url: 'https://ada:pw@x/' } }
  c: { http: { url: 'https:///x' } }", &["3:21: `url` of `http` has no scheme that is known (write `https://…` or `http://…`)", "4:21: `url` of `http` holds a user or password (put it into a header: `authorization: \"Bearer ${{ secrets.NAME }}\"`)", "5:21: `url` of `http` has no host (write the host behind `://`)"])]
#[case::http_headers(r"plan: p
steps:
  a: { http: { url: 'https://x', headers: { Host: y, 'a b': c, X-A: d, x-a: e } } }", &["3:45: `Host` is not a plan's to set (it follows from the request: remove it)", "3:54: `a b` is no name of a header (letters, digits and `-`)", "3:72: the header `x-a` is given twice (remove one of the two)"])]
#[case::http_effects(r"plan: p
secrets: [S]
steps:
  a: { http: { url: 'https://x/${{ secrets.S }}', body: { a: ['${{ secrets.T }}', '${{ inputs.x }}'] } }, cwd: /x, artifacts: [{ path: y }] }", &["4:36: a secret may not stand here (secrets may stand in env, headers, bodies and shell lines)", "4:107: `cwd` has no effect on an `http`, which starts no process (remove it)", "4:116: `artifacts` has no effect on an `http`, which starts no process (remove it)"])]
#[case::http_reads(r"plan: p
steps:
  a: { http: { url: 'https://x', body: { a: ['${{ secrets.T }}', '${{ inputs.x }}'] } } }", &["3:51: unknown secret `T` (add `T` to the plan's `secrets`)", "3:71: unknown input `x` (the plan declares no inputs)"])]
#[case::service_inputs(r"plan: p
steps:
  a: { service: technical-seo }", &["3:21: unknown input `website_id` (the plan declares no inputs)"])]
#[case::service_once(r"plan: p
inputs: { website_id: { type: string }, domain: { type: string } }
steps:
  a: { service: technical-seo }
  b: { service: technical-seo }
  c: { service: vitals-monitor, for_each: inputs.domain, cwd: /x }
  d: { service: Vitals }", &["5:17: the service `technical-seo` is called twice (the first one at 4:17) (a service runs once in a run: remove one of the two steps)", "6:33: a `service` is called once in a run (remove `for_each`)", "6:43: `for_each` must be list, and this is string", "6:58: `cwd` has no effect on a `service`, which starts no process (remove it)", "7:17: `Vitals` is no slug of a service (small letters, digits and `-`, as in `technical-seo`)"])]
#[case::step_later_shape(r"plan: p
steps:
  a: { http: { method: FETCH, body: x } }", &["3:8: `url` is missing in `http` of step `a` (add `url: …`)", "3:24: `method` of `http` of step `a` cannot be `FETCH` (use `GET`, `HEAD`, `POST`, `PUT`, `PATCH`, `DELETE`, `OPTIONS`)"])]
#[case::step_twice(r"plan: p
steps:
  a: { run: echo }
  b: { run: echo }
  a: { call: f }", &["5:3: `a` is given twice (first given here at 3:3) (rename or remove one of the two)"])]
#[case::step_command(r"plan: p
steps:
  a: { command: echo }", &["3:8: unknown key `command` in step `a` (here it is called `run`)"])]
#[case::step_unknown_key(r"plan: p
steps:
  a:
    run: echo a
    kill-grace: 3s", &["5:5: unknown key `kill-grace` in step `a` (did you mean `kill_grace`?)"])]
#[case::step_depends_on(r"plan: p
steps:
  a:
    run: echo a
    depends_on: [b]", &["5:5: unknown key `depends_on` in step `a` (here it is called `needs`)"])]
#[case::step_plan_key(r"plan: p
steps:
  a:
    run: echo a
    success: any", &["5:5: unknown key `success` in step `a` (`success` belongs in the plan)"])]
#[case::run_empty_list(r"plan: p
steps:
  a: { run: [] }", &["3:13: `run` of step `a` is an empty list (the first item is the program)"])]
#[case::run_empty(r"plan: p
steps:
  a: { run: '' }", &["3:13: `run` of step `a` is an empty shell line"])]
#[case::run_null_arg(r"plan: p
steps:
  a: { run: [echo, ~] }", &["3:20: an item of `run` of step `a` must be text, and is nothing (put it in quotes if you mean the text `~`)"])]
#[case::run_nested(r"plan: p
steps:
  a: { run: [echo, [a]] }", &["3:20: an item of `run` of step `a` must be text, and is a list"])]
#[case::run_map(r"plan: p
steps:
  a: { run: { cmd: x } }", &["3:13: `run` of step `a` must be a shell line or a list of arguments, and is a mapping"])]
#[case::run_nul(r#"plan: p
steps:
  a: { run: [echo, "a\0"] }
"#, &["3:20: an item of `run` of step `a` holds a NUL (remove it)"])]
#[case::call_list(r"plan: p
steps:
  a: { call: [f] }", &["3:14: `call` of step `a` must be text, and is a list"])]
#[case::call_env(r"plan: p
steps:
  a: { call: f, env: { A: b }, cwd: x }", &["3:17: `env` has no effect on a `call`, which runs within this process (remove it)", "3:32: `cwd` has no effect on a `call`, which runs within this process (remove it)"])]
#[case::shell_on_list(r"plan: p
steps:
  a: { run: [echo], shell: bash }", &["3:21: `shell` has no effect on a list of arguments, which no shell sees (remove it)"])]
#[case::shell_word(r"plan: p
steps:
  a:
    run: echo a
    shell: zsh", &["5:12: `shell` of step `a` cannot be `zsh` (did you mean `sh`?)"])]
#[case::gate_word(r"plan: p
steps:
  a:
    run: echo a
    gate: harrd", &["5:11: `gate` of step `a` cannot be `harrd` (did you mean `hard`?)"])]
#[case::gate_optional(r"plan: p
steps:
  a:
    run: echo a
    gate: hard
    required: false", &["6:5: a hard gate cannot be optional (its failure always fails the run: remove `required: false` or `gate: hard`)"])]
#[case::required_yes(r"plan: p
steps:
  a:
    run: echo a
    required: yes", &["5:15: `required` of step `a` must be `true` or `false` (write `true`)"])]
#[case::required_quoted(r"plan: p
steps:
  a:
    run: echo a
    required: 'true'", &["5:15: `required` of step `a` must be `true` or `false` (remove the quotes)"])]
#[case::required_list(r"plan: p
steps:
  a:
    run: echo a
    required: []", &["5:15: `required` of step `a` must be `true` or `false`, and is a list"])]
#[case::timeout_bare(r"plan: p
steps:
  a:
    run: echo a
    timeout: 60", &["5:14: `timeout` of step `a` is no duration: the unit is missing (write `60s` for seconds)"])]
#[case::timeout_words(r"plan: p
steps:
  a:
    run: echo a
    timeout: one minute", &["5:14: `timeout` of step `a` is no duration: a whole number must come first (write for example 500ms, 60s, 10m, 2h, 7d or 1h30m)"])]
#[case::timeout_list(r"plan: p
steps:
  a:
    run: echo a
    timeout: [60s]", &["5:14: `timeout` of step `a` must be a duration, and is a list (write for example 500ms, 60s, 10m, 2h, 7d or 1h30m)"])]
#[case::timeout_zero(r"plan: p
steps:
  a:
    run: echo a
    timeout: 0s", &["5:14: `timeout` of step `a` must be longer than nothing (write for example 500ms, 60s, 10m, 2h, 7d or 1h30m)"])]
#[case::retry_number(r"plan: p
steps:
  a:
    run: echo a
    retry: 3", &["5:12: `retry` of step `a` must be a mapping with the keys of `retry`, and is a number (write `{ max: 3 }`)"])]
#[case::retry_max(r"plan: p
steps:
  a:
    run: echo a
    retry: { max: 101 }", &["5:19: `max` of `retry` of step `a` is out of bounds (it is a whole number from 0 to 100)"])]
#[case::retry_key(r"plan: p
steps:
  a:
    run: echo a
    retry: { attempts: 3 }", &["5:14: unknown key `attempts` in `retry` of step `a` (here it is called `max`)"])]
#[case::retry_class_never(r"plan: p
steps:
  a:
    run: echo a
    retry: { classes: [validation_failed] }", &["5:24: an item of `classes` of `retry` of step `a` cannot be `validation_failed`, which is never tried again (use `transient_io`, `timeout`, `worker_lost`)"])]
#[case::retry_class_typo(r"plan: p
steps:
  a:
    run: echo a
    retry: { classes: [transient-io] }", &["5:24: an item of `classes` of `retry` of step `a` names no error class: `transient-io` (did you mean `transient_io`?)"])]
#[case::retry_class_nonsense(r"plan: p
steps:
  a:
    run: echo a
    retry: { classes: [rain] }", &["5:24: an item of `classes` of `retry` of step `a` names no error class: `rain` (use `transient_io`, `timeout`, `worker_lost`)"])]
#[case::retry_hard_gate(r"plan: p
steps:
  a:
    run: echo a
    gate: hard
    retry: { max: 1, classes: [timeout] }", &["6:22: a hard gate is not tried again after `timeout` (a hard gate may retry `transient_io` alone)"])]
#[case::retry_not_idempotent(r"plan: p
steps:
  a:
    run: echo a
    idempotent: false
    retry: { max: 1 }", &["6:14: a step that is not idempotent cannot be tried again (remove `retry`, or `idempotent: false`)"])]
#[case::retry_base(r"plan: p
steps:
  a:
    run: echo a
    retry: { base: 90s }", &["5:14: `base` of `retry` is longer than `max_delay` (the first delay cannot be longer than the longest: raise `max_delay` (default 60s))"])]
#[case::needs_text(r"plan: p
steps:
  a:
    run: echo a
    needs: b", &["5:12: `needs` of step `a` must be a list, and is text (write `[b]`)"])]
#[case::needs_unknown(r"plan: p
steps:
  build: { run: echo }
  b: { run: echo, needs: [biuld] }", &["4:27: there is no step `biuld` (did you mean `build`?)"])]
#[case::needs_itself(r"plan: p
steps:
  a:
    run: echo a
    needs: [a]", &["5:13: step `a` waits for itself (remove it)"])]
#[case::needs_twice(r"plan: p
steps:
  b: { run: echo }
  a: { run: echo, needs: [b, b] }", &["4:30: `b` is named twice in `needs` (first named here at 4:27) (remove one of the two)"])]
#[case::needs_and_after(r"plan: p
steps:
  b: { run: echo }
  a: { run: echo, needs: [b], after: [b] }", &["4:39: `b` is named twice in `needs` and `after` (first named here at 4:27) (remove one of the two)"])]
#[case::needs_bad_id(r"plan: p
steps:
  a:
    run: echo a
    needs: ['b c']", &["5:13: an item of `needs` of step `a` is no step id: `b c` (it must match [A-Za-z_][A-Za-z0-9_-]{0,127})"])]
#[case::cycle(r"plan: p
steps:
  a: { run: echo, needs: [c] }
  b: { run: echo, after: [a] }
  c: { run: echo, needs: [b] }", &["3:27: the steps wait for each other: a → c → b → a (each step waits for the one after the arrow: remove one edge)"])]
#[case::two_cycles(r"plan: p
steps:
  a: { run: echo, needs: [b] }
  b: { run: echo, needs: [a] }
  c: { run: echo, needs: [d] }
  d: { run: echo, needs: [c] }", &["3:27: the steps wait for each other: a → b → a (each step waits for the one after the arrow: remove one edge)", "5:27: the steps wait for each other: c → d → c (each step waits for the one after the arrow: remove one edge)"])]
#[case::cycle_sequential(r"plan: p
order: sequential
steps:
  a: { run: echo, needs: [b] }
  b: { run: echo }", &["4:27: the steps wait for each other: a → b → a (each step waits for the one after the arrow, and by `order: sequential` for the one above it: remove one edge)"])]
#[case::artifact_text(r"plan: p
steps:
  a:
    run: echo a
    artifacts: [out.csv]", &["5:17: an item of `artifacts` of step `a` must be a mapping with the keys of an artifact, and is text (write `{ path: out.csv }`)"])]
#[case::patterns(r"plan: p
steps:
  a:
    run: echo a
    reads: ['src/[abc', 'src/*.rs']
    artifacts: [{ path: '../out/*' }, { path: 'out/{a,b' }, { path: 'out/{a,b}' }]", &["5:13: `[` is never closed in the pattern (for the character itself write `[[]`, `[{]` or `[}]`)", "6:25: `..` cannot stand in a pattern (write a path, or a pattern below the step's folder)", "6:47: `{` is never closed in the pattern (for the character itself write `[[]`, `[{]` or `[}]`)"])]
#[case::artifact_no_path(r"plan: p
steps:
  a:
    run: echo a
    artifacts: [{ required: true }]", &["5:17: `path` is missing in an item of `artifacts` of step `a` (add `path: …`)"])]
#[case::artifact_empty(r"plan: p
steps:
  a:
    run: echo a
    artifacts: [{ path: '' }]", &["5:25: the artifact's path is empty"])]
#[case::outputs_type(r"plan: p
steps:
  a:
    run: echo a
    outputs: { n: { type: float } }", &["5:27: `type` of `n` of `outputs` of step `a` cannot be `float` (use `string`, `integer`, `number`, `boolean`, `array`, `object`)"])]
#[case::outputs_default(r"plan: p
steps:
  a:
    run: echo a
    outputs: { n: { type: number, default: 1 } }", &["5:35: unknown key `default` in `n` of `outputs` of step `a` (`default` belongs in an input)"])]
#[case::modes(r"plan: p
steps:
  a: { call: f, mode: distributed }
  b: { agent: f, mode: hybrid }
  c: { http: { url: 'http://x' }, mode: hybrid }
  d: { run: echo d, mode: distributed, cwd: /srv }
  e: { run: echo e, mode: hybrid, cwd: /srv, region: eu }
  f: { run: echo f, mode: everywhere }", &["3:17: no agent does a step of `call` (remove `mode`: only what a `run` starts is given to agents)",
    "4:18: an `agent` step is done by agents, whatever its `mode` (remove `mode`; `federation` says which agents are preferred)",
    "5:35: no agent does a step of `http` (remove `mode`: only what a `run` starts is given to agents)",
    "6:21: step `d` cannot be given to an agent: it has a `cwd`, a folder of this machine (say `mode: local` on it, or leave that out)",
    "7:46: `region` has no effect on a step that stays here: it has a `cwd`, a folder of this machine (remove it)",
    "8:27: `mode` of step `f` cannot be `everywhere` (use `local`, `distributed`, `hybrid`)"])]
#[case::for_each_of_unknown(r"plan: p
steps:
  a:
    run: echo ${{ item }}
    for_each: inputs.regions
    max_parallel: 4", &["5:15: unknown input `regions` (the plan declares no inputs)"])]
#[case::for_each_no_list(r"plan: p
steps:
  a:
    run: echo ${{ item }} ${{ item_index }}
    for_each: ${{ 1 + 1 }}", &["5:19: `for_each` must be list, and this is int"])]
#[case::for_each_written_out(r"plan: p
steps:
  a: { run: echo, for_each: [1, b] }
  b: { run: echo, for_each: { x: 1 } }
  c: { run: echo, for_each: '1, 2' }", &["3:29: `for_each` of step `a` must be text, and is a list (a list is an expression: put it in quotes, '[1, \"b\"]')", "4:29: `for_each` of step `b` must be text, and is a mapping", "5:31: the expression is over before `,` (a list stands in brackets: [1, 2])"])]
#[case::items_before_there_are_any(r"plan: p
steps:
  a:
    run: echo a
    for_each: '[item]'
    if: item_index > 0", &["5:17: there is no `item` here (`item` stands for an item of `for_each`, in that step alone)", "6:9: there is no `item_index` here (`item_index` is the place of an item of `for_each`, in that step alone)"])]
#[case::max_parallel_of_nothing(r"plan: p
steps:
  a:
    run: echo a
    max_parallel: 4", &["5:5: `max_parallel` has no effect without `for_each` (remove it)"])]
#[case::compensate_twice(r"plan: p
steps:
  a:
    run: echo a
    compensate: { run: undo, call: undo }", &["5:30: `compensate` of step `a` has both `run` and `call` (the first one at 5:19) (a compensation does one thing: remove one of the two)"])]
#[case::compensate_nothing(r"plan: p
steps:
  a:
    run: echo a
    compensate: { timeout: 5s }", &["5:5: `compensate` of step `a` does nothing (give it `run` or `call`)"])]
#[case::compensate_keys(r"plan: p
steps:
  a:
    run: echo a
    compensate: { run: [undo], shell: bash, retry: 3 }", &["5:32: `shell` has no effect on a list of arguments, which no shell sees (remove it)", "5:45: unknown key `retry` in `compensate` of step `a` (`retry` belongs in a step or `defaults`)"])]
#[case::compensate_env(r"plan: p
steps:
  a:
    run: echo a
    compensate: { run: [undo], env: { A: b }, cwd: x }", &["5:32: unknown key `env` in `compensate` of step `a` (a compensation has the step's own `env`: give `env` to the step)", "5:47: unknown key `cwd` in `compensate` of step `a` (a compensation has the step's own `cwd`: give `cwd` to the step)"])]
#[case::compensate_reads_what_comes_later(r"plan: p
steps:
  a:
    run: echo a
    outputs: { file: { type: string } }
    compensate: { run: [rm, '${{ steps.a.outputs.file }}', '${{ steps.b.outputs.file }}'] }
  b: { run: echo b, needs: [a] }", &["6:65: step `b` does not come before this one (add `b` to this step's `needs` or `after`)"])]
#[case::step_reads_itself(r"plan: p
steps:
  a:
    run: [echo, '${{ steps.a.outputs.file }}']
    compensate: { run: undo }", &["4:22: step `a` does not come before this one (add `a` to this step's `needs` or `after`)"])]
#[case::cache_gate(r"plan: p
steps:
  a:
    run: echo a
    gate: manual
    cache: true", &["6:5: a manual gate has no result that could be kept (a person decides each time: remove `cache`, or make a step of its own of the work)"])]
#[case::cache_once(r"plan: p
steps:
  a:
    run: echo a
    idempotent: false
    cache: true", &["6:5: a step that is not idempotent cannot be left out (remove `cache`, or `idempotent: false`)"])]
#[case::cache_undone(r"plan: p
steps:
  a:
    run: echo a
    compensate: { run: undo }
    cache: true", &["6:5: a step that is undone has effects that no kept result brings back (remove `cache`, or `compensate`)"])]
#[case::cache_call(r"plan: p
steps:
  a:
    call: f
    cache: true", &["5:5: `cache` has no effect on a `call`, which runs within this process (remove it)"])]
#[case::cache_word(r"plan: p
steps:
  a:
    run: echo a
    cache: yes", &["5:12: `cache` of step `a` must be `true` or `false` (write `true`)"])]
#[case::fallback_unknown(r"plan: p
steps:
  a:
    run: echo a
    fallback: c
  b: { run: echo b }", &["5:15: there is no step `c` (did you mean `a`?)"])]
#[case::fallback_itself(r"plan: p
steps:
  a:
    run: echo a
    fallback: a", &["5:15: step `a` cannot stand in for itself (name another step)"])]
#[case::fallback_of_a_hard_gate(r"plan: p
steps:
  a:
    run: echo a
    gate: hard
    fallback: b
  b: { run: echo b }", &["6:15: the hard gate `a` cannot have a fallback (the failure of a hard gate stops everything: remove `gate: hard` or `fallback`)"])]
#[case::fallback_that_is_needed(r"plan: p
steps:
  a:
    run: echo a
    needs: [b]
    fallback: b
  b: { run: echo b }", &["6:15: step `a` waits for `b`, its own fallback (a fallback runs only after the step has failed)"])]
#[case::fallback_that_needs_its_step(r"plan: p
steps:
  a: { run: echo a, fallback: b }
  b: { run: echo b, after: [a] }", &["3:31: the fallback `b` names `a` among its edges (it runs after the step has failed, and only then: remove the edge)"])]
#[case::fallback_of_two(r"plan: p
steps:
  a: { run: echo a, fallback: c }
  b: { run: echo b, fallback: c }
  c: { run: echo c }", &["4:31: `c` is the fallback of `a` already (named here at 3:21) (a step stands in for one step alone: make another one)"])]
#[case::fallback_optional(r"plan: p
steps:
  a: { run: echo a, fallback: b }
  b: { run: echo b, required: false }", &["4:21: `required` has no effect on `b`, a fallback (it is as required as `a`: remove it)"])]
#[case::fallback_cycle(r"plan: p
steps:
  a: { run: echo a, fallback: b }
  b: { run: echo b, fallback: a }", &["3:31: the steps wait for each other: a → b → a (each step waits for the one after the arrow: remove one edge)"])]
#[case::fallback_that_waits_for_what_needs_its_step(r"plan: p
steps:
  a: { run: echo a, fallback: b }
  b: { run: echo b, needs: [c] }
  c: { run: echo c, needs: [a] }", &["4:29: the steps wait for each other: b → c → b (each step waits for the one after the arrow: remove one edge)"])]
#[case::approvers(r"plan: p
steps:
  a:
    run: echo a
    gate: manual
    approvers: { any_of: [user:ann], number: 1 }
    expires: 24h", &["6:38: unknown key `number` in `approvers` of step `a`"])]
#[case::agent_only(r"plan: p
steps:
  a:
    run: echo a
    capabilities: [gpu]
    region: eu
    min_trust: SIGNED
    federation: quarantine
    max_latency: 1m
    with: { a: b }", &["5:5: `capabilities` has no effect without `agent`, or a `mode` other than `local` (remove it)", "6:5: `region` has no effect without `agent`, or a `mode` other than `local` (remove it)", "7:5: `min_trust` has no effect without `agent`, or a `mode` other than `local` (remove it)", "8:5: `federation` has no effect without `agent`, or a `mode` other than `local` (remove it)", "9:5: `max_latency` has no effect without `agent`, or a `mode` other than `local` (remove it)", "10:5: `with` has no effect without `plan` or `agent` (remove it)"])]
fn steps(#[case] text: &str, #[case] expected: &[&str]) {
    assert_eq!(faults(text), expected);
}

#[rstest]
#[case::no_gate(r"plan: p
steps:
  a: { run: x, approvers: { count: 2 }, expires: 1h }", &["3:16: `approvers` has no effect on a step that is no manual gate (remove it)", "3:41: `expires` has no effect on a step that is no manual gate (remove it)"])]
#[case::no_condition(r"plan: p
steps:
  a: { run: x, skip_reason: never }", &["3:16: `skip_reason` has no effect on a step without `if` (remove it)"])]
#[case::hard_gate(r"plan: p
steps:
  a: { run: x, gate: hard, expires: 1h }", &["3:28: `expires` has no effect on a step that is no manual gate (remove it)"])]
#[case::nobody(r"plan: p
steps:
  a: { run: x, gate: manual, approvers: { any_of: [] } }", &["3:51: nobody may approve: `any_of` is empty (name somebody, or remove `any_of`: then anybody may)"])]
#[case::no_approver(r"plan: p
steps:
  a: { run: x, gate: manual, approvers: { any_of: [ada, 'group:x'] } }", &["3:52: `ada` names no approver (write `user:NAME` or `role:NAME`)", "3:57: `group:x` names no approver (write `user:NAME` or `role:NAME`)"])]
#[case::twice(r"plan: p
steps:
  a: { run: x, gate: manual, approvers: { any_of: ['user:a', 'user:a'] } }", &["3:62: `user:a` is named twice in `any_of` (first named here at 3:52) (remove one of the two)"])]
#[case::too_many(r"plan: p
steps:
  a: { run: x, gate: manual, approvers: { any_of: ['user:a', 'user:b'], count: 3 } }", &["3:73: 3 approvals are asked for, and 2 may give one (name more users, or a role, or lower `count`)"])]
#[case::expires_zero(r"plan: p
steps:
  a: { run: x, gate: manual, expires: 0s }", &["3:39: `expires` of step `a` must be longer than nothing (write for example 500ms, 60s, 10m, 2h, 7d or 1h30m)"])]
fn who_may_approve(#[case] text: &str, #[case] expected: &[&str]) {
    assert_eq!(faults(text), expected, "\n{text}");
}
