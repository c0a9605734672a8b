//! Delivers what the outbox of a store holds.
//!
//! Rows of the outbox come with the commit that they speak of; how far a
//! delivery is lies beside them, durably, before anything is sent. A row goes
//! once a 2xx has been noted. This crate never sends what was not committed,
//! never forgets a row without a word, and never shows a key or a password.
//!
//! ```text
//!  commit ─▶ outbox row ─▶ round(now): due? ─swap─▶ attempt n, due again at …
//!                             ▲                         │ POST, signed; or a mail
//!                             └──── backoff ◀── failed ─┴─ 2xx ─▶ delivered, row removed
//! ```
//!
//! ```
//! use rok_notify::{Key, backoff};
//! use std::time::Duration;
//!
//! assert_eq!(backoff(1), Duration::from_secs(5));
//! assert_eq!(backoff(2), Duration::from_secs(10));
//! assert_eq!(backoff(99), Duration::from_secs(3_600));
//! assert_eq!(format!("{:?}", Key::new("0123456789abcdef").unwrap()), "Key(***)");
//! ```

mod key;
mod state;

mod hook;
mod mailer;

mod outbox;

mod courier;

/// The README's example is run as a test.
#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;

pub use courier::{Courier, StartError};
pub use key::{Key, KeyError};
pub use mailer::{MailError, MailServer, Mailer};
pub use outbox::{Outbox, Said};
pub use state::{DELIVERIES, Delivery, FailureClass, MAX_ATTEMPTS, Standing, backoff};
