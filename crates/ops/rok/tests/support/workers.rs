//! Workers on loopback: each answers as it is told, and tells when it was
//! called and when its caller went away.

use std::collections::BTreeMap;
use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Arc, Mutex};

/// What a worker does when it is called.
#[derive(Clone)]
pub(crate) enum Does {
    /// Answers this status and JSON.
    Answers(u16, String),
    /// Never answers.
    Hangs,
}

/// Workers by slug, behind one address each.
pub(crate) struct Workers {
    bases: BTreeMap<String, String>,
    calls: Arc<Mutex<Vec<(String, String)>>>,
    /// A worker whose caller went away without an answer.
    pub(crate) left: Receiver<String>,
}

impl Workers {
    pub(crate) fn start<'s>(workers: impl IntoIterator<Item = (&'s str, Does)>) -> Self {
        let (gone, left) = channel();
        let calls = Arc::new(Mutex::new(Vec::new()));
        let mut bases = BTreeMap::new();
        for (slug, does) in workers {
            let listener = TcpListener::bind(("127.0.0.1", 0)).expect("a free port");
            let address = listener.local_addr().expect("it is bound");
            bases.insert(slug.to_owned(), format!("http://{address}"));
            let (slug, calls, gone) = (slug.to_owned(), Arc::clone(&calls), gone.clone());
            std::thread::spawn(move || {
                for stream in listener.incoming().flatten() {
                    serve(&stream, &slug, &does, &calls, &gone);
                }
            });
        }
        Self { bases, calls, left }
    }

    /// A service map of these workers, which want no key.
    pub(crate) fn map(&self) -> String {
        let one = |(slug, base): (&String, &String)| {
            format!(
                "[{slug}]\nworker_key = '{slug}'\nname = '{slug}'\nbase_url = '{base}'\nbearer = false\n"
            )
        };
        self.bases.iter().map(one).collect()
    }

    /// Who was called, in order.
    pub(crate) fn called(&self) -> Vec<String> {
        let calls = self.calls.lock().expect("no worker panics");
        calls.iter().map(|(slug, _)| slug.clone()).collect()
    }

    /// The body that a worker was called with.
    pub(crate) fn told(&self, slug: &str) -> serde_json::Value {
        let calls = self.calls.lock().expect("no worker panics");
        let found = calls.iter().find(|(called, _)| called == slug);
        let (_, body) = found.expect("it was called");
        serde_json::from_str(body).expect("it was told JSON")
    }
}

fn serve(
    stream: &TcpStream,
    slug: &str,
    does: &Does,
    calls: &Mutex<Vec<(String, String)>>,
    gone: &Sender<String>,
) {
    let mut reader = BufReader::new(stream);
    let (mut length, mut first) = (0, String::new());
    loop {
        let mut line = String::new();
        if reader.read_line(&mut line).unwrap_or(0) == 0 || line.trim().is_empty() {
            break;
        }
        if let Some(n) = line.to_lowercase().strip_prefix("content-length:") {
            length = n.trim().parse().unwrap_or(0);
        }
        if first.is_empty() {
            first = line;
        }
    }
    let mut body = vec![0; length];
    if first.is_empty() || reader.read_exact(&mut body).is_err() {
        return;
    }
    let health = first.starts_with("GET /health");
    if !health {
        let body = String::from_utf8_lossy(&body).into_owned();
        calls
            .lock()
            .expect("no worker panics")
            .push((slug.to_owned(), body));
    }
    match does {
        Does::Hangs if !health => {
            let left = reader.read(&mut [0]);
            if matches!(left, Ok(0) | Err(_)) {
                let _ = gone.send(slug.to_owned());
            }
        }
        Does::Answers(status, json) if !health => answer(stream, *status, json),
        _ => answer(stream, 200, "{}"),
    }
}

fn answer(mut stream: &TcpStream, status: u16, json: &str) {
    let length = json.len();
    let head = "content-type: application/json\r\nconnection: close";
    let _ = write!(
        stream,
        "HTTP/1.1 {status} Told\r\n{head}\r\ncontent-length: {length}\r\n\r\n{json}"
    );
}
