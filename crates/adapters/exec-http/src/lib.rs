//! Performs `http` steps: one small runtime for all requests, no thread a
//! request.
//!
//! Every address is judged by [`Egress`] rules as it is connected to, redirects
//! included. Secrets are filled in here and nowhere before, and masked in
//! everything that goes back. This crate never uses a proxy of the environment,
//! never sends a plan's headers to another host, never reads more of an answer
//! than was allowed, and never tries again: that is the kernel's to decide.
//!
//! ```text
//!  start ─▶ outgoing (secrets) ─▶ Flights ──Client──▶ answer ─▶ judge ─▶ report
//!  cancel ──────────────────────────┘ └ deadline        (status → class, outputs)
//! ```
//!
//! ```
//! use rok_exec_http::Egress;
//!
//! let rules = Egress::new(["*", "build.corp.example"], ["ads.example.com"])?;
//! assert!(rules.check_host("api.example.com").is_ok());
//! assert!(rules.check_host("ads.example.com").is_err());
//! assert!(rules.check_address("api.example.com", "169.254.169.254".parse().unwrap()).is_err());
//! # Ok::<(), rok_exec_http::EgressError>(())
//! ```

mod answer;
mod client;
mod egress;
mod executor;
mod flights;
mod network;
mod request;

/// The README's example is run as a test.
#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;

pub use answer::{failure, unexpected};
pub use client::{Answer, Client, ClientError, Outgoing, RequestError, header};
pub use egress::{Egress, EgressError, Refused};
pub use executor::HttpExecutor;
pub use flights::{Beyond, Flights, Flown, Known};
pub use request::{address, ours};
pub use reqwest::{Method, StatusCode, Url, header as headers};
