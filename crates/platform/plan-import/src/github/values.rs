//! Single values of a workflow: texts, variables, shells, limits.

use alloc::format;
use alloc::string::{String, ToString};
use core::fmt::Write as _;
use rok_plan::{Node, Plain};

use super::reader::{Reader, quoted};
use super::{Defaults, Env, Shell};

/// Longer than any job may take on GitHub.
const MAX_MINUTES: i128 = 100_000;

impl Reader<'_> {
    /// A text that says the same here and there.
    pub(super) fn text(&mut self, node: &Node, what: &str) -> Option<String> {
        let text = self.scalar(node, what)?;
        if text.contains("${{") {
            let what = format!("{what} holds an expression of GitHub's");
            self.refuse(
                &node.span,
                what,
                "write it out, or put `${{ secrets.NAME }}` into `env`",
            );
            return None;
        }
        Some(text)
    }

    /// A scalar's text as GitHub reads it. A number that would be written
    /// otherwise is refused: there it becomes another text.
    fn scalar(&mut self, node: &Node, what: &str) -> Option<String> {
        let Some((text, _)) = node.scalar() else {
            let what = format!("{what} must be a text, and is {}", node.describe());
            self.refuse(&node.span, what, None);
            return None;
        };
        let same = match node.plain() {
            None | Some(Plain::Text | Plain::Bool(_)) => true,
            Some(Plain::Null) => return Some(String::new()),
            Some(Plain::Integer(number)) => number.to_string() == text,
            Some(Plain::Float(number)) => number.to_string() == text,
            Some(Plain::OddBool(_) | Plain::NoNumber) => false,
        };
        if !same {
            let what = format!("{what} is {}, which GitHub writes otherwise", quoted(text));
            self.refuse(&node.span, what, "put the text that is meant in quotes");
            return None;
        }
        Some(text.to_string())
    }

    /// The `name`, which only people read.
    pub(super) fn name(&mut self, owner: &Node) -> Option<String> {
        let node = owner.get("name")?;
        let name = self.scalar(node, "`name`")?;
        if name.contains("${{") {
            self.note("expressions in a `name` stand there as they are written");
        }
        Some(name).filter(|name| !name.trim().is_empty())
    }

    /// The variables of a workflow, a job or a step.
    pub(super) fn env(&mut self, owner: &Node) -> Env {
        let Some(entry) = owner.entry("env") else {
            return Env::new();
        };
        let Some(entries) = entry.node.map() else {
            if !entry.node.is_null() {
                let what = format!("`env` is {}", entry.node.describe());
                self.refuse(&entry.node.span, what, "write the variables out");
            }
            return Env::new();
        };
        let values = entries.iter().filter_map(|variable| {
            let value = self.variable(&variable.node, &variable.key)?;
            Some((variable.key.clone(), value))
        });
        values.collect()
    }

    /// A text in which secrets may stand, and no other expression.
    fn variable(&mut self, node: &Node, name: &str) -> Option<String> {
        let written = self.scalar(node, &format!("the variable {}", quoted(name)))?;
        let mut text = String::new();
        let mut rest = written.as_str();
        while let Some((before, after)) = rest.split_once("${{") {
            let (expression, after) = after.split_once("}}").unwrap_or((after, ""));
            match secret(expression.trim()) {
                Some("GITHUB_TOKEN") => {
                    self.refuse(
                        &node.span,
                        "`secrets.GITHUB_TOKEN` is GitHub's own",
                        "make a token, and a secret of it with another name",
                    );
                    return None;
                }
                Some(secret) => {
                    self.secret(secret);
                    text.push_str(before);
                    let _ = write!(text, "${{{{ secrets.{secret} }}}}");
                }
                None => {
                    let what =
                        format!("{} is an expression of GitHub's", quoted(expression.trim()));
                    self.refuse(&node.span, what, "`secrets.NAME` alone can be carried over");
                    return None;
                }
            }
            rest = after;
        }
        text.push_str(rest);
        Some(text)
    }

    /// `defaults.run` on top of what holds already.
    pub(super) fn defaults(&mut self, owner: &Node, outer: &Defaults) -> Defaults {
        let mut defaults = outer.clone();
        let Some(entry) = owner.entry("defaults") else {
            return defaults;
        };
        for inner in entry.node.map().unwrap_or_default() {
            if inner.key != "run" {
                self.unknown(inner, "`defaults`");
                continue;
            }
            for key in inner.node.map().unwrap_or_default() {
                match key.key.as_str() {
                    "shell" => defaults.shell = self.shell(&key.node).or(defaults.shell),
                    "working-directory" => {
                        defaults.cwd = self.text(&key.node, "`working-directory`").or(defaults.cwd);
                    }
                    _ => self.unknown(key, "`defaults.run`"),
                }
            }
        }
        defaults
    }

    pub(super) fn shell(&mut self, node: &Node) -> Option<Shell> {
        match self.text(node, "`shell`")?.as_str() {
            "sh" => Some(Shell::Sh),
            "bash" => Some(Shell::Bash),
            other => {
                let what = format!("the shell {} cannot be carried over", quoted(other));
                self.refuse(
                    &node.span,
                    what,
                    "plans have `sh` and `bash`; start another program by its name",
                );
                None
            }
        }
    }

    /// `timeout-minutes` as a duration.
    pub(super) fn minutes(&mut self, owner: &Node) -> Option<u64> {
        let node = owner.get("timeout-minutes")?;
        match node.plain() {
            Some(Plain::Integer(minutes @ 1..=MAX_MINUTES)) => u64::try_from(minutes).ok(),
            _ => {
                self.refuse(
                    &node.span,
                    "`timeout-minutes` must be a whole number of minutes",
                    None,
                );
                None
            }
        }
    }

    /// `continue-on-error`
    pub(super) fn goes_on(&mut self, owner: &Node) -> bool {
        let Some(node) = owner.get("continue-on-error") else {
            return false;
        };
        if let Some(Plain::Bool(value)) = node.plain() {
            return value;
        }
        self.refuse(
            &node.span,
            "`continue-on-error` must be `true` or `false`",
            None,
        );
        false
    }

    /// An `if` that always holds says nothing; any other is an expression.
    pub(super) fn condition(&mut self, owner: &Node) {
        if let Some(entry) = owner.entry("if")
            && !matches!(entry.node.plain(), Some(Plain::Bool(true)))
        {
            self.unknown(entry, "this");
        }
    }
}

/// The name in `secrets.NAME`.
fn secret(expression: &str) -> Option<&str> {
    let name = expression.strip_prefix("secrets.")?;
    let letters = name.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_');
    (letters && !name.is_empty() && !name.starts_with(|c: char| c.is_ascii_digit())).then_some(name)
}
