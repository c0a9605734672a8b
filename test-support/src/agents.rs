//! An agent on loopback that does its work, or fails in the way it is told to.

use crate::http::{Seen, Server, answer};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use rok_agents::{
    AgentCard, AgentSpec, Cannot, OfferAnswer, Order, PROTOCOL, Signed, SignedWhat, WorkError,
    WorkResult, WorkStatus, WorkUsage,
};
use rok_attest::{PublicKey, SigningKey};
use rok_vocabulary::{AgentId, ErrorClass, TrustLevel};
use serde::Serialize;
use serde_json::json;
use std::collections::BTreeMap;
use std::io::Write as _;
use std::net::TcpStream;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex};

/// How an agent behaves.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Manner {
    /// It does its work: `{"by": ID, "with": …}`, and says that it cost a cent.
    Works,
    /// It does its work, and that fails.
    Fails(ErrorClass),
    /// It is gone in the middle of the work: connections are cut from then on.
    Dies,
    /// It answers, and its work stands still.
    Hangs,
    /// It works until it is told to finish.
    Slow,
    /// Its result is signed by another key.
    Forges,
    /// Its result is not signed.
    SignsNothing,
    /// Its result is no result, though it is signed by its key.
    Babbles,
    /// It says that it does so many steps that there are less than none.
    DoesLessThanNothing,
    /// It answers an offer with a list.
    Lists,
    /// Its result is that of another order.
    Replays,
    /// It proves itself by another key than it should.
    Impostor,
    /// It takes no step.
    Refuses,
    /// It takes steps, and says that it cannot honour this policy.
    Cannot(String),
    /// It has no free slot.
    Busy,
}

/// An agent on loopback.
#[derive(Debug)]
pub struct TestAgent {
    server: Server,
    state: Arc<State>,
}

#[derive(Debug)]
struct State {
    id: AgentId,
    manner: Manner,
    key: SigningKey,
    dead: AtomicBool,
    finished: AtomicBool,
    beats: AtomicU64,
    /// By key: how often its work was begun.
    begun: Mutex<BTreeMap<String, u32>>,
    /// By nonce.
    orders: Mutex<BTreeMap<String, Order>>,
    withdrawn: Mutex<Vec<String>>,
}

impl TestAgent {
    /// Starts one; its key is made of its id.
    ///
    /// # Panics
    ///
    /// If the id is none, or loopback has no free port.
    #[must_use]
    pub fn start(id: &str, manner: Manner) -> Self {
        let mut seed = [1; 32];
        for (at, byte) in id.bytes().take(32).enumerate() {
            seed[at] = byte;
        }
        let state = Arc::new(State {
            id: id.parse().unwrap(),
            manner,
            key: SigningKey::from_seed(seed),
            dead: AtomicBool::new(false),
            finished: AtomicBool::new(false),
            beats: AtomicU64::new(0),
            begun: Mutex::default(),
            orders: Mutex::default(),
            withdrawn: Mutex::default(),
        });
        let own = Arc::clone(&state);
        let server = Server::start(move |seen, stream| own.answer(seen, stream));
        Self { server, state }
    }

    /// Where it answers.
    #[must_use]
    pub fn url(&self) -> String {
        self.server.url("/v1")
    }

    /// Its public key.
    #[must_use]
    pub fn key(&self) -> PublicKey {
        self.state.key.public()
    }

    /// Its table in an agents' file, whose folder holds its key.
    #[must_use]
    pub fn table(&self, trust: TrustLevel) -> String {
        let id = &self.state.id;
        let key = match trust {
            TrustLevel::Unverified => String::new(),
            _ => format!("key = '{id}.pub'\n"),
        };
        let url = self.url();
        format!(
            "[agents.{id}]\nurl = '{url}'\ncapabilities = ['sum', 'run']\n\
             trust_level = '{trust}'\n{key}slots = 1\n"
        )
    }

    /// Cuts every connection from now on.
    pub fn stop(&self) {
        self.state.dead.store(true, Ordering::SeqCst);
    }

    /// Answers again.
    pub fn go_on(&self) {
        self.state.dead.store(false, Ordering::SeqCst);
    }

    /// Lets a slow one come to its end.
    pub fn finish(&self) {
        self.state.finished.store(true, Ordering::SeqCst);
    }

    /// How often it began work, of all keys.
    ///
    /// # Panics
    ///
    /// If a thread of it panicked.
    #[must_use]
    pub fn begun(&self) -> u32 {
        self.state.begun.lock().unwrap().values().sum()
    }

    /// Orders that it was told nobody waits for.
    ///
    /// # Panics
    ///
    /// If a thread of it panicked.
    #[must_use]
    pub fn withdrawn(&self) -> usize {
        self.state.withdrawn.lock().unwrap().len()
    }

    /// The requests that it had.
    #[must_use]
    pub fn seen(&self) -> Vec<Seen> {
        self.server.seen()
    }

    /// How many requests began so, such as `POST /v1/orders`.
    #[must_use]
    pub fn asked(&self, begins: &str) -> usize {
        let seen = self.server.seen();
        seen.iter()
            .filter(|seen| seen.line.starts_with(begins))
            .count()
    }
}

