//! Compares configuration and rules with what the CRM has now.

use std::collections::{BTreeMap, BTreeSet};

use dealclock_connector::{Connector, CrmField, Discovery, FieldSource, Mapping, Need};
use dealclock_engine::Ruleset;
use dealclock_model::record::field;
use dealclock_model::{Catalog, ConnectionId, FieldName, Object};

use super::findings::{Finding, Report};
use super::{Failure, asked};
use crate::config::{Connection, Loaded, read_rules_against};
use crate::needs::needs;
use crate::patience::Patience;
use crate::people::{assemble, unknown_names};

/// Asks one CRM. Rules that name an option which the CRM does not have are faults of the rule files.
pub(super) async fn examine(
    loaded: &Loaded,
    connection: &Connection,
    crm: &dyn Connector,
    patience: &Patience<'_>,
) -> Result<Report, Failure> {
    let failed = |error| Failure::crm(connection.id.as_str(), &error);
    let account = patience.wait_for(|| crm.check()).await.map_err(failed)?;
    let discovery = patience.wait_for(|| crm.discover()).await.map_err(failed)?;
    let everybody = assemble(connection, &account, &discovery);
    // What `setup` makes, where it can.
    let made = if crm.provision().is_some() { needs(&connection.mapping).0 } else { Vec::new() };
    let mut mapping = fields(connection, &made, &discovery);
    mapping.extend(stages(&connection.mapping, &discovery));
    let untold =
        account.problems.into_iter().filter(|problem| !mapping.iter().any(|told| tells(&told.what, &problem.what)));
    let mut findings: Vec<Finding> = untold.map(Finding::from).collect();
    findings.extend(mapping);
    findings.extend(people(connection, &discovery));
    findings.extend(asked::examine(&loaded.ruleset, connection, crm, &everybody));
    if asked::is_asked_by_task(&loaded.ruleset, &connection.id) {
        findings.extend(decisions_in_tasks(crm, patience).await.map_err(failed)?);
    }
    findings.extend(webhooks(loaded, connection, crm));
    check_rules(loaded, connection, &discovery)?;
    Ok(Report {
        connection: connection.id.to_string(),
        kind: crm.descriptor().kind.to_owned(),
        account: account.id,
        zone: account.zone.name().to_owned(),
        currency: account.currency,
        once: account.once,
        people: discovery.people.iter().filter(|person| person.active).count(),
        findings,
    })
}

/// Whether approvers can decide in the tasks that ask them.
async fn decisions_in_tasks(
    crm: &dyn Connector,
    patience: &Patience<'_>,
) -> dealclock_connector::Result<Option<Finding>> {
    match crm.outcomes() {
        Some(outcomes) => Ok(patience.wait_for(|| outcomes.hindrance()).await?.map(Finding::from)),
        None => {
            let what =
                format!("{}'s tasks cannot hold a decision; approvers decide in other ways", crm.descriptor().label);
            let way_out = "give the approval a `decision` field, or `via = [\"email\"]` with a link";
            Ok(Some(Finding::warning(what, way_out)))
        }
    }
}

/// Whether a finding is about all that a problem of the connector's names: then it says the same, with a better way out.
fn tells(finding: &str, problem: &str) -> bool {
    let named = |text| -> BTreeSet<&str> { str::split(text, '`').skip(1).step_by(2).collect() };
    let of_problem = named(problem);
    !of_problem.is_empty() && of_problem.is_subset(&named(finding))
}

/// Every mapped field is there, with the type that rules count on. `made` is what `setup` makes.
fn fields(connection: &Connection, made: &[Need], discovery: &Discovery) -> Vec<Finding> {
    let mut findings = Vec::new();
    for (object, mapped) in &connection.mapping.fields {
        let known = discovery.fields.get(object).map(Vec::as_slice).unwrap_or_default();
        for (name, source) in mapped {
            let finding = match source {
                FieldSource::Field { name: crm_name, value_type } => {
                    let field = known.iter().find(|field| field.name == *crm_name);
                    match field {
                        None => {
                            let is_made = made.iter().any(|need| !need.on_tasks && need.name == *crm_name);
                            Some(missing_field(connection, is_made, name, crm_name, known))
                        }
                        Some(field) if field.value_type != Some(*value_type) => {
                            Some(other_type(name, crm_name, *value_type, field))
                        }
                        Some(_) => None,
                    }
                }
                FieldSource::StageEntered { stage } => {
                    let stages = Stages::of(&connection.mapping, discovery);
                    (!stages.knows(stage))
                        .then(|| stages.missing(&format!("`{name}` waits for the stage `{stage}`"), stage))
                }
            };
            findings.extend(finding);
        }
    }
    findings
}

fn missing_field(
    connection: &Connection,
    is_made: bool,
    name: &FieldName,
    crm_name: &str,
    known: &[CrmField],
) -> Finding {
    let what = format!("`{name}` is mapped to `{crm_name}`, a field that the CRM does not have");
    Finding::error(what, way_to_field(&connection.id, is_made, crm_name, known))
}

