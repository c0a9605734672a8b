//! `rok registry …`.

use clap::{Args, Subcommand};
use std::path::PathBuf;

#[derive(Debug, Subcommand)]
pub(crate) enum RegistryCommand {
    /// Components: versions, types, where they stand, locks and breakers
    List(SelectArgs),
    /// Components that speak of something in name, description, owner or tags
    Search {
        /// The text
        text: String,
        #[command(flatten)]
        select: SelectArgs,
    },
    /// All about one component: the latest version of a name, or `name@1.2.0`
    Inspect {
        /// The component
        component: String,
    },
    /// Adds a component from its manifest, once it is checked
    Add {
        /// The manifest, YAML, JSON or TOML
        file: PathBuf,
        /// In the place of the one with its name and version
        #[arg(long)]
        replace: bool,
    },
    /// Removes a component, unless another one requires it
    Remove {
        /// The component; of several versions, `name@1.2.0`
        component: String,
    },
    /// Checks everything: manifests, duplicates, requirements, the lock
    Validate {
        /// Only these manifests, each for itself
        files: Vec<PathBuf>,
    },
    /// Holds the registry to what it is now: what differs later does not run
    Lock,
    /// Closes a component's breaker, so that it is started again
    Reset {
        /// The component's name
        component: String,
    },
    /// Prints the JSON Schema of manifests
    Schema,
}

/// Which components are meant.
#[derive(Debug, Args)]
pub(crate) struct SelectArgs {
    /// Such as type=validator,lifecycle=canary
    #[arg(long = "filter", value_name = "FILTER")]
    pub(crate) filters: Vec<String>,
    /// All of these tags
    #[arg(long, value_name = "TAGS", value_delimiter = ',')]
    pub(crate) tags: Vec<String>,
    /// A name or a glob, with a version if need be: check-*, fmt@^1
    #[arg(long = "name", value_name = "NAME")]
    pub(crate) names: Vec<String>,
}
