//! A client of HTTP/1.1 that keeps nothing from the test: a request is what is
//! written, an answer what came.

use serde_json::Value;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::time::Duration;

/// Nothing that is asked for here takes longer.
const PATIENCE: Duration = Duration::from_secs(60);

/// Asks one server, with the same headers each time.
#[derive(Debug, Clone)]
pub(crate) struct Client {
    address: String,
    headers: Vec<(String, String)>,
}

/// What came.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) head: String,
    pub(crate) body: String,
}

impl Answer {
    /// Fails the test unless the status is as expected.
    #[track_caller]
    pub(crate) fn is(self, status: u16) -> Self {
        assert_eq!(self.status, status, "{}\n{}", self.head, self.body);
        self
    }

    /// The body as JSON.
    #[track_caller]
    pub(crate) fn json(&self) -> Value {
        serde_json::from_str(&self.body).unwrap_or_else(|e| panic!("{e}: {}", self.body))
    }

    /// A header's value, by its name in lower case.
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        let mut lines = self.head.lines().filter_map(|line| line.split_once(':'));
        let found = lines.find(|(known, _)| known.eq_ignore_ascii_case(name));
        found.map(|(_, value)| value.trim())
    }
}

impl Client {
    pub(crate) fn of(address: &str) -> Self {
        Self {
            address: address.to_owned(),
            headers: Vec::new(),
        }
    }

    /// The same, with one more header.
    pub(crate) fn with(&self, name: &str, value: &str) -> Self {
        let mut client = self.clone();
        client.headers.push((name.to_owned(), value.to_owned()));
        client
    }

    pub(crate) fn address(&self) -> &str {
        &self.address
    }

    /// A connection on which nothing was said yet.
    pub(crate) fn connect(&self) -> TcpStream {
        let stream = TcpStream::connect(&self.address).expect("it listens");
        stream.set_read_timeout(Some(PATIENCE)).expect("a socket");
        stream
    }

    /// Writes these bytes, and reads whatever comes until the server closes.
    pub(crate) fn raw(&self, bytes: &[u8]) -> Answer {
        let mut stream = self.connect();
        // A server that refuses need not read all of it.
        let _ = stream.write_all(bytes);
        answer(stream)
    }

    pub(crate) fn get(&self, path: &str) -> Answer {
        self.raw(self.request("GET", path, None).as_bytes())
    }

    pub(crate) fn post(&self, path: &str, body: &Value) -> Answer {
        let body = body.to_string();
        self.raw(self.request("POST", path, Some(&body)).as_bytes())
    }

    /// A whole request, after which the connection is closed.
    pub(crate) fn request(&self, method: &str, path: &str, body: Option<&str>) -> String {
        let mut text = format!(
            "{method} {path} HTTP/1.1\r\nhost: {}\r\nconnection: close\r\n",
            self.address
        );
        for (name, value) in &self.headers {
            text += &[name, ": ", value, "\r\n"].concat();
        }
        if let Some(body) = body {
            let length = body.len().to_string();
            text += "content-type: application/json\r\n";
            text += &["content-length: ", &length, "\r\n"].concat();
        }
        text.push_str("\r\n");
        text.push_str(body.unwrap_or_default());
        text
    }

    /// A stream of events.
    pub(crate) fn follow(&self, path: &str) -> Events {
        let client = self.with("accept", "text/event-stream");
        let mut stream = client.connect();
        let request = client.request("GET", path, None);
        stream.write_all(request.as_bytes()).expect("it reads");
        let mut reader = BufReader::new(stream);
        let head = head(&mut reader);
        assert!(head.starts_with("HTTP/1.1 200"), "{head}");
        assert!(head.contains("text/event-stream"), "{head}");
        Events { reader }
    }
}

/// Reads an answer to its end.
pub(crate) fn answer(stream: TcpStream) -> Answer {
    let mut reader = BufReader::new(stream);
    let head = head(&mut reader);
    let status = head
        .split(' ')
        .nth(1)
        .and_then(|status| status.parse().ok());
    let status = status.unwrap_or_else(|| panic!("no answer: {head:?}"));
    let mut body = Vec::new();
    let chunked = head
        .to_ascii_lowercase()
        .contains("transfer-encoding: chunked");
    if chunked {
        while let Some(mut part) = chunk(&mut reader) {
            body.append(&mut part);
        }
    } else {
        // A reset after the answer is no part of the answer.
        let _ = reader.read_to_end(&mut body);
    }
    Answer {
        status,
        head,
        body: String::from_utf8_lossy(&body).into_owned(),
    }
}

fn head(reader: &mut impl BufRead) -> String {
    let mut head = String::new();
    while reader.read_line(&mut head).is_ok_and(|count| count > 2) {}
    head
}

/// The next part of a chunked body; `None` is its end.
fn chunk(reader: &mut impl BufRead) -> Option<Vec<u8>> {
    let mut size = String::new();
    reader.read_line(&mut size).ok()?;
    let size = usize::from_str_radix(size.trim(), 16).ok()?;
    let mut part = vec![0; size + 2];
    reader.read_exact(&mut part).ok()?;
    part.truncate(size);
    (size > 0).then_some(part)
}

/// Events as they come.
pub(crate) struct Events {
    reader: BufReader<TcpStream>,
}

/// One of them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Event {
    pub(crate) id: String,
    pub(crate) kind: String,
    pub(crate) data: String,
}

impl Iterator for Events {
    type Item = Event;

    /// The next event; what only says that the server lives is passed over.
    fn next(&mut self) -> Option<Event> {
        loop {
            let frame = String::from_utf8(chunk(&mut self.reader)?).expect("UTF-8");
            if frame.starts_with(':') {
                continue;
            }
            let field = |name: &str| {
                let mut lines = frame.lines();
                let line = lines.find_map(|line| line.strip_prefix(name));
                line.unwrap_or_default().to_owned()
            };
            return Some(Event {
                id: field("id: "),
                kind: field("event: "),
                data: field("data: "),
            });
        }
    }
}
