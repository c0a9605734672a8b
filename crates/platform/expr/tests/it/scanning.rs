//! Shell lines: what is rewritten, what is refused, what is warned of.

use crate::world::World;
use rok_expr::ShellLine;
use rstest::rstest;
use serde_json::json;

#[rstest]
#[case("true", "true")]
#[case("echo ${{ inputs.a }}", "echo \"${ROK_E0}\"")]
#[case("echo \"a ${{ inputs.a }} b\"", "echo \"a ${ROK_E0} b\"")]
#[case(
    "echo a${{ inputs.a }}b\"${{ inputs.b }}\"",
    "echo a\"${ROK_E0}\"b\"${ROK_E1}\""
)]
#[case("${{ inputs.a }} x", "\"${ROK_E0}\" x")]
#[case("A=${{ inputs.a }} env", "A=\"${ROK_E0}\" env")]
#[case("echo 'it'\\''s' ${{ inputs.a }}", "echo 'it'\\''s' \"${ROK_E0}\"")]
#[case("echo \\' ${{ inputs.a }} \\'", "echo \\' \"${ROK_E0}\" \\'")]
#[case("echo \\\\${{ inputs.a }}", "echo \\\\\"${ROK_E0}\"")]
#[case("echo \"\\\" ${{ inputs.a }}\"", "echo \"\\\" ${ROK_E0}\"")]
#[case("echo $x${{ inputs.a }} $#", "echo $x\"${ROK_E0}\" $#")]
#[case("echo a#${{ inputs.a }}", "echo a#\"${ROK_E0}\"")]
#[case("echo ${{ inputs.a }}#b", "echo \"${ROK_E0}\"#b")]
#[case(
    "# a comment's quote\necho ${{ inputs.a }}",
    "# a comment's quote\necho \"${ROK_E0}\""
)]
#[case(
    "cat <<E\nit's\nE\necho ${{ inputs.a }}",
    "cat <<E\nit's\nE\necho \"${ROK_E0}\""
)]
#[case(
    "cat <<-'E' ${{ inputs.a }}\n\t\"\n\tE\necho ${{ inputs.a }}",
    "cat <<-'E' \"${ROK_E0}\"\n\t\"\n\tE\necho \"${ROK_E1}\""
)]
#[case(
    "cat <<A <<\"B\"\n'\nA\n\"\nB\necho ${{ inputs.a }}",
    "cat <<A <<\"B\"\n'\nA\n\"\nB\necho \"${ROK_E0}\""
)]
#[case("cat <<< ${{ inputs.a }}", "cat <<< \"${ROK_E0}\"")]
#[case(
    "echo $(date '+%s)') ${{ inputs.a }}",
    "echo $(date '+%s)') \"${ROK_E0}\""
)]
#[case(
    "echo \"$(echo \"a)\")\" ${{ inputs.a }}",
    "echo \"$(echo \"a)\")\" \"${ROK_E0}\""
)]
#[case(
    "echo $((1 << 2)) `date` ${x:-'}'} ${{ inputs.a }}",
    "echo $((1 << 2)) `date` ${x:-'}'} \"${ROK_E0}\""
)]
#[case("echo \"${x%.*} ${{ inputs.a }}\"", "echo \"${x%.*} ${ROK_E0}\"")]
#[case("echo $'a\\n' ${{ inputs.a }}", "echo $'a\\n' \"${ROK_E0}\"")]
#[case(
    "case ${{ inputs.a }} in a) echo;; esac",
    "case \"${ROK_E0}\" in a) echo;; esac"
)]
#[case(
    "(cd x; echo ${{ inputs.a }}) > ${{ inputs.b }}",
    "(cd x; echo \"${ROK_E0}\") > \"${ROK_E1}\""
)]
#[case(
    "[ ${{ inputs.a }} = b ] && a[1]=${{ inputs.a }}",
    "[ \"${ROK_E0}\" = b ] && a[1]=\"${ROK_E1}\""
)]
#[case(
    "echo '$${{ x }}' é ${{ inputs.a }}",
    "echo '${{ x }}' é \"${ROK_E0}\""
)]
#[case("echo ${{ 'a}}\\'\"' }}", "echo \"${ROK_E0}\"")]
#[case("a \\\n  ${{ inputs.a }}", "a \\\n  \"${ROK_E0}\"")]
#[case("unfinished 'quote", "unfinished 'quote")]
fn rewritten(#[case] text: &str, #[case] script: &str) {
    let line = ShellLine::parse(text).expect(text);
    assert_eq!(line.script(), script);
    assert_eq!(line.source(), text);
    assert_eq!(line.references().len(), text.matches("inputs.").count());
}

