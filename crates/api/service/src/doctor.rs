//! The doctor: whether runs could go on here, looked at piece by piece. Looking
//! changes nothing but a probe that is taken out again.

use crate::error::ServiceError;
use crate::service::Service;
use rok_config::Settings;
use serde::Serialize;

/// What a look at one thing came to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Finding {
    /// It is as it should be.
    Ok,
    /// Runs go on; somebody should look.
    Warning,
    /// Something will not work.
    Fault,
}

/// A look at one thing.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Check {
    /// What it is about: `store`, `service`, `clock`, …
    pub area: &'static str,
    /// Which one, where there are several.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub name: String,
    /// What it came to.
    pub finding: Finding,
    /// What was found, in a line.
    pub said: String,
    /// How it is mended.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub help: Option<String>,
}

impl Check {
    /// A look that found this.
    pub fn new(area: &'static str, finding: Finding, said: impl Into<String>) -> Self {
        Self {
            area,
            name: String::new(),
            finding,
            said: said.into(),
            help: None,
        }
    }

    /// All is well.
    pub fn ok(area: &'static str, said: impl Into<String>) -> Self {
        Self::new(area, Finding::Ok, said)
    }

    /// Somebody should look.
    pub fn warning(area: &'static str, said: impl Into<String>) -> Self {
        Self::new(area, Finding::Warning, said)
    }

    /// It will not work.
    pub fn fault(area: &'static str, said: impl Into<String>) -> Self {
        Self::new(area, Finding::Fault, said)
    }

    /// About this one.
    #[must_use]
    pub fn of(mut self, name: impl Into<String>) -> Self {
        self.name = name.into();
        self
    }

    /// Mended so.
    #[must_use]
    pub fn help(mut self, help: impl Into<String>) -> Self {
        self.help = Some(help.into());
        self
    }
}

/// All that was looked at.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Examination {
    /// The worst that was found.
    pub finding: Finding,
    /// Every look, in order.
    pub checks: Vec<Check>,
}

/// What the composition root looks at: all that the use cases do not name.
/// Told to, it makes anew what is made of the logs.
pub type Doctor = dyn Fn(&Settings, Rounds) -> Vec<Check> + Send + Sync;

/// How far a look goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Rounds {
    /// What is done with tables that are made of the logs.
    pub tables: Tables,
    /// Which logs are held against their seals.
    pub logs: Logs,
}

/// Which logs are read line by line.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Logs {
    /// Those of the newest runs.
    Newest,
    /// Every one.
    All,
}

/// What is done with tables that are made of the logs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Tables {
    /// They are left alone.
    Leave,
    /// They are held against the logs, and made anew.
    Rebuild,
}

impl Service {
    /// Looks at everything that runs need here, and makes tables anew where it is
    /// told to. Settings that cannot be read
    /// were refused before.
    pub fn examine(&self, rounds: Rounds) -> Result<Examination, ServiceError> {
        let doctor = self.wiring().doctor.as_ref();
        let doctor = doctor.ok_or_else(|| ServiceError::NotSupported {
            what: "`doctor` in this program".to_owned(),
            instead: "hand one to `Wiring::doctor`",
        })?;
        let mut checks = vec![self.settings_check()];
        checks.extend(self.plan_checks());
        checks.extend(self.token_check());
        checks.extend(doctor(&self.config().settings, rounds));
        let worst = checks.iter().map(|check| check.finding).max();
        Ok(Examination {
            finding: worst.unwrap_or(Finding::Ok),
            checks,
        })
    }

    fn settings_check(&self) -> Check {
        let entries = &self.config().entries;
        let set = entries.iter().filter(|entry| entry.source.is_explicit());
        let set: Vec<&str> = set.map(|entry| entry.key).collect();
        let said = match set[..] {
            [] => format!("{} settings, all as they come", entries.len()),
            _ => format!("{} settings, set are {}", entries.len(), set.join(", ")),
        };
        Check::ok("settings", said)
    }

    /// The tokens of a server with these settings. Looking makes no database, and
    /// what is wrong with one is told of the store.
    fn token_check(&self) -> Option<Check> {
        let settings = &self.config().settings;
        let file = settings.store.clone();
        let file = file.unwrap_or_else(|| settings.tokens_file());
        if settings.server.is_some() || !file.exists() {
            return None;
        }
        let listed = self.tokens().ok()?.list().map_err(ServiceError::from);
        let check = match listed {
            Ok(tokens) => {
                let live = tokens.iter().filter(|token| token.revoked_at.is_none());
                Check::ok("tokens", format!("{} that are not revoked", live.count()))
            }
            Err(error) => {
                let check = Check::fault("tokens", error.to_string());
                let help = error.problems().into_iter().find_map(|told| told.help);
                help.into_iter().fold(check, Check::help)
            }
        };
        Some(check.of(file.display().to_string()))
    }

    /// The plans that can be run from here. A file with faults may be none.
    fn plan_checks(&self) -> Vec<Check> {
        let plans = self.plans();
        let (sound, ill): (Vec<_>, Vec<_>) = plans.iter().partition(|plan| plan.faults == 0);
        let mut checks = vec![Check::ok(
            "plans",
            format!("{} can be run from here", sound.len()),
        )];
        checks.extend(ill.into_iter().map(|plan| {
            let faults = plan.faults;
            let noun = if faults == 1 { "fault" } else { "faults" };
            Check::warning("plans", format!("{faults} {noun}, if it is a plan"))
                .of(plan.source.clone())
                .help(format!("rok plan validate {}", plan.source))
        }));
        checks
    }
}
