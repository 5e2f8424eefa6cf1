//! The example over CSV files, where a person writes what no program would.

use dealclock_model::{ChangeState, Object};

use crate::support::{beside, clock, settings};

const ROWS: &str = "id,name,amount,stage,owner,created_at\n\
                    1,Turbine,60000,Qualified,ada,2026-02-02T08:30:00Z\n\
                    2,Spare parts,8400,Qualified,ada,2026-02-20\n";

#[tokio::test]
async fn a_row_whose_time_is_none_is_parked_alone() {
    let directory = tempfile::tempdir().unwrap();
    for (file, text) in [
        ("opportunities.csv", ROWS),
        ("tasks.csv", "id,record,owner,subject,body,due_date,due_at,status\n"),
        ("people.csv", "id,name,email,active\nada,Ada Berg,ada@acme.example,true\n"),
        ("history.csv", "record,field,since,value\n"),
    ] {
        std::fs::write(directory.path().join(file), text).unwrap();
    }
    let program = beside("../../../csv/dealclock_csv.py").display().to_string();
    let command = ["python3", "-B", &program, &directory.path().display().to_string()].map(str::to_owned).to_vec();
    let connector = dealclock_plugin::connect(settings(&clock(), command, &[])).unwrap();
    let page = connector.changes(Object::Opportunity, None).await.unwrap();
    let parked = page.changes.iter().map(|change| match &change.state {
        ChangeState::Present(record) => (change.record.id.as_str(), record.parked.as_deref()),
        ChangeState::Deleted | ChangeState::Merged { .. } => panic!("nothing is gone"),
    });
    assert_eq!(parked.collect::<Vec<_>>(), [("1", None), ("2", Some("`created_at` holds no readable time"))]);
    let past = connector.history().unwrap();
    let past = past.history(&[page.changes[1].record.clone()], &["stage".into()]).await.unwrap();
    assert_eq!(past[0][0].entries.len(), 1);
}
