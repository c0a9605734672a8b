//! What an attempt comes of, its files read: the key of its result.

use super::Job;
use super::before::text;
use crate::cache::Feed;
use rok_artifacts::{ArtifactError, Declared, Digest, Identity, matches, measure};
use rok_executor::{INHERITED, ProcessWork, Program, StepFailure, Work};
use rok_vocabulary::ErrorClass;
use std::os::unix::ffi::OsStrExt as _;
use std::path::Path;

/// More files than this are not read for one step.
const MAX_READ: usize = 100_000;

/// The digest of everything that the attempt comes of; `None` where nobody
/// asks for it.
pub(super) fn key(job: &Job) -> Result<Option<String>, StepFailure> {
    let Some(base) = &job.step.inputs else {
        return Ok(None);
    };
    let mut feed = Feed::new("rok-cache-1");
    feed.text(&base.step);
    feed.bytes(job.step.roots.cwd.as_os_str().as_bytes());
    for name in INHERITED {
        // Where temporary files are makes no difference to a result.
        if name != "TMPDIR" {
            feed.text(name);
            feed.bytes(std::env::var_os(name).unwrap_or_default().as_bytes());
        }
    }
    for (step, result) in &base.before {
        feed.text(step);
        feed.text(result);
    }
    if let Work::Process(work) = &job.request.work {
        program(job, work, &mut feed);
        // What could not be reached then may be now.
        if let Some(sandbox) = &work.sandbox {
            feed.text(&sandbox.to_canonical_json());
        }
    }
    let mut files = 0;
    for declared in &job.step.reads {
        feed.text(&declared.path);
        for (path, digest) in read(job, declared)? {
            files += 1;
            if files > MAX_READ {
                let reason =
                    format!("it reads more than {MAX_READ} files: pack them, or name fewer");
                return Err(StepFailure::new(ErrorClass::ConfigError, reason));
            }
            feed.text(&path);
            feed.text(&digest.sha256);
        }
    }
    Ok(Some(feed.sha256()))
}

/// A program that is named by its path is a file that the step reads. What it
/// is will be told when it is started.
fn program(job: &Job, work: &ProcessWork, feed: &mut Feed) {
    let Program::Argv(argv) = &work.program else {
        return;
    };
    let named = argv.first().filter(|program| program.contains('/'));
    let found = named.and_then(|program| digest(job, &work.cwd.join(program)).ok());
    feed.text(&found.map(|found| found.sha256).unwrap_or_default());
}

fn read(job: &Job, declared: &Declared) -> Result<Vec<(String, Digest)>, StepFailure> {
    let missing = |reason| StepFailure::new(ErrorClass::ContractInputMissing, reason);
    let found = matches(declared, &job.step.roots)
        .map_err(|error| StepFailure::new(ErrorClass::ConfigError, text(&error)))?;
    if found.is_empty() && declared.required {
        let reason = format!("`{}`, which the step reads, does not exist", declared.path);
        return Err(missing(reason));
    }
    let digests = found.into_iter().map(|(path, file)| {
        let found = digest(job, &file);
        found.map(|digest| (path, digest)).map_err(|error| {
            let what = format!(
                "`{}`, which the step reads: {}",
                declared.path,
                text(&error)
            );
            missing(what)
        })
    });
    digests.collect()
}

/// A file's digest; one that has not changed since is not read again.
fn digest(job: &Job, file: &Path) -> Result<Digest, ArtifactError> {
    let before = Identity::at(file);
    if let Some(known) = before.and_then(|before| job.files.known(file, before)) {
        return Ok(known);
    }
    let found = measure(file)?;
    if let Some(identity) = before.filter(|_| Identity::at(file) == before) {
        job.files.remember(file, identity, &found.sha256);
    }
    Ok(found)
}
