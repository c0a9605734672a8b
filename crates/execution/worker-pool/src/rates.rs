//! Token buckets: how many runs may begin in a time.

use crate::settings::{Rate, Rates};
use rok_log::RunRow;
use rok_vocabulary::{RunId, Timestamp};
use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

/// The buckets of a pool, shared by its shards.
#[derive(Debug, Default)]
pub(crate) struct Buckets {
    rates: Rates,
    taken: Mutex<Taken>,
}

#[derive(Debug, Default)]
struct Taken {
    /// Each bucket as the moment at which it will be full again.
    full_at: HashMap<String, Timestamp>,
    /// Tokens that were promised to runs, and when they may have them: each
    /// comes once, and nobody overtakes them.
    promised: HashMap<RunId, Timestamp>,
}

impl Buckets {
    pub(crate) fn new(rates: &Rates) -> Self {
        Self {
            rates: rates.clone(),
            taken: Mutex::default(),
        }
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.rates == Rates::default()
    }

    fn taken(&self) -> MutexGuard<'_, Taken> {
        self.taken.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Takes a token for a run that begins, of each bucket that it falls
    /// under. The error says when there will be one for it.
    pub(crate) fn take(&self, run: &RunId, row: &RunRow, now: Timestamp) -> Result<(), Timestamp> {
        let mut taken = self.taken();
        if let Some(at) = taken.promised.get(run).copied() {
            if at > now {
                return Err(at);
            }
            taken.promised.remove(run);
            return Ok(());
        }
        let mut begins = now;
        for (name, rate) in self.of(row) {
            let full = taken.full_at.get(&name).copied().unwrap_or(now).max(now);
            let after = full.after(rate.every);
            let room = rate.every * rate.burst.max(1);
            begins = begins.max(now.after(after.since(now).saturating_sub(room)));
            taken.full_at.insert(name, after);
        }
        if begins > now {
            taken.promised.insert(run.clone(), begins);
            return Err(begins);
        }
        Ok(())
    }

    /// What was promised to a run that is closed goes to nobody.
    pub(crate) fn forget(&self, run: &RunId) {
        if !self.is_empty() {
            self.taken().promised.remove(run);
        }
    }

    fn of(&self, row: &RunRow) -> impl Iterator<Item = (String, Rate)> + use<> {
        let plan = row.plan.as_str();
        let of_plan = self.rates.plans.get(plan);
        let of_plan = of_plan.map(|rate| (format!("plan:{plan}"), *rate));
        let key = row.concurrency.as_ref().map(|of| of.key.as_str());
        let of_key = key.and_then(|key| Some((format!("key:{key}"), *self.rates.keys.get(key)?)));
        of_plan.into_iter().chain(of_key)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    #[test]
    fn a_burst_then_one_at_a_time() {
        let rate = Rate {
            burst: 2,
            every: Duration::from_secs(10),
        };
        let mut rates = Rates::default();
        rates.plans.insert("p".into(), rate);
        let buckets = Buckets::new(&rates);
        let at = |seconds: i64| Timestamp::from_millis(seconds * 1_000);
        let row = |plan: &str| RunRow::new(plan.parse().expect("a plan id"), at(0));
        let take = |run: &str, seconds| {
            let run = run.parse().expect("a run id");
            buckets.take(&run, &row("p"), at(seconds))
        };
        assert_eq!([take("a", 0), take("b", 0)], [Ok(()), Ok(())]);
        assert_eq!(take("c", 0), Err(at(10)), "two are out, one comes in ten");
        assert_eq!(
            take("d", 5),
            Err(at(20)),
            "the next is for whoever came next"
        );
        assert_eq!(take("c", 9), Err(at(10)), "asking again costs nothing");
        assert_eq!([take("c", 10), take("d", 20)], [Ok(()), Ok(())]);
        assert_eq!(take("e", 20), Err(at(30)));
        let other = "f".parse().expect("a run id");
        assert_eq!(buckets.take(&other, &row("other"), at(10)), Ok(()));
        assert_eq!([take("g", 100), take("h", 100)], [Ok(()), Ok(())]);
        assert_eq!(take("i", 100), Err(at(110)), "never more than the burst");
        buckets.forget(&"i".parse().expect("a run id"));
        assert_eq!(take("i", 100), Err(at(120)));
    }
}
