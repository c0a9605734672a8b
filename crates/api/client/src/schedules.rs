//! The schedules of a server, behind the same door as those of a folder. The
//! server fires them, and drives their runs.

use crate::connection::{Connection, Query};
use crate::fault::elsewhere;
use rok_http::{
    AddSchedule, Backfill, Definition, DuePage, FiringPage, Reason, SchedulePage, Trigger,
};
use rok_service::views::{
    Actor, AddedSchedule, DueView, ErrorKind, FiringView, RemovedSchedule, RunsError, ScheduleFile,
    ScheduleView, SchedulesEngine, StopSignal, TickObserver, TickReport, Timestamp,
};
use serde_json::json;
use std::time::Duration;

/// As many as the server gives at once.
const PAGE: &str = "500";

/// The schedules of a server.
pub struct RemoteSchedules {
    connection: Connection,
}

impl RemoteSchedules {
    /// The schedules of the server at this address, which has so long to answer at
    /// all. Nothing is asked yet.
    pub fn at(server: &str, token: Option<&str>, patience: Duration) -> Result<Self, RunsError> {
        let connection = Connection::to(server, token, patience)?;
        Ok(Self { connection })
    }
}

fn path<'a>(schedule: &'a str, what: &[&'a str]) -> Vec<&'a str> {
    let head = ["api", "v1", "schedules", schedule];
    head.into_iter().chain(what.iter().copied()).collect()
}

impl SchedulesEngine for RemoteSchedules {
    fn add(&self, file: &ScheduleFile, _: &Actor) -> Result<AddedSchedule, RunsError> {
        let text = String::from_utf8(file.text.clone()).map_err(|_| {
            let message = format!("{} is not UTF-8", file.name);
            RunsError::new(ErrorKind::Usage, "ROK0181", message)
        })?;
        let definition = Definition::Text(text);
        let body = AddSchedule { definition };
        self.connection
            .post(&["api", "v1", "schedules"], &body, None)
    }

    fn take_over(&self) -> Result<Vec<String>, RunsError> {
        Err(elsewhere(
            "moving schedules",
            "is done between a folder and a database, by whoever keeps them",
            "name the server's --store, and leave --server and ROK_SERVER out",
        ))
    }

    fn list(&self) -> Result<Vec<ScheduleView>, RunsError> {
        let (mut found, mut cursor) = (Vec::new(), None);
        loop {
            let mut query: Query = vec![("limit", PAGE.to_owned())];
            query.extend(cursor.map(|cursor| ("cursor", cursor)));
            let page: SchedulePage = self.connection.get(&["api", "v1", "schedules"], &query)?;
            found.extend(page.schedules);
            cursor = page.next_cursor;
            if cursor.is_none() {
                return Ok(found);
            }
        }
    }

    fn show(&self, schedule: &str) -> Result<ScheduleView, RunsError> {
        self.connection.get(&path(schedule, &[]), &[])
    }

    fn next(&self, schedule: Option<&str>, count: usize) -> Result<Vec<DueView>, RunsError> {
        let mut query: Query = vec![("count", count.to_string())];
        query.extend(schedule.map(|schedule| ("schedule", schedule.to_owned())));
        let page: DuePage = self.connection.get(&["api", "v1", "due-times"], &query)?;
        Ok(page.due_times)
    }

    fn pause(
        &self,
        schedule: &str,
        _: &Actor,
        reason: Option<String>,
    ) -> Result<ScheduleView, RunsError> {
        let body = match reason {
            Some(reason) => json!({ "reason": reason }),
            None => json!({}),
        };
        self.connection
            .post(&path(schedule, &["pause"]), &body, None)
    }

    fn unpause(&self, schedule: &str) -> Result<ScheduleView, RunsError> {
        self.connection.tell(&path(schedule, &["unpause"]))
    }

    fn trigger(
        &self,
        schedule: &str,
        items: &[String],
        _: &Actor,
        reason: Option<String>,
    ) -> Result<Vec<FiringView>, RunsError> {
        let items = items.to_vec();
        let body = Trigger {
            items,
            reason: reason.map(Reason),
        };
        let page: FiringPage = self
            .connection
            .post(&path(schedule, &["trigger"]), &body, None)?;
        Ok(page.firings)
    }

    fn backfill(
        &self,
        schedule: &str,
        (from, until): (Timestamp, Timestamp),
        _: &Actor,
        reason: Option<String>,
    ) -> Result<Vec<FiringView>, RunsError> {
        let body = Backfill {
            from,
            until,
            reason: reason.map(Reason),
        };
        let page: FiringPage = self
            .connection
            .post(&path(schedule, &["backfill"]), &body, None)?;
        Ok(page.firings)
    }

    fn remove(&self, schedule: &str) -> Result<RemovedSchedule, RunsError> {
        self.connection.delete(&path(schedule, &[]))
    }

    fn tick(&self) -> Result<TickReport, RunsError> {
        Err(ticks())
    }

    fn serve(&self, _: &StopSignal, _: &mut dyn TickObserver) -> Result<(), RunsError> {
        Err(ticks())
    }

    fn work(
        &self,
        _: Option<Timestamp>,
        _: &StopSignal,
        _: &mut dyn TickObserver,
    ) -> Result<TickReport, RunsError> {
        Err(ticks())
    }
}

fn ticks() -> RunsError {
    elsewhere(
        "a tick of schedules",
        "is the server's own: it fires what is due by itself",
        "`rok schedule trigger ID` fires one now",
    )
}

impl std::fmt::Debug for RemoteSchedules {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("RemoteSchedules").finish_non_exhaustive()
    }
}
