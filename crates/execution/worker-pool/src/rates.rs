//! Token buckets: how many runs may begin in a time.

use crate::settings::{Rate, Rates};
use rok_log::RunRow;
use rok_vocabulary::Timestamp;
use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};

/// The buckets of a pool, shared by its shards.
#[derive(Debug, Default)]
pub(crate) struct Buckets {
    rates: Rates,
    full_at: Mutex<HashMap<String, Timestamp>>,
}

impl Buckets {
    pub(crate) fn new(rates: &Rates) -> Self {
        Self {
            rates: rates.clone(),
            full_at: Mutex::default(),
        }
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.rates == Rates::default()
    }

    /// Takes a token for a run that begins, of each bucket that it falls
    /// under. The error says when there will be one.
    pub(crate) fn take(&self, row: &RunRow, now: Timestamp) -> Result<(), Timestamp> {
        let plan = row.plan.as_str();
        let key = row.concurrency.as_ref().map(|of| of.key.as_str());
        let of_plan = self.rates.plans.get(plan);
        let of_plan = of_plan.map(|rate| (format!("plan:{plan}"), *rate));
        let of_key = key.and_then(|key| Some((format!("key:{key}"), *self.rates.keys.get(key)?)));
        let buckets: Vec<(String, Rate)> = of_plan.into_iter().chain(of_key).collect();
        let mut full_at = self.full_at.lock().unwrap_or_else(PoisonError::into_inner);
        let mut then = Vec::with_capacity(buckets.len());
        for (name, rate) in &buckets {
            // The bucket as the moment at which it will be full again.
            let full = full_at.get(name).copied().unwrap_or(now).max(now);
            let after = full.after(rate.every);
            let room = rate.every * rate.burst.max(1);
            if after.since(now) > room {
                let wait = after.since(now).saturating_sub(room);
                return Err(now.after(wait));
            }
            then.push(after);
        }
        for ((name, _), after) in buckets.into_iter().zip(then) {
            full_at.insert(name, after);
        }
        Ok(())
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
        let take = |seconds| buckets.take(&row("p"), at(seconds));
        assert_eq!([take(0), take(0)], [Ok(()), Ok(())]);
        assert_eq!(take(0), Err(at(10)), "two are out, one comes back in ten");
        assert_eq!(take(9), Err(at(10)));
        assert_eq!(take(10), Ok(()));
        assert_eq!(take(10), Err(at(20)));
        assert_eq!(buckets.take(&row("other"), at(10)), Ok(()));
        assert_eq!(
            [take(100), take(100)],
            [Ok(()), Ok(())],
            "never more than the burst"
        );
        assert_eq!(take(100), Err(at(110)));
    }
}
