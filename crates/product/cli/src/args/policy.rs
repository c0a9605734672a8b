//! `rok policy …`.

use super::pair;
use clap::{Args, Subcommand};
use std::path::PathBuf;

#[derive(Debug, Subcommand)]
pub(crate) enum PolicyCommand {
    /// Checks policies; with --plan tells what each action would be decided to
    Check {
        /// Policy files, or folders of them [default: the configured ones]
        files: Vec<PathBuf>,
        #[command(flatten)]
        ask: PolicyAskArgs,
    },
    /// What an action would be decided to, and which policies decide it
    Explain {
        /// run, approve, reject, override, cancel, rollback, pause, hold or complete
        action: String,
        #[command(flatten)]
        ask: PolicyAskArgs,
    },
}

#[derive(Debug, Args)]
pub(crate) struct PolicyAskArgs {
    /// The plan's id
    #[arg(long)]
    pub(crate) plan: Option<String>,
    /// Who asks: user:NAME or NAME [default: you]
    #[arg(long = "as", value_name = "ACTOR")]
    pub(crate) actor: Option<String>,
    /// A role of theirs
    #[arg(long = "role", value_name = "ROLE", value_delimiter = ',')]
    pub(crate) roles: Vec<String>,
    /// Who submitted the run [default: whoever asks]
    #[arg(long, value_name = "ACTOR")]
    pub(crate) submitter: Option<String>,
    /// An input of the run
    #[arg(long = "input", short, value_name = "NAME=VALUE", value_parser = pair)]
    pub(crate) inputs: Vec<(String, String)>,
    /// A label of the run
    #[arg(long = "label", value_name = "NAME=VALUE", value_parser = pair)]
    pub(crate) labels: Vec<(String, String)>,
    /// The step that it is about
    #[arg(long)]
    pub(crate) step: Option<String>,
    /// The reason that is given
    #[arg(long)]
    pub(crate) reason: Option<String>,
    /// How the run ended, for `complete` [default: succeeded]
    #[arg(long)]
    pub(crate) outcome: Option<String>,
    /// The door of a server (`access_policies`), in place of what governs runs
    #[arg(long)]
    pub(crate) access: bool,
}
