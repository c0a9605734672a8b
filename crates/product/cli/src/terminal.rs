//! The two streams, and what they can show. A reader of standard output that
//! goes away is noticed here, and is no error.

use crate::exit::Exit;
use rok_service::{ServiceError, StoreNamed};
use serde::Serialize;
use std::env;
use std::io::{self, BufWriter, ErrorKind, IsTerminal as _, Write};
use std::sync::{Arc, Mutex, PoisonError};

/// Columns where nobody knows the width.
const DEFAULT_WIDTH: usize = 100;

/// What a stream can show.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Look {
    /// Somebody watches.
    pub(crate) tty: bool,
    /// Colours are wanted.
    pub(crate) color: bool,
    /// Only ASCII is shown rightly.
    pub(crate) ascii: bool,
    /// Columns.
    pub(crate) width: usize,
}

impl Look {
    /// No terminal: text that is kept.
    pub(crate) const PLAIN: Self = Self {
        tty: false,
        color: false,
        ascii: false,
        width: DEFAULT_WIDTH,
    };

    fn of(tty: bool) -> Self {
        let set = |name| env::var_os(name).is_some_and(|value| !value.is_empty());
        let dumb = env::var_os("TERM").is_some_and(|term| term == "dumb");
        let ci = set("CI");
        Self {
            tty,
            color: tty && !dumb && !set("NO_COLOR"),
            ascii: dumb || ci,
            width: terminal_size::terminal_size()
                .filter(|_| tty)
                .map_or(DEFAULT_WIDTH, |(width, _)| usize::from(width.0)),
        }
    }
}

/// Standard output and standard error, and how to write to them.
pub struct Terminal {
    out: Out,
    err: Box<dyn Write + Send>,
    pub(crate) out_look: Look,
    pub(crate) err_look: Look,
    pub(crate) quiet: bool,
    pub(crate) verbose: u8,
    /// The flag of that name was given.
    pub(crate) no_color: bool,
    /// The result is data: JSON, or YAML where that is wanted.
    pub(crate) json: bool,
    pub(crate) yaml: bool,
    /// Whether this is the process's own terminal, with signals and bars.
    pub(crate) live: bool,
    /// How a next command begins: `rok` and the flags that it must repeat.
    pub(crate) program: String,
    /// What names the database where no flag does.
    pub(crate) store: Option<StoreNamed>,
}

impl Terminal {
    /// The process's own streams.
    #[must_use]
    pub fn of_process() -> Self {
        Self {
            out: Out::new(BufWriter::new(io::stdout())),
            err: Box::new(io::stderr()),
            out_look: Look::of(io::stdout().is_terminal()),
            err_look: Look::of(io::stderr().is_terminal()),
            quiet: false,
            verbose: 0,
            no_color: false,
            json: false,
            yaml: false,
            live: true,
            program: "rok".to_owned(),
            store: None,
        }
    }

    /// Streams in memory, neither a terminal nor coloured; for tests.
    #[must_use]
    pub fn in_memory() -> (Self, Captured) {
        let captured = Captured::default();
        let look = Look {
            tty: false,
            color: false,
            ascii: false,
            width: DEFAULT_WIDTH,
        };
        let terminal = Self {
            out: Out::new(captured.out.clone()),
            err: Box::new(captured.err.clone()),
            out_look: look,
            err_look: look,
            quiet: false,
            verbose: 0,
            no_color: false,
            json: false,
            yaml: false,
            live: false,
            program: "rok".to_owned(),
            store: None,
        };
        (terminal, captured)
    }

    /// The same streams as a terminal of some width would take them.
    #[must_use]
    pub fn pretend(mut self, tty: bool, color: bool, ascii: bool) -> Self {
        for look in [&mut self.out_look, &mut self.err_look] {
            look.tty = tty;
            look.color = color;
            look.ascii = ascii;
        }
        self
    }

    /// The same, with standard output going there.
    #[must_use]
    pub fn with_stdout(mut self, out: impl Write + Send + 'static) -> Self {
        self.out = Out::new(out);
        self
    }

