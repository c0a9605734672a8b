//! Envelopes: the standard's encoding, and every way to be no proof.

use super::*;
use proptest::prelude::*;
use rstest::rstest;

fn key(seed: u8) -> SigningKey {
    SigningKey::from_seed([seed; 32])
}

fn file() -> String {
    let envelope = Envelope::seal(br#"{"_type":"x"}"#, &key(1));
    String::from_utf8(envelope.to_json()).unwrap()
}

#[test]
fn the_encoding_is_the_standards() {
    // The example of the DSSE protocol.
    let encoded = pae("http://example.com/HelloWorld", b"hello world");
    let expected = "DSSEv1 29 http://example.com/HelloWorld 11 hello world";
    assert_eq!(String::from_utf8(encoded).unwrap(), expected);
}

#[test]
fn an_envelope_is_read_as_it_is_written() {
    let envelope = Envelope::from_json(file().as_bytes()).unwrap();
    assert_eq!(envelope.payload(), br#"{"_type":"x"}"#);
    assert_eq!(envelope.verify(&key(1).public()), Ok(()));
    let names: Vec<&str> = envelope.names().collect();
    assert_eq!(names, [key(1).public().id().as_str()]);
}

#[test]
fn another_key_is_told_whose_name_stands_there() {
    let envelope = Envelope::from_json(file().as_bytes()).unwrap();
    let error = envelope.verify(&key(2).public()).unwrap_err();
    let EnvelopeError::NotSigned { key: asked, others } = error else {
        panic!("{error}")
    };
    assert_eq!(asked, key(2).public().id());
    assert_eq!(others, [key(1).public().id().as_str()]);
}

#[test]
fn a_signature_in_anothers_name_is_a_forgery() {
    let mut envelope = Envelope::seal(b"{}", &key(2));
    envelope.signatures[0].keyid = key(1).public().id().to_string();
    let forged = EnvelopeError::Forged {
        key: key(1).public().id(),
    };
    assert_eq!(envelope.verify(&key(1).public()), Err(forged.clone()));
    // Beside a true one as well.
    let honest = Envelope::seal(b"{}", &key(1)).signatures.remove(0);
    for at in [0, 1] {
        let mut both = envelope.clone();
        both.signatures.insert(at, honest.clone());
        assert_eq!(both.verify(&key(1).public()), Err(forged.clone()));
    }
}

#[rstest]
#[case::empty("")]
#[case::no_json("x")]
#[case::no_fields("{}")]
#[case::unknown_field(&file().replace("{\"payload\"", "{\"more\":1,\"payload\""))]
#[case::twice(&file().replace("{\"payload\"", "{\"payload\":\"\",\"payload\""))]
#[case::no_signatures(
    r#"{"payload":"","payloadType":"application/vnd.in-toto+json","signatures":[]}"#
)]
#[case::no_base64(&file().replace("\"payload\":\"", "\"payload\":\"*"))]
#[case::other_type(&file().replace("in-toto+json", "other+json"))]
#[case::a_space(&file().replace("\":\"", "\": \""))]
#[case::no_newline(&file().replace("}\n", "}"))]
#[case::more_behind(&format!("{}{{}}\n", file()))]
#[case::deep(&"[".repeat(100_000))]
fn what_is_no_envelope(#[case] text: &str) {
    assert!(Envelope::from_json(text.as_bytes()).is_err());
}

#[test]
fn padding_bits_cannot_vary() {
    // `e30=` and `e31=` decode to the same byte in a lenient reader.
    let text = r#"{"payload":"e31=","payloadType":"application/vnd.in-toto+json","signatures":[{"keyid":"k","sig":"AA=="}]}"#;
    let error = Envelope::from_json(text.as_bytes()).unwrap_err();
    assert!(matches!(error, EnvelopeError::Unreadable { .. }), "{error}");
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(512))]
    #[test]
    fn no_byte_can_change(at in any::<prop::sample::Index>(), flip in 1..=255_u8) {
        let mut bytes = file().into_bytes();
        let at = at.index(bytes.len());
        bytes[at] ^= flip;
        let proved = Envelope::from_json(&bytes).and_then(|read| read.verify(&key(1).public()));
        prop_assert!(proved.is_err());
    }

    #[test]
    fn reading_never_panics(bytes in prop::collection::vec(any::<u8>(), 0..300)) {
        let _ = Envelope::from_json(&bytes);
    }
}
