//! The desk: where people handle incidents and decide on lessons, wherever the
//! runs are. Each is one recorded change, durable before it is answered.
//!
//! ```text
//! terminal, HTTP ─▶ DeskFacade ─┬▶ Desk ─▶ IncidentFacade, LessonFacade
//!                               └▶ a server's, over HTTP
//! ```

use crate::answer::EngineError;
use crate::incidents::{Incident, IncidentFacade, IncidentFilter, IncidentHistory};
use crate::lessons::{Lesson, LessonDecision, LessonFacade, LessonFilter};
use crate::runs::{ErrorKind, RunsError};
use rok_vocabulary::{Actor, Timestamp};
use serde::Serialize;
use std::sync::Arc;

/// The longest reason, in bytes: some words, no book.
pub const REASON_MAX: usize = 4096;

/// What can be done at the desk. Synchronous.
pub trait DeskEngine: Send + Sync {
    /// Incidents that somebody may have to handle, the newest first.
    fn incidents(&self, filter: &IncidentFilter) -> Result<Vec<Incident>, RunsError>;

    /// An incident, and all that is known of it.
    fn incident(&self, id: &str) -> Result<IncidentHistory, RunsError>;

    /// Somebody looks into it.
    fn acknowledge(&self, id: &str, by: &Actor, reason: &str) -> Result<Incident, RunsError>;

    /// It is over.
    fn resolve(&self, id: &str, by: &Actor, reason: &str) -> Result<Incident, RunsError>;

    /// Lessons, the newest first.
    fn lessons(&self, filter: &LessonFilter) -> Result<Vec<Lesson>, RunsError>;

    /// One of them.
    fn lesson(&self, id: &str) -> Result<Lesson, RunsError>;

    /// What somebody makes of a pending one.
    fn decide(
        &self,
        id: &str,
        decision: LessonDecision,
        by: &Actor,
        reason: &str,
    ) -> Result<Lesson, RunsError>;

    /// Runs whose records could not be read when incidents or lessons were
    /// listed last: what they hold is missing from the list.
    fn unread(&self) -> Vec<String>;

    /// Proves that the book of what people did is what was written.
    fn prove(&self) -> Result<BookProof, RunsError>;
}

/// A book of what people did about incidents and lessons that is what was
/// written.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct BookProof {
    /// How many lines it has.
    pub lines: u64,
    /// The chain's hash after the last of them.
    pub head: String,
    /// When it began; absent where nothing was written yet.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub began_at: Option<Timestamp>,
    /// Of how many incidents and lessons something was done before that, by an
    /// earlier version: who and why is not chained.
    pub unchained: usize,
}

/// The only door to the desk.
#[derive(Clone)]
pub struct DeskFacade {
    engine: Arc<dyn DeskEngine>,
}

impl DeskFacade {
    /// A facade over an engine.
    #[must_use]
    pub fn new(engine: Arc<dyn DeskEngine>) -> Self {
        Self { engine }
    }
}

impl std::ops::Deref for DeskFacade {
    type Target = dyn DeskEngine;

    fn deref(&self) -> &Self::Target {
        &*self.engine
    }
}

impl std::fmt::Debug for DeskFacade {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("DeskFacade").finish_non_exhaustive()
    }
}

type Now = dyn Fn() -> Timestamp + Send + Sync;
type Unread = dyn Fn() -> Vec<String> + Send + Sync;
type Prove = dyn Fn() -> Result<BookProof, EngineError> + Send + Sync;

/// The desk of the domains of this process, by a clock.
pub struct Desk {
    incidents: IncidentFacade,
    lessons: LessonFacade,
    now: Box<Now>,
    prove: Box<Prove>,
    unread: Box<Unread>,
}

impl Desk {
    /// A desk in front of these domains, and how their book is proved.
    #[must_use]
    pub fn new(
        incidents: IncidentFacade,
        lessons: LessonFacade,
        prove: impl Fn() -> Result<BookProof, EngineError> + Send + Sync + 'static,
        now: impl Fn() -> Timestamp + Send + Sync + 'static,
    ) -> Self {
        Self {
            incidents,
            lessons,
            prove: Box::new(prove),
            now: Box::new(now),
            unread: Box::new(Vec::new),
        }
    }

    /// Tells by this which runs could not be read.
    #[must_use]
    pub fn telling_unread(
        mut self,
        unread: impl Fn() -> Vec<String> + Send + Sync + 'static,
    ) -> Self {
        self.unread = Box::new(unread);
        self
    }
}

impl DeskEngine for Desk {
    fn incidents(&self, filter: &IncidentFilter) -> Result<Vec<Incident>, RunsError> {
        self.incidents
            .list(filter)
            .map_err(|error| told(&error.error))
    }

    fn incident(&self, id: &str) -> Result<IncidentHistory, RunsError> {
        self.incidents
            .history(id)
            .map_err(|error| told(&error.error))
    }

    fn acknowledge(&self, id: &str, by: &Actor, reason: &str) -> Result<Incident, RunsError> {
        fit(reason)?;
        let done = self.incidents.acknowledge(id, by, reason, (self.now)());
        done.map_err(|error| told(&error.error))
    }

