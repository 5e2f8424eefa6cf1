//! The command line as its help says it, and the commands that ask a CRM, against a small CRM made of constants.

use std::sync::atomic::{AtomicUsize, Ordering};

use async_trait::async_trait;
use chrono_tz::Tz;
use dealclock_connector::contract::{ChangePage, Cursor, Descriptor};
use dealclock_connector::{
    Account, Connector, CrmField, Discovery, Error, Need, Once, Pipeline, Plan, PlanItem, PlanState, Provision, Result,
    Settings, Stage,
};
use dealclock_model::{Case, CaseId, Change, EffectId, Instant, Object, Person, Receipt, RecordRef, ValueType, Write};
use dealclock_store::{Batch, Options, Store};

use super::*;
use crate::kit::Kind;
use crate::runtime::stopped::Stopped;

/// A CRM with one pipeline, two fields and one person.
struct SmallCrm;

static MADE: AtomicUsize = AtomicUsize::new(0);

#[async_trait]
impl Connector for SmallCrm {
    fn descriptor(&self) -> &Descriptor {
        const SMALL: Descriptor = Descriptor {
            kind: "small",
            label: std::borrow::Cow::Borrowed("Small CRM"),
            fetch_batch: 1,
            apply_batch: 1,
            history_batch: 0,
            channels: &[],
        };
        &SMALL
    }

    async fn check(&self) -> Result<Account> {
        Ok(Account {
            id: "7".into(),
            zone: Tz::Europe__Berlin,
            currency: "EUR".into(),
            once: Once::Exactly,
            problems: Vec::new(),
        })
    }

    async fn discover(&self) -> Result<Discovery> {
        let field = |name: &str, value_type| CrmField {
            name: name.into(),
            label: name.into(),
            value_type: Some(value_type),
            options: None,
            writable: true,
        };
        let stage = |id: &str, label: &str| Stage { id: id.into(), label: label.into(), closed: false, won: false };
        let rep = Person {
            id: "1".into(),
            name: "Rep".into(),
            email: Some("rep@x.example".into()),
            zone: Some(Tz::Europe__Berlin),
            active: true,
            manager: Some("1".into()),
            hours: None,
            absences: Vec::new(),
            deputy: None,
        };
        let stages = vec![stage("s1", "New"), stage("s2", "Sent")];
        Ok(Discovery {
            fields: [(Object::Opportunity, vec![field("complex", ValueType::Bool), field("note", ValueType::Text)])]
                .into(),
            pipelines: vec![Pipeline { id: "p1".into(), label: "Sales".into(), stages }],
            people: vec![rep],
            holidays: Vec::new(),
        })
    }

    async fn changes(&self, _: Object, _: Option<&Cursor>) -> Result<ChangePage> {
        Err(Error::rejected("no records here"))
    }

    async fn fetch(&self, _: &[RecordRef]) -> Result<Vec<Change>> {
        Ok(Vec::new())
    }

    async fn apply(&self, _: &[(EffectId, Write)]) -> Vec<Result<Receipt>> {
        Vec::new()
    }

    async fn find(&self, _: &[(EffectId, Write)]) -> Result<Vec<Option<Receipt>>> {
        Ok(Vec::new())
    }

    async fn written(&self, _: &[RecordRef]) -> Result<Vec<Vec<(EffectId, String)>>> {
        Ok(Vec::new())
    }

    fn provision(&self) -> Option<&dyn Provision> {
        Some(self)
    }
}

#[async_trait]
impl Provision for SmallCrm {
    async fn plan(&self, needs: &[Need]) -> Result<Plan> {
        let item = |need: &Need| PlanItem {
            name: need.name.clone(),
            what: need.label.clone(),
            state: match need.name.as_str() {
                "complex" => PlanState::Present,
                "note" => PlanState::Differs("it is text".into()),
                _ => PlanState::Missing,
            },
        };
        Ok(Plan { items: needs.iter().map(item).collect(), by_hand: Vec::new() })
    }

    async fn make(&self, _: &[Need], _: &PlanItem) -> Result<()> {
        MADE.fetch_add(1, Ordering::SeqCst);
        Ok(())
    }
}

pub(super) fn open(_: Settings) -> std::result::Result<Arc<dyn Connector>, String> {
    Ok(Arc::new(SmallCrm))
}

fn kit() -> Kit {
    Kit {
        connectors: [("small", Kind { open, hosts: &[], auth: None })].into(),
        sandboxes: &["small"],
        demo: |_, _| Box::pin(async { Ok(Exit::Ok) }),
        sandbox: |_, _| Box::pin(async { Ok(Exit::Ok) }),
    }
}

fn read(line: &str) -> std::result::Result<Cli, clap::Error> {
    parse(&kit(), line.split(' ').map(OsString::from))
}

/// Runs a command line against a configuration and a rule file.
async fn dispatched(line: &str, keys: &str, rules: &str) -> std::result::Result<Exit, Failure> {
    let directory = tempfile::tempdir().unwrap();
    dispatched_in(directory.path(), line, keys, rules).await
}

