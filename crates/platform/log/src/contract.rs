//! The contract that every store keeps, one function a rule, and a
//! differential test over random histories.
//!
//! A store's tests call [`store_contract!`](crate::store_contract) with a
//! [`Fixture`]:
//!
//! ```
//! use rok_log::{MemoryStore, contract::Fixture};
//!
//! struct Memory(MemoryStore);
//!
//! impl Fixture for Memory {
//!     type Store = MemoryStore;
//!     fn open(&self) -> MemoryStore {
//!         self.0.clone()
//!     }
//! }
//!
//! rok_log::contract::a_run_is_created_once(&Memory(MemoryStore::new()));
//! ```

mod cells;
mod differ;
mod inbox;
mod index;
mod queue;
mod queue_differ;
mod records;
mod retention;
mod signals;
mod writing;

pub use cells::{
    a_book_is_written_by_many, cells_are_compared_and_replaced, one_of_many_replaces_a_cell,
};
pub use differ::same_history;
pub use inbox::{
    a_command_contradicts_nothing, a_command_waits_until_it_is_done, a_second_delivery_is_absorbed,
    commands_come_in_order, commands_need_a_run, the_first_answer_stands,
};
pub use index::{
    lists_are_filtered, lists_are_paged, lists_are_sorted, pages_run_through_moments,
    rows_are_what_was_committed, the_newest_come_first,
};
pub use queue::{
    a_claim_is_renewed_while_it_lasts, a_claim_that_ran_out_is_taken_over,
    a_closed_run_is_never_due, a_command_makes_a_run_due,
    a_command_reaches_a_run_that_waits_behind, a_gone_owner_is_disowned, a_lost_claim_is_told,
    a_place_is_held_until_the_run_is_closed, a_pull_ends_at_its_limit, a_release_says_when,
    a_run_is_due_from_its_creation_on, a_run_stands_as_its_claim_does,
    a_stale_release_changes_nothing, each_key_has_its_own_places, nobody_waits_for_ever,
    the_backlog_is_counted, the_more_urgent_go_first, two_pools_never_share_a_run,
};
pub use queue_differ::same_queue_history;
pub use records::{a_later_record_replaces_an_earlier_one, records_are_paged_and_removed};
pub use retention::{
    a_collected_run_is_a_stub, a_command_that_waits_keeps_its_run, only_a_stub_is_left,
    what_moved_is_not_collected, what_somebody_has_is_not_collected,
    whoever_slept_finds_a_stub_and_appends_nothing,
};
pub use signals::{changes_are_told, nobody_is_told_after_the_end};
pub use writing::{
    a_batch_goes_on_past_a_stale_commit, a_claim_names_where_the_log_ends,
    a_page_is_a_part_of_the_log, a_run_has_one_owner, a_run_is_created_once,
    a_seal_is_kept_with_its_events, an_append_at_another_seq_is_stale, an_append_needs_a_claim,
    an_unknown_run_is_an_error, documents_are_kept_by_digest, each_claim_raises_the_fence,
    everyone_reads_while_one_writes, nothing_is_appended_under_an_old_fence,
    reading_starts_where_it_is_asked_to, what_contradicts_itself_is_refused,
    what_was_committed_verifies,
};

use crate::{Claim, Commit, CommitResult, Fence, Lease, Owner, RunQueue, RunStore, Script, Store};
use rok_vocabulary::{RunId, Seq, Timestamp};
use std::time::Duration;

/// An empty store that can be opened more than once.
pub trait Fixture {
    /// The store.
    type Store: Store;

    /// Another handle on the same runs.
    fn open(&self) -> Self::Store;
}

