//! What drives runs and decides about them.

use super::pair;
use clap::{Args, Subcommand, ValueEnum};
use std::path::PathBuf;

#[derive(Debug, Args)]
pub(crate) struct RunArgs {
    /// A plan file, or the id of a built-in plan
    pub(crate) plan: String,
    /// An input, read by its declared type
    #[arg(long = "input", short = 'i', value_name = "NAME=VALUE", value_parser = pair)]
    pub(crate) inputs: Vec<(String, String)>,
    /// A YAML, JSON or TOML file with inputs
    #[arg(long = "inputs", value_name = "FILE")]
    pub(crate) inputs_file: Option<PathBuf>,
    /// A label of this run
    #[arg(long = "label", value_name = "NAME=VALUE", value_parser = pair)]
    pub(crate) labels: Vec<(String, String)>,
    /// The run's id; default: a new one that sorts by time
    #[arg(long, value_name = "ID")]
    pub(crate) run_id: Option<String>,
    /// Why
    #[arg(long)]
    pub(crate) reason: Option<String>,
    /// A file with secret values, mode 0600
    #[arg(long, value_name = "FILE")]
    pub(crate) secrets: Option<PathBuf>,
    /// Exits with 1 where the outcome is partial; a later `resume` asks for itself
    #[arg(long)]
    pub(crate) strict: bool,
    /// Stays while the run waits for a decision
    #[arg(long)]
    pub(crate) wait: bool,
    /// Runs every step: no result is taken from an earlier run
    #[arg(long)]
    pub(crate) no_cache: bool,
    /// Its rank among the runs that wait, -100 to 100, under `rok serve`;
    /// default: the plan's
    #[arg(long, value_name = "RANK", allow_negative_numbers = true, value_parser = clap::value_parser!(i8).range(-100..=100))]
    pub(crate) priority: Option<i8>,
    /// A run for each item of a list of inputs: JSON, JSONL, YAML or CSV
    #[arg(long, value_name = "FILE", conflicts_with_all = ["inputs", "inputs_file", "run_id"])]
    pub(crate) batch: Option<PathBuf>,
    /// The batch's id: given again, the batch goes on and runs no item twice
    #[arg(long, value_name = "ID", requires = "batch")]
    pub(crate) batch_id: Option<String>,
    /// So many of its runs at once; default: the number of processors
    #[arg(long, value_name = "N", requires = "batch", value_parser = clap::value_parser!(u16).range(1..=256))]
    pub(crate) max_runs: Option<u16>,
    /// How steps are carried out
    #[arg(long, value_enum, default_value_t = Mode::Async)]
    pub(crate) mode: Mode,
    /// Not supported yet
    #[arg(long, hide = true)]
    pub(crate) detach: bool,
}

#[derive(Debug, Subcommand)]
pub(crate) enum BatchCommand {
    /// Shows a batch and how each of its runs stands
    Show {
        /// Its id, as `rok run --batch` tells it
        id: String,
    },
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Mode {
    /// One step at a time
    Sync,
    /// As many at once as the plan allows
    Async,
    /// Tells what would happen, and changes nothing
    DryRun,
    /// One step at a time, no retries; then what each step took and used
    Profile,
}

#[derive(Debug, Args)]
pub(crate) struct ResumeArgs {
    /// The run
    pub(crate) run: String,
    /// Only tells whether and from where
    #[arg(long, conflicts_with_all = ["reason", "wait", "secrets", "strict"])]
    pub(crate) check: bool,
    /// Why
    #[arg(long)]
    pub(crate) reason: Option<String>,
    /// A file with secret values, mode 0600
    #[arg(long, value_name = "FILE")]
    pub(crate) secrets: Option<PathBuf>,
    /// Exits with 1 where the outcome is partial
    #[arg(long)]
    pub(crate) strict: bool,
    /// Stays while the run waits for a decision
    #[arg(long)]
    pub(crate) wait: bool,
}

#[derive(Debug, Args)]
pub(crate) struct RollbackArgs {
    /// The run
    pub(crate) run: String,
    /// Why
    #[arg(long)]
    pub(crate) reason: Option<String>,
    /// A step that was undone by hand: its compensation does not run
    #[arg(long, value_name = "STEP")]
    pub(crate) done: Vec<String>,
    /// A step that is not idempotent, and whose interrupted compensation runs again
    #[arg(long, value_name = "STEP")]
    pub(crate) again: Vec<String>,
    /// A file with secret values, mode 0600
    #[arg(long, value_name = "FILE")]
    pub(crate) secrets: Option<PathBuf>,
}

#[derive(Debug, Args)]
pub(crate) struct ReplayArgs {
    /// The run
    pub(crate) run: String,
    /// A new run that executes this step and all that come after it anew; the
    /// others take their recorded results
    #[arg(long, value_name = "STEP")]
    pub(crate) from: Option<String>,
    /// The replay's id; default: a new one that sorts by time
    #[arg(long, value_name = "ID", requires = "from")]
    pub(crate) run_id: Option<String>,
    /// Why
    #[arg(long, requires = "from")]
    pub(crate) reason: Option<String>,
    /// A file with secret values, mode 0600
    #[arg(long, value_name = "FILE", requires = "from")]
    pub(crate) secrets: Option<PathBuf>,
    /// Stays while the replay waits for a decision
    #[arg(long, requires = "from")]
    pub(crate) wait: bool,
}

#[derive(Debug, Args)]
pub(crate) struct CancelArgs {
    /// The run
    pub(crate) run: String,
    /// Why
    #[arg(long)]
    pub(crate) reason: Option<String>,
}

#[derive(Debug, Args)]
pub(crate) struct DecideArgs {
    /// The run
    pub(crate) run: String,
    /// The step that waits
    pub(crate) step: String,
    /// Why; it stands in the record
    #[arg(long)]
    pub(crate) reason: String,
}

#[derive(Debug, Args)]
pub(crate) struct OverrideArgs {
    /// The run
    pub(crate) run: String,
    /// The hard gate that failed
    pub(crate) step: String,
    /// Why; it stands in the record for ever
    #[arg(long)]
    pub(crate) reason: String,
}

#[derive(Debug, Args)]
pub(crate) struct PauseArgs {
    /// The run
    pub(crate) run: String,
    /// Why
    #[arg(long)]
    pub(crate) reason: Option<String>,
}
