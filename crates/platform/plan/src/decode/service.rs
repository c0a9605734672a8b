//! `service`: a worker of the service map, called for the site of the run.

use alloc::collections::BTreeMap;
use alloc::format;
use core::ops::Range;
use rok_expr::{Site, Template};

use super::step::ActionDraft;
use super::{Decoder, Written};
use crate::fault::{FaultCode, Finding, quoted};
use crate::tree::{Entry, Node};

/// What a service is told of the run: every run of services has these inputs.
const SITE: &str = "${{ inputs.website_id }}";
const DOMAIN: &str = "${{ inputs.domain }}";

/// Keys that mean nothing to a worker that is called over the network.
const WITHOUT_EFFECT: &[&str] = &["env", "cwd", "shell", "reads", "cache", "artifacts"];

/// A longer slug is a mistake.
const MAX_SLUG: usize = 64;

fn is_slug(text: &str) -> bool {
    let word = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-';
    (1..=MAX_SLUG).contains(&text.len()) && text.bytes().all(word) && !text.starts_with('-')
}

impl Decoder<'_> {
    pub(super) fn service<'t>(
        &mut self,
        step: &'t [Entry],
        service: &'t Node,
    ) -> Option<ActionDraft<'t>> {
        let keys = step
            .iter()
            .filter(|entry| WITHOUT_EFFECT.contains(&entry.key.as_str()));
        self.without_effect(keys, "on a `service`, which starts no process");
        if let Some(entry) = step.iter().find(|entry| entry.key == "for_each") {
            let message = "a `service` is called once in a run";
            let finding = Finding::new(FaultCode::Conflict, entry.span.clone(), message);
            self.findings.push(finding.hint("remove `for_each`"));
        }
        let slug = service.text()?;
        if !is_slug(slug) {
            let message = format!("{} is no slug of a service", quoted(slug));
            let finding = Finding::new(FaultCode::BadName, service.span.clone(), message);
            let hint = "small letters, digits and `-`, as in `technical-seo`";
            self.findings.push(finding.hint(hint));
            return None;
        }
        Some(ActionDraft::Service {
            service: slug.into(),
            site: self.of_run(SITE, service)?,
            domain: self.of_run(DOMAIN, service)?,
        })
    }

    fn of_run<'t>(&mut self, input: &str, node: &'t Node) -> Option<Written<'t, Template>> {
        self.written(Template::parse(input, Site::Plain), node)
    }

    /// No service runs twice in a run.
    pub(super) fn services_once(&mut self, steps: &[Entry]) {
        let mut seen: BTreeMap<&str, Range<usize>> = BTreeMap::new();
        for node in steps.iter().filter_map(|step| step.node.get("service")) {
            let Some(slug) = node.text() else { continue };
            if let Some(first) = seen.get(slug) {
                let message = format!("the service {} is called twice", quoted(slug));
                let finding = Finding::new(FaultCode::Conflict, node.span.clone(), message)
                    .hint("a service runs once in a run: remove one of the two steps")
                    .related(first.clone(), "the first one");
                self.findings.push(finding);
            } else {
                seen.insert(slug, node.span.clone());
            }
        }
    }
}
