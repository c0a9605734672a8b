//! The `rok` program: hands the terminal its wiring. What the binary is made of
//! is added here.

use crate::compose::{
    Agents, Host, OneByOne, access, beside, desk, doctor, orchestrators, plan_tests, policies,
    pooled, registry, runs, schedules,
};
use rok_executor::Functions;
use rok_sandbox::{LAUNCH, launch};
use rok_service::Wiring;
use std::process::ExitCode;

/// Runs the command line of this process, as the `rok` binary does.
#[must_use]
pub fn program() -> ExitCode {
    let mut arguments = std::env::args_os();
    if arguments.nth(1).is_some_and(|first| first == LAUNCH) {
        return launch(arguments);
    }
    let agents = Agents::new();
    let of_runs = agents.clone();
    let wiring =
        Wiring::new(move |settings| runs(settings, Functions::new(), &of_runs, Host::Binary));
    let wiring = wiring
        .schedules(schedules)
        .beside(beside)
        .desk(desk)
        .policies(policies)
        .doctor(doctor)
        .registry(registry);
    let wiring = wiring.orchestrators(orchestrators);
    let of_pool = agents.clone();
    let wiring = wiring
        .pool(move |settings, ask| pooled(settings, Functions::new(), &of_pool, Host::Binary, ask));
    let wiring = wiring.executors(OneByOne::new(agents.clone(), Host::Binary));
    let wiring = wiring.agents(move |settings| agents.facade(settings));
    rok_cli::run(wiring.plan_tests(plan_tests()).access(access))
}
