//! The envelopes beside a log: what they say against what the log says.

use crate::export::KEY;
use crate::home::Home;
use crate::record::{LINES, LOG, Statements};
use rok_attest::{Envelope, PublicKey, Statement, Subject};
use rok_facades::runs::{
    AttestationView, SignatureCheck, VerifyFault, VerifyOptions, VerifyReport,
};
use rok_log::StoreError;
use rok_vocabulary::RunId;

/// The audit record's envelope.
pub(crate) const ATTESTATION: &str = "attestation.dsse.json";
/// The provenance's envelope.
pub(crate) const PROVENANCE_FILE: &str = "provenance.dsse.json";

/// An envelope that could be read.
pub(crate) struct Read {
    pub(crate) file: &'static str,
    pub(crate) envelope: Envelope,
    pub(crate) statement: Statement,
    /// How many lines of the log it covers.
    pub(crate) lines: u64,
}

/// The envelopes beside a log.
pub(crate) struct Envelopes(Vec<Read>);

fn fault(report: &mut VerifyReport, file: &str, what: impl Into<String>) {
    report.faults.push(VerifyFault {
        file: file.into(),
        line: None,
        byte: None,
        what: what.into(),
    });
}

/// The log among the subjects: an artifact may be called like it.
pub(crate) fn log_of(statement: &Statement) -> Option<&Subject> {
    let mut subjects = statement.subject().iter();
    subjects.find(|subject| subject.name == LOG && subject.annotations.contains_key(LINES))
}

/// How many lines a statement says that the log has.
fn lines_of(statement: &Statement) -> Option<u64> {
    log_of(statement)?.annotations.get(LINES)?.as_u64()
}

impl Envelopes {
    /// Reads them; what is missing where attestations are asked for, and what
    /// cannot be read or was not signed, is a fault.
    pub(crate) fn read(
        store: &Home,
        run: &RunId,
        options: &VerifyOptions,
        report: &mut VerifyReport,
    ) -> Result<Self, StoreError> {
        let (key, asked) = (options.key.as_ref(), options.asks_for_attestations());
        let (mut found, mut absent) = (Vec::new(), 0);
        for file in [ATTESTATION, PROVENANCE_FILE] {
            let bytes = match store.read_beside(run, file) {
                Ok(bytes) => bytes,
                Err(StoreError::Io { source, .. }) => {
                    fault(report, file, format!("cannot be read: {source}"));
                    continue;
                }
                Err(error) => return Err(error),
            };
            match bytes {
                None if asked => fault(
                    report,
                    file,
                    "is missing, and a key was given to check it by: `rok attest` writes it",
                ),
                None => absent += 1,
                Some(bytes) => match read(file, &bytes, key) {
                    Ok(read) => found.push(read),
                    Err(what) => fault(report, file, what),
                },
            }
        }
        // One without the other: it has just been written (the provenance comes
        // first), or attesting was cut short, or it was taken away.
        if let ([one], false) = (found.as_slice(), asked) {
            let one = one.file;
            let other = if one == ATTESTATION {
                PROVENANCE_FILE
            } else {
                ATTESTATION
            };
            match store.read_beside(run, other)? {
                Some(bytes) if absent == 1 => match read(other, &bytes, key) {
                    Ok(read) => found.push(read),
                    Err(what) => fault(report, other, what),
                },
                _ if report.faults.iter().any(|fault| fault.file == other) => {}
                _ => {
                    let what = format!("is missing, and {one} is there: `rok attest` writes both");
                    fault(report, other, what);
                }
            }
        }
        if absent == 2 && key.is_some() && !asked {
            report.notes.push(
                "the key was held against the checkpoint only: the run is not attested (`--attested` asks for that)"
                    .into(),
            );
        }
        Ok(Self(found))
    }

    /// Whether there is anything to compare.
    pub(crate) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Whether an envelope covers so many lines, and no more.
    pub(crate) fn cover(&self, lines: u64) -> bool {
        self.0.iter().any(|read| read.lines == lines)
    }

