//! The step's log: opened for the process itself, or written by a thread that
//! masks what comes through a pipe.

mod held;

pub(crate) use held::{Held, open};

use rok_secrets::Masker;
use rustix::event::{EventfdFlags, PollFd, PollFlags, eventfd, poll};
use rustix::fs::{OFlags, fcntl_getfl, fcntl_setfl};
use rustix::io::Errno;
use rustix::pipe::{PipeFlags, pipe_with};
use std::fs::File;
use std::io::{self, Read, Seek as _, SeekFrom, Write as _};
use std::os::fd::OwnedFd;
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

const CHUNK: usize = 64 * 1024;

/// What a pipe may still hold when everything that wrote to it is dead; a
/// survivor that goes on writing must not keep us.
const REST: usize = 1 << 20;

/// Enough of a log's end to find its last line in.
const TAIL: u64 = 4096;

/// How much of the last line goes into a reason.
const LINE_CHARS: usize = 200;

/// A thread that reads a pipe, masks, and writes the log.
#[derive(Debug)]
pub(crate) struct MaskThread {
    stop: Arc<OwnedFd>,
}

impl MaskThread {
    /// Starts the thread; gives the pipe's end for the process. `written` counts
    /// the bytes that reached the log. `done` is called
    /// when the log is complete: after the pipe's end, or [`MaskThread::stop`].
    pub(crate) fn start(
        masker: &Masker,
        log: Option<File>,
        written: Arc<AtomicU64>,
        done: impl FnOnce(io::Result<()>) + Send + 'static,
    ) -> io::Result<(Self, OwnedFd)> {
        let (read, write) = pipe_with(PipeFlags::CLOEXEC)?;
        let stop = Arc::new(eventfd(0, EventfdFlags::CLOEXEC | EventfdFlags::NONBLOCK)?);
        let mut copy = Copy {
            from: File::from(read),
            stream: masker.stream(),
            to: log,
            written,
            fault: None,
        };
        let stopped = stop.clone();
        std::thread::Builder::new()
            .name("rok-mask".into())
            .spawn(move || {
                let result = copy.run(&stopped);
                done(result.and(copy.fault.map_or(Ok(()), Err)));
            })?;
        Ok((Self { stop }, write))
    }

    /// Nothing of the step is alive: what the pipe holds is all that comes.
    pub(crate) fn stop(&self) {
        // Can only fail when it was stopped 2^64 times.
        let _ = rustix::io::write(&*self.stop, &1_u64.to_ne_bytes());
    }
}

struct Copy {
    from: File,
    stream: rok_secrets::MaskStream,
    to: Option<File>,
    written: Arc<AtomicU64>,
    /// The first fault of writing. Reading goes on: a full pipe would hang the
    /// process.
    fault: Option<io::Error>,
}

impl Copy {
    fn run(&mut self, stop: &OwnedFd) -> io::Result<()> {
        let mut chunk = vec![0; CHUNK];
        loop {
            let mut fds = [
                PollFd::new(&self.from, PollFlags::IN),
                PollFd::new(stop, PollFlags::IN),
            ];
            match poll(&mut fds, None) {
                Ok(_) | Err(Errno::INTR) => {}
                Err(error) => return Err(error.into()),
            }
            let (readable, stopped) = (!fds[0].revents().is_empty(), !fds[1].revents().is_empty());
            if stopped {
                self.rest(&mut chunk)?;
                break;
            }
            if readable && matches!(self.step(&mut chunk)?, None | Some(0)) {
                break;
            }
        }
        let mut out = Vec::new();
        self.stream.finish(&mut out);
        self.write(&out);
        Ok(())
    }

    fn rest(&mut self, chunk: &mut [u8]) -> io::Result<()> {
        let flags = fcntl_getfl(&self.from)?;
        fcntl_setfl(&self.from, flags | OFlags::NONBLOCK)?;
        let mut left = REST;
        while left > 0 {
            match self.step(chunk)? {
                None | Some(0) => break,
                Some(read) => left = left.saturating_sub(read),
            }
        }
        Ok(())
    }

    /// One chunk; `None` when there is none at the moment.
    fn step(&mut self, chunk: &mut [u8]) -> io::Result<Option<usize>> {
        let read = loop {
            match self.from.read(chunk) {
                Ok(read) => break read,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => return Ok(None),
                Err(error) => return Err(error),
            }
        };
        let mut out = Vec::with_capacity(read);
        self.stream.push(&chunk[..read], &mut out);
        self.write(&out);
        Ok(Some(read))
    }

