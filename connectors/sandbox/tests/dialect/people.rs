//! What people do in the CRM's own pages, and what the whole account looks like afterwards.

use crate::caller::*;
use chrono::TimeDelta;
use dealclock_sandbox::Sandbox;
use dealclock_sandbox::dump::{Dump, LifeEvent, RecordDump};
use dealclock_sandbox::edit::{
    DealName, Edit, NewPipeline, NewProperty, NewStage, Properties, PropertyKind, PropertyObject, TaskName,
};
use serde_json::json;

fn properties(pairs: &[(&str, &str)]) -> Properties {
    pairs.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
}

fn create(sandbox: &Sandbox, handle: &str) {
    let properties = properties(&[("dealname", handle), ("pipeline", "default"), ("dealstage", "qualifiedtobuy")]);
    sandbox.edit(&Edit::CreateDeal { handle: handle.to_owned(), properties, by: by() }).unwrap();
}

fn set(handle: &str, pairs: &[(&str, &str)]) -> Edit {
    Edit::SetDeal { deal: DealName::handle(handle), properties: properties(pairs), by: by() }
}

fn by() -> String {
    "7001".to_owned()
}

fn record<'a>(dump: &'a Dump, kind: &str, id: &str) -> &'a RecordDump {
    dump.records[kind].iter().find(|record| record.id == id).unwrap()
}

#[test]
fn a_persons_changes_are_in_the_history_under_their_name() {
    let sandbox = sandbox();
    create(&sandbox, "d");
    pass(&sandbox, TimeDelta::hours(1));
    sandbox.edit(&set("d", &[("dealstage", "contractsent"), ("amount", "5")])).unwrap();
    pass(&sandbox, TimeDelta::hours(1));
    sandbox.edit(&set("d", &[("amount", "")])).unwrap();
    let dump = sandbox.dump();
    let deal = record(&dump, "deals", &dump.handles["d"]);
    let stages = &deal.history["dealstage"];
    assert_eq!(
        stages.iter().map(|version| version.value.as_deref().unwrap()).collect::<Vec<_>>(),
        ["qualifiedtobuy", "contractsent"]
    );
    assert_eq!((stages[1].source.as_str(), stages[1].source_id.as_str()), ("CRM_UI", "userId:7001"));
    assert_eq!(deal.value("amount"), None);
    assert_eq!(deal.value_at("amount", start() + TimeDelta::minutes(90)), Some("5"));
    assert_eq!(deal.value_at("amount", start()), None);
    assert_eq!(deal.updated_at, start() + TimeDelta::hours(2));
    let read = serde_json::to_string(&dump).unwrap();
    assert_eq!(serde_json::from_str::<Dump>(&read).unwrap(), dump);
}

#[test]
fn a_deleted_deal_can_be_brought_back() {
    let sandbox = sandbox();
    create(&sandbox, "d");
    let deal = DealName::handle("d");
    let path = format!("/crm/objects/2026-09/deals/{}", sandbox.dump().handles["d"]);
    sandbox.edit(&Edit::DeleteDeal { deal: deal.clone(), by: by() }).unwrap();
    get(&sandbox, &path).expect(404);
    sandbox.edit(&set("d", &[("amount", "5")])).unwrap();
    sandbox.edit(&Edit::RestoreDeal { deal: deal.clone(), by: by() }).unwrap();
    sandbox.edit(&Edit::RestoreDeal { deal, by: by() }).unwrap();
    assert_eq!(get(&sandbox, &format!("{path}?properties=amount")).expect(200)["properties"]["amount"], json!(null));
    let dump = sandbox.dump();
    let life: Vec<_> = record(&dump, "deals", &dump.handles["d"]).life.iter().map(|life| life.event.clone()).collect();
    assert_eq!(life, [LifeEvent::Deleted, LifeEvent::Restored]);
}

#[test]
fn a_merge_hands_the_tasks_over() {
    let sandbox = sandbox();
    create(&sandbox, "kept");
    create(&sandbox, "gone");
    let handles = sandbox.dump().handles;
    let task = task(&sandbox, &handles["gone"], json!({}));
    let merge = Edit::MergeDeals { survivor: DealName::handle("kept"), absorbed: DealName::handle("gone"), by: by() };
    sandbox.edit(&merge).unwrap();
    sandbox.edit(&merge).unwrap();
    let dump = sandbox.dump();
    let gone = record(&dump, "deals", &handles["gone"]);
    assert_eq!(gone.merged_into.as_deref(), Some(handles["kept"].as_str()));
    assert_eq!(gone.life[0].event, LifeEvent::MergedInto(handles["kept"].clone()));
    let kept = record(&dump, "deals", &handles["kept"]);
    assert_eq!(kept.life[0].event, LifeEvent::Absorbed(handles["gone"].clone()));
    assert_eq!(kept.life.len(), 1, "what is merged is not merged again");
    let ties: Vec<_> = dump.associations.iter().filter(|tie| tie.from == task).collect();
    assert_eq!((ties.len(), ties[0].to.as_str(), ties[0].type_id), (1, handles["kept"].as_str(), 216));
    sandbox.edit(&set("gone", &[("amount", "7")])).unwrap();
    assert_eq!(record(&sandbox.dump(), "deals", &handles["kept"]).value("amount"), Some("7"));
}

