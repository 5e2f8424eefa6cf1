//! What people are shown who open a link, and what their answers do, over real sockets.

use std::sync::Arc;

use dealclock_engine::Ruleset;
use dealclock_model::case::RecordCase;
use dealclock_model::effect::Question;
use dealclock_model::fault::Source;
use dealclock_model::request::{Approver, StepProgress};
use dealclock_model::{Case, CaseId, Event, Record, Request, RequestState, Ruling, Value, Way};
use dealclock_store::Batch;
use reqwest::{Client, Method, Response, StatusCode};
use serde_json::json;

use crate::config::Web;
use crate::runtime::script::{Stage, deal};
use crate::web::{Links, Listening, listen};

/// What decides the request: the manager, or the lawyers, whoever is first.
const RULES: &str = r#"
[rule.proposal]
title = "Proposal within 5 days"
object = "opportunity"
when = 'stage == "Open"'
until = "proposal_sent_at != null"
deadline = "5d"

[rule.proposal.extension]
requested_by = "complex"
granted_as = "request_approved"
grants = "10d"
grace = "1d"
approval = "more-time"

[approval.more-time]
title = "More time"
via = ["email"]
reopens_when = ["amount up", "discount_percent up", "close_date"]

[[approval.more-time.step]]
approver = ["owner.manager", "role:legal"]
"#;

/// A listener beside a record with an open request that `boss` is asked to decide.
struct Desk {
    stage: Stage,
    base: String,
    links: Links,
    http: Client,
    _listening: Listening,
}

impl Desk {
    async fn open() -> Desk {
        let stage = Stage::live().await;
        let rules = Ruleset::read(&[Source::new("rules.toml", RULES)], &Default::default(), &|_| Err(String::new()));
        stage.runtime.replace_rules(rules.unwrap());
        stage.settle().await;
        let config = Web { listen: "127.0.0.1:0".parse().unwrap(), public_url: None, body_limit: 1 << 20 };
        let listening = listen(&config, Arc::clone(&stage.runtime)).await.unwrap();
        let base = format!("http://{}", listening.address());
        let links = Links::of(stage.runtime.store(), base.clone()).unwrap();
        let http = Client::builder().no_proxy().build().unwrap();
        let desk = Desk { stage, base, links, http, _listening: listening };
        desk.keep(RequestState::Open);
        desk
    }

    /// Puts the record into the store, with its request in a state.
    fn keep(&self, state: RequestState) {
        let now = self.stage.runtime.now();
        let approver = |slot: &str, person: &str| Approver {
            slot: slot.into(),
            person: person.into(),
            acts_for: None,
            ruling: None,
        };
        let step = StepProgress {
            name: "step-1".into(),
            since: now,
            until: None,
            approvers: vec![approver("owner.manager", "boss"), approver("role:legal#law", "law")],
            reminded: 0,
            escalated: false,
        };
        let request = Request {
            approval: "more-time".into(),
            episode: 1,
            round: 0,
            state,
            opened_at: now,
            closed_at: None,
            open_before_secs: 0,
            requester: Some("rep".into()),
            wanted_until: None,
            step: 0,
            steps: vec![step],
            decision: None,
            basis: Default::default(),
            tasks: Default::default(),
            pending: Default::default(),
            mails: Default::default(),
            native: None,
            told_decided: false,
            lapsed: false,
            on_trial: false,
            approval_version: 0,
        };
        let name = Value::text("<script>alert(1)</script> & sons");
        let number = |text: &str| Value::Number(text.parse().unwrap());
        let fields = [("name", name), ("amount", number("1250000.5")), ("discount_percent", number("25.0"))];
        let fields = fields.into_iter().map(|(name, value)| (name.into(), value)).collect();
        let record = Record { owner: None, fields, url: None, parked: None };
        // It counts in Berlin, where its last day ends an hour before that of Greenwich.
        let clock = json!({
            "episode": 1, "round": 0, "state": "silenced", "zone": "Europe/Berlin",
            "zero": "2026-03-02T09:00:00Z", "since": "2026-03-02T09:00:00Z", "deadline": "2026-03-07T23:00:00Z",
        });
        let case = RecordCase {
            record: Some(record),
            clocks: [("proposal".into(), serde_json::from_value(clock).unwrap())].into(),
            requests: [("proposal".into(), request)].into(),
            ..RecordCase::default()
        };
        let mut batch = Batch::new();
        batch.put_case(&CaseId::Record(deal("1")), &Case::Record(Box::new(case)));
        self.stage.runtime.store().commit(batch).unwrap();
    }

