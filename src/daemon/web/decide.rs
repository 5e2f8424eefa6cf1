//! The pages behind signed links: a GET shows what is asked, and only a POST decides, so that mail scanners cannot.

use std::sync::Arc;

use axum::extract::rejection::FormRejection;
use axum::extract::{Form, Path, State};
use axum::http::{HeaderMap, HeaderValue, header};
use axum::response::{IntoResponse, Response};
use dealclock_model::case::RecordCase;
use dealclock_model::effect::Question;
use dealclock_model::{Case, CaseId, Event, People, Ruling, Way};
use dealclock_store::{Batch, StoreError};
use serde::Deserialize;

use super::Web;
use super::page::{Page, View, guard};
use super::standing::{Standing, stand};
use crate::runtime::signals::LoopId;
use crate::runtime::{Connection, RuntimeError};

/// Most characters of a comment.
const LONGEST_COMMENT: usize = 1_000;
/// Steps of the decider that an answer waits for; behind more events than these it is decided a moment later.
const MOST_STEPS: usize = 64;
const STYLE: &str = include_str!("templates/decide.css");

/// What the form says.
#[derive(Deserialize)]
pub(super) struct Answer {
    ruling: Ruling,
    #[serde(default)]
    comment: String,
}

/// Answers `GET /decide/{token}`: shows, and changes nothing.
pub(super) async fn show(State(web): State<Arc<Web>>, Path(token): Path<String>) -> Response {
    let Some((question, people)) = web.question(&token) else { return Page::unknown().into_response() };
    match web.page(&question, &people, None) {
        Ok((page, _)) => page.into_response(),
        Err(error) => unavailable(&error),
    }
}

/// Answers `POST /decide/{token}`: keeps what the person says, has it decided, and shows what became of it.
pub(super) async fn answer(
    State(web): State<Arc<Web>>,
    Path(token): Path<String>,
    headers: HeaderMap,
    form: Result<Form<Answer>, FormRejection>,
) -> Response {
    let Some((question, people)) = web.question(&token) else { return Page::unknown().into_response() };
    let Some(Form(answer)) = form.ok().filter(|_| web.is_from_here(&headers)) else {
        return Page::foreign().into_response();
    };
    let ruling = answer.ruling;
    let (page, standing) = match web.page(&question, &people, Some(ruling)) {
        Ok(found) => found,
        Err(error) => return unavailable(&error),
    };
    if standing != Standing::Asked {
        return page.into_response();
    }
    if let Err(error) = web.rule(&question, answer).await {
        return unavailable(&error);
    }
    match web.page(&question, &people, Some(ruling)) {
        // So much waits to be decided that this answer is not yet; it is kept, and will be.
        Ok((_, Standing::Asked)) => web.kept(&question, &people),
        Ok((page, _)) => page.into_response(),
        Err(error) => unavailable(&error),
    }
}

/// Answers `GET /decide.css`.
pub(super) async fn style() -> Response {
    let mut response = ([(header::CONTENT_TYPE, "text/css; charset=utf-8")], STYLE).into_response();
    guard(&mut response);
    response.headers_mut().insert(header::CACHE_CONTROL, HeaderValue::from_static("public, max-age=3600"));
    response
}

impl Web {
    /// The question of a link that we made, with the people of its connection.
    fn question(&self, token: &str) -> Option<(Question, Arc<People>)> {
        let question = self.links.read(token)?;
        let connection = self.runtime.connections().get(&question.record.connection)?;
        Some((question, Connection::people(connection)?))
    }

    fn kept(&self, question: &Question, people: &People) -> Response {
        let ruleset = self.runtime.ruleset();
        let view = View { question, case: None, ruleset: &ruleset, people, now: self.runtime.now() };
        Page::of(&view, &Standing::Kept, None).into_response()
    }

    fn page(
        &self,
        question: &Question,
        people: &People,
        answer: Option<Ruling>,
    ) -> Result<(Page, Standing), StoreError> {
        let case = self.runtime.store().case(&CaseId::Record(question.record.clone()))?;
        let case: Option<&RecordCase> = case.as_ref().and_then(Case::as_record);
        let now = self.runtime.now();
        let standing = stand(question, case, now);
        let ruleset = self.runtime.ruleset();
        let view = View { question, case, ruleset: &ruleset, people, now };
        Ok((Page::of(&view, &standing, answer), standing))
    }

    /// Keeps an answer durably, and has it decided.
    async fn rule(&self, question: &Question, answer: Answer) -> Result<(), RuntimeError> {
        let comment: String = answer.comment.trim().chars().take(LONGEST_COMMENT).collect();
        let event = Event::Ruled {
            rule: question.rule.clone(),
            episode: question.episode,
            round: question.round,
            step: question.step.clone(),
            by: question.person.clone(),
            ruling: answer.ruling,
            way: Way::Link,
            comment: Some(comment).filter(|comment| !comment.is_empty()),
        };
        let store = self.runtime.store();
        let mut batch = Batch::new();
        batch.put_event(&CaseId::Record(question.record.clone()), &event);
        let committed = store.commit(batch)?;
        store.durable().await?;
        self.runtime.signals().raise(&LoopId::Decide);
        let own = committed.events.last().copied();
        for _ in 0..MOST_STEPS {
            let first = store.inbox_head(1)?.first().map(|(seq, _, _)| *seq);
            if first.is_none() || first > own {
                break;
            }
            self.runtime.step(&LoopId::Decide).await?;
        }
        Ok(())
    }

    /// Whether a form was sent from a page of ours; a browser says where it comes from.
    fn is_from_here(&self, headers: &HeaderMap) -> bool {
        match headers.get(header::ORIGIN).map(HeaderValue::to_str) {
            None => true,
            // What a page with `no-referrer` sends: it is ours, or it knows a secret link, which nobody guesses.
            Some(Ok("null")) => true,
            Some(Ok(origin)) => self.links.is_at(origin),
            Some(Err(_)) => false,
        }
    }
}

fn unavailable(error: &dyn std::error::Error) -> Response {
    tracing::error!("a page could not be served: {error}");
    Page::unavailable().into_response()
}
