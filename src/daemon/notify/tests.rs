//! What arrives at the mail server, and what each way of failing means for the outbox.

use std::path::Path;

use dealclock_connector::{ErrorKind, Result};
use dealclock_model::effect::{Channel, Email, Subject};
use dealclock_model::{EffectId, Instant, PersonId, Receipt};

use super::SmtpMail;
use super::sink::{At, Fate, Letter, SmtpSink};
use crate::config::{Config, Environment};
use crate::runtime::Mail;

fn id() -> EffectId {
    let person = PersonId::from("7");
    EffectId::new(&"acme".into(), &"r".into(), Subject::Person(&person), 1, 0, &"1d".into(), "owner", Channel::Email)
}

fn email(subject: &str, body: &str) -> Email {
    Email {
        to: "7".into(),
        subject: subject.to_owned(),
        body: body.to_owned(),
        link: Some("https://crm.example/1".into()),
        question: None,
    }
}

fn now() -> Instant {
    "2026-03-02T08:00:00Z".parse().unwrap()
}

fn mailer(port: u16, more: &str) -> SmtpMail {
    let text = format!(
        "[mail]\nenabled = true\nhost = \"127.0.0.1\"\nport = {port}\ntls = \"none\"\nallow_local = true\n\
         from = \"Dealclöck <dealclock@example.com>\"\n{more}\n[connection.acme]\nkind = \"k\"\ntoken = {{ env = \"T\" }}\n"
    );
    let environment: Environment = [("PASSWORD", "canary-password")].into_iter().collect();
    let config = Config::read("my.toml", &text, Path::new(""), &environment, &["k"]).unwrap();
    SmtpMail::new(&config.mail.unwrap(), &environment).unwrap()
}

async fn send(script: Vec<(At, Fate)>, email: &Email, address: &str) -> (Result<Receipt>, Vec<Letter>) {
    let sink = SmtpSink::start(script).await;
    let sent = mailer(sink.port(), "").send(&id(), email, address, now()).await;
    (sent, sink.letters())
}

#[tokio::test]
async fn a_mail_has_a_text_an_html_part_and_an_id_from_its_effect() {
    let (sent, letters) =
        send(Vec::new(), &email("Prepare a proposal", "Dear A,\n\n1 < 2 & <b>"), "rep@example.com").await;
    sent.unwrap();
    let letter = &letters[0];
    assert_eq!(
        (letter.from.as_str(), letter.to.as_str()),
        ("MAIL FROM:<dealclock@example.com>", "RCPT TO:<rep@example.com>")
    );
    for part in [
        &format!("Message-ID: <{}@example.com>\r\n", id()),
        "Date: Mon, 02 Mar 2026 08:00:00 +0000\r\n",
        "Subject: Prepare a proposal\r\n",
        "To: rep@example.com\r\n",
        "Auto-Submitted: auto-generated\r\n",
        "Content-Type: text/plain",
        "Content-Type: text/html",
        "1 < 2 & <b>",
        "1 &#60; 2 &#38; &#60;b&#62;",
    ] {
        assert!(letter.text.contains(part), "{part} in {}", letter.text);
    }
}

#[tokio::test]
async fn no_text_can_add_a_header_or_a_recipient() {
    let injected = email("Hi\r\nBcc: evil@example.com\r\n\r\nbody", "first\r\n.\r\nRCPT TO:<evil@example.com>\r\n");
    let (sent, letters) = send(Vec::new(), &injected, "rep@example.com").await;
    sent.unwrap();
    assert_eq!(letters.len(), 1);
    let (headers, _) = letters[0].text.split_once("\r\n\r\n").unwrap();
    assert!(!headers.lines().any(|line| line.starts_with("Bcc")), "{headers}");
    let (sent, letters) = send(Vec::new(), &email("Hi", ""), "rep@example.com>\r\nRCPT TO:<evil@example.com").await;
    assert_eq!(sent.unwrap_err().kind, ErrorKind::Rejected);
    assert!(letters.is_empty());
}

#[tokio::test]
async fn names_in_any_script_arrive() {
    let (sent, letters) = send(Vec::new(), &email("Angebot für Müller 🚀 مرحبا", "Größe"), "rep@example.com").await;
    sent.unwrap();
    let text = &letters[0].text;
    assert!(text.is_ascii(), "{text}");
    assert!(text.contains("Subject: =?utf-8?b?") || text.contains("Subject: Angebot =?utf-8?b?"), "{text}");
}

#[tokio::test]
async fn each_way_of_failing_says_whether_the_mail_may_have_gone_out() {
    let transient = ErrorKind::Transient { retry_at: None };
    let rows = [
        (At::Greeting, Fate::Say("554 go away"), ErrorKind::Unauthorized),
        (At::Greeting, Fate::Say("421 later"), transient),
        (At::Greeting, Fate::HangUp, transient),
        (At::Mail, Fate::Say("553 not your domain"), ErrorKind::Unauthorized),
        (At::Mail, Fate::Say("451 later"), transient),
        (At::Rcpt, Fate::Say("550 5.1.1 <rep@example.com> is unknown"), ErrorKind::Rejected),
        (At::Rcpt, Fate::Say("450 greylisted"), transient),
        (At::Rcpt, Fate::HangUp, transient),
        (At::Data, Fate::Say("554 no"), ErrorKind::Rejected),
        (At::Data, Fate::HangUp, transient),
        (At::Message, Fate::Say("552 too large"), ErrorKind::Rejected),
        (At::Message, Fate::Say("451 later"), transient),
        (At::Message, Fate::HangUp, ErrorKind::Unknown),
    ];
    for (at, fate, kind) in rows {
        let shown = format!("{at:?} {fate:?}");
        let (sent, _) = send(vec![(at, fate)], &email("Hi", "there"), "rep@example.com").await;
        let error = sent.expect_err(&shown);
        assert_eq!(error.kind, kind, "{shown}: {error}");
        assert!(!error.message.contains("rep@"), "{error}");
    }
}

#[tokio::test]
async fn a_server_that_is_not_there_is_tried_again() {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    drop(listener);
    let error = mailer(port, "").send(&id(), &email("Hi", ""), "rep@example.com", now()).await.unwrap_err();
    assert_eq!(error.kind, ErrorKind::Transient { retry_at: None });
}

#[tokio::test]
async fn a_wrong_password_needs_an_administrator_and_is_not_shown() {
    let sink = SmtpSink::start(vec![(At::Auth, Fate::Say("535 5.7.8 bad credentials"))]).await;
    let mailer = mailer(sink.port(), "user = \"u\"\npassword = { env = \"PASSWORD\" }");
    let error = mailer.check().await.unwrap_err();
    assert_eq!(error.kind, ErrorKind::Unauthorized);
    assert_eq!(error.message, "failed to log in to the mail server: 535 5.7.8 bad credentials");
}
