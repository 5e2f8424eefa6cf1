//! The org: the sandbox's other CRM, which speaks Salesforce's dialect.

mod actions;
pub(crate) mod admin;
mod answer;
mod approvals;
pub(crate) mod builtin;
mod call;
pub(crate) mod cell;
mod collections;
mod composite;
mod cursor;
mod custom;
mod describe;
mod dump;
mod edit;
pub(crate) mod errors;
mod formula;
pub(crate) mod fresh;
pub(crate) mod id;
pub(crate) mod kind;
mod limits;
mod oauth;
mod opportunity;
pub(crate) mod options;
pub(crate) mod outbound;
mod permissions;
pub(crate) mod process;
mod query;
mod render;
mod replication;
mod routes;
pub(crate) mod row;
mod rules;
pub(crate) mod schema;
mod seed;
mod session;
mod sight;
mod soap;
mod sobjects;
mod soql;
pub(crate) mod stages;
pub(crate) mod stamp;
pub(crate) mod table;
mod task;
mod tooling;
mod values;
mod versions;
mod words;
pub(crate) mod write;

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};
use std::sync::Arc;
use std::time::Duration;

use rand::rngs::SmallRng;
use rand::{Rng, SeedableRng};

use crate::dump::SentDump;
use crate::portal::instant::Millis;
use approvals::Defined;
use cursor::Cursors;
use id::Id;
use kind::Kind;
use limits::Usage;
use options::{App, OrgOptions, OrgUser};
use outbound::Outbound;
use row::{Author, Row, Seen, Via};
use rules::Rule;
use schema::Field;
use session::Sessions;
use stamp::whole_second;
use table::Table;

pub(crate) use routes::endpoint;

/// The org.
#[derive(Debug)]
pub(crate) struct Org {
    pub(crate) now: Millis,
    /// The address that tokens are told to call; the one that was called where there is none.
    pub(crate) instance_url: Option<String>,
    /// The only address at which the app's own secret brings a token; any where there is none.
    pub(crate) my_domain: Option<String>,
    pub(crate) id: Id,
    /// The administrator, who may change everything.
    pub(crate) admin: Id,
    /// The user that callers act as.
    pub(crate) integration: Id,
    pub(crate) user: OrgUser,
    pub(crate) app: App,
    pub(crate) hidden_fields: BTreeSet<String>,
    /// Records that a running approval keeps from being changed.
    pub(crate) locks: BTreeSet<Id>,
    /// Records by the names that a script of edits gave them.
    pub(crate) handles: BTreeMap<String, Id>,
    /// What opportunities hold for the stages that a script of edits names by ids of its own.
    pub(crate) stage_names: BTreeMap<String, String>,
    /// The approval processes that are active, in order.
    pub(crate) processes: Vec<Defined>,
    /// What the company does not let its records be.
    pub(crate) rules: Vec<Rule>,
    /// Notices that were shown and mails that were sent, in order.
    pub(crate) sent: Vec<SentDump>,
    /// What is to be told to others.
    pub(crate) outbound: Outbound,
    pub(crate) sessions: Sessions,
    pub(crate) usage: Usage,
    tables: BTreeMap<Kind, Table>,
    /// What records were before a transaction changed them, while one runs.
    undo: Option<Vec<(Kind, Id, Option<Row>)>>,
    /// When what a describe tells last changed.
    described: Millis,
    cursors: Cursors,
    commit_lag: Millis,
    own_lags: HashMap<Id, Millis>,
    texts: HashSet<Arc<str>>,
    instance: [u8; 2],
    chance: SmallRng,
}

impl Org {
    /// A fresh org with the CRM's own types of record, an administrator and the user that callers act as.
    pub(crate) fn new(options: &OrgOptions) -> Org {
        let mut chance = SmallRng::seed_from_u64(options.seed);
        let instance = [chance.random_range(b'A'..=b'Z'), chance.random_range(b'a'..=b'z')];
        let mut org = Org {
            now: options.start.timestamp_millis(),
            instance_url: options.instance_url.clone(),
            my_domain: None,
            id: Id::new(Kind::Organization.prefix(), instance, 1),
            admin: Id::new(Kind::User.prefix(), instance, 1),
            integration: Id::new(Kind::User.prefix(), instance, 2),
            user: options.user.clone(),
            app: options.app.clone(),
            hidden_fields: options.hidden_fields.iter().map(|name| name.to_ascii_lowercase()).collect(),
            locks: BTreeSet::new(),
            handles: BTreeMap::new(),
            stage_names: BTreeMap::new(),
            processes: Vec::new(),
            rules: Vec::new(),
            sent: Vec::new(),
            outbound: Outbound::default(),
            sessions: Sessions::new(options.session_lifetime),
            usage: Usage::new(options.limits),
            tables: Kind::ALL.into_iter().map(|kind| (kind, Table::new(builtin::schema(kind)))).collect(),
            undo: None,
            described: whole_second(options.start.timestamp_millis()),
            cursors: Cursors::default(),
            commit_lag: to_millis(options.commit_lag),
            own_lags: HashMap::new(),
            texts: HashSet::new(),
            instance,
            chance,
        };
        org.furnish(options);
        org
    }

