//! Bad input: each case says what is wrong and what to do, loses nothing and writes nothing twice.
//!
//! | case | here | closer to where it is found out |
//! |---|---|---|
//! | wrong token | `program`, `running` | `connectors/hubspot/tests/sandbox/account.rs` |
//! | missing scope | `program`, `running` | `connectors/hubspot/tests/sandbox/account.rs` |
//! | unknown field or type error in a rule, reminder after the deadline | `program` | `src/engine/read/tests.rs` |
//! | stage that does not exist | `program` | `src/daemon/cli/tests.rs` |
//! | second daemon on a store | `program` | `src/store/tests/store/damage.rs` |
//! | store of a newer format | `program` (an export of one) | `src/store/tests/store/damage.rs` |
//! | damaged store | `program` | `src/store/tests/store/damage.rs` |
//! | full disk | | `src/store/tests/disk/no_room.rs` |
//! | HTML instead of JSON | `program`, `running` | `connectors/hubspot/tests/sandbox/misfortune.rs` |
//! | record without owner or amount | `running` | `connectors/hubspot/tests/sandbox/reading.rs` |
//! | owner without time zone | `running` | `connectors/hubspot/tests/sandbox/account.rs` |
//! | property deleted while running | `running` | `connectors/hubspot/tests/sandbox/reading.rs` |
//! | wrong login host | `logins` | `src/connector/oauth/tests` |
//! | revoked token, withdrawn authorization | `logins` | `src/connector/oauth/tests` |
//! | `instance_url` outside the allow-list | `logins` | `src/connector/oauth/tests` |
//! | API disabled for the user | `logins` | `connectors/salesforce/tests/sandbox/account.rs` |
//! | missing permission set | `rights` | `connectors/salesforce/tests/sandbox/provision.rs` |
//! | field not visible | `rights` | `connectors/salesforce/tests/sandbox/account.rs` |
//! | picklist value that does not exist | `rights` | `connectors/salesforce/tests/sandbox/updating.rs` |
//! | external id that is not unique | `rights` | `connectors/salesforce/tests/sandbox/account.rs` |
//! | daily limit reached | `rights` | `connectors/salesforce/tests/sandbox/writing.rs` |
//! | mistakes of the configuration | `mistakes` | `src/daemon/config/tests.rs` |
//! | webhook for an unknown account | `senders` | `tests/hooks` |

#![allow(clippy::unwrap_used, reason = "everything here is a test, the helpers too")]

mod account;
mod configuration;
mod daemon;
mod files;
mod logins;
mod mistakes;
mod program;
mod rights;
mod running;
mod senders;
mod world;
