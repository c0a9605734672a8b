//! What a plan declares, as far as expressions can be checked against it.

use alloc::vec::Vec;
use serde_json::{Number, Value};

/// The declared type of an input or output.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// Text.
    String,
    /// A whole number: CEL `int`.
    Integer,
    /// A number: CEL `double`.
    Number,
    /// true or false.
    Boolean,
    /// A list.
    Array,
    /// An object: CEL `map`.
    Object,
}

impl Kind {
    /// The value in the JSON form that stands for this kind in a
    /// [`Scope`](crate::Scope): the whole numbers of a `number` become floats,
    /// and floats without a fraction become the integers of an `integer`.
    /// Whatever is not of this kind is left alone, and so is a whole number
    /// that a float would round.
    #[must_use]
    pub fn coerce(self, value: Value) -> Value {
        match (self, &value) {
            (Self::Number, Value::Number(number)) if !number.is_f64() => number
                .as_f64()
                .filter(|x| number.as_i128() == Some(*x as i128))
                .and_then(Number::from_f64)
                .map_or(value, Value::Number),
            (Self::Integer, Value::Number(number)) if number.is_f64() => match number.as_f64() {
                // 2^53: up to here every whole double is exactly one integer.
                Some(x) if x % 1.0 == 0.0 && x.abs() <= 9_007_199_254_740_992.0 => {
                    Value::from(x as i64)
                }
                _ => value,
            },
            _ => value,
        }
    }
}

/// What is declared of a step.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct StepDecl {
    /// Whether the step that holds the expression comes after this one, by
    /// `needs` or `after`, directly or not. Only ancestors may be read.
    pub ancestor: bool,
    /// Whether it is a fan-out, whose outputs are the list of its children's.
    pub fan_out: bool,
}

/// What a plan declares, as seen from the place of one expression.
pub trait Declarations {
    /// The type of an input.
    fn input(&self, name: &str) -> Option<Kind>;
    /// Every input's name, for hints.
    fn input_names(&self) -> Vec<&str>;
    /// What is declared of a step.
    fn step(&self, id: &str) -> Option<StepDecl>;
    /// The ids of every step, for hints.
    fn step_names(&self) -> Vec<&str>;
    /// Whether the plan names this secret.
    fn secret(&self, name: &str) -> bool;
    /// Every secret's name, for hints.
    fn secret_names(&self) -> Vec<&str>;
    /// The type of a declared output of a step.
    fn output(&self, _step: &str, _name: &str) -> Option<Kind> {
        None
    }
    /// The outputs that a step declares. A step that declares none may hand on
    /// anything; one that declares some can be asked for these alone.
    fn output_names(&self, _step: &str) -> Vec<&str> {
        Vec::new()
    }
    /// Whether `item` and `item_index` stand for something here.
    fn item(&self) -> bool {
        false
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use rstest::rstest;
    use serde_json::json;

    #[rstest]
    #[case(Kind::Number, json!(1), json!(1.0))]
    #[case(Kind::Number, json!(0.5), json!(0.5))]
    #[case(Kind::Number, json!(9_007_199_254_740_993_i64), json!(9_007_199_254_740_993_i64))]
    #[case(Kind::Number, json!(i64::MIN), json!(i64::MIN as f64))]
    #[case(Kind::Number, json!(i64::MAX), json!(i64::MAX))]
    #[case(Kind::Integer, json!(2.0), json!(2))]
    #[case(Kind::Integer, json!(2.5), json!(2.5))]
    #[case(Kind::Integer, json!(1e300), json!(1e300))]
    #[case(Kind::String, json!(1), json!(1))]
    #[case(Kind::Number, json!("1"), json!("1"))]
    fn coercion(#[case] kind: Kind, #[case] value: Value, #[case] expected: Value) {
        assert_eq!(kind.coerce(value), expected);
    }
}
