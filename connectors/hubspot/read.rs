//! Reading deals: the list of all, the search for changed ones, and some by their ids.

use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;

use dealclock_connector::{Bucket, ChangePage, Cursor, Error, Next, Priority, Result};
use dealclock_model::{Change, Instant, RecordRef};
use http::StatusCode;
use serde_json::{Value, json};

use crate::HubSpot;
use crate::api::{BATCH, Kind, SEARCH_BODY, SEARCH_PAGE, deal, objects};
use crate::client::Call;
use crate::cursor::{Found, Position, Search, Want};
use crate::errors::Refusal;
use crate::schema::{Reading, Schema};
use crate::translate::record;
use crate::translate::value::instant;
use crate::wire::{Batch, Object, Page};

/// A list whose positions are refused this often is refused for something else.
const RESTARTS: u32 = 3;

impl HubSpot {
    /// One page of changes of deals.
    pub(crate) async fn read_changes(&self, since: Option<&Cursor>) -> Result<ChangePage> {
        let position = match since {
            Some(cursor) => Position::of(cursor)?,
            None => Position::List { started_at: self.client.now(), after: None, restarts: 0 },
        };
        match position {
            Position::List { started_at, after, restarts } => {
                self.read_list(started_at, after.as_deref(), restarts).await
            }
            Position::Search(search) => self.read_search(&search).await,
        }
    }

    async fn read_list(&self, started_at: Instant, after: Option<&str>, restarts: u32) -> Result<ChangePage> {
        let (schema, reading) = self.reading().await?;
        let mut path =
            objects(Kind::Deals, &format!("?limit={BATCH}&archived=false&properties={}", reading.properties.join(",")));
        if let Some(after) = after {
            path.push_str("&after=");
            path.push_str(&encode(after));
        }
        let page: Page<Object> = match self.client.ask(Call::get("list deals", path)).await {
            Ok(page) => page,
            // A position grows old while we are away; only the list's beginning never does.
            Err(refusal) if after.is_some() && restarts < RESTARTS && refusal.is_about_content() => {
                self.distrust(refusal);
                let begun_anew = Position::List { started_at, after: None, restarts: restarts + 1 };
                let next = Next::More(begun_anew.cursor());
                return Ok(ChangePage { changes: Vec::new(), next, as_of: started_at, hints: Vec::new() });
            }
            Err(refusal) => return Err(self.distrust(refusal)),
        };
        let changes = self.translate(&page.results, schema, reading).await?;
        let next = match page.paging.after() {
            Some(after) => Next::More(Position::List { started_at, after: Some(after.to_owned()), restarts }.cursor()),
            None => Next::Later(Position::Search(Search::since(started_at)).cursor()),
        };
        Ok(ChangePage { changes, next, as_of: started_at, hints: Vec::new() })
    }

    async fn read_search(&self, search: &Search) -> Result<ChangePage> {
        let (schema, reading) = self.reading().await?;
        let asked_at = self.client.now();
        let whole = search_body(search.want(), &reading.properties);
        // Too many properties for the body of a search are read by id in a second step.
        let fits = whole.to_string().len() <= SEARCH_BODY;
        let body = if fits { whole } else { search_body(search.want(), &[deal::MODIFIED.to_owned()]) };
        let call = Call::post("search deals", objects(Kind::Deals, "/search"), body);
        let call = call.bucket(Bucket::Search).priority(Priority::Poll);
        let page: Page<Object> = self.client.ask(call).await.map_err(|refusal| self.distrust(refusal))?;
        let (next, goes_on) = search.advance(found(&page), asked_at)?;
        let deals = if fits { page.results } else { self.read_whole(&page.results, &reading).await? };
        let changes = self.translate(&deals, schema, reading).await?;
        let cursor = Position::Search(next).cursor();
        Ok(ChangePage {
            changes,
            next: if goes_on { Next::More(cursor) } else { Next::Later(cursor) },
            as_of: asked_at,
            hints: Vec::new(),
        })
    }

