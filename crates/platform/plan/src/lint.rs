//! What is allowed in a plan and unwise.
//!
//! A warning stops nothing: what must not be is a fault of the plan.

use alloc::collections::BTreeSet;
use alloc::format;
use alloc::string::{String, ToString};
use alloc::vec::Vec;
use rok_expr::{Condition, Fault, Reference, Site, Target, Template, argument_warnings};
use rok_vocabulary::StepId;

use crate::document::Document;
use crate::fault::quoted;
use crate::model::{Action, Gate, OnFailure, Plan};
use crate::pattern;
use crate::tree::{Node, Value};

/// Something that is allowed and unwise.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Warning {
    /// The step; `None` where it concerns the plan.
    pub step: Option<StepId>,
    /// What is unwise.
    pub message: String,
    /// What is wiser.
    pub hint: Option<String>,
}

impl Plan {
    /// What is unwise in this plan: what concerns the whole of it first, then
    /// step by step.
    #[must_use]
    pub fn warnings(&self) -> Vec<Warning> {
        let mut found = unused(self);
        found.extend(undoing(self));
        for step in &self.steps {
            let warning = |message: String, hint: Option<String>| Warning {
                step: Some(step.id.clone()),
                message,
                hint,
            };
            let undone = step.compensate.as_ref().map(|undo| &undo.action);
            for action in [&step.action].into_iter().chain(undone) {
                let read = read_as_code(action).into_iter();
                found.extend(read.map(|fault| warning(fault.message, fault.hint)));
            }
            for artifact in &step.artifacts {
                if pattern::leaves(&artifact.path) {
                    let path = quoted(artifact.path.source());
                    let message = format!("artifact {path} lies outside of the step's folder");
                    let hint = "other runs may write there too: write below the folder, or to ROK_ARTIFACTS";
                    found.push(warning(message, Some(hint.to_string())));
                }
            }
            if step.timeout.is_none() && self.max_duration.is_none() {
                let message = "nothing limits how long it takes".to_string();
                let hint = "give it `timeout`, or the plan `max_duration`".to_string();
                found.push(warning(message, Some(hint)));
            }
        }
        found
    }
}

/// Rollbacks and overrides that come to nothing.
fn undoing(plan: &Plan) -> Vec<Warning> {
    let warning = |message: &str, hint: &str| Warning {
        step: None,
        message: message.to_string(),
        hint: Some(hint.to_string()),
    };
    let mut found = Vec::new();
    let rolls_back = plan.on_failure == OnFailure::Rollback;
    let undoes = plan.steps.iter().any(|step| step.compensate.is_some());
    let overrides = plan.overrides.as_ref().is_some_and(|one| one.max > 0);
    if rolls_back && !undoes {
        found.push(warning(
            "`on_failure: rollback` undoes nothing: no step has `compensate`",
            "say in the steps what undoes them, or remove it",
        ));
    }
    let mut sub_runs = plan
        .steps
        .iter()
        .filter(|step| matches!(step.action, Action::Plan { .. }) && step.compensate.is_none());
    if (rolls_back || undoes)
        && let Some(step) = sub_runs.next()
    {
        found.push(Warning {
            step: Some(step.id.clone()),
            ..warning(
                "a rollback does not undo the run of a step: what that run did stays in place",
                "give the step a `compensate` of its own",
            )
        });
    }
    if overrides && !plan.steps.iter().any(|s| s.gate == Some(Gate::Hard)) {
        found.push(warning(
            "`overrides` permits nothing: no step is a hard gate",
            "add `gate: hard` to the step that may be overridden, or remove it",
        ));
    } else if overrides && rolls_back && undoes {
        found.push(warning(
            "`overrides` helps only where nothing was undone: a run that `on_failure: rollback` rolled back is never resumed",
            "leave `on_failure` out; `rok rollback` undoes a run that nobody overrides",
        ));
    }
    found
}

/// Values that something reads as code.
fn read_as_code(action: &Action) -> Vec<Fault> {
    if let Action::Shell { line, .. } = action {
        line.warnings().to_vec()
    } else if let Action::Argv(words) = action {
        argument_warnings(words)
    } else {
        Vec::new()
    }
}

