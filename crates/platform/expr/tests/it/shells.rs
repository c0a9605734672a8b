//! The heart of it: the real shells receive every value as it is, wherever an
//! expression may stand. Values are never split, and never executed.

use crate::world::World;
use proptest::prelude::*;
use rok_expr::ShellLine;
use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::process::{Command, Stdio};

/// Whatever a shell might take for more than text.
const HOSTILE: &[&str] = &[
    "",
    " ",
    "plain",
    "-n",
    "--",
    "a b  c",
    "*",
    "?[a-z]*",
    "~",
    "#x",
    "{a,b}",
    "!!",
    "$HOME",
    "${HOME}",
    "$(touch pwned)",
    "`touch pwned`",
    "'; touch pwned; '",
    "\"; touch pwned; \"",
    "\\",
    "\\'",
    "\n",
    "a\nb\n",
    "\t",
    "a[$(touch pwned)]",
    "$((1/0))",
    "\u{1}\u{7f}é𝄞",
    "ROK_E0",
    "${ROK_E0}",
    "${{ inputs.v0 }}",
    ";touch pwned",
    "&touch pwned",
    "|touch pwned",
    ">pwned",
    "\r",
];

/// What stands before the words, to lead the scanner astray.
const PREAMBLES: &[&str] = &[
    "",
    "# it's a \"comment\n",
    ": 'a \" b' \"it's\" \\' \\\"\n",
    ": $(printf '%s)' \"a)\") `printf '\"'`\n",
    ": ${x:-\"}\"} ${x:-'}'} \"${x:-y}\"\n",
    ": $((1 << 2)) $(( (1) ))\n",
    "cat >/dev/null <<E\nit's \" \\` \\$(x $(: \"a\") `:`\nE\n",
    "cat >/dev/null <<-'E F' <<\"G\"\n\t'\n\tE F\n\"\nG\n",
    ": a#'b' \\\n 'c'\n",
    "if true; then :; fi # 'x\n",
    "case a in (a) : ;; b) : ;; esac\n",
    "x=1 y='2 3'; : \"$x\" $y; (: \")\" )\n",
    ": \"a$(: \"b$(: \"c\")\")\" \"`: x`\"\n",
    ": $x'y'\"z\" $# $$ $? $'\\n' \"$\" $\n",
];

#[derive(Debug, Clone)]
enum Piece {
    Bare(usize),
    Quoted {
        before: &'static str,
        value: usize,
        after: &'static str,
    },
    Text {
        written: &'static str,
        read: &'static str,
    },
}

fn piece(values: usize) -> impl Strategy<Value = Piece> {
    let edges = || prop::sample::select(vec!["", " ", "it's ", "#", "a b", "*", "\\\\'"]);
    let texts: Vec<(&'static str, &'static str)> = vec![
        ("ab", "ab"),
        ("'it is'", "it is"),
        ("'\"'", "\""),
        ("\\'", "'"),
        ("\\\"", "\""),
        ("\"a 'b'\"", "a 'b'"),
        ("\"\\\"\"", "\""),
        ("\\#", "#"),
        ("\\\\", "\\"),
        ("$(printf x)", "x"),
        ("\"$(printf 'a b')\"", "a b"),
        ("${nope:-y}", "y"),
        ("$((1+1))", "2"),
        ("'$${{'", "${{"),
    ];
    prop_oneof![
        3 => (0..values).prop_map(Piece::Bare),
        3 => (edges(), 0..values, edges())
            .prop_map(|(before, value, after)| Piece::Quoted { before, value, after }),
        2 => prop::sample::select(texts).prop_map(|(written, read)| Piece::Text { written, read }),
    ]
}

/// Runs a line as a step would, and returns the NUL-separated fields of what
/// it printed.
fn run(shell: &str, line: &ShellLine, world: &World, errexit: bool) -> Vec<u8> {
    let folder = tempfile::tempdir().expect("a folder");
    std::fs::write(folder.path().join("a"), "").expect("a file");
    let values = line.resolve(world).expect("values");
    let mut command = Command::new(shell);
    if errexit {
        command.arg("-e");
    }
    let output = command
        .arg("-c")
        .arg(line.script())
        .env_clear()
        .env("PATH", std::env::var_os("PATH").unwrap_or_default())
        .env("HOME", "/")
        .envs(
            values
                .iter()
                .map(|(name, text)| (name, text.as_plain().expect("no secrets"))),
        )
        .current_dir(folder.path())
        .stdin(Stdio::null())
        .output()
        .expect("a shell");
    let left: Vec<_> = std::fs::read_dir(folder.path())
        .expect("the folder")
        .map(|entry| entry.expect("an entry").file_name())
        .filter(|name| name.to_string_lossy().contains("pwned"))
        .collect();
    assert!(
        left.is_empty(),
        "{shell} executed a value of {:?}",
        line.script()
    );
    if errexit {
        let errors = String::from_utf8_lossy(&output.stderr);
        assert!(
            output.status.success(),
            "{shell}: {errors}\n{}",
            line.script()
        );
    }
    output.stdout
}

