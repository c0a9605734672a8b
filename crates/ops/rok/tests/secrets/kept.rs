//! Files that steps make and change: their names tell no secret, and what was
//! somebody's before the step is never lost for holding one.

use crate::running::Fifo;
use crate::vault::Vault;
use rstest::rstest;
use rustix::process::Signal;
use serde_json::Value;
use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::PathBuf;

const VALUE: &str = "tok-Zq9xW2pL7v";

fn vault(line: &str, declared: &str) -> Vault {
    let line = line.replace('\'', "''");
    Vault::new(
        VALUE,
        &format!("  a: {{ run: '{line}', artifacts: [{{ path: \"{declared}\" }}] }}\n"),
    )
}

/// Path and reason of what was put aside.
fn aside(vault: &Vault) -> Vec<(String, String)> {
    let mut events = vault.bench.events("r");
    events.retain(|event| event["event_type"] == "artifact.quarantined");
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let told = |event: &Value| (text(&event["artifact_path"]), text(&event["reason"]));
    events.iter().map(told).collect()
}

fn quarantine(vault: &Vault, path: &str) -> PathBuf {
    vault.bench.runs().join("r/quarantine/a.0").join(path)
}

/// It is in no event, no file and no name of the run's folder; the file itself
/// says nothing, and is kept.
#[rstest]
#[case::name(r#"mkdir out; echo hello >"out/$T.txt""#, "out/*", "out/***.txt")]
#[case::folder(r#"mkdir -p "out/$T"; echo hello >"out/$T/f""#, "out/**", "out/***/f")]
#[case::failing(r#"mkdir out; echo hello >"out/x$T"; exit 3"#, "out/*", "out/x***")]
#[case::base64(
    r#"mkdir out; echo hello >"out/$(printf %s "$T" | base64)""#,
    "out/*",
    "out/***"
)]
fn a_name_tells_nothing(#[case] line: &str, #[case] declared: &str, #[case] path: &str) {
    let vault = vault(line, declared);
    let ran = vault.run_all().exits(1);
    assert_eq!(vault.found_in(&vault.bench.runs()), Vec::<String>::new());
    assert!(!format!("{}{}", ran.out, ran.err).contains(VALUE));
    let told = aside(&vault);
    assert_eq!(told.len(), 1, "{told:?}");
    assert!(told[0].0.starts_with(path), "{told:?}");
    assert!(told[0].1.starts_with("the attempt ended as "), "{told:?}");
    let kept = quarantine(&vault, "cwd").join(&told[0].0);
    assert_eq!(fs::read_to_string(kept).expect("it is kept"), "hello\n");
    for args in [&["events", "r", "--json"][..], &["status", "r", "-v"]] {
        let said = vault.bench.rok(args).exits(0);
        assert!(!said.out.contains(VALUE), "{}", said.out);
    }
    vault.bench.rok(["verify", "r"]).exits(0);
}

/// As above, told by the next owner.
#[test]
fn a_name_that_a_killed_owner_left_tells_nothing() {
    let vault = vault(
        r#"test ! -e pass || exit 3; mkdir out; echo hello >"out/$T.txt"; echo up >ready; STAY"#,
        "out/*",
    );
    let ready = Fifo::new(&vault, "ready");
    let run = vault.rok(&["run", "plan.yaml", "--run-id", "r"]);
    ready.read();
    run.signal(Signal::KILL);
    run.finish().exits(-1);
    vault.write("pass", "");
    let resumed = vault.rok(&["resume", "r"]).finish().exits(1);
    vault.is_hidden(&[&resumed]);
    assert_eq!(aside(&vault)[0].0, "out/***.txt");
}

/// What a step reads is named when it cannot be read.
#[test]
fn what_a_step_reads_tells_nothing() {
    let vault = Vault::new(
        VALUE,
        "  a: { run: 'mkdir in; mkfifo \"in/$T\"' }\n  b: { needs: [a], cache: true, reads: ['in/*'], run: 'true' }\n",
    );
    let ran = vault.run_all();
    assert_eq!(vault.found_in(&vault.bench.runs()), Vec::<String>::new());
    assert!(!format!("{}{}", ran.out, ran.err).contains(VALUE));
}

/// The user's file, to which a step only added: it is taken away from where it
/// could be read as a result, and is whole where it is kept.
#[rstest]
#[case::succeeding(r#"echo "TOKEN=$T" >>config.env"#)]
#[case::failing(r#"echo "TOKEN=$T" >>config.env; exit 3"#)]
fn what_was_there_before_is_kept(#[case] line: &str) {
    let vault = vault(line, "config.env");
    vault.write("config.env", "IMPORTANT=1\n");
    let ran = vault.run_all().exits(1);
    let kept = quarantine(&vault, "cwd/config.env");
    assert!(!vault.bench.path().join("config.env").exists());
    let text = fs::read_to_string(&kept).expect("it is kept");
    assert_eq!(text, format!("IMPORTANT=1\nTOKEN={VALUE}\n"));
    let mode = |path: &std::path::Path| {
        let meta = fs::metadata(path).expect("it is there");
        meta.permissions().mode() & 0o777
    };
    assert_eq!(mode(&kept), 0o600);
    assert_eq!(mode(&vault.bench.runs().join("r/quarantine")), 0o700);
    let told = aside(&vault);
    assert!(told[0].1.ends_with("kept for its owner only"), "{told:?}");
    let named = "is put aside in quarantine/a.0: `config.env`";
    let summary = vault.bench.rok(["summary", "r"]).exits(0);
    let explained = vault.bench.rok(["explain", "r", "a"]).exits(0);
    for said in [&ran.err, &summary.out, &explained.out] {
        assert!(said.contains(named), "{said}");
    }
    // Nowhere else, and no bundle takes it along.
    vault.bench.rok(["export", "r", "-o", "r.bundle"]).exits(0);
    fs::remove_file(kept).expect("ours");
    vault.is_hidden(&[&ran, &summary, &explained]);
    let import = ["import", "r.bundle", "--dir", "there"];
    vault.bench.rok(import).exits(0);
    vault.is_hidden(&[]);
}

/// No secret, but the user's all the same: it is said where it is.
#[test]
fn what_was_there_before_and_is_put_aside_is_named() {
    let vault = vault("echo more >>notes.txt; exit 3", "*.txt");
    vault.write("notes.txt", "mine\n");
    vault.write("other.txt", "untouched\n");
    vault.run_all().exits(1);
    let kept = fs::read_to_string(quarantine(&vault, "cwd/notes.txt"));
    assert_eq!(kept.expect("it is kept"), "mine\nmore\n");
    assert!(vault.bench.path().join("other.txt").exists());
    let reason = vault.step("a")["error"]["reason"].clone();
    assert_eq!(
        reason,
        "exit code 3; what was there before it, and changed, is put aside in quarantine/a.0: `notes.txt`"
    );
}
