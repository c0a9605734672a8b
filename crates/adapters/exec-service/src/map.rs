//! The service map: which worker stands behind a slug, and how it is reached.

use serde::Deserialize;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

/// The services of the built-in plans.
const BUILTIN: &str = include_str!("services.toml");

/// A larger file is no service map.
const MAX_BYTES: u64 = 1024 * 1024;

/// How one service is reached.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ServiceSpec {
    /// What plans call it.
    pub slug: String,
    /// What its worker is called.
    pub worker_key: String,
    /// Shown to people.
    pub name: String,
    /// What it tells about, in a word.
    pub kind: Option<String>,
    /// Where it is.
    pub base_url: Option<String>,
    /// The variable that says where it is; it wins over `base_url`.
    pub base_url_env: Option<String>,
    /// The variable that holds its key.
    pub api_key_env: Option<String>,
    /// The file that holds its key, absolute.
    pub api_key_file: Option<PathBuf>,
    /// The command that prints its key: an argument vector, no shell.
    pub key_command: Vec<String>,
    /// Whether a call needs a key.
    pub bearer: bool,
    /// Whether it may be called at all.
    pub enabled: bool,
    /// Its health endpoint.
    pub health: String,
    /// The endpoint that does its work.
    pub run: String,
}

/// A service as a file has it.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Entry {
    worker_key: String,
    name: String,
    #[serde(rename = "type")]
    kind: Option<String>,
    base_url: Option<String>,
    base_url_env: Option<String>,
    api_key_env: Option<String>,
    api_key_file: Option<PathBuf>,
    #[serde(default)]
    key_command: Words,
    #[serde(default = "yes")]
    bearer: bool,
    #[serde(default = "yes")]
    enabled: bool,
    #[serde(default = "health")]
    health: String,
    #[serde(default = "run")]
    run: String,
}

/// A command: words, or a line that blanks part into words.
#[derive(Debug, Deserialize)]
#[serde(untagged)]
enum Words {
    Line(String),
    List(Vec<String>),
}

impl Default for Words {
    fn default() -> Self {
        Self::List(Vec::new())
    }
}

const fn yes() -> bool {
    true
}

fn health() -> String {
    "/health".to_owned()
}

fn run() -> String {
    "/api/run".to_owned()
}

/// A service map that cannot be read.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum MapError {
    /// The file cannot be read.
    #[error("cannot read the service map {file}", file = file.display())]
    Unreadable {
        /// The file.
        file: PathBuf,
        /// Why.
        #[source]
        source: std::io::Error,
    },
    /// It is no TOML, or has a key that is unknown.
    #[error("{file}: {what}")]
    Syntax {
        /// The file.
        file: String,
        /// What is wrong, with its place.
        what: String,
    },
    /// A service of it makes no sense.
    #[error("{file}: service `{slug}`: {what}")]
    Service {
        /// The file.
        file: String,
        /// The service.
        slug: String,
        /// What is wrong, and how it is mended.
        what: String,
    },
}

/// Which services there are.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ServiceMap {
    services: BTreeMap<String, ServiceSpec>,
}

impl ServiceMap {
    /// The services of the built-in plans.
    #[must_use]
    pub fn builtin() -> Self {
        let services = entries(BUILTIN, "builtin:services.toml", Path::new("/"));
        Self {
            services: services.expect("the built-in map is tested"),
        }
    }

    /// The built-in services, and those of a file, which win.
    pub fn read(file: &Path) -> Result<Self, MapError> {
        let unreadable = |source| MapError::Unreadable {
            file: file.to_owned(),
            source,
        };
        let bytes = rok_files::read(file, MAX_BYTES).map_err(unreadable)?;
        let text = String::from_utf8(bytes).map_err(|_| MapError::Syntax {
            file: file.display().to_string(),
            what: "it is not UTF-8".to_owned(),
        })?;
        let base = file.parent().unwrap_or(Path::new("/"));
        Self::with(&text, &file.display().to_string(), base)
    }

    /// The same from text; relative paths start from `/`.
    pub fn parse(text: &str, source: &str) -> Result<Self, MapError> {
        Self::with(text, source, Path::new("/"))
    }

    fn with(text: &str, source: &str, base: &Path) -> Result<Self, MapError> {
        let mut map = Self::builtin();
        map.services.extend(entries(text, source, base)?);
        Ok(map)
    }

    /// The service of this slug.
    #[must_use]
    pub fn get(&self, slug: &str) -> Option<&ServiceSpec> {
        self.services.get(slug)
    }

    /// All services, by slug.
    pub fn iter(&self) -> impl Iterator<Item = &ServiceSpec> {
        self.services.values()
    }

    /// Why there is no such service, and which one may be meant.
    #[must_use]
    pub fn unknown(&self, slug: &str) -> String {
        let near = self.services.keys();
        let near = near.min_by_key(|known| strsim::damerau_levenshtein(known, slug));
        let near = near.filter(|known| strsim::damerau_levenshtein(known, slug) <= 3);
        let hint = match near {
            Some(near) => format!("did you mean `{near}`?"),
            None => "add it to the file that the setting `services` names".to_owned(),
        };
        format!("the service map has no `{slug}` ({hint})")
    }
}

