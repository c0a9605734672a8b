//! Servers on loopback: what the suite has an engine or an executor call. They
//! live as long as this process.

use serde_json::Value;
use std::io::{self, BufRead as _, BufReader, Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::sync::Arc;
use std::thread;

/// The largest request that is sent to the suite.
const MAX_BODY: u64 = 1024 * 1024;

/// One request.
pub(crate) struct Asked {
    pub(crate) method: String,
    /// Without its query.
    pub(crate) path: String,
    pub(crate) query: String,
    headers: Vec<(String, String)>,
    pub(crate) body: Vec<u8>,
}

impl Asked {
    /// A header's value; empty where it is not there.
    pub(crate) fn header(&self, name: &str) -> &str {
        let mut headers = self.headers.iter();
        let found = headers.find(|(known, _)| known.eq_ignore_ascii_case(name));
        found.map_or("", |(_, value)| value)
    }
}

/// What is answered.
pub(crate) enum Said {
    /// A status and JSON.
    Json(u16, Value),
    /// The connection is cut.
    Cut,
    /// Nothing, until the other side hangs up.
    Silence,
}

/// Starts a server that answers so; its address.
pub(crate) fn serve(
    name: &str,
    answer: impl Fn(&Asked) -> Said + Send + Sync + 'static,
) -> io::Result<String> {
    let listener = TcpListener::bind(("127.0.0.1", 0))?;
    let url = format!("http://{}", listener.local_addr()?);
    let answer = Arc::new(answer);
    thread::Builder::new()
        .name(name.to_owned())
        .spawn(move || {
            for stream in listener.incoming().flatten() {
                let answer = Arc::clone(&answer);
                // A connection that breaks is the other side's to deal with.
                thread::spawn(move || one(stream, &*answer));
            }
        })?;
    Ok(url)
}

/// Answers one request, and closes.
fn one(stream: TcpStream, answer: &dyn Fn(&Asked) -> Said) -> io::Result<()> {
    let mut reader = BufReader::new(stream);
    let Some(asked) = read(&mut reader)? else {
        return Ok(());
    };
    let said = answer(&asked);
    let mut stream = reader.into_inner();
    match said {
        Said::Cut => Ok(()),
        Said::Silence => stream.read(&mut [0; 1]).map(drop),
        Said::Json(code, said) => {
            let said = said.to_string();
            let head = format!(
                "HTTP/1.1 {code} .\r\ncontent-type: application/json\r\ncontent-length: {}\r\nconnection: close\r\n\r\n",
                said.len()
            );
            stream.write_all(head.as_bytes())?;
            stream.write_all(said.as_bytes())
        }
    }
}

fn read(reader: &mut BufReader<TcpStream>) -> io::Result<Option<Asked>> {
    let mut first = String::new();
    reader.read_line(&mut first)?;
    let mut headers: Vec<(String, String)> = Vec::new();
    loop {
        let mut line = String::new();
        if reader.read_line(&mut line)? == 0 || line.trim().is_empty() {
            break;
        }
        if let Some((name, value)) = line.split_once(':') {
            headers.push((name.to_owned(), value.trim().to_owned()));
        }
    }
    let mut words = first.split(' ');
    let (Some(method), Some(target)) = (words.next(), words.next()) else {
        return Ok(None);
    };
    let (path, query) = target.split_once('?').unwrap_or((target, ""));
    let mut asked = Asked {
        method: method.to_owned(),
        path: path.to_owned(),
        query: query.to_owned(),
        headers,
        body: Vec::new(),
    };
    let length = asked.header("content-length").parse().unwrap_or(0);
    let mut body = reader.take(MAX_BODY.min(length));
    body.read_to_end(&mut asked.body)?;
    Ok(Some(asked))
}
