//! Whether a service can be called, as far as its configuration tells.

use crate::map::ServiceSpec;
use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;

type Lookup = dyn Fn(&str) -> Option<String> + Send + Sync;

/// Where variables are looked up.
#[derive(Clone)]
pub struct Environment(Arc<Lookup>);

impl Environment {
    /// The process's own.
    #[must_use]
    pub fn of_process() -> Self {
        Self(Arc::new(|name| std::env::var(name).ok()))
    }

    /// These variables and no others.
    pub fn of<N: Into<String>, V: Into<String>>(
        variables: impl IntoIterator<Item = (N, V)>,
    ) -> Self {
        let variables = variables.into_iter();
        let variables: BTreeMap<String, String> = variables
            .map(|(name, value)| (name.into(), value.into()))
            .collect();
        Self(Arc::new(move |name| variables.get(name).cloned()))
    }

    /// A variable that is set to something.
    #[must_use]
    pub fn get(&self, name: &str) -> Option<String> {
        (self.0)(name).filter(|value| !value.trim().is_empty())
    }
}

impl fmt::Debug for Environment {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // Values may be keys.
        f.write_str("Environment")
    }
}

/// Whether a service can be called.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Standing {
    /// Address and key are there.
    Ready {
        /// Where it is.
        base: String,
    },
    /// Something is missing.
    NeedsConfig {
        /// What, as a failed step says it.
        what: &'static str,
        /// How it is mended.
        mend: String,
    },
    /// It may not be called.
    Blocked {
        /// Why.
        why: String,
    },
}

impl Standing {
    /// How a service stands. A key that a command prints is taken to be there:
    /// only a call asks for it.
    #[must_use]
    pub fn of(service: &ServiceSpec, environment: &Environment) -> Self {
        if !service.enabled {
            return Self::Blocked {
                why: "`enabled` is false in the service map".to_owned(),
            };
        }
        let named = service.base_url_env.as_deref();
        let base = named.and_then(|name| environment.get(name));
        let Some(base) = base.or_else(|| service.base_url.clone()) else {
            return Self::NeedsConfig {
                what: "No base URL found",
                mend: format!("set {}", named.unwrap_or("base_url")),
            };
        };
        if let Err(why) = rok_exec_http::address(&base) {
            let named = named.unwrap_or("base_url");
            return Self::NeedsConfig {
                what: "The base URL is no address",
                mend: format!("{named}: {}", why.replace("`url`", "it")),
            };
        }
        if service.bearer && !has_key(service, environment) {
            return Self::NeedsConfig {
                what: "No API key found",
                mend: mend_key(service),
            };
        }
        Self::Ready { base }
    }

    /// `ready`, `needs_config` or `blocked`.
    #[must_use]
    pub const fn word(&self) -> &'static str {
        match self {
            Self::Ready { .. } => "ready",
            Self::NeedsConfig { .. } => "needs_config",
            Self::Blocked { .. } => "blocked",
        }
    }
}

fn has_key(service: &ServiceSpec, environment: &Environment) -> bool {
    let named = service.api_key_env.as_deref();
    named.is_some_and(|name| environment.get(name).is_some())
        || service
            .api_key_file
            .as_ref()
            .is_some_and(|file| file.exists())
        || !service.key_command.is_empty()
}

fn mend_key(service: &ServiceSpec) -> String {
    match (&service.api_key_env, &service.api_key_file) {
        (Some(name), _) => format!("set {name}"),
        (None, Some(file)) => format!("write it to {}", file.display()),
        (None, None) => {
            "add `api_key_env`, `api_key_file` or `key_command` to the service map".to_owned()
        }
    }
}

impl fmt::Display for Standing {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Ready { base } => write!(f, "ready: {base}"),
            Self::NeedsConfig { what, mend } => write!(f, "needs_config: {what} ({mend})"),
            Self::Blocked { why } => write!(f, "blocked: {why}"),
        }
    }
}
