//! What the auditor must know beside the CRM: the rule in plain terms, and how much delay is no fault.

use std::collections::{BTreeMap, BTreeSet};

use chrono::{DateTime, Duration, NaiveTime, Utc};
use chrono_tz::Tz;
use rust_decimal::Decimal;

use crate::company::{
    ACCOUNT_ZONE, COMPLEX, Company, DISCOUNT, DISCOUNT_APPROVED, MANAGER_DECISION, OUTCOME, REQUEST_APPROVED, Stage,
};
use crate::dump::Dump;
use crate::options::Crm;

/// A rule of the kind of the running example: large deals in some stages want something sent within days.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AuditedRule {
    /// It applies from this amount on.
    pub threshold: Decimal,
    /// It applies in these stages, by id.
    pub open_stages: BTreeSet<String>,
    /// The work is done once the deal has entered one of these stages, by id.
    pub sent_stages: BTreeSet<String>,
    /// The last day in time, counted from the entry into the stage.
    pub deadline_days: u32,
    /// The reminders, in order.
    pub steps: Vec<AuditedStep>,
    /// The local time at which reminders go out.
    pub send_time: NaiveTime,
    /// The checkbox that silences the rule.
    pub silenced_while: String,
    /// The way out, where the rule has one: then the checkbox silences only while its request is open.
    pub way_out: Option<AuditedWayOut>,
    /// The approval of discounts, where there is one.
    pub discount: Option<AuditedDiscount>,
    /// What the subjects of a rule on trial begin with: nothing may come of it.
    pub on_trial: Option<String>,
    /// What the subject of a digest begins with: one for each reader and day.
    pub digest: Option<String>,
    /// A deal that the rule applies to again within this time goes on with its clock.
    pub reopen_window: Duration,
    /// The zone of whoever has none.
    pub zone: Tz,
    /// Managers by their people, both by owner id.
    pub managers: BTreeMap<String, String>,
    /// The owner id of the person who gets what has no other recipient.
    pub fallback: Option<String>,
    /// The property of tasks that holds the reminder's key.
    pub key_property: String,
}

/// The way out of the rule: ticking the checkbox that silences it asks for more time.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AuditedWayOut {
    /// The checkbox that only a decision ticks.
    pub granted_as: String,
    /// The new last day in time after a grant, counted from the entry into the stage.
    pub grants_days: u32,
    /// The least number of days that a decision leaves.
    pub grace_days: u32,
    /// The field of deals in which a manager decides, with the value that grants.
    pub decision: (String, String),
    /// The field of tasks in which a manager decides, with the value that grants.
    pub outcome: (String, String),
    /// Whether every request is handed in at the CRM's own approval process.
    pub in_process: bool,
}

/// The approval of discounts, in one step or two.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AuditedDiscount {
    /// The number field of deals.
    pub field: String,
    /// The checkbox that only the approval ticks.
    pub granted_as: String,
    /// Above this somebody has to approve.
    pub one_above: Decimal,
    /// Above this somebody else has to approve as well.
    pub two_above: Decimal,
}

/// One reminder of the rule.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AuditedStep {
    /// Its name.
    pub name: String,
    /// How many days after the entry into the stage it comes.
    pub days: u32,
    /// What its subject begins with; no other step's does.
    pub subject: String,
}

impl AuditedRule {
    /// The running example as it runs in this company, in the words of the account that the dump is of.
    pub fn running_example(company: &Company, dump: &Dump) -> AuditedRule {
        let meant = |id: &str| dump.aliases.get(id).map_or(id, String::as_str).to_owned();
        let ids = |stage: Stage| stage.ids().into_iter().map(meant).collect();
        let [complex, granted_as, decision, outcome, key] = match dump.crm {
            Crm::HubSpot => [COMPLEX, REQUEST_APPROVED, MANAGER_DECISION, OUTCOME, "dealclock_key"],
            Crm::Salesforce => {
                ["Complex__c", "Request_Approved__c", "Manager_Decision__c", "Dealclock_Outcome__c", "Dealclock_Key__c"]
            }
        };
        let [discount, discount_approved] = match dump.crm {
            Crm::HubSpot => [DISCOUNT, DISCOUNT_APPROVED],
            Crm::Salesforce => ["Discount_Percent__c", "Discount_Approved__c"],
        };
        let step =
            |name: &str, days, subject: &str| AuditedStep { name: name.to_owned(), days, subject: subject.to_owned() };
        let cast = &company.cast;
        let managers = cast.members().filter_map(|member| Some((member, cast.manager_of(member)?)));
        AuditedRule {
            threshold: Decimal::from(50_000),
            open_stages: ids(Stage::Open),
            sent_stages: ids(Stage::ProposalSent),
            deadline_days: 5,
            steps: vec![step("1d", 1, "Prepare a proposal for "), step("4d", 4, "Proposal for ")],
            send_time: NaiveTime::from_hms_opt(9, 0, 0).expect("09:00 is a time of day"),
            silenced_while: complex.to_owned(),
            way_out: Some(AuditedWayOut {
                granted_as: granted_as.to_owned(),
                grants_days: 10,
                grace_days: 1,
                decision: (decision.to_owned(), "Approved".to_owned()),
                outcome: (outcome.to_owned(), "approved".to_owned()),
                in_process: company.has_process && dump.crm == Crm::Salesforce,
            }),
            discount: Some(AuditedDiscount {
                field: discount.to_owned(),
                granted_as: discount_approved.to_owned(),
                one_above: Decimal::from(10),
                two_above: Decimal::from(20),
            }),
            on_trial: Some("On trial: ".to_owned()),
            digest: Some("How the proposals stand".to_owned()),
            reopen_window: Duration::days(1),
            zone: ACCOUNT_ZONE.parse().expect("the account's zone is in the time zone database"),
            managers: managers.map(|(member, boss)| (meant(member.owner()), meant(boss.owner()))).collect(),
            fallback: Some(meant(cast.director().owner())),
            key_property: key.to_owned(),
        }
    }
}

/// How much delay is no fault, and from when on reminders are owed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Tolerance {
    /// When the daemon first saw the account; deals that the rule applied to by then count from here.
    pub watched_since: DateTime<Utc>,
    /// How long after its time a reminder may come, and how long a change of a deal may take to have an effect.
    pub grace: Duration,
    /// How long a change of a person may take to have an effect: people are read less often than deals.
    pub people: Duration,
    /// How long a deletion or a merge may take to be noticed: no search shows them.
    pub reconcile: Duration,
    /// When the daemon was down, or the CRM was; in order.
    pub outages: Vec<(DateTime<Utc>, DateTime<Utc>)>,
}

impl Tolerance {
    /// The usual tolerance: ten minutes, a good hour for people, a good day for deletions, no outage.
    pub fn usual(watched_since: DateTime<Utc>) -> Tolerance {
        Tolerance {
            watched_since,
            grace: Duration::minutes(10),
            people: Duration::minutes(75),
            reconcile: Duration::hours(25),
            outages: Vec::new(),
        }
    }

    /// Until when something may come that is due at `due`: later when an outage falls between.
    pub(super) fn latest(&self, due: DateTime<Utc>) -> DateTime<Utc> {
        let mut latest = due + self.grace;
        for (from, to) in &self.outages {
            if *from <= latest && due <= *to {
                latest = latest.max(*to + self.grace);
            }
        }
        latest
    }
}
