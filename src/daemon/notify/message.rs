//! From an e-mail effect to the bytes of a message: a text part, an HTML part, and a Message-ID made from the effect.

use std::time::SystemTime;

use askama::Template;
use dealclock_connector::Error;
use dealclock_model::effect::Email;
use dealclock_model::{EffectId, Instant};
use lettre::message::header::{Header, HeaderName, HeaderValue};
use lettre::message::{Mailbox, MultiPart};
use lettre::{Address, Message};

/// The HTML part; askama escapes everything that is put in.
#[derive(Template)]
#[template(path = "mail.html")]
struct Page<'a> {
    subject: &'a str,
    paragraphs: Vec<Vec<&'a str>>,
    link: Option<&'a str>,
    /// Where the reader answers.
    answer: Option<&'a str>,
}

/// Tells vacation responders not to answer: https://datatracker.ietf.org/doc/html/rfc3834#section-5
#[derive(Clone)]
struct AutoSubmitted;

impl Header for AutoSubmitted {
    fn name() -> HeaderName {
        HeaderName::new_from_ascii_str("Auto-Submitted")
    }

    fn parse(_: &str) -> Result<Self, Box<dyn std::error::Error + Send + Sync>> {
        Ok(AutoSubmitted)
    }

    fn display(&self) -> HeaderValue {
        HeaderValue::new(Self::name(), "auto-generated".to_owned())
    }
}

/// Writes the message; `answer` is where its question is answered. What cannot be written can never be sent, so an error is final.
pub(super) fn write(
    id: &EffectId,
    email: &Email,
    from: &Mailbox,
    to: Address,
    answer: Option<&str>,
    now: Instant,
) -> dealclock_connector::Result<Message> {
    let subject = one_line(&email.subject);
    let link = email.link.as_deref().filter(|link| link.starts_with("https://") || link.starts_with("http://"));
    let page = Page { subject: &subject, paragraphs: paragraphs(&email.body), link, answer };
    let html = page.render().map_err(|_| Error::rejected("failed to lay the mail out as HTML"))?;
    let mut text = format!("{}\n", email.body.trim_end());
    if let Some(answer) = answer {
        text += &format!("\nApprove or refuse on this page, which answers in your name:\n{answer}\n");
    }
    if let Some(link) = link {
        text += &format!("\n{link}\n");
    }
    Message::builder()
        .message_id(Some(format!("<{id}@{}>", from.email.domain())))
        .date(SystemTime::from(now))
        .from(from.clone())
        .to(Mailbox::new(None, to))
        .subject(subject.clone())
        .header(AutoSubmitted)
        .multipart(MultiPart::alternative_plain_html(text, html))
        .map_err(|_| Error::rejected("failed to write the mail"))
}

/// A header is one line, whatever a record is called.
fn one_line(text: &str) -> String {
    text.chars().map(|c| if c.is_control() { ' ' } else { c }).collect()
}

fn paragraphs(body: &str) -> Vec<Vec<&str>> {
    body.split("\n\n").map(|text| text.trim().lines().collect::<Vec<_>>()).filter(|lines| !lines.is_empty()).collect()
}
