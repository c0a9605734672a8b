//! What the store keeps is what was put into it: contents are found by their
//! digest, once, and nothing damaged is ever handed out.

use super::*;

fn store() -> (tempfile::TempDir, ContentStore) {
    let folder = tempfile::tempdir().unwrap();
    let store = ContentStore::open(folder.path().join("store"), true);
    (folder, store)
}

#[test]
fn the_same_content_is_kept_once() {
    let (_folder, store) = store();
    let first = store.put(b"abc").unwrap();
    assert_eq!(store.put(b"abc").unwrap(), first);
    assert_ne!(store.put(b"abd").unwrap(), first);
    let place = store.path_of(&first.sha256);
    assert_eq!(fs::read(place).unwrap(), b"abc");
    assert_eq!(store.read(&first, 3).unwrap(), b"abc");
}

#[test]
fn what_is_not_kept_has_no_name() {
    let (_folder, store) = store();
    let digest = ContentStore::open(store.root().join("other"), false)
        .put(b"abc")
        .unwrap();
    drop(store.take_in_bytes(b"abc").unwrap());
    assert!(!store.has(&digest));
    store.read(&digest, 3).unwrap_err();
}

#[test]
fn damage_of_the_same_length_is_found() {
    let (_folder, store) = store();
    let digest = store.put(b"abc").unwrap();
    let place = store.path_of(&digest.sha256);
    fs::remove_file(&place).unwrap();
    fs::write(&place, b"abd").unwrap();
    store.check(&digest).unwrap_err();
    store.read(&digest, 3).unwrap_err();
}
