//! Use cases of the registry: whoever asks, from the terminal or from
//! elsewhere.

use crate::error::ServiceError;
use crate::service::Service;
use rok_component::{NameError, NamePattern, Selector, SelectorError, parse};
use rok_facades::registry::{
    AddedComponent, BreakerView, ComponentView, LockReport, ManifestFile, RegistryFacade,
    RegistryReport, RemovedComponent,
};
use rok_facades::runs::{ErrorKind, RunsError};
use rok_plan::PlanErrors;
use serde_json::Value;
use std::path::{Path, PathBuf};

/// More than a manifest has: a larger one is refused by the registry.
const MAX_READ: u64 = 2 * 1024 * 1024;

/// Which components are meant.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ComponentAsk {
    /// Filters, `type=validator,lifecycle=canary`.
    pub filters: Vec<String>,
    /// Tags, all of which must be there.
    pub tags: Vec<String>,
    /// Names and globs, any of which will do.
    pub names: Vec<String>,
    /// A text that stands in the name, the description, the owner or a tag.
    pub text: Option<String>,
}

/// The components, and who asks.
#[derive(Debug, Clone)]
pub struct ComponentBook {
    facade: RegistryFacade,
    cwd: PathBuf,
}

impl Service {
    /// The registry of components.
    pub fn components(&self) -> Result<ComponentBook, ServiceError> {
        Ok(ComponentBook {
            facade: self.registry_facade()?,
            cwd: self.cwd().to_owned(),
        })
    }

    /// The JSON Schema of manifests.
    #[must_use]
    pub fn component_schema(&self) -> Value {
        rok_component::json_schema()
    }

    /// Checks manifests that need not be in the registry, each for itself.
    /// Gives those that have faults.
    pub fn check_manifests(&self, files: &[PathBuf]) -> Result<Vec<PlanErrors>, ServiceError> {
        let mut faulty = Vec::new();
        for file in files {
            let (bytes, name) = read(self.cwd(), file)?;
            faulty.extend(parse(&bytes, &name).err());
        }
        Ok(faulty)
    }
}

impl ComponentBook {
    /// Every component that is meant, whatever it may do.
    pub fn list(&self, ask: &ComponentAsk) -> Result<Vec<ComponentView>, ServiceError> {
        let mut views = self.facade.list(&selector(ask)?)?;
        if let Some(text) = &ask.text {
            let text = text.to_lowercase();
            views.retain(|view| speaks_of(view, &text));
        }
        Ok(views)
    }

    /// All about one component.
    pub fn inspect(&self, name: &str) -> Result<ComponentView, ServiceError> {
        Ok(self.facade.inspect(&pattern(name)?)?)
    }

    /// The manifest with a fingerprint, as it is written.
    pub fn manifest(&self, fingerprint: &str) -> Result<Vec<u8>, ServiceError> {
        let digest = fingerprint.parse();
        let digest = digest.map_err(|_| ServiceError::BadName {
            what: "a fingerprint has 64 lowercase hex digits".to_owned(),
        })?;
        Ok(self.facade.content(digest)?)
    }

    /// Adds a component from its manifest.
    pub fn add(&self, file: &Path, replace: bool) -> Result<AddedComponent, ServiceError> {
        let (bytes, name) = read(&self.cwd, file)?;
        let path = self.cwd.join(file);
        let file = ManifestFile { bytes, name, path };
        Ok(self.facade.add(&file, replace)?)
    }

    /// Removes a component that nobody requires.
    pub fn remove(&self, name: &str) -> Result<RemovedComponent, ServiceError> {
        Ok(self.facade.remove(&pattern(name)?)?)
    }

    /// Looks at everything.
    pub fn validate(&self) -> Result<RegistryReport, ServiceError> {
        Ok(self.facade.validate()?)
    }

    /// Holds the registry to what it is now.
    pub fn lock(&self) -> Result<LockReport, ServiceError> {
        Ok(self.facade.lock()?)
    }

    /// Closes a component's breaker.
    pub fn reset(&self, name: &str) -> Result<BreakerView, ServiceError> {
        let name = name.parse();
        let name = name.map_err(|error: rok_vocabulary::IdError| ServiceError::BadName {
            what: error.to_string(),
        })?;
        Ok(self.facade.reset(&name)?)
    }
}

fn read(cwd: &Path, file: &Path) -> Result<(Vec<u8>, String), ServiceError> {
    let read = rok_files::read(&cwd.join(file), MAX_READ);
    let bytes = read.map_err(|error| {
        let message = format!("cannot read the manifest {}: {error}", file.display());
        RunsError::new(ErrorKind::Usage, "ROK0231", message)
    })?;
    Ok((bytes, file.to_string_lossy().into_owned()))
}

fn selector(ask: &ComponentAsk) -> Result<Selector, ServiceError> {
    let bad = |error: &SelectorError| ServiceError::BadName {
        what: error.to_string(),
    };
    let mut selector = Selector::default();
    for filter in &ask.filters {
        selector.filter(filter).map_err(|error| bad(&error))?;
    }
    for tag in ask.tags.iter().map(|tag| tag.trim()) {
        selector.tag(tag).map_err(|error| bad(&error))?;
    }
    for name in &ask.names {
        selector.names.push(pattern(name)?);
    }
    Ok(selector)
}

fn pattern(name: &str) -> Result<NamePattern, ServiceError> {
    name.parse()
        .map_err(|error: NameError| ServiceError::BadName {
            what: error.to_string(),
        })
}

/// Whether a text, in lower case, stands in what a component says of itself.
fn speaks_of(view: &ComponentView, text: &str) -> bool {
    let says = [
        Some(view.name.as_str()),
        view.description.as_deref(),
        view.owner.as_deref(),
    ];
    let tags = view.tags.iter().map(String::as_str);
    let mut says = says.into_iter().flatten().chain(tags);
    says.any(|says| says.to_lowercase().contains(text))
}
