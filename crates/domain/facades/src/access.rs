//! The door: what somebody who comes from outside may ask for at all.
//!
//! It stands before the policies of runs, which are asked besides: whoever may
//! knock may still be denied. Invariant: what keeps an answer from coming
//! denies.

use crate::answer::{EngineError, FacadeError, call, plain};
use crate::governance::{Authorization, PolicyInfo};
use core::fmt;
use rok_vocabulary::{Actor, Domain, PlanId, RunId};
use std::collections::BTreeMap;
use std::sync::Arc;

/// What somebody may ask for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum AccessAction {
    /// Look at it.
    View,
    /// Submit a plan that the server knows.
    Submit,
    /// Submit a plan of one's own: any command, that is.
    SubmitOwn,
    /// Submit a run that is more urgent than its plan says.
    Prioritize,
    /// Go on with a run.
    Resume,
    /// Undo what succeeded in a run.
    Rollback,
    /// End a run.
    Cancel,
    /// Hold a run, or let it go on.
    Pause,
    /// Let a manual gate pass.
    Approve,
    /// Let a manual gate fail.
    Reject,
    /// Let a failed hard gate be passed.
    Override,
    /// Look into an incident of a run, or say that it is over.
    HandleIncident,
    /// Make something of a lesson that a run teaches.
    DecideLesson,
    /// Add, pause, fire or remove schedules.
    ManageSchedules,
    /// Keep a run from being collected, or no longer.
    Hold,
    /// Have a run signed by the server's key.
    Attest,
    /// Take a run in from a bundle: what it says happened is shown as what happened.
    Import,
    /// Collect runs: what they hold is gone.
    Collect,
}

impl AccessAction {
    /// Every action.
    pub const ALL: &'static [Self] = &[
        Self::View,
        Self::Submit,
        Self::SubmitOwn,
        Self::Prioritize,
        Self::Resume,
        Self::Rollback,
        Self::Cancel,
        Self::Pause,
        Self::Approve,
        Self::Reject,
        Self::Override,
        Self::HandleIncident,
        Self::DecideLesson,
        Self::ManageSchedules,
        Self::Hold,
        Self::Attest,
        Self::Import,
        Self::Collect,
    ];

    /// The action's name, as policies write it.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::View => "view",
            Self::Submit => "submit",
            Self::SubmitOwn => "submit_own",
            Self::Prioritize => "prioritize",
            Self::Resume => "resume",
            Self::Rollback => "rollback",
            Self::Cancel => "cancel",
            Self::Pause => "pause",
            Self::Approve => "approve",
            Self::Reject => "reject",
            Self::Override => "override",
            Self::HandleIncident => "handle_incident",
            Self::DecideLesson => "decide_lesson",
            Self::ManageSchedules => "manage_schedules",
            Self::Hold => "hold",
            Self::Attest => "attest",
            Self::Import => "import",
            Self::Collect => "collect",
        }
    }
}

impl fmt::Display for AccessAction {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

/// What never changes of a run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RunIdentity {
    /// The run.
    pub run: RunId,
    /// Its plan.
    pub plan: PlanId,
    /// Who submitted it. `None` where nothing tells it any more: then nobody is
    /// let in by who they are, and whoever is kept out by it is kept out.
    pub submitter: Option<Actor>,
    /// Labels of plan and run.
    pub labels: BTreeMap<String, String>,
}

/// What the request is about.
#[derive(Debug, Clone, Copy)]
pub enum AccessTarget<'a> {
    /// The server as a whole: what it knows of itself, and lists.
    Server,
    /// A plan that is to be submitted.
    Plan(&'a PlanId),
    /// A run that exists.
    Run(&'a RunIdentity),
}

/// Somebody knocks.
#[derive(Debug, Clone, Copy)]
pub struct AccessRequest<'a> {
    /// Who.
    pub actor: &'a Actor,
    /// The roles that their credential carries, and no others.
    pub roles: &'a [String],
    /// What they want.
    pub action: AccessAction,
    /// What it is about.
    pub target: AccessTarget<'a>,
}

/// What stands behind the door.
pub trait AccessEngine: Send + Sync {
    /// Whether the request is let in.
    fn authorize(&self, request: &AccessRequest<'_>) -> Result<Authorization, EngineError>;

    /// The policies in force, the embedded ones too.
    fn overview(&self) -> Result<Vec<PolicyInfo>, EngineError>;
}

/// The door.
#[derive(Clone)]
pub struct AccessFacade {
    engine: Arc<dyn AccessEngine>,
}

impl AccessFacade {
    /// A door with this engine behind it.
    #[must_use]
    pub fn new(engine: Arc<dyn AccessEngine>) -> Self {
        Self { engine }
    }

    /// Whether the request is let in; an engine that cannot answer denies.
    #[must_use]
    pub fn authorize(&self, request: &AccessRequest<'_>) -> Authorization {
        call(|| self.engine.authorize(request))
            .unwrap_or_else(|error| Authorization::not_evaluated(&error))
    }

    /// The policies in force, the embedded ones too.
    pub fn overview(&self) -> Result<Vec<PolicyInfo>, FacadeError> {
        plain(Domain::Policies, "list policies of access", || {
            self.engine.overview()
        })
    }
}

impl fmt::Debug for AccessFacade {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("AccessFacade").finish_non_exhaustive()
    }
}
