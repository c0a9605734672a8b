//! The ways through a list: which ranges of which index hold what a filter
//! asks for, and give it in the filter's order.

use super::Key;
use crate::access::Access;
use crate::fault::Failure;
use rok_log::{Cursor, Namespace, RunFilter, RunOrder};
use rok_vocabulary::{Outcome, RunPhase};
use rusqlite::params_from_iter;
use rusqlite::types::Value;

/// So many runs can be read and sorted for one page. Of more, an index that
/// has another order gives a page sooner. (Few in tests: they go all ways.)
const FEW: i64 = if cfg!(test) { 3 } else { 10_000 };

/// So far back it is looked how close together a label's runs lie.
const BACK: i64 = if cfg!(test) { 2 } else { 1_000 };

/// How sparse the newest runs of a lane are. The less, the fewer of them are
/// gone through for a page.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
struct Reach {
    /// When the last of its [`BACK`] newest runs was created; ever so long ago
    /// where it has fewer.
    back: i64,
    /// How many of those it has.
    runs: i64,
}

impl Default for Reach {
    fn default() -> Self {
        Self {
            back: i64::MIN,
            runs: 0,
        }
    }
}

impl Reach {
    /// Of two lanes, both gone through.
    fn with(self, other: Self) -> Self {
        Self {
            back: self.back.max(other.back),
            runs: self.runs + other.runs,
        }
    }
}

/// A range of one index.
pub(super) enum Lane {
    /// All runs.
    All,
    /// Those in a state, of any plan or one.
    State { plan: Option<String>, state: String },
    /// Those with a concurrency key.
    Concurrency(String),
    /// Those with a label.
    Label(String, String),
}

/// The ranges to go through.
pub(super) fn choose(
    at: Access<'_>,
    space: &Namespace,
    filter: &RunFilter,
) -> Result<Vec<Lane>, Failure> {
    let by_age = filter.order == RunOrder::NewestFirst;
    let labels = filter.labels.iter();
    let labels = labels.map(|(key, value)| Lane::Label(key.clone(), value.clone()));
    let key = filter.concurrency.iter().cloned().map(Lane::Concurrency);
    let lanes: Vec<_> = key.chain(labels).collect();
    if by_age && lanes.len() == 1 && !by_state(filter) && filter.plan.is_none() {
        // In order, and all of it is asked for.
        return Ok(lanes);
    }
    // Ordered by age, like the index: the one that has fewest runs that are
    // not asked for. Else each page is sorted, and what is few is taken.
    let mut sparse: Option<(Reach, Lane)> = None;
    if by_age {
        for lane in lanes {
            let reach = lane.reach(at, space)?;
            if sparse.as_ref().is_none_or(|(least, _)| reach < *least) {
                sparse = Some((reach, lane));
            }
        }
    } else {
        let mut least = FEW;
        let mut fewest = None;
        for lane in lanes {
            let runs = lane.count(at, space)?;
            if runs < least {
                (least, fewest) = (runs, Some(lane));
            }
        }
        if let Some(lane) = fewest {
            return Ok(vec![lane]);
        }
    }
    if !by_state(filter) && filter.plan.is_none() {
        return Ok(vec![sparse.map_or(Lane::All, |(_, lane)| lane)]);
    }
    let plan = filter.plan.as_ref().map(|plan| plan.as_str().to_owned());
    let lanes: Vec<_> = states(at, space, plan.as_deref())?
        .into_iter()
        .filter(|state| is_asked_for(filter, state))
        .map(|state| Lane::State {
            plan: plan.clone(),
            state,
        })
        .collect();
    if let Some((reach, lane)) = sparse {
        let mut states = Reach::default();
        for lane in &lanes {
            states = states.with(lane.reach(at, space)?);
        }
        if reach < states {
            return Ok(vec![lane]);
        }
    }
    if filter.order == RunOrder::ById {
        let mut runs = 0;
        for lane in &lanes {
            runs += lane.count(at, space)?;
            if runs >= FEW {
                return Ok(vec![Lane::All]);
            }
        }
    }
    Ok(lanes)
}

const fn by_state(filter: &RunFilter) -> bool {
    !filter.phases.is_empty() || !filter.outcomes.is_empty() || filter.held.is_some()
}

/// Whether it asks for what stands in a run's row alone, its state aside.
const fn by_row(filter: &RunFilter) -> bool {
    filter.plan.is_some() || filter.concurrency.is_some()
}

