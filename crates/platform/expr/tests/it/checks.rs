//! Faults at load: each says what is wrong, where, and how to mend it.

use crate::world::Plan;
use rok_expr::{Condition, Fault, ShellLine, Site, Template};
use rstest::rstest;

fn shown(text: &str, faults: &[Fault]) -> Vec<String> {
    faults
        .iter()
        .map(|fault| {
            let place = &text[fault.range.clone()];
            let hint = fault.hint.as_deref().unwrap_or("-");
            format!("{place} | {} | {hint}", fault.message)
        })
        .collect()
}

/// What parsing refuses.
#[rstest]
#[case("${{ }}", "  | the expression is empty | -")]
#[case(
    "a ${{ b",
    "${{ b | this `${{` is never closed | close it with `}}`, or write `$${{` for the characters themselves"
)]
#[case(
    "${{ datset }}",
    "datset | unknown name `datset` | names begin with inputs, steps, run or item; a text stands in quotes: 'datset'"
)]
#[case(
    "${{ input.x }}",
    "input | unknown name `input` | did you mean `inputs`?"
)]
#[case(
    "${{ inputs }}",
    "inputs | the inputs as a whole are no value | write inputs.NAME, with a literal name"
)]
#[case(
    "${{ size(steps) }}",
    "steps | the steps as a whole are no value | write steps.ID.outputs.NAME, or steps['my-id'].state"
)]
#[case(
    "${{ steps.a }}",
    "steps.a | step `a` as a whole is no value | write steps.ID.outputs.NAME, .state, .error_class or .attempt"
)]
#[case(
    "${{ steps.a.output }}",
    "steps.a.output | a step has no `output` | did you mean `outputs`?"
)]
#[case("${{ run.ids }}", "run.ids | a run has no `ids` | did you mean `id`?")]
#[case(
    "${{ steps.per-region.outputs }}",
    "steps.per-region | `steps.per-region` reads as a subtraction | write steps['per-region'].outputs"
)]
#[case(
    "${{ 1 + steps.a-b-c.state == 2 }}",
    "steps.a-b-c | `steps.a-b-c` reads as a subtraction | write steps['a-b-c'].state"
)]
#[case(
    "${{ 'a' + secrets.T }}",
    "secrets.T | a secret cannot be part of an operation | it stands alone, text around it: `Bearer ${{ secrets.NAME }}`"
)]
#[case(
    "${{ secrets.T }}",
    "secrets.T | a secret may not stand here | secrets may stand in env, headers, bodies and shell lines"
)]
#[case(
    "${{ siz(inputs.a) }}",
    "siz | unknown function `siz` | did you mean `size`?"
)]
#[case(
    "${{ inputs.a.matches('x') }}",
    "( | unknown function `matches` | regular expressions are not available; try contains, startsWith or endsWith"
)]
#[case(
    "${{ timestamp('x') }}",
    "timestamp | unknown function `timestamp` | an expression knows no time; let a step work it out"
)]
#[case(
    "${{ contains('a', 'b') }}",
    "contains | `contains` is not called like this | it is written x.contains(y)"
)]
#[case(
    "${{ size(1, 2) }}",
    "size | `size` takes 1 argument(s), not 2 | it is written size(x)"
)]
#[case(
    "${{ [1].map(x) }}",
    "( | `map` is not used like this | it is written list.map(x, value)"
)]
#[case(
    "${{ 1 +  }}",
    " | a value is missing at the end of the expression | -"
)]
#[case("${{ (1 }}", " | `)` is missing here | -")]
#[case("${{ size( }}", " | `)` is missing at the end of the expression | -")]
#[case(
    "${{ a b }}",
    "b | the expression is over before `b` | an operator is missing, or quotes around a text: 'like this'"
)]
#[case(
    "${{ 1, 2 }}",
    ", | the expression is over before `,` | a list stands in brackets: [1, 2]"
)]
#[case(
    "${{ 1 = 2 }}",
    "= | the expression is over before `=` | `==` compares; nothing is assigned"
)]
#[case("${{ [1,,2] }}", ", | `,` cannot stand here | -")]
#[case("${{ inputs. }}", " | a name is missing after `.` | -")]
#[case(
    "${{ true ? 1 }}",
    " | `:` is missing after `?` | a choice is written `condition ? this : that`"
)]
#[case(
    "${{ 'a\\q' }}",
    "'a\\q' | the text has an escape that means nothing | `\\n`, `\\t`, `\\\\`, `\\'` and `\\\"` mean something"
)]
#[case(
    "${{ 99999999999999999999 }}",
    "99999999999999999999 | `99999999999999999999` is no whole number of 64 bits | write a double, such as 1e20"
)]
#[case(
    "${{ if }}",
    "if | reserved identifier: if | `if` is a reserved word; a text stands in quotes: 'if'"
)]
#[case(
    "${{ é }}",
    "é | `é` has no meaning here | texts stand in quotes: 'like this'"
)]
#[case(
    "${{ 'a }}",
    "${{ 'a }} | this `${{` is never closed | close it with `}}`, or write `$${{` for the characters themselves"
)]
#[case(
    "${{ [1].map(inputs, 1) }}",
    "( | `inputs` already means something here | choose another name for the variable"
)]
fn parsing(#[case] text: &str, #[case] expected: &str) {
    let faults = Template::parse(text, Site::Plain).expect_err(text);
    assert_eq!(shown(text, &faults), [expected]);
}

