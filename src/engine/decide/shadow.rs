//! Rules that run in shadow: everything is decided and journalled, and nothing leaves.

use dealclock_model::{
    CaseId, Effect, EffectId, Entry, Event, Outcome, People, PersonId, Receipt, RuleKey, What, Write,
};

use super::recipient::name;
use super::{Desk, Draft};
use crate::rules::Mode;

/// Says nothing of effects that went on as if they had been written: that they would have been is in the journal already.
pub(super) fn say_no_more(desk: Desk<'_>, effect: EffectId, outcome: &Outcome, out: &mut Draft) {
    let Outcome::Applied(Receipt { id: None, .. }) = outcome else { return };
    out.journal.retain(|entry| {
        let in_shadow = entry.rule.as_ref().is_some_and(|rule| is_on_trial(desk, rule));
        entry.what != What::Applied || entry.effect != Some(effect) || !in_shadow
    });
}

/// Keeps back the effects of rules that run in shadow: the journal tells what would have been written, and the case goes on
/// as if it had been. Facts tell that they are of a trial.
pub(super) fn keep_back(desk: Desk<'_>, case: &CaseId, out: &mut Draft) {
    for fact in &mut out.facts {
        fact.in_shadow = fact.rule.as_ref().is_some_and(|rule| is_on_trial(desk, rule));
    }
    let (kept, leaving) =
        std::mem::take(&mut out.effects).into_iter().partition(|effect| is_on_trial(desk, &effect.rule));
    out.effects = leaving;
    for effect in Vec::from_iter::<Vec<Effect>>(kept) {
        out.journal.push(Entry {
            at: desk.now,
            rule: Some(effect.rule),
            episode: effect.id.episode(),
            step: Some(effect.step),
            effect: Some(effect.id),
            what: What::Shadowed,
            why: format!("would have {}; the rule runs in shadow", deed(desk.people, &effect.write)),
        });
        let outcome = Outcome::Applied(Receipt { id: None, found: false, kept: Vec::new() });
        out.posts.push((case.clone(), Event::Settled { effect: effect.id, outcome }));
    }
}

/// Whether a rule runs in shadow now.
pub(super) fn is_on_trial(desk: Desk<'_>, rule: &RuleKey) -> bool {
    desk.rules.by_key.get(rule).is_some_and(|rule| rule.mode == Mode::Shadow)
}

fn deed(people: &People, write: &Write) -> String {
    let to = |person: &PersonId| name(people, person).to_owned();
    match write {
        Write::CreateTask(task) => format!("written a task to {}", to(&task.owner)),
        Write::UpdateTask(_) => "changed a task".to_owned(),
        Write::UpdateRecord(update) => {
            let fields: Vec<_> = update.set.keys().map(|field| format!("`{field}`")).collect();
            format!("set {} of the record", fields.join(", "))
        }
        Write::SendEmail(mail) | Write::SendCrmEmail(mail) => format!("sent a mail to {}", to(&mail.to)),
        Write::SubmitApproval(_) => "handed the record in at the CRM's own approval process".to_owned(),
        Write::Notify(notice) => format!("shown a notice to {}", to(&notice.to)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::decide::bench::{Bench, rules};

    #[test]
    fn a_rule_in_shadow_goes_on_as_if_it_had_written_and_writes_nothing() {
        let mut bench = Bench::new(rules("5d", &["1d", "4d"], "mode = \"shadow\"", "grants = \"10d\""));
        bench.change("2026-06-01 11:00", false, false);
        bench.due("2026-06-02 09:00");
        bench.due("2026-06-05 09:00");
        bench.due("2026-06-07 00:00");
        assert!(bench.effects.is_empty());
        let said = |word| bench.words.iter().filter(|what| **what == word).count();
        assert_eq!((said(What::Shadowed), said(What::Applied)), (2, 0));
        assert!(!bench.facts.is_empty() && bench.facts.iter().all(|fact| fact.in_shadow || fact.rule.is_none()));
        assert!(bench.clock().unsettled.is_empty() && bench.clock().tasks.is_empty());
        // The reminders count as having reached the owner.
        assert!(bench.clock().violation.as_ref().unwrap().enforceable);
    }
}
