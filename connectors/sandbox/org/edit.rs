//! Carries out what people do in the org's own pages, also where a script tells it in HubSpot's words.

use serde_json::{Map, Value};

use super::Org;
use super::cell::Cell;
use super::errors::Failure;
use super::fresh::NewUser;
use super::id::Id;
use super::kind::Kind;
use super::row::{Author, Row, Via};
use super::schema::{Field, FieldType};
use super::stages::NewStage;
use super::words::{api_name, api_value};
use super::write::Values;
use crate::edit::{
    ASKING_SUBJECT, DealName, Edit, NewPerson, NewPipeline, NewProperty, Properties, PropertyKind, PropertyObject,
    TaskName,
};
use crate::people_at_work::EditRefused;
use crate::portal::instant::{DAY, iso_date};

/// How far ahead people set the close date, which an opportunity needs, where a script says nothing of it.
const CLOSE_AHEAD: i64 = 90 * DAY;

impl Org {
    /// Carries out what a person does.
    pub(crate) fn edit(&mut self, edit: &Edit) -> Result<(), EditRefused> {
        self.apply_edit(edit).map_err(|failure| EditRefused::new(failure.message))
    }

    fn apply_edit(&mut self, edit: &Edit) -> Result<(), Failure> {
        match edit {
            Edit::AddPerson(person) => self.invite(person),
            Edit::AddPipeline(pipeline) => self.add_pipeline(pipeline),
            Edit::AddProperty(property) => self.add_property(property),
            Edit::CreateDeal { handle, properties, by } => {
                let mut values = self.values(Kind::Opportunity, properties);
                values.entry("CloseDate").or_insert_with(|| iso_date(self.now + CLOSE_AHEAD).into());
                let by = self.person(by);
                let id = self.create(Kind::Opportunity, &values, by)?;
                self.handles.insert(handle.clone(), id);
            }
            Edit::SetDeal { deal, properties, by } => {
                if let Some(id) = self.live_deal(deal) {
                    self.set_by_person(Kind::Opportunity, id, properties, by)?;
                }
            }
            Edit::DeleteDeal { deal, by } => {
                if let Some(id) = self.live_deal(deal) {
                    self.delete(Kind::Opportunity, id, self.person(by))?;
                }
            }
            Edit::RestoreDeal { deal, by } => {
                if let Some(id) = self.deal(deal) {
                    self.undelete(Kind::Opportunity, id, self.person(by))?;
                }
            }
            // The CRM merges accounts, contacts and leads, never opportunities: there is no button.
            Edit::MergeDeals { .. } => {}
            Edit::CompleteTask { task, by } => {
                let status = Properties::from([("Status".to_owned(), self.closing_status())]);
                if let Some(id) = self.task(task) {
                    self.set_by_person(Kind::Task, id, &status, by)?;
                }
            }
            Edit::SetTask { task, properties, by } => {
                if let Some(id) = self.task(task) {
                    self.set_by_person(Kind::Task, id, properties, by)?;
                }
            }
            Edit::DeleteTask { task, by } => {
                if let Some(id) = self.task(task) {
                    self.delete(Kind::Task, id, self.person(by))?;
                }
            }
            Edit::DeactivateOwner { owner } => self.set_user(owner, "IsActive", false.into())?,
            Edit::ReactivateOwner { owner } => self.set_user(owner, "IsActive", true.into())?,
            Edit::SetZone { owner, zone } => {
                let zone = zone.clone().unwrap_or_else(|| self.time_zone());
                self.set_user(owner, "TimeZoneSidKey", zone.into())?;
            }
            Edit::SetManager { owner, manager } => {
                let manager = manager.as_deref().and_then(|manager| self.user_id(manager));
                self.set_user(owner, "ManagerId", manager.map(|manager| manager.to_string()).into())?;
            }
            Edit::SetOfficeHours { start_minute, end_minute } => self.set_office_hours(*start_minute, *end_minute),
            Edit::RenameStage { pipeline: _, stage, label } => {
                let stage = self.stage_name(stage);
                self.rename_stage(&stage, label);
            }
            Edit::DecideApproval { deal, granted, comment, by } => {
                if let Some(id) = self.live_deal(deal) {
                    let by = self.person(by).user;
                    self.decide_in_page(id, *granted, comment, by)?;
                }
            }
        }
        Ok(())
    }

