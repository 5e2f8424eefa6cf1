//! Whether everybody whom rules ask or tell can be found in the CRM, and whether the CRM can carry what they are sent.

use std::collections::{BTreeMap, BTreeSet};

use dealclock_connector::Connector;
use dealclock_engine::rules::{Slot, Who};
use dealclock_engine::{Rule, Ruleset};
use dealclock_model::effect::Channel;
use dealclock_model::{ConnectionId, People, Person, PersonId};

use super::findings::Finding;
use crate::config::Connection;

/// The most names that one finding lists.
const MOST_NAMES: usize = 5;

/// Somebody who is asked or told by a section of the rule files.
struct Use<'a> {
    section: String,
    who: Vec<&'a Who>,
    via: &'a [Channel],
}

/// What stands in the way of reaching those whom the rules on a connection ask and tell.
pub(super) fn examine(
    ruleset: &Ruleset,
    connection: &Connection,
    crm: &dyn Connector,
    people: &People,
) -> Vec<Finding> {
    let uses = uses(ruleset, &connection.id);
    let mut findings = roles(&uses, connection, people);
    if uses.iter().flat_map(|one| &one.who).any(|who| goes_up(who)) {
        findings.extend(managers(connection, people));
    }
    findings.extend(native(ruleset, connection, crm));
    let descriptor = crm.descriptor();
    findings.extend(channels(ruleset, &connection.id, &descriptor.label, descriptor.channels));
    findings
}

/// Whether an approval on the connection asks by tasks.
pub(super) fn is_asked_by_task(ruleset: &Ruleset, connection: &ConnectionId) -> bool {
    let mut approvals = ruleset.rules.approvals.values().filter(|approval| approval.is_on(connection));
    approvals.any(|approval| approval.via.contains(&Channel::Task))
}

/// Whether somebody's manager is meant.
fn goes_up(who: &Who) -> bool {
    match who {
        Who::Slot(Slot::Manager | Slot::ManagersManager) => true,
        Who::Slot(Slot::Owner) | Who::Role(_) => false,
    }
}

/// Approvals, digests and reports that concern a connection.
fn uses<'a>(ruleset: &'a Ruleset, connection: &ConnectionId) -> Vec<Use<'a>> {
    let approvals =
        ruleset.rules.approvals.values().filter(|approval| approval.is_on(connection)).map(|approval| Use {
            section: format!("approval.{}", approval.key),
            who: approval
                .steps
                .iter()
                .flat_map(|step| step.approvers.iter().chain(step.escalate.as_ref().map(|escalation| &escalation.to)))
                .collect(),
            via: &approval.via,
        });
    let digests = ruleset.rules.digests.values().map(|digest| Use {
        section: format!("digest.{}", digest.key),
        who: vec![&digest.to],
        via: &digest.via,
    });
    let is_on = |list: &Option<Vec<ConnectionId>>| list.as_ref().is_none_or(|list| list.contains(connection));
    let reports = ruleset.reports.values().filter(|report| is_on(&report.connections)).map(|report| Use {
        section: format!("report.{}", report.key),
        who: report.to.iter().collect(),
        via: &report.via,
    });
    approvals.chain(digests).chain(reports).collect()
}

