//! Use cases of the desk: incidents and lessons, for whoever asks, from the
//! terminal or from elsewhere.

use crate::error::ServiceError;
use crate::service::Service;
use rok_facades::desk::{BookProof, DeskFacade};
use rok_facades::runs::{ErrorKind, RunsError};
use rok_facades::{
    Incident, IncidentFilter, IncidentHistory, IncidentStatus, Lesson, LessonDecision,
    LessonFilter, LessonKind, LessonState,
};
use rok_vocabulary::{Actor, IdError, Severity};
use std::fs::OpenOptions;
use std::io::{self, Write as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};
use std::str::FromStr;

/// Which incidents are asked for, as a person writes it; an absent part matches
/// all.
#[derive(Debug, Clone, Default)]
pub struct IncidentAsk {
    /// `open`, `acknowledged` or `resolved`.
    pub status: Option<String>,
    /// At least as bad: `low`, `medium`, `high`, `critical`.
    pub severity: Option<String>,
    /// Of this plan.
    pub plan: Option<String>,
    /// Of this run.
    pub run: Option<String>,
}

/// Which lessons are asked for, as a person writes it; an absent part matches
/// all.
#[derive(Debug, Clone, Default)]
pub struct LessonAsk {
    /// `pending`, `deferred`, `dismissed` or `converted_to_draft`.
    pub state: Option<String>,
    /// `failure`, `near_threshold` or `critical_success`.
    pub kind: Option<String>,
    /// Of this plan.
    pub plan: Option<String>,
    /// Of this run.
    pub run: Option<String>,
}

/// The incidents and lessons of a store of runs, and who asks.
#[derive(Debug, Clone)]
pub struct DeskBook {
    facade: DeskFacade,
    actor: Actor,
    cwd: PathBuf,
}

impl Service {
    /// The incidents and lessons of the runs.
    pub fn desk(&self) -> Result<DeskBook, ServiceError> {
        Ok(DeskBook {
            facade: self.desk_facade()?,
            actor: self.config().settings.actor(),
            cwd: self.cwd().to_owned(),
        })
    }
}

impl DeskBook {
    /// The same desk, for somebody else.
    #[must_use]
    pub fn asked_by(mut self, actor: Actor) -> Self {
        self.actor = actor;
        self
    }

    /// Incidents that somebody may have to handle, the newest first.
    pub fn incidents(&self, ask: &IncidentAsk) -> Result<Vec<Incident>, ServiceError> {
        let filter = IncidentFilter {
            run: id(ask.run.as_deref())?,
            plan: id(ask.plan.as_deref())?,
            status: word(
                "status",
                ask.status.as_deref(),
                STATUSES,
                IncidentStatus::as_str,
            )?,
            at_least: word("severity", ask.severity.as_deref(), SEVERITIES, |s| {
                s.as_str()
            })?,
        };
        Ok(self.facade.incidents(&filter)?)
    }

    /// An incident by its id, or the unique beginning of one.
    pub fn incident(&self, name: &str) -> Result<IncidentHistory, ServiceError> {
        Ok(self.facade.incident(&self.incident_id(name)?)?)
    }

    /// Somebody looks into it.
    pub fn acknowledge(&self, name: &str, reason: &str) -> Result<Incident, ServiceError> {
        let id = self.incident_id(name)?;
        Ok(self.facade.acknowledge(&id, &self.actor, reason)?)
    }

    /// It is over.
    pub fn resolve(&self, name: &str, reason: &str) -> Result<Incident, ServiceError> {
        let id = self.incident_id(name)?;
        Ok(self.facade.resolve(&id, &self.actor, reason)?)
    }

    /// Lessons, the newest first.
    pub fn lessons(&self, ask: &LessonAsk) -> Result<Vec<Lesson>, ServiceError> {
        let filter = LessonFilter {
            run: id(ask.run.as_deref())?,
            plan: id(ask.plan.as_deref())?,
            state: word(
                "state",
                ask.state.as_deref(),
                LessonState::ALL,
                LessonState::as_str,
            )?,
            kind: word(
                "kind",
                ask.kind.as_deref(),
                LessonKind::ALL,
                LessonKind::as_str,
            )?,
        };
        Ok(self.facade.lessons(&filter)?)
    }

    /// A lesson by its id, or the unique beginning of one.
    pub fn lesson(&self, name: &str) -> Result<Lesson, ServiceError> {
        Ok(self.facade.lesson(&self.lesson_id(name)?)?)
    }

    /// What somebody makes of a pending lesson.
    pub fn decide(
        &self,
        name: &str,
        decision: LessonDecision,
        reason: &str,
    ) -> Result<Lesson, ServiceError> {
        let id = self.lesson_id(name)?;
        Ok(self.facade.decide(&id, decision, &self.actor, reason)?)
    }

