//! What the org's opportunities and tasks look like: fields, stages, statuses, currencies; and what the mapping makes of
//! them.

use std::collections::BTreeMap;
use std::hash::{DefaultHasher, Hash, Hasher};

use chrono_tz::Tz;
use dealclock_connector::{FieldSource, Mapping, Pipeline, Stage};
use dealclock_model::record::field;
use dealclock_model::{FieldName, Instant, Object, ValueType};
use rust_decimal::Decimal;

use crate::api::{self, KEY, common, opportunity};
use crate::soql;
use crate::wire::{Describe, Field};

/// The org's shape as it was at an instant.
#[derive(Debug)]
pub struct Schema {
    /// When it was read.
    pub loaded_at: Instant,
    /// The org itself.
    pub org: Org,
    /// The definition of opportunities.
    pub opportunity: Describe,
    /// The definition of tasks.
    pub task: Describe,
    /// The stages as one pipeline: Salesforce has no other; record types only narrow the choice.
    pub pipeline: Pipeline,
    /// What tasks are called when open and when done.
    pub statuses: Statuses,
    /// Units of each currency for one unit of the org's own; empty in an org with one currency.
    pub rates: BTreeMap<String, Decimal>,
    /// What to read of each opportunity, or why the mapping cannot be served.
    pub reading: Result<Reading, String>,
    stages: Vec<StageInfo>,
}

/// What was read of an org; [`Schema`] is made from it.
#[derive(Debug, Default)]
pub struct Parts {
    /// The org itself.
    pub org: Org,
    /// The definition of opportunities.
    pub opportunity: Describe,
    /// The definition of tasks.
    pub task: Describe,
    /// Stages in order, each with whether it may still be chosen.
    pub stages: Vec<(Stage, bool)>,
    /// What tasks are called when open and when done.
    pub statuses: Statuses,
    /// Units of each currency for one unit of the org's own.
    pub rates: BTreeMap<String, Decimal>,
}

/// The org itself.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Org {
    /// Its id.
    pub id: String,
    /// Its zone; UTC where Salesforce names none that we know.
    pub zone: Tz,
    /// The zone as Salesforce writes it.
    pub zone_name: String,
    /// The ISO code of its home currency.
    pub currency: String,
    /// Whether it is a sandbox.
    pub is_sandbox: bool,
}

impl Default for Org {
    fn default() -> Self {
        Org {
            id: String::new(),
            zone: Tz::UTC,
            zone_name: String::new(),
            currency: "USD".to_owned(),
            is_sandbox: false,
        }
    }
}

/// What tasks are called when open and when done; customers rename both.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Statuses {
    /// The status of a task that is not started.
    pub open: String,
    /// The status of a task that is done.
    pub done: String,
}

impl Default for Statuses {
    fn default() -> Self {
        Statuses { open: "Not Started".to_owned(), done: "Completed".to_owned() }
    }
}

/// What to read of each opportunity.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Reading {
    /// The select list.
    pub select: String,
    /// Where the mapped fields come from.
    pub fields: Vec<(FieldName, Source)>,
}

impl Reading {
    /// The fingerprint of the select list; another build may make another one of the same list.
    pub fn fingerprint(&self) -> u64 {
        let mut hasher = DefaultHasher::new();
        self.select.hash(&mut hasher);
        hasher.finish()
    }
}

/// Where a mapped field comes from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Source {
    /// A field of the opportunity.
    Field {
        /// The API name.
        name: String,
        /// The type that the value is to have.
        value_type: ValueType,
    },
    /// The first entry into one of some stages, from the history.
    Entered {
        /// The stages by their API names.
        stages: Vec<String>,
    },
}

/// Whether the key field on tasks does what it is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum KeyState {
    /// Salesforce refuses a second task with the same key.
    Unique,
    /// The field is there and lets two tasks share a key.
    NotUnique,
    /// The field is there and is not ours to write.
    ReadOnly,
    /// There is no such field, or none that we may see.
    Missing,
}

#[derive(Debug)]
struct StageInfo {
    stage: Stage,
    canonical: String,
}

/// The one pipeline's id and label.
pub const PIPELINE: &str = "Opportunity";

