//! Agents of the suite's own on loopback, each of which fails in one way; and
//! the policies that it is about. Both are files that an engine is given.

use crate::loopback::{Asked, Said, serve};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use rok_agents::{
    AgentCard, AgentSpec, OfferAnswer, Order, PROTOCOL, Signed, SignedWhat, WorkError, WorkResult,
    WorkStatus,
};
use rok_attest::SigningKey;
use rok_vocabulary::{ErrorClass, TrustLevel};
use serde::Serialize;
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

/// The policies that an engine must be under to be held against the cases about
/// them. They cover two steps of the suite's own plans, and nothing else.
pub const POLICIES: &str = r#"{ "policies": [
  { "type": "governance", "scope": "step", "enforcement_level": "strict",
    "payload": { "id": "conformance-strict", "plan": "conformance", "step": "forbidden",
                 "deny": { "commands": ["true"] } } },
  { "type": "governance", "scope": "step", "enforcement_level": "soft",
    "payload": { "id": "conformance-soft", "plan": "conformance", "step": "frowned_upon",
                 "deny": { "commands": ["true"] } } }
] }
"#;

/// How an agent behaves.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Manner {
    Works,
    /// Says that the work failed, and why.
    Fails(&'static str),
    /// Cuts every connection once it has work.
    Dies,
    /// Never comes to an end.
    Stays,
    /// Signs by another key than its own.
    Forges,
}

/// Each agent, in the order in which agents are asked. The last one takes over.
const AGENTS: [(&str, Manner); 6] = [
    ("dies", Manner::Dies),
    ("dies-too", Manner::Dies),
    ("forges", Manner::Forges),
    ("forges-too", Manner::Forges),
    ("stays", Manner::Stays),
    ("works", Manner::Works),
];

/// Files for an engine; the agents live as long as this process.
#[derive(Debug, Clone)]
pub struct House {
    /// [`POLICIES`], as a file.
    pub policies: PathBuf,
    /// The agents' file.
    pub agents: PathBuf,
}

impl House {
    /// Starts the agents, and writes the files into a folder.
    pub fn open(folder: &Path) -> io::Result<Self> {
        let policies = folder.join("conformance-policies.json");
        fs::write(&policies, POLICIES)?;
        let mut text = "heartbeat = '50ms'\nsilence = '1s'\n".to_owned();
        for (name, manner) in AGENTS {
            // The one that works can do what all the others can.
            let can: Vec<String> = match manner {
                Manner::Works => AGENTS.iter().map(|(name, _)| capability(name)).collect(),
                _ => vec![capability(name)],
            };
            text += &table(folder, name, manner, &can)?;
            let _ = writeln!(text, "local = {}", manner == Manner::Works);
        }
        let agents = folder.join("conformance-agents.toml");
        fs::write(&agents, text)?;
        Ok(Self { policies, agents })
    }
}

/// What an agent of the suite is called, and what it can do.
pub(crate) fn capability(name: &str) -> String {
    format!("conformance-{name}")
}

/// Starts an agent, writes its key into a folder, and says how an agents' file
/// there names it.
pub(crate) fn table(
    folder: &Path,
    name: &'static str,
    manner: Manner,
    can: &[String],
) -> io::Result<String> {
    let key = SigningKey::generate().map_err(io::Error::other)?;
    let file = format!("conformance-{name}.pub");
    fs::write(folder.join(&file), key.public().to_pem())?;
    let url = Agent::start(name, manner, key)?;
    Ok(format!(
        "[agents.conformance-{name}]\nurl = '{url}'\ncapabilities = {can:?}\n\
         trust_level = 'SIGNED'\nkey = '{file}'\nslots = 8\n"
    ))
}

/// One agent on loopback.
struct Agent {
    name: &'static str,
    manner: Manner,
    key: SigningKey,
    /// Another one's.
    forged: SigningKey,
    orders: Mutex<BTreeMap<String, Order>>,
    beats: Mutex<u64>,
}

impl Agent {
    /// Starts it; its address.
    fn start(name: &'static str, manner: Manner, key: SigningKey) -> io::Result<String> {
        let agent = Self {
            name,
            manner,
            key,
            forged: SigningKey::generate().map_err(io::Error::other)?,
            orders: Mutex::default(),
            beats: Mutex::default(),
        };
        serve(&format!("agent {name}"), move |asked| {
            match agent.answer(asked) {
                Some((code, said)) => Said::Json(code, said),
                None => Said::Cut,
            }
        })
    }

    /// The status and the answer; none where it is dead.
    fn answer(&self, asked: &Asked) -> Option<(u16, Value)> {
        let (method, path) = (asked.method.as_str(), asked.path.as_str());
        let mut orders = self.orders.lock().unwrap_or_else(PoisonError::into_inner);
        match (method, path.trim_start_matches('/').split_once('/')) {
            ("GET", None) => Some((200, self.card(&asked.query))),
            ("POST", None) if path == "/offers" => {
                let answer = serde_json::to_value(OfferAnswer::accepted()).ok()?;
                Some((200, answer))
            }
            ("POST", None) => {
                let order: Order = serde_json::from_slice(&asked.body).ok()?;
                orders.insert(order.offer.nonce.clone(), order);
                Some((202, json!({})))
            }
            ("GET", Some((_, nonce))) => match (orders.get(nonce), self.manner) {
                (None, _) => Some((404, json!({}))),
                (Some(_), Manner::Dies) => None,
                (Some(order), _) => Some((200, self.status(order)?)),
            },
            _ => Some((200, json!({}))),
        }
    }

    fn card(&self, query: &str) -> Value {
        let challenge = query
            .split('&')
            .find_map(|pair| pair.strip_prefix("challenge="));
        let card = AgentCard {
            protocol: PROTOCOL.to_owned(),
            challenge: challenge.unwrap_or_default().to_owned(),
            spec: AgentSpec {
                agent_id: capability(self.name).parse().expect("it is an agent's id"),
                capabilities: [].into(),
                trust_level: TrustLevel::Signed,
                region: None,
                slots: 8,
            },
            load: 0,
            holds: false,
        };
        signed(&card, SignedWhat::Card, &self.key)
    }

    fn status(&self, order: &Order) -> Option<Value> {
        if self.manner == Manner::Stays {
            // It grows with each answer: the work is alive.
            let mut beats = self.beats.lock().unwrap_or_else(PoisonError::into_inner);
            *beats += 1;
            let beat = *beats;
            return serde_json::to_value(WorkStatus::Running { beat }).ok();
        }
        let agent = capability(self.name).parse().ok()?;
        let mut result = WorkResult::of(&order.offer, agent, json!({ "by": self.name }));
        if let Manner::Fails(reason) = self.manner {
            result.outputs = Value::Null;
            result.error = Some(WorkError {
                class: ErrorClass::ValidationFailed,
                reason: reason.to_owned(),
            });
        }
        let key = match self.manner {
            Manner::Forges => &self.forged,
            _ => &self.key,
        };
        Some(json!({ "state": "done", "result": signed(&result, SignedWhat::Result, key) }))
    }
}

fn signed(value: &impl Serialize, what: SignedWhat, key: &SigningKey) -> Value {
    let payload = serde_json::to_string(value).expect("its keys are strings");
    let signature = key.sign(&Signed::message(what, &payload));
    let signed = Signed {
        signature: Some(STANDARD.encode(signature)),
        payload,
    };
    serde_json::to_value(signed).expect("texts are JSON")
}
