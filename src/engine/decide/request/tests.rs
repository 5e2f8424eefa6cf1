//! What requests do where the scenarios do not tell it: one moment, unwritten writes, odd chains of people.

use dealclock_model::{Ruling, What};

use super::room::{Deed, Room, amount, extension, read, ticked};

use Deed::{Complete, CompleteFirst, Edit, FirstRead, Flash, Leave, Native, NativeOf, Own, Say, Set, Wait};
use Ruling::{Approve, Reject};

const BY_TASK: &str = "[approval.a]\nvia = [\"task\"]\n";

/// What is written from the asking on, by a rule's way out under an approval with these steps; and how the request stands.
fn check(approval: &str, deeds: &[(&str, Deed)], written: &[&str], state: &str) -> Room {
    hear(Room::new("r", extension(approval)), deeds, written, state)
}

/// The same, asked on the second of June unless the deeds ask themselves.
fn hear(mut room: Room, deeds: &[(&str, Deed)], written: &[&str], state: &str) -> Room {
    room.act("2026-06-01 11:00", &Set(Vec::new()));
    for (when, deed) in deeds {
        room.act(when, deed);
    }
    assert_eq!(room.written, written);
    assert_eq!(room.request().state.as_str(), state);
    room
}

fn asked() -> (&'static str, Deed) {
    ("2026-06-02 11:00", Set(ticked("complex", true)))
}

fn steps(text: &str) -> String {
    format!("{BY_TASK}{text}")
}

fn said(room: &Room, what: What) -> usize {
    room.says.iter().filter(|(said, _)| *said == what).count()
}

#[test]
fn what_is_asked_and_taken_back_between_two_polls_reaches_nobody() {
    let approval = "[approval.a]\n[[approval.a.step]]\napprover = \"owner.manager\"\n";
    let room = check(approval, &[("2026-06-02 11:00", Flash(ticked("complex", true)))], &[], "withdrawn");
    assert_eq!((said(&room, What::Requested), said(&room, What::RequestWithdrawn)), (1, 1));
    assert!(room.request().tasks.is_empty() && room.request().mails.is_empty());
}

#[test]
fn a_tick_that_may_still_arrive_is_answered_when_the_grant_is_taken_back() {
    let approval = steps("[[approval.a.step]]\napprover = \"owner.manager\"\n");
    let mut room = Room::new("r", extension(&approval));
    room.settles = false;
    let deeds = [
        asked(),
        ("2026-06-03 11:00", Say("boss", "step-1", Approve)),
        ("2026-06-03 12:00", Set(ticked("complex", false))),
    ];
    let written =
        ["task step-1/ask to boss", "request_approved = true", "task told to rep", "request_approved = false"];
    let room = hear(room, &deeds, &written, "taken_back");
    assert_eq!(room.request().pending.len(), 1, "only the last write is waited for");
}

#[test]
fn a_person_under_two_roles_is_asked_once() {
    let two = steps("[[approval.a.step]]\napprover = [\"role:counsel\", \"role:legal\", \"owner.manager\"]\n");
    let written = ["task step-1/ask to ann", "task step-1/ask to bob", "task step-1/ask to boss"];
    check(&two, &[asked()], &written, "open");
}

#[test]
fn a_role_that_only_the_requester_holds_goes_one_level_up() {
    let own = steps("[[approval.a.step]]\napprover = \"role:reps\"\n");
    check(&own, &[asked()], &["task step-1/ask to boss"], "open");
}

#[test]
fn a_deputy_acts_while_the_approver_is_away_and_either_decides() {
    let manager = steps("[[approval.a.step]]\napprover = \"owner.manager\"\ntimeout = { after = \"30d\" }\n");
    let july = ("2026-07-01 11:00", Set(ticked("complex", true)));
    for by in ["boss", "dep"] {
        let deeds = [july.clone(), ("2026-07-01 12:00", Say(by, "step-1", Reject))];
        let written = ["task step-1/ask to dep", "complex = false", "task told to rep", "step-1/ask/close"];
        check(&manager, &deeds, &written, "refused");
    }
}

