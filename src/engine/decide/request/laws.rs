//! The law of requests: whatever is said in whatever order, a request has one decision.

use dealclock_model::{RequestState, Ruling, What};
use proptest::prelude::*;

use super::room::{Deed, Room, extension, ticked};

const APPROVAL: &str = r#"
[approval.a]
decision = { field = "delay_reason", granted = "yes", refused = "no" }
native = true
[[approval.a.step]]
name = "one"
approver = ["owner.manager", "role:legal"]
need = "all"
remind = ["1d"]
escalate = { after = "2d", to = "owner.manager.manager" }
[[approval.a.step]]
name = "two"
approver = "owner.manager.manager"
"#;

fn a_deed() -> impl Strategy<Value = Deed> {
    let ruling = || prop::sample::select(vec![Ruling::Approve, Ruling::Approve, Ruling::Reject]);
    let person = prop::sample::select(vec!["boss", "ann", "bob", "dir", "dep", "rep"]);
    let step = prop::sample::select(vec!["one", "two"]);
    let words = prop::sample::select(vec!["yes", "no", "perhaps"]);
    prop_oneof![
        8 => (person, step, ruling()).prop_map(|(by, step, ruling)| Deed::Say(by, step, ruling)),
        2 => prop::option::of(ruling()).prop_map(|outcome| Deed::Complete("one/ask", outcome)),
        1 => ruling().prop_map(Deed::Native),
        1 => words.prop_map(|word| Deed::Set(vec![("delay_reason", dealclock_model::Value::text(word))])),
        2 => Just(Deed::Wait),
        1 => prop::sample::select(vec!["boss", "ann"]).prop_map(Deed::Leave),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]

    #[test]
    fn a_request_has_one_decision_in_whatever_order_things_are_said(
        deeds in prop::collection::vec((a_deed(), 0..20u32), 1..30),
        settles in any::<bool>(),
    ) {
        let mut room = Room::new("r", extension(APPROVAL));
        room.act("2026-06-01 11:00", &Deed::Set(Vec::new()));
        room.act("2026-06-02 11:00", &Deed::Set(ticked("complex", true)));
        room.settles = settles;
        let (mut hour, mut first) = (0, None);
        for (deed, hours) in &deeds {
            hour += hours;
            let when = format!("2026-06-{:02} {:02}:00", 3 + hour / 24, hour % 24);
            room.act(&when, deed);
            let request = room.request();
            if request.is_open() {
                prop_assert!(request.decision.is_none() && first.is_none());
                continue;
            }
            let decision = request.decision.clone().expect("a request that was closed by a word has a decision");
            let state = match decision.ruling {
                Ruling::Approve => RequestState::Granted,
                Ruling::Reject if decision.way == dealclock_model::Way::Timeout => RequestState::TimedOut,
                Ruling::Reject => RequestState::Refused,
            };
            prop_assert_eq!(request.state, state);
            prop_assert_eq!(first.get_or_insert(decision.clone()), &decision);
        }
        let ends = [What::Granted, What::Declined, What::TimedOut];
        let said = room.says.iter().filter(|(what, _)| ends.contains(what)).count();
        prop_assert_eq!(said, usize::from(first.is_some()));
    }
}
