//! What people ask of schedules. Each is one change, decided in one step; what
//! it orders is carried out by the next tick.

use crate::entry::{Entry, TABLE, parse, store};
use crate::submit::Standing;
use crate::ticker::{Ticker, news};
use crate::view;
use rok_facades::runs::{ErrorKind, RunsError};
use rok_facades::schedules::{
    AddedSchedule, DueView, FiringView, RemovedSchedule, ScheduleFile, ScheduleView,
};
use rok_log::Cells;
use rok_schedule::{Asked, Item, Schedule, State, next_due_times};
use rok_vocabulary::{Actor, RunId, Timestamp};

/// The ids of the schedules that are kept in cells.
pub fn schedules_in(cells: &dyn Cells) -> Result<Vec<String>, RunsError> {
    let entries = cells.cells(TABLE).map_err(|error| store(&error))?;
    Ok(entries.into_iter().map(|(id, _)| id).collect())
}

impl Ticker {
    pub(crate) fn add(
        &self,
        file: &ScheduleFile,
        actor: &Actor,
        now: Timestamp,
    ) -> Result<AddedSchedule, RunsError> {
        let schedule = parse(&file.text, &file.name)?;
        let text = String::from_utf8_lossy(&file.text).into_owned();
        let id = schedule.id.as_str();
        let state = State::new(&schedule, now);
        let entry = Entry::new(text, file.path.clone(), actor.clone(), now, state);
        let swapped = self.cells.swap(TABLE, id, None, Some(&entry.next()));
        if swapped.map_err(|error| store(&error))? {
            return Ok(added("added", &schedule, &entry, now));
        }
        let replace = |before: &mut Entry, old: &Schedule| {
            if before.text == entry.text && before.file == entry.file {
                return Ok("unchanged");
            }
            before.text.clone_from(&entry.text);
            before.file.clone_from(&entry.file);
            before.added_by = actor.clone();
            before.added_at = now;
            if when(old) != when(&schedule) {
                // What the new times would have been is nobody's firing.
                before.state.cursor = before.state.cursor.max(now);
            }
            Ok("replaced")
        };
        let (change, entry, _) = self.change(id, replace)?;
        Ok(added(change, &schedule, &entry, now))
    }

    /// Moves entries here. Each is here, durably, before it is not there any
    /// more; one that is in both places after a crash is moved once.
    pub(crate) fn take_over(&self, from: &dyn Cells) -> Result<Vec<String>, RunsError> {
        let entries = from.cells(TABLE).map_err(|error| store(&error))?;
        let mut moved = Vec::new();
        for (id, bytes) in entries {
            Entry::read(&id, &bytes)?;
            let placed = self.cells.swap(TABLE, &id, None, Some(&bytes));
            if !placed.map_err(|error| store(&error))? {
                let here = self.cells.cell(TABLE, &id).map_err(|error| store(&error))?;
                if here.as_deref() != Some(&bytes[..]) {
                    return Err(taken(&id));
                }
            }
            let gone = from.swap(TABLE, &id, Some(&bytes), None);
            if !gone.map_err(|error| store(&error))? {
                return Err(changed(&id));
            }
            moved.push(id);
        }
        Ok(moved)
    }

    pub(crate) fn list(&self, now: Timestamp) -> Result<Vec<ScheduleView>, RunsError> {
        let cells = self.cells.cells(TABLE).map_err(|error| store(&error))?;
        let views = cells
            .iter()
            .map(|(id, bytes)| match Entry::read(id, bytes) {
                Ok(entry) => self.view(id, entry, now),
                Err(error) => view::broken(id, error.message),
            });
        Ok(views.collect())
    }

    pub(crate) fn show(&self, id: &str, now: Timestamp) -> Result<ScheduleView, RunsError> {
        let (_, entry) = self.entry(id)?;
        Ok(self.view(id, entry, now))
    }

    /// Tells what goes on now, not what was known at the last tick.
    fn view(&self, id: &str, mut entry: Entry, now: Timestamp) -> ScheduleView {
        match entry.schedule() {
            Ok(schedule) => {
                let trouble = self.settle(&mut entry, &schedule).into_iter().next();
                let items = self.items(&entry, &schedule).err();
                ScheduleView {
                    trouble: items.or(trouble),
                    ..view::schedule(&schedule, &entry, now)
                }
            }
            Err(error) => ScheduleView {
                trouble: Some(error.message),
                ..view::bare(id, &entry)
            },
        }
    }

