//! The words and views that use cases speak in, for the layers above: they
//! import neither `vocabulary` nor the domains.

pub use rok_attest::{Checkpoint, Head};
pub use rok_config::{ConfigErrors, ConfigFault, Entry, Source};
pub use rok_facades::agents::{AgentList, AgentView, AgentsEngine, AgentsFacade};
pub use rok_facades::desk::{BookProof, DeskEngine, DeskFacade};
pub use rok_facades::plan_tests::{Mismatch, TestFault, TestVerdict};
pub use rok_facades::registry::*;
pub use rok_facades::runs::*;
pub use rok_facades::schedules::*;
pub use rok_facades::{
    AccessAction, AccessFacade, AccessRequest, AccessTarget, Authorization, Handling, Incident,
    IncidentCategory, IncidentFilter, IncidentHistory, IncidentStatus, Lesson, LessonDecision,
    LessonFilter, LessonKind, LessonState, Occurrence, PolicyInfo, RunIdentity, Violation,
};
pub use rok_formats::{FormatError, Formatter, Formatters, Look as FormatLook};
pub use rok_orchestration::{
    ExecutionContext, ExecutionMode, FileScope, OperatorEvent, RegistryAction, Replay,
    ReportStatus, RunReport,
};
pub use rok_plan::{Fault, PlanErrors, Syntax};
pub use rok_rac::{FailedDuty, Reconciliation};
pub use rok_vocabulary::*;
