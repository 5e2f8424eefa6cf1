//! The words of the domain, shared by every crate: plain data, no behaviour that touches the world.
//!
//! # Glossary
//!
//! | word | meaning |
//! |---|---|
//! | connection | one configured account in one CRM; a *connector* is the code for a kind of CRM |
//! | record | an object of a CRM after normalisation, under its canonical name: a HubSpot deal is an opportunity |
//! | person | a CRM user: owner, manager, with zone, working hours, absences, active or not |
//! | rule | what the company wrote: who it applies to, when its clock starts, what stops it, what happens when |
//! | clock | one running instance of a rule for one record |
//! | episode | counts how often a rule has started for a record; begins at 1 |
//! | round | counts the re-plannings within an episode; begins at 0 |
//! | step | something a clock does at a time: a reminder, the violation; named uniquely in its rule |
//! | request | an approval that somebody asked for: more time, a discount; it has steps, approvers and one decision |
//! | approver | a person who is asked to decide a step of a request, or their delegate |
//! | ruling | what an approver says; *way* is how they said it: link, task, field, the CRM's own process |
//! | grant | a request that was granted; only it may tick the granted checkbox, anything else is *tampering* |
//! | reason | why the work could not be done in time: a picklist, and the owner's own words |
//! | notice | one thing that a digest tells: a violation, a request that waits, a tampering, a rep at the mark |
//! | digest | many notices in one message to one reader, planned by a calendar expression |
//! | fact | what happened, in the form that reports count; the journal tells why |
//! | spell | a time in which owner, openness and Complex of a record stay as they are |
//! | mark | the Complex share from which a rep is marked; a suspicion, never a verdict |
//! | shadow | a rule that decides and journals everything and writes nothing |
//! | case | what is remembered of one subject: a record, a person, an intake, a digest's reader or a report |
//! | slot | a recipient by role: owner, owner's manager; a step goes to whoever has the role when it fires |
//! | intake | one rule on one connection: its first evaluation (backlog) and its storms |
//! | event | something that happened to a case: a change, a due timer, a settled effect, a post |
//! | post | an event that a decision sends to another case |
//! | effect | what the engine wants written to the world, with its id |
//! | lane | where an effect leaves through: a connection, or e-mail |
//! | receipt | the world's proof that an effect was applied |
//! | journal | the append-only record of every decision with its reasons, and of every write |
//! | stamp | the CRM's own version time of a record; state is monotone in it |
//! | as of | the moment up to which a connection's data is known to be complete |
//! | fault | something wrong in a file that a person wrote, with the place and the way out |

pub mod case;
pub mod digest;
pub mod effect;
pub mod event;
pub mod fact;
pub mod fault;
pub mod id;
pub mod journal;
pub mod people;
pub mod record;
pub mod request;
pub mod time;
pub mod value;

pub use case::Case;
pub use effect::{Effect, EffectId, Outcome, Receipt, Write};
pub use event::Event;
pub use fact::{Fact, Happened};
pub use fault::Fault;
pub use id::{
    ApprovalKey, CaseId, ConnectionId, DigestKey, FieldName, Object, PersonId, RecordId, RecordRef, ReportKey, RuleKey,
    SlotName, StepName,
};
pub use journal::{Entry, What};
pub use people::{People, Person, Profile};
pub use record::{Catalog, Change, ChangeState, Record};
pub use request::{Request, RequestState, Ruling, Way};
pub use time::{Span, Unit};
pub use value::{Value, ValueType};

/// An instant; every instant in Dealclock is UTC, zones are applied where a person sees or writes a time.
pub type Instant = chrono::DateTime<chrono::Utc>;
