//! The HTTP interface of rok: REST, server-sent events, OpenAPI and metrics
//! over the use cases of `rok-service`.
//!
//! It decides nothing about a run and knows no store: it says who asks, lets
//! the door and the use cases answer, and turns refusals into problems. It
//! never follows a path that came in, and never holds a thread for a client
//! that only waits.
//!
//! ```text
//!  socket ─ Server (limits, TLS) ─▶ dispatch ─ who? ─ may they? ─▶ operation ─▶ Service
//!                                     ▲                              │  blocking, bounded
//!            OPERATIONS, the one table ┴─▶ OpenAPI                   ▼
//!                                     Hub ◀── Drivers ◀── submit, resume, rollback
//! ```
//!
//! ```
//! let document = rok_http::openapi();
//! assert_eq!(document["openapi"], "3.1.0");
//! assert!(document["paths"]["/api/v1/runs"]["post"].is_object());
//! ```

mod options;

mod problem;

mod call;
mod operation;
mod schemas;

mod auth;
mod query;

mod driver;
mod hub;
mod metrics;

mod app;
mod dispatch;
mod incoming;
mod respond;
mod rest;

mod operations;

mod openapi;
mod schedules;
mod server;

mod orchestration;

pub use openapi::openapi;
pub use options::{Limits, Log, ServeOptions, TlsFiles};
pub use schemas::{
    AddSchedule, Backfill, BatchRequest, CollectBody, Commanded, ComponentPage, Definition,
    DuePage, EventPage, FiringPage, IncidentPage, LessonPage, PlanPage, Reason, ReplayBody,
    SchedulePage, SignedPage, SignedView, SubmitRequest, Trigger,
};
pub use server::Server;
