//! Whether everything that will be needed is allowed.

use dealclock_connector::{Account, Error, Problem, Result};

use crate::Plugin;
use crate::api::Verb;
use crate::wire::{self, question::Nothing};

impl Plugin {
    /// Asks the program how it stands with its CRM.
    pub(crate) async fn check_account(&self) -> Result<Account> {
        let sent: wire::Account = self.client.ask(Verb::Check, Nothing {}).await?;
        if sent.account.is_empty() {
            return Err(Error::transient("check: the program names no account"));
        }
        let clean = |problem: Problem| Problem {
            what: self.client.clean(&problem.what),
            way_out: self.client.clean(&problem.way_out),
            fatal: problem.fatal,
        };
        Ok(Account {
            id: sent.account,
            zone: sent.zone,
            currency: sent.currency,
            once: sent.once,
            problems: sent.problems.into_iter().map(clean).collect(),
        })
    }
}
