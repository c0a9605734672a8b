//! `cargo xtask docs`: the documents that a program writes. `--check` compares
//! instead of writing, and fails on a difference.

use std::fmt::Write as _;
use std::fs;
use std::path::Path;

use crate::check_layers::{Policy, PolicyError};
use crate::ci::Outcome;
use crate::shell::tell;

/// Whether to write or to compare.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// Compare only
    #[arg(long)]
    check: bool,
}

/// A generated file.
struct Generated {
    file: &'static str,
    text: String,
}

/// Writes or compares; whether all is well.
pub(crate) fn run(root: &Path, args: &Args) -> bool {
    if args.check {
        let outcome = check(root);
        if let Outcome::Failed(cause) = &outcome {
            tell(&format!("{cause}; mend it with: cargo xtask docs"));
        }
        return outcome == Outcome::Ok;
    }
    let written = generate(root).and_then(|files| {
        for file in files {
            fs::write(root.join(file.file), file.text)
                .map_err(|e| format!("{}: {e}", file.file))?;
            tell(&format!("wrote {}", file.file));
        }
        Ok(())
    });
    if let Err(cause) = &written {
        tell(&format!("error: {cause}"));
    }
    written.is_ok()
}

/// Compares only.
pub(crate) fn check(root: &Path) -> Outcome {
    let files = match generate(root) {
        Ok(files) => files,
        Err(cause) => return Outcome::Failed(cause),
    };
    let stale: Vec<&str> = files
        .iter()
        .filter(|f| fs::read_to_string(root.join(f.file)).ok().as_ref() != Some(&f.text))
        .map(|f| f.file)
        .collect();
    if stale.is_empty() {
        Outcome::Ok
    } else {
        Outcome::Failed(format!("out of date: {}", stale.join(", ")))
    }
}

fn generate(root: &Path) -> Result<Vec<Generated>, String> {
    let text =
        fs::read_to_string(root.join("layers.toml")).map_err(|e| format!("layers.toml: {e}"))?;
    let policy = Policy::parse(&text).map_err(|e: PolicyError| e.to_string())?;
    Ok(vec![
        Generated {
            file: "docs/layers.md",
            text: layers(&policy),
        },
        Generated {
            file: "docs/phases.md",
            text: phases(),
        },
    ])
}

/// The transition table as a page, with its diagram.
fn phases() -> String {
    let mut text = String::from(
        "# The phases of a run\n\n\
         <!-- Written by `cargo xtask docs` from the const table in `rok-phases`; edit that. -->\n\n\
         No other transition exists. `GOVERNANCE_CHECK` cannot be skipped, the critical exit aside.\n\n```mermaid\n",
    );
    text.push_str(&rok_phases::mermaid());
    text.push_str("```\n\n| from | on | to |\n| --- | --- | --- |\n");
    for row in rok_phases::VALID_TRANSITIONS {
        let _ = writeln!(text, "| {} | `{}` | {} |", row.from, row.input, row.to);
    }
    text
}

/// The floors and contracts as a page.
fn layers(policy: &Policy) -> String {
    let mut text = String::from(
        "# The layers and their contracts\n\n\
         <!-- Written by `cargo xtask docs` from layers.toml; edit that. -->\n\n\
         `cargo xtask check-layers` holds every import against these.\n\n\
         ## Floors\n\n| floor | name | folders | roles |\n| --- | --- | --- | --- |\n",
    );
    for floor in &policy.layers {
        let folders: Vec<String> = floor.folders.iter().map(|f| format!("`{f}`")).collect();
        let _ = writeln!(
            text,
            "| {} | {} | {} | {} |",
            floor.id,
            floor.name,
            folders.join(" "),
            floor.roles.join(", ")
        );
    }
    text.push_str("\n## Contracts\n");
    for contract in &policy.contracts {
        let _ = write!(
            text,
            "\n### {}: {}\n\n- **Rule:** {}\n- **Why:** {}\n- **Instead:** {}\n",
            contract.id,
            contract.title,
            contract.in_words().replace('|', " or "),
            contract.why.trim(),
            contract.instead.trim()
        );
    }
    text.push_str("\n## Exceptions\n\n");
    if policy.exceptions.is_empty() {
        text.push_str("None.\n");
    }
    for e in &policy.exceptions {
        let to =
            e.to.as_deref()
                .map(|to| format!(" → {to}"))
                .unwrap_or_default();
        let _ = writeln!(
            text,
            "- {}: {}{to} until {} ({}): {}",
            e.contract, e.from, e.expires, e.owner, e.reason
        );
    }
    text
}