/// The states that any run is in: a seek each.
fn states(at: Access<'_>, space: &Namespace, plan: Option<&str>) -> Result<Vec<String>, Failure> {
    let mut select = at.prepare_cached(match plan {
        None => {
            "SELECT state FROM runs INDEXED BY runs_by_state
             WHERE namespace = ?1 AND ?2 IS NULL AND state > ?3 ORDER BY state LIMIT 1"
        }
        Some(_) => {
            "SELECT state FROM runs INDEXED BY runs_by_plan
             WHERE namespace = ?1 AND plan = ?2 AND state > ?3 ORDER BY state LIMIT 1"
        }
    })?;
    let mut states: Vec<String> = Vec::new();
    loop {
        let last = states.last().map_or("", String::as_str);
        let mut rows = select.query((space.as_str(), plan, last))?;
        let Some(row) = rows.next()? else { break };
        let state: String = row.get(0)?;
        drop(rows);
        if states.last().is_some_and(|last| state <= *last) {
            return Err(at.disordered("list"));
        }
        states.push(state);
    }
    Ok(states)
}

/// Whether runs in that state are asked for. What is no state is listed
/// whatever the filter.
fn is_asked_for(filter: &RunFilter, state: &str) -> bool {
    let mut parts = state.split('/');
    let phase = parts
        .next()
        .and_then(|phase| phase.parse::<RunPhase>().ok());
    let outcome = match parts.next() {
        None | Some("") => None,
        Some(outcome) => match outcome.parse::<Outcome>() {
            Ok(outcome) => Some(outcome),
            Err(_) => return true,
        },
    };
    let held = parts.next().is_some();
    let Some(phase) = phase else { return true };
    (filter.phases.is_empty() || filter.phases.contains(&phase))
        && (filter.outcomes.is_empty()
            || outcome.is_some_and(|outcome| filter.outcomes.contains(&outcome)))
        && filter.held.is_none_or(|asked| asked == held)
}

/// A statement that is put together, with its values.
struct Query {
    sql: String,
    values: Vec<Value>,
}

impl Query {
    fn new(sql: impl Into<String>) -> Self {
        Self {
            sql: sql.into(),
            values: Vec::new(),
        }
    }

    /// Adds a condition with one `?` for each value.
    fn and<const N: usize>(&mut self, condition: &str, values: [Value; N]) {
        self.sql.push_str(if self.values.is_empty() {
            " WHERE "
        } else {
            " AND "
        });
        self.sql.push_str(condition);
        self.values.extend(values);
    }

    /// Adds that a column holds one of some words.
    fn and_one_of(&mut self, column: &str, words: impl Iterator<Item = &'static str>) {
        let words: Vec<_> = words.map(|word| Value::from(word.to_owned())).collect();
        let marks = vec!["?"; words.len()].join(", ");
        self.and(&format!("{column} IN ({marks})"), []);
        self.values.extend(words);
    }
}

fn text(text: &str) -> Value {
    Value::from(text.to_owned())
}

impl Lane {
    /// How sparse its newest runs are.
    fn reach(&self, at: Access<'_>, space: &Namespace) -> Result<Reach, Failure> {
        let (age, source) = (self.columns().0, self.own());
        let mut query = Query::new(format!(
            "SELECT min(age), count(*) FROM (SELECT {age} AS age{source}"
        ));
        self.range(space, &mut query);
        query.sql.push_str(" ORDER BY age DESC LIMIT ?)");
        query.values.push(Value::from(BACK));
        let mut select = at.prepare_cached(&query.sql)?;
        let (oldest, runs): (Option<i64>, i64) = select
            .query_row(params_from_iter(query.values), |row| {
                Ok((row.get(0)?, row.get(1)?))
            })?;
        let back = oldest.filter(|_| runs == BACK).unwrap_or(i64::MIN);
        Ok(Reach { back, runs })
    }

    /// How many runs it has, as far as [`FEW`].
    fn count(&self, at: Access<'_>, space: &Namespace) -> Result<i64, Failure> {
        let source = self.own();
        let mut query = Query::new(format!("SELECT count(*) FROM (SELECT 1{source}"));
        self.range(space, &mut query);
        query.sql.push_str(" LIMIT ?)");
        query.values.push(Value::from(FEW));
        let mut select = at.prepare_cached(&query.sql)?;
        Ok(select.query_row(params_from_iter(query.values), |row| row.get(0))?)
    }

