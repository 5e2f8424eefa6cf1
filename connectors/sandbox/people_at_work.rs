//! Carries out what people do in the CRM's own pages.

use serde_json::Value;

use crate::edit::{
    ASKING_SUBJECT, DealName, Edit, NewPerson, NewPipeline, NewProperty, Properties, PropertyKind, PropertyObject,
    TaskName,
};
use crate::portal::Portal;
use crate::portal::builtin::yes_and_no;
use crate::portal::kind::{Kind, RecordId};
use crate::portal::people::{Owner, Team};
use crate::portal::pipelines::{Pipeline, Stage};
use crate::portal::record::{Record, Source};
use crate::portal::schema::{Property, ValueType};
use crate::portal::write::Values;
use crate::refusal::Refusal;

/// The CRM would not let a person do this: a value does not fit its property, or a name is no id.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the CRM refused a person's change: {reason}")]
pub struct EditRefused {
    reason: String,
}

impl EditRefused {
    pub(crate) fn new(reason: impl Into<String>) -> EditRefused {
        EditRefused { reason: reason.into() }
    }

    pub(crate) fn reason(&self) -> &str {
        &self.reason
    }
}

impl Portal {
    pub(crate) fn edit(&mut self, edit: &Edit) -> Result<(), Refusal> {
        match edit {
            Edit::AddPerson(person) => self.add_person(person)?,
            Edit::AddPipeline(pipeline) => self.add_pipeline(pipeline),
            Edit::AddProperty(property) => self.add_property(property),
            Edit::CreateDeal { handle, properties, by } => {
                let draft = self.check_new(Kind::Deal, &values(properties))?;
                let id = self.create(Kind::Deal, &draft, &[], person(by)?);
                self.handles.insert(handle.clone(), id);
            }
            Edit::SetDeal { deal, properties, by } => {
                let deal = self.live_deal(deal).map(|deal| deal.id);
                self.set_by_person(Kind::Deal, deal, properties, by)?;
            }
            Edit::DeleteDeal { deal, by: _ } => {
                if let Some(id) = self.live_deal(deal).map(|deal| deal.id) {
                    self.archive(Kind::Deal, id);
                }
            }
            Edit::RestoreDeal { deal, by: _ } => {
                if let Some(id) = self.deal(deal).map(|deal| deal.id) {
                    self.restore(Kind::Deal, id);
                }
            }
            Edit::MergeDeals { survivor, absorbed, by } => {
                let by = person(by)?;
                let ends = (self.live_deal(survivor), self.live_deal(absorbed));
                if let (Some(survivor), Some(absorbed)) = ends {
                    self.merge(Kind::Deal, survivor.id, absorbed.id, by);
                }
            }
            Edit::CompleteTask { task, by } => {
                let completed = Properties::from([("hs_task_status".to_owned(), "COMPLETED".to_owned())]);
                self.set_by_person(Kind::Task, self.task(task), &completed, by)?;
            }
            Edit::SetTask { task, properties, by } => {
                self.set_by_person(Kind::Task, self.task(task), properties, by)?;
            }
            Edit::DeleteTask { task, by: _ } => {
                if let Some(id) = self.task(task) {
                    self.archive(Kind::Task, id);
                }
            }
            Edit::DeactivateOwner { owner } => self.change_owner(owner, |owner, now| {
                owner.archived = owner.archived.or(Some(now));
            }),
            Edit::ReactivateOwner { owner } => self.change_owner(owner, |owner, _| owner.archived = None),
            // Hours are each person's own here, and come with the person; of managers the API tells nothing.
            Edit::SetOfficeHours { .. } | Edit::SetManager { .. } => {}
            Edit::SetZone { owner, zone } => self.set_zone(owner, zone.as_deref()),
            Edit::RenameStage { pipeline, stage, label } => self.rename_stage(pipeline, stage, label),
            // There is no such process.
            Edit::DecideApproval { .. } => {}
        }
        Ok(())
    }

