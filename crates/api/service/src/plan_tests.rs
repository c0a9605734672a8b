//! The use case of testing plans: find the files, play each test, count.

mod junit;

use crate::error::{Problem, ServiceError};
use crate::plan_file;
use crate::service::Service;
use rok_facades::plan_tests::{
    Mismatch, PlanTestCase, PlanTestResult, PlanTestsFacade, TestFault, TestVerdict,
};
use rok_facades::runs::EventLine;
use rok_plan_test::{PlanTest, TestFile};
use serde::Serialize;
use serde_json::Value;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

/// How names of test files end.
const SUFFIXES: &[&str] = &[
    ".plantest.yaml",
    ".plantest.yml",
    ".plantest.json",
    ".plantest.toml",
];

/// Events of a failed test that are told: enough to see the step before.
const TAIL: usize = 15;

/// A test file is a plan's size at most; one byte more is refused by its parser.
const MAX_READ: u64 = 16 * 1024 * 1024 + 1;

/// Which tests.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct PlanTestRequest {
    /// Files, or folders that are searched for `*.plantest.yaml`; none: the
    /// current folder.
    pub paths: Vec<String>,
    /// Only tests whose name holds one of these texts.
    pub filters: Vec<String>,
}

/// What came of all tests.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct PlanTestReport {
    /// The files, by name.
    pub files: Vec<TestFileReport>,
    /// Tests that passed.
    pub passed: usize,
    /// Tests of which something was not as expected.
    pub failed: usize,
    /// Tests and files that are wrong themselves.
    pub broken: usize,
    /// How much virtual time passed in all of them.
    pub virtual_ms: u64,
    /// How long it took.
    pub wall_ms: u64,
}

/// What came of a file of tests.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct TestFileReport {
    /// The file, as it was named or found.
    pub file: String,
    /// Its plan's id.
    pub plan: Option<String>,
    /// Its tests, in file order.
    pub tests: Vec<TestReport>,
    /// Why none of its tests ran.
    pub problems: Vec<Problem>,
    /// The same, as it came.
    #[serde(skip)]
    pub error: Option<ServiceError>,
}

/// What came of a test.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct TestReport {
    /// Its name.
    pub name: String,
    /// The line that it begins on, from 1.
    pub line: usize,
    /// How it ended.
    pub verdict: TestVerdict,
    /// What is not as expected.
    pub mismatches: Vec<Mismatch>,
    /// What is wrong with the test itself.
    pub fault: Option<TestFault>,
    /// How many events the virtual run had.
    pub events: usize,
    /// How much virtual time passed.
    pub virtual_ms: u64,
    /// How long it took.
    pub wall_ms: u64,
    /// The last events of a test that did not pass.
    #[serde(rename = "log", serialize_with = "lines")]
    pub tail: Vec<EventLine>,
    /// When the virtual run was created.
    #[serde(skip)]
    pub created_at: rok_vocabulary::Timestamp,
}

fn lines<S: serde::Serializer>(tail: &[EventLine], serializer: S) -> Result<S::Ok, S::Error> {
    let line = |event: &EventLine| serde_json::from_str::<Value>(&event.line).unwrap_or_default();
    serializer.collect_seq(tail.iter().map(line))
}

impl PlanTestReport {
    /// As JUnit XML, a suite a file.
    #[must_use]
    pub fn to_junit(&self) -> String {
        junit::write(self)
    }
}

impl Service {
    /// Runs tests of plans: against stubs, on a virtual clock.
    pub fn plan_test(&self, request: &PlanTestRequest) -> Result<PlanTestReport, ServiceError> {
        let engine = self.plan_tests()?;
        let began = Instant::now();
        let mut files = Vec::new();
        for (name, path) in find(self.cwd(), &request.paths)? {
            files.extend(file(&name, &path, engine, &request.filters));
        }
        if files.is_empty() {
            let asked: Vec<String> = request.filters.iter().map(|f| format!("`{f}`")).collect();
            let what = format!("no test has {} in its name", asked.join(" or "));
            return Err(ServiceError::NoTests { what });
        }
        let tests = || files.iter().flat_map(|file| &file.tests);
        let count = |verdict| tests().filter(|test| test.verdict == verdict).count();
        let broken_files = files.iter().filter(|file| file.error.is_some()).count();
        Ok(PlanTestReport {
            passed: count(TestVerdict::Passed),
            failed: count(TestVerdict::Failed),
            broken: count(TestVerdict::Broken) + broken_files,
            virtual_ms: tests().map(|test| test.virtual_ms).sum(),
            wall_ms: millis(began.elapsed()),
            files,
        })
    }
}

