//! Where policies come from: texts, files and folders, read once and bounded.

use crate::execution_policy::{ConditionalPolicy, ExecutionPolicyError, to_cedar};
use crate::faults::{PolicyFault, PolicyFaults, Source};
use rok_chain::Digest;
use std::collections::BTreeSet;
use std::fs;
use std::io::Read as _;
use std::path::{Path, PathBuf};

pub(crate) const DEFAULT: &str = include_str!("../policies/default.cedar");

/// The largest policy file: policies are written by people.
pub const MAX_FILE_BYTES: u64 = 1024 * 1024;

/// Policy texts (`*.cedar`) and declarations of inputs (`*.cedarschema`).
#[derive(Debug, Clone, Default)]
pub struct PolicySources {
    pub(crate) policies: Vec<Source>,
    /// Of `policies`: those that a plan names, which can only forbid.
    pub(crate) of_plan: BTreeSet<usize>,
    pub(crate) schemas: Vec<Source>,
}

impl PolicySources {
    /// None yet.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// The embedded policies, which permit everything.
    #[must_use]
    pub fn permissive() -> Self {
        Self::new().with_policies("default.cedar", DEFAULT)
    }

    /// Reads the files that a plan names, on top of these. A plan can only be
    /// stricter than its server: its policies only forbid.
    pub fn and_of_plan(mut self, paths: &[PathBuf]) -> Result<Self, PolicyFaults> {
        let own = Self::read(paths)?;
        let first = self.policies.len();
        self.of_plan.extend(first..first + own.policies.len());
        self.policies.extend(own.policies);
        self.schemas.extend(own.schemas);
        Ok(self)
    }

    /// sha-256 over all texts, hex: which policies these are.
    #[must_use]
    pub fn digest(&self) -> String {
        let sources = self.policies.iter().chain(&self.schemas);
        let texts: Vec<String> = sources
            .map(|source| Digest::of(source.text.as_bytes()).to_hex())
            .collect();
        Digest::of(texts.join("\n").as_bytes()).to_hex()
    }

    /// Adds policies; `name` stands in faults.
    #[must_use]
    pub fn with_policies(mut self, name: &str, text: &str) -> Self {
        self.policies.push(source(name, text));
        self
    }

    /// Adds a declaration of inputs, `type Inputs = { … };`.
    #[must_use]
    pub fn with_inputs(mut self, name: &str, text: &str) -> Self {
        self.schemas.push(source(name, text));
        self
    }

    /// Adds an ONEX execution policy.
    pub fn with_execution_policy(
        self,
        name: &str,
        policy: &ConditionalPolicy,
    ) -> Result<Self, ExecutionPolicyError> {
        Ok(self.with_policies(name, &to_cedar(policy)?))
    }

    /// Reads files, and the `*.cedar` and `*.cedarschema` files of folders (not
    /// of folders within, names in order).
    pub fn read(paths: &[PathBuf]) -> Result<Self, PolicyFaults> {
        let mut sources = Self::new();
        let mut faults = Vec::new();
        for path in paths {
            let files = match files_of(path) {
                Ok(files) => files,
                Err(error) => {
                    faults.push(fault(path, format!("cannot be read: {error}")));
                    continue;
                }
            };
            for file in files {
                if let Err(fault) = sources.read_file(&file) {
                    faults.push(fault);
                }
            }
        }
        if faults.is_empty() {
            Ok(sources)
        } else {
            Err(PolicyFaults(faults))
        }
    }

    fn read_file(&mut self, path: &Path) -> Result<(), PolicyFault> {
        let kind = kind(path).ok_or_else(|| PolicyFault {
            hint: Some("policies are `*.cedar`, declarations of inputs `*.cedarschema`".to_owned()),
            ..fault(path, "is no policy file")
        })?;
        let mut text = String::new();
        let read = rok_files::open(path)
            .and_then(|file| file.take(MAX_FILE_BYTES + 1).read_to_string(&mut text));
        match read {
            Ok(n) if n as u64 > MAX_FILE_BYTES => {
                return Err(fault(
                    path,
                    format!("is larger than {MAX_FILE_BYTES} bytes"),
                ));
            }
            Ok(_) => {}
            Err(error) => return Err(fault(path, format!("cannot be read: {error}"))),
        }
        let name = path.display().to_string();
        match kind {
            Kind::Policies => self.policies.push(Source { name, text }),
            Kind::Schema => self.schemas.push(Source { name, text }),
        }
        Ok(())
    }
}

enum Kind {
    Policies,
    Schema,
}

fn kind(path: &Path) -> Option<Kind> {
    match path.extension()?.to_str()? {
        "cedar" => Some(Kind::Policies),
        "cedarschema" => Some(Kind::Schema),
        _ => None,
    }
}

fn files_of(path: &Path) -> std::io::Result<Vec<PathBuf>> {
    if !fs::metadata(path)?.is_dir() {
        return Ok(vec![path.to_owned()]);
    }
    let mut files = Vec::new();
    for entry in fs::read_dir(path)? {
        let file = entry?.path();
        if kind(&file).is_some() {
            files.push(file);
        }
    }
    files.sort();
    Ok(files)
}

fn source(name: &str, text: &str) -> Source {
    Source {
        name: name.to_owned(),
        text: text.to_owned(),
    }
}

fn fault(path: &Path, message: impl Into<String>) -> PolicyFault {
    source(&path.display().to_string(), "").fault(message)
}
