//! The project's README: its commands about services, as they stand there, with
//! the real program, the workers and the database; only ports are others.

use std::io::Write as _;
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Duration;

const PAGE: &str = include_str!("../../../README.md");
/// The section that is played.
const SECTION: &str = "## Several services, one diagnosis\n";
/// The workers' ports begin here, and the sites are among them.
const PORTS: u16 = 7;

/// A command of the page, and the lines that it shows under it.
#[derive(Debug)]
struct Scene {
    command: String,
    shown: Vec<String>,
}

/// The scenes of a section: a command goes on over lines until its quotes, its
/// backslashes and its here-document have ended.
fn scenes(page: &str) -> Vec<Scene> {
    let (_, section) = page
        .split_once(SECTION)
        .expect("the README has the section");
    let section = section.split("\n## ").next().unwrap_or_default();
    let (mut scenes, mut within): (Vec<Scene>, _) = (Vec::new(), false);
    let mut lines = section.lines();
    while let Some(line) = lines.next() {
        if line.starts_with("```") {
            within = line == "```console";
        } else if let Some(first) = line.strip_prefix("$ ").filter(|_| within) {
            let mut command = first.to_owned();
            while !is_whole(&command) {
                command.push('\n');
                command.push_str(lines.next().expect("the command ends"));
            }
            let shown = Vec::new();
            scenes.push(Scene { command, shown });
        } else if let Some(scene) = scenes.last_mut().filter(|_| within) {
            scene.shown.push(line.to_owned());
        }
    }
    scenes
}

fn is_whole(command: &str) -> bool {
    if let Some((_, document)) = command.split_once("<<'SQL'") {
        return document.ends_with("\nSQL");
    }
    let quotes = command.bytes().filter(|byte| *byte == b'\'').count();
    quotes % 2 == 0 && !command.ends_with('\\')
}

/// So many ports in a row that nobody has now.
fn free_ports(count: u16) -> u16 {
    let free = |from: u16| {
        let all = (from..from + count).map(|port| TcpListener::bind(("127.0.0.1", port)));
        all.collect::<Result<Vec<_>, _>>().is_ok()
    };
    let mut ends = (20_000..30_000).step_by(usize::from(count));
    let seed = std::process::id() as usize % 1_000;
    ends.by_ref().take(seed).for_each(drop);
    ends.find(|from| free(*from)).expect("ports are free")
}

/// Where the page is played; whatever it has started ends with it.
struct Stage {
    folder: tempfile::TempDir,
    /// The page's words, and what stands for them here.
    instead: Vec<(String, String)>,
}

impl Stage {
    fn new() -> Self {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let example = Path::new(env!("CARGO_MANIFEST_DIR"));
        let first = free_ports(PORTS + 1);
        let mut map = std::fs::read_to_string(example.join("services.toml")).expect("a map");
        let mut instead = Vec::new();
        for nth in (0..PORTS).rev() {
            let (there, here) = (format!(":{}", 5_100 + nth), format!(":{}", first + nth));
            map = map.replace(&there, &here);
            instead.push((there, here));
        }
        std::fs::write(folder.path().join("services.toml"), map).expect("it is ours");
        let of_example = format!("{}/", example.display());
        instead.extend([
            (":5000".to_owned(), format!(":{}", first + PORTS)),
            (
                "rok serve ".to_owned(),
                format!("rok serve --listen 127.0.0.1:{} ", first + PORTS),
            ),
            (
                "site-workers --site".to_owned(),
                format!("site-workers --port {first} --site"),
            ),
            (
                "examples/site-diagnostic/services.toml".to_owned(),
                "services.toml".to_owned(),
            ),
            ("examples/site-diagnostic/".to_owned(), of_example),
        ]);
        Self { folder, instead }
    }

    fn here(&self, text: &str) -> String {
        let each = self.instead.iter();
        each.fold(text.to_owned(), |text, (there, here)| {
            text.replace(there, here)
        })
    }

    /// Runs a command by a shell that finds this `rok` and these workers.
    fn run(&self, command: &str) -> String {
        let workers = PathBuf::from(env!("CARGO_BIN_EXE_site-workers"));
        let built = workers.parent().expect("a binary lies in a folder");
        let path = std::env::var("PATH").unwrap_or_default();
        let path = format!("{}/examples:{}:{path}", built.display(), built.display());
        let output = Command::new("/bin/sh")
            .args(["-e", "-c", command])
            .current_dir(self.folder.path())
            .env_clear()
            .env("PATH", path)
            .env("HOME", self.folder.path())
            .env("TMPDIR", self.folder.path())
            .env("LANG", "C.UTF-8")
            .env("ROK_USER", "ada")
            .stdin(Stdio::null())
            .output()
            .expect("a shell starts");
        let out = String::from_utf8_lossy(&output.stdout);
        let err = String::from_utf8_lossy(&output.stderr);
        let log = std::fs::read_to_string(self.folder.path().join("serve.log"));
        let log = log.unwrap_or_default();
        assert!(output.status.success(), "{command}\n{out}\n{err}\n{log}");
        format!("{out}{err}")
    }
}

impl Drop for Stage {
    fn drop(&mut self) {
        // They have ended where the page was played to its end.
        let end = "for f in *.pid; do kill $(cat $f); done 2>/dev/null; true";
        let ended = Command::new("/bin/sh")
            .args(["-c", end])
            .current_dir(self.folder.path())
            .status();
        if ended.is_err() {
            let _ = writeln!(std::io::stderr(), "what the page started may still run");
        }
    }
}

/// Whether a line has the parts of what is shown, in order; what stands for `…`
/// differs from run to run.
fn shows(line: &str, shown: &str) -> bool {
    let mut rest = line;
    shown.split('…').all(|part| match rest.find(part.trim()) {
        Some(at) => {
            rest = &rest[at + part.trim().len()..];
            true
        }
        None => false,
    })
}

/// The id of the page's run.
fn run_id(text: &str) -> Option<&str> {
    let (_, after) = text.split_once("\"run_id\":\"")?;
    after.split('"').next()
}

#[test]
fn the_readme_s_services_are_run_diagnosed_and_read_by_sql() {
    let mut stage = Stage::new();
    let scenes = scenes(PAGE);
    assert!(scenes.len() > 8, "{scenes:?}");
    let shown = scenes.iter().flat_map(|scene| &scene.shown);
    let there = shown.into_iter().find_map(|line| run_id(line));
    let there = there.expect("the page shows a run").to_owned();
    for Scene { command, shown } in &scenes {
        let mut printed = stage.run(&stage.here(command));
        if command.starts_with("cat serve.log") {
            // The answer is given a moment before the last lines are written.
            let mut patience = 100;
            while !printed.contains("=== Run Complete") && patience > 0 {
                std::thread::sleep(Duration::from_millis(20));
                printed = stage.run(&stage.here(command));
                patience -= 1;
            }
        }
        if let Some(id) = run_id(&printed) {
            stage.instead.push((there.clone(), id.to_owned()));
        }
        for line in shown.iter().map(|line| stage.here(line)) {
            let is_shown = printed.lines().any(|printed| shows(printed, &line));
            assert!(is_shown, "{command}\n{line}\nis not in\n{printed}");
        }
    }
}
