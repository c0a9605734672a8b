//! The order of what needs each other.

use crate::compile;
use rok_facades::registry::FoundComponent;
use rok_orchestration::{ExecutionContext, OrchestratorError};
use std::collections::BTreeMap;

/// The places of what needs each other, by place: what is needed comes first,
/// else they are as given.
pub(crate) fn needs_first(needs: &[Vec<usize>]) -> Vec<usize> {
    let mut order = Vec::with_capacity(needs.len());
    let mut seen = vec![false; needs.len()];
    for first in 0..needs.len() {
        // What is open, each with how many of its needs have been looked at.
        let mut open: Vec<(usize, usize)> = Vec::new();
        if !std::mem::replace(&mut seen[first], true) {
            open.push((first, 0));
        }
        while let Some((at, looked)) = open.last_mut() {
            if let Some(&need) = needs[*at].get(*looked) {
                *looked += 1;
                if !std::mem::replace(&mut seen[need], true) {
                    open.push((need, 0));
                }
            } else {
                order.push(*at);
                open.pop();
            }
        }
    }
    order
}

/// Components in the order in which they run where they run one by one.
pub(crate) fn in_order(
    context: &ExecutionContext,
    found: Vec<FoundComponent>,
) -> Result<Vec<FoundComponent>, OrchestratorError> {
    let none = BTreeMap::new();
    let parts = compile::parts(context, &found, &none, &[])?;
    let place = |name: &str| {
        let mut all = parts.iter();
        all.position(|part| part.component.name.as_str() == name)
    };
    let needs: Vec<Vec<usize>> = parts
        .iter()
        .map(|part| part.needs.iter().filter_map(|name| place(name)).collect())
        .collect();
    let order = needs_first(&needs);
    let mut found: Vec<Option<FoundComponent>> = found.into_iter().map(Some).collect();
    Ok(order
        .into_iter()
        .filter_map(|at| found[at].take())
        .collect())
}

#[cfg(test)]
mod tests {
    use super::*;
    use rstest::rstest;

    #[rstest]
    #[case(vec![], &[])]
    #[case(vec![vec![], vec![], vec![]], &[0, 1, 2])]
    #[case(vec![vec![2], vec![], vec![1]], &[1, 2, 0])]
    #[case(vec![vec![1, 2], vec![3], vec![3], vec![]], &[3, 1, 2, 0])]
    // A circle makes no plan, and no endless way either.
    #[case(vec![vec![1], vec![0]], &[1, 0])]
    fn what_is_needed_comes_first(#[case] needs: Vec<Vec<usize>>, #[case] order: &[usize]) {
        assert_eq!(needs_first(&needs), order);
    }
}
