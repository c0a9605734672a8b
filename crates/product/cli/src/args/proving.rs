//! What proves runs, keeps them and lets them go.

use clap::{Args, Subcommand};
use std::path::PathBuf;

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
    #[arg(long, value_name = "TIME", allow_hyphen_values = true)]
    pub(crate) older_than: Option<String>,
    /// Never the newest so many; alone: all others
    #[arg(long, value_name = "N")]
    pub(crate) keep: Option<usize>,
    /// The oldest, until no more is left: 10GB, 500MB
    #[arg(long, value_name = "SIZE", allow_hyphen_values = true)]
    pub(crate) max_size: Option<String>,
    /// Only tells what would be collected
    #[arg(long)]
    pub(crate) dry_run: bool,
}

#[derive(Debug, Args)]
pub(crate) struct VerifyArgs {
    /// The run, or a bundle of one
    #[arg(required_unless_present = "desk")]
    pub(crate) run: Option<String>,
    /// The book of what people did about incidents and lessons, and no run
    #[arg(
        long,
        conflicts_with_all = ["run", "sealed", "key", "checkpoint", "max_bytes"]
    )]
    pub(crate) desk: bool,
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
#[command(
    after_help = "Without --executor and --agent it is an engine: that of --server, or else the embedded one, in a folder of its own."
)]
pub(crate) struct ConformanceArgs {
    /// Holds an executor of this rok against the contract of executors: run, call, http, service, agent
    #[arg(long, value_name = "KIND")]
    pub(crate) executor: Option<String>,
    /// Holds an agent of the agents' file against it, by its id or its address
    #[arg(long, value_name = "AGENT", conflicts_with = "executor")]
    pub(crate) agent: Option<String>,
    /// What the agent is asked for; default: `run`, or the only thing that it can do
    #[arg(long, value_name = "NAME", requires = "agent")]
    pub(crate) capability: Option<String>,
    /// Work of the agent that answers, fails or stays: `answers={"n": 7}`, as a step's `with` says it
    #[arg(long = "work", value_name = "WHAT=JSON", requires = "agent")]
    pub(crate) works: Vec<String>,
    /// Only cases whose names begin so: `chaos`, `retry/tries_end`
    #[arg(long = "case", value_name = "NAME")]
    pub(crate) cases: Vec<String>,
    /// Lists the cases, and checks nothing
    #[arg(long)]
    pub(crate) list: bool,
    /// Counts a case as failed that could not be shown
    #[arg(long)]
    pub(crate) strict: bool,
    /// Prints the policies that a server must be under to be held against the cases about them
    #[arg(long, conflicts_with_all = ["cases", "list", "executor", "agent"])]
    pub(crate) show_policies: bool,
    /// human, json, yaml, junit, sarif, github [default: human, or json where no terminal is]
    #[arg(long, value_name = "FORMAT")]
    pub(crate) format: Option<String>,
    /// Writes a JUnit file, too
    #[arg(long, value_name = "FILE")]
    pub(crate) junit: Option<PathBuf>,
}

#[derive(Debug, Args)]
pub(crate) struct AttestArgs {
    /// The run
    pub(crate) run: String,
    /// The private key that signs; default: ROK_SIGNING_KEY or ROK_SIGNING_KEY_FILE
    #[arg(long, value_name = "FILE")]
    pub(crate) key: Option<PathBuf>,
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