    /// The deal that a name leads to, through merges.
    fn deal(&self, name: &DealName) -> Option<&Record> {
        let id = match name {
            DealName::Handle(handle) => *self.handles.get(handle)?,
            DealName::Id(id) => id.parse().ok()?,
        };
        self.survivor(Kind::Deal, id)
    }

    fn live_deal(&self, name: &DealName) -> Option<&Record> {
        self.deal(name).filter(|deal| deal.is_live())
    }

    fn task(&self, name: &TaskName) -> Option<RecordId> {
        match name {
            TaskName::Id(id) => {
                self.record(Kind::Task, id.parse().ok()?).filter(|task| task.is_live()).map(|task| task.id)
            }
            TaskName::NewestOpenOf(deal) => self.open_tasks(deal).map(|task| task.id).max(),
            TaskName::Asking { deal, whom } => {
                let schema = &self.store(Kind::Task).schema;
                let (subject, owner) = (schema.find("hs_task_subject")?, schema.find("hubspot_owner_id")?);
                let asks = |task: &&Record| {
                    let is_question = task.value(subject).is_some_and(|text| text.starts_with(ASKING_SUBJECT));
                    is_question && task.value(owner).is_some_and(|owner| **owner == **whom)
                };
                self.open_tasks(deal).filter(asks).map(|task| task.id).max()
            }
        }
    }

    /// The tasks of a deal that are neither completed nor deleted.
    fn open_tasks(&self, deal: &DealName) -> impl Iterator<Item = &Record> {
        let deal = self.deal(deal).map(|deal| deal.id);
        let tasks = deal.into_iter().flat_map(|deal| self.associations.of((Kind::Deal, deal), Kind::Task));
        let tasks = tasks.filter_map(|(id, _)| self.record(Kind::Task, *id));
        tasks.filter(|task| task.is_live() && !self.is_completed(task))
    }

    fn is_completed(&self, task: &Record) -> bool {
        task.value(self.known.task_status).is_some_and(|status| **status == *"COMPLETED")
    }

    fn set_by_person(
        &mut self,
        kind: Kind,
        id: Option<RecordId>,
        properties: &Properties,
        by: &str,
    ) -> Result<(), Refusal> {
        let Some(record) = id.and_then(|id| self.record(kind, id)) else { return Ok(()) };
        let (id, by) = (record.id, person(by)?);
        let draft = self.check_change(kind, record, &values(properties))?;
        self.set_values(kind, id, &draft, by);
        Ok(())
    }

    /// Lets a user in: the account gets an owner, and a record of type user with the zone.
    pub(crate) fn add_person(&mut self, new: &NewPerson) -> Result<(), Refusal> {
        let (id, user_id) = (number(&new.owner_id)?, number(&new.user_id)?);
        if self.owners.contains_key(&id) {
            return Ok(());
        }
        let mut values = Values::from([
            ("hs_email".to_owned(), new.email.clone().into()),
            ("hs_internal_user_id".to_owned(), new.user_id.clone().into()),
            ("hs_given_name".to_owned(), new.first_name.clone().into()),
            ("hs_family_name".to_owned(), new.last_name.clone().into()),
            ("hs_job_title".to_owned(), new.job_title.clone().into()),
        ]);
        if let Some(zone) = &new.zone {
            let hours = r#"[{"days":"MONDAY_TO_FRIDAY","startMinute":540,"endMinute":1020}]"#;
            values.insert("hs_standard_time_zone".to_owned(), zone.clone().into());
            values.insert("hs_working_hours".to_owned(), hours.into());
        }
        let draft = self.check_new(Kind::User, &values)?;
        let user_record = self.create(Kind::User, &draft, &[], Source::Person(user_id));
        let owner = Owner {
            id,
            user_id,
            user_record,
            email: new.email.clone(),
            first_name: new.first_name.clone(),
            last_name: new.last_name.clone(),
            team: new.team.as_ref().map(|name| self.team(name)),
            created: self.now,
            updated: self.now,
            archived: None,
        };
        self.owners.insert(id, owner);
        Ok(())
    }

