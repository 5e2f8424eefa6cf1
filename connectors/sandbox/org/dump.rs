//! Writes the whole org down as plain data: what an auditor reads.

use std::collections::BTreeMap;

use super::Org;
use super::cell::Cell;
use super::id::Id;
use super::kind::Kind;
use super::row::{Author, Row, Version, Via};
use super::schema::{FieldId, Schema, system};
use crate::dump::{
    AccountDump, AssociationDump, Dump, LifeDump, LifeEvent, OwnerDump, PipelineDump, RecordDump, StageDump,
    VersionDump,
};
use crate::options::Crm;
use crate::portal::instant::{Millis, iso, to_datetime};

/// The types that are written down; the others follow from them, or never change.
const WRITTEN: [Kind; 5] = [Kind::BusinessHours, Kind::Opportunity, Kind::ProcessInstance, Kind::Task, Kind::User];

impl Org {
    /// Everything in the org, with the histories of all fields.
    pub(crate) fn dump(&self) -> Dump {
        let of_kind = |wanted: Kind| {
            let named = self.handles.iter().filter(move |(_, id)| Kind::of_prefix(id.prefix()) == Some(wanted));
            named.map(|(name, id)| (name.clone(), id.to_string()))
        };
        let stages = self.stage_names.iter().map(|(id, name)| (id.clone(), name.clone()));
        Dump {
            crm: Crm::Salesforce,
            at: to_datetime(self.now),
            account: AccountDump { portal_id: 0, time_zone: self.time_zone(), currency: "USD".to_owned() },
            owners: self.table(Kind::User).rows().map(|user| self.dump_user(user)).collect(),
            pipelines: vec![self.dump_stages()],
            records: WRITTEN.map(|kind| (kind.name().to_owned(), self.dump_rows(kind))).into(),
            associations: self.dump_links(),
            handles: of_kind(Kind::Opportunity).collect(),
            aliases: of_kind(Kind::User).chain(stages).collect(),
            sent: self.sent.clone(),
            ..Dump::default()
        }
    }

    fn dump_rows(&self, kind: Kind) -> Vec<RecordDump> {
        let table = self.table(kind);
        table.rows().map(|row| dump_row(&table.schema, row)).collect()
    }

    fn dump_user(&self, user: &Row) -> OwnerDump {
        let schema = &self.table(Kind::User).schema;
        let text = |name| user.get(schema.known(name)).to_text();
        let active = schema.known("IsActive");
        let left = (!user.get(active).is_true()).then(|| user.history(active).last().map(|version| version.at));
        OwnerDump {
            id: user.id.to_string(),
            user_id: user.id.to_string(),
            email: text("Email"),
            first_name: text("FirstName"),
            last_name: text("LastName"),
            team: None,
            user_record: user.id.to_string(),
            archived_at: left.flatten().map(to_datetime),
            zone: Some(text("TimeZoneSidKey")),
        }
    }

    /// The one list of stages that all opportunities go through.
    fn dump_stages(&self) -> PipelineDump {
        let table = self.table(Kind::OpportunityStage);
        let known = |name| table.schema.known(name);
        let stages = table.rows().map(|row| StageDump {
            id: row.get(known("ApiName")).to_text(),
            label: row.get(known("MasterLabel")).to_text(),
            closed: row.get(known("IsClosed")).is_true(),
            won: row.get(known("IsWon")).is_true(),
        });
        PipelineDump { id: String::new(), label: "Opportunities".to_owned(), stages: stages.collect() }
    }

    /// What tasks are about.
    fn dump_links(&self) -> Vec<AssociationDump> {
        let tasks = self.table(Kind::Task);
        let what = tasks.schema.known("WhatId");
        let linked = tasks.rows().filter_map(|task| Some((task.id, task.get(what).as_id()?)));
        linked.filter_map(|(task, what)| link(task, what)).collect()
    }
}

fn link(task: Id, what: Id) -> Option<AssociationDump> {
    Some(AssociationDump {
        from_type: Kind::Task.name().to_owned(),
        from: task.to_string(),
        to_type: Kind::of_prefix(what.prefix())?.name().to_owned(),
        to: what.to_string(),
        type_id: 0,
    })
}

fn dump_row(schema: &Schema, row: &Row) -> RecordDump {
    let own = schema.iter().filter(|(id, _)| *id > system::STAMP);
    let histories = own.map(|(id, field)| (field.name.clone(), versions(row, id)));
    let history: BTreeMap<_, _> = histories.filter(|(_, versions)| !versions.is_empty()).collect();
    RecordDump {
        id: row.id.to_string(),
        created_at: to_datetime(row.created()),
        updated_at: to_datetime(row.modified()),
        archived_at: row.is_deleted().then(|| to_datetime(last_change(row, system::IS_DELETED))),
        merged_into: None,
        life: life(row),
        history,
    }
}

/// The values of a field, without the emptiness in which it began.
fn versions(row: &Row, field: FieldId) -> Vec<VersionDump> {
    let versions = row.history(field).into_iter().skip_while(|version| version.value.is_null());
    versions.map(version).collect()
}

fn version(version: Version) -> VersionDump {
    let Version { at, by: Author { user, via }, value } = version;
    let source = match via {
        Via::Page => "page",
        Via::Api => "api",
        Via::System => "system",
    };
    VersionDump { at: to_datetime(at), value: words(&value), source: source.to_owned(), source_id: user.to_string() }
}

fn words(value: &Cell) -> Option<String> {
    match value {
        Cell::Null => None,
        Cell::Instant(at) => Some(iso(*at)),
        Cell::Bool(_) | Cell::Number(_) | Cell::Text(_) | Cell::Date(_) | Cell::Time(_) | Cell::Id(_) => {
            Some(value.to_text())
        }
    }
}

/// Deletions and restorations.
fn life(row: &Row) -> Vec<LifeDump> {
    let versions = row.history(system::IS_DELETED);
    let changes = versions.iter().skip(1).map(|version| LifeDump {
        at: to_datetime(version.at),
        event: if version.value.is_true() { LifeEvent::Deleted } else { LifeEvent::Restored },
    });
    changes.collect()
}

fn last_change(row: &Row, field: FieldId) -> Millis {
    row.history(field).last().map_or(row.created(), |version| version.at)
}
