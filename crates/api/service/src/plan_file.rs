//! Finding the plan that a person names: a file, else a built-in plan; and the
//! inputs that go with it.

use crate::error::ServiceError;
use crate::plans::PlanHead;
use rok_plan::Plan;
use serde_json::{Map, Value};
use std::io;
use std::path::{Path, PathBuf};

/// One byte more than the largest plan: a larger file is refused by the
/// parser, with its own words, and is not read whole.
const MAX_READ: u64 = 16 * 1024 * 1024 + 1;

/// One byte more than the largest workflow that is imported.
const MAX_FOREIGN: u64 = 64 * 1024 * 1024 + 1;

/// The extensions of plan files.
const EXTENSIONS: &[&str] = &["yaml", "yml", "json", "toml"];

/// A plan's text and where it stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PlanText {
    /// The bytes.
    pub bytes: Vec<u8>,
    /// Its path as given, or `builtin:ID`.
    pub source: String,
    /// The folder that its steps run in by default, absolute.
    pub folder: PathBuf,
    /// What is known of it already.
    head: Option<PlanHead>,
}

impl PlanText {
    pub(crate) const fn new(bytes: Vec<u8>, source: String, folder: PathBuf) -> Self {
        Self {
            bytes,
            source,
            folder,
            head: None,
        }
    }

    /// The same, of which that is known.
    pub(crate) fn with_head(mut self, head: PlanHead) -> Self {
        self.head = Some(head);
        self
    }

    /// The plan, or all of its faults.
    pub(crate) fn parse(&self) -> Result<Plan, ServiceError> {
        rok_plan::parse(&self.bytes, &self.source).map_err(ServiceError::from)
    }

    /// The rank that the plan gives its runs; the middle where it is no plan.
    #[must_use]
    pub fn priority(&self) -> i8 {
        self.head().map_or(0, |head| head.priority)
    }

    /// Whether steps of its runs may be runs of their own.
    #[must_use]
    pub fn has_sub_runs(&self) -> bool {
        self.head().is_none_or(|head| head.has_sub_runs)
    }

    fn head(&self) -> Option<PlanHead> {
        let parsed = || self.parse().ok().map(|plan| PlanHead::of(&plan));
        self.head.clone().or_else(parsed)
    }
}

/// The plan of this name: a file, seen from `cwd`, else a built-in plan.
pub(crate) fn find(name: &str, cwd: &Path) -> Result<PlanText, ServiceError> {
    let path = cwd.join(name);
    let unreadable = |why: String| ServiceError::PlanUnreadable {
        file: PathBuf::from(name),
        why,
    };
    let bytes = match read(&path) {
        Ok(bytes) => bytes,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return builtin(name, cwd),
        Err(error) => return Err(unreadable(error.to_string())),
    };
    let folder = path.parent().unwrap_or(cwd);
    let folder = std::path::absolute(folder).map_err(|error| unreadable(error.to_string()))?;
    Ok(PlanText::new(bytes, name.to_owned(), folder))
}

/// The inputs in a file, seen from `cwd`, each by the type that the plan
/// declares.
pub(crate) fn inputs(
    file: &Path,
    cwd: &Path,
    plan: &Plan,
) -> Result<Map<String, Value>, ServiceError> {
    let bytes = rok_files::read_handed(&cwd.join(file), MAX_READ);
    let bytes = bytes.map_err(|error| ServiceError::InputsUnreadable {
        file: file.to_owned(),
        why: error.to_string(),
    })?;
    let inputs = rok_plan::parse_inputs(plan, &bytes, &file.to_string_lossy());
    inputs.map_err(|errors| ServiceError::Inputs(Box::new(errors)))
}

/// A file of another format, seen from `cwd`.
pub(crate) fn read_foreign(file: &Path, cwd: &Path) -> Result<Vec<u8>, ServiceError> {
    read_up_to(&cwd.join(file), MAX_FOREIGN).map_err(|error| ServiceError::PlanUnreadable {
        file: file.to_owned(),
        why: error.to_string(),
    })
}

/// A plan's bytes, no more of them than the parser needs to refuse it.
fn read(path: &Path) -> io::Result<Vec<u8>> {
    read_up_to(path, MAX_READ)
}

fn read_up_to(path: &Path, bound: u64) -> io::Result<Vec<u8>> {
    rok_files::read(path, bound)
}

fn builtin(name: &str, cwd: &Path) -> Result<PlanText, ServiceError> {
    let id = name.strip_prefix("builtin:").unwrap_or(name);
    match rok_plan::builtin(id) {
        Some(text) => {
            let (bytes, source) = (text.as_bytes().to_vec(), format!("builtin:{id}"));
            Ok(PlanText::new(bytes, source, cwd.to_owned()))
        }
        None => Err(ServiceError::NoPlan {
            name: name.to_owned(),
            nearest: nearest(id, cwd),
        }),
    }
}

/// The plan that was probably meant, in words.
fn nearest(name: &str, cwd: &Path) -> Option<String> {
    // Extensions are alike in all files, so they tell nothing.
    let stem = |path: &Path| path.file_stem().map(|s| s.to_string_lossy().into_owned());
    let meant = stem(Path::new(name))?;
    let allowed = (meant.chars().count() / 3).clamp(1, 3);
    let near = |candidate: &str| strsim::damerau_levenshtein(&meant, candidate) <= allowed;
    let ids = rok_plan::builtin_ids();
    if let Some(id) = { ids }.find(|id| near(id)) {
        return Some(format!("the built-in plan `{id}`"));
    }
    let here = plan_files(cwd).into_iter();
    let file = { here }.find(|path| stem(path).is_some_and(|stem| near(&stem)))?;
    Some(format!("`{}`", file.file_name()?.to_string_lossy()))
}

/// The files in a folder that may be plans, by name.
pub(crate) fn plan_files(folder: &Path) -> Vec<PathBuf> {
    let Ok(entries) = std::fs::read_dir(folder) else {
        return Vec::new();
    };
    let mut files: Vec<PathBuf> = entries
        .filter_map(Result::ok)
        .map(|entry| entry.path())
        .filter(|path| {
            let extension = path.extension().and_then(|e| e.to_str());
            extension.is_some_and(|e| EXTENSIONS.contains(&e)) && path.is_file()
        })
        .collect();
    files.sort();
    files
}
