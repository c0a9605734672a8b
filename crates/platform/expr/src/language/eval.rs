//! Evaluation: a walk over the tree that pays for every step it takes, so that
//! no expression runs long, and asks the scope only for what it names.

use super::budget::Budget;
use super::functions;
use super::node::{Each, EachKind, Literal, Node, NodeKind, Read, RunField, StepField};
use super::value::{Bytes, Key, List, Map, Value};
use crate::bounds::MAX_ITEMS;
use crate::scope::Scope;
use alloc::collections::BTreeMap;
use alloc::format;
use alloc::rc::Rc;
use alloc::string::{String, ToString};
use alloc::vec::Vec;
use serde_json::Value as Json;

/// Why an evaluation ended without a value.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Stop {
    /// An operation failed; `&&` and `||` may still decide without it.
    Failed(String),
    /// A bound was passed; nothing absorbs that.
    Bound(&'static str),
}

impl Stop {
    pub(crate) const ITEMS: Self = Self::Bound("a list in it has more than 10,000 items");

    pub(crate) fn failed(message: impl Into<String>) -> Self {
        Self::Failed(message.into())
    }
}

type Result<T> = core::result::Result<T, Stop>;

/// One evaluation.
pub(crate) struct Evaluation<'a> {
    scope: &'a dyn Scope,
    variables: Vec<Value<'a>>,
    pub(crate) budget: Budget,
}

impl<'a> Evaluation<'a> {
    pub(crate) fn new(scope: &'a dyn Scope) -> Self {
        Self {
            scope,
            variables: Vec::new(),
            budget: Budget::new(),
        }
    }

    /// A value as JSON. What the run holds already is handed on as it is.
    pub(crate) fn json(&mut self, value: &Value<'a>) -> Result<Json> {
        match value {
            Value::List(List::Json(items)) => Ok(Json::Array(items.to_vec())),
            Value::Map(Map::Json(map)) => Ok(Json::Object((*map).clone())),
            other => other.to_json(&mut self.budget),
        }
    }

