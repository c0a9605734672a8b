//! Faults of the declarations of inputs.

use crate::faults;
use rstest::rstest;

#[rstest]
#[case::input_no_type(r"plan: p
inputs: { n: { default: 1 } }
steps:
  a: { run: echo a }", &["2:11: `type` is missing in `n` of `inputs` (add `type: …`)"])]
#[case::input_bare(r"plan: p
inputs: { n: 3 }
steps:
  a: { run: echo a }", &["2:14: `n` of `inputs` must be a mapping with the keys of an input, and is a number"])]
#[case::input_type(r"plan: p
inputs: { n: { type: int } }
steps:
  a: { run: echo a }", &["2:22: `type` of `n` of `inputs` cannot be `int` (use `string`, `integer`, `number`, `boolean`, `array`, `object`)"])]
#[case::input_name(r"plan: p
inputs: { my-name: { type: string } }
steps:
  a: { run: echo a }", &["2:11: `my-name` is no name (it must match [A-Za-z_][A-Za-z0-9_]{0,127})"])]
#[case::input_pattern(r"plan: p
inputs: { n: { type: string, pattern: x } }
steps:
  a: { run: echo a }", &["2:30: `pattern` is JSON Schema that plans do not take in `n` of `inputs` (the schema of an input takes `type`, `default`, `description`, `enum`, `minimum`, `maximum`, `minLength`, `maxLength`)"])]
#[case::input_default_type(r"plan: p
inputs: { n: { type: integer, default: many } }
steps:
  a: { run: echo a }", &["2:40: `default` of `n` must be a whole number, and is text"])]
#[case::input_default_fraction(r"plan: p
inputs: { n: { type: integer, default: 1.5 } }
steps:
  a: { run: echo a }", &["2:40: `default` of `n` must be a whole number, and is a number with a fraction"])]
#[case::input_default_quoted(r"plan: p
inputs: { n: { type: number, default: '1' } }
steps:
  a: { run: echo a }", &["2:39: `default` of `n` must be a number, and is text"])]
#[case::input_default_yes(r"plan: p
inputs: { n: { type: boolean, default: yes } }
steps:
  a: { run: echo a }", &["2:40: `default` of `n` must be `true` or `false`: write `true` without quotes"])]
#[case::input_default_odd(r"plan: p
inputs: { n: { type: boolean, default: True } }
steps:
  a: { run: echo a }", &["2:40: `default` of `n` must be `true` or `false`: write `true` without quotes"])]
#[case::input_default_null(r"plan: p
inputs: { n: { type: string, default: } }
steps:
  a: { run: echo a }", &["2:30: `default` of `n` of `inputs` must be a value, and is nothing (give it a value, or remove the key)"])]
#[case::input_default_bounds(r"plan: p
inputs: { n: { type: number, default: 2, minimum: 3 } }
steps:
  a: { run: echo a }", &["2:39: `default` of `n` must be at least 3"])]
#[case::input_default_length(r"plan: p
inputs: { n: { type: string, default: abc, maxLength: 2 } }
steps:
  a: { run: echo a }", &["2:39: `default` of `n` must have at most 2 characters"])]
#[case::input_default_enum(r"plan: p
inputs: { n: { type: string, default: c, enum: [a, b] } }
steps:
  a: { run: echo a }", &[r#"2:39: `default` of `n` must be one of `"a"`, `"b"`"#])]
#[case::input_enum_empty(r"plan: p
inputs: { n: { type: string, enum: [] } }
steps:
  a: { run: echo a }", &["2:30: `enum` allows no value (list the values that are allowed, or remove it)"])]
#[case::input_enum_type(r"plan: p
inputs: { n: { type: integer, enum: [1, b] } }
steps:
  a: { run: echo a }", &["2:41: an item of `enum` must be a whole number, and is text"])]
#[case::input_bounds_kind(r"plan: p
inputs: { n: { type: string, minimum: 1 } }
steps:
  a: { run: echo a }", &["2:30: `minimum` says nothing about text (it goes with the type `integer` or `number`)"])]
#[case::input_bounds_order(r"plan: p
inputs: { n: { type: integer, minimum: 5, maximum: 1 } }
steps:
  a: { run: echo a }", &["2:31: `minimum` is above `maximum` (the other bound at 2:43) (no value can be within both)"])]
#[case::input_length_order(r"plan: p
inputs: { n: { type: string, minLength: 5, maxLength: 1 } }
steps:
  a: { run: echo a }", &["2:30: `minLength` is above `maxLength` (the other bound at 2:44) (no value can be within both)"])]
#[case::input_odd_inside(r"plan: p
inputs: { n: { type: array, default: [True] } }
steps:
  a: { run: echo a }", &["2:38: `default` of `n` holds `True`: write `true`, or put it in quotes"])]
fn inputs(#[case] text: &str, #[case] expected: &[&str]) {
    assert_eq!(faults(text), expected);
}
