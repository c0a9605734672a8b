//! The agents' file: which remote agents there are, how far each is trusted,
//! and when one is left.

use rok_agents::{AgentSpec, Limits, StepPolicy};
use rok_attest::PublicKey;
use rok_exec_http::Url;
use rok_vocabulary::{AgentId, AgentPlace, Capability, Federation, TrustLevel, parse_duration};
use serde::Deserialize;
use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::time::Duration;

/// A larger file is no agents' file.
const MAX_BYTES: u64 = 1024 * 1024;
/// How long an answer to an offer may take, unless the file says otherwise.
const OFFER_TIMEOUT: Duration = Duration::from_secs(5);
/// How often an agent that works is asked how it goes.
const HEARTBEAT: Duration = Duration::from_secs(2);
/// It counts as lost after five of them.
const SILENCE: Duration = Duration::from_secs(10);
/// More steps at once than a machine could hold open.
const MAX_SLOTS: u32 = 10_000;

/// An agents' file that cannot be used.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum AgentsFileError {
    /// The file cannot be read.
    #[error("cannot read the agents' file {}", file.display())]
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
        /// The file, with the line where that is known.
        file: String,
        /// What is wrong.
        what: String,
    },
    /// An agent of it makes no sense.
    #[error("{file}: agent `{agent}`: {what}")]
    Agent {
        /// The file.
        file: String,
        /// The agent.
        agent: String,
        /// What is wrong, and how it is mended.
        what: String,
    },
}

/// A remote agent as it is configured.
#[derive(Debug, Clone)]
pub struct RemoteAgent {
    /// What is believed of it.
    pub spec: AgentSpec,
    /// Where it counts as being.
    pub place: AgentPlace,
    /// Where it answers.
    pub url: Url,
    /// The key that signs what it says.
    pub key: Option<PublicKey>,
    /// The variable with the token that is shown to it.
    pub token_env: Option<String>,
}

/// What the agents' file says.
#[derive(Debug, Clone)]
pub struct AgentsFile {
    /// The agents, by id.
    pub agents: Vec<RemoteAgent>,
    /// Which are preferred where a step says nothing.
    pub federation: Federation,
    /// How many remote ones must be reached for any to be asked.
    pub quorum: u32,
    /// How long an answer to an offer may take.
    pub offer_timeout: Duration,
    /// How often an agent that works is asked how it goes.
    pub heartbeat: Duration,
    /// When one that works counts as lost, or as too slow.
    pub limits: Limits,
    /// Policies that every offer carries.
    pub policies: Vec<StepPolicy>,
}

