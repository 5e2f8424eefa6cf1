//! What rules and approvals say together, wherever they stand: who uses an approval, and whose a granted checkbox is.

use std::collections::BTreeSet;
use std::ops::Range;
use std::sync::Arc;

use dealclock_model::fault::{Fault, Source};
use dealclock_model::{ApprovalKey, ConnectionId, FieldName};
use toml_edit::TableLike;

use super::Catalogs;
use crate::rules::Approval;
use crate::suggest;

/// The approvals that the rules of a file name, whether or not those rules are right.
pub(super) fn approvals_of_rules(file: &dyn TableLike) -> Vec<String> {
    let rules = file.get("rule").and_then(|rules| rules.as_table_like());
    let rules = rules.into_iter().flat_map(TableLike::iter).filter_map(|(_, rule)| rule.as_table_like());
    let extensions = rules.filter_map(|rule| rule.get("extension")?.as_table_like());
    extensions.filter_map(|extension| Some(extension.get("approval")?.as_str()?.to_owned())).collect()
}

/// A checkbox that an approval ticks, for a rule or by its own condition.
pub(super) struct Grant {
    /// The section, as in its header.
    pub path: String,
    pub source: Arc<Source>,
    /// Where the checkbox is named.
    pub span: Range<usize>,
    pub granted_as: FieldName,
    /// The checkbox by which a rule's owner asks; `None` for an approval that asks by its own condition.
    pub requested_by: Option<FieldName>,
    pub approval: ApprovalKey,
    /// Where a rule names the approval; `None` for the approval's own section.
    pub asks_at: Option<Range<usize>>,
    pub connections: Option<Vec<ConnectionId>>,
}

impl Grant {
    fn is_on(&self, connection: &ConnectionId) -> bool {
        self.connections.as_ref().is_none_or(|list| list.contains(connection))
    }

    /// Whether both may meet on one record.
    fn meets(&self, other: &Grant) -> bool {
        match (&self.connections, &other.connections) {
            (Some(own), Some(_)) => own.iter().any(|connection| other.is_on(connection)),
            (Some(_), None) | (None, Some(_) | None) => true,
        }
    }
}

/// A checkbox that two approvals tick tells nobody who granted what; one by which somebody asks would be set back.
pub(super) fn check_grants(grants: &[Grant], faults: &mut Vec<Fault>) {
    for (place, grant) in grants.iter().enumerate() {
        let asks = |other: &&Grant| other.requested_by.as_ref() == Some(&grant.granted_as) && other.meets(grant);
        if let Some(other) = grants.iter().filter(|other| other.path != grant.path).find(asks) {
            let message = format!("`{}` is the checkbox that asks in `[{}]`", grant.granted_as, other.path);
            let help = "the checkbox that only the approval ticks is another one than the rep's";
            faults.push(Fault::new(&grant.source, grant.span.clone(), message).help(help));
        }
        let twin = grants.iter().take(place).find(|other| {
            other.granted_as == grant.granted_as && other.approval != grant.approval && other.meets(grant)
        });
        let Some(twin) = twin else { continue };
        let own = format!("approval.{}", twin.approval);
        let purpose = if twin.path == own { String::new() } else { format!(", for `[{}]`", twin.path) };
        let message = format!("`{}` is ticked by `[approval.{}]` already{purpose}", grant.granted_as, twin.approval);
        let help = format!("use one approval for both, or a checkbox of its own for `[{}]`", grant.path);
        faults.push(Fault::new(&grant.source, grant.span.clone(), message).help(help));
    }
}

/// A box that a decision itself sets would ask again after every decision.
pub(super) fn check_reopening<'a>(
    grants: &[Grant],
    approval: impl Fn(&ApprovalKey) -> Option<&'a Approval>,
    faults: &mut Vec<Fault>,
) {
    for grant in grants {
        let material = approval(&grant.approval).map(|approval| approval.reopens_when.as_slice()).unwrap_or_default();
        let set = |field: &FieldName| *field == grant.granted_as || Some(field) == grant.requested_by.as_ref();
        if let Some(material) = material.iter().find(|material| set(&material.field)) {
            let message = format!(
                "`{}` is set by a decision, and `reopens_when` of `[approval.{}]` asks again when it changes",
                material.field, grant.approval
            );
            let help = "take it out of `reopens_when`: it is for what people change, such as \"amount up\"";
            faults.push(Fault::new(&grant.source, grant.span.clone(), message).help(help));
        }
    }
}

/// A rule asks by an approval only where the approval runs.
pub(super) fn check_connections<'a>(
    grants: &[Grant],
    catalogs: &Catalogs,
    approval: impl Fn(&ApprovalKey) -> Option<&'a [ConnectionId]>,
    faults: &mut Vec<Fault>,
) {
    for grant in grants {
        let (Some(span), Some(runs_on)) = (&grant.asks_at, approval(&grant.approval)) else { continue };
        let known = catalogs.keys().filter(|connection| grant.is_on(connection));
        let named = grant.connections.iter().flatten();
        let all: BTreeSet<&ConnectionId> = known.chain(named).collect();
        let missing: Vec<&str> =
            all.into_iter().filter(|name| !runs_on.contains(name)).map(ConnectionId::as_str).collect();
        if !missing.is_empty() {
            let noun = if missing.len() == 1 { "connection" } else { "connections" };
            let message = format!(
                "`[approval.{}]` does not run on {noun} {}, where the rule does",
                grant.approval,
                suggest::list(missing)
            );
            let help =
                format!("name the same `connections` in both, or remove those of `[approval.{}]`", grant.approval);
            faults.push(Fault::new(&grant.source, span.clone(), message).help(help));
        }
    }
}
