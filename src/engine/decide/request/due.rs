//! What a request does by itself: it reminds, goes further up, and ends when nobody decides.

use chrono::Duration;
use dealclock_model::request::StepProgress;
use dealclock_model::{Instant, Request, Ruling, Span, Way, What};

use super::steps::is_about;
use super::{Hearing, Word};
use crate::decide::Draft;
use crate::rules::ApprovalStep;
use crate::time::{Allowed, Reckoning, Workdays};

impl Hearing<'_> {
    /// Reminds, escalates and times out what has fallen due.
    pub(in crate::decide) fn come_due(&self, request: &mut Request, as_of: Instant, out: &mut Draft) {
        let now = self.desk.now;
        if !request.is_open() {
            return;
        }
        let Some(plan) = self.step(request) else { return };
        let timeout = self.timeout_at(request);
        if timeout <= now {
            if timeout <= as_of {
                self.time_out(request, plan.timeout.outcome, out);
            }
            return;
        }
        // Whoever is away is not reminded: their deputy is asked.
        self.bring_deputies_in(request, out);
        let Some(step) = request.steps.last() else { return };
        let escalates = self.escalates_at(plan, step).is_some_and(|at| at <= now);
        let fallen = plan.remind.iter().filter(|span| self.reminds_at(step, **span) <= now).count();
        let fallen = u32::try_from(fallen).unwrap_or(u32::MAX);
        if fallen > step.reminded {
            self.remind(request, fallen, out);
        }
        // Whoever joins now is asked, not reminded as well.
        if escalates {
            self.escalate(request, plan, out);
        }
    }

    /// When the request next does something by itself.
    pub(in crate::decide) fn next_at(&self, request: &Request) -> Option<Instant> {
        if !request.is_open() {
            return None;
        }
        let (plan, step) = (self.step(request)?, request.steps.last()?);
        let reminder = plan.remind.iter().map(|span| self.reminds_at(step, *span)).nth(step.reminded as usize);
        let ahead = [reminder, self.escalates_at(plan, step), self.deputy_at(request)];
        ahead.into_iter().flatten().chain([self.timeout_at(request)]).min()
    }

    /// When the present step is decided by itself; a link ends then, too.
    pub(in crate::decide) fn timeout_at(&self, request: &Request) -> Instant {
        match (self.step(request), request.steps.last()) {
            (Some(plan), Some(step)) => self.after(step, plan.timeout.after),
            _ => self.desk.now,
        }
    }

    /// So long after a step began, in the zone of whoever is asked first: whole days at the send time.
    fn after(&self, step: &StepProgress, span: Span) -> Instant {
        let people = self.desk.people;
        let zone = people.zone_of(step.approvers.first().map(|approver| &approver.person));
        let calendar = self.approval.calendar.as_ref().and_then(|name| self.desk.calendars.by_name.get(name));
        let office = calendar.map(|calendar| Workdays::of(calendar, &people.profile)).unwrap_or_default();
        let reckoning = Reckoning { zone, office, days: Workdays::default() };
        reckoning.nominal(step.since, span, people.profile.send_time, zone)
    }

    /// Reminders come outside quiet hours, and within the hours of whoever is asked.
    fn reminds_at(&self, step: &StepProgress, span: Span) -> Instant {
        let people = self.desk.people;
        let first = step.approvers.first().map(|approver| &approver.person);
        let hours = first.and_then(|person| people.get(person)).and_then(|person| person.hours.as_ref());
        let zone = people.zone_of(first);
        let allowed =
            Allowed { zone, working: Workdays { hours, ..Workdays::default() }, quiet: people.profile.quiet_hours };
        let nominal = self.after(step, span);
        allowed.move_to(nominal, step.since, nominal + Duration::days(7))
    }

    fn escalates_at(&self, plan: &ApprovalStep, step: &StepProgress) -> Option<Instant> {
        let escalation = plan.escalate.as_ref().filter(|_| !step.escalated)?;
        Some(self.after(step, escalation.after))
    }

    fn time_out(&self, request: &mut Request, outcome: Ruling, out: &mut Draft) {
        self.decide_step(request, outcome, Word::of_nobody(Way::Timeout), out);
    }

    /// The next one up is asked as well, and may decide alone.
    fn escalate(&self, request: &mut Request, plan: &ApprovalStep, out: &mut Draft) {
        let Some(escalation) = &plan.escalate else { return };
        let found = self.approvers(std::slice::from_ref(&escalation.to), request);
        let Some(step) = request.steps.last_mut() else { return };
        step.escalated = true;
        let (mut joined, mut renamed) = (Vec::new(), Vec::new());
        for approver in found {
            // Whoever was asked before under another name keeps the one word that they have.
            match step.approvers.iter_mut().find(|known| known.person == approver.person) {
                Some(known) if known.ruling.is_none() => {
                    let before = std::mem::replace(&mut known.slot, approver.slot);
                    renamed.push((before, known.slot.clone()));
                }
                Some(_) => {}
                None => {
                    joined.push(approver.clone());
                    step.approvers.push(approver);
                }
            }
        }
        let name = step.name.clone();
        for (before, since) in renamed {
            let tasks = request.tasks.values_mut().filter(|task| task.sending.slot == before);
            tasks.filter(|task| is_about(task.sending.step.as_str(), name.as_str())).for_each(|task| {
                task.sending.slot.clone_from(&since);
            });
        }
        let who: Vec<&str> = joined.iter().map(|approver| self.name(&approver.person)).collect();
        let why = match who.is_empty() {
            true => "it waits for too long; nobody further up can be asked".to_owned(),
            false => format!("it waits for too long; {} may decide it alone", who.join(", ")),
        };
        self.say(request, Some(&name), What::Escalated, why, out);
        for approver in joined {
            self.ask_one(request, &approver, "escalate", &self.approval.via, out);
        }
    }

    /// Reminds everybody who has said nothing; the reminder's task takes the place of the earlier one.
    fn remind(&self, request: &mut Request, number: u32, out: &mut Draft) {
        let Some(step) = request.steps.last_mut() else { return };
        step.reminded = number;
        let name = step.name.clone();
        let silent: Vec<_> = step.approvers.iter().filter(|approver| approver.ruling.is_none()).cloned().collect();
        let occasion = format!("remind-{number}");
        for approver in silent {
            let earlier: Vec<_> = request
                .tasks
                .iter()
                .filter(|(_, task)| task.sending.slot == approver.slot)
                .filter(|(_, task)| is_about(task.sending.step.as_str(), name.as_str()))
                .map(|(effect, _)| *effect)
                .collect();
            self.give_up(request, &earlier, out);
            self.ask_one(request, &approver, &occasion, &self.approval.via, out);
        }
    }
}
