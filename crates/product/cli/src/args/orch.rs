//! `rok orch …`.

use super::pair;
use clap::{Args, Subcommand, ValueEnum};
use std::path::PathBuf;

#[derive(Debug, Args)]
#[command(args_conflicts_with_subcommands = true)]
pub(crate) struct OrchArgs {
    #[command(subcommand)]
    pub(crate) command: Option<OrchCommand>,
    #[command(flatten)]
    pub(crate) stage: StageArgs,
}

#[derive(Debug, Subcommand)]
pub(crate) enum OrchCommand {
    /// Lets every commit of the repository here be checked by the stage pre-commit
    InstallHook,
    /// Has commits checked no more by the components of a folder
    UninstallHook {
        /// The folder, seen from the top of the work tree; `.` is the top [default: that of the components here]
        folder: Option<String>,
    },
    /// Prints the JSON Schema of reports
    Schema,
    /// Tells once more what came of a run of a stage, from its record
    Report {
        /// The run
        run: String,
        /// human, json, yaml, junit, sarif or github [default: human on a terminal, else json]
        #[arg(long, value_name = "FORMAT")]
        format: Option<String>,
        /// Exits with 1 where the status is partial
        #[arg(long)]
        strict: bool,
    },
    /// What operators are told of a run, a JSON line each
    Events {
        /// The run
        run: String,
    },
}

#[derive(Debug, Args)]
pub(crate) struct StageArgs {
    /// pre-commit, ci, test, pipeline or registry
    #[arg(long, required = true, value_name = "STAGE")]
    pub(crate) stage: Option<String>,
    /// Only components with all of these tags
    #[arg(long, value_name = "TAG", value_delimiter = ',')]
    pub(crate) tags: Vec<String>,
    /// Only such components: type=validator,lifecycle=canary
    #[arg(long = "filter", value_name = "KEY=VALUE,…")]
    pub(crate) filters: Vec<String>,
    /// Only components with such a name: fmt, 'check-*', fmt@^1
    #[arg(long = "name", value_name = "GLOB", value_delimiter = ',')]
    pub(crate) names: Vec<String>,
    /// The first component of a pipeline; of a replay, the one that it begins with
    #[arg(long, value_name = "COMPONENT")]
    pub(crate) from: Option<String>,
    /// The next component of a pipeline
    #[arg(long, value_name = "COMPONENT", requires = "from")]
    pub(crate) to: Vec<String>,
    /// How components are carried out [default: sync; of the stage ci, async]
    #[arg(long, value_enum)]
    pub(crate) mode: Option<StageMode>,
    /// The same as --mode dry-run
    #[arg(long)]
    pub(crate) dry_run: bool,
    /// human, json, yaml, junit, sarif or github [default: human on a terminal, else json]
    #[arg(long, value_name = "FORMAT")]
    pub(crate) format: Option<String>,
    /// Lets drafts run, too
    #[arg(long)]
    pub(crate) allow_draft: bool,
    /// How long all of it may take: 90s, 10m
    #[arg(long, value_name = "TIME")]
    pub(crate) timeout: Option<String>,
    /// Only what concerns the files that are staged [default of pre-commit]
    #[arg(long, conflicts_with_all = ["files", "all_files"])]
    pub(crate) staged: bool,
    /// Only what concerns these files
    #[arg(long, value_name = "FILE", num_args = 1.., conflicts_with = "all_files")]
    pub(crate) files: Vec<String>,
    /// Whatever the files
    #[arg(long)]
    pub(crate) all_files: bool,
    /// An input of components, read by its declared type
    #[arg(long = "input", short = 'i', value_name = "NAME=VALUE", value_parser = pair)]
    pub(crate) inputs: Vec<(String, String)>,
    /// What all of it may use up: max_cost_usd=5, max_energy_kwh=1, max_steps=40, max_time=1h
    #[arg(long = "budget", value_name = "NAME=VALUE", value_parser = pair)]
    pub(crate) budget: Vec<(String, String)>,
    /// A file with secret values, mode 0600
    #[arg(long, value_name = "FILE")]
    pub(crate) secrets: Option<PathBuf>,
    /// The run's id, its key in every domain; default: a new one that sorts by time
    #[arg(long, value_name = "ID")]
    pub(crate) correlation_id: Option<String>,
    /// Why
    #[arg(long)]
    pub(crate) reason: Option<String>,
    /// The run that is executed anew, with --mode replay
    #[arg(long, value_name = "RUN")]
    pub(crate) replay: Option<String>,
    /// Of the stage registry: list, validate, inspect=NAME, add=FILE or remove=NAME
    #[arg(long, value_name = "ACTION")]
    pub(crate) action: Option<String>,
    /// Exits with 1 where the status is partial
    #[arg(long)]
    pub(crate) strict: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum StageMode {
    /// One component at a time
    Sync,
    /// As many at once as there are places
    Async,
    /// Tells what would run and why, and changes nothing
    DryRun,
    /// One at a time, no retries; then what each took and used
    Profile,
    /// A run anew, with recorded results for what comes before --from
    Replay,
}
