//! Components to one ordinary plan: a step each, under its own name.

use crate::as_staged::{self, State};
use crate::not_started::{self, Refused};
use crate::pipe;
use crate::trouble::{config, of_plan};
use rok_component::Component;
use rok_executor::PIPED;
use rok_facades::registry::FoundComponent;
use rok_orchestration::{ExecutionContext, OrchestratorError, PIPELINE};
use rok_plan::{Plan, PlanErrors};
use rok_vocabulary::format_duration;
use serde_json::{Map, Value, json};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

/// How often an idempotent component is tried again that does not say so
/// itself: what passes by itself has mostly passed by then.
const RETRIES: u32 = 2;

/// More in one variable than this, and no program could be started with it.
const MAX_LIST: usize = 96 * 1024;

/// What the names of inputs begin with that are not of components.
pub(crate) const OURS: &str = "rok_";

/// A component's place in the plan.
#[derive(Debug, Clone)]
pub(crate) struct Part<'c> {
    /// The component.
    pub(crate) component: &'c Arc<Component>,
    /// What must have succeeded before, by name.
    pub(crate) needs: Vec<String>,
    /// The component whose output is its input.
    pub(crate) piped_from: Option<&'c Arc<Component>>,
    /// The files that concern it; `None`: all of them.
    pub(crate) files: Option<&'c [String]>,
    /// Variables that all components are given.
    pub(crate) around: &'c [(&'static str, String)],
}

/// The plan of components, in their order, each on its own.
pub fn plan_of_components(components: &[Arc<Component>]) -> Result<Plan, OrchestratorError> {
    let parts: Vec<Part<'_>> = components
        .iter()
        .map(|component| Part {
            component,
            needs: Vec::new(),
            piped_from: None,
            files: None,
            around: &[],
        })
        .collect();
    let context = ExecutionContext::of_stage("components");
    plan(&context, "", &parts, &Beside::default())
}

/// What a plan holds besides the components that run.
#[derive(Debug, Default)]
pub(crate) struct Beside<'c> {
    /// The parts that are refused, by name: each fails with its reason.
    pub(crate) refused: Refused,
    /// The components that no file concerns, and why.
    pub(crate) left_out: &'c [(FoundComponent, String)],
    /// What is staged, where the plan is about that.
    pub(crate) staged: Option<&'c State>,
}

/// The parts of a stage's plan: what a component requires comes before it, and
/// in a pipeline each needs the one before.
pub(crate) fn parts<'c>(
    context: &ExecutionContext,
    found: &'c [FoundComponent],
    files: &'c BTreeMap<String, Vec<String>>,
    around: &'c [(&'static str, String)],
) -> Result<Vec<Part<'c>>, OrchestratorError> {
    let mut parts: Vec<Part<'_>> = found
        .iter()
        .map(|found| Part {
            component: &found.component,
            needs: found.requires.iter().map(ToString::to_string).collect(),
            piped_from: None,
            files: files.get(found.component.name.as_str()).map(Vec::as_slice),
            around,
        })
        .collect();
    if context.stage == PIPELINE {
        chain(context, found, &mut parts)?;
    }
    Ok(parts)
}

/// Lets each of the named ones need the one before, and take what it hands on.
fn chain<'c>(
    context: &ExecutionContext,
    found: &'c [FoundComponent],
    parts: &mut [Part<'c>],
) -> Result<(), OrchestratorError> {
    let mut seen = BTreeSet::new();
    let mut before: Option<&'c Arc<Component>> = None;
    for name in &context.chain {
        let bare = name.split('@').next().unwrap_or(name);
        if !seen.insert(bare) {
            return Err(config(
                "ROK0222",
                format!("`{bare}` stands twice in the pipeline, and each component is one step"),
                "leave one of the two out",
            ));
        }
        let at = parts
            .iter()
            .position(|part| part.component.name.as_str() == bare);
        // The registry refuses names that come to nothing.
        let Some(at) = at else { continue };
        if let Some(before) = before {
            let name = before.name.to_string();
            if !parts[at].needs.contains(&name) {
                parts[at].needs.push(name);
            }
            parts[at].piped_from = Some(before);
        }
        before = Some(&found[at].component);
    }
    Ok(())
}

