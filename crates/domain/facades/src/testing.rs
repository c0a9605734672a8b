//! Engines for tests elsewhere (feature `testing`): one that does everything
//! right, in memory, and that can be told to fail in every way an engine may.
//!
//! ```
//! # use std::sync::Arc;
//! use rok_facades::testing::{Fault, TestEngine};
//! use rok_facades::{Facades, OwnedRunFacts};
//! use rok_vocabulary::{AckErrorKind, Timestamp};
//!
//! let down = TestEngine::faulty(Fault::Unavailable).only("start_trace");
//! let ok = || Arc::new(TestEngine::ok());
//! let facades = Facades::new(ok(), ok(), Arc::new(down));
//! let facts = OwnedRunFacts::new("r1".parse()?, "p".parse()?, Timestamp::from_millis(0));
//! let answer = facades.traces.start_trace(&facts.borrow());
//! assert_eq!(answer.ack.error_kind(), Some(AckErrorKind::Unavailable));
//! # Ok::<(), rok_vocabulary::IdError>(())
//! ```

mod engine;

pub use engine::{Fault, Latch, TestEngine, facades, facades_over};
