//! The contract, and that no store differs from another.

use super::*;
use proptest::prelude::*;
use rok_log::contract::{Fixture, same_history, same_queue_history};
use rok_log::{MemoryStore, SCRIPT_LEASE, Script};
use rok_store_jsonl::JsonlStore;
use tempfile::TempDir;

/// An empty store in a folder of its own; each handle shares its writer.
struct File {
    _folder: TempDir,
    store: SqliteStore,
}

impl File {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let store = SqliteStore::open(folder.path().join("rok.db"), Durability::Flush).unwrap();
        Self {
            _folder: folder,
            store,
        }
    }
}

impl Fixture for File {
    type Store = SqliteStore;
    fn open(&self) -> SqliteStore {
        self.store.clone()
    }
}

/// The same, each handle with a writer of its own, as in another process.
struct Apart(TempDir);

impl Apart {
    fn new() -> Self {
        Self(tempfile::tempdir().unwrap())
    }
}

impl Fixture for Apart {
    type Store = SqliteStore;
    fn open(&self) -> SqliteStore {
        SqliteStore::open(self.0.path().join("rok.db"), Durability::Flush).unwrap()
    }
}

struct Memory(MemoryStore);

impl Fixture for Memory {
    type Store = MemoryStore;
    fn open(&self) -> MemoryStore {
        self.0.clone()
    }
}

struct Folders(TempDir);

impl Fixture for Folders {
    type Store = JsonlStore;
    fn open(&self) -> JsonlStore {
        JsonlStore::open(self.0.path(), Durability::Flush)
    }
}

mod contract {
    rok_log::store_contract!(super::File::new());
    rok_log::pool_store_contract!(super::File::new());
}

mod contract_between_writers {
    // All but those that see at once what another process lets go, and those
    // of signals: what another process did is not told in words.
    rok_log::store_contract! { @rules super::Apart::new();
        a_batch_goes_on_past_a_stale_commit,
        a_claim_is_renewed_while_it_lasts,
        a_claim_that_ran_out_is_taken_over,
        a_collected_run_is_a_stub,
        a_command_contradicts_nothing,
        a_command_makes_a_run_due,
        a_command_waits_until_it_is_done,
        a_lost_claim_is_told,
        a_place_is_held_until_the_run_is_closed,
        a_run_is_created_once,
        a_seal_is_kept_with_its_events,
        a_second_delivery_is_absorbed,
        an_append_at_another_seq_is_stale,
        an_append_needs_a_claim,
        an_unknown_run_is_an_error,
        documents_are_kept_by_digest,
        everyone_reads_while_one_writes,
        reading_starts_where_it_is_asked_to,
        records_are_paged_and_removed,
        rows_are_what_was_committed,
        the_first_answer_stands,
        two_pools_never_share_a_run,
        what_moved_is_not_collected,
        what_somebody_has_is_not_collected,
        what_was_committed_verifies,
        whoever_slept_finds_a_stub_and_appends_nothing,
    }
}

/// What one process lets go another may have, and the first writes no more.
#[test]
fn a_run_passes_from_one_process_to_another() {
    let fixture = Apart::new();
    let (mut first, mut second) = (fixture.open(), fixture.open());
    let mut script = Script::new(&"r".parse().unwrap());
    let _ = first.commit(&[script.create()]).unwrap();
    let owner = Owner::new("a");
    for round in 1..8 {
        let claim = first.claim(script.run(), &owner, SCRIPT_LEASE).unwrap();
        assert_eq!(claim.fence, Fence(round));
        assert_eq!(claim.head, script.head());
        let early = second.claim(script.run(), &owner, SCRIPT_LEASE);
        assert!(matches!(early, Err(ClaimError::Held { .. })), "{early:?}");
        let _ = first.commit(&[script.steps(claim.fence, 1)]).unwrap();
        first.release(script.run(), claim.fence, None);
        // Whoever reads the queue waits for it.
        assert_eq!(first.next_due().unwrap(), None);
        let stale = first
            .commit(&[script.clone().steps(claim.fence, 1)])
            .unwrap();
        assert!(matches!(stale[..], [CommitResult::Stale { .. }]));
        std::mem::swap(&mut first, &mut second);
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    #[test]
    fn a_file_and_memory_do_not_differ(bytes in prop::collection::vec(any::<u8>(), 0..120)) {
        same_history(&File::new(), &Memory(MemoryStore::new()), &bytes);
    }

    #[test]
    fn a_file_and_folders_do_not_differ(bytes in prop::collection::vec(any::<u8>(), 0..80)) {
        same_history(&File::new(), &Folders(tempfile::tempdir().unwrap()), &bytes);
    }

    #[test]
    fn a_queue_in_a_file_and_in_memory_do_not_differ(
        bytes in prop::collection::vec(any::<u8>(), 0..240),
    ) {
        same_queue_history(&File::new(), &Memory(MemoryStore::new()), &bytes);
    }
}
