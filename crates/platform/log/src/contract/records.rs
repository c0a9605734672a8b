//! The rules of the domains' tables.

use super::{Fixture, claimed, created, put};
use crate::{CommitResult, PoolStore, Record, Records};

/// A later record with the same key replaces the earlier one; another table
/// has nothing to do with it.
pub fn a_later_record_replaces_an_earlier_one(fixture: &impl Fixture<Store: PoolStore>) {
    let mut store = fixture.open();
    let mut script = created(&mut store, "r");
    let fence = claimed(&mut store, script.run()).fence;
    for json in ["1", "2"] {
        let mut commit = script.steps(fence, 1);
        commit.records.push(Record {
            kind: "incident",
            key: "i".into(),
            json: json.into(),
        });
        assert!(matches!(
            put(&mut store, commit),
            CommitResult::Committed { .. }
        ));
    }
    let all = |kind| {
        store
            .records(kind, None, 10)
            .expect("reading must not fail")
    };
    assert_eq!(all("incident"), [("i".to_owned(), b"2".to_vec())]);
    assert!(all("lesson").is_empty());
}

/// Records come by key, a page at a time, and are gone once removed.
pub fn records_are_paged_and_removed(fixture: &impl Fixture<Store: PoolStore>) {
    let mut store = fixture.open();
    let mut script = created(&mut store, "r");
    let fence = claimed(&mut store, script.run()).fence;
    let mut commit = script.steps(fence, 1);
    for key in ["c", "a", "b"] {
        commit.records.push(Record {
            kind: "outbox",
            key: key.into(),
            json: format!("{{\"key\":\"{key}\"}}").into(),
        });
    }
    assert!(matches!(
        put(&mut store, commit),
        CommitResult::Committed { .. }
    ));
    let keys = |store: &dyn PoolStore, after, limit| {
        let page = store
            .records("outbox", after, limit)
            .expect("reading must not fail");
        page.into_iter().map(|(key, _)| key).collect::<String>()
    };
    assert_eq!(keys(&store, None, 2), "ab");
    assert_eq!(keys(&store, Some("b"), 2), "c");
    store
        .remove_record("outbox", "b")
        .expect("removing must not fail");
    store
        .remove_record("outbox", "b")
        .expect("nor removing again");
    assert_eq!(keys(&fixture.open(), None, 9), "ac");
}
