//! Where an attempt's files are, and the folders they need.

use rok_executor::{PIPED, StepFailure, StepRequest, Work, Workspace};
use rok_vocabulary::ErrorClass;
use std::collections::HashSet;
use std::fs::{DirBuilder, OpenOptions};
use std::io::{self, Write as _};
use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};

/// How many runs' folders are remembered as made.
const REMEMBERED: usize = 1024;

/// The files of one attempt.
#[derive(Debug, Default)]
pub(crate) struct Places {
    /// `None` for a run without a folder: its output is dropped.
    pub(crate) log: Option<PathBuf>,
    pub(crate) record: Option<PathBuf>,
    pub(crate) artifacts: Option<PathBuf>,
    pub(crate) inputs: PathBuf,
    /// What the step before handed on, in a pipeline; removed with the attempt.
    pub(crate) piped: Option<PathBuf>,
    pub(crate) output: PathBuf,
    pub(crate) error: PathBuf,
    pub(crate) usage: PathBuf,
    /// The first attempt of its run here: what an owner before this one left
    /// among the artifacts has not been looked at.
    pub(crate) unchecked: bool,
    /// A folder of this attempt alone, removed with it.
    own: Option<PathBuf>,
    /// Where `rok __exec` says why it starts nothing; the step cannot.
    pub(crate) refusal: Option<PathBuf>,
    /// `TMPDIR` of an attempt in a sandbox.
    pub(crate) tmp: Option<PathBuf>,
}

/// Makes folders and the inputs file once per run.
#[derive(Debug, Default)]
pub(crate) struct Folders {
    made: HashSet<PathBuf>,
    /// Numbers the attempts of runs without a folder.
    next: u64,
}

impl Folders {
    /// The attempt's places; their folders exist, and so does the inputs file.
    pub(crate) fn places(&mut self, request: &StepRequest) -> Result<Places, StepFailure> {
        let name = request.attempt.file_name();
        let (workspace, scratch, own) = if let Some(workspace) = request.workspace.as_deref() {
            (Some(workspace), workspace.scratch.clone(), None)
        } else {
            let own = self.own_folder()?;
            (None, own.clone(), Some(own))
        };
        let inputs = scratch.join("inputs.json");
        // The owner may have cleared the scratch folder between two drives.
        let first = !self.made.contains(&scratch) || !inputs.exists();
        if first {
            if let Some(workspace) = workspace {
                make(workspace)?;
            }
            write_inputs(&inputs, request).map_err(|error| fault(&inputs, &error))?;
            if own.is_none() {
                if self.made.len() >= REMEMBERED {
                    self.made.clear();
                }
                self.made.insert(scratch.clone());
            }
        }
        let mut places = Places {
            piped: hand_on(&request.work, scratch.join(format!("{name}.piped")))?,
            log: workspace.map(|workspace| workspace.logs.join(format!("{name}.log"))),
            record: workspace.map(|workspace| workspace.procs.join(&name)),
            artifacts: workspace.map(|workspace| workspace.artifacts.clone()),
            inputs,
            output: scratch.join(format!("{name}.output")),
            error: scratch.join(format!("{name}.error")),
            usage: scratch.join(format!("{name}.usage")),
            unchecked: first,
            own,
            refusal: None,
            tmp: None,
        };
        if matches!(&request.work, Work::Process(work) if work.sandbox.is_some()) {
            confine(&mut places, &scratch.join(format!("{name}.own")))?;
        }
        Ok(places)
    }

    /// Makes a run's folders again next time: one of them has vanished.
    pub(crate) fn forget(&mut self, request: &StepRequest) {
        if let Some(workspace) = &request.workspace {
            self.made.remove(&workspace.scratch);
        }
    }

    fn own_folder(&mut self) -> Result<PathBuf, StepFailure> {
        loop {
            let path =
                std::env::temp_dir().join(format!("rok-{}-{}", std::process::id(), self.next));
            self.next += 1;
            match private().create(&path) {
                Ok(()) => return Ok(path),
                Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
                Err(error) => return Err(fault(&path, &error)),
            }
        }
    }
}

