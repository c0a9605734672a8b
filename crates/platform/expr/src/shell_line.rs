//! Shell lines: values travel only in the environment, so that no value can
//! become code or be split into words.

mod here_doc;
mod lint;
mod scanner;

use crate::bounds::MAX_ENTRY;
use crate::declarations::Declarations;
use crate::expression::Use;
use crate::fault::{EvalError, Fault};
use crate::reference::Reference;
use crate::scope::Scope;
use crate::secret_text::{Part, SecretText};
use crate::template::Template;
use alloc::string::{String, ToString};
use alloc::vec::Vec;
use scanner::Scanner;

pub use lint::argument_warnings;

/// A line for the shell. Its expressions are replaced, once and at load, by
/// references to variables, quoted by where they stand: bare `${{ x }}` becomes
/// `"${ROK_E0}"`, and `"… ${{ x }} …"` becomes `"… ${ROK_E0} …"`. Where that
/// would not keep a value from being split, or read as code, an expression is
/// a fault.
///
/// Both `/bin/sh` and `bash` read the result alike; a line that they would cut
/// up differently may hold no expressions.
#[derive(Debug, Clone, PartialEq)]
pub struct ShellLine {
    source: String,
    script: String,
    values: Vec<(String, Template)>,
    warnings: Vec<Fault>,
}

impl ShellLine {
    /// Parses a line, of one or more lines of text.
    pub fn parse(text: &str) -> Result<Self, Vec<Fault>> {
        let mut scanner = Scanner::new(text);
        scanner.run();
        if !scanner.faults.is_empty() {
            return Err(scanner.faults);
        }
        Ok(Self {
            source: text.to_string(),
            script: scanner.script,
            values: scanner.values,
            warnings: scanner.warnings,
        })
    }

    /// The line as written.
    pub fn source(&self) -> &str {
        &self.source
    }

    /// The line that the shell reads.
    pub fn script(&self) -> &str {
        &self.script
    }

    /// The variables that the script refers to, `ROK_E0` and on.
    pub fn values(&self) -> &[(String, Template)] {
        &self.values
    }

    /// What is allowed and unwise: a value handed to something that reads it
    /// as code, such as `eval`, `sh -c` or `ssh`.
    pub fn warnings(&self) -> &[Fault] {
        &self.warnings
    }

    /// Everything that it reads.
    pub fn references(&self) -> Vec<Reference> {
        self.values
            .iter()
            .flat_map(|(_, template)| template.references())
            .collect()
    }

    /// Checks it against what the plan declares.
    pub fn check(&self, declarations: &dyn Declarations) -> Vec<Fault> {
        let check = |(_, template): &(String, Template)| template.check_as(declarations, Use::Text);
        self.values.iter().flat_map(check).collect()
    }

    /// The variables with their values in this run. Those without secrets fit
    /// into an environment; for the others the executor has to look, once it
    /// has filled them in.
    pub fn resolve(&self, scope: &dyn Scope) -> Result<Vec<(String, SecretText)>, EvalError> {
        self.values
            .iter()
            .map(|(name, template)| {
                let text = template.text(scope)?;
                match misfit(name, &text) {
                    Some(reason) => Err(EvalError::NoEnvironment {
                        text: template.source().to_string(),
                        reason,
                    }),
                    None => Ok((name.clone(), text)),
                }
            })
            .collect()
    }
}

/// Why a value cannot travel in the environment under a name; `None`: it can.
/// For the executor, once it has filled in secrets, and for `env`.
pub fn environment_misfit(name: &str, value: &str) -> Option<&'static str> {
    if value.contains('\0') {
        return Some("holds a NUL, which no environment can");
    }
    let length = name.len() + "=\0".len() + value.len();
    (length > MAX_ENTRY).then_some("is over 128 KiB, which no environment holds")
}

/// The same for a text whose secrets are not filled in yet.
fn misfit(name: &str, text: &SecretText) -> Option<&'static str> {
    let plain: String = text
        .parts()
        .iter()
        .filter_map(|part| match part {
            Part::Text(text) => Some(text.as_str()),
            Part::Secret(_) => None,
        })
        .collect();
    environment_misfit(name, &plain)
}
