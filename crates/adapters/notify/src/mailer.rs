//! Mail: a server of the operator's, and letters that are the same each time
//! that they are sent.

use crate::state::Failure;
use lettre::message::Mailbox;
use lettre::message::header::{ContentType, HeaderName, HeaderValue};
use lettre::transport::smtp::authentication::Credentials;
use lettre::transport::smtp::client::{Certificate, Tls, TlsParameters};
use lettre::transport::smtp::extension::ClientId;
use lettre::transport::smtp::response::Category;
use lettre::{AsyncSmtpTransport, AsyncTransport as _, Message, Tokio1Executor};
use rok_exec_service::{Key, KeyError, KeySource};
use rok_vocabulary::Timestamp;
use serde::Deserialize;
use std::fmt;
use std::str::FromStr;
use std::time::{Duration, SystemTime};

/// How long one attempt may take: mail servers make strangers wait.
pub(crate) const TIMEOUT: Duration = Duration::from_secs(30);

/// More of what a server says nobody reads.
const SAID_MAX: usize = 300;

/// Ports: TLS from the start (RFC 8314), submission (RFC 6409), a local relay.
const TLS_PORT: u16 = 465;
const STARTTLS_PORT: u16 = 587;
const PLAIN_PORT: u16 = 25;

/// A mail server: `smtps://host`, `smtp://host` (STARTTLS, without which
/// nothing is sent), or `smtp+plain://` and a host on loopback.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MailServer {
    way: Way,
    host: String,
    port: u16,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Way {
    Tls,
    StartTls,
    Plain,
}

/// What is wrong with the settings of mail. No value is shown: one may hold a
/// password.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum MailError {
    /// No address of a server.
    #[error(
        "the mail server is no address: write smtps://host[:port], smtp://host[:port] (STARTTLS), or smtp+plain:// and a host on loopback; user and password are settings of their own"
    )]
    Server,
    /// Nothing may go over the network as anybody can read it.
    #[error("`smtp+plain` is for loopback alone: {host} is not on it")]
    Plain {
        /// The host.
        host: String,
    },
    /// The sender is no mailbox.
    #[error("the sender of mail is no address of a mailbox: write `rok <rok@example.com>`")]
    From,
    /// TLS cannot be set up.
    #[error("TLS to the mail server cannot be set up: {why}")]
    Tls {
        /// Why.
        why: String,
    },
}

impl FromStr for MailServer {
    type Err = MailError;

    fn from_str(text: &str) -> Result<Self, MailError> {
        let (scheme, rest) = text.split_once("://").ok_or(MailError::Server)?;
        let (way, usual) = match scheme {
            "smtps" => (Way::Tls, TLS_PORT),
            "smtp" => (Way::StartTls, STARTTLS_PORT),
            "smtp+plain" => (Way::Plain, PLAIN_PORT),
            _ => return Err(MailError::Server),
        };
        let rest = rest.strip_suffix('/').unwrap_or(rest);
        let (host, port) = match rest.rsplit_once(':') {
            // The colons of an IPv6 address are within its brackets.
            Some((host, port)) if !port.ends_with(']') => {
                (host, port.parse().map_err(|_| MailError::Server)?)
            }
            _ => (rest, usual),
        };
        let bare = host.strip_prefix('[').and_then(|h| h.strip_suffix(']'));
        let fits = |c: char| c.is_ascii_alphanumeric() || ".-".contains(c);
        let named = !host.is_empty() && host.chars().all(fits);
        let address = bare.is_some_and(|bare| bare.parse::<std::net::Ipv6Addr>().is_ok());
        if !(named || address) || port == 0 {
            return Err(MailError::Server);
        }
        let host = bare.unwrap_or(host).to_owned();
        if way == Way::Plain && !on_loopback(&host) {
            return Err(MailError::Plain { host });
        }
        Ok(Self { way, host, port })
    }
}

fn on_loopback(host: &str) -> bool {
    let address = host.parse::<std::net::IpAddr>();
    host == "localhost" || address.is_ok_and(|address| address.is_loopback())
}

/// A letter, as a row of the outbox has it.
#[derive(Debug, Clone, Deserialize)]
pub(crate) struct Letter {
    pub(crate) to: String,
    subject: String,
    text: String,
}

/// Sends letters by a mail server. It never shows a password, and never sends
/// one, or a letter, over a connection that others can read.
#[derive(Clone)]
pub struct Mailer {
    server: MailServer,
    tls: Option<TlsParameters>,
    from: Mailbox,
    login: Option<(String, KeySource)>,
}

impl fmt::Debug for Mailer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Mailer")
            .field("server", &self.server)
            .field("from", &self.from)
            .finish_non_exhaustive()
    }
}

impl Mailer {
    /// Sends by a server, as a mailbox. Beside those that the machine trusts,
    /// the certificates `roots` (DER) are trusted.
    pub fn new(
        server: MailServer,
        from: &str,
        roots: impl IntoIterator<Item = Vec<u8>>,
    ) -> Result<Self, MailError> {
        let from: Mailbox = from.parse().map_err(|_| MailError::From)?;
        let fault = |error: lettre::transport::smtp::Error| MailError::Tls {
            why: error.to_string(),
        };
        let tls = if server.way == Way::Plain {
            None
        } else {
            let mut tls = TlsParameters::builder(server.host.clone());
            for der in roots {
                tls = tls.add_root_certificate(Certificate::from_der(der).map_err(fault)?);
            }
            Some(tls.build_rustls().map_err(fault)?)
        };
        Ok(Self {
            server,
            tls,
            from,
            login: None,
        })
    }

