//! Slow, broken and huge answers; deadlines, cancelling, places.

use crate::support::{executor, failure, get, perform, sink, step};
use rok_exec_http::HttpExecutor;
use rok_executor::{CancelReason, Executor as _};
use rok_test_support::http::{Server, answer};
use rok_vocabulary::ErrorClass;
use rstest::rstest;
use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::sync::mpsc::{Receiver, channel};
use std::sync::{Arc, Mutex};
use std::time::Duration;

/// A server that begins an answer and never ends it; tells when the other side
/// has hung up.
fn endless() -> (Server, Receiver<()>, Receiver<()>) {
    let (began, begun) = channel();
    let (gone, left) = channel();
    let told = Mutex::new((began, gone));
    let server = Server::start(move |_, stream: &mut TcpStream| {
        let (began, gone) = {
            let told = told.lock().unwrap();
            (told.0.clone(), told.1.clone())
        };
        let start = b"HTTP/1.1 200 OK\r\ncontent-length: 1000\r\n\r\nbegin";
        stream.write_all(start).unwrap();
        began.send(()).unwrap();
        // Ends when the other side closes.
        let _ = stream.read(&mut [0; 1]);
        gone.send(()).unwrap();
    });
    (server, begun, left)
}

const LONG: Duration = Duration::from_secs(60);

#[test]
fn a_body_that_never_ends_is_cut_at_the_deadline() {
    let (server, _begun, left) = endless();
    let mut request = step("a", get(server.url("/")));
    request.timeout = Some(Duration::from_millis(200));
    let result = perform(&executor(), request);
    let failure = result.end.unwrap_err();
    assert_eq!(failure.class, ErrorClass::Timeout);
    assert!(result.wall >= Duration::from_millis(200));
    left.recv_timeout(LONG).unwrap();
}

#[rstest]
#[case(CancelReason::Cancelled, ErrorClass::Cancelled)]
#[case(CancelReason::RunTimeout, ErrorClass::Timeout)]
#[case(CancelReason::Interrupted, ErrorClass::WorkerLost)]
fn cancelling_drops_the_connection(#[case] reason: CancelReason, #[case] class: ErrorClass) {
    let (server, begun, left) = endless();
    let (executor, (sink, reports)) = (executor(), sink());
    let request = step("a", get(server.url("/")));
    let attempt = request.attempt.clone();
    executor.start(request, sink);
    begun.recv_timeout(LONG).unwrap();
    executor.cancel(&attempt, reason);
    let report = reports.recv_timeout(LONG).unwrap();
    assert_eq!(report.result.end.unwrap_err().class, class);
    left.recv_timeout(LONG).unwrap();
    // A second word to it is for nobody.
    executor.cancel(&attempt, reason);
    drop(executor);
    assert!(reports.try_recv().is_err());
}

#[test]
fn dropping_the_executor_reports_what_was_in_flight() {
    let (server, begun, left) = endless();
    let (executor, (sink, reports)) = (executor(), sink());
    executor.start(step("a", get(server.url("/"))), Arc::clone(&sink));
    begun.recv_timeout(LONG).unwrap();
    drop(executor);
    let report = reports.try_recv().unwrap();
    assert_eq!(report.result.end.unwrap_err().class, ErrorClass::WorkerLost);
    left.recv_timeout(LONG).unwrap();
}

#[test]
fn one_place_means_one_after_another() {
    let (server, begun, _left) = endless();
    let (executor, (sink, reports)) = (executor().max_in_flight(1), sink());
    let first = step("a", get(server.url("/")));
    let attempt = first.attempt.clone();
    executor.start(first, Arc::clone(&sink));
    begun.recv_timeout(LONG).unwrap();
    let second = step("b", get(server.url("/")));
    let waiting = second.attempt.clone();
    executor.start(second, Arc::clone(&sink));
    // What waits can be cancelled before it began.
    executor.cancel(&waiting, CancelReason::Cancelled);
    let report = reports.recv_timeout(LONG).unwrap();
    assert_eq!(report.attempt, waiting);
    assert_eq!(report.result.started_at, None);
    let third = step("c", get(server.url("/")));
    executor.start(third, sink);
    executor.cancel(&attempt, CancelReason::Cancelled);
    assert_eq!(reports.recv_timeout(LONG).unwrap().attempt, attempt);
    begun.recv_timeout(LONG).unwrap();
    assert_eq!(server.seen().len(), 2);
}

#[rstest]
#[case::said("content-length: 2000\r\n")]
#[case::not_said("")]
fn a_huge_body_is_not_read(#[case] length: &str) {
    let head = format!("HTTP/1.1 200 OK\r\nconnection: close\r\n{length}\r\n");
    let server = Server::start(move |_, stream| {
        stream.write_all(head.as_bytes()).unwrap();
        // More than the limit, and more than any buffer in between.
        let chunk = vec![b'x'; 64 * 1024];
        while stream.write_all(&chunk).is_ok() {}
    });
    let mut request = get(server.url("/"));
    request.max_bytes = 1000;
    let failure = failure(request);
    assert_eq!(failure.class, ErrorClass::ValidationFailed);
    assert!(
        failure.reason.contains("larger than 1000 bytes"),
        "{failure}"
    );
}

#[rstest]
#[case::cut_body("HTTP/1.1 200 OK\r\ncontent-length: 100\r\n\r\nhalf")]
#[case::cut_chunks("HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n5\r\nhello\r\n")]
#[case::cut_head("HTTP/1.1 200 OK\r\ncontent-le")]
#[case::nothing("")]
#[case::not_http("220 smtp.example ESMTP\r\n")]
#[case::two_lengths("HTTP/1.1 200 OK\r\ncontent-length: 1\r\ncontent-length: 2\r\n\r\nab")]
fn a_broken_answer_is_a_broken_connection(#[case] told: &str) {
    let server = Server::answering(told);
    let failure = failure(get(server.url("/")));
    assert_eq!(failure.class, ErrorClass::TransientIo, "{failure}");
}

#[test]
fn a_hundred_requests_share_one_thread() {
    let server = Server::answering(answer("200 OK", "", "ok"));
    let (executor, (sink, reports)): (HttpExecutor, _) = (executor(), sink());
    for n in 0..100 {
        executor.start(
            step(&format!("s{n}"), get(server.url("/"))),
            Arc::clone(&sink),
        );
    }
    let ours = || {
        let tasks = std::fs::read_dir("/proc/self/task").unwrap();
        let names = tasks.map(|task| {
            let comm = task.unwrap().path().join("comm");
            std::fs::read_to_string(comm).unwrap_or_default()
        });
        // Other tests of this process have executors of their own.
        names.filter(|name| name.trim() == "rok-http").count()
    };
    let mut reports = (0..100).map(|_| reports.recv_timeout(LONG).unwrap());
    // A thread that has done something has its name.
    assert_eq!(
        reports.next().unwrap().result.end.unwrap().outputs["body"],
        "ok"
    );
    assert!((1..100).contains(&ours()), "{}", ours());
    assert!(reports.all(|report| report.result.end.is_ok()));
}
