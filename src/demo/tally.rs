//! What the daemon did on each connection, counted from the facts in its store.

use std::collections::BTreeMap;

use dealclock_daemon::cli::Failure;
use dealclock_daemon::config::Loaded;
use dealclock_daemon::launch::open_store;
use dealclock_model::fact::Happened;
use dealclock_model::{Fact, RequestState, RuleKey};
use serde_json::{Map, Value, json};

/// How many facts are read at once.
const PAGE: usize = 500;

/// What happened on one connection.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Tally {
    /// Requests for more time, and discounts, that were granted.
    pub requests_granted: u64,
    /// Those that were refused, or that nobody decided in time.
    pub requests_refused: u64,
    /// Those that the rep took back before a decision.
    pub requests_withdrawn: u64,
    /// Those of the granted that were discounts; the others were requests for more time.
    pub discounts_granted: u64,
    /// Discounts that passed two steps.
    pub discounts_two_step: u64,
    /// Grants that somebody ticked by hand, and that were set back.
    pub tampering_reverted: u64,
    /// Reasons that reps gave.
    pub reasons_given: u64,
    /// Digests that managers got.
    pub digests_sent: u64,
    /// Reports that were made and delivered.
    pub reports_made: u64,
}

impl Tally {
    /// Counts a fact.
    fn count(&mut self, fact: &Fact) {
        match &fact.what {
            Happened::RequestClosed { state: RequestState::Granted, steps, .. } => {
                self.requests_granted += 1;
                self.discounts_granted += u64::from(fact.rule.as_ref().is_some_and(asks_by_itself));
                self.discounts_two_step += u64::from(*steps == 2);
            }
            Happened::RequestClosed { state: RequestState::Refused | RequestState::TimedOut, .. } => {
                self.requests_refused += 1;
            }
            Happened::RequestClosed { state: RequestState::Withdrawn, .. } => self.requests_withdrawn += 1,
            Happened::Tampered => self.tampering_reverted += 1,
            Happened::ReasonGiven(_) => self.reasons_given += 1,
            Happened::DigestSent => self.digests_sent += 1,
            Happened::ReportMade => self.reports_made += 1,
            Happened::RequestClosed {
                state: RequestState::Open | RequestState::NotNeeded | RequestState::TakenBack,
                ..
            }
            | Happened::Started { .. }
            | Happened::Met { .. }
            | Happened::MetLate { .. }
            | Happened::Violated { .. }
            | Happened::Withdrawn
            | Happened::Void
            | Happened::Requested { .. }
            | Happened::StepDecided { .. }
            | Happened::ComplexLate
            | Happened::LoweredUnder { .. }
            | Happened::Wiggled
            | Happened::Held(_) => {}
        }
    }

    /// Requests for more time that were granted.
    pub fn requests_for_time_granted(&self) -> u64 {
        self.requests_granted.saturating_sub(self.discounts_granted)
    }

    /// The counts by their names in the JSON document.
    pub fn document(&self) -> Map<String, Value> {
        let names = [
            ("requests_granted", self.requests_granted),
            ("requests_for_time_granted", self.requests_for_time_granted()),
            ("discounts_granted", self.discounts_granted),
            ("requests_refused", self.requests_refused),
            ("requests_withdrawn", self.requests_withdrawn),
            ("discounts_two_step", self.discounts_two_step),
            ("tampering_reverted", self.tampering_reverted),
            ("reasons_given", self.reasons_given),
            ("digests_sent", self.digests_sent),
            ("reports_made", self.reports_made),
        ];
        names.into_iter().map(|(name, count)| (name.to_owned(), json!(count))).collect()
    }
}

/// Whether requests under this key are those of an approval that asks by its own condition; no rule has such a key.
fn asks_by_itself(key: &RuleKey) -> bool {
    key.as_str().starts_with("approval/")
}

/// Counts the facts of each connection, by its name.
pub fn count(loaded: &Loaded) -> Result<BTreeMap<String, Tally>, Failure> {
    let store = open_store(&loaded.config)?;
    let mut tallies = BTreeMap::new();
    for connection in loaded.config.connections.keys() {
        let tally: &mut Tally = tallies.entry(connection.to_string()).or_default();
        let mut after = None;
        loop {
            let facts = store.facts(connection, after, None, PAGE)?;
            facts.iter().for_each(|(_, _, fact)| tally.count(fact));
            let Some((place, _, _)) = facts.last() else { break };
            after = Some(*place);
        }
    }
    Ok(tallies)
}

#[cfg(test)]
mod tests {
    use dealclock_model::Instant;

    use super::*;

    #[test]
    fn a_discount_is_told_from_a_request_for_more_time() {
        let granted = |rule: &str, steps| Fact {
            at: Instant::UNIX_EPOCH,
            owner: None,
            rule: Some(rule.into()),
            episode: 1,
            in_shadow: false,
            what: Happened::RequestClosed { state: RequestState::Granted, way: None, by: None, waited_secs: 1, steps },
        };
        let mut tally = Tally::default();
        for fact in [granted("proposal", 1), granted("approval/discount", 1), granted("approval/discount", 2)] {
            tally.count(&fact);
        }
        let document = Value::Object(tally.document());
        let told = ["requests_granted", "requests_for_time_granted", "discounts_granted", "discounts_two_step"];
        assert_eq!(told.map(|name| document[name].as_u64()), [Some(3), Some(1), Some(2), Some(1)]);
    }
}
