//! The forms in which a secret may stand in output: raw, trimmed, line by line,
//! JSON-escaped, quoted by a shell, base64 (at each alignment) and URL-encoded
//! as the usual libraries do it.

use std::collections::BTreeSet;
use std::fmt::Write as _;

/// A line or a fragment shorter than this says nothing and would mask
/// unrelated text.
const MIN_FORM_BYTES: usize = 4;

/// A base64 core shorter than this appears in unrelated text by chance.
const MIN_BASE64_CHARS: usize = 6;

/// What the usual libraries leave as it is in URLs, beside letters, digits, `-`,
/// `.`, `_` and mostly `~`: nothing, Python's `quote` (an old one too),
/// `encodeURIComponent`, `encodeURI`, segments and paths of RFC 3986, and Java's
/// `URLEncoder`.
const UNESCAPED: [&str; 8] = [
    "~",
    "~/",
    "/",
    "~!'()*",
    "~!'()*;,/?:@&=+$#",
    "~!$&'()*+,;=:@",
    "~!$&'()*+,;=:@/",
    "*",
];

/// A form of a secret.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Form {
    /// It stands as it is.
    Plain(Vec<u8>),
    /// Base64: lines may break within it.
    Base64(Vec<u8>),
}

/// All forms of a secret, without duplicates.
pub(crate) fn all(secret: &str) -> BTreeSet<Form> {
    let mut out = BTreeSet::new();
    whole(secret, &mut out);
    whole(secret.trim(), &mut out);
    if secret.contains(['\n', '\r']) {
        for line in secret
            .split(['\n', '\r'])
            .map(str::trim)
            .filter(|line| is_telling(line))
        {
            whole(line, &mut out);
        }
    }
    out
}

/// The frame of a PEM block is public and stands in certificates too.
fn is_telling(line: &str) -> bool {
    line.len() >= MIN_FORM_BYTES && !line.starts_with("-----")
}

fn whole(text: &str, out: &mut BTreeSet<Form>) {
    let json = escape_json(text);
    let mut plain = vec![
        text.to_owned(),
        // Escaped twice: JSON inside a JSON string, as in structured logs.
        escape_json(&json),
        // As PHP and Go write it.
        json.replace('/', "\\/"),
        escape_html_json(&json),
        json,
        escape_ascii_json(text),
    ];
    plain.extend(shell_quoted(text));
    for unescaped in UNESCAPED {
        for space_as_plus in [false, true] {
            for upper in [false, true] {
                plain.push(percent(text, unescaped, space_as_plus, upper));
            }
        }
    }
    out.extend(plain.into_iter().map(|form| Form::Plain(form.into_bytes())));
    for alignment in 0..3 {
        let core = base64_core(text.as_bytes(), alignment);
        if core.len() >= MIN_BASE64_CHARS {
            let url = core.replace('+', "-").replace('/', "_");
            out.insert(Form::Base64(core.into_bytes()));
            out.insert(Form::Base64(url.into_bytes()));
        }
    }
}

fn escape_json(text: &str) -> String {
    let quoted = serde_json::Value::from(text).to_string();
    quoted[1..quoted.len() - 1].to_owned()
}

/// As `json.dumps` of Python writes it: everything beyond ASCII as `\u` and four
/// hex digits.
fn escape_ascii_json(text: &str) -> String {
    let mut out = String::new();
    for c in escape_json(text).chars() {
        if c.is_ascii() {
            out.push(c);
        } else {
            for unit in c.encode_utf16(&mut [0; 2]) {
                let _ = write!(out, "\\u{unit:04x}");
            }
        }
    }
    out
}

/// JSON that may stand in HTML.
fn escape_html_json(json: &str) -> String {
    json.replace('&', "\\u0026")
        .replace('<', "\\u003c")
        .replace('>', "\\u003e")
}

