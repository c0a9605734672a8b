//! `http`: a request whose templates still know where they were written.

use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;
use rok_expr::{Site, Template};
use serde_json::Value;

use super::{Decoder, Written, read};
use crate::fault::{FaultCode, Finding, quoted};
use crate::http::{HttpBody, HttpRequest, JsonTemplate, MAX_BYTES, Redirects};
use crate::tree::{self, Entry, Node, Plain};
use crate::values::untyped;

/// Headers that belong to the connection: whoever sets them smuggles.
const OURS: &[&str] = &[
    "connection",
    "content-length",
    "expect",
    "host",
    "keep-alive",
    "proxy-authorization",
    "proxy-connection",
    "te",
    "trailer",
    "transfer-encoding",
    "upgrade",
];

/// A request whose templates still know where they were written.
pub(super) struct HttpDraft<'t> {
    method: String,
    pub(super) url: Written<'t, Template>,
    pub(super) headers: Vec<(String, Written<'t, Template>)>,
    pub(super) body: Option<BodyDraft<'t>>,
    expect: Vec<u16>,
    redirects: Redirects,
    max_bytes: u64,
}

pub(super) enum BodyDraft<'t> {
    Text(Written<'t, Template>),
    Json(JsonDraft<'t>),
}

pub(super) enum JsonDraft<'t> {
    Value(Value),
    Text(Written<'t, Template>),
    List(Vec<Self>),
    Object(Vec<(String, Self)>),
}

impl Decoder<'_> {
    pub(super) fn http<'t>(&mut self, node: &'t Node) -> Option<HttpDraft<'t>> {
        let url_node: Option<&'t Node> = node.get("url");
        let url = url_node.and_then(|node| self.template(node, Site::Plain));
        if let Some(url) = &url {
            self.address(url);
        }
        let entries: &'t [Entry] = node.get("headers").and_then(Node::map).unwrap_or(&[]);
        let headers: Vec<_> = entries
            .iter()
            .map(|entry| {
                let sound = self.header(entry, entries);
                let value = self.template(&entry.node, Site::Secrets);
                Some((sound.then(|| entry.key.clone())?, value?))
            })
            .collect();
        let body = node.get("body").map(|node| self.body(node));
        let expect = node.get("expect").and_then(Node::list).unwrap_or(&[]);
        let expect = expect.iter().filter_map(|item| match item.plain()? {
            Plain::Integer(status) => u16::try_from(status).ok(),
            _ => None,
        });
        let redirects = read::text(node, "redirects").unwrap_or_default();
        Some(HttpDraft {
            method: read::text(node, "method").unwrap_or_else(|| "GET".into()),
            url: url?,
            headers: headers.into_iter().collect::<Option<_>>()?,
            body: match body {
                Some(body) => Some(body?),
                None => None,
            },
            expect: expect.collect(),
            redirects: Redirects::from_word(&redirects),
            max_bytes: read::whole(node, "max_bytes").unwrap_or(MAX_BYTES),
        })
    }

    /// What can be said of an address before the run: its scheme, and that it
    /// holds no password.
    fn address(&mut self, url: &Written<'_, Template>) {
        let mut texts = url.expression.texts();
        let literal = url.expression.as_literal();
        let Some(first) = texts.next() else {
            return; // one expression, or nothing
        };
        if !url.node.text().is_some_and(|text| text.starts_with(first)) {
            return; // an expression comes first
        }
        let lower = first.to_ascii_lowercase();
        let rest = lower
            .strip_prefix("http://")
            .or_else(|| lower.strip_prefix("https://"));
        let finding = |message: &str, hint: &str| {
            Finding::new(FaultCode::WrongValue, url.node.span.clone(), message).hint(hint)
        };
        match rest {
            None => self.findings.push(finding(
                "`url` of `http` has no scheme that is known",
                "write `https://…` or `http://…`",
            )),
            Some(rest) => {
                let authority = rest.split(['/', '?', '#']).next().unwrap_or_default();
                if authority.contains('@') {
                    self.findings.push(finding(
                        "`url` of `http` holds a user or password",
                        "put it into a header: `authorization: \"Bearer ${{ secrets.NAME }}\"`",
                    ));
                } else if authority.is_empty() && literal.is_some() {
                    let hint = "write the host behind `://`";
                    self.findings
                        .push(finding("`url` of `http` has no host", hint));
                }
            }
        }
    }

    fn header(&mut self, entry: &Entry, all: &[Entry]) -> bool {
        let token = |c: u8| c.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&c);
        let name = &entry.key;
        let same = |other: &&Entry| other.key.eq_ignore_ascii_case(name);
        let (message, hint) = if name.is_empty() || !name.bytes().all(token) {
            (
                format!("{} is no name of a header", quoted(name)),
                "letters, digits and `-`",
            )
        } else if OURS.contains(&name.to_ascii_lowercase().as_str()) {
            (
                format!("{} is not a plan's to set", quoted(name)),
                "it follows from the request: remove it",
            )
        } else if all
            .iter()
            .find(same)
            .is_some_and(|first| first.key != *name)
        {
            (
                format!("the header {} is given twice", quoted(name)),
                "remove one of the two",
            )
        } else {
            return true;
        };
        let finding = Finding::new(FaultCode::WrongValue, entry.span.clone(), message);
        self.findings.push(finding.hint(hint));
        false
    }

    fn body<'t>(&mut self, node: &'t Node) -> Option<BodyDraft<'t>> {
        match &node.value {
            tree::Value::Scalar { .. } => self.template(node, Site::Secrets).map(BodyDraft::Text),
            _ => self.json(node).map(BodyDraft::Json),
        }
    }

    fn json<'t>(&mut self, node: &'t Node) -> Option<JsonDraft<'t>> {
        match &node.value {
            tree::Value::Scalar { .. } => match untyped(node) {
                Ok(Value::String(_)) => self.template(node, Site::Secrets).map(JsonDraft::Text),
                Ok(value) => Some(JsonDraft::Value(value)),
                Err(fault) => {
                    let message = format!("`body` of `http` {}", fault.message);
                    let finding = Finding::new(FaultCode::WrongValue, node.span.clone(), message);
                    self.findings.push(finding);
                    None
                }
            },
            tree::Value::List(items) => {
                let items: Vec<_> = items.iter().map(|item| self.json(item)).collect();
                Some(JsonDraft::List(items.into_iter().collect::<Option<_>>()?))
            }
            tree::Value::Map(entries) => {
                let entries: Vec<_> = entries
                    .iter()
                    .map(|entry| Some((entry.key.clone(), self.json(&entry.node)?)))
                    .collect();
                Some(JsonDraft::Object(
                    entries.into_iter().collect::<Option<_>>()?,
                ))
            }
        }
    }
}

