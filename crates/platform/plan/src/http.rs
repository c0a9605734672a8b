//! `http`: a request as a plan says it.

mod resolve;

use alloc::string::{String, ToString};
use alloc::vec::Vec;
use rok_expr::Template;
use serde_json::Value;

use crate::json::Json;

pub use resolve::{ResolvedBody, ResolvedRequest};

/// The most of an answer that is read, where the plan does not say.
pub(crate) const MAX_BYTES: u64 = 8 * 1024 * 1024;

/// An HTTP request.
#[derive(Debug, Clone, PartialEq)]
pub struct HttpRequest {
    /// The method, in capitals.
    pub method: String,
    /// The address.
    pub url: Template,
    /// Headers, in file order.
    pub headers: Vec<(String, Template)>,
    /// The body.
    pub body: Option<HttpBody>,
    /// The statuses that are a success; empty: 200 to 299.
    pub expect: Vec<u16>,
    /// Where redirects may lead.
    pub redirects: Redirects,
    /// The most of an answer that is read.
    pub max_bytes: u64,
}

/// Where redirects may lead.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Redirects {
    /// To the same scheme, host and port.
    #[default]
    SameHost,
    /// Anywhere that egress rules allow, without the headers of the plan.
    Any,
    /// Nowhere: a redirect is the answer.
    Never,
}

/// The body of a request.
#[derive(Debug, Clone, PartialEq)]
pub enum HttpBody {
    /// Text as it is.
    Text(Template),
    /// A list or a mapping, sent as JSON.
    Json(JsonTemplate),
}

/// JSON with templates in it.
#[derive(Debug, Clone, PartialEq)]
pub enum JsonTemplate {
    /// A number, a boolean or nothing.
    Value(Value),
    /// A text; one that is a single expression keeps that one's type.
    Text(Template),
    /// A list.
    List(Vec<Self>),
    /// An object, in file order.
    Object(Vec<(String, Self)>),
}

impl Redirects {
    pub(crate) const WORDS: &'static [&'static str] = &["same_host", "any", "never"];

    pub(crate) fn from_word(word: &str) -> Self {
        match word {
            "any" => Self::Any,
            "never" => Self::Never,
            _ => Self::SameHost,
        }
    }

    pub(crate) const fn as_str(self) -> &'static str {
        match self {
            Self::SameHost => "same_host",
            Self::Any => "any",
            Self::Never => "never",
        }
    }
}

impl JsonTemplate {
    fn templates<'j>(&'j self, all: &mut Vec<&'j Template>) {
        match self {
            Self::Value(_) => {}
            Self::Text(text) => all.push(text),
            Self::List(items) => items.iter().for_each(|item| item.templates(all)),
            Self::Object(entries) => entries.iter().for_each(|(_, value)| value.templates(all)),
        }
    }

    fn json(&self) -> Json {
        match self {
            Self::Value(value) => Json::Value(value.clone()),
            Self::Text(text) => Json::text(text.source()),
            Self::List(items) => Json::List(items.iter().map(Self::json).collect()),
            Self::Object(entries) => Json::Object(
                entries
                    .iter()
                    .map(|(name, value)| (name.clone(), value.json()))
                    .collect(),
            ),
        }
    }
}

impl HttpRequest {
    /// Every template, wherever it stands.
    #[must_use]
    pub fn templates(&self) -> Vec<&Template> {
        let mut all = Vec::from([&self.url]);
        all.extend(self.headers.iter().map(|(_, value)| value));
        match &self.body {
            None => {}
            Some(HttpBody::Text(text)) => all.push(text),
            Some(HttpBody::Json(json)) => json.templates(&mut all),
        }
        all
    }

    /// The keys of `http` in canonical form.
    pub(crate) fn json(&self) -> Json {
        let mut keys = Vec::new();
        let mut set = |key: &str, value: Json| keys.push((key.to_string(), value));
        if self.method != "GET" {
            set("method", Json::text(self.method.as_str()));
        }
        set("url", Json::text(self.url.source()));
        if !self.headers.is_empty() {
            let headers = self.headers.iter();
            let headers = headers.map(|(name, value)| (name.clone(), Json::text(value.source())));
            set("headers", Json::Object(headers.collect()));
        }
        match &self.body {
            None => {}
            Some(HttpBody::Text(text)) => set("body", Json::text(text.source())),
            Some(HttpBody::Json(json)) => set("body", json.json()),
        }
        if !self.expect.is_empty() {
            let expect = self.expect.iter();
            let expect = expect.map(|status| Json::Value((*status).into()));
            set("expect", Json::List(expect.collect()));
        }
        if self.redirects != Redirects::default() {
            set("redirects", Json::text(self.redirects.as_str()));
        }
        if self.max_bytes != MAX_BYTES {
            set("max_bytes", Json::Value(self.max_bytes.into()));
        }
        Json::Object(keys)
    }
}
