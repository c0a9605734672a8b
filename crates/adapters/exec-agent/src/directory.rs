//! The directory: which agents there are, what each is doing for us, and how
//! it stands. What a remote one says of itself is its load, and whether it is
//! who it should be; all else is what is configured.

use crate::book::{Against, AgentBook, resting, rests};
use crate::config::{AgentsFile, RemoteAgent};
use crate::function::AgentFunction;
use crate::proof::{self, Fault};
use crate::talk::{Talk, TalkError};
use rok_agents::{AgentCard, AgentSpec, Candidate, Health, Need, PROTOCOL, SignedWhat, has_quorum};
use rok_component::Outcome;
use rok_exec_http::headers::HeaderMap;
use rok_exec_http::{Client, Egress};
use rok_executor::wall_clock;
use rok_vocabulary::{AgentId, AgentPlace, Timestamp, TrustLevel};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};
use std::time::{Duration, Instant};
use tokio::sync::Notify;
use tokio::task::JoinSet;

/// For so long it counts what an agent said of itself.
const FRESH: Duration = Duration::from_secs(5);
/// Nobody waits longer for what an agent says of itself.
const LOOK: Duration = Duration::from_secs(2);
/// How exactly it is kept when an agent was last seen.
const SEEN: Duration = Duration::from_secs(60);
/// How long those without a free slot are left alone.
const BUSY: Duration = Duration::from_millis(250);

/// How an agent stands.
#[derive(Debug, Clone, Default)]
struct Standing {
    /// Steps of ours that it is doing.
    ours: u32,
    /// Steps that it said it is doing, before ours were counted on.
    said: u32,
    health: Health,
    looked: Option<Instant>,
}

/// Which agents there are, and how each stands.
#[derive(Debug)]
pub struct AgentDirectory {
    file: AgentsFile,
    functions: Vec<AgentFunction>,
    standing: Mutex<BTreeMap<AgentId, Standing>>,
    /// What is known of remote agents beyond this process.
    book: Option<AgentBook>,
    client: OnceLock<Result<Client, String>>,
    deny: Vec<String>,
    freed: Notify,
    /// By the agent's place in the file: who asks it how it stands.
    looking: Vec<tokio::sync::Mutex<()>>,
}