    pub(crate) fn without_color(&mut self) {
        self.no_color = true;
        self.out_look.color = false;
        self.err_look.color = false;
    }

    /// Writes a part of the result. Where its reader has gone, that is all.
    pub(crate) fn show(&mut self, text: &str) -> Result<(), ServiceError> {
        let written = self.out.write_all(text.as_bytes());
        self.settle(written)
    }

    /// Writes a view as data: the documented, stable form.
    pub(crate) fn show_json<T: Serialize>(&mut self, view: &T) -> Result<(), ServiceError> {
        let text = self.data(view)?;
        self.show(&text)
    }

    /// Shows a view: as data where that is wanted, or else its text.
    pub(crate) fn tell<T: Serialize>(
        &mut self,
        view: &T,
        text: &str,
    ) -> Result<Exit, ServiceError> {
        if self.json {
            self.show_json(view)?;
        } else {
            self.show(text)?;
        }
        Ok(Exit::Success)
    }

    /// A view as JSON, or as YAML where that is wanted.
    pub(crate) fn data<T: Serialize>(&self, view: &T) -> Result<String, ServiceError> {
        if self.yaml {
            return rok_service::to_yaml(view);
        }
        let mut text =
            serde_json::to_string_pretty(view).map_err(|error| ServiceError::Output {
                why: error.to_string(),
            })?;
        text.push('\n');
        Ok(text)
    }

    /// Hands on what was written.
    pub(crate) fn flush(&mut self) -> Result<(), ServiceError> {
        let flushed = self.out.flush();
        self.settle(flushed)
    }

    /// The stream itself, for those who must notice that nobody reads.
    pub(crate) fn stream(&mut self) -> &mut dyn Write {
        &mut self.out
    }

    /// Whether the reader of standard output has gone.
    pub(crate) fn reader_gone(&self) -> bool {
        self.out.reader_gone
    }

    fn settle(&self, result: io::Result<()>) -> Result<(), ServiceError> {
        match result {
            Err(error) if !self.out.reader_gone => Err(ServiceError::Output {
                why: error.to_string(),
            }),
            _ => Ok(()),
        }
    }

    /// Tells something beside the result; `--quiet` leaves it out.
    pub(crate) fn note(&mut self, text: &str) {
        if !self.quiet {
            self.complain(text);
        }
    }

    /// Tells what went wrong. There is nobody to tell when that fails.
    pub(crate) fn complain(&mut self, text: &str) {
        let _ = self.err.write_all(text.as_bytes());
        let _ = self.err.flush();
    }
}

impl std::fmt::Debug for Terminal {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Terminal").finish_non_exhaustive()
    }
}

/// Standard output, and whether anybody still reads it.
struct Out {
    inner: Box<dyn Write + Send>,
    reader_gone: bool,
}

impl Out {
    fn new(inner: impl Write + Send + 'static) -> Self {
        Self {
            inner: Box::new(inner),
            reader_gone: false,
        }
    }

    fn notice<T>(&mut self, result: io::Result<T>) -> io::Result<T> {
        if let Err(error) = &result {
            self.reader_gone |= error.kind() == ErrorKind::BrokenPipe;
        }
        result
    }
}

impl Write for Out {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let result = self.inner.write(bytes);
        self.notice(result)
    }

    fn flush(&mut self) -> io::Result<()> {
        let result = self.inner.flush();
        self.notice(result)
    }
}

/// What was written to streams in memory.
#[derive(Debug, Clone, Default)]
pub struct Captured {
    out: Shared,
    err: Shared,
}

impl Captured {
    /// What standard output got.
    #[must_use]
    pub fn stdout(&self) -> String {
        self.out.text()
    }

    /// What standard error got.
    #[must_use]
    pub fn stderr(&self) -> String {
        self.err.text()
    }
}

#[derive(Debug, Clone, Default)]
struct Shared(Arc<Mutex<Vec<u8>>>);

impl Shared {
    fn text(&self) -> String {
        let bytes = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        String::from_utf8_lossy(&bytes).into_owned()
    }
}

impl Write for Shared {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