impl<'t> HttpDraft<'t> {
    /// Every template, wherever it stands.
    pub(super) fn each<'d>(&'d self, visit: &mut dyn FnMut(&'d Written<'t, Template>)) {
        visit(&self.url);
        self.headers.iter().for_each(|(_, value)| visit(value));
        match &self.body {
            Some(BodyDraft::Text(text)) => visit(text),
            Some(BodyDraft::Json(json)) => json.each(visit),
            None => {}
        }
    }

    pub(super) fn finish(self) -> HttpRequest {
        let headers = self.headers.into_iter();
        HttpRequest {
            method: self.method,
            url: self.url.expression,
            headers: headers
                .map(|(name, value)| (name, value.expression))
                .collect(),
            body: self.body.map(|body| match body {
                BodyDraft::Text(text) => HttpBody::Text(text.expression),
                BodyDraft::Json(json) => HttpBody::Json(json.finish()),
            }),
            expect: self.expect,
            redirects: self.redirects,
            max_bytes: self.max_bytes,
        }
    }
}

impl<'t> JsonDraft<'t> {
    fn each<'d>(&'d self, visit: &mut dyn FnMut(&'d Written<'t, Template>)) {
        match self {
            Self::Value(_) => {}
            Self::Text(text) => visit(text),
            Self::List(items) => items.iter().for_each(|item| item.each(visit)),
            Self::Object(entries) => entries.iter().for_each(|(_, value)| value.each(visit)),
        }
    }

    fn finish(self) -> JsonTemplate {
        match self {
            Self::Value(value) => JsonTemplate::Value(value),
            Self::Text(text) => JsonTemplate::Text(text.expression),
            Self::List(items) => JsonTemplate::List(items.into_iter().map(Self::finish).collect()),
            Self::Object(entries) => JsonTemplate::Object(
                entries
                    .into_iter()
                    .map(|(name, value)| (name, value.finish()))
                    .collect(),
            ),
        }
    }
}