    pub(crate) fn table(&self, kind: Kind) -> &Table {
        self.tables.get(&kind).expect("every type has its table from the start")
    }

    pub(crate) fn table_mut(&mut self, kind: Kind) -> &mut Table {
        self.tables.get_mut(&kind).expect("every type has its table from the start")
    }

    /// Finds a record by its id, whatever its type; deleted ones too.
    pub(crate) fn find(&self, id: Id) -> Option<(Kind, &Row)> {
        let kind = Kind::of_prefix(id.prefix())?;
        Some((kind, self.table(kind).get(id)?))
    }

    /// The second that it is; the CRM stamps nothing more precisely.
    pub(crate) fn stamp(&self) -> Millis {
        whole_second(self.now)
    }

    /// The CRM itself, when it changes something.
    pub(crate) fn itself(&self) -> Author {
        Author { user: self.admin, via: Via::System }
    }

    /// A record that is only being made.
    pub(crate) fn blank(&mut self, kind: Kind, by: Author) -> Row {
        let (at, instance) = (self.stamp(), self.instance);
        let table = self.table_mut(kind);
        let id = table.next_id(instance);
        Row::new(id, at, by, table.schema.len())
    }

    /// Adds a field to a type; one of that name stays as it is.
    pub(crate) fn add_field(&mut self, kind: Kind, field: Field) {
        self.described = self.stamp();
        let schema = &mut self.table_mut(kind).schema;
        if schema.find(&field.name).is_none() {
            schema.add(field);
        }
    }

    /// Puts a record in the place of the one with its id; a transaction that runs can take it back.
    pub(crate) fn store(&mut self, kind: Kind, row: Row) {
        let id = row.id;
        if matches!(kind, Kind::FieldPermissions | Kind::PermissionSetAssignment | Kind::OpportunityStage) {
            self.described = self.stamp();
        }
        let before = self.table_mut(kind).put(row);
        if let Some(undo) = &mut self.undo {
            undo.push((kind, id, before));
        }
    }

    /// Removes a record without a trace; a transaction that runs can take it back.
    pub(crate) fn erase(&mut self, kind: Kind, id: Id) {
        let before = self.table_mut(kind).take(id);
        if let Some(undo) = &mut self.undo {
            undo.push((kind, id, before));
        }
    }

    /// Does something that is kept only when `keep` approves of what came of it.
    pub(crate) fn transact<T>(&mut self, act: impl FnOnce(&mut Org) -> T, keep: impl FnOnce(&T) -> bool) -> T {
        let outer = self.undo.replace(Vec::new());
        let (locks, told) = (self.locks.clone(), self.outbound.mark());
        let outcome = act(self);
        let mut done = std::mem::replace(&mut self.undo, outer).unwrap_or_default();
        if keep(&outcome) {
            if let Some(outer) = &mut self.undo {
                outer.append(&mut done);
            }
        } else {
            self.locks = locks;
            self.outbound.forget_after(told);
            for (kind, id, before) in done.into_iter().rev() {
                match before {
                    Some(row) => drop(self.table_mut(kind).put(row)),
                    None => drop(self.table_mut(kind).take(id)),
                }
            }
        }
        outcome
    }

    /// Changes how long what people change takes to become visible.
    pub(crate) fn set_commit_lag(&mut self, lag: Duration) {
        self.commit_lag = to_millis(lag);
    }

    /// Changes how long what people change about one record takes to become visible.
    pub(crate) fn set_record_lag(&mut self, id: Id, lag: Duration) {
        self.own_lags.insert(id, to_millis(lag));
    }

    /// How long the slowest change takes to become visible.
    pub(crate) fn longest_lag(&self) -> Millis {
        self.own_lags.values().copied().max().unwrap_or(0).max(self.commit_lag)
    }

    /// A record as callers see it, to whom a change becomes visible only when its transaction has ended.
    pub(crate) fn seen<'a>(&self, row: &'a Row) -> Option<Seen<'a>> {
        if self.commit_lag == 0 && self.own_lags.is_empty() {
            return Some(Seen::Whole(row));
        }
        let lag = self.own_lags.get(&row.id).copied().unwrap_or(self.commit_lag);
        row.seen_at(self.now.saturating_sub(lag))
    }

    /// A text that is stored once, however many records hold it.
    pub(crate) fn shared_text(&mut self, text: &str) -> Arc<str> {
        if let Some(known) = self.texts.get(text) {
            return Arc::clone(known);
        }
        let shared: Arc<str> = Arc::from(text);
        self.texts.insert(Arc::clone(&shared));
        shared
    }

    /// Letters and digits that nobody can guess, in a sandbox the same in every run.
    pub(crate) fn secret(&mut self, length: usize) -> String {
        let letters = b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";
        (0..length).map(|_| char::from(letters[self.chance.random_range(0..letters.len())])).collect()
    }
}

fn to_millis(lag: Duration) -> Millis {
    Millis::try_from(lag.as_millis()).unwrap_or(Millis::MAX)
}