    fn resolve(&self, id: &str, by: &Actor, reason: &str) -> Result<Incident, RunsError> {
        fit(reason)?;
        let done = self.incidents.resolve(id, by, reason, (self.now)());
        done.map_err(|error| told(&error.error))
    }

    fn lessons(&self, filter: &LessonFilter) -> Result<Vec<Lesson>, RunsError> {
        self.lessons
            .list(filter)
            .map_err(|error| told(&error.error))
    }

    fn lesson(&self, id: &str) -> Result<Lesson, RunsError> {
        let all = self.lessons(&LessonFilter::default())?;
        let found = all.into_iter().find(|lesson| lesson.id == id);
        found.ok_or_else(|| unknown(format!("there is no lesson {id}")))
    }

    fn decide(
        &self,
        id: &str,
        decision: LessonDecision,
        by: &Actor,
        reason: &str,
    ) -> Result<Lesson, RunsError> {
        fit(reason)?;
        let decided = self.lessons.decide(id, decision, by, reason, (self.now)());
        decided.map_err(|error| told(&error.error))
    }

    fn unread(&self) -> Vec<String> {
        (self.unread)()
    }

    fn prove(&self) -> Result<BookProof, RunsError> {
        (self.prove)().map_err(|error| told(&error))
    }
}

impl std::fmt::Debug for Desk {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Desk").finish_non_exhaustive()
    }
}

/// A reason is kept for ever and read by people.
fn fit(reason: &str) -> Result<(), RunsError> {
    let unfit = |what: String| {
        Err(RunsError::new(ErrorKind::Usage, "ROK0191", what)
            .help("say why, in a few words: the record keeps it"))
    };
    match reason.len() {
        _ if reason.trim().is_empty() => unfit("the reason is empty".to_owned()),
        bytes if bytes > REASON_MAX => unfit(format!(
            "the reason is {bytes} bytes long, and the limit is {REASON_MAX}"
        )),
        _ => Ok(()),
    }
}

fn unknown(message: String) -> RunsError {
    RunsError::new(ErrorKind::NotFound, "ROK0190", message).help(
        "`rok incidents` and `rok lessons` list what there is; write an id whole, as it stands there",
    )
}

/// What the domain says, as those who ask are told it.
fn told(error: &EngineError) -> RunsError {
    let reason = error.reason();
    match error {
        EngineError::Invalid { .. } => unknown(reason),
        EngineError::Refused { .. } => RunsError::new(ErrorKind::State, "ROK0191", reason)
            .help("`rok incidents show ID` and `rok lessons show ID` tell how it stands"),
        EngineError::Unavailable { .. } => RunsError::new(ErrorKind::Storage, "ROK0106", reason)
            .help("mend the store: what was not stored was not done"),
        EngineError::Broken { .. } => RunsError::new(ErrorKind::Protocol, "ROK0145", reason)
            .help("put it back from a backup; `rok help ROK0145` tells more"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::TestEngine;
    use rstest::rstest;

    struct NoLessons;

    impl crate::LessonEngine for NoLessons {
        fn list(&self, _: &LessonFilter) -> Result<Vec<Lesson>, EngineError> {
            Ok(Vec::new())
        }

        fn decide(
            &self,
            id: &str,
            _: LessonDecision,
            _: &Actor,
            _: &str,
            _: Timestamp,
        ) -> Result<Lesson, EngineError> {
            Err(EngineError::refused(format!("lesson {id} is decided")))
        }
    }

    fn desk() -> Desk {
        let incidents = IncidentFacade::new(Arc::new(TestEngine::ok()));
        let lessons = LessonFacade::new(Arc::new(NoLessons));
        let changed = || Err(EngineError::broken("line 2 is missing"));
        Desk::new(incidents, lessons, changed, Timestamp::default)
    }

    #[rstest]
    #[case("", "ROK0191")]
    #[case(" \n", "ROK0191")]
    #[case(&"x".repeat(REASON_MAX + 1), "ROK0191")]
    #[case("it is known", "ROK0190")]
    fn a_change_needs_a_reason_and_an_incident(#[case] reason: &str, #[case] code: &str) {
        let (desk, by) = (desk(), Actor::Manual);
        let refused = desk.acknowledge("inc-0", &by, reason).unwrap_err();
        assert_eq!(refused.code, code);
        let refused = desk.resolve("inc-0", &by, reason).unwrap_err();
        assert_eq!(refused.code, code);
    }

    #[test]
    fn a_book_that_was_changed_is_a_fault_of_its_own() {
        let error = desk().prove().unwrap_err();
        assert_eq!((error.kind, error.code), (ErrorKind::Protocol, "ROK0145"));
        assert_eq!(error.message, "line 2 is missing");
    }

    #[test]
    fn what_a_domain_refuses_is_a_matter_of_state() {
        let decided = desk().decide("l", LessonDecision::Defer, &Actor::Manual, "later");
        let error = decided.unwrap_err();
        assert_eq!((error.kind, error.code), (ErrorKind::State, "ROK0191"));
        let error = desk().lesson("l").unwrap_err();
        assert_eq!((error.kind, error.code), (ErrorKind::NotFound, "ROK0190"));
    }
}