    pub(crate) fn next(
        &self,
        id: Option<&str>,
        count: usize,
        now: Timestamp,
    ) -> Result<Vec<DueView>, RunsError> {
        let ids = match id {
            Some(id) => vec![id.to_owned()],
            None => {
                let cells = self.cells.cells(TABLE).map_err(|error| store(&error))?;
                cells.into_iter().map(|(id, _)| id).collect()
            }
        };
        let mut dues = Vec::new();
        for id in &ids {
            let (_, entry) = self.entry(id)?;
            let schedule = entry.schedule()?;
            if entry.state.paused.is_none() {
                let next = next_due_times(&schedule, now.max(entry.state.cursor), count);
                dues.extend(next.into_iter().map(|due| view::due(&schedule, due)));
            }
        }
        dues.sort_by(|a, b| (a.due, &a.schedule).cmp(&(b.due, &b.schedule)));
        dues.truncate(count);
        Ok(dues)
    }

    pub(crate) fn pause(
        &self,
        id: &str,
        actor: &Actor,
        reason: Option<&str>,
        now: Timestamp,
    ) -> Result<ScheduleView, RunsError> {
        let pause = |entry: &mut Entry, schedule: &Schedule| {
            // What fell due before is decided first, unless its items are lost.
            if let Ok(items) = self.items(entry, schedule) {
                entry.state = rok_schedule::decide(schedule, &entry.state, now, &items);
            }
            let reason = reason.map(ToOwned::to_owned);
            entry.state = rok_schedule::pause(&entry.state, now, actor.to_string(), reason);
            Ok(())
        };
        let ((), entry, _) = self.change(id, pause)?;
        Ok(self.view(id, entry, now))
    }

    pub(crate) fn unpause(&self, id: &str, now: Timestamp) -> Result<ScheduleView, RunsError> {
        let unpause = |entry: &mut Entry, schedule: &Schedule| {
            entry.state = rok_schedule::unpause(schedule, &entry.state, now);
            Ok(())
        };
        let ((), entry, _) = self.change(id, unpause)?;
        Ok(self.view(id, entry, now))
    }

    pub(crate) fn trigger(
        &self,
        id: &str,
        items: &[String],
        asked: &Asked,
        now: Timestamp,
    ) -> Result<Vec<FiringView>, RunsError> {
        self.fire(id, |entry, schedule| {
            let all = self.items_or_error(entry, schedule)?;
            let chosen = chosen(id, all, items)?;
            // Two of one moment are two.
            let last = entry.state.recent.iter();
            let last = last.filter(|record| record.cause == rok_schedule::Cause::Trigger);
            let last = last.map(|record| record.due).max();
            let due = match last {
                Some(last) if last >= now => Timestamp::from_millis(last.as_millis() + 1),
                _ => now,
            };
            self.settle(entry, schedule);
            let asked = asked.clone();
            Ok(rok_schedule::trigger(
                schedule,
                &entry.state,
                due,
                &chosen,
                asked,
            ))
        })
    }

    pub(crate) fn backfill(
        &self,
        id: &str,
        range: (Timestamp, Timestamp),
        asked: &Asked,
        now: Timestamp,
    ) -> Result<Vec<FiringView>, RunsError> {
        self.fire(id, |entry, schedule| {
            let items = self.items_or_error(entry, schedule)?;
            self.settle(entry, schedule);
            // What cannot be told is ordered: a run is created once, come what may.
            let has_run = |run: &RunId| {
                let standing = self.submit.standing(run);
                matches!(standing, Ok(Standing::GoesOn | Standing::Ended))
            };
            let (state, asked) = (&entry.state, asked.clone());
            rok_schedule::backfill(schedule, state, now, range, &items, asked, has_run).map_err(
                |error| {
                    let message = format!("schedule {id} cannot be backfilled: {error}");
                    RunsError::new(ErrorKind::Usage, "ROK0182", message).help(
                        "`rok schedule next` shows when it is due; a long range goes in parts",
                    )
                },
            )
        })
    }

