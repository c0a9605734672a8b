//! Whatever a step does with a secret, its value is in no file of the run and
//! in no output.

use crate::vault::Vault;
use rstest::rstest;

/// Each prints the secret in a way of its own; `$T` is the secret.
const WAYS: &str = r#"
  plain: { run: echo "$T" }
  line: { run: 'echo ${{ secrets.TOKEN }} "and ${{ secrets.TOKEN }}"' }
  stderr: { run: echo "$T" >&2 }
  argument: { run: [sh, -c, 'echo "$T"'] }
  bash: { shell: bash, run: echo "$T" }
  twice: { run: printf '%s%s%s' "$T" "$T" "$T" }
  two_writes: { run: 'printf %s "$T" | head -c 5; sleep 0.05; printf %s "$T" | tail -c +6' }
  two_streams: { run: 'printf %s "$T" | head -c 5; printf %s "$T" | tail -c +6 >&2' }
  by_bytes: { run: 'printf %s "$T" | dd bs=1 2>/dev/null' }
  borders:
    run: |
      for n in 65529 65531 65533 65535 65536; do
        head -c $n /dev/zero | tr '\0' x; printf %s "$T"
      done
  json: { run: 'printf %s "$T" | sed "s/[\\\\\"]/\\\\&/g" | awk "{ printf \"%s%s\", sep, \$0; sep = \"\\\\\\\\n\" }"' }
  base64: { run: 'printf %s "$T" | base64 -w 0; printf "u:%s" "$T" | base64 -w 0; printf "xy%s" "$T" | base64 -w 0' }
  base64_lines: { run: 'for w in 4 20 76; do printf "%s%s" "$T" "$T" | base64 -w $w; printf "u:%s" "$T" | base64 -w $w | tee /dev/stderr; done; exit 65', required: false }
  wrapped: { run: 'env' }
  traced: { run: 'set -x; : "$T"' }
  traced_bash: { shell: bash, run: 'set -x; : "$T"; printf %q "$T"' }
  failing: { run: 'echo "no access with $T" >&2; exit 7', required: false }
  killed: { run: 'echo "no access with $T" >&2; kill -SEGV $$', required: false }
  slow: { run: 'echo "$T"; STAY', timeout: 200ms, required: false }
  descendant: { run: '(setsid sh -c "sleep 0.02; echo \"\$T\"" &); echo "$T"' }
  closes: { run: 'echo "$T"; exec >&- 2>&-; sleep 0.02' }
  keeps: { run: '(setsid env -i sleep 300 &); echo "$T"' }
  absent: { run: [sh, -c, 'exec "/nowhere/$T"'], required: false }
  own_command_line: { run: 'tr "\0" "\n" </proc/$$/cmdline' }
"#;

#[rstest]
#[case::word("hunter2-Zq9.x_y")]
#[case::quotes(r#"q"u\o'te$5`w*"#)]
#[case::url("ab/cd+ef==&<gh>")]
#[case::lines("first-line 7Q\nsecond\"line 8W\n\nthird'line 9E\n")]
#[case::beyond_ascii("pässwörd-€-𝄞-9")]
#[case::longer_than_a_line_of_base64(
    "github_pat_11ABCDEFG0aBcDeFgHiJkL_mNoPqRsTuVwXyZ0123456789aBcDeFgHiJkLmNoPqRsTuVwXyZ01234567"
)]
#[case::blanks("  two  words\tand a tab ")]
fn printing_shows_nothing(#[case] value: &str) {
    let vault = Vault::new(value, WAYS);
    let mut said = vec![vault.run_all().exits(0)];
    let shown = |step: &str| vault.bench.rok(["logs", "r", step]).exits(0);
    for step in [
        "plain",
        "json",
        "base64",
        "base64_lines",
        "traced",
        "failing",
        "slow",
    ] {
        let log = shown(step);
        assert!(log.out.contains("***"), "{step}: {}", log.out);
        said.push(log);
    }
    for args in [
        &["summary", "r", "--json"][..],
        &["status", "r", "-v"],
        &["events", "r"],
        &["explain", "r", "failing"],
        &["verify", "r"],
        &["ls"],
    ] {
        said.push(vault.bench.rok(args).exits(0));
    }
    vault.is_hidden(&said.iter().collect::<Vec<_>>());
    let reason = vault.step("failing")["error"]["reason"].clone();
    let reason = reason.as_str().unwrap_or_default();
    if !value.contains('\n') {
        assert_eq!(shown("plain").out.trim(), "***");
        assert_eq!(reason, "exit code 7: no access with ***");
        let borders = shown("borders").out;
        assert_eq!(borders.matches("x***x").count(), 4);
        assert_eq!(borders.len(), 65529 + 65531 + 65533 + 65535 + 65536 + 5 * 3);
    }
    assert_eq!(vault.survivors(), Vec::<String>::new());
}

