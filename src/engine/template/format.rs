//! How values look to a person.

use chrono::{Duration, NaiveDateTime, NaiveTime};
use chrono_tz::Tz;
use dealclock_model::{Instant, Value};
use rust_decimal::{Decimal, RoundingStrategy};

use super::Filter;

const DATE: &str = "%Y-%m-%d";
const DATE_TIME: &str = "%Y-%m-%d %H:%M";

/// A value on its way through the filters.
pub(super) enum Shown<'a> {
    Empty,
    Value(&'a Value),
    Due(Instant),
    Text(String),
}

impl Shown<'_> {
    /// Applies one filter. A value that the filter is not for, which only a record that breaks its catalogue can hold,
    /// is shown without it.
    pub fn filtered(self, filter: &Filter, zone: Tz) -> Self {
        match (filter, self) {
            (Filter::Default(text), Shown::Empty) => Shown::Text(text.clone()),
            (Filter::Default(_), shown) => shown,
            (_, Shown::Empty) => Shown::Empty,
            (Filter::Date, Shown::Due(due)) => Shown::Text(last_local(due, zone).format(DATE).to_string()),
            (Filter::Date, Shown::Value(Value::Time(time))) => Shown::Text(local(*time, zone).format(DATE).to_string()),
            (Filter::Date, Shown::Value(Value::Date(date))) => Shown::Text(date.format(DATE).to_string()),
            (Filter::DateTime, Shown::Due(due)) => Shown::Text(last_local(due, zone).format(DATE_TIME).to_string()),
            (Filter::DateTime, Shown::Value(Value::Time(time))) => {
                Shown::Text(local(*time, zone).format(DATE_TIME).to_string())
            }
            (Filter::Money, Shown::Value(Value::Number(amount))) => Shown::Text(money(*amount)),
            (Filter::Upper, shown) => Shown::Text(shown.into_text(zone).to_uppercase()),
            (Filter::Lower, shown) => Shown::Text(shown.into_text(zone).to_lowercase()),
            (Filter::Date | Filter::DateTime | Filter::Money, shown) => shown,
        }
    }

    /// The value as text, in the form it has without a filter.
    pub fn into_text(self, zone: Tz) -> String {
        match self {
            Shown::Empty | Shown::Value(Value::Null) => String::new(),
            Shown::Text(text) => text,
            Shown::Due(due) => due_text(due, zone),
            Shown::Value(Value::Bool(ticked)) => if *ticked { "yes" } else { "no" }.to_owned(),
            Shown::Value(Value::Number(number)) => number.normalize().to_string(),
            Shown::Value(Value::Text(text)) => text.to_string(),
            Shown::Value(Value::Time(time)) => local(*time, zone).format(DATE_TIME).to_string(),
            Shown::Value(Value::Date(date)) => date.format(DATE).to_string(),
        }
    }
}

/// A value as people read it where no filter says otherwise.
pub fn shown(value: &Value, zone: Tz) -> String {
    Shown::Value(value).into_text(zone)
}

/// The last day that is still in time, or the moment, where a deadline does not end a day.
pub fn last_in_time(deadline: Instant, zone: Tz) -> String {
    let text = due_text(deadline, zone);
    match last_minute_of_a_day(deadline, zone) {
        Some(_) => format!("the end of {text}"),
        None => text,
    }
}

/// The local time; kept two days away from the ends of the calendar, beyond which no local time can be written.
fn local(instant: Instant, zone: Tz) -> NaiveDateTime {
    let margin = Duration::days(2);
    let instant = instant.clamp(Instant::MIN_UTC + margin, Instant::MAX_UTC - margin);
    instant.with_timezone(&zone).naive_local()
}

/// The deadline as people say it: one that ends a local day lies in that day, by its last minute.
fn last_local(due: Instant, zone: Tz) -> NaiveDateTime {
    match last_minute_of_a_day(due, zone) {
        Some(last) => last,
        None => local(due, zone),
    }
}

/// A deadline that ends a day is that day; another one has its time of day.
fn due_text(due: Instant, zone: Tz) -> String {
    let format = if last_minute_of_a_day(due, zone).is_some() { DATE } else { DATE_TIME };
    last_local(due, zone).format(format).to_string()
}

/// The last minute of the day that ends with this instant. The first instant of a local date is not always midnight: in
/// some zones the clocks go forward then.
fn last_minute_of_a_day(due: Instant, zone: Tz) -> Option<NaiveDateTime> {
    let before = due.checked_sub_signed(Duration::seconds(1)).map(|instant| local(instant, zone))?;
    let last = before.date().and_time(NaiveTime::MIN) + Duration::minutes(24 * 60 - 1);
    (before.date() != local(due, zone).date()).then_some(last)
}

/// An amount with thousands separators, and with two decimals unless it is whole.
pub fn money(amount: Decimal) -> String {
    let rounded = amount.round_dp_with_strategy(2, RoundingStrategy::MidpointAwayFromZero).normalize();
    let digits = rounded.abs().to_string();
    let (whole, fraction) = digits.split_once('.').unwrap_or((&digits, ""));
    let mut out = String::with_capacity(digits.len() + digits.len() / 3 + 3);
    if rounded.is_sign_negative() && !rounded.is_zero() {
        out.push('-');
    }
    for (at, digit) in whole.chars().enumerate() {
        if at > 0 && (whole.len() - at).is_multiple_of(3) {
            out.push(',');
        }
        out.push(digit);
    }
    if !fraction.is_empty() {
        out.push('.');
        out.push_str(fraction);
        out.extend(std::iter::repeat_n('0', 2 - fraction.len()));
    }
    out
}
