//! Templates and conditions in a run.

use crate::world::World;
use rok_expr::{Condition, EvalError, Items, Part, SecretText, Site, Target, Template};
use rok_vocabulary::InputName;
use rstest::rstest;
use serde_json::{Value, json};

fn value(text: &str) -> Result<Value, EvalError> {
    Template::parse(text, Site::Plain)
        .expect(text)
        .value(&World::default())
}

#[rstest]
#[case("plain", json!("plain"))]
#[case("", json!(""))]
#[case("${{ inputs.dataset }}", json!("iris"))]
#[case("${{inputs['dataset']}}", json!("iris"))]
#[case("a ${{ inputs.dataset }} b", json!("a iris b"))]
#[case("${{ inputs.rows }}", json!(150))]
#[case(" ${{ inputs.rows }}", json!(" 150"))]
#[case("${{ inputs.rows + 1 }}", json!(151))]
#[case("${{ inputs.min }}", json!(0.97))]
#[case("x${{ inputs.min }}", json!("x0.97"))]
#[case("x${{ inputs.whole }}", json!("x1"))]
#[case("${{ inputs.whole }}", json!(1.0))]
#[case("x${{ inputs.dry }}", json!("xfalse"))]
#[case("x${{ inputs.tags }}", json!("x[\"a\",\"b\"]"))]
#[case("x${{ inputs.owner }}", json!("x{\"name\":\"ada\",\"age\":36}"))]
#[case("${{ inputs.nothing }}", Value::Null)]
#[case("$${{ inputs.rows }}", json!("${{ inputs.rows }}"))]
#[case("$$${{ inputs.rows }}", json!("$${{ inputs.rows }}"))]
#[case("${{ '}}' }}", json!("}}"))]
#[case("${{ {'a': {'b': 1}}.a.b }}", json!(1))]
#[case("${{ {'a': {'b': 1}}}}", json!({"a": {"b": 1}}))]
#[case("${{ steps.build.outputs.accuracy >= inputs.min }}", json!(true))]
#[case("${{ steps.build.outputs.regions }}", json!(["eu", "us"]))]
#[case("${{ steps['per-region'].outputs[0].ok }}", json!(true))]
#[case("${{ steps['per-region'].outputs.filter(o, o.ok).size() }}", json!(1))]
#[case("${{ steps.broken.state }}", json!("failed"))]
#[case("${{ steps.broken.error_class }}", json!("timeout"))]
#[case("${{ steps.build.error_class }}", Value::Null)]
#[case("${{ steps.build.attempt }}", json!(1))]
#[case("${{ run.id + run.plan }}", json!("run_1deliverable"))]
#[case("${{ run.epoch }}", json!(2))]
#[case("${{ run.labels.team }}", json!("data"))]
#[case("${{ run.labels }}", json!({"team": "data"}))]
#[case("${{ has(run.labels.team) && !has(run.labels.other) }}", json!(true))]
#[case("${{ has(inputs.rows) }}", json!(true))]
#[case("${{ has(inputs.absent) }}", json!(false))]
#[case("${{ has(steps.build.outputs.x) }}", json!(false))]
#[case("${{ has(steps.broken.outputs.x) }}", json!(false))]
#[case("${{ has(steps.broken.outputs) }}", json!(true))]
#[case("${{ inputs.rows == 150.0 && inputs.whole == 1 && inputs.whole < 2u }}", json!(true))]
#[case("${{ inputs.big > 5 }}", json!(true))]
#[case("${{ inputs.tags.map(t, t + '!') }}", json!(["a!", "b!"]))]
#[case("${{ inputs.tags.map(t, t != 'a', t + '!') }}", json!(["b!"]))]
#[case("${{ inputs.owner.map(k, k) }}", json!(["name", "age"]))]
#[case("${{ inputs.tags.exists_one(t, t == 'a') }}", json!(true))]
#[case("${{ [[1, 2], [3]].map(l, l.map(x, x * 2)) }}", json!([[2, 4], [6]]))]
#[case("${{ [1, 2].map(x, [10, 20].map(y, x + y)) }}", json!([[11, 21], [12, 22]]))]
#[case("${{ inputs.dry ? 'a' : 'b' }}", json!("b"))]
#[case("${{ 1 / 0 == 1 || true }}", json!(true))]
#[case("${{ [0, 1].exists(x, 1 / x == 1) }}", json!(true))]
#[case("${{ 'iris' in ['iris'] && 'age' in inputs.owner }}", json!(true))]
#[case("${{ type(inputs.rows) == int && type(inputs.min) == double }}", json!(true))]
#[case("${{ string(bytes('é')).size() + size(b'é') }}", json!(3))]
#[case("${{ int('12') + int(3.9) + int(4u) }}", json!(19))]
#[case("${{ {1: 'a', 2u: 'b', true: 'c'} }}", json!({"1": "a", "2": "b", "true": "c"}))]
#[case("${{ 'a\\n' + r'\\n' }}", json!("a\n\\n"))]
#[case("${{ inputs.dataset // a word }}\n }}", json!("iris"))]
#[case("${{ inputs . dataset }}", json!("iris"))]
fn values(#[case] text: &str, #[case] expected: Value) {
    assert_eq!(value(text).expect(text), expected, "{text}");
}

