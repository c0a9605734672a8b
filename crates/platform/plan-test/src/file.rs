//! The file: what it says before its plan is known, and the tests after.

use alloc::string::String;
use alloc::vec::Vec;
use rok_plan::{CheckedFile, Plan, PlanErrors};

use crate::decode;
use crate::model::PlanTest;

/// A file of tests.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TestFile {
    document: CheckedFile,
    plan: String,
    policies: Vec<String>,
}

impl TestFile {
    /// Takes the bytes of a file. `name` is for messages; nothing is opened.
    /// Faults that can only be told with the plan at hand come later.
    pub fn new(bytes: &[u8], name: &str) -> Result<Self, PlanErrors> {
        let document = CheckedFile::new(bytes, name)?;
        let (plan, policies) = document.decode(decode::head)?;
        Ok(Self {
            document,
            plan,
            policies,
        })
    }

    /// The file's name.
    #[must_use]
    pub fn name(&self) -> &str {
        self.document.name()
    }

    /// The plan: a path seen from this file, or `builtin:ID`.
    #[must_use]
    pub fn plan(&self) -> &str {
        &self.plan
    }

    /// Policy files, seen from this file.
    #[must_use]
    pub fn policies(&self) -> &[String] {
        &self.policies
    }

    /// The tests, in file order; or every fault of the file.
    pub fn tests(&self, plan: &Plan) -> Result<Vec<PlanTest>, PlanErrors> {
        let line = |byte| self.document.line(byte);
        self.document
            .decode(|root, faults| decode::tests(root, faults, plan, &line))
    }
}
