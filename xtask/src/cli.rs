//! The command line, and nothing behind it.

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::{Parser, Subcommand, ValueEnum};

use crate::check_layers::{check, explain, human, json, why};
use crate::gather::gather;
use crate::shell::{say, tell};
use crate::{bench, ci, docs, new_crate, test};

/// What is wrong with the question or the workspace, rather than with a layer.
const UNUSABLE: u8 = 2;

#[derive(Debug, Parser)]
#[command(name = "cargo xtask", about = "The workspace's own commands")]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Checks every import against layers.toml: 0 clean, 1 violations, 2 bad policy, 3 stale exception
    CheckLayers(CheckLayers),
    /// Runs every test; the runner's own summary comes last
    Test(test::Args),
    /// Runs exactly what CI runs, with the command that mends each failure
    Ci(ci::Args),
    /// Builds and runs the release benches, with the machine that they ran on
    Bench(bench::Args),
    /// Writes the documents that are made from code; --check compares
    Docs(docs::Args),
    /// Makes a crate in its floor's folder, classified and building
    NewCrate(new_crate::Args),
}

#[derive(Debug, clap::Args)]
struct CheckLayers {
    /// How to print
    #[arg(long, value_enum, default_value_t = Format::Human, global = true)]
    format: Format,
    #[command(subcommand)]
    question: Option<Question>,
}

#[derive(Debug, Subcommand)]
enum Question {
    /// Whether A may import B, which contract forbids it, and the path that leads there today
    Why {
        /// The importer
        from: String,
        /// What it would import
        to: String,
    },
    /// The same in an exit code: 0 if A may import B, 1 if not
    Can {
        /// The importer
        from: String,
        /// What it would import
        to: String,
    },
    /// What a contract says, why, and whom it governs
    Explain {
        /// Such as LYR007
        id: String,
    },
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Format {
    Human,
    Json,
}

/// Reads the arguments, runs the command, returns its exit code.
pub fn main() -> ExitCode {
    let cli = Cli::parse();
    let root = workspace_root();
    ExitCode::from(match cli.command {
        Command::CheckLayers(args) => check_layers(&root, &args),
        Command::Test(args) => u8::from(!test::run(&root, &args).ok),
        Command::Ci(args) => u8::from(!ci::run(&root, &args)),
        Command::Bench(args) => bench::run(&root, &args).map_or(UNUSABLE, |ran| u8::from(!ran.ok)),
        Command::Docs(args) => u8::from(!docs::run(&root, &args)),
        Command::NewCrate(args) => match new_crate::run(&root, &args) {
            Ok(text) => {
                say(&text);
                0
            }
            Err(error) => refuse(&error),
        },
    })
}

/// The folder above this crate's.
fn workspace_root() -> PathBuf {
    let here = Path::new(env!("CARGO_MANIFEST_DIR"));
    here.parent().unwrap_or(here).to_owned()
}

fn check_layers(root: &Path, args: &CheckLayers) -> u8 {
    let gathered = match gather(root) {
        Ok(gathered) => gathered,
        Err(error) => return refuse(&error),
    };
    let (graph, policy) = (&gathered.graph, &gathered.policy);
    match &args.question {
        None => {
            let report = check(graph, policy, gathered.today);
            say(&if args.format == Format::Json {
                json(&report)
            } else {
                human(&report)
            });
            report.exit_code
        }
        Some(Question::Why { from, to } | Question::Can { from, to }) => {
            match why(graph, policy, from, to) {
                Ok(answer) => {
                    say(&if args.format == Format::Json {
                        answer.json()
                    } else {
                        answer.human(policy)
                    });
                    let asks_for_code = matches!(args.question, Some(Question::Can { .. }));
                    u8::from(asks_for_code && !answer.allowed())
                }
                Err(error) => refuse(&error),
            }
        }
        Some(Question::Explain { id }) => match explain(graph, policy, id) {
            Ok(text) => {
                say(&text);
                0
            }
            Err(error) => refuse(&error),
        },
    }
}

fn refuse(error: &dyn std::error::Error) -> u8 {
    tell(&format!("error: {error}"));
    UNUSABLE
}
