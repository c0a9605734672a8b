//! The trace engine: a run is a trace, and its record sums up the spans.
//!
//! It keeps nothing and exports nothing: every id is a function of the run, and
//! a record is a function of the facts, so that a call repeated after a crash
//! yields the same one. Only the slowest attempts are named in it, since every
//! span can be computed again from the log.
//!
//! ```text
//! RunFacts ─start_trace─▶ TraceRecord (root span)
//! OutcomeFacts + attempts ─complete_trace─▶ TraceRecord (count, slowest)
//! ```
//!
//! ```
//! use std::sync::Arc;
//! use rok_facades::{OwnedRunFacts, TraceFacade};
//! use rok_traces::LocalTraces;
//! use rok_vocabulary::Timestamp;
//!
//! let facade = TraceFacade::new(Arc::new(LocalTraces::new()));
//! let facts = OwnedRunFacts::new("run_abc".parse()?, "demo".parse()?, Timestamp::from_millis(0));
//! let record = facade.start_trace(&facts.borrow()).record.expect("this engine always answers");
//! assert_eq!(record.trace_id, rok_trace_ids::TraceId::of(&facts.run));
//! # Ok::<(), rok_vocabulary::IdError>(())
//! ```

mod engine;

pub use engine::{LocalTraces, SLOWEST};
