//! The command line, each flag defined once: parser, help and (later) man page
//! and completions read these.

use clap::{Args, Parser, Subcommand, ValueEnum};
use std::net::SocketAddr;
use std::path::PathBuf;

mod schedule;

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
    #[arg(long, global = true, value_name = "DIR")]
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
    /// Any setting of `rok config show`
    #[arg(long, global = true, value_name = "KEY=VALUE", value_parser = pair)]
    pub(crate) set: Vec<(String, String)>,
    /// The project's settings file, in place of ./rok.toml
    #[arg(long, global = true, value_name = "FILE")]
    pub(crate) config: Option<PathBuf>,
    /// Prints the result as JSON
    #[arg(long, global = true)]
    pub(crate) json: bool,
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
    /// Schedules: plans that run by the clock
    #[command(subcommand)]
    Schedule(ScheduleCommand),
    /// Plans: check, list, show, begin
    #[command(subcommand)]
    Plan(PlanCommand),
    /// Answers over HTTP: runs are submitted, followed and decided from elsewhere
    Serve(ServeArgs),
    /// Tokens that let people and programs into a server
    #[command(subcommand)]
    Token(TokenCommand),
    /// Settings
    #[command(subcommand)]
    Config(ConfigCommand),
    /// Explains a command, an error code, or `exit-codes`, `errors`
    Help(HelpArgs),
}

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
    /// How steps are carried out
    #[arg(long, value_enum, default_value_t = Mode::Async)]
    pub(crate) mode: Mode,
    /// Not supported yet
    #[arg(long, hide = true)]
    pub(crate) detach: bool,
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

#[derive(Debug, Args)]
pub(crate) struct HoldArgs {
    /// The run
    pub(crate) run: String,
    /// Ends the hold
    #[arg(long)]
    pub(crate) release: bool,
    /// Why; it stands beside the record for ever
    #[arg(long)]
    pub(crate) reason: String,
}

#[derive(Debug, Args)]
pub(crate) struct GcArgs {
    /// Runs that were closed longer ago: 30d, 12h
    #[arg(long, value_name = "TIME")]
    pub(crate) older_than: Option<String>,
    /// Never the newest so many; alone: all others
    #[arg(long, value_name = "N")]
    pub(crate) keep: Option<usize>,
    /// The oldest, until no more is left: 10GB, 500MB
    #[arg(long, value_name = "SIZE")]
    pub(crate) max_size: Option<String>,
    /// Only tells what would be collected
    #[arg(long)]
    pub(crate) dry_run: bool,
}

#[derive(Debug, Args)]
pub(crate) struct VerifyArgs {
    /// The run, or a bundle of one
    pub(crate) run: String,
    /// A log that is intact and not sealed exits with 4
    #[arg(long)]
    pub(crate) sealed: bool,
    /// The public key that must have signed: the checkpoint, else the attestations
    #[arg(long, value_name = "PUBLIC")]
    pub(crate) key: Option<PathBuf>,
    /// With --checkpoint: the run must be attested too
    #[arg(long, requires = "key")]
    pub(crate) attested: bool,
    /// A checkpoint whose head the log must still have
    #[arg(long, value_name = "FILE")]
    pub(crate) checkpoint: Option<PathBuf>,
    /// A public key that must have cosigned the checkpoint
    #[arg(long = "cosigner", value_name = "PUBLIC", requires = "checkpoint")]
    pub(crate) cosigners: Vec<PathBuf>,
    /// How many bytes a bundle may unpack to; default: 4 GiB
    #[arg(long, value_name = "N")]
    pub(crate) max_bytes: Option<u64>,
}

#[derive(Debug, Args)]
pub(crate) struct ExportArgs {
    /// The run
    pub(crate) run: String,
    /// The new file
    #[arg(long, short, value_name = "FILE.tar.zst")]
    pub(crate) out: PathBuf,
    /// The public key to put in; default: the configured one, where it has attested the run
    #[arg(long, value_name = "PUBLIC")]
    pub(crate) key: Option<PathBuf>,
}

