//! Checkboxes that requests of several rules share: what one of them clears, another may still need.

use std::collections::BTreeMap;

use dealclock_model::case::Clock;
use dealclock_model::{Effect, EffectId, Entry, FieldName, Record, RecordRef, Request, RequestState, RuleKey, Value};
use dealclock_model::{What, Write};

use super::{Cause, Hearing};
use crate::decide::{Desk, Draft};

/// The requests of a record, with what they were asked about.
pub(in crate::decide) struct Beside<'a> {
    pub(in crate::decide) desk: Desk<'a>,
    pub(in crate::decide) id: &'a RecordRef,
    pub(in crate::decide) record: &'a Record,
    pub(in crate::decide) clocks: &'a BTreeMap<RuleKey, Clock>,
}

impl Beside<'_> {
    /// Leaves boxes ticked that were to be cleared for one request while another one asks or was granted by them; the last
    /// word of every sitting, when it is known how each of them stands.
    pub(in crate::decide) fn keep_boxes(&self, requests: &mut BTreeMap<RuleKey, Request>, out: &mut Draft) {
        let cleared: Vec<(EffectId, FieldName)> =
            out.effects.iter().filter_map(|effect| Some((effect.id, self.cleared(effect, requests)?))).collect();
        for (id, field) in cleared {
            let Some(place) = out.effects.iter().position(|effect| effect.id == id) else { continue };
            let Effect { rule, step, decided_at, .. } = out.effects.remove(place);
            let Some(request) = requests.get_mut(&rule) else { continue };
            request.pending.remove(&id);
            out.journal.retain(|entry| {
                entry.what != What::FieldSet || entry.step.as_ref() != Some(&step) || entry.rule.as_ref() != Some(&rule)
            });
            out.journal.push(Entry {
                at: decided_at,
                rule: Some(rule),
                episode: request.episode,
                step: Some(step),
                effect: None,
                what: What::LeftAlone,
                why: format!("`{field}` stays ticked: another request on the record goes by it"),
            });
        }
    }

    /// The box that an effect of a request clears, where another request still goes by it.
    fn cleared(&self, effect: &Effect, requests: &BTreeMap<RuleKey, Request>) -> Option<FieldName> {
        let Write::UpdateRecord(update) = &effect.write else { return None };
        let of_request = requests.get(&effect.rule).is_some_and(|request| request.pending.contains_key(&effect.id));
        let (field, value) = update.set.first_key_value()?;
        let others = || requests.iter().filter(|(key, _)| **key != effect.rule);
        let kept =
            of_request && value == &Value::Bool(false) && others().any(|(key, other)| self.goes_by(key, other, field));
        kept.then(|| field.clone())
    }

    /// Whether a request asks, or was granted what still holds, by a checkbox.
    fn goes_by(&self, key: &RuleKey, request: &Request, field: &FieldName) -> bool {
        let Some(hearing) = Hearing::of_key(self.desk, self.id, self.record, key) else { return false };
        let (asks, holds) = match hearing.cause {
            Cause::Extension(extension) => {
                let clock = self.clocks.get(key).filter(|clock| clock.episode == request.episode);
                (extension.requested_by == *field, clock.is_some_and(|clock| clock.state.is_live()))
            }
            Cause::Condition(_) => (false, !request.lapsed),
        };
        let grants = hearing.granted_as() == Some(field);
        match request.state {
            RequestState::Open => asks,
            RequestState::Granted => holds && (asks || grants),
            RequestState::Refused
            | RequestState::TimedOut
            | RequestState::Withdrawn
            | RequestState::NotNeeded
            | RequestState::TakenBack => false,
        }
    }
}
