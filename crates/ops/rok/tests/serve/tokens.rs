//! Who asks, and what they may: tokens, roles, policies of access, TLS.

use super::{Served, bench};
use crate::client::Client;
use crate::support::{Bench, Ran};
use serde_json::{Value, json};
use std::io::{Read as _, Write as _};
use std::sync::Arc;

pub(crate) fn token(bench: &Bench, user: &str, role: &str) -> Value {
    let made = bench.rok(["token", "create", "--user", user, "--role", role, "--json"]);
    made.exits(0).json()
}

pub(crate) fn as_who(served: &Served, token: &Value) -> Client {
    let token = token["token"].as_str().expect("a token");
    served
        .client
        .with("authorization", &format!("Bearer {token}"))
}

#[test]
fn each_role_may_what_it_may_and_the_record_says_who() {
    let bench = bench();
    let [eve, oli, app, root] = [
        ("eve", "viewer"),
        ("oli", "operator"),
        ("app", "approver"),
        ("root", "admin"),
    ]
    .map(|(user, role)| token(&bench, user, role));
    let served = Served::with(bench, &[]);
    let nobody = &served.client;
    let [eve, oli, app, root] = [eve, oli, app, root].map(|token| as_who(&served, &token));
    let asked = json!({ "plan": "hello", "run_id": "r1" });
    let refused = nobody.post("/api/v1/runs", &asked).is(401);
    assert_eq!(
        refused.header("www-authenticate"),
        Some("Bearer realm=\"rok\"")
    );
    assert_eq!(
        eve.post("/api/v1/runs", &asked).is(403).json()["code"],
        "ROK0202"
    );
    app.post("/api/v1/runs", &asked).is(403);
    oli.post("/api/v1/runs?wait=30s", &asked).is(201);

    nobody.get("/api/v1/runs/r1").is(401);
    eve.get("/api/v1/runs/r1").is(200);
    let why = json!({ "reason": "fine" });
    let approve = "/api/v1/runs/r1/steps/ask/approve";
    eve.post(approve, &why).is(403);
    oli.post(approve, &why).is(403);
    app.post("/api/v1/runs/r1/cancel", &json!({})).is(403);
    app.post(approve, &why).is(200);
    eve.get("/api/v1/runs/r1/wait").is(200);
    root.get("/metrics").is(200);
    nobody.get("/metrics").is(401);
    for open in [
        "/livez",
        "/readyz",
        "/openapi.json",
        "/docs",
        "/api/orchestration/health",
    ] {
        nobody.get(open).is(200);
    }

    let summary = eve.get("/api/v1/runs/r1/summary").is(200).json();
    assert_eq!(summary["submitter"], "user:oli");
    assert_eq!(summary["approvals"][0]["actor"], "user:app");
}

#[test]
fn a_run_that_one_may_not_see_is_not_there() {
    let bench = bench();
    bench.write(
        "own.cedar",
        "@id(\"own\") permit (principal, action, resource) when { context.is_submitter };\n\
         @id(\"look\") permit (principal, action == Action::\"view\", resource is Server);\n\
         @id(\"new\") permit (principal, action in [Action::\"submit\", Action::\"submit_own\"], resource);\n",
    );
    let (ada, bob) = (
        token(&bench, "ada", "viewer"),
        token(&bench, "bob", "admin"),
    );
    let served = Served::with(bench, &["--set", "access_policies=own.cedar"]);
    let (ada, bob) = (as_who(&served, &ada), as_who(&served, &bob));
    let asked = json!({ "plan": "hello", "run_id": "r1" });
    ada.post("/api/v1/runs?wait=30s", &asked).is(201);

    let plain =
        |answer: crate::client::Answer| answer.body.replace("r1", "RUN").replace("r2", "RUN");
    for path in [
        "",
        "/summary",
        "/events",
        "/logs/greet",
        "/artifacts/out.txt",
        "/report.html",
        "/audit",
    ] {
        ada.get(&format!("/api/v1/runs/r1{path}")).is(200);
        let of_ada = bob.get(&format!("/api/v1/runs/r1{path}")).is(404);
        let of_nobody = bob.get(&format!("/api/v1/runs/r2{path}")).is(404);
        assert_eq!(plain(of_ada), plain(of_nobody));
    }
    bob.post("/api/v1/runs/r1/cancel", &json!({})).is(404);
    bob.post(
        "/api/v1/runs/r1/steps/ask/approve",
        &json!({ "reason": "mine" }),
    )
    .is(404);
    assert_eq!(bob.get("/api/v1/runs").is(200).json()["runs"], json!([]));
    let runs = ada.get("/api/v1/runs").is(200).json();
    assert_eq!(runs["runs"][0]["run_id"], "r1");
}

/// What is broken says of no run whose it is: whoever keeps the store sees it,
/// and nobody else.
#[test]
fn broken_runs_are_listed_to_whoever_may_collect_and_to_nobody_else() {
    let bench = bench();
    let run = ["run", "hello.yaml", "--run-id", "r1", "--quiet"];
    bench.rok(run).exits(1);
    let cancel = ["cancel", "r1", "--reason", "no need"];
    bench.rok(cancel).exits(0);
    let log = bench.runs().join("r1/events.jsonl");
    let text = std::fs::read_to_string(&log).expect("a log");
    let changed = text.replace("\"outcome\":\"cancelled\"", "\"outcome\":\"succeeded\"");
    assert_ne!(text, changed);
    std::fs::write(&log, changed).expect("it is ours");
    let who = ["viewer", "operator", "approver", "admin"];
    let tokens = who.map(|role| token(&bench, role, role));
    let served = Served::with(bench, &[]);
    for (role, token) in who.iter().zip(&tokens) {
        let page = as_who(&served, token).get("/api/v1/runs").is(200).json();
        let runs = page["runs"].as_array().expect("a list");
        assert_eq!(runs.len(), usize::from(*role == "admin"), "{role}: {page}");
        assert!(runs.iter().all(|run| run["status"] == "broken"), "{page}");
    }
}

