//! What the account's deals look like: properties, pipelines, home currency; and what the mapping makes of them.

use std::collections::{BTreeMap, BTreeSet};

use chrono_tz::Tz;
use dealclock_connector::{FieldSource, Mapping, Pipeline, Stage};
use dealclock_model::record::field;
use dealclock_model::{FieldName, Instant, Object, ValueType};

use crate::api::deal;
use crate::wire;

/// The account's shape as it was at an instant.
#[derive(Debug)]
pub struct Schema {
    /// When it was read.
    pub loaded_at: Instant,
    /// The account's zone.
    pub zone: Tz,
    /// The ISO code of the home currency.
    pub currency: String,
    /// The properties of deals that are not in the recycle bin.
    pub properties: BTreeMap<String, wire::Property>,
    /// The pipelines of deals in their order.
    pub pipelines: Vec<Pipeline>,
    /// What to read of each deal, or why the mapping cannot be served.
    pub reading: Result<Reading, String>,
    stages: Vec<StageInfo>,
}

/// What to read of each deal.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Reading {
    /// Every property to ask for.
    pub properties: Vec<String>,
    /// Where the mapped fields come from.
    pub fields: Vec<(FieldName, Source)>,
}

impl Reading {
    /// The properties that mapped fields depend on: one that is missing must not pass for an empty one.
    pub fn mapped(&self) -> impl Iterator<Item = &str> {
        self.fields.iter().flat_map(|(_, source)| match source {
            Source::Property { name, .. } => std::slice::from_ref(name).iter().map(String::as_str),
            Source::Entered { names } => names.iter().map(String::as_str),
        })
    }
}

/// Where a mapped field comes from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Source {
    /// A property of the deal.
    Property {
        /// The API name.
        name: String,
        /// The type that the value is to have.
        value_type: ValueType,
    },
    /// The earliest of the properties that tell when the stages of one canonical name were entered.
    Entered {
        /// The API names.
        names: Vec<String>,
    },
}

#[derive(Debug)]
struct StageInfo {
    pipeline: String,
    pipeline_label: String,
    stage: Stage,
    canonical: String,
}

impl Schema {
    /// Puts together what was read.
    pub fn new(
        loaded_at: Instant,
        (zone, currency): (Tz, String),
        properties: Vec<wire::Property>,
        pipelines: Vec<wire::Pipeline>,
        mapping: &Mapping,
    ) -> Schema {
        let properties: BTreeMap<_, _> = properties
            .into_iter()
            .filter(|property| !property.archived)
            .map(|property| (property.name.clone(), property))
            .collect();
        let pipelines = in_order(pipelines);
        let stages = stages_of(&pipelines, mapping);
        let reading = reading(&properties, &stages, mapping);
        Schema { loaded_at, zone, currency, properties, pipelines, reading, stages }
    }

    /// The canonical name of a stage: the configuration's, else the CRM's label, else the id.
    pub fn stage_name<'a>(&'a self, id: &'a str) -> &'a str {
        self.stage(id).map_or(id, |info| &info.canonical)
    }

    /// The id of a stage by its canonical name, label or id: the one in `pipeline` where several are called so.
    pub fn stage_called(&self, name: &str, pipeline: Option<&str>) -> Option<&str> {
        let called = || self.stages.iter().filter(|info| info.canonical == name || info.is_called(name));
        let here = called().find(|info| Some(info.pipeline.as_str()) == pipeline);
        here.or_else(|| called().next()).map(|info| info.stage.id.as_str())
    }

    /// The id of a pipeline by its label or id.
    pub fn pipeline_called(&self, name: &str) -> Option<&str> {
        let called = |pipeline: &&Pipeline| pipeline.label == name || pipeline.id == name;
        self.pipelines.iter().find(called).map(|pipeline| pipeline.id.as_str())
    }

    /// Whether a stage means closed, and whether won; `None` for a stage that is not known.
    pub fn stage_closes(&self, id: &str) -> Option<(bool, bool)> {
        self.stage(id).map(|info| (info.stage.closed, info.stage.won))
    }

    /// Whether the stage is known.
    pub fn knows_stage(&self, id: &str) -> bool {
        self.stage(id).is_some()
    }

    /// A pipeline's label, else its id.
    pub fn pipeline_name<'a>(&'a self, id: &'a str) -> &'a str {
        self.pipelines.iter().find(|pipeline| pipeline.id == id).map_or(id, |pipeline| &pipeline.label)
    }

