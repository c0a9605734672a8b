//! Secret values that never print, and what keeps them out of output.
//!
//! [`Secrets`] holds values by name; neither `Debug` nor any error shows one.
//! [`Masker`] replaces every occurrence by `***`, in whole texts, JSON and
//! streams, also in JSON-escaped, base64 and URL-encoded form. [`Detector`]
//! tells whether bytes contain a secret. This crate never writes a value
//! anywhere and never logs.
//!
//! ```text
//! environment ─┐                ┌─▶ mask_str, mask_json
//!              ├─▶ Secrets ─▶ Masker ─▶ MaskStream (chunks of a log)
//! file 0600 ───┘                └─▶ Detector (chunks of an artifact)
//! ```
//!
//! ```
//! use rok_secrets::{Masker, Secrets};
//!
//! let secrets = Secrets::from_pairs([("TOKEN".parse()?, "s3cr3t-value")])?;
//! assert_eq!(format!("{secrets:?}"), r#"Secrets["TOKEN"]"#);
//!
//! let masker = Masker::new(&secrets);
//! let (mut stream, mut out) = (masker.stream(), Vec::new());
//! stream.push(b"the token is s3cr3t-", &mut out);
//! stream.push(b"value.", &mut out);
//! stream.finish(&mut out);
//! assert_eq!(out, b"the token is ***.");
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

mod file;
mod forms;
mod mask;
mod values;

pub use mask::{Detector, MaskStream, Masker, REPLACEMENT};
pub use values::{MIN_SECRET_BYTES, Secrets, SecretsError};
