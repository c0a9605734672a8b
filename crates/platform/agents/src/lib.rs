//! Agents: who may take a step, on what terms, and what follows when one fails.
//!
//! Never reads a clock, a file or the network, and verifies no signature: it is
//! told what happened, and says what comes next.
//!
//! ```text
//!  Need, Candidates ─negotiate─▶ Table ─▶ Routing ─next─▶ Offer | GiveUp
//!                                           ▲ happened: refused, lost, late, forged, …
//!  Terms ─▶ OfferAnswer ─judge─▶ accepted (notes) or refused
//!  beats ─▶ Watch ─▶ still working, silent, too slow
//! ```
//!
//! ```
//! use rok_agents::{Happened, Move, Need, Routing, Table};
//! use rok_vocabulary::ErrorClass;
//!
//! let need = Need::of("translate".parse()?);
//! let nobody = Routing::new(&need, true, &Table::default());
//! let Move::GiveUp(given_up) = nobody.next() else { panic!("there is nobody") };
//! assert_eq!(given_up.class, ErrorClass::ConfigError);
//! # Ok::<(), rok_vocabulary::IdError>(())
//! ```
#![no_std]

extern crate alloc;

mod spec;

mod negotiate;

mod terms;

mod routing;
mod watch;

mod wire;

/// The README's example is run as a test.
#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;

pub use negotiate::{Candidate, Health, Need, RUN, Refusal, Row, Table, has_quorum, negotiate};
pub use routing::{GivenUp, Happened, Move, Routing, Taker, Tried};
pub use spec::AgentSpec;
pub use terms::{Accepted, BudgetLeft, Cannot, OfferAnswer, StepPolicy, Terms, judge};
pub use watch::{Limits, Watch};
pub use wire::{
    AgentCard, Offer, Order, PROTOCOL, ProcessOrder, Signed, SignedWhat, WorkError, WorkResult,
    WorkStatus, WorkUsage,
};
