//! Scripted faults: what goes wrong with a call, and with which calls.

use rand::rngs::SmallRng;
use rand::{Rng, SeedableRng};
use serde::{Deserialize, Serialize};

/// A fault and the calls that it befalls.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct FaultRule {
    /// The method; any where there is none.
    #[serde(default)]
    pub method: Option<String>,
    /// What the path begins with, as it was called (`/crm/objects/2026-09/deals/4`) or as it is counted
    /// (`/crm/objects/deals/{id}`); any where there is none.
    #[serde(default)]
    pub path: Option<String>,
    /// Which of the calls that fit.
    #[serde(default)]
    pub when: When,
    /// How often at most; without end where there is none.
    #[serde(default)]
    pub times: Option<u32>,
    /// What goes wrong.
    pub fault: Fault,
}

impl FaultRule {
    /// A fault that befalls every call to a path.
    pub fn always(path: impl Into<String>, fault: Fault) -> FaultRule {
        FaultRule { method: None, path: Some(path.into()), when: When::Always, times: None, fault }
    }

    /// A fault that befalls the next call to a path, and no further one.
    pub fn once(path: impl Into<String>, fault: Fault) -> FaultRule {
        FaultRule { times: Some(1), ..FaultRule::always(path, fault) }
    }
}

/// Which of the calls that fit a rule.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum When {
    /// All of them.
    #[default]
    Always,
    /// The one with this number, counted from 1.
    Nth(u64),
    /// Those whose number can be divided by this.
    Every(u64),
    /// Each with this chance, from 0 to 1, decided by the sandbox's seed.
    Chance(f64),
}

/// What goes wrong with a call.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum Fault {
    /// The connection breaks without an answer.
    Drop {
        /// Whether the call is carried out nevertheless.
        #[serde(default)]
        applied: bool,
    },
    /// The server never answers; a direct call sees the connection break at once.
    Hang {
        /// Whether the call is carried out nevertheless.
        #[serde(default)]
        applied: bool,
    },
    /// Another status than the right one.
    Status {
        /// The status.
        code: u16,
        /// The header of that name, sensible or not.
        #[serde(default)]
        retry_after: Option<String>,
        /// Whether the call is carried out nevertheless.
        #[serde(default)]
        applied: bool,
    },
    /// The status 200 with a page for people.
    Html {
        /// Whether the call is carried out nevertheless.
        #[serde(default)]
        applied: bool,
    },
    /// A redirection, which no caller with credentials should follow.
    Redirect {
        /// Where to.
        location: String,
    },
    /// The call is carried out; the second half of the answer is missing.
    Truncate,
    /// Of the inputs of a batch, those whose number can be divided by this fail, the others are carried out.
    Partial {
        /// The divisor; 1 fails all.
        every: usize,
    },
    /// The results of a batch come in the reverse order, where they say what they are the results of.
    Reorder,
    /// The last results of a batch are missing, though they were carried out.
    Missing {
        /// How many.
        results: usize,
    },
    /// The server sends the answer byte by byte; a direct call gets it whole.
    Drip {
        /// The pause after each byte, in milliseconds.
        pause_millis: u64,
    },
}

/// The rules in force, with how often each was met.
#[derive(Debug)]
pub(crate) struct Faults {
    rules: Vec<(FaultRule, Counts)>,
    chance: SmallRng,
}

#[derive(Clone, Copy, Debug, Default)]
struct Counts {
    met: u64,
    struck: u32,
}

impl Faults {
    pub(crate) fn new(seed: u64) -> Faults {
        Faults { rules: Vec::new(), chance: SmallRng::seed_from_u64(seed) }
    }

    /// Puts these rules in the place of all others.
    pub(crate) fn replace(&mut self, rules: Vec<FaultRule>) {
        self.rules = rules.into_iter().map(|rule| (rule, Counts::default())).collect();
    }

    pub(crate) fn rules(&self) -> impl Iterator<Item = &FaultRule> {
        self.rules.iter().map(|(rule, _)| rule)
    }

    /// The fault that befalls a call: that of the first rule that strikes. Every rule counts the calls that fit it.
    pub(crate) fn strike(&mut self, method: &str, path: &str, key: &str) -> Option<Fault> {
        let counted = key.split_once(' ').map_or(key, |(_, counted)| counted);
        let mut fault = None;
        for (rule, counts) in &mut self.rules {
            let fits_method = rule.method.as_deref().is_none_or(|wanted| wanted.eq_ignore_ascii_case(method));
            let fits_path =
                rule.path.as_deref().is_none_or(|prefix| path.starts_with(prefix) || counted.starts_with(prefix));
            if !fits_method || !fits_path {
                continue;
            }
            counts.met += 1;
            let due = match rule.when {
                When::Always => true,
                When::Nth(number) => counts.met == number,
                When::Every(number) => number > 0 && counts.met % number == 0,
                When::Chance(chance) => self.chance.random_bool(chance.clamp(0.0, 1.0)),
            };
            if due && fault.is_none() && rule.times.is_none_or(|times| counts.struck < times) {
                counts.struck += 1;
                fault = Some(rule.fault.clone());
            }
        }
        fault
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn struck(when: When, times: Option<u32>) -> String {
        let mut faults = Faults::new(1);
        let rule = FaultRule { when, times, ..FaultRule::always("/crm/objects/deals", Fault::Truncate) };
        faults.replace(vec![rule]);
        let mut strike = || faults.strike("GET", "/crm/objects/2026-09/deals", "GET /crm/objects/deals");
        (0..8).map(|_| if strike().is_some() { 'x' } else { '.' }).collect()
    }

    #[test]
    fn a_rule_strikes_the_calls_it_says() {
        assert_eq!(struck(When::Always, None), "xxxxxxxx");
        assert_eq!(struck(When::Always, Some(2)), "xx......");
        assert_eq!(struck(When::Nth(3), None), "..x.....");
        assert_eq!(struck(When::Every(3), None), "..x..x..");
        assert_eq!(struck(When::Every(3), Some(1)), "..x.....");
        assert_eq!(struck(When::Every(0), None), "........");
        assert_eq!(struck(When::Chance(1.0), None), "xxxxxxxx");
        assert_eq!(struck(When::Chance(0.5), None), struck(When::Chance(0.5), None));
    }

    #[test]
    fn a_rule_leaves_other_calls_alone() {
        let mut faults = Faults::new(1);
        let rule = FaultRule {
            method: Some("post".to_owned()),
            ..FaultRule::always("/crm/objects/2026-09/tasks", Fault::Reorder)
        };
        faults.replace(vec![rule]);
        assert_eq!(faults.strike("GET", "/crm/objects/2026-09/tasks", "GET /crm/objects/tasks"), None);
        assert_eq!(faults.strike("POST", "/crm/objects/2026-09/deals", "POST /crm/objects/deals"), None);
        let struck = faults.strike("POST", "/crm/objects/2026-09/tasks", "POST /crm/objects/tasks");
        assert_eq!(struck, Some(Fault::Reorder));
    }

    #[test]
    fn a_rule_is_read_as_it_is_written_in_a_control_call() {
        let text =
            r#"{"path":"/crm/objects/tasks","when":{"nth":2},"fault":{"kind":"status","code":503,"applied":true}}"#;
        let rule: FaultRule = serde_json::from_str(text).unwrap();
        assert_eq!(rule.when, When::Nth(2));
        assert_eq!(rule.fault, Fault::Status { code: 503, retry_after: None, applied: true });
    }
}
