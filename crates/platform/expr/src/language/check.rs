//! The checker: names against what the plan declares, and types as far as they
//! are declared. What is not declared may be anything.

use super::node::{
    Binary, Each, EachKind, Function, Literal, Node, NodeKind, Read, RunField, StepField,
};
use crate::declarations::{Declarations, Kind};
use crate::fault::{Fault, nearest};
use crate::reference::{Reference, Target};
use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;
use rok_vocabulary::{ErrorClass, StepState};

/// What is known of a value's type.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Type {
    /// Anything.
    Dyn,
    Null,
    Bool,
    Int,
    Uint,
    Double,
    Text,
    Bytes,
    List,
    Map,
    /// A type itself.
    Meta,
}

impl Type {
    pub(crate) const fn as_str(self) -> &'static str {
        match self {
            Self::Dyn => "dyn",
            Self::Null => "null",
            Self::Bool => "bool",
            Self::Int => "int",
            Self::Uint => "uint",
            Self::Double => "double",
            Self::Text => "string",
            Self::Bytes => "bytes",
            Self::List => "list",
            Self::Map => "map",
            Self::Meta => "type",
        }
    }

    const fn is_number(self) -> bool {
        matches!(self, Self::Int | Self::Uint | Self::Double)
    }

    /// Whether a value of this type may turn out to be one of `wanted`.
    fn may_be(self, wanted: &[Self]) -> bool {
        self == Self::Dyn || wanted.contains(&self)
    }
}

impl From<Kind> for Type {
    fn from(kind: Kind) -> Self {
        match kind {
            Kind::String => Self::Text,
            Kind::Integer => Self::Int,
            Kind::Number => Self::Double,
            Kind::Boolean => Self::Bool,
            Kind::Array => Self::List,
            Kind::Object => Self::Map,
        }
    }
}

/// Checks what one expression reads.
pub(crate) fn references(references: &[Reference], declarations: &dyn Declarations) -> Vec<Fault> {
    references
        .iter()
        .filter_map(|reference| unknown(reference, declarations))
        .collect()
}

fn unknown(reference: &Reference, declarations: &dyn Declarations) -> Option<Fault> {
    let fault = |message: String, hint: String| {
        Some(Fault::new(reference.range.clone(), message).hint(hint))
    };
    match &reference.target {
        Target::Run(_) => None,
        Target::Item | Target::ItemIndex if declarations.item() => None,
        Target::Item => fault(
            String::from("there is no `item` here"),
            String::from("`item` stands for an item of `for_each`, in that step alone"),
        ),
        Target::ItemIndex => fault(
            String::from("there is no `item_index` here"),
            String::from("`item_index` is the place of an item of `for_each`, in that step alone"),
        ),
        Target::Input(name) => {
            declarations.input(name).is_none().then_some(())?;
            let names = declarations.input_names();
            fault(
                format!("unknown input `{name}`"),
                known_hint("inputs", name, &names),
            )
        }
        Target::Secret(name) => {
            (!declarations.secret(name)).then_some(())?;
            let names = declarations.secret_names();
            let hint = match nearest(name, names.iter().copied()) {
                Some(near) => format!("did you mean `{near}`?"),
                None => format!("add `{name}` to the plan's `secrets`"),
            };
            fault(format!("unknown secret `{name}`"), hint)
        }
        Target::Step { id, path } => {
            let Some(step) = declarations.step(id) else {
                let names = declarations.step_names();
                return fault(
                    format!("unknown step `{id}`"),
                    known_hint("steps", id, &names),
                );
            };
            if !step.ancestor {
                return fault(
                    format!("step `{id}` does not come before this one"),
                    format!("add `{id}` to this step's `needs` or `after`"),
                );
            }
            let [field, output, ..] = path.as_slice() else {
                return None;
            };
            let names = declarations.output_names(id);
            if field != "outputs"
                || step.fan_out
                || names.is_empty()
                || names.contains(&output.as_str())
            {
                return None;
            }
            let message = format!("step `{id}` declares no output `{output}`");
            fault(message, known_hint("outputs", output, &names))
        }
    }
}

fn known_hint(what: &str, word: &str, known: &[&str]) -> String {
    match nearest(word, known.iter().copied()) {
        Some(near) => format!("did you mean `{near}`?"),
        None if known.is_empty() => format!("the plan declares no {what}"),
        None if known.len() <= 12 => format!("the {what} are {}", known.join(", ")),
        None => format!(
            "the plan declares {} {what}, and none is like it",
            known.len()
        ),
    }
}

/// Works out types, and collects what cannot be right.
pub(crate) struct Checker<'a> {
    declarations: &'a dyn Declarations,
    pub(crate) faults: Vec<Fault>,
}

impl<'a> Checker<'a> {
    pub(crate) fn new(declarations: &'a dyn Declarations) -> Self {
        Self {
            declarations,
            faults: Vec::new(),
        }
    }

    fn fault(&mut self, node: &Node, message: String, hint: Option<String>) {
        let fault = Fault::new(node.span.clone(), message);
        self.faults.push(match hint {
            Some(hint) => fault.hint(hint),
            None => fault,
        });
    }

