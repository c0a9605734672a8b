//! The page about decisions: its commands, in its order, with its plan; and the
//! lines that it shows are printed.

#[expect(dead_code, reason = "this file needs a part of it")]
mod support;

#[expect(dead_code, reason = "this file reads the page itself")]
#[path = "support/page.rs"]
mod page;

use support::Bench;

const PAGE: &str = include_str!("../../../../docs/howto/approve-and-override.md");

/// The text of the first block of a language.
fn block(language: &str) -> &str {
    let fence = format!("```{language}\n");
    let (_, after) = PAGE.split_once(&fence).expect("the page has such a block");
    after.split_once("```").expect("a block ends").0
}

/// Commands, each with the lines that the page shows under it.
fn scenes() -> Vec<(&'static str, Vec<&'static str>)> {
    let mut scenes: Vec<(&str, Vec<&str>)> = Vec::new();
    let mut within = false;
    for line in PAGE.lines() {
        if line.starts_with("```") {
            within = line == "```console";
        } else if let Some(command) = line.strip_prefix("$ ").filter(|_| within) {
            scenes.push((command, Vec::new()));
        } else if let Some((_, shown)) = scenes.last_mut().filter(|_| within) {
            shown.push(line);
        }
    }
    scenes
}

#[test]
fn every_command_does_what_the_page_shows() {
    let bench = Bench::new();
    bench.write("plan.yaml", block("yaml"));
    let scenes = scenes();
    assert!(scenes.len() > 15, "{scenes:?}");
    for (command, shown) in scenes {
        let ran = page::shell(&bench, command).exits(0);
        let printed = format!("{}{}", ran.out, ran.err);
        for line in shown {
            // What stands after `…` differs from run to run.
            let told = line.split('…').next().unwrap_or_default().trim();
            assert!(
                printed.contains(told),
                "{command}\n{told}\nis not in\n{printed}"
            );
        }
    }
}