    async fn read_whole(&self, found: &[Object], reading: &Reading) -> Result<Vec<Object>> {
        let ids: Vec<&str> = found.iter().map(|deal| deal.id.text()).collect();
        let mut deals = Vec::with_capacity(found.len());
        for ids in ids.chunks(BATCH) {
            let call = read_batch("read deals", Kind::Deals, &reading.properties, ids, Archived::No).follows();
            deals.extend(self.client.ask::<Batch>(call).await?.results);
        }
        Ok(deals)
    }

    /// The state of deals now, in the order asked.
    pub(crate) async fn fetch_deals(&self, records: &[RecordRef]) -> Result<Vec<Change>> {
        let ids: BTreeSet<&str> = records.iter().map(|record| record.id.as_str()).collect();
        let ids: Vec<&str> = ids.into_iter().collect();
        let mut changes = HashMap::with_capacity(ids.len());
        for (number, ids) in ids.chunks(BATCH).enumerate() {
            for change in self.fetch_batch(ids, number > 0).await? {
                changes.insert(change.record.id.clone(), change);
            }
        }
        let missing = |record: &RecordRef| Error::transient(format!("read deals: no answer about {}", record.id));
        records.iter().map(|record| changes.get(&record.id).cloned().ok_or_else(|| missing(record))).collect()
    }

    async fn fetch_batch(&self, ids: &[&str], follows: bool) -> Result<Vec<Change>> {
        let (schema, reading) = self.reading().await?;
        let mut properties = reading.properties.clone();
        properties.push(deal::MERGED.to_owned());
        let call = read_batch("read deals", Kind::Deals, &properties, ids, Archived::No).priority(Priority::Write);
        let call = if follows { call.follows() } else { call };
        let live: Batch = self.client.ask(call).await.map_err(|refusal| self.distrust(refusal))?;
        let mut changes = self.translate(&live.results, schema, reading).await?;
        let gone = self.name_survivors(ids, &live.results, &mut changes);
        if !gone.is_empty() {
            changes.extend(self.fetch_gone(&gone).await?);
        }
        Ok(changes)
    }

    /// Adds the merges that the survivors tell of; returns the ids that nothing is known of.
    fn name_survivors<'a>(&self, ids: &[&'a str], live: &[Object], changes: &mut Vec<Change>) -> Vec<&'a str> {
        let now = self.client.now();
        let present: BTreeSet<&str> = live.iter().map(|deal| deal.id.text()).collect();
        let mut gone = Vec::new();
        for id in ids.iter().copied().filter(|id| !present.contains(id)) {
            match live.iter().find(|deal| record::absorbed(deal).any(|absorbed| absorbed == id)) {
                Some(survivor) => changes.push(record::merged(&self.connection, id, survivor, now)),
                None => gone.push(id),
            }
        }
        gone
    }

    /// Deals that a live read does not show: in the recycle bin, merged, or purged.
    async fn fetch_gone(&self, ids: &[&str]) -> Result<Vec<Change>> {
        let properties = [deal::MODIFIED.to_owned()];
        let call = read_batch("read deleted deals", Kind::Deals, &properties, ids, Archived::Yes);
        let archived: Batch = self.client.ask(call.priority(Priority::Write).follows()).await?;
        let steps = self.client.steps("fetch");
        let mut changes = Vec::with_capacity(ids.len());
        for id in ids {
            let now = self.client.now();
            let in_bin = archived.results.iter().find(|deal| deal.id.text() == *id);
            let change = match in_bin {
                Some(_) => record::deleted(&self.connection, id, in_bin, now),
                // Only the read of a single deal follows a merge.
                None => {
                    let path = objects(Kind::Deals, &format!("/{}?properties={}", encode(id), deal::MODIFIED));
                    let call = Call::get("read a missing deal", path).priority(Priority::Write).follows();
                    match steps.ask::<Object>(call).await {
                        Ok(deal) if deal.id.text() != *id => record::merged(&self.connection, id, &deal, now),
                        // It came back between the two reads; its state comes with the next one.
                        Ok(_) => return Err(Error::transient(format!("read deals: {id} is just being restored"))),
                        Err(refusal) if refusal.is(StatusCode::NOT_FOUND) => {
                            record::deleted(&self.connection, id, None, now)
                        }
                        Err(refusal) => return Err(refusal.into()),
                    }
                }
            };
            changes.push(change);
        }
        steps.finish();
        Ok(changes)
    }

    async fn translate(&self, deals: &[Object], schema: Arc<Schema>, reading: Reading) -> Result<Vec<Change>> {
        let (schema, reading) = self.verify(deals, schema, reading).await?;
        let now = self.client.now();
        let with_id = deals.iter().filter(|deal| deal.id.as_str().is_some());
        Ok(with_id.map(|deal| record::present(&self.connection, deal, &schema, &reading, now)).collect())
    }

    /// Looks at the account's shape again when the deals do not fit it: a stage that is new, or a mapped property that
    /// no deal has any more. HubSpot leaves out a deleted property without a word, and empty it would fire reminders.
    async fn verify(&self, deals: &[Object], schema: Arc<Schema>, reading: Reading) -> Result<(Arc<Schema>, Reading)> {
        let absent: Vec<&str> =
            reading.mapped().filter(|name| !deals.iter().any(|deal| deal.properties.contains_key(*name))).collect();
        let vanished = !deals.is_empty() && self.schemas.is_news(&absent, &reading);
        let new_stage = deals.iter().filter_map(|deal| deal.get(deal::STAGE)).any(|id| !schema.knows_stage(id));
        let is_worth_a_look = vanished || new_stage && self.schemas.may_look_again(&schema, self.client.now());
        if !is_worth_a_look {
            return Ok((schema, reading));
        }
        self.schemas.forget().await;
        let (schema, fresh) = self.reading().await?;
        self.schemas.tolerate(&absent);
        Ok((schema, fresh))
    }

    /// A refused read may mean that the account's shape changed; the next read looks at it again.
    pub(crate) fn distrust(&self, refusal: Refusal) -> Error {
        if refusal.is(StatusCode::BAD_REQUEST) {
            self.schemas.doubt();
        }
        refusal.into()
    }
}

