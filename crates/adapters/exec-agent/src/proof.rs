//! What an agent says, and whether it is its own: signatures, and what they
//! are of.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use rok_agents::{Offer, Signed, SignedWhat, WorkResult};
use rok_attest::PublicKey;
use rok_executor::strict_json;
use rok_vocabulary::AgentId;
use serde::de::DeserializeOwned;
use serde_json::Value;

/// Why what an agent says is not taken.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Fault {
    /// It is not the agent's own word on what it was asked.
    Foreign(String),
    /// It is, as far as that can be known, and nobody can read it.
    Unread(String),
}

impl Fault {
    fn of_result(self) -> Self {
        let told = |why| format!("its result is refused: {why}");
        match self {
            Self::Foreign(why) => Self::Foreign(told(why)),
            Self::Unread(why) => Self::Unread(told(why)),
        }
    }
}

/// Reads a JSON object. A list would be read as one, by position.
pub(crate) fn object<T: DeserializeOwned>(bytes: &[u8]) -> Result<T, String> {
    let value = strict_json(bytes).map_err(|error| error.to_string())?;
    let kind = match &value {
        Value::Object(_) => {
            return serde_json::from_value(value).map_err(|error| error.to_string());
        }
        Value::Null => "null",
        Value::Bool(_) => "true or false",
        Value::Number(_) => "a number",
        Value::String(_) => "a text",
        Value::Array(_) => "a list",
    };
    Err(format!("it is {kind}, and a JSON object is expected"))
}

/// Reads a text that a key must have signed, where there is one.
pub(crate) fn open<T: DeserializeOwned>(
    what: SignedWhat,
    signed: &Signed,
    key: Option<&PublicKey>,
) -> Result<T, Fault> {
    if let Some(key) = key {
        let foreign = |why: &str| Fault::Foreign(why.to_owned());
        let signature = signed.signature.as_ref();
        let signature = signature.ok_or_else(|| foreign("it is not signed"))?;
        let signature = STANDARD.decode(signature);
        let signature = signature.map_err(|_| foreign("its signature is no base64"))?;
        let message = Signed::message(what, &signed.payload);
        if !key.verifies(&message, &signature) {
            return Err(foreign(&format!(
                "its signature is not by key {}",
                key.id()
            )));
        }
    }
    let value = object(signed.payload.as_bytes());
    value.map_err(|why| Fault::Unread(format!("it cannot be read: {why}")))
}

/// The result of this very order, by this agent.
pub(crate) fn result(
    signed: &Signed,
    key: Option<&PublicKey>,
    offer: &Offer,
    agent: &AgentId,
) -> Result<WorkResult, Fault> {
    let result = open::<WorkResult>(SignedWhat::Result, signed, key);
    let its = result.and_then(|result| match result.answers(offer, agent) {
        Ok(()) => Ok(result),
        Err(part) => Err(Fault::Foreign(format!("it has another {part}"))),
    });
    its.map_err(Fault::of_result)
}

#[cfg(test)]
mod tests {
    use super::*;
    use rok_agents::{PROTOCOL, Terms};
    use rok_attest::SigningKey;
    use rok_vocabulary::{Attempt, Epoch};
    use rstest::rstest;
    use serde_json::json;

    fn offer() -> Offer {
        Offer {
            protocol: PROTOCOL.into(),
            run_id: "r".parse().unwrap(),
            epoch: Epoch(0),
            step_id: "a".parse().unwrap(),
            attempt: Attempt(1),
            key: "r/0/a".into(),
            nonce: "n1".into(),
            capability: "sum".parse().unwrap(),
            capabilities: [].into(),
            terms: Terms::default(),
            timeout_ms: None,
        }
    }

    fn signed(result: &WorkResult, what: SignedWhat, seed: u8) -> Signed {
        let payload = serde_json::to_string(result).unwrap();
        let message = Signed::message(what, &payload);
        let signature = SigningKey::from_seed([seed; 32]).sign(&message);
        Signed {
            payload,
            signature: Some(STANDARD.encode(signature)),
        }
    }

    #[rstest]
    #[case::its_own("", 7, SignedWhat::Result, "")]
    #[case::another_key("", 8, SignedWhat::Result, "its signature is not by key")]
    #[case::a_card("", 7, SignedWhat::Card, "its signature is not by key")]
    #[case::run("run_id", 7, SignedWhat::Result, "it has another run_id")]
    #[case::step("step_id", 7, SignedWhat::Result, "it has another step_id")]
    #[case::attempt("attempt", 7, SignedWhat::Result, "it has another attempt")]
    #[case::nonce("nonce", 7, SignedWhat::Result, "it has another nonce")]
    #[case::agent("agent_id", 7, SignedWhat::Result, "it has another agent_id")]
    fn results(
        #[case] change: &str,
        #[case] seed: u8,
        #[case] what: SignedWhat,
        #[case] refusal: &str,
    ) {
        let agent: AgentId = "r1".parse().unwrap();
        let mut said = WorkResult::of(&offer(), agent.clone(), json!({ "n": 1 }));
        match change {
            "run_id" => said.run_id = "other".parse().unwrap(),
            "step_id" => said.step_id = "b".parse().unwrap(),
            "attempt" => said.attempt = Attempt(0),
            "nonce" => said.nonce = "n0".into(),
            "agent_id" => said.agent_id = "r2".parse().unwrap(),
            _ => {}
        }
        let key = SigningKey::from_seed([7; 32]).public();
        let read = result(&signed(&said, what, seed), Some(&key), &offer(), &agent);
        match read {
            Ok(read) => assert_eq!((refusal, read), ("", said)),
            Err(Fault::Foreign(why)) => {
                assert!(!refusal.is_empty() && why.contains(refusal), "{why}");
            }
            Err(unread) => panic!("{unread:?}"),
        }
    }

    #[test]
    fn a_text_that_was_changed_or_is_not_signed_is_refused() {
        let agent: AgentId = "r1".parse().unwrap();
        let said = WorkResult::of(&offer(), agent.clone(), json!({ "n": 1 }));
        let key = SigningKey::from_seed([7; 32]).public();
        let mut changed = signed(&said, SignedWhat::Result, 7);
        changed.payload = changed.payload.replace("\"n\":1", "\"n\":2");
        assert!(result(&changed, Some(&key), &offer(), &agent).is_err());
        changed.signature = None;
        assert!(result(&changed, Some(&key), &offer(), &agent).is_err());
        // Nobody's key is asked for: what it says is all there is.
        assert!(result(&changed, None, &offer(), &agent).is_ok());
        changed.payload = changed.payload.replacen('{', "{\"nonce\":\"n1\",", 1);
        let unread = |changed: &Signed| match result(changed, None, &offer(), &agent) {
            Err(Fault::Unread(why)) => why,
            other => panic!("{other:?}"),
        };
        let twice = unread(&changed);
        assert!(twice.contains("cannot be read"), "{twice}");
        changed.payload = "[]".to_owned();
        assert_eq!(
            unread(&changed),
            "its result is refused: it cannot be read: it is a list, and a JSON object is expected"
        );
    }
}
