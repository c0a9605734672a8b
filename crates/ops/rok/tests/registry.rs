//! The registry by the terminal: the page's commands, exit codes, JSON, a
//! server as a root.

#[expect(dead_code, reason = "this file needs a part of it")]
mod support;

#[expect(dead_code, reason = "this file needs a part of it")]
#[path = "support/page.rs"]
mod page;

use rstest::rstest;
use serde_json::Value;
use std::io::{BufRead as _, BufReader};
use std::process::{Child, Stdio};
use support::Bench;

const PAGE: &str = include_str!("../../../../docs/registry.md");

/// An active tool with more lines.
fn tool(name: &str, version: &str, more: &str) -> String {
    format!(
        "name: {name}\nversion: {version}\ntype: tool\nstatus: active\nentrypoint: {{ run: x }}\n{more}\n"
    )
}

fn bench(components: &[(&str, &str, &str)]) -> Bench {
    let bench = Bench::new();
    std::fs::create_dir_all(bench.path().join(".rok/components")).expect("a folder");
    for (name, version, more) in components {
        let file = format!(".rok/components/{name}@{version}.component.yaml");
        bench.write(&file, &tool(name, version, more));
    }
    bench
}

#[test]
fn the_commands_of_the_page() {
    let bench = Bench::new();
    let blocks = PAGE.split("```yaml\n").skip(1);
    for (block, name) in blocks.zip(["schema", "check"]) {
        let text = block.split("```").next().expect("a block ends");
        bench.write(&format!("{name}.component.yaml"), text);
    }
    page::play(&bench, PAGE);
}

#[rstest]
#[case::unknown(&["inspect", "fmd"], 3, "ROK0230")]
#[case::no_name(&["inspect", "F"], 2, "ROK0005")]
#[case::no_filter(&["list", "--filter", "typ=tool"], 2, "did you mean `type`?")]
#[case::no_tag(&["list", "--tags", "A"], 2, "unknown tag `A`")]
#[case::ambiguous(&["remove", "f*"], 2, "ROK0230")]
#[case::required(&["remove", "fmt"], 1, "ROK0234")]
#[case::no_file(&["add", "none.yaml"], 2, "ROK0231")]
#[case::faulty(&["add", "bad.yaml"], 3, "unknown key in a manifest `nam`")]
#[case::faulty_file(&["validate", "bad.yaml"], 3, "bad.yaml:1:1")]
#[case::root(&["list", "--set", "registry_roots=away"], 3, "ROK0236")]
#[case::no_address(&["list", "--set", "registry_roots=http://x/y"], 2, "no address of a server")]
#[case::server(&["list", "--set", "registry_roots=http://127.0.0.1:1"], 3, "ROK0236")]
#[case::no_component(&["reset", "zebra"], 3, "ROK0230")]
fn what_is_refused(#[case] args: &[&str], #[case] code: i32, #[case] told: &str) {
    let bench = bench(&[
        ("fmt", "1.0.0", ""),
        ("files", "1.0.0", "requires: { fmt: ^1 }"),
    ]);
    bench.write("bad.yaml", "nam: a\n");
    let args = ["registry"].iter().chain(args);
    let ran = bench.rok(args).exits(code);
    assert!(ran.err.contains(told), "{}", ran.err);
    assert!(ran.out.is_empty(), "{}", ran.out);
}