/// Who an agent is reached by.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Reached<'a> {
    Function(&'a AgentFunction),
    Remote(&'a RemoteAgent),
}

impl AgentDirectory {
    /// The agents of a file, and those of this process; of two with one id,
    /// the one of this process.
    #[must_use]
    pub fn new(mut file: AgentsFile, functions: impl IntoIterator<Item = AgentFunction>) -> Self {
        let functions: Vec<AgentFunction> = functions.into_iter().collect();
        let ids: BTreeSet<&AgentId> = functions.iter().map(|one| &one.spec().agent_id).collect();
        file.agents
            .retain(|agent| !ids.contains(&agent.spec.agent_id));
        Self {
            looking: file
                .agents
                .iter()
                .map(|_| tokio::sync::Mutex::default())
                .collect(),
            file,
            functions,
            standing: Mutex::default(),
            book: None,
            client: OnceLock::new(),
            deny: Vec::new(),
            freed: Notify::new(),
        }
    }

    /// Keeps what it learns of remote agents, and goes by what is kept.
    #[must_use]
    pub fn keeping(mut self, book: AgentBook) -> Self {
        self.book = Some(book);
        self
    }

    pub(crate) const fn book(&self) -> Option<&AgentBook> {
        self.book.as_ref()
    }

    /// Never reaches these hosts, whatever the file says.
    #[must_use]
    pub fn denying(mut self, deny: Vec<String>) -> Self {
        self.deny = deny;
        self
    }

    /// What each agent is: those of this process first, then by id.
    #[must_use]
    pub fn specs(&self) -> Vec<&AgentSpec> {
        let functions = self.functions.iter().map(AgentFunction::spec);
        functions
            .chain(self.file.agents.iter().map(|agent| &agent.spec))
            .collect()
    }

    pub(crate) const fn file(&self) -> &AgentsFile {
        &self.file
    }

    pub(crate) fn reached(&self, agent: &AgentId) -> Option<Reached<'_>> {
        let function = self
            .functions
            .iter()
            .find(|one| one.spec().agent_id == *agent);
        if let Some(function) = function {
            return Some(Reached::Function(function));
        }
        let mut remote = self.file.agents.iter();
        remote
            .find(|one| one.spec.agent_id == *agent)
            .map(Reached::Remote)
    }

    /// Every agent as it stands; `holds`: those that have the work already.
    pub(crate) fn candidates(&self, holds: &BTreeSet<AgentId>) -> Vec<Candidate> {
        // Files are read below: nobody waits for that.
        let standing = self.standing().clone();
        let known = |spec: &AgentSpec| standing.get(&spec.agent_id).cloned().unwrap_or_default();
        let candidate = |spec: &AgentSpec, place, known: &Standing, health| Candidate {
            load: known.ours.max(known.said),
            health,
            holds: holds.contains(&spec.agent_id),
            ..Candidate::new(spec.clone(), place)
        };
        let functions = self.functions.iter().map(AgentFunction::spec);
        let functions = functions.map(|spec| {
            let known = known(spec);
            candidate(spec, AgentPlace::Local, &known, known.health.clone())
        });
        let remote = self.file.agents.iter().map(|agent| {
            let known = known(&agent.spec);
            candidate(&agent.spec, agent.place, &known, self.health(agent, &known))
        });
        functions.chain(remote).collect()
    }

    /// How a remote agent stands: by what is kept of it, then by what this
    /// process knows. Where what is kept cannot be read, it is not asked.
    fn health(&self, agent: &RemoteAgent, standing: &Standing) -> Health {
        let Some(book) = &self.book else {
            return standing.health.clone();
        };
        let since = |against: &Against| format!("{} (since {})", against.why, against.since);
        match book.look(agent) {
            Err(why) => Health::Quarantined(why),
            Ok(known) => match (known.quarantined, rests(&known.breaker, wall_clock())) {
                (Some(against), _) => Health::Quarantined(since(&against)),
                (None, Some(until)) => Health::Down(resting(until)),
                (None, None) => match known.down {
                    // Until it is asked, what was known before holds.
                    Some(against) if standing.looked.is_none() => Health::Down(since(&against)),
                    _ => standing.health.clone(),
                },
            },
        }
    }

    /// Asks for leave to give it work.
    pub(crate) fn admit(&self, agent: &RemoteAgent) -> Result<(), String> {
        match &self.book {
            Some(book) => book.admit(agent, wall_clock()),
            None => Ok(()),
        }
    }

    /// Takes in what came of work that was offered to it.
    pub(crate) fn came(&self, agent: &RemoteAgent, outcome: Outcome) {
        if let Some(book) = &self.book {
            // Where it cannot be kept, it cannot be read the next time, and
            // then the agent is not asked.
            let _ = book.record(agent, outcome, wall_clock());
        }
    }

    /// Whether enough remote agents can be reached.
    pub(crate) fn quorum(&self) -> Result<(), String> {
        has_quorum(&self.candidates(&BTreeSet::new()), self.file.quorum)
    }

    /// A slot of an agent, until it is dropped; none where all are taken.
    pub(crate) fn hold(self: &Arc<Self>, spec: &AgentSpec, holds: bool) -> Option<Slot> {
        let mut standing = self.standing();
        let known = standing.entry(spec.agent_id.clone()).or_default();
        if known.ours >= spec.slots && !holds {
            return None;
        }
        known.ours += 1;
        Some(Slot {
            directory: Arc::clone(self),
            agent: spec.agent_id.clone(),
            was_taken: true,
        })
    }

    /// Waits until a slot may be free.
    pub(crate) async fn freed(&self) {
        // One that is remote is freed without a word to us.
        let _ = tokio::time::timeout(BUSY, self.freed.notified()).await;
        for known in self.standing().values_mut() {
            // However many wait, it is asked once in a while.
            let old = known.looked.is_some_and(|at| at.elapsed() >= BUSY);
            if old && known.said > known.ours {
                known.looked = None;
            }
        }
    }

    /// An agent could not be reached, or was silent.
    pub(crate) fn down(&self, agent: &RemoteAgent, why: &str) {
        self.set(&agent.spec.agent_id, Health::Down(why.to_owned()));
        if let Some(book) = &self.book {
            // It is asked again how it is before it is given anything.
            let _ = book.change(agent, |known| {
                known.down.get_or_insert_with(|| Against {
                    since: wall_clock(),
                    why: why.to_owned(),
                });
            });
        }
    }

    /// An agent answered as itself.
    fn seen(&self, agent: &RemoteAgent) {
        let now = wall_clock();
        let old = |at: Timestamp| now.since(at) >= SEEN;
        if let Some(book) = &self.book {
            let _ = book.change(agent, |known| {
                if known.down.is_some() || known.seen_at.is_none_or(old) {
                    known.seen_at = Some(now);
                }
                known.down = None;
            });
        }
    }

    /// An agent is not trusted any more: until somebody resets it, or, where
    /// nothing is kept, until this process ends.
    pub(crate) fn quarantine(&self, agent: &RemoteAgent, why: &str) {
        let kept = self.book.as_ref().map(|book| {
            book.change(agent, |known| {
                known.quarantined.get_or_insert_with(|| Against {
                    since: wall_clock(),
                    why: why.to_owned(),
                });
            })
        });
        if !matches!(kept, Some(Ok(()))) {
            self.set(&agent.spec.agent_id, Health::Quarantined(why.to_owned()));
        }
    }

    /// Forgets what speaks against an agent; none by that name: false.
    pub(crate) fn reset(&self, agent: &AgentId) -> Result<bool, String> {
        let mut remote = self.file.agents.iter();
        let Some(remote) = remote.find(|one| one.spec.agent_id == *agent) else {
            return Ok(false);
        };
        if let Some(book) = &self.book {
            book.forget(remote)?;
        }
        let mut standing = self.standing();
        if let Some(known) = standing.get_mut(agent) {
            (known.health, known.looked) = (Health::Up, None);
        }
        Ok(true)
    }

    fn set(&self, agent: &AgentId, health: Health) {
        let mut standing = self.standing();
        let known = standing.entry(agent.clone()).or_default();
        if !matches!(known.health, Health::Quarantined(_)) {
            known.health = health;
        }
    }

    fn standing(&self) -> MutexGuard<'_, BTreeMap<AgentId, Standing>> {
        self.standing.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn talk(&self, agent: &RemoteAgent, headers: HeaderMap) -> Result<Talk, TalkError> {
        let made = self.client.get_or_init(|| {
            // Whoever wrote the file named these hosts: they may be reached.
            let hosts = self.file.agents.iter().filter_map(|agent| {
                let host = agent.url.host_str()?;
                Some(
                    host.trim_start_matches('[')
                        .trim_end_matches(']')
                        .to_owned(),
                )
            });
            let hosts: Vec<String> = hosts.collect();
            let egress = Egress::new(&hosts, &self.deny).map_err(|error| error.to_string())?;
            Client::new(egress, []).map_err(|error| error.to_string())
        });
        let client = made
            .as_ref()
            .map_err(|why| TalkError::NotAsked(why.clone()))?;
        Talk::with(client.clone(), agent, headers)
    }

    /// Asks agents how they stand: those that can do what is needed, or, where
    /// a quorum is asked for or nothing is needed, all. Tells who has the work
    /// of the key.
    pub(crate) async fn look(
        self: &Arc<Self>,
        need: Option<&Need>,
        key: Option<&str>,
    ) -> BTreeSet<AgentId> {
        let mut asked = JoinSet::new();
        for (at, agent) in self.file.agents.iter().enumerate() {
            let fits = need.is_none_or(|need| {
                self.file.quorum > 0
                    || (need.capabilities.is_subset(&agent.spec.capabilities)
                        && agent.spec.trust_level >= need.min_trust)
            });
            let anew = key.is_some() || need.is_none();
            if fits && (anew || !self.is_fresh(&agent.spec.agent_id)) {
                let (directory, key) = (Arc::clone(self), key.map(ToOwned::to_owned));
                asked.spawn(async move {
                    if anew {
                        return directory.look_at(at, key.as_deref()).await;
                    }
                    let _asking = directory.looking[at].lock().await;
                    // Another one may have asked meanwhile.
                    if directory.is_fresh(&directory.file.agents[at].spec.agent_id) {
                        return None;
                    }
                    directory.look_at(at, None).await
                });
            }
        }
        let mut holds = BTreeSet::new();
        while let Some(found) = asked.join_next().await {
            holds.extend(found.ok().flatten());
        }
        holds
    }

    fn is_fresh(&self, agent: &AgentId) -> bool {
        let standing = self.standing();
        let looked = standing.get(agent).and_then(|known| known.looked);
        looked.is_some_and(|at| at.elapsed() < FRESH)
    }

    /// Asks one agent; its id, where it has the work of the key.
    async fn look_at(&self, at: usize, key: Option<&str>) -> Option<AgentId> {
        let agent = &self.file.agents[at];
        let id = &agent.spec.agent_id;
        let card = match tokio::time::timeout(LOOK, self.card(agent, key)).await {
            Ok(card) => card,
            Err(_) => Err(Distrust::Down(format!("no answer within {LOOK:?}"))),
        };
        let mut standing = self.standing();
        let known = standing.entry(id.clone()).or_default();
        known.looked = Some(Instant::now());
        if matches!(known.health, Health::Quarantined(_)) {
            return None;
        }
        if let Ok(card) = &card {
            (known.said, known.health) = (card.load, Health::Up);
        }
        drop(standing);
        match card {
            Ok(card) => {
                self.seen(agent);
                card.holds.then(|| id.clone())
            }
            Err(Distrust::Down(why)) => {
                self.down(agent, &why);
                None
            }
            Err(Distrust::Forged(why)) => {
                self.quarantine(agent, &why);
                None
            }
        }
    }

    async fn card(&self, agent: &RemoteAgent, key: Option<&str>) -> Result<AgentCard, Distrust> {
        let down = |error: TalkError| Distrust::Down(error.to_string());
        let challenge = nonce().map_err(Distrust::Down)?;
        let talk = self.talk(agent, HeaderMap::new()).map_err(down)?;
        let signed = talk.card(&challenge, key).await.map_err(down)?;
        let proves = agent.spec.trust_level >= TrustLevel::Verified;
        let by = agent.key.as_ref().filter(|_| proves);
        let card = proof::open::<AgentCard>(SignedWhat::Card, &signed, by);
        let card = card.map_err(|fault| match fault {
            Fault::Foreign(why) => Distrust::Forged(format!("it does not prove its key: {why}")),
            Fault::Unread(why) => Distrust::Down(format!("its card is refused: {why}")),
        })?;
        if card.protocol != PROTOCOL {
            let why = format!("it speaks {}, and this is {PROTOCOL}", card.protocol);
            return Err(Distrust::Down(why));
        }
        if card.spec.agent_id != agent.spec.agent_id {
            let why = format!("it says that it is {}", card.spec.agent_id);
            return Err(Distrust::Down(why));
        }
        if proves && card.challenge != challenge {
            let why = "it answers another challenge than it was given".to_owned();
            return Err(Distrust::Forged(why));
        }
        Ok(card)
    }
}