    /// From where its keys come, without what another table says of them.
    const fn own(&self) -> &'static str {
        match self {
            Self::All => " FROM runs r",
            Self::State { plan: None, .. } => " FROM runs r INDEXED BY runs_by_state",
            Self::State { plan: Some(_), .. } => " FROM runs r INDEXED BY runs_by_plan",
            Self::Concurrency(_) => " FROM runs r INDEXED BY runs_by_key",
            Self::Label(..) => " FROM labels l",
        }
    }

    /// The same, with the runs' rows where the filter asks for more than labels.
    fn source(&self, filter: &RunFilter) -> &'static str {
        match self {
            // The order of the tables is the order of the loops.
            Self::Label(..) if by_state(filter) || by_row(filter) => {
                " FROM labels l CROSS JOIN runs r ON r.no = l.run_no"
            }
            _ => self.own(),
        }
    }

    /// When a run was created, its id, and its row's number.
    const fn columns(&self) -> (&'static str, &'static str, &'static str) {
        match self {
            Self::Label(..) => ("l.created_at", "l.id", "l.run_no"),
            _ => ("r.created_at", "r.id", "r.no"),
        }
    }

    fn range(&self, space: &Namespace, query: &mut Query) {
        let space = text(space.as_str());
        match self {
            Self::All => query.and("r.namespace = ?", [space]),
            Self::State { plan, state } => {
                query.and("r.namespace = ?", [space]);
                if let Some(plan) = plan {
                    query.and("r.plan = ?", [text(plan)]);
                }
                query.and("r.state = ?", [text(state)]);
            }
            Self::Concurrency(key) => {
                let condition = "r.namespace = ? AND r.concurrency_key = ?";
                query.and(condition, [space, text(key)]);
            }
            Self::Label(key, value) => {
                let condition = "l.namespace = ? AND l.key = ? AND l.value = ?";
                query.and(condition, [space, text(key), text(value)]);
            }
        }
    }

    /// Reads the keys of at most one page, in the filter's order.
    pub(super) fn keys(
        &self,
        at: Access<'_>,
        space: &Namespace,
        filter: &RunFilter,
        keys: &mut Vec<Key>,
    ) -> Result<(), Failure> {
        let (age, id, no) = self.columns();
        let source = self.source(filter);
        let mut query = Query::new(format!("SELECT {age}, {id}, {no}{source}"));
        self.range(space, &mut query);
        self.narrow(filter, space, &mut query);
        match (filter.order, &filter.after) {
            (RunOrder::ById, Some(after)) => query.and(&format!("{id} > ?"), [text(&after.name)]),
            (
                RunOrder::NewestFirst,
                Some(Cursor {
                    created_at: Some(moment),
                    name,
                }),
            ) => {
                let moment = Value::from(moment.as_millis());
                let condition = format!("{age} <= ? AND ({age} < ? OR {id} < ?)");
                query.and(&condition, [moment.clone(), moment, text(name)]);
            }
            // The first page.
            _ => {}
        }
        let order = match filter.order {
            RunOrder::ById => format!(" ORDER BY {id} LIMIT ?"),
            RunOrder::NewestFirst => format!(" ORDER BY {age} DESC, {id} DESC LIMIT ?"),
        };
        query.sql.push_str(&order);
        let limit = filter.limit.and_then(|limit| i64::try_from(limit).ok());
        query.values.push(Value::from(limit.unwrap_or(-1)));
        let mut select = at.prepare_cached(&query.sql)?;
        let mut rows = select.query(params_from_iter(query.values))?;
        while let Some(row) = rows.next()? {
            keys.push(Key {
                created_at: row.get(0)?,
                id: row.get(1)?,
                no: row.get(2)?,
            });
        }
        Ok(())
    }

    /// What the range does not say by itself.
    fn narrow(&self, filter: &RunFilter, space: &Namespace, query: &mut Query) {
        let (age, id, _) = self.columns();
        if let Some(since) = filter.since {
            query.and(&format!("{age} >= ?"), [Value::from(since.as_millis())]);
        }
        if !matches!(self, Self::State { .. }) {
            if !filter.phases.is_empty() {
                query.and_one_of("r.phase", filter.phases.iter().map(|it| it.as_str()));
            }
            if !filter.outcomes.is_empty() {
                query.and_one_of("r.outcome", filter.outcomes.iter().map(|it| it.as_str()));
            }
            match filter.held {
                Some(true) => query.and("r.hold IS NOT NULL", []),
                Some(false) => query.and("r.hold IS NULL", []),
                None => {}
            }
            if let Some(plan) = &filter.plan {
                query.and("r.plan = ?", [text(plan.as_str())]);
            }
        }
        if let (Some(key), false) = (&filter.concurrency, matches!(self, Self::Concurrency(_))) {
            query.and("r.concurrency_key = ?", [text(key)]);
        }
        for (key, value) in &filter.labels {
            if !matches!(self, Self::Label(own, _) if own == key) {
                let exists = format!(
                    "EXISTS (SELECT 1 FROM labels o WHERE o.namespace = ? AND o.key = ?
                       AND o.value = ? AND o.created_at = {age} AND o.id = {id})"
                );
                let space = text(space.as_str());
                query.and(&exists, [space, text(key), text(value)]);
            }
        }
    }
}
