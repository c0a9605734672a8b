//! Bundles: what is packed comes out, and what others pack stays out.

use proptest::prelude::*;
use rok_bundle::{BundleError, Content, DEFAULT_LIMIT, Manifest, content_path, pack, unpack};
use rstest::rstest;
use ruzstd::encoding::{CompressionLevel, compress_to_vec};
use sha2::{Digest as _, Sha256};
use std::fmt::Write as _;
use std::fs;
use std::path::Path;
use tar::{EntryType, Header};

const LOG: &[u8] = b"{\"seq\":0}\n";

fn sha256(bytes: &[u8]) -> String {
    Sha256::digest(bytes)
        .iter()
        .fold(String::new(), |mut text, byte| {
            let _ = write!(text, "{byte:02x}");
            text
        })
}

/// An entry as rok writes it.
fn entry(name: &str, content: &[u8]) -> Vec<u8> {
    let mut header = Header::new_ustar();
    let old = header.as_ustar_mut().expect("it is ustar");
    old.name[..name.len()].copy_from_slice(name.as_bytes());
    header.set_entry_type(EntryType::Regular);
    header.set_mode(0o600);
    header.set_mtime(0);
    header.set_uid(0);
    header.set_gid(0);
    with(header, content)
}

fn with(mut header: Header, content: &[u8]) -> Vec<u8> {
    header.set_size(content.len() as u64);
    header.set_cksum();
    let mut bytes = header.as_bytes().to_vec();
    bytes.extend_from_slice(content);
    bytes.resize(bytes.len().next_multiple_of(512), 0);
    bytes
}

