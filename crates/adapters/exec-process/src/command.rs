//! From a request to a command: the program found, the environment built, and
//! a failed spawn explained.
//!
//! The program's path is absolute and nothing runs between fork and exec, so
//! the standard library takes the `posix_spawn` path: no page of ours is copied.

use crate::places::Places;
use crate::sandbox;
use rok_executor::{INHERITED, PIPED, PIPED_FILE, ProcessWork, Program, StepFailure, StepRequest};
use rok_secrets::Secrets;
use rok_vocabulary::ErrorClass;
use rustix::fs::Access;
use rustix::io::Errno;
use std::collections::HashMap;
use std::ffi::{OsStr, OsString};
use std::io;
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::Command;

/// Where programs are looked for when there is no `PATH`.
const DEFAULT_PATH: &str = "/usr/local/bin:/usr/bin:/bin";

/// The kernel's limit for one argument or variable (`MAX_ARG_STRLEN`).
const MAX_STRING: usize = 128 * 1024;

/// More handed on than this is in its file alone: a variable of this size still
/// leaves room for others.
const MAX_PIPED: usize = 96 * 1024;

/// The inherited variables as they were when the executor was made, and where
/// programs were found.
#[derive(Debug)]
pub(crate) struct Programs {
    inherited: Vec<(&'static str, OsString)>,
    found: HashMap<(OsString, String), PathBuf>,
    /// What starts a step in a sandbox: `rok` itself.
    launcher: Option<PathBuf>,
}

/// A command and what explains its failure.
#[derive(Debug)]
pub(crate) struct Prepared {
    pub(crate) command: Command,
    program: PathBuf,
    cwd: PathBuf,
}

impl Programs {
    pub(crate) fn new(launcher: Option<PathBuf>) -> Self {
        let inherited = INHERITED
            .iter()
            .filter_map(|name| Some((*name, std::env::var_os(name)?)));
        Self {
            inherited: inherited.collect(),
            found: HashMap::new(),
            launcher,
        }
    }

    /// The command of a request; only the standard streams are left to be set.
    pub(crate) fn prepare(
        &mut self,
        request: &StepRequest,
        work: &ProcessWork,
        places: &Places,
    ) -> Result<Prepared, StepFailure> {
        let mut given = revealed(work, &request.secrets)?;
        if let Some(piped) = &places.piped {
            given.retain(|(name, value)| name != PIPED || value.len() <= MAX_PIPED);
            let file = piped.to_string_lossy().into_owned();
            given.push((PIPED_FILE.to_owned(), file));
        }
        let (name, args) = vector(&work.program)?;
        let program = self.find(name, &given, &work.cwd)?;
        let mut command = match &work.sandbox {
            None => {
                let mut command = Command::new(&program);
                command.arg0(name);
                command
            }
            Some(sandbox) => {
                let launcher = self.launcher.as_deref();
                let (launcher, before) =
                    sandbox::led(sandbox, request, places, launcher, &program)?;
                let mut command = Command::new(launcher);
                command.arg0("rok").args(before).arg(name);
                command
            }
        };
        command
            .args(args)
            .current_dir(&work.cwd)
            .env_clear()
            .process_group(0);
        command.envs(self.inherited.iter().map(|(name, value)| (*name, value)));
        if let Some(tmp) = &places.tmp {
            command.env("TMPDIR", tmp);
        }
        command.envs(given);
        let attempt = &request.attempt;
        command
            .env("ROK_RUN_ID", attempt.run.as_str())
            .env("ROK_STEP_ID", attempt.step.step.as_str())
            .env("ROK_ATTEMPT", attempt.step.attempt.to_string())
            .env("ROK_IDEMPOTENCY_KEY", request.key.as_str())
            .env("ROK_INPUTS", &places.inputs)
            .env("ROK_OUTPUT", &places.output)
            .env("ROK_ERROR", &places.error)
            .env("ROK_USAGE", &places.usage);
        if attempt.step.compensates {
            command.env("ROK_COMPENSATES", "1");
        }
        if let Some(artifacts) = &places.artifacts {
            command.env("ROK_ARTIFACTS", artifacts);
        }
        if let Some(traceparent) = &request.traceparent {
            command.env("TRACEPARENT", traceparent);
        }
        Ok(Prepared {
            command,
            program,
            cwd: work.cwd.clone(),
        })
    }