    pub(crate) fn value(&mut self, node: &'a Node) -> Result<Value<'a>> {
        self.budget.pay(1)?;
        match &node.kind {
            NodeKind::Literal(literal) => Ok(literal_value(literal)),
            NodeKind::TypeName(name) => Ok(Value::Type(name)),
            NodeKind::Variable(index) => self
                .variables
                .get(*index)
                .cloned()
                .ok_or_else(|| Stop::failed("unbound variable")),
            NodeKind::Read(read) => self.read(read),
            NodeKind::HasInput(name) => Ok(Value::Bool(self.scope.input(name).is_some())),
            NodeKind::Select(of, field) => self.select(of, field),
            NodeKind::Has(of, field) => match self.value(of)? {
                Value::Map(map) => Ok(Value::Bool(map.field(field).is_some())),
                // A step that did not succeed has handed on nothing.
                Value::Null
                    if matches!(of.kind, NodeKind::Read(Read::Step(_, StepField::Outputs))) =>
                {
                    Ok(Value::Bool(false))
                }
                other => Err(Stop::failed(format!(
                    "has() asks a map, not a {}",
                    other.kind()
                ))),
            },
            NodeKind::Index(pair) => {
                let of = self.value(&pair[0])?;
                let index = self.value(&pair[1])?;
                functions::index(&of, &index, &mut self.budget)
            }
            NodeKind::List(nodes) => {
                let items: Vec<_> = nodes
                    .iter()
                    .map(|node| self.value(node))
                    .collect::<Result<_>>()?;
                Ok(Value::List(List::made(items)?))
            }
            NodeKind::Map(entries) => self.map(entries),
            NodeKind::Not(of) => Ok(Value::Bool(!self.bool(of)?)),
            NodeKind::Negate(of) => functions::negate(&self.value(of)?),
            NodeKind::And(pair) => self.decide(pair, false),
            NodeKind::Or(pair) => self.decide(pair, true),
            NodeKind::Conditional(three) => {
                let chosen = if self.bool(&three[0])? {
                    &three[1]
                } else {
                    &three[2]
                };
                self.value(chosen)
            }
            NodeKind::Binary(binary, pair) => {
                let left = self.value(&pair[0])?;
                let right = self.value(&pair[1])?;
                functions::binary(*binary, &left, &right, &mut self.budget)
            }
            NodeKind::Call(function, args) => {
                let args: Vec<_> = args
                    .iter()
                    .map(|node| self.value(node))
                    .collect::<Result<_>>()?;
                functions::call(*function, &args, &mut self.budget)
            }
            NodeKind::Each(each) => self.each(each),
        }
    }

    fn bool(&mut self, node: &'a Node) -> Result<bool> {
        match self.value(node)? {
            Value::Bool(b) => Ok(b),
            other => Err(Stop::failed(format!(
                "expected bool, found {}",
                other.kind()
            ))),
        }
    }

    fn read(&mut self, read: &'a Read) -> Result<Value<'a>> {
        match read {
            Read::Input(name) => match self.scope.input(name) {
                Some(json) => Ok(Value::from_json(json)),
                None => Err(Stop::failed(format!("input `{name}` has no value"))),
            },
            Read::Item => match self.scope.item() {
                Some(json) => Ok(Value::from_json(json)),
                None => Err(Stop::failed("there is no `item` here")),
            },
            Read::ItemIndex => match self.scope.item_index() {
                Some(index) => Ok(Value::Int(index.into())),
                None => Err(Stop::failed("there is no `item_index` here")),
            },
            Read::Step(id, field) => {
                let Some(step) = self.scope.step(id) else {
                    return Err(Stop::failed(format!("there is no step `{id}`")));
                };
                Ok(match field {
                    StepField::State => Value::text(step.state.as_str()),
                    StepField::Outputs => Value::from_json(step.outputs),
                    StepField::ErrorClass => step
                        .error_class
                        .map_or(Value::Null, |class| Value::text(class.as_str())),
                    StepField::Attempt => Value::Int(step.attempt.0.into()),
                })
            }
            Read::Run(field) => {
                let run = self.scope.run();
                Ok(match field {
                    RunField::Id => Value::text(run.id),
                    RunField::Plan => Value::text(run.plan),
                    RunField::Epoch => Value::Int(run.epoch.0.into()),
                    RunField::Labels => Value::Map(Map::Labels(run.labels)),
                })
            }
        }
    }

    fn select(&mut self, of: &'a Node, field: &str) -> Result<Value<'a>> {
        match self.value(of)? {
            Value::Map(map) => map
                .field(field)
                .ok_or_else(|| Stop::failed(format!("there is no `{field}` in it"))),
            Value::Null => match &of.kind {
                NodeKind::Read(Read::Step(id, StepField::Outputs)) => {
                    let state = self
                        .scope
                        .step(id)
                        .map_or("unknown", |step| step.state.as_str());
                    Err(Stop::failed(format!(
                        "step `{id}` has no outputs: it is {state}"
                    )))
                }
                _ => Err(Stop::failed(format!("null has no `{field}`"))),
            },
            other => Err(Stop::failed(format!("{} has no `{field}`", other.kind()))),
        }
    }

    fn map(&mut self, entries: &'a [(Node, Node)]) -> Result<Value<'a>> {
        let mut map = BTreeMap::new();
        for (key, value) in entries {
            let key = self.value(key)?;
            let key = Key::of(&key, &mut self.budget)?;
            if map.insert(key, self.value(value)?).is_some() {
                return Err(Stop::failed("a key of the map appears twice"));
            }
        }
        Ok(Value::Map(Map::Made(Rc::new(map))))
    }

    /// `&&` and `||`: either side may decide alone, even where the other one
    /// fails.
    fn decide(&mut self, pair: &'a [Node; 2], deciding: bool) -> Result<Value<'a>> {
        let left = match self.bool(&pair[0]) {
            Ok(b) if b == deciding => return Ok(Value::Bool(b)),
            Err(Stop::Bound(bound)) => return Err(Stop::Bound(bound)),
            left => left,
        };
        match self.bool(&pair[1]) {
            Ok(b) if b == deciding => Ok(Value::Bool(b)),
            Err(Stop::Bound(bound)) => Err(Stop::Bound(bound)),
            right => left.and(right).map(Value::Bool),
        }
    }

    fn each(&mut self, each: &'a Each) -> Result<Value<'a>> {
        let items = match self.value(&each.range)? {
            Value::List(list) => list,
            Value::Map(map) => {
                self.budget.pay(map.len())?;
                List::made(map.keys())?
            }
            other => {
                return Err(Stop::failed(format!(
                    "expected a list or map, found {}",
                    other.kind()
                )));
            }
        };
        if items.len() > MAX_ITEMS {
            return Err(Stop::ITEMS);
        }
        match each.kind {
            EachKind::All => self.quantify(each, &items, false),
            EachKind::Exists => self.quantify(each, &items, true),
            EachKind::ExistsOne => {
                let mut found = 0;
                for item in items.iter() {
                    found += usize::from(self.holds(each, item)?);
                }
                Ok(Value::Bool(found == 1))
            }
            EachKind::Collect => self.collect(each, &items),
        }
    }

    /// `all` and `exists`: one item may decide, even where others fail.
    fn quantify(&mut self, each: &'a Each, items: &List<'a>, deciding: bool) -> Result<Value<'a>> {
        let mut failed = None;
        for item in items.iter() {
            match self.holds(each, item) {
                Ok(b) if b == deciding => return Ok(Value::Bool(b)),
                Ok(_) => {}
                Err(Stop::Bound(bound)) => return Err(Stop::Bound(bound)),
                Err(stop) => failed = Some(stop),
            }
        }
        failed.map_or(Ok(Value::Bool(!deciding)), Err)
    }

    fn collect(&mut self, each: &'a Each, items: &List<'a>) -> Result<Value<'a>> {
        let mut collected = Vec::new();
        for item in items.iter() {
            if !self.holds(each, item.clone())? {
                continue;
            }
            if let Some(result) = &each.result {
                let value = self.with(item, |this| this.value(result))?;
                collected.push(value);
            }
        }
        Ok(Value::List(List::made(collected)?))
    }

    /// Whether the predicate holds for an item; where there is none, it does.
    fn holds(&mut self, each: &'a Each, item: Value<'a>) -> Result<bool> {
        self.budget.pay(1)?;
        match &each.predicate {
            Some(predicate) => self.with(item, |this| this.bool(predicate)),
            None => Ok(true),
        }
    }

    fn with<T>(&mut self, item: Value<'a>, run: impl FnOnce(&mut Self) -> Result<T>) -> Result<T> {
        self.variables.push(item);
        let result = run(self);
        self.variables.pop();
        result
    }
}

fn literal_value(literal: &Literal) -> Value<'_> {
    match literal {
        Literal::Null => Value::Null,
        Literal::Bool(b) => Value::Bool(*b),
        Literal::Int(i) => Value::Int(*i),
        Literal::Uint(u) => Value::Uint(*u),
        Literal::Double(d) => Value::Double(*d),
        Literal::Text(text) => Value::text(text),
        Literal::Bytes(bytes) => Value::Bytes(Bytes::Borrowed(bytes)),
    }
}

/// The text form of a scalar: CEL's `string()`. `None` for everything else.
pub(crate) fn scalar_text(value: &Value<'_>) -> Option<String> {
    match value {
        Value::Text(text) => Some((**text).to_string()),
        Value::Bool(b) => Some(b.to_string()),
        Value::Int(i) => Some(i.to_string()),
        Value::Uint(u) => Some(u.to_string()),
        Value::Double(d) => Some(double_text(*d)),
        _ => None,
    }
}

/// The digits of a double as JSON has them, so that a step is given what the
/// record says; a whole number without `.0`, and one beyond 64 bits with its
/// power of ten, which is how it can be read again.
fn double_text(double: f64) -> String {
    // 2^63.
    const WHOLE: f64 = 9_223_372_036_854_775_808.0;
    let Some(json) = serde_json::Number::from_f64(double) else {
        return double.to_string();
    };
    let json = json.to_string();
    match json.strip_suffix(".0") {
        Some(whole) => whole.to_string(),
        None if json.contains('e') && double.abs() < WHOLE => double.to_string(),
        None => json,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use rstest::rstest;

    #[rstest]
    #[case(5.0, "5")]
    #[case(-0.0, "-0")]
    #[case(0.1, "0.1")]
    #[case(1e-7, "0.0000001")]
    #[case(1e16, "10000000000000000")]
    #[case(1e21, "1e+21")]
    #[case(-1.5e300, "-1.5e+300")]
    #[case::as_near_as_another(76_878_210_872_300.12, "76878210872300.12")]
    #[case::as_near_as_another(-606_497_932_677_899.2, "-606497932677899.2")]
    #[case(f64::INFINITY, "inf")]
    fn a_double_has_the_digits_of_json(#[case] double: f64, #[case] text: &str) {
        assert_eq!(double_text(double), text);
        if double.is_finite() {
            assert_eq!(text.parse::<f64>().unwrap().to_bits(), double.to_bits());
        }
    }
}