    fn question(&self) -> Question {
        Question {
            record: deal("1"),
            rule: "proposal".into(),
            episode: 1,
            round: 0,
            step: "step-1".into(),
            person: "boss".into(),
            expires: self.stage.runtime.now() + chrono::Duration::days(5),
        }
    }

    async fn get(&self, address: &str) -> Response {
        self.http.get(address).send().await.unwrap()
    }

    async fn post(&self, form: &str, origin: Option<&str>) -> Response {
        let request = self.http.post(self.links.address(&self.question())).body(form.to_owned());
        let request = request.header("content-type", "application/x-www-form-urlencoded");
        let request = origin.into_iter().fold(request, |request, origin| request.header("origin", origin));
        request.send().await.unwrap()
    }

    /// The request as the store has it.
    fn request(&self) -> Request {
        let case = self.stage.runtime.store().case(&CaseId::Record(deal("1"))).unwrap().unwrap();
        case.as_record().unwrap().requests["proposal"].clone()
    }

    /// The answers that wait to be decided, or were just decided: nothing else is in the inbox here.
    fn waiting(&self) -> Vec<Event> {
        let head = self.stage.runtime.store().inbox_head(10).unwrap();
        head.into_iter().map(|(_, _, event)| event).collect()
    }
}

#[tokio::test]
async fn a_mail_scanner_that_opens_the_link_decides_nothing() {
    let desk = Desk::open().await;
    let address = desk.links.address(&desk.question());
    for method in [Method::GET, Method::HEAD, Method::GET] {
        let response = desk.http.request(method, &address).send().await.unwrap();
        assert_eq!(response.status(), StatusCode::OK);
    }
    assert_eq!(desk.http.delete(&address).send().await.unwrap().status(), StatusCode::METHOD_NOT_ALLOWED);
    assert_eq!(desk.waiting(), []);
    let page = desk.get(&address).await.text().await.unwrap();
    assert!(page.contains("method=\"post\"") && page.contains("Approve") && page.contains("Refuse"), "{page}");
}

#[tokio::test]
async fn what_a_record_is_called_is_text_on_the_page_and_the_page_runs_nothing() {
    let desk = Desk::open().await;
    let response = desk.get(&desk.links.address(&desk.question())).await;
    let policy = response.headers()["content-security-policy"].to_str().unwrap().to_owned();
    assert!(policy.contains("script-src 'none'") && policy.contains("frame-ancestors 'none'"), "{policy}");
    assert_eq!(response.headers()["cache-control"], "no-store");
    assert_eq!(response.headers()["referrer-policy"], "no-referrer");
    let page = response.text().await.unwrap();
    assert!(!page.contains("<script") && page.contains("&#60;script&#62;"), "{page}");
}

#[tokio::test]
async fn a_page_shows_what_it_is_about_and_until_when_in_the_words_of_the_mail() {
    let desk = Desk::open().await;
    let page = desk.get(&desk.links.address(&desk.question())).await.text().await.unwrap();
    for (name, value) in [
        ("Amount", "1,250,000.50"),
        ("Discount percent", "25"),
        ("Close date", "(empty)"),
        ("Deadline now", "to be done by the end of 2026-03-07"),
        ("If approved", "to be done by the end of 2026-03-12"),
    ] {
        let fact = format!("<dt>{name}</dt><dd>{value}</dd>");
        assert_eq!(page.matches(&fact).count(), 1, "{fact} in {page}");
    }
    desk.keep(RequestState::Withdrawn);
    let page = desk.get(&desk.links.address(&desk.question())).await.text().await.unwrap();
    assert!(page.contains("Deadline now") && !page.contains("If approved"), "{page}");
}

#[tokio::test]
async fn a_link_that_was_changed_or_is_none_of_ours_shows_nothing_of_the_record() {
    let desk = Desk::open().await;
    let address = desk.links.address(&desk.question());
    let cut = &address[..address.len() - 1];
    for address in [cut, &format!("{}/decide/guess", desk.base), &format!("{address}A")] {
        let response = desk.get(address).await;
        assert_eq!(response.status(), StatusCode::NOT_FOUND, "{address}");
        let page = response.text().await.unwrap();
        assert!(!page.contains("sons") && !page.contains("method=\"post\""), "{page}");
        assert_eq!(
            desk.http.post(address).body("ruling=approve").send().await.unwrap().status(),
            StatusCode::NOT_FOUND
        );
    }
    assert_eq!(desk.waiting(), []);
}

