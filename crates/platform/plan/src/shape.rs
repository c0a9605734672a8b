//! The first look at a tree: does it have the shape that the key table gives?
//! Everything that concerns one value alone is said here, so that the decoder
//! can take what is well formed and stay silent about the rest.

mod scalars;

use alloc::format;
use alloc::string::{String, ToString};
use alloc::vec::Vec;
use core::ops::Range;

use crate::fault::{FaultCode, Finding, Findings, quoted};
use crate::keys::{FOREIGN_SCHEMA, KEYS, KeySpec, Names, Place, SYNONYMS, Support, Ty};
use crate::model::ValueKind;
use crate::nearest::Nearest;
use crate::tree::{Entry, Node, Style, Syntax};

/// Checks the whole tree against the key table.
pub(crate) fn check(root: &Node, findings: &mut Findings, nearest: &Nearest) {
    let mut shape = Shape { findings, nearest };
    if root.map().is_none() {
        let message = format!("a plan is a mapping, and this is {}", root.describe());
        let hint = "it begins with `plan: some-id` and has `steps:`";
        shape
            .findings
            .push(Finding::new(FaultCode::WrongType, root.span.clone(), message).hint(hint));
        return;
    }
    let start = root.span.start;
    shape.object(
        root,
        Place::Plan,
        &Owner {
            name: String::new(),
            span: start..start,
        },
    );
}

/// The thing whose keys are looked at, for messages.
struct Owner {
    /// For example "step `build`"; empty for the plan.
    name: String,
    /// Where to point when a key is missing.
    span: Range<usize>,
}

impl Owner {
    /// "`key` of step `build`"
    fn label(&self, key: &str) -> String {
        if self.name.is_empty() {
            quoted(key)
        } else {
            format!("{} of {}", quoted(key), self.name)
        }
    }

    /// " in step `build`"
    fn inside(&self) -> String {
        if self.name.is_empty() {
            String::new()
        } else {
            format!(" in {}", self.name)
        }
    }
}

struct Shape<'a> {
    findings: &'a mut Findings,
    nearest: &'a Nearest,
}

/// The value at hand: its node, where to point, and how to call it.
struct Spot<'a> {
    node: &'a Node,
    span: Range<usize>,
    label: &'a dyn Fn() -> String,
}

impl Spot<'_> {
    fn fault(&self, code: FaultCode, what: &str) -> Finding {
        Finding::new(
            code,
            self.span.clone(),
            format!("{} {what}", (self.label)()),
        )
    }

    fn mistyped(&self, expected: &str) -> Finding {
        let what = format!("must be {expected}, and is {}", self.node.describe());
        let finding = self.fault(FaultCode::WrongType, &what);
        if self.node.is_null() {
            finding.hint("give it a value, or remove the key")
        } else {
            finding
        }
    }
}