/// Whether the recycle bin is read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Archived {
    /// What is live.
    No,
    /// What is in the bin.
    Yes,
}

/// A batch read by id.
pub(crate) fn read_batch(
    what: &'static str,
    kind: Kind,
    properties: &[String],
    ids: &[&str],
    archived: Archived,
) -> Call {
    let inputs: Vec<Value> = ids.iter().map(|id| json!({ "id": id })).collect();
    let path = match archived {
        Archived::No => objects(kind, "/batch/read"),
        Archived::Yes => objects(kind, "/batch/read?archived=true"),
    };
    Call::post(what, path, json!({ "properties": properties, "inputs": inputs }))
}

fn search_body(want: Want, properties: &[String]) -> Value {
    let (filters, sort) = match want {
        Want::From(stamp) => {
            (json!([{ "propertyName": deal::MODIFIED, "operator": "GTE", "value": stamp.to_string() }]), deal::MODIFIED)
        }
        Want::At { stamp, after_id } => (
            json!([
                { "propertyName": deal::MODIFIED, "operator": "BETWEEN",
                  "value": stamp.to_string(), "highValue": (stamp + 1).to_string() },
                { "propertyName": deal::ID, "operator": "GT", "value": after_id.to_string() },
            ]),
            deal::ID,
        ),
    };
    json!({
        "filterGroups": [{ "filters": filters }],
        "sorts": [{ "propertyName": sort, "direction": "ASCENDING" }],
        "properties": properties,
        "limit": SEARCH_PAGE,
    })
}

fn found(page: &Page<Object>) -> Found {
    let stamps = page.results.iter().filter_map(|deal| deal.get(deal::MODIFIED).and_then(instant));
    Found {
        count: page.results.len(),
        last_stamp: stamps.map(|stamp| stamp.timestamp_millis()).max(),
        last_id: page.results.iter().filter_map(|deal| deal.id.text().parse().ok()).max(),
        more: page.paging.after().is_some() && !page.results.is_empty(),
    }
}

/// Encodes a value for a query; HubSpot's positions hold characters that an address may not.
pub(crate) fn encode(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for byte in text.bytes() {
        match byte {
            b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' => out.push(char::from(byte)),
            _ => {
                out.push('%');
                out.push_str(&format!("{byte:02X}"));
            }
        }
    }
    out
}

const _: () = assert!(SEARCH_PAGE <= 200 && BATCH <= 100, "HubSpot refuses larger pages");