/// The files that a step writes for `rok` are masked or refused.
#[rstest]
#[case::output(
    r#"printf '{"a":"<%s>","b":{"c":["%s"]}}' "$T" "$T" >"$ROK_OUTPUT""#,
    "succeeded"
)]
#[case::output_key(r#"printf '{"%s":1}' "$T" >"$ROK_OUTPUT""#, "succeeded")]
#[case::output_base64(
    r#"printf '{"a":"%s"}' "$(printf %s "$T" | base64 -w 0)" >"$ROK_OUTPUT""#,
    "succeeded"
)]
#[case::broken_output(r#"printf '{"a":"%s' "$T" >"$ROK_OUTPUT""#, "failed")]
#[case::no_json(r#"printf %s "$T" >"$ROK_OUTPUT""#, "failed")]
#[case::error(
    r#"printf '{"class":"config_error","reason":"bad %s"}' "$T" >"$ROK_ERROR"; exit 1"#,
    "failed"
)]
#[case::error_class(
    r#"printf '{"class":"%s","reason":"bad"}' "$T" >"$ROK_ERROR"; exit 1"#,
    "failed"
)]
#[case::error_key(
    r#"printf '{"%s":"config_error"}' "$T" >"$ROK_ERROR"; exit 1"#,
    "failed"
)]
#[case::error_no_json(r#"printf %s "$T" >"$ROK_ERROR"; exit 1"#, "failed")]
#[case::usage(r#"printf %s "$T" >"$ROK_USAGE""#, "failed")]
#[case::usage_key(r#"printf '{"%s":1}' "$T" >"$ROK_USAGE""#, "failed")]
#[case::output_of_a_failure(r#"printf '{"a":"%s"}' "$T" >"$ROK_OUTPUT"; exit 1"#, "failed")]
#[case::output_of_a_timeout(r#"printf '{"a":"%s"}' "$T" >"$ROK_OUTPUT"; STAY"#, "failed")]
#[case::other_files_beside(r#"printf %s "$T" >"$ROK_OUTPUT.more"; mkdir "$ROK_OUTPUT.d"; printf %s "$T" >"$ROK_OUTPUT.d/x""#, "succeeded")]
fn files_for_rok_show_nothing(#[case] line: &str, #[case] state: &str) {
    for value in ["hunter2-Zq9.x_y", "1234567890"] {
        let line = line.replace('\'', "''");
        let vault = Vault::new(
            value,
            &format!(
                "  a: {{ run: '{line}', timeout: 500ms, required: false }}\n  b: {{ after: [a], run: 'true' }}\n"
            ),
        );
        let ran = vault.run_all().exits(0);
        vault.is_hidden(&[&ran]);
        assert_eq!(vault.step("a")["state"], state);
    }
}