impl Schema {
    /// Puts together what was read.
    pub fn new(loaded_at: Instant, parts: Parts, mapping: &Mapping) -> Schema {
        let Parts { org, opportunity, task, stages: known, statuses, rates } = parts;
        let active = known.iter().filter(|(_, is_active)| *is_active).map(|(stage, _)| stage.clone()).collect();
        let pipeline = Pipeline { id: PIPELINE.to_owned(), label: PIPELINE.to_owned(), stages: active };
        let stages = known.into_iter().map(|(stage, _)| stage_info(stage, mapping)).collect::<Vec<_>>();
        let reading = reading(&opportunity, &stages, mapping);
        Schema { loaded_at, org, opportunity, task, pipeline, statuses, rates, reading, stages }
    }

    /// The canonical name of a stage: the configuration's, else the label, else the API name.
    pub fn stage_name<'a>(&'a self, id: &'a str) -> &'a str {
        self.stage(id).map_or(id, |info| &info.canonical)
    }

    /// The API names of the stages that a canonical name stands for.
    pub fn stages_called<'a>(&'a self, name: &'a str) -> impl Iterator<Item = &'a str> {
        let meant = move |info: &&StageInfo| info.canonical == name || info.is_called(name);
        self.stages.iter().filter(meant).map(|info| info.stage.id.as_str())
    }

    /// Whether a stage means closed, and whether won; `None` for a stage that is not known.
    pub fn stage_closes(&self, id: &str) -> Option<(bool, bool)> {
        self.stage(id).map(|info| (info.stage.closed, info.stage.won))
    }

    /// Whether the stage is known.
    pub fn knows_stage(&self, id: &str) -> bool {
        self.stage(id).is_some()
    }

    /// Names of the mapping's stages that stand for no stage of the org, with what was sought.
    pub fn unknown_stages<'a>(&'a self, mapping: &'a Mapping) -> impl Iterator<Item = (&'a str, &'a str)> {
        let known = |name: &str| self.stages.iter().any(|info| info.is_called(name));
        mapping.stages.iter().flat_map(move |(canonical, names)| {
            names.iter().filter(move |name| !known(name)).map(move |name| (canonical.as_str(), name.as_str()))
        })
    }

    /// Whether the key field on tasks does what it is for.
    pub fn key(&self) -> KeyState {
        match self.task.field(KEY) {
            None => KeyState::Missing,
            Some(field) if !field.createable => KeyState::ReadOnly,
            Some(field) if field.unique && field.external_id => KeyState::Unique,
            Some(_) => KeyState::NotUnique,
        }
    }

    fn stage(&self, id: &str) -> Option<&StageInfo> {
        self.stages.iter().find(|info| info.stage.id == id)
    }
}

impl StageInfo {
    /// Whether the name is the stage's API name, its label, or either behind the pipeline's name and a slash.
    fn is_called(&self, name: &str) -> bool {
        let is_stage = |name: &str| name == self.stage.id || name == self.stage.label;
        is_stage(name) || name.strip_prefix(PIPELINE).and_then(|rest| rest.strip_prefix('/')).is_some_and(is_stage)
    }
}

fn stage_info(stage: Stage, mapping: &Mapping) -> StageInfo {
    let mut info = StageInfo { canonical: stage.label.clone(), stage };
    let named = mapping.stages.iter().find(|(_, names)| names.iter().any(|name| info.is_called(name)));
    if let Some((canonical, _)) = named {
        info.canonical.clone_from(canonical);
    }
    info
}

/// What every read of an opportunity asks for; without one of these nothing can be judged.
const NEEDED: &[&str] = &[
    common::ID,
    common::NAME,
    common::OWNER,
    common::CREATED,
    common::STAMP,
    common::IS_DELETED,
    opportunity::AMOUNT,
    opportunity::STAGE,
    opportunity::CLOSE_DATE,
    opportunity::IS_CLOSED,
    opportunity::IS_WON,
    opportunity::STAGE_CHANGED,
];

/// What is asked for where it is there.
const WANTED: &[&str] = &[opportunity::CURRENCY, opportunity::ACCOUNT];

