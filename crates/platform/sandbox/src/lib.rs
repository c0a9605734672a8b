//! Confines a process before it becomes a step's program: files, network,
//! limits, privileges, inherited descriptors.
//!
//! It lays on all that is asked for, or the program is not started: there is no
//! best effort. It starts no process and never confines its caller but in
//! [`launch`], which ends in the program or in a refusal.
//!
//! ```text
//!  rok ──spawn──▶ rok __exec ORDER PROGRAM …        (one process, one id)
//!                   │ launch: paths ▶ privileges ▶ Landlock ▶ seccomp ▶ limits
//!                   ├──── exec ──▶ the program
//!                   └──── refusal, in a file that the program could never open
//! ```
//!
//! ```
//! use rok_sandbox::{Confinement, Offer, Reach};
//!
//! let order = Confinement { read: vec!["/srv/data".into()], ..Confinement::default() };
//! assert_eq!(order.reach, Reach::Nobody);
//! let read: Confinement = serde_json::from_str(&order.to_json())?;
//! assert_eq!(read, order);
//! // What this machine cannot do of it, each in a sentence.
//! let lacks: Vec<String> = Offer::of_this_machine().lacks(&order);
//! # let _ = lacks;
//! # Ok::<(), serde_json::Error>(())
//! ```

mod confinement;
mod offer;

mod calls;
mod files;
mod limits;
mod paths;
mod privileges;

mod launch;

/// The README's example is run as a test.
#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;

pub use confinement::{Confinement, Limits, Reach, Refusal, RefusalKind};
pub use launch::{LAUNCH, launch};
pub use offer::{NEEDED_ABI, Offer};
