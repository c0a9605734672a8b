//! Agents of the suite's own on loopback, each of which fails in one way; and
//! the policies that it is about. Both are files that an engine is given.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use rok_agents::{
    AgentCard, AgentSpec, OfferAnswer, Order, PROTOCOL, Signed, SignedWhat, WorkResult, WorkStatus,
};
use rok_attest::SigningKey;
use rok_vocabulary::TrustLevel;
use serde::Serialize;
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::fs;
use std::io::{self, BufRead as _, BufReader, Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;

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
enum Manner {
    Works,
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

/// The largest request that an engine sends to an agent of the suite.
const MAX_BODY: u64 = 1024 * 1024;

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
            let key = SigningKey::generate().map_err(io::Error::other)?;
            let file = format!("conformance-{name}.pub");
            fs::write(folder.join(&file), key.public().to_pem())?;
            let url = Agent::start(name, manner, key)?;
            // The one that works can do what all the others can.
            let can: Vec<String> = match manner {
                Manner::Works => AGENTS.iter().map(|(name, _)| capability(name)).collect(),
                _ => vec![capability(name)],
            };
            let _ = write!(
                text,
                "[agents.conformance-{name}]\nurl = '{url}'\ncapabilities = {can:?}\n\
                 trust_level = 'SIGNED'\nkey = '{file}'\nslots = 8\nlocal = {}\n",
                manner == Manner::Works
            );
        }
        let agents = folder.join("conformance-agents.toml");
        fs::write(&agents, text)?;
        Ok(Self { policies, agents })
    }
}

fn capability(name: &str) -> String {
    format!("conformance-{name}")
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
        let listener = TcpListener::bind(("127.0.0.1", 0))?;
        let url = format!("http://{}", listener.local_addr()?);
        let agent = Arc::new(Self {
            name,
            manner,
            key,
            forged: SigningKey::generate().map_err(io::Error::other)?,
            orders: Mutex::default(),
            beats: Mutex::default(),
        });
        thread::Builder::new()
            .name(format!("agent {name}"))
            .spawn(move || {
                for stream in listener.incoming().flatten() {
                    let agent = Arc::clone(&agent);
                    // A connection that breaks is the engine's to deal with.
                    thread::spawn(move || agent.serve(stream));
                }
            })?;
        Ok(url)
    }

    /// Answers one request, and closes.
    fn serve(&self, stream: TcpStream) -> io::Result<()> {
        let mut reader = BufReader::new(stream);
        let mut first = String::new();
        reader.read_line(&mut first)?;
        let mut length = 0;
        loop {
            let mut line = String::new();
            if reader.read_line(&mut line)? == 0 || line.trim().is_empty() {
                break;
            }
            if let Some((name, value)) = line.split_once(':')
                && name.eq_ignore_ascii_case("content-length")
            {
                length = value.trim().parse().unwrap_or(0);
            }
        }
        let mut body = Vec::new();
        reader
            .by_ref()
            .take(MAX_BODY.min(length))
            .read_to_end(&mut body)?;
        let mut words = first.split(' ');
        let (Some(method), Some(target)) = (words.next(), words.next()) else {
            return Ok(());
        };
        let Some((code, said)) = self.answer(method, target, &body) else {
            return Ok(());
        };
        let said = said.to_string();
        let head = format!(
            "HTTP/1.1 {code} .\r\ncontent-type: application/json\r\ncontent-length: {}\r\nconnection: close\r\n\r\n",
            said.len()
        );
        let mut stream = reader.into_inner();
        stream.write_all(head.as_bytes())?;
        stream.write_all(said.as_bytes())
    }

    /// The status and the answer; none where it is dead.
    fn answer(&self, method: &str, target: &str, body: &[u8]) -> Option<(u16, Value)> {
        let (path, query) = target.split_once('?').unwrap_or((target, ""));
        let mut orders = self.orders.lock().unwrap_or_else(PoisonError::into_inner);
        match (method, path.trim_start_matches('/').split_once('/')) {
            ("GET", None) => Some((200, self.card(query))),
            ("POST", None) if path == "/offers" => {
                let answer = serde_json::to_value(OfferAnswer::accepted()).ok()?;
                Some((200, answer))
            }
            ("POST", None) => {
                let order: Order = serde_json::from_slice(body).ok()?;
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
        let result = WorkResult::of(&order.offer, agent, json!({ "by": self.name }));
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