    pub(crate) fn remove(&self, id: &str) -> Result<RemovedSchedule, RunsError> {
        loop {
            // One that cannot be read can be removed.
            let (removed, bytes) = match self.entry(id) {
                Ok((bytes, entry)) => (removed(id, &entry), bytes),
                Err(error) if error.code == "ROK0183" => {
                    let cell = self.cells.cell(TABLE, id).map_err(|error| store(&error))?;
                    let Some(bytes) = cell else { continue };
                    let (dropped, running) = (0, Vec::new());
                    let schedule = id.to_owned();
                    let removed = RemovedSchedule {
                        schedule,
                        dropped,
                        running,
                    };
                    (removed, bytes)
                }
                Err(error) => return Err(error),
            };
            let swapped = self.cells.swap(TABLE, id, Some(&bytes), None);
            if swapped.map_err(|error| store(&error))? {
                return Ok(removed);
            }
        }
    }

    fn fire(
        &self,
        id: &str,
        decide: impl Fn(&mut Entry, &Schedule) -> Result<State, RunsError>,
    ) -> Result<Vec<FiringView>, RunsError> {
        let (records, ..) = self.change(id, |entry, schedule| {
            let before = entry.state.recent.clone();
            entry.state = decide(entry, schedule)?;
            Ok(news(&before, &entry.state.recent))
        })?;
        Ok(records
            .iter()
            .map(|record| view::firing(id, record))
            .collect())
    }

    fn items_or_error(
        &self,
        entry: &Entry,
        schedule: &Schedule,
    ) -> Result<Vec<Option<Item>>, RunsError> {
        self.items(entry, schedule)
            .map_err(|why| RunsError::new(ErrorKind::Usage, "ROK0181", why))
    }
}

/// What makes a schedule due.
fn when(schedule: &Schedule) -> impl PartialEq {
    (
        schedule.cron.clone(),
        schedule.zone.name().to_owned(),
        schedule.from,
        schedule.until,
    )
}

fn taken(id: &str) -> RunsError {
    let message = format!("there is another schedule `{id}` here already");
    RunsError::new(ErrorKind::State, "ROK0184", message)
        .help("remove the one that is not to go on: `rok schedule remove`, with --store or with --dir alone")
}

fn changed(id: &str) -> RunsError {
    let message = format!("schedule `{id}` was changed where it was while it was moved");
    RunsError::new(ErrorKind::State, "ROK0184", message)
        .help("let nothing else use it there, remove it here, and move it again")
}

fn added(change: &str, schedule: &Schedule, entry: &Entry, now: Timestamp) -> AddedSchedule {
    AddedSchedule {
        change: change.to_owned(),
        schedule: view::schedule(schedule, entry, now),
    }
}

fn removed(id: &str, entry: &Entry) -> RemovedSchedule {
    let schedule = entry.schedule();
    RemovedSchedule {
        schedule: id.to_owned(),
        dropped: entry.state.waiting.len(),
        running: schedule.map_or_else(|_| Vec::new(), |schedule| view::runs(&schedule, entry)),
    }
}

/// The items of these names; all where none is named.
fn chosen(
    id: &str,
    all: Vec<Option<Item>>,
    names: &[String],
) -> Result<Vec<Option<Item>>, RunsError> {
    if names.is_empty() {
        return Ok(all);
    }
    let mut chosen = Vec::new();
    for name in names {
        let mut items = all.iter().filter(|item| item.is_some());
        let found = items.find(|item| item.as_ref().is_some_and(|item| item.label() == *name));
        let Some(found) = found else {
            let labels = all.iter().flatten().map(Item::label);
            let labels: Vec<_> = labels.take(10).collect();
            let message = format!("schedule {id} has no item `{name}`");
            let help = if labels.is_empty() {
                "it has no `for_each`: leave --item out".to_owned()
            } else {
                format!("its items begin with {}", labels.join(", "))
            };
            return Err(RunsError::new(ErrorKind::NotFound, "ROK0180", message).help(help));
        };
        if !chosen.contains(found) {
            chosen.push(found.clone());
        }
    }
    Ok(chosen)
}
