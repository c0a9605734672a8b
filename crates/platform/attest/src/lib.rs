//! Proofs that leave the machine: keys, envelopes, statements, checkpoints.
//!
//! What it makes, others can read: PKCS#8 and SPKI keys in PEM, DSSE v1
//! envelopes, in-toto Statements v1, C2SP signed notes. It opens no file but keys',
//! reads no log and decides nothing about a run; a private key never appears in
//! an error or in `Debug`, and is wiped from memory.
//!
//! ```text
//! AuditRecord ─┐
//!              ├─▶ Statement ─seal─▶ Envelope ─▶ attestation.dsse.json, provenance.dsse.json
//! Provenance  ─┘                       ▲
//!                       SigningKey ────┤
//!                                      ▼
//! head of a log ─▶ Checkpoint ─sign─▶ Note ─cosign─▶ Note with a second party's line
//! ```
//!
//! ```
//! use rok_attest::{AUDIT_RECORD, Envelope, SigningKey, Statement, Subject};
//!
//! let key = SigningKey::from_seed([7; 32]);
//! let subject = Subject::file("out.csv", "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
//! let statement = Statement::new(vec![subject], AUDIT_RECORD, serde_json::json!({ "outcome": "succeeded" }));
//! let envelope = Envelope::seal(&statement.to_json(), &key);
//!
//! let read = Envelope::from_json(&envelope.to_json())?;
//! read.verify(&key.public())?;
//! assert_eq!(Statement::from_json(read.payload())?, statement);
//! assert!(read.verify(&SigningKey::from_seed([8; 32]).public()).is_err());
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

mod key;
mod key_file;

mod envelope;
mod statement;

mod audit_record;
mod provenance;

mod checkpoint;
mod note;

pub use audit_record::{
    AUDIT_RECORD, AckRecord, ArtifactRecord, AuditRecord, EpochRecord, ExpectationRecord,
    LogRecord, PlanRecord, SealRecord, StepRecord,
};
pub use checkpoint::{Checkpoint, CheckpointError, Head};
pub use envelope::{Envelope, EnvelopeError, PAYLOAD_TYPE};
pub use key::{KeyError, KeyId, PublicKey, SigningKey};
pub use key_file::KeyFileError;
pub use note::{Note, NoteError, NoteSignature};
pub use provenance::{BUILD_TYPE, BUILDER, PROVENANCE, Provenance};
pub use statement::{Statement, StatementError, Subject};
