//! What verification found.

use super::paint::{Paint, clean};
use crate::terminal::Look;
use rok_service::views::{BookProof, SignatureCheck, StepState, VerifyReport, VerifyVerdict};
use std::fmt::Write as _;

/// The verdict, what it rests on, and everything that is wrong.
pub(crate) fn verify(report: &VerifyReport, look: Look) -> String {
    let paint = Paint::of(look);
    let mut out = String::new();
    let (sign, verdict) = match report.verdict {
        VerifyVerdict::Intact => (
            StepState::Succeeded,
            paint.good("INTACT: sealed, every line proved"),
        ),
        VerifyVerdict::Open => (
            StepState::Waiting,
            paint.warn(&format!(
                "OPEN: intact to line {}, not sealed",
                report.lines
            )),
        ),
        VerifyVerdict::Collected => (
            StepState::Succeeded,
            paint.good(&match report.collected_at {
                Some(at) => format!("STUB: head matches seal, content collected on {at}"),
                None => "STUB: head matches seal".to_owned(),
            }),
        ),
        VerifyVerdict::Broken => (StepState::Failed, paint.bad("BROKEN")),
    };
    let _ = writeln!(out, "{} {verdict}", paint.sign(sign));
    let _ = writeln!(out, "Run: {}", report.run_id);
    let _ = writeln!(out, "Lines: {}", report.lines);
    let _ = writeln!(out, "Head: {}", clean(&report.head));
    if let Some(phase) = report.phase {
        let epoch = report
            .epoch
            .map(|e| format!(", epoch {e}"))
            .unwrap_or_default();
        let _ = writeln!(out, "Replay: {phase}{epoch}");
    }
    if report.collected_at.is_none() {
        let _ = writeln!(out, "Artifacts: {} hashed again", report.artifacts);
    }
    for attestation in &report.attestations {
        let signature = match attestation.signature {
            SignatureCheck::Valid => paint.good("signature valid"),
            SignatureCheck::NotChecked => paint.warn("signature not checked"),
        };
        let _ = writeln!(
            out,
            "Attested: {}, lines 1 to {}, {signature}, key {}",
            clean(&attestation.file),
            attestation.lines,
            clean(&attestation.key_id)
        );
    }
    if let Some(checkpoint) = &report.checkpoint {
        let signature = match checkpoint.signature {
            SignatureCheck::Valid => paint.good("signature valid"),
            SignatureCheck::NotChecked => paint.warn("signature not checked"),
        };
        let _ = writeln!(
            out,
            "Checkpoint: {}, the log continues line {}, {signature}",
            clean(&checkpoint.file),
            checkpoint.lines
        );
        for cosigner in &checkpoint.cosigners {
            let _ = writeln!(
                out,
                "Cosigned: by {} at {}, key {}",
                clean(&cosigner.name),
                cosigner.at,
                clean(&cosigner.key_id)
            );
        }
    }
    for fault in &report.faults {
        let mut place = clean(&fault.file);
        if let Some(line) = fault.line {
            let _ = write!(place, ":{line}");
        }
        if let Some(byte) = fault.byte {
            let _ = write!(place, " (byte {byte})");
        }
        let _ = writeln!(
            out,
            "{} {place}: {}",
            paint.bad("wrong:"),
            clean(&fault.what)
        );
    }
    for note in &report.notes {
        let _ = writeln!(out, "{} {}", paint.hint("note:"), clean(note));
    }
    out
}

/// A book that is what was written, and what it does not hold.
pub(crate) fn book(proof: &BookProof, look: Look) -> String {
    let paint = Paint::of(look);
    let mut out = String::new();
    let verdict = match proof.lines {
        0 => "EMPTY: nobody has written into the desk's book",
        _ => "INTACT: the desk's book, every line proved",
    };
    let sign = paint.sign(StepState::Succeeded);
    let _ = writeln!(out, "{sign} {}", paint.good(verdict));
    let _ = writeln!(out, "Lines: {}", proof.lines);
    let _ = writeln!(out, "Head: {}", clean(&proof.head));
    if let Some(at) = proof.began_at {
        let _ = writeln!(out, "Began: {at}");
    }
    if proof.unchained > 0 {
        let _ = writeln!(out, "{} {}", paint.hint("note:"), unchained(proof));
    }
    out
}

fn unchained(proof: &BookProof) -> String {
    let about = format!(
        "what was done about {} incidents and lessons",
        proof.unchained
    );
    match proof.began_at {
        Some(at) => {
            format!("{about} before {at} is not chained; since then, no change of it is missed")
        }
        None => format!("{about} by an earlier version is not chained"),
    }
}
