//! The command line, and nothing behind it.

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::{Parser, Subcommand, ValueEnum};

use crate::check_layers::{
    AskError, check, dot, explain, github, human, json, mermaid, sarif, svg, why,
};
use crate::gather::{Gathered, gather};
use crate::shell::{say, tell};
use crate::{bench, ci, docs, new_crate, parity, test, verifier};

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
    /// Installs the public Python libraries that a test checks attestations by; `test` does so itself
    Verifier,
    /// Runs exactly what CI runs, with the command that mends each failure
    Ci(ci::Args),
    /// Plants faults in a clone, and compares what `cargo xtask ci` and `rok orch --stage ci` say of each
    Parity(parity::Args),
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
    #[arg(long, value_enum, default_value_t = Format::Human)]
    format: Format,
    #[command(subcommand)]
    question: Option<Question>,
}

#[derive(Debug, Subcommand)]
enum Question {
    /// Whether A may import B, which contract forbids it, and the path that leads there today
    Why(Pair),
    /// The same with an exit code: 0 if A may ship with B, 1 if not
    Can(Pair),
    /// What a contract says, why, and whom it governs
    Explain {
        /// Such as LYR007
        id: String,
    },
    /// The crates and their edges as a picture
    Graph {
        /// For which program
        #[arg(long, value_enum, default_value_t = Drawing::Mermaid)]
        format: Drawing,
    },
}

#[derive(Debug, clap::Args)]
struct Pair {
    /// The importer
    from: String,
    /// What it would import
    to: String,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Format {
    Human,
    Json,
    Github,
    Sarif,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Drawing {
    Mermaid,
    Dot,
    Svg,
}

/// Reads the arguments, runs the command, returns its exit code.
pub fn main() -> ExitCode {
    let cli = Cli::parse();
    let root = workspace_root();
    ExitCode::from(match cli.command {
        Command::CheckLayers(args) => check_layers(&root, &args),
        Command::Test(args) => u8::from(!test::run(&root, &args).ok),
        Command::Verifier => match verifier::prepare(&root) {
            Ok(()) => 0,
            Err(why) => {
                tell(&format!("error: {why}"));
                1
            }
        },
        Command::Ci(args) => u8::from(!ci::run(&root, &args)),
        Command::Parity(args) => match parity::run(&root, &args) {
            Ok(alike) => u8::from(!alike),
            Err(why) => {
                tell(&format!("error: {why}"));
                UNUSABLE
            }
        },
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

/// The folder above this crate's, as cargo gives it at run time: with a target
/// folder that several checkouts share, the one at compile time may be another's.
fn workspace_root() -> PathBuf {
    let here = std::env::var_os("CARGO_MANIFEST_DIR")
        .map_or_else(|| PathBuf::from(env!("CARGO_MANIFEST_DIR")), PathBuf::from);
    here.parent().map_or_else(|| here.clone(), Path::to_owned)
}

fn check_layers(root: &Path, args: &CheckLayers) -> u8 {
    let gathered = match gather(root) {
        Ok(gathered) => gathered,
        Err(error) => return refuse(&error),
    };
    let (graph, policy) = (&gathered.graph, &gathered.policy);
    let answered = match &args.question {
        None => {
            let report = check(graph, policy, gathered.today);
            say(&match args.format {
                Format::Human => human(&report),
                Format::Json => json(&report),
                Format::Github => github(&report),
                Format::Sarif => sarif(&report),
            });
            return report.exit_code;
        }
        Some(Question::Why(pair)) => ask(&gathered, pair).map(|_| 0),
        Some(Question::Can(pair)) => ask(&gathered, pair).map(|allowed| u8::from(!allowed)),
        Some(Question::Explain { id }) => explain(graph, policy, id).map(|text| {
            say(&text);
            0
        }),
        Some(Question::Graph { format }) => {
            say(&match format {
                Drawing::Mermaid => mermaid(graph, policy),
                Drawing::Dot => dot(graph, policy),
                Drawing::Svg => svg(graph, policy),
            });
            Ok(0)
        }
    };
    answered.unwrap_or_else(|error| refuse(&error))
}

/// Says whether one may import the other, and returns it.
fn ask(gathered: &Gathered, pair: &Pair) -> Result<bool, AskError> {
    let answer = why(&gathered.graph, &gathered.policy, &pair.from, &pair.to)?;
    say(&if pair.json {
        answer.json()
    } else {
        answer.human(&gathered.policy)
    });
    Ok(answer.allowed())
}

fn refuse(error: &dyn std::error::Error) -> u8 {
    tell(&format!("error: {error}"));
    UNUSABLE
}