/// Makes one test of each rule of the contract. The expression makes a
/// [`Fixture`], and is evaluated for each.
#[macro_export]
macro_rules! store_contract {
    ($fixture:expr) => {
        $crate::store_contract! { @rules $fixture;
            a_batch_goes_on_past_a_stale_commit,
            a_claim_names_where_the_log_ends,
            a_command_contradicts_nothing,
            a_command_waits_until_it_is_done,
            a_page_is_a_part_of_the_log,
            a_run_has_one_owner,
            a_run_is_created_once,
            a_seal_is_kept_with_its_events,
            a_second_delivery_is_absorbed,
            an_append_at_another_seq_is_stale,
            an_append_needs_a_claim,
            an_unknown_run_is_an_error,
            commands_come_in_order,
            commands_need_a_run,
            documents_are_kept_by_digest,
            each_claim_raises_the_fence,
            everyone_reads_while_one_writes,
            lists_are_filtered,
            lists_are_paged,
            lists_are_sorted,
            nothing_is_appended_under_an_old_fence,
            pages_run_through_moments,
            reading_starts_where_it_is_asked_to,
            rows_are_what_was_committed,
            the_first_answer_stands,
            the_newest_come_first,
            what_contradicts_itself_is_refused,
            what_was_committed_verifies,
        }
    };
    (@rules $fixture:expr; $($rule:ident,)+) => { $(
        #[test]
        fn $rule() {
            $crate::contract::$rule(&$fixture);
        }
    )+ };
}

/// Makes one test of each rule for stores that a pool works on. The expression
/// makes a [`Fixture`] of a [`PoolStore`](crate::PoolStore), for each.
#[macro_export]
macro_rules! pool_store_contract {
    ($fixture:expr) => {
        $crate::store_contract! { @rules $fixture;
            a_claim_is_renewed_while_it_lasts,
            a_claim_that_ran_out_is_taken_over,
            a_closed_run_is_never_due,
            a_collected_run_is_a_stub,
            a_command_makes_a_run_due,
            a_command_reaches_a_run_that_waits_behind,
            a_command_that_waits_keeps_its_run,
            a_gone_owner_is_disowned,
            a_later_record_replaces_an_earlier_one,
            a_lost_claim_is_told,
            a_place_is_held_until_the_run_is_closed,
            a_pull_ends_at_its_limit,
            a_release_says_when,
            a_run_is_due_from_its_creation_on,
            a_run_stands_as_its_claim_does,
            a_stale_release_changes_nothing,
            changes_are_told,
            each_key_has_its_own_places,
            nobody_is_told_after_the_end,
            nobody_waits_for_ever,
            records_are_paged_and_removed,
            the_backlog_is_counted,
            the_more_urgent_go_first,
            two_pools_never_share_a_run,
            what_moved_is_not_collected,
            what_somebody_has_is_not_collected,
            whoever_slept_finds_a_stub_and_appends_nothing,
        }
    };
}

/// When the tests' claims are made, after all that scripts do.
const NOW: Timestamp = Timestamp::from_millis(1_771_300_000_000);

/// A lease that outlasts a test.
fn lease() -> Lease {
    Lease::new(NOW, Duration::from_secs(60))
}

fn later(ms: u64) -> Timestamp {
    NOW.after(Duration::from_millis(ms))
}

fn id(text: &str) -> RunId {
    text.parse().expect("it is a run id")
}

fn owner(name: &str) -> Owner {
    Owner::new(name)
}

/// Commits one commit; the store must not fail.
fn put(store: &mut impl RunStore, commit: Commit) -> CommitResult {
    let mut results = store.commit(&[commit]).expect("the store must not fail");
    assert_eq!(results.len(), 1, "one result for one commit");
    results.remove(0)
}

fn committed(next_seq: u64) -> CommitResult {
    CommitResult::Committed {
        next_seq: Seq(next_seq),
    }
}

fn stale(next_seq: u64, fence: u64) -> CommitResult {
    CommitResult::Stale {
        next_seq: Seq(next_seq),
        fence: Fence(fence),
    }
}

fn created(store: &mut impl RunStore, run: &str) -> Script {
    let mut script = Script::new(&id(run));
    assert_eq!(put(store, script.create()), committed(2));
    script
}

fn claimed(store: &mut impl RunQueue, run: &RunId) -> Claim {
    store
        .claim(run, &owner("the owner"), lease())
        .expect("nobody else has it")
}
