//! The steps of a request: who is asked, what each of them says, and what the step comes to.

use std::collections::BTreeSet;

use dealclock_model::effect::TaskStatus;
use dealclock_model::request::{Approver, StepProgress};
use dealclock_model::{Happened, PersonId, Request, Ruling, SlotName, StepName, Way, What};

use super::open::close_tasks;
use super::{Hearing, Word, is_of};
use crate::decide::Draft;
use crate::decide::recipient::{Standing, fallback, holder, manager, name, standing};
use crate::rules::{ApprovalStep, Required, Slot, Who};
use crate::time::local_date;

impl<'a> Hearing<'a> {
    /// The step that is being decided.
    pub(super) fn step(&self, request: &Request) -> Option<&'a ApprovalStep> {
        let name = &request.steps.last()?.name;
        self.approval.steps.iter().find(|step| step.name == *name)
    }

    /// Begins the first step at or behind a place whose condition holds; without one, the request is granted.
    ///
    /// `last` is who approved the step before, and how.
    pub(super) fn begin_step(&self, request: &mut Request, from: usize, last: Option<Word<'_>>, out: &mut Draft) {
        let row = self.row();
        let begun: BTreeSet<StepName> = request.steps.iter().map(|step| step.name.clone()).collect();
        for (place, step) in self.approval.steps.iter().enumerate().skip(from) {
            // An edited approval may list a step again that was passed already.
            if begun.contains(&step.name) {
                continue;
            }
            if step.when.as_ref().is_some_and(|when| !when.eval(&row).holds()) {
                let why = format!("`{}` is passed over: its condition does not hold", step.name);
                self.say(request, None, What::NotApplicable, why, out);
                continue;
            }
            let approvers = self.approvers(&step.approvers, request);
            request.step = u32::try_from(place).unwrap_or(u32::MAX);
            request.steps.push(StepProgress {
                name: step.name.clone(),
                since: self.desk.now,
                until: None,
                approvers,
                reminded: 0,
                escalated: false,
            });
            self.ask(request, "ask", out);
            return;
        }
        // Where every step is passed over, nobody decides; the approval as the desk has it grants.
        self.conclude(request, Ruling::Approve, last.unwrap_or(Word::of_nobody(Way::Desk)), out);
    }

    /// Whoever is to be asked, each once: nobody decides their own request.
    pub(super) fn approvers(&self, list: &[Who], request: &Request) -> Vec<Approver> {
        let mut known = BTreeSet::new();
        let mut approvers = Vec::new();
        for (slot, person) in list.iter().flat_map(|who| self.holders(who, request)) {
            let approver = self.delegate(slot, person, request);
            if known.insert(approver.person.clone()) {
                approvers.push(approver);
            }
        }
        approvers
    }

    /// Who is meant by a role now, each with the slot that their effects are named by.
    fn holders(&self, who: &Who, request: &Request) -> Vec<(SlotName, PersonId)> {
        let people = self.desk.people;
        match who {
            Who::Slot(slot) => {
                let found = self.superior(*slot, request);
                found.map(|person| (SlotName::from(who.name()), person)).into_iter().collect()
            }
            Who::Role(role) => {
                let holders = people.profile.roles.get(role).map(Vec::as_slice).unwrap_or_default();
                let fit = |person: &&PersonId| self.may_decide(person, request);
                let mut found: Vec<_> = holders
                    .iter()
                    .filter(fit)
                    .map(|person| (SlotName::from(format!("{}#{person}", who.name())), person.clone()))
                    .collect();
                if found.is_empty() {
                    // The only holder asked: it goes one level up, as everywhere.
                    let own = request.requester.as_ref().is_some_and(|requester| holders.contains(requester));
                    let instead = if own { self.superior(Slot::Manager, request) } else { self.last_resort(request) };
                    found.extend(instead.map(|person| (SlotName::from(who.name()), person)));
                }
                found
            }
        }
    }

    /// The holder of a place above the requester; past the inactive and the requester themselves one level up, and at the
    /// end of the chain, or in a circle, the fallback recipient.
    fn superior(&self, slot: Slot, request: &Request) -> Option<PersonId> {
        let people = self.desk.people;
        let base = request.requester.as_ref();
        let mut next = match slot {
            Slot::Owner => base.and_then(|base| manager(people, base)),
            Slot::Manager | Slot::ManagersManager => holder(people, base, slot),
        };
        let below = base.into_iter().cloned().chain(base.and_then(|base| match slot {
            Slot::ManagersManager => manager(people, base),
            Slot::Owner | Slot::Manager => None,
        }));
        let mut passed: BTreeSet<PersonId> = below.collect();
        while let Some(person) = next {
            if !passed.contains(&person) && self.may_decide(&person, request) {
                return Some(person);
            }
            next = manager(people, &person).filter(|next| !passed.contains(next));
            passed.insert(person);
        }
        self.last_resort(request)
    }

    fn last_resort(&self, request: &Request) -> Option<PersonId> {
        let found = fallback(self.desk.people, "nobody else can be asked")?.person;
        Some(found).filter(|person| Some(person) != request.requester.as_ref())
    }

    /// Whether a person can be asked: not about their own request, and not when they have left.
    pub(super) fn may_decide(&self, person: &PersonId, request: &Request) -> bool {
        request.requester.as_ref() != Some(person) && standing(self.desk.people, person) != Standing::Inactive
    }

    /// The deputy of somebody who is away today, who acts for them.
    fn delegate(&self, slot: SlotName, person: PersonId, request: &Request) -> Approver {
        let people = self.desk.people;
        let today = local_date(self.desk.now, people.zone_of(Some(&person)));
        let away = people.get(&person).filter(|known| known.absences.iter().any(|days| days.contains(today)));
        let deputy = away.and_then(|known| known.deputy.clone()).filter(|deputy| self.may_decide(deputy, request));
        match deputy {
            Some(deputy) => Approver { slot, person: deputy, acts_for: Some(person), ruling: None },
            None => Approver { slot, person, acts_for: None, ruling: None },
        }
    }

    /// One of the approvers says something; decides the step when that is enough.
    pub(super) fn vote(&self, request: &mut Request, place: usize, ruling: Ruling, word: Word<'_>, out: &mut Draft) {
        let Some(plan) = self.step(request) else { return };
        let Some(step) = request.steps.last_mut() else { return };
        let Some(approver) = step.approvers.get_mut(place) else { return };
        approver.ruling = Some(ruling);
        let slot = approver.slot.clone();
        let decided = match (ruling, plan.need) {
            (Ruling::Reject, _) | (Ruling::Approve, Required::Any) => true,
            (Ruling::Approve, Required::All) => decides_alone(plan, step, &slot) || all_agreed(plan, step),
        };
        if decided {
            self.decide_step(request, ruling, word, out);
            return;
        }
        let name = plan.name.clone();
        for task in request.tasks.values_mut() {
            if task.sending.slot == slot && is_about(task.sending.step.as_str(), name.as_str()) {
                task.want.status = Some(TaskStatus::Done);
            }
        }
        let who = word.by.map_or("somebody", |person| self.name(person));
        self.say(request, Some(&name), What::Voted, format!("{who} approved; others have still to"), out);
    }

    /// The present step is decided: a refusal refuses the request, an approval begins the next step.
    pub(super) fn decide_step(&self, request: &mut Request, ruling: Ruling, word: Word<'_>, out: &mut Draft) {
        let now = self.desk.now;
        let Some(step) = request.steps.last_mut() else { return };
        step.until = Some(now);
        let (name, took_secs) = (step.name.clone(), (now - step.since).num_seconds().max(0));
        if word.way != Way::Timeout {
            self.note(request, now, Happened::StepDecided { by: word.by.cloned(), took_secs }, out);
        }
        if ruling == Ruling::Reject {
            self.conclude(request, ruling, word, out);
            return;
        }
        let next = request.step as usize + 1;
        let row = self.row();
        let begun = |step: &&ApprovalStep| request.steps.iter().any(|known| known.name == step.name);
        let mut more = self.approval.steps.iter().skip(next).filter(|step| !begun(step));
        if more.any(|step| step.when.as_ref().is_none_or(|when| when.eval(&row).holds())) {
            let who = word.by.map_or("nobody known", |person| self.name(person));
            self.say(request, Some(&name), What::Voted, format!("{who} approved; the next step is asked"), out);
            self.tell_over(request, word.by, out);
        }
        self.begin_step(request, next, Some(word), out);
    }

    /// The approval was edited: an open request goes on under it, at the step of the same name.
    pub(in crate::decide) fn follow_approval(&self, request: &mut Request, out: &mut Draft) {
        request.approval_version = self.approval.version;
        request.approval = self.approval.key.clone();
        if !request.is_open() {
            return;
        }
        let present = request.steps.last().map(|step| &step.name);
        if let Some(place) = self.approval.steps.iter().position(|step| Some(&step.name) == present) {
            request.step = u32::try_from(place).unwrap_or(u32::MAX);
            return;
        }
        let why = "its step is no longer in the approval; it is asked anew from the first";
        self.say(request, None, What::Replanned, why.to_owned(), out);
        close_tasks(request, |_| true);
        self.take_back_unsent(request, out);
        request.round = request.round.saturating_add(1);
        request.steps.clear();
        self.begin_step(request, 0, None, out);
    }

    pub(super) fn name<'p>(&'p self, person: &'p PersonId) -> &'p str {
        name(self.desk.people, person)
    }
}

/// Whether a slot is one that an escalation gave: the word of its holder is enough.
fn decides_alone(plan: &ApprovalStep, step: &StepProgress, slot: &SlotName) -> bool {
    step.escalated && plan.escalate.as_ref().is_some_and(|escalate| is_of(slot, &escalate.to))
}

/// Whether everybody agreed whose word is needed; nobody at all has not.
pub(super) fn all_agreed(plan: &ApprovalStep, step: &StepProgress) -> bool {
    let mut needed = step.approvers.iter().filter(|known| !decides_alone(plan, step, &known.slot)).peekable();
    needed.peek().is_some() && needed.all(|known| known.ruling == Some(Ruling::Approve))
}

/// Whether a task's step belongs to a step of the approval: `manager/ask` to `manager`.
pub(super) fn is_about(task: &str, step: &str) -> bool {
    task.strip_prefix(step).is_some_and(|rest| rest.starts_with('/'))
}
