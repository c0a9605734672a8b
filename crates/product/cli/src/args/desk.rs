//! `rok incidents …` and `rok lessons …`.

use clap::{Args, Subcommand};
use std::path::PathBuf;

#[derive(Debug, Args)]
#[command(args_conflicts_with_subcommands = true)]
pub(crate) struct IncidentsArgs {
    #[command(subcommand)]
    pub(crate) command: Option<IncidentCommand>,
    #[command(flatten)]
    pub(crate) filter: IncidentFilterArgs,
}

#[derive(Debug, Args)]
pub(crate) struct IncidentFilterArgs {
    /// Only in this status: open, acknowledged, resolved
    #[arg(long)]
    pub(crate) status: Option<String>,
    /// Only at least as bad: low, medium, high, critical
    #[arg(long)]
    pub(crate) severity: Option<String>,
    /// Only of this plan
    #[arg(long)]
    pub(crate) plan: Option<String>,
    /// Only of this run
    #[arg(long)]
    pub(crate) run: Option<String>,
}

#[derive(Debug, Subcommand)]
pub(crate) enum IncidentCommand {
    /// Lists incidents, the newest first
    List(IncidentFilterArgs),
    /// An incident, where it happened again, and what was done about it
    Show {
        /// The incident's id, or the beginning of one
        incident: String,
    },
    /// Says that somebody looks into it
    Acknowledge(HandleArgs),
    /// Says that it is over
    Resolve(HandleArgs),
}

#[derive(Debug, Args)]
pub(crate) struct HandleArgs {
    /// The incident's id, or the beginning of one
    pub(crate) incident: String,
    /// Why; the record keeps it
    #[arg(long)]
    pub(crate) reason: String,
}

#[derive(Debug, Args)]
#[command(args_conflicts_with_subcommands = true)]
pub(crate) struct LessonsArgs {
    #[command(subcommand)]
    pub(crate) command: Option<LessonCommand>,
    #[command(flatten)]
    pub(crate) filter: LessonFilterArgs,
}

#[derive(Debug, Args)]
pub(crate) struct LessonFilterArgs {
    /// Only in this state: pending, deferred, dismissed, converted_to_draft
    #[arg(long)]
    pub(crate) state: Option<String>,
    /// Only of this kind: failure, near_threshold, critical_success
    #[arg(long)]
    pub(crate) kind: Option<String>,
    /// Only of this plan
    #[arg(long)]
    pub(crate) plan: Option<String>,
    /// Only of this run
    #[arg(long)]
    pub(crate) run: Option<String>,
}

#[derive(Debug, Subcommand)]
pub(crate) enum LessonCommand {
    /// Lists lessons, the newest first
    List(LessonFilterArgs),
    /// A lesson, with the policy that it drafts, where it drafts one
    Show {
        /// The lesson's id, or the beginning of one
        lesson: String,
    },
    /// Not now
    Defer(DecideLessonArgs),
    /// Not at all
    Dismiss(DecideLessonArgs),
    /// Takes up its policy draft; nothing is in force by that
    Convert {
        #[command(flatten)]
        decide: DecideLessonArgs,
        /// A new file for the draft; default: it is printed
        #[arg(long, short, value_name = "FILE.cedar")]
        out: Option<PathBuf>,
    },
}

#[derive(Debug, Args)]
pub(crate) struct DecideLessonArgs {
    /// The lesson's id, or the beginning of one
    pub(crate) lesson: String,
    /// Why; the record keeps it
    #[arg(long)]
    pub(crate) reason: String,
}
