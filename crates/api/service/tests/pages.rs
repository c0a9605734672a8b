//! Every code that a user can meet has a page, and every page a code.
#![expect(clippy::unwrap_used, reason = "a test that cannot go on fails")]

use rok_service::ERROR_PAGES;
use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../..")
}

fn sources(folder: &Path, found: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        let name = path.file_name().unwrap().to_str().unwrap();
        if path.is_dir() && !["tests", "target", "examples"].contains(&name) {
            sources(&path, found);
        } else if path.extension().is_some_and(|e| e == "rs") && name != "tests.rs" {
            found.push(path);
        }
    }
}

/// The codes in string literals of a text, `"ROK` and four digits.
fn codes(text: &str) -> impl Iterator<Item = &str> {
    text.match_indices("\"ROK").filter_map(|(at, _)| {
        let code = text.get(at + 1..at + 8)?;
        code[3..]
            .bytes()
            .all(|b| b.is_ascii_digit())
            .then_some(code)
    })
}

#[test]
fn codes_and_pages_match() {
    let mut files = Vec::new();
    sources(&root().join("crates"), &mut files);
    let mut used: BTreeMap<String, PathBuf> = BTreeMap::new();
    for file in files
        .iter()
        .filter(|file| !file.ends_with("api/service/src/codes.rs"))
    {
        let text = fs::read_to_string(file).unwrap();
        // What stands in a file's tests proves no use.
        let text = text.split("#[cfg(test)]").next().unwrap_or_default();
        let text: Vec<&str> = text
            .lines()
            .filter(|line| !line.trim_start().starts_with("//"))
            .collect();
        for code in codes(&text.join("\n")) {
            used.entry(code.to_owned()).or_insert_with(|| file.clone());
        }
    }
    // clap's refusals get theirs as text: `error[ROK0004]`.
    used.insert(
        "ROK0004".to_owned(),
        PathBuf::from("crates/product/cli/src/app.rs"),
    );

    let listed: BTreeSet<&str> = ERROR_PAGES.iter().map(|page| page.code).collect();
    for (code, file) in &used {
        assert!(
            listed.contains(code.as_str()),
            "{code}, used in {}, has no page: write docs/errors/{code}.md and list it in codes.rs",
            file.display()
        );
    }
    let unused: Vec<&&str> = listed
        .iter()
        .filter(|code| !used.contains_key(**code))
        .collect();
    assert!(
        unused.is_empty(),
        "pages of codes that nobody uses: {unused:?}"
    );
}

#[test]
fn every_page_is_listed_once_and_in_order() {
    let folder = root().join("docs/errors");
    let mut files: Vec<String> = fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .filter(|name| name.starts_with("ROK"))
        .collect();
    files.sort();
    let listed: Vec<String> = ERROR_PAGES
        .iter()
        .map(|page| format!("{}.md", page.code))
        .collect();
    assert_eq!(listed, files);
}

#[test]
fn every_page_says_what_why_how_and_shows_it() {
    for page in ERROR_PAGES {
        let begin = format!("# {}: ", page.code);
        assert!(page.text.starts_with(&begin), "{}", page.code);
        assert!(!page.title().is_empty());
        // A line break is no less a blank.
        let words: Vec<&str> = page.text.split_whitespace().collect();
        let text = words.join(" ");
        for part in ["## Why it may happen", "## How to mend it", "## Example"] {
            assert!(text.contains(part), "{} lacks `{part}`", page.code);
        }
        // What only a server says ends no command.
        let told = ["Exit code ", "HTTP status "];
        assert!(told.iter().any(|part| text.contains(part)), "{}", page.code);
        assert!(
            page.text.lines().all(|line| line.chars().count() <= 110),
            "{}",
            page.code
        );
    }
}
