//! The contract that every executor keeps, by real workers.

use crate::{KEY, at, executor, step};
use rok_executor::contract::{Deed, Subject, a_call, assert_kept};
use rok_executor::{Executor, Work};
use rok_test_support::http::{Server, answer};
use std::io::{Read as _, Write as _};
use std::sync::Arc;

/// A worker for each way to behave.
struct Workers(String);

impl Subject for Workers {
    fn executor(&self) -> Arc<dyn Executor> {
        Arc::new(executor(&self.0, &[("K", KEY)], &[]))
    }

    fn work(&self, deed: Deed) -> Option<Work> {
        let worker = match deed {
            Deed::Answers => "answers",
            Deed::Fails => "fails",
            Deed::Stays => "stays",
            // A worker knows no secret but its key, which the service map hides.
            Deed::Blabs => return None,
            Deed::Foreign => return Some(a_call()),
        };
        Some(step(worker).work)
    }
}

#[test]
fn workers_keep_the_contract_of_executors() {
    let worker = |name: &str, server: &Server| at(server).replacen("worker", name, 1);
    let json = "content-type: application/json\r\n";
    let answers = Server::answering(answer("200 OK", json, r#"{"findings":[]}"#));
    let fails = Server::answering(answer("500 Oops", json, "{}"));
    let stays = Server::start(|_, stream| drop((stream.flush(), stream.read(&mut [0; 1]))));
    let map = [
        worker("answers", &answers),
        worker("fails", &fails),
        worker("stays", &stays),
    ];
    assert_kept(&Workers(map.concat()));
}
