//! The reference and the published schema say what the tables say.

use rok_component::{ENTRYPOINT, KEYS, json_schema, parse};
use std::path::{Path, PathBuf};

fn docs(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("../../../docs")
        .join(name)
}

#[test]
fn the_page_has_every_key() {
    let page = std::fs::read_to_string(docs("registry.md")).unwrap();
    for key in KEYS {
        let row = format!("| `{}` | {} | {} |", key.key, key.takes, key.doc);
        assert!(page.contains(&row), "docs/registry.md lacks\n{row}");
    }
    for key in ENTRYPOINT {
        assert!(
            page.contains(&format!("`{key}`")),
            "docs/registry.md lacks `{key}`"
        );
    }
}

#[test]
fn the_page_s_manifests_are_valid() {
    let page = std::fs::read_to_string(docs("registry.md")).unwrap();
    let blocks: Vec<&str> = page.split("```yaml\n").skip(1).collect();
    assert_eq!(blocks.len(), 2);
    for block in blocks {
        let text = block.split("```").next().unwrap();
        let parsed = parse(text.as_bytes(), "page.component.yaml");
        assert!(parsed.is_ok(), "{}", parsed.unwrap_err());
    }
}

#[test]
fn the_published_schema_is_the_schema() {
    let path = docs("component.schema.json");
    let text = serde_json::to_string_pretty(&json_schema()).unwrap() + "\n";
    if std::env::var_os("ROK_UPDATE_DOCS").is_some() {
        std::fs::write(&path, &text).unwrap();
    }
    let published = std::fs::read_to_string(&path).unwrap_or_default();
    assert!(
        published == text,
        "run ROK_UPDATE_DOCS=1 cargo test -p rok-component --test reference"
    );
}
