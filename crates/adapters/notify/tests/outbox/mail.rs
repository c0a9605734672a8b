//! Mail: encrypted or not sent, the same each time, tried until it is taken.

use super::smtp::{Came, Fault, Smtp, Tls};
use super::{at, delivery, left, open, put, put_row, round};
use rok_exec_service::KeySource;
use rok_log::Cells as _;
use rok_notify::{DELIVERIES, FailureClass, Mailer, Outbox, Said, Standing};
use rok_store_sqlite::SqliteStore;
use rstest::rstest;
use serde_json::{Value, json};
use std::path::Path;

const PASSWORD: &str = "hunter2-and-more";
const FROM: &str = "rok <rok@rok.example>";

fn letter(to: &str, subject: &str, text: &str) -> Value {
    json!({
        "mail": { "to": to, "subject": subject, "text": text },
        "event": { "id": "run:9:notify:0", "time": "2026-01-02T03:04:05.000Z" },
    })
}

fn put_letter(folder: &Path) {
    let row = letter("ops@example.com", "[rok] p: failed", "Run run ended.\n");
    put_row(folder, "a", &row);
}

fn mailer(scheme: &str, smtp: &Smtp) -> Mailer {
    let server = format!("{scheme}://localhost:{}", smtp.port)
        .parse()
        .unwrap();
    Mailer::new(server, FROM, [smtp.certificate.clone()]).unwrap()
}

fn known(mailer: Mailer) -> Mailer {
    let password = KeySource::Text(PASSWORD.to_owned().into());
    mailer.login("rok".to_owned(), password)
}

fn outbox(folder: &Path, mailer: Mailer) -> Outbox<SqliteStore> {
    Outbox::new(open(folder)).mail(mailer)
}

fn failed(said: &[Said]) -> &str {
    match said {
        [Said::Failed(line)] => line,
        other => panic!("{other:?}"),
    }
}

#[rstest]
#[case::tls("smtps", Tls::FromTheStart, "PLAIN LOGIN", true)]
#[case::starttls("smtp", Tls::Offered, "PLAIN", true)]
#[case::login("smtp", Tls::Offered, "LOGIN", true)]
#[case::nobody_logs_in("smtp", Tls::Offered, "", false)]
#[case::loopback("smtp+plain", Tls::Never, "", false)]
#[case::loopback_login("smtp+plain", Tls::Never, "PLAIN", true)]
fn a_letter_arrives(
    #[case] scheme: &str,
    #[case] tls: Tls,
    #[case] mechanisms: &'static str,
    #[case] logs_in: bool,
) {
    let folder = tempfile::tempdir().unwrap();
    let smtp = Smtp::start(tls, mechanisms, &[]);
    put_letter(folder.path());
    let mailer = mailer(scheme, &smtp);
    let mailer = if logs_in { known(mailer) } else { mailer };
    let said = round(&mut outbox(folder.path(), mailer), 0);
    let [Said::Delivered(line)] = &said[..] else {
        panic!("{said:?}")
    };
    let to = format!("run:9:notify:0 to a mailbox by localhost:{}", smtp.port);
    assert!(line.contains(&to), "{line}");
    let came = smtp.came();
    let [one] = &came[..] else { panic!("{came:?}") };
    assert_eq!(one.from, "rok@rok.example");
    assert_eq!(one.to, ["ops@example.com"]);
    assert_eq!(one.encrypted, tls != Tls::Never);
    let login = logs_in.then(|| format!("\0rok\0{PASSWORD}"));
    assert_eq!(one.login, login);
    for header in [
        "Subject: [rok] p: failed\n",
        "From: rok <rok@rok.example>\n",
        "To: ops@example.com\n",
        "Date: Fri, 02 Jan 2026 03:04:05 +0000\n",
        "Message-ID: <run.9.notify.0@rok.example>\n",
        "Auto-Submitted: auto-generated\n",
        "\n\nRun run ended.\n",
    ] {
        assert!(one.text.contains(header), "{header:?} in {}", one.text);
    }
    assert_eq!(left(folder.path()), 0);
    let noted = delivery(folder.path(), "a");
    assert_eq!((noted.standing, noted.attempts), (Standing::Delivered, 1));
}

