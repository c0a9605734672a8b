//! `docs/plan-format.md` and the JSON Schema against the key table and the
//! plans that are known to be valid.

mod schema;

use rok_plan::{FaultCode, KeySpec, Place, Support, parse};
use std::fmt::Write as _;

const DOC: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../../docs/plan-format.md");

/// Set to write the tables instead of comparing them.
const UPDATE: &str = "ROK_UPDATE_DOCS";

fn table(place: Place) -> String {
    let mut out = String::from("| key | value | meaning |\n| --- | --- | --- |\n");
    for spec in KeySpec::of(place) {
        let required = if spec.required { " **Required.**" } else { "" };
        let later = if spec.support == Support::Later {
            " *Later.*"
        } else {
            ""
        };
        let default = spec
            .default
            .map(|text| format!(" Default: {text}."))
            .unwrap_or_default();
        writeln!(
            out,
            "| `{}` | {} | {}{default}{required}{later} |",
            spec.key,
            spec.kind(),
            spec.doc
        )
        .expect("writing to a string");
    }
    out
}

/// The document with its tables written anew.
fn renewed(doc: &str) -> String {
    let mut doc = doc.to_owned();
    for place in Place::ALL {
        let head = format!("<!-- keys of {} -->\n", place.title());
        let start = doc
            .find(&head)
            .unwrap_or_else(|| panic!("no `{}` in the reference", head.trim()));
        let start = start + head.len();
        let end = start + doc[start..].find("<!-- end -->").expect("an end");
        doc.replace_range(start..end, &table(*place));
    }
    doc
}

#[test]
fn the_reference_has_every_key() {
    let doc = std::fs::read_to_string(DOC).unwrap();
    let renewed = renewed(&doc);
    if std::env::var_os(UPDATE).is_some() {
        std::fs::write(DOC, &renewed).unwrap();
        return;
    }
    assert!(
        doc == renewed,
        "docs/plan-format.md is out of date: {UPDATE}=1 cargo test -p rok-plan --test reference"
    );
}

#[test]
fn the_reference_explains_every_kind_of_fault() {
    let doc = std::fs::read_to_string(DOC).unwrap();
    for code in FaultCode::ALL {
        assert!(doc.contains(&format!("| `{code}` |")), "{code}");
    }
}

#[test]
fn the_examples_of_the_reference_are_valid() {
    let doc = std::fs::read_to_string(DOC).unwrap();
    let examples: Vec<&str> = doc
        .split("```yaml\n")
        .skip(1)
        .filter_map(|rest| Some(rest.split_once("```")?.0))
        .collect();
    assert!(!examples.is_empty());
    for example in examples {
        parse(example.as_bytes(), "example.yaml").unwrap_or_else(|e| panic!("{}", e.render()));
    }
}