async fn dispatched_in(
    directory: &std::path::Path,
    line: &str,
    keys: &str,
    rules: &str,
) -> std::result::Result<Exit, Failure> {
    std::fs::write(directory.join("a.rules"), rules).unwrap();
    let text = format!(
        "[rules]\nfiles = [\"a.rules\"]\n[connection.acme]\nkind = \"small\"\ntoken = {{ env = \"T\" }}\n{keys}"
    );
    let config = directory.join("dealclock.toml");
    std::fs::write(&config, text).unwrap();
    let environment: Environment = [("T", "secret")].into_iter().collect();
    let context = Context { kit: kit(), environment, config: Some(config), output: Output::new(true) };
    dispatch(read(line).unwrap().command, context).await
}

const STAGES: &str = "[connection.acme.stages]\nOpen = [\"New\"]\n";

const RULE: &str =
    "[rule.a]\nobject = \"opportunity\"\nwhen = 'stage == \"Open\"'\nuntil = 'is_closed'\ndeadline = \"5d\"\n";

#[test]
fn the_command_line_is_well_formed() {
    Cli::command().debug_assert();
}

#[test]
fn wrong_command_lines_are_refused_with_code_two() {
    for line in [
        "dealclock dance",
        "dealclock demo --days 0",
        "dealclock demo --days 61",
        "dealclock demo --crm other",
        "dealclock sandbox --listen 0.0.0.0:8080",
        "dealclock sandbox --listen 127.0.0.1",
        "dealclock sandbox --pace 0",
        "dealclock setup",
        "dealclock setup --connection x --yes --dry-run",
        "dealclock check --color sometimes",
    ] {
        assert_eq!(read(line).unwrap_err().exit_code(), 2, "{line}");
    }
}

#[test]
fn a_day_that_there_is_not_is_refused_in_our_own_words() {
    for day in ["2026-02-30", "yesterday", "1.2.2026"] {
        let told = read(&format!("dealclock report requests --from {day} --to 2026-03-01")).unwrap_err().to_string();
        assert!(told.contains("write a day that there is, as in 2026-10-31"), "{told}");
    }
}

#[test]
fn global_options_stand_before_or_behind_the_command() {
    for line in ["dealclock --json --config a.toml check", "dealclock check --config a.toml --json"] {
        let global = read(line).unwrap().global;
        assert_eq!((global.json, global.config), (true, Some("a.toml".into())), "{line}");
    }
    let Command::Demo(demo) = read("dealclock demo --days 60 --seed 7").unwrap().command else { panic!("not a demo") };
    assert_eq!((demo.crm.as_str(), demo.days, demo.seed), ("small", 60, 7));
}

#[tokio::test]
async fn check_without_the_crm_reads_files_only() {
    assert_eq!(dispatched("dealclock check", STAGES, RULE).await.unwrap(), Exit::Ok);
    let failure = dispatched("dealclock check", "", "[rule.a]\n").await.unwrap_err();
    assert_eq!(failure.exit(), Exit::Faulty);
}

#[tokio::test]
async fn check_online_compares_every_name_with_the_crm() {
    let line = "dealclock check --online";
    assert_eq!(dispatched(line, STAGES, RULE).await.unwrap(), Exit::Ok);
    for (keys, why) in [
        ("[connection.acme.fields.opportunity]\ncomplex = { field = \"complx\" }\n", "a field that is not there"),
        ("[connection.acme.fields.opportunity]\ncomplex = { field = \"note\" }\n", "a field of another type"),
        ("[connection.acme.fields.opportunity]\nx = { stage_entered = \"Nowhere\" }\n", "a stage that is not there"),
        ("[connection.acme.managers]\n\"rep@x.example\" = \"nobody\"\n", "a manager who is not there"),
    ] {
        assert_eq!(dispatched(line, &format!("{STAGES}{keys}"), RULE).await.unwrap(), Exit::Found, "{why}");
    }
    let stage = "[connection.acme.stages]\nOpen = [\"Nwe\"]\n";
    assert_eq!(dispatched(line, stage, RULE).await.unwrap(), Exit::Found);
    let failure = dispatched(line, STAGES, &RULE.replace("Open", "Opne")).await.unwrap_err();
    let shown = failure.to_string();
    assert!(failure.exit() == Exit::Faulty && shown.contains("a.rules:3:") && shown.contains("Open"), "{shown}");
}

#[tokio::test]
async fn check_online_follows_those_whom_rules_ask_and_tell() {
    let line = "dealclock check --online";
    let digest = format!("{RULE}[digest.managers]\nto = \"owner.manager\"\nevery = \"0 8 * * *\"\n");
    let on = |keys: &str| STAGES.replacen("[connection", &format!("{keys}[connection"), 1);
    assert_eq!(dispatched(line, &on(""), &digest).await.unwrap(), Exit::Found, "the rep manages themselves");
    assert_eq!(dispatched(line, &on("fallback = \"1\"\n"), &digest).await.unwrap(), Exit::Ok, "the fallback reads it");
    let to_role = digest.replace("owner.manager", "role:director");
    let held = format!("{STAGES}[connection.acme.roles]\ndirector = [\"1\"]\n");
    assert_eq!(dispatched(line, &held, &to_role).await.unwrap(), Exit::Ok);
    let failure = dispatched(line, STAGES, &to_role).await.unwrap_err();
    assert_eq!(failure.exit(), Exit::Faulty, "a role that is not configured");
}

