//! The secrets file: `KEY=VALUE` lines or one JSON object of strings.
//! Errors name file, line and key, never a value.

use crate::values::SecretsError;
use rok_vocabulary::InputName;
use std::collections::BTreeSet;
use std::io::Read as _;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;

/// A secrets file is written by a person; more than this is another file.
const MAX_BYTES: u64 = 1 << 20;

struct Place<'a> {
    path: &'a Path,
    line: usize,
}

impl Place<'_> {
    fn fault(&self, key: Option<&str>, why: &'static str) -> SecretsError {
        SecretsError::Malformed {
            path: self.path.to_owned(),
            line: self.line,
            key: key.map(str::to_owned),
            why,
        }
    }
}

pub(crate) fn read(path: &Path) -> Result<Vec<(InputName, String)>, SecretsError> {
    let unreadable = |source| SecretsError::Unreadable {
        path: path.to_owned(),
        source,
    };
    let file = rok_files::open(path).map_err(unreadable)?;
    // Asked of the open file, so that what was checked is what is read.
    let mode = file.metadata().map_err(unreadable)?.permissions().mode() & 0o777;
    if mode & 0o077 != 0 {
        return Err(SecretsError::Exposed {
            path: path.to_owned(),
            mode,
        });
    }
    let mut bytes = Vec::new();
    file.take(MAX_BYTES + 1)
        .read_to_end(&mut bytes)
        .map_err(unreadable)?;
    let first = Place { path, line: 1 };
    if bytes.len() as u64 > MAX_BYTES {
        return Err(first.fault(None, "the file is larger than 1 MiB"));
    }
    let text = String::from_utf8(bytes).map_err(|_| first.fault(None, "the file is not UTF-8"))?;
    let pairs = if text.trim_start().starts_with('{') {
        json(path, &text)?
    } else {
        lines(path, &text)?
    };
    let mut seen = BTreeSet::new();
    let mut out = Vec::with_capacity(pairs.len());
    for (line, key, value) in pairs {
        let place = Place { path, line };
        let name: InputName = key.parse().map_err(|_| {
            place.fault(
                Some(&shown(&key)),
                "a name must match [A-Za-z_][A-Za-z0-9_]{0,127}",
            )
        })?;
        if !seen.insert(name.clone()) {
            return Err(place.fault(Some(&key), "the key appears twice"));
        }
        out.push((name, value));
    }
    Ok(out)
}

/// A key that is no name may be a misplaced value: only its beginning is shown,
/// and only where it looks like a name.
fn shown(key: &str) -> String {
    let head: String = key
        .chars()
        .take_while(|c| c.is_ascii_alphanumeric() || *c == '_')
        .take(8)
        .collect();
    format!("{head}…")
}

type Pairs = Vec<(usize, String, String)>;

fn json(path: &Path, text: &str) -> Result<Pairs, SecretsError> {
    let object: serde_json::Map<String, serde_json::Value> =
        serde_json::from_str(text).map_err(|error| {
            // serde_json's own message may quote a value.
            Place {
                path,
                line: error.line(),
            }
            .fault(None, "the file begins with `{` and is no JSON object")
        })?;
    let mut out = Vec::with_capacity(object.len());
    for (key, value) in object {
        let line = 1 + text
            .find(&format!("\"{key}\""))
            .map_or(0, |at| newlines(&text[..at]));
        let serde_json::Value::String(value) = value else {
            return Err(Place { path, line }
                .fault(Some(&key), "the value must be a JSON string, in quotes"));
        };
        out.push((line, key, value));
    }
    Ok(out)
}

fn newlines(text: &str) -> usize {
    text.bytes().filter(|byte| *byte == b'\n').count()
}

fn lines(path: &Path, text: &str) -> Result<Pairs, SecretsError> {
    let mut out = Vec::new();
    for (index, line) in text.lines().enumerate() {
        let place = Place {
            path,
            line: index + 1,
        };
        let line = line.trim();
        if line.is_empty() || line.starts_with('#') {
            continue;
        }
        let line = line.strip_prefix("export ").unwrap_or(line);
        let Some((key, value)) = line.split_once('=') else {
            return Err(place.fault(None, "expected KEY=VALUE, a `#` comment or an empty line"));
        };
        let key = key.trim();
        out.push((
            index + 1,
            key.to_owned(),
            value_of(&place, key, value.trim())?,
        ));
    }
    Ok(out)
}

