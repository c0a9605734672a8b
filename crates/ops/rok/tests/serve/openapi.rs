//! What strangers say of the document: a public validator, and a public tool
//! that asks the server whatever the document lets it ask.

use super::{Served, bench};
use crate::support::Ran;
use serde_json::Value;
use std::path::{Path, PathBuf};
use std::process::Command;

fn tool(name: &str) -> PathBuf {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../..");
    let tool = root.join("target/tools/verifier/bin").join(name);
    assert!(
        tool.is_file() && root.join("target/tools/verifier/ready").is_file(),
        "the public tools that check the server are not installed: \
         run `cargo xtask verifier` once (`cargo xtask test` does it by itself)"
    );
    tool
}

fn run(served: &Served, name: &str, args: &[&str]) -> Ran {
    let mut command = Command::new(tool(name));
    command
        .args(args)
        .current_dir(served.bench.path())
        .env_clear()
        .env("PATH", std::env::var_os("PATH").unwrap_or_default())
        .env("HOME", served.bench.path());
    Ran::from(command.output().expect("the tool starts"))
}

#[test]
fn a_public_validator_accepts_the_document() {
    let served = Served::open(bench());
    let document = served.get("/openapi.json").is(200);
    let document: Value = document.json();
    assert_eq!(document["openapi"], "3.1.0");
    let told = |document: &Value| {
        served.bench.write("openapi.json", &document.to_string());
        run(&served, "openapi-spec-validator", &["openapi.json"])
    };
    told(&document).exits(0);
    let mut spoiled = document;
    spoiled["paths"]["/livez"]["get"]["responses"] = Value::from("none");
    told(&spoiled).exits(1);
}

#[test]
fn whatever_the_document_lets_ask_is_answered_as_it_says() {
    let bench = bench();
    let made = bench.rok([
        "token", "create", "--user", "ada", "--role", "admin", "--json",
    ]);
    let made = made.exits(0).json();
    let mut served = Served::with(bench, &[]);
    let document = format!("http://{}/openapi.json", served.client.address());
    let token = format!(
        "Authorization: Bearer {}",
        made["token"].as_str().expect("a token")
    );
    // A plan that fits its schema may still not be a plan: that is refused too.
    let told = run(
        &served,
        "schemathesis",
        &[
            "run",
            &document,
            "--header",
            &token,
            "--seed",
            "1",
            "--max-examples",
            "10",
            "--checks",
            "all",
            "--exclude-checks",
            "positive_data_acceptance",
            "--phases",
            "examples,coverage,fuzzing,stateful",
            "--request-timeout",
            "60",
            "--no-color",
        ],
    );
    let told = told.exits(0);
    assert!(told.out.contains("Tested: "), "{}", told.out);
    let runs = served
        .client
        .with("authorization", token.split_once(": ").expect("a header").1);
    let runs = runs.get("/api/v1/runs").is(200).json();
    assert!(runs["runs"].as_array().is_some_and(|runs| !runs.is_empty()));
    let (code, log) = served.stop();
    assert_eq!(code, Some(0), "{log}");
    assert!(!log.contains("panicked"), "{log}");
}
