//! The table of rules: read once, each condition parsed, each case checked.

use rok_chain::Digest;
use rok_expr::{Condition, RunView, Scope, StepView};
use rok_facades::Signal;
use rok_vocabulary::Epoch;
use serde::Deserialize;
use serde_json::{Map, Value, json};
use std::collections::BTreeMap;
use std::path::Path;

/// The rules that hold where nobody says otherwise.
const STANDARD: &str = include_str!("rules.toml");
/// A larger file is no table of rules.
const MAX_BYTES: u64 = 1024 * 1024;

/// A table of rules that cannot be used.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum RulesError {
    /// The file cannot be read.
    #[error("cannot read the rules {file}: {why}")]
    Unreadable {
        /// The file.
        file: String,
        /// Why.
        why: String,
    },
    /// It is no TOML, or has a key that is unknown.
    #[error("line {line}: {what}")]
    Syntax {
        /// 1-based.
        line: usize,
        /// What is wrong.
        what: String,
    },
    /// A condition is no CEL.
    #[error("rule `{rule}`: {what}")]
    Condition {
        /// The rule.
        rule: String,
        /// What is wrong.
        what: String,
    },
    /// A case does not come out as it says.
    #[error("rule `{rule}`, case {case}: it should give {expected}, and does not")]
    Case {
        /// The rule.
        rule: String,
        /// 1-based.
        case: usize,
        /// What the case says.
        expected: bool,
    },
    /// Some signal would match no rule.
    #[error("the last rule does not match every signal: give it `when = \"true\"`")]
    Open,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Table {
    rule: Vec<Entry>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Entry {
    id: String,
    when: String,
    next: String,
    #[serde(default)]
    cases: Vec<Case>,
}

#[derive(Deserialize)]
struct Case {
    matches: bool,
    #[serde(flatten)]
    signal: Map<String, Value>,
}

struct Rule {
    id: String,
    when: Condition,
    next: String,
}

/// A table of rules.
pub struct Rules {
    rules: Vec<Rule>,
    digest: String,
}

impl Rules {
    /// The rules that come with rok.
    #[must_use]
    pub fn standard() -> Self {
        Self::parse(STANDARD).expect("the standard rules are tested")
    }

    /// Reads a file.
    pub fn read(file: &Path) -> Result<Self, RulesError> {
        let unreadable = |why: String| RulesError::Unreadable {
            file: file.display().to_string(),
            why,
        };
        let bytes = rok_files::read(file, MAX_BYTES).map_err(|e| unreadable(e.to_string()))?;
        let text = String::from_utf8(bytes).map_err(|_| unreadable("it is not UTF-8".into()))?;
        Self::parse(&text)
    }

    /// Reads a table, and checks its cases.
    pub fn parse(text: &str) -> Result<Self, RulesError> {
        let table: Table = toml::from_str(text).map_err(|error| {
            let at = error.span().map_or(0, |span| span.start).min(text.len());
            RulesError::Syntax {
                line: text[..at].matches('\n').count() + 1,
                what: error.message().to_owned(),
            }
        })?;
        let rules: Result<Vec<Rule>, _> = table.rule.into_iter().map(checked).collect();
        let rules = rules?;
        if rules
            .last()
            .is_none_or(|rule| rule.when.source().trim() != "true")
        {
            return Err(RulesError::Open);
        }
        Ok(Self {
            rules,
            digest: Digest::of(text.as_bytes()).to_hex(),
        })
    }

    /// The rules' ids, in order.
    pub fn ids(&self) -> impl Iterator<Item = &str> {
        self.rules.iter().map(|rule| rule.id.as_str())
    }

    /// Which rules these are, sha-256, hex.
    #[must_use]
    pub fn digest(&self) -> &str {
        &self.digest
    }

    /// The first rule that a signal matches: its place, its id, what to do.
    pub(crate) fn of(&self, signal: &Signal) -> (usize, &str, &str) {
        let signal = json!(signal);
        let fits = |rule: &&Rule| rule.when.eval(&One(&signal)).unwrap_or(false);
        let found = self.rules.iter().position(|rule| fits(&rule));
        let place = found.unwrap_or(self.rules.len() - 1);
        let rule = &self.rules[place];
        (place, &rule.id, &rule.next)
    }
}

impl std::fmt::Debug for Rules {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_list().entries(self.ids()).finish()
    }
}

fn checked(entry: Entry) -> Result<Rule, RulesError> {
    let fault = |what: String| RulesError::Condition {
        rule: entry.id.clone(),
        what,
    };
    let when = Condition::parse(&entry.when).map_err(|faults| {
        let first = faults.into_iter().next();
        fault(first.map_or_else(|| "it is no condition".into(), |found| found.message))
    })?;
    for (case, place) in entry.cases.iter().zip(1..) {
        let mut signal = json!({ "service": "", "headline": "", "evidence": null });
        for (name, value) in &case.signal {
            signal[name.as_str()] = value.clone();
        }
        let found = when.eval(&One(&signal)).map_err(|e| fault(e.to_string()))?;
        if found != case.matches {
            return Err(RulesError::Case {
                rule: entry.id,
                case: place,
                expected: case.matches,
            });
        }
    }
    Ok(Rule {
        id: entry.id,
        when,
        next: entry.next,
    })
}

/// A signal as expressions see it.
struct One<'a>(&'a Value);

impl Scope for One<'_> {
    fn input(&self, name: &str) -> Option<&Value> {
        self.0.get(name)
    }

    fn step(&self, _: &str) -> Option<StepView<'_>> {
        None
    }

    fn run(&self) -> RunView<'_> {
        static NONE: BTreeMap<String, String> = BTreeMap::new();
        RunView {
            id: "",
            plan: "",
            epoch: Epoch::FIRST,
            labels: &NONE,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use rstest::rstest;

    #[test]
    fn every_standard_rule_has_a_case_that_matches() {
        let table: Table = toml::from_str(STANDARD).unwrap();
        for rule in &table.rule {
            assert!(rule.cases.iter().any(|case| case.matches), "{}", rule.id);
        }
        let ids: Vec<String> = Rules::standard().ids().map(ToOwned::to_owned).collect();
        assert_eq!(
            ids,
            ["technical", "vitals", "rankings", "authority", "routine"]
        );
    }

    #[rstest]
    #[case::open("[[rule]]\nid='a'\nwhen='false'\nnext='n'", "the last rule does not")]
    #[case::none("rule = []", "the last rule does not")]
    #[case::key(
        "[[rule]]\nid='a'\nwhen='true'\nnext='n'\nif='x'",
        "line 5: unknown field"
    )]
    #[case::case(
        "[[rule]]\nid='a'\nwhen='true'\nnext='n'\ncases=[{type='x',matches=false}]",
        "rule `a`, case 1: it should give false"
    )]
    fn faults(#[case] text: &str, #[case] begins: &str) {
        let error = Rules::parse(text).unwrap_err().to_string();
        assert!(error.starts_with(begins), "{error}");
    }
}
