//! Which records changed, or were deleted, in a span of time.

use serde_json::json;

use super::Org;
use super::answer::{Answer, Outcome};
use super::call::Call;
use super::errors::Failure;
use super::schema::system;
use super::sobjects::find_kind;
use super::stamp::{parse_instant, write_instant};
use crate::portal::instant::{DAY, Millis};

const MINUTE: Millis = 60_000;

impl Org {
    pub(super) fn updated(&self, call: &Call<'_>, kind: &str) -> Outcome {
        let kind = find_kind(kind)?;
        let (start, end) = self.span(call, 30 * DAY)?;
        let changed = self.table(kind).changed_since(start).take_while(|row| row.stamp() < end);
        let ids: Vec<_> = changed.filter(|row| !row.is_deleted()).map(|row| row.id.to_string()).collect();
        Ok(Answer::ok(&json!({ "ids": ids, "latestDateCovered": write_instant(end) })))
    }

    pub(super) fn deleted(&self, call: &Call<'_>, kind: &str) -> Outcome {
        let kind = find_kind(kind)?;
        let (start, end) = self.span(call, 15 * DAY)?;
        let changed = self.table(kind).changed_since(start).take_while(|row| row.stamp() < end);
        let records = changed.filter(|row| row.get(system::IS_DELETED).is_true());
        let records: Vec<_> =
            records.map(|row| json!({ "id": row.id.to_string(), "deletedDate": write_instant(row.stamp()) })).collect();
        Ok(Answer::ok(&json!({
            "deletedRecords": records,
            "earliestDateAvailable": write_instant(self.now - 15 * DAY),
            "latestDateCovered": write_instant(end),
        })))
    }

    /// The span that is asked for; its ends are cut to the minute.
    fn span(&self, call: &Call<'_>, longest: Millis) -> Result<(Millis, Millis), Failure> {
        let read = |name: &str| call.parameter(name).and_then(parse_instant).map(|at| at - at.rem_euclid(MINUTE));
        let invalid = |message: &str| Failure::invalid("INVALID_REPLICATION_DATE", message);
        match (read("start"), read("end")) {
            (Some(start), Some(end)) if start >= end => Err(invalid("startDate cannot be after endDate")),
            (Some(start), Some(_)) if start < self.now - longest => {
                Err(invalid("startDate before org replication enabled date"))
            }
            (Some(start), Some(end)) => Ok((start, end)),
            (None, _) | (_, None) => Err(invalid("start and end are needed")),
        }
    }
}
