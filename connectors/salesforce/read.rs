//! Reading opportunities: the list of all, the passes over what changed, and some by their ids.

use std::collections::{BTreeSet, HashMap};

use dealclock_connector::{ChangePage, Cursor, Error, Hint, Next, Priority, Result};
use dealclock_model::record::field;
use dealclock_model::{Change, ChangeState, Instant, RecordRef, Value};

use crate::Salesforce;
use crate::api::{IN_LIST, OPPORTUNITY_PREFIX, common, opportunity};
use crate::client::{Answer, Call};
use crate::composite::{self, Pages};
use crate::cursor::{Delta, Found, List, Position};
use crate::errors::Refusal;
use crate::ids;
use crate::queries::{Query, Run};
use crate::schema::{Reading, Schema};
use crate::soql::{self, Rows};
use crate::translate::record;
use crate::wire::{Code, Page, Row};

/// Most rows of those that one poll looks at, the newest first.
const NEWEST: usize = 200;

impl Salesforce {
    /// One page of changes of opportunities.
    pub(crate) async fn read_changes(&self, since: Option<&Cursor>) -> Result<ChangePage> {
        let position = match since {
            Some(cursor) => Position::of(cursor)?,
            None => Position::List(List::default()),
        };
        match position {
            Position::List(list) => self.read_list(list).await,
            Position::Delta(delta) => self.read_delta(delta).await,
        }
    }

    /// A page of all opportunities. A page whose snapshot is too old is replaced by a new list after the last id seen.
    async fn read_list(&self, list: List) -> Result<ChangePage> {
        let (schema, reading) = self.reading(Priority::Background).await?;
        let asked_at = self.client.now();
        let begun = || {
            let after = list.after.as_deref().map(|id| format!(" WHERE Id > {}", soql::text(id))).unwrap_or_default();
            let query = format!("SELECT {} FROM Opportunity{after} ORDER BY Id", reading.select);
            Call::get("list opportunities", soql::path(Rows::Live, &query))
        };
        let answer = match list.page.as_ref().filter(|_| list.shape == reading.fingerprint()) {
            Some(page) => match self.client.ask(Call::get("list opportunities", page.clone())).await {
                Err(refusal) if refusal.says(&Code::InvalidLocator) => self.client.ask(begun().follows()).await,
                answer => answer,
            },
            None => self.client.ask(begun()).await,
        };
        let answer = answer.map_err(|refusal| self.distrust(refusal))?;
        let page: Page<'_> = answer.read()?;
        let changes = self.translate(&page.records, &schema, &reading).await?;
        let started_at = list.started_at.unwrap_or_else(|| answer.date());
        let as_of = list.asked_at.unwrap_or(asked_at);
        let next = match self.next_page(&answer, &page).await? {
            Some(link) => {
                let after = page.records.last().map(|row| row.id().to_owned());
                Next::More(
                    Position::List(List {
                        started_at: Some(started_at),
                        asked_at: Some(as_of),
                        after: after.or(list.after),
                        page: Some(link),
                        shape: reading.fingerprint(),
                    })
                    .cursor(),
                )
            }
            None => Next::Later(Position::Delta(Delta::since(started_at)).cursor()),
        };
        Ok(ChangePage { changes, next, as_of, hints: Vec::new() })
    }

    /// A page of what changed: the first one of a pass comes with everything else that a poll looks at, in one call.
    async fn read_delta(&self, delta: Delta) -> Result<ChangePage> {
        let Some(pass) = delta.pass() else { return self.begin_pass(delta, false).await };
        let (schema, reading) = self.reading(Priority::Poll).await?;
        if pass.shape != reading.fingerprint() {
            return self.begin_pass(delta.anew(), false).await;
        }
        let call = Call::get("read changed opportunities", pass.page.clone()).priority(Priority::Poll);
        let answer = match self.client.ask(call).await {
            Err(refusal) if refusal.says(&Code::InvalidLocator) => return self.begin_pass(delta.anew(), true).await,
            answer => answer.map_err(|refusal| self.distrust(refusal))?,
        };
        let asked_at = pass.asked_at;
        let page: Page<'_> = answer.read()?;
        self.end_page(&delta, &answer, page, Vec::new(), asked_at, (&schema, &reading)).await
    }

