//! Performs `agent` steps: work of an agent that can do it, in this process or
//! over HTTP.
//!
//! It decides nothing about who is asked, or what follows when one fails: that
//! is `rok-agents`. It never takes a result that is not of its very order, nor,
//! of an agent with a key, one that is not signed by it; what comes late is not
//! asked for any more.
//!
//! ```text
//!  agents.toml ─▶ AgentDirectory (load, health) ◀─ AgentFunction (in process)
//!                      ▲   │ negotiate
//!  StepRequest ─▶ AgentExecutor ─▶ Routing ─offer, order, heartbeats─▶ agent
//!                      └──────── report: outputs, who did it, who was tried ◀┘
//!  HybridExecutor: the same, and where no agent does it, the executor of processes
//! ```
//!
//! ```
//! use rok_exec_agent::{AgentDirectory, AgentFunction, AgentsFile};
//! use rok_agents::AgentSpec;
//! use rok_vocabulary::TrustLevel;
//! use serde_json::json;
//!
//! let spec = AgentSpec {
//!     agent_id: "here".parse()?,
//!     capabilities: ["double".parse()?].into(),
//!     trust_level: TrustLevel::Verified,
//!     region: None,
//!     slots: 4,
//! };
//! let double = AgentFunction::new(spec, |order| {
//!     let n = order.with.get("n").and_then(serde_json::Value::as_i64).unwrap_or(0);
//!     Ok(json!({ "doubled": n * 2 }))
//! });
//! let directory = AgentDirectory::new(AgentsFile::default(), [double]);
//! assert_eq!(directory.specs().len(), 1);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

mod config;

mod function;

mod proof;
mod talk;

mod book;
mod directory;
mod orders;

mod attempt;
mod executor;
mod hybrid;
mod list;

/// The README's example is run as a test.
#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;

pub use book::AgentBook;
pub use config::{AgentsFile, AgentsFileError, RemoteAgent};
pub use directory::AgentDirectory;
pub use executor::AgentExecutor;
pub use function::AgentFunction;
pub use hybrid::HybridExecutor;
