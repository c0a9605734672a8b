//! The use cases of rok: what the terminal can do, HTTP and the page can do.
//!
//! It decides nothing about a run and names no engine, store or executor: it
//! finds what a person names, asks the runs facade, and gives every refusal a
//! stable code with a page.
//!
//! ```text
//!  Wiring (how to compose runs) ─┐
//!  Startup (flags) ─ Inputs ─────┴▶ Service ─ submit, open, list ─▶ RunHandle ─▶ RunsFacade
//!                                      └──── plans: validate, list, show, new, schema, lint, test
//! ```
//!
//! ```
//! use rok_service::{ErrorPage, Service, Startup, Wiring};
//!
//! let wiring = Wiring::new(|settings| panic!("a plan is listed without runs in {:?}", settings.dir))
//!     .in_environment("/", [("ROK_USER", "ada")]);
//! let service = Service::open(wiring, &Startup::default())?;
//! assert!(service.plans().iter().any(|plan| plan.source == "builtin:deliverable"));
//!
//! let error = service.plan_text("delivrable").unwrap_err();
//! assert_eq!(error.to_string(), "no plan file at delivrable");
//! assert_eq!(error.problems()[0].help.as_deref(), Some("did you mean the built-in plan `deliverable`?"));
//! assert!(ErrorPage::of("ROK0002").is_some());
//! # Ok::<(), rok_service::ServiceError>(())
//! ```

mod codes;
mod conformance;
mod error;

mod wiring;

mod callers;
mod standing;
mod tokens;

mod attested;
mod batches;
mod bundles;
mod checkpoints;
mod keys;
mod plan_file;
mod plans;

mod hook;
mod orchestrate;

mod diff;
mod doctor;
mod metrics;
mod plan_tests;
mod profile;
mod replay;

mod desk;
mod policies;
mod registry;
mod retention;
mod runs;
mod sandbox;
mod schedules;
mod service;
mod stream;
mod yaml;

mod pictures;

pub mod views;

pub use attested::unattested;
pub use bundles::Incoming;
pub use callers::{AskedPlan, AskedRun};
pub use checkpoints::{CheckpointText, CosignRequest, Cosigned};
pub use codes::{ERROR_PAGES, ErrorPage};
pub use conformance::{
    AgentAsk, CONFORMANCE_POLICIES, ConformanceSuite, ExecutorAsk, ExecutorKind, Executors,
    OneAgent,
};
pub use desk::{DeskBook, IncidentAsk, LessonAsk};
pub use diff::{RunDiff, RunSide, StepDiff, Timing, ValueDiff};
pub use doctor::{Check, Doctor, Examination, Finding, Logs, Rounds, Tables};
pub use error::{Problem, ServiceError};
pub use hook::{HookInstalled, HookRemoved};
pub use keys::KeyView;
pub use metrics::{BrokenRun, RunFigures};
pub use orchestrate::report_schema;
pub use plan_file::PlanText;
pub use plan_tests::{PlanTestReport, PlanTestRequest, TestFileReport, TestReport};
pub use plans::{
    ImportFormat, ImportRequest, ImportTasks, InputView, PlanImport, PlanListing, PlanReport,
    PlanView, StepView, Warning,
};
pub use policies::{PolicyAsk, PolicyDecision, PolicyReport};
pub use profile::{PathPart, Profile, StepProfile, WallTimes};
pub use registry::{ComponentAsk, ComponentBook};
pub use replay::{ReplayOptions, Replayed};
pub use retention::CollectAsk;
pub use runs::{RollbackRequest, RunHandle, VerifyRequest};
pub use sandbox::{SandboxOffer, sandbox_offer};
pub use schedules::ScheduleBook;
pub use service::{RunRequest, Service, StoreNamed};
pub use standing::RunStanding;
pub use stream::StreamFormat;
pub use tokens::{NewToken, ROLES, TokenBook, TokenError, TokenView};
pub use wiring::{Beside, Flag, Pooled, Startup, Wiring};
pub use yaml::to_yaml;