/// Why an agent is not asked.
enum Distrust {
    Down(String),
    Forged(String),
}

/// A slot of an agent.
#[derive(Debug)]
pub(crate) struct Slot {
    directory: Arc<AgentDirectory>,
    agent: AgentId,
    /// Not where the agent is busy with what others gave it.
    was_taken: bool,
}

impl Slot {
    /// The agent said that it has none: nobody is woken to ask it the same.
    pub(crate) fn was_none(mut self) {
        self.was_taken = false;
    }
}

impl Drop for Slot {
    fn drop(&mut self) {
        let mut standing = self.directory.standing();
        if let Some(known) = standing.get_mut(&self.agent) {
            known.ours = known.ours.saturating_sub(1);
            if self.was_taken {
                known.said = known.said.saturating_sub(1);
            }
        }
        drop(standing);
        if self.was_taken {
            self.directory.freed.notify_waiters();
        }
    }
}

/// 128 bits that nobody else has, in hex.
pub(crate) fn nonce() -> Result<String, String> {
    use std::fmt::Write as _;
    let mut bytes = [0_u8; 16];
    getrandom::fill(&mut bytes)
        .map_err(|_| "the operating system gives no randomness".to_owned())?;
    let mut text = String::with_capacity(32);
    for byte in bytes {
        let _ = write!(text, "{byte:02x}");
    }
    Ok(text)
}
