//! A file that is not what was written.

use crate::SqliteStore;
use crate::database::tests::cancel;
use proptest::prelude::*;
use rok_chain::verify_log;
use rok_log::{
    ClaimError, CommitResult, Durability, EventReader, Fence, Inbox, Lease, Owner, Pull, RunEntry,
    RunFilter, RunIndex, RunOrder, RunQueue, RunStore, SCRIPT_LEASE, SCRIPT_START, Script,
    StoreError, WorkQueue,
};
use rok_vocabulary::{Outcome, RunId, RunPhase};
use rstest::rstest;
use rusqlite::Connection;
use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::LazyLock;
use std::time::Duration;
use tempfile::TempDir;

fn id(text: &str) -> RunId {
    text.parse().unwrap()
}

/// A store with run `r`: sealed once, and open again; nobody has it.
fn stored() -> (TempDir, PathBuf, SqliteStore) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("rok.db");
    let mut store = SqliteStore::open(&path, Durability::Flush).unwrap();
    fill(&mut store, "r");
    (folder, path, store)
}

fn fill(store: &mut SqliteStore, run: &str) {
    let mut script = Script::new(&id(run));
    let _ = store.commit(&[script.create()]).unwrap();
    let claim = store.claim(&id(run), &Owner::new("a"), SCRIPT_LEASE);
    let fence = claim.unwrap().fence;
    let commits = [
        script.phase(fence, RunPhase::Executing),
        script.steps(fence, 3),
        script.seal(fence, Outcome::Failed),
        script.resume(fence),
        script.steps(fence, 2),
    ];
    for commit in commits {
        let results = store.commit(&[commit]).unwrap();
        assert!(matches!(results[..], [CommitResult::Committed { .. }]));
    }
    store.release(&id(run), fence, Some(SCRIPT_START));
}

fn tamper(path: &Path, sql: &str) {
    let db = Connection::open(path).unwrap();
    assert!(db.execute(sql, []).unwrap() > 0, "nothing was changed");
}

#[rstest]
#[case::the_last_chunk_is_gone("DELETE FROM chunks WHERE seq = (SELECT max(seq) FROM chunks)")]
#[case::the_first_chunk_is_gone("DELETE FROM chunks WHERE seq = 0")]
#[case::a_chunk_is_gone("DELETE FROM chunks WHERE seq = 3")]
#[case::all_chunks_are_gone("DELETE FROM chunks")]
#[case::a_word_was_changed(
    "UPDATE chunks SET lines = CAST(replace(CAST(lines AS TEXT), 'step.started', 'step.ignored')
       AS BLOB) WHERE seq = 3"
)]
#[case::the_last_line_was_changed(
    "UPDATE chunks SET lines = CAST(replace(CAST(lines AS TEXT), 'runner', 'hunter') AS BLOB)
     WHERE seq = (SELECT max(seq) FROM chunks)"
)]
#[case::a_chunk_is_said_to_be_longer("UPDATE chunks SET n = n + 1 WHERE seq = 3")]
#[case::the_row_ends_elsewhere("UPDATE runs SET next_seq = next_seq + 1")]
#[case::the_row_ends_before("UPDATE runs SET next_seq = next_seq - 1")]
#[case::the_row_has_another_hash("UPDATE runs SET head = zeroblob(32)")]
#[case::the_seal_is_gone("UPDATE runs SET seal = NULL")]
#[case::the_seal_is_none("UPDATE runs SET seal = '{}'")]
#[case::the_seal_is_another("UPDATE runs SET seal = replace(seal, '\"epoch\":0', '\"epoch\":1')")]
fn what_is_not_what_was_written_is_driven_by_nobody(#[case] sql: &str) {
    let (_folder, path, mut store) = stored();
    tamper(&path, sql);
    for _ in 0..2 {
        let claim = store.claim(&id("r"), &Owner::new("a"), SCRIPT_LEASE);
        let Err(ClaimError::Store(StoreError::Corrupt { path: place, .. })) = &claim else {
            panic!("{claim:?}")
        };
        assert!(place.to_string_lossy().contains("rok.db (run r)"));
    }
    // A pull tells once, and then only when somebody asks for it.
    let pull = Pull {
        owner: Owner::new("pool"),
        lease: Lease::new(SCRIPT_START, Duration::from_secs(1)),
        limit: 9,
        aging: Duration::ZERO,
    };
    let pulled = store.claim_due(&pull).unwrap();
    assert!(matches!(&pulled[..], [it] if matches!(it.claim, Err(StoreError::Corrupt { .. }))));
    assert_eq!(store.claim_due(&pull).unwrap().len(), 0);
    assert_eq!(store.next_due().unwrap(), None);
    store.put(&id("r"), &cancel()).unwrap();
    assert_eq!(store.claim_due(&pull).unwrap().len(), 1);
    // And the others go on.
    fill(&mut store, "s");
    let claim = store.claim(&id("s"), &Owner::new("a"), SCRIPT_LEASE);
    assert_eq!(claim.unwrap().fence, Fence(2));
}

