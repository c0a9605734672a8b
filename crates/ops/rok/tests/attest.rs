//! Attestations through the real binary: what signs itself, what is refused,
//! and what `verify` and somebody else's verifier say of a changed byte.

mod support;

#[expect(dead_code, reason = "this file needs a part of it")]
#[path = "support/page.rs"]
mod page;

#[path = "attest/bundles.rs"]
mod bundles;
#[path = "attest/checkpoints.rs"]
mod checkpoints;
#[path = "attest/cutting.rs"]
mod cutting;
#[path = "attest/forging.rs"]
mod forging;
#[path = "attest/outside.rs"]
mod outside;
#[path = "attest/pages.rs"]
mod pages;
#[path = "attest/signing.rs"]
mod signing;
#[path = "attest/verifying.rs"]
mod verifying;

use std::fs;
use std::path::PathBuf;
use support::{Bench, Ran};

const RUN: &str = "signed";
const AUDIT: &str = "attestation.dsse.json";
const PROVENANCE: &str = "provenance.dsse.json";
const PLAN: &str = r#"
plan: signed
inputs: { day: { type: string, default: monday } }
max_parallel: 1
steps:
  make:
    run: 'echo data > "$ROK_ARTIFACTS/data.txt"; echo here > here.txt; env'
    artifacts: [{ path: data.txt, required: true }, { path: here.txt, required: true }]
  gate: { run: "true", gate: manual, needs: [make] }
  end: { run: "true", needs: [gate] }
"#;

/// A folder with a key, `ours.key`, another, `other.key`, and the plan.
struct Desk {
    bench: Bench,
}

impl Desk {
    fn new() -> Self {
        let bench = Bench::new();
        bench.write("plan.yaml", PLAN);
        for key in ["ours.key", "other.key"] {
            bench.rok(["key", "new", "--out", key]).exits(0);
        }
        Self { bench }
    }

    /// With a run that waits for a decision.
    fn held() -> Self {
        let desk = Self::new();
        desk.signing(&["run", "plan.yaml", "--run-id", RUN])
            .exits(1);
        desk
    }

    /// With a run that is COMPLETED and has attested itself.
    fn sealed() -> Self {
        let desk = Self::held();
        let approve = ["approve", RUN, "gate", "--reason", "seen"];
        desk.signing(&approve).exits(0);
        desk.signing(&["resume", RUN]).exits(0);
        desk
    }

    fn rok(&self, args: &[&str]) -> Ran {
        self.bench.rok(args)
    }

    /// Runs `rok` with our key configured.
    fn signing(&self, args: &[&str]) -> Ran {
        let mut command = self.bench.command(args);
        command.env("ROK_SIGNING_KEY_FILE", "ours.key");
        Ran::from(command.output().expect("rok starts"))
    }

    fn file(&self, name: &str) -> PathBuf {
        self.bench.runs().join(RUN).join(name)
    }

    fn read(&self, name: &str) -> Vec<u8> {
        fs::read(self.file(name)).expect("it is there")
    }

    fn write(&self, name: &str, bytes: impl AsRef<[u8]>) {
        fs::write(self.file(name), bytes).expect("it is ours");
    }

    /// Verifies by our public key, as JSON.
    fn verify(&self) -> Ran {
        self.rok(&["verify", RUN, "--json", "--key", "ours.key.pub"])
    }

    /// The first thing that is wrong, by our key: file and what.
    #[track_caller]
    fn fault(&self) -> (String, String) {
        let report = self.verify().exits(4).json();
        assert_eq!(report["verdict"], "broken");
        let text = |field: &str| {
            report["faults"][0][field]
                .as_str()
                .expect("a text")
                .to_owned()
        };
        (text("file"), text("what"))
    }
}
