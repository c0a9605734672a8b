//! The settings of rok: one key table, resolved from flags, environment, files
//! and defaults, with the source of each value.
//!
//! It never falls back silently: a value that does not parse, an unknown key
//! and a contradiction are errors, and all of them are told at once. It writes
//! nothing and knows no engine.
//!
//! ```text
//!             KEYS (key, variable, flag, kind, default, doc)
//!                              │
//!  flags ▶ environment ▶ rok.toml ▶ user's file ▶ defaults
//!                              ▼
//!      Inputs ─resolve─▶ Resolved { settings, entries (value, source) }
//!                └─────▶ ConfigErrors (every fault)
//! ```
//!
//! ```
//! use rok_config::Inputs;
//!
//! let inputs = Inputs::empty("/srv/etl").env("ROK_USER", "ada").flag("dir", "runs-of-today", "--dir");
//! let resolved = inputs.resolve()?;
//! assert_eq!(resolved.settings.dir.to_str(), Some("/srv/etl/runs-of-today"));
//! assert_eq!(resolved.entry("dir").unwrap().source.to_string(), "flag --dir");
//! assert_eq!(resolved.entry("profile").unwrap().source.to_string(), "default");
//! # Ok::<(), rok_config::ConfigErrors>(())
//! ```

mod error;
mod file;
mod inputs;
mod keys;
mod nearest;
mod resolve;
mod settings;
mod user;
mod value;

pub use error::{ConfigErrors, ConfigFault};
pub use inputs::Inputs;
pub use keys::{KEYS, KeySpec, Kind};
pub use settings::{
    Entry, MailSettings, PasswordSource, RegistryRoot, RegistrySettings, Resolved, Settings,
    SigningKeySource, Source,
};
pub use value::{Hidden, Value};