#[test]
fn without_encryption_nothing_is_sent() {
    let folder = tempfile::tempdir().unwrap();
    // As somebody between does, who strikes STARTTLS out.
    let smtp = Smtp::start(Tls::Never, "PLAIN", &[]);
    put_letter(folder.path());
    let mut outbox = outbox(folder.path(), known(mailer("smtp", &smtp)));
    let said = round(&mut outbox, 0);
    assert!(failed(&said).contains("STARTTLS"), "{said:?}");
    assert_eq!(smtp.came(), []);
    let heard = smtp.heard();
    assert!(
        heard.iter().all(|line| line.starts_with("EHLO")),
        "{heard:?}"
    );
}

#[test]
fn a_server_that_nobody_vouches_for_is_told_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let smtp = Smtp::start(Tls::Offered, "PLAIN", &[]);
    put_letter(folder.path());
    let server = format!("smtp://localhost:{}", smtp.port).parse().unwrap();
    let strange = known(Mailer::new(server, FROM, []).unwrap());
    let said = round(&mut outbox(folder.path(), strange), 0);
    assert!(failed(&said).contains("certificate"), "{said:?}");
    let heard = smtp.heard();
    let asked = heard
        .iter()
        .all(|line| line.starts_with("EHLO") || line == "STARTTLS");
    assert!(asked, "{heard:?}");
}

#[rstest]
#[case::busy(Fault::Busy, "421")]
#[case::login(Fault::Repeats, "535")]
#[case::hangs_up(Fault::HangsUp, "")]
fn what_is_not_taken_is_tried_again_when_it_is_due(#[case] fault: Fault, #[case] why: &str) {
    let folder = tempfile::tempdir().unwrap();
    let smtp = Smtp::start(Tls::Offered, "PLAIN", &[fault]);
    put_letter(folder.path());
    let mut outbox = outbox(folder.path(), known(mailer("smtp", &smtp)));
    let said = round(&mut outbox, 0);
    assert!(failed(&said).contains(why), "{said:?}");
    let noted = delivery(folder.path(), "a");
    assert_eq!(
        (noted.at, noted.class),
        (at(5), Some(FailureClass::Transient))
    );
    assert_eq!(round(&mut outbox, 4), []);
    assert!(matches!(round(&mut outbox, 5)[..], [Said::Delivered(_)]));
    assert_eq!(smtp.came().len(), 1);
    assert_eq!(left(folder.path()), 0);
}

#[test]
fn what_is_refused_for_good_is_given_up_at_once() {
    let folder = tempfile::tempdir().unwrap();
    let smtp = Smtp::start(Tls::Offered, "", &[Fault::NoMailbox]);
    put_letter(folder.path());
    let mut outbox = outbox(folder.path(), mailer("smtp", &smtp));
    let said = round(&mut outbox, 0);
    let [Said::GivenUp(line)] = &said[..] else {
        panic!("{said:?}")
    };
    assert!(line.contains("refused for good"), "{line}");
    let noted = delivery(folder.path(), "a");
    assert_eq!(noted.class, Some(FailureClass::Permanent));
    assert_eq!((noted.standing, noted.attempts), (Standing::GivenUp, 1));
    assert!(noted.error.unwrap().contains("550"));
    assert_eq!(round(&mut outbox, 3_600), []);
    assert_eq!((smtp.came().len(), left(folder.path())), (0, 0));
}

#[test]
fn a_letter_whose_answer_was_lost_comes_again_as_it_was() {
    let folder = tempfile::tempdir().unwrap();
    let smtp = Smtp::start(Tls::Offered, "", &[Fault::LostAnswer]);
    put_letter(folder.path());
    let mut outbox = outbox(folder.path(), mailer("smtp", &smtp));
    failed(&round(&mut outbox, 0));
    assert!(matches!(round(&mut outbox, 5)[..], [Said::Delivered(_)]));
    let came = smtp.came();
    let [first, second] = &came[..] else {
        panic!("{came:?}")
    };
    assert_eq!(first, second);
}

#[test]
fn a_password_that_the_server_repeats_stands_nowhere() {
    let folder = tempfile::tempdir().unwrap();
    let smtp = Smtp::start(Tls::Offered, "PLAIN", &[Fault::Repeats]);
    put_letter(folder.path());
    let mailer = known(mailer("smtp", &smtp));
    assert!(!format!("{mailer:?}").contains(PASSWORD));
    let mut outbox = outbox(folder.path(), mailer);
    let said = round(&mut outbox, 0);
    assert!(failed(&said).contains("535"), "{said:?}");
    let cell = open(folder.path()).cell(DELIVERIES, "a").unwrap().unwrap();
    let cell = String::from_utf8(cell).unwrap();
    for shown in [format!("{said:?}"), format!("{outbox:?}"), cell] {
        assert!(!shown.contains(PASSWORD), "{shown}");
    }
}