    /// The id by which the CRM knows a person whom a script names by an id of its own.
    pub(crate) fn user_id(&self, name: &str) -> Option<Id> {
        let known = self.handles.get(name).copied().or_else(|| Id::parse(name));
        known.filter(|id| Kind::of_prefix(id.prefix()) == Some(Kind::User))
    }

    /// What opportunities hold for a stage that a script names by an id of its own.
    pub(crate) fn stage_name(&self, name: &str) -> String {
        self.stage_names.get(name).map_or(name, String::as_str).to_owned()
    }

    /// The org's own zone.
    pub(crate) fn time_zone(&self) -> String {
        let table = self.table(Kind::Organization);
        let zone = table.schema.known("TimeZoneSidKey");
        table.rows().next().map_or_else(String::new, |org| org.get(zone).to_text())
    }

    /// Who changes something in the pages; an administrator where nobody knows the name.
    fn person(&self, name: &str) -> Author {
        Author { user: self.user_id(name).unwrap_or(self.admin), via: Via::Page }
    }

    fn deal(&self, name: &DealName) -> Option<Id> {
        let id = match name {
            DealName::Handle(handle) => *self.handles.get(handle)?,
            DealName::Id(id) => Id::parse(id)?,
        };
        self.table(Kind::Opportunity).get(id).map(|row| row.id)
    }

    fn live_deal(&self, name: &DealName) -> Option<Id> {
        self.deal(name).filter(|id| self.live(Kind::Opportunity, *id).is_ok())
    }

    fn task(&self, name: &TaskName) -> Option<Id> {
        match name {
            TaskName::Id(id) => Id::parse(id).filter(|id| self.live(Kind::Task, *id).is_ok()),
            TaskName::NewestOpenOf(deal) => self.open_tasks(deal).map(|task| task.id).max(),
            TaskName::Asking { deal, whom } => {
                let schema = &self.table(Kind::Task).schema;
                let (subject, owner) = (schema.known("Subject"), schema.known("OwnerId"));
                let whom = Cell::Id(self.user_id(whom)?);
                let asks = |task: &&Row| {
                    let is_question = task.get(subject).as_text().is_some_and(|text| text.starts_with(ASKING_SUBJECT));
                    is_question && *task.get(owner) == whom
                };
                self.open_tasks(deal).filter(asks).map(|task| task.id).max()
            }
        }
    }

    /// The tasks of an opportunity that are neither completed nor deleted.
    fn open_tasks(&self, deal: &DealName) -> impl Iterator<Item = &Row> {
        let tasks = self.table(Kind::Task);
        let (what, closed) = (tasks.schema.known("WhatId"), tasks.schema.known("IsClosed"));
        let deal = self.deal(deal).map(Cell::Id);
        let of_deal = deal.into_iter().flat_map(move |deal| tasks.holders(what, &deal));
        of_deal.filter(move |task| !task.is_deleted() && !task.get(closed).is_true())
    }

    fn set_by_person(&mut self, kind: Kind, id: Id, properties: &Properties, by: &str) -> Result<(), Failure> {
        let values = self.values(kind, properties);
        self.update(kind, id, &values, self.person(by))
    }

    pub(super) fn set_user(&mut self, owner: &str, field: &str, value: Value) -> Result<(), Failure> {
        let Some(id) = self.user_id(owner) else { return Ok(()) };
        let by = Author { user: self.admin, via: Via::Page };
        self.update(Kind::User, id, &Map::from_iter([(field.to_owned(), value)]), by)
    }