fn reading(opportunity: &Describe, stages: &[StageInfo], mapping: &Mapping) -> Result<Reading, String> {
    if let Some(name) = NEEDED.iter().find(|name| opportunity.field(name).is_none()) {
        return Err(format!(
            "the field `{name}` of opportunities is not visible to the integration user; assign the permission set"
        ));
    }
    let mut select: Vec<&str> = NEEDED.to_vec();
    select.extend(WANTED.iter().filter(|name| opportunity.field(name).is_some()));
    let mut fields = Vec::new();
    for (name, source) in mapping.fields.get(&Object::Opportunity).into_iter().flatten() {
        fields.push((name.clone(), source_of(opportunity, stages, name, source)?));
    }
    let mut entered: Vec<&str> = Vec::new();
    for (_, source) in &fields {
        match source {
            Source::Field { name, .. } if select.iter().any(|known| known.eq_ignore_ascii_case(name)) => {}
            Source::Field { name, .. } => select.push(name),
            Source::Entered { stages } => entered.extend(stages.iter().map(String::as_str)),
        }
    }
    let mut select = select.join(", ");
    if !entered.is_empty() {
        select.push_str(&format!(
            ", (SELECT {}, {} FROM {} WHERE {} IN {} ORDER BY {})",
            opportunity::STAGE,
            common::CREATED,
            opportunity::HISTORIES,
            opportunity::STAGE,
            soql::list(entered),
            common::CREATED,
        ));
    }
    Ok(Reading { select, fields })
}

fn source_of(
    opportunity: &Describe,
    stages: &[StageInfo],
    field: &FieldName,
    source: &FieldSource,
) -> Result<Source, String> {
    match source {
        FieldSource::Field { name, value_type } => match opportunity.field(name) {
            Some(known) => Ok(Source::Field { name: known.name.clone(), value_type: *value_type }),
            None => Err(format!(
                "the field `{name}`, mapped to `{field}`, does not exist on opportunities or is not visible to the \
                 integration user; make it by `dealclock setup`, assign the permission set, or change the mapping"
            )),
        },
        FieldSource::StageEntered { stage } => {
            let meant = stages.iter().filter(|info| info.canonical == *stage || info.is_called(stage));
            let stages: Vec<String> = meant.map(|info| info.stage.id.clone()).collect();
            match stages.is_empty() {
                true => Err(format!("the stage `{stage}`, whose entry is mapped to `{field}`, does not exist")),
                false => Ok(Source::Entered { stages }),
            }
        }
    }
}

/// The type that a field's values translate to; `None` for those that rules cannot use.
pub fn value_type(field: &Field) -> Option<ValueType> {
    match field.field_type.as_str() {
        "boolean" => Some(ValueType::Bool),
        "double" | "currency" | "int" | "percent" | "long" => Some(ValueType::Number),
        "string" | "picklist" | "textarea" | "phone" | "email" | "url" | "id" | "reference" | "combobox"
        | "multipicklist" | "encryptedstring" => Some(ValueType::Text),
        "date" => Some(ValueType::Date),
        "datetime" => Some(ValueType::Time),
        _ => None,
    }
}

/// Where the values of a canonical field stand on an opportunity, for writing them and reading their history.
///
/// `None` for fields that stand on no field of their own.
pub fn api_name<'a>(reading: &'a Reading, name: &FieldName) -> Option<(&'a str, ValueType)> {
    let canonical = match name.as_str() {
        field::NAME => Some((common::NAME, ValueType::Text)),
        field::AMOUNT | field::AMOUNT_RECORD => Some((opportunity::AMOUNT, ValueType::Number)),
        field::CURRENCY => Some((opportunity::CURRENCY, ValueType::Text)),
        field::STAGE | field::STAGE_ID => Some((opportunity::STAGE, ValueType::Text)),
        field::CLOSE_DATE => Some((opportunity::CLOSE_DATE, ValueType::Date)),
        "owner.id" => Some((common::OWNER, ValueType::Text)),
        _ => None,
    };
    canonical.or_else(|| {
        reading.fields.iter().find(|(field, _)| field == name).and_then(|(_, source)| match source {
            Source::Field { name, value_type } => Some((name.as_str(), *value_type)),
            Source::Entered { .. } => None,
        })
    })
}

const _: () = assert!(api::FETCH_BATCH <= api::QUERIES * api::IN_LIST, "one composite call must hold a whole fetch");

#[cfg(test)]
mod tests {
    use super::*;
    use crate::translate::sample::{field, mapping, parts};

    fn schema(adapt: impl FnOnce(&mut Parts, &mut Mapping)) -> Schema {
        let (mut parts, mut mapping) = (parts(), mapping());
        adapt(&mut parts, &mut mapping);
        Schema::new(Instant::UNIX_EPOCH, parts, &mapping)
    }