#[test]
fn a_password_comes_from_a_file_or_a_command_when_it_is_needed() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("password");
    let smtp = Smtp::start(Tls::Offered, "PLAIN", &[]);
    let tell = ["/bin/cat".to_owned(), file.display().to_string()];
    let sources = [
        KeySource::File(file.clone()),
        KeySource::Command(tell.to_vec()),
    ];
    for (source, why) in sources
        .into_iter()
        .zip(["there is no password", "exit status: 1"])
    {
        let name = format!("{source:?}").replace(|c: char| !c.is_ascii_alphanumeric(), "");
        let row = letter("ops@example.com", "s", "t");
        put_row(folder.path(), &name[..8], &row);
        let mailer = mailer("smtp", &smtp).login("rok".to_owned(), source);
        let mut outbox = outbox(folder.path(), mailer);
        let said = round(&mut outbox, 0);
        assert!(failed(&said).contains(why), "{said:?}");
        std::fs::write(&file, format!("{PASSWORD}\n")).unwrap();
        assert!(matches!(round(&mut outbox, 5)[..], [Said::Delivered(_)]));
        std::fs::remove_file(&file).unwrap();
    }
    let login = Some(format!("\0rok\0{PASSWORD}"));
    let came = smtp.came();
    assert!(
        came.len() == 2 && came.iter().all(|one| one.login == login),
        "{came:?}"
    );
}

#[rstest]
#[case::subject("ops@example.com", "a\r\nBcc: eve@example.com", "text")]
#[case::text("ops@example.com", "s", "one\r\n.\r\nMAIL FROM:<eve@example.com>\r\n")]
#[case::folded("ops@example.com", "a\n\n\tb\u{85}c", "text")]
fn nothing_in_a_letter_becomes_a_header_or_a_command(
    #[case] to: &str,
    #[case] subject: &str,
    #[case] text: &str,
) {
    let folder = tempfile::tempdir().unwrap();
    let smtp = Smtp::start(Tls::Offered, "", &[]);
    put_row(folder.path(), "a", &letter(to, subject, text));
    let said = round(&mut outbox(folder.path(), mailer("smtp", &smtp)), 0);
    assert!(matches!(said[..], [Said::Delivered(_)]), "{said:?}");
    let came = smtp.came();
    let [Came { to, text, .. }] = &came[..] else {
        panic!("{came:?}")
    };
    assert_eq!(to, &["ops@example.com"]);
    let (head, _) = text.split_once("\n\n").unwrap();
    assert!(!head.contains("\nBcc"), "{head}");
    let mails = smtp.heard();
    let mails = mails.iter().filter(|line| line.starts_with("MAIL"));
    assert_eq!(mails.count(), 1);
}

#[rstest]
#[case("ops@example.com>\r\nRCPT TO:<eve@example.com")]
#[case("Ann <ops@example.com>, eve@example.com")]
#[case("")]
fn what_is_no_mailbox_is_given_up_without_a_word_to_the_server(#[case] to: &str) {
    let folder = tempfile::tempdir().unwrap();
    let smtp = Smtp::start(Tls::Offered, "", &[]);
    put_row(folder.path(), "a", &letter(to, "s", "t"));
    let mut outbox = outbox(folder.path(), mailer("smtp", &smtp));
    let said = round(&mut outbox, 0);
    assert!(
        matches!(&said[..], [Said::GivenUp(line)] if line.contains("is no mailbox")),
        "{said:?}"
    );
    assert_eq!(smtp.heard(), Vec::<String>::new());
    assert_eq!(delivery(folder.path(), "a").standing, Standing::GivenUp);
}

#[test]
fn what_has_no_way_here_waits_and_is_told() {
    let folder = tempfile::tempdir().unwrap();
    let smtp = Smtp::start(Tls::Offered, "", &[]);
    put_letter(folder.path());
    put(folder.path(), "b", "http://127.0.0.1:1/hook");
    let none = Outbox::new(open(folder.path()));
    assert!(!none.delivers());
    assert_eq!(none.stuck().unwrap(), ["webhooks", "mail"]);
    let mut outbox = outbox(folder.path(), mailer("smtp", &smtp));
    assert_eq!(outbox.stuck().unwrap(), ["webhooks"]);
    assert!(matches!(round(&mut outbox, 0)[..], [Said::Delivered(_)]));
    assert_eq!(left(folder.path()), 1);
    assert_eq!(open(folder.path()).cell(DELIVERIES, "b").unwrap(), None);
}