#[tokio::test]
async fn setup_makes_what_is_missing_only_when_told_to() {
    let fields =
        "[connection.acme.fields.opportunity]\ncomplex = { field = \"complex\" }\nwanted_until = { field = \"w\" }\n";
    let made = || MADE.swap(0, Ordering::SeqCst);
    let setup = "dealclock setup --connection acme";
    assert_eq!(dispatched(&format!("{setup} --dry-run"), fields, RULE).await.unwrap(), Exit::Ok);
    assert_eq!(made(), 0);
    let unasked = dispatched(setup, fields, RULE).await.unwrap_err();
    assert_eq!((unasked.exit(), made()), (Exit::Usage, 0));
    assert_eq!(dispatched(&format!("{setup} --yes"), fields, RULE).await.unwrap(), Exit::Ok);
    assert_eq!(made(), 3, "the key and the decision on tasks, and the wanted date");
    let differs = "[connection.acme.fields.opportunity]\ncomplex = { field = \"note\" }\n";
    assert_eq!(dispatched(&format!("{setup} --yes"), differs, RULE).await.unwrap(), Exit::Found);
}

#[tokio::test]
async fn a_connection_that_is_not_configured_has_one_code_and_one_message() {
    let days = "--from 2026-01-01 --to 2026-01-31";
    for line in [
        "dealclock setup --connection nope --yes",
        "dealclock auth nope",
        "dealclock held start --connection nope --rule a",
        &format!("dealclock report requests {days} --connection nope"),
        "dealclock explain nope/12",
    ] {
        let failure = dispatched(line, STAGES, RULE).await.unwrap_err();
        let told = (failure.exit(), failure.to_string());
        assert_eq!(told, (Exit::Found, "there is no connection `nope`; configured: acme".into()), "{line}");
    }
}

#[tokio::test]
async fn a_report_is_refused_before_anything_is_read_where_its_format_contradicts_itself() {
    let report = "dealclock report requests --from 2026-01-01 --to 2026-01-31";
    for (options, why) in [
        ("--out x.pdf", "a report cannot be shown as x.pdf: name a file that ends in .html, .csv, .json or .txt"),
        ("--out x.html --format csv", "the name of x.html says another format"),
        ("--format csv --json", "--json prints JSON"),
        ("--to 2025-01-01", "the last day"),
    ] {
        let line = match options.split_once("--to") {
            Some((_, day)) => report.replace("2026-01-31", day.trim()),
            None => format!("{report} {options}"),
        };
        let failure = dispatched(&line, STAGES, RULE).await.unwrap_err();
        assert_eq!(failure.exit(), Exit::Usage, "{line}: {failure}");
        assert!(failure.to_string().starts_with(why), "{failure}");
    }
}

#[tokio::test]
async fn a_file_of_tests_that_is_not_there_is_told_by_its_name() {
    let failure = dispatched("dealclock test none.toml", STAGES, RULE).await.unwrap_err();
    assert_eq!(failure.exit(), Exit::Faulty);
    let told = failure.to_string();
    assert!(told.starts_with("none.toml: cannot be read: there is no such file"), "{told}");
}

#[tokio::test]
async fn a_store_that_is_not_there_is_a_store_failure() {
    for line in ["dealclock store export out.jsonl", "dealclock store compact", "dealclock store import none.jsonl"] {
        let failure = dispatched(line, STAGES, RULE).await.unwrap_err();
        assert_eq!(failure.exit(), Exit::Store, "{line}: {failure}");
    }
    let failure = dispatched("dealclock held list", STAGES, RULE).await.unwrap_err();
    assert_eq!(failure.exit(), Exit::NoDaemon);
}

#[tokio::test]
async fn a_command_on_a_store_whose_sandbox_is_gone_takes_the_last_time_that_the_store_knows() {
    let directory = tempfile::tempdir().unwrap();
    let open = || Store::open(&Options::new(directory.path().join("s"))).unwrap();
    let last = Instant::UNIX_EPOCH + chrono::Duration::days(7);
    let id = CaseId::Record(RecordRef { connection: "acme".into(), object: Object::Opportunity, id: "1".into() });
    let mut case = Case::new(&id);
    let Case::Record(known) = &mut case else { panic!("it is a record's case") };
    known.as_of = Some(last);
    let mut batch = Batch::new();
    batch.put_case(&id, &case);
    let store = open();
    store.commit(batch).unwrap();
    store.durable_blocking().unwrap();
    drop(store);
    // Nobody listens on the port of one's own machine that stands for none.
    let keys = "[store]\npath = \"s\"\n[clock]\nfollow = \"http://127.0.0.1:1\"\n";
    let exit = dispatched_in(directory.path(), "dealclock stop all", keys, RULE).await.unwrap();
    assert_eq!(exit, Exit::Ok);
    assert_eq!(Stopped::recall(&open()).unwrap().all.unwrap().since, last);
}
