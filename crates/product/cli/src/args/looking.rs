//! What looks at runs and draws them.

use super::pair;
use clap::{Args, ValueEnum};
use std::path::PathBuf;

#[derive(Debug, Args)]
pub(crate) struct StatusArgs {
    /// The run
    pub(crate) run: String,
    /// A step; of a fan-out, with its children
    pub(crate) step: Option<String>,
}

#[derive(Debug, Args)]
pub(crate) struct SummaryArgs {
    /// The run
    pub(crate) run: String,
    /// With every child of every fan-out
    #[arg(long)]
    pub(crate) all: bool,
}

#[derive(Debug, Args)]
pub(crate) struct ProfileArgs {
    /// The run
    pub(crate) run: String,
}

#[derive(Debug, Args)]
pub(crate) struct EventsArgs {
    /// The run
    pub(crate) run: String,
    /// Only the last so many that match
    #[arg(long, short = 'n', value_name = "N")]
    pub(crate) tail: Option<usize>,
    /// Goes on until the run is closed
    #[arg(long, short)]
    pub(crate) follow: bool,
    /// Only from this `seq` on, to go on where a reader stopped
    #[arg(long, value_name = "SEQ")]
    pub(crate) from: Option<u64>,
    /// The form; default: human on a terminal, else jsonl
    #[arg(long, value_enum)]
    pub(crate) format: Option<EventFormat>,
    /// Only this type; `step.*` stands for all that begin so
    #[arg(long = "type", value_name = "TYPE", value_delimiter = ',')]
    pub(crate) types: Vec<String>,
    /// Only this step
    #[arg(long = "step", value_name = "STEP", value_delimiter = ',')]
    pub(crate) steps: Vec<String>,
}

/// How events are shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum EventFormat {
    /// A line for people
    Human,
    /// The log's own lines
    Jsonl,
    /// What happened in few tokens, a JSON object a line
    Compact,
    /// The log's lines as YAML documents
    Yaml,
    /// Server-sent events
    Sse,
    /// CloudEvents 1.0, a JSON object a line
    Cloudevents,
}

#[derive(Debug, Args)]
pub(crate) struct LogsArgs {
    /// The run
    pub(crate) run: String,
    /// The step
    pub(crate) step: String,
    /// The attempt, from 0; default: the last
    #[arg(long, value_name = "N")]
    pub(crate) attempt: Option<u32>,
    /// What its compensation printed
    #[arg(long)]
    pub(crate) compensation: bool,
    /// Only the last so many lines
    #[arg(long, short = 'n', value_name = "N")]
    pub(crate) tail: Option<usize>,
    /// Goes on while the step runs
    #[arg(long, short)]
    pub(crate) follow: bool,
}

#[derive(Debug, Args)]
pub(crate) struct LsArgs {
    /// Only runs with this status, phase or outcome
    #[arg(long, value_name = "STATUS", value_delimiter = ',')]
    pub(crate) status: Vec<String>,
    /// Only runs of this plan
    #[arg(long, value_name = "ID")]
    pub(crate) plan: Option<String>,
    /// Only runs created since: 24h, 7d, or 2026-02-16T00:00:00Z
    #[arg(long, value_name = "TIME")]
    pub(crate) since: Option<String>,
    /// Only runs with this label
    #[arg(long = "label", value_name = "NAME=VALUE", value_parser = pair)]
    pub(crate) labels: Vec<(String, String)>,
    /// A page: the newest so many, and a cursor for those before them
    #[arg(long, short = 'n', value_name = "N", value_parser = clap::value_parser!(u16).range(1..=500))]
    pub(crate) limit: Option<u16>,
    /// The page that follows the one which ended with this cursor
    #[arg(long, value_name = "CURSOR")]
    pub(crate) cursor: Option<String>,
}

#[derive(Debug, Args)]
pub(crate) struct MetricsArgs {
    /// Only runs of this plan
    #[arg(long, value_name = "ID")]
    pub(crate) plan: Option<String>,
    /// Only runs created since: 24h, 7d, or 2026-02-16T00:00:00Z
    #[arg(long, value_name = "TIME")]
    pub(crate) since: Option<String>,
    /// A file to replace as a whole, as a textfile collector reads it
    #[arg(long, short, value_name = "FILE")]
    pub(crate) output: Option<PathBuf>,
}

#[derive(Debug, Args)]
pub(crate) struct ExplainArgs {
    /// The run
    pub(crate) run: String,
    /// A step of it
    pub(crate) step: Option<String>,
}

#[derive(Debug, Args)]
pub(crate) struct DiffArgs {
    /// The first run
    pub(crate) left: String,
    /// The second run
    pub(crate) right: String,
    /// Exits with 1 where anything but timings differs
    #[arg(long)]
    pub(crate) exit_code: bool,
}

#[derive(Debug, Args)]
pub(crate) struct GraphArgs {
    /// A plan file, the id of a built-in plan, or a run
    #[arg(value_name = "PLAN|RUN")]
    pub(crate) name: String,
    /// For whom [default: ascii on a terminal, else svg]
    #[arg(long, value_enum, hide_default_value = true)]
    pub(crate) format: Option<GraphFormat>,
    /// Writes it there instead of to standard output
    #[arg(long, short, value_name = "FILE")]
    pub(crate) output: Option<PathBuf>,
    /// Draws every step on its own, also where many are alike
    #[arg(long)]
    pub(crate) expand: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum GraphFormat {
    /// For browsers and documents; light and dark
    Svg,
    /// For Markdown
    Mermaid,
    /// For Graphviz
    Dot,
    /// For terminals
    Ascii,
}

#[derive(Debug, Args)]
pub(crate) struct TimelineArgs {
    /// The run
    pub(crate) run: String,
    /// For whom [default: ascii on a terminal, else svg]
    #[arg(long, value_enum, hide_default_value = true)]
    pub(crate) format: Option<TimelineFormat>,
    /// Writes it there instead of to standard output
    #[arg(long, short, value_name = "FILE")]
    pub(crate) output: Option<PathBuf>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum TimelineFormat {
    /// For browsers and documents; light and dark
    Svg,
    /// For terminals
    Ascii,
}

#[derive(Debug, Args)]
pub(crate) struct ReportArgs {
    /// The run
    pub(crate) run: String,
    /// Writes it there instead of to standard output
    #[arg(long, short, value_name = "FILE")]
    pub(crate) output: Option<PathBuf>,
}