    /// Names of the mapping's stages that stand for no stage of the account, with what was sought.
    pub fn unknown_stages<'a>(&'a self, mapping: &'a Mapping) -> impl Iterator<Item = (&'a str, &'a str)> {
        let known = |name: &str| self.stages.iter().any(|info| info.is_called(name));
        mapping.stages.iter().flat_map(move |(canonical, names)| {
            names.iter().filter(move |name| !known(name)).map(move |name| (canonical.as_str(), name.as_str()))
        })
    }

    fn stage(&self, id: &str) -> Option<&StageInfo> {
        self.stages.iter().find(|info| info.stage.id == id)
    }
}

impl StageInfo {
    /// Whether the name is the stage's id, its label, or `pipeline/stage` of ids or labels.
    fn is_called(&self, name: &str) -> bool {
        let is_stage = |name: &str| name == self.stage.id || name == self.stage.label;
        let in_pipeline = |(pipeline, stage): (&str, &str)| {
            (pipeline == self.pipeline || pipeline == self.pipeline_label) && is_stage(stage)
        };
        // A label may itself hold a slash, so every place to cut is tried.
        is_stage(name) || name.match_indices('/').any(|(at, _)| in_pipeline((&name[..at], &name[at + 1..])))
    }
}

fn in_order(mut pipelines: Vec<wire::Pipeline>) -> Vec<Pipeline> {
    pipelines.retain(|pipeline| !pipeline.archived);
    pipelines.sort_by_key(|pipeline| pipeline.display_order);
    pipelines
        .into_iter()
        .map(|mut pipeline| {
            pipeline.stages.retain(|stage| !stage.archived);
            pipeline.stages.sort_by_key(|stage| stage.display_order);
            Pipeline {
                id: pipeline.id.text().to_owned(),
                label: pipeline.label.as_str().unwrap_or(pipeline.id.text()).to_owned(),
                stages: pipeline.stages.iter().map(stage).collect(),
            }
        })
        .collect()
}

fn stage(stage: &wire::Stage) -> Stage {
    let closed = stage.metadata.is_closed.text() == "true";
    let certain = stage.metadata.probability.text().parse::<f64>().is_ok_and(|probability| probability >= 1.0);
    Stage {
        id: stage.id.text().to_owned(),
        label: stage.label.as_str().unwrap_or(stage.id.text()).to_owned(),
        closed,
        won: closed && certain,
    }
}

fn stages_of(pipelines: &[Pipeline], mapping: &Mapping) -> Vec<StageInfo> {
    let all = pipelines.iter().flat_map(|pipeline| pipeline.stages.iter().map(move |stage| (pipeline, stage)));
    all.map(|(pipeline, stage)| {
        let mut info = StageInfo {
            pipeline: pipeline.id.clone(),
            pipeline_label: pipeline.label.clone(),
            stage: stage.clone(),
            canonical: stage.label.clone(),
        };
        let named = mapping.stages.iter().find(|(_, names)| names.iter().any(|name| info.is_called(name)));
        if let Some((canonical, _)) = named {
            info.canonical.clone_from(canonical);
        }
        info
    })
    .collect()
}

fn reading(
    properties: &BTreeMap<String, wire::Property>,
    stages: &[StageInfo],
    mapping: &Mapping,
) -> Result<Reading, String> {
    let mut asked: BTreeSet<&str> = deal::READ.iter().copied().filter(|name| properties.contains_key(*name)).collect();
    let mut fields = Vec::new();
    for (field, source) in mapping.fields.get(&Object::Opportunity).into_iter().flatten() {
        let source = match source {
            FieldSource::Field { name, value_type } if properties.contains_key(name) => {
                Source::Property { name: name.clone(), value_type: *value_type }
            }
            FieldSource::Field { name, .. } => return Err(missing(field, name)),
            FieldSource::StageEntered { stage } => {
                Source::Entered { names: entered(properties, stages, field, stage)? }
            }
        };
        fields.push((field.clone(), source));
    }
    let reading = Reading { properties: Vec::new(), fields };
    asked.extend(reading.mapped());
    let properties = asked.into_iter().map(str::to_owned).collect();
    Ok(Reading { properties, ..reading })
}

fn missing(field: &FieldName, name: &str) -> String {
    format!(
        "the property `{name}`, mapped to `{field}`, does not exist on deals; restore it in HubSpot, \
         make it by `dealclock setup`, or change the mapping"
    )
}