/// As shells show it in traces (`set -x`), `set`, `export -p` and `printf %q`.
fn shell_quoted(text: &str) -> [String; 4] {
    let mut backslashed = String::new();
    let mut ansi_c = String::new();
    for c in text.chars() {
        if " '\"\\|&;()<>!{}*[]?^$`,".contains(c) {
            backslashed.push('\\');
        }
        backslashed.push(c);
        match c {
            '\n' => ansi_c.push_str("\\n"),
            '\r' => ansi_c.push_str("\\r"),
            '\t' => ansi_c.push_str("\\t"),
            '\'' | '\\' => ansi_c.extend(['\\', c]),
            c => ansi_c.push(c),
        }
    }
    [
        text.replace('\'', r"'\''"),
        text.replace('\'', r#"'"'"'"#),
        backslashed,
        ansi_c,
    ]
}

fn percent(text: &str, unescaped: &str, space_as_plus: bool, upper: bool) -> String {
    let mut out = String::new();
    for byte in text.bytes() {
        let _ = match byte {
            b' ' if space_as_plus => write!(out, "+"),
            b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'-' | b'.' | b'_' => {
                write!(out, "{}", char::from(byte))
            }
            _ if unescaped.as_bytes().contains(&byte) => write!(out, "{}", char::from(byte)),
            _ if upper => write!(out, "%{byte:02X}"),
            _ => write!(out, "%{byte:02x}"),
        };
    }
    out
}

/// The base64 characters that depend on nothing but the secret when
/// `alignment` unknown bytes (modulo 3) stand before it and others follow.
fn base64_core(secret: &[u8], alignment: usize) -> String {
    const ALPHABET: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let first = (alignment * 8).div_ceil(6);
    let last = (alignment + secret.len()) * 8 / 6;
    let bit = |at: usize| {
        let byte = secret[at / 8 - alignment];
        (byte >> (7 - at % 8)) & 1
    };
    (first..last)
        .map(|index| {
            let value = (0..6).fold(0, |value, b| value << 1 | bit(index * 6 + b));
            char::from(ALPHABET[usize::from(value)])
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use rstest::rstest;

    #[rstest]
    // base64("secret-value"), base64("xsecret-value"), base64("xysecret-value")
    #[case(0, "c2VjcmV0LXZhbHVl")]
    #[case(1, "NlY3JldC12YWx1Z")]
    #[case(2, "zZWNyZXQtdmFsdW")]
    fn base64_at_each_alignment(#[case] alignment: usize, #[case] core: &str) {
        assert_eq!(base64_core(b"secret-value", alignment), core);
    }

    #[test]
    fn forms_of_an_awkward_secret() {
        let forms = all("a\"b ü/c");
        for form in [
            "a\"b ü/c",
            "a\\\"b ü/c",
            "a\\\"b \\u00fc/c",
            "a%22b%20%C3%BC%2Fc",
            "a%22b+%c3%bc%2fc",
            "a%22b%20%C3%BC/c",
        ] {
            assert!(forms.contains(&Form::Plain(form.into())), "{form}");
        }
    }

    #[test]
    fn forms_of_shells_and_other_languages() {
        let forms = all("it's $1/<a>\tb");
        for form in [
            r"it'\''s $1/<a>",
            r#"it'"'"'s $1/<a>"#,
            r"it\'s\ \$1/\<a\>",
            r"it\'s $1/<a>\tb",
            r"it's $1\/<a>\tb",
            r"it's $1/\u003ca\u003e\tb",
        ] {
            let begins = |known: &Form| matches!(known, Form::Plain(known) if known.starts_with(form.as_bytes()));
            assert!(forms.iter().any(begins), "{form}");
        }
    }

    #[test]
    fn lines_stand_alone_but_not_a_pem_frame() {
        let forms = all("-----BEGIN KEY-----\nAbCdEfGh\nxy\n-----END KEY-----\n");
        let has = |form: &str| forms.contains(&Form::Plain(form.into()));
        assert!(has("AbCdEfGh"));
        assert!(!has("xy"));
        assert!(!has("-----END KEY-----"));
    }
}
