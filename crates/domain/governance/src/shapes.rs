//! The declared types of inputs, as far as they guide the conversion from JSON:
//! `1` is a Long, unless the declaration says decimal.

use serde_json::Value;
use std::collections::BTreeMap;

/// What is declared of a value.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) enum Shape {
    /// Nothing that matters.
    #[default]
    Any,
    /// A decimal number.
    Decimal,
    /// A set of such values.
    Set(Box<Shape>),
    /// A record with such attributes.
    Record(BTreeMap<String, Shape>),
}

impl Shape {
    /// The shape of an attribute.
    pub(crate) fn attribute(&self, name: &str) -> &Self {
        match self {
            Self::Record(attributes) => attributes.get(name).unwrap_or(&Self::Any),
            _ => &Self::Any,
        }
    }

    /// The shape of an element.
    pub(crate) fn element(&self) -> &Self {
        match self {
            Self::Set(element) => element,
            _ => &Self::Any,
        }
    }

    /// The shape of a common type in a schema in Cedar's JSON form.
    pub(crate) fn of(schema: &Value, common_type: &str) -> Option<Self> {
        let types = schema.get("")?.get("commonTypes")?;
        Some(Self::read(types.get(common_type)?, types, 0))
    }

    fn read(declared: &Value, types: &Value, depth: u32) -> Self {
        // Declarations cannot be circular, Cedar refuses that; a bound all the same.
        if depth > 32 {
            return Self::Any;
        }
        let word = |key| declared.get(key).and_then(Value::as_str);
        let read = |declared| Self::read(declared, types, depth + 1);
        match word("type") {
            Some("Set") => declared
                .get("element")
                .map_or(Self::Any, |element| Self::Set(Box::new(read(element)))),
            Some("Record") => match declared.get("attributes").and_then(Value::as_object) {
                Some(attributes) => Self::Record(
                    attributes
                        .iter()
                        .map(|(name, declared)| (name.clone(), read(declared)))
                        .collect(),
                ),
                None => Self::Any,
            },
            Some("Extension" | "EntityOrCommon") => match word("name") {
                Some("decimal" | "__cedar::decimal") => Self::Decimal,
                Some(name) => types.get(name).map_or(Self::Any, read),
                None => Self::Any,
            },
            Some(name) => types.get(name).map_or(Self::Any, read),
            None => Self::Any,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use cedar_policy::SchemaFragment;

    #[test]
    fn declared_decimals_are_found_at_any_depth() {
        let text = "type Score = decimal;
            type Inputs = { a: decimal, b: Long, c?: Set<decimal>, d: { e: Score }, f: Score };";
        let (fragment, _) = SchemaFragment::from_cedarschema_str(text).unwrap();
        let shape = Shape::of(&fragment.to_json_value().unwrap(), "Inputs").unwrap();
        assert_eq!(shape.attribute("a"), &Shape::Decimal);
        assert_eq!(shape.attribute("b"), &Shape::Any);
        assert_eq!(shape.attribute("c").element(), &Shape::Decimal);
        assert_eq!(shape.attribute("d").attribute("e"), &Shape::Decimal);
        assert_eq!(shape.attribute("f"), &Shape::Decimal);
        assert_eq!(shape.attribute("g"), &Shape::Any);
    }
}