impl Shape<'_> {
    fn object(&mut self, node: &Node, place: Place, owner: &Owner) {
        let Some(entries) = node.map() else { return };
        for entry in entries {
            match KeySpec::find(place, &entry.key) {
                Some(spec) => {
                    if spec.support == Support::Later {
                        self.findings
                            .push(later(entry.span.clone(), &quoted(&entry.key)));
                    }
                    self.entry(entry, spec.ty, owner);
                }
                None => self.unknown(entry, place, owner),
            }
        }
        for spec in KeySpec::of(place).filter(|spec| spec.required && node.get(spec.key).is_none())
        {
            let message = format!("{} is missing{}", quoted(spec.key), owner.inside());
            let finding = Finding::new(FaultCode::MissingKey, owner.span.clone(), message);
            let pair = self.findings.syntax().pair(spec.key, "…");
            self.findings.push(finding.hint(format!("add `{pair}`")));
        }
    }

    fn unknown(&mut self, entry: &Entry, place: Place, owner: &Owner) {
        let key = entry.key.as_str();
        let schema = matches!(place, Place::Input | Place::Output) && FOREIGN_SCHEMA.contains(&key);
        let hint = if schema {
            let known: Vec<_> = KeySpec::of(place).map(|spec| quoted(spec.key)).collect();
            Some(format!(
                "the schema of {} takes {}",
                place.title(),
                known.join(", ")
            ))
        } else {
            self.meant(key, place)
        };
        let message = if schema {
            format!(
                "{} is JSON Schema that plans do not take{}",
                quoted(key),
                owner.inside()
            )
        } else {
            format!("unknown key {}{}", quoted(key), owner.inside())
        };
        let finding = Finding::new(FaultCode::UnknownKey, entry.span.clone(), message);
        self.findings.push(finding.maybe_hint(hint));
    }

    /// What the author of an unknown key may have had in mind.
    fn meant(&self, key: &str, place: Place) -> Option<String> {
        let folded = key.to_ascii_lowercase().replace('-', "_");
        if let Some((_, _, ours)) = SYNONYMS
            .iter()
            .find(|(at, word, _)| *at == place && *word == folded)
        {
            return Some(format!("here it is called {}", quoted(ours)));
        }
        let elsewhere: Vec<&str> = KEYS
            .iter()
            .filter(|spec| spec.key == key)
            .map(|spec| spec.place.title())
            .take(3)
            .collect();
        if place == Place::Compensate && matches!(key, "env" | "cwd") {
            return Some(format!(
                "a compensation has the step's own {0}: give {0} to the step",
                quoted(key)
            ));
        }
        if !elsewhere.is_empty() {
            return Some(format!(
                "{} belongs in {}",
                quoted(key),
                elsewhere.join(" or ")
            ));
        }
        let near = self
            .nearest
            .of(key, KeySpec::of(place).map(|spec| spec.key))?;
        Some(format!("did you mean {}?", quoted(near)))
    }

    fn entry(&mut self, entry: &Entry, ty: Ty, owner: &Owner) {
        let label = || owner.label(&entry.key);
        let span = if entry.node.is_null() {
            entry.span.clone()
        } else {
            entry.node.span.clone()
        };
        // What a mapping lacks is shown at its key, not at its first line.
        let named = entry.span.clone();
        self.value(
            &Spot {
                node: &entry.node,
                span,
                label: &label,
            },
            ty,
            named,
        );
    }

    fn value(&mut self, spot: &Spot<'_>, ty: Ty, named: Range<usize>) {
        match ty {
            Ty::List(item) => self.list(spot, *item),
            Ty::Map(names, value) => self.map(spot, names, *value),
            Ty::Object(place) => {
                if spot.node.map().is_some() {
                    self.object(
                        spot.node,
                        place,
                        &Owner {
                            name: (spot.label)(),
                            span: named,
                        },
                    );
                } else {
                    let expected = format!("a mapping with the keys of {}", place.title());
                    let finding = spot.mistyped(&expected);
                    let full = in_full(spot.node, place, self.findings.syntax());
                    self.findings.push(match full {
                        Some(full) => finding.hint(format!("write {}", quoted(&full))),
                        None => finding,
                    });
                }
            }
            Ty::Command => self.command(spot),
            Ty::Json => {
                if spot.node.is_null() {
                    self.findings.push(spot.mistyped("a value"));
                }
            }
            scalar => {
                if let Err(finding) = scalars::check(spot, scalar, self.nearest) {
                    self.findings.push(finding);
                }
            }
        }
    }

    fn list(&mut self, spot: &Spot<'_>, item: Ty) {
        let Some(items) = spot.node.list() else {
            let finding = spot.mistyped("a list");
            let syntax = self.findings.syntax();
            let written = spot.node.scalar().filter(|_| !spot.node.is_null());
            self.findings.push(match written {
                Some((text, style)) => {
                    let list = format!("[{}]", within(text, style, syntax));
                    finding.hint(format!("write {}", quoted(&list)))
                }
                None => finding,
            });
            return;
        };
        let label = || format!("an item of {}", (spot.label)());
        for node in items {
            let spot = Spot {
                node,
                span: node.span.clone(),
                label: &label,
            };
            self.value(&spot, item, node.span.start..node.span.start);
        }
    }

    fn map(&mut self, spot: &Spot<'_>, names: Names, value: Ty) {
        let Some(entries) = spot.node.map() else {
            let what = match names {
                Names::Step => "a mapping from step ids to steps",
                _ => "a mapping from names to values",
            };
            self.findings.push(spot.mistyped(what));
            return;
        };
        for entry in entries {
            let labelled = spot.label;
            let owner = match names {
                Names::Step => format!("step {}", quoted(&entry.key)),
                _ => format!("{} of {}", quoted(&entry.key), labelled()),
            };
            if let Err((code, why, hint)) = scalars::name(&entry.key, names) {
                let message = format!("{} {why}", quoted(&entry.key));
                self.findings
                    .push(Finding::new(code, entry.span.clone(), message).hint(hint));
            }
            let span = if entry.node.is_null() {
                entry.span.clone()
            } else {
                entry.node.span.clone()
            };
            let label = || owner.clone();
            self.value(
                &Spot {
                    node: &entry.node,
                    span,
                    label: &label,
                },
                value,
                entry.span.clone(),
            );
        }
        if entries.is_empty() && names == Names::Step {
            self.findings.push(
                spot.fault(FaultCode::WrongValue, "holds no step")
                    .hint("a plan has at least one step"),
            );
        }
    }

    fn command(&mut self, spot: &Spot<'_>) {
        match spot.node.list() {
            Some([]) => {
                let finding = spot.fault(FaultCode::WrongValue, "is an empty list");
                self.findings
                    .push(finding.hint("the first item is the program"));
            }
            Some([program, ..]) => {
                self.list(spot, Ty::Template);
                if program.text().is_some_and(|text| text.trim().is_empty()) {
                    let finding = Finding::new(
                        FaultCode::WrongValue,
                        program.span.clone(),
                        "the program has no name",
                    );
                    self.findings
                        .push(finding.hint("the first item is the program"));
                }
            }
            None => match spot.node.text() {
                Some(text) if text.trim().is_empty() => {
                    self.findings
                        .push(spot.fault(FaultCode::WrongValue, "is an empty shell line"));
                }
                Some(text) => {
                    if let Err(finding) = scalars::without_nul(spot, text) {
                        self.findings.push(finding);
                    }
                }
                None => self
                    .findings
                    .push(spot.mistyped("a shell line or a list of arguments")),
            },
        }
    }
}

