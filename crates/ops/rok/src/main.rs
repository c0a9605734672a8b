//! The `rok` binary: hands the terminal its wiring.

use rok::compose::{Host, runs};
use rok_executor::Functions;
use rok_service::Wiring;
use std::process::ExitCode;

fn main() -> ExitCode {
    rok_cli::run(Wiring::new(|settings| {
        runs(settings, Functions::new(), Host::Binary)
    }))
}
