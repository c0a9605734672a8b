//! Tables and laws of masking.

use super::*;
use proptest::prelude::*;
use rstest::rstest;
use serde_json::json;

fn secrets(values: &[&str]) -> Secrets {
    Secrets::from_pairs(
        values
            .iter()
            .enumerate()
            .map(|(i, value)| (format!("S{i}").parse().unwrap(), *value)),
    )
    .unwrap()
}

fn masker(values: &[&str]) -> Masker {
    Masker::new(&secrets(values))
}

#[rstest]
#[case(&["hunter2"], "pw hunter2!", "pw ***!")]
#[case(&["hunter2"], "hunter hunter", "hunter hunter")]
#[case(&["hunter2"], "hunterhunter2", "hunter***")]
// The longest wins, and what overlaps is one.
#[case(&["abcd", "abcdef"], "xabcdefg", "x***g")]
#[case(&["abcd", "cdef"], "abcdef", "***")]
#[case(&["abab"], "abababx", "***x")]
// Two that merely touch stay two.
#[case(&["abcd"], "abcdabcd", "******")]
// Escaped and encoded forms.
#[case(&["qu\"ote\n1"], r#"{"a":"qu\"ote\n1"}"#, r#"{"a":"***"}"#)]
#[case(&["p ss/wörd"], "p%20ss%2Fw%C3%B6rd p+ss%2fw%c3%b6rd", "*** ***")]
#[case(&["secret-value"], "Basic dXNlcjpzZWNyZXQtdmFsdWU=", "Basic dXNlcjp***U=")]
// Lines of a secret of several.
#[case(&["first line\nsecond\n"], "> second <", "> *** <")]
#[case(&["token-1\n"], "token-1", "***")]
fn texts(#[case] values: &[&str], #[case] text: &str, #[case] masked: &str) {
    assert_eq!(masker(values).mask_str(text), masked);
}

#[test]
fn nothing_to_mask_borrows() {
    assert!(matches!(
        masker(&["hunter2"]).mask_str("plain"),
        Cow::Borrowed("plain")
    ));
    assert!(matches!(
        masker(&[]).mask_str("plain"),
        Cow::Borrowed("plain")
    ));
}

#[test]
fn json_values_keys_and_numbers() {
    let mut value = json!({
        "hunter2": 1, "xhunter2": 2, "***": 3, "n": [123_456, true, null, "a hunter2"],
    });
    masker(&["hunter2", "123456"]).mask_json(&mut value);
    assert_eq!(
        value,
        json!({ "*** (2)": 1, "x***": 2, "***": 3, "n": ["***", true, null, "a ***"] })
    );
}

#[test]
fn a_stream_holds_back_no_more_than_it_must() {
    let masker = masker(&["hunter2"]);
    let (mut stream, mut out) = (masker.stream(), Vec::new());
    stream.push(b"hello\n", &mut out);
    assert_eq!(out, b"hello\n");
    stream.push(b"xhun", &mut out);
    assert_eq!(out, b"hello\nx");
    stream.push(b"t\n", &mut out);
    assert_eq!(out, b"hello\nxhunt\n");
}

#[test]
fn a_detector_finds_across_chunks_and_names_the_secret() {
    let mut detector = masker(&["hunter2", "correct horse"]).detector();
    detector.push(b"..correct ");
    assert_eq!(detector.found(), None);
    detector.push(b"horse..");
    assert_eq!(detector.found().map(InputName::as_str), Some("S1"));
}

#[test]
fn debug_shows_no_value() {
    let masker = masker(&["hunter2"]);
    let mut stream = masker.stream();
    stream.push(b"hunter", &mut Vec::new());
    let text = format!("{masker:?} {stream:?} {:?}", masker.detector());
    assert!(!text.contains("hunter"), "{text}");
}

/// Few letters, so that texts are full of occurrences and near misses.
fn secret() -> impl Strategy<Value = String> {
    "[ab\"\n]{4,9}".prop_filter("long enough once trimmed", |s| s.trim().len() >= MIN)
}

const MIN: usize = crate::MIN_SECRET_BYTES;

fn contains(haystack: &[u8], needle: &[u8]) -> bool {
    haystack
        .windows(needle.len())
        .any(|window| window == needle)
}

proptest! {
    #[test]
    fn chunks_change_nothing_and_nothing_leaks(
        values in prop::collection::vec(secret(), 1..4),
        noise in prop::collection::vec("[ab\"\n\\\\]{0,6}", 1..8),
        cuts in prop::collection::vec(0_usize..80, 0..8),
    ) {
        let mut text = String::new();
        for (index, part) in noise.iter().enumerate() {
            text.push_str(part);
            text.push_str(&values[index % values.len()]);
        }
        let refs: Vec<&str> = values.iter().map(String::as_str).collect();
        let masker = masker(&refs);
        let whole = masker.mask_bytes(text.as_bytes()).into_owned();

        let mut cuts: Vec<usize> = cuts.into_iter().map(|cut| cut.min(text.len())).collect();
        cuts.sort_unstable();
        let (mut stream, mut out, mut from) = (masker.stream(), Vec::new(), 0);
        for cut in cuts.into_iter().chain([text.len()]) {
            stream.push(&text.as_bytes()[from..cut], &mut out);
            from = cut;
        }
        stream.finish(&mut out);

        prop_assert_eq!(&out, &whole);
        for value in &values {
            prop_assert!(!contains(&out, value.as_bytes()));
            let json = Value::from(value.as_str()).to_string();
            prop_assert!(!contains(&out, &json.as_bytes()[1..json.len() - 1]));
        }
    }

    #[test]
    fn what_is_encoded_around_a_secret_does_not_leak(
        before in "[a-z]{0,5}", value in "[A-Za-z0-9]{8,20}", after in "[a-z]{0,5}",
    ) {
        let masker = masker(&[&value]);
        let mut outputs = json!({ "k": format!("{before}{value}{after}"), value.clone(): 1 });
        masker.mask_json(&mut outputs);
        prop_assert!(!outputs.to_string().contains(&value));
    }
}