/// Roles that nobody holds who could act.
fn roles(uses: &[Use<'_>], connection: &Connection, people: &People) -> Vec<Finding> {
    let mut by_role: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
    for one in uses {
        for who in &one.who {
            let Who::Role(role) = who else { continue };
            by_role.entry(role).or_default().push(&one.section);
        }
    }
    let acts = |id: &PersonId| people.get(id).is_some_and(|person| person.active);
    by_role.retain(|role, _| !people.profile.roles.get(*role).is_some_and(|holders| holders.iter().any(acts)));
    let finding = |(role, mut sections): (&str, Vec<&str>)| {
        sections.dedup();
        let sections = sections.iter().map(|section| format!("[{section}]")).collect::<Vec<_>>().join(", ");
        let way_out = format!("name somebody who can log in to the CRM in [connection.{}.roles]", connection.id);
        Finding::error(format!("nobody holds the role `{role}` of {sections}"), way_out)
    };
    by_role.into_iter().map(finding).collect()
}

/// Chains of managers that lead to nobody: to a circle, to oneself, or to somebody who left.
fn managers(connection: &Connection, people: &People) -> Vec<Finding> {
    let stands_in = match connection.fallback {
        Some(_) => "their requests and notices go to the fallback",
        None => "their requests and notices reach nobody, since there is no `fallback`",
    };
    let way_out = format!("correct the manager in the CRM, or name another in [connection.{}.managers]", connection.id);
    let finding = |who: Vec<&Person>, what: &str, then: &str| {
        if who.is_empty() {
            return None;
        }
        let what = format!("people who {what}: {}; {then}", names(&who));
        let harmless = connection.fallback.is_some();
        Some(if harmless { Finding::warning(what, &way_out) } else { Finding::error(what, &way_out) })
    };
    let active: Vec<&Person> = people.persons.values().filter(|person| person.active).collect();
    let of = |fits: &dyn Fn(&Person) -> bool| active.iter().copied().filter(|person| fits(person)).collect::<Vec<_>>();
    let own = of(&|person| person.manager.as_ref() == Some(&person.id));
    let circle = of(&|person| is_in_circle(person, people));
    let left = of(&|person| person.manager.as_ref().is_some_and(|id| !people.get(id).is_some_and(|boss| boss.active)));
    (finding(own, "manage themselves", stands_in).into_iter())
        .chain(finding(circle, "manage each other in a circle", stands_in))
        .chain(finding(left, "have a manager who can no longer log in", "the next one up is asked, else the fallback"))
        .collect()
}

/// Whether a person's managers lead back to them, by way of others.
fn is_in_circle(person: &Person, people: &People) -> bool {
    let mut seen = BTreeSet::from([&person.id]);
    let mut above = person.manager.as_ref();
    while let Some(id) = above {
        if !seen.insert(id) {
            return *id == person.id && seen.len() > 1;
        }
        above = people.get(id).and_then(|boss| boss.manager.as_ref());
    }
    false
}

fn names(who: &[&Person]) -> String {
    let shown: Vec<&str> = who.iter().take(MOST_NAMES).map(|person| person.name.as_str()).collect();
    match who.len().saturating_sub(MOST_NAMES) {
        0 => shown.join(", "),
        more => format!("{} and {more} more", shown.join(", ")),
    }
}

/// Approvals that count on an approval process of a CRM that has none.
fn native(ruleset: &Ruleset, connection: &Connection, crm: &dyn Connector) -> Vec<Finding> {
    if crm.approvals().is_some() {
        return Vec::new();
    }
    let counting = ruleset.rules.approvals.values().filter(|approval| approval.native.is_some());
    counting
        .filter(|approval| approval.is_on(&connection.id))
        .map(|approval| {
            Finding::warning(
                format!("[approval.{}] is `native`, and the CRM has no approval process of its own", approval.key),
                "its requests are decided in the other ways; remove `native`, or name other `connections`",
            )
        })
        .collect()
}

/// The CRM's own ways to reach a person: where it has none nothing arrives, and where it has some they have no key.
fn channels(ruleset: &Ruleset, connection: &ConnectionId, crm: &str, has: &[Channel]) -> Vec<Finding> {
    let mut findings = Vec::new();
    for channel in [Channel::Notification, Channel::CrmEmail] {
        let sections = sections_via(ruleset, connection, channel);
        if sections.is_empty() {
            continue;
        }
        let (sections, name) = (sections.join(", "), channel.as_str());
        findings.push(if has.contains(&channel) {
            Finding::warning(
                format!("`{name}` of {sections} has no key: at least once, so that one may come twice"),
                "nothing, where that does no harm; else `task` or `email`",
            )
        } else {
            Finding::warning(
                format!("{crm} has no `{name}`, by which {sections} would reach people"),
                "write `task` or `email` in `via`, or name other `connections`",
            )
        });
    }
    findings
}

/// The sections that reach people on a connection by a channel.
fn sections_via(ruleset: &Ruleset, connection: &ConnectionId, channel: Channel) -> Vec<String> {
    let by_channel = |rule: &&Rule| rule.remind.iter().any(|remind| remind.via.contains(&channel));
    let rules = ruleset.rules.by_key.values().filter(|rule| rule.is_on(connection)).filter(by_channel);
    let others = uses(ruleset, connection).into_iter().filter(|one| one.via.contains(&channel));
    (rules.map(|rule| format!("[rule.{}]", rule.key))).chain(others.map(|one| format!("[{}]", one.section))).collect()
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use chrono_tz::Tz;
    use dealclock_model::Profile;

    use super::*;
    use crate::config::{Config, Environment};

    fn connection(keys: &str) -> Connection {
        let text = format!("[connection.acme]\nkind = \"k\"\ntoken = {{ env = \"T\" }}\n{keys}");
        let config = Config::read("my.toml", &text, Path::new(""), &Environment::default(), &["k"]).unwrap();
        config.connections["acme"].clone()
    }

    /// `(id, manager, active)`; an empty manager is none.
    fn people(rows: &[(&str, &str, bool)], directors: &[&str]) -> People {
        let mut people = People::new(Profile::new("acme".into(), Tz::UTC));
        for (id, manager, active) in rows {
            let person = Person {
                id: PersonId::from(id),
                name: (*id).to_owned(),
                email: None,
                zone: None,
                active: *active,
                manager: (!manager.is_empty()).then(|| PersonId::from(manager)),
                hours: None,
                absences: Vec::new(),
                deputy: None,
            };
            people.persons.insert(person.id.clone(), person);
        }
        people.profile.roles.insert("director".to_owned(), directors.iter().map(PersonId::from).collect());
        people
    }

    fn told(findings: Vec<Finding>) -> Vec<String> {
        findings.into_iter().map(|finding| format!("{}: {}", finding.severity, finding.what)).collect()
    }

    #[test]
    fn chains_of_managers_that_lead_to_nobody_are_told() {
        let rows = [
            ("rep", "boss", true),
            ("boss", "dir", true),
            ("dir", "", true),
            ("own", "own", true),
            ("a", "b", true),
            ("b", "a", true),
            ("below", "a", true),
            ("late", "gone", true),
            ("gone", "dir", false),
        ];
        let told = told(managers(&connection("fallback = \"dir\""), &people(&rows, &[])));
        assert_eq!(
            told,
            [
                "warning: people who manage themselves: own; their requests and notices go to the fallback",
                "warning: people who manage each other in a circle: a, b; their requests and notices go to the fallback",
                "warning: people who have a manager who can no longer log in: late; the next one up is asked, else the \
                 fallback",
            ]
        );
    }

    #[test]
    fn a_chain_that_leads_to_nobody_without_a_fallback_is_an_error() {
        let told = told(managers(&connection(""), &people(&[("own", "own", true)], &[])));
        let what = "own; their requests and notices reach nobody, since there is no `fallback`";
        assert_eq!(told, [format!("error: people who manage themselves: {what}")]);
    }

    #[test]
    fn a_role_is_missed_where_nobody_who_could_act_holds_it() {
        let role = Who::Role("director".to_owned());
        let uses = [Use { section: "approval.discount".to_owned(), who: vec![&role, &role], via: &[] }];
        let rows = [("ann", "", true), ("gone", "", false)];
        let missed = |directors: &[&str]| told(roles(&uses, &connection(""), &people(&rows, directors)));
        assert_eq!(missed(&["ann", "gone"]), [""; 0]);
        let expected = ["error: nobody holds the role `director` of [approval.discount]"];
        assert_eq!(missed(&["gone"]), expected);
        assert_eq!(missed(&[]), expected);
    }

    #[test]
    fn ways_that_the_crm_lacks_and_ways_without_a_key_are_told() {
        let text =
            "[digest.managers]\nto = \"owner.manager\"\nevery = \"0 8 * * *\"\nvia = [\"task\", \"notification\"]\n";
        let source = dealclock_model::fault::Source::new("a.toml", text);
        let ruleset = Ruleset::read(&[source], &BTreeMap::new(), &|_| Err(String::new())).unwrap();
        let told = |has: &[Channel]| told(channels(&ruleset, &"acme".into(), "Small CRM", has));
        assert_eq!(
            told(&[Channel::Notification]),
            ["warning: `notification` of [digest.managers] has no key: at least once, so that one may come twice"]
        );
        let lacks = "warning: Small CRM has no `notification`, by which [digest.managers] would reach people";
        assert_eq!(told(&[Channel::CrmEmail]), [lacks]);
    }
}
