//! A mail server on loopback, that does as it is told.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use rustls::pki_types::{PrivateKeyDer, PrivatePkcs8KeyDer};
use rustls::{ServerConfig, ServerConnection, StreamOwned};
use std::collections::VecDeque;
use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::{Arc, Mutex};

/// What goes wrong with one connection.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Fault {
    /// It is busy.
    Busy,
    /// There is no such mailbox.
    NoMailbox,
    /// It has taken the letter, and says nothing more.
    LostAnswer,
    /// It hangs up as the letter comes.
    HangsUp,
    /// It repeats the login.
    Repeats,
}

/// When a connection is encrypted.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Tls {
    Never,
    /// Once the client asks.
    Offered,
    FromTheStart,
}

/// A letter as it came.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Came {
    pub(crate) from: String,
    pub(crate) to: Vec<String>,
    pub(crate) text: String,
    pub(crate) login: Option<String>,
    pub(crate) encrypted: bool,
}

/// The server.
pub(crate) struct Smtp {
    pub(crate) port: u16,
    pub(crate) certificate: Vec<u8>,
    inner: Arc<Inner>,
}

struct Inner {
    tls: Tls,
    config: Arc<ServerConfig>,
    mechanisms: &'static str,
    faults: Mutex<VecDeque<Fault>>,
    came: Mutex<Vec<Came>>,
    heard: Mutex<Vec<String>>,
}

impl Smtp {
    /// A server that wants a login by these mechanisms, if by any.
    pub(crate) fn start(tls: Tls, mechanisms: &'static str, faults: &[Fault]) -> Self {
        let made = rcgen::generate_simple_self_signed(["localhost".to_owned()]).unwrap();
        let certificate = made.cert.der().clone();
        let key = PrivateKeyDer::from(PrivatePkcs8KeyDer::from(made.signing_key.serialize_der()));
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let config = ServerConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_no_client_auth()
            .with_single_cert(vec![certificate.clone()], key)
            .unwrap();
        let listener = TcpListener::bind(("127.0.0.1", 0)).unwrap();
        let port = listener.local_addr().unwrap().port();
        let inner = Arc::new(Inner {
            tls,
            config: Arc::new(config),
            mechanisms,
            faults: Mutex::new(faults.iter().copied().collect()),
            came: Mutex::default(),
            heard: Mutex::default(),
        });
        let house = Arc::clone(&inner);
        std::thread::spawn(move || {
            for stream in listener.incoming() {
                let fault = house.faults.lock().unwrap().pop_front();
                // A client may go away at any word.
                let _ = Dialog::begin(&house, stream.unwrap(), fault).and_then(Dialog::talk);
            }
        });
        Self {
            port,
            certificate: certificate.to_vec(),
            inner,
        }
    }

    pub(crate) fn came(&self) -> Vec<Came> {
        self.inner.came.lock().unwrap().clone()
    }

    /// Every line that was not part of a letter.
    pub(crate) fn heard(&self) -> Vec<String> {
        self.inner.heard.lock().unwrap().clone()
    }
}

enum Line {
    Plain(TcpStream),
    Encrypted(Box<StreamOwned<ServerConnection, TcpStream>>),
}

struct Dialog<'h> {
    house: &'h Inner,
    line: Line,
    fault: Option<Fault>,
    came: Came,
}

impl<'h> Dialog<'h> {
    fn begin(house: &'h Inner, stream: TcpStream, fault: Option<Fault>) -> std::io::Result<Self> {
        let mut dialog = Self {
            house,
            line: Line::Plain(stream),
            fault,
            came: Came {
                from: String::new(),
                to: Vec::new(),
                text: String::new(),
                login: None,
                encrypted: false,
            },
        };
        if house.tls == Tls::FromTheStart {
            dialog = dialog.encrypt();
        }
        match fault {
            Some(Fault::Busy) => dialog.say("421 4.3.2 busy")?,
            _ => dialog.say("220 localhost ready")?,
        }
        Ok(dialog)
    }