#[test]
fn approvers_of_a_step_that_others_decided_are_told_when_the_next_one_begins() {
    let two = "[approval.a]\nvia = [\"email\"]\n[[approval.a.step]]\nname = \"one\"\napprover = \"role:legal\"\n\
               [[approval.a.step]]\nname = \"two\"\napprover = \"owner.manager\"\n";
    let deeds = [asked(), ("2026-06-02 12:00", Say("ann", "one", Approve))];
    let written = ["mail one/ask to ann", "mail one/ask to bob", "mail one/over to bob", "mail two/ask to boss"];
    check(two, &deeds, &written, "open");
}

#[test]
fn of_several_who_all_have_to_agree_the_one_further_up_decides_alone() {
    let all = steps(
        "[[approval.a.step]]\napprover = \"role:legal\"\nneed = \"all\"\nremind = [\"2d\"]\n\
         escalate = { after = \"2d\", to = \"owner.manager.manager\" }\n",
    );
    let deeds = [
        asked(),
        ("2026-06-02 12:00", Say("ann", "step-1", Approve)),
        ("2026-06-04 09:00", Wait),
        ("2026-06-04 10:00", Say("dir", "step-1", Approve)),
    ];
    let written = [
        "task step-1/ask to ann",
        "task step-1/ask to bob",
        "step-1/ask/close",
        "task step-1/remind-1 to bob",
        "task step-1/escalate to dir",
        "step-1/ask/close",
        "request_approved = true",
        "task told to rep",
        "step-1/escalate/close",
        "step-1/remind-1/close",
    ];
    let mut room = check(&all, &deeds, &written, "granted");
    room.act("2026-06-04 11:00", &Say("bob", "step-1", Reject));
    assert_eq!((said(&room, What::TooLate), room.request().state.as_str()), (1, "granted"));
}

#[test]
fn steps_whose_condition_does_not_hold_are_passed_over_and_all_of_them_grant_by_nobody() {
    let passed = steps("[[approval.a.step]]\napprover = \"owner.manager\"\nwhen = \"amount > 100\"\n");
    let room = check(&passed, &[asked()], &["request_approved = true", "task told to rep"], "granted");
    assert_eq!(said(&room, What::NotApplicable), 1);
    assert_eq!(room.request().decision.as_ref().unwrap().by, None);
    let last = format!(
        "{}[[approval.a.step]]\nname = \"two\"\napprover = \"role:legal\"\nwhen = \"amount > 100\"\n",
        steps("[[approval.a.step]]\napprover = \"owner.manager\"\n")
    );
    let deeds = [asked(), ("2026-06-02 12:00", Complete("step-1/ask", Some(Approve)))];
    let written = ["task step-1/ask to boss", "request_approved = true", "task told to rep"];
    let room = check(&last, &deeds, &written, "granted");
    assert_eq!(said(&room, What::NotApplicable), 1, "the step that was not needed is journalled");
}

#[test]
fn a_decision_field_decides_one_step_and_the_native_process_all() {
    let two = steps(
        "decision = { field = \"delay_reason\", granted = \"yes\", refused = \"no\" }\nnative = true\n\
         [[approval.a.step]]\nname = \"one\"\napprover = \"owner.manager\"\n\
         [[approval.a.step]]\nname = \"two\"\napprover = \"role:legal\"\nneed = \"any\"\n",
    );
    let word = |word| Set(vec![("delay_reason", dealclock_model::Value::text(word))]);
    let written = ["task one/ask to boss", "handed in", "task two/ask to ann", "task two/ask to bob", "one/ask/close"];
    check(&two, &[asked(), ("2026-06-02 12:00", word("yes"))], &written, "open");
    let written = ["task one/ask to boss", "handed in", "request_approved = true", "task told to rep", "one/ask/close"];
    check(&two, &[asked(), ("2026-06-02 12:00", Native(Approve))], &written, "granted");
}

