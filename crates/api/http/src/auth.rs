//! Who asks: a bearer token, or, without authentication, whoever reaches the
//! server by a loopback name.

use crate::app::App;
use crate::call::Caller;
use crate::problem::Problem;
use axum::http::{HeaderMap, StatusCode, header};
use rok_service::views::Actor;
use std::net::IpAddr;

/// More than any token: what is longer is none.
const MAX_TOKEN: usize = 256;

/// Who asks. Reads the file of tokens, where that has changed.
pub(crate) fn caller(app: &App, headers: &HeaderMap) -> Result<Caller, Problem> {
    if app.options.no_auth {
        return Ok(Caller {
            actor: app.service.config().settings.actor(),
            roles: vec!["admin".to_owned()],
        });
    }
    let mut given = headers.get_all(header::AUTHORIZATION).iter();
    let (first, second) = (given.next(), given.next());
    let Some(first) = first else {
        return Err(unknown("a token is needed"));
    };
    let text = first.to_str().ok().filter(|_| second.is_none());
    let token = text.and_then(|text| text.split_once(' '));
    let token = token.filter(|(scheme, token)| {
        scheme.eq_ignore_ascii_case("bearer") && token.len() <= MAX_TOKEN
    });
    let Some((_, token)) = token else {
        return Err(unknown("the token is not of a form that is taken"));
    };
    match app.tokens.whose(token) {
        Ok(Some(of)) => Ok(Caller {
            actor: Actor::User(of.user.as_str().into()),
            roles: of.roles,
        }),
        Ok(None) => Err(unknown("the token is not known, or has ended")),
        Err(error) => {
            let mut problem = Problem::busy("tokens cannot be checked now");
            problem.inner = Some(error.to_string());
            Err(problem)
        }
    }
}

fn unknown(detail: &str) -> Problem {
    Problem::new(StatusCode::UNAUTHORIZED, "ROK0201", detail)
        .help("send `Authorization: Bearer TOKEN`; `rok token create` makes one")
        .header(header::WWW_AUTHENTICATE, "Bearer realm=\"rok\"")
}

/// Refuses what a web page could make a browser send to a server that asks for
/// no token: names that are not loopback's, and other origins.
pub(crate) fn refuse_strangers(headers: &HeaderMap) -> Result<(), Problem> {
    let text = |name| headers.get(name).and_then(|value| value.to_str().ok());
    let host = text(header::HOST).unwrap_or_default();
    let origin = text(header::ORIGIN);
    let from_here = origin.is_none_or(|origin| {
        let host_of = origin.split_once("://").map_or("", |(_, host)| host);
        host_of == host
    });
    if is_loopback(host) && from_here {
        return Ok(());
    }
    let detail = "without authentication only loopback's own names are answered";
    Err(Problem::new(
        StatusCode::MISDIRECTED_REQUEST,
        "ROK0202",
        detail,
    ))
}

fn is_loopback(host: &str) -> bool {
    let name = match host.strip_prefix('[') {
        Some(rest) => rest.split(']').next().unwrap_or_default(),
        None => host.rsplit_once(':').map_or(host, |(name, _)| name),
    };
    name.eq_ignore_ascii_case("localhost")
        || name.parse::<IpAddr>().is_ok_and(|ip| ip.is_loopback())
}

#[cfg(test)]
mod tests {
    use super::*;
    use axum::http::HeaderValue;
    use rstest::rstest;

    #[rstest]
    #[case("127.0.0.1:5000", None, true)]
    #[case("localhost", None, true)]
    #[case("[::1]:80", None, true)]
    #[case("127.0.0.1:5000", Some("http://127.0.0.1:5000"), true)]
    #[case("127.0.0.1:5000", Some("https://evil.example"), false)]
    #[case("127.0.0.1:5000", Some("null"), false)]
    #[case("evil.example", None, false)]
    #[case("evil.example:5000", None, false)]
    #[case("127.0.0.1.evil.example", None, false)]
    #[case("", None, false)]
    fn strangers_are_refused(
        #[case] host: &'static str,
        #[case] origin: Option<&'static str>,
        #[case] let_in: bool,
    ) {
        let mut headers = HeaderMap::new();
        headers.insert(header::HOST, HeaderValue::from_static(host));
        if let Some(origin) = origin {
            headers.insert(header::ORIGIN, HeaderValue::from_static(origin));
        }
        assert_eq!(refuse_strangers(&headers).is_ok(), let_in);
    }
}
