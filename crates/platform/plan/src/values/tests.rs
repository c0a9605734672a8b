//! What must hold of `values`, case by case.

use super::*;
use crate::parse;
use rstest::rstest;
use serde_json::json;

const PLAN: &str = "
plan: p
inputs:
  text: { type: string, minLength: 2, maxLength: 3 }
  number: { type: number, default: 1, minimum: 0.5, maximum: 2 }
  whole: { type: integer, default: 3 }
  flag: { type: boolean, default: false }
  list: { type: array, default: [] }
  object: { type: object, default: {} }
  colour: { type: string, default: red, enum: [red, green] }
steps:
  free: { call: f }
  a:
    call: f
    outputs: { accuracy: { type: number, maximum: 1 }, rows: { type: integer } }
";

fn plan() -> Plan {
    parse(PLAN.as_bytes(), "p").unwrap_or_else(|e| panic!("{e}"))
}

fn object(value: &Value) -> &Map<String, Value> {
    value.as_object().expect("an object")
}

#[test]
fn defaults_are_filled_in_and_numbers_are_floats() {
    let given = json!({ "text": "abc", "number": 2, "whole": 4.0 });
    let inputs = check_inputs(&plan(), object(&given)).unwrap();
    let expected = json!({
        "text": "abc", "number": 2.0, "whole": 4, "flag": false,
        "list": [], "object": {}, "colour": "red",
    });
    assert_eq!(Value::Object(inputs.clone()), expected);
    assert!(inputs["number"].is_f64() && inputs["whole"].is_i64());
    let inputs = check_inputs(&plan(), object(&json!({ "text": "ab" }))).unwrap();
    assert!(inputs["number"].is_f64());
}

#[rstest]
#[case(json!({}), "input `text`: is not given")]
#[case(json!({ "text": "abc", "numbr": 1 }), "input `numbr`: the plan does not declare it")]
#[case(json!({ "text": 1 }), "input `text`: must be text, and is a whole number")]
#[case(json!({ "text": null }), "input `text`: must be text, and is null")]
#[case(json!({ "text": "é" }), "input `text`: must have at least 2 characters")]
#[case(json!({ "text": "éééé" }), "input `text`: must have at most 3 characters")]
#[case(json!({ "text": "abc", "number": 0 }), "input `number`: must be at least 0.5")]
#[case(json!({ "text": "abc", "number": 3 }), "input `number`: must be at most 2")]
#[case(json!({ "text": "abc", "number": "1" }), "input `number`: must be a number, and is text")]
#[case(json!({ "text": "abc", "whole": 1.5 }), "input `whole`: must be a whole number, and is a number with a fraction")]
#[case(json!({ "text": "abc", "whole": u64::MAX }), "input `whole`: must fit into 64 bits with a sign")]
#[case(json!({ "text": "abc", "number": 9_007_199_254_740_993_i64 }), "input `number`: has more digits than 64 bits keep: declare text, and give it as text")]
#[case(json!({ "text": "abc", "flag": "true" }), "input `flag`: must be `true` or `false`, and is text")]
#[case(json!({ "text": "abc", "list": {} }), "input `list`: must be a list, and is an object")]
#[case(json!({ "text": "abc", "object": [] }), "input `object`: must be an object, and is a list")]
#[case(json!({ "text": "abc", "colour": "blue" }), "input `colour`: must be one of `\"red\"`, `\"green\"`")]
fn inputs_that_are_refused(#[case] given: Value, #[case] fault: &str) {
    let faults = check_inputs(&plan(), object(&given)).unwrap_err();
    let messages: Vec<_> = faults.iter().map(ToString::to_string).collect();
    assert_eq!(messages, [fault]);
}

#[test]
fn all_faults_of_inputs_come_at_once_and_name_the_nearest() {
    let given = json!({ "txet": "abc", "number": 9 });
    let faults = check_inputs(&plan(), object(&given)).unwrap_err();
    assert_eq!(faults.len(), 3);
    assert_eq!(faults[0].hint.as_deref(), Some("did you mean `text`?"));
}