    fn write(&mut self, bytes: &[u8]) {
        if let (Some(log), None) = (&mut self.to, &self.fault) {
            self.fault = log.write_all(bytes).err();
            if self.fault.is_none() {
                self.written
                    .fetch_add(bytes.len() as u64, Ordering::Release);
            }
        }
    }
}

/// The last line of a log that says anything, without control characters, cut
/// to 200 characters; where it is cut stands `…`.
pub(crate) fn last_line(path: &Path) -> Option<String> {
    // Not waiting, whatever a step has put there.
    let flags = OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::NOCTTY;
    let mut options = File::options();
    let options = options.read(true).custom_flags(flags.bits().cast_signed());
    let mut file = options.open(path).ok()?;
    let length = file.metadata().ok()?.len();
    // The first line from there on is a part of one.
    let start = length.saturating_sub(TAIL);
    file.seek(SeekFrom::Start(start)).ok()?;
    let mut bytes = Vec::new();
    file.take(TAIL).read_to_end(&mut bytes).ok()?;
    let text = String::from_utf8_lossy(&bytes);
    let mut lines: Vec<String> = text.lines().map(plain).collect();
    if let Some(first) = lines
        .first_mut()
        .filter(|first| start > 0 && !first.is_empty())
    {
        first.insert(0, '…');
    }
    lines.into_iter().rev().find(|line| !line.is_empty())
}

/// Without terminal sequences and control characters.
fn plain(line: &str) -> String {
    let mut out = String::new();
    let mut chars = line.chars();
    while let Some(c) = chars.next() {
        if c == '\u{1b}' {
            if chars.next() == Some('[') {
                chars.by_ref().find(char::is_ascii_alphabetic);
            }
        } else if c == '\t' {
            out.push(' ');
        } else if !c.is_control() {
            out.push(c);
        }
    }
    let out = out.trim();
    match out.char_indices().nth(LINE_CHARS) {
        Some((at, _)) => format!("{}…", &out[..at]),
        None => out.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use rok_secrets::Secrets;
    use rstest::rstest;
    use std::sync::mpsc::channel;

    #[rstest]
    #[case("one\ntwo\n\n  \n", Some("two"))]
    #[case("\u{1b}[31merror:\u{1b}[0m\tbad\r\n", Some("error: bad"))]
    #[case("", None)]
    fn last_lines(#[case] log: &str, #[case] line: Option<&str>) {
        let file = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(file.path(), log).unwrap();
        assert_eq!(last_line(file.path()).as_deref(), line);
    }

    #[test]
    fn a_long_last_line_is_cut() {
        let file = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(file.path(), "ü".repeat(5000)).unwrap();
        let line = last_line(file.path()).unwrap();
        assert_eq!(line.chars().count(), LINE_CHARS + 2);
        assert!(line.starts_with('…') && line.ends_with('…'), "{line}");
        std::fs::write(file.path(), format!("ok\n{}", "x".repeat(300))).unwrap();
        let line = last_line(file.path()).unwrap();
        assert_eq!(line, format!("{}…", "x".repeat(LINE_CHARS)));
    }

    #[test]
    fn the_thread_masks_over_chunks_and_a_held_pipe_does_not_keep_it() {
        let secrets = Secrets::from_pairs([("S".parse().unwrap(), "hunter2")]).unwrap();
        let file = tempfile::NamedTempFile::new().unwrap();
        let (sender, done) = channel();
        let (thread, pipe) = MaskThread::start(
            &Masker::new(&secrets),
            Some(open(file.path()).unwrap()),
            Arc::default(),
            move |result| sender.send(result).unwrap(),
        )
        .unwrap();
        let mut pipe = File::from(pipe);
        let _held_by_a_survivor = pipe.try_clone().unwrap();
        pipe.write_all(b"pw hun").unwrap();
        pipe.write_all(b"ter2 and hunt").unwrap();
        thread.stop();
        done.recv().unwrap().unwrap();
        assert_eq!(
            std::fs::read_to_string(file.path()).unwrap(),
            "pw *** and hunt"
        );
    }
}