fn value() -> impl Strategy<Value = String> {
    let hostile = prop::sample::select(HOSTILE).prop_map(String::from);
    let arbitrary = "[^\0]{0,12}".prop_map(String::from);
    let mixed =
        prop::collection::vec(prop::sample::select(HOSTILE), 2..4).prop_map(|parts| parts.concat());
    prop_oneof![2 => hostile, 1 => arbitrary, 1 => mixed]
}

proptest! {
    /// Every argument arrives as its pieces say, byte for byte.
    #[test]
    fn arguments_arrive_as_they_are(
        preambles in prop::collection::vec(prop::sample::select(PREAMBLES), 0..3),
        values in prop::collection::vec(value(), 4),
        words in prop::collection::vec(prop::collection::vec(piece(4), 1..4), 1..5),
    ) {
        let mut text = preambles.concat();
        text.push_str("printf '%s\\0'");
        let mut expected = Vec::new();
        for word in &words {
            text.push(' ');
            let mut argument = String::new();
            for piece in word {
                match piece {
                    Piece::Bare(index) => {
                        write!(text, "${{{{ inputs.v{index} }}}}").unwrap();
                        argument.push_str(&values[*index]);
                    }
                    Piece::Quoted { before, value, after } => {
                        write!(text, "\"{before}${{{{ inputs.v{value} }}}}{after}\"").unwrap();
                        let read = |edge: &str| edge.replace("\\\\", "\\");
                        argument.push_str(&read(before));
                        argument.push_str(&values[*value]);
                        argument.push_str(&read(after));
                    }
                    Piece::Text { written, read } => {
                        text.push_str(written);
                        argument.push_str(read);
                    }
                }
            }
            expected.extend_from_slice(argument.as_bytes());
            expected.push(0);
        }
        let inputs: BTreeMap<_, _> = values
            .iter()
            .enumerate()
            .map(|(index, value)| (format!("v{index}"), serde_json::Value::from(value.as_str())))
            .collect();
        let world = World { inputs, ..World::default() };
        let line = ShellLine::parse(&text).map_err(|faults| TestCaseError::fail(format!("{text}: {faults:?}")))?;
        for shell in ["/bin/sh", "bash"] {
            let printed = run(shell, &line, &world, true);
            prop_assert_eq!(
                String::from_utf8_lossy(&printed),
                String::from_utf8_lossy(&expected),
                "{} {}", shell, line.script()
            );
        }
    }
}

/// What a random script is made of. `p` prints its arguments.
const TOKENS: &[&str] = &[
    "p ",
    "p ",
    "p ",
    "x=",
    ": ",
    "cat ",
    "\n",
    "\n",
    " ",
    " ",
    ";",
    "&&",
    "|",
    "'",
    "'",
    "\"",
    "\"",
    "`",
    "$(",
    ")",
    "(",
    "${",
    "${x:-",
    "${x#",
    "}",
    "$((",
    "))",
    "((",
    "$[",
    "]",
    "[ ",
    "[[ ",
    " ]]",
    "<<E",
    "<<-E",
    "<<'E'",
    "\nE\n",
    "\n\tE\n",
    "E",
    "#",
    " #",
    "\\",
    "\\\n",
    "$'",
    "$\"",
    "$",
    "<<<",
    "<",
    "a",
    "b ",
    "=",
    "*",
    "case a in a) ",
    ";; esac ",
    "1",
    "-eq",
    "x[",
    "!",
    "{ ",
    " }",
    "$${{",
    "eval",
    "\t",
    "if ",
    "then ",
    "fi ",
];

const EXPRESSIONS: &[&str] = &[
    "${{ inputs.v }}",
    "${{ inputs.v }}",
    "${{ inputs.v }}",
    "\"${{ inputs.v }}\"",
    "\"${{ inputs.v }}\"",
    " ${{ inputs.v }} ",
    // Places that look like others: all of these are to be refused.
    "\"$(case a in a) p ${{ inputs.v }} ;; esac)\"",
    "\"$(case a in a) p ;; esac; p ${{ inputs.v }})\"",
    "\"$(p # )\n p ${{ inputs.v }})\"",
    "cat <<E\n$(p \"\nE\n p ${{ inputs.v }}\n\")\nE\n",
    "cat <<E\n`\nE\n p ${{ inputs.v }}\n`\nE\n",
    "\"${x#'\"'}${{ inputs.v }}\"",
    "\"${x:-'\"'}${{ inputs.v }}\"",
    "\"${x:-\"a\" ${{ inputs.v }}}\"",
    "$'\\'' ${{ inputs.v }} '",
    "\"$( (p a) p ${{ inputs.v }})\"",
    "\"$((p a); p ${{ inputs.v }})\"",
];