impl Places {
    /// What an attempt in a sandbox may write to, of its own.
    pub(crate) fn own_step(&self) -> Option<PathBuf> {
        self.tmp.as_deref()?.parent().map(Path::to_owned)
    }

    /// Removes what the attempt's own folder holds, if it had one, and what it
    /// was handed.
    pub(crate) fn clear(&self) {
        if let Some(piped) = &self.piped {
            // What stays is cleared with the scratch folder.
            let _ = std::fs::remove_file(piped);
        }
        if let Some(own) = &self.own {
            // It lies in the temporary folder; what stays is cleared with that.
            let _ = std::fs::remove_dir_all(own);
        }
    }
}

/// A step in a sandbox has a folder of its own for what it writes, beside
/// nothing of another's.
fn confine(places: &mut Places, own: &Path) -> Result<(), StepFailure> {
    // What a killed owner left of this attempt.
    let _ = std::fs::remove_dir_all(own);
    let step = own.join("step");
    let tmp = step.join("tmp");
    for folder in [own, &step, &tmp] {
        private()
            .recursive(true)
            .create(folder)
            .map_err(|error| fault(folder, &error))?;
    }
    places.output = step.join("output");
    places.error = step.join("error");
    places.usage = step.join("usage");
    places.refusal = Some(own.join("refusal"));
    places.tmp = Some(tmp);
    if places.own.is_none() {
        places.own = Some(own.to_owned());
    }
    Ok(())
}

fn private() -> DirBuilder {
    let mut builder = DirBuilder::new();
    builder.mode(0o700);
    builder
}

fn make(workspace: &Workspace) -> Result<(), StepFailure> {
    let Workspace {
        logs,
        artifacts,
        procs,
        scratch,
    } = workspace;
    for path in [logs, artifacts, procs, scratch] {
        private()
            .recursive(true)
            .create(path)
            .map_err(|error| fault(path, &error))?;
    }
    Ok(())
}

/// Written beside and renamed: a step of another owner never reads half a file.
fn write_inputs(path: &Path, request: &StepRequest) -> io::Result<()> {
    if path.exists() {
        return Ok(());
    }
    let new = path.with_extension(format!("{}.new", std::process::id()));
    write(&new, request.inputs.to_string().as_bytes())?;
    std::fs::rename(&new, path)
}

fn write(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let mut file = OpenOptions::new()
        .write(true)
        .create(true)
        .truncate(true)
        .mode(0o600)
        .open(path)?;
    file.write_all(bytes)
}

/// Writes what a process is handed by the step before, where it is. A text with
/// a secret in it stays a variable alone: secrets are written to no file.
fn hand_on(work: &Work, path: PathBuf) -> Result<Option<PathBuf>, StepFailure> {
    let env = work.process().map_or(&[][..], |work| &work.env);
    let piped = env.iter().find(|(name, _)| name == PIPED);
    let Some(text) = piped.and_then(|(_, text)| text.as_plain()) else {
        return Ok(None);
    };
    write(&path, text.as_bytes()).map_err(|error| fault(&path, &error))?;
    Ok(Some(path))
}

fn fault(path: &Path, error: &io::Error) -> StepFailure {
    io_failure(&format!("cannot make {}", path.display()), error)
}

/// A failure of the machine around the step: some pass, some need mending.
pub(crate) fn io_failure(what: &str, error: &io::Error) -> StepFailure {
    use io::ErrorKind::{NotADirectory, NotFound, PermissionDenied, ReadOnlyFilesystem};
    let class = match error.kind() {
        NotADirectory | NotFound | PermissionDenied | ReadOnlyFilesystem => ErrorClass::ConfigError,
        _ => ErrorClass::TransientIo,
    };
    StepFailure::new(class, format!("{what}: {error}"))
}
