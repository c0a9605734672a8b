//! A `rok serve` of one's own, and a client that asks it over one connection.

use crate::load::Failed;
use std::fs;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

/// Nothing that is asked for takes longer.
const PATIENCE: Duration = Duration::from_secs(120);

/// How long a server may take to end once it is told to.
const END: Duration = Duration::from_secs(60);

/// How much of a server's errors is shown, in bytes.
const SHOWN: usize = 600;

/// Whoever starts this program with it gets `rok`, with one function for
/// `call` steps: what an embedder's server is.
pub(crate) const AS_ROK: &str = "BENCH_IS_ROK";

/// A server that runs until it is dropped.
pub(crate) struct Server {
    child: Child,
    address: String,
    /// How long it took until it was ready.
    pub(crate) ready: Duration,
}

/// What the system says of a process.
pub(crate) struct Footprint {
    /// Memory now, and the most there was, in megabytes.
    pub(crate) memory: f64,
    pub(crate) peak: f64,
    pub(crate) threads: f64,
}

impl Server {
    /// Starts a server over a database in `folder`, and waits until it says
    /// that it is ready.
    pub(crate) fn start(program: &Path, as_rok: bool, folder: &Path) -> Result<Self, Failed> {
        let mut command = Command::new(program);
        let errors = fs::File::create(folder.join("errors"))?;
        command
            .args(["serve", "--insecure-no-auth", "--listen", "127.0.0.1:0"])
            .args(["--store", "sqlite:rok.db", "--grace", "5s"])
            .current_dir(folder)
            .env_clear()
            .env("PATH", std::env::var_os("PATH").unwrap_or_default())
            .env("HOME", folder)
            .env("TMPDIR", folder)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(errors);
        if as_rok {
            command.env(AS_ROK, "1");
        }
        let began = Instant::now();
        let mut child = command.spawn()?;
        let mut line = String::new();
        if let Some(out) = child.stdout.take() {
            BufReader::new(out).read_line(&mut line)?;
        }
        let address = line.trim().rsplit_once("http://");
        let address = address.map(|(_, address)| address.to_owned());
        let mut server = Self {
            child,
            address: address.unwrap_or_default(),
            ready: Duration::ZERO,
        };
        if server.address.is_empty() {
            let said = fs::read_to_string(folder.join("errors"))?;
            let from = said.ceil_char_boundary(said.len().saturating_sub(SHOWN));
            return Err(Failed(format!(
                "`rok serve` did not start: {}",
                &said[from..]
            )));
        }
        server.connect()?.ask("GET", "/readyz", "")?.is(200)?;
        server.ready = began.elapsed();
        Ok(server)
    }

    pub(crate) fn connect(&self) -> Result<Client, Failed> {
        Client::connect(&self.address)
    }

    pub(crate) fn footprint(&self) -> Result<Footprint, Failed> {
        let status = fs::read_to_string(format!("/proc/{}/status", self.child.id()))?;
        let number = |key: &str| -> Result<f64, Failed> {
            let line = status.lines().find(|line| line.starts_with(key));
            let word = line.and_then(|line| line.split_whitespace().nth(1)?.parse().ok());
            word.ok_or_else(|| Failed(format!("the system does not say {key} of a process")))
        };
        // They are told in KiB.
        let memory = |key| number(key).map(|kib| kib * 1024.0 / 1e6);
        Ok(Footprint {
            memory: memory("VmRSS:")?,
            peak: memory("VmHWM:")?,
            threads: number("Threads:")?,
        })
    }

    /// Processor time so far, that of steps that have ended included.
    pub(crate) fn cpu(&self) -> Result<Duration, Failed> {
        let stat = fs::read_to_string(format!("/proc/{}/stat", self.child.id()))?;
        // The name before the parenthesis may hold anything.
        let (_, rest) = stat.rsplit_once(')').unwrap_or_default();
        let ticks = rest.split_whitespace().skip(11).take(4);
        let ticks: u64 = ticks.filter_map(|word| word.parse::<u64>().ok()).sum();
        let each = rustix::param::clock_ticks_per_second();
        Ok(Duration::from_secs_f64(ticks as f64 / each as f64))
    }

    /// Tells it to end, and waits until it has.
    pub(crate) fn stop(mut self) -> Result<(), Failed> {
        let pid = rustix::process::Pid::from_child(&self.child);
        rustix::process::kill_process(pid, rustix::process::Signal::TERM)?;
        let until = Instant::now() + END;
        loop {
            if let Some(status) = self.child.try_wait()? {
                // 143: stopped by that signal, as it was told.
                return match status.code() {
                    Some(0 | 143) => Ok(()),
                    _ => Err(Failed(format!("`rok serve` ended with {status}"))),
                };
            }
            if Instant::now() > until {
                return Err(Failed("`rok serve` does not end".into()));
            }
            std::thread::sleep(Duration::from_millis(2));
        }
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // One that was stopped is gone already.
        drop(self.child.kill());
        drop(self.child.wait());
    }
}

/// One connection that is kept.
pub(crate) struct Client {
    stream: BufReader<TcpStream>,
    address: String,
    line: String,
}

/// What a server answered.
pub(crate) struct Answer {
    status: u16,
    pub(crate) body: String,
}

impl Answer {
    /// Fails unless the status is that.
    pub(crate) fn is(self, status: u16) -> Result<Self, Failed> {
        if self.status == status {
            return Ok(self);
        }
        let text = format!("the server answered {}: {}", self.status, self.body);
        Err(Failed(text))
    }
}

impl Client {
    pub(crate) fn connect(address: &str) -> Result<Self, Failed> {
        let stream = TcpStream::connect(address)?;
        stream.set_nodelay(true)?;
        stream.set_read_timeout(Some(PATIENCE))?;
        Ok(Self {
            stream: BufReader::new(stream),
            address: address.to_owned(),
            line: String::new(),
        })
    }

    /// Asks, and waits for the whole answer.
    pub(crate) fn ask(&mut self, method: &str, path: &str, body: &str) -> Result<Answer, Failed> {
        let host = &self.address;
        let length = body.len();
        let kind = if body.is_empty() {
            String::new()
        } else {
            format!("content-type: application/json\r\ncontent-length: {length}\r\n")
        };
        let request = format!("{method} {path} HTTP/1.1\r\nhost: {host}\r\n{kind}\r\n{body}");
        self.stream.get_mut().write_all(request.as_bytes())?;
        let status = self
            .line()?
            .split(' ')
            .nth(1)
            .and_then(|word| word.parse().ok());
        let status = status.ok_or_else(|| Failed("what came is no answer".into()))?;
        let mut length = 0;
        loop {
            let line = self.line()?;
            if line.is_empty() {
                break;
            }
            if let Some((name, value)) = line.split_once(':')
                && name.eq_ignore_ascii_case("content-length")
            {
                length = value.trim().parse()?;
            }
        }
        let mut body = vec![0; length];
        self.stream.read_exact(&mut body)?;
        let body = String::from_utf8_lossy(&body).into_owned();
        Ok(Answer { status, body })
    }

    fn line(&mut self) -> Result<&str, Failed> {
        self.line.clear();
        if self.stream.read_line(&mut self.line)? == 0 {
            return Err(Failed("the server closed the connection".into()));
        }
        Ok(self.line.trim_end())
    }
}
