//! W3C trace and span ids as pure functions of what they name, so that the
//! pure core, the runner and a replay all come to the same ids.
//!
//! Nothing is random here and nothing is recorded: an id is a cut of a SHA-256
//! over a length-prefixed name, and is never all zero.
//!
//! ```text
//! TraceId::of(run) ─┬─ SpanId::of_run(run, epoch)
//!                   └─── SpanId::of_step(run, epoch, step)
//!                          └─ SpanId::of_attempt(run, epoch, step, attempt)
//! ```
//!
//! ```
//! use rok_trace_ids::{SpanId, TraceId, traceparent};
//! use rok_vocabulary::Epoch;
//!
//! let run = "run_abc".parse()?;
//! let (trace, span) = (TraceId::of(&run), SpanId::of_run(&run, Epoch::FIRST));
//! assert_eq!(trace, TraceId::of(&run));
//! assert_eq!(traceparent(trace, span).len(), 55);
//! # Ok::<(), rok_vocabulary::IdError>(())
//! ```
#![no_std]

extern crate alloc;

mod ids;

pub use ids::{SpanId, TraceId, TraceIdError, traceparent};