impl Default for AgentsFile {
    fn default() -> Self {
        Self {
            agents: Vec::new(),
            federation: Federation::LocalPrefer,
            quorum: 0,
            offer_timeout: OFFER_TIMEOUT,
            heartbeat: HEARTBEAT,
            limits: Limits {
                silence: SILENCE,
                latency: None,
            },
            policies: Vec::new(),
        }
    }
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Written {
    federation: Option<Federation>,
    quorum: Option<u32>,
    offer_timeout: Option<String>,
    heartbeat: Option<String>,
    silence: Option<String>,
    max_latency: Option<String>,
    #[serde(default)]
    agents: BTreeMap<String, Entry>,
    #[serde(default)]
    policies: Vec<StepPolicy>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Entry {
    url: String,
    capabilities: BTreeSet<Capability>,
    #[serde(default = "unverified")]
    trust_level: TrustLevel,
    key: Option<PathBuf>,
    region: Option<String>,
    #[serde(default = "one")]
    slots: u32,
    token_env: Option<String>,
    #[serde(default)]
    local: bool,
}

const fn unverified() -> TrustLevel {
    TrustLevel::Unverified
}

const fn one() -> u32 {
    1
}

impl AgentsFile {
    /// Reads the file; keys are read from the files that it names, relative to
    /// its folder.
    pub fn read(file: &Path) -> Result<Self, AgentsFileError> {
        let unreadable = |source| AgentsFileError::Unreadable {
            file: file.to_owned(),
            source,
        };
        let bytes = rok_files::read(file, MAX_BYTES).map_err(unreadable)?;
        let name = file.display().to_string();
        let text = String::from_utf8(bytes).map_err(|_| AgentsFileError::Syntax {
            file: name.clone(),
            what: "it is not UTF-8".to_owned(),
        })?;
        Self::with(&text, &name, file.parent().unwrap_or(Path::new("/")))
    }

    /// The same from text; relative paths start from `/`.
    pub fn parse(text: &str, source: &str) -> Result<Self, AgentsFileError> {
        Self::with(text, source, Path::new("/"))
    }

    fn with(text: &str, file: &str, base: &Path) -> Result<Self, AgentsFileError> {
        let syntax = |file: String, what: String| AgentsFileError::Syntax { file, what };
        let written: Written = toml::from_str(text).map_err(|error| {
            let at = error.span().map_or(0, |span| span.start).min(text.len());
            let line = text[..at].matches('\n').count() + 1;
            syntax(format!("{file}:{line}"), error.message().to_owned())
        })?;
        let time = |key: &str, given: Option<&String>, default| match given {
            None => Ok(default),
            Some(text) => match parse_duration(text) {
                Ok(time) if !time.is_zero() => Ok(time),
                _ => {
                    let what = format!("`{key}` is no duration such as `2s`: `{text}`");
                    Err(syntax(file.to_owned(), what))
                }
            },
        };
        let latency = written.max_latency.as_ref();
        let latency = latency
            .map(|_| time("max_latency", latency, Duration::ZERO))
            .transpose()?;
        let own = Self {
            federation: written.federation.unwrap_or(Federation::LocalPrefer),
            quorum: written.quorum.unwrap_or(0),
            offer_timeout: time(
                "offer_timeout",
                written.offer_timeout.as_ref(),
                OFFER_TIMEOUT,
            )?,
            heartbeat: time("heartbeat", written.heartbeat.as_ref(), HEARTBEAT)?,
            limits: Limits {
                silence: time("silence", written.silence.as_ref(), SILENCE)?,
                latency,
            },
            agents: agents(written.agents, file, base)?,
            policies: written.policies,
        };
        own.make_sense()
            .map_err(|what| syntax(file.to_owned(), what))?;
        Ok(own)
    }

    fn make_sense(&self) -> Result<(), String> {
        if self.limits.silence <= self.heartbeat {
            return Err(
                "`silence` is no longer than `heartbeat`: every agent would be lost".into(),
            );
        }
        let remote = |agent: &&RemoteAgent| agent.place == AgentPlace::Remote;
        let remote = self.agents.iter().filter(remote).count();
        if u32::try_from(remote).is_ok_and(|remote| remote < self.quorum) {
            return Err(format!(
                "`quorum` is {}, and there are {remote} remote agents",
                self.quorum
            ));
        }
        let mut names: Vec<&str> = self.policies.iter().map(|one| one.name.as_str()).collect();
        names.sort_unstable();
        match names.windows(2).find(|pair| pair[0] == pair[1]) {
            Some(pair) => Err(format!("the policy `{}` is there twice", pair[0])),
            None => Ok(()),
        }
    }
}

fn agents(
    entries: BTreeMap<String, Entry>,
    file: &str,
    base: &Path,
) -> Result<Vec<RemoteAgent>, AgentsFileError> {
    let entries = entries.into_iter().map(|(id, entry)| {
        agent(&id, entry, base).map_err(|what| AgentsFileError::Agent {
            file: file.to_owned(),
            agent: id,
            what,
        })
    });
    entries.collect()
}

fn agent(id: &str, entry: Entry, base: &Path) -> Result<RemoteAgent, String> {
    let agent_id: AgentId = id.parse().map_err(|error| format!("{error}"))?;
    if agent_id.is_this_machine() {
        return Err("`localhost` is this machine itself: give the agent another name".into());
    }
    let url = rok_exec_http::address(&entry.url)?;
    if entry.capabilities.is_empty() {
        return Err("it can do nothing: add `capabilities`".into());
    }
    if !(1..=MAX_SLOTS).contains(&entry.slots) {
        return Err(format!("`slots` is a number from 1 to {MAX_SLOTS}"));
    }
    if url.query().is_some() || url.fragment().is_some() {
        return Err("`url` has more than a path: what is secret goes into `token_env`".into());
    }
    if entry.local && !is_loopback(&url) {
        return Err(
            "`local` is for an agent on this machine: its `url` is no loopback address".into(),
        );
    }
    let key = match (entry.trust_level, &entry.key) {
        (TrustLevel::Unverified, Some(_)) => {
            return Err("it has a `key` and is UNVERIFIED: say `trust_level = \"SIGNED\"`".into());
        }
        (TrustLevel::Unverified, None) => None,
        (level, None) => {
            return Err(format!(
                "it is {level} and has no `key`: name the file of its public key"
            ));
        }
        (_, Some(path)) => {
            let key = PublicKey::read(&base.join(path)).map_err(|error| error.to_string())?;
            Some(key)
        }
    };
    Ok(RemoteAgent {
        spec: AgentSpec {
            agent_id,
            capabilities: entry.capabilities,
            trust_level: entry.trust_level,
            region: entry.region,
            slots: entry.slots,
        },
        place: if entry.local {
            AgentPlace::Local
        } else {
            AgentPlace::Remote
        },
        url,
        key,
        token_env: entry.token_env,
    })
}

fn is_loopback(url: &Url) -> bool {
    let host = url.host_str().unwrap_or_default();
    let host = host.trim_start_matches('[').trim_end_matches(']');
    let address: Option<std::net::IpAddr> = host.parse().ok();
    host == "localhost" || address.is_some_and(|address| address.is_loopback())
}

#[cfg(test)]
mod tests {
    use super::*;
    use rstest::rstest;

    #[rstest]
    #[case::key(
        "[agents.a]\nurl='http://x'\ncapabilities=['c']\nhost='y'",
        "a.toml:4: unknown field `host`"
    )]
    #[case::id(
        "[agents.'a b']\nurl='http://x'\ncapabilities=['c']",
        "a.toml: agent `a b`: `a b` is no agent id"
    )]
    #[case::this_machine(
        "[agents.localhost]\nurl='http://x'\ncapabilities=['c']",
        "a.toml: agent `localhost`: `localhost` is this machine itself"
    )]
    #[case::scheme(
        "[agents.a]\nurl='ftp://x'\ncapabilities=['c']",
        "a.toml: agent `a`: `url` has the scheme `ftp`"
    )]
    #[case::nothing(
        "[agents.a]\nurl='http://x'\ncapabilities=[]",
        "a.toml: agent `a`: it can do nothing"
    )]
    #[case::slots(
        "[agents.a]\nurl='http://x'\ncapabilities=['c']\nslots=0",
        "a.toml: agent `a`: `slots` is a number"
    )]
    #[case::no_key(
        "[agents.a]\nurl='http://x'\ncapabilities=['c']\ntrust_level='SIGNED'",
        "a.toml: agent `a`: it is SIGNED and has no `key`"
    )]
    #[case::idle_key(
        "[agents.a]\nurl='http://x'\ncapabilities=['c']\nkey='k'",
        "a.toml: agent `a`: it has a `key` and is UNVERIFIED"
    )]
    #[case::far_local(
        "[agents.a]\nurl='http://x'\ncapabilities=['c']\nlocal=true",
        "a.toml: agent `a`: `local` is for an agent on this machine"
    )]
    #[case::secret(
        "[agents.a]\nurl='http://x/?token=t'\ncapabilities=['c']",
        "a.toml: agent `a`: `url` has more than a path"
    )]
    #[case::quorum(
        "quorum = 2\n[agents.a]\nurl='http://x'\ncapabilities=['c']",
        "a.toml: `quorum` is 2, and there are 1"
    )]
    #[case::silence("silence = '2s'", "a.toml: `silence` is no longer than `heartbeat`")]
    #[case::time("heartbeat = '2'", "a.toml: `heartbeat` is no duration")]
    #[case::word(
        "federation = 'trusted'",
        "a.toml:1: unknown federation policy `trusted`"
    )]
    fn faults(#[case] text: &str, #[case] begins: &str) {
        let error = AgentsFile::parse(text, "a.toml").unwrap_err().to_string();
        assert!(error.starts_with(begins), "{error}");
    }

    #[test]
    fn a_key_is_read_beside_the_file() {
        let dir = tempfile::tempdir().unwrap();
        let key = rok_attest::SigningKey::from_seed([7; 32]).public();
        std::fs::write(dir.path().join("a.pub"), key.to_pem()).unwrap();
        let file = dir.path().join("agents.toml");
        let text = "[agents.a]\nurl = 'http://127.0.0.1:1'\ncapabilities = ['c']\n\
                    trust_level = 'VERIFIED'\nkey = 'a.pub'\nlocal = true\n";
        std::fs::write(&file, text).unwrap();
        let read = AgentsFile::read(&file).unwrap();
        assert_eq!(read.agents[0].key, Some(key));
        assert_eq!(read.agents[0].place, AgentPlace::Local);
    }
}
