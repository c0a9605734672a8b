//! `docs/settings.md` is written from the table of settings.

use rok_config::{KEYS, KeySpec};
use std::fmt::Write as _;
use std::path::Path;

const BEGIN: &str =
    "<!-- settings: written by `ROK_UPDATE_DOCS=1 cargo test -p rok-config --test page` -->\n";

fn row(spec: &KeySpec) -> String {
    let flag = spec.flag.map(|flag| format!(" · `{flag}`"));
    let default = match spec.default {
        None => "–".to_owned(),
        Some("") => "none".to_owned(),
        Some(default) => format!("`{default}`"),
    };
    format!(
        "| `{}` | `{}`{} | {default} | {} |\n",
        spec.key,
        spec.env,
        flag.unwrap_or_default(),
        spec.doc
    )
}

#[test]
fn the_page_is_the_table() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../docs/settings.md");
    let page = std::fs::read_to_string(&path).expect("the page is there");
    let (before, found) = page.split_once(BEGIN).expect("the page has a place for it");
    let mut table =
        String::from("| key | environment · flag | default | |\n| --- | --- | --- | --- |\n");
    for spec in KEYS {
        write!(table, "{}", row(spec)).expect("a string takes everything");
    }
    if std::env::var_os("ROK_UPDATE_DOCS").is_some() {
        std::fs::write(&path, format!("{before}{BEGIN}{table}")).expect("the page can be written");
    } else {
        assert_eq!(found, table, "run it again with ROK_UPDATE_DOCS=1");
    }
}
