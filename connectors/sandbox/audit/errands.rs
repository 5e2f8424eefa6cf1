//! What else people see on a deal: who is asked, who decides, tampering, discounts and reasons.

use std::collections::HashSet;

use chrono::{DateTime, Utc};

use super::stories::{Story, StoryKind};
use super::task::Task;
use super::{Ledger, Told};
use crate::dump::VersionDump;

/// Tells it of every deal since the account is watched.
pub(super) fn tell(ledger: &Ledger<'_>, tasks: &[Task<'_>], stories: &mut Vec<Story>) {
    for (id, told) in &ledger.deals {
        let asking = tasks.iter().filter(|task| task.asks() && task.deals.first() == Some(id)).collect();
        Teller { ledger, told, asking, stories }.tell();
    }
}

struct Teller<'t, 'a> {
    ledger: &'t Ledger<'a>,
    told: &'t Told<'a>,
    asking: Vec<&'t Task<'a>>,
    stories: &'t mut Vec<Story>,
}

impl<'a> Teller<'_, 'a> {
    fn tell(mut self) {
        self.questions();
        self.decisions_in_a_field();
        self.tampering();
        self.discounts();
        self.reasons();
    }

    fn questions(&mut self) {
        let Some(way_out) = &self.ledger.rule.way_out else { return };
        let (outcome, approved) = &way_out.outcome;
        let mut asked = HashSet::new();
        for task in self.asking.clone() {
            let who = self.ledger.people.name(task.first_owner());
            let first = asked.insert((task.family(), task.first_owner()));
            let is_asked = if first { "is asked" } else { "is asked once more" };
            self.add(task.created_at(), StoryKind::Asked, format!("{who} {is_asked}: \"{}\"", task.subject()));
            let Some(done) = task.completed_by_person() else { continue };
            let granted = task.set_by_person(outcome, approved).is_some();
            let word = if granted { "approves" } else { "refuses" };
            self.add(done.at, StoryKind::Decided { granted }, format!("{who} {word} by completing the task"));
        }
    }

    fn decisions_in_a_field(&mut self) {
        let Some(way_out) = &self.ledger.rule.way_out else { return };
        let (field, approved) = &way_out.decision;
        for version in self.set_by_hand(field) {
            let Some(value) = version.value.as_deref().filter(|value| !value.is_empty()) else { continue };
            let granted = value == approved;
            self.add(version.at, StoryKind::Decided { granted }, format!("the manager enters \"{value}\" on the deal"));
        }
    }

    fn tampering(&mut self) {
        let Some(way_out) = &self.ledger.rule.way_out else { return };
        let versions = self.versions(&way_out.granted_as);
        for (index, version) in versions.iter().enumerate() {
            if !self.by_hand(version) || version.value.as_deref() != Some("true") {
                continue;
            }
            let text = "somebody ticks Request approved by hand".to_owned();
            self.add(version.at, StoryKind::Tampered, text);
            if let Some(next) = versions.get(index + 1).filter(|next| !self.by_hand(next)) {
                self.add(next.at, StoryKind::SetBack, "it is set back, for nobody has approved anything".to_owned());
            }
        }
    }

    fn discounts(&mut self) {
        let Some(discount) = &self.ledger.rule.discount else { return };
        for version in self.set_by_hand(&discount.field) {
            let Some(percent) = &version.value else { continue };
            self.add(version.at, StoryKind::Discount, format!("the rep enters a discount of {percent} %"));
        }
        for version in self.versions(&discount.granted_as) {
            if self.by_hand(version) || version.value.as_deref() != Some("true") {
                continue;
            }
            self.add(version.at, StoryKind::DiscountGranted, "Discount approved is ticked".to_owned());
        }
    }

    fn reasons(&mut self) {
        for version in self.set_by_hand(self.ledger.words.reason) {
            let Some(reason) = &version.value else { continue };
            self.add(version.at, StoryKind::ReasonGiven, format!("the rep says why it takes long: {reason}"));
        }
    }

    fn set_by_hand(&self, property: &str) -> Vec<&'a VersionDump> {
        self.versions(property).iter().filter(|version| self.by_hand(version)).collect()
    }

    fn versions(&self, property: &str) -> &'a [VersionDump] {
        self.told.deal.record.history.get(property).map_or(&[], Vec::as_slice)
    }

    fn by_hand(&self, version: &VersionDump) -> bool {
        version.source == self.ledger.words.by_hand
    }

    fn add(&mut self, at: DateTime<Utc>, kind: StoryKind, text: String) {
        if at < self.ledger.tolerance.watched_since {
            return;
        }
        let owner = self.told.deal.spells.iter().rfind(|spell| spell.from <= at).and_then(|spell| spell.owner);
        let zone = self.ledger.people.zone_at(owner, at);
        self.stories.push(Story { at, zone, deal: self.told.deal.record.id.clone(), kind, text });
    }
}
