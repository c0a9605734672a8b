//! The governance engine: Cedar policies decide who may do what and whether a
//! run may complete, and runs teach lessons.
//!
//! It never permits by default: what no policy permits is denied, and so is
//! whatever a policy could not be evaluated for (Cedar itself skips a policy
//! that errs, so an erring `forbid` would pass for none). It reads policies once,
//! at load, and asks no clock and no network.
//!
//! ```text
//! *.cedar ─PolicySources─▶ Policies::load ─ parse, annotations, schema ─┐
//!                              faults: file, line, column, all at once  │
//! RunFacts / ActionRequest / OutcomeFacts ─▶ request ─▶ strict set ◀────┤
//!                                                 └───▶ soft set   ◀────┘
//!                              Authorization / PolicyVerdict ◀── decision
//! ```
//!
//! ```
//! use std::sync::Arc;
//! use rok_facades::{GovernanceFacade, OwnedRunFacts};
//! use rok_governance::{CedarEngine, Policies, PolicySources};
//! use rok_vocabulary::{Actor, Timestamp};
//!
//! let sources = PolicySources::new().with_policies("release.cedar", r#"
//!     permit (principal, action == Action::"run", resource == Plan::"nightly");
//!     @id("no-fridays")
//!     forbid (principal, action == Action::"run", resource) when { context.weekday == 5 };
//! "#);
//! let facade = GovernanceFacade::new(Arc::new(CedarEngine::new(Policies::load(&sources)?)));
//!
//! let friday = Timestamp::parse_rfc3339("2026-02-20T09:00:00Z")?;
//! let mut facts = OwnedRunFacts::new("run_abc".parse()?, "nightly".parse()?, friday);
//! facts.submitter = Actor::User("ada".into());
//! let answer = facade.authorize_run(&facts.borrow());
//! assert!(!answer.granted);
//! assert_eq!(answer.policies, ["no-fridays"]);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

mod annotations;
mod execution_policy;
mod faults;
mod mentions;
mod policies;
mod shapes;
mod sources;

mod convert;
mod request;

mod access;
mod engine;
mod grants;
mod lessons;
mod stored;

pub use access::AccessPolicies;
pub use engine::CedarEngine;
pub use execution_policy::{ConditionalPolicy, ExecutionPolicyError, PolicyRule, to_cedar};
pub use faults::{PolicyFault, PolicyFaults};
pub use lessons::{BANDS, LessonBook};
pub use policies::Policies;
pub use sources::{MAX_FILE_BYTES, PolicySources};
pub use stored::StoredLessons;
