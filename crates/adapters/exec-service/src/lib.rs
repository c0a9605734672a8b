//! Performs `service` steps: a call of a worker that the service map names.
//!
//! A call is one POST with the site, the run and the domain; the answer is a
//! JSON object. What is not configured fails its own step and no other. This
//! crate never shows a key, never follows a redirect, and never tries again.
//!
//! ```text
//!  services.toml ─▶ ServiceMap ─┬▶ Standing (ready, needs_config, blocked)
//!  environment, file, command ──┤
//!  StepRequest ─▶ ServiceExecutor ──POST {base}/api/run──▶ worker ─▶ outputs
//! ```
//!
//! ```
//! use rok_exec_service::ServiceMap;
//!
//! let map = ServiceMap::parse("
//! [crawler]
//! worker_key = 'crawl'
//! name = 'Crawler'
//! base_url = 'http://127.0.0.1:5101'
//! bearer = false
//! ", "services.toml")?;
//! assert!(map.get("crawler").is_some_and(|service| service.run == "/api/run"));
//! assert!(map.get("technical-seo").is_some(), "what is built in stays");
//! # Ok::<(), rok_exec_service::MapError>(())
//! ```

mod map;

mod standing;

mod key;

mod answer;
mod executor;

/// The README's example is run as a test.
#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;

pub use executor::{Health, ServiceExecutor};
pub use key::{Key, KeyError, KeySource, fingerprint};
pub use map::{MapError, ServiceMap, ServiceSpec};
pub use standing::{Environment, Standing};
