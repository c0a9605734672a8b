//! The plans that steps name: found once, beside the plan that names them, when
//! a run is created.

use rok_chain::Digest;
use rok_events::SubPlan;
use rok_facades::runs::{ErrorKind, RunsError};
use rok_plan::{Action, Plan};
use rok_vocabulary::{InputName, PlanId};
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// Plans within plans: more than this is a mistake.
const DEEPEST: usize = 8;

/// All plans that a run may come to, each counted where it is named.
const MOST: usize = 1_000;

/// One byte more than the largest plan: a larger file is refused by the parser.
const MAX_READ: u64 = 16 * 1024 * 1024 + 1;

const EXTENSIONS: [&str; 4] = ["yaml", "yml", "toml", "json"];

/// The plans that were found, and their canonical bytes.
#[derive(Debug, Default)]
pub(crate) struct Found {
    pub(crate) plans: BTreeMap<PlanId, SubPlan>,
    pub(crate) documents: BTreeMap<Digest, Arc<[u8]>>,
}

/// Finds every plan that a plan's steps name, and that those name.
pub(crate) fn find(plan: &Plan, folder: &Path) -> Result<Found, RunsError> {
    let mut search = Search {
        documents: BTreeMap::new(),
        chain: Vec::new(),
        left: MOST,
        faults: Vec::new(),
    };
    let plans = search.of(plan, folder);
    let documents = search.documents;
    match together(&search.faults) {
        Some(fault) => Err(fault),
        None => Ok(Found { plans, documents }),
    }
}

/// All faults as one, each told once.
fn together(faults: &[RunsError]) -> Option<RunsError> {
    let mut lines: Vec<String> = Vec::new();
    let [one] = faults else {
        for fault in faults {
            let help = fault.help.as_deref();
            let help = help.map_or_else(String::new, |help| format!(" ({help})"));
            let line = format!("{}{help}", fault.message);
            if !lines.contains(&line) {
                lines.push(line);
            }
        }
        return (!lines.is_empty()).then(|| fault(lines.join("\n")));
    };
    Some(one.clone())
}

/// The plans beside a run that was created, by digest.
pub(crate) fn digests(plans: &BTreeMap<PlanId, SubPlan>) -> Vec<String> {
    let nested = plans.values().flat_map(|plan| digests(&plan.plans));
    let mut all: Vec<String> = plans.values().map(|plan| plan.sha256.clone()).collect();
    all.extend(nested);
    all.sort_unstable();
    all.dedup();
    all
}

struct Search {
    documents: BTreeMap<Digest, Arc<[u8]>>,
    /// The plans on the way to the one at hand.
    chain: Vec<PlanId>,
    left: usize,
    /// What is wrong with those that were found, or are not there.
    faults: Vec<RunsError>,
}

/// A plan as it was found.
struct Text {
    bytes: Vec<u8>,
    source: String,
    folder: PathBuf,
}

impl Search {
    fn of(&mut self, plan: &Plan, folder: &Path) -> BTreeMap<PlanId, SubPlan> {
        self.chain.push(plan.id.clone());
        let mut found: BTreeMap<PlanId, Option<(SubPlan, Plan)>> = BTreeMap::new();
        for step in &plan.steps {
            let Action::Plan { id, with } = &step.action else {
                continue;
            };
            if !found.contains_key(id) {
                let one = self.one(id, folder);
                let one = one.map_err(|fault| self.faults.push(fault)).ok();
                found.insert(id.clone(), one);
            }
            let Some((_, inner)) = &found[id] else {
                continue;
            };
            let names = with.iter().map(|(name, _)| name.as_str());
            let names: Vec<&str> = names.collect();
            for why in misfits(inner, &names) {
                let message = format!("step `{}` of plan `{}`: {why}", step.id, plan.id);
                self.faults.push(fault(message).help("mend its `with`"));
            }
        }
        self.chain.pop();
        let found = found.into_iter();
        found
            .filter_map(|(id, one)| one.map(|(one, _)| (id, one)))
            .collect()
    }