/// The properties that tell when a stage was entered, for each stage that the name stands for.
fn entered(
    properties: &BTreeMap<String, wire::Property>,
    stages: &[StageInfo],
    field: &FieldName,
    name: &str,
) -> Result<Vec<String>, String> {
    let meant: Vec<_> = stages.iter().filter(|info| info.canonical == name || info.is_called(name)).collect();
    if meant.is_empty() {
        return Err(format!("the stage `{name}`, whose entry is mapped to `{field}`, exists in no pipeline of deals"));
    }
    let mut names = Vec::new();
    for info in meant {
        match entered_property(properties, &info.stage.id) {
            Some(found) => names.push(found.to_owned()),
            None => {
                return Err(format!(
                    "HubSpot has no property that tells when the stage `{}` of `{}` was entered, which is mapped to `{field}`",
                    info.stage.label, info.pipeline_label
                ));
            }
        }
    }
    Ok(names)
}

/// HubSpot alters the stage's id in the name of the property when the id is no plain word, and may append a number;
/// so the name is looked for among those that exist, and never put together.
fn entered_property<'a>(properties: &'a BTreeMap<String, wire::Property>, stage: &str) -> Option<&'a str> {
    let suffix_of = |name: &'a str| name.strip_prefix(deal::ENTERED_PREFIX).map(|suffix| (name, suffix));
    let plain = plain_id(stage);
    let with_number = |suffix: &str| {
        let number =
            plain_id(suffix).strip_prefix(plain.as_str()).and_then(|rest| rest.strip_prefix('_')).map(str::len);
        number.is_some() && suffix.bytes().rev().take(number.unwrap_or(0)).all(|byte| byte.is_ascii_digit())
    };
    let candidates = || properties.keys().filter_map(|name| suffix_of(name));
    candidates()
        .find(|(_, suffix)| *suffix == stage)
        .or_else(|| candidates().find(|(_, suffix)| plain_id(suffix) == plain))
        .or_else(|| candidates().find(|(_, suffix)| with_number(suffix)))
        .map(|(name, _)| name)
}

fn plain_id(id: &str) -> String {
    id.chars().map(|c| if c.is_ascii_alphanumeric() { c.to_ascii_lowercase() } else { '_' }).collect()
}

