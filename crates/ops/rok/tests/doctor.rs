//! `rok doctor`: what is well, what somebody should look at, what will not work.

#[expect(dead_code, reason = "this file needs a part of it")]
#[path = "support/mod.rs"]
mod support;
#[expect(dead_code, reason = "this file needs a part of it")]
#[path = "support/workers.rs"]
mod workers;

use rok_log::Durability;
use rok_store_sqlite::SqliteStore;
use serde_json::Value;
use std::io::{Seek as _, SeekFrom, Write as _};
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use support::{Bench, Ran};
use workers::{Does, Workers};

fn doctor(bench: &Bench, args: &[&str]) -> Ran {
    bench.rok(["doctor", "--json"].iter().chain(args))
}

/// The looks at an area, as `NAME FINDING`.
fn found(ran: &Ran, area: &str) -> Vec<String> {
    let json = ran.json();
    let checks = json["checks"].as_array().expect("checks").iter();
    let checks = checks.filter(|check| check["area"] == area);
    let told = |check: &Value| {
        let name = check["name"].as_str().unwrap_or_default();
        format!("{name} {}", check["finding"].as_str().expect("a word"))
    };
    checks.map(|check| told(check).trim().to_owned()).collect()
}

fn expose(file: &Path, mode: u32) {
    std::fs::set_permissions(file, std::fs::Permissions::from_mode(mode)).expect("it is ours");
}

#[test]
fn a_folder_as_it_comes_has_no_fault() {
    let bench = Bench::new();
    bench.write("p.yaml", "plan: p\nsteps: { a: { run: ['true'] } }\n");
    bench.rok(["run", "p.yaml"]).exits(0);
    let ran = doctor(&bench, &[]).exits(0);
    assert_eq!(ran.json()["finding"], "warning");
    assert_eq!(found(&ran, "clock"), ["ok", "pace ok"]);
    assert_eq!(found(&ran, "boot"), ["ok"]);
    assert_eq!(found(&ran, "start"), ["ok"]);
    assert_eq!(found(&ran, "policies"), ["ok", "ok"]);
    let services = found(&ran, "services");
    assert_eq!(services.len(), 5);
    assert!(
        services.contains(&"vitals-monitor warning".to_owned()),
        "{services:?}"
    );
    let store = ran.json()["checks"]
        .as_array()
        .expect("checks")
        .iter()
        .find(|c| c["area"] == "store")
        .cloned();
    assert_eq!(store.expect("a look")["finding"], "ok");
    let seen = bench.rok(["doctor"]).exits(0).out;
    assert!(
        seen.contains("\n! services       vitals-monitor: needs_config: "),
        "{seen}"
    );
    assert!(seen.contains("set CORE_WEB_VITALS_BASE_URL"), "{seen}");
    assert!(seen.ends_with("\n0 faults, 5 warnings\n"), "{seen}");
}

#[test]
fn a_plan_with_faults_and_a_run_that_cannot_be_read_are_told() {
    let bench = Bench::new();
    bench.write("bad.yaml", "plan: p\n");
    std::fs::create_dir_all(bench.runs().join("r1")).expect("it is ours");
    bench.write("runs/r1/events.jsonl", "this is no log\n");
    let ran = doctor(&bench, &[]).exits(1);
    assert_eq!(found(&ran, "plans"), ["ok", "bad.yaml warning"]);
    assert_eq!(found(&ran, "runs"), ["r1 fault"]);
}

