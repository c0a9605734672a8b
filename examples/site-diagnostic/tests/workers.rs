//! The real binary over two sites: what each worker answers, and to whom.

use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::TcpStream;
use std::path::Path;
use std::process::{Child, Command, Stdio};

const KEYS: [&str; 4] = [
    "SERP_INTEL_API_KEY",
    "CRAWL_RENDER_API_KEY",
    "COMPETITIVE_SNAPSHOT_API_KEY",
    "CORE_WEB_VITALS_API_KEY",
];
const INDEX: &str = "<title>Home</title><link rel=stylesheet href=a.css>
    <a href=/a.html>a</a><a href=gone.html>b</a><a href=secret/x.html>c</a>
    <a href='https://elsewhere.example/'>d</a><a href=/sub>e</a>";

/// The workers, until they are dropped.
struct Started {
    child: Child,
    at: BTreeMap<String, String>,
    _site: tempfile::TempDir,
}

impl Started {
    fn new() -> Self {
        let site = tempfile::tempdir().expect("a temporary folder");
        let write = |name: &str, text: &str| {
            let file = site.path().join(name);
            std::fs::create_dir_all(file.parent().expect("a folder")).expect("it is ours");
            std::fs::write(file, text).expect("it is ours");
        };
        write("index.html", INDEX);
        write("a.html", "<title>Home</title><a href='/'>back</a>");
        write("a.css", "p {}");
        write("sub/index.html", "<p>without a title</p>");
        write("secret/x.html", "<title>secret</title>");
        write("robots.txt", "User-agent: *\nDisallow: /secret\n");
        let second = Path::new(env!("CARGO_MANIFEST_DIR")).join("second-site");
        let mut child = Command::new(env!("CARGO_BIN_EXE_site-workers"))
            .args(["--port", "0", "--site"])
            .arg(site.path())
            .arg("--second")
            .arg(second)
            .env_clear()
            .envs(KEYS.map(|name| (name, "sesame")))
            .stdout(Stdio::piped())
            .spawn()
            .expect("it starts");
        let lines = BufReader::new(child.stdout.take().expect("a pipe")).lines();
        let lines = lines.map(|line| line.expect("text"));
        let lines = lines.take_while(|line| line != "all listen");
        let at = lines.filter_map(|line| {
            let (name, rest) = line.split_once(" http://")?;
            let at = rest.split(' ').next()?;
            Some((name.to_owned(), at.to_owned()))
        });
        let at = at.collect();
        Self {
            child,
            at,
            _site: site,
        }
    }

    fn ask(&self, worker: &str, head: &str, body: &str) -> (u16, Value) {
        let mut stream = TcpStream::connect(&self.at[worker]).expect("it listens");
        let length = body.len();
        let request = format!(
            "{head}\r\nhost: x\r\nconnection: close\r\ncontent-length: {length}\r\n\r\n{body}"
        );
        stream.write_all(request.as_bytes()).expect("it reads");
        let mut answer = String::new();
        stream.read_to_string(&mut answer).expect("it answers");
        let status = answer.split(' ').nth(1).and_then(|s| s.parse().ok());
        let (_, body) = answer.split_once("\r\n\r\n").expect("an answer");
        let body = serde_json::from_str(body).unwrap_or(Value::Null);
        (status.expect("a status"), body)
    }

    fn run(&self, worker: &str, key: &str, domain: &str) -> (u16, Value) {
        let head = format!("POST /api/run HTTP/1.1\r\nauthorization: Bearer {key}");
        let asked = json!({ "site_id": "s", "run_id": "r", "domain": domain });
        self.ask(worker, &head, &asked.to_string())
    }

    fn measured(&self, worker: &str) -> Value {
        let (status, answer) = self.run(worker, "sesame", "example.com");
        assert_eq!(status, 200, "{answer}");
        assert_ne!(answer["success"], false, "{answer}");
        answer
    }
}

impl Drop for Started {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn finding<'a>(answer: &'a Value, headline: &str) -> &'a Value {
    let findings = answer["findings"].as_array().expect("findings");
    let found = findings.iter().find(|found| found["headline"] == headline);
    found.unwrap_or_else(|| panic!("no {headline:?} in {answer:#}"))
}

#[test]
fn each_worker_measures_what_it_says() {
    let started = Started::new();
    let technical = started.measured("technical-seo");
    let broken = finding(&technical, "1 broken links");
    let gone = json!([{ "url": "/gone.html", "status": 404, "from": "/" }]);
    assert_eq!(
        (&broken["severity"], &broken["evidence"]),
        (&json!("high"), &gone)
    );
    let untitled = &finding(&technical, "1 pages without a title")["evidence"];
    assert_eq!(*untitled, json!(["/sub/"]));
    let shared = &finding(&technical, "1 titles that several pages share")["evidence"];
    assert_eq!(*shared, json!([{ "title": "Home", "pages": 2 }]));
    assert_eq!(
        technical["statuses"],
        json!({ "200": 3, "301": 1, "404": 1 })
    );
    let rest = ["kept_away_by_robots", "external_links", "robots_txt"];
    assert_eq!(
        rest.map(|key| technical[key].clone()),
        [json!(1), json!(1), json!(true)]
    );

    let vitals = started.measured("vitals-monitor");
    assert_eq!(vitals["request_count"], 2);
    assert_eq!(vitals["transfer_bytes"], INDEX.len() + "p {}".len());
    assert!(vitals["time_to_first_byte_ms"].as_f64().expect("a time") > 0.0);

    let compared = started.measured("competitive-intelligence");
    assert_eq!(compared["compared_with"], "rival.example");
    assert_eq!(compared["theirs"]["canonical_share"], 1.0);
    let behind = compared["behind_in"].as_array().expect("a list");
    for measure in ["titled_share", "canonical_share", "broken_share"] {
        assert!(behind.contains(&json!(measure)), "{compared:#}");
    }
    assert_eq!(started.measured("serp-intelligence")["searches"], 1);
}

#[test]
fn a_worker_without_its_key_or_for_another_site_does_nothing() {
    let started = Started::new();
    let (status, refused) = started.run("vitals-monitor", "guess", "example.com");
    assert_eq!((status, &refused["success"]), (401, &json!(false)));
    let (status, refused) = started.run("domain-authority", "", "example.com");
    assert_eq!(
        (status, &refused["error"]),
        (503, &json!("No API key found"))
    );
    assert_eq!(
        started
            .ask("domain-authority", "GET /health HTTP/1.1", "")
            .0,
        503
    );
    assert_eq!(
        started.ask("vitals-monitor", "GET /health HTTP/1.1", "").0,
        200
    );
    let (status, refused) = started.run("technical-seo", "sesame", "127.0.0.1:22");
    assert_eq!((status, &refused["success"]), (200, &json!(false)));
    let head = "POST /api/run HTTP/1.1\r\nauthorization: Bearer sesame";
    assert_eq!(started.ask("technical-seo", head, "{}").0, 400);
}
