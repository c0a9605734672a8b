//! What must hold of `convert`, case by case.

use super::*;
use cedar_policy::{Context, EvalResult};
use proptest::prelude::*;
use rstest::rstest;
use serde_json::json;

/// What Cedar makes of a value, as text; `None` when it is absent.
fn seen(value: &Value, shape: Shape) -> Option<String> {
    let shape = Shape::Record([("x".to_owned(), shape)].into());
    let inputs = inputs(&json!({ "x": value }), &shape).unwrap();
    let context = Context::from_pairs([("inputs".to_owned(), inputs)]).unwrap();
    match context.get("inputs").unwrap() {
        EvalResult::Record(record) => record.get("x").map(ToString::to_string),
        other => panic!("{other}"),
    }
}

#[rstest]
#[case(json!(null), None)]
#[case(json!(true), Some("true"))]
#[case(json!("a\"b"), Some("\"a\\\"b\""))]
#[case(json!(7), Some("7"))]
#[case(json!(7.0), Some("7"))]
#[case(json!(-1), Some("-1"))]
#[case(json!(0.97), Some("decimal(\"0.97\")"))]
#[case(json!(0.96999), Some("\"0.96999\""))]
#[case(json!(1e300), Some("\"1e+300\""))]
#[case(json!(u64::MAX), Some("\"18446744073709551615\""))]
#[case(json!([1, null, 1]), Some("[1]"))]
#[case(json!({"a": null}), Some("{}"))]
fn values(#[case] value: Value, #[case] expected: Option<&str>) {
    assert_eq!(seen(&value, Shape::Any).as_deref(), expected);
}

#[test]
fn an_input_cannot_pass_for_an_entity() {
    // In Cedar's own JSON form this would be `Role::"admin"`.
    let value = json!({ "__entity": { "type": "Role", "id": "admin" } });
    assert!(seen(&value, Shape::Any).unwrap().starts_with('{'));
}

#[rstest]
#[case(json!(1), "decimal(\"1.0\")")]
#[case(json!(1.0), "decimal(\"1.0\")")]
#[case(json!(0.25), "decimal(\"0.25\")")]
#[case(json!(i64::MAX), "\"9223372036854775807\"")]
#[case(json!("1"), "\"1\"")]
fn where_a_decimal_is_declared_a_number_is_one(#[case] value: Value, #[case] expected: &str) {
    assert_eq!(seen(&value, Shape::Decimal).as_deref(), Some(expected));
}

#[rstest]
#[case(json!([]), "a list")]
#[case(json!("x"), "a text")]
#[case(json!(1), "a number")]
#[case(json!(false), "a boolean")]
fn inputs_are_an_object(#[case] value: Value, #[case] found: &'static str) {
    let error = inputs(&value, &Shape::Any).unwrap_err();
    assert_eq!(error, ConvertError::NoObject { found });
}

#[test]
fn what_is_too_large_is_an_error() {
    let mut deep = json!(1);
    for _ in 0..=MAX_DEPTH {
        deep = json!([deep]);
    }
    let many: Vec<u32> = (0..MAX_NODES).collect();
    let long = "x".repeat(MAX_TEXT + 1);
    let error = |value: Value| inputs(&json!({ "x": value }), &Shape::Any).unwrap_err();
    assert_eq!(error(deep), ConvertError::Deep);
    assert_eq!(error(json!(many)), ConvertError::Many);
    let bytes = long.len();
    assert_eq!(error(json!(long)), ConvertError::Long { bytes });
    assert_eq!(error(json!({ long: 1 })), ConvertError::Long { bytes });
}

proptest! {
    /// Whatever number comes, Cedar takes it, and it keeps its value.
    #[test]
    fn numbers_keep_their_value(float in any::<f64>(), decimal in any::<bool>()) {
        prop_assume!(float.is_finite());
        let shape = if decimal { Shape::Decimal } else { Shape::Any };
        let text = seen(&json!(float), shape).unwrap();
        let digits = text.trim_start_matches("decimal(").trim_matches(['"', '(', ')']);
        prop_assert!(digits.parse::<f64>().unwrap().total_cmp(&float).is_eq() || float == 0.0);
    }

    #[test]
    fn whole_numbers_keep_their_value(whole in any::<i64>()) {
        prop_assert_eq!(seen(&json!(whole), Shape::Any), Some(whole.to_string()));
    }
}