#[rstest]
#[case("echo '${{ inputs.a }}'", "an expression cannot stand in `'…'`")]
#[case("echo $'${{ inputs.a }}'", "an expression cannot stand in `'…'`")]
#[case("echo $(ls ${{ inputs.a }})", "an expression cannot stand in `$( )`")]
#[case(
    "echo \"$(ls \"${{ inputs.a }}\")\"",
    "an expression cannot stand in quotes within a substitution"
)]
#[case(
    "echo `ls ${{ inputs.a }}`",
    "an expression cannot stand in backquotes"
)]
#[case("echo ${x:-${{ inputs.a }}}", "an expression cannot stand in `${ }`")]
#[case(
    "echo $((1 + ${{ inputs.a }}))",
    "an expression cannot stand in shell arithmetic"
)]
#[case(
    "echo $[1 + ${{ inputs.a }}]",
    "an expression cannot stand in shell arithmetic"
)]
#[case(
    "((x = ${{ inputs.a }}))",
    "an expression cannot stand in shell arithmetic"
)]
#[case(
    "for ((i=0; i<${{ inputs.a }}; i++)); do :; done",
    "an expression cannot stand in shell arithmetic"
)]
#[case(
    "[[ ${{ inputs.a }} -eq 1 ]]",
    "bash evaluates numbers in `[[ ]]` as code"
)]
#[case(
    "if [[ \"${{ inputs.a }}\" == x ]]; then :; fi",
    "bash evaluates numbers in `[[ ]]` as code"
)]
#[case(
    "x[${{ inputs.a }}]=1",
    "bash evaluates what stands in an array's `[ ]` as code"
)]
#[case(
    "x[\"${{ inputs.a }}\"]=1",
    "bash evaluates what stands in an array's `[ ]` as code"
)]
#[case(
    "x[$(date)${{ inputs.a }}]=1",
    "bash evaluates what stands in an array's `[ ]` as code"
)]
#[case(
    "x=([${{ inputs.a }}]=1)",
    "bash evaluates what stands in an array's `[ ]` as code"
)]
#[case("echo # ${{ inputs.a }}", "an expression cannot stand in a comment")]
#[case(
    "cat <<E\n${{ inputs.a }}\nE",
    "an expression cannot stand in a here-document"
)]
#[case(
    "cat << ${{ inputs.a }}",
    "shells may read this line differently: a here-document has an unusual delimiter"
)]
#[case("echo \\${{ inputs.a }}", "a backslash before `${{` has no meaning")]
#[case(
    "echo \"\\${{ inputs.a }}\"",
    "a backslash before `${{` has no meaning"
)]
#[case("echo ${{ inputs.a }} 'open", "in this line, a quote is never closed")]
#[case(
    "echo ${{ inputs.a }} $(open",
    "in this line, a substitution is never closed"
)]
#[case("echo ${{ inputs.a", "this `${{` is never closed")]
#[case("echo ${{ a }}", "unknown name `a`")]
#[case(
    "echo $'\\'' ${{ inputs.a }} '",
    "shells may read this line differently: there is a `\\'` in `$'…'`"
)]
#[case(
    "echo \"$(case x in x) echo ${{ inputs.a }};; esac)\"",
    "shells may read this line differently: there is a `case` in `$( )`"
)]
#[case(
    "echo \"$(case x in x) echo;; esac) ${{ inputs.a }}\"",
    "shells may read this line differently: there is a `case` in `$( )`"
)]
#[case(
    "echo \"${x:-'}\" ${{ inputs.a }} '\"'",
    "shells may read this line differently: there is a quote in a `${ }` within quotes"
)]
#[case(
    "echo $\\\n(x) ${{ inputs.a }}",
    "shells may read this line differently: a backslash at a line's end cuts an operator in two"
)]
#[case(
    "cat <<E\na\\\nE\nE\n${{ inputs.a }}",
    "shells may read this line differently: the end of a here-document is not sure"
)]
fn refused(#[case] text: &str, #[case] message: &str) {
    let faults = ShellLine::parse(text).expect_err(text);
    assert!(
        faults.iter().any(|fault| fault.message == message),
        "{text}: {faults:?}"
    );
    assert!(
        faults
            .iter()
            .all(|fault| text.get(fault.range.clone()).is_some())
    );
}

#[rstest]
#[case("eval ${{ inputs.a }}", &["`eval` reads this value as code"])]
#[case("sh -c ${{ inputs.a }}", &["`sh` reads this value as code"])]
#[case("sudo /bin/bash -ec \"echo ${{ inputs.a }}\"", &["`bash` reads this value as code"])]
#[case("sh -c 'echo \"$1\"' sh ${{ inputs.a }}", &[])]
#[case("echo eval ${{ inputs.a }}", &[])]
#[case("true; X=1 eval a b ${{ inputs.a }} ${{ inputs.b }}", &["`eval` reads this value as code"; 2])]
#[case("ssh host ls ${{ inputs.a }}", &["`ssh` reads this value as code"])]
#[case("printf -v ${{ inputs.a }} x; printf x ${{ inputs.a }}", &["`printf` reads this value as code"])]
#[case("python3 -c ${{ inputs.a }} && python3 x.py ${{ inputs.a }}", &["`python3` reads this value as code"])]
fn warned_of(#[case] text: &str, #[case] expected: &[&str]) {
    let line = ShellLine::parse(text).expect(text);
    let found: Vec<&str> = line
        .warnings()
        .iter()
        .map(|fault| fault.message.as_str())
        .collect();
    assert_eq!(found, expected);
}

#[test]
fn what_no_environment_holds_is_an_error() {
    let line = ShellLine::parse("echo ${{ inputs.a }}").unwrap();
    let resolve = |value: String| line.resolve(&World::with("a", json!(value)));
    // "ROK_E0=", the value, NUL: 128 KiB in all.
    assert_eq!(resolve("x".repeat(128 * 1024 - 8)).unwrap().len(), 1);
    assert_eq!(
        resolve("x".repeat(128 * 1024 - 7)).unwrap_err().to_string(),
        "the value of `${{ inputs.a }}` is over 128 KiB, which no environment holds; read it from the file that ROK_INPUTS names"
    );
    assert_eq!(
        resolve("a\0b".into()).unwrap_err().to_string(),
        "the value of `${{ inputs.a }}` holds a NUL, which no environment can; read it from the file that ROK_INPUTS names"
    );
}