    /// Compares the envelopes that cover the lines of `said` with it.
    pub(crate) fn compare(&self, lines: u64, said: Option<&Statements>, report: &mut VerifyReport) {
        for read in self.0.iter().filter(|read| read.lines == lines) {
            let Some(said) = said else {
                let what = format!("covers lines 1 to {lines}, and line {lines} is no seal");
                fault(report, read.file, what);
                continue;
            };
            let expected = if read.file == ATTESTATION {
                &said.audit
            } else {
                &said.provenance
            };
            if let Some(at) = read.statement.differs_from(expected) {
                let what = format!("says at {at} what the log does not say");
                fault(report, read.file, what);
            }
        }
    }

    /// What is known of them once the log's `lines` were all compared.
    pub(crate) fn conclude(
        &self,
        lines: u64,
        sealed: bool,
        options: &VerifyOptions,
        report: &mut VerifyReport,
    ) {
        let key = options.key.as_ref();
        for read in &self.0 {
            if read.lines > lines {
                let what = format!(
                    "covers lines 1 to {}, and the log has {lines}: lines were taken away",
                    read.lines
                );
                fault(report, read.file, what);
            } else if read.lines < lines {
                let what = format!(
                    "covers lines 1 to {}, and the log has {lines}: the rest is not attested; `rok attest` attests all of it",
                    read.lines
                );
                // Who asks for a signature is not to be given unsigned lines.
                if options.asks_for_attestations() && sealed {
                    fault(report, read.file, what);
                } else {
                    report.notes.push(format!("{} {what}", read.file));
                }
            }
            report.attestations.push(AttestationView {
                file: read.file.into(),
                lines: read.lines,
                signature: match key {
                    Some(_) => SignatureCheck::Valid,
                    None => SignatureCheck::NotChecked,
                },
                key_id: match key {
                    Some(key) => key.id().to_string(),
                    None => names(&read.envelope),
                },
            });
        }
        if key.is_none() && !self.0.is_empty() {
            report
                .notes
                .push("signature not checked: no key (`--key PUBLIC`)".into());
        }
    }
}

/// Holds the public key in a bundle against the envelopes there: one that did
/// not sign them would have them checked by whoever put it there.
pub(crate) fn check_key(
    store: &Home,
    run: &RunId,
    report: &mut VerifyReport,
) -> Result<(), StoreError> {
    let Some(bytes) = store.read_beside(run, KEY)? else {
        return Ok(());
    };
    let text = std::str::from_utf8(&bytes).unwrap_or_default();
    let key = match PublicKey::from_pem(text) {
        Ok(key) => key,
        Err(error) => {
            fault(report, KEY, format!("holds no key: {error}"));
            return Ok(());
        }
    };
    let mut signed = 0;
    for file in [ATTESTATION, PROVENANCE_FILE] {
        let Some(bytes) = store.read_beside(run, file)? else {
            continue;
        };
        signed += 1;
        if let Err(error) = read(file, &bytes, Some(&key)) {
            let what = format!("is not the key that signed {file}: {error}");
            fault(report, KEY, what);
        }
    }
    if signed == 0 {
        fault(report, KEY, "is there, and nothing that it signed");
    }
    Ok(())
}

pub(crate) fn names(envelope: &Envelope) -> String {
    let names: Vec<String> = envelope
        .names()
        .take(4)
        .map(|name| name.chars().take(80).collect())
        .collect();
    names.join(", ")
}

pub(crate) fn read(
    file: &'static str,
    bytes: &[u8],
    key: Option<&PublicKey>,
) -> Result<Read, String> {
    let envelope = Envelope::from_json(bytes).map_err(|error| error.to_string())?;
    if let Some(key) = key {
        envelope.verify(key).map_err(|error| error.to_string())?;
    }
    let statement = Statement::from_json(envelope.payload()).map_err(|error| error.to_string())?;
    let lines = lines_of(&statement).ok_or("names no log among its subjects")?;
    Ok(Read {
        file,
        envelope,
        statement,
        lines,
    })
}
