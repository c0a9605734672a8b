//! Batches: one plan over the inputs in a file, JSON, JSONL, YAML or CSV.

use crate::callers::AskedRun;
use crate::error::ServiceError;
use crate::runs::RunHandle;
use crate::service::{RunRequest, Service};
use rok_facades::runs::{BatchResult, BatchSubmission, ErrorKind, RunsError};
use rok_plan::{Plan, parse_input, parse_input_list, parse_inputs};
use rok_vocabulary::{BatchId, InputName};
use serde::de::IgnoredAny;
use serde_json::{Map, Value};
use std::path::{Path, PathBuf};

/// One byte more than the largest file of items.
const MAX_READ: u64 = 64 * 1024 * 1024 + 1;
/// So many faults are told; there may be more.
const TOLD: usize = 20;

type Items = Vec<Map<String, Value>>;

impl Service {
    /// The batch that a person wants: the plan and what is common in `request`,
    /// the items in a file. Nothing is judged but the file.
    pub fn batch_of(
        &self,
        request: RunRequest,
        file: &Path,
        batch: Option<&str>,
    ) -> Result<BatchSubmission, ServiceError> {
        let bad_name = |error: rok_vocabulary::IdError| ServiceError::BadName {
            what: error.to_string(),
        };
        let batch = match batch {
            Some(id) => id.parse::<BatchId>().map_err(bad_name)?,
            None => new_batch_id(),
        };
        let common = self.submission(request)?;
        let plan = rok_plan::parse(&common.plan, &common.source)?;
        let items = items(file, self.cwd(), &plan)?;
        Ok(BatchSubmission::new(batch, common, items))
    }

    /// Judges every item; nothing is written.
    pub fn check_batch(&self, batch: &BatchSubmission) -> Result<(), ServiceError> {
        Ok(self.runs()?.check_batch(batch)?)
    }

    /// Creates the run of an item, or finds the one that it made before.
    pub fn submit_item(
        &self,
        batch: &BatchSubmission,
        index: usize,
    ) -> Result<RunHandle, ServiceError> {
        let runs = self.runs()?;
        let run = runs.submit_item(batch, index)?;
        Ok(self.handle(runs, run))
    }

    /// Judges every item, then creates the run of each, or finds it.
    pub fn submit_batch(&self, batch: &BatchSubmission) -> Result<Vec<RunHandle>, ServiceError> {
        let (runs, actor) = (self.runs()?, &batch.common.submitter);
        let made = runs.submit_batch(batch)?.into_iter();
        let handle = |run| self.handle(runs.clone(), run).asked_by(actor.clone());
        Ok(made.map(handle).collect())
    }

    /// The batch that somebody asks for from elsewhere.
    pub fn asked_batch(
        &self,
        asked: AskedRun,
        batch: Option<BatchId>,
        items: Items,
    ) -> BatchSubmission {
        let batch = batch.unwrap_or_else(new_batch_id);
        BatchSubmission::new(batch, asked.into(), items)
    }

    /// A batch, as its runs tell it.
    pub fn batch_result(&self, batch: &str) -> Result<BatchResult, ServiceError> {
        let batch: BatchId =
            batch
                .parse()
                .map_err(|error: rok_vocabulary::IdError| ServiceError::BadName {
                    what: error.to_string(),
                })?;
        Ok(self.runs()?.batch(&batch)?)
    }
}

fn new_batch_id() -> BatchId {
    let id = uuid::Uuid::now_v7().hyphenated().to_string();
    id.parse().expect("a UUID is a batch id")
}

/// The items in a file, seen from `cwd`, each by the types that the plan
/// declares. Every faulty item is told by its number.
fn items(file: &Path, cwd: &Path, plan: &Plan) -> Result<Items, ServiceError> {
    let bytes = rok_files::read(&cwd.join(file), MAX_READ).map_err(|error| {
        ServiceError::InputsUnreadable {
            file: PathBuf::from(file),
            why: error.to_string(),
        }
    })?;
    if bytes.len() as u64 == MAX_READ {
        return Err(refused(vec!["the file is larger than 64 MiB".into()]));
    }
    let name = file.to_string_lossy();
    let extension = file.extension().and_then(|it| it.to_str());
    match extension.map(str::to_ascii_lowercase).as_deref() {
        Some("jsonl" | "ndjson") => lines(&bytes, plan),
        Some("csv") => table(&bytes, plan),
        _ => parse_input_list(plan, &bytes, &name)
            .map_err(|errors| ServiceError::Inputs(Box::new(errors))),
    }
}

fn refused(mut faults: Vec<String>) -> ServiceError {
    let more = faults.len().saturating_sub(TOLD);
    faults.truncate(TOLD);
    if more > 0 {
        faults.push(format!("and {more} more"));
    }
    RunsError::new(ErrorKind::Usage, "ROK0123", faults.join("\n"))
        .help("mend these items; no run was made of any")
        .into()
}

