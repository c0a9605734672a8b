//! Bytes to plan.

use alloc::format;

use crate::decode::decode;
use crate::fault::{FaultCode, Finding, Findings, PlanErrors};
use crate::model::Plan;
use crate::source::{self, Source};
use crate::tree;

/// Reads a plan file, YAML or JSON. `name` is the file's name for messages;
/// nothing is opened. Either the plan is valid as a whole, or every fault that
/// could be found comes back at once.
pub fn parse(bytes: &[u8], name: &str) -> Result<Plan, PlanErrors> {
    let mut findings = Findings::default();
    let (text, unreadable) = source::read(bytes);
    let source = Source::new(&text);
    let plan = if let Some(finding) = unreadable.or_else(|| foreign(name)) {
        findings.push(finding);
        None
    } else {
        tree::load(&source, &mut findings).and_then(|root| decode(&root, &source, &mut findings))
    };
    match plan {
        Some(plan) if findings.is_empty() => Ok(plan),
        _ => {
            if findings.is_empty() {
                let message = "the plan could not be read";
                findings.push(Finding::new(FaultCode::Syntax, 0..0, message));
            }
            Err(findings.into_errors(name, &source))
        }
    }
}

/// File formats that the name gives away.
fn foreign(name: &str) -> Option<Finding> {
    let (_, extension) = name.rsplit_once('.')?;
    extension.eq_ignore_ascii_case("toml").then(|| {
        let message = format!("`.{extension}` plans are not supported yet");
        Finding::new(FaultCode::NotSupported, 0..0, message).hint("write the plan in YAML or JSON")
    })
}
