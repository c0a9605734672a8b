//! The command line, each flag defined once: parser, help, man pages and
//! completions read these.

use clap::{Args, Parser, Subcommand};
use std::net::SocketAddr;
use std::path::PathBuf;

mod desk;
mod driving;
mod looking;
mod orch;
mod plan;
mod policy;
mod proving;
mod registry;
mod schedule;

pub(crate) use desk::{
    DecideLessonArgs, HandleArgs, IncidentCommand, IncidentFilterArgs, IncidentsArgs,
    LessonCommand, LessonFilterArgs, LessonsArgs,
};
pub(crate) use driving::{
    BatchCommand, CancelArgs, DecideArgs, Mode, OverrideArgs, PauseArgs, ReplayArgs, ResumeArgs,
    RollbackArgs, RunArgs,
};
pub(crate) use looking::{
    DiffArgs, EventFormat, EventsArgs, ExplainArgs, GraphArgs, GraphFormat, LogsArgs, LsArgs,
    MetricsArgs, ProfileArgs, ReportArgs, StatusArgs, SummaryArgs, TimelineArgs, TimelineFormat,
};
pub(crate) use orch::{OrchArgs, OrchCommand, StageArgs, StageMode};
pub(crate) use plan::{
    ImportArgs, ImportAs, ImportFrom, PlanCommand, PlanFormat, PlanTestArgs, ShowAs,
};
pub(crate) use policy::{PolicyAskArgs, PolicyCommand};
pub(crate) use proving::{
    AttestArgs, BundleArgs, CheckpointArgs, ConformanceArgs, CosignArgs, ExportArgs, GcArgs,
    HoldArgs, KeyCommand, VerifyArgs,
};
pub(crate) use registry::{RegistryCommand, SelectArgs};
pub(crate) use schedule::{BackfillArgs, ScheduleCommand, TriggerArgs};

/// Runs plans under an audit contract: fail-closed, resumable, provable.
#[derive(Debug, Parser)]
#[command(
    name = "rok",
    version,
    disable_help_subcommand = true,
    arg_required_else_help = true,
    after_help = "RUN is a run folder, a run id, or a unique prefix of one.\n\
                  `rok help exit-codes` and `rok help ROK0001` explain codes."
)]
pub(crate) struct Cli {
    #[command(flatten)]
    pub(crate) global: Global,
    #[command(subcommand)]
    pub(crate) command: Command,
}