    /// The team of that name, with the id that its other members have.
    fn team(&self, name: &str) -> Team {
        let mut teams = self.owners.values().filter_map(|owner| owner.team.as_ref());
        match teams.clone().find(|team| team.name == name) {
            Some(team) => team.clone(),
            None => {
                let last = teams.by_ref().map(|team| team.id).max().unwrap_or(368_388);
                Team { id: last + 1, name: name.to_owned() }
            }
        }
    }

    fn change_owner(&mut self, id: &str, change: impl FnOnce(&mut Owner, i64)) {
        let now = self.now;
        if let Some(owner) = id.parse().ok().and_then(|id: u64| self.owners.get_mut(&id)) {
            change(owner, now);
            owner.updated = now;
        }
    }

    fn set_zone(&mut self, owner: &str, zone: Option<&str>) {
        let owner = owner.parse().ok().and_then(|id: u64| self.owners.get(&id));
        if let Some((record, user)) = owner.map(|owner| (owner.user_record, owner.user_id)) {
            let zone = zone.map(|zone| self.shared_text(zone));
            self.set_value(Kind::User, record, self.known.user_zone, zone, Source::Person(user));
        }
    }

    /// Adds a pipeline as an administrator describes it.
    pub(crate) fn add_pipeline(&mut self, new: &NewPipeline) {
        let now = self.now;
        let stages = new.stages.iter().map(|stage| Stage {
            id: stage.id.clone(),
            label: stage.label.clone(),
            percent: stage.percent,
            closed: stage.closed,
            updated: now,
        });
        self.put_pipeline(Pipeline {
            id: new.id.clone(),
            label: new.label.clone(),
            stages: stages.collect(),
            created: now,
            updated: now,
        });
    }

    fn rename_stage(&mut self, pipeline: &str, stage: &str, label: &str) {
        let now = self.now;
        let found = self.pipelines.iter_mut().find(|known| known.id == pipeline);
        if let Some(stage) = found.and_then(|pipeline| pipeline.stages.iter_mut().find(|known| known.id == stage)) {
            stage.label = label.to_owned();
            stage.updated = now;
        }
    }

    fn add_property(&mut self, new: &NewProperty) {
        let kind = match new.object {
            PropertyObject::Deals => Kind::Deal,
            PropertyObject::Tasks => Kind::Task,
        };
        let (value_type, field_type, unique) = match new.holds {
            PropertyKind::Bool => (ValueType::Bool, "booleancheckbox", false),
            PropertyKind::Text => (ValueType::String, "text", false),
            PropertyKind::UniqueText => (ValueType::String, "text", true),
            PropertyKind::Number => (ValueType::Number, "number", false),
            PropertyKind::Date => (ValueType::Date, "date", false),
            PropertyKind::DateTime => (ValueType::DateTime, "date", false),
        };
        let now = self.now;
        let schema = &mut self.store_mut(kind).schema;
        if schema.find_any(&new.name).is_some() {
            return;
        }
        let group = schema.groups.first().map(|group| group.name.clone()).unwrap_or_default();
        schema.add(Property {
            name: new.name.clone(),
            label: new.label.clone(),
            description: String::new(),
            group,
            value_type,
            field_type: field_type.to_owned(),
            choices: if value_type == ValueType::Bool { yes_and_no() } else { Vec::new() },
            unique,
            hidden: false,
            form_field: false,
            read_only: false,
            display_order: -1,
            built_in: false,
            calculation: None,
            reference: None,
            created: now,
            updated: now,
            archived: None,
        });
    }
}

fn values(properties: &Properties) -> Values {
    properties.iter().map(|(name, text)| (name.clone(), Value::from(text.as_str()))).collect()
}

fn person(by: &str) -> Result<Source, Refusal> {
    number(by).map(Source::Person)
}

fn number(text: &str) -> Result<u64, Refusal> {
    text.parse().map_err(|_| Refusal::invalid(format!("{text} is not a numeric id")))
}
