//! The door to runs: what the layers above may ask of runs, and the views that
//! they get. Views are plain data; their JSON is the documented JSON.

mod batch;
mod dry_run;
mod error;
mod event_line;
mod facade;
mod fetch;
mod gates;
mod judged;
mod pool;
mod proof;
mod replay;
mod requests;
mod retention;
mod service_run;
mod stop;
mod timing;
mod views;
mod warned;

pub use batch::{
    BATCH_INDEX_LABEL, BATCH_ITEMS_LABEL, BATCH_LABEL, BatchItem, BatchResult, BatchStatus,
    BatchSubmission, MAX_BATCH_ITEMS, item_run,
};
pub use dry_run::{
    CacheAnswer, CandidateView, DryRun, DrySandbox, DryStep, Finding, Limits, PlannedBudget,
    PlannedDuty, PolicyDecision, Refusal, SecretState,
};
pub use error::{ErrorKind, RunsError};
pub use facade::{RunsEngine, RunsFacade};
pub use fetch::{Fetched, SignedFile};
pub use gates::{GateView, GivenApproval, OverrideView};
pub use judged::{GIT_COMMIT_LABEL, GIT_STATE_LABEL, GIT_TREE_LABEL, judged_in_words};
pub use pool::{EndedRun, PoolAsk, PoolFigures, QueueFigures, RunsPool};
pub use proof::{
    AttestOptions, AttestationView, Attested, CheckpointView, CosignerView, ExportOptions,
    Exported, GivenCheckpoint, ImportOptions, Imported, SignatureCheck, VerifyFault, VerifyOptions,
    VerifyReport, VerifyVerdict, not_attested_in_words,
};
pub use replay::{DivergenceView, RedecidedView};
pub use requests::{
    CommandAnswer, CommandRequest, DriveEnd, DriveOptions, Observer, ReplayRequest, ResumeOptions,
    RollbackOptions, RunSelector, Submission, Verb,
};
pub use retention::{CollectReport, CollectRequest, CollectedRun, HeldView, HoldRequest, KeptRun};
pub use service_run::{DegradedWorker, ServiceResult, ServiceRunView};
pub use stop::StopSignal;
pub use timing::{
    AttemptSpan, AttemptUsage, EpochSpan, LogTail, PauseSpan, RollbackSpan, RunTiming, StepTiming,
    TailQuery, WaitReason, WaitSpan,
};
pub use views::{
    AckView, AgentStepView, ApprovalView, ArtifactView, AuditView, BudgetView, CompensationFailure,
    DiagnosisView, ErrorView, EventLine, EventQuery, ExpectationView, Explanation, HoldView,
    IncidentView, ListQuery, LogQuery, PageQuery, ParentView, QueuedView, Remedy, Resumable,
    RollbackView, RunListing, RunPage, RunSummary, StepSummary, StepTotals, SubRunLeft, TriedView,
    ViolationView,
};
pub use warned::{ORCHESTRATOR_LABEL, warning_in_words, warnings_of};