#[rstest]
#[case("${{ inputs.absent }}", "`inputs.absent`: input `absent` has no value")]
#[case(
    "${{ steps.absent.state }}",
    "`steps.absent.state`: there is no step `absent`"
)]
#[case(
    "${{ steps.broken.outputs.x }}",
    "`steps.broken.outputs.x`: step `broken` has no outputs: it is failed"
)]
#[case(
    "${{ steps.build.outputs.x }}",
    "`steps.build.outputs.x`: there is no `x` in it"
)]
#[case("${{ item }}", "`item`: there is no `item` here")]
#[case(
    "x${{ inputs.nothing }}",
    "`inputs.nothing` is of type null_type, which cannot stand in text"
)]
#[case(
    "${{ inputs.rows + 'a' }}",
    "`inputs.rows + 'a'`: no `+` between int and string"
)]
#[case("${{ inputs.rows / 0 }}", "`inputs.rows / 0`: division by zero")]
#[case(
    "${{ -9223372036854775808 / -1 }}",
    "`-9223372036854775808 / -1`: the number does not fit its type"
)]
#[case(
    "${{ -9223372036854775808 % -1 }}",
    "`-9223372036854775808 % -1`: the number does not fit its type"
)]
#[case(
    "${{ int(inputs.dataset) }}",
    "`int(inputs.dataset)`: this string has no int form"
)]
#[case(
    "${{ inputs.tags[2] }}",
    "`inputs.tags[2]`: the index is outside the list, whose items are 0 to 1"
)]
#[case(
    "${{ inputs.owner['x' + 'y'] }}",
    "`inputs.owner['x' + 'y']`: the map has no such key"
)]
#[case(
    "${{ 1.0 / 0.0 }}",
    "`1.0 / 0.0`: JSON has no form for a number that is not finite"
)]
#[case("${{ b'x' }}", "`b'x'`: JSON has no form for bytes")]
fn errors(#[case] text: &str, #[case] expected: &str) {
    assert_eq!(value(text).expect_err(text).to_string(), expected);
}

#[rstest]
#[case("inputs.dry", Ok(false))]
#[case("  ${{ !inputs.dry }}\n", Ok(true))]
#[case("steps.build.state == 'succeeded' && inputs.rows > 100", Ok(true))]
#[case(
    "inputs.rows",
    Err("`inputs.rows` must be true or false, and is of type int")
)]
fn conditions(#[case] text: &str, #[case] expected: Result<bool, &str>) {
    let condition = Condition::parse(text).expect(text);
    assert_eq!(condition.source(), text);
    assert_eq!(
        condition.eval(&World::default()).map_err(|e| e.to_string()),
        expected.map_err(String::from)
    );
}