/// The plan of these parts, checked like any other; where it is about what is
/// staged, its last step holds the run to that.
pub(crate) fn plan(
    context: &ExecutionContext,
    orchestrator: &str,
    parts: &[Part<'_>],
    beside: &Beside<'_>,
) -> Result<Plan, OrchestratorError> {
    let document = document(context, orchestrator, parts, beside)?;
    let bytes = document.to_string();
    let parsed = rok_plan::parse(bytes.as_bytes(), "orchestrated.json");
    parsed.map_err(|errors: PlanErrors| of_plan(&errors))
}

fn document(
    context: &ExecutionContext,
    orchestrator: &str,
    parts: &[Part<'_>],
    beside: &Beside<'_>,
) -> Result<Value, OrchestratorError> {
    let mut steps = Map::new();
    for part in parts {
        let name = part.component.name.to_string();
        let step = if beside.refused.contains_key(&name) {
            not_started::refused(part.component, &told(part.component))
        } else {
            step(part)
        };
        steps.insert(name, Value::Object(step));
    }
    for part in parts {
        narrow(part, &mut steps)?;
    }
    for (found, why) in beside.left_out {
        let component = &found.component;
        let step = not_started::left_out(component, &told(component), why);
        steps.insert(component.name.to_string(), Value::Object(step));
    }
    if beside.staged.is_some() {
        let all: Vec<String> = steps.keys().cloned().collect();
        steps.insert(as_staged::STEP.to_owned(), as_staged::step(&all));
    }
    let mut document = json!({
        "plan": context.stage,
        "name": format!("stage {}", context.stage),
        "labels": { "stage": context.stage },
        "steps": steps,
    });
    if !orchestrator.is_empty() {
        document["labels"]["orchestrator"] = orchestrator.into();
    }
    if let Some((name, _)) = context.inputs.iter().find(|(n, _)| n.starts_with(OURS)) {
        let message = format!("`{name}`: inputs that begin with `{OURS}` are rok's own");
        return Err(config("ROK0222", message, "leave it out"));
    }
    // What does not run takes nothing.
    let runs = parts
        .iter()
        .filter(|part| !beside.refused.contains_key(part.component.name.as_str()));
    let parts: Vec<&Part<'_>> = runs.collect();
    let mut inputs = inputs(&parts)?;
    for part in &parts {
        if let Some(name) = batched(context, part)? {
            let given = json!({ "type": "array", "default": batches(part.files.unwrap_or(&[])) });
            inputs.insert(name, given);
        }
    }
    let refused = || not_started::input(&beside.refused);
    let refused = (!beside.refused.is_empty()).then(refused);
    let ours = [
        (as_staged::INPUT, beside.staged.map(State::input)),
        (not_started::INPUT, refused),
    ];
    for (name, input) in ours {
        let Some(input) = input else { continue };
        if inputs.insert(name.to_owned(), input).is_some() {
            let message = format!("no component takes an input `{name}`");
            return Err(config("ROK0222", message, "call it otherwise"));
        }
    }
    if !inputs.is_empty() {
        document["inputs"] = Value::Object(inputs);
    }
    let secrets: BTreeSet<&str> = parts
        .iter()
        .flat_map(|part| part.component.secrets())
        .map(rok_vocabulary::InputName::as_str)
        .collect();
    if !secrets.is_empty() {
        document["secrets"] = secrets.into_iter().collect();
    }
    if let Some(timeout) = context.timeout {
        document["max_duration"] = format_duration(timeout).into();
    }
    if !context.budget.is_empty() {
        document["budget"] = context.budget.clone().into_iter().collect();
    }
    if !context.policies.is_empty() {
        document["policies"] = context.policies.clone().into();
    }
    Ok(document)
}

/// The input that holds a component's files, where they are more than one list
/// can hold: it then runs once for each part of them.
fn batched(
    context: &ExecutionContext,
    part: &Part<'_>,
) -> Result<Option<String>, OrchestratorError> {
    let Some(files) = part.files.filter(|files| length(files) > MAX_LIST) else {
        return Ok(None);
    };
    if context.stage == PIPELINE {
        let message = format!(
            "{} files are more than a list can hold, and what a pipeline hands on is of one run",
            files.len()
        );
        let help = "say --all-files: each component then looks at everything";
        return Err(config("ROK0223", message, help));
    }
    Ok(Some(input_of_files(part)))
}

/// Names of components have no capital letters, and inputs no hyphens.
fn input_of_files(part: &Part<'_>) -> String {
    format!(
        "{OURS}files_{}",
        part.component.name.as_str().replace('-', "H")
    )
}

fn length(files: &[String]) -> usize {
    files.iter().map(|file| file.len() + 1).sum()
}

/// Files in lists that a program can be started with.
fn batches(files: &[String]) -> Vec<String> {
    let mut all: Vec<String> = Vec::new();
    for file in files {
        match all.last_mut() {
            Some(last) if last.len() + 1 + file.len() <= MAX_LIST => {
                last.push('\n');
                last.push_str(file);
            }
            _ => all.push(file.clone()),
        }
    }
    all
}

/// The inputs of all components. One name is one input.
fn inputs(parts: &[&Part<'_>]) -> Result<Map<String, Value>, OrchestratorError> {
    let mut all: Map<String, Value> = Map::new();
    let mut whose: BTreeMap<String, String> = BTreeMap::new();
    for part in parts {
        let piped = piped(part);
        for (name, spec) in part.component.inputs_json() {
            if piped.contains(&name) {
                continue;
            }
            match all.get(&name) {
                Some(known) if *known != spec => {
                    return Err(config(
                        "ROK0222",
                        format!(
                            "`{}` and `{}` both take an input `{name}`, and declare it differently",
                            whose[&name], part.component.name
                        ),
                        "run them one by one, or declare it alike in both manifests",
                    ));
                }
                Some(_) => {}
                None => {
                    whose.insert(name.clone(), part.component.name.to_string());
                    all.insert(name, spec);
                }
            }
        }
    }
    Ok(all)
}

/// The inputs that come from the component before: those that it hands on by
/// the same name.
fn piped(part: &Part<'_>) -> BTreeSet<String> {
    let Some(before) = part.piped_from else {
        return BTreeSet::new();
    };
    let handed = &before.step().outputs;
    let names = part.component.inputs().keys();
    let names = names.map(ToString::to_string);
    names.filter(|name| handed.contains_key(name)).collect()
}

/// Holds what the component before hands on to what this one takes: an input
/// is checked by the same rules wherever its value comes from.
fn narrow(part: &Part<'_>, steps: &mut Map<String, Value>) -> Result<(), OrchestratorError> {
    let Some(before) = part.piped_from else {
        return Ok(());
    };
    let handed = steps
        .get_mut(before.name.as_str())
        .and_then(|step| step.get_mut("outputs"))
        .and_then(Value::as_object_mut);
    let Some(handed) = handed else { return Ok(()) };
    for (name, taken) in part.component.inputs_json() {
        let (Some(Value::Object(given)), Value::Object(taken)) = (handed.get(&name), &taken) else {
            continue;
        };
        let narrowed = pipe::narrowed(given, taken).map_err(|why| {
            config(
                "ROK0222",
                format!(
                    "the output `{name}` of `{}` {why} by `{}`",
                    before.name, part.component.name
                ),
                "declare both alike, or put a component between them that hands on what is taken",
            )
        })?;
        handed.insert(name, Value::Object(narrowed));
    }
    Ok(())
}

/// Which component a step is, to the byte.
fn told(component: &Component) -> String {
    let id = component.id();
    format!("component {id}, sha-256 {}", component.fingerprint)
}

fn step(part: &Part<'_>) -> Map<String, Value> {
    let component = part.component;
    let mut step = component.step_json();
    step.insert("description".into(), told(component).into());
    if !step.contains_key("name") {
        step.insert("name".into(), component.id().to_string().into());
    }
    if !part.needs.is_empty() {
        step.insert("needs".into(), part.needs.clone().into());
    }
    if let Some(deprecation) = component.deprecation() {
        step.insert("deprecated".into(), deprecation.into());
    }
    if component.idempotent() {
        let retry = json!({ "max": RETRIES });
        step.entry("retry").or_insert(retry);
    } else {
        step.insert("idempotent".into(), false.into());
    }
    let mut given: Vec<(&str, String)> = Vec::new();
    if let Some(before) = part.piped_from {
        let mut whole = Value::Object(std::mem::take(&mut step));
        pipe::rewire(&mut whole, &piped(part), before.name.as_str());
        if let Value::Object(rewired) = whole {
            step = rewired;
        }
        let outputs = pipe::outputs_of(before.name.as_str());
        // A component that hands nothing on gives an empty text.
        let text = format!("${{{{ {outputs} == null ? '' : {outputs} }}}}");
        given.push((PIPED, text));
    }
    // A name is a text, whatever it looks like.
    let literal = |text: &str| text.replace("${{", "$${{");
    if let Some(files) = part.files {
        if length(files) > MAX_LIST {
            step.insert(
                "for_each".into(),
                format!("inputs.{}", input_of_files(part)).into(),
            );
            step.insert("max_parallel".into(), 1.into());
            given.push(("COMPONENT_FILES", "${{ item }}".to_owned()));
        } else {
            given.push(("COMPONENT_FILES", literal(&files.join("\n"))));
        }
    }
    for (name, value) in part.around {
        given.push((name, literal(value)));
    }
    if step.contains_key("run") && !given.is_empty() {
        let env = step.entry("env").or_insert_with(|| json!({}));
        for (name, value) in given {
            env[name] = value.into();
        }
    }
    step
}

#[cfg(test)]
mod tests;
