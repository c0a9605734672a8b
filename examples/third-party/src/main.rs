//! `acme`: a `rok` under another name. It is also what starts the steps that
//! ask for a sandbox, where rok is embedded.

use std::process::ExitCode;

fn main() -> ExitCode {
    rok::program()
}