    fn encrypt(mut self) -> Self {
        let connection = ServerConnection::new(Arc::clone(&self.house.config)).unwrap();
        self.line = match self.line {
            Line::Plain(stream) => Line::Encrypted(Box::new(StreamOwned::new(connection, stream))),
            line @ Line::Encrypted(_) => line,
        };
        self.came.encrypted = true;
        self
    }

    fn say(&mut self, what: &str) -> std::io::Result<()> {
        let what = format!("{what}\r\n");
        match &mut self.line {
            Line::Plain(stream) => stream.write_all(what.as_bytes()),
            Line::Encrypted(stream) => {
                stream.write_all(what.as_bytes())?;
                stream.flush()
            }
        }
    }

    /// A line, without its end.
    fn hear(&mut self) -> std::io::Result<String> {
        let mut line = Vec::new();
        while !line.ends_with(b"\r\n") {
            let mut byte = [0];
            match &mut self.line {
                Line::Plain(stream) => stream.read_exact(&mut byte)?,
                Line::Encrypted(stream) => stream.read_exact(&mut byte)?,
            }
            line.push(byte[0]);
        }
        line.truncate(line.len() - 2);
        Ok(String::from_utf8(line).unwrap())
    }

    fn talk(mut self) -> std::io::Result<()> {
        loop {
            let line = self.hear()?;
            self.house.heard.lock().unwrap().push(line.clone());
            let (word, rest) = line.split_once([' ', ':']).unwrap_or((&line, ""));
            match word {
                "EHLO" => self.greet()?,
                "STARTTLS" => {
                    self.say("220 go on")?;
                    self = self.encrypt();
                }
                "AUTH" => self.login(rest)?,
                "MAIL" => {
                    self.came.from = within(rest);
                    self.say("250 ok")?;
                }
                "RCPT" if self.fault == Some(Fault::NoMailbox) => {
                    self.say("550 5.1.1 no such mailbox")?;
                }
                "RCPT" => {
                    self.came.to.push(within(rest));
                    self.say("250 ok")?;
                }
                "DATA" => {
                    self.say("354 go on")?;
                    if !self.take()? {
                        return Ok(());
                    }
                    self.say("250 taken")?;
                }
                "QUIT" => return self.say("221 bye"),
                _ => self.say("500 what?")?,
            }
        }
    }

    fn greet(&mut self) -> std::io::Result<()> {
        self.say("250-localhost")?;
        if self.house.tls == Tls::Offered && !self.came.encrypted {
            self.say("250-STARTTLS")?;
        }
        if !self.house.mechanisms.is_empty() {
            self.say(&format!("250-AUTH {}", self.house.mechanisms))?;
        }
        self.say("250 8BITMIME")
    }

    fn login(&mut self, rest: &str) -> std::io::Result<()> {
        let text = |coded: &str| String::from_utf8(STANDARD.decode(coded).unwrap()).unwrap();
        let given = match rest.split_once(' ') {
            Some(("PLAIN", coded)) => text(coded),
            _ => {
                self.say(&format!("334 {}", STANDARD.encode("Username:")))?;
                let user = text(&self.hear()?);
                self.say(&format!("334 {}", STANDARD.encode("Password:")))?;
                format!("\0{user}\0{}", text(&self.hear()?))
            }
        };
        if self.fault == Some(Fault::Repeats) {
            return self.say(&format!("535 5.7.8 not {}", given.replace('\0', "/")));
        }
        self.came.login = Some(given);
        self.say("235 welcome")
    }

    /// Takes a letter; whether anything is said of it.
    fn take(&mut self) -> std::io::Result<bool> {
        if self.fault == Some(Fault::HangsUp) {
            return Ok(false);
        }
        loop {
            let line = self.hear()?;
            if line == "." {
                break;
            }
            self.came.text.push_str(&line);
            self.came.text.push('\n');
        }
        self.house.came.lock().unwrap().push(self.came.clone());
        Ok(self.fault != Some(Fault::LostAnswer))
    }
}

/// What stands between angle brackets.
fn within(text: &str) -> String {
    let (_, text) = text.split_once('<').unwrap();
    text.split_once('>').unwrap().0.to_owned()
}