    #[test]
    fn a_stage_is_found_by_api_name_label_or_with_the_pipeline() {
        for name in ["Proposal/Price Quote", "Quote sent", "Opportunity/Quote sent"] {
            let schema = schema(|_, mapping| {
                mapping.stages = [("Sent".to_owned(), vec![name.to_owned()])].into();
            });
            assert_eq!(schema.stage_name("Proposal/Price Quote"), "Sent", "{name}");
            assert_eq!(schema.stages_called("Sent").collect::<Vec<_>>(), ["Proposal/Price Quote"]);
        }
        let schema = schema(|_, mapping| {
            mapping.stages.insert("Gone".to_owned(), vec!["Nowhere".to_owned()]);
        });
        assert_eq!((schema.stage_name("Closed Won"), schema.stage_name("new")), ("Won", "new"));
        assert_eq!(
            schema
                .unknown_stages(&Mapping {
                    stages: [("Gone".to_owned(), vec!["Nowhere".to_owned()])].into(),
                    ..Mapping::default()
                })
                .collect::<Vec<_>>(),
            [("Gone", "Nowhere")]
        );
    }

    #[test]
    fn stages_that_may_not_be_chosen_any_more_are_still_understood() {
        let schema = schema(|_, _| {});
        assert!(schema.pipeline.stages.iter().all(|stage| stage.id != "Retired"));
        assert!(schema.knows_stage("Retired"));
        assert_eq!((schema.stage_closes("Closed Won"), schema.stage_closes("new")), (Some((true, true)), None));
    }

    #[test]
    fn what_is_read_is_what_is_there_and_mapped() {
        let reading = schema(|_, _| {}).reading.unwrap();
        assert_eq!(
            reading.select,
            "Id, Name, OwnerId, CreatedDate, SystemModstamp, IsDeleted, Amount, StageName, CloseDate, IsClosed, IsWon, \
             LastStageChangeDate, CurrencyIsoCode, Complex__c, Request_Approved__c, Wanted_Until__c, \
             (SELECT StageName, CreatedDate FROM OpportunityHistories WHERE StageName IN ('Proposal/Price Quote') ORDER BY CreatedDate)"
        );
        let without_currencies = schema(|parts, mapping| {
            parts.opportunity.fields.retain(|field| field.name != "CurrencyIsoCode");
            mapping.fields.clear();
        });
        let other = without_currencies.reading.unwrap();
        assert!(!other.select.contains("CurrencyIsoCode") && !other.select.contains("FROM"));
        assert_ne!(reading.fingerprint(), other.fingerprint());
    }

    #[test]
    fn what_is_not_visible_is_named_with_the_way_out() {
        let check = |hidden: &str, part: &str| {
            let schema = schema(|parts, _| parts.opportunity.fields.retain(|field| field.name != hidden));
            let why = schema.reading.unwrap_err();
            assert!(why.contains(part) && why.contains("permission set"), "{why}");
        };
        check("Amount", "the field `Amount` of opportunities is not visible");
        check(
            "Complex__c",
            "the field `Complex__c`, mapped to `complex`, does not exist on opportunities or is not visible",
        );
        let without_stage = schema(|parts, _| parts.stages.retain(|(stage, _)| stage.id != "Proposal/Price Quote"));
        assert_eq!(
            without_stage.reading.unwrap_err(),
            "the stage `Sent`, whose entry is mapped to `proposal_sent_at`, does not exist"
        );
    }

    #[test]
    fn the_key_field_must_be_unique_an_external_id_and_ours_to_write() {
        let key = |adapt: fn(&mut Field)| {
            let mut key = Field { unique: true, external_id: true, ..field(KEY, "string") };
            adapt(&mut key);
            schema(|parts, _| parts.task.fields.push(key)).key()
        };
        assert_eq!(key(|_| {}), KeyState::Unique);
        assert_eq!(key(|key| key.name = KEY.to_lowercase()), KeyState::Unique);
        assert_eq!(key(|key| key.unique = false), KeyState::NotUnique);
        assert_eq!(key(|key| key.external_id = false), KeyState::NotUnique);
        assert_eq!(key(|key| key.createable = false), KeyState::ReadOnly);
        assert_eq!(schema(|_, _| {}).key(), KeyState::Missing);
    }
}
