//! The account itself, and how much of its daily calls is used.

use chrono::{Offset, TimeZone};
use chrono_tz::Tz;
use serde_json::json;

use super::{Answer, Call};
use crate::portal::Portal;
use crate::portal::instant::{iso, to_datetime};

/// `GET /account-info/details`.
pub(crate) fn details(portal: &Portal) -> Answer {
    let zone: Tz = portal.time_zone.parse().unwrap_or(Tz::UTC);
    let offset = zone.offset_from_utc_datetime(&to_datetime(portal.now).naive_utc()).fix().local_minus_utc();
    let sign = if offset < 0 { '-' } else { '+' };
    let (hours, minutes) = (offset.abs() / 3600, offset.abs() / 60 % 60);
    Answer::ok(json!({
        "portalId": portal.portal_id,
        "accountType": "STANDARD",
        "timeZone": portal.time_zone,
        "companyCurrency": portal.currency,
        "additionalCurrencies": portal.exchange_rates.keys().collect::<Vec<_>>(),
        "utcOffset": format!("{sign}{hours:02}:{minutes:02}"),
        "utcOffsetMilliseconds": i64::from(offset) * 1000,
        "uiDomain": "app.hubspot.com",
        "dataHostingLocation": "na1",
    }))
}

/// `GET /account-info/api-usage/daily/private-apps`.
pub(crate) fn daily_usage(portal: &Portal, call: &Call<'_>) -> Answer {
    Answer::ok(json!({
        "results": [{
            "name": "private-apps-api-calls-daily",
            "usageLimit": call.usage.daily_limit,
            "currentUsage": call.usage.daily_used,
            "collectedAt": iso(portal.now),
            "fetchStatus": "SUCCESS",
            "resetsAt": iso(call.usage.resets_at),
        }],
    }))
}