#[test]
fn services_are_asked_how_they_are() {
    let bench = Bench::new();
    let well = Does::Answers(200, "{}".to_owned());
    let workers = Workers::start([("technical-seo", well)]);
    let gone =
        "[gone]\nworker_key = 'g'\nname = 'G'\nbase_url = 'http://127.0.0.1:1'\nbearer = false\n";
    let off =
        "[off]\nworker_key = 'o'\nname = 'O'\nbase_url = 'http://127.0.0.1:1'\nenabled = false\n";
    bench.write("services.toml", &format!("{}{gone}{off}", workers.map()));
    let args = ["--set", "services=services.toml"];
    let ran = doctor(&bench, &args).exits(1);
    let services = found(&ran, "services");
    for expected in [
        "technical-seo ok",
        "gone fault",
        "off ok",
        "serp-intelligence warning",
    ] {
        assert!(
            services.contains(&expected.to_owned()),
            "{expected} in {services:?}"
        );
    }
    assert_eq!(
        workers.called(),
        Vec::<String>::new(),
        "looking runs nothing"
    );
    bench.write("services.toml", "[gone]\nurl = 'x'\n");
    let ran = doctor(&bench, &args).exits(1);
    assert_eq!(found(&ran, "services"), ["fault"]);
    assert_eq!(found(&ran, "start"), ["fault"]);
}

#[test]
fn files_of_keys_are_their_users_alone() {
    let bench = Bench::new();
    bench.rok(["key", "new", "--out", "k.pem"]).exits(0);
    let key = bench.path().join("k.pem");
    let args = ["--set", "signing_key_file=k.pem"];
    let ran = doctor(&bench, &args).exits(0);
    assert_eq!(found(&ran, "keys").len(), 1);
    expose(&key, 0o644);
    let ran = doctor(&bench, &args).exits(1);
    assert_eq!(found(&ran, "keys"), [format!("{} fault", key.display())]);
    assert!(ran.out.contains("chmod 600"), "{}", ran.out);
}

#[test]
fn a_database_is_opened_written_and_read_whole() {
    let bench = Bench::new();
    let args = ["--store", "sqlite:rok.db"];
    let ran = doctor(&bench, &args).exits(0);
    let file = bench.path().join("rok.db");
    assert_eq!(
        found(&ran, "store"),
        [format!("{} warning", file.display())]
    );
    assert!(!file.exists(), "looking makes none");
    drop(SqliteStore::open(&file, Durability::Flush).expect("it opens"));
    let ran = doctor(&bench, &args).exits(0);
    assert_eq!(
        found(&ran, "store"),
        vec![format!("{} ok", file.display()); 3]
    );
    assert_eq!(found(&ran, "queue"), ["ok"]);
    assert_eq!(found(&ran, "outbox"), ["ok"]);
    expose(&file, 0o664);
    let ran = doctor(&bench, &args).exits(1);
    assert_eq!(found(&ran, "store")[0], format!("{} fault", file.display()));
    expose(&file, 0o600);
    // The root page of an index, somewhere behind the schema.
    let db = rusqlite::Connection::open(&file).expect("a database");
    let page: u32 = db
        .pragma_query_value(None, "page_size", |row| row.get(0))
        .expect("it has pages");
    drop(db);
    let mut open = std::fs::OpenOptions::new()
        .write(true)
        .open(&file)
        .expect("it is there");
    let place = SeekFrom::Start(u64::from(page) * 5);
    open.seek(place).expect("it is long");
    open.write_all(&vec![0xa5; page as usize])
        .expect("there is room");
    drop(open);
    let ran = doctor(&bench, &args).exits(1);
    let store = found(&ran, "store");
    assert!(
        store[1..].iter().any(|look| look.ends_with("fault")),
        "{store:?}"
    );
}

/// Said once, with what is to be done and nothing beside the point.
#[test]
fn a_database_of_a_later_version_is_refused_in_one_line() {
    let bench = Bench::new();
    let file = bench.path().join("rok.db");
    drop(SqliteStore::open(&file, Durability::Flush).expect("it opens"));
    let db = rusqlite::Connection::open(&file).expect("a database");
    db.pragma_update(None, "user_version", 99).expect("written");
    drop(db);
    let at = ["--store", "sqlite:rok.db"];
    let ran = bench.rok(["ls"].iter().chain(&at)).exits(1);
    let (name, known) = (
        file.display(),
        "and this version of rok knows schemas up to",
    );
    let told = format!("error[ROK0106]: {name} has schema 99, {known}");
    assert!(ran.err.starts_with(&told), "{}", ran.err);
    assert!(!ran.err.contains("help:"), "{}", ran.err);
    let ran = doctor(&bench, &at).exits(1);
    assert_eq!(found(&ran, "store")[1], format!("{name} fault"));
    assert_eq!(found(&ran, "start"), ["fault"]);
}

