//! The company is the same for the same seed, and lives through every story.

use std::collections::{BTreeMap, BTreeSet};

use super::*;
use crate::audit::{AuditedRule, Matter, Tolerance, audit};
use crate::dump::Dump;
use crate::edit::DealName;
use crate::{Options, OrgOptions, Sandbox};

fn company(seed: u64, days: u32) -> Company {
    Company::new(seed, &CompanyOptions { days, ..CompanyOptions::default() })
}

/// How often each kind of edit happens after the start.
fn kinds(company: &Company) -> BTreeMap<String, usize> {
    let mut kinds = BTreeMap::new();
    for timed in company.timeline.iter().filter(|timed| timed.at >= company.start) {
        let value = serde_json::to_value(&timed.edit).unwrap();
        *kinds.entry(value["kind"].as_str().unwrap().to_owned()).or_default() += 1;
    }
    kinds
}

#[test]
fn a_seed_makes_the_same_company_again_and_another_seed_another() {
    assert_eq!(company(7, 10), company(7, 10));
    assert_ne!(company(7, 10), company(8, 10));
}

#[test]
fn the_timeline_is_in_order_and_within_its_days() {
    for (seed, days) in [(0, 1), (7, 10), (u64::MAX, 60)] {
        let company = company(seed, days);
        assert!(company.timeline.is_sorted_by_key(|edit| edit.at));
        assert!(company.timeline.iter().all(|edit| company.founded <= edit.at && edit.at < company.end));
        assert!(
            company.timeline.iter().all(|edit| edit.at == company.founded || edit.at.timestamp_millis() % 60_000 != 0)
        );
    }
}

#[test]
fn edits_speak_of_deals_that_exist_by_then() {
    for seed in 0..20 {
        let mut known = BTreeSet::new();
        for timed in company(seed, 20).timeline {
            let named = match timed.edit {
                Edit::CreateDeal { handle, .. } => {
                    assert!(known.insert(handle));
                    continue;
                }
                Edit::SetDeal { deal, .. } | Edit::DeleteDeal { deal, .. } | Edit::RestoreDeal { deal, .. } => deal,
                Edit::MergeDeals { survivor, .. } => survivor,
                _ => continue,
            };
            let DealName::Handle(handle) = named else { panic!("the company names deals by handle") };
            assert!(known.contains(&handle), "{handle}");
        }
    }
}

#[test]
fn sixty_days_hold_every_kind_of_story_many_times() {
    let kinds = kinds(&company(7, 60));
    for kind in ["create_deal", "set_deal", "delete_deal", "restore_deal", "merge_deals", "complete_task", "set_task"] {
        assert!(kinds.get(kind).is_some_and(|count| *count >= 10), "{kind}: {kinds:?}");
    }
    for kind in ["delete_task", "deactivate_owner", "set_zone", "rename_stage"] {
        assert!(kinds.contains_key(kind), "{kind}: {kinds:?}");
    }
}

#[test]
fn people_of_one_company_have_ids_and_addresses_of_their_own() {
    let company = Company::new(3, &CompanyOptions { reps: 40, ..CompanyOptions::default() });
    let members: Vec<_> = company.cast.members().collect();
    let owners: BTreeSet<_> = members.iter().map(|member| member.owner()).collect();
    let users: BTreeSet<_> = members.iter().map(|member| member.user()).collect();
    let addresses: BTreeSet<_> = members.iter().map(|member| &member.person.email).collect();
    assert_eq!((owners.len(), users.len(), addresses.len()), (44, 44, 44));
    assert!(owners.is_disjoint(&users));
    assert_eq!(company.managers().len(), 43);
}

/// Everything that people do, in one of the CRMs; nobody may be refused.
fn lived(company: &Company, sandbox: &Sandbox) -> Dump {
    sandbox.set_now(company.founded);
    for edit in made_by_setup() {
        sandbox.edit(&edit).unwrap();
    }
    for timed in &company.timeline {
        sandbox.edit_at(timed.at, &timed.edit).unwrap_or_else(|refused| panic!("{refused}: {:?}", timed.edit));
    }
    sandbox.set_now(company.end);
    sandbox.dump()
}

/// What the auditor finds wrong where no daemon runs: by deal and step, the reminders that are missing.
fn missed(company: &Company, dump: &Dump) -> BTreeSet<(String, Option<String>)> {
    let rule = AuditedRule::running_example(company, dump);
    let report = audit(dump, &rule, &Tolerance::usual(company.start));
    let handles: BTreeMap<&str, &str> = dump.handles.iter().map(|(name, id)| (id.as_str(), name.as_str())).collect();
    let missing = report.faults().filter(|fault| fault.what == Matter::Missing);
    missing.map(|fault| (handles[fault.deal.as_deref().unwrap()].to_owned(), fault.step.clone())).collect()
}

#[test]
fn a_company_lives_the_same_life_in_either_crm() {
    let mut company = company(7, 20);
    // One of them cannot merge opportunities, and in the other whoever has no zone has no hours either.
    company.timeline.retain(|timed| !matches!(timed.edit, Edit::MergeDeals { .. }));
    for timed in &mut company.timeline {
        if let Edit::AddPerson(person) = &mut timed.edit {
            person.zone.get_or_insert_with(|| "America/New_York".to_owned());
        }
    }
    let hubspot = lived(&company, &Sandbox::new(Options::new("token", company.founded)));
    let salesforce = lived(&company, &Sandbox::org(&OrgOptions::new("token", company.founded)));
    let (here, there) = (missed(&company, &hubspot), missed(&company, &salesforce));
    assert!(here.len() > 100, "{}", here.len());
    // What nobody owns in one CRM belongs to whoever made it in the other.
    let unowned: BTreeSet<_> = company
        .timeline
        .iter()
        .filter_map(|timed| match &timed.edit {
            Edit::CreateDeal { handle, properties, .. } => {
                (!properties.contains_key("hubspot_owner_id")).then_some(handle)
            }
            _ => None,
        })
        .collect();
    let apart: Vec<_> = here.symmetric_difference(&there).filter(|(deal, _)| !unowned.contains(deal)).collect();
    assert!(apart.is_empty(), "{apart:?}");
}