fn manifest(files: &[(&str, &[u8])]) -> Vec<u8> {
    let files: Vec<String> = files
        .iter()
        .map(|(path, content)| {
            let (sha256, bytes) = (sha256(content), content.len());
            format!(r#"{{"path":"{path}","sha256":"{sha256}","bytes":{bytes}}}"#)
        })
        .collect();
    let files = files.join(",");
    let json = format!("{{\"format\":\"rok-bundle/1\",\"run_id\":\"r\",\"files\":[{files}]}}\n");
    entry("rok-bundle.json", json.as_bytes())
}

/// Unpacks a tar of these entries.
fn try_unpack(entries: &[Vec<u8>]) -> Result<Manifest, BundleError> {
    let mut tar = entries.concat();
    tar.extend_from_slice(&[0; 1024]);
    try_bytes(
        &compress_to_vec(&tar[..], CompressionLevel::Fastest),
        DEFAULT_LIMIT,
    )
}

fn try_bytes(bytes: &[u8], limit: u64) -> Result<Manifest, BundleError> {
    let dir = tempfile::tempdir().expect("a folder");
    let (file, into) = (dir.path().join("b.tar.zst"), dir.path().join("into"));
    fs::write(&file, bytes).expect("a file");
    fs::create_dir(&into).expect("a folder");
    let unpacked = unpack(&file, &into, limit);
    let names: Vec<_> = fs::read_dir(dir.path()).expect("ours").collect();
    assert_eq!(names.len(), 2, "something lies beside the folder");
    unpacked
}

fn contents(dir: &Path) -> Vec<Content> {
    let data = vec![7; 100_000];
    fs::write(dir.join("data"), &data).expect("a file");
    vec![
        Content::file(content_path(&sha256(&data)), dir.join("data")),
        Content::bytes("events.jsonl", LOG),
        Content::bytes("logs/a.0.log", *b""),
        Content::bytes(format!("logs/{}.0.log", "a".repeat(127)), *b"long"),
    ]
}

#[test]
fn what_is_packed_comes_out_and_is_the_same_file_each_time() {
    let dir = tempfile::tempdir().unwrap();
    let (one, two) = (dir.path().join("1"), dir.path().join("2"));
    let packed = pack(&"r".parse().unwrap(), &contents(dir.path()), &one).unwrap();
    let mut other = contents(dir.path());
    other.reverse();
    pack(&"r".parse().unwrap(), &other, &two).unwrap();
    assert!(fs::read(&one).unwrap() == fs::read(&two).unwrap());
    assert!(
        fs::metadata(&one).unwrap().len() < 10_000,
        "it is compressed"
    );

    let into = dir.path().join("into");
    fs::create_dir(&into).unwrap();
    assert_eq!(unpack(&one, &into, DEFAULT_LIMIT).unwrap(), packed);
    assert_eq!(fs::read(into.join("events.jsonl")).unwrap(), LOG);
    assert_eq!(fs::read(into.join("logs/a.0.log")).unwrap(), b"");
    assert_eq!(packed.files.len(), 4);
    // Nothing is overwritten, on either side.
    assert!(pack(&"r".parse().unwrap(), &contents(dir.path()), &one).is_err());
    assert!(unpack(&one, &into, DEFAULT_LIMIT).is_err());
}

#[test]
fn an_honest_tar_of_our_making_is_read() {
    let files = [("events.jsonl", LOG), ("plan.json", b"{}")];
    let entries = [
        manifest(&files),
        entry("events.jsonl", LOG),
        entry("plan.json", b"{}"),
    ];
    let read = try_unpack(&entries).unwrap();
    assert_eq!(read.files.len(), 2);
}

#[rstest]
#[case("../up", "must not lead out")]
#[case("logs/../../up", "must not lead out")]
#[case("/etc/passwd", "relative names only")]
#[case("logs\\\\..\\\\up", "relative names only")]
#[case("lock", "no file of a run")]
#[case("inbox/1.json", "no file of a run")]
#[case("procs/a.0", "no file of a run")]
#[case("row.json", "no file of a run")]
#[case("logs/a/b", "no file of a run")]
#[case("", "no file of a run")]
fn a_name_that_no_file_of_a_run_has_is_refused(#[case] name: &str, #[case] why: &str) {
    // Named by the manifest.
    let plain = name.replace("\\\\", "\\");
    let error = try_unpack(&[manifest(&[(name, b"x")]), entry(&plain, b"x")]).unwrap_err();
    assert!(error.to_string().contains(why), "{error}");
    // Behind what the manifest names.
    let log = [("events.jsonl", LOG)];
    let entries = [
        manifest(&log),
        entry("events.jsonl", LOG),
        entry(&plain, b"x"),
    ];
    let error = try_unpack(&entries).unwrap_err();
    assert!(error.to_string().contains(why), "{error}");
    // In place of it.
    let error = try_unpack(&[manifest(&log), entry(&plain, LOG)]).unwrap_err();
    assert!(error.to_string().contains(why), "{error}");
}

#[rstest]
#[case(EntryType::Symlink, "a symbolic link")]
#[case(EntryType::Link, "a hard link")]
#[case(EntryType::Char, "a device")]
#[case(EntryType::Block, "a device")]
#[case(EntryType::Fifo, "a pipe")]
#[case(EntryType::Directory, "a folder")]
#[case(EntryType::XHeader, "of a kind")]
#[case(EntryType::XGlobalHeader, "of a kind")]
#[case(EntryType::GNULongName, "of a kind")]
#[case(EntryType::GNUSparse, "of a kind")]
#[case(EntryType::Continuous, "of a kind")]
fn what_is_no_file_is_refused(#[case] kind: EntryType, #[case] told: &str) {
    let mut header = Header::new_ustar();
    header.set_path("events.jsonl").unwrap();
    header.set_entry_type(kind);
    header.set_mode(0o600);
    if matches!(kind, EntryType::Symlink | EntryType::Link) {
        header.set_link_name("/etc/passwd").unwrap();
    }
    let log = [("events.jsonl", LOG)];
    for entries in [
        vec![manifest(&log), with(header.clone(), LOG)],
        vec![with(header.clone(), LOG), manifest(&log)],
        vec![
            manifest(&log),
            entry("events.jsonl", LOG),
            with(header, b""),
        ],
    ] {
        let error = try_unpack(&entries).unwrap_err();
        assert!(error.to_string().contains(told), "{error}");
    }
}

#[test]
fn a_file_twice_or_out_of_order_is_refused() {
    let (log, plan) = (("events.jsonl", LOG), ("plan.json", &b"{}"[..]));
    for files in [[log, log], [plan, log]] {
        let entries = [
            manifest(&files),
            entry(files[0].0, files[0].1),
            entry(files[1].0, files[1].1),
        ];
        let error = try_unpack(&entries).unwrap_err();
        assert!(
            error.to_string().contains("twice or out of order"),
            "{error}"
        );
    }
    let doubled = [manifest(&[log]), entry(log.0, log.1), entry(log.0, log.1)];
    let error = try_unpack(&doubled).unwrap_err();
    assert!(matches!(error, BundleError::OtherEntry { .. }), "{error}");
    let missing = [manifest(&[log, plan]), entry(log.0, log.1)];
    assert!(try_unpack(&missing).is_err());
    let unnamed = [entry(log.0, log.1)];
    let error = try_unpack(&unnamed).unwrap_err();
    assert!(matches!(error, BundleError::OtherEntry { .. }), "{error}");
}

#[test]
fn another_content_is_refused() {
    let log = [("events.jsonl", LOG)];
    let error = try_unpack(&[manifest(&log), entry("events.jsonl", b"{\"seq\":1}\n")]);
    assert!(matches!(error, Err(BundleError::Digest { .. })));
    // A content that is named by another digest.
    let other = content_path(&sha256(b"other"));
    let error = try_unpack(&[manifest(&[(&other, b"x")]), entry(&other, b"x")]);
    assert!(matches!(error, Err(BundleError::Digest { .. })));
    // Longer or shorter than it says.
    for content in [&b"{}"[..], b"{\"seq\":0}\n{\"seq\":1}\n"] {
        assert!(try_unpack(&[manifest(&log), entry("events.jsonl", content)]).is_err());
    }
}

#[test]
fn more_than_is_allowed_is_not_unpacked() {
    let zeros = vec![0; 4_000_000];
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("b");
    let big = vec![Content::bytes(content_path(&sha256(&zeros)), zeros)];
    pack(&"r".parse().unwrap(), &big, &file).unwrap();
    let bytes = fs::read(&file).unwrap();
    assert!(bytes.len() < 40_000, "{}", bytes.len());
    let error = try_bytes(&bytes, 3_999_999).unwrap_err();
    assert!(
        matches!(
            error,
            BundleError::TooLarge {
                bytes: 4_000_000,
                ..
            }
        ),
        "{error}"
    );
    assert!(try_bytes(&bytes, 4_000_000).is_ok());

    // A manifest that says that it has terabytes, and has not.
    let json = r#"{"format":"rok-bundle/1","run_id":"r","files":[{"path":"plan.json","sha256":""#;
    let digest = "0".repeat(64);
    let json = format!("{json}{digest}\",\"bytes\":99999999999999}}]}}\n");
    let error = try_unpack(&[entry("rok-bundle.json", json.as_bytes())]).unwrap_err();
    assert!(matches!(error, BundleError::TooLarge { .. }), "{error}");
    // A manifest that never ends, and is small when compressed.
    let mut header = Header::new_ustar();
    header.set_path("rok-bundle.json").unwrap();
    header.set_entry_type(EntryType::Regular);
    header.set_mode(0o600);
    header.set_size(1 << 32);
    header.set_mtime(0);
    header.set_uid(0);
    header.set_gid(0);
    header.set_cksum();
    let endless = [header.as_bytes().to_vec(), vec![b' '; 1 << 20]];
    let error = try_unpack(&endless).unwrap_err();
    assert!(matches!(error, BundleError::TooLarge { .. }), "{error}");
}

#[test]
fn what_follows_the_end_is_refused() {
    let log = [("events.jsonl", LOG)];
    let tar = [manifest(&log), entry("events.jsonl", LOG), vec![0; 1024]].concat();
    let good = compress_to_vec(&tar[..], CompressionLevel::Fastest);
    assert!(try_bytes(&good, DEFAULT_LIMIT).is_ok());
    let longer = compress_to_vec(&[&tar[..], b"x"].concat()[..], CompressionLevel::Fastest);
    for bytes in [
        [&good[..], b"x"].concat(),
        [&good[..], &good].concat(),
        longer,
    ] {
        let error = try_bytes(&bytes, DEFAULT_LIMIT).unwrap_err();
        assert!(matches!(error, BundleError::Trailing), "{error}");
    }
    for cut in [0, 3, good.len() / 2, good.len() - 1] {
        assert!(try_bytes(&good[..cut], DEFAULT_LIMIT).is_err(), "{cut}");
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(256))]
    #[test]
    fn a_changed_byte_never_panics_and_never_changes_a_file(
        at in any::<prop::sample::Index>(),
        flip in 1..=255_u8,
    ) {
        let log = [("events.jsonl", LOG)];
        let tar = [manifest(&log), entry("events.jsonl", LOG), vec![0; 1024]].concat();
        let good = compress_to_vec(&tar[..], CompressionLevel::Fastest);
        let honest = try_bytes(&good, DEFAULT_LIMIT).unwrap();
        let mut bytes = good;
        let at = at.index(bytes.len());
        bytes[at] ^= flip;
        // A bit of zstd's own framing may change; what comes out may not.
        if let Ok(manifest) = try_bytes(&bytes, DEFAULT_LIMIT) {
            prop_assert_eq!(manifest.files, honest.files);
        }
        // The tar itself has no such bits.
        let mut changed = tar.clone();
        let at = at % changed.len();
        changed[at] ^= flip;
        let bytes = compress_to_vec(&changed[..], CompressionLevel::Fastest);
        if let Ok(manifest) = try_bytes(&bytes, DEFAULT_LIMIT) {
            // The run's id is the one thing that its own digests do not hold.
            prop_assert_ne!(manifest.run_id, honest.run_id);
        }
    }

    #[test]
    fn reading_never_panics(bytes in prop::collection::vec(any::<u8>(), 0..2000)) {
        let _ = try_bytes(&bytes, DEFAULT_LIMIT);
        let framed = compress_to_vec(&bytes[..], CompressionLevel::Fastest);
        let _ = try_bytes(&framed, DEFAULT_LIMIT);
    }
}
