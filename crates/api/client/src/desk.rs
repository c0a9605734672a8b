//! The desk of a server: incidents and lessons, behind the same door as those
//! of a folder. Who handles them is who the token says.

use crate::connection::{Connection, Query};
use crate::fault::elsewhere;
use rok_http::{IncidentPage, LessonPage};
use rok_service::views::{
    Actor, BookProof, DeskEngine, Incident, IncidentFilter, IncidentHistory, Lesson,
    LessonDecision, LessonFilter, RunsError,
};
use serde_json::json;
use std::sync::Mutex;
use std::sync::PoisonError;
use std::time::Duration;

/// As many as the server gives at once.
const PAGE: &str = "500";

/// The incidents and lessons of a server.
pub struct RemoteDesk {
    connection: Connection,
    unread: Mutex<usize>,
}

impl RemoteDesk {
    /// The desk of the server at this address, which has so long to answer at
    /// all. Nothing is asked yet.
    pub fn at(server: &str, token: Option<&str>, patience: Duration) -> Result<Self, RunsError> {
        Ok(Self {
            connection: Connection::to(server, token, patience)?,
            unread: Mutex::default(),
        })
    }

    fn note_unread(&self, unread: usize) {
        *self.unread.lock().unwrap_or_else(PoisonError::into_inner) = unread;
    }

    fn handle(&self, id: &str, what: &str, reason: &str) -> Result<Incident, RunsError> {
        let path = ["api", "v1", "incidents", id, what];
        self.connection
            .post(&path, &json!({ "reason": reason }), None)
    }
}

/// The query of a page.
fn paged(mut query: Query, cursor: Option<String>) -> Query {
    query.push(("limit", PAGE.to_owned()));
    query.extend(cursor.map(|cursor| ("cursor", cursor)));
    query
}

impl DeskEngine for RemoteDesk {
    fn incidents(&self, filter: &IncidentFilter) -> Result<Vec<Incident>, RunsError> {
        let mut asked = Query::new();
        asked.extend(filter.run.iter().map(|run| ("run", run.to_string())));
        asked.extend(filter.plan.iter().map(|plan| ("plan", plan.to_string())));
        let status = filter.status.map(|status| status.as_str().to_lowercase());
        asked.extend(status.map(|status| ("status", status)));
        let least = filter.at_least.map(|severity| severity.to_string());
        asked.extend(least.map(|severity| ("severity", severity)));
        let (mut found, mut cursor) = (Vec::new(), None);
        loop {
            let query = paged(asked.clone(), cursor);
            let page: IncidentPage = self.connection.get(&["api", "v1", "incidents"], &query)?;
            found.extend(page.incidents);
            self.note_unread(page.unread);
            cursor = page.next_cursor;
            if cursor.is_none() {
                return Ok(found);
            }
        }
    }

    fn incident(&self, id: &str) -> Result<IncidentHistory, RunsError> {
        self.connection.get(&["api", "v1", "incidents", id], &[])
    }

    fn acknowledge(&self, id: &str, _: &Actor, reason: &str) -> Result<Incident, RunsError> {
        self.handle(id, "acknowledge", reason)
    }

    fn resolve(&self, id: &str, _: &Actor, reason: &str) -> Result<Incident, RunsError> {
        self.handle(id, "resolve", reason)
    }

    fn lessons(&self, filter: &LessonFilter) -> Result<Vec<Lesson>, RunsError> {
        let mut asked = Query::new();
        asked.extend(filter.run.iter().map(|run| ("run", run.to_string())));
        asked.extend(filter.plan.iter().map(|plan| ("plan", plan.to_string())));
        asked.extend(filter.state.map(|state| ("state", state.to_string())));
        asked.extend(filter.kind.map(|kind| ("kind", kind.as_str().to_owned())));
        let (mut found, mut cursor) = (Vec::new(), None);
        loop {
            let query = paged(asked.clone(), cursor);
            let page: LessonPage = self.connection.get(&["api", "v1", "lessons"], &query)?;
            found.extend(page.lessons);
            self.note_unread(page.unread);
            cursor = page.next_cursor;
            if cursor.is_none() {
                return Ok(found);
            }
        }
    }

    fn lesson(&self, id: &str) -> Result<Lesson, RunsError> {
        self.connection.get(&["api", "v1", "lessons", id], &[])
    }

    fn decide(
        &self,
        id: &str,
        decision: LessonDecision,
        _: &Actor,
        reason: &str,
    ) -> Result<Lesson, RunsError> {
        let what = match decision {
            LessonDecision::Defer => "defer",
            LessonDecision::Dismiss => "dismiss",
            LessonDecision::ConvertToDraft => "convert",
        };
        let path = ["api", "v1", "lessons", id, what];
        self.connection
            .post(&path, &json!({ "reason": reason }), None)
    }

    fn prove(&self) -> Result<BookProof, RunsError> {
        // What a server says of its own book proves nothing.
        Err(elsewhere(
            "the desk's book",
            "is proved where it lies, and the server has it",
            "run it there, with --store or --dir in place of --server",
        ))
    }

    fn unread(&self) -> Vec<String> {
        let unread = *self.unread.lock().unwrap_or_else(PoisonError::into_inner);
        // A server says how many, and not which: its operator looks.
        (0..unread)
            .map(|_| "a run of the server".to_owned())
            .collect()
    }
}

impl std::fmt::Debug for RemoteDesk {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("RemoteDesk").finish_non_exhaustive()
    }
}
