//! The tree that is checked and evaluated.

use alloc::boxed::Box;
use alloc::string::String;
use alloc::vec::Vec;
use core::ops::Range;

/// A node and where it stands in its scalar.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Node {
    pub(crate) span: Range<usize>,
    pub(crate) kind: NodeKind,
}

#[derive(Debug, Clone, PartialEq)]
pub(crate) enum NodeKind {
    Literal(Literal),
    /// The name of a type, for comparison with `type(x)`.
    TypeName(&'static str),
    /// A comprehension's variable, by how many were bound before it.
    Variable(usize),
    Read(Read),
    /// `has(inputs.NAME)`
    HasInput(String),
    Select(Box<Node>, String),
    /// `has(a.b)`
    Has(Box<Node>, String),
    Index(Box<[Node; 2]>),
    List(Vec<Node>),
    Map(Vec<(Node, Node)>),
    Not(Box<Node>),
    Negate(Box<Node>),
    And(Box<[Node; 2]>),
    Or(Box<[Node; 2]>),
    Conditional(Box<[Node; 3]>),
    Binary(Binary, Box<[Node; 2]>),
    Call(Function, Vec<Node>),
    Each(Box<Each>),
}

#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Literal {
    Null,
    Bool(bool),
    Int(i64),
    Uint(u64),
    Double(f64),
    Text(String),
    Bytes(Vec<u8>),
}

/// Something that the scope is asked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Read {
    Input(String),
    Step(String, StepField),
    Run(RunField),
    Item,
    ItemIndex,
}

macro_rules! fields {
    ($(#[$doc:meta])* $name:ident { $( $variant:ident = $text:literal, )+ }) => {
        $(#[$doc])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq)]
        pub(crate) enum $name { $( $variant, )+ }

        impl $name {
            pub(crate) const ALL: &'static [Self] = &[$( Self::$variant, )+];

            pub(crate) fn parse(word: &str) -> Option<Self> {
                Self::ALL.iter().copied().find(|one| one.as_str() == word)
            }

            pub(crate) const fn as_str(self) -> &'static str {
                match self { $( Self::$variant => $text, )+ }
            }
        }
    };
}

fields! {
    /// What can be read of a step.
    StepField { State = "state", Outputs = "outputs", ErrorClass = "error_class", Attempt = "attempt", }
}

fields! {
    /// What can be read of the run.
    RunField { Id = "id", Plan = "plan", Epoch = "epoch", Labels = "labels", }
}

fields! {
    /// The functions: CEL's standard ones without regex and time.
    Function {
        Size = "size", Contains = "contains", StartsWith = "startsWith", EndsWith = "endsWith",
        Int = "int", Uint = "uint", Double = "double", Text = "string", Bytes = "bytes",
        Bool = "bool", Type = "type", Dyn = "dyn",
    }
}

impl Function {
    /// How it is called: as `f(x)`, as `x.f()`, and with how many arguments,
    /// the target counted.
    pub(crate) const fn shape(self) -> (bool, bool, usize) {
        match self {
            Self::Size => (true, true, 1),
            Self::Contains | Self::StartsWith | Self::EndsWith => (false, true, 2),
            _ => (true, false, 1),
        }
    }
}

fields! {
    /// The operators that evaluate both sides.
    Binary {
        Add = "+", Subtract = "-", Multiply = "*", Divide = "/", Modulo = "%",
        Equal = "==", NotEqual = "!=", Less = "<", LessEqual = "<=",
        Greater = ">", GreaterEqual = ">=", In = "in",
    }
}

/// A comprehension.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Each {
    pub(crate) kind: EachKind,
    pub(crate) range: Node,
    /// The predicate of `all`, `exists`, `exists_one` and `filter`, and of a
    /// `map` with three arguments.
    pub(crate) predicate: Option<Node>,
    /// What `map` makes of an item.
    pub(crate) result: Option<Node>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum EachKind {
    All,
    Exists,
    ExistsOne,
    /// `map` and `filter`.
    Collect,
}
