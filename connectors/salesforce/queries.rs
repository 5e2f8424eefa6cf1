//! Some queries, run in as few calls as Salesforce allows, with all their pages.

use dealclock_connector::{Error, Priority};

use crate::Salesforce;
use crate::api::QUERIES;
use crate::client::{Answer, Call, Steps};
use crate::composite::{self, Pages};
use crate::errors::Refusal;
use crate::soql::Rows;
use crate::wire::{Page, Row};

/// A query.
#[derive(Clone, Debug)]
pub(crate) struct Query {
    rows: Rows,
    text: String,
    optional: bool,
}

impl Query {
    /// Over what is live.
    pub(crate) fn live(text: String) -> Query {
        Query { rows: Rows::Live, text, optional: false }
    }

    /// Over what is in the recycle bin or archived as well.
    pub(crate) fn all(text: String) -> Query {
        Query { rows: Rows::All, text, optional: false }
    }

    /// Answers nothing where the object or a field of it is not there for us.
    #[must_use]
    pub(crate) fn optional(mut self) -> Query {
        self.optional = true;
        self
    }
}

/// How some queries are run.
#[derive(Clone, Copy)]
pub(crate) struct Run<'a> {
    what: &'static str,
    priority: Priority,
    follows: bool,
    steps: Option<&'a Steps<'a>>,
}

impl<'a> Run<'a> {
    /// In the background; `what` says it for a person.
    pub(crate) fn new(what: &'static str) -> Run<'a> {
        Run { what, priority: Priority::Background, follows: false, steps: None }
    }

    /// Waits less for others.
    pub(crate) fn priority(self, priority: Priority) -> Run<'a> {
        Run { priority, ..self }
    }

    /// Finishes what an earlier call of the same verb began.
    pub(crate) fn follows(self) -> Run<'a> {
        Run { follows: true, ..self }
    }

    /// As steps of a verb.
    pub(crate) fn steps(self, steps: &'a Steps<'a>) -> Run<'a> {
        Run { steps: Some(steps), ..self }
    }
}

impl Salesforce {
    /// Runs queries; every row is given to `take` with the number of its query.
    pub(crate) async fn run(
        &self,
        run: Run<'_>,
        queries: &[Query],
        mut take: impl FnMut(usize, &Row<'_>) + Send,
    ) -> Result<(), Refusal> {
        const NAMES: [&str; QUERIES] = ["q0", "q1", "q2", "q3", "q4"];
        let mut is_first = !run.follows;
        for (number, some) in queries.chunks(QUERIES).enumerate() {
            let named: Vec<_> =
                NAMES.iter().zip(some).map(|(name, query)| (*name, query.rows, query.text.clone())).collect();
            let answer = self.step(run, composite::queries(run.what, &named), is_first).await?;
            is_first = false;
            let mut more = Vec::new();
            let mut pages = Pages::of(&answer)?;
            for (place, (name, query)) in NAMES.iter().zip(some).enumerate() {
                let page = match pages.take(name) {
                    Ok(page) => page,
                    Err(refusal) if query.optional && refusal.is_about_schema() => continue,
                    Err(refusal) => return Err(refusal),
                };
                let query = number * QUERIES + place;
                page.records.iter().for_each(|row| take(query, row));
                more.extend(page.next_records_url.map(|link| (query, link)));
            }
            for (query, link) in more {
                self.rest(run, &answer, query, link, &mut take).await?;
            }
        }
        Ok(())
    }

    /// The pages after the first one.
    async fn rest(
        &self,
        run: Run<'_>,
        first: &Answer,
        query: usize,
        link: String,
        take: &mut (impl FnMut(usize, &Row<'_>) + Send),
    ) -> Result<(), Refusal> {
        let mut next = Some(link);
        while let Some(link) = next {
            let path = self.client.page_of(first.asked(), &link).await?;
            let answer = self.step(run, Call::get(run.what, path), false).await?;
            let page: Page<'_> = answer.read()?;
            page.records.iter().for_each(|row| take(query, row));
            let following = page.next_records_url.filter(|_| !page.records.is_empty());
            if following.as_ref() == Some(&link) {
                let message = format!("{}: a page is said to be its own next one", run.what);
                return Err(Refusal::ours(Error::transient(message)));
            }
            next = following;
        }
        Ok(())
    }

    async fn step(&self, run: Run<'_>, call: Call, is_first: bool) -> Result<Answer, Refusal> {
        let call = call.priority(run.priority);
        match run.steps {
            Some(steps) => steps.ask(call).await,
            None if is_first => self.client.ask(call).await,
            None => self.client.ask(call.follows()).await,
        }
    }
}
