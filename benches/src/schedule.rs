//! What a schedule of tasks could take at best, and what a list scheduler
//! makes of it: the bounds that a run is held against.

use std::cmp::Reverse;
use std::collections::BinaryHeap;

/// A task: how long it takes, and which others must end before it.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Task {
    pub(crate) seconds: f64,
    pub(crate) needs: Vec<usize>,
}

/// No schedule is shorter: neither than the longest path, nor than the work
/// shared out evenly.
pub(crate) fn lower_bound(tasks: &[Task], at_once: usize) -> f64 {
    let work: f64 = tasks.iter().map(|task| task.seconds).sum();
    longest_path(tasks).max(work / at_once as f64)
}

/// The end of the last task if there were no limit.
fn longest_path(tasks: &[Task]) -> f64 {
    simulate(tasks, tasks.len())
}

/// The time that a list scheduler needs which starts, whenever there is room,
/// the first ready task of the list, and which costs nothing itself.
pub(crate) fn list_schedule(tasks: &[Task], at_once: usize) -> f64 {
    simulate(tasks, at_once)
}

/// A moment, ordered as time goes.
#[derive(Debug, PartialEq)]
struct Moment(f64);

impl Eq for Moment {}

impl PartialOrd for Moment {
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Moment {
    fn cmp(&self, other: &Self) -> std::cmp::Ordering {
        self.0.total_cmp(&other.0)
    }
}

fn simulate(tasks: &[Task], at_once: usize) -> f64 {
    let mut waits: Vec<usize> = tasks.iter().map(|task| task.needs.len()).collect();
    let mut after = vec![Vec::new(); tasks.len()];
    for (at, task) in tasks.iter().enumerate() {
        for &need in &task.needs {
            after[need].push(at);
        }
    }
    let mut ready: BinaryHeap<Reverse<usize>> = (0..tasks.len())
        .filter(|at| waits[*at] == 0)
        .map(Reverse)
        .collect();
    let mut running: BinaryHeap<Reverse<(Moment, usize)>> = BinaryHeap::new();
    let mut now = 0.0;
    loop {
        while running.len() < at_once
            && let Some(Reverse(at)) = ready.pop()
        {
            running.push(Reverse((Moment(now + tasks[at].seconds), at)));
        }
        let Some(Reverse((Moment(end), at))) = running.pop() else {
            return now;
        };
        now = end;
        for &next in &after[at] {
            waits[next] -= 1;
            if waits[next] == 0 {
                ready.push(Reverse(next));
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{Task, list_schedule, lower_bound};
    use rstest::rstest;

    fn task(seconds: f64, needs: &[usize]) -> Task {
        Task {
            seconds,
            needs: needs.to_vec(),
        }
    }

    #[rstest]
    #[case::nothing(vec![], 2, 0.0, 0.0)]
    #[case::chain(vec![task(1.0, &[]), task(2.0, &[0]), task(3.0, &[1])], 2, 6.0, 6.0)]
    #[case::wide(vec![task(1.0, &[]), task(1.0, &[]), task(1.0, &[])], 2, 1.5, 2.0)]
    #[case::in_the_lists_order(vec![task(1.0, &[]), task(1.0, &[]), task(2.0, &[])], 2, 2.0, 3.0)]
    #[case::diamond(vec![task(1.0, &[]), task(5.0, &[0]), task(2.0, &[0]), task(1.0, &[1, 2])], 1, 9.0, 9.0)]
    #[case::needs_a_later_one(vec![task(1.0, &[1]), task(2.0, &[])], 4, 3.0, 3.0)]
    fn bounds(
        #[case] tasks: Vec<Task>,
        #[case] at_once: usize,
        #[case] lower: f64,
        #[case] listed: f64,
    ) {
        assert!((lower_bound(&tasks, at_once) - lower).abs() < 1e-9);
        assert!((list_schedule(&tasks, at_once) - listed).abs() < 1e-9);
    }
}