    /// What would make a request fail for sure.
    pub(crate) fn check(&mut self, request: &StepRequest, work: &ProcessWork) -> Vec<StepFailure> {
        let mut faults = Vec::new();
        faults.extend(sandbox::lacks(work, self.launcher.as_deref()));
        if let Err(failure) = check_cwd(&work.cwd) {
            faults.push(failure);
        }
        match revealed(work, &request.secrets) {
            Err(failure) => faults.push(failure),
            Ok(given) => {
                let found = vector(&work.program).and_then(|(name, _)| {
                    // What an expression still has to fill in cannot be looked for.
                    if name.contains("${{") {
                        return Ok(());
                    }
                    let program = self.find(name, &given, &work.cwd)?;
                    check_program(&program)
                });
                faults.extend(found.err());
            }
        }
        faults
    }

    /// Looks a program up as a shell would, but without `.` in an empty `PATH`.
    fn find(
        &mut self,
        name: &str,
        given: &[(String, String)],
        cwd: &Path,
    ) -> Result<PathBuf, StepFailure> {
        if name.contains('/') {
            return Ok(cwd.join(name));
        }
        let path = self.path(given).to_owned();
        let key = (path, name.to_owned());
        if let Some(program) = self.found.get(&key) {
            return Ok(program.clone());
        }
        let mut refused = None;
        for folder in std::env::split_paths(&key.0).filter(|folder| folder.is_absolute()) {
            let candidate = folder.join(name);
            match check_program(&candidate) {
                Ok(()) => {
                    self.found.insert(key, candidate.clone());
                    return Ok(candidate);
                }
                Err(failure) if candidate.is_file() => {
                    refused.get_or_insert(failure);
                }
                Err(_) => {}
            }
        }
        Err(refused.unwrap_or_else(|| {
            config(format!(
                "program `{name}` is not found in PATH ({}): install it, or give its path",
                key.0.display()
            ))
        }))
    }

    fn path<'s>(&'s self, given: &'s [(String, String)]) -> &'s OsStr {
        let given = given.iter().rev().find(|(name, _)| name == "PATH");
        let inherited = || self.inherited.iter().find(|(name, _)| *name == "PATH");
        given
            .map(|(_, value)| OsStr::new(value))
            .or_else(|| inherited().map(|(_, value)| value.as_os_str()))
            .unwrap_or(OsStr::new(DEFAULT_PATH))
    }

