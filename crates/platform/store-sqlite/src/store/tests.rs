//! The contract, and that no store differs from another.

use super::*;
use proptest::prelude::*;
use rok_log::MemoryStore;
use rok_log::contract::{Fixture, same_history, same_queue_history};
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
    rok_log::store_contract!(super::Apart::new());
    // All but those of signals: what another process did is not told in words.
    rok_log::store_contract! { @rules super::Apart::new();
        a_claim_that_ran_out_is_taken_over,
        a_claim_is_renewed_while_it_lasts,
        a_command_makes_a_run_due,
        a_lost_claim_is_told,
        a_place_is_held_until_the_run_is_closed,
        records_are_paged_and_removed,
        two_pools_never_share_a_run,
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