    /// Works out a node's type; a fault unless it may be one of `wanted`.
    pub(crate) fn expect(&mut self, node: &Node, wanted: &[Type], what: &str) -> Type {
        let found = self.infer(node);
        if !found.may_be(wanted) {
            let wanted: Vec<&str> = wanted.iter().map(|one| one.as_str()).collect();
            let message = format!(
                "{what} must be {}, and this is {}",
                wanted.join(" or "),
                found.as_str()
            );
            self.fault(node, message, None);
        }
        found
    }

    /// Works out a node's type.
    pub(crate) fn infer(&mut self, node: &Node) -> Type {
        match &node.kind {
            NodeKind::Literal(literal) => literal_type(literal),
            NodeKind::TypeName(_) => Type::Meta,
            NodeKind::Variable(_) => Type::Dyn,
            NodeKind::Read(read) => self.read(read),
            NodeKind::HasInput(_) => Type::Bool,
            NodeKind::Select(of, field) => {
                self.expect(
                    of,
                    &[Type::Map, Type::Null],
                    &format!("what `{field}` is read from"),
                );
                self.output(of, field)
            }
            NodeKind::Has(of, _) => {
                self.expect(of, &[Type::Map, Type::Null], "what has() looks into");
                Type::Bool
            }
            NodeKind::Index(pair) => {
                let of = self.expect(&pair[0], &[Type::List, Type::Map], "what is left of `[`");
                let wanted: &[Type] = match of {
                    Type::List => &[Type::Int, Type::Uint, Type::Double],
                    _ => &[Type::Int, Type::Uint, Type::Double, Type::Text, Type::Bool],
                };
                self.expect(&pair[1], wanted, "an index");
                Type::Dyn
            }
            NodeKind::List(nodes) => {
                for node in nodes {
                    self.infer(node);
                }
                Type::List
            }
            NodeKind::Map(entries) => {
                for (key, value) in entries {
                    self.expect(
                        key,
                        &[Type::Int, Type::Uint, Type::Double, Type::Text, Type::Bool],
                        "a key",
                    );
                    self.infer(value);
                }
                Type::Map
            }
            NodeKind::Not(of) => self.truth(of, "what `!` turns round"),
            NodeKind::Negate(of) => self.expect(of, &[Type::Int, Type::Double], "what `-` negates"),
            NodeKind::And(pair) | NodeKind::Or(pair) => {
                self.truth(&pair[0], "each side of `&&` and `||`");
                self.truth(&pair[1], "each side of `&&` and `||`")
            }
            NodeKind::Conditional(three) => {
                self.truth(&three[0], "what stands before `?`");
                let then = self.infer(&three[1]);
                let otherwise = self.infer(&three[2]);
                if then == otherwise { then } else { Type::Dyn }
            }
            NodeKind::Binary(binary, pair) => self.binary(node, *binary, pair),
            NodeKind::Call(function, args) => self.call(*function, args),
            NodeKind::Each(each) => self.each(each),
        }
    }

    fn truth(&mut self, node: &Node, what: &str) -> Type {
        self.expect(node, &[Type::Bool], what);
        Type::Bool
    }

    fn read(&self, read: &Read) -> Type {
        match read {
            Read::Input(name) => self.declarations.input(name).map_or(Type::Dyn, Type::from),
            Read::Step(id, StepField::Outputs) => match self.declarations.step(id) {
                Some(step) if step.fan_out => Type::List,
                _ => Type::Map,
            },
            Read::Step(_, StepField::State) | Read::Run(RunField::Id | RunField::Plan) => {
                Type::Text
            }
            Read::Step(_, StepField::Attempt) | Read::Run(RunField::Epoch) | Read::ItemIndex => {
                Type::Int
            }
            Read::Run(RunField::Labels) => Type::Map,
            Read::Step(_, StepField::ErrorClass) | Read::Item => Type::Dyn,
        }
    }

    /// The declared type of an output, when `of` is a step's outputs.
    fn output(&self, of: &Node, name: &str) -> Type {
        match &of.kind {
            NodeKind::Read(Read::Step(id, StepField::Outputs)) => self
                .declarations
                .output(id, name)
                .map_or(Type::Dyn, Type::from),
            NodeKind::Read(Read::Run(RunField::Labels)) => Type::Text,
            _ => Type::Dyn,
        }
    }

