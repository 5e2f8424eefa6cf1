//! The talk in `PROTOCOL.md` is the talk that is held.

use std::path::Path;

use dealclock_connector::{ErrorKind, FieldSource, Mapping, Need, Next, Once, PlanState};
use dealclock_model::record::field;
use dealclock_model::{ChangeState, Object, RecordId, Value, ValueType};

use crate::support::{PATIENT, beside, clock, deal, reminder, settings};

fn mapping() -> Mapping {
    let mut mapping = Mapping::default();
    let fields = mapping.fields.entry(Object::Opportunity).or_default();
    let complex = FieldSource::Field { name: "our_complex".into(), value_type: ValueType::Bool };
    fields.insert("complex".into(), complex);
    fields.insert("proposal_sent_at".into(), FieldSource::StageEntered { stage: "Proposal sent".into() });
    mapping.stages.insert("Proposal sent".into(), vec!["4".into()]);
    mapping.stages.insert("Open".into(), vec!["Qualified".into()]);
    mapping
}

fn needs() -> [Need; 1] {
    [Need {
        on_tasks: true,
        name: "dealclock_key".into(),
        label: "Dealclock key".into(),
        description: "Keeps a reminder from appearing twice.".into(),
        value_type: ValueType::Text,
        options: Vec::new(),
        long_text: false,
        unique: true,
        read_only_for_reps: false,
        requires: None,
    }]
}

#[tokio::test]
async fn the_documented_talk_is_the_one_that_is_held() {
    let directory = tempfile::tempdir().unwrap();
    let difference = directory.path().join("difference");
    let (key, write) = reminder("7");
    let page = Path::new(env!("CARGO_MANIFEST_DIR")).join("PROTOCOL.md");
    let command = ["python3", &beside("talk.py").display().to_string(), &page.display().to_string()];
    let env = [("KEY", key.to_string()), ("DIFFERENCE", difference.display().to_string())];
    let env: Vec<_> = env.iter().map(|(name, value)| (*name, value.as_str())).collect();
    let mut settings = settings(&clock(), command.map(str::to_owned).to_vec(), &env);
    settings.mapping = mapping();
    let crm = dealclock_plugin::connect_within(settings, PATIENT).unwrap();
    let differs = || std::fs::read_to_string(&difference).unwrap_or_default();

    let account = crm.check().await.unwrap_or_else(|error| panic!("{error}\n{}", differs()));
    assert_eq!((account.id.as_str(), account.once), ("acme-1", Once::Exactly));
    assert_eq!(crm.descriptor().apply_batch, 50);
    let discovery = crm.discover().await.unwrap();
    assert_eq!(discovery.people[0].manager, Some("cy".into()));
    assert!(discovery.pipelines[0].stages[1].won);
    let page = crm.changes(Object::Opportunity, None).await.unwrap();
    let Next::More(cursor) = &page.next else { panic!("there is more") };
    let ChangeState::Present(record) = &page.changes[0].state else { panic!("not present") };
    assert_eq!(record.get(field::STAGE), &Value::text("Open"));
    assert_eq!(record.get(field::AMOUNT).to_string(), "60000.50");
    assert_eq!(page.changes[1].state, ChangeState::Merged { into: RecordId::from("7") });
    let error = crm.changes(Object::Opportunity, Some(cursor)).await.unwrap_err();
    assert_eq!(error.kind, ErrorKind::Throttled { until: "2026-03-02T09:00:40Z".parse().unwrap() });
    assert_eq!(crm.fetch(&[deal("8")]).await.unwrap()[0].state, ChangeState::Deleted);
    let made = crm.apply(&[(key, write.clone())]).await.remove(0).unwrap();
    assert_eq!((made.id.as_deref(), made.found), (Some("31"), false));
    let found = crm.find(&[(key, write)]).await.unwrap().remove(0).unwrap();
    assert!(found.found);
    assert_eq!(crm.written(&[deal("7")]).await.unwrap(), [[(key, "31".to_owned())]]);
    let history = crm.history().unwrap().history(&[deal("7")], &["stage".into()]).await.unwrap();
    assert_eq!(history[0][0].entries[1].1, Value::text("Open"));
    let provision = crm.provision().unwrap();
    let plan = provision.plan(&needs()).await.unwrap();
    assert_eq!(plan.items[0].state, PlanState::Missing);
    provision.make(&needs(), &plan.items[0]).await.unwrap();
    drop(crm);
    let end = async {
        while differs().is_empty() {
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(PATIENT.answer, end).await.unwrap();
    assert_eq!(differs(), "none");
}
