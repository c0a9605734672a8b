//! Every bound on expressions, each with its reason.

/// Longest expression, in bytes. Longer ones belong into a step.
pub(crate) const MAX_SOURCE: usize = 4 * 1024;
/// Most nodes of an expression's tree.
pub(crate) const MAX_NODES: usize = 500;
/// Deepest nesting of an expression's tree: bounds the stack of everything
/// that walks it.
pub(crate) const MAX_DEPTH: usize = 32;
/// Comprehensions within each other's bodies.
pub(crate) const MAX_COMPREHENSIONS: usize = 2;
/// Longest list that a comprehension walks or an expression builds.
pub(crate) const MAX_ITEMS: usize = 10_000;
/// Work of one evaluation, in nodes evaluated, items visited and pieces of
/// [`WORK_BYTES`] read or copied: well under a second, and some 32 MiB.
pub(crate) const MAX_WORK: u64 = 1_000_000;
/// How many bytes of text cost as much as one node.
pub(crate) const WORK_BYTES: usize = 32;
/// Longest entry of an environment, `NAME=VALUE` and its NUL, that Linux hands
/// to a process.
pub(crate) const MAX_ENTRY: usize = 128 * 1024;