/// What an expression may read: `input` or `secret`, and its name.
type Read = BTreeSet<(&'static str, String)>;

/// Inputs and secrets that are declared and never read.
fn unused(plan: &Plan) -> Vec<Warning> {
    let mut read = Read::new();
    // All expressions of the plan stand in its canonical form, wherever.
    if let Ok(document) = Document::read(&plan.to_canonical_json(), "plan.json") {
        for entry in document.root().map().unwrap_or_default() {
            match entry.key.as_str() {
                "inputs" => {} // defaults are no expressions
                "steps" => {
                    for step in entry.node.map().unwrap_or_default() {
                        entries(&step.node, &mut read);
                    }
                }
                _ => text(&entry.node, false, &mut read),
            }
        }
    }
    let warning = |what: &str, name: &str| Warning {
        step: None,
        message: format!("the {what} {} is declared and never read", quoted(name)),
        hint: Some("read it, or remove it".to_string()),
    };
    let inputs = plan.inputs.keys().map(|name| ("input", name));
    let secrets = plan.secrets.iter().map(|name| ("secret", name));
    inputs
        .chain(secrets)
        .filter(|(what, name)| !read.contains(&(*what, name.to_string())))
        .map(|(what, name)| warning(what, name.as_str()))
        .collect()
}

/// What a mapping reads, its conditions bare.
fn entries(node: &Node, read: &mut Read) {
    for entry in node.map().unwrap_or_default() {
        let bare = matches!(entry.key.as_str(), "if" | "for_each");
        text(&entry.node, bare, read);
    }
}

fn text(node: &Node, bare: bool, read: &mut Read) {
    match &node.value {
        Value::Map(_) => entries(node, read),
        Value::List(items) => items.iter().for_each(|item| text(item, bare, read)),
        Value::Scalar { text, .. } => {
            let found = if bare {
                Condition::parse(text).map(|condition| condition.references())
            } else {
                Template::parse(text, Site::Secrets).map(|template| template.references())
            };
            let found: Vec<Reference> = found.unwrap_or_default();
            read.extend(found.into_iter().filter_map(|found| match found.target {
                Target::Input(name) => Some(("input", name)),
                Target::Secret(name) => Some(("secret", name)),
                _ => None,
            }));
        }
    }
}

#[cfg(test)]
mod tests {
    use crate::parse;
    use alloc::format;
    use alloc::string::{String, ToString};
    use alloc::vec::Vec;
    use rstest::rstest;

    fn warnings(text: &str) -> Vec<String> {
        let plan = parse(text.as_bytes(), "p.yaml").unwrap_or_else(|e| panic!("{}", e.render()));
        let said = plan.warnings().into_iter().map(|w| match w.step {
            Some(step) => format!("{step}: {}", w.message),
            None => w.message,
        });
        said.collect()
    }

    #[rstest]
    #[case::shell_line("run: 'eval ${{ inputs.x }}'", &["a: `eval` reads this value as code"])]
    #[case::argv("run: [sh, -c, 'echo ${{ inputs.x }}']", &["a: `sh` reads this value as code"])]
    #[case::flags("run: [/bin/bash, -eo, pipefail, -xc, 'echo ${{ inputs.x }}']", &["a: `bash` reads this value as code"])]
    #[case::by_env("run: [env, A=b, python3, -c, '${{ inputs.x }}']", &["a: `python3` reads this value as code"])]
    #[case::as_argument("run: [sh, -c, 'echo \"$1\"', sh, '${{ inputs.x }}']", &[])]
    #[case::another_program("run: [grep, -c, '${{ inputs.x }}']", &[])]
    #[case::plain("run: 'echo ${{ inputs.x }}'", &[])]
    #[case::compensation("{ call: f, compensate: { run: 'eval ${{ inputs.x }}' } }", &["a: `eval` reads this value as code"])]
    fn steps(#[case] step: &str, #[case] expected: &[&str]) {
        let text = format!(
            "plan: p\nmax_duration: 1m\ninputs: {{ x: {{ type: string }} }}\nsteps:\n  a:\n    {step}\n"
        );
        let found = warnings(&text);
        assert_eq!(found.len(), expected.len(), "{found:?}");
        for (found, expected) in found.iter().zip(expected) {
            assert!(found.starts_with(expected), "{found}");
        }
    }

    #[test]
    fn a_step_without_any_limit_is_told() {
        let text = "plan: p\nsteps:\n  a: { call: f }\n  b: { call: f, timeout: 1m }\n";
        assert_eq!(warnings(text), ["a: nothing limits how long it takes"]);
        let text = "plan: p\ndefaults: { timeout: 1m }\nsteps:\n  a: { call: f }\n";
        assert!(warnings(text).is_empty());
    }

    #[rstest]
    #[case::undoes_nothing("on_failure: rollback", "{ run: a }", &["`on_failure: rollback` undoes nothing: no step has `compensate`"])]
    #[case::sub_run("on_failure: rollback", "{ plan: q }\n  b: { run: a, compensate: { run: b } }", &["a: a rollback does not undo the run of a step: what that run did stays in place"])]
    #[case::sub_run_undone("on_failure: rollback", "{ plan: q, compensate: { run: b } }", &[])]
    #[case::no_gate("overrides: {}", "{ run: a }", &["`overrides` permits nothing: no step is a hard gate"])]
    #[case::none_permitted("overrides: { max: 0 }", "{ run: a }", &[])]
    #[case::both("on_failure: rollback\noverrides: {}", "{ run: a, gate: hard, compensate: { run: b } }", &["`overrides` helps only where nothing was undone: a run that `on_failure: rollback` rolled back is never resumed"])]
    #[case::either("overrides: {}", "{ run: a, gate: hard, compensate: { run: b } }", &[])]
    #[case::up("version: 1", "{ run: a, artifacts: [{ path: ../x }, { path: x }] }", &["a: artifact `../x` lies outside of the step's folder"])]
    #[case::absolute("version: 1", "{ run: a, artifacts: [{ path: /tmp/x }] }", &["a: artifact `/tmp/x` lies outside of the step's folder"])]
    fn what_comes_to_nothing(#[case] keys: &str, #[case] step: &str, #[case] expected: &[&str]) {
        let text = format!("plan: p\nmax_duration: 1m\n{keys}\nsteps:\n  a: {step}\n");
        assert_eq!(warnings(&text), expected);
    }

    #[test]
    fn what_is_declared_and_never_read_is_told() {
        let text = "plan: p
max_duration: 1m
inputs: { a: { type: string }, b: { type: boolean }, c: { type: string, default: '${{ inputs.d }}' }, d: { type: string } }
secrets: [S, T]
env: { X: 'x${{ secrets.S }}' }
steps:
  s: { run: 'echo ${{ inputs.a }}', if: inputs.b }
";
        let found = warnings(text);
        assert_eq!(
            found,
            ["c", "d"]
                .map(|name| format!("the input `{name}` is declared and never read"))
                .into_iter()
                .chain(["the secret `T` is declared and never read".to_string()])
                .collect::<Vec<_>>()
        );
    }
}