fn entries(text: &str, file: &str, base: &Path) -> Result<BTreeMap<String, ServiceSpec>, MapError> {
    let found: BTreeMap<String, Entry> = toml::from_str(text).map_err(|error| {
        let line = error.span().map_or(0, |span| span.start).min(text.len());
        let line = text[..line].matches('\n').count() + 1;
        MapError::Syntax {
            file: format!("{file}:{line}"),
            what: error.message().to_owned(),
        }
    })?;
    let specs = found.into_iter().map(|(slug, entry)| {
        let spec = spec(&slug, entry, base).map_err(|what| MapError::Service {
            file: file.to_owned(),
            slug: slug.clone(),
            what,
        })?;
        Ok((slug, spec))
    });
    specs.collect()
}

fn spec(slug: &str, entry: Entry, base: &Path) -> Result<ServiceSpec, String> {
    let word = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-';
    if slug.is_empty() || slug.len() > 64 || slug.starts_with('-') || !slug.bytes().all(word) {
        return Err("a slug is small letters, digits and `-`".to_owned());
    }
    let key_command = match entry.key_command {
        Words::List(words) => words,
        Words::Line(line) => line.split_whitespace().map(ToOwned::to_owned).collect(),
    };
    let sources = [
        entry.api_key_env.is_some(),
        entry.api_key_file.is_some(),
        !key_command.is_empty(),
    ];
    if sources.iter().filter(|given| **given).count() > 1 {
        let why = "give one of `api_key_env`, `api_key_file` and `key_command`: which key is it?";
        return Err(why.to_owned());
    }
    if entry.base_url.is_none() && entry.base_url_env.is_none() {
        return Err("it has no address: add `base_url_env` or `base_url`".to_owned());
    }
    if let Some(url) = &entry.base_url {
        rok_exec_http::address(url).map_err(|why| why.replace("`url`", "`base_url`"))?;
    }
    for path in [&entry.health, &entry.run] {
        if !path.starts_with('/') {
            return Err(format!("the endpoint `{path}` does not begin with `/`"));
        }
    }
    Ok(ServiceSpec {
        slug: slug.to_owned(),
        worker_key: entry.worker_key,
        name: entry.name,
        kind: entry.kind,
        base_url: entry.base_url,
        base_url_env: entry.base_url_env,
        api_key_env: entry.api_key_env,
        api_key_file: entry.api_key_file.map(|file| base.join(file)),
        key_command,
        bearer: entry.bearer,
        enabled: entry.enabled,
        health: entry.health,
        run: entry.run,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use rstest::rstest;

    #[test]
    fn the_seed_s_workers_are_built_in() {
        let map = ServiceMap::builtin();
        let found: Vec<_> = map.iter().map(|s| (&*s.slug, &*s.worker_key)).collect();
        let expected = [
            ("competitive-intelligence", "competitive_snapshot"),
            ("domain-authority", "backlink_authority"),
            ("serp-intelligence", "serp_intel"),
            ("technical-seo", "crawl_render"),
            ("vitals-monitor", "core_web_vitals"),
        ];
        assert_eq!(found, expected);
    }

    #[rstest]
    #[case::key(
        "[a]\nworker_key='a'\nname='A'\nurl='x'",
        "s.toml:4: unknown field `url`"
    )]
    #[case::address(
        "[a]\nworker_key='a'\nname='A'",
        "s.toml: service `a`: it has no address: add `base_url_env` or `base_url`"
    )]
    #[case::scheme(
        "[a]\nworker_key='a'\nname='A'\nbase_url='ftp://x'",
        "s.toml: service `a`: `base_url` has the scheme `ftp`"
    )]
    #[case::two_keys(
        "[a]\nworker_key='a'\nname='A'\nbase_url='http://x'\napi_key_env='K'\nkey_command='bw get'",
        "s.toml: service `a`: give one of"
    )]
    #[case::slug(
        "['A b']\nworker_key='a'\nname='A'\nbase_url='http://x'",
        "s.toml: service `A b`: a slug is"
    )]
    #[case::endpoint(
        "[a]\nworker_key='a'\nname='A'\nbase_url='http://x'\nrun='api'",
        "s.toml: service `a`: the endpoint `api` does not begin with `/`"
    )]
    fn faults(#[case] text: &str, #[case] begins: &str) {
        let error = ServiceMap::parse(text, "s.toml").unwrap_err().to_string();
        assert!(error.starts_with(begins), "{error}");
    }

    #[test]
    fn a_slug_that_is_nearly_right_is_told() {
        let map = ServiceMap::builtin();
        assert!(
            map.unknown("techncal-seo")
                .contains("did you mean `technical-seo`?")
        );
        assert!(map.unknown("weather").contains("the setting `services`"));
    }
}