    /// Takes up a lesson's policy draft, and writes it into a new file where
    /// one is named. Nothing is in force by that.
    pub fn convert(
        &self,
        name: &str,
        reason: &str,
        out: Option<&Path>,
    ) -> Result<Lesson, ServiceError> {
        let Some(out) = out else {
            return self.decide(name, LessonDecision::ConvertToDraft, reason);
        };
        let path = self.cwd.join(out);
        let unwritable = |why: io::Error| ServiceError::Output {
            why: format!("{}: {why}", out.display()),
        };
        // First the file: what was decided and is nowhere would be lost.
        let mut options = OpenOptions::new();
        let mut file = options
            .write(true)
            .create_new(true)
            .mode(0o600)
            .open(&path)
            .map_err(unwritable)?;
        let decided = self.decide(name, LessonDecision::ConvertToDraft, reason);
        let written = decided.and_then(|lesson| {
            let draft = lesson.draft.as_deref().unwrap_or_default();
            let written = file.write_all(draft.as_bytes());
            written.and_then(|()| file.sync_all()).map_err(unwritable)?;
            Ok(lesson)
        });
        if written.is_err() {
            // It was made just now, and holds nothing.
            let _ = std::fs::remove_file(&path);
        }
        written
    }

    /// Proves that the book of what people did is what was written.
    pub fn prove(&self) -> Result<BookProof, ServiceError> {
        Ok(self.facade.prove()?)
    }

    /// Runs whose logs could not be read when a list was made last.
    #[must_use]
    pub fn unread(&self) -> Vec<String> {
        self.facade.unread()
    }

    fn incident_id(&self, name: &str) -> Result<String, ServiceError> {
        let all = self.facade.incidents(&IncidentFilter::default())?;
        whole(name, all.iter().map(|incident| incident.id.as_str()))
    }

    fn lesson_id(&self, name: &str) -> Result<String, ServiceError> {
        let all = self.facade.lessons(&LessonFilter::default())?;
        whole(name, all.iter().map(|lesson| lesson.id.as_str()))
    }
}

/// The id that a name begins; one that begins none is left as it is, for the
/// domain to refuse.
fn whole<'a>(name: &str, ids: impl Iterator<Item = &'a str>) -> Result<String, ServiceError> {
    let mut like = Vec::new();
    for id in ids {
        if id == name {
            return Ok(id.to_owned());
        }
        if !name.is_empty() && id.starts_with(name) {
            like.push(id);
        }
    }
    match like[..] {
        [] => Ok(name.to_owned()),
        [only] => Ok(only.to_owned()),
        _ => {
            let message = format!("`{name}` is short for several: {}", like.join(", "));
            Err(RunsError::new(ErrorKind::Usage, "ROK0102", message)
                .help("write more of the id")
                .into())
        }
    }
}

const STATUSES: &[IncidentStatus] = &[
    IncidentStatus::Open,
    IncidentStatus::Acknowledged,
    IncidentStatus::Resolved,
];

const SEVERITIES: &[Severity] = &[
    Severity::Low,
    Severity::Medium,
    Severity::High,
    Severity::Critical,
];

/// A word of a closed set, whatever its case.
fn word<T: Copy>(
    what: &str,
    text: Option<&str>,
    all: &[T],
    as_str: impl Fn(T) -> &'static str,
) -> Result<Option<T>, ServiceError> {
    let Some(text) = text else { return Ok(None) };
    let found = all
        .iter()
        .find(|of| as_str(**of).eq_ignore_ascii_case(text));
    found.copied().map(Some).ok_or_else(|| {
        let known = all.iter().map(|of| as_str(*of).to_lowercase());
        ServiceError::BadName {
            what: format!(
                "`{text}` is no {what}: write one of {}",
                known.collect::<Vec<_>>().join(", ")
            ),
        }
    })
}

fn id<T: FromStr<Err = IdError>>(text: Option<&str>) -> Result<Option<T>, ServiceError> {
    text.map(str::parse)
        .transpose()
        .map_err(|error: IdError| ServiceError::BadName {
            what: error.to_string(),
        })
}

#[cfg(test)]
mod tests {
    use super::*;
    use rstest::rstest;

    #[rstest]
    #[case("inc-12", Ok("inc-12"))]
    #[case("inc-1", Ok("inc-1"))]
    #[case("inc-2", Ok("inc-23"))]
    #[case("nothing", Ok("nothing"))]
    #[case("", Ok(""))]
    #[case("inc", Err(()))]
    fn a_name_begins_one_id(#[case] name: &str, #[case] expected: Result<&str, ()>) {
        let found = whole(name, ["inc-1", "inc-12", "inc-23"].into_iter());
        assert_eq!(found.as_deref().map_err(|_| ()), expected);
    }

    #[test]
    fn a_word_that_is_none_is_refused_with_those_that_are() {
        let found = word("status", Some("Open"), STATUSES, IncidentStatus::as_str);
        assert_eq!(found.unwrap(), Some(IncidentStatus::Open));
        let error = word("status", Some("closed"), STATUSES, IncidentStatus::as_str).unwrap_err();
        let known = "write one of open, acknowledged, resolved";
        assert!(error.to_string().ends_with(known), "{error}");
    }
}