/// How a field comes to be. A CRM hides what a user may not see, as if it were not there.
fn way_to_field(connection: &ConnectionId, is_made: bool, crm_name: &str, known: &[CrmField]) -> String {
    let hidden = "or it is not visible to the integration user";
    if is_made {
        return format!("run `dealclock setup --connection {connection}`, which makes it; {hidden}");
    }
    let near = crate::config::nearest(crm_name, known.iter().map(|field| field.name.as_str()));
    let meant = near.map(|near| format!("did you mean `{near}`? Otherwise ")).unwrap_or_default();
    format!(
        "{meant}the field is your own: make it in the CRM, or map another in [connection.{connection}.fields.opportunity]; \
         {hidden}"
    )
}

fn other_type(name: &FieldName, crm_name: &str, wanted: dealclock_model::ValueType, field: &CrmField) -> Finding {
    let (has, way_out) = match field.value_type {
        Some(has) => (format!("is a {has} in the CRM"), format!("write type = \"{has}\", or map another field")),
        None => ("is of a type that rules cannot use".to_owned(), "map another field".to_owned()),
    };
    Finding::error(format!("`{name}` should be a {wanted}, and `{crm_name}` {has}"), way_out)
}

/// Every stage that the configuration names is there.
fn stages(mapping: &Mapping, discovery: &Discovery) -> Vec<Finding> {
    let stages = Stages::of(mapping, discovery);
    let named = mapping.stages.iter().flat_map(|(name, meant)| meant.iter().map(move |stage| (name, stage)));
    named
        .filter(|(_, stage)| !stages.is_in_crm(stage))
        .map(|(name, stage)| stages.missing(&format!("`{name}` means the stage `{stage}`"), stage))
        .collect()
}

/// The stages of a CRM, under every name that a configuration may use.
struct Stages<'a> {
    crm: BTreeSet<String>,
    labels: Vec<&'a str>,
    canonical: BTreeSet<&'a str>,
}

impl<'a> Stages<'a> {
    fn of(mapping: &'a Mapping, discovery: &'a Discovery) -> Stages<'a> {
        let mut crm = BTreeSet::new();
        for pipeline in &discovery.pipelines {
            for stage in &pipeline.stages {
                crm.extend([stage.id.clone(), stage.label.clone()]);
                for of in [&pipeline.id, &pipeline.label] {
                    crm.extend([format!("{of}/{}", stage.id), format!("{of}/{}", stage.label)]);
                }
            }
        }
        let all = discovery.pipelines.iter().flat_map(|pipeline| &pipeline.stages);
        let mut labels: Vec<&str> = Vec::new();
        for label in all.map(|stage| stage.label.as_str()) {
            if !labels.contains(&label) {
                labels.push(label);
            }
        }
        Stages { crm, labels, canonical: mapping.stages.keys().map(String::as_str).collect() }
    }

    fn is_in_crm(&self, stage: &str) -> bool {
        self.crm.contains(stage)
    }

    fn knows(&self, stage: &str) -> bool {
        self.canonical.contains(stage) || self.is_in_crm(stage)
    }

    fn missing(&self, what: &str, stage: &str) -> Finding {
        let near =
            crate::config::nearest(stage, self.crm.iter().map(String::as_str).chain(self.canonical.iter().copied()));
        let way_out = match near {
            Some(near) => format!("did you mean `{near}`?"),
            None => format!("write one of: {}; or an id, or \"pipeline/stage\"", self.labels.join(", ")),
        };
        Finding::error(format!("{what}, which the CRM does not have"), way_out)
    }
}

/// Whether the CRM can tell us of changes, where we listen for that.
fn webhooks(loaded: &Loaded, connection: &Connection, crm: &dyn Connector) -> Option<Finding> {
    let web = loaded.config.web.as_ref()?;
    if crm.webhooks().is_none() {
        // A program has no webhooks; what logs in and takes none lacks what the CRM signs them with.
        return (connection.webhook_secret.is_none() && connection.command.is_empty()).then(|| {
            let way_out = "name the place of the secret that the CRM signs with as `webhook_secret`; until then changes \
                           are polled";
            Finding::warning(format!("[web] listens, and [connection.{}] takes no webhooks", connection.id), way_out)
        });
    }
    (web.public_url.is_none() && connection.base_url.is_none()).then(|| {
        let way_out = "set `public_url` in [web] to the https:// address that leads here";
        Finding::warning(format!("[web] has no `public_url`, and the CRM cannot call {}", web.listen), way_out)
    })
}

