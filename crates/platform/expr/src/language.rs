//! The expression language: CEL's grammar by the `cel` crate's parser, lowered
//! to a small tree of our own, which is checked and evaluated here under
//! bounds that the crate's evaluator does not have.

mod budget;
mod check;
mod eval;
mod functions;
mod lexer;
mod lower;
mod node;
mod order;
mod value;

pub(crate) use check::{Checker, Type, references as check_references};
pub(crate) use eval::{Evaluation, Stop, scalar_text};
pub(crate) use lexer::{End, find_end};
pub(crate) use lower::{Parsed, parse};
pub(crate) use node::Node;
pub(crate) use value::Value;
