//! What the registry is asked, as a report.

use crate::engine::Shared;
use crate::trouble::{config, of_registry};
use rok_component::NamePattern;
use rok_facades::registry::{ComponentView, ManifestFile, RegistryQuery, RegistryTrouble};
use rok_orchestration::{
    ComponentResult, ExecutionContext, ExecutionMode, Finding, OrchestratorError, RegistryAction,
    ReportStatus, ResultStatus, RunReport, Trouble,
};
use rok_vocabulary::ComponentStatus;
use std::fs;

impl Shared {
    /// Does what is asked of the registry.
    pub(crate) fn administer(
        &self,
        context: &ExecutionContext,
        query: &RegistryQuery,
        report: &mut RunReport,
    ) -> Result<Option<ReportStatus>, OrchestratorError> {
        let action = context.action.clone().unwrap_or(RegistryAction::List);
        let changes = matches!(action, RegistryAction::Add(_) | RegistryAction::Remove(_));
        if changes && context.mode() == ExecutionMode::DryRun {
            return Err(config(
                "ROK0220",
                "a dry run changes nothing, and this action does",
                "`--action validate` tells whether the registry is sound",
            ));
        }
        match action {
            RegistryAction::List => {
                let listed = self.registry.list(&query.selector).map_err(of_registry)?;
                report.results = listed.iter().map(standing).collect();
                self.judge(report)?;
                if !listed.is_empty() && listed.iter().all(is_archived) {
                    let message =
                        "every component that is meant is archived, and none of them ever runs";
                    let trouble = Trouble::new("ROK0221", message);
                    return Err(OrchestratorError::Registry(trouble));
                }
            }
            RegistryAction::Inspect(name) => {
                let view = self
                    .registry
                    .inspect(&pattern(&name)?)
                    .map_err(of_registry)?;
                report.results.push(of_view(&view));
            }
            RegistryAction::Validate => self.validate(report)?,
            RegistryAction::Add(file) => {
                let path = self.folder.join(&file);
                let bytes = fs::read(&path).map_err(|error| {
                    let message = format!("{file}: {error}");
                    config("ROK0220", message, "name a file with a manifest")
                })?;
                let manifest = ManifestFile {
                    bytes,
                    name: file,
                    path,
                };
                let added = self.registry.add(&manifest, false).map_err(of_registry)?;
                report
                    .results
                    .push(of_view(&added.component).message(added.change));
            }
            RegistryAction::Remove(name) => {
                let removed = self
                    .registry
                    .remove(&pattern(&name)?)
                    .map_err(of_registry)?;
                let mut result = ComponentResult::new(removed.name.as_str(), ResultStatus::Pass);
                result.version = Some(removed.version);
                result.fingerprint = Some(removed.fingerprint);
                report.results.push(result.message("removed"));
            }
        }
        Ok(None)
    }

    /// Fails what is wrong with the registry as a whole, after what there is.
    fn judge(&self, report: &mut RunReport) -> Result<(), OrchestratorError> {
        let listed = std::mem::take(&mut report.results);
        let judged = self.validate(report);
        report.results.splice(0..0, listed);
        judged
    }

    fn validate(&self, report: &mut RunReport) -> Result<(), OrchestratorError> {
        let found = self.registry.validate().map_err(of_registry)?;
        let of = |trouble: &RegistryTrouble, status| {
            let mut result = ComponentResult::new(&trouble.place, status);
            result.errors.push(Finding {
                rule: Some(trouble.code.clone()),
                ..Finding::error(&trouble.message)
            });
            result.messages.extend(trouble.help.clone());
            result
        };
        let warnings = found.warnings.iter();
        report.results = warnings.map(|t| of(t, ResultStatus::Warn)).collect();
        let troubles = found.troubles.iter();
        report
            .results
            .extend(troubles.map(|t| of(t, ResultStatus::Fail)));
        report
            .messages
            .push(format!("{} components are well formed", found.components));
        match found.troubles.first() {
            None => Ok(()),
            Some(first) => {
                let first = &first.message;
                let message = match found.troubles.len() - 1 {
                    0 => format!("the registry is not sound: {first}"),
                    more => format!("the registry is not sound: {first}; and {more} more"),
                };
                Err(OrchestratorError::Registry(Trouble::new(
                    "ROK0221", message,
                )))
            }
        }
    }
}

fn pattern(name: &str) -> Result<NamePattern, OrchestratorError> {
    name.parse().map_err(|error: rok_component::NameError| {
        config(
            "ROK0220",
            error.to_string(),
            "a name such as `fmt` or `fmt@1.2.0`",
        )
    })
}

fn is_archived(view: &ComponentView) -> bool {
    view.status == ComponentStatus::Archived
}

/// A component of a list: what will not run by itself passes no check.
fn standing(view: &ComponentView) -> ComponentResult {
    let (status, why) = match view.status {
        ComponentStatus::Active => (ResultStatus::Pass, None),
        ComponentStatus::Draft => (ResultStatus::Skip, Some("draft: runs with --allow-draft")),
        ComponentStatus::Deprecated => (
            ResultStatus::Warn,
            Some("deprecated: runs where it is named or filtered for"),
        ),
        ComponentStatus::Archived => (ResultStatus::Skip, Some("archived: never runs")),
    };
    let mut result = of_view(view);
    result.status = status;
    result.messages.extend(why.map(str::to_owned));
    result
}

fn of_view(view: &ComponentView) -> ComponentResult {
    let mut result = ComponentResult::new(view.name.as_str(), ResultStatus::Pass);
    result.version = Some(view.version.clone());
    result.kind = Some(view.kind.to_string());
    result.fingerprint = Some(view.fingerprint.clone());
    result.output = serde_json::to_value(view).ok();
    result
}
