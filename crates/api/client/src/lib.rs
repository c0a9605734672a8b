//! The runs of a server, its desk and its schedules, behind the same doors as
//! those of a folder; and its components, as a root of a registry.
//!
//! It decides nothing and keeps nothing: each question is a request, each
//! refusal the server's own, with its code. It never follows a redirect, and
//! never shows a token to anybody but the server, or in the clear.
//!
//! ```text
//! terminal ─ Service ─ RunsFacade ─▶ RemoteRuns ── HTTP, event streams ──▶ rok serve
//!                    └ DeskFacade, SchedulesFacade ─▶ RemoteDesk, RemoteSchedules ─┘
//! ```
//!
//! ```
//! use rok_client::RemoteRuns;
//!
//! let patience = std::time::Duration::from_secs(10);
//! assert!(RemoteRuns::at("http://127.0.0.1:5000", None, patience).is_ok());
//! let error = RemoteRuns::at("http://rok.example:5000", Some("rok_a_b"), patience).unwrap_err();
//! assert_eq!(error.code, "ROK0213");
//! ```

mod agents;
mod bundle;
mod connection;
mod fault;
mod proof;
mod registry;
mod stream;

mod desk;
mod engine;
mod schedules;

pub use agents::RemoteAgents;
pub use desk::RemoteDesk;
pub use engine::RemoteRuns;
pub use registry::RemoteComponents;
pub use schedules::RemoteSchedules;