#[test]
fn secrets_stay_names_until_they_are_revealed() {
    let template = Template::parse(
        "Bearer ${{ secrets.TOKEN }}/${{ inputs.rows }}",
        Site::Secrets,
    )
    .unwrap();
    let text = template.text(&World::default()).unwrap();
    let name: InputName = "TOKEN".parse().unwrap();
    assert_eq!(
        text.parts(),
        [
            Part::Text("Bearer ".into()),
            Part::Secret(name),
            Part::Text("/150".into())
        ]
    );
    assert!(text.has_secrets());
    assert_eq!(text.as_plain(), None);
    assert_eq!(
        text.reveal(|_| Some("s3cret")).unwrap(),
        "Bearer s3cret/150"
    );
    assert_eq!(
        text.reveal(|_| None).unwrap_err().to_string(),
        "secret `TOKEN` has no value"
    );
    assert!(template.value(&World::default()).is_err());
    assert_eq!(SecretText::plain("x").as_plain(), Some("x"));
}

#[test]
fn references_say_what_and_where() {
    let text = "x ${{ steps['per-region'].outputs[0].ok && has(inputs.a) }}${{ secrets.T }}${{ run.labels.team }}";
    let template = Template::parse(text, Site::Secrets).unwrap();
    let found: Vec<(Target, &str)> = template
        .references()
        .into_iter()
        .map(|reference| (reference.target, &text[reference.range]))
        .collect();
    assert_eq!(
        found,
        [
            (
                Target::Step {
                    id: "per-region".into(),
                    path: vec!["outputs".into()]
                },
                "steps['per-region'].outputs"
            ),
            (Target::Input("a".into()), "inputs.a"),
            (Target::Secret("T".into()), "secrets.T"),
            (Target::Run("labels".into()), "run.labels.team"),
        ]
    );
}

#[rstest]
#[case("plain $x {{ }}")]
#[case("${{ not an expression")]
#[case("$${{ x }}")]
#[case("")]
fn a_literal_stands_for_itself_and_can_be_written_back(#[case] text: &str) {
    let literal = Template::literal(text);
    assert_eq!(literal.as_literal(), Some(text));
    let again = Template::parse(literal.source(), Site::Plain).expect(text);
    assert_eq!(again, literal);
}

#[test]
fn the_item_of_a_fan_out() {
    let world = World {
        item: Some(json!({"region": "eu"})),
        ..World::default()
    };
    let template = Template::parse("${{ item.region }}", Site::Plain).unwrap();
    assert_eq!(template.value(&world).unwrap(), json!("eu"));
    let template = Template::parse("${{ item_index + 1 }}", Site::Plain).unwrap();
    assert_eq!(template.value(&world).unwrap(), json!(8));
}

#[rstest]
#[case("[1, 'two']", Ok(json!([1, "two"])))]
#[case("${{ inputs.tags }}", Ok(World::default().inputs["tags"].clone()))]
#[case("[]", Ok(json!([])))]
#[case("{'a': 1}", Err("`{'a': 1}` must be a list, and is of type map"))]
fn the_items_of_a_fan_out(#[case] text: &str, #[case] expected: Result<Value, &str>) {
    let found = Items::parse(text).unwrap().eval(&World::default());
    let found = found.map(Value::Array).map_err(|error| error.to_string());
    assert_eq!(found, expected.map_err(str::to_string));
}

#[test]
fn a_fan_out_is_bounded() {
    let mut world = World::default();
    let many = |n: usize| Value::Array(vec![json!(1); n]);
    world.inputs.insert("tags".into(), many(Items::MOST));
    let items = Items::parse("inputs.tags").unwrap();
    assert_eq!(items.eval(&world).unwrap().len(), 10_000);
    world.inputs.insert("tags".into(), many(Items::MOST + 1));
    assert_eq!(
        items.eval(&world).unwrap_err().to_string(),
        "`inputs.tags` has 10001 items, and a fan-out has at most 10000"
    );
}
