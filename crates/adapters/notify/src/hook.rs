//! A webhook: the event, posted and signed.

use crate::key::Key;
use rok_exec_http::headers::{CONTENT_TYPE, HeaderMap, HeaderName, HeaderValue};
use rok_exec_http::{Client, Method, Outgoing, Url};
use rok_plan::Redirects;
use rok_vocabulary::Timestamp;
use serde_json::Value;
use std::time::Duration;

/// How long one attempt may take.
pub(crate) const TIMEOUT: Duration = Duration::from_secs(10);

/// The most of an answer that is read.
const MAX_BYTES: u64 = 64 * 1024;

/// Posts signed events.
#[derive(Debug, Clone)]
pub(crate) struct Hooks {
    pub(crate) client: Client,
    pub(crate) key: Key,
}

impl Hooks {
    pub(crate) async fn send(
        &self,
        url: &str,
        id: &str,
        event: &Value,
        now: Timestamp,
    ) -> Result<(), String> {
        let out = self.request(url, id, event, now)?;
        let answer = self.client.send(out).await;
        let answer = answer.map_err(|error| error.to_string())?;
        if answer.status.is_success() {
            Ok(())
        } else {
            Err(format!("answered {}", answer.status.as_u16()))
        }
    }

    fn request(
        &self,
        url: &str,
        id: &str,
        event: &Value,
        now: Timestamp,
    ) -> Result<Outgoing, String> {
        let url = Url::parse(url).map_err(|error| format!("its address: {error}"))?;
        let body = event.to_string().into_bytes();
        let seconds = now.as_millis().div_euclid(1_000);
        let signature = self.key.sign(id, seconds, &body);
        let value = |text: &str| {
            HeaderValue::from_str(text).map_err(|_| "its id is no header's value".to_owned())
        };
        let ours = HeaderMap::from_iter([
            (
                CONTENT_TYPE,
                HeaderValue::from_static("application/cloudevents+json; charset=utf-8"),
            ),
            (HeaderName::from_static("webhook-id"), value(id)?),
            (
                HeaderName::from_static("webhook-timestamp"),
                HeaderValue::from(seconds),
            ),
            (
                HeaderName::from_static("webhook-signature"),
                value(&signature)?,
            ),
        ]);
        Ok(Outgoing {
            method: Method::POST,
            url,
            ours,
            headers: HeaderMap::new(),
            body,
            redirects: Redirects::Never,
            expect: Vec::new(),
            max_bytes: MAX_BYTES,
        })
    }
}