    /// Says who it is.
    #[must_use]
    pub fn login(mut self, user: String, password: KeySource) -> Self {
        self.login = Some((user, password));
        self
    }

    /// The server, as lines of the log name it.
    pub(crate) fn name(&self) -> String {
        format!("{}:{}", self.server.host, self.server.port)
    }

    /// Sends a letter that tells of an event.
    pub(crate) async fn send(
        &self,
        letter: &Letter,
        id: &str,
        at: Timestamp,
    ) -> Result<(), Failure> {
        let message = self.message(letter, id, at).map_err(Failure::permanent)?;
        let mut transport =
            AsyncSmtpTransport::<Tokio1Executor>::builder_dangerous(&self.server.host)
                .port(self.server.port)
                .hello_name(ClientId::Domain(self.from.email.domain().to_owned()))
                .timeout(Some(TIMEOUT))
                .tls(match (self.server.way, &self.tls) {
                    (Way::Tls, Some(tls)) => Tls::Wrapper(tls.clone()),
                    (_, Some(tls)) => Tls::Required(tls.clone()),
                    (_, None) => Tls::None,
                });
        let password = match &self.login {
            Some((user, source)) => {
                let key = source.read().await.map_err(|error| no_password(&error))?;
                let login = Credentials::new(user.clone(), key.expose().to_owned());
                transport = transport.credentials(login);
                Some(key)
            }
            None => None,
        };
        let sent = transport.build().send(message).await;
        sent.map(drop).map_err(|error| {
            let why = said(&error, password.as_ref());
            match error.status() {
                // 53x: who logs in, or how, is not taken. That is for whoever set
                // it to mend, and says nothing of the letter.
                Some(code) if code.category == Category::Unspecified3 => why.into(),
                Some(_) if error.is_permanent() => Failure::permanent(why),
                _ => why.into(),
            }
        })
    }

    /// The same bytes each time: the receiver may know a letter again.
    fn message(&self, letter: &Letter, id: &str, at: Timestamp) -> Result<Message, String> {
        let to = letter.to.parse().map_err(|_| "its address is no mailbox")?;
        let at = u64::try_from(at.as_millis()).unwrap_or_default();
        let id = id.replace(|c: char| !c.is_ascii_alphanumeric() && c != '-', ".");
        let message = Message::builder()
            .from(self.from.clone())
            .to(Mailbox::new(None, to))
            .subject(one_line(&letter.subject))
            .date(SystemTime::UNIX_EPOCH + Duration::from_millis(at))
            .message_id(Some(format!("<{id}@{}>", self.from.email.domain())))
            // Whoever is away need not answer (RFC 3834).
            .raw_header(HeaderValue::new(
                HeaderName::new_from_ascii_str("Auto-Submitted"),
                "auto-generated".to_owned(),
            ))
            .header(ContentType::TEXT_PLAIN)
            .body(letter.text.clone());
        message.map_err(|error| format!("it cannot be written: {error}"))
    }
}

fn no_password(error: &KeyError) -> String {
    match error {
        KeyError::Missing => "there is no password for the mail server".to_owned(),
        KeyError::File { why } => {
            format!("the file of the mail server's password cannot be read: {why}")
        }
        KeyError::Command { program, why } => {
            format!("`{program}` did not print the mail server's password: {why}")
        }
        _ => "the mail server's password is too short, or spans lines".to_owned(),
    }
}

/// What a server said, in a line, without the password.
fn said(error: &lettre::transport::smtp::Error, password: Option<&Key>) -> String {
    let text = error.to_string();
    let text = match password {
        Some(key) => key.masker().mask_str(&text).into_owned(),
        None => text,
    };
    one_line(&text).chars().take(SAID_MAX).collect()
}

fn one_line(text: &str) -> String {
    let one = text.chars().map(|c| if c.is_control() { ' ' } else { c });
    one.collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use rstest::rstest;

    #[rstest]
    #[case("smtps://mail.example.com", Way::Tls, "mail.example.com", 465)]
    #[case("smtp://mail.example.com/", Way::StartTls, "mail.example.com", 587)]
    #[case("smtp://mail.example.com:25", Way::StartTls, "mail.example.com", 25)]
    #[case("smtp+plain://localhost", Way::Plain, "localhost", 25)]
    #[case("smtp+plain://127.0.0.1:2525", Way::Plain, "127.0.0.1", 2525)]
    #[case("smtps://[::1]", Way::Tls, "::1", 465)]
    #[case("smtp+plain://[::1]:26", Way::Plain, "::1", 26)]
    fn servers(#[case] text: &str, #[case] way: Way, #[case] host: &str, #[case] port: u16) {
        let host = host.to_owned();
        assert_eq!(text.parse(), Ok(MailServer { way, host, port }));
    }

    #[rstest]
    #[case("mail.example.com")]
    #[case("https://mail.example.com")]
    #[case("smtps://user:secret@mail.example.com")]
    #[case("smtps://")]
    #[case("smtps://host:port")]
    #[case("smtps://host:0")]
    #[case("smtps://[host]")]
    #[case("smtps://host/path")]
    #[case("smtp+plain://mail.example.com")]
    #[case("smtp+plain://10.0.0.1")]
    fn no_servers(#[case] text: &str) {
        let error = text.parse::<MailServer>().unwrap_err().to_string();
        assert!(!error.contains("secret"), "{error}");
    }
}