#[test]
fn people_work_on_the_newest_open_task() {
    let sandbox = sandbox();
    create(&sandbox, "d");
    let deal = sandbox.dump().handles["d"].clone();
    let newest = TaskName::NewestOpenOf(DealName::handle("d"));
    sandbox.edit(&Edit::CompleteTask { task: newest.clone(), by: by() }).unwrap();
    let [first, second, third] = [(); 3].map(|()| task(&sandbox, &deal, json!({})));
    sandbox.edit(&Edit::CompleteTask { task: newest.clone(), by: by() }).unwrap();
    let subject = properties(&[("hs_task_subject", "Mine")]);
    sandbox.edit(&Edit::SetTask { task: newest.clone(), properties: subject, by: by() }).unwrap();
    sandbox.edit(&Edit::DeleteTask { task: newest, by: by() }).unwrap();
    sandbox.edit(&Edit::DeleteTask { task: TaskName::Id(first.clone()), by: by() }).unwrap();
    let dump = sandbox.dump();
    let [first, second, third] = [first, second, third].map(|id| record(&dump, "tasks", &id));
    assert!(first.archived_at.is_some());
    assert_eq!(first.value("hs_task_subject"), Some("Call"));
    assert!(second.archived_at.is_some());
    assert_eq!(second.value("hs_task_subject"), Some("Mine"));
    assert_eq!(third.value("hs_task_status"), Some("COMPLETED"));
}

#[test]
fn administrators_change_people_pipelines_and_properties() {
    let sandbox = sandbox();
    let stages = vec![NewStage { id: "open-1".to_owned(), label: "Open".to_owned(), percent: 10, closed: false }];
    let pipeline = NewPipeline { id: "p".to_owned(), label: "New business".to_owned(), stages };
    let complex = NewProperty {
        object: PropertyObject::Deals,
        name: "complex".to_owned(),
        label: "Complex".to_owned(),
        holds: PropertyKind::Bool,
    };
    for edit in [
        Edit::AddPipeline(pipeline),
        Edit::AddProperty(complex.clone()),
        Edit::AddProperty(complex),
        Edit::SetZone { owner: "88001".to_owned(), zone: Some("Asia/Tokyo".to_owned()) },
        Edit::DeactivateOwner { owner: "88002".to_owned() },
        Edit::SetZone { owner: "1".to_owned(), zone: None },
        Edit::AddPerson(person("88001", "7001", None)),
    ] {
        sandbox.edit(&edit).unwrap();
    }
    let id = deal(&sandbox, json!({ "pipeline": "p", "dealstage": "open-1", "complex": "true" }));
    let path = format!("/crm/objects/2026-09/deals/{id}?properties=complex,hs_v2_date_entered_open_1");
    let read = get(&sandbox, &path).expect(200);
    assert_eq!(read["properties"]["complex"], "true");
    assert_eq!(read["properties"]["hs_v2_date_entered_open_1"], "2026-03-02T09:00:00Z");
    let dump = sandbox.dump();
    assert_eq!(dump.owners.len(), 2);
    assert_eq!(dump.owners[0].zone.as_deref(), Some("Asia/Tokyo"));
    assert_eq!(dump.owners[1].archived_at, Some(start()));
    let user = record(&dump, "users", &dump.owners[0].user_record);
    assert_eq!(user.history["hs_standard_time_zone"][0].value.as_deref(), Some("Europe/Berlin"));
    sandbox.edit(&Edit::ReactivateOwner { owner: "88002".to_owned() }).unwrap();
    assert_eq!(sandbox.dump().owners[1].archived_at, None);
}

#[test]
fn a_change_that_the_crm_refuses_says_so() {
    let sandbox = sandbox();
    create(&sandbox, "d");
    for edit in [
        set("d", &[("no_such_thing", "x")]),
        set("d", &[("dealstage", "nowhere")]),
        set("d", &[("hs_is_closed", "true")]),
    ] {
        assert!(sandbox.edit(&edit).is_err(), "{edit:?}");
    }
    sandbox.edit(&set("nobody", &[("amount", "5")])).unwrap();
}

#[test]
fn seeded_deals_are_the_same_for_the_same_seed() {
    let seeded = |seed| {
        let sandbox = sandbox();
        sandbox.seed_deals(200, seed);
        sandbox.dump()
    };
    let dump = seeded(7);
    assert_eq!(dump, seeded(7));
    assert_ne!(dump, seeded(8));
    assert_eq!(dump.records["deals"].len(), 200);
    assert_eq!(dump.owners.len(), 14);
    assert_eq!(dump.pipelines.len(), 2);
    assert!(dump.owners.iter().all(|owner| owner.id != owner.user_id));
    for deal in &dump.records["deals"] {
        assert!(deal.history.values().flatten().all(|version| version.at >= deal.created_at && version.at <= dump.at));
    }
}
