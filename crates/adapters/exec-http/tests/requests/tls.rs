//! TLS: who is trusted, and what is said of who is not.

use crate::support::{executor, get, perform, step};
use rok_exec_http::{Egress, HttpExecutor};
use rok_vocabulary::ErrorClass;
use rustls::pki_types::{PrivateKeyDer, PrivatePkcs8KeyDer};
use rustls::{ServerConfig, ServerConnection, Stream};
use std::io::{Read as _, Write as _};
use std::net::TcpListener;
use std::sync::Arc;

/// A TLS server for these names, and its certificate.
fn server(names: &[&str]) -> (u16, Vec<u8>) {
    let names: Vec<String> = names.iter().map(ToString::to_string).collect();
    let made = rcgen::generate_simple_self_signed(names).unwrap();
    let certificate = made.cert.der().clone();
    let key = PrivateKeyDer::from(PrivatePkcs8KeyDer::from(made.signing_key.serialize_der()));
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(vec![certificate.clone()], key)
        .unwrap();
    let (config, listener) = (
        Arc::new(config),
        TcpListener::bind(("127.0.0.1", 0)).unwrap(),
    );
    let port = listener.local_addr().unwrap().port();
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            let mut stream = stream.unwrap();
            let mut connection = ServerConnection::new(Arc::clone(&config)).unwrap();
            let mut tls = Stream::new(&mut connection, &mut stream);
            if tls.read(&mut [0; 4096]).is_ok() {
                let told = b"HTTP/1.1 200 OK\r\nconnection: close\r\ncontent-length: 2\r\n\r\nok";
                let _ = tls.write_all(told);
                tls.conn.send_close_notify();
                let _ = tls.flush();
            }
        }
    });
    (port, certificate.to_vec())
}

fn trusting(certificate: Vec<u8>) -> HttpExecutor {
    let rules = Egress::new(["127.0.0.1", "localhost"], []).unwrap();
    HttpExecutor::new(rules).trust(certificate)
}

#[test]
fn a_trusted_server_is_asked() {
    let (port, certificate) = server(&["localhost"]);
    let executor = trusting(certificate);
    let url = format!("https://localhost:{port}/");
    let found = perform(&executor, step("a", get(url))).end.unwrap();
    assert_eq!(found.outputs["body"], "ok");
}

#[test]
fn an_untrusted_server_is_refused_for_good() {
    let (port, _) = server(&["localhost"]);
    let url = format!("https://localhost:{port}/");
    let failure = perform(&executor(), step("a", get(url))).end.unwrap_err();
    assert_eq!(failure.class, ErrorClass::ValidationFailed, "{failure}");
    assert!(
        failure
            .reason
            .contains("certificate of localhost is not accepted"),
        "{failure}"
    );
}

#[test]
fn a_certificate_for_another_name_is_refused() {
    let (port, certificate) = server(&["other.example"]);
    let url = format!("https://localhost:{port}/");
    let failure = perform(&trusting(certificate), step("a", get(url)))
        .end
        .unwrap_err();
    assert_eq!(failure.class, ErrorClass::ValidationFailed, "{failure}");
    assert!(failure.reason.contains("not accepted"), "{failure}");
}

#[test]
fn a_server_that_speaks_no_tls_is_a_broken_connection() {
    let server = rok_test_support::http::Server::answering("HTTP/1.1 400 Bad Request\r\n\r\n");
    let url = format!("https://127.0.0.1:{}/", server.port());
    let failure = perform(&executor(), step("a", get(url))).end.unwrap_err();
    assert_eq!(failure.class, ErrorClass::TransientIo, "{failure}");
}