/// Flags that every command takes.
#[derive(Debug, Args)]
#[command(next_help_heading = "Everywhere")]
pub(crate) struct Global {
    /// The folder of run folders
    #[arg(long, global = true, value_name = "DIR", conflicts_with = "server")]
    pub(crate) dir: Option<String>,
    /// sqlite:PATH: the runs in a database, in place of those in a folder
    #[arg(long, global = true, value_name = "STORE", conflicts_with = "server")]
    pub(crate) store: Option<String>,
    /// A server's address: its runs, in place of those in a folder
    #[arg(long, global = true, value_name = "URL")]
    pub(crate) server: Option<String>,
    /// STRICT, STANDARD or OBSERVE_ONLY
    #[arg(long, global = true)]
    pub(crate) profile: Option<String>,
    /// fsync or flush
    #[arg(long, global = true)]
    pub(crate) durability: Option<String>,
    /// A Cedar policy file, or a folder of them
    #[arg(long, global = true, value_name = "PATH")]
    pub(crate) policies: Vec<String>,
    /// A file of policies that are injected into new runs
    #[arg(long, global = true, value_name = "FILE")]
    pub(crate) policy: Vec<String>,
    /// Any setting of `rok config show`
    #[arg(long, global = true, value_name = "KEY=VALUE", value_parser = pair)]
    pub(crate) set: Vec<(String, String)>,
    /// The project's settings file, in place of ./rok.toml
    #[arg(long, global = true, value_name = "FILE")]
    pub(crate) config: Option<PathBuf>,
    /// Prints the result as JSON
    #[arg(long, global = true)]
    pub(crate) json: bool,
    /// Prints the result as YAML: what --json prints, for people to read
    #[arg(long, global = true, conflicts_with = "json")]
    pub(crate) yaml: bool,
    /// Nothing but the result and errors
    #[arg(long, short, global = true)]
    pub(crate) quiet: bool,
    /// Tells more
    #[arg(long, short, global = true, action = clap::ArgAction::Count)]
    pub(crate) verbose: u8,
    /// No colours, as with NO_COLOR
    #[arg(long, global = true)]
    pub(crate) no_color: bool,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Runs a plan to its end
    Run(RunArgs),
    /// Batches: one plan over a list of inputs, made by `run --batch`
    #[command(subcommand)]
    Batch(BatchCommand),
    /// Goes on with an interrupted or failed run
    Resume(ResumeArgs),
    /// Undoes what succeeded in a failed run
    Rollback(RollbackArgs),
    /// Decides a run's log again, or executes it anew from a step on
    Replay(ReplayArgs),
    /// Ends a run
    Cancel(CancelArgs),
    /// Lets a waiting step pass
    Approve(DecideArgs),
    /// Stops a waiting step
    Reject(DecideArgs),
    /// Answers for a hard gate that failed, so that the next epoch passes it
    Override(OverrideArgs),
    /// Lets nothing new start until the run is unpaused
    Pause(PauseArgs),
    /// Lets a paused run go on
    Unpause(PauseArgs),
    /// Where a run stands, in a few lines
    Status(StatusArgs),
    /// What happened, event by event
    Events(EventsArgs),
    /// What a step printed
    Logs(LogsArgs),
    /// What a run is, has done and owes
    Summary(SummaryArgs),
    /// What each step of a run took and used, and its critical path
    Profile(ProfileArgs),
    /// Lists runs
    Ls(LsArgs),
    /// What runs did, as metrics for Prometheus
    Metrics(MetricsArgs),
    /// Why a run or a step is as it is, and what can be done
    Explain(ExplainArgs),
    /// What differs between two runs: plan, inputs, results, timings
    Diff(DiffArgs),
    /// Draws a plan's steps, or a run's and how they stand
    Graph(GraphArgs),
    /// Draws when what happened in a run
    Timeline(TimelineArgs),
    /// Writes everything about a run into one HTML file
    Report(ReportArgs),
    /// Proves that the record is intact
    Verify(VerifyArgs),
    /// Signs what a sealed run's log says
    Attest(AttestArgs),
    /// Signs how long a run's log is and what its hash is
    Checkpoint(CheckpointArgs),
    /// A second party's word that it has seen a checkpoint's head
    Cosign(CosignArgs),
    /// Packs a sealed run into one file that verifies anywhere
    Export(ExportArgs),
    /// Takes in a run from such a file, once it verifies
    Import(BundleArgs),
    /// Keys that sign
    #[command(subcommand)]
    Key(KeyCommand),
    /// Holds a run, so that it is never collected, or releases it
    Hold(HoldArgs),
    /// Collects runs by age, count or size; leaves stubs that verify
    Gc(GcArgs),
    /// Incidents: what went wrong, and what is done about it
    Incidents(IncidentsArgs),
    /// Lessons: what runs teach, and what is made of it
    Lessons(LessonsArgs),
    /// Schedules: plans that run by the clock
    #[command(subcommand)]
    Schedule(ScheduleCommand),
    /// Runs the components of a stage: pre-commit, ci, test, pipeline, registry
    Orch(Box<OrchArgs>),
    /// Policies: what is in force, and what it would decide
    #[command(subcommand)]
    Policy(PolicyCommand),
    /// Components that orchestrators run: list, inspect, add, remove, validate, lock
    #[command(subcommand)]
    Registry(RegistryCommand),
    /// Plans: check, list, show, begin
    #[command(subcommand)]
    Plan(PlanCommand),
    /// Agents: who steps may be given to, and how each stands
    #[command(subcommand)]
    Agents(AgentsCommand),
    /// Answers over HTTP: runs are submitted, followed and decided from elsewhere
    Serve(ServeArgs),
    /// Tokens that let people and programs into a server
    #[command(subcommand)]
    Token(TokenCommand),
    /// Sandboxes of steps
    #[command(subcommand)]
    Sandbox(SandboxCommand),
    /// Settings
    #[command(subcommand)]
    Config(ConfigCommand),
    /// Looks at all that runs need here: store, keys, services, plans, policies, clock
    Doctor(DoctorArgs),
    /// Holds an engine, an executor or an agent against what each must do
    Conformance(ConformanceArgs),
    /// Prints a shell's completions of every command and flag
    Completions(CompletionsArgs),
    /// Prints the manual page of rok or of a command, or writes all of them
    Man(ManArgs),
    /// Explains a command, an error code, or `exit-codes`, `errors`
    Help(HelpArgs),
}

fn address(text: &str) -> Result<SocketAddr, String> {
    text.parse().map_err(|_| {
        "an IP address and a port are needed, such as 127.0.0.1:5000 or [::1]:5000".to_owned()
    })
}

