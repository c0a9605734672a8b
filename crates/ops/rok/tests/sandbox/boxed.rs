//! A plan with one step in a sandbox, and what came of it.

use crate::support::Ran;
use rok_sandbox::Offer;
use serde_json::Value;
use std::fs;
use std::path::PathBuf;
use std::process::{Command, Stdio};

/// A folder with the plan's folder, the runs, and a temporary folder: apart, as
/// they are in life.
pub(crate) struct Boxed {
    pub(crate) dir: tempfile::TempDir,
}

impl Boxed {
    /// A step with this sandbox that runs this script.
    pub(crate) fn new(sandbox: &str, script: &str) -> Self {
        let lines: Vec<String> = script.lines().map(|line| format!("      {line}")).collect();
        let script = lines.join("\n");
        Self::plan(&format!(
            "steps:\n  a:\n    sandbox: {sandbox}\n    run: |\n{script}"
        ))
    }

    /// A plan with these steps.
    pub(crate) fn plan(steps: &str) -> Self {
        let dir = tempfile::tempdir().expect("a temporary folder");
        for folder in ["work", "work/out", "tmp", "home"] {
            fs::create_dir(dir.path().join(folder)).expect("a folder in it");
        }
        fs::write(dir.path().join("secret"), "treasure\n").expect("a file in it");
        fs::write(
            dir.path().join("work/plan.yaml"),
            format!("plan: boxed\n{steps}"),
        )
        .expect("a file in it");
        Self { dir }
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    /// A command that runs `rok` in the plan's folder.
    pub(crate) fn rok(&self, args: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_rok"));
        command
            .args(args)
            .current_dir(self.path("work"))
            .env_clear()
            // Programs of the system: those of a home are not within reach.
            .env("PATH", "/usr/local/bin:/usr/bin:/bin")
            .env("HOME", self.path("home"))
            .env("TMPDIR", self.path("tmp"))
            .env("ROK_DIR", self.path("runs"))
            .env("ROK_USER", "tester")
            .stdin(Stdio::null());
        command
    }

    /// Runs the plan as run `r`; `None` where this machine has no sandboxes: it
    /// was refused then, which is looked at here.
    pub(crate) fn run(&self) -> Option<Ran> {
        let ran = self.ran(&["run", "plan.yaml", "--run-id", "r"]);
        if Offer::of_this_machine().is_complete() {
            return Some(ran);
        }
        let ran = ran.exits(5);
        assert!(ran.out.contains("sandbox_violation"), "{}", ran.out);
        assert!(!self.path("runs/r/logs/a.0.log").exists(), "nothing began");
        None
    }

    pub(crate) fn ran(&self, args: &[&str]) -> Ran {
        Ran::from(self.rok(args).output().expect("rok starts"))
    }

    /// What the step printed.
    pub(crate) fn log(&self) -> String {
        fs::read_to_string(self.path("runs/r/logs/a.0.log")).expect("the step has a log")
    }

    /// The step's error class and reason, as the record has them.
    pub(crate) fn failure(&self) -> (String, String) {
        let failed = self.events("step.failed").pop().expect("it failed");
        let text = |key: &str| failed[key].as_str().unwrap_or_default().to_owned();
        (text("error_class"), text("reason"))
    }

    pub(crate) fn events(&self, kind: &str) -> Vec<Value> {
        let text = fs::read_to_string(self.path("runs/r/events.jsonl")).expect("a log");
        let events = text.lines().map(serde_json::from_str::<Value>);
        let events = events.map(|event| event.expect("each line is JSON"));
        events.filter(|event| event["event_type"] == kind).collect()
    }
}
