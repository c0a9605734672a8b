//! The table of operations. Router, checks of requests and the OpenAPI document
//! are made from it, so that none of them says what another does not.

mod agents;
mod batches;
mod commands;
mod desk;
mod events;
mod files;
mod keeping;
mod looking;
mod orchestration;
mod place;
mod registry;
mod schedules;
mod server;
mod submit;

use crate::operation::Operation;

/// Every operation.
pub(crate) fn operations() -> impl Iterator<Item = &'static Operation> {
    [
        orchestration::OPERATIONS,
        submit::OPERATIONS,
        batches::OPERATIONS,
        looking::OPERATIONS,
        events::OPERATIONS,
        files::OPERATIONS,
        commands::OPERATIONS,
        agents::OPERATIONS,
        desk::OPERATIONS,
        schedules::OPERATIONS,
        registry::OPERATIONS,
        keeping::OPERATIONS,
        server::OPERATIONS,
    ]
    .into_iter()
    .flatten()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::operation::Place;
    use std::collections::BTreeSet;

    #[test]
    fn every_operation_is_told_and_stands_once() {
        let (mut ids, mut addresses) = (BTreeSet::new(), BTreeSet::new());
        for operation in operations() {
            assert!(ids.insert(operation.id), "{}", operation.id);
            let verb = format!("{:?} {}", operation.verb, operation.path);
            assert!(addresses.insert(verb), "{}", operation.path);
            assert!(!operation.doc.is_empty() && !operation.replies.is_empty());
            let in_path = operation.path.matches('{').count();
            let of_path = operation.params.iter();
            let of_path = of_path.filter(|param| param.place == Place::Path);
            assert_eq!(of_path.count(), in_path, "{}", operation.path);
        }
    }
}