/// An artifact that holds a secret is refused, and gone from the run's folder.
#[rstest]
#[case::content(r#"echo "x$T" >"$ROK_ARTIFACTS/f""#)]
#[case::over_a_border(r#"(head -c 65530 /dev/zero; printf %s "$T") >"$ROK_ARTIFACTS/f""#)]
#[case::json(r#"printf '{"t":"%s"}' "$T" >"$ROK_ARTIFACTS/f""#)]
#[case::base64(r#"printf %s "$T" | base64 >"$ROK_ARTIFACTS/f""#)]
#[case::name(r#"echo x >"$ROK_ARTIFACTS/$T""#)]
#[case::folder_name(r#"mkdir "$ROK_ARTIFACTS/$T""#)]
#[case::below_a_folder_name(
    r#"mkdir -p "$ROK_ARTIFACTS/a/$T/b"; echo x >"$ROK_ARTIFACTS/a/$T/b/c""#
)]
#[case::deep(r#"mkdir -p "$ROK_ARTIFACTS/a/b"; echo "$T" >"$ROK_ARTIFACTS/a/b/f""#)]
#[case::link_to_a_secret(r#"ln -s /proc/self/environ "$ROK_ARTIFACTS/env""#)]
#[case::name_of_a_link_target(r#"ln -s "/nowhere/$T" "$ROK_ARTIFACTS/l""#)]
#[case::backdated(r#"echo "$T" >"$ROK_ARTIFACTS/f"; touch -d '2001-01-01' "$ROK_ARTIFACTS/f""#)]
#[case::unreadable(r#"echo "$T" >"$ROK_ARTIFACTS/f"; chmod 000 "$ROK_ARTIFACTS/f""#)]
#[case::failing(r#"echo "$T" >"$ROK_ARTIFACTS/f"; exit 3"#)]
#[case::many(
    r#"for n in 1 2 3; do echo "$T" >"$ROK_ARTIFACTS/$n"; done; echo fine >"$ROK_ARTIFACTS/fine""#
)]
fn an_artifact_with_a_secret_is_refused(#[case] line: &str) {
    let line = line.replace('\'', "''");
    let vault = Vault::new(
        "hunter2-Zq9.x_y",
        &format!("  a: {{ run: '{line}', required: false }}\n  b: {{ after: [a], run: 'true' }}\n"),
    );
    let ran = vault.run_all().exits(0);
    vault.is_hidden(&[&ran]);
    assert_eq!(vault.class("a"), "policy_violation", "{}", vault.step("a"));
}

/// A declared artifact of the step's own folder is refused, and is gone: it can
/// be neither kept nor read by the next step.
#[test]
fn a_declared_artifact_with_a_secret_is_refused() {
    let vault = Vault::new(
        "hunter2-Zq9.x_y",
        "  a: { run: 'echo \"$T\" >out', artifacts: [{ path: out, required: true }], required: false }\n  b: { after: [a], run: test ! -e out }\n",
    );
    let ran = vault.run_all().exits(0);
    vault.is_hidden(&[&ran]);
    let reason = vault.step("a")["error"]["reason"].clone();
    assert_eq!(reason, "artifact `out` holds secret `TOKEN`");
}

/// Many secrets, one of them within another, and one that a plan does not use.
#[test]
fn secrets_that_overlap() {
    let vault = Vault::new("abcdefgh", "  a: { run: 'true' }\n");
    vault.write(
        "plan.yaml",
        "plan: p
secrets: [LONG, SHORT, UNUSED]
steps: { a: { run: 'echo \"$A\" \"$B\" \"$A$B\"; cat fixed', env: { A: '${{ secrets.LONG }}', B: '${{ secrets.SHORT }}' } } }
",
    );
    // Only made when the plan is already accepted.
    vault.write("fixed", "never handed in, and in a file: ijklmnop\n");
    let mut command = vault.bench.command(["run", "plan.yaml", "--run-id", "r"]);
    command.envs([
        ("LONG", "zzabcdefghzz"),
        ("SHORT", "abcdefgh"),
        ("UNUSED", "ijklmnop"),
    ]);
    let ran = crate::running::Running::start(command).finish().exits(0);
    vault.is_hidden(&[&ran]);
    let log = vault.bench.rok(["logs", "r", "a"]).exits(0).out;
    assert_eq!(log, "*** *** ******\nnever handed in, and in a file: ***\n");
}