#[derive(Debug, Args)]
pub(crate) struct ServeArgs {
    /// Where to listen; port 0 takes any that is free
    #[arg(long, value_name = "ADDRESS", default_value = "127.0.0.1:5000", value_parser = address)]
    pub(crate) listen: SocketAddr,
    /// Asks nobody for a token: whoever reaches it may do everything; loopback only
    #[arg(long)]
    pub(crate) insecure_no_auth: bool,
    /// The certificate and its chain, PEM
    #[arg(long, value_name = "FILE", requires = "tls_key")]
    pub(crate) tls_cert: Option<PathBuf>,
    /// The certificate's private key, PEM
    #[arg(long, value_name = "FILE", requires = "tls_cert")]
    pub(crate) tls_key: Option<PathBuf>,
    /// Something in front of it ends TLS
    #[arg(long, conflicts_with = "tls_cert")]
    pub(crate) behind_proxy: bool,
    /// How long runs may go on once it is told to stop; what is left can be resumed
    #[arg(long, value_name = "TIME", default_value = "30s")]
    pub(crate) grace: String,
}

#[derive(Debug, Subcommand)]
pub(crate) enum AgentsCommand {
    /// Lists agents; each remote one is asked how it stands
    List,
    /// Forgets what speaks against an agent: it is asked again
    Reset {
        /// The agent's id
        agent: String,
    },
}

#[derive(Debug, Args)]
pub(crate) struct DoctorArgs {
    /// Makes the tables of a database anew from the logs, and says what differed
    #[arg(long)]
    pub(crate) rebuild: bool,
    /// Holds the log of every run against its chain and seal, not of the newest alone
    #[arg(long)]
    pub(crate) all_logs: bool,
}

#[derive(Debug, Subcommand)]
pub(crate) enum TokenCommand {
    /// Makes a token and prints it, this once
    #[command(alias = "new")]
    Create {
        /// Who will show it: the name that stands in the record
        #[arg(long)]
        user: String,
        /// What they may be: viewer, operator, approver, admin, or a role of your policies
        #[arg(
            long = "role",
            value_name = "ROLE",
            required = true,
            value_delimiter = ','
        )]
        roles: Vec<String>,
        /// When it ends: 12h, 30d [default: never]
        #[arg(long, value_name = "TIME")]
        expires: Option<String>,
    },
    /// Takes over the tokens of a file into the database of --store
    Import {
        /// The file [default: the one that a server over `dir` reads]
        file: Option<PathBuf>,
    },
    /// Lists tokens, without their secrets
    List,
    /// Ends a token at once
    Revoke {
        /// Its id, as `rok token list` shows it
        id: String,
    },
}

#[derive(Debug, Subcommand)]
pub(crate) enum SandboxCommand {
    /// What this machine has of what a sandbox needs; exit 5 where it has too little
    Check,
}

#[derive(Debug, Subcommand)]
pub(crate) enum ConfigCommand {
    /// Prints each setting and where its value came from
    Show,
}

#[derive(Debug, Args)]
#[command(after_help = "bash: source <(rok completions bash)\n\
                  zsh:  rok completions zsh > \"${fpath[1]}/_rok\"\n\
                  fish: rok completions fish > ~/.config/fish/completions/rok.fish")]
pub(crate) struct CompletionsArgs {
    /// Whose completions
    #[arg(value_name = "SHELL")]
    pub(crate) shell: clap_complete::Shell,
}

#[derive(Debug, Args)]
#[command(after_help = "rok man run | man -l -      reads one\n\
                        rok man --out man/man1      writes all of them")]
pub(crate) struct ManArgs {
    /// A command, as one types it: `plan validate`; rok itself if none is named
    #[arg(value_name = "COMMAND")]
    pub(crate) command: Vec<String>,
    /// Writes the pages of all commands into this folder
    #[arg(long, value_name = "DIR", conflicts_with = "command")]
    pub(crate) out: Option<PathBuf>,
}

#[derive(Debug, Args)]
pub(crate) struct HelpArgs {
    /// A command, an error code, `errors` or `exit-codes`
    pub(crate) topic: Vec<String>,
}

fn pair(text: &str) -> Result<(String, String), String> {
    match text.split_once('=') {
        Some((name, value)) if !name.is_empty() => Ok((name.to_owned(), value.to_owned())),
        _ => Err("write NAME=VALUE".to_owned()),
    }
}