/// What checking against the plan refuses.
#[rstest]
#[case("inputs.dataset == 'iris'", &[])]
#[case("inputs.datset == 'x'", &["inputs.datset | unknown input `datset` | did you mean `dataset`?"])]
#[case("inputs.zzz == 'x'", &["inputs.zzz | unknown input `zzz` | the inputs are dataset, rows, min, dry, tags, owner"])]
#[case("inputs.dataset + 1 == 2", &["inputs.dataset + 1 | there is no `+` between string and int | convert one side: string(x), int(x) or double(x)"])]
#[case("inputs.min > 1", &[])]
#[case("inputs.min + 1 > 1.0", &["inputs.min + 1 | there is no `+` between double and int | write whole numbers as doubles: 1.0, or double(x)"])]
#[case("inputs.rows", &["inputs.rows | a condition must be bool, and this is int | -"])]
#[case("inputs.dry && inputs.rows", &["inputs.rows | each side of `&&` and `||` must be bool, and this is int | -"])]
#[case("inputs.rows == 'x'", &["inputs.rows == 'x' | int never equals string | convert one side: string(x), int(x) or double(x)"])]
#[case("inputs.rows == null", &[])]
#[case("inputs.owner.name == 'x'", &[])]
#[case("inputs.dataset.name == 'x'", &["inputs.dataset | what `name` is read from must be map or null, and this is string | -"])]
#[case("inputs.tags[0] == 1", &[])]
#[case("inputs.tags['a'] == 1", &["inputs.tags | what `a` is read from must be map or null, and this is list | -"])]
#[case("inputs.tags.exists(t, t)", &[])]
#[case("inputs.rows.exists(t, t)", &["inputs.rows | what is walked must be list or map, and this is int | -"])]
#[case("inputs.tags.map(t, t)", &["inputs.tags.map(t, t | a condition must be bool, and this is list | -"])]
#[case("inputs.rows.contains('x')", &["inputs.rows | an argument of `contains` must be string, and this is int | -"])]
#[case("steps.build.state == 'succeeded'", &[])]
#[case("steps.build.state == 'suceeded'", &["'suceeded' | there is no state `suceeded` | did you mean 'succeeded'?"])]
#[case("steps.build.error_class != 'tiemout'", &["'tiemout' | there is no error class `tiemout` | did you mean 'timeout'?"])]
#[case("steps.biuld.state == 'failed'", &["steps.biuld.state | unknown step `biuld` | did you mean `build`?"])]
#[case("steps.later.state == 'failed'", &["steps.later.state | step `later` does not come before this one | add `later` to this step's `needs` or `after`"])]
#[case("steps.build.outputs.acuracy > 0.5", &["steps.build.outputs.acuracy | step `build` declares no output `acuracy` | did you mean `accuracy`?"])]
#[case("steps.build.outputs.accuracy + 'x' == ''", &["steps.build.outputs.accuracy + 'x' | there is no `+` between double and string | convert one side: string(x), int(x) or double(x)"])]
#[case("steps['per-region'].outputs[0].anything == 1", &[])]
#[case("steps['per-region'].outputs.ok == 1", &["steps['per-region'].outputs | what `ok` is read from must be map or null, and this is list | -"])]
#[case("item == 1", &["item | there is no `item` here | `item` stands for an item of `for_each`, in that step alone"])]
#[case("inputs.a == 1 && inputs.b == 2", &[
    "inputs.a | unknown input `a` | the inputs are dataset, rows, min, dry, tags, owner",
    "inputs.b | unknown input `b` | the inputs are dataset, rows, min, dry, tags, owner",
])]
fn checking(#[case] text: &str, #[case] expected: &[&str]) {
    let condition = Condition::parse(text).expect(text);
    assert_eq!(shown(text, &condition.check(&Plan)), expected);
}

#[test]
fn every_fault_of_a_scalar_is_told() {
    let text = "${{ a }} ${{ inputs.x }} ${{ 1 + }}";
    assert_eq!(Template::parse(text, Site::Plain).unwrap_err().len(), 2);
}

#[test]
fn secrets_are_checked() {
    let text = "x ${{ secrets.TOKEM }}";
    let template = Template::parse(text, Site::Secrets).unwrap();
    assert_eq!(
        shown(text, &template.check(&Plan)),
        ["secrets.TOKEM | unknown secret `TOKEM` | did you mean `TOKEN`?"]
    );
    assert!(Condition::parse("secrets.TOKEN").is_err());
}

#[test]
fn null_cannot_stand_in_text() {
    let text = "x ${{ null }}";
    let template = Template::parse(text, Site::Plain).unwrap();
    assert_eq!(
        shown(text, &template.check(&Plan)),
        ["null | a value of type null cannot stand in text | -"]
    );
    assert!(
        Template::parse("${{ null }}", Site::Plain)
            .unwrap()
            .check(&Plan)
            .is_empty()
    );
}

#[test]
fn shell_lines_are_checked_where_the_fault_stands() {
    let text = "echo a \"${{ inputs.datset }}\" ${{ inputs.rows + 'x' }}";
    let line = ShellLine::parse(text).unwrap();
    assert_eq!(
        shown(text, &line.check(&Plan)),
        [
            "inputs.datset | unknown input `datset` | did you mean `dataset`?",
            "inputs.rows + 'x' | there is no `+` between int and string | convert one side: string(x), int(x) or double(x)",
        ]
    );
}

#[rstest]
#[case("${{ inputs.a }} && true", "a condition is one expression")]
#[case("${{ inputs.a", "this `${{` is never closed")]
fn a_condition_is_one_expression(#[case] text: &str, #[case] message: &str) {
    assert_eq!(Condition::parse(text).unwrap_err()[0].message, message);
}
