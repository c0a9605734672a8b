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
#[case(&["a/b+c d~"], "a/b%2Bc%20d~ a/b%2Bc%20d%7E a%2Fb%2Bc+d~ a/b+c%20d~", "*** *** *** ***")]
// Base64 in lines, in JSON, in a URL, and within other text; what follows has
// its part in the last character.
#[case(&["secret-value"], "c2Vj\ncmV0\r\n  LXZhbHVl\n", "***\n")]
#[case(&["secret-value"], r#"{"k":"c2Vj\ncmV0\\nLXZhbHVl\n"}"#, r#"{"k":"***\n"}"#)]
#[case(&["??>>??>>"], "k=Pz8%2BPj8%2FPj4%3D Pz8+Pj8%2fPj4 Pz8+Pj8\\/Pj4=", "k=***4%3D ***4 ***4=")]
#[case(&["secret-value"], "c2Vj%2\\cmV0LXZhbHVl%c2Vj\\acmV0LXZhbHVl", "c2Vj%2\\cmV0LXZhbHVl%c2Vj\\acmV0LXZhbHVl")]
#[case(&["secret-value"], "\\c2VjcmV0LXZhbHVl %c2VjcmV0LXZhbHVl %2c2VjcmV0LXZhbHVl", "\\*** %*** %2***")]
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
    stream.push(b"hello!\n", &mut out);
    assert_eq!(out, b"hello!\n");
    stream.push(b"xhun", &mut out);
    assert_eq!(out, b"hello!\nx");
    stream.push(b"k\n", &mut out);
    assert_eq!(out, b"hello!\nxhunk\n");
    // A line of base64 may go on in the next one.
    stream.push(b"aHVu\n", &mut out);
    assert_eq!(out, b"hello!\nxhunk\n");
    stream.push(b"-\n", &mut out);
    assert_eq!(out, b"hello!\nxhunk\naHVu\n-\n");
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

fn base64(bytes: &[u8]) -> String {
    const ALPHABET: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let mut out = String::new();
    for group in bytes.chunks(3) {
        let byte = |at: usize| u32::from(group.get(at).copied().unwrap_or_default());
        let bits = byte(0) << 16 | byte(1) << 8 | byte(2);
        for index in 0..=group.len() {
            out.push(char::from(
                ALPHABET[(bits >> (18 - 6 * index) & 63) as usize],
            ));
        }
    }
    out
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
    fn base64_does_not_leak_wherever_its_lines_break(
        before in prop::collection::vec(any::<u8>(), 0..90),
        value in "[ -~]{12,160}".prop_filter("long enough once trimmed", |s| s.trim().len() >= 12),
        after in prop::collection::vec(any::<u8>(), 0..20),
        width in 4_usize..100,
        cut in 0_usize..400,
        line_end in prop::sample::select(vec!["\n", "\r\n", "\n  "]),
    ) {
        let value = value.trim();
        let text = base64(&[before.as_slice(), value.as_bytes(), after.as_slice()].concat());
        // What depends on the secret alone.
        let first = (before.len() * 8).div_ceil(6);
        let last = (before.len() + value.len()) * 8 / 6;
        let lines: Vec<&str> = text.as_bytes().chunks(width).map(|line| std::str::from_utf8(line).unwrap()).collect();
        let wrapped = lines.join(line_end);
        let masker = masker(&[value]);
        let (mut stream, mut out) = (masker.stream(), Vec::new());
        let (one, two) = wrapped.split_at(cut.min(wrapped.len()));
        stream.push(one.as_bytes(), &mut out);
        stream.push(two.as_bytes(), &mut out);
        stream.finish(&mut out);
        prop_assert_eq!(&out, &masker.mask_bytes(wrapped.as_bytes()).into_owned());
        let told: String = String::from_utf8(out).unwrap().split_whitespace().collect();
        prop_assert!(told.contains(REPLACEMENT));
        prop_assert!(!told.contains(&text[first..last]));
        prop_assert_eq!(told.split_once(REPLACEMENT).unwrap().0, &text[..first]);
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
