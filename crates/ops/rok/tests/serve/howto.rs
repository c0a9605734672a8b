//! The page about the server: its commands, in its order, on a port that is
//! free here.

use crate::page;
use crate::support::Bench;
use std::net::TcpListener;

const PAGE: &str = include_str!("../../../../../docs/howto/serve.md");

/// Ends the server that the page starts, however the test ends.
struct Ending<'b>(&'b Bench);

impl Drop for Ending<'_> {
    fn drop(&mut self) {
        let pid = std::fs::read_to_string(self.0.path().join("serve.pid")).unwrap_or_default();
        let pid = pid
            .trim()
            .parse()
            .ok()
            .and_then(rustix::process::Pid::from_raw);
        if let Some(pid) = pid {
            // It has ended where the page was played to its end.
            let _ = rustix::process::kill_process(pid, rustix::process::Signal::TERM);
        }
    }
}

#[test]
fn every_command_of_the_page_does_what_it_shows() {
    let bench = Bench::new();
    let free = TcpListener::bind("127.0.0.1:0").and_then(|listener| listener.local_addr());
    let port = free.expect("a port").port();
    let text = PAGE.replace(":5000", &format!(":{port}"));
    bench.write("release.yaml", page::block(&text, "yaml"));
    bench.write("client.py", page::block(&text, "python"));
    let _ending = Ending(&bench);
    assert!(page::scenes(&text).len() > 14);
    page::play(&bench, &text);
}
