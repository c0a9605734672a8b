//! The contract that every executor keeps, by real requests.

use crate::support::{executor, get};
use rok_executor::contract::{Deed, SECRET, Subject, a_call, assert_kept};
use rok_executor::{Executor, Work};
use rok_expr::{Part, SecretText};
use rok_secrets::Secrets;
use rok_test_support::http::{Server, answer};
use std::io::{Read as _, Write as _};
use std::sync::Arc;

struct Requests(Server);

impl Subject for Requests {
    fn executor(&self) -> Arc<dyn Executor> {
        Arc::new(executor())
    }

    fn work(&self, deed: Deed) -> Option<Work> {
        let path = match deed {
            Deed::Answers => "/answers",
            Deed::Fails => "/fails",
            Deed::Stays => "/stays",
            Deed::Blabs => "/blabs",
            Deed::Foreign => return Some(a_call()),
        };
        let mut request = get(self.0.url(path));
        let token = Part::Secret("token".parse().unwrap());
        request.headers = vec![("x-token".into(), SecretText::from_parts([token]))];
        Some(Work::Http(Box::new(request)))
    }

    fn secrets(&self) -> Secrets {
        Secrets::from_pairs([("token".parse().unwrap(), SECRET)]).unwrap()
    }
}

#[test]
fn requests_keep_the_contract_of_executors() {
    let server = Server::start(|seen, stream| {
        let told = match seen.line.split(' ').nth(1) {
            Some("/answers") => answer("200 OK", "", "fine"),
            Some("/blabs") => answer("400 Bad", "", seen.header("x-token").unwrap_or_default()),
            // Nothing is said until the other side hangs up.
            Some("/stays") => return drop(stream.read(&mut [0; 1])),
            _ => answer("404 Gone", "", ""),
        };
        drop(stream.write_all(told.as_bytes()));
    });
    assert_kept(&Requests(server));
}