impl State {
    fn answer(&self, seen: &Seen, stream: &mut TcpStream) {
        if self.dead.load(Ordering::SeqCst) {
            return;
        }
        let mut words = seen.line.split(' ');
        // A connection that is opened and not used says nothing.
        let (Some(method), Some(target)) = (words.next(), words.next()) else {
            return;
        };
        let (path, query) = target.split_once('?').unwrap_or((target, ""));
        let path = path.strip_prefix("/v1/").unwrap_or_default();
        let said = match (method, path.split_once('/')) {
            ("GET", None) if path == "agent" => said(&self.card(query)),
            ("POST", None) if path == "offers" && self.manner == Manner::Lists => said(&[0; 0]),
            ("POST", None) if path == "offers" => said(&self.offered()),
            ("POST", None) if path == "orders" => {
                self.ordered(&seen.body);
                answer("202 Accepted", "", "{}")
            }
            ("GET", Some(("orders", nonce))) => match self.status(nonce) {
                Some(status) => said(&status),
                None => answer("404 Not Found", "", "no such work"),
            },
            ("DELETE", Some(("orders", nonce))) => {
                self.withdrawn.lock().unwrap().push(nonce.to_owned());
                answer("204 No Content", "", "")
            }
            _ => answer("404 Not Found", "", "no such thing"),
        };
        if self.dead.load(Ordering::SeqCst) {
            return;
        }
        // Whoever asked may be gone.
        let _ = stream.write_all(said.as_bytes());
    }

    fn card(&self, query: &str) -> Signed {
        let value = |name: &str| {
            let mut pairs = query.split('&').filter_map(|pair| pair.split_once('='));
            let found = pairs.find(|(key, _)| *key == name);
            let value = found.map(|(_, value)| value.to_owned());
            value.map(|value| {
                value
                    .replace("%2F", "/")
                    .replace("%5B", "[")
                    .replace("%5D", "]")
            })
        };
        let begun = self.begun.lock().unwrap();
        let card = AgentCard {
            protocol: PROTOCOL.into(),
            challenge: value("challenge").unwrap_or_default(),
            spec: AgentSpec {
                agent_id: self.id.clone(),
                capabilities: ["sum", "run"].map(|one| one.parse().unwrap()).into(),
                trust_level: TrustLevel::Verified,
                region: None,
                slots: 1,
            },
            load: 0,
            holds: value("key").is_some_and(|key| begun.contains_key(&key)),
        };
        let other = SigningKey::from_seed([9; 32]);
        let key = match self.manner {
            Manner::Impostor => &other,
            _ => &self.key,
        };
        let mut card = json!(card);
        if self.manner == Manner::DoesLessThanNothing {
            card["load"] = json!(-5);
        }
        signed(&card, SignedWhat::Card, key)
    }

    fn offered(&self) -> OfferAnswer {
        match &self.manner {
            Manner::Refuses => OfferAnswer::refused("not today"),
            Manner::Cannot(policy) => OfferAnswer {
                cannot: vec![Cannot {
                    policy: policy.clone(),
                    reason: "it is beyond me".into(),
                }],
                ..OfferAnswer::accepted()
            },
            Manner::Busy => OfferAnswer {
                accept: false,
                busy: true,
                ..OfferAnswer::accepted()
            },
            _ => OfferAnswer::accepted(),
        }
    }

    fn ordered(&self, body: &str) {
        let order: Order = serde_json::from_str(body).unwrap();
        // What was begun under a key is never begun again.
        self.begun
            .lock()
            .unwrap()
            .entry(order.offer.key.clone())
            .or_insert(1);
        let nonce = order.offer.nonce.clone();
        self.orders.lock().unwrap().insert(nonce, order);
    }

    fn status(&self, nonce: &str) -> Option<WorkStatus> {
        let orders = self.orders.lock().unwrap();
        let order = orders.get(nonce)?;
        let beat = self.beats.fetch_add(1, Ordering::SeqCst);
        let mut result = WorkResult::of(
            &order.offer,
            self.id.clone(),
            json!({ "by": self.id, "with": order.with }),
        );
        result.log = "summed up\n".into();
        result.usage = WorkUsage {
            cost_usd: 0.01,
            ..WorkUsage::default()
        };
        let other = SigningKey::from_seed([9; 32]);
        let mut key = &self.key;
        match &self.manner {
            Manner::Dies => {
                self.dead.store(true, Ordering::SeqCst);
                return Some(WorkStatus::Running { beat });
            }
            Manner::Hangs => return Some(WorkStatus::Running { beat: 1 }),
            Manner::Slow if !self.finished.load(Ordering::SeqCst) => {
                return Some(WorkStatus::Running { beat });
            }
            Manner::Fails(class) => {
                result.error = Some(WorkError {
                    class: *class,
                    reason: "it cannot be summed".into(),
                });
            }
            Manner::Replays => result.nonce = "of-another-order".into(),
            Manner::Forges => key = &other,
            _ => {}
        }
        let mut result = match self.manner {
            Manner::Babbles => signed(&"blah", SignedWhat::Result, key),
            _ => signed(&result, SignedWhat::Result, key),
        };
        if self.manner == Manner::SignsNothing {
            result.signature = None;
        }
        Some(WorkStatus::Done { result })
    }
}

fn said(value: &impl Serialize) -> String {
    let body = serde_json::to_string(value).unwrap();
    answer("200 OK", "content-type: application/json\r\n", &body)
}

fn signed(value: &impl Serialize, what: SignedWhat, key: &SigningKey) -> Signed {
    let payload = serde_json::to_string(value).unwrap();
    let signature = key.sign(&Signed::message(what, &payload));
    Signed {
        signature: Some(STANDARD.encode(signature)),
        payload,
    }
}
