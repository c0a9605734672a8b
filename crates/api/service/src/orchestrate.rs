//! Use cases of orchestrators: stages are run, hooks installed.

use crate::error::ServiceError;
use crate::service::Service;
use rok_facades::runs::{ErrorKind, Observer, RunsError, StopSignal};
use rok_formats::{FormatError, Formatter, Formatters};
use rok_orchestration::{
    ExecutionContext, ExecutionMode, ExecutionPlan, OperatorEvent, OrchestratorError, RunReport,
    Trouble,
};
use rok_plan::nearest;
use rok_vocabulary::RunId;
use serde::Serialize;
use serde_json::Value;
use std::fs;
use std::io;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

/// What a hook of ours begins with.
const HOOK: &str = "#!/bin/sh
# Installed by `rok orch install-hook`; it may be removed, and is never changed by hand.
# Where git says which repository it is, it does not say where its top is.
if [ -n \"$GIT_DIR\" ]; then
  GIT_DIR=$(git rev-parse --absolute-git-dir) GIT_WORK_TREE=${GIT_WORK_TREE:-$PWD}
  export GIT_DIR GIT_WORK_TREE
fi
";

/// What it runs, for the folder that it is run in: the top of the work tree.
const CHECK: &str = "rok orch --stage pre-commit --format human";

/// A hook that was installed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct HookInstalled {
    /// Its file.
    pub file: PathBuf,
    /// installed, added to the hook of another folder here, made executable, or
    /// unchanged.
    pub change: &'static str,
}

impl Service {
    /// The stages that there are.
    pub fn stages(&self) -> Result<Vec<&'static str>, ServiceError> {
        Ok(self.orchestrators()?.stages())
    }

    /// The formats that reports can be written in.
    #[must_use]
    pub fn formats(&self) -> &Formatters {
        &self.wiring().formats
    }

    /// The formatter of this name.
    pub fn format(&self, name: &str) -> Result<Formatter, ServiceError> {
        self.formats().get(name).map_err(|error| {
            let trouble = Trouble::new("ROK0220", error.to_string());
            let trouble = match &error {
                FormatError::Unknown { known, .. } => match nearest(name, known.iter().copied()) {
                    Some(meant) => trouble.help(format!("did you mean `{meant}`?")),
                    None => trouble,
                },
                _ => trouble,
            };
            ServiceError::Orchestrator(OrchestratorError::Config(trouble))
        })
    }

    /// Runs a stage. Whatever goes wrong once it is asked for is in the report.
    pub fn orchestrate(
        &self,
        context: &ExecutionContext,
        stop: &StopSignal,
        observer: &mut dyn Observer,
    ) -> Result<RunReport, ServiceError> {
        if context.mode() != ExecutionMode::DryRun {
            self.drives_here("orch")?;
        }
        if self.config().settings.server.is_some() {
            let message = "components run where they are, and these runs are a server's";
            return Err(RunsError::new(ErrorKind::Usage, "ROK0117", message)
                .help("leave --server and ROK_SERVER out")
                .into());
        }
        let orchestrators = self.orchestrators()?;
        Ok(match orchestrators.of_stage(&context.stage) {
            Some(orchestrator) => orchestrator.run_watched(context, stop, observer),
            None => {
                let unknown = unknown_stage(&context.stage, &orchestrators.stages());
                orchestrators.refused(context, &unknown)
            }
        })
    }

    /// What operators are told of a run, from its log.
    pub fn operator_events(&self, run: &RunId) -> Result<Vec<OperatorEvent>, ServiceError> {
        let told = self.orchestrators()?.operator_events(run);
        told.map_err(ServiceError::Orchestrator)
    }

    /// The plan of a document that names components, as a plan file's JSON.
    pub(crate) fn plan_of_document(
        &self,
        document: &ExecutionPlan,
    ) -> Result<Vec<u8>, ServiceError> {
        let plan = self.orchestrators()?.plan_of(document);
        plan.map_err(ServiceError::Orchestrator)
    }

    /// Lets every commit of the repository here be checked first, by the
    /// components of this folder; those of other folders of the work tree stay.
    /// A hook that is somebody else's is never touched.
    pub fn install_hook(&self) -> Result<HookInstalled, ServiceError> {
        let file = hook_file(self.cwd())?;
        let line = hook_line(&root_in_work_tree(self.cwd())?)?;
        let unwritten = |error: io::Error| {
            let why = format!("{}: {error}", file.display());
            ServiceError::Output { why }
        };
        // What a link leads to is somebody's, too.
        match fs::symlink_metadata(&file) {
            Ok(found) => {
                let text = fs::read_to_string(&file).ok();
                let Some(text) = text.filter(|text| found.is_file() && is_our_hook(text)) else {
                    return Err(ServiceError::ForeignHook { file });
                };
                let knows = text.lines().any(|known| known == line);
                if !knows {
                    // What an earlier version wrote of this folder is not done twice.
                    let others = text.lines().filter(|known| !is_same_folder(known, &line));
                    let others: Vec<&str> = others.collect();
                    let text = format!("{}\n{line}\n", others.join("\n"));
                    rok_files::replace(&file, text.as_bytes()).map_err(unwritten)?;
                    let executable = fs::Permissions::from_mode(0o755);
                    fs::set_permissions(&file, executable).map_err(unwritten)?;
                    let change = "added";
                    return Ok(HookInstalled { file, change });
                }
                // One that cannot be executed is passed over by git.
                let mode = found.permissions().mode();
                let change = if mode & 0o100 == 0 {
                    let executable = fs::Permissions::from_mode(mode | 0o111);
                    fs::set_permissions(&file, executable).map_err(unwritten)?;
                    "made executable"
                } else {
                    "unchanged"
                };
                return Ok(HookInstalled { file, change });
            }
            Err(error) if error.kind() == io::ErrorKind::NotFound => {}
            Err(error) => return Err(unwritten(error)),
        }
        if let Some(folder) = file.parent() {
            fs::create_dir_all(folder).map_err(unwritten)?;
        }
        self.write_new_file(&file, format!("{HOOK}{line}\n").as_bytes())?;
        let executable = fs::Permissions::from_mode(0o755);
        fs::set_permissions(&file, executable).map_err(unwritten)?;
        Ok(HookInstalled {
            file,
            change: "installed",
        })
    }
}

