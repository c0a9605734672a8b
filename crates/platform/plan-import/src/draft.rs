//! The plan to be: written as a file, and read again before anybody gets it.

use alloc::format;
use alloc::string::{String, ToString};
use alloc::vec::Vec;
use core::fmt::Write as _;

use crate::error::ImportError;
use crate::ids;
use crate::options::{Imported, Options};

/// A plan in the order in which it is written. Texts are as a plan file has
/// them, `${{ }}` included.
#[derive(Debug, Default)]
pub(crate) struct Draft {
    /// What a reader should know.
    pub(crate) comment: String,
    /// The workflow's name.
    pub(crate) name: String,
    pub(crate) env: Vec<(String, String)>,
    pub(crate) secrets: Vec<String>,
    pub(crate) steps: Vec<Step>,
    pub(crate) notes: Vec<String>,
}

#[derive(Debug)]
pub(crate) struct Step {
    pub(crate) id: String,
    pub(crate) name: Option<String>,
    pub(crate) run: Run,
    pub(crate) needs: Vec<String>,
    pub(crate) after: Vec<String>,
    pub(crate) env: Vec<(String, String)>,
    pub(crate) cwd: Option<String>,
    pub(crate) timeout: Option<String>,
    pub(crate) optional: bool,
}

/// What a step runs.
#[derive(Debug)]
pub(crate) enum Run {
    Argv(Vec<String>),
    Shell {
        /// Absent where it is the plans' own.
        shell: Option<&'static str>,
        line: String,
    },
}

impl Step {
    pub(crate) fn new(id: String, run: Run) -> Self {
        Self {
            id,
            name: None,
            run,
            needs: Vec::new(),
            after: Vec::new(),
            env: Vec::new(),
            cwd: None,
            timeout: None,
            optional: false,
        }
    }
}

impl Draft {
    /// The plan file, proved to be one.
    pub(crate) fn finish(self, options: &Options, file: &str) -> Result<Imported, ImportError> {
        let id = match &options.id {
            Some(id) => id.clone(),
            None => ids::plan_id(&self.name),
        };
        let text = self.write(&id, options);
        match rok_plan::parse(text.as_bytes(), "plan.yaml") {
            Ok(plan) => Ok(Imported {
                text,
                id: plan.id.to_string(),
                steps: plan.steps.len(),
                notes: self.notes,
            }),
            Err(errors) => {
                let mut error = ImportError::of_faults(errors, file, "no plan comes of it: ");
                // Places in a text that nobody has would help nobody.
                error.refusals.iter_mut().for_each(|r| r.place.clear());
                Err(error)
            }
        }
    }

    fn write(&self, id: &str, options: &Options) -> String {
        let mut out = String::new();
        rok_yaml::comment(&self.comment, &mut out);
        pair("plan", id, 0, &mut out);
        if self.name != id {
            pair("name", &self.name, 0, &mut out);
        }
        if let Some(parallel) = options.max_parallel {
            let _ = writeln!(out, "max_parallel: {parallel}");
        }
        names("secrets", &self.secrets, 0, &mut out);
        mapping("env", &self.env, 0, &mut out);
        out.push_str("steps:\n");
        for step in &self.steps {
            step.write(&mut out);
        }
        out
    }
}

impl Step {
    fn write(&self, out: &mut String) {
        let _ = writeln!(out, "  {}:", self.id);
        if let Some(name) = self.name.as_deref().filter(|name| *name != self.id) {
            pair("name", name, 4, out);
        }
        names("needs", &self.needs, 4, out);
        names("after", &self.after, 4, out);
        match &self.run {
            Run::Argv(items) => {
                out.push_str("    run: ");
                rok_yaml::list(items.iter().map(String::as_str), 6, out);
                out.push('\n');
            }
            Run::Shell { shell, line } => {
                pair("run", line, 4, out);
                if let Some(shell) = shell {
                    pair("shell", shell, 4, out);
                }
            }
        }
        mapping("env", &self.env, 4, out);
        if let Some(cwd) = &self.cwd {
            pair("cwd", cwd, 4, out);
        }
        if let Some(timeout) = &self.timeout {
            let _ = writeln!(out, "    timeout: {timeout}");
        }
        if self.optional {
            out.push_str("    required: false\n");
        }
    }
}

fn pair(key: &str, value: &str, indent: usize, out: &mut String) {
    let _ = write!(out, "{:indent$}{key}: ", "");
    rok_yaml::text(value, indent, out);
    out.push('\n');
}

fn names(key: &str, names: &[String], indent: usize, out: &mut String) {
    if !names.is_empty() {
        let _ = write!(out, "{:indent$}{key}: ", "");
        rok_yaml::list(names.iter().map(String::as_str), indent + 2, out);
        out.push('\n');
    }
}

fn mapping(key: &str, entries: &[(String, String)], indent: usize, out: &mut String) {
    if !entries.is_empty() {
        let _ = writeln!(out, "{:indent$}{key}:", "");
        for (name, value) in entries {
            pair(name, value, indent + 2, out);
        }
    }
}

/// So many, in words.
pub(crate) fn count(number: usize, one: &str) -> String {
    if number == 1 {
        format!("1 {one}")
    } else {
        format!("{number} {one}s")
    }
}
