//! Kill switches on a real store beside a scripted CRM.

use chrono::Duration;
use dealclock_connector::{Acknowledgement, Hint, Received};
use dealclock_engine::Ruleset;
use dealclock_model::fault::Source;

use super::{Stop, Stopped, Switch};
use crate::runtime::script::{Stage, deal, start};

fn hint(stage: &Stage, hint: Hint) {
    let answer = Acknowledgement { content_type: "", body: "" };
    let received = Received { hints: vec![hint], keys: Vec::new(), foreign: 0, answer };
    assert!(stage.runtime.receive(&stage.runtime.connections()["acme"], &received).unwrap());
}

fn waiting(stage: &Stage) -> u64 {
    stage.runtime.store().hints_len(&"acme".into()).unwrap()
}

fn stop(stage: &Stage, switch: &Switch) -> bool {
    stage.runtime.turn(switch, Some(Stop { since: stage.runtime.now(), by: "dealclock stop".into() })).unwrap()
}

#[tokio::test]
async fn a_stopped_connection_makes_no_call_and_keeps_what_its_crm_sends_over_a_restart() {
    let stage = Stage::live().await;
    let acme = Switch::Connection("acme".into());
    assert!(stop(&stage, &acme));
    assert!(!stop(&stage, &acme), "stopping twice is stopping once");
    let calls = |stage: &Stage| {
        let now = stage.crm.now();
        (now.polls, now.looks.len(), now.discoveries, now.written.len())
    };
    let before = calls(&stage);
    stage.crm.now().deals.insert("1", "Open");
    hint(&stage, Hint::Record(deal("1")));
    stage.put_update("1");
    stage.pass(Duration::hours(2)).await;
    assert_eq!((calls(&stage), waiting(&stage)), (before, 1));
    let stage = stage.restarted();
    let before = calls(&stage);
    stage.pass(Duration::hours(2)).await;
    assert_eq!((calls(&stage), waiting(&stage)), (before, 1));
    assert!(stage.runtime.turn(&acme, None).unwrap());
    stage.pass(Duration::minutes(2)).await;
    assert_eq!((stage.stage_of("1").as_deref(), waiting(&stage)), (Some("Open"), 0));
    assert_eq!(stage.crm.now().written, ["1"]);
}

#[tokio::test]
async fn what_a_stopped_rule_had_decided_waits_and_holds_up_nobody() {
    for restarts in [false, true] {
        let mut stage = Stage::live().await;
        stop(&stage, &Switch::Rule("r".into()));
        let held = stage.put_update("1");
        let free = stage.put_update_of("other", "2");
        stage.pass(Duration::minutes(2)).await;
        assert_eq!(stage.crm.now().written, ["2"]);
        let parked = stage.runtime.store().outbox_get(&held).unwrap().unwrap().parked.unwrap();
        assert_eq!(parked, "stopped: rule `r`");
        assert!(stage.runtime.store().settled(&free).unwrap().is_some());
        assert!(stage.runtime.ruleset().rules.stopped.contains("r"));
        if restarts {
            // As a command does without a daemon.
            Stopped::default().keep(stage.runtime.store()).unwrap();
            stage = stage.restarted();
        } else {
            assert!(stage.runtime.turn(&Switch::Rule("r".into()), None).unwrap());
        }
        stage.pass(Duration::minutes(2)).await;
        assert_eq!(stage.crm.now().written, ["2", "1"], "restarts: {restarts}");
        assert!(stage.runtime.ruleset().rules.stopped.is_empty());
    }
}

#[tokio::test]
async fn what_a_rule_had_decided_before_it_went_into_shadow_waits_until_it_is_live_again() {
    let rules = |mode: &str| {
        let text = format!(
            "[rule.r]\nmode = \"{mode}\"\nobject = \"opportunity\"\nwhen = \"amount > 0\"\nuntil = \"amount > 9\"\n\
             deadline = \"5d\"\n"
        );
        Ruleset::read(&[Source::new("r.toml", text)], &Default::default(), &|_| Err(String::new())).unwrap()
    };
    let stage = Stage::live().await;
    stage.runtime.replace_rules(rules("shadow"));
    let held = stage.put_update("1");
    stage.pass(Duration::minutes(2)).await;
    assert_eq!(stage.crm.now().written, Vec::<String>::new());
    assert!(stage.runtime.store().outbox_get(&held).unwrap().unwrap().parked.is_some());
    stage.runtime.replace_rules(rules("live"));
    stage.pass(Duration::minutes(2)).await;
    assert_eq!(stage.crm.now().written, ["1"]);
}

#[test]
fn a_name_stops_one_thing_or_says_what_there_is() {
    let stopped = Stopped::default();
    let mut known = stopped.clone();
    known.turn(&Switch::Rule("acme".into()), Some(Stop { since: start(), by: String::new() }));
    known.turn(&Switch::Rule("proposal".into()), Some(Stop { since: start(), by: String::new() }));
    let find = |name: &str| Switch::find(name, &Ruleset::default(), &["acme".into(), "beta".into()], &known);
    assert_eq!(find("all"), Ok(Switch::All));
    assert_eq!(find("beta"), Ok(Switch::Connection("beta".into())));
    assert_eq!(find("proposal"), Ok(Switch::Rule("proposal".into())), "whatever is stopped can be started");
    let both = find("acme").unwrap_err().to_string();
    assert_eq!(both, "`acme` is more than one thing\n  help: write `connection:acme` or `rule:acme`");
    assert_eq!(find("rule:acme"), Ok(Switch::Rule("acme".into())));
    assert_eq!(find("connection:acme"), Ok(Switch::Connection("acme".into())));
    let told = find("propsal").unwrap_err().to_string();
    assert!(told.contains("did you mean `proposal`?") && told.contains("beta"), "{told}");
}

#[test]
fn an_approval_is_named_by_its_own_key_and_what_has_no_switch_names_another_way() {
    let text = r#"
[rule.proposal]
object = "opportunity"
when = 'amount > 1'
until = 'is_closed'
deadline = "5d"
[rule.proposal.extension]
requested_by = "complex"
granted_as = "request_approved"
grants = "10d"
approval = "manager"
[approval.manager]
[[approval.manager.step]]
approver = "owner.manager"
[approval.discount]
object = "opportunity"
when = 'amount > 5'
[[approval.discount.step]]
approver = "owner.manager"
[digest.weekly]
to = "owner.manager"
every = "0 8 * * MON"
[report.share]
kind = "complex-share"
every = "0 8 1 * *"
to = ["role:directors"]
"#;
    let ruleset = Ruleset::read(&[Source::new("r.toml", text)], &Default::default(), &|_| Err(String::new())).unwrap();
    let find = |name: &str| Switch::find(name, &ruleset, &["acme".into()], &Stopped::default());
    let discount = Switch::Rule("approval/discount".into());
    for name in ["discount", "approval/discount", "approval:discount"] {
        assert_eq!(find(name), Ok(discount.clone()), "{name}");
    }
    assert_eq!(discount.to_string(), "approval `discount`");
    for (name, told) in [
        ("manager", "approval `manager` cannot be stopped by itself\n  help: stop what asks for it: proposal"),
        ("weekly", "digest `weekly` cannot be stopped by itself\n  help: stop its connection, or `all`"),
        ("share", "report `share` cannot be stopped by itself\n  help: stop its connection, or `all`"),
        ("rule:dscount", "there is no rule, approval or connection `rule:dscount`\n  help: did you mean `discount`?"),
    ] {
        let words = find(name).unwrap_err().to_string();
        assert!(words.starts_with(told), "{words}");
    }
}
