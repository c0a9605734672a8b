//! Document to tests.

mod commands;
mod expect;
mod stubs;

use alloc::collections::BTreeMap;
use alloc::format;
use alloc::string::{String, ToString};
use alloc::vec::Vec;
use rok_plan::{FaultCode, Faults, Item, Key, Plan, check_inputs};
use rok_vocabulary::{Actor, Profile};
use serde_json::{Map, Value};

use crate::keys::Place;
use crate::model::{CommandLine, Expect, PlanTest, Stub};
use crate::read::{Reader, Words, check_keys};

/// CPUs of the virtual machine, where a test does not say.
const CPUS: u32 = 4;

/// Who acts, where a test does not say.
const TESTER: &str = "user:tester";

/// The file's plan and policies.
pub(crate) fn head(root: Item<'_>, faults: &mut Faults) -> Option<(String, Vec<String>)> {
    let plan = faults.present(root, "plan")?;
    let Some(text) = plan.text() else {
        faults.mistyped(plan, "`plan`", "text");
        return None;
    };
    let mut policies = Vec::new();
    if let Some(item) = root.get("policies") {
        match item.list() {
            None => faults.mistyped(item, "`policies`", "a list of paths"),
            Some(items) => {
                for item in items {
                    match item.text() {
                        Some(path) => policies.push(path.to_string()),
                        None => faults.mistyped(item, "a policy file", "text"),
                    }
                }
            }
        }
    }
    Some((text.to_string(), policies))
}

/// The tests, checked against the plan.
pub(crate) fn tests(
    root: Item<'_>,
    faults: &mut Faults,
    plan: &Plan,
    line: &dyn Fn(usize) -> usize,
) -> Option<Vec<PlanTest>> {
    check_keys(root, Place::File, "a test file", faults);
    let tests = faults.present(root, "tests");
    let mut reader = Reader { faults, plan };
    let defaults = match root.get("defaults") {
        Some(item) => reader.draft(item, "`defaults`"),
        None => Draft::default(),
    };
    let tests = tests?;
    let Some(entries) = tests.map() else {
        reader
            .faults
            .mistyped(tests, "`tests`", "a mapping of tests by name");
        return None;
    };
    if entries.len() == 0 {
        let message = "there is no test in `tests`";
        reader
            .faults
            .tell(FaultCode::WrongValue, tests.span(), message);
    }
    let mut out = Vec::new();
    for (key, item) in entries {
        let draft = reader.draft(item, &format!("test `{}`", key.text));
        out.extend(reader.finish(&key, item, draft, &defaults, line(key.span.start)));
    }
    Some(out)
}

/// What a test says itself.
#[derive(Default)]
struct Draft {
    inputs: Map<String, Value>,
    labels: BTreeMap<String, String>,
    submitter: Option<Actor>,
    roles: Option<Vec<String>>,
    profile: Option<Profile>,
    cpus: Option<u32>,
    steps: BTreeMap<String, Stub>,
    commands: Option<Vec<CommandLine>>,
    expect: Option<Expect>,
}

impl Reader<'_, '_, '_> {
    fn draft(&mut self, item: Item<'_>, label: &str) -> Draft {
        if item.is_null() {
            let message = format!("{label} is empty");
            self.faults.tell(FaultCode::WrongType, item.span(), message);
        }
        if !check_keys(item, Place::Test, label, self.faults) {
            return Draft::default();
        }
        let profile = Words {
            what: "profile",
            known: Profile::WORDS,
        };
        Draft {
            inputs: item
                .get("inputs")
                .and_then(|item| self.faults.object(item, "`inputs`"))
                .unwrap_or_default(),
            labels: item
                .get("labels")
                .map(|item| self.labels(item))
                .unwrap_or_default(),
            submitter: item
                .get("submitter")
                .and_then(|item| self.actor(item, "`submitter`")),
            roles: item
                .get("roles")
                .and_then(|item| self.faults.texts(item, "`roles`")),
            profile: item
                .get("profile")
                .and_then(|item| self.word(item, &profile)),
            cpus: item
                .get("cpus")
                .and_then(|item| self.faults.whole(item, "`cpus`"))
                .map(|cpus: u32| cpus.max(1)),
            steps: item
                .get("steps")
                .map(|item| self.stubs(item))
                .unwrap_or_default(),
            commands: item.get("commands").map(|item| self.commands(item)),
            expect: item.get("expect").map(|item| self.expect(item)),
        }
    }

    fn labels(&mut self, item: Item<'_>) -> BTreeMap<String, String> {
        let Some(entries) = item.map() else {
            self.faults.mistyped(item, "`labels`", "a mapping");
            return BTreeMap::new();
        };
        entries
            .filter_map(|(key, item)| {
                let label = format!("label `{}`", key.text);
                Some((key.text.to_string(), self.faults.text(item, &label)?))
            })
            .collect()
    }

    /// A test over the defaults.
    fn finish(
        &mut self,
        key: &Key<'_>,
        item: Item<'_>,
        draft: Draft,
        defaults: &Draft,
        line: usize,
    ) -> Option<PlanTest> {
        let mut given = defaults.inputs.clone();
        given.extend(draft.inputs);
        let inputs = match check_inputs(self.plan, &given) {
            Ok(inputs) => inputs,
            Err(wrong) => {
                let at = item.get("inputs").map_or(key.span.clone(), Item::span);
                for fault in wrong {
                    let message = format!("test `{}`: {fault}", key.text);
                    self.faults.tell(FaultCode::WrongValue, at.clone(), message);
                }
                return None;
            }
        };
        let mut labels = defaults.labels.clone();
        labels.extend(draft.labels);
        let mut steps = defaults.steps.clone();
        for (id, stub) in draft.steps {
            let stub = match steps.remove(&id) {
                Some(below) => stub.over(below),
                None => stub,
            };
            steps.insert(id, stub);
        }
        let Some(expect) = draft.expect.or_else(|| defaults.expect.clone()) else {
            let message = format!("test `{}` expects nothing, so it cannot fail", key.text);
            let hint = "add `expect: { outcome: succeeded }`, for one";
            self.faults
                .tell_with_hint(FaultCode::MissingKey, key.span.clone(), message, hint);
            return None;
        };
        let submitter = draft.submitter.or_else(|| defaults.submitter.clone());
        Some(PlanTest {
            name: key.text.to_string(),
            line,
            inputs,
            labels,
            submitter: submitter.unwrap_or_else(tester),
            roles: draft
                .roles
                .or_else(|| defaults.roles.clone())
                .unwrap_or_default(),
            profile: draft
                .profile
                .or(defaults.profile)
                .unwrap_or(Profile::Strict),
            cpus: draft.cpus.or(defaults.cpus).unwrap_or(CPUS),
            steps,
            commands: draft
                .commands
                .or_else(|| defaults.commands.clone())
                .unwrap_or_default(),
            expect,
        })
    }
}

/// Who acts, where nobody is named.
fn tester() -> Actor {
    TESTER.parse().expect("it is an actor")
}