/// Lists find runs by a table of their own: it is held against the rows.
#[rstest]
#[case::hidden("DELETE FROM labels", "r: the list of label team does not have it")]
#[case::forged(
    "INSERT INTO labels SELECT namespace, 'team', 'core', created_at, id, no FROM runs
     WHERE id = 's'",
    "s: it is in the list of label team, which its row does not say"
)]
fn a_table_of_labels_that_was_edited_is_found_and_made_anew(#[case] sql: &str, #[case] told: &str) {
    let (_folder, path, mut store) = stored();
    fill(&mut store, "s");
    tamper(
        &path,
        "UPDATE runs SET labels = '{\"team\":\"core\"}' WHERE id = 'r'",
    );
    store.rebuild(Vec::new(), Vec::new()).unwrap();
    assert_eq!(store.label_differences().unwrap(), Vec::<String>::new());
    let of_team = RunFilter {
        labels: [("team".to_owned(), "core".to_owned())].into(),
        ..RunFilter::default()
    };
    let listed = |store: &SqliteStore| store.list(&of_team).unwrap();
    assert!(matches!(&listed(&store)[..], [RunEntry::Run { run, .. }] if run.as_str() == "r"));
    tamper(&path, sql);
    assert_eq!(store.label_differences().unwrap(), [told]);
    let (of, what) = told.split_once(": ").unwrap();
    assert_eq!(store.label_faults(&id(of)).unwrap(), [what]);
    let other = if of == "r" { "s" } else { "r" };
    assert_eq!(
        store.label_faults(&id(other)).unwrap(),
        Vec::<String>::new()
    );
    for entry in listed(&store) {
        // What is forged is shown as broken.
        let broken = matches!(&entry, RunEntry::Broken { name, .. } if name == "s");
        assert!(broken || entry.name() == "r", "{entry:?}");
    }
    store.rebuild(Vec::new(), Vec::new()).unwrap();
    assert_eq!(store.label_differences().unwrap(), Vec::<String>::new());
    assert_eq!(listed(&store).len(), 1);
}

#[test]
fn the_row_tells_where_the_log_ends() {
    let (_folder, path, store) = stored();
    let (next, head) = store.ending(&id("r")).unwrap();
    let log = store.read_raw(&id("r")).unwrap();
    let report = verify_log(&id("r"), &log, None);
    assert_eq!((next.0, head), (report.events, Some(report.head)));
    tamper(&path, "UPDATE runs SET head = zeroblob(32)");
    assert_ne!(store.ending(&id("r")).unwrap().1, Some(report.head));
}

#[rstest]
#[case::the_phase("UPDATE runs SET phase = 'DREAMING'")]
#[case::the_outcome("UPDATE runs SET outcome = 'splendid'")]
#[case::the_plan("UPDATE runs SET plan = '/'")]
#[case::the_labels("UPDATE runs SET labels = '[]'")]
#[case::the_epoch("UPDATE runs SET epoch = -1")]
fn a_row_that_is_none_is_listed_as_broken(#[case] sql: &str) {
    let (_folder, path, mut store) = stored();
    tamper(&path, sql);
    fill(&mut store, "s");
    assert!(matches!(
        store.get(&id("r")),
        Err(StoreError::Corrupt { .. })
    ));
    for order in [RunOrder::ById, RunOrder::NewestFirst] {
        // One on a page: its cursor leads on.
        let mut filter = RunFilter {
            order,
            limit: Some(1),
            ..RunFilter::default()
        };
        let mut seen = BTreeMap::new();
        for _ in 0..4 {
            let page = store.list(&filter).unwrap();
            let Some(last) = page.last() else { break };
            filter.after = Some(last.cursor());
            for entry in page {
                let broken = matches!(entry, RunEntry::Broken { .. });
                let before = seen.insert(entry.name().to_owned(), broken);
                assert_eq!(before, None, "it was listed twice");
            }
        }
        assert_eq!(
            seen,
            BTreeMap::from([("r".into(), true), ("s".into(), false)])
        );
    }
}