/// The page's policies: who may only submit plans of the folder sends no commands.
#[test]
fn only_plans_of_the_folder() {
    let page = include_str!("../../../../../docs/howto/serve.md");
    let policies = page.split("```cedar\n").nth(1).and_then(|rest| {
        let (policies, _) = rest.split_once("```")?;
        Some(policies)
    });
    let bench = bench();
    bench.write("access.cedar", policies.expect("the page shows them"));
    let [oli, root] =
        [("oli", "operator"), ("root", "admin")].map(|(user, role)| token(&bench, user, role));
    let served = Served::with(bench, &["--set", "access_policies=access.cedar"]);
    let [oli, root] = [oli, root].map(|token| as_who(&served, &token));
    let own =
        json!({ "definition": { "plan": "own", "steps": { "a": { "run": "touch got-in" } } } });
    let refused = oli.post("/api/v1/runs", &own).is(403).json();
    assert_eq!(refused["code"], "ROK0202");
    assert!(!served.bench.path().join("got-in").exists());
    oli.post("/api/v1/runs", &json!({ "plan": "hello" }))
        .is(201);
    root.post("/api/v1/runs?wait=30s", &own).is(201);
}

#[test]
fn tokens_end_and_are_nowhere_in_the_clear() {
    let bench = bench();
    let made = token(&bench, "ada", "admin");
    let (id, text) = (
        made["id"].as_str().unwrap().to_owned(),
        made["token"].as_str().unwrap().to_owned(),
    );
    let mut served = Served::with(bench, &[]);
    let ada = as_who(&served, &made);
    ada.get("/api/v1/runs").is(200);
    for shown in [
        "Bearer",
        "Bearer ",
        "Basic YTpi",
        "Bearer rok_x_y",
        &format!("Bearer {text}x"),
        &text,
    ] {
        let refused = served
            .client
            .with("authorization", shown)
            .get("/api/v1/runs")
            .is(401);
        assert!(!refused.body.contains(&text));
    }
    let twice = ada.with("authorization", "Bearer rok_x_y");
    twice.get("/api/v1/runs").is(401);

    let listed = served.bench.rok(["token", "list"]).exits(0);
    assert!(
        listed.out.contains("ada") && listed.out.contains(&id),
        "{}",
        listed.out
    );
    let secret = text.rsplit('_').next().expect("a secret");
    assert!(!listed.out.contains(secret));
    served.bench.rok(["token", "revoke", &id]).exits(0);
    ada.get("/api/v1/runs").is(401);
    served.bench.rok(["token", "revoke", "nobody"]).exits(2);

    let file = std::fs::read_to_string(served.bench.runs().join(".tokens.json")).expect("a file");
    let (_, told) = served.stop();
    assert!(
        !file.contains(secret) && !told.contains(secret),
        "{file}{told}"
    );
}

#[test]
fn tls_is_spoken_where_a_certificate_is_named() {
    let bench = bench();
    bench.write("server.pem", include_str!("tls/server.pem"));
    bench.write("server.key", include_str!("tls/server.key"));
    let ran = bench
        .rok([
            "serve",
            "--tls-cert",
            "server.key",
            "--tls-key",
            "server.key",
        ])
        .exits(2);
    assert!(ran.err.contains("ROK0211"), "{}", ran.err);
    let served = Served::with(
        bench,
        &[
            "--insecure-no-auth",
            "--tls-cert",
            "server.pem",
            "--tls-key",
            "server.key",
        ],
    );

    let mut roots = rustls::RootCertStore::empty();
    let ca = rustls::pki_types::pem::PemObject::from_pem_slice(include_bytes!("tls/ca.pem"));
    roots.add(ca.expect("a certificate")).expect("a root");
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = rustls::ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .expect("versions")
        .with_root_certificates(roots)
        .with_no_client_auth();
    let name = "localhost".try_into().expect("a name");
    let connection = rustls::ClientConnection::new(Arc::new(config), name).expect("a client");
    let mut stream = rustls::StreamOwned::new(connection, served.client.connect());
    let request = served.client.request("GET", "/livez", None);
    stream.write_all(request.as_bytes()).expect("it reads");
    let mut text = String::new();
    // A server that closes without a farewell has said all that it was asked.
    let _ = stream.read_to_string(&mut text);
    assert!(text.starts_with("HTTP/1.1 200"), "{text}");
    assert!(text.ends_with("{\"status\":\"ok\"}"), "{text}");

    // The command trusts what it is told to trust, and says how that is told.
    let address = served.client.address().to_string();
    let asked = |trusted: Option<&str>| {
        let url = format!("https://{address}");
        let mut ls = served.bench.command(["ls", "--server", &url]);
        if let Some(file) = trusted {
            ls.env("SSL_CERT_FILE", served.bench.path().join(file));
        }
        Ran::from(ls.output().expect("rok starts"))
    };
    served.bench.write("ca.pem", include_str!("tls/ca.pem"));
    asked(Some("ca.pem")).exits(0);
    let refused = asked(None).exits(1);
    assert!(
        refused.err.contains("`SSL_CERT_FILE` names"),
        "{}",
        refused.err
    );

    // Whoever speaks in the clear is answered nothing, and stops nobody.
    let mut plain = served.client.connect();
    plain.write_all(request.as_bytes()).expect("it reads");
    let mut told = Vec::new();
    let _ = plain.read_to_end(&mut told);
    assert!(!told.starts_with(b"HTTP"), "{told:?}");
}
