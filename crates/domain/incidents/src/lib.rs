//! The incident engine: an incident for every run, and one for all that is the
//! same.
//!
//! It writes no truth of its own: the book's memory is a bounded cache of the
//! records that travelled in the runs' logs, and [`IncidentBook::restore`] fills
//! it again; [`StoredIncidents`] keeps beside them only what people did. It has
//! no clock and asks nobody.
//!
//! ```text
//! OutcomeFacts ─rules─▶ severity, category, dedup key
//!                              │ the same within an hour?
//!                              ▼
//!                IncidentBook ─┬─ no:  a new incident, count 1
//!                              └─ yes: an occurrence of the first, count n
//!
//! records of all logs ─┬─ fold ─▶ incidents as they stand: StoredIncidents
//! what people did ─────┘   (a line each of the desk's book)
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

mod rules;

mod book;

mod project;
mod stored;

pub use book::{IncidentBook, KEPT, WINDOW};
pub use rules::{category_of, severity_of};
pub use stored::StoredIncidents;
