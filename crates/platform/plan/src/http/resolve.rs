//! A request with everything filled in but the secrets.

use alloc::format;
use alloc::string::{String, ToString};
use alloc::vec::Vec;
use rok_expr::{EvalError, Part, Scope, SecretText, Template};
use serde_json::Value;

use super::{HttpBody, HttpRequest, JsonTemplate, Redirects};

/// A request with everything filled in but the secrets.
#[derive(Debug, Clone, PartialEq)]
pub struct ResolvedRequest {
    /// The method, in capitals.
    pub method: String,
    /// The address, as it came out: nobody has read it yet.
    pub url: String,
    /// Headers, in file order.
    pub headers: Vec<(String, SecretText)>,
    /// The body.
    pub body: Option<ResolvedBody>,
    /// The statuses that are a success; empty: 200 to 299.
    pub expect: Vec<u16>,
    /// Where redirects may lead.
    pub redirects: Redirects,
    /// The most of an answer that is read.
    pub max_bytes: u64,
}

/// The body of a resolved request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ResolvedBody {
    /// Whether it is JSON: then every secret in it stands within a text, and
    /// its value is to be escaped as JSON asks for.
    pub json: bool,
    /// The body's text.
    pub text: SecretText,
}

impl HttpRequest {
    /// Fills in the templates. An error comes with the place of its expression.
    pub fn resolve(&self, scope: &dyn Scope) -> Result<ResolvedRequest, (String, EvalError)> {
        let url = self
            .url
            .text(scope)
            .map_err(|error| at("http.url", error))?;
        let url = url.as_plain().unwrap_or_default().to_string();
        let headers = self.headers.iter().map(|(name, value)| {
            let value = value.text(scope);
            let value = value.map_err(|error| at(&format!("http.headers.{name}"), error))?;
            Ok((name.clone(), value))
        });
        let body = self.body.as_ref().map(|body| body.resolve(scope));
        Ok(ResolvedRequest {
            method: self.method.clone(),
            url,
            headers: headers.collect::<Result<_, _>>()?,
            body: body.transpose().map_err(|error| at("http.body", error))?,
            expect: self.expect.clone(),
            redirects: self.redirects,
            max_bytes: self.max_bytes,
        })
    }
}

fn at(place: &str, error: EvalError) -> (String, EvalError) {
    (place.to_string(), error)
}

impl HttpBody {
    fn resolve(&self, scope: &dyn Scope) -> Result<ResolvedBody, EvalError> {
        let json = match self {
            Self::Text(template) if template.is_expression() => match template.value(scope)? {
                Value::String(text) => {
                    let text = SecretText::plain(text);
                    return Ok(ResolvedBody { json: false, text });
                }
                value => JsonTemplate::Value(value),
            },
            Self::Text(template) => {
                let text = template.text(scope)?;
                return Ok(ResolvedBody { json: false, text });
            }
            Self::Json(json) => json.clone(),
        };
        let mut parts = Vec::new();
        json.write(scope, &mut parts)?;
        let text = SecretText::from_parts(parts);
        Ok(ResolvedBody { json: true, text })
    }
}

impl JsonTemplate {
    fn write(&self, scope: &dyn Scope, out: &mut Vec<Part>) -> Result<(), EvalError> {
        match self {
            Self::Value(value) => out.push(Part::Text(value.to_string())),
            Self::Text(template) if template.is_expression() => {
                out.push(Part::Text(template.value(scope)?.to_string()));
            }
            Self::Text(template) => text(template, scope, out)?,
            Self::List(items) => {
                let items = items.iter().map(|item| (None, item));
                all(['[', ']'], items, scope, out)?;
            }
            Self::Object(entries) => {
                let entries = entries.iter().map(|(name, value)| (Some(name), value));
                all(['{', '}'], entries, scope, out)?;
            }
        }
        Ok(())
    }
}

fn all<'j>(
    [open, close]: [char; 2],
    items: impl Iterator<Item = (Option<&'j String>, &'j JsonTemplate)>,
    scope: &dyn Scope,
    out: &mut Vec<Part>,
) -> Result<(), EvalError> {
    out.push(Part::Text(open.into()));
    for (at, (name, value)) in items.enumerate() {
        let mut before = String::from(if at > 0 { "," } else { "" });
        if let Some(name) = name {
            before.push_str(&Value::from(name.as_str()).to_string());
            before.push(':');
        }
        out.push(Part::Text(before));
        value.write(scope, out)?;
    }
    out.push(Part::Text(close.into()));
    Ok(())
}

/// A JSON text whose secrets stay names between its quotes.
fn text(template: &Template, scope: &dyn Scope, out: &mut Vec<Part>) -> Result<(), EvalError> {
    out.push(Part::Text("\"".into()));
    for part in template.text(scope)?.parts() {
        out.push(match part {
            Part::Text(text) => {
                let quoted = Value::from(text.as_str()).to_string();
                Part::Text(quoted[1..quoted.len() - 1].to_string())
            }
            Part::Secret(name) => Part::Secret(name.clone()),
        });
    }
    out.push(Part::Text("\"".into()));
    Ok(())
}