/// Every person that the configuration names is there.
fn people(connection: &Connection, discovery: &Discovery) -> Vec<Finding> {
    let mut findings: Vec<Finding> = unknown_names(connection, discovery)
        .into_iter()
        .map(|unknown| {
            let state = if unknown.inactive { "can no longer log in to the CRM" } else { "is nobody in the CRM" };
            let keys = unknown.keys.iter().map(|key| format!("`{key}`")).collect::<Vec<_>>().join(", ");
            let way_out =
                format!("correct {keys} of [connection.{}]: a mail address or an id of the CRM", connection.id);
            Finding::error(format!("`{}` in {keys} {state}", unknown.name), way_out)
        })
        .collect();
    let active = || discovery.people.iter().filter(|person| person.active);
    if connection.fallback.is_none() && active().any(|person| person.manager.is_none()) {
        let count = active().filter(|person| person.manager.is_none()).count();
        findings.push(Finding::warning(
            format!("{count} people have no manager, and there is no `fallback`"),
            format!(
                "set `fallback` in [connection.{}], or name managers in `managers` or `team_managers`",
                connection.id
            ),
        ));
    }
    if active().all(|person| person.zone.is_none()) {
        findings.push(Finding::warning(
            "nobody has a time zone in the CRM",
            format!("reminders go out in the zone of [connection.{}] or of the account", connection.id),
        ));
    }
    findings
}

/// Reads the rules again, now knowing what stages and picklists hold.
fn check_rules(loaded: &Loaded, connection: &Connection, discovery: &Discovery) -> Result<Ruleset, Failure> {
    let catalog =
        |object| (object, with_options(connection.mapping.catalog(object), &connection.mapping, discovery, object));
    let known = Object::ALL.into_iter().map(catalog).collect::<BTreeMap<_, _>>();
    Ok(read_rules_against(&loaded.config, &connection.id, known)?)
}

/// Adds the values that picklists hold in the CRM, so that a misspelt one in a rule is found.
fn with_options(mut catalog: Catalog, mapping: &Mapping, discovery: &Discovery, object: Object) -> Catalog {
    let mut set = |name: &str, options: Vec<String>| {
        if let Some(spec) = catalog.fields.get_mut(name) {
            spec.options = Some(options);
        }
    };
    let (mut names, mut ids): (BTreeSet<String>, Vec<String>) = (mapping.stages.keys().cloned().collect(), Vec::new());
    for pipeline in &discovery.pipelines {
        for stage in &pipeline.stages {
            let meant = [
                stage.id.clone(),
                stage.label.clone(),
                format!("{}/{}", pipeline.id, stage.id),
                format!("{}/{}", pipeline.label, stage.label),
            ];
            if !mapping.stages.values().flatten().any(|name| meant.contains(name)) {
                names.insert(stage.label.clone());
            }
            ids.push(stage.id.clone());
        }
    }
    set(field::STAGE, names.into_iter().collect());
    set(field::STAGE_ID, ids);
    set(field::PIPELINE, discovery.pipelines.iter().map(|pipeline| pipeline.label.clone()).collect());
    let known = discovery.fields.get(&object).map(Vec::as_slice).unwrap_or_default();
    for (name, source) in mapping.fields.get(&object).into_iter().flatten() {
        let FieldSource::Field { name: crm_name, .. } = source else { continue };
        let options = known.iter().find(|field| field.name == *crm_name).and_then(|field| field.options.clone());
        if let Some(options) = options.filter(|_| source.value_type() == dealclock_model::ValueType::Text) {
            set(name.as_str(), options);
        }
    }
    catalog
}

#[cfg(test)]
mod tests {
    use dealclock_model::ValueType;

    use super::*;

    fn check_way(is_made: bool, crm_name: &str, expected: &str) {
        let field = |name: &str| CrmField {
            name: name.into(),
            label: name.into(),
            value_type: Some(ValueType::Text),
            options: None,
            writable: true,
        };
        let known = [field("dealclock_delay_reason"), field("discount_percentage")];
        let way_out = way_to_field(&"acme".into(), is_made, crm_name, &known);
        assert!(way_out.starts_with(expected), "{way_out}");
        assert!(way_out.ends_with("; or it is not visible to the integration user"), "{way_out}");
    }

    #[test]
    fn a_field_that_setup_makes_is_no_slip_of_the_hand_and_one_of_the_companys_own_is_never_made() {
        // Near to another field of ours, and not meant to be it.
        check_way(true, "dealclock_delay_reasons", "run `dealclock setup --connection acme`, which makes it");
        let own = "the field is your own: make it in the CRM, or map another in [connection.acme.fields.opportunity]";
        check_way(false, "discount_percentages", &format!("did you mean `discount_percentage`? Otherwise {own}"));
        check_way(false, "region", own);
    }

    #[test]
    fn what_a_finding_says_already_is_not_said_again() {
        let finding = "`complex` is mapped to `Compelx__c`, a field that the CRM does not have";
        assert!(tells(finding, "the field `Compelx__c`, mapped to `complex`, does not exist on opportunities"));
        assert!(!tells(finding, "the field `Other__c`, mapped to `complex`, does not exist on opportunities"));
        assert!(!tells(finding, "the token lacks a right"));
    }
}