#[test]
fn tokens_that_cannot_be_read_are_told() {
    let bench = Bench::new();
    let make = ["token", "create", "--user", "ada", "--role", "admin"];
    bench.rok(make).exits(0);
    let file = bench.runs().join(".tokens.json");
    let ran = doctor(&bench, &[]).exits(0);
    assert_eq!(found(&ran, "tokens"), [format!("{} ok", file.display())]);
    std::fs::write(&file, "{ junk").expect("it is ours");
    let ran = doctor(&bench, &[]).exits(1);
    assert_eq!(found(&ran, "tokens"), [format!("{} fault", file.display())]);
    let served = bench.rok(["serve", "--listen", "127.0.0.1:0"]).exits(2);
    for said in ["ROK0212", "make tokens anew by `rok token create`"] {
        assert!(served.err.contains(said), "{said}: {}", served.err);
        assert!(said == "ROK0212" || ran.out.contains(said), "{}", ran.out);
    }
}

/// What a server does not start with, it says before it listens.
#[test]
fn a_server_says_why_it_does_not_start() {
    let bench = Bench::new();
    bench.write("chain.pem", "no PEM\n");
    bench.write("later.toml", "durabilty = 'flush'\n");
    let taken = std::net::TcpListener::bind("127.0.0.1:0").expect("a port");
    let taken = taken.local_addr().expect("it listens").to_string();
    let tls = ["--tls-cert", "chain.pem", "--tls-key", "chain.pem"];
    for (args, code, error, said) in [
        (
            &["--listen", "127.0.0.1"][..],
            2,
            "ROK0004",
            "such as 127.0.0.1:5000",
        ),
        (
            &["--listen", &taken, "--insecure-no-auth"],
            2,
            "ROK0211",
            "already in use",
        ),
        (
            &["--listen", "0.0.0.0:0", "--insecure-no-auth"],
            2,
            "ROK0211",
            "leave out `--insecure-no-auth`",
        ),
        (&["--listen", "0.0.0.0:0"], 2, "ROK0211", "`--behind-proxy`"),
        (
            &tls,
            2,
            "ROK0211",
            "chain.pem: it holds no certificate in PEM",
        ),
        (
            &["--config", "later.toml"],
            2,
            "ROK0007",
            "did you mean `durability`?",
        ),
        (
            &["--store", "sqlite:chain.pem"],
            1,
            "ROK0106",
            "is no store of rok",
        ),
    ] {
        let ran = bench.rok(["serve"].iter().chain(args)).exits(code);
        for said in [error, said] {
            assert!(ran.err.contains(said), "{args:?}, {said}: {}", ran.err);
        }
    }
}

#[test]
fn settings_that_cannot_be_read_are_refused_whole() {
    let bench = Bench::new();
    bench.write("rok.toml", "shards = 'many'\nsmtp = 'x'\n");
    let said = bench.rok(["doctor"]).exits(2).err;
    assert!(said.contains("shards") && said.contains("smtp"), "{said}");
}

#[test]
fn a_log_that_is_not_what_was_written_is_found() {
    let bench = Bench::new();
    bench.write("p.yaml", "plan: p\nsteps: { a: { run: ['true'] } }\n");
    for run in ["r1", "r2"] {
        bench.rok(["run", "p.yaml", "--run-id", run]).exits(0);
    }
    let ran = doctor(&bench, &[]).exits(0);
    assert_eq!(found(&ran, "logs"), ["ok"]);
    let log = bench.runs().join("r1/events.jsonl");
    let text = std::fs::read_to_string(&log).expect("a log");
    let told = text.replacen("user:tester", "user:nobody", 1);
    assert_ne!(text, told);
    std::fs::write(&log, told).expect("it is ours");
    for args in [&[][..], &["--all-logs"]] {
        let ran = doctor(&bench, args).exits(1);
        assert_eq!(found(&ran, "logs"), ["r1 fault", "ok"]);
        let said = ran
            .out
            .contains("was changed, or a line after it was taken out");
        assert!(said && ran.out.contains("rok verify r1"), "{}", ran.out);
    }
    // One that is no log at all is told once, with the runs.
    std::fs::write(&log, "nothing\n").expect("it is ours");
    let ran = doctor(&bench, &[]).exits(1);
    assert_eq!(
        (found(&ran, "runs"), found(&ran, "logs")),
        (vec!["r1 fault".into()], vec!["ok".into()])
    );
}

