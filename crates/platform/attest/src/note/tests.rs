//! Notes: their one form, and every way to be none.

use super::*;
use proptest::prelude::*;
use rstest::rstest;

fn key(seed: u8) -> SigningKey {
    SigningKey::from_seed([seed; 32])
}

fn signed() -> Note {
    let mut note = Note::new("origin\n5\nhash\n".into());
    note.sign("example.com/log", &key(1)).unwrap();
    note.cosign("witness", &key(2), 1_700_000_000).unwrap();
    note
}

#[test]
fn a_note_is_read_as_it_is_written() {
    let text = signed().to_text();
    assert!(text.starts_with("origin\n5\nhash\n\n\u{2014} example.com/log "));
    let read = Note::parse(text.as_bytes()).unwrap();
    assert_eq!(read, signed());
    assert_eq!(read.signed_by("example.com/log", &key(1).public()), Ok(()));
    assert_eq!(
        read.cosigned_by(&key(2).public()),
        Ok(("witness".into(), 1_700_000_000))
    );
}

#[test]
fn a_signature_is_no_cosignature_and_names_count() {
    let note = signed();
    assert!(note.signed_by("witness", &key(2).public()).is_err());
    assert!(note.cosigned_by(&key(1).public()).is_err());
    let error = note
        .signed_by("example.com/other", &key(1).public())
        .unwrap_err();
    let NoteError::NotSigned { names, .. } = &error else {
        panic!("{error}")
    };
    assert_eq!(*names, ["example.com/log", "witness"]);
}

#[test]
fn the_key_hash_is_the_standards() {
    // SHA-256(name ‖ 0x0A ‖ algorithm ‖ key)[..4]
    let mut bytes = b"n\n\x01".to_vec();
    bytes.extend_from_slice(key(1).public().as_bytes());
    let hash = key_hash("n", ED25519, &key(1).public());
    assert_eq!(hash, Sha256::digest(&bytes)[..4]);
}

#[rstest]
#[case::empty("")]
#[case::no_signature("text\n")]
#[case::no_blank_line("text\n\u{2014} a AAAAAAA=\n")]
#[case::no_newline("text\n\n\u{2014} a AAAAAAA=")]
#[case::a_hyphen("text\n\n- a AAAAAAA=\n")]
#[case::no_name("text\n\n\u{2014}  AAAAAAA=\n")]
#[case::a_plus("text\n\n\u{2014} a+b AAAAAAA=\n")]
#[case::no_base64("text\n\n\u{2014} a ???\n")]
#[case::too_short("text\n\n\u{2014} a AAAA\n")]
#[case::more_words("text\n\n\u{2014} a AAAAAAA= b\n")]
#[case::a_tab("te\txt\n\n\u{2014} a AAAAAAA=\n")]
#[case::carriage_return("text\r\n\n\u{2014} a AAAAAAA=\n")]
#[case::blank_line_behind("text\n\n\u{2014} a AAAAAAA=\n\n")]
#[case::too_many(&format!("text\n\n{}", "\u{2014} a AAAAAAA=\n".repeat(65)))]
#[case::too_long(&format!("{}\n\n\u{2014} a AAAAAAA=\n", "x".repeat(MAX_BYTES)))]
fn what_is_no_note(#[case] text: &str) {
    assert!(Note::parse(text.as_bytes()).is_err());
}

#[rstest]
#[case("")]
#[case("a b")]
#[case("a+b")]
#[case("a\nb")]
#[case("a\u{a0}b")]
fn what_names_no_key(#[case] name: &str) {
    assert!(Note::new("x\n".into()).sign(name, &key(1)).is_err());
    assert!(Note::new("x\n".into()).cosign(name, &key(1), 0).is_err());
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(512))]
    #[test]
    fn no_byte_can_change(at in any::<prop::sample::Index>(), flip in 1..=255_u8) {
        let mut bytes = signed().to_text().into_bytes();
        let at = at.index(bytes.len());
        bytes[at] ^= flip;
        let both = Note::parse(&bytes).and_then(|note| {
            note.signed_by("example.com/log", &key(1).public())?;
            note.cosigned_by(&key(2).public())
        });
        // The cosigner's name is bound by the key hash, the rest by signatures.
        prop_assert!(both.is_err());
    }

    #[test]
    fn reading_never_panics(bytes in prop::collection::vec(any::<u8>(), 0..300)) {
        let _ = Note::parse(&bytes);
    }
}
