//! A `rok` in the background whose end is never waited for in vain, and the
//! processes that its steps leave behind.

use crate::support::{Bench, Ran};
use rustix::process::{Pid, Signal, kill_process};
use serde_json::Value;
use std::fs::{self, File};
use std::io::{Read as _, Seek as _, SeekFrom};
use std::path::PathBuf;
use std::process::{Command, ExitStatus};
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::mpsc::{Receiver, channel};
use std::time::Duration;
use wait4::Wait4 as _;

/// Longer than anything here takes on a busy machine: a hang is a failure.
const PATIENCE: Duration = Duration::from_secs(60);

/// A process in the background. Its output goes to files, so that nothing that
/// outlives it can keep a test.
pub(crate) struct Running {
    /// Its process id.
    pub(crate) pid: Pid,
    ended: Receiver<ExitStatus>,
    out: File,
    err: File,
}

impl Running {
    /// Starts it.
    pub(crate) fn start(mut command: Command) -> Self {
        let file = || tempfile::tempfile().expect("a temporary file");
        let (out, err) = (file(), file());
        let twin = |file: &File| file.try_clone().expect("a descriptor");
        command.stdout(twin(&out)).stderr(twin(&err));
        let child = command.spawn().expect("it starts");
        let pid = Pid::from_child(&child);
        let (sender, ended) = channel();
        std::thread::spawn(move || {
            let used = child.wait4().expect("it is our child");
            // Nobody listens where the test has failed.
            let _ = sender.send(used.status);
        });
        Self {
            pid,
            ended,
            out,
            err,
        }
    }

    /// Sends it a signal.
    pub(crate) fn signal(&self, signal: Signal) {
        kill_process(self.pid, signal).expect("it runs");
    }

    /// Waits for its end; fails the test if it does not come.
    pub(crate) fn finish(mut self) -> Ran {
        let status = self.ended.recv_timeout(PATIENCE);
        let (out, err) = (text(&mut self.out), text(&mut self.err));
        let Ok(status) = status else {
            let _ = kill_process(self.pid, Signal::KILL);
            panic!("no end after {PATIENCE:?}\nstdout:\n{out}\nstderr:\n{err}");
        };
        Ran {
            code: status.code().unwrap_or(-1),
            out,
            err,
        }
    }
}

fn text(file: &mut File) -> String {
    let mut bytes = Vec::new();
    file.seek(SeekFrom::Start(0)).expect("a file can seek");
    file.read_to_end(&mut bytes).expect("it is read");
    String::from_utf8_lossy(&bytes).into_owned()
}

/// A folder with a plan whose steps can be told from all other processes.
pub(crate) struct Scene {
    /// The folder.
    pub(crate) bench: Bench,
    mark: String,
}

impl Scene {
    /// A scene with this plan. `STAY` in it is a command that stays for ever,
    /// `LOOK` one that fails while such a command is alive.
    pub(crate) fn new(plan: &str) -> Self {
        static SCENES: AtomicU32 = AtomicU32::new(0);
        let number = SCENES.fetch_add(1, Ordering::Relaxed);
        let mark = format!("{:07}{number:03}", std::process::id());
        let scene = Self {
            bench: Bench::new(),
            mark,
        };
        // The pattern must not find itself.
        let look = format!(
            "if grep -ls '600[.]{}' /proc/[0-9]*/cmdline; then exit 65; fi\n",
            scene.mark
        );
        scene.bench.write("look.sh", &look);
        scene.write("plan.yaml", plan);
        scene
    }

    /// Writes a file, with `STAY` and `LOOK` as in the plan.
    pub(crate) fn write(&self, name: &str, text: &str) {
        let stay = format!("sleep 600.{}", self.mark);
        let text = text.replace("STAY", &stay).replace("LOOK", "sh look.sh");
        self.bench.write(name, &text);
    }

    /// Runs the plan as run `r` in the background.
    pub(crate) fn start(&self) -> Running {
        Running::start(self.bench.command(["run", "plan.yaml", "--run-id", "r"]))
    }

    /// Runs the plan as run `r` to its end.
    pub(crate) fn run(&self) -> Ran {
        self.start().finish()
    }

    /// The processes that steps of this scene have left.
    pub(crate) fn survivors(&self) -> Vec<String> {
        self.alive()
            .into_iter()
            .map(|(_, command)| command)
            .collect()
    }

    /// Process ids and commands: marked, or at work in the folder.
    fn alive(&self) -> Vec<(i32, String)> {
        let mark = format!("600.{}", self.mark);
        let entries = fs::read_dir("/proc").expect("this is Linux").flatten();
        entries
            .filter_map(|entry| {
                let pid = entry.file_name().to_str()?.parse().ok()?;
                let command = fs::read(entry.path().join("cmdline")).ok()?;
                let command = String::from_utf8_lossy(&command).replace('\0', " ");
                let cwd = fs::read_link(entry.path().join("cwd"));
                let here = cwd.is_ok_and(|cwd| cwd.starts_with(self.bench.path()));
                (here || command.contains(&mark)).then_some((pid, command))
            })
            .collect()
    }

    /// Run `r`, as `rok summary --json` tells it.
    pub(crate) fn summary(&self) -> Value {
        self.bench.rok(["summary", "r", "--json"]).exits(0).json()
    }

    /// A step of run `r`, as the summary tells it.
    pub(crate) fn step(&self, id: &str) -> Value {
        let mut summary = self.summary();
        let steps = summary["steps"].as_array_mut().expect("a list of steps");
        let found = steps.iter().position(|step| step["id"] == id);
        steps.swap_remove(found.expect("the step is in the plan"))
    }

    /// The error class of a step of run `r`.
    pub(crate) fn class(&self, step: &str) -> String {
        let step = self.step(step);
        step["error"]["class"].as_str().unwrap_or("none").to_owned()
    }
}

/// A test that failed leaves nothing either.
impl Drop for Scene {
    fn drop(&mut self) {
        for (pid, _) in self.alive() {
            if let Some(pid) = Pid::from_raw(pid) {
                let _ = kill_process(pid, Signal::KILL);
            }
        }
    }
}

/// A named pipe that a step writes to: the test goes on when it does.
pub(crate) struct Fifo {
    path: PathBuf,
}

impl Fifo {
    /// A pipe in the scene's folder.
    pub(crate) fn new(scene: &Scene, name: &str) -> Self {
        let path = scene.bench.path().join(name);
        let mode = rustix::fs::Mode::from_raw_mode(0o600);
        rustix::fs::mknodat(rustix::fs::CWD, &path, rustix::fs::FileType::Fifo, mode, 0)
            .expect("a pipe in the temporary folder");
        Self { path }
    }

    /// What one writer writes.
    pub(crate) fn read(&self) -> String {
        let (sender, came) = channel();
        let path = self.path.clone();
        std::thread::spawn(move || sender.send(fs::read_to_string(path)));
        let text = came.recv_timeout(PATIENCE).expect("the step comes so far");
        text.expect("it is text")
    }
}
