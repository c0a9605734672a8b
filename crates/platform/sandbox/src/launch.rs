//! `rok __exec`: the confinement is laid on this process, which then becomes
//! the program.

use crate::confinement::{Confinement, Refusal};
use crate::offer::Offer;
use crate::paths::Paths;
use crate::{calls, files, limits, privileges};
use std::ffi::{OsStr, OsString};
use std::fs::{File, OpenOptions};
use std::io::{self, Write as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::os::unix::process::CommandExt as _;
use std::path::Path;
use std::process::{Command, ExitCode};

/// The first argument of a program that is to [`launch`].
pub const LAUNCH: &str = "__exec";

/// What a refused launch exits with. The reason is in the refusal's file, which
/// alone is believed.
const REFUSED: u8 = 126;

/// Lays on the confinement that the arguments after [`LAUNCH`] say, and becomes
/// the program: `ORDER PROGRAM ARG0 ARGS…`. Returns only when that is refused.
pub fn launch(arguments: impl Iterator<Item = OsString>) -> ExitCode {
    let arguments: Vec<OsString> = arguments.collect();
    let told = match read(&arguments) {
        Ok((order, program, rest)) => {
            let mut file = None;
            let refusal = match refusal_file(&order) {
                Ok(found) => {
                    file = found;
                    confine_and_become(&order, program, rest)
                }
                Err(refusal) => refusal,
            };
            if tell(file.as_mut(), &refusal) {
                return ExitCode::from(REFUSED);
            }
            refusal.reason
        }
        Err(why) => why,
    };
    // There is nobody else to tell.
    let _ = writeln!(io::stderr(), "{told}");
    ExitCode::from(REFUSED)
}

fn read(arguments: &[OsString]) -> Result<(Confinement, &OsStr, &[OsString]), String> {
    let [order, program, rest @ ..] = arguments else {
        return Err(format!(
            "`{LAUNCH}` is how rok starts a step in a sandbox: `sandbox` in a plan asks for it"
        ));
    };
    let order = order.to_str().ok_or("the confinement is no text")?;
    let order = serde_json::from_str(order).map_err(|error| format!("the confinement: {error}"))?;
    Ok((order, program, rest))
}

/// Opened before anything is laid on, closed when the program begins: no
/// program can write to it.
fn refusal_file(order: &Confinement) -> Result<Option<File>, Refusal> {
    let Some(path) = &order.refusal else {
        return Ok(None);
    };
    let file = OpenOptions::new()
        .write(true)
        .create(true)
        .truncate(true)
        .mode(0o600)
        .open(path);
    file.map(Some)
        .map_err(|error| Refusal::setup(format!("its sandbox: {}: {error}", path.display())))
}

fn tell(file: Option<&mut File>, refusal: &Refusal) -> bool {
    let text = serde_json::to_vec(refusal).expect("a refusal is plain data");
    file.is_some_and(|file| file.write_all(&text).is_ok())
}

fn confine_and_become(order: &Confinement, program: &OsStr, rest: &[OsString]) -> Refusal {
    match confine(order, Path::new(program)) {
        Err(refusal) => refusal,
        Ok(limits) => {
            let mut command = Command::new(program);
            if let [name, args @ ..] = rest {
                command.arg0(name).args(args);
            }
            if let Err(refusal) = limits.lay_on() {
                return refusal;
            }
            not_started(program, &command.exec())
        }
    }
}

/// All but the limits, which come last: they hold for what is done here too.
fn confine(order: &Confinement, program: &Path) -> Result<limits::Ready, Refusal> {
    let lacks = Offer::of_this_machine().lacks(order);
    if !lacks.is_empty() {
        return Err(Refusal::machine(lacks.join("; ")));
    }
    let paths = Paths::open(order, program)?;
    let rules = files::rules(&paths, &order.reach)?;
    let filters = calls::prepare(order)?;
    let limits = limits::prepare(&order.limits);
    drop(paths);
    privileges::none_new()?;
    privileges::give_up()?;
    files::lay_on(rules)?;
    // Whatever this process was started with, the standard streams aside.
    close_fds::set_fds_cloexec(3, &[]);
    filters.lay_on()?;
    Ok(limits)
}

fn not_started(program: &OsStr, error: &io::Error) -> Refusal {
    let program = program.display();
    match error.kind() {
        io::ErrorKind::PermissionDenied => Refusal::setup(format!(
            "cannot start `{program}`: {error}; is it executable, and does its sandbox let it, or the \
             interpreter in its `#!` line, be read? Name its folder in `read`"
        )),
        _ => Refusal::setup(format!("cannot start `{program}` in its sandbox: {error}")),
    }
}
