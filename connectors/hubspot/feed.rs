//! The Webhooks Journal: HubSpot's own log of what changed, kept for three days and read at our own pace.

use async_trait::async_trait;
use chrono::Duration;
use dealclock_connector::{Cursor, Error, ErrorKind, Feed, FeedPage, Hint, Next, Origin, Priority, Result};
use dealclock_model::{ConnectionId, Instant};
use http::StatusCode;
use serde::de::IgnoredAny;
use serde::{Deserialize, Serialize};
use serde_json::json;

use crate::HubSpot;
use crate::api::{DEAL_TYPE, HOSTS, deal, journal, subscriptions};
use crate::client::{Call, Client};
use crate::errors::Refusal;
use crate::read::encode;
use crate::webhooks::hint;
use crate::wire::{JournalEntry, JournalFile, Subscription, Subscriptions, Texts};

/// How long the journal keeps a file; see
/// [the guide](https://developers.hubspot.com/docs/api-reference/latest/webhooks-journal/guide).
const KEPT_FOR: Duration = Duration::days(3);

/// What may happen to a deal.
const ACTIONS: [&str; 5] = ["CREATE", "UPDATE", "DELETE", "MERGE", "RESTORE"];

/// The journal of an app, as far as it is about one account.
pub(crate) struct Journal {
    /// Makes calls with the app's own token.
    client: Client,
    /// Where files are fetched from.
    files: Origin,
    /// The account, once its subscription was seen to stand.
    account: tokio::sync::Mutex<Option<String>>,
}

/// Where reading the journal goes on.
#[derive(Debug, Serialize, Deserialize)]
struct Position {
    /// The last file that was read; `None` while there was none.
    offset: Option<Offset>,
    /// When the journal was last found to reach back to it.
    at: Instant,
}

/// A file of the journal that was read.
#[derive(Debug, Serialize, Deserialize)]
struct Offset {
    id: String,
    read_at: Instant,
}

impl Position {
    fn of(cursor: &Cursor) -> Result<Position> {
        Position::deserialize(&cursor.0)
            .map_err(|_| Error::rejected("read the journal: the stored position is none of this connector's"))
    }

    fn cursor(&self) -> Cursor {
        Cursor(serde_json::to_value(self).expect("a position has only text keys"))
    }
}

impl Journal {
    /// The journal that calls with the app's token find; `is_local` admits files on this machine.
    pub(crate) fn new(client: Client, is_local: bool) -> Journal {
        let files = Origin::new(HOSTS.iter().copied(), is_local);
        Journal { client, files, account: tokio::sync::Mutex::default() }
    }

    /// The entry at a place; `None` where nothing is there yet.
    async fn entry(&self, place: &str, account: &str) -> std::result::Result<Option<JournalEntry>, Refusal> {
        let call = Call::get("read the journal", journal(place, &encode(account))).priority(Priority::Poll);
        self.client.ask_for_any(call).await
    }

    /// What stands in an entry's file about deals of the account.
    async fn read(&self, entry: &JournalEntry, account: &str, connection: &ConnectionId) -> Result<Vec<Hint>> {
        let address =
            entry.url.as_str().ok_or_else(|| Error::transient("read the journal: no address of a file came"))?;
        let file: JournalFile = self.client.download("fetch a file of the journal", address, &self.files).await?;
        let ours = file.journal_events.iter().filter(|event| {
            event.portal_id.as_str() == Some(account)
                && event.object_type_id.as_str().is_none_or(|kind| kind == DEAL_TYPE)
        });
        let mut deals: Vec<&str> = ours.flat_map(|event| event.records()).collect();
        deals.sort_unstable();
        deals.dedup();
        Ok(deals.into_iter().map(|id| hint(connection, id)).collect())
    }

    /// Makes the journal hold what happens to deals of the account, unless it does already.
    async fn subscribe(&self, account: &str, properties: &[&str]) -> Result<()> {
        let call = Call::get("read the journal's subscriptions", subscriptions()).priority(Priority::Poll);
        let standing: Subscriptions = self.client.ask(call).await?;
        if standing.results.iter().any(|one| covers(one, account, properties)) {
            return Ok(());
        }
        let body = json!({
            "subscriptionType": "OBJECT",
            "objectTypeId": DEAL_TYPE,
            "portalId": account.parse::<u64>().map_err(|_| Error::rejected("subscribe to deals: the account has no number"))?,
            "actions": ACTIONS,
            "properties": properties,
            "objectIds": [],
        });
        let call = Call::post("subscribe to deals", subscriptions(), body).priority(Priority::Poll).follows();
        match self.client.ask::<IgnoredAny>(call).await {
            Ok(_) => Ok(()),
            // Another run was faster.
            Err(refusal) if refusal.is(StatusCode::CONFLICT) => Ok(()),
            Err(refusal) => Err(refusal.into()),
        }
    }
}

