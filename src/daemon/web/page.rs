//! The pages behind links: what is asked, and what became of it; plain, and readable on a phone.

use askama::Template;
use axum::http::{HeaderName, HeaderValue, StatusCode, header};
use axum::response::{Html, IntoResponse, Response};
use dealclock_engine::Ruleset;
use dealclock_engine::rules::Approval;
use dealclock_model::case::RecordCase;
use dealclock_model::effect::Question;
use dealclock_model::request::{Decision, Way};
use dealclock_model::{Instant, People, PersonId, RequestState, Ruling};

use super::facts::Fact;
use super::standing::Standing;

/// A page; askama escapes everything that is put in.
#[derive(Template)]
#[template(path = "page.html")]
pub(super) struct Page {
    title: String,
    /// What became of the question, and how it reads: good, bad, or neither.
    told: Option<String>,
    tone: &'static str,
    facts: Vec<Fact>,
    record_link: Option<String>,
    /// Who is asked, while there is something to answer.
    asks: Option<String>,
    #[template(skip)]
    status: StatusCode,
}

/// What a page is made from.
pub(super) struct View<'a> {
    pub(super) question: &'a Question,
    pub(super) case: Option<&'a RecordCase>,
    pub(super) ruleset: &'a Ruleset,
    pub(super) people: &'a People,
    pub(super) now: Instant,
}

impl Page {
    /// The page of an address that is none of ours.
    pub(super) fn unknown() -> Page {
        let told = "This link is not valid. It may have been cut off by the mail program: open it from the mail again.";
        Page::plain("Nothing to decide here", told, StatusCode::NOT_FOUND)
    }

    /// The page for a time in which nothing can be kept.
    pub(super) fn unavailable() -> Page {
        let told = "Your answer could not be kept just now. Nothing was decided; please try again in a minute.";
        Page::plain("Not now", told, StatusCode::SERVICE_UNAVAILABLE)
    }

    /// The page for an answer that does not come from our page.
    pub(super) fn foreign() -> Page {
        let told = "That answer did not come from this page, or says neither approve nor refuse. Nothing was decided.";
        Page::plain("Not understood", told, StatusCode::BAD_REQUEST)
    }

    fn plain(title: &str, told: &str, status: StatusCode) -> Page {
        Page {
            title: title.to_owned(),
            told: Some(told.to_owned()),
            tone: "bad",
            facts: Vec::new(),
            record_link: None,
            asks: None,
            status,
        }
    }

    /// The page of a question as it stands. `answer` is what the reader has just said.
    pub(super) fn of(view: &View<'_>, standing: &Standing, answer: Option<Ruling>) -> Page {
        let asked = *standing == Standing::Asked;
        let (told, tone) = if asked { (None, "") } else { view.tell(standing, answer) };
        Page {
            title: view.title(),
            told,
            tone,
            facts: view.facts(),
            record_link: view.record_link(),
            asks: asked.then(|| view.name(&view.question.person)),
            status: view.status(standing, answer),
        }
    }
}

impl IntoResponse for Page {
    fn into_response(self) -> Response {
        let Ok(html) = self.render() else { return StatusCode::INTERNAL_SERVER_ERROR.into_response() };
        let mut response = (self.status, Html(html)).into_response();
        guard(&mut response);
        response
    }
}

