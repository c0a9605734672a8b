//! The `rok` binary: hands the terminal its wiring.

use rok::compose::{
    Host, access, beside, desk, orchestrators, plan_tests, pooled, runs, schedules,
};
use rok_executor::Functions;
use rok_sandbox::{LAUNCH, launch};
use rok_service::Wiring;
use std::process::ExitCode;

fn main() -> ExitCode {
    let mut arguments = std::env::args_os();
    if arguments.nth(1).is_some_and(|first| first == LAUNCH) {
        return launch(arguments);
    }
    let wiring = Wiring::new(|settings| runs(settings, Functions::new(), Host::Binary));
    let wiring = wiring.schedules(schedules).beside(beside).desk(desk);
    let wiring = wiring.orchestrators(orchestrators);
    let wiring = wiring.pool(|settings, ask| pooled(settings, Functions::new(), Host::Binary, ask));
    rok_cli::run(wiring.plan_tests(plan_tests()).access(access))
}