    /// The values under the CRM's own names, in its own form.
    fn values(&self, kind: Kind, properties: &Properties) -> Values {
        let schema = &self.table(kind).schema;
        let named = properties.iter().filter_map(|(name, text)| Some((api_name(kind, name)?, text)));
        let value = |name: &str, text: &str| match schema.find(name).map(|id| schema.field(id)) {
            Some(field) if field.name == "StageName" => self.stage_name(text).into(),
            Some(field) if field.targets.contains(&Kind::User) => match self.user_id(text) {
                Some(user) => user.to_string().into(),
                None => text.into(),
            },
            Some(field) => api_value(field, text),
            None => text.into(),
        };
        named.map(|(name, text)| (name.to_string(), value(&name, text))).collect()
    }

    /// The first status, in the CRM's order, that closes a task.
    fn closing_status(&self) -> String {
        let table = self.table(Kind::TaskStatus);
        let (name, closed) = (table.schema.known("ApiName"), table.schema.known("IsClosed"));
        let closing = table.rows().find(|row| row.get(closed).is_true());
        closing.map_or_else(String::new, |row: &Row| row.get(name).to_text())
    }

    /// Lets a user in; whoever sets no zone has the org's.
    pub(crate) fn invite(&mut self, person: &NewPerson) {
        if self.handles.contains_key(&person.owner_id) {
            return;
        }
        let zone = person.zone.clone().unwrap_or_else(|| self.time_zone());
        let id = self.add_user(NewUser {
            username: &person.email,
            first_name: &person.first_name,
            last_name: &person.last_name,
            email: &person.email,
            title: &person.job_title,
            zone: &zone,
        });
        // The CRM has one id for what is an owner and a user elsewhere.
        self.handles.insert(person.owner_id.clone(), id);
        self.handles.insert(person.user_id.clone(), id);
    }

    /// Adds the stages that the CRM does not have yet: it has one list of stages, by name, for all opportunities.
    fn add_pipeline(&mut self, pipeline: &NewPipeline) {
        for stage in &pipeline.stages {
            let (name, percent, closed) = (stage.label.as_str(), stage.percent, stage.closed);
            self.add_stage(&NewStage { name, label: name, percent, closed });
            self.stage_names.insert(stage.id.clone(), stage.label.clone());
        }
    }

    /// Sets the default hours of the org, which hold for everybody: Monday to Friday, the weekend is closed.
    fn set_office_hours(&mut self, start_minute: u32, end_minute: u32) {
        let table = self.table(Kind::BusinessHours);
        let (default, schema) = (table.schema.known("IsDefault"), &table.schema);
        let Some(mut row) = table.rows().find(|row| row.get(default).is_true()).cloned() else { return };
        let (at, by) = (self.stamp(), self.itself());
        for day in ["Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday"] {
            let open = !day.starts_with('S');
            for (end, minute) in [("Start", start_minute), ("End", end_minute)] {
                let time = if open { Cell::Time(minute * 60_000) } else { Cell::Null };
                row.set(schema.known(&format!("{day}{end}Time")), time, at, by);
            }
        }
        row.touch(at, by);
        self.store(Kind::BusinessHours, row);
    }

    fn add_property(&mut self, new: &NewProperty) {
        let kind = match new.object {
            PropertyObject::Deals => Kind::Opportunity,
            PropertyObject::Tasks => Kind::Task,
        };
        let Some(name) = api_name(kind, &new.name) else { return };
        let field = |of| Field::new(&name, &new.label, of);
        let field = match new.holds {
            PropertyKind::Bool => field(FieldType::Bool),
            PropertyKind::Text => field(FieldType::Text),
            PropertyKind::UniqueText => {
                Field { case_sensitive: true, ..field(FieldType::Text).with_length(64).unique_external_id() }
            }
            PropertyKind::Number => field(FieldType::Number),
            PropertyKind::Date => field(FieldType::Date),
            PropertyKind::DateTime => field(FieldType::Instant),
        };
        self.add_field(kind, if kind == Kind::Opportunity { field.tracked() } else { field });
    }
}