/// Well-formed words and lines, of all that has quoting rules of its own.
const FRAGMENTS: &[&str] = &[
    "p ",
    "p ",
    "p ",
    "p a ",
    "\n",
    "\n",
    "\n",
    " ; ",
    " && ",
    " | ",
    "'a b'",
    "\"a b\"",
    "\"a $(p \"b c\") d\"",
    "$(p 'x)')",
    "`p 'y'`",
    "${x:-z}",
    "\"${x:-z}\"",
    "${x:-'}'}",
    "${x:-\"}\"}",
    "\"${x:-\"}\"}\"",
    "\"${x:-'}\"",
    "${x#'a'}",
    "$((1+(2)))",
    "\"$((1<<2))\"",
    "$[1+1]",
    "\\'",
    "\\\"",
    "\\\\",
    "\\\n",
    " # it's\n",
    "a#b",
    "cat <<E\nit's \"\nE\n",
    "cat <<'E'\n$(\nE\n",
    "cat <<-E\n\t`p`\n\tE\n",
    "cat <<E\n$(p 'x')\nE\n",
    "$(cat <<E\nit's\nE\n)",
    "$'it\\'s'",
    "$'a\\n'",
    "$\"b\"",
    "case a in a) p x ;; (b) p y ;; esac\n",
    "$(case a in a) p x ;; esac)",
    "\"$(case a in (a) p x ;; esac)\"",
    "if p; then p; fi\n",
    "(p b)\n",
    "{ p c; }\n",
    "x=1 ",
    "x='a b' ",
    "[ a = a ] ",
    "<<<'a b' ",
    ">/dev/null ",
    "<(p x) ",
    "$(# it's\n p)",
    "\"`p \\\"x\\\"`\"",
    "$(( (1) + 2 ))",
    "((1)) ",
    "((p a) ; p b) ",
    "$((p a) ; p b)",
    "$x",
    "$$",
    "\t",
];

/// A script of fragments and expressions, perhaps with one token too many.
fn soup() -> impl Strategy<Value = String> {
    let fragment = prop_oneof![
        4 => prop::sample::select(FRAGMENTS),
        3 => prop::sample::select(EXPRESSIONS),
    ];
    let stray = prop::option::weighted(0.5, (0..10_usize, prop::sample::select(TOKENS)));
    (prop::collection::vec(fragment, 1..10), stray).prop_map(|(mut fragments, stray)| {
        if let Some((at, token)) = stray {
            fragments.insert(at.min(fragments.len()), token);
        }
        format!("p {}\np ${{{{ inputs.v }}}}\n", fragments.concat())
    })
}

/// Whether the text could define a function, which may call itself for ever,
/// or hands a value to `eval`, which is warned of instead.
fn skipped(text: &str) -> bool {
    let dense: String = text
        .chars()
        .filter(|c| !c.is_whitespace() && *c != '\\')
        .collect();
    dense.contains("()") || dense.contains("eval")
}

proptest! {
    /// Whatever script is accepted, in either shell: the value is never
    /// executed, and wherever it is printed it is whole.
    #[test]
    fn no_accepted_script_executes_or_splits_a_value(text in soup()) {
        let text = format!("p() {{ printf '%s\\0' \"$@\"; }}\n{text}");
        let value = "Mark  * $(touch pwned) `touch pwned` a[$(touch pwned)] ';touch pwned;' \" \\ \n#}] W";
        let Ok(line) = ShellLine::parse(&text) else { return Ok(()) };
        prop_assume!(!skipped(text.split_once('\n').map_or("", |(_, rest)| rest)));
        let world = World::with("v", value.into());
        for shell in ["/bin/sh", "bash"] {
            let printed = run(shell, &line, &world, false);
            let printed = String::from_utf8_lossy(&printed).into_owned();
            prop_assert_eq!(
                printed.matches("Mark").count(),
                printed.matches(value).count(),
                "{} split a value of {:?}: {:?}", shell, line.script(), printed
            );
        }
    }
}

/// Substitution at a place that the random scripts seldom reach.
#[test]
fn places_where_bash_evaluates_text() {
    let world = World::with("v", "a[$(touch pwned)]".into());
    for text in [
        "[ ${{ inputs.v }} -eq 1 ]",
        "test ${{ inputs.v }} -gt 1",
        "printf %d ${{ inputs.v }}",
        "exit ${{ inputs.v }}",
        "shift ${{ inputs.v }}",
        "x=${{ inputs.v }}; : $x",
        "export X=${{ inputs.v }}",
        "for i in ${{ inputs.v }}; do :; done",
        "case ${{ inputs.v }} in ${{ inputs.v }}) : ;; esac",
        "cat <<< ${{ inputs.v }}",
        ": ${{ inputs.v }} < ${{ inputs.v }}",
        "a=(1 ${{ inputs.v }})",
        "export ${{ inputs.v }}=1",
        "kill ${{ inputs.v }}",
        "umask ${{ inputs.v }}",
        "ulimit -n ${{ inputs.v }}",
        "set -- ${{ inputs.v }}; : \"$1\"",
        "hash ${{ inputs.v }}; type ${{ inputs.v }}; command -v ${{ inputs.v }}",
    ] {
        let line = ShellLine::parse(text).expect(text);
        for shell in ["/bin/sh", "bash"] {
            run(shell, &line, &world, false);
        }
    }
}