#[test]
fn a_document_with_other_bytes_is_refused() {
    let (_folder, path, store) = stored();
    let documents = Script::new(&id("r")).create().documents;
    tamper(&path, "UPDATE documents SET bytes = x'00'");
    let read = store.document(&id("r"), documents[0].digest);
    assert!(matches!(read, Err(StoreError::Corrupt { .. })), "{read:?}");
}

/// A file as a crash leaves it: with a log that was not copied yet.
struct Image {
    file: Vec<u8>,
    log: Vec<u8>,
    runs: BTreeMap<String, Vec<u8>>,
}

static IMAGE: LazyLock<Image> = LazyLock::new(|| {
    let (_folder, path, mut store) = stored();
    fill(&mut store, "s");
    drop(store);
    // All of that is in the file; what follows is in the log.
    let mut store = SqliteStore::open(&path, Durability::Flush).unwrap();
    for run in ["t", "u", "v"] {
        fill(&mut store, run);
    }
    let read = |run: &str| (run.to_owned(), store.read_raw(&id(run)).unwrap());
    Image {
        runs: ["r", "s", "t", "u", "v"].map(read).into(),
        file: fs::read(&path).unwrap(),
        log: fs::read(path.with_extension("db-wal")).unwrap(),
    }
});

/// Opens the image, and checks that whatever can be claimed is the beginning of
/// what was written.
fn open_and_claim(file: &[u8], log: &[u8]) -> Option<usize> {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("rok.db");
    fs::write(&path, file).unwrap();
    fs::write(path.with_extension("db-wal"), log).unwrap();
    let mut store = SqliteStore::open(&path, Durability::Flush).ok()?;
    // Lists must end, whatever they give.
    for order in [RunOrder::ById, RunOrder::NewestFirst] {
        let phases = vec![RunPhase::Created];
        let _ = store.list(&RunFilter {
            order,
            phases,
            ..RunFilter::default()
        });
    }
    let _ = store.next_due();
    let mut found = 0;
    for (run, written) in &IMAGE.runs {
        let lease = Lease::new(
            SCRIPT_START.after(Duration::from_secs(600)),
            Duration::from_secs(60),
        );
        if store.claim(&id(run), &Owner::new("a"), lease).is_ok() {
            let bytes = store.read_raw(&id(run)).unwrap_or_default();
            assert!(written.starts_with(&bytes), "run {run} has other bytes");
            assert!(!bytes.is_empty());
            found += 1;
        }
    }
    Some(found)
}

#[test]
fn an_image_is_whole_as_it_is() {
    assert_eq!(open_and_claim(&IMAGE.file, &IMAGE.log), Some(5));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    /// A log that was cut anywhere leaves whole commits, and none but the last.
    #[test]
    fn a_log_that_was_cut_leaves_whole_commits(cut in any::<prop::sample::Index>()) {
        let image = &*IMAGE;
        let log = &image.log[..cut.index(image.log.len() + 1)];
        let found = open_and_claim(&image.file, log);
        prop_assert!(found.is_some_and(|found| found >= 2), "{found:?}");
    }

    /// The same where a byte of it is another.
    #[test]
    fn a_log_with_another_byte_leaves_whole_commits(
        at in any::<prop::sample::Index>(), mask in 1..=u8::MAX,
    ) {
        let image = &*IMAGE;
        let mut log = image.log.clone();
        log[at.index(image.log.len())] ^= mask;
        let found = open_and_claim(&image.file, &log);
        prop_assert!(found.is_some_and(|found| found >= 2), "{found:?}");
    }

    /// A file with other bytes gives an error, or what was written; never
    /// something else.
    #[test]
    fn a_file_with_other_bytes_gives_nothing_else(
        changes in prop::collection::vec((any::<prop::sample::Index>(), 1..=u8::MAX), 1..12),
    ) {
        let image = &*IMAGE;
        let mut file = image.file.clone();
        for (at, mask) in changes {
            file[at.index(image.file.len())] ^= mask;
        }
        open_and_claim(&file, &image.log);
    }
}

#[test]
fn what_was_claimed_verifies() {
    let (_folder, _path, store) = stored();
    let log = store.read_raw(&id("r")).unwrap();
    let seal = store.seal(&id("r")).unwrap();
    assert_eq!(verify_log(&id("r"), &log, seal.as_ref()).fault, None);
}