/// An item a line; empty lines count for nothing.
fn lines(bytes: &[u8], plan: &Plan) -> Result<Items, ServiceError> {
    let lines = bytes.split(|byte| *byte == b'\n').enumerate();
    let filled = lines.filter(|(_, line)| !line.trim_ascii().is_empty());
    let (mut items, mut faults) = (Vec::new(), Vec::new());
    for (n, (at, line)) in filled.enumerate() {
        if let Err(error) = serde_json::from_slice::<IgnoredAny>(line) {
            // Each line is one of its own: the error's line is always the first.
            let column = error.column();
            let what = format!("item {} (line {}): this is not JSON", n + 1, at + 1);
            faults.push(format!("{what} (column {column})"));
            continue;
        }
        match parse_inputs(plan, line, "item") {
            Ok(item) => items.push(item),
            Err(errors) => {
                let why = errors.faults.iter().map(|fault| fault.message.as_str());
                let why: Vec<&str> = why.collect();
                faults.push(format!(
                    "item {} (line {}): {}",
                    n + 1,
                    at + 1,
                    why.join("; ")
                ));
            }
        }
    }
    if faults.is_empty() {
        Ok(items)
    } else {
        Err(refused(faults))
    }
}

/// An item a row; the first row names the inputs. A value is read as `--input`
/// reads one; an empty one is not given.
fn table(bytes: &[u8], plan: &Plan) -> Result<Items, ServiceError> {
    // Some programs begin a file with a mark that is no part of a name.
    let bytes = bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(bytes);
    let mut rows = csv::ReaderBuilder::new().from_reader(bytes);
    let broken = |error: csv::Error| refused(vec![error.to_string()]);
    let names = rows.headers().map_err(broken)?.clone();
    let mut faults = Vec::new();
    let mut specs = Vec::new();
    for name in &names {
        let spec = name.parse::<InputName>().ok();
        let spec = spec.and_then(|name| plan.inputs.get(&name));
        if spec.is_none() {
            faults.push(format!(
                "the plan has no input `{name}`, as a column is named"
            ));
        }
        if specs.iter().any(|(other, _)| *other == name) {
            faults.push(format!("the column `{name}` is here twice"));
        }
        specs.push((name, spec));
    }
    if !faults.is_empty() {
        return Err(refused(faults));
    }
    let mut items = Vec::new();
    for (n, row) in rows.records().enumerate() {
        let row = match row {
            Ok(row) => row,
            Err(error) => {
                faults.push(format!("item {}: {error}", n + 1));
                continue;
            }
        };
        let mut item = Map::new();
        for ((name, spec), text) in specs.iter().zip(&row) {
            match spec
                .filter(|_| !text.is_empty())
                .map(|spec| parse_input(spec, text))
            {
                None => {}
                Some(Ok(value)) => drop(item.insert((*name).to_owned(), value)),
                Some(Err(fault)) => faults.push(format!("item {}: input `{name}` {fault}", n + 1)),
            }
        }
        items.push(item);
    }
    if faults.is_empty() {
        Ok(items)
    } else {
        Err(refused(faults))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use rstest::rstest;
    use serde_json::json;

    fn plan() -> Plan {
        let text = b"plan: p\ninputs:\n  site: { type: string }\n  n: { type: integer, default: 1 }\nsteps: { a: { call: f } }\n";
        rok_plan::parse(text, "p.yaml").unwrap()
    }

    fn read(name: &str, text: &str) -> Result<Items, String> {
        let dir = tempfile::tempdir().unwrap();
        std::fs::write(dir.path().join(name), text).unwrap();
        items(Path::new(name), dir.path(), &plan()).map_err(|error| {
            let problems = error.problems();
            let lines = problems.iter().map(|problem| problem.message.clone());
            lines.collect::<Vec<_>>().join("\n")
        })
    }

    #[rstest]
    #[case::json("b.json", r#"[{"site": "1.10", "n": 2}, {"site": "b"}]"#)]
    #[case::yaml("b.yaml", "- { site: 1.10, n: 2 }\n- site: b\n")]
    #[case::jsonl("b.jsonl", "{\"site\": \"1.10\", \"n\": 2}\n\n{\"site\": \"b\"}\n")]
    #[case::csv("b.csv", "site,n\n1.10,2\nb,\n")]
    #[case::csv_of_elsewhere("b.CSV", "\u{feff}n,site\r\n2,\"1.10\"\r\n,b\r\n")]
    fn every_form_has_the_same_items(#[case] name: &str, #[case] text: &str) {
        let expected = [json!({ "site": "1.10", "n": 2 }), json!({ "site": "b" })];
        let found = read(name, text).unwrap();
        assert_eq!(json!(found), json!(expected));
    }

    #[rstest]
    #[case::json("b.json", r#"[{"site": "a"}, {"n": "x"}]"#, "item 2")]
    #[case::no_list("b.json", r#"{"site": "a"}"#, "list")]
    #[case::no_mapping("b.yaml", "- { site: a }\n- b\n", "item 2")]
    #[case::jsonl("b.jsonl", "{\"site\": \"a\"}\n\n{\"n\": \"x\"}\n", "item 2 (line 3)")]
    #[case::csv("b.csv", "site,n\na,1\nb,x\n", "item 2")]
    #[case::csv_ragged("b.csv", "site,n\na,1\nb\n", "item 2")]
    #[case::csv_column("b.csv", "site,m\na,1\n", "no input `m`")]
    #[case::csv_twice("b.csv", "site,site\na,b\n", "twice")]
    fn a_faulty_item_is_told_by_its_number(
        #[case] name: &str,
        #[case] text: &str,
        #[case] why: &str,
    ) {
        let told = read(name, text).unwrap_err();
        assert!(told.contains(why), "{told}");
    }
}