#[test]
fn whoever_asked_hears_of_the_decision_beside_the_new_owner_and_their_manager_still_decides() {
    let mail = "[approval.a]\nvia = [\"email\"]\n[[approval.a.step]]\napprover = \"owner.manager\"\n";
    let deeds = [
        asked(),
        ("2026-06-02 12:00", Own("ann")),
        ("2026-06-02 13:00", Say("rep", "step-1", Approve)),
        ("2026-06-02 14:00", Say("boss", "step-1", Approve)),
    ];
    let written = ["mail step-1/ask to boss", "request_approved = true", "mail told to rep", "mail told to ann"];
    let room = check(mail, &deeds, &written, "granted");
    assert_eq!(said(&room, What::TooLate), 1, "nobody decides their own request");
}

#[test]
fn an_approver_who_leaves_is_replaced_by_the_next_one_up() {
    let manager = "[approval.a]\n[[approval.a.step]]\napprover = \"owner.manager\"\n";
    let deeds = [asked(), ("2026-06-02 12:00", Leave("boss")), ("2026-06-02 13:00", Say("dir", "step-1", Approve))];
    let written = [
        "task step-1/ask to boss",
        "mail step-1/ask to boss",
        "mail step-1/replaced#dir to dir",
        "step-1/ask/owner-1 to dir",
        "request_approved = true",
        "task told to rep",
        "mail told to rep",
        "step-1/ask/close",
    ];
    check(manager, &deeds, &written, "granted");
}

#[test]
fn an_edited_approval_without_the_present_step_asks_anew() {
    let step = |name: &str| steps(&format!("[[approval.a.step]]\nname = \"{name}\"\napprover = \"owner.manager\"\n"));
    let edited = format!("{}{}", super::room::RULE, step("new"));
    let deeds = [asked(), ("2026-06-02 12:00", Edit(edited)), ("2026-06-02 13:00", Say("boss", "old", Approve))];
    let written = ["task old/ask to boss", "task new/ask to boss", "old/ask/close"];
    let room = check(&step("old"), &deeds, &written, "open");
    assert_eq!((room.request().round, said(&room, What::TooLate)), (1, 1));
}

#[test]
fn an_edit_back_and_forth_asks_for_no_step_twice() {
    let step = |name: &str| format!("[[approval.a.step]]\nname = \"{name}\"\napprover = \"owner.manager\"\n");
    let both = steps(&format!("{}{}", step("one"), step("two")));
    let edit = |approval: &str| Edit(format!("{}{approval}", super::room::RULE));
    let deeds = [
        asked(),
        ("2026-06-02 12:00", edit(&steps(&step("two")))),
        ("2026-06-02 13:00", edit(&both)),
        ("2026-06-02 14:00", Say("boss", "two", Approve)),
    ];
    let written = [
        "task one/ask to boss",
        "task two/ask to boss",
        "one/ask/close",
        "request_approved = true",
        "task told to rep",
        "two/ask/close",
    ];
    check(&both, &deeds, &written, "granted");
}

#[test]
fn a_task_completed_without_an_outcome_is_asked_again_once() {
    let manager = steps("[[approval.a.step]]\napprover = \"owner.manager\"\n");
    let deeds = [
        asked(),
        ("2026-06-02 12:00", Complete("step-1/ask", None)),
        ("2026-06-02 13:00", Complete("step-1/again", None)),
    ];
    check(&manager, &deeds, &["task step-1/ask to boss", "task step-1/again to boss"], "open");
}

#[test]
fn an_approval_that_asks_by_itself_counts_the_times() {
    let own = "[approval.big]\nobject = \"opportunity\"\nwhen = \"amount > 100\"\ngranted_as = \"request_approved\"\n\
               reopens_when = [\"amount up\"]\nvia = [\"task\"]\n[[approval.big.step]]\napprover = \"owner.manager\"\n";
    let room = || Room::new("approval/big", read(own));
    // Granted before we came.
    let ticked_before = FirstRead([amount(200), ticked("request_approved", true)].concat());
    let mut first = room();
    first.act("2026-06-01 11:00", &ticked_before);
    assert_eq!((first.written.len(), first.request().state.as_str()), (0, "granted"));
    // Up after the grant: another round. Down and up again: another episode.
    let deeds = [
        ("2026-06-02 11:00", Set(amount(200))),
        ("2026-06-02 12:00", Say("boss", "step-1", Approve)),
        ("2026-06-03 11:00", Set(amount(300))),
        ("2026-06-03 11:30", Set(Vec::new())),
        ("2026-06-03 12:00", Say("boss", "step-1", Reject)),
        ("2026-06-04 11:00", Set(amount(50))),
        ("2026-06-04 12:00", Set(amount(150))),
    ];
    let written = [
        "task step-1/ask to boss",
        "request_approved = true",
        "task told to rep",
        "step-1/ask/close",
        "request_approved = false",
        "task step-1/ask to boss",
        "told/close",
        "task told to rep",
        "step-1/ask/close",
        "task step-1/ask to boss",
    ];
    let room = hear(room(), &deeds, &written, "open");
    assert_eq!((room.request().episode, room.request().round), (2, 0));
}

