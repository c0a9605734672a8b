//! The `rok` binary.

use std::process::ExitCode;

fn main() -> ExitCode {
    rok::program()
}
