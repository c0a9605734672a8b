//! Files and folders.

use crate::boxed::Boxed;
use rstest::rstest;

/// Each line of the script must fail, and change nothing.
#[rstest]
#[case::beside_the_plan("echo x > new")]
#[case::the_plan_itself("echo x >> plan.yaml")]
#[case::removed("rm plan.yaml")]
#[case::renamed("mv plan.yaml out/")]
#[case::above("echo x > ../new")]
#[case::cut("truncate -s 0 ../secret")]
#[case::mode("chmod 777 plan.yaml && echo x > plan.yaml")]
#[case::mode_above("chmod 600 ../secret")]
#[case::mode_of_the_record("chmod 000 ../runs/r/events.jsonl")]
#[case::owner("chown 1 plan.yaml")]
#[case::times_above("touch -d 2001-01-01 ../secret")]
#[case::times("touch -d 2001-01-01 plan.yaml")]
#[case::read_above("cat ../secret")]
#[case::listed_above("ls ..")]
#[case::home("ls \"$HOME\"")]
#[case::passwords("cat /etc/shadow")]
#[case::symbolic_link("ln -s ../../secret out/link && cat out/link")]
#[case::symbolic_link_written("ln -s ../../secret out/link && echo x > out/link")]
#[case::hard_link("ln ../secret out/link && cat out/link")]
#[case::moved_in("mv ../secret out/")]
#[case::device("mknod out/null c 1 3 && echo x > out/null")]
#[case::dots("cat out/../../secret")]
#[case::own_root("cat /proc/self/root$PWD/../secret")]
#[case::root_of_rok("cat /proc/$PPID/root$PWD/../secret")]
#[case::folder_of_rok("cat /proc/$PPID/cwd/../secret")]
#[case::files_of_rok("readlink /proc/$PPID/fd/0")]
#[case::environment_of_rok("cat /proc/$PPID/environ")]
#[case::memory_of_rok("dd if=/proc/$PPID/mem bs=1 count=1")]
#[case::settings_of_the_kernel("echo 1 > /proc/sys/kernel/hostname")]
#[case::own_score("echo -1000 > /proc/self/oom_score_adj")]
#[case::record("ls ../runs/r")]
#[case::record_written("echo '{}' >> ../runs/r/events.jsonl")]
#[case::other_attempts("ls \"$TMPDIR/../../..\"")]
#[case::refusal_forged("echo '{}' > \"$TMPDIR/../../refusal\"")]
#[case::terminal("echo x > /dev/tty")]
#[case::disk("dd if=/dev/vda of=out/x count=1")]
fn what_is_not_named_is_out_of_reach(#[case] line: &str) {
    let script = format!("if {line}; then echo reached; else echo kept out; fi");
    let boxed = Boxed::new("{ write: [out] }", &script);
    let plan = std::fs::read(boxed.path("work/plan.yaml")).unwrap();
    let Some(ran) = boxed.run() else { return };
    ran.exits(0);
    let log = boxed.log();
    assert!(log.ends_with("kept out\n"), "{log}");
    assert!(!log.contains("treasure"), "{log}");
    let read = |name: &str| std::fs::read(boxed.path(name)).unwrap();
    assert_eq!(read("secret"), b"treasure\n");
    assert_eq!(read("work/plan.yaml"), plan);
    assert!(!boxed.path("new").exists() && !boxed.path("work/new").exists());
    boxed.ran(&["verify", "r", "--sealed"]).exits(0);
}

#[test]
fn what_is_named_is_within_reach() {
    let boxed = Boxed::new(
        "{ read: [SECRET], write: [out] }",
        r#"cat ../secret
head -n 1 plan.yaml
echo one > out/a; mkdir out/d; mv out/a out/d/b; cat out/d/b; touch out/d/b
echo scratch > "$TMPDIR/x"; cat "$TMPDIR/x"
echo kept > "$ROK_ARTIFACTS/kept"; cat "$ROK_ARTIFACTS/kept"
cat "$ROK_INPUTS"; echo; cat "$PIPE_INPUT_FILE"; echo
echo err > /dev/stderr; echo out > /dev/stdout; echo none > /dev/null
cat <<END
here
END
echo '{"n": 1}' > "$ROK_OUTPUT.new"; mv "$ROK_OUTPUT.new" "$ROK_OUTPUT"
echo '{"tokens": 3}' > "$ROK_USAGE"
python3 -c 'import os, tempfile; tempfile.TemporaryFile().write(b"x"); print(os.path.exists("/proc/self/maps"))'
"#,
    );
    let plan = boxed.path("work/plan.yaml");
    let secret = boxed.path("secret").canonicalize().unwrap();
    let text = std::fs::read_to_string(&plan).unwrap();
    let text = text.replace("SECRET", secret.to_str().unwrap());
    std::fs::write(&plan, text + "\nenv: { PIPE_INPUT: handed }\n").unwrap();
    let Some(ran) = boxed.run() else { return };
    ran.exits(0);
    // What was printed to the log by its other names cut it: as without a sandbox.
    let log = boxed.log();
    assert!(log.ends_with("here\nTrue\n"), "{log}");
    let ended = boxed.events("step.succeeded").pop().unwrap();
    assert_eq!(ended["data"]["outputs"]["n"], 1);
    assert_eq!(ended["data"]["usage"]["tokens"], 3);
    assert!(boxed.path("runs/r/artifacts/kept").exists());
    assert!(boxed.path("work/out/d/b").exists());
}

/// Nothing of an attempt stays, and attempts have nothing in common.
#[test]
fn a_scratch_folder_is_the_attempts_own() {
    let boxed = Boxed::plan(
        "max_parallel: 2
defaults: { sandbox: {} }
steps:
  a: { run: 'echo mine > $TMPDIR/x; echo $TMPDIR' }
  b: { after: [a], run: 'if ls $TMPDIR/../../../*; then exit 1; fi; ls $TMPDIR | wc -l' }
",
    );
    let Some(ran) = boxed.run() else { return };
    ran.exits(0);
    let first = boxed.log();
    assert!(
        first.starts_with(boxed.path("tmp").to_str().unwrap()),
        "{first}"
    );
    assert!(!std::path::Path::new(first.trim()).exists());
}

#[test]
fn what_the_sandbox_is_stands_in_the_record() {
    let boxed = Boxed::new("{ read: [out], max_cpu: 1m }", "true");
    let Some(ran) = boxed.run() else { return };
    ran.exits(0);
    let started = boxed.events("step.started").pop().unwrap();
    let told = &started["data"]["sandbox"];
    assert_eq!(
        told["permits"],
        "reads out; no network; 1m of processor time"
    );
    assert_eq!(told["sha256"].as_str().map(str::len), Some(64));
    assert_eq!(told.get("off"), None);
    // The same decisions come of the same record.
    boxed.ran(&["replay", "r"]).exits(0);
}
