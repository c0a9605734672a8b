//! `rok plan …`.

use clap::{Args, Subcommand, ValueEnum};
use std::path::PathBuf;

#[derive(Debug, Subcommand)]
pub(crate) enum PlanCommand {
    /// Checks plans; every fault with its place
    Validate {
        /// Plan files or ids of built-in plans
        #[arg(required = true)]
        plans: Vec<String>,
    },
    /// Lists built-in plans and those in the current folder
    List,
    /// Shows a plan; with --json its canonical bytes
    Show {
        /// A plan file, or the id of a built-in plan
        plan: String,
        /// Shows it as an execution plan: nodes and edges, JSON
        #[arg(long = "as", value_enum)]
        form: Option<ShowAs>,
    },
    /// Prints a small commented plan to begin with
    New {
        /// The plan's id
        id: String,
        /// What it is written in
        #[arg(long, value_enum, default_value_t = PlanFormat::Yaml)]
        format: PlanFormat,
    },
    /// Makes a plan of a workflow of elsewhere, or tells what cannot be carried over
    Import(ImportArgs),
    /// Prints the JSON Schema of plans, for editors
    Schema,
    /// Runs plans against stubbed steps on a virtual clock
    Test(PlanTestArgs),
    /// Warns of what is allowed and unwise
    Lint {
        /// Plan files or ids of built-in plans
        #[arg(required = true)]
        plans: Vec<String>,
    },
}

#[derive(Debug, Args)]
pub(crate) struct ImportArgs {
    /// A workflow's file
    pub(crate) file: PathBuf,
    /// Its format [default: by its name, .json or .yaml]
    #[arg(long, value_enum)]
    pub(crate) from: Option<ImportFrom>,
    /// Writes the plan there instead of to standard output
    #[arg(long, short, value_name = "FILE")]
    pub(crate) output: Option<PathBuf>,
    /// The plan's id [default: made of the workflow's name]
    #[arg(long)]
    pub(crate) id: Option<String>,
    /// Steps at once
    #[arg(long, value_name = "N")]
    pub(crate) max_parallel: Option<u32>,
    /// What becomes of WfFormat's tasks [default: command]
    #[arg(long = "as", value_enum)]
    pub(crate) tasks: Option<ImportAs>,
    /// Each task sleeps as long as it took, times this
    #[arg(long, value_name = "F", value_parser = factor)]
    pub(crate) scale: Option<f64>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum ImportFrom {
    /// WfCommons WfFormat, 1.4 to 1.6
    #[value(name = "wfformat")]
    WfFormat,
    /// A GitHub Actions workflow
    #[value(name = "github")]
    GitHub,
    /// An execution plan: components of the registry, and edges
    ExecutionPlan,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum ShowAs {
    /// Components and edges
    ExecutionPlan,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum ImportAs {
    /// Each runs the command that is on record
    Command,
    /// Each sleeps as long as it took
    Sleep,
}

/// What a plan file is written in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum PlanFormat {
    Yaml,
    Toml,
}

#[derive(Debug, Args)]
pub(crate) struct PlanTestArgs {
    /// Files, or folders that are searched for *.plantest.yaml; default: here
    pub(crate) paths: Vec<String>,
    /// Only tests with this text in their name
    #[arg(long, short = 'k', value_name = "TEXT")]
    pub(crate) filter: Vec<String>,
    /// Writes a JUnit XML file as well
    #[arg(long, value_name = "FILE")]
    pub(crate) junit: Option<PathBuf>,
}

fn factor(text: &str) -> Result<f64, String> {
    match text.parse::<f64>() {
        Ok(factor) if factor.is_finite() && factor >= 0.0 => Ok(factor),
        _ => Err("write a number, such as 0.01".to_owned()),
    }
}
