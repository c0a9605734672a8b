//! The `rok` program, built beside the agent, so that tests of this example run
//! the real one.

use std::process::ExitCode;

fn main() -> ExitCode {
    rok::program()
}
