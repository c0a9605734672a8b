//! A firing: one run of one schedule for one due time and one item.

use alloc::collections::BTreeMap;
use alloc::format;
use alloc::string::{String, ToString};
use alloc::vec::Vec;
use rok_chain::Digest;
use rok_expr::{EvalError, RunView, Scope, Site, StepView, Template};
use rok_vocabulary::{Actor, Epoch, RunId, ScheduleId, Timestamp};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use uuid::Uuid;

use crate::item::Item;
use crate::model::{Input, Schedule};

/// The namespace of run ids that are derived from firings.
const NAMESPACE: Uuid = Uuid::from_u128(0x5a3e_61d4_0c1b_5f0e_9d47_3b86_21fa_c07e);

/// Characters of an item that a label shows.
const LABEL: usize = 200;

/// Why a run was started.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Cause {
    /// It was due.
    Due,
    /// It had been due, and was missed.
    CatchUp,
    /// Somebody asked for a range of due times.
    Backfill,
    /// Somebody asked for a run now.
    Trigger,
}

impl Cause {
    /// Its word.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Due => "due",
            Self::CatchUp => "catch_up",
            Self::Backfill => "backfill",
            Self::Trigger => "trigger",
        }
    }
}

/// What one run is for. Two firings of the same schedule, due time and item are
/// the same firing, whatever caused them.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Firing {
    /// When it was due; of a triggered one, when that was.
    pub due: Timestamp,
    /// What it runs for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub item: Option<Item>,
    /// Why.
    pub cause: Cause,
    /// Who asked for it, where somebody did.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub asked: Option<Asked>,
}

/// Who asked for a firing that was not due of itself.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Asked {
    /// Who.
    pub by: Actor,
    /// Why.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
}

impl Firing {
    /// A firing that nobody asked for.
    #[must_use]
    pub const fn new(due: Timestamp, item: Option<Item>, cause: Cause) -> Self {
        Self {
            due,
            item,
            cause,
            asked: None,
        }
    }

    /// Its key among the firings of all schedules: the idempotency key of its
    /// run.
    #[must_use]
    pub fn key(&self, schedule: &ScheduleId) -> String {
        let kind = match self.cause {
            Cause::Trigger => "trigger",
            Cause::Due | Cause::CatchUp | Cause::Backfill => "due",
        };
        let item = self.item.as_ref().map_or_else(String::new, |item| {
            format!("/{}", &Digest::of(item.key().as_bytes()).to_hex()[..32])
        });
        format!("schedule/{schedule}/{kind}/{}{item}", self.due)
    }

    /// The id of its run: the same wherever and how often it is derived.
    #[must_use]
    pub fn run_id(&self, schedule: &ScheduleId) -> RunId {
        let id = Uuid::new_v5(&NAMESPACE, self.key(schedule).as_bytes());
        let id = id.hyphenated().to_string();
        id.parse().expect("a UUID is a run id")
    }
}

/// What a run of a firing is submitted with.
#[derive(Debug, Clone, PartialEq)]
pub struct RunSpec {
    /// Inputs as text, read by their declared type.
    pub texts: Vec<(String, String)>,
    /// Inputs as values.
    pub values: Map<String, Value>,
    /// Labels.
    pub labels: BTreeMap<String, String>,
}

impl Schedule {
    /// The inputs and labels of a firing's run: expressions filled in.
    pub fn run_spec(&self, firing: &Firing) -> Result<RunSpec, EvalError> {
        let mut labels = self.own_labels(firing);
        let run = firing.run_id(&self.id);
        let scope = Known {
            run: &run,
            labels: &labels,
            item: firing.item.as_ref().map(|item| &item.0),
        };
        let mut spec = RunSpec {
            texts: Vec::new(),
            values: Map::new(),
            labels: BTreeMap::new(),
        };
        for (name, input) in &self.inputs {
            let value = match input {
                Input::Text(text) => fill_text(text, &scope)?,
                Input::Json(value) => fill(value, &scope)?,
            };
            match value {
                // A scalar is read by the type that the plan declares for it.
                Value::String(text) => spec.texts.push((name.clone(), text)),
                Value::Number(number) => spec.texts.push((name.clone(), number.to_string())),
                Value::Bool(value) => spec.texts.push((name.clone(), value.to_string())),
                value => {
                    spec.values.insert(name.clone(), value);
                }
            }
        }
        let mut filled = BTreeMap::new();
        for (name, text) in &self.labels {
            filled.insert(name.clone(), text_of(text, &scope)?);
        }
        labels.extend(filled);
        Ok(RunSpec { labels, ..spec })
    }

    fn own_labels(&self, firing: &Firing) -> BTreeMap<String, String> {
        let own = [
            ("schedule", self.id.to_string()),
            ("due", firing.due.to_string()),
            ("due_date", self.zone.date(firing.due)),
        ];
        let item = firing.item.as_ref().map(|item| {
            let label: String = item.label().chars().take(LABEL).collect();
            ("item", label)
        });
        own.into_iter()
            .chain(item)
            .map(|(name, value)| (name.to_string(), value))
            .collect()
    }
}

/// What expressions in a schedule may read.
struct Known<'a> {
    run: &'a RunId,
    labels: &'a BTreeMap<String, String>,
    item: Option<&'a Value>,
}

impl Scope for Known<'_> {
    fn input(&self, _: &str) -> Option<&Value> {
        None
    }

    fn step(&self, _: &str) -> Option<StepView<'_>> {
        None
    }

    fn run(&self) -> RunView<'_> {
        RunView {
            id: self.run.as_str(),
            plan: "",
            epoch: Epoch::FIRST,
            labels: self.labels,
        }
    }

    fn item(&self) -> Option<&Value> {
        self.item
    }
}

fn fill(value: &Value, scope: &Known<'_>) -> Result<Value, EvalError> {
    Ok(match value {
        Value::String(text) => fill_text(text, scope)?,
        Value::Array(items) => {
            let items: Result<_, _> = items.iter().map(|item| fill(item, scope)).collect();
            Value::Array(items?)
        }
        Value::Object(object) => {
            let mut filled = Map::new();
            for (key, value) in object {
                filled.insert(key.clone(), fill(value, scope)?);
            }
            Value::Object(filled)
        }
        scalar => scalar.clone(),
    })
}

fn fill_text(text: &str, scope: &Known<'_>) -> Result<Value, EvalError> {
    template(text).value(scope)
}

fn text_of(text: &str, scope: &Known<'_>) -> Result<String, EvalError> {
    let text = template(text).text(scope)?;
    Ok(text
        .as_plain()
        .expect("a schedule names no secret")
        .to_string())
}

/// Every text of a schedule was looked at when it was read.
fn template(text: &str) -> Template {
    Template::parse(text, Site::Plain).expect("it was parsed with the file")
}