    fn binary(&mut self, node: &Node, binary: Binary, pair: &[Node; 2]) -> Type {
        let left = self.infer(&pair[0]);
        let right = self.infer(&pair[1]);
        let known = left != Type::Dyn && right != Type::Dyn;
        let numbers = left.is_number() && right.is_number();
        let (fits, result) = match binary {
            Binary::Equal | Binary::NotEqual => {
                self.words(pair);
                (
                    left == right || numbers || left == Type::Null || right == Type::Null,
                    Type::Bool,
                )
            }
            Binary::In => {
                let fits = right.may_be(&[Type::List, Type::Map]);
                if !fits {
                    self.fault(
                        node,
                        format!("`in` looks into a list or map, not into {}", right.as_str()),
                        None,
                    );
                }
                return Type::Bool;
            }
            Binary::Less | Binary::LessEqual | Binary::Greater | Binary::GreaterEqual => {
                let ordered = [Type::Bool, Type::Text, Type::Bytes];
                (
                    numbers || (left == right && ordered.contains(&left)),
                    Type::Bool,
                )
            }
            Binary::Add => {
                let added = [
                    Type::Int,
                    Type::Uint,
                    Type::Double,
                    Type::Text,
                    Type::Bytes,
                    Type::List,
                ];
                (left == right && added.contains(&left), left)
            }
            Binary::Modulo => (
                left == right && matches!(left, Type::Int | Type::Uint),
                left,
            ),
            Binary::Subtract | Binary::Multiply | Binary::Divide => {
                (left == right && numbers, left)
            }
        };
        if known && !fits {
            let message = match binary {
                Binary::Equal => format!("{} never equals {}", left.as_str(), right.as_str()),
                Binary::NotEqual => {
                    format!("{} always differs from {}", left.as_str(), right.as_str())
                }
                _ => format!(
                    "there is no `{}` between {} and {}",
                    binary.as_str(),
                    left.as_str(),
                    right.as_str()
                ),
            };
            self.fault(node, message, conversion(left, right));
            return if result == Type::Bool {
                Type::Bool
            } else {
                Type::Dyn
            };
        }
        if known || result == Type::Bool {
            result
        } else {
            Type::Dyn
        }
    }

    /// A state or error class is compared with a word of its set, or never
    /// equals it.
    fn words(&mut self, pair: &[Node; 2]) {
        for (read, other) in [(&pair[0], &pair[1]), (&pair[1], &pair[0])] {
            let NodeKind::Literal(Literal::Text(word)) = &other.kind else {
                continue;
            };
            let (what, known) = match &read.kind {
                NodeKind::Read(Read::Step(_, StepField::State)) => ("state", StepState::WORDS),
                NodeKind::Read(Read::Step(_, StepField::ErrorClass)) => {
                    ("error class", ErrorClass::WORDS)
                }
                _ => continue,
            };
            if !known.contains(&word.as_str()) {
                let hint = nearest(word, known.iter().copied()).map_or_else(
                    || format!("one of {}", known.join(", ")),
                    |near| format!("did you mean '{near}'?"),
                );
                self.fault(other, format!("there is no {what} `{word}`"), Some(hint));
            }
        }
    }

    fn call(&mut self, function: Function, args: &[Node]) -> Type {
        let name = function.as_str();
        let what = format!("an argument of `{name}`");
        let (wanted, result): (&[Type], Type) = match function {
            Function::Size => (&[Type::Text, Type::Bytes, Type::List, Type::Map], Type::Int),
            Function::Contains | Function::StartsWith | Function::EndsWith => {
                (&[Type::Text], Type::Bool)
            }
            Function::Int => (
                &[Type::Int, Type::Uint, Type::Double, Type::Text],
                Type::Int,
            ),
            Function::Uint => (
                &[Type::Int, Type::Uint, Type::Double, Type::Text],
                Type::Uint,
            ),
            Function::Double => (
                &[Type::Int, Type::Uint, Type::Double, Type::Text],
                Type::Double,
            ),
            Function::Text => (
                &[
                    Type::Text,
                    Type::Bytes,
                    Type::Bool,
                    Type::Int,
                    Type::Uint,
                    Type::Double,
                ],
                Type::Text,
            ),
            Function::Bytes => (&[Type::Text, Type::Bytes], Type::Bytes),
            Function::Bool => (&[Type::Bool, Type::Text], Type::Bool),
            Function::Type | Function::Dyn => {
                for arg in args {
                    self.infer(arg);
                }
                return if function == Function::Type {
                    Type::Meta
                } else {
                    Type::Dyn
                };
            }
        };
        for arg in args {
            self.expect(arg, wanted, &what);
        }
        result
    }

    fn each(&mut self, each: &Each) -> Type {
        self.expect(&each.range, &[Type::List, Type::Map], "what is walked");
        if let Some(predicate) = &each.predicate {
            self.truth(predicate, "the condition");
        }
        if let Some(result) = &each.result {
            self.infer(result);
        }
        if each.kind == EachKind::Collect {
            Type::List
        } else {
            Type::Bool
        }
    }
}

const fn literal_type(literal: &Literal) -> Type {
    match literal {
        Literal::Null => Type::Null,
        Literal::Bool(_) => Type::Bool,
        Literal::Int(_) => Type::Int,
        Literal::Uint(_) => Type::Uint,
        Literal::Double(_) => Type::Double,
        Literal::Text(_) => Type::Text,
        Literal::Bytes(_) => Type::Bytes,
    }
}

fn conversion(left: Type, right: Type) -> Option<String> {
    let either = |one: Type| left == one || right == one;
    if either(Type::Text) && (left.is_number() || right.is_number()) {
        return Some(String::from(
            "convert one side: string(x), int(x) or double(x)",
        ));
    }
    if either(Type::Double) && (either(Type::Int) || either(Type::Uint)) {
        return Some(String::from(
            "write whole numbers as doubles: 1.0, or double(x)",
        ));
    }
    None
}
