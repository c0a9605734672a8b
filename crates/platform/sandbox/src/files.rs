//! Landlock: files, TCP ports, signals, sockets without a name in a folder.

use crate::confinement::{Reach, Refusal};
use crate::paths::{Opened, Paths};
use landlock::{
    ABI, Access as _, AccessFs, AccessNet, BitFlags, CompatLevel, Compatible as _, NetPort,
    PathBeneath, Ruleset, RulesetAttr as _, RulesetCreated, RulesetCreatedAttr as _, RulesetError,
    RulesetStatus, Scope,
};

/// What is asked of the kernel, all of it.
const ASKED: ABI = ABI::V6;

/// Makes the rules; nothing is confined yet.
pub(crate) fn rules(paths: &Paths, reach: &Reach) -> Result<RulesetCreated, Refusal> {
    make(paths, reach)
        .map_err(|error| Refusal::machine(format!("the kernel's Landlock cannot do it: {error}")))
}

/// Confines this thread, the only one, for ever.
pub(crate) fn lay_on(rules: RulesetCreated) -> Result<(), Refusal> {
    let status = rules.restrict_self();
    let status = status.map_err(|error| Refusal::machine(format!("Landlock: {error}")))?;
    if status.ruleset == RulesetStatus::FullyEnforced {
        return Ok(());
    }
    Err(Refusal::machine(
        "the kernel lays only a part of the rules on (Landlock)",
    ))
}

fn make(paths: &Paths, reach: &Reach) -> Result<RulesetCreated, RulesetError> {
    let ruleset = Ruleset::default()
        .set_compatibility(CompatLevel::HardRequirement)
        .handle_access(AccessFs::from_all(ASKED))?
        .scope(Scope::from_all(ASKED))?;
    let mut rules = match reach {
        Reach::Anybody => ruleset.create()?,
        Reach::Nobody | Reach::Ports { .. } => ruleset
            .handle_access(AccessNet::from_all(ASKED))?
            .create()?,
    };
    let readable = AccessFs::from_read(ASKED);
    // Nobody makes devices.
    let changeable = AccessFs::from_all(ASKED) & !(AccessFs::MakeChar | AccessFs::MakeBlock);
    let device = AccessFs::ReadFile | AccessFs::WriteFile | AccessFs::Truncate;
    for (opened, access) in [
        (&paths.read, readable),
        (&paths.write, changeable),
        (&paths.devices, device),
    ] {
        for path in opened {
            rules = rules.add_rule(PathBeneath::new(&path.fd, fitting(path, access)))?;
        }
    }
    if let Reach::Ports { connect, bind } = reach {
        for port in connect {
            rules = rules.add_rule(NetPort::new(*port, AccessNet::ConnectTcp))?;
        }
        for port in bind {
            rules = rules.add_rule(NetPort::new(*port, AccessNet::BindTcp))?;
        }
    }
    Ok(rules)
}

/// A file has no rights of a folder.
fn fitting(path: &Opened, access: BitFlags<AccessFs>) -> BitFlags<AccessFs> {
    if path.is_folder {
        access
    } else {
        access & AccessFs::from_file(ASKED)
    }
}
