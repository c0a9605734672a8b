//! Runs that are only written down: for tests of who ticks.

use crate::submit::{Order, Standing, Submit, SubmitError};
use rok_schedule::{Item, parse_items};
use rok_vocabulary::{RunId, ScheduleId};
use std::collections::BTreeMap;
use std::path::Path;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// Keeps runs in memory. Clones share them. A run is created once, as by any
/// keeper; how often that was asked for is counted.
#[derive(Debug, Clone, Default)]
pub struct Recorder {
    kept: Arc<Mutex<Kept>>,
}

#[derive(Debug, Default)]
struct Kept {
    /// The runs in the order that they were created in.
    runs: Vec<(RunId, String)>,
    ended: BTreeMap<RunId, bool>,
    asked: usize,
    cancelled: Vec<RunId>,
    files: BTreeMap<String, String>,
    refused: Option<String>,
}

impl Recorder {
    fn kept(&self) -> MutexGuard<'_, Kept> {
        self.kept.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The keys of the runs, in the order that they were created in.
    #[must_use]
    pub fn keys(&self) -> Vec<String> {
        let kept = self.kept();
        kept.runs.iter().map(|(_, key)| key.clone()).collect()
    }

    /// How often a run was asked for.
    #[must_use]
    pub fn asked(&self) -> usize {
        self.kept().asked
    }

    /// The runs that were cancelled.
    #[must_use]
    pub fn cancelled(&self) -> Vec<RunId> {
        self.kept().cancelled.clone()
    }

    /// Ends every run. Gives how many had not.
    pub fn end_all(&self) -> usize {
        let mut kept = self.kept();
        let ended = kept.ended.values_mut();
        ended
            .filter_map(|ended| (!std::mem::replace(ended, true)).then_some(()))
            .count()
    }

    /// What stands in a file.
    pub fn write(&self, path: &str, text: &str) {
        self.kept().files.insert(path.to_owned(), text.to_owned());
    }

    /// Refuses every run that is not there, for this reason.
    pub fn refuse(&self, why: Option<&str>) {
        self.kept().refused = why.map(ToOwned::to_owned);
    }
}

impl Submit for Recorder {
    fn submit(&self, order: &Order<'_>) -> Result<(), SubmitError> {
        let mut kept = self.kept();
        kept.asked += 1;
        if kept.ended.contains_key(&order.run) {
            return Ok(());
        }
        if let Some(why) = &kept.refused {
            return Err(SubmitError::Refused(why.clone()));
        }
        kept.ended.insert(order.run.clone(), false);
        let key = order.firing.key(&order.schedule.id);
        kept.runs.push((order.run.clone(), key));
        Ok(())
    }

    fn standing(&self, run: &RunId) -> Result<Standing, SubmitError> {
        Ok(match self.kept().ended.get(run) {
            None => Standing::Missing,
            Some(false) => Standing::GoesOn,
            Some(true) => Standing::Ended,
        })
    }

    fn cancel(&self, run: &RunId, _: &ScheduleId) -> Result<(), SubmitError> {
        let mut kept = self.kept();
        if let Some(ended) = kept.ended.get_mut(run)
            && !*ended
        {
            *ended = true;
            kept.cancelled.push(run.clone());
        }
        Ok(())
    }

    fn items(&self, path: &Path) -> Result<Vec<Item>, String> {
        let name = path.to_string_lossy();
        let kept = self.kept();
        let text = kept.files.get(&*name);
        let text = text.ok_or_else(|| format!("cannot read the items in {name}"))?;
        parse_items(text.as_bytes(), &name).map_err(|errors| errors.render())
    }
}