fn unknown_stage(stage: &str, stages: &[&'static str]) -> OrchestratorError {
    let trouble = Trouble::new("ROK0220", format!("there is no stage `{stage}`"));
    let help = match nearest(stage, stages.iter().copied()) {
        Some(meant) => format!("did you mean `{meant}`?"),
        None => format!("there are {}", stages.join(", ")),
    };
    OrchestratorError::Config(trouble.help(help))
}

/// The line of a hook for a folder of the work tree, `""` for its top.
fn hook_line(folder: &str) -> Result<String, ServiceError> {
    if folder.is_empty() {
        return Ok(format!("{CHECK} || exit 1"));
    }
    if folder.contains('\n') {
        return Err(no_hook(
            "the folder's name has a line feed",
            "give it another one",
        ));
    }
    Ok(line_of(&folder.replace('\'', "'\\''")))
}

/// The line of a folder, whose name is quoted. Where the folder is gone nothing is
/// committed unseen, and it is said what to do.
fn line_of(quoted: &str) -> String {
    format!(
        "(cd './{quoted}' 2>/dev/null || {{ echo >&2 'rok: nothing is committed: this folder, whose components check commits, \
         is gone: ./{quoted}'; echo >&2 '  restore it, or take its line out of '\"$0\"; exit 1; }}; {CHECK}) || exit 1"
    )
}

/// The folder of a line that is ours, quoted; `""` for the top.
fn folder_of(line: &str) -> Option<&str> {
    if line == format!("{CHECK} || exit 1") {
        return Some("");
    }
    let rest = line.strip_prefix("(cd './")?;
    // As earlier versions wrote it.
    let old = format!("' && {CHECK}) || exit 1");
    if let Some(quoted) = rest.strip_suffix(&old) {
        return (!quoted.replace("'\\''", "").contains('\'')).then_some(quoted);
    }
    let (quoted, _) = rest.split_once("' 2>/dev/null || {")?;
    (line == line_of(quoted)).then_some(quoted)
}

fn is_same_folder(line: &str, other: &str) -> bool {
    folder_of(line).is_some_and(|folder| folder_of(other) == Some(folder))
}

/// Whether all of a hook was written here.
fn is_our_hook(text: &str) -> bool {
    let Some(lines) = text.strip_prefix(HOOK) else {
        return false;
    };
    !lines.is_empty() && lines.lines().all(|line| folder_of(line).is_some())
}

fn no_hook(why: &str, help: &str) -> ServiceError {
    let trouble = Trouble::new("ROK0223", format!("there is no repository here: {why}"));
    ServiceError::Orchestrator(OrchestratorError::Config(trouble.help(help)))
}

/// What git says to these words in a folder, a line.
fn git_says(folder: &Path, words: &[&str]) -> Result<String, ServiceError> {
    let refuse = |why: &str| no_hook(why, "change into a git work tree");
    let output = Command::new("git")
        .args(words)
        .current_dir(folder)
        .stdin(Stdio::null())
        .output()
        .map_err(|error| refuse(&format!("git does not start: {error}")))?;
    if !output.status.success() {
        let said = String::from_utf8_lossy(&output.stderr);
        return Err(refuse(said.lines().next().unwrap_or("git fails")));
    }
    let text = String::from_utf8_lossy(&output.stdout);
    Ok(text.strip_suffix('\n').unwrap_or(&text).to_owned())
}

/// Where git looks for the hook.
fn hook_file(folder: &Path) -> Result<PathBuf, ServiceError> {
    if git_says(folder, &["rev-parse", "--is-inside-work-tree"])? != "true" {
        let why = "git has no work tree here, and nobody commits where there is none";
        return Err(no_hook(why, "change into a git work tree"));
    }
    let path = git_says(folder, &["rev-parse", "--git-path", "hooks/pre-commit"])?;
    Ok(folder.join(path))
}

/// The folder whose components are to be asked, seen from the top of its work
/// tree: the nearest one up from here that has any, else the top.
fn root_in_work_tree(folder: &Path) -> Result<String, ServiceError> {
    let prefix = git_says(folder, &["rev-parse", "--show-prefix"])?;
    let mut root = prefix.trim_end_matches('/');
    let mut folder = folder;
    loop {
        let has = |name: &str| folder.join(name).exists();
        if root.is_empty() || has(".rok") || has("rok.toml") {
            return Ok(root.to_owned());
        }
        root = root.rsplit_once('/').map_or("", |(up, _)| up);
        folder = folder.parent().unwrap_or(folder);
    }
}

/// The JSON Schema of reports.
#[must_use]
pub fn report_schema() -> Value {
    schemars::schema_for!(RunReport).to_value()
}
