//! Circles among things that wait for each other.

use alloc::vec::Vec;

/// One circle, each waiting for the next of it; `None` where there is none.
/// `before[n]` are those that `n` waits for.
pub(crate) fn circle(before: &[Vec<usize>]) -> Option<Vec<usize>> {
    let mut waits: Vec<usize> = before.iter().map(Vec::len).collect();
    let mut after: Vec<Vec<usize>> = before.iter().map(|_| Vec::new()).collect();
    for (at, befores) in before.iter().enumerate() {
        for &other in befores {
            after[other].push(at);
        }
    }
    let mut ready: Vec<usize> = (0..before.len()).filter(|at| waits[*at] == 0).collect();
    while let Some(at) = ready.pop() {
        for &next in &after[at] {
            waits[next] -= 1;
            if waits[next] == 0 {
                ready.push(next);
            }
        }
    }
    // Whatever still waits, waits for something that does.
    let mut at = waits.iter().position(|left| *left > 0)?;
    let mut path: Vec<usize> = Vec::new();
    let mut place: Vec<Option<usize>> = before.iter().map(|_| None).collect();
    while place[at].is_none() {
        place[at] = Some(path.len());
        path.push(at);
        at = before[at].iter().copied().find(|other| waits[*other] > 0)?;
    }
    Some(path.split_off(place[at].unwrap_or(0)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use rstest::rstest;

    use alloc::vec;

    #[rstest]
    #[case(vec![vec![], vec![0], vec![0, 1]], None)]
    #[case(vec![vec![0]], Some(vec![0]))]
    #[case(vec![vec![], vec![2, 0], vec![3], vec![1], vec![1]], Some(vec![1, 2, 3]))]
    #[case(vec![vec![1], vec![2], vec![1]], Some(vec![1, 2]))]
    fn circles(#[case] before: Vec<Vec<usize>>, #[case] expected: Option<Vec<usize>>) {
        assert_eq!(circle(&before), expected);
    }
}
