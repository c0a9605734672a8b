//! Benchmarks of rok that anyone can run: `cargo xtask bench`.
//!
//! Prints the machine, the versions and the settings, then a table for each
//! bench: median and range of several repetitions, processor time, and the goal
//! where there is one. Peers run in the same session, turn by turn with rok.
//! A goal that is missed is shown and is no failure: only a bench that cannot
//! do its work fails.

mod args;
mod benches;
mod command;
mod load;
mod machine;
mod measure;
mod place;
mod pool;
mod report;
mod schedule;
mod server;
mod world;

use crate::args::Args;
use crate::report::Report;
use clap::Parser;
use rok::compose::{self, Agents, Host};
use rok_service::Wiring;
use std::io::{self, Write};
use std::process::ExitCode;

fn main() -> ExitCode {
    if std::env::var_os(server::AS_ROK).is_some() {
        return as_rok();
    }
    let args = Args::parse();
    match run(&args) {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => {
            // Nobody is left to tell when stderr is closed.
            let _ = writeln!(io::stderr(), "error: {error}");
            ExitCode::FAILURE
        }
    }
}

/// `rok`, with the steps' functions.
fn as_rok() -> ExitCode {
    let agents = Agents::new();
    let of_runs = agents.clone();
    let wiring = Wiring::new(move |settings| {
        compose::runs(settings, world::functions(), &of_runs, Host::Binary)
    });
    let wiring = wiring.pool(move |settings, ask| {
        compose::pooled(settings, world::functions(), &agents, Host::Binary, ask)
    });
    rok_cli::run(wiring.access(compose::access))
}

/// Runs the benches that were asked for; false when one could not do its work.
fn run(args: &Args) -> io::Result<bool> {
    let place = place::Place::open(args.dir.as_deref())?;
    let mut out = io::stdout();
    let mut report = Report::new(machine::look(&place, args));
    write!(out, "{}", report.head())?;
    for bench in args.benches() {
        writeln!(out, "\n## {bench}: {}\n", bench.about())?;
        out.flush()?;
        let table = benches::run(bench, args, &place);
        write!(out, "{table}")?;
        report.add(table);
    }
    if let Some(file) = &args.json {
        std::fs::write(file, report.to_json()?)?;
    }
    Ok(report.is_whole())
}
