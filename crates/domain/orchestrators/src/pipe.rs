//! Output piped to input: a step's expressions, with inputs that come from the
//! step before.

use serde_json::{Map, Value};
use std::collections::BTreeSet;

/// An output's schema, narrowed to what an input takes that it fills: both are
/// in the plan format's own keys. Of an output that can never fit, why.
pub(crate) fn narrowed(
    output: &Map<String, Value>,
    input: &Map<String, Value>,
) -> Result<Map<String, Value>, String> {
    let kind = |schema: &Map<String, Value>| {
        schema
            .get("type")
            .and_then(Value::as_str)
            .map(str::to_owned)
    };
    let mut narrow = output.clone();
    match (kind(output), kind(input)) {
        (given, taken) if given == taken => {}
        (Some(given), Some(taken)) if given == "integer" && taken == "number" => {}
        (Some(given), Some(taken)) if given == "number" && taken == "integer" => {
            narrow.insert("type".into(), taken.into());
        }
        (given, taken) => {
            let word = |kind: Option<String>| kind.unwrap_or_else(|| "anything".into());
            return Err(format!(
                "is of type {}, and {} is taken",
                word(given),
                word(taken)
            ));
        }
    }
    for (key, least) in [
        ("minimum", true),
        ("minLength", true),
        ("maximum", false),
        ("maxLength", false),
    ] {
        let Some(taken) = input.get(key) else {
            continue;
        };
        let number = |value: &Value| value.as_f64();
        let stricter = match output.get(key).and_then(number).zip(number(taken)) {
            Some((given, taken)) => (taken > given) == least,
            None => true,
        };
        if stricter {
            narrow.insert(key.into(), taken.clone());
        }
    }
    if let Some(Value::Array(taken)) = input.get("enum") {
        let both = match output.get("enum") {
            Some(Value::Array(given)) => given
                .iter()
                .filter(|value| taken.contains(value))
                .cloned()
                .collect(),
            _ => taken.clone(),
        };
        if both.is_empty() {
            return Err("is never one of the values that are taken".into());
        }
        narrow.insert("enum".into(), both.into());
    }
    Ok(narrow)
}

/// Rewrites `inputs.NAME` within `${{ }}` to the output of that name of another
/// step, in every text of a step.
pub(crate) fn rewire(value: &mut Value, names: &BTreeSet<String>, from: &str) {
    match value {
        Value::String(text) => {
            if let Some(rewired) = text_of(text, names, from) {
                *text = rewired;
            }
        }
        Value::Array(items) => items.iter_mut().for_each(|item| rewire(item, names, from)),
        Value::Object(entries) => entries.values_mut().for_each(|v| rewire(v, names, from)),
        _ => {}
    }
}

/// The whole of what a step hands on, as an expression.
pub(crate) fn outputs_of(step: &str) -> String {
    if step.contains('-') {
        format!("steps['{step}'].outputs")
    } else {
        format!("steps.{step}.outputs")
    }
}

fn text_of(text: &str, names: &BTreeSet<String>, from: &str) -> Option<String> {
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = rest.find("${{") {
        // `$${{` is a literal.
        let literal = rest[..at].ends_with('$');
        let end = at + 3;
        out.push_str(&rest[..end]);
        rest = &rest[end..];
        if !literal {
            let length = expression(rest);
            out.push_str(&rewired(&rest[..length], names, from));
            rest = &rest[length..];
        }
    }
    out.push_str(rest);
    (out != text).then_some(out)
}

/// How long an expression is, up to its `}}` outside of strings.
fn expression(text: &str) -> usize {
    let bytes = text.as_bytes();
    let mut quote = None;
    let mut depth = 0_u32;
    let mut at = 0;
    while at < bytes.len() {
        match (quote, bytes[at]) {
            (Some(_), b'\\') => at += 1,
            (Some(open), byte) if byte == open => quote = None,
            (None, b'"' | b'\'') => quote = Some(bytes[at]),
            (None, b'{') => depth += 1,
            (None, b'}') if depth > 0 => depth -= 1,
            (None, b'}') => return at,
            _ => {}
        }
        at += 1;
    }
    bytes.len()
}

/// An expression with the inputs of these names replaced, outside of strings.
fn rewired(expression: &str, names: &BTreeSet<String>, from: &str) -> String {
    let mut out = String::with_capacity(expression.len());
    let mut quote: Option<char> = None;
    let mut escaped = false;
    let mut rest = expression;
    let mut before = ' ';
    while let Some(c) = rest.chars().next() {
        if quote.is_none()
            && !is_word(before)
            && before != '.'
            && let Some((name, length)) = input(rest)
            && names.contains(name)
        {
            out.push_str(&outputs_of(from));
            out.push('.');
            out.push_str(name);
            rest = &rest[length..];
            before = 'x';
            continue;
        }
        match quote {
            Some(_) if escaped => escaped = false,
            Some(_) if c == '\\' => escaped = true,
            Some(open) if c == open => quote = None,
            None if matches!(c, '"' | '\'') => quote = Some(c),
            _ => {}
        }
        out.push(c);
        before = c;
        rest = &rest[c.len_utf8()..];
    }
    out
}

