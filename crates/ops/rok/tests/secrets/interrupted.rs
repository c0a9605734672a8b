//! Nothing secret is left where a run was cut short.

use crate::running::Fifo;
use crate::vault::Vault;
use rustix::process::Signal;

const VALUE: &str = "hunter2-Zq9.x_y";

/// Prints the secret for ever, with an output and an artifact half done.
const BUSY: &str = r#"  a:
    kill_grace: 200ms
    run: |
      if [ -e pass ]; then exit; fi
      printf '{"a":"%s"}' "$T" >"$ROK_OUTPUT"
      printf '{"reason":"%s"}' "$T" >"$ROK_ERROR"
      printf %s "$T" | head -c 7
      for n in 1 2 3 4 5; do echo "$T"; done
      echo up >ready
      sleep 0.01
      while :; do echo "$T" || sleep 0.01; done
"#;

/// `kill -9` at any moment: only the next owner can tidy the private folder
/// beside, and does.
#[test]
fn a_killed_owner_leaves_nothing_in_the_run_folder() {
    let vault = Vault::new(VALUE, BUSY);
    let ready = Fifo::new(&vault, "ready");
    let run = vault.rok(&["run", "plan.yaml", "--run-id", "r"]);
    ready.read();
    run.signal(Signal::KILL);
    let killed = run.finish().exits(-1);
    assert_eq!(vault.found_in(&vault.bench.runs()), Vec::<String>::new());
    vault.write("pass", "");
    let resumed = vault.rok(&["resume", "r"]).finish().exits(0);
    vault.is_hidden(&[&killed, &resumed]);
    assert_eq!(vault.survivors(), Vec::<String>::new());
}

/// What a killed owner could not look at, its successor does.
#[test]
fn an_artifact_of_a_killed_owner_is_found_by_the_next() {
    let vault = Vault::new(
        VALUE,
        "  a: { run: 'if [ -e pass ]; then exit; fi; mkdir -p \"$ROK_ARTIFACTS/d\"; echo \"$T\" >\"$ROK_ARTIFACTS/d/f\"; echo up >ready; STAY', required: false }\n",
    );
    let ready = Fifo::new(&vault, "ready");
    let run = vault.rok(&["run", "plan.yaml", "--run-id", "r"]);
    ready.read();
    run.signal(Signal::KILL);
    run.finish().exits(-1);
    vault.write("pass", "");
    let resumed = vault.rok(&["resume", "r"]).finish();
    vault.is_hidden(&[&resumed]);
    assert_eq!(vault.class("a"), "policy_violation");
}

#[test]
fn a_timeout_leaves_nothing() {
    let vault = Vault::new(
        VALUE,
        &BUSY
            .replace("echo up >ready", "")
            .replace("kill_grace", "timeout: 300ms\n    kill_grace"),
    );
    let ran = vault.run_all().exits(1);
    assert_eq!(vault.class("a"), "timeout");
    vault.is_hidden(&[&ran]);
}

#[test]
fn ctrl_c_leaves_nothing() {
    let vault = Vault::new(VALUE, BUSY);
    let ready = Fifo::new(&vault, "ready");
    let run = vault.rok(&["run", "plan.yaml", "--run-id", "r"]);
    ready.read();
    run.signal(Signal::INT);
    let ran = run.finish().exits(130);
    vault.is_hidden(&[&ran]);
}

/// Resumed without its secret, a run is left as it is and names it.
#[test]
fn a_resume_without_the_secret_names_it() {
    let vault = Vault::new(VALUE, BUSY);
    let ready = Fifo::new(&vault, "ready");
    let run = vault.rok(&["run", "plan.yaml", "--run-id", "r"]);
    ready.read();
    run.signal(Signal::INT);
    run.finish().exits(130);
    vault.write("pass", "");
    let refused = vault.bench.rok(["resume", "r"]).exits(2);
    let missing = "secret `TOKEN` is missing: set it in the environment";
    assert!(refused.err.contains(missing), "{}", refused.err);
    let resumed = vault.rok(&["resume", "r"]).finish().exits(0);
    vault.is_hidden(&[&refused, &resumed]);
}

/// A reason of a later command would be written down too.
#[test]
fn a_secret_in_the_reason_of_a_resume_is_refused_unsaid() {
    let vault = Vault::new(VALUE, BUSY);
    let ready = Fifo::new(&vault, "ready");
    let run = vault.rok(&["run", "plan.yaml", "--run-id", "r"]);
    ready.read();
    run.signal(Signal::INT);
    run.finish().exits(130);
    vault.write("pass", "");
    let args = ["resume", "r", "--reason", "again with hunter2-Zq9.x_y"];
    let refused = vault.rok(&args).finish().exits(2);
    assert!(refused.err.contains("ROK0110"), "{}", refused.err);
    let resumed = vault.rok(&["resume", "r"]).finish().exits(0);
    vault.is_hidden(&[&refused, &resumed]);
}

/// Whoever does not know the secret and writes it all the same: the owner
/// masks it.
#[test]
fn a_secret_in_the_reason_of_a_command_is_masked_or_refused() {
    let vault = Vault::new(VALUE, BUSY);
    let ready = Fifo::new(&vault, "ready");
    let run = vault.rok(&["run", "plan.yaml", "--run-id", "r"]);
    ready.read();
    let args = ["cancel", "r", "--reason", "it printed hunter2-Zq9.x_y"];
    let refused = vault.rok(&args).finish().exits(2);
    assert!(refused.err.contains("ROK0110"), "{}", refused.err);
    let cancelled = vault.bench.rok(args).exits(0);
    let ran = run.finish().exits(1);
    assert_eq!(vault.summary()["outcome"], "cancelled");
    vault.is_hidden(&[&refused, &cancelled, &ran]);
    let events = vault.bench.events("r");
    let requested = events
        .iter()
        .find(|event| event["event_type"] == "run.cancel_requested");
    assert_eq!(
        requested.map(|event| &event["reason"]),
        Some(&"it printed ***".into())
    );
}
