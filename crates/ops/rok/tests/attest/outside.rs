//! Somebody else's verifier: public Python libraries, without a line of ours.

use super::{AUDIT, Desk, PROVENANCE};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use std::path::{Path, PathBuf};
use std::process::Command;

const RECORD: &str = "https://rok.dev/attestation/audit-record/v1";
const SLSA: &str = "https://slsa.dev/provenance/v1";

fn python() -> PathBuf {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../..");
    let python = root.join("target/tools/verifier/bin/python");
    assert!(
        python.is_file() && root.join("target/tools/verifier/ready").is_file(),
        "the public libraries that check attestations are not installed: \
         run `cargo xtask verifier` once (`cargo xtask test` does it by itself)"
    );
    python
}

/// Whether the verifier accepts an envelope, and what it said.
fn accepts(desk: &Desk, key: &str, envelope: &Path, predicate: &str) -> Result<(), String> {
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/attest/verify.py");
    let output = Command::new(python())
        .arg(script)
        .arg(desk.bench.path().join(key))
        .arg(envelope)
        .arg(predicate)
        .output()
        .expect("python starts");
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    if output.status.success() {
        assert_eq!(String::from_utf8_lossy(&output.stdout).trim(), predicate);
        return Ok(());
    }
    // A verifier that does not run at all rejects nothing.
    assert_eq!(output.status.code(), Some(1), "{said}");
    assert!(
        !said.contains("ModuleNotFoundError") && !said.contains("Traceback"),
        "{said}"
    );
    Err(said)
}

/// An envelope with one byte of a field changed, within its base64.
fn changed(bytes: &[u8], field: &str, at: usize) -> Vec<u8> {
    let mut envelope: serde_json::Value = serde_json::from_slice(bytes).expect("an envelope");
    let slot = match field {
        "payload" => &mut envelope["payload"],
        _ => &mut envelope["signatures"][0][field],
    };
    let mut value = STANDARD
        .decode(slot.as_str().expect("an envelope"))
        .expect("an envelope");
    value[at] ^= 1;
    *slot = STANDARD.encode(value).into();
    serde_json::to_vec(&envelope).expect("an envelope")
}

#[test]
fn a_public_verifier_accepts_both_envelopes_and_rejects_a_changed_byte() {
    let desk = Desk::sealed();
    let spoiled = desk.bench.path().join("spoiled.json");
    for (file, predicate) in [(AUDIT, RECORD), (PROVENANCE, SLSA)] {
        let path = desk.file(file);
        accepts(&desk, "ours.key.pub", &path, predicate).unwrap();
        let error = accepts(&desk, "other.key.pub", &path, predicate).unwrap_err();
        assert!(error.contains("VerificationError"), "{error}");

        let bytes = desk.read(file);
        for (field, at) in [("payload", 10), ("payload", 400), ("sig", 3), ("sig", 60)] {
            std::fs::write(&spoiled, changed(&bytes, field, at)).unwrap();
            let error = accepts(&desk, "ours.key.pub", &spoiled, predicate).unwrap_err();
            assert!(error.contains("VerificationError"), "{field} {at}: {error}");
        }
        // The type is signed too.
        let text = String::from_utf8(bytes).unwrap();
        let text = text.replace("vnd.in-toto+json", "vnd.in-toto+jsom");
        std::fs::write(&spoiled, text).unwrap();
        assert!(accepts(&desk, "ours.key.pub", &spoiled, predicate).is_err());
    }
    let path = desk.file(AUDIT);
    assert!(accepts(&desk, "ours.key.pub", &path, SLSA).is_err());
}

/// Keys are read by others as well: the private one too.
#[test]
fn a_public_library_reads_our_keys() {
    let desk = Desk::new();
    let script = "import sys
from cryptography.hazmat.primitives.serialization import *
private = load_pem_private_key(open(sys.argv[1], 'rb').read(), None)
public = load_pem_public_key(open(sys.argv[2], 'rb').read())
form = (Encoding.Raw, PublicFormat.Raw)
assert private.public_key().public_bytes(*form) == public.public_bytes(*form)
";
    let output = Command::new(python())
        .args(["-c", script])
        .arg(desk.bench.path().join("ours.key"))
        .arg(desk.bench.path().join("ours.key.pub"))
        .output()
        .expect("python starts");
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{said}");
}