/// `inputs.NAME` at the beginning of a text, and how long it is.
fn input(text: &str) -> Option<(&str, usize)> {
    let name = text.strip_prefix("inputs.")?;
    let length = name.find(|c| !is_word(c)).unwrap_or(name.len());
    (length > 0).then(|| (&name[..length], "inputs.".len() + length))
}

fn is_word(c: char) -> bool {
    c.is_ascii_alphanumeric() || c == '_'
}

#[cfg(test)]
mod tests {
    use super::*;
    use rstest::rstest;
    use serde_json::json;

    fn schema(value: Value) -> Map<String, Value> {
        serde_json::from_value(value).unwrap()
    }

    #[rstest]
    #[case(json!({"type": "string"}), json!({"type": "string", "default": "x"}), json!({"type": "string"}))]
    #[case(json!({"type": "integer"}), json!({"type": "number", "maximum": 10}), json!({"type": "integer", "maximum": 10}))]
    #[case(json!({"type": "number"}), json!({"type": "integer"}), json!({"type": "integer"}))]
    #[case(json!({"type": "integer", "minimum": 3, "maximum": 5}), json!({"type": "integer", "minimum": 1, "maximum": 4}),
        json!({"type": "integer", "minimum": 3, "maximum": 4}))]
    #[case(json!({"type": "string", "minLength": 1}), json!({"type": "string", "minLength": 2, "maxLength": 9}),
        json!({"type": "string", "minLength": 2, "maxLength": 9}))]
    #[case(json!({"type": "string", "enum": ["a", "b"]}), json!({"type": "string", "enum": ["b", "c"]}),
        json!({"type": "string", "enum": ["b"]}))]
    #[case(json!({"type": "string"}), json!({"type": "string", "enum": ["b"]}), json!({"type": "string", "enum": ["b"]}))]
    fn an_output_is_narrowed_to_what_is_taken(
        #[case] output: Value,
        #[case] input: Value,
        #[case] both: Value,
    ) {
        assert_eq!(narrowed(&schema(output), &schema(input)), Ok(schema(both)));
    }

    #[rstest]
    #[case(json!({"type": "string"}), json!({"type": "integer"}), "is of type string, and integer is taken")]
    #[case(json!({"type": "string", "enum": ["a"]}), json!({"type": "string", "enum": ["b"]}),
        "is never one of the values that are taken")]
    fn an_output_that_never_fits_is_refused(
        #[case] output: Value,
        #[case] input: Value,
        #[case] why: &str,
    ) {
        assert_eq!(
            narrowed(&schema(output), &schema(input)),
            Err(why.to_owned())
        );
    }

    #[rstest]
    #[case("${{ inputs.a }}", "${{ steps.t.outputs.a }}")]
    #[case(
        "x ${{ inputs.a + inputs.b }} ${{inputs.a}}",
        "x ${{ steps.t.outputs.a + inputs.b }} ${{steps.t.outputs.a}}"
    )]
    #[case("${{ inputs.ab }} inputs.a", "${{ inputs.ab }} inputs.a")]
    #[case(
        "${{ 'inputs.a' + \"}} inputs.a\" + inputs.a }}",
        "${{ 'inputs.a' + \"}} inputs.a\" + steps.t.outputs.a }}"
    )]
    #[case("${{ {'k': inputs.a}.k }}", "${{ {'k': steps.t.outputs.a}.k }}")]
    #[case(
        "${{ x.inputs.a }} ${{ my_inputs.a }}",
        "${{ x.inputs.a }} ${{ my_inputs.a }}"
    )]
    #[case("$${{ inputs.a }}", "$${{ inputs.a }}")]
    #[case("${{ 'it\\'s' + inputs.a }}", "${{ 'it\\'s' + steps.t.outputs.a }}")]
    #[case("${{ inputs.a", "${{ steps.t.outputs.a")]
    fn inputs_become_outputs(#[case] text: &str, #[case] expected: &str) {
        let names = BTreeSet::from(["a".to_owned()]);
        let mut value = json!({ "run": [text] });
        rewire(&mut value, &names, "t");
        assert_eq!(value, json!({ "run": [expected] }));
    }

    #[test]
    fn an_id_with_a_hyphen_is_no_subtraction() {
        assert_eq!(outputs_of("tool-a"), "steps['tool-a'].outputs");
        assert_eq!(outputs_of("tool_a"), "steps.tool_a.outputs");
    }
}