    async fn begin_pass(&self, delta: Delta, follows: bool) -> Result<ChangePage> {
        let (schema, reading) = self.reading(Priority::Poll).await?;
        let asked_at = self.client.now();
        let call = composite::queries("read what changed", &poll(&reading, delta.from(asked_at)));
        let call = call.priority(Priority::Poll);
        let answer = self.client.ask(if follows { call.follows() } else { call }).await?;
        let mut pages = Pages::of(&answer)?;
        let page = pages.take("opportunities").map_err(|refusal| self.distrust(refusal))?;
        let mut beside = Vec::new();
        for watch in WATCHES {
            match pages.take(watch.name) {
                Ok(page) => beside.push((watch, page)),
                // An org without approvals, or a user who may not see hours: there is nothing to hear of then.
                Err(refusal) if refusal.is_about_schema() => {}
                Err(refusal) => return Err(refusal.into()),
            }
        }
        self.end_page(&delta, &answer, page, beside, asked_at, (&schema, &reading)).await
    }

    /// Tells what of a page was not told before. What was told is known by the cursor, which only moves once it is durable.
    async fn end_page(
        &self,
        delta: &Delta,
        answer: &Answer,
        page: Page<'_>,
        beside: Vec<(&Watch, Page<'_>)>,
        asked_at: Instant,
        shape: (&Schema, &Reading),
    ) -> Result<ChangePage> {
        let link = self.next_page(answer, &page).await?;
        let stamps = page.records.iter().filter_map(record::stamp);
        let found = Found {
            count: page.records.len() as u64,
            greatest: stamps.max(),
            page: link,
            shape: shape.1.fingerprint(),
        };
        let mut told = self.seen.told(delta.seen);
        let news: Vec<Row<'_>> = page.records.into_iter().filter(|row| told.is_news(row)).collect();
        let mut hints = Vec::new();
        for (watch, page) in beside {
            let news = page.records.iter().filter(|row| told.is_news(row));
            hints.extend(news.filter_map(|row| (watch.hint)(self, row)));
        }
        hints.sort();
        hints.dedup();
        let (mut next, goes_on) = delta.advance(found, asked_at, answer.date());
        if !goes_on {
            told.forget(next.forgets());
        }
        next.seen = self.seen.keep(told);
        let changes = self.translate(&news, shape.0, shape.1).await?;
        let cursor = Position::Delta(next).cursor();
        let next = if goes_on { Next::More(cursor) } else { Next::Later(cursor) };
        Ok(ChangePage { changes, next, as_of: asked_at, hints })
    }

    /// Where the next page is. One that is empty and has a successor would be followed for ever.
    async fn next_page(&self, answer: &Answer, page: &Page<'_>) -> Result<Option<String>> {
        let Some(link) = &page.next_records_url else { return Ok(None) };
        let path = self.client.page_of(answer.asked(), link).await?;
        if page.records.is_empty() {
            return Err(Error::transient(format!("{}: an empty page is said to have a next one", answer.asked().what)));
        }
        Ok(Some(path))
    }

    /// The state of opportunities now, in the order asked; those in the recycle bin, and those that are nowhere, as deleted.
    pub(crate) async fn fetch_opportunities(&self, records: &[RecordRef]) -> Result<Vec<Change>> {
        let (mut schema, mut reading) = self.reading(Priority::Write).await?;
        let ids: BTreeSet<&str> = records.iter().map(|record| record.id.as_str()).collect();
        let ids: Vec<&str> = ids.into_iter().collect();
        let mut changes = self.fetch_as(&ids, &schema, &reading).await?;
        let now = self.client.now();
        let is_new = |change: &Change| names_unknown_stage(change, &schema);
        if changes.values().any(is_new) && self.schemas.may_look_again(&schema, now) {
            self.schemas.forget().await;
            (schema, reading) = self.reading(Priority::Write).await?;
            changes = self.fetch_as(&ids, &schema, &reading).await?;
        }
        let of = |record: &RecordRef| {
            let found = changes.get(&ids::long(record.id.as_str())).cloned();
            found.unwrap_or_else(|| record::absent(&self.connection, record.id.as_str(), now))
        };
        Ok(records.iter().map(of).collect())
    }

    /// Opportunities by their ids, as an org of this shape means them.
    async fn fetch_as(&self, ids: &[&str], schema: &Schema, reading: &Reading) -> Result<HashMap<String, Change>> {
        let query = |list: &str| format!("SELECT {} FROM Opportunity WHERE Id IN {list}", reading.select);
        let lists = soql::lists(ids, IN_LIST, &query(""));
        let queries: Vec<Query> =
            lists.into_iter().map(|ids| Query::all(query(&soql::list(ids.iter().copied())))).collect();
        let home = self.client.home().await?;
        let now = self.client.now();
        let mut changes = HashMap::with_capacity(ids.len());
        let run = Run::new("read opportunities").priority(Priority::Write);
        let read = self.run(run, &queries, |_, row| {
            self.parents.learn(row);
            changes.insert(row.id().to_owned(), record::change(&self.connection, row, (schema, reading), &home, now));
        });
        read.await.map_err(|refusal| self.distrust(refusal))?;
        Ok(changes)
    }

    /// Rows as changes; a stage that is not known makes the org's shape be looked at again first.
    async fn translate(&self, rows: &[Row<'_>], schema: &Schema, reading: &Reading) -> Result<Vec<Change>> {
        let is_new = |row: &Row<'_>| row.text(opportunity::STAGE).is_some_and(|stage| !schema.knows_stage(stage));
        let fresh;
        let schema = match rows.iter().any(is_new) && self.schemas.may_look_again(schema, self.client.now()) {
            true => {
                self.schemas.forget().await;
                fresh = self.schema(Priority::Poll).await?;
                &*fresh
            }
            false => schema,
        };
        let home = self.client.home().await?;
        let now = self.client.now();
        let with_id = rows.iter().filter(|row| !row.id().is_empty());
        Ok(with_id.map(|row| record::change(&self.connection, row, (schema, reading), &home, now)).collect())
    }

    /// A refused read may mean that a field was deleted or hidden; the next read looks at the org's shape again, and names
    /// the field then.
    pub(crate) fn distrust(&self, refusal: Refusal) -> Error {
        if refusal.is_about_schema() {
            self.schemas.doubt();
        }
        refusal.into()
    }
}

/// An object that a poll looks at beside opportunities.
struct Watch {
    name: &'static str,
    columns: &'static str,
    only: &'static str,
    hint: fn(&Salesforce, &Row<'_>) -> Option<Hint>,
}

const WATCHES: &[Watch] = &[
    Watch { name: "users", columns: "SELECT Id, SystemModstamp FROM User", only: "", hint: |_, _| Some(Hint::People) },
    Watch {
        name: "approvals",
        columns: "SELECT Id, SystemModstamp, TargetObjectId FROM ProcessInstance",
        only: " AND Status != 'Pending' AND Status != 'Started'",
        hint: |connector, row| {
            let record = row.text("TargetObjectId").filter(|id| id.starts_with(OPPORTUNITY_PREFIX))?;
            Some(Hint::Unlocked(record::reference(&connector.connection, record)))
        },
    },
    Watch {
        name: "hours",
        columns: "SELECT Id, SystemModstamp FROM BusinessHours",
        only: "",
        hint: |_, _| Some(Hint::People),
    },
    Watch {
        name: "holidays",
        columns: "SELECT Id, SystemModstamp FROM Holiday",
        only: "",
        hint: |_, _| Some(Hint::People),
    },
];

/// The queries of one poll: as many as Salesforce allows in one call.
fn poll(reading: &Reading, from: Instant) -> Vec<(&'static str, Rows, String)> {
    let (stamp, from) = (common::STAMP, soql::instant(from));
    let opportunities =
        format!("SELECT {} FROM Opportunity WHERE {stamp} >= {from} ORDER BY {stamp}, Id", reading.select);
    let beside = WATCHES.iter().map(|Watch { name, columns, only, .. }| {
        (*name, Rows::Live, format!("{columns} WHERE {stamp} >= {from}{only} ORDER BY {stamp} DESC LIMIT {NEWEST}"))
    });
    std::iter::once(("opportunities", Rows::All, opportunities)).chain(beside).collect()
}

fn names_unknown_stage(change: &Change, schema: &Schema) -> bool {
    match &change.state {
        ChangeState::Present(record) => match record.get(field::STAGE_ID) {
            Value::Text(stage) => !schema.knows_stage(stage),
            Value::Null | Value::Bool(_) | Value::Number(_) | Value::Time(_) | Value::Date(_) => false,
        },
        ChangeState::Deleted | ChangeState::Merged { .. } => false,
    }
}
