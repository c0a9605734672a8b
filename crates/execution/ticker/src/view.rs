//! Schedules and firings as others see them.

use crate::entry::Entry;
use rok_facades::schedules::{
    DueView, FiringView, SchedulePauseView, ScheduleView, ScheduledRunView,
};
use rok_schedule::{ForEach, Record, Schedule, next_due_times};
use rok_vocabulary::Timestamp;

/// Due times that a view tells.
const NEXT: usize = 3;

/// What a record says.
pub(crate) fn firing(id: &str, record: &Record) -> FiringView {
    let why = record.why.map(|why| why.as_str().to_owned());
    FiringView {
        schedule: id.to_owned(),
        at: record.at,
        due: record.due,
        since: record.since,
        cause: record.cause.as_str().to_owned(),
        what: record.what.as_str().to_owned(),
        why: record.message.clone().or(why),
        count: record.count,
        more: record.more,
        items: record.items.clone(),
        runs: record.runs.clone(),
    }
}

/// A due time.
pub(crate) fn due(schedule: &Schedule, due: Timestamp) -> DueView {
    DueView {
        schedule: schedule.id.to_string(),
        due,
        local: schedule.zone.local(due),
        starts: schedule.starts_at(due),
    }
}

/// A schedule and how it stands at `now`.
pub(crate) fn schedule(schedule: &Schedule, entry: &Entry, now: Timestamp) -> ScheduleView {
    let state = &entry.state;
    let next = if state.paused.is_some() {
        Vec::new()
    } else {
        next_due_times(schedule, now.max(state.cursor), NEXT)
    };
    ScheduleView {
        schedule: schedule.id.to_string(),
        description: schedule.description.clone(),
        plan: schedule.plan.clone(),
        cron: schedule.cron.source().to_owned(),
        when: schedule.cron.describe(),
        timezone: schedule.zone.name().to_owned(),
        overlap: schedule.overlap.as_str().to_owned(),
        catch_up: schedule.catch_up.as_str().to_owned(),
        for_each: schedule.for_each.as_ref().map(|each| match each {
            ForEach::Items(items) if items.len() == 1 => "1 item".to_owned(),
            ForEach::Items(items) => format!("{} items", items.len()),
            ForEach::File(path) => path.clone(),
        }),
        trouble: None,
        next: next.into_iter().map(|at| due(schedule, at)).collect(),
        running: runs(schedule, entry),
        ..bare(schedule.id.as_str(), entry)
    }
}

/// The runs that go on.
pub(crate) fn runs(schedule: &Schedule, entry: &Entry) -> Vec<ScheduledRunView> {
    let running = entry.state.running.values();
    let view = |running: &rok_schedule::Running| ScheduledRunView {
        run_id: running.run.clone(),
        due: running.due,
        ordered: entry.is_ordered(schedule, &running.run),
        cancelling: running.cancelling,
    };
    running.map(view).collect()
}

/// What can be told of a schedule whose text cannot be read.
pub(crate) fn bare(id: &str, entry: &Entry) -> ScheduleView {
    let state = &entry.state;
    ScheduleView {
        file: entry.file.display().to_string(),
        added_by: entry.added_by.to_string(),
        added_at: Some(entry.added_at),
        paused: state.paused.as_ref().map(|pause| SchedulePauseView {
            since: pause.since,
            by: pause.by.clone(),
            reason: pause.reason.clone(),
        }),
        waiting: state.waiting.len(),
        recent: { state.recent.iter().rev() }
            .map(|record| firing(id, record))
            .collect(),
        ..broken(id, String::new())
    }
}

/// A schedule whose record cannot be read.
pub(crate) fn broken(id: &str, trouble: String) -> ScheduleView {
    ScheduleView {
        schedule: id.to_owned(),
        description: None,
        plan: String::new(),
        cron: String::new(),
        when: String::new(),
        timezone: String::new(),
        overlap: String::new(),
        catch_up: String::new(),
        for_each: None,
        file: String::new(),
        added_by: String::new(),
        added_at: None,
        trouble: Some(trouble),
        paused: None,
        next: Vec::new(),
        running: Vec::new(),
        waiting: 0,
        recent: Vec::new(),
    }
}
