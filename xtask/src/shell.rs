//! Running programs and talking to the terminal: the only place that does.

use std::io::{self, BufRead, BufReader, Write};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

/// How a program ended.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Ran {
    pub(crate) ok: bool,
    pub(crate) took: Duration,
}

/// A program with its arguments, to be run in the workspace root.
#[derive(Debug)]
pub(crate) struct Call {
    command: Command,
    shown: String,
}

impl Call {
    /// `cargo`, the same one that runs this.
    pub(crate) fn cargo(root: &Path, args: &[&str]) -> Self {
        let program = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
        Self::new(root, Path::new(&program), "cargo", args)
    }

    /// Another program, shown under its plain name.
    pub(crate) fn new(root: &Path, program: &Path, name: &str, args: &[&str]) -> Self {
        let mut command = Command::new(program);
        command.current_dir(root).args(args);
        let mut shown = name.to_owned();
        for arg in args {
            shown.push(' ');
            shown.push_str(arg);
        }
        Self { command, shown }
    }

    /// With a variable set.
    pub(crate) fn with_env(mut self, name: &str, value: &str) -> Self {
        self.command.env(name, value);
        self.shown = format!("{name}='{value}' {}", self.shown);
        self
    }

    /// Without a variable, whatever this process was given.
    pub(crate) fn without_env(mut self, name: &str) -> Self {
        self.command.env_remove(name);
        self
    }

    /// The command line, as a person would type it.
    pub(crate) fn shown(&self) -> &str {
        &self.shown
    }

    /// Says what it runs, runs it on this terminal, and says how it ended.
    pub(crate) fn run(mut self) -> Ran {
        tell(&format!("$ {}", self.shown));
        let begun = Instant::now();
        let ok = match self.command.status() {
            Ok(status) => status.success(),
            Err(error) => {
                tell(&format!("error: cannot run `{}`: {error}", self.shown));
                false
            }
        };
        Ran {
            ok,
            took: begun.elapsed(),
        }
    }

    /// As [`Self::run`], and shows each line that it prints to `reader`, which
    /// gets it without its end.
    pub(crate) fn run_read(mut self, mut reader: impl FnMut(&str)) -> Ran {
        tell(&format!("$ {}", self.shown));
        let begun = Instant::now();
        let ended = self
            .command
            .stdout(Stdio::piped())
            .spawn()
            .and_then(|mut child| {
                let printed = child.stdout.take().expect("it was piped a line ago");
                let passed_on = pass_on(BufReader::new(printed), io::stdout(), &mut reader);
                let status = child.wait()?;
                passed_on.map(|()| status.success())
            });
        let ok = ended.unwrap_or_else(|error| {
            tell(&format!("error: cannot run `{}`: {error}", self.shown));
            false
        });
        Ran {
            ok,
            took: begun.elapsed(),
        }
    }

    /// Runs it unseen, and tells all that it did.
    pub(crate) fn observe(mut self) -> Result<Observed, String> {
        let output = self
            .command
            .stdin(Stdio::null())
            .output()
            .map_err(|error| format!("cannot run `{}`: {error}", self.shown))?;
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        Ok(Observed {
            code: output.status.code(),
            out: text(&output.stdout),
            err: text(&output.stderr),
        })
    }

    /// Runs it unseen; what it printed if it succeeded, else what it complained of.
    pub(crate) fn capture(mut self) -> Result<String, String> {
        let output = self
            .command
            .stdin(Stdio::null())
            .output()
            .map_err(|error| format!("cannot run `{}`: {error}", self.shown))?;
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).trim().to_owned();
        if output.status.success() {
            Ok(text(&output.stdout))
        } else {
            Err(text(&output.stderr))
        }
    }
}

/// Copies every byte, a line at a time, and shows each line to `reader`.
fn pass_on(
    mut from: impl BufRead,
    mut to: impl Write,
    reader: &mut impl FnMut(&str),
) -> io::Result<()> {
    let mut line = Vec::new();
    while from.read_until(b'\n', &mut line)? > 0 {
        to.write_all(&line)?;
        to.flush()?;
        reader(String::from_utf8_lossy(&line).trim_end_matches(['\r', '\n']));
        line.clear();
    }
    Ok(())
}

/// What a program that was watched did.
#[derive(Debug)]
pub(crate) struct Observed {
    /// Its exit code; `None` where a signal ended it.
    pub(crate) code: Option<i32>,
    pub(crate) out: String,
    pub(crate) err: String,
}

/// Where cargo builds the workspace.
pub(crate) fn target(root: &Path) -> PathBuf {
    let asked = std::env::var_os("CARGO_TARGET_DIR").filter(|asked| !asked.is_empty());
    asked.map_or_else(|| root.join("target"), |asked| root.join(asked))
}

/// Where a program is on the path.
pub(crate) fn find(program: &str) -> Option<PathBuf> {
    let path = std::env::var_os("PATH")?;
    std::env::split_paths(&path)
        .map(|folder| folder.join(program))
        .find(|file| file.is_file())
}

/// Prints a result. A reader that went away is no fault of ours.
pub(crate) fn say(text: &str) {
    let _ = io::stdout().lock().write_all(text.as_bytes());
}

/// Prints a line about what is going on.
pub(crate) fn tell(line: &str) {
    let _ = writeln!(io::stderr().lock(), "{line}");
}
