//! `budget`, `expect` and `policies`.

use alloc::collections::BTreeMap;
use alloc::format;
use alloc::string::{String, ToString};
use alloc::vec::Vec;
use core::ops::Range;

use super::step::StepDraft;
use super::{Decoder, read, twice};
use crate::budget::{Budget, OnExceeded};
use crate::expect::{Expect, Expected};
use crate::fault::{FaultCode, Finding, quoted};
use crate::tree::Node;

/// The longest key of an obligation.
const KEY_MAX: usize = 256;

impl Decoder<'_> {
    /// What a run may use up; `None` where nothing is limited.
    pub(super) fn budget(&mut self, root: &Node) -> Option<Budget> {
        let entry = root.entry("budget")?;
        let node = &entry.node;
        node.map()?;
        let budget = Budget {
            max_cost_usd: self.amount(node, "max_cost_usd"),
            max_energy_kwh: self.amount(node, "max_energy_kwh"),
            max_steps: read::whole(node, "max_steps"),
            max_tokens: read::whole(node, "max_tokens"),
            max_time: read::duration(node, "max_time"),
            on_exceeded: match node.get("on_exceeded").and_then(Node::text) {
                Some("hold") => OnExceeded::Hold,
                _ => OnExceeded::Fail,
            },
        };
        let limits = node.map().unwrap_or(&[]).iter();
        if limits.filter(|entry| entry.key != "on_exceeded").count() == 0 {
            let finding = Finding::new(
                FaultCode::MissingKey,
                entry.span.clone(),
                "`budget` limits nothing",
            );
            let hint = "give it a limit, such as `max_cost_usd: 5`, or remove it";
            self.findings.push(finding.hint(hint));
        }
        Some(budget)
    }

    fn amount(&mut self, budget: &Node, key: &str) -> Option<f64> {
        let amount = read::number(budget, key)?;
        if amount.is_finite() && amount >= 0.0 {
            return Some(amount);
        }
        let span = budget.get(key)?.span.clone();
        let message = format!("{} of `budget` is out of bounds", quoted(key));
        let finding = Finding::new(FaultCode::WrongValue, span, message);
        self.findings.push(finding.hint("it is a number from 0"));
        None
    }

    /// What is expected on top of the standard duties.
    pub(super) fn expect(&mut self, root: &Node, steps: &[StepDraft<'_>]) -> Vec<Expect> {
        let items = root.get("expect").and_then(Node::list).unwrap_or(&[]);
        let mut seen: BTreeMap<String, &Range<usize>> = BTreeMap::new();
        let mut expects = Vec::new();
        for item in items {
            let Some(expect) = self.expectation(item, steps) else {
                continue;
            };
            let name = format!(
                "{}/{}/{}",
                expect.what.domain(),
                expect.what.action(),
                expect.key
            );
            match seen.get(&name) {
                Some(first) => self.findings.push(twice(&name, "`expect`", item, first)),
                None => {
                    seen.insert(name, &item.span);
                    expects.push(expect);
                }
            }
        }
        expects
    }

    fn expectation(&mut self, item: &Node, steps: &[StepDraft<'_>]) -> Option<Expect> {
        let (domain, action) = (item.get("domain")?, item.get("action")?);
        let Some(what) = Expected::find(domain.text()?, action.text()?) else {
            let message = format!(
                "nobody here acknowledges {}",
                quoted(&format!("{}/{}", domain.text()?, action.text()?))
            );
            let known = Expected::ALL.iter();
            let known = known.map(|one| format!("`{}/{}`", one.domain(), one.action()));
            let hint = format!(
                "the run could never complete; known are {}",
                known.collect::<Vec<_>>().join(", ")
            );
            let finding = Finding::new(FaultCode::WrongValue, domain.span.clone(), message);
            self.findings.push(finding.hint(hint));
            return None;
        };
        let of_what = format!("`{}/{}`", what.domain(), what.action());
        let Some(key) = item.get("key").filter(|key| key.text().is_some()) else {
            let message = format!("{of_what} needs a `key`");
            let finding = Finding::new(FaultCode::MissingKey, item.span.clone(), message);
            let hint = match what {
                Expected::Artifact => "name the path of an artifact that a step declares",
                Expected::Step => "name a step",
            };
            self.findings.push(finding.hint(hint));
            return None;
        };
        let text = key.text()?;
        let fits = (1..=KEY_MAX).contains(&text.len()) && !text.chars().any(char::is_control);
        if let Some(fault) = unmet(what, text, steps, fits) {
            let finding = Finding::new(FaultCode::UnknownName, key.span.clone(), fault);
            self.findings.push(finding);
            return None;
        }
        let key = text.to_string();
        Some(Expect { what, key })
    }

    /// Policy files, by their paths.
    pub(super) fn policies(&mut self, root: &Node) -> Vec<String> {
        let items = root.get("policies").and_then(Node::list).unwrap_or(&[]);
        let mut seen: BTreeMap<&str, &Range<usize>> = BTreeMap::new();
        let mut paths = Vec::new();
        for node in items {
            let Some(text) = node.text() else { continue };
            let ending = text.rsplit_once('.').map(|(_, ending)| ending);
            let fits = matches!(ending, Some("cedar" | "cedarschema"));
            if let Some(first) = seen.get(text) {
                self.findings.push(twice(text, "`policies`", node, first));
            } else if fits && !text.contains('\0') {
                seen.insert(text, &node.span);
                paths.push(text.to_string());
            } else {
                let message = format!("{} is no policy file", quoted(text));
                let finding = Finding::new(FaultCode::WrongValue, node.span.clone(), message);
                let hint = "policies are `*.cedar`, declarations of inputs `*.cedarschema`";
                self.findings.push(finding.hint(hint));
            }
        }
        paths
    }
}

/// Why an obligation can never be met, if that is known now.
fn unmet(what: Expected, key: &str, steps: &[StepDraft<'_>], fits: bool) -> Option<String> {
    if !fits {
        return Some(format!(
            "a key has 1 to {KEY_MAX} characters, none of them a control character"
        ));
    }
    match what {
        Expected::Step => {
            let known = steps
                .iter()
                .any(|step| step.id.as_ref().is_some_and(|id| id.as_str() == key));
            (!known).then(|| format!("there is no step {}", quoted(key)))
        }
        Expected::Artifact => {
            let declared = steps.iter().flat_map(|step| &step.artifacts);
            let may_be = declared
                .map(|(path, ..)| path.node.text().unwrap_or_default())
                .any(|path| path == key || path.contains(['$', '*', '?', '[']));
            (!may_be).then(|| format!("no step declares an artifact {}", quoted(key)))
        }
    }
}
