//! Values from inputs and outputs are data: no shell code, no other words, no
//! expressions, no escape sequences.

use crate::running::Scene;
use serde_json::{Map, Value, json};
use std::fs;

const HOSTILE: &[&str] = &[
    "'; touch pwned; '",
    "\"; touch pwned; \"",
    "'\"'\"; touch pwned; \"'\"'",
    "$(touch pwned)",
    "`touch pwned`",
    "${x:-$(touch pwned)}",
    "$((1+1))",
    "a\ntouch pwned\nb",
    "a\r\nb",
    "; touch pwned",
    "&& touch pwned",
    "| touch pwned",
    "& touch pwned &",
    "> pwned",
    "\\",
    "\\\\",
    "\\n",
    "\\'",
    "*",
    "? [a-z]* ~",
    "~",
    "{a,b}",
    "  two   words\tand more ",
    "",
    " ",
    "-n",
    "--help",
    "#x",
    "!x",
    "%s%n%d",
    "$HOME $PATH ${HOME}",
    "$${{ inputs.v0 }}",
    "${{ inputs.v0 }}",
    "${{ secrets.TOKEN }}",
    "${ROK_E0}",
    "äöü € 𝄞 \u{202e}",
    "\u{1b}[31mred\u{7}",
];

fn log(scene: &Scene, step: &str) -> String {
    fs::read_to_string(scene.bench.runs().join(format!("r/logs/{step}.0.log"))).expect("a log")
}

/// Every hostile value in every place where a value may stand.
#[test]
fn values_stay_values() {
    let mut inputs = Map::new();
    let mut steps = Map::new();
    let mut given = Map::new();
    let mut expected = Vec::new();
    for (n, value) in HOSTILE.iter().enumerate() {
        let name = format!("v{n}");
        let hole = format!("${{{{ inputs.{name} }}}}");
        let line = format!("./args {hole} \"{hole}\" x{hole}y \"a{hole}$E\"z \"$E\"; echo end");
        let env = json!({ "E": hole });
        for shell in ["sh", "bash"] {
            let step = json!({ "run": line, "shell": shell, "env": env });
            steps.insert(format!("{shell}{n}"), step);
        }
        let argv = json!(["./args", hole, format!("x{hole}y")]);
        steps.insert(format!("argv{n}"), json!({ "run": argv }));
        let words = [
            (*value).to_owned(),
            (*value).to_owned(),
            format!("x{value}y"),
            format!("a{value}{value}z"),
            (*value).to_owned(),
        ];
        let words = words.map(|word| format!("<{word}>\n"));
        expected.push((
            words.concat() + "end\n",
            format!("<{value}>\n<x{value}y>\n"),
        ));
        inputs.insert(name.clone(), json!({ "type": "string" }));
        given.insert(name, Value::from(*value));
    }
    let scene = Scene::new("");
    let plan = json!({ "plan": "p", "inputs": inputs, "steps": steps });
    scene.bench.write("plan.json", &plan.to_string());
    scene
        .bench
        .write("inputs.json", &Value::from(given).to_string());
    let args = scene
        .bench
        .write("args", "#!/bin/sh\nprintf '<%s>\\n' \"$@\"\n");
    fs::set_permissions(args, std::os::unix::fs::PermissionsExt::from_mode(0o700)).expect("ours");
    let mut names = names(&scene);
    let ran = scene
        .bench
        .rok([
            "run",
            "plan.json",
            "--inputs",
            "inputs.json",
            "--run-id",
            "r",
            "--durability",
            "flush",
        ])
        .exits(0);
    for (n, (shell, argv)) in expected.iter().enumerate() {
        assert_eq!(
            &log(&scene, &format!("sh{n}")),
            shell,
            "sh, {:?}",
            HOSTILE[n]
        );
        assert_eq!(
            &log(&scene, &format!("bash{n}")),
            shell,
            "bash, {:?}",
            HOSTILE[n]
        );
        assert_eq!(
            &log(&scene, &format!("argv{n}")),
            argv,
            "argv, {:?}",
            HOSTILE[n]
        );
    }
    // Nothing came into being but the run and the private folder.
    names.push("runs".into());
    let new: Vec<String> = self::names(&scene)
        .into_iter()
        .filter(|name| !names.contains(name) && !name.starts_with("rok-"))
        .collect();
    assert_eq!(new, Vec::<String>::new());
    for text in [
        &ran.out,
        &ran.err,
        &scene.bench.rok(["summary", "r"]).exits(0).out,
    ] {
        assert!(!text.contains(['\u{1b}', '\u{7}', '\u{202e}']), "{text:?}");
    }
}

