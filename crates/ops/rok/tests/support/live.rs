//! A `rok` that runs in the background, and its log watched from outside: a
//! test goes on when a line is there, not after a while.

use crate::support::Ran;
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::fs::inotify;
use std::fs;
use std::io::Read as _;
use std::mem::MaybeUninit;
use std::os::fd::OwnedFd;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

/// Longer than anything here takes on a busy machine.
const PATIENCE: Duration = Duration::from_secs(60);
/// How soon the end of a process is noticed while its log is still.
const BEAT: Timespec = Timespec {
    tv_sec: 0,
    tv_nsec: 5_000_000,
};

/// A process in the background, killed when it is dropped.
pub(crate) struct Live {
    child: Child,
}

impl Live {
    /// Starts it.
    pub(crate) fn start(mut command: Command) -> Self {
        command.stdout(Stdio::piped()).stderr(Stdio::piped());
        Self {
            child: command.spawn().expect("rok starts"),
        }
    }

    /// Waits until the log satisfies `enough`; false if the process ended
    /// without that.
    pub(crate) fn until(&mut self, log: &Path, enough: impl Fn(&str) -> bool) -> bool {
        let mut watch = Watch::of(log);
        let until = Instant::now() + PATIENCE;
        while Instant::now() < until {
            let ended = self.ended();
            if enough(&fs::read_to_string(log).unwrap_or_default()) {
                return true;
            }
            if ended {
                return false;
            }
            watch.wait();
        }
        panic!("nothing came of {}", log.display());
    }

    /// Ends it by SIGKILL: it learns nothing of that.
    pub(crate) fn kill(&mut self) {
        self.child.kill().expect("it is ours");
        self.child.wait().expect("it is ours");
    }

    /// Whether it has ended.
    pub(crate) fn ended(&mut self) -> bool {
        self.child.try_wait().expect("it is ours").is_some()
    }

    /// Waits for its end.
    pub(crate) fn wait(mut self) -> Ran {
        let (mut out, mut err) = (String::new(), String::new());
        let pipes = (self.child.stdout.take(), self.child.stderr.take());
        let (mut stdout, mut stderr) = (pipes.0.expect("a pipe"), pipes.1.expect("a pipe"));
        std::thread::scope(|scope| {
            scope.spawn(|| stderr.read_to_string(&mut err));
            stdout.read_to_string(&mut out)
        })
        .expect("rok writes UTF-8");
        let status = self.child.wait().expect("it is ours");
        Ran {
            code: status.code().unwrap_or(-1),
            out,
            err,
        }
    }
}

impl Drop for Live {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Wakes when a log grows, or comes into being in a folder that is there.
struct Watch {
    fd: OwnedFd,
    log: PathBuf,
    found: bool,
}

impl Watch {
    fn of(log: &Path) -> Self {
        let fd = inotify::init(inotify::CreateFlags::NONBLOCK).expect("inotify is there");
        let root = log.ancestors().nth(2).expect("a folder of run folders");
        fs::create_dir_all(root).expect("the temporary folder is ours");
        let comes = inotify::WatchFlags::CREATE | inotify::WatchFlags::MOVED_TO;
        inotify::add_watch(&fd, root, comes).expect("the folder is there");
        let log = log.to_owned();
        let mut watch = Self {
            fd,
            log,
            found: false,
        };
        watch.look();
        watch
    }

    fn look(&mut self) {
        self.found = self.found
            || inotify::add_watch(&self.fd, &self.log, inotify::WatchFlags::MODIFY).is_ok();
    }

    /// Waits for a change, or for a beat.
    fn wait(&mut self) {
        let news = poll(&mut [PollFd::new(&self.fd, PollFlags::IN)], Some(&BEAT));
        if news.is_ok_and(|n| n > 0) {
            let mut space = [MaybeUninit::uninit(); 4096];
            let mut reader = inotify::Reader::new(&self.fd, &mut space);
            while reader.next().is_ok() {}
        }
        self.look();
    }
}