    /// Says why a spawn failed, and forgets where the program was found.
    pub(crate) fn explain(&mut self, prepared: &Prepared, error: &io::Error) -> StepFailure {
        self.found.retain(|_, found| *found != prepared.program);
        let program = prepared.program.display();
        let errno = error.raw_os_error().map(Errno::from_raw_os_error);
        match errno {
            Some(Errno::AGAIN | Errno::NOMEM | Errno::MFILE | Errno::NFILE) => StepFailure::new(
                ErrorClass::TransientIo,
                format!("cannot start `{program}` for lack of resources: {error}"),
            ),
            Some(Errno::TXTBSY) => StepFailure::new(
                ErrorClass::TransientIo,
                format!("cannot start `{program}`: it is being written to"),
            ),
            Some(Errno::TOOBIG) => too_big(&prepared.command),
            Some(Errno::NOEXEC) => config(format!(
                "`{program}` is no program that this machine can run: a script needs a `#!` line"
            )),
            Some(Errno::NOENT | Errno::ACCESS | Errno::NOTDIR | Errno::LOOP) => {
                let found =
                    check_cwd(&prepared.cwd).and_then(|()| check_program(&prepared.program));
                found.err().unwrap_or_else(|| {
                    config(format!(
                        "cannot start `{program}`: {error}; is the interpreter in its `#!` line there?"
                    ))
                })
            }
            // The standard library's answer to a NUL byte.
            None if error.kind() == io::ErrorKind::InvalidInput => config(format!(
                "cannot start `{program}`: an argument or variable holds a NUL byte; read it from ROK_INPUTS"
            )),
            _ => StepFailure::new(
                ErrorClass::Unknown,
                format!("cannot start `{program}`: {error}"),
            ),
        }
    }
}

/// The variables that the plan sets, with secrets filled in.
fn revealed(work: &ProcessWork, secrets: &Secrets) -> Result<Vec<(String, String)>, StepFailure> {
    let values = match &work.program {
        Program::Shell { values, .. } => values.as_slice(),
        Program::Argv(_) => &[],
    };
    let mut out = Vec::with_capacity(work.env.len() + values.len());
    for (name, text) in work.env.iter().chain(values) {
        let value = text
            .reveal(|secret| secrets.get(secret.as_str()))
            .map_err(|missing| config(format!("variable `{name}`: {missing}")))?;
        out.push((name.clone(), value));
    }
    Ok(out)
}

/// The program's name and its arguments.
fn vector(program: &Program) -> Result<(&str, Vec<&str>), StepFailure> {
    match program {
        Program::Argv(argv) => match argv.split_first() {
            Some((name, args)) if !name.is_empty() => {
                Ok((name, args.iter().map(String::as_str).collect()))
            }
            _ => Err(config("`run` names no program: its first element is empty")),
        },
        Program::Shell {
            bash: false,
            script,
            ..
        } => Ok(("/bin/sh", vec!["-e", "-c", script])),
        Program::Shell {
            bash: true, script, ..
        } => Ok(("bash", vec!["-eo", "pipefail", "-c", script])),
    }
}

fn check_cwd(cwd: &Path) -> Result<(), StepFailure> {
    let fault = |why| Err(config(format!("working directory {} {why}", cwd.display())));
    if !cwd.is_absolute() {
        return fault("is not absolute");
    }
    match cwd.metadata() {
        Err(error) if error.kind() == io::ErrorKind::NotFound => fault("does not exist"),
        Err(error) => Err(config(format!(
            "working directory {}: {error}",
            cwd.display()
        ))),
        Ok(meta) if !meta.is_dir() => fault("is no folder"),
        Ok(_) if rustix::fs::access(cwd, Access::EXEC_OK).is_err() => fault("may not be entered"),
        Ok(_) => Ok(()),
    }
}

fn check_program(program: &Path) -> Result<(), StepFailure> {
    let fault = |why| Err(config(format!("program `{}` {why}", program.display())));
    match program.metadata() {
        Err(error) if error.kind() == io::ErrorKind::NotFound => fault("does not exist"),
        Err(error) => Err(config(format!("program `{}`: {error}", program.display()))),
        Ok(meta) if !meta.is_file() => fault("is no file"),
        Ok(_) if rustix::fs::access(program, Access::EXEC_OK).is_err() => {
            fault("is not executable: run `chmod +x` on it")
        }
        Ok(_) => Ok(()),
    }
}

fn too_big(command: &Command) -> StepFailure {
    let large = command.get_envs().find_map(|(name, value)| {
        (value?.len() + name.len() + 2 > MAX_STRING).then(|| name.display().to_string())
    });
    let what = large.map_or_else(
        || "the arguments and variables together are".to_owned(),
        |name| format!("variable `{name}` is"),
    );
    let is_piped = command.get_envs().any(|(name, _)| name == PIPED_FILE);
    let piped = if is_piped {
        ", and what was handed on from PIPE_INPUT_FILE"
    } else {
        ""
    };
    config(format!(
        "{what} larger than the system lets a process have; read values from ROK_INPUTS{piped}"
    ))
}

fn config(reason: impl Into<String>) -> StepFailure {
    StepFailure::new(ErrorClass::ConfigError, reason)
}

#[cfg(test)]
mod tests {
    use super::*;
    use rstest::rstest;

    #[rstest]
    #[case(Errno::AGAIN, ErrorClass::TransientIo, "for lack of resources")]
    #[case(Errno::NOMEM, ErrorClass::TransientIo, "for lack of resources")]
    #[case(Errno::MFILE, ErrorClass::TransientIo, "for lack of resources")]
    #[case(Errno::NFILE, ErrorClass::TransientIo, "for lack of resources")]
    #[case(Errno::TXTBSY, ErrorClass::TransientIo, "is being written to")]
    #[case(Errno::NOEXEC, ErrorClass::ConfigError, "a `#!` line")]
    #[case(Errno::NOENT, ErrorClass::ConfigError, "interpreter")]
    #[case(Errno::IO, ErrorClass::Unknown, "cannot start `/bin/sh`")]
    fn failed_spawns(#[case] errno: Errno, #[case] class: ErrorClass, #[case] part: &str) {
        let prepared = Prepared {
            command: Command::new("/bin/sh"),
            program: "/bin/sh".into(),
            cwd: "/".into(),
        };
        let error = io::Error::from_raw_os_error(errno.raw_os_error());
        let failure = Programs::new(None).explain(&prepared, &error);
        assert_eq!(failure.class, class);
        assert!(failure.reason.contains(part), "{failure}");
    }
}