/// Nothing of a page is kept, framed, run, or told to where its links lead.
pub(super) fn guard(response: &mut Response) {
    let headers = response.headers_mut();
    let guards: [(HeaderName, &'static str); 5] = [
        (
            header::CONTENT_SECURITY_POLICY,
            "default-src 'self'; script-src 'none'; frame-ancestors 'none'; form-action 'self'; base-uri 'none'",
        ),
        (header::CACHE_CONTROL, "no-store"),
        (header::REFERRER_POLICY, "no-referrer"),
        (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
        (header::X_FRAME_OPTIONS, "DENY"),
    ];
    for (name, value) in guards {
        headers.insert(name, HeaderValue::from_static(value));
    }
}

impl View<'_> {
    pub(super) fn name(&self, person: &PersonId) -> String {
        let known = self.people.get(person).map(|person| person.name.clone()).filter(|name| !name.is_empty());
        known.unwrap_or_else(|| person.to_string())
    }

    pub(super) fn record(&self) -> Option<&dealclock_model::Record> {
        self.case.and_then(|case| case.record.as_ref())
    }

    pub(super) fn approval(&self) -> Option<&Approval> {
        let request = self.case.and_then(|case| case.requests.get(&self.question.rule))?;
        self.ruleset.rules.approvals.get(&request.approval)
    }

    fn title(&self) -> String {
        let what = self.approval().map_or_else(|| "A request".to_owned(), |approval| approval.title.clone());
        match self.record() {
            Some(record) => format!("{what}: {}", record.name()),
            None => what,
        }
    }

    fn record_link(&self) -> Option<String> {
        let link = self.record().and_then(|record| record.url.clone());
        link.filter(|link| link.starts_with("https://") || link.starts_with("http://"))
    }

    /// An instant in the reader's zone.
    pub(super) fn moment(&self, instant: Instant) -> String {
        let zone = self.people.zone_of(Some(&self.question.person));
        instant.with_timezone(&zone).format("%Y-%m-%d %H:%M").to_string()
    }

    fn status(&self, standing: &Standing, answer: Option<Ruling>) -> StatusCode {
        match (standing, answer) {
            (Standing::Asked | Standing::Answered(_) | Standing::Kept, _) => StatusCode::OK,
            (Standing::Decided(decision), Some(answer)) if self.is_own(decision, answer) => StatusCode::OK,
            (Standing::Decided(_) | Standing::NotAsked | Standing::AskedAnew, Some(_)) => StatusCode::CONFLICT,
            (Standing::Decided(_) | Standing::NotAsked | Standing::AskedAnew, None) => StatusCode::OK,
            (Standing::Closed(_) | Standing::Expired | Standing::Gone, _) => StatusCode::GONE,
        }
    }

    fn is_own(&self, decision: &Decision, answer: Ruling) -> bool {
        decision.way == Way::Link && decision.ruling == answer && decision.by.as_ref() == Some(&self.question.person)
    }

    /// What is told of a question that is not to be answered, and in which tone.
    fn tell(&self, standing: &Standing, answer: Option<Ruling>) -> (Option<String>, &'static str) {
        let told = match standing {
            Standing::Asked => return (None, ""),
            Standing::Answered(ruling) => {
                let told = format!("You {}. Others have still to decide, or have decided since.", said(*ruling));
                return (Some(told), "good");
            }
            Standing::Decided(decision) => match answer {
                Some(answer) if self.is_own(decision, answer) => {
                    let told = format!("Thank you. You {} it; whoever asked is told now.", said(answer));
                    return (Some(told), "good");
                }
                Some(_) if decision.by.as_ref() == Some(&self.question.person) => {
                    let when = self.moment(decision.at);
                    format!("You {} it already, on {when}, and that stands.", said(decision.ruling))
                }
                Some(_) => format!("Somebody was faster, and your answer changes nothing. {}", self.decided(decision)),
                None => self.decided(decision),
            },
            Standing::Closed(state) => match state {
                RequestState::Withdrawn => "The request was taken back. There is nothing to decide.".to_owned(),
                RequestState::TakenBack => "It was granted, and taken back afterwards by whoever asked.".to_owned(),
                RequestState::NotNeeded => {
                    "The request is not needed any more: the work is done, or the rule does not \
                                            apply to the record now."
                        .to_owned()
                }
                RequestState::Open | RequestState::Granted | RequestState::Refused | RequestState::TimedOut => {
                    "The request is closed.".to_owned()
                }
            },
            Standing::AskedAnew => "This was asked again since. Please answer by the newer mail or task.".to_owned(),
            Standing::NotAsked => "Somebody else decides this now. Your answer is not asked for any more.".to_owned(),
            Standing::Expired => "This link has ended. Please decide in the CRM.".to_owned(),
            Standing::Kept => "Your answer is kept. It counts in a moment, unless somebody was faster.".to_owned(),
            Standing::Gone => "The record, or the request on it, is not there any more.".to_owned(),
        };
        (Some(told), "")
    }

    fn decided(&self, decision: &Decision) -> String {
        let what = match decision.ruling {
            Ruling::Approve => "approved",
            Ruling::Reject => "refused",
        };
        let when = self.moment(decision.at);
        match (&decision.by, decision.way) {
            (_, Way::Timeout) => format!("Nobody decided in time: it was {what} on {when}."),
            (Some(by), Way::Native | Way::Field | Way::Task | Way::Link | Way::Desk) => {
                format!("It was {what} by {} on {when}.", self.name(by))
            }
            (None, Way::Native | Way::Field | Way::Task | Way::Link | Way::Desk) => {
                format!("It was {what} on {when}.")
            }
        }
    }
}

fn said(ruling: Ruling) -> &'static str {
    match ruling {
        Ruling::Approve => "approved",
        Ruling::Reject => "refused",
    }
}
