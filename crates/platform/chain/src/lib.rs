//! A tamper-evident hash chain over the lines of a run's log.
//!
//! Pure: it hashes, reads and judges bytes. It never opens a file, and it does
//! not know what an event means beyond the header that frames it.
//!
//! ```text
//! h(-1) = sha256("rok-log-1\n" || run_id)        h(n) = sha256(h(n-1) || line n)
//!
//! {"event_id":"r:0",…,"seq":0,"chain":"<16 hex of h(-1)>"}
//! {"event_id":"r:1",…,"seq":1,"chain":"<16 hex of h(0)>","more":true}  ┐ one
//! {"event_id":"r:2",…,"seq":2,"chain":"<16 hex of h(1)>"}              ┘ decision
//! ```
//!
//! [`ChainHash`] links lines, [`Verifier`] checks them one by one, [`Framing`]
//! finds the last whole decision, [`verify_log`] judges a whole log against
//! the seal that lies beside it.
//!
//! ```
//! use rok_chain::{ChainHash, LogState, verify_log};
//! use rok_vocabulary::RunId;
//!
//! let run: RunId = "r".parse()?;
//! let head = ChainHash::genesis(&run);
//! let line = format!(
//!     r#"{{"event_id":"r:0","event_type":"run.created","run_id":"r","seq":0,"chain":"{}"}}"#,
//!     head.short_str(),
//! );
//! let log = format!("{line}\n");
//! let report = verify_log(&run, log.as_bytes(), None);
//! assert_eq!(report.fault, None);
//! assert_eq!(report.state, LogState::Open);
//! assert_eq!(report.head, head.next(line.as_bytes()));
//! # Ok::<(), Box<dyn core::error::Error>>(())
//! ```
#![no_std]

extern crate alloc;

mod framing;
mod hash;
mod header;
mod report;
#[cfg(test)]
mod script;
mod seal;
mod verifier;

pub use framing::{Framing, TornTail};
pub use hash::{ChainHash, Digest, HashError};
pub use header::LineHeader;
pub use report::{LogFault, LogReport, LogState, SealCheck, Wrong, verify_log};
pub use seal::{Seal, SealError};
pub use verifier::{AFTER_SEAL, LineFault, SealedLine, Verifier};
