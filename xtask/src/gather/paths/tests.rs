//! What counts as a path out of the crate, and in which kind of code.

use std::collections::BTreeMap;

use rstest::rstest;

use super::{Found, Source, read_paths};
use crate::check_layers::EdgeKind;

fn look(text: &str) -> Found {
    let externs = ["std", "rok_kernel", "rok_runs", "uuid"]
        .map(|word| (word.to_owned(), word.replace('_', "-")));
    let externs = BTreeMap::from(externs);
    let source = Source {
        package: "rok-x",
        externs: &externs,
        file: "src/lib.rs",
        text,
    };
    read_paths(&source, &syn::parse_file(text).unwrap(), EdgeKind::Normal)
}

fn told(text: &str) -> Vec<String> {
    let mut lines: Vec<String> = look(text)
        .mentions
        .iter()
        .map(|m| {
            let public = if m.public { " public" } else { "" };
            format!("{}:{} {}{public}", m.at.line, m.kind, m.path)
        })
        .collect();
    lines.dedup();
    lines
}

#[rstest]
#[case::import("use rok_kernel::handle;", &["1:normal rok_kernel::handle"])]
#[case::absolute("fn f() { ::rok_kernel::handle() }", &["1:normal rok_kernel::handle"])]
#[case::qualified("fn f() -> rok_kernel::State { todo() }", &["1:normal rok_kernel::State"])]
#[case::renamed("use rok_kernel as k;\nfn f() { k::go() }", &["1:normal rok_kernel", "2:normal rok_kernel::go"])]
#[case::renamed_twice("use rok_kernel::a as b;\nuse b::c as d;\nfn f() { d::go() }",
    &["1:normal rok_kernel::a", "2:normal rok_kernel::a::c", "3:normal rok_kernel::a::c::go"])]
#[case::group("use rok_kernel::{a, b::{self, C}};",
    &["1:normal rok_kernel::a", "1:normal rok_kernel::b", "1:normal rok_kernel::b::C"])]
#[case::glob("use rok_kernel::*;", &["1:normal rok_kernel"])]
#[case::bound("fn f<T: rok_kernel::Port>() {}", &["1:normal rok_kernel::Port"])]
#[case::trait_of_a_type("fn f() { <u8 as rok_kernel::Port>::go() }", &["1:normal rok_kernel::Port::go"])]
#[case::in_a_macro("fn f() { vec![rok_kernel::A, (1, ::rok_runs::B)]; }",
    &["1:normal rok_kernel::A", "1:normal rok_runs::B"])]
#[case::in_a_macro_rule("macro_rules! m { () => { $crate::a(); rok_kernel::b() } }", &["1:normal rok_kernel::b"])]
#[case::attribute("#[rok_kernel::mark(std::fs::File)] fn f() {}",
    &["1:normal rok_kernel::mark", "1:normal std::fs::File"])]
#[case::reexport("pub use rok_runs::Engine;", &["1:normal rok_runs::Engine public"])]
#[case::reexport_of_a_rename("use rok_runs as r;\npub use r::Engine;",
    &["1:normal rok_runs", "2:normal rok_runs::Engine public"])]
#[case::reexport_by_alias("use rok_runs::Engine;\npub type E = Engine;",
    &["1:normal rok_runs::Engine", "2:normal rok_runs::Engine public"])]
#[case::reexport_of_a_crate("pub extern crate rok_runs as r;", &["1:normal rok_runs public"])]
#[case::restricted("pub(crate) use rok_runs::Engine;", &["1:normal rok_runs::Engine"])]
#[case::own_module("mod rok_runs { pub fn go() {} }\nfn f() { rok_runs::go() }", &[])]
#[case::method_of_an_import("use uuid::Uuid;\nfn f() { Uuid::new_v4(); }",
    &["1:normal uuid::Uuid", "2:normal uuid::Uuid::new_v4"])]
#[case::field("fn f() { m!(x.rok_runs::<u8>()); }", &[])]
#[case::core("use core::fmt; use alloc::vec::Vec; use crate::x; use self::y; use super::z;", &[])]
fn paths_out_of_the_crate(#[case] text: &str, #[case] expected: &[&str]) {
    assert_eq!(told(text), expected);
}

#[rstest]
#[case("#[cfg(test)] mod tests { use std::fs; }", "dev")]
#[case("#[cfg(test)] extern crate std;", "dev")]
#[case("#[cfg(all(test, unix))] use std::fs;", "dev")]
#[case("#[cfg(any(test, feature = \"x\"))] use std::fs;", "normal")]
#[case("#[cfg(any(test, all(test, unix)))] use std::fs;", "dev")]
#[case("#[cfg(not(test))] use std::fs;", "normal")]
#[case("#[cfg(feature = \"test\")] use std::fs;", "normal")]
#[case("#[test] fn t() { std::fs::read(\"\"); }", "dev")]
#[case(
    "struct S; impl S { #[cfg(test)] fn t() { std::fs::read(\"\"); } }",
    "dev"
)]
#[case("fn f() { #[cfg(test)] let x = std::fs::read(\"\"); }", "dev")]
fn test_code_is_told_from_what_ships(#[case] text: &str, #[case] kind: &str) {
    let found = look(text);
    assert_eq!(found.mentions.len(), 1, "{text}");
    assert_eq!(found.mentions[0].kind.as_str(), kind, "{text}");
}

#[test]
fn a_module_inside_sees_names_around_it_only_through_super() {
    let with = "use rok_runs as r;\nmod m { use super::*; fn f() { r::go() } }";
    let without = "use rok_runs as r;\nmod m { fn f() { r::go() } }";
    assert_eq!(told(with).len(), 2);
    assert_eq!(told(without).len(), 1);
}

#[test]
fn modules_and_includes_are_found_where_they_are() {
    let found = look(
        "mod a;\nmod b { #[cfg(test)] mod c; }\n#[path = \"../x.rs\"] mod d;\ninclude!(\"../y.rs\");",
    );
    let modules: Vec<_> = found
        .modules
        .iter()
        .map(|m| {
            (
                m.inside.join("/"),
                m.name.as_str(),
                m.path.as_deref(),
                m.kind,
            )
        })
        .collect();
    assert_eq!(
        modules,
        [
            (String::new(), "a", None, EdgeKind::Normal),
            ("b".to_owned(), "c", None, EdgeKind::Dev),
            (String::new(), "d", Some("../x.rs"), EdgeKind::Normal),
        ]
    );
    assert_eq!(found.includes[0].0, "../y.rs");
    assert_eq!(found.includes[0].1.line, 4);
}
