//! `rok schedule …`.

use clap::{Args, Subcommand};
use std::path::PathBuf;

#[derive(Debug, Subcommand)]
pub(crate) enum ScheduleCommand {
    /// Schedules: when they are due next, what was fired of late, what was skipped and why
    List {
        /// Only this one
        schedule: Option<String>,
    },
    /// Adds a schedule from its file, or replaces the one with its id
    Add {
        /// The schedule file, YAML, JSON or TOML
        file: PathBuf,
    },
    /// Moves the schedules of the folder `dir` into the database of --store
    Import,
    /// Fires nothing until it is unpaused
    Pause {
        /// The schedule
        schedule: String,
        /// Why
        #[arg(long)]
        reason: Option<String>,
    },
    /// Lets a paused schedule go on; what fell due meanwhile is skipped
    Unpause {
        /// The schedule
        schedule: String,
    },
    /// Fires a schedule now, paused or not
    Trigger(TriggerArgs),
    /// Fires for each due time of a range that is over, one after another
    Backfill(BackfillArgs),
    /// Removes a schedule; its runs are not touched
    Remove {
        /// The schedule
        schedule: String,
    },
    /// When schedules are due next
    Next {
        /// Only this one
        schedule: Option<String>,
        /// So many
        #[arg(long, short = 'n', value_name = "N", default_value_t = 10,
            value_parser = clap::value_parser!(u16).range(1..=1000))]
        count: u16,
    },
    /// Does what is due, and runs it to its end; for cron or systemd, where no server does
    Tick {
        /// Goes on until then: 8h, or 2026-02-16T00:00:00Z
        #[arg(long, value_name = "TIME")]
        until: Option<String>,
        /// Exits with 1 where an outcome is partial
        #[arg(long)]
        strict: bool,
    },
}

#[derive(Debug, Args)]
pub(crate) struct TriggerArgs {
    /// The schedule
    pub(crate) schedule: String,
    /// Only for this item of its `for_each`
    #[arg(long = "item", value_name = "ITEM")]
    pub(crate) items: Vec<String>,
    /// Why
    #[arg(long)]
    pub(crate) reason: Option<String>,
}

#[derive(Debug, Args)]
pub(crate) struct BackfillArgs {
    /// The schedule
    pub(crate) schedule: String,
    /// The first instant, such as 2026-02-16T00:00:00Z
    #[arg(long, value_name = "INSTANT")]
    pub(crate) from: String,
    /// What is due at this or after it is left out
    #[arg(long, value_name = "INSTANT")]
    pub(crate) until: String,
    /// Why
    #[arg(long)]
    pub(crate) reason: Option<String>,
}
