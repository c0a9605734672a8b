//! A scene with one secret, and the search for it in everything that is left.

use crate::running::{Running, Scene};
use crate::support::Ran;
use std::fmt::Write as _;
use std::fs;
use std::ops::Deref;
use std::path::{Path, PathBuf};

/// A scene whose plan has the secret `TOKEN`, handed in by the environment.
pub(crate) struct Vault {
    scene: Scene,
    value: String,
    forms: Vec<(&'static str, String)>,
}

impl Deref for Vault {
    type Target = Scene;

    fn deref(&self) -> &Scene {
        &self.scene
    }
}

impl Vault {
    /// A vault with these steps; in each, `$T` is the secret.
    pub(crate) fn new(value: &str, steps: &str) -> Self {
        let plan = format!(
            "plan: p\nsecrets: [TOKEN]\nenv: {{ T: \"${{{{ secrets.TOKEN }}}}\" }}\nsteps:\n{steps}"
        );
        Self {
            scene: Scene::new(&plan),
            value: value.to_owned(),
            forms: forms(value),
        }
    }

    /// A command of `rok` that has the secret in its environment.
    pub(crate) fn rok(&self, args: &[&str]) -> Running {
        let mut command = self.bench.command(args);
        command.env("TOKEN", &self.value);
        Running::start(command)
    }

    /// Runs the plan as run `r`.
    pub(crate) fn run_all(&self) -> Ran {
        self.rok(&["run", "plan.yaml", "--run-id", "r"]).finish()
    }

    /// Fails if any form of the secret is in a file or a name of the folder, in
    /// what was said, or in what is told of the run.
    #[track_caller]
    pub(crate) fn is_hidden(&self, said: &[&Ran]) {
        let mut found = self.found_in(self.bench.path());
        let mut look = |name: &str, ran: &Ran| {
            for (stream, text) in [("stdout", &ran.out), ("stderr", &ran.err)] {
                if let Some(form) = self.form_in(text.as_bytes()) {
                    found.push(format!("{form} in {stream} of {name}:\n{text}"));
                }
            }
        };
        for ran in said {
            look("what was run", ran);
        }
        for args in [&["summary", "r"][..], &["explain", "r", "a"]] {
            look(args[0], &self.bench.rok(args));
        }
        assert_eq!(found, Vec::<String>::new());
    }

    /// Where below a folder a form of the secret is.
    pub(crate) fn found_in(&self, folder: &Path) -> Vec<String> {
        let mut found = Vec::new();
        let mut left: Vec<PathBuf> = vec![folder.to_owned()];
        while let Some(path) = left.pop() {
            let name = path.file_name().unwrap_or_default();
            if let Some(form) = self.form_in(name.as_encoded_bytes()) {
                found.push(format!("{form} in the name of {}", path.display()));
            }
            let kind = fs::symlink_metadata(&path)
                .expect("it is there")
                .file_type();
            if kind.is_dir() {
                let entries = fs::read_dir(&path).expect("ours").flatten();
                left.extend(entries.map(|entry| entry.path()));
            } else if kind.is_symlink() {
                let target = fs::read_link(&path).expect("it is a link");
                if let Some(form) = self.form_in(target.as_os_str().as_encoded_bytes()) {
                    found.push(format!("{form} in the link {}", path.display()));
                }
            } else if kind.is_file() {
                let bytes = fs::read(&path).expect("ours");
                if let Some(form) = self.form_in(&bytes) {
                    found.push(format!("{form} in {}", path.display()));
                }
            }
        }
        found
    }

    fn form_in(&self, bytes: &[u8]) -> Option<&'static str> {
        let text = String::from_utf8_lossy(bytes);
        // Base64 may stand in lines.
        let unbroken: String = text.split_whitespace().collect();
        let mut forms = self.forms.iter();
        let shows = |name: &str, form: &str| {
            text.contains(form) || name.contains("base64") && unbroken.contains(form)
        };
        let found = forms.find(|(name, form)| shows(name, form));
        found.map(|(name, _)| *name)
    }
}

/// The forms in which a value shows itself; written apart from the masker's.
fn forms(value: &str) -> Vec<(&'static str, String)> {
    let json = serde_json::Value::from(value).to_string();
    let json = json[1..json.len() - 1].to_owned();
    let mut ascii = String::new();
    for unit in json.encode_utf16() {
        match u8::try_from(unit) {
            Ok(byte) if byte.is_ascii() => ascii.push(char::from(byte)),
            _ => write!(ascii, "\\u{unit:04x}").expect("a string takes all"),
        }
    }
    let mut out = vec![
        ("the value", value.to_owned()),
        ("JSON", json),
        ("ASCII JSON", ascii),
        ("base64", base64(value.as_bytes())),
        ("base64 after two bytes", base64_after_two(value)),
        ("a shell's quotes", value.replace('\'', r"'\''")),
        ("other quotes of a shell", value.replace('\'', r#"'"'"'"#)),
    ];
    let lines = value.lines().filter(|line| line.len() >= 4);
    out.extend(lines.map(|line| ("a line", line.to_owned())));
    out
}

fn base64(bytes: &[u8]) -> String {
    const ALPHABET: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let mut out = String::new();
    for three in bytes.chunks(3) {
        let word = three
            .iter()
            .fold(0_u32, |word, byte| word << 8 | u32::from(*byte));
        let word = word << (8 * (3 - three.len()));
        for n in 0..=three.len() {
            out.push(char::from(ALPHABET[(word >> (18 - 6 * n) & 63) as usize]));
        }
    }
    // The last character depends on what follows.
    out.pop();
    out
}

/// As in `u:VALUE` of HTTP's basic authentication.
fn base64_after_two(value: &str) -> String {
    base64(format!("u:{value}").as_bytes())[3..].to_owned()
}
