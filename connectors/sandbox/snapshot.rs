//! Writes the whole account down as plain data.

use std::collections::BTreeMap;

use crate::dump::{
    AccountDump, AssociationDump, Dump, LifeDump, LifeEvent, OwnerDump, PipelineDump, RecordDump, StageDump,
    VersionDump,
};
use crate::portal::Portal;
use crate::portal::instant::to_datetime;
use crate::portal::kind::Kind;
use crate::portal::people::Owner;
use crate::portal::pipelines::Pipeline;
use crate::portal::record::{Life, Record};

impl Portal {
    /// Everything in the account, with the histories of all properties.
    pub(crate) fn dump(&self) -> Dump {
        let portal = self;
        let records = Kind::ALL.map(|kind| (kind.plural().to_owned(), records(portal, kind)));
        let associations = portal.associations.iter().map(|(from, to, type_id)| AssociationDump {
            from_type: from.0.plural().to_owned(),
            from: from.1.to_string(),
            to_type: to.0.plural().to_owned(),
            to: to.1.to_string(),
            type_id,
        });
        Dump {
            at: to_datetime(portal.now),
            account: AccountDump {
                portal_id: portal.portal_id,
                time_zone: portal.time_zone.clone(),
                currency: portal.currency.clone(),
            },
            owners: portal.owners.values().map(|owner| dump_owner(portal, owner)).collect(),
            pipelines: portal.pipelines.iter().map(pipeline).collect(),
            records: records.into(),
            associations: associations.collect(),
            handles: portal.handles.iter().map(|(handle, id)| (handle.clone(), id.to_string())).collect(),
            ..Dump::default()
        }
    }
}

fn records(portal: &Portal, kind: Kind) -> Vec<RecordDump> {
    portal.store(kind).records.values().map(|record| dump_record(portal, kind, record)).collect()
}

fn dump_record(portal: &Portal, kind: Kind, record: &Record) -> RecordDump {
    let mut history: BTreeMap<String, Vec<VersionDump>> = BTreeMap::new();
    for version in record.versions() {
        let name = &portal.schema(kind).property(version.property).name;
        history.entry(name.clone()).or_default().push(VersionDump {
            at: to_datetime(version.at),
            value: version.value.as_deref().map(str::to_owned),
            source: version.source.name().to_owned(),
            source_id: version.source.id(),
        });
    }
    RecordDump {
        id: record.id.to_string(),
        created_at: to_datetime(record.created),
        updated_at: to_datetime(record.updated()),
        archived_at: record.archived.map(to_datetime),
        merged_into: record.merged_into.map(|id| id.to_string()),
        life: record.life.iter().map(|(at, life)| LifeDump { at: to_datetime(*at), event: event(*life) }).collect(),
        history,
    }
}

fn event(life: Life) -> LifeEvent {
    match life {
        Life::Deleted => LifeEvent::Deleted,
        Life::Restored => LifeEvent::Restored,
        Life::MergedInto(id) => LifeEvent::MergedInto(id.to_string()),
        Life::Absorbed(id) => LifeEvent::Absorbed(id.to_string()),
    }
}

fn dump_owner(portal: &Portal, owner: &Owner) -> OwnerDump {
    let user = portal.record(Kind::User, owner.user_record);
    OwnerDump {
        id: owner.id.to_string(),
        user_id: owner.user_id.to_string(),
        email: owner.email.clone(),
        first_name: owner.first_name.clone(),
        last_name: owner.last_name.clone(),
        team: owner.team.as_ref().map(|team| team.name.clone()),
        user_record: owner.user_record.to_string(),
        archived_at: owner.archived.map(to_datetime),
        zone: user.and_then(|user| user.value(portal.known.user_zone)).map(|zone| zone.to_string()),
    }
}

fn pipeline(pipeline: &Pipeline) -> PipelineDump {
    let stages = pipeline.stages.iter().map(|stage| StageDump {
        id: stage.id.clone(),
        label: stage.label.clone(),
        closed: stage.closed,
        won: stage.is_won(),
    });
    PipelineDump { id: pipeline.id.clone(), label: pipeline.label.clone(), stages: stages.collect() }
}