#[derive(Debug, Args)]
pub(crate) struct BundleArgs {
    /// The bundle
    pub(crate) file: PathBuf,
    /// How many bytes it may unpack to; default: 4 GiB
    #[arg(long, value_name = "N")]
    pub(crate) max_bytes: Option<u64>,
}

#[derive(Debug, Args)]
pub(crate) struct CheckpointArgs {
    /// The run
    pub(crate) run: String,
    /// A new file for it; default: it is printed
    #[arg(long, short, value_name = "FILE")]
    pub(crate) out: Option<PathBuf>,
    /// The private key that signs; default: ROK_SIGNING_KEY or ROK_SIGNING_KEY_FILE
    #[arg(long, value_name = "FILE")]
    pub(crate) key: Option<PathBuf>,
}

#[derive(Debug, Args)]
pub(crate) struct CosignArgs {
    /// The checkpoint
    pub(crate) file: PathBuf,
    /// The second party's private key
    #[arg(long, value_name = "FILE")]
    pub(crate) key: PathBuf,
    /// The name that the cosignature bears; default: the user's
    #[arg(long)]
    pub(crate) name: Option<String>,
    /// The public key that must have signed the checkpoint
    #[arg(long, value_name = "PUBLIC")]
    pub(crate) log_key: Option<PathBuf>,
    /// The run whose log must have that head
    #[arg(long)]
    pub(crate) run: Option<String>,
    /// An earlier checkpoint that it must continue
    #[arg(long, value_name = "FILE")]
    pub(crate) last: Option<PathBuf>,
    /// Where the result goes; default: in FILE's place
    #[arg(long, short, value_name = "FILE")]
    pub(crate) out: Option<PathBuf>,
}

#[derive(Debug, Args)]
pub(crate) struct AttestArgs {
    /// The run
    pub(crate) run: String,
    /// The private key that signs; default: ROK_SIGNING_KEY or ROK_SIGNING_KEY_FILE
    #[arg(long, value_name = "FILE")]
    pub(crate) key: Option<PathBuf>,
}

#[derive(Debug, Args)]
pub(crate) struct ServeArgs {
    /// Where to listen; port 0 takes any that is free
    #[arg(long, value_name = "ADDRESS", default_value = "127.0.0.1:5000")]
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
    /// Lists tokens, without their secrets
    List,
    /// Ends a token at once
    Revoke {
        /// Its id, as `rok token list` shows it
        id: String,
    },
}

#[derive(Debug, Subcommand)]
pub(crate) enum KeyCommand {
    /// Makes an Ed25519 key, mode 0600, and its public half in FILE.pub; overwrites nothing
    New {
        /// The private key's file; default: rok.key
        #[arg(long, value_name = "FILE")]
        out: Option<PathBuf>,
    },
    /// Tells a key's fingerprint and public half; never the private one
    Show {
        /// A private or public key; default: the configured one
        file: Option<PathBuf>,
        /// Prints the public key alone, as a PEM
        #[arg(long)]
        public: bool,
    },
}

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

#[derive(Debug, Subcommand)]
pub(crate) enum ConfigCommand {
    /// Prints each setting and where its value came from
    Show,
}

#[derive(Debug, Args)]
pub(crate) struct HelpArgs {
    /// A command, an error code, `errors` or `exit-codes`
    pub(crate) topic: Vec<String>,
}

fn factor(text: &str) -> Result<f64, String> {
    match text.parse::<f64>() {
        Ok(factor) if factor.is_finite() && factor >= 0.0 => Ok(factor),
        _ => Err("write a number, such as 0.01".to_owned()),
    }
}

fn pair(text: &str) -> Result<(String, String), String> {
    match text.split_once('=') {
        Some((name, value)) if !name.is_empty() => Ok((name.to_owned(), value.to_owned())),
        _ => Err("write NAME=VALUE".to_owned()),
    }
}