#[rstest]
#[case("text", "1.10", Ok(json!("1.10")))]
#[case("text", "", Ok(json!("")))]
#[case("number", "1", Ok(json!(1.0)))]
#[case("number", "0.97", Ok(json!(0.97)))]
#[case("number", "much", Err("must be a number"))]
#[case("whole", "7", Ok(json!(7)))]
#[case(
    "whole",
    "7.5",
    Err("must be a whole number, and is a number with a fraction")
)]
#[case(
    "whole",
    "99999999999999999999",
    Err("must be a whole number, and is a number too large for 64 bits")
)]
#[case(
    "number",
    "9007199254740993",
    Err("has more digits than 64 bits keep: declare text, and give it as text")
)]
#[case(
    "number",
    "0.10000000000000000555",
    Err("has more digits than 64 bits keep: declare text, and give it as text")
)]
#[case(
    "object",
    "{\"a\": [1, 1e-400]}",
    Err(
        "the number at `/a/1` has more digits than 64 bits keep: declare text, and give it as text"
    )
)]
#[case("flag", "true", Ok(json!(true)))]
#[case("flag", "yes", Err("must be `true` or `false`"))]
#[case("list", "[1, \"a\"]", Ok(json!([1, "a"])))]
#[case("list", "1,2", Err("must be a list in JSON"))]
#[case("object", "{\"a\": 1}", Ok(json!({ "a": 1 })))]
#[case("object", "[]", Err("must be an object, and is a list"))]
fn inputs_as_text(#[case] name: &str, #[case] text: &str, #[case] expected: Result<Value, &str>) {
    let plan = plan();
    let parsed = parse_input(&plan.inputs[name], text);
    assert_eq!(
        parsed.as_ref().map_err(|fault| fault.message.as_str()),
        expected.as_ref().map_err(|e| *e)
    );
    if name == "number" && parsed.is_ok() {
        assert!(parsed.is_ok_and(|value| value.is_f64()));
    }
}

#[rstest]
#[case(json!({ "accuracy": 1, "rows": 2 }), Ok(json!({ "accuracy": 1.0, "rows": 2 })))]
#[case(json!({ "accuracy": 0.5 }), Err("output `rows`: was not handed on"))]
#[case(json!({ "accuracy": 2, "rows": 2 }), Err("output `accuracy`: must be at most 1"))]
#[case(json!({ "accuracy": 1, "rows": 2, "row": 1 }), Err("output `row`: the step does not declare it"))]
#[case(json!([]), Err("output ``: the outputs must be an object, and are a list"))]
fn declared_outputs(#[case] given: Value, #[case] expected: Result<Value, &str>) {
    let plan = plan();
    let checked = check_outputs(&plan.steps[1], &given);
    let checked = checked.map_err(|faults| faults[0].to_string());
    assert_eq!(
        checked.as_ref().map_err(String::as_str),
        expected.as_ref().map_err(|e| *e)
    );
}

#[rstest]
#[case(json!(null), true)]
#[case(json!({ "anything": [1] }), true)]
#[case(json!("text"), false)]
fn undeclared_outputs(#[case] given: Value, #[case] fine: bool) {
    assert_eq!(check_outputs(&plan().steps[0], &given).is_ok(), fine);
}

#[rstest]
#[case::yaml("text: abc\nobject: { a: 0.10000000000000000555 }\n", "i.yaml")]
#[case::json(
    "{\"text\": \"abc\", \"object\": {\"a\": 0.10000000000000000555}}",
    "i.json"
)]
#[case::toml("text = 'abc'\nobject = { a = 0.10000000000000000555 }\n", "i.toml")]
fn a_file_of_inputs_is_not_rounded(#[case] text: &str, #[case] name: &str) {
    let errors = crate::parse_inputs(&plan(), text.as_bytes(), name).unwrap_err();
    let told = "a number with more digits than 64 bits keep: put it in quotes";
    assert!(errors.faults[0].message.contains(told), "{errors}");
}

#[test]
fn no_value_is_in_a_message() {
    let given =
        json!({ "text": "hunter2", "number": 31337, "colour": "hunter2", "whole": "hunter2" });
    for fault in check_inputs(&plan(), object(&given)).unwrap_err() {
        let all = format!("{fault} {fault:?}");
        assert!(!all.contains("hunter2") && !all.contains("31337"), "{all}");
    }
    let fault = parse_input(&plan().inputs["whole"], "hunter2").unwrap_err();
    assert!(!format!("{fault:?}").contains("hunter2"));
}