/// A file's tests; nothing where the filter leaves none.
fn file(
    name: &str,
    path: &Path,
    engine: &PlanTestsFacade,
    filters: &[String],
) -> Option<TestFileReport> {
    let mut report = TestFileReport {
        file: name.to_owned(),
        plan: None,
        tests: Vec::new(),
        problems: Vec::new(),
        error: None,
    };
    match tests(name, path, engine, filters, &mut report) {
        Ok(()) if report.tests.is_empty() => None,
        Ok(()) => Some(report),
        Err(error) => {
            report.problems = error.problems();
            report.error = Some(error);
            Some(report)
        }
    }
}

fn tests(
    name: &str,
    path: &Path,
    engine: &PlanTestsFacade,
    filters: &[String],
    report: &mut TestFileReport,
) -> Result<(), ServiceError> {
    let file = TestFile::new(&read(name, path)?, name)?;
    let folder = path.parent().unwrap_or(path);
    let text = plan_file::find(file.plan(), folder)?;
    let plan = text.parse()?;
    report.plan = Some(plan.id.to_string());
    let policies = file.policies().iter();
    let policies: Vec<PathBuf> = policies.map(|policy| folder.join(policy)).collect();
    let plan_policies = plan.policies.iter();
    let plan_policies: Vec<PathBuf> = plan_policies.map(|file| text.folder.join(file)).collect();
    let wanted = |test: &PlanTest| {
        filters.is_empty() || filters.iter().any(|part| test.name.contains(part.as_str()))
    };
    for test in file.tests(&plan)?.iter().filter(|test| wanted(test)) {
        let began = Instant::now();
        let result = engine.run(PlanTestCase {
            plan: &plan,
            test,
            policies: &policies,
            plan_policies: &plan_policies,
        })?;
        report
            .tests
            .push(test_report(test, result, began.elapsed()));
    }
    Ok(())
}

fn test_report(test: &PlanTest, result: PlanTestResult, wall: Duration) -> TestReport {
    let PlanTestResult {
        verdict,
        mismatches,
        fault,
        events,
        virtual_ms,
    } = result;
    let passed = verdict == TestVerdict::Passed;
    let from = if passed {
        events.len()
    } else {
        events.len().saturating_sub(TAIL)
    };
    TestReport {
        name: test.name.clone(),
        line: test.line,
        verdict,
        mismatches,
        fault,
        events: events.len(),
        virtual_ms,
        wall_ms: millis(wall),
        created_at: events.first().map(|event| event.at).unwrap_or_default(),
        tail: events[from..].to_vec(),
    }
}

fn millis(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}

fn read(name: &str, path: &Path) -> Result<Vec<u8>, ServiceError> {
    rok_files::read(path, MAX_READ).map_err(|error| ServiceError::PlanUnreadable {
        file: PathBuf::from(name),
        why: error.to_string(),
    })
}

/// The test files, each with the name to call it by; in the order of names.
fn find(cwd: &Path, paths: &[String]) -> Result<Vec<(String, PathBuf)>, ServiceError> {
    let here = [".".to_owned()];
    let asked = if paths.is_empty() { &here } else { paths };
    let mut files = Vec::new();
    for name in asked {
        let path = cwd.join(name);
        let what = match std::fs::metadata(&path) {
            Ok(meta) if meta.is_dir() => {
                let before = files.len();
                search(&path, Path::new(name), &mut files);
                match files.len() - before {
                    0 => format!("there is no *.plantest.yaml in {name}"),
                    _ => continue,
                }
            }
            Ok(_) => {
                files.push((name.clone(), path));
                continue;
            }
            Err(error) => format!("{name}: {error}"),
        };
        return Err(ServiceError::NoTests { what });
    }
    files.sort();
    files.dedup();
    Ok(files)
}

/// Searches a folder and those in it; hidden ones and links to folders aside.
fn search(folder: &Path, shown: &Path, files: &mut Vec<(String, PathBuf)>) {
    let Ok(entries) = std::fs::read_dir(folder) else {
        return;
    };
    for entry in entries.filter_map(Result::ok) {
        let name = entry.file_name();
        let Some(text) = name.to_str() else { continue };
        let shown = if shown == Path::new(".") {
            PathBuf::from(text)
        } else {
            shown.join(text)
        };
        let path = entry.path();
        if entry.file_type().is_ok_and(|kind| kind.is_dir()) {
            if !text.starts_with('.') {
                search(&path, &shown, files);
            }
        } else if SUFFIXES.iter().any(|suffix| text.ends_with(suffix)) && path.is_file() {
            files.push((shown.display().to_string(), path));
        }
    }
}