fn names(scene: &Scene) -> Vec<String> {
    let entries = fs::read_dir(scene.bench.path()).expect("ours").flatten();
    entries
        .map(|entry| entry.file_name().to_string_lossy().into_owned())
        .collect()
}

/// `--input NAME=VALUE` takes the value as it is.
#[test]
fn inputs_of_the_command_line_stay_values() {
    for value in HOSTILE {
        let scene = Scene::new(
            "plan: p\ninputs: { v: { type: string } }\nsteps: { a: { run: 'printf %s ${{ inputs.v }}' } }\n",
        );
        let input = format!("v={value}");
        let args = [
            "run",
            "plan.yaml",
            "--run-id",
            "r",
            "--durability",
            "flush",
            "--input",
            &input,
        ];
        scene.bench.rok(args).exits(0);
        assert_eq!(log(&scene, "a"), *value);
    }
}

/// What a step hands on is as hostile as what comes from outside.
#[test]
fn outputs_stay_values() {
    let scene = Scene::new("");
    let steps = json!({
        "a": { "run": ["cp", "values.json", "${{ run.id == 'r' ? 'out' : 'no' }}"] },
        "b": { "needs": ["a"], "run": "cat out >\"$ROK_OUTPUT\"" },
        "c": { "needs": ["b"], "run": "printf '<%s>\\n' ${{ steps.b.outputs.v }} \"${{ steps.b.outputs.v }}\"" },
        "d": { "needs": ["b"], "run": ["printf", "<%s>\\n", "${{ steps.b.outputs.v }}"], "if": "steps.b.outputs.v.contains('touch')" }
    });
    scene.bench.write(
        "plan.yaml",
        &json!({ "plan": "p", "steps": steps }).to_string(),
    );
    let value = "'; touch pwned; \"$(touch pwned)\n`touch pwned` *";
    scene
        .bench
        .write("values.json", &json!({ "v": value }).to_string());
    scene.run().exits(0);
    assert_eq!(log(&scene, "c"), format!("<{value}>\n<{value}>\n"));
    assert_eq!(log(&scene, "d"), format!("<{value}>\n"));
    assert!(!scene.bench.path().join("pwned").exists());
}

/// What no environment can carry is refused, with the way out named.
#[test]
fn what_no_variable_can_hold_is_a_config_error() {
    for value in ["a\0b".to_owned(), "x".repeat(200 * 1024)] {
        let scene = Scene::new(
            "plan: p\ninputs: { v: { type: string } }\nsteps: { a: { run: 'echo ${{ inputs.v }}; touch pwned' }, b: { run: 'grep -c v \"$ROK_INPUTS\"' } }\n",
        );
        scene
            .bench
            .write("inputs.json", &json!({ "v": value }).to_string());
        scene
            .bench
            .rok([
                "run",
                "plan.yaml",
                "--inputs",
                "inputs.json",
                "--run-id",
                "r",
            ])
            .exits(1);
        let error = scene.step("a")["error"].clone();
        assert_eq!(error["class"], "config_error", "{error}");
        assert!(
            error["reason"]
                .as_str()
                .is_some_and(|why| why.contains("ROK_INPUTS")),
            "{error}"
        );
        assert!(!scene.bench.path().join("pwned").exists());
        assert_eq!(scene.step("b")["state"], "succeeded");
    }
}

/// Ids are never paths.
#[test]
fn ids_are_not_paths() {
    let scene = Scene::new("plan: p\nsteps: { a: { run: 'true' } }\n");
    for id in [
        "../r",
        "a/b",
        "/tmp/r",
        ".",
        "..",
        "",
        "a b",
        "a\nb",
        "$(touch pwned)",
        &"x".repeat(65),
    ] {
        scene
            .bench
            .rok(["run", "plan.yaml", "--run-id", id])
            .exits(2);
        let found = scene.bench.rok(["status", id]);
        assert!([2, 3].contains(&found.code), "{id:?}: {found:?}");
    }
    assert!(!scene.bench.runs().exists());
}
