//! A step's work, as far as it is known: its kind, its program, its host.

use crate::judge::Breach;
use crate::policy::{Deny, ExecutionPolicy};
use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;
use rok_vocabulary::StepId;

/// What is known of a step's work.
#[derive(Debug, Clone, Copy)]
pub struct WorkFacts<'a> {
    /// The plan.
    pub plan: &'a str,
    /// Who submitted the run.
    pub submitter: &'a str,
    /// The step.
    pub step: &'a StepId,
    /// The plan key that asks for this kind of work: `run`, `http`, …
    pub kind: &'a str,
    /// The program of an argument vector.
    pub program: Option<&'a str>,
    /// A shell line.
    pub line: Option<&'a str>,
    /// The address of a request.
    pub url: Option<&'a str>,
}

/// What policies deny of a step's work.
#[must_use]
pub fn judge_work(policies: &[ExecutionPolicy], facts: &WorkFacts<'_>) -> Vec<Breach> {
    let step = facts.step.as_str();
    let covering = policies
        .iter()
        .filter(|policy| policy.covers(facts.plan, facts.submitter, Some(step)));
    let mut breaches = Vec::new();
    for policy in covering {
        let Some(deny) = &policy.payload.deny else {
            continue;
        };
        let found = denied(deny, facts);
        breaches.extend(found.map(|what| {
            let why = format!("step `{step}` {what}");
            Breach::of(policy, Some(facts.step), why)
        }));
    }
    breaches
}

fn denied(deny: &Deny, facts: &WorkFacts<'_>) -> Option<String> {
    if deny.executors.contains(facts.kind) {
        return Some(format!("is a `{}` step", facts.kind));
    }
    if let Some(program) = facts.program.filter(|program| names(deny, program)) {
        return Some(format!("starts `{program}`"));
    }
    // Every word of a line may be a program: what a shell makes of it is not
    // known here.
    let words = facts
        .line
        .into_iter()
        .flat_map(|line| line.split(is_no_word));
    if let Some(word) = words
        .filter(|word| !word.is_empty())
        .find(|word| names(deny, word))
    {
        return Some(format!("names `{word}` in its shell line"));
    }
    let host = facts.url.and_then(host_of)?;
    let found = deny.hosts.iter().find(|pattern| matches(pattern, &host));
    found.map(|pattern| format!("asks the host `{host}` (`{pattern}`)"))
}

fn is_no_word(c: char) -> bool {
    !(c.is_alphanumeric() || "._-+/".contains(c))
}

/// By its path, or by the last part of it.
fn names(deny: &Deny, program: &str) -> bool {
    let name = program.rsplit('/').next().unwrap_or(program);
    deny.commands.contains(program) || deny.commands.contains(name)
}

/// The host of an address, in small letters, without user and port.
pub(crate) fn host_of(url: &str) -> Option<String> {
    let (_, rest) = url.split_once("://")?;
    let authority = rest.split(['/', '?', '#', '\\']).next()?;
    let host = authority.rsplit('@').next()?;
    let host = match host.strip_prefix('[') {
        Some(six) => six.split(']').next()?,
        None => host.split(':').next()?,
    };
    let host = host.trim_end_matches('.').to_lowercase();
    (!host.is_empty()).then_some(host)
}

fn matches(pattern: &str, host: &str) -> bool {
    let pattern = pattern.to_lowercase();
    match pattern.strip_prefix("*.") {
        Some(above) => host
            .strip_suffix(above)
            .is_some_and(|below| below.ends_with('.')),
        None => pattern == "*" || pattern == host,
    }
}