fn value_of(place: &Place<'_>, key: &str, text: &str) -> Result<String, SecretsError> {
    let fault = |why| Err(place.fault(Some(&shown(key)), why));
    if let Some(rest) = text.strip_prefix('\'') {
        return match rest.find('\'') {
            Some(end) if end + 1 == rest.len() => Ok(rest[..end].to_owned()),
            Some(_) => fault("there is text after the closing quote"),
            None => fault("the closing quote is missing"),
        };
    }
    let Some(rest) = text.strip_prefix('"') else {
        // To some it ends there, to others it does not.
        if text.starts_with('#') || text.contains(" #") || text.contains("\t#") {
            return fault(
                "`#` may begin a comment: put the value in quotes, or the comment on a line of its own",
            );
        }
        return Ok(text.to_owned());
    };
    let mut out = String::new();
    let mut chars = rest.chars();
    loop {
        match chars.next() {
            None => return fault("the closing quote is missing"),
            Some('"') if chars.as_str().is_empty() => return Ok(out),
            Some('"') => return fault("there is text after the closing quote"),
            Some('\\') => out.push(match chars.next() {
                Some('n') => '\n',
                Some('r') => '\r',
                Some('t') => '\t',
                Some(c @ ('"' | '\\' | '$')) => c,
                _ => {
                    return fault("unknown escape: use \\n, \\r, \\t, \\\", \\\\ or single quotes");
                }
            }),
            Some(c) => out.push(c),
        }
    }
}

#[cfg(test)]
mod tests {
    use crate::{Secrets, SecretsError};
    use rstest::rstest;
    use std::io::Write as _;
    use std::os::unix::fs::PermissionsExt as _;

    fn file(content: &str, mode: u32) -> tempfile::NamedTempFile {
        let mut file = tempfile::NamedTempFile::new().unwrap();
        file.write_all(content.as_bytes()).unwrap();
        file.as_file()
            .set_permissions(std::fs::Permissions::from_mode(mode))
            .unwrap();
        file
    }

    #[rstest]
    #[case("TOKEN=abcdef", "abcdef")]
    #[case("# c\n\nexport TOKEN = abc=def \n", "abc=def")]
    #[case("TOKEN='ab \"#c d'", "ab \"#c d")]
    #[case("TOKEN='abcd # e'", "abcd # e")]
    #[case("TOKEN=abcd#e", "abcd#e")]
    #[case(
        r#"TOKEN="line one\nline\ttwo \"x\" \\""#,
        "line one\nline\ttwo \"x\" \\"
    )]
    #[case(r#"{"TOKEN": "a\nbcd"}"#, "a\nbcd")]
    fn both_forms_are_read(#[case] content: &str, #[case] value: &str) {
        let file = file(content, 0o600);
        let secrets = Secrets::from_file(file.path()).unwrap();
        assert_eq!(secrets.get("TOKEN"), Some(value));
    }

    #[rstest]
    #[case("A=aaaa\nhunter2hunter2", "line 2: expected KEY=VALUE")]
    #[case("A='hunter2hunter2", "line 1, key `A…`: the closing quote is missing")]
    #[case("A=\"hunter2\"hunter2", "text after the closing quote")]
    #[case("A=\"hunter2\\q\"", "unknown escape")]
    #[case(
        "A=hunter2hunter2\nA=hunter2hunter2",
        "line 2, key `A`: the key appears twice"
    )]
    #[case("A-B=hunter2hunter2", "line 1, key `A…`: a name must match")]
    #[case(
        "{\"A\": \"hunter2\",\n \"B\": 123456}",
        "line 2, key `B`: the value must be a JSON string"
    )]
    #[case(
        "{\"A\": hunter2}",
        "line 1: the file begins with `{` and is no JSON object"
    )]
    #[case("A=", "secret `A` is empty in secrets file")]
    #[case("B=bbbb\nA=hunter2 # x", "line 2, key `A…`: `#` may begin a comment")]
    #[case("A=hunter2\t#x", "line 1, key `A…`: `#` may begin a comment")]
    #[case("A=#hunter2", "put the value in quotes")]
    fn faults_name_line_and_key_but_no_value(#[case] content: &str, #[case] part: &str) {
        let file = file(content, 0o600);
        let error = Secrets::from_file(file.path()).unwrap_err();
        let text = format!("{error} {error:?}");
        assert!(text.contains(part), "{text}");
        assert!(
            !text.contains("hunter2") && !text.contains("123456"),
            "{text}"
        );
    }

    #[rstest]
    #[case(0o640)]
    #[case(0o604)]
    fn an_exposed_file_is_refused(#[case] mode: u32) {
        let file = file("TOKEN=abcdef", mode);
        let error = Secrets::from_file(file.path()).unwrap_err();
        assert!(matches!(error, SecretsError::Exposed { mode: m, .. } if m == mode));
    }

    #[test]
    fn an_absent_file_is_named() {
        let error = Secrets::from_file("/nonexistent/secrets.env".as_ref()).unwrap_err();
        assert_eq!(
            error.to_string(),
            "cannot read secrets file /nonexistent/secrets.env"
        );
    }
}