/// A scalar where a mapping belongs, written as the mapping that was probably
/// meant.
fn in_full(node: &Node, place: Place, syntax: Syntax) -> Option<String> {
    let (text, style) = node.scalar().filter(|(text, _)| text.len() <= 60)?;
    if node.is_null() {
        return None;
    }
    let key = match place {
        Place::Step => "run",
        Place::Retry => "max",
        Place::Artifact => "path",
        Place::Input | Place::Output if ValueKind::from_word(text).is_some() => "type",
        _ => return None,
    };
    Some(format!(
        "{{ {} }}",
        syntax.pair(key, &within(text, style, syntax))
    ))
}

/// A scalar as it is written within brackets.
fn within(text: &str, style: Style, syntax: Syntax) -> String {
    match (syntax, style) {
        (Syntax::Toml, Style::Plain | Style::Quoted | Style::Block) => format!("\"{text}\""),
        (Syntax::Yaml, _) | (Syntax::Toml, Style::Typed) => text.to_string(),
    }
}

/// The refusal of what is carried out later.
pub(crate) fn later(span: Range<usize>, what: &str) -> Finding {
    Finding::new(
        FaultCode::NotSupported,
        span,
        format!("{what} is not supported yet"),
    )
    .hint("it belongs to the format, and this version does not carry it out: remove it".to_string())
}