#[test]
fn json_says_the_same_and_refusals_are_json() {
    let bench = bench(&[("fmt", "1.0.0", "tags: [ci]"), ("fmt", "1.1.0", "")]);
    let list = bench.rok(["registry", "list", "--json"]).exits(0).json();
    let ids = list.as_array().expect("a list").iter();
    let ids: Vec<_> = ids
        .map(|view| format!("{}@{}", view["name"], view["version"]))
        .collect();
    assert_eq!(ids, [r#""fmt"@"1.0.0""#, r#""fmt"@"1.1.0""#]);
    let one = bench
        .rok(["registry", "inspect", "fmt", "--json"])
        .exits(0)
        .json();
    assert_eq!(one["version"], "1.1.0");
    assert_eq!(one["step"]["run"], "x");
    assert_eq!(one["breaker"]["state"], "closed");
    bench.write(".rok/components/bad.component.yaml", "name: bad\n");
    let refused = bench.rok(["registry", "list", "--json"]).exits(3);
    let errors: Value = serde_json::from_str(&refused.err).expect("JSON");
    assert_eq!(errors["exit_code"], 3);
    assert_eq!(errors["errors"][0]["code"], "ROK0231");
    let report = bench
        .rok(["registry", "validate", "--json"])
        .exits(3)
        .json();
    assert_eq!(report["components"], 2);
    assert_eq!(
        report["troubles"][0]["place"],
        ".rok/components/bad.component.yaml:1:1"
    );
}

#[test]
fn nothing_is_there_before_the_first_component() {
    let bench = Bench::new();
    let ran = bench.rok(["registry", "list"]).exits(0);
    assert_eq!(
        (ran.out.as_str(), ran.err.as_str()),
        ("", "no components\n")
    );
    bench.rok(["registry", "validate"]).exits(0);
    assert!(!bench.path().join(".rok").exists());
    let schema = bench.rok(["registry", "schema"]).exits(0).json();
    assert_eq!(schema["title"], "rok component");
}

/// A folder that was named and is not there yet is no empty one, and the first
/// component makes it.
#[test]
fn the_first_component_makes_the_folder_that_was_named() {
    let bench = Bench::new();
    bench.write("rok.toml", "registry_roots = [\"parts\"]\n");
    bench.write("plan.yaml", "plan: p\nsteps: { a: { run: 'true' } }\n");
    bench.write("x.yaml", &tool("x", "1.0.0", ""));
    // What needs no registry does not look at it.
    bench.rok(["run", "plan.yaml"]).exits(0);
    let absent = bench.rok(["registry", "list"]).exits(3);
    assert!(absent.err.contains("ROK0236"), "{}", absent.err);
    bench.rok(["registry", "add", "x.yaml"]).exits(0);
    assert!(bench.path().join("parts/x.component.yaml").is_file());
    bench.rok(["registry", "validate"]).exits(0);
    // Another one that is absent may hold what would break.
    let two = [
        "registry",
        "add",
        "x.yaml",
        "--set",
        "registry_roots=parts,gone",
    ];
    assert!(bench.rok(two).exits(3).err.contains("gone"));
}

/// Runs in a database have their components' breakers there.
#[test]
fn breakers_are_kept_with_the_runs() {
    let bench = bench(&[("x", "1.0.0", "")]);
    let list = ["registry", "list", "--store", "sqlite:runs.db"];
    assert!(bench.rok(list).exits(2).err.contains("ROK0117"));
    bench
        .rok([
            "token",
            "create",
            "--role",
            "viewer",
            "--user",
            "t",
            "--store",
            "sqlite:runs.db",
        ])
        .exits(0);
    bench.rok(list).exits(0);
    bench
        .rok(["registry", "reset", "x", "--store", "sqlite:runs.db"])
        .exits(0);
}

/// A server that runs until it is dropped.
struct Served {
    child: Child,
    address: String,
}

impl Served {
    fn over(bench: &Bench) -> Self {
        let args = ["serve", "--insecure-no-auth", "--listen", "127.0.0.1:0"];
        let mut command = bench.command(args);
        command.stdout(Stdio::piped()).stderr(Stdio::null());
        let mut child = command.spawn().expect("rok starts");
        let out = child.stdout.as_mut().expect("a pipe");
        let mut line = String::new();
        BufReader::new(out).read_line(&mut line).expect("a line");
        let address = line.trim().strip_prefix("rok serves on ");
        let address = address.expect("it says where it serves").to_owned();
        Self { child, address }
    }
}

impl Drop for Served {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

#[test]
fn the_components_of_a_server_are_held_to_the_lock() {
    let theirs = bench(&[
        ("shared", "1.0.0", "description: Shared."),
        ("shared", "1.1.0", ""),
    ]);
    theirs.write(
        ".rok/components/t.component.toml",
        "name = \"toml\"\nversion = \"1.0.0\"\ntype = \"test\"\nstatus = \"active\"\n[entrypoint]\nrun = \"x\"\n",
    );
    let served = Served::over(&theirs);
    let mine = bench(&[("mine", "1.0.0", "requires: { shared: ~1.0 }")]);
    let roots = format!(".rok/components,{}", served.address);
    let rok = |args: &[&str]| {
        let mut command = mine.command([&["registry"], args].concat());
        command.env("ROK_REGISTRY_ROOTS", &roots);
        support::Ran::from(command.output().expect("rok starts"))
    };
    let list = rok(&["list", "--json"]).exits(0).json();
    assert_eq!(list.as_array().map(Vec::len), Some(4));
    let shared = rok(&["inspect", "shared@1.0.0", "--json"]).exits(0).json();
    assert_eq!(shared["source"], served.address.as_str());
    assert_eq!(shared["description"], "Shared.");
    // What is not locked may not run.
    let report = rok(&["validate"]).exits(3);
    assert!(
        report.out.contains("shared@1.0.0 is not locked"),
        "{}",
        report.out
    );
    rok(&["lock"]).exits(0);
    rok(&["validate"]).exits(0);

    // The server's component changes under its name and version.
    theirs.write(
        ".rok/components/shared@1.0.0.component.yaml",
        &tool("shared", "1.0.0", "description: Other."),
    );
    let report = rok(&["validate"]).exits(3);
    assert!(
        report.out.contains("shared@1.0.0 has changed"),
        "{}",
        report.out
    );

    // A server whose registry is broken gives nothing, and tells no path.
    theirs.write(".rok/components/bad.component.yaml", "nam: a\n");
    let refused = rok(&["list"]).exits(3);
    assert!(
        refused.err.contains("its own log says why"),
        "{}",
        refused.err
    );
    assert!(
        !refused.err.contains(&*theirs.path().to_string_lossy()),
        "{}",
        refused.err
    );
    drop(served);
    assert!(rok(&["list"]).exits(3).err.contains("ROK0236"));
}