/// Where the values of a canonical field stand in HubSpot, for reading its history.
///
/// `None` for fields that HubSpot keeps no history of.
pub fn history_property<'a>(reading: &'a Reading, name: &FieldName) -> Option<(&'a str, ValueType)> {
    let canonical = match name.as_str() {
        field::NAME => Some((deal::NAME, ValueType::Text)),
        field::AMOUNT => Some((deal::AMOUNT_HOME, ValueType::Number)),
        field::AMOUNT_RECORD => Some((deal::AMOUNT, ValueType::Number)),
        field::CURRENCY => Some((deal::CURRENCY, ValueType::Text)),
        field::STAGE | field::STAGE_ID | field::IS_CLOSED | field::IS_WON => Some((deal::STAGE, ValueType::Text)),
        field::PIPELINE => Some((deal::PIPELINE, ValueType::Text)),
        field::CLOSE_DATE => Some((deal::CLOSE_DATE, ValueType::Date)),
        "owner.id" => Some((deal::OWNER, ValueType::Text)),
        _ => None,
    };
    canonical.or_else(|| {
        reading.fields.iter().find(|(field, _)| field == name).and_then(|(_, source)| match source {
            Source::Property { name, value_type } => Some((name.as_str(), *value_type)),
            Source::Entered { .. } => None,
        })
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn properties(names: &[&str]) -> Vec<wire::Property> {
        names.iter().map(|name| wire::Property { name: (*name).to_owned(), ..wire::Property::default() }).collect()
    }

    fn pipelines() -> Vec<wire::Pipeline> {
        serde_json::from_str(
            r#"[{"id":"p2","label":"Renewals","displayOrder":1,"stages":[
                    {"id":"7f-A1","label":"Proposal sent","displayOrder":0,"metadata":{"isClosed":"false","probability":"0.4"}}]},
                {"id":"default","label":"Sales Pipeline","displayOrder":0,"stages":[
                    {"id":"closedwon","label":"Closed Won","displayOrder":9,"metadata":{"isClosed":"true","probability":"1.0"}},
                    {"id":"lost","label":"Lost","displayOrder":10,"metadata":{"isClosed":"true","probability":"0.0"}},
                    {"id":"open","label":"In work / open","displayOrder":0,"metadata":{"isClosed":"false","probability":"0.2"}},
                    {"id":"sent","label":"Proposal sent","displayOrder":1,"metadata":{"isClosed":"false","probability":"0.4"}}]}]"#,
        )
        .unwrap()
    }

    fn schema(names: &[&str], mapping: &Mapping) -> Schema {
        let account = (Tz::UTC, "EUR".to_owned());
        Schema::new(Instant::default(), account, properties(names), pipelines(), mapping)
    }

    fn mapping(field: &str, source: FieldSource, stages: &[(&str, &str)]) -> Mapping {
        let mut mapping = Mapping::default();
        mapping.fields.entry(Object::Opportunity).or_default().insert(field.into(), source);
        for (canonical, name) in stages {
            mapping.stages.entry((*canonical).to_owned()).or_default().push((*name).to_owned());
        }
        mapping
    }

    fn sent(stage: &str, stages: &[(&str, &str)]) -> Mapping {
        mapping("proposal_sent_at", FieldSource::StageEntered { stage: stage.to_owned() }, stages)
    }

    #[test]
    fn a_stage_is_found_by_id_label_or_with_its_pipeline() {
        for name in ["open", "In work / open", "default/open", "Sales Pipeline/In work / open"] {
            let schema = schema(&[], &mapping("x", stage_source(), &[("Open", name)]));
            assert_eq!(schema.stage_name("open"), "Open", "{name}");
        }
        let schema =
            schema(&[], &mapping("x", stage_source(), &[("Sent", "Renewals/Proposal sent"), ("Gone", "nowhere")]));
        assert_eq!((schema.stage_name("7f-A1"), schema.stage_name("sent")), ("Sent", "Proposal sent"));
        assert_eq!(schema.stage_name("new-one"), "new-one");
    }

    fn stage_source() -> FieldSource {
        FieldSource::StageEntered { stage: "open".to_owned() }
    }

    #[test]
    fn pipelines_come_in_order_with_what_their_stages_mean() {
        let schema = schema(&[], &Mapping::default());
        assert_eq!(schema.pipelines.iter().map(|p| p.id.as_str()).collect::<Vec<_>>(), ["default", "p2"]);
        assert_eq!(schema.pipelines[0].stages[0].label, "In work / open");
        assert_eq!(schema.stage_closes("closedwon"), Some((true, true)));
        assert_eq!(schema.stage_closes("lost"), Some((true, false)));
        assert_eq!(schema.stage_closes("open"), Some((false, false)));
        assert_eq!(schema.stage_closes("new-one"), None);
    }

    #[test]
    fn names_of_stage_properties_are_looked_for_and_never_put_together() {
        let check = |names: &[&str], expected: Result<&[&str], &str>| {
            let got = schema(names, &sent("Proposal sent", &[])).reading;
            match (got, expected) {
                (Ok(reading), Ok(expected)) => assert_eq!(reading.mapped().collect::<Vec<_>>(), expected),
                (Err(why), Err(part)) => assert!(why.contains(part), "{why}"),
                (got, expected) => panic!("{got:?} is not {expected:?}"),
            }
        };
        check(
            &["hs_v2_date_entered_sent", "hs_v2_date_entered_sent_2", "hs_v2_date_entered_7f_a1_1234"],
            Ok(&["hs_v2_date_entered_sent", "hs_v2_date_entered_7f_a1_1234"]),
        );
        check(
            &["hs_v2_date_entered_sent_later", "hs_v2_date_entered_sent_17", "hs_v2_date_entered_7f_a1"],
            Ok(&["hs_v2_date_entered_sent_17", "hs_v2_date_entered_7f_a1"]),
        );
        check(&["hs_v2_date_entered_sent"], Err("when the stage `Proposal sent` of `Renewals` was entered"));
    }

    #[test]
    fn a_mapped_property_that_does_not_exist_is_an_error_and_not_an_empty_field() {
        let source = FieldSource::Field { name: "our_complex".to_owned(), value_type: ValueType::Bool };
        let mapping = mapping("complex", source, &[]);
        assert!(schema(&["dealname"], &mapping).reading.unwrap_err().contains("`our_complex`, mapped to `complex`"));
        let reading = schema(&["dealname", "our_complex"], &mapping).reading.unwrap();
        assert_eq!(reading.properties, ["dealname", "our_complex"]);
        assert!(schema(&[], &sent("nowhere", &[])).reading.unwrap_err().contains("exists in no pipeline"));
    }
}
