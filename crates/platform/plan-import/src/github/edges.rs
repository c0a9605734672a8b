//! Who waits for whom, and whether for its success.
//!
//! A step that may fail is waited for by order alone; what had to succeed
//! before it must still have succeeded for what comes after it.

use alloc::collections::BTreeSet;
use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;
use rok_plan::{Entry, Node};

use super::index;
use super::job::Job;
use super::reader::{Reader, quoted};
use crate::ids::StepIds;
use crate::order;

/// A step's id and what it waits for.
#[derive(Debug)]
pub(super) struct StepEdges {
    pub(super) id: String,
    pub(super) needs: Vec<String>,
    pub(super) after: Vec<String>,
}

/// What something waits for, by the steps' numbers.
#[derive(Debug, Clone, Default)]
struct Waits {
    needs: BTreeSet<usize>,
    after: BTreeSet<usize>,
}

/// The jobs that each job needs.
pub(super) fn of_jobs(jobs: &[Entry], reader: &mut Reader<'_>) -> Vec<Vec<usize>> {
    let index = index(jobs);
    let mut needs = Vec::with_capacity(jobs.len());
    for job in jobs {
        let mut found = BTreeSet::new();
        let listed = job.node.get("needs");
        let names: Vec<&Node> = match listed.and_then(Node::list) {
            Some(items) => items.iter().map(|item| &**item).collect(),
            None => listed.into_iter().collect(),
        };
        for node in names {
            match node.text() {
                Some(name) => match index.get(name) {
                    Some(&at) => {
                        found.insert(at);
                    }
                    None => reader.refuse(
                        &node.span,
                        format!("there is no job {}", quoted(name)),
                        None,
                    ),
                },
                None => reader.refuse(&node.span, "`needs` must be a job or a list of jobs", None),
            }
        }
        needs.push(found.into_iter().collect());
    }
    if let Some(circle) = order::circle(&needs) {
        let names: Vec<String> = circle
            .iter()
            .chain(circle.first())
            .map(|at| quoted(&jobs[*at].key))
            .collect();
        let what = format!("jobs wait for each other: {}", names.join(" → "));
        reader.refuse(&jobs[circle[0]].span, what, None);
    }
    needs
}

/// The edges of every step, job by job.
pub(super) fn steps(jobs: &[Job], needs: &[Vec<usize>], ids: &mut StepIds) -> Vec<Vec<StepEdges>> {
    let mut names: Vec<String> = Vec::new();
    let mut first = Vec::with_capacity(jobs.len());
    for job in jobs {
        first.push(names.len());
        let single = job.steps.len() == 1;
        names.extend((1..=job.steps.len()).map(|number| {
            let name = if single {
                job.id.clone()
            } else {
                format!("{}__{number}", job.id)
            };
            ids.unique(&name)
        }));
    }
    let mut ends: Vec<Option<Waits>> = jobs.iter().map(|_| None).collect();
    let mut edges: Vec<Vec<StepEdges>> = jobs.iter().map(|_| Vec::new()).collect();
    for at in sorted(needs) {
        let mut start = Waits::default();
        for end in needs[at].iter().filter_map(|job| ends[*job].as_ref()) {
            start.needs.extend(&end.needs);
            start.after.extend(&end.after);
        }
        start.after.retain(|step| !start.needs.contains(step));
        let mut waits = start.clone();
        for (n, step) in jobs[at].steps.iter().enumerate() {
            let number = first[at] + n;
            let list =
                |steps: &BTreeSet<usize>| steps.iter().map(|step| names[*step].clone()).collect();
            edges[at].push(StepEdges {
                id: names[number].clone(),
                needs: list(&waits.needs),
                after: list(&waits.after),
            });
            if step.goes_on {
                waits.after.insert(number);
            } else {
                waits = Waits {
                    needs: [number].into(),
                    after: BTreeSet::new(),
                };
            }
        }
        if jobs[at].goes_on {
            // It counts as a success, however it ended; not so what it waited for.
            let last = waits.needs.iter().chain(&waits.after).copied();
            start.after.extend(
                last.filter(|step| *step >= first[at] && *step < first[at] + jobs[at].steps.len()),
            );
            waits = start;
        }
        ends[at] = Some(waits);
    }
    edges
}

/// Each job after those that it needs.
fn sorted(needs: &[Vec<usize>]) -> Vec<usize> {
    let mut done = alloc::vec![false; needs.len()];
    let mut sorted = Vec::with_capacity(needs.len());
    let mut open: Vec<usize> = (0..needs.len()).rev().collect();
    while let Some(at) = open.pop() {
        if done[at] {
            continue;
        }
        let missing: Vec<usize> = needs[at]
            .iter()
            .copied()
            .filter(|job| !done[*job])
            .collect();
        if missing.is_empty() {
            done[at] = true;
            sorted.push(at);
        } else {
            open.push(at);
            open.extend(missing);
        }
    }
    sorted
}