impl HubSpot {
    /// The account, whose deals the journal holds from now on.
    async fn followed(&self, feed: &Journal) -> Result<String> {
        let mut account = feed.account.lock().await;
        if let Some(account) = account.as_ref() {
            return Ok(account.clone());
        }
        let (_, reading) = self.reading().await?;
        let id = self.account_id().await?;
        // When anything changed cannot be subscribed to, and nothing changes only that.
        let properties: Vec<&str> =
            reading.properties.iter().map(String::as_str).filter(|name| *name != deal::MODIFIED).collect();
        feed.subscribe(&id, &properties).await?;
        *account = Some(id.clone());
        Ok(id)
    }

    /// Begins with the end of the journal; what was before is in the first read, or in the reconcile after a gap.
    async fn begin(&self, feed: &Journal, account: &str, gap: bool) -> Result<FeedPage> {
        let at = self.client.now();
        let last = feed.entry("latest", account).await;
        let offset = match last {
            Ok(entry) => entry.and_then(|entry| offset(&entry, at)),
            Err(refusal) if refusal.is(StatusCode::NOT_FOUND) => None,
            Err(refusal) => return Err(refusal.into()),
        };
        Ok(FeedPage { hints: Vec::new(), next: Next::Later(Position { offset, at }.cursor()), gap })
    }

    async fn go_on(&self, feed: &Journal, account: &str, position: Position) -> Result<FeedPage> {
        let at = self.client.now();
        if position.at + KEPT_FOR <= at {
            return self.begin(feed, account, true).await;
        }
        // The last file of a quiet account grows old as well; whatever came since the last look is still there.
        let last = position.offset.as_ref().filter(|last| at < last.read_at + KEPT_FOR);
        let place = last.map_or_else(|| "earliest".to_owned(), |last| format!("offset/{}/next", encode(&last.id)));
        let entry = match feed.entry(&place, account).await {
            Ok(entry) => entry,
            Err(refusal) if is_gone(&refusal) && last.is_some() => return self.begin(feed, account, true).await,
            Err(refusal) if is_gone(&refusal) => None,
            Err(refusal) => return Err(refusal.into()),
        };
        let Some(entry) = entry else {
            let next = Next::Later(Position { at, ..position }.cursor());
            return Ok(FeedPage { hints: Vec::new(), next, gap: false });
        };
        let next = offset(&entry, at);
        let is_new = next.as_ref().is_some_and(|next| last.is_none_or(|last| last.id != next.id));
        if !is_new {
            return Err(Error::transient("read the journal: its next place is not told"));
        }
        let hints = feed.read(&entry, account, &self.connection).await?;
        Ok(FeedPage { hints, next: Next::More(Position { offset: next, at }.cursor()), gap: false })
    }
}

fn offset(entry: &JournalEntry, read_at: Instant) -> Option<Offset> {
    Some(Offset { id: entry.current_offset.as_str()?.to_owned(), read_at })
}

#[async_trait]
impl Feed for HubSpot {
    async fn hints(&self, since: Option<&Cursor>) -> Result<FeedPage> {
        let Some(feed) = &self.journal else {
            return Err(Error::new(ErrorKind::Rejected, "read the journal: the app has no token of its own"));
        };
        let position = since.map(Position::of).transpose()?;
        let account = self.followed(feed).await?;
        let page = match position {
            Some(position) => self.go_on(feed, &account, position).await?,
            None => self.begin(feed, &account, false).await?,
        };
        if page.gap {
            // What made us miss something may have taken the subscription as well: an app that was removed.
            *feed.account.lock().await = None;
        }
        Ok(page)
    }
}

fn is_gone(refusal: &Refusal) -> bool {
    refusal.is(StatusCode::NOT_FOUND) || refusal.is(StatusCode::GONE)
}

/// Whether a subscription tells everything that we need.
fn covers(standing: &Subscription, account: &str, properties: &[&str]) -> bool {
    let has = |texts: &Texts, wanted: &str| texts.0.iter().any(|text| text == wanted);
    standing.subscription_type.text() == "OBJECT"
        && standing.object_type_id.text() == DEAL_TYPE
        && standing.portal_id.text() == account
        && standing.object_ids.0.is_empty()
        && ACTIONS.iter().all(|action| has(&standing.actions, action))
        && properties.iter().all(|name| has(&standing.properties, name))
}
