//! Bytes to plan, and bytes to inputs.

use alloc::format;
use alloc::rc::Rc;
use alloc::string::String;
use alloc::vec::Vec;
use serde_json::{Map, Value};

use crate::decode::decode;
use crate::fault::{FaultCode, Finding, Findings, PlanErrors, quoted};
use crate::model::Plan;
use crate::source::{self, Holds, Source};
use crate::tree::{self, Node, Syntax};
use crate::values::{typed, untyped};

/// Reads a plan file: TOML where its name ends in `.toml`, else YAML or JSON.
/// `name` is the file's name for messages; nothing is opened. Either the plan
/// is valid as a whole, or every fault that could be found comes back at once.
pub fn parse(bytes: &[u8], name: &str) -> Result<Plan, PlanErrors> {
    let hint = format!(
        "a plan begins with `{}`",
        match Syntax::of(name) {
            Syntax::Yaml => "plan: some-id",
            Syntax::Toml => "plan = \"some-id\"",
        }
    );
    read(bytes, name, &hint, Holds::Code, |root, source, findings| {
        decode(root, source, findings)
    })
}

/// Reads a file of inputs for a plan, one mapping from names to values, in the
/// syntaxes of plans. A value is read by the type that the plan declares for
/// it, so that `1.10` is a text where a text is wanted. Whether all are there
/// and within bounds is [`check_inputs`](crate::check_inputs)'s business.
pub fn parse_inputs(
    plan: &Plan,
    bytes: &[u8],
    name: &str,
) -> Result<Map<String, Value>, PlanErrors> {
    read(
        bytes,
        name,
        "write `{}` for no inputs",
        Holds::Data,
        |root, _, findings| inputs(plan, root, "", findings),
    )
}

/// Reads a list of inputs, each as [`parse_inputs`] reads a file of them. What
/// is wrong with an item names it by its number, from 1.
pub fn parse_input_list(
    plan: &Plan,
    bytes: &[u8],
    name: &str,
) -> Result<Vec<Map<String, Value>>, PlanErrors> {
    read(
        bytes,
        name,
        "write a list of inputs, `- name: value`",
        Holds::Data,
        |root, _, findings| {
            let Some(items) = root.list() else {
                let message = format!("this is a list of inputs, and not {}", root.describe());
                let span = root.span.clone();
                findings.push(Finding::new(FaultCode::WrongType, span, message));
                return None;
            };
            let read = |(n, item): (usize, &Rc<Node>)| {
                inputs(plan, item, &format!("item {}: ", n + 1), findings)
            };
            Some(items.iter().enumerate().filter_map(read).collect())
        },
    )
}

/// `of` stands before each message.
fn inputs(
    plan: &Plan,
    root: &Node,
    of: &str,
    findings: &mut Findings,
) -> Option<Map<String, Value>> {
    let Some(entries) = root.map() else {
        let message = format!(
            "{of}inputs are a mapping from names to values, and this is {}",
            root.describe()
        );
        findings.push(Finding::new(
            FaultCode::WrongType,
            root.span.clone(),
            message,
        ));
        return None;
    };
    let mut values = Map::new();
    for entry in entries {
        let value = match plan.inputs.get(entry.key.as_str()) {
            Some(spec) => typed(&entry.node, spec.kind),
            None => untyped(&entry.node),
        };
        match value {
            Ok(value) => {
                values.insert(entry.key.clone(), value);
            }
            Err(fault) => {
                let message = format!("{of}{} {}", quoted(&entry.key), fault.message);
                let span = entry.node.span.clone();
                findings.push(Finding::new(FaultCode::WrongType, span, message));
            }
        }
    }
    Some(values)
}

/// Bytes to text to tree to what `decode` makes of it.
pub(crate) fn read<T>(
    bytes: &[u8],
    name: &str,
    when_empty: &str,
    holds: Holds,
    decode: impl FnOnce(&Rc<Node>, &Source<'_>, &mut Findings) -> Option<T>,
) -> Result<T, PlanErrors> {
    let mut findings = Findings::of(Syntax::of(name));
    let (text, unreadable) = source::read(bytes, holds);
    let source = Source::new(&text);
    let decoded = match unreadable {
        Some(finding) => {
            findings.push(finding);
            None
        }
        None => match tree::load(&source, &mut findings) {
            Some(root) => decode(&root, &source, &mut findings),
            None => {
                if findings.is_empty() {
                    let finding = Finding::new(FaultCode::Syntax, 0..0, "the file is empty");
                    findings.push(finding.hint(when_empty));
                }
                None
            }
        },
    };
    match decoded {
        Some(decoded) if findings.is_empty() => Ok(decoded),
        _ => {
            if findings.is_empty() {
                let message = "the file could not be read";
                findings.push(Finding::new(FaultCode::Syntax, 0..0, message));
            }
            Err(findings.into_errors(name, &source))
        }
    }
}
