//! Who takes the place of an approver who left or is away.

use std::collections::BTreeSet;

use dealclock_model::case::TaskMemo;
use dealclock_model::effect::TaskStatus;
use dealclock_model::request::{Approver, StepProgress};
use dealclock_model::time::DateRange;
use dealclock_model::{Instant, PersonId, Request, Ruling, StepName, Way, What};

use super::steps::{all_agreed, is_about};
use super::{Hearing, Word, is_of};
use crate::decide::Draft;
use crate::decide::recipient::{Standing, standing};
use crate::rules::{ApprovalStep, Required};
use crate::time::{local_date, resolve};

impl Hearing<'_> {
    /// People changed: an approver who left is replaced, and the deputy of one who is away acts for them.
    pub(in crate::decide) fn follow_people(&self, request: &mut Request, out: &mut Draft) {
        if request.is_open() {
            self.replace_leavers(request, out);
        }
        if request.is_open() {
            self.bring_deputies_in(request, out);
        }
    }

    /// The deputies of approvers who have said nothing, and whose absence began while they were asked.
    pub(super) fn bring_deputies_in(&self, request: &mut Request, out: &mut Draft) {
        // One at a time: two who are away may have the same deputy.
        while let Some((left, deputy)) = self.next_absent(request) {
            let next = Approver { person: deputy, acts_for: Some(left.person.clone()), ..left.clone() };
            self.replace(request, &left, next, out);
        }
    }

    fn next_absent(&self, request: &Request) -> Option<(Approver, PersonId)> {
        let step = request.steps.last()?;
        let away = |approver: &&Approver| self.leaves_at(request, step, approver).is_some_and(|at| at <= self.desk.now);
        let left = step.approvers.iter().find(away)?;
        Some((left.clone(), self.desk.people.get(&left.person)?.deputy.clone()?))
    }

    /// When the next deputy comes in: on the first day of an absence, at the send time.
    pub(super) fn deputy_at(&self, request: &Request) -> Option<Instant> {
        let step = request.steps.last()?;
        step.approvers.iter().filter_map(|approver| self.leaves_at(request, step, approver)).min()
    }

    /// When an approver who was asked is away, today or later, with a deputy who may decide and was not asked.
    fn leaves_at(&self, request: &Request, step: &StepProgress, approver: &Approver) -> Option<Instant> {
        let people = self.desk.people;
        let known = people.get(&approver.person)?;
        let deputy = known.deputy.as_ref().filter(|_| approver.ruling.is_none() && approver.acts_for.is_none())?;
        let asked = step.approvers.iter().any(|other| other.person == *deputy);
        if asked || !self.may_decide(deputy, request) {
            return None;
        }
        let zone = people.zone_of(Some(&approver.person));
        let today = local_date(self.desk.now, zone);
        let begins = |days: &DateRange| resolve(days.from, people.profile.send_time, zone).max(step.since);
        known.absences.iter().filter(|days| today <= days.to).map(begins).min()
    }

    fn replace_leavers(&self, request: &mut Request, out: &mut Draft) {
        let (Some(plan), Some(step)) = (self.step(request), request.steps.last()) else { return };
        let gone = |approver: &Approver| {
            approver.ruling.is_none() && standing(self.desk.people, &approver.person) == Standing::Inactive
        };
        let leavers: Vec<Approver> = step.approvers.iter().filter(|approver| gone(approver)).cloned().collect();
        for left in leavers {
            let Some(step) = request.steps.last() else { return };
            let asked: BTreeSet<&PersonId> = step.approvers.iter().map(|approver| &approver.person).collect();
            let whos = plan.approvers.iter().chain(plan.escalate.as_ref().map(|escalate| &escalate.to));
            let who = whos.into_iter().find(|who| is_of(&left.slot, who));
            let found = who.map(|who| self.approvers(std::slice::from_ref(who), request)).unwrap_or_default();
            match found.into_iter().find(|next| !asked.contains(&next.person)) {
                Some(next) => self.replace(request, &left, next, out),
                None if step.approvers.len() > 1 => self.let_go(request, plan, &left, out),
                // Somebody may still come back; else the time-out decides.
                None => {}
            }
            if !request.is_open() || request.steps.last().is_none_or(|step| step.name != plan.name) {
                return;
            }
        }
    }

    /// Somebody takes the place of an approver who left, and their tasks.
    fn replace(&self, request: &mut Request, left: &Approver, next: Approver, out: &mut Draft) {
        let Some(step) = request.steps.last_mut() else { return };
        let Some(place) = step.approvers.iter().position(|known| known.person == left.person) else { return };
        let (name, person) = (step.name.clone(), next.person.clone());
        step.approvers[place] = Approver { slot: left.slot.clone(), ..next };
        let why = format!("the open request goes from {} to {}", self.name(&left.person), self.name(&person));
        self.say(request, Some(&name), What::HandedOver, why, out);
        for task in tasks_of(request, left, &name) {
            task.want.owner = Some(person.clone());
        }
        self.mail_again(request, place, out);
    }

    /// An approver left whom nobody replaces: the others decide without them, at once when all of them have agreed.
    fn let_go(&self, request: &mut Request, plan: &ApprovalStep, left: &Approver, out: &mut Draft) {
        let Some(step) = request.steps.last_mut() else { return };
        let name = step.name.clone();
        step.approvers.retain(|known| known.person != left.person);
        let agreed = plan.need == Required::All && all_agreed(plan, step);
        let last = step.approvers.iter().rev().find(|known| known.ruling.is_some()).map(|known| known.person.clone());
        for task in tasks_of(request, left, &name) {
            task.want.status = Some(TaskStatus::Done);
        }
        let why = format!("{} has left, and the others decide", self.name(&left.person));
        self.say(request, Some(&name), What::Rerouted, why, out);
        if agreed {
            let word = Word { by: last.as_ref(), way: Way::Desk, comment: None };
            self.decide_step(request, Ruling::Approve, word, out);
        }
    }
}

/// The tasks by which an approver of a step was asked.
fn tasks_of<'r>(
    request: &'r mut Request,
    approver: &'r Approver,
    step: &'r StepName,
) -> impl Iterator<Item = &'r mut TaskMemo> {
    let tasks = request.tasks.values_mut();
    tasks.filter(|task| task.sending.slot == approver.slot && is_about(task.sending.step.as_str(), step.as_str()))
}
