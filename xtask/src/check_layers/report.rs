//! What the check found, for people and programs to read.

use serde::Serialize;

use super::date::Date;
use super::graph::Place;

/// The whole result of one check.
#[derive(Clone, Debug, Serialize)]
pub struct Report {
    /// The result in a word.
    pub status: Status,
    /// The result as an exit code: 0, 1, 2 or 3.
    pub exit_code: u8,
    /// How many contracts held.
    pub passed: usize,
    /// How many contracts were broken.
    pub failed: usize,
    /// How many contracts wait for crates that are planned.
    pub idle: usize,
    /// Each contract's result, in the order of the policy.
    pub contracts: Vec<ContractResult>,
    /// What became of each exception.
    pub exceptions: Vec<ExceptionResult>,
    /// Forbidden edges put in, and how many were caught.
    pub self_test: SelfTest,
    /// Why the policy, or what it was held against, cannot be trusted.
    pub faults: Vec<String>,
    /// What somebody should tidy up; changes no result.
    pub notes: Vec<String>,
    /// What the check looked at.
    pub looked_at: LookedAt,
}

/// The result in a word, worst first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Status {
    /// The policy cannot be trusted, so neither can a clean result: exit 2.
    BadPolicy,
    /// A contract is broken: exit 1.
    Violations,
    /// An exception is expired or excuses nothing: exit 3.
    StaleException,
    /// A contract has nothing to look at yet; inside a clean report.
    Idle,
    /// Nothing to complain of: exit 0.
    Clean,
}

/// What one contract found.
#[derive(Clone, Debug, Serialize)]
pub struct ContractResult {
    /// Such as `LYR007`.
    pub id: String,
    /// The rule in a sentence.
    pub title: String,
    /// Why it stands.
    pub why: String,
    /// What to do in its place.
    pub instead: String,
    /// Clean, idle or violations.
    pub status: Status,
    /// How many crates it governs.
    pub crates: usize,
    /// What breaks it and no exception covers.
    pub violations: Vec<Violation>,
}

/// Something that breaks a contract.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Violation {
    /// The crate that does it.
    pub from: String,
    /// What it should not have touched, if the contract is about a pair.
    pub to: Option<String>,
    /// What is wrong, in a sentence.
    pub what: String,
    /// Where, each with its line.
    pub places: Vec<Place>,
}

/// What became of an exception.
#[derive(Clone, Debug, Serialize)]
pub struct ExceptionResult {
    /// The contract that it lets be broken.
    pub contract: String,
    /// By whom.
    pub from: String,
    /// Towards what.
    pub to: Option<String>,
    /// Why.
    pub reason: String,
    /// Who answers for it.
    pub owner: String,
    /// The last day on which it holds.
    pub expires: Date,
    /// Whether it is in use.
    pub state: ExceptionState,
    /// What it covers.
    pub covers: Vec<Violation>,
}

/// Whether an exception still has a place.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum ExceptionState {
    /// It covers a violation and has not expired.
    InUse,
    /// Its last day has passed.
    Expired,
    /// Nothing breaks the contract in this way any more.
    Unused,
}

/// The self-test's tally.
#[derive(Clone, Debug, Default, Serialize)]
pub struct SelfTest {
    /// Forbidden edges that were put in.
    pub injected: usize,
    /// Those that their contract caught.
    pub caught: usize,
}

/// What the check looked at.
#[derive(Clone, Debug, Default, Serialize)]
pub struct LookedAt {
    /// Workspace members.
    pub crates: usize,
    /// Dependencies of one member on another.
    pub edges: usize,
    /// Dependencies on third-party packages.
    pub outside_edges: usize,
    /// Source files.
    pub files: usize,
    /// Paths in them that lead out of their crate.
    pub paths: usize,
    /// The day that exceptions were compared with.
    pub today: Option<Date>,
}

impl Status {
    /// The exit code of a report with this status.
    pub fn exit_code(self) -> u8 {
        match self {
            Self::Clean | Self::Idle => 0,
            Self::Violations => 1,
            Self::BadPolicy => 2,
            Self::StaleException => 3,
        }
    }
}
