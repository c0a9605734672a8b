//! What is wrong with policies: every fault at once, each with its place.

use core::fmt;
use miette::Diagnostic;

/// One fault.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PolicyFault {
    /// The file, or the name that the text was given.
    pub source: String,
    /// 1-based; 0 when the fault concerns the whole source.
    pub line: u32,
    /// 1-based, in characters; 0 when the fault concerns the whole source.
    pub column: u32,
    /// The policy, where it is known.
    pub policy: Option<String>,
    /// What is wrong.
    pub message: String,
    /// How to mend it.
    pub hint: Option<String>,
}

impl fmt::Display for PolicyFault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.source)?;
        if self.line > 0 {
            write!(f, ":{}:{}", self.line, self.column)?;
        }
        match &self.policy {
            Some(policy) => write!(f, ": policy `{policy}`: {}", self.message)?,
            None => write!(f, ": {}", self.message)?,
        }
        match &self.hint {
            Some(hint) => write!(f, " (help: {hint})"),
            None => Ok(()),
        }
    }
}

/// Everything that is wrong with a set of policies; never empty.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PolicyFaults(pub(crate) Vec<PolicyFault>);

impl PolicyFaults {
    /// The faults, in the order of the sources.
    #[must_use]
    pub fn as_slice(&self) -> &[PolicyFault] {
        &self.0
    }
}

impl fmt::Display for PolicyFaults {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let n = self.0.len();
        write!(
            f,
            "{n} fault{} in the policies",
            if n == 1 { "" } else { "s" }
        )?;
        self.0.iter().try_for_each(|fault| write!(f, "\n{fault}"))
    }
}

impl std::error::Error for PolicyFaults {}

/// A text and its name, to say where in it something is.
#[derive(Debug, Clone)]
pub(crate) struct Source {
    pub(crate) name: String,
    pub(crate) text: String,
}

impl Source {
    /// A fault of the whole source.
    pub(crate) fn fault(&self, message: impl Into<String>) -> PolicyFault {
        PolicyFault {
            source: self.name.clone(),
            line: 0,
            column: 0,
            policy: None,
            message: message.into(),
            hint: None,
        }
    }

    /// A fault at a byte of the source.
    pub(crate) fn fault_at(&self, offset: usize, message: impl Into<String>) -> PolicyFault {
        let (line, column) = self.place(offset);
        PolicyFault {
            line,
            column,
            ..self.fault(message)
        }
    }

    /// Cedar's own words for a fault, at the place that it points to.
    pub(crate) fn diagnosed(&self, diagnostic: &dyn Diagnostic) -> PolicyFault {
        let label = diagnostic.labels().and_then(|mut labels| labels.next());
        let mut message = diagnostic.to_string();
        // A label often holds the cause: "unexpected token" and then which.
        if let Some(text) = label.as_ref().and_then(|label| label.label()) {
            message.push_str(": ");
            message.push_str(text);
        }
        let mut fault = match &label {
            Some(label) => self.fault_at(label.offset(), message),
            None => self.fault(message),
        };
        fault.hint = diagnostic.help().map(|help| help.to_string());
        fault
    }

    /// Line and column, 1-based, of a byte.
    pub(crate) fn place(&self, offset: usize) -> (u32, u32) {
        let mut end = offset.min(self.text.len());
        while !self.text.is_char_boundary(end) {
            end -= 1;
        }
        let before = &self.text[..end];
        let line = before.matches('\n').count() + 1;
        let start = before.rfind('\n').map_or(0, |at| at + 1);
        let column = before[start..].chars().count() + 1;
        (line as u32, column as u32)
    }
}
