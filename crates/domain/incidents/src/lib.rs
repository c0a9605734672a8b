//! The incident engine: an incident for every run, and one for all that is the
//! same.
//!
//! It writes nothing: its memory is a bounded cache of the records that
//! travelled in the runs' logs, and [`IncidentBook::restore`] fills it again.
//! It has no clock and asks nobody.
//!
//! ```text
//! OutcomeFacts ─rules─▶ severity, category, dedup key
//!                              │ the same within an hour?
//!                              ▼
//!                IncidentBook ─┬─ no:  a new incident, count 1
//!                              └─ yes: an occurrence of the first, count n
//! ```
//!
//! ```
//! use std::sync::Arc;
//! use rok_facades::{IncidentFacade, IncidentStatus, OwnedOutcomeFacts, OwnedRunFacts};
//! use rok_incidents::IncidentBook;
//! use rok_vocabulary::{Outcome, Severity, Timestamp};
//!
//! let facade = IncidentFacade::new(Arc::new(IncidentBook::new()));
//! let run = OwnedRunFacts::new("run_abc".parse()?, "demo".parse()?, Timestamp::from_millis(0));
//! let facts = OwnedOutcomeFacts::new(run, Outcome::Succeeded);
//! let incident = facade.record_run_outcome(&facts.borrow()).record.expect("this engine answers");
//! assert_eq!((incident.severity, incident.status), (Severity::None, IncidentStatus::Closed));
//! # Ok::<(), rok_vocabulary::IdError>(())
//! ```

mod book;
mod rules;

pub use book::{IncidentBook, KEPT, WINDOW};
pub use rules::{category_of, severity_of};