/// A plan that is another, and output of an attempt that no log knows.
#[test]
fn what_does_not_fit_a_log_that_is_whole_is_found() {
    let bench = Bench::new();
    bench.write("p.yaml", "plan: p\nsteps: { a: { run: ['true'] } }\n");
    bench.rok(["run", "p.yaml", "--run-id", "r1"]).exits(0);
    for (file, unfit) in [
        ("plan.json", "{}"),
        ("plan.json", ""),
        ("logs/a.7.log", "x"),
    ] {
        let path = bench.runs().join("r1").join(file);
        let before = std::fs::read(&path).ok();
        assert_eq!(found(&doctor(&bench, &[]).exits(0), "logs"), ["ok"]);
        std::fs::write(&path, unfit).expect("it is ours");
        bench.rok(["verify", "r1"]).exits(4);
        let ran = doctor(&bench, &[]).exits(1);
        assert_eq!(found(&ran, "logs"), ["r1 fault", "ok"]);
        assert!(ran.out.contains(file), "{}", ran.out);
        match before {
            Some(before) => std::fs::write(&path, before).expect("it is ours"),
            None => std::fs::remove_file(&path).expect("it is ours"),
        }
    }
}

#[test]
fn a_log_in_a_database_that_was_changed_is_found() {
    let bench = Bench::new();
    bench.write("p.yaml", "plan: p\nsteps: { a: { run: ['true'] } }\n");
    bench.rok(["run", "p.yaml", "--run-id", "r1"]).exits(0);
    bench.rok(["export", "r1", "--out", "r1.tar.zst"]).exits(0);
    let store = ["--store", "sqlite:rok.db"];
    drop(SqliteStore::open(bench.path().join("rok.db"), Durability::Flush).expect("it opens"));
    bench
        .rok(["import", "r1.tar.zst"].iter().chain(&store))
        .exits(0);
    assert_eq!(found(&doctor(&bench, &store).exits(0), "logs"), ["ok"]);
    let database = rusqlite::Connection::open(bench.path().join("rok.db")).expect("a database");
    let change = "UPDATE chunks SET lines = CAST(replace(CAST(lines AS TEXT), 'user:tester', 'user:nobody') AS BLOB)";
    assert!(database.execute(change, []).expect("it is one") > 0);
    drop(database);
    let ran = doctor(&bench, &store).exits(1);
    assert_eq!(found(&ran, "logs"), ["r1 fault", "ok"]);
}

#[test]
fn a_missing_file_of_agents_stops_only_what_needs_agents() {
    let bench = Bench::new();
    bench.write("p.yaml", "plan: p\nsteps: { a: { run: ['true'] } }\n");
    let asks = "plan: q\nsteps: { a: { agent: summarize } }\n";
    bench.write("q.yaml", asks);
    let agents = ["--set", "agents=nothing.toml"];
    let rok = |args: &[&str]| bench.rok(args.iter().chain(&agents));
    rok(&["run", "p.yaml", "--run-id", "r1"]).exits(0);
    rok(&["ls"]).exits(0);
    rok(&["summary", "r1"]).exits(0);
    for refused in [&["run", "q.yaml"][..], &["agents", "list"]] {
        let refused = rok(refused).exits(2);
        assert!(refused.err.contains("ROK0172"), "{}", refused.err);
    }
    let ran = doctor(&bench, &agents).exits(1);
    assert!(found(&ran, "agents")[0].ends_with("fault"), "{}", ran.out);
}