    fn one(&mut self, id: &PlanId, folder: &Path) -> Result<(SubPlan, Plan), RunsError> {
        if let Some(at) = self.chain.iter().position(|before| before == id) {
            let names = self.chain[at..].iter().chain([id]);
            let names: Vec<&str> = names.map(PlanId::as_str).collect();
            let message = format!("plans run each other: {}", names.join(" → "));
            return Err(fault(message).help("take one of the `plan` steps out"));
        }
        if self.chain.len() > DEEPEST {
            let message = format!("plan `{id}` lies {} plans deep", self.chain.len());
            return Err(fault(message).help("at most 8 plans may run within each other"));
        }
        self.left = self.left.checked_sub(1).ok_or_else(|| {
            let message =
                format!("the plan comes to more than {MOST} plans with all that they name");
            fault(message).help("let fewer plans name each other")
        })?;
        let text = look_for(id, folder)?;
        let plan = rok_plan::parse(&text.bytes, &text.source)
            .map_err(|errors| fault(errors.render().trim_end().to_owned()))?;
        if plan.id != *id {
            let message = format!(
                "{} holds plan `{}`, and a step asks for `{id}`",
                text.source, plan.id
            );
            return Err(fault(message).help("a plan's file is named after the plan"));
        }
        if !plan.notify.is_empty() {
            let message = format!("plan `{id}` has `notify`, and a step runs it");
            return Err(fault(message)
                .help("only the run that was submitted tells anybody: move `notify` to its plan"));
        }
        let canonical: Arc<[u8]> = plan.to_canonical_json().into();
        let digest = Digest::of(&canonical);
        self.documents.insert(digest, canonical);
        let sub = SubPlan {
            sha256: digest.to_hex(),
            cwd: Some(text.folder.display().to_string()),
            plans: self.of(&plan, &text.folder),
        };
        Ok((sub, plan))
    }
}

/// Inputs that a plan does not have, and those that it needs besides.
fn misfits(plan: &Plan, given: &[&str]) -> Vec<String> {
    let takes: Vec<&str> = plan.inputs.keys().map(InputName::as_str).collect();
    let takes = match takes.as_slice() {
        [] => "no inputs".to_owned(),
        takes => takes.join(", "),
    };
    let unknown = given
        .iter()
        .filter(|name| !plan.inputs.contains_key(**name));
    let unknown =
        unknown.map(|name| format!("plan `{}` has no input `{name}`, it takes {takes}", plan.id));
    let missing = plan
        .inputs
        .iter()
        .filter(|(name, spec)| spec.default.is_none() && !given.contains(&name.as_str()));
    let missing = missing.map(|(name, _)| format!("plan `{}` needs the input `{name}`", plan.id));
    unknown.chain(missing).collect()
}

/// `ID.yaml` and so on, in the folder or in `plans/` within it; else built in.
fn look_for(id: &PlanId, folder: &Path) -> Result<Text, RunsError> {
    let folders = [folder.to_owned(), folder.join("plans")];
    let names = EXTENSIONS.map(|extension| format!("{id}.{extension}"));
    let paths = folders
        .iter()
        .flat_map(|folder| names.iter().map(|name| folder.join(name)));
    let found: Vec<PathBuf> = paths.filter(|path| path.is_file()).collect();
    match (found.as_slice(), rok_plan::builtin(id.as_str())) {
        ([path], _) => read(path),
        ([], Some(text)) => Ok(Text {
            bytes: text.as_bytes().to_vec(),
            source: format!("builtin:{id}"),
            folder: folder.to_owned(),
        }),
        ([], None) => {
            let message = format!("there is no plan `{id}` beside {}", folder.display());
            Err(fault(message).help(format!(
                "name its file `{id}.yaml` (.yml, .toml, .json), beside that plan or in `plans/` there"
            )))
        }
        (several, _) => {
            let names: Vec<String> = several
                .iter()
                .map(|path| path.display().to_string())
                .collect();
            let message = format!("plan `{id}` is there more than once: {}", names.join(", "));
            Err(fault(message).help("leave one of them"))
        }
    }
}

fn read(path: &Path) -> Result<Text, RunsError> {
    let unreadable =
        |error: std::io::Error| fault(format!("cannot read {}: {error}", path.display()));
    let bytes = rok_files::read(path, MAX_READ).map_err(unreadable)?;
    Ok(Text {
        bytes,
        source: path.display().to_string(),
        folder: path.parent().unwrap_or(Path::new("/")).to_owned(),
    })
}

fn fault(message: impl Into<String>) -> RunsError {
    RunsError::new(ErrorKind::Usage, "ROK0119", message.into())
}