#[tokio::test]
async fn a_link_for_somebody_who_is_not_asked_answers_nothing() {
    let desk = Desk::open().await;
    let other = Question { person: "rep".into(), ..desk.question() };
    let address = desk.links.address(&other);
    let page = desk.get(&address).await.text().await.unwrap();
    assert!(page.contains("Somebody else decides this now"), "{page}");
    let form = [("ruling", "approve")];
    assert_eq!(desk.http.post(&address).form(&form).send().await.unwrap().status(), StatusCode::CONFLICT);
    assert_eq!(desk.waiting(), []);
}

#[tokio::test]
async fn a_link_that_has_ended_answers_nothing() {
    let desk = Desk::open().await;
    let ended = Question { expires: desk.stage.runtime.now(), ..desk.question() };
    let address = desk.links.address(&ended);
    let response = desk.get(&address).await;
    assert_eq!(response.status(), StatusCode::GONE);
    assert!(response.text().await.unwrap().contains("This link has ended"));
    assert_eq!(
        desk.http.post(&address).form(&[("ruling", "approve")]).send().await.unwrap().status(),
        StatusCode::GONE
    );
    assert_eq!(desk.waiting(), []);
}

#[tokio::test]
async fn a_request_that_is_over_answers_nothing() {
    let desk = Desk::open().await;
    desk.keep(RequestState::Withdrawn);
    let response = desk.post("ruling=approve", None).await;
    assert_eq!(response.status(), StatusCode::GONE);
    assert!(response.text().await.unwrap().contains("taken back"));
    assert_eq!(desk.waiting(), []);
}

#[tokio::test]
async fn an_answer_comes_from_our_page_and_says_one_of_two_things() {
    let desk = Desk::open().await;
    for (form, origin) in [
        ("ruling=approve", Some("https://elsewhere.example")),
        ("ruling=perhaps", None),
        ("comment=well", None),
        ("", None),
        (&*format!("ruling=approve&comment={}", "x".repeat(20_000)), None),
    ] {
        assert_eq!(desk.post(form, origin).await.status(), StatusCode::BAD_REQUEST, "{origin:?}");
    }
    let json = desk.http.post(desk.links.address(&desk.question())).body("ruling=approve");
    let json = json.header("content-type", "text/plain").send().await.unwrap();
    assert_eq!(json.status(), StatusCode::BAD_REQUEST, "a page elsewhere may send plain text without being asked");
    assert_eq!(desk.waiting(), []);
}

#[tokio::test]
async fn of_two_answers_that_race_one_counts_and_the_other_is_told() {
    let desk = Desk::open().await;
    let other = desk.links.address(&Question { person: "law".into(), ..desk.question() });
    let base = desk.base.clone();
    let refuse = desk.http.post(&other).form(&[("ruling", "reject")]).send();
    let (approved, refused) = tokio::join!(desk.post("ruling=approve&comment=+go+on+%3C3+", Some(&base)), refuse);
    let mut told = Vec::new();
    for response in [approved, refused.unwrap()] {
        told.push((response.status(), response.text().await.unwrap()));
    }
    told.sort_by_key(|(status, _)| *status);
    assert_eq!((told[0].0, told[1].0), (StatusCode::OK, StatusCode::CONFLICT), "{told:?}");
    assert!(told[0].1.contains("Thank you"), "{}", told[0].1);
    assert!(told[1].1.contains("Somebody was faster"), "{}", told[1].1);
    let decision = desk.request().decision.unwrap();
    assert_eq!(decision.way, Way::Link);
    let by_boss = decision.by == Some("boss".into());
    assert_eq!((by_boss, decision.ruling), (by_boss, if by_boss { Ruling::Approve } else { Ruling::Reject }));
    assert_eq!(desk.waiting(), [], "every answer was decided before its page was shown");
}

#[tokio::test]
async fn a_link_that_was_used_decides_nothing_again() {
    let desk = Desk::open().await;
    let first = desk.post("ruling=approve", None).await;
    assert_eq!(first.status(), StatusCode::OK);
    let decided = desk.request();
    assert_eq!(decided.state, RequestState::Granted);
    let again = desk.post("ruling=reject", None).await;
    assert_eq!(again.status(), StatusCode::CONFLICT);
    let told = again.text().await.unwrap();
    assert!(told.contains("You approved it already, on 2026-03-02") && !told.contains("faster"), "{told}");
    assert_eq!(desk.request().decision, decided.decision);
    let page = desk.get(&desk.links.address(&desk.question())).await.text().await.unwrap();
    assert!(page.contains("It was approved by boss") && !page.contains("method=\"post\""), "{page}");
}