/// A request that was taken back and asked anew, while the close of its first task is still under way.
fn asked_anew() -> Room {
    let mut room = Room::new("r", extension(&steps("[[approval.a.step]]\napprover = \"owner.manager\"\n")));
    room.act("2026-06-01 11:00", &Set(Vec::new()));
    room.act("2026-06-02 11:00", &Set(ticked("complex", true)));
    room.settles = false;
    room.act("2026-06-02 12:00", &Set(ticked("complex", false)));
    room.act("2026-06-02 13:00", &Set(ticked("complex", true)));
    assert_eq!((room.request().round, room.request().is_open()), (1, true));
    room
}

#[test]
fn the_task_of_an_earlier_round_decides_nothing() {
    let mut room = asked_anew();
    room.act("2026-06-02 14:00", &CompleteFirst("step-1/ask", Some(Approve)));
    assert_eq!((room.request().is_open(), said(&room, What::TooLate)), (true, 1));
}

#[test]
fn our_own_close_of_an_earlier_task_is_no_answer() {
    let mut room = asked_anew();
    let written = room.written.len();
    room.act("2026-06-02 14:00", &CompleteFirst("step-1/ask", None));
    assert_eq!(room.written.len(), written, "nobody is asked again");
}

#[test]
fn what_another_request_handed_in_decides_nothing_here() {
    let native = steps("native = true\n[[approval.a.step]]\napprover = \"owner.manager\"\n");
    let written = ["task step-1/ask to boss", "handed in"];
    check(&native, &[asked(), ("2026-06-02 12:00", NativeOf("approval/b", Approve))], &written, "open");
}

#[test]
fn the_box_that_is_ticked_together_with_the_asking_is_set_back_while_the_record_is_handed_in() {
    let native = steps("native = true\n[[approval.a.step]]\napprover = \"owner.manager\"\n");
    let mut both = ticked("complex", true);
    both.extend(ticked("request_approved", true));
    let mut room = Room::new("r", extension(&native));
    room.act("2026-06-01 11:00", &Set(Vec::new()));
    room.act("2026-06-02 11:00", &Set(both));
    room.act("2026-06-02 12:00", &NativeOf("approval/b", Approve));
    assert!(room.written.contains(&"request_approved = false".to_owned()), "{:?}", room.written);
    assert!(room.request().is_open());
}

#[test]
fn one_of_all_who_leaves_and_cannot_be_replaced_is_not_waited_for() {
    let all = steps("[[approval.a.step]]\napprover = \"role:legal\"\nneed = \"all\"\n");
    let say = ("2026-06-02 12:00", Say("ann", "step-1", Approve));
    let leave = ("2026-06-02 13:00", Leave("bob"));
    let left = |room: &Room| room.request().state.as_str().to_owned();
    let mut first = Room::new("r", extension(&all));
    let mut then = Room::new("r", extension(&all));
    for room in [&mut first, &mut then] {
        room.act("2026-06-01 11:00", &Set(Vec::new()));
        room.act("2026-06-02 11:00", &Set(ticked("complex", true)));
    }
    first.act(say.0, &say.1);
    first.act(leave.0, &leave.1);
    then.act("2026-06-02 11:30", &leave.1);
    then.act(say.0, &say.1);
    assert_eq!((left(&first), left(&then)), ("granted".to_owned(), "granted".to_owned()));
}
