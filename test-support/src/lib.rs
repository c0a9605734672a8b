//! What the tests of several crates need, so that none has a copy of its own.
//!
//! A dev-dependency of any crate. It never imports one that could use it in its
//! tests (a unit test would meet two copies of a type), and no product ships it.
//! Its helpers panic as tests do.
//!
//! ```
//! use rok_test_support::http::{Server, answer};
//! use std::io::{Read as _, Write as _};
//!
//! let server = Server::answering(answer("200 OK", "", "hello"));
//! let mut stream = std::net::TcpStream::connect(("127.0.0.1", server.port()))?;
//! stream.write_all(b"GET /there HTTP/1.1\r\nHost: here\r\n\r\n")?;
//! let mut text = String::new();
//! stream.read_to_string(&mut text)?;
//! assert!(text.ends_with("hello"));
//! assert_eq!(server.seen()[0].line, "GET /there HTTP/1.1");
//! assert_eq!(server.seen()[0].header("host"), Some("here"));
//! # Ok::<(), std::io::Error>(())
//! ```

#![expect(clippy::unwrap_used, reason = "helpers of tests fail as tests do")]

pub mod agents;
pub mod components;
pub mod http;
