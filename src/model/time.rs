//! Spans and daily ranges as people write them; the arithmetic lives in the engine.

use std::fmt;
use std::str::FromStr;

use chrono::{NaiveDate, NaiveTime, Weekday};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// What a span counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum Unit {
    /// Local calendar days: `5d`.
    Days,
    /// Working days of a calendar: `5bd`.
    BusinessDays,
    /// Elapsed hours: `36h`.
    Hours,
    /// Working hours of a calendar: `8bh`.
    BusinessHours,
    /// Elapsed minutes: `5m`.
    Minutes,
}

impl Unit {
    /// The suffix in a rule file.
    pub fn suffix(self) -> &'static str {
        match self {
            Unit::Days => "d",
            Unit::BusinessDays => "bd",
            Unit::Hours => "h",
            Unit::BusinessHours => "bh",
            Unit::Minutes => "m",
        }
    }

    /// Whether the unit needs a calendar to be counted.
    pub fn needs_calendar(self) -> bool {
        matches!(self, Unit::BusinessDays | Unit::BusinessHours)
    }
}

/// A length of time such as `5d`, `3bd`, `36h`, `8bh` or `5m`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Span {
    /// How many.
    pub count: u32,
    /// Of what.
    pub unit: Unit,
}

impl Span {
    /// `count` local calendar days.
    pub const fn days(count: u32) -> Span {
        Span { count, unit: Unit::Days }
    }

    /// `count` elapsed hours.
    pub const fn hours(count: u32) -> Span {
        Span { count, unit: Unit::Hours }
    }

    /// `count` elapsed minutes.
    pub const fn minutes(count: u32) -> Span {
        Span { count, unit: Unit::Minutes }
    }

    /// The elapsed length of a span of hours or minutes, and of days as 24 hours; `None` for business units.
    pub fn elapsed(self) -> Option<chrono::Duration> {
        let count = i64::from(self.count);
        match self.unit {
            Unit::Days => Some(chrono::Duration::days(count)),
            Unit::Hours => Some(chrono::Duration::hours(count)),
            Unit::Minutes => Some(chrono::Duration::minutes(count)),
            Unit::BusinessDays | Unit::BusinessHours => None,
        }
    }
}

impl fmt::Display for Span {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}{}", self.count, self.unit.suffix())
    }
}

/// Why a text is not a span.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NotASpan(pub String);

impl fmt::Display for NotASpan {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "`{}` is not a span of time; write a whole number and a unit: 5d, 3bd, 36h, 8bh or 5m", self.0)
    }
}

impl std::error::Error for NotASpan {}

impl FromStr for Span {
    type Err = NotASpan;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let digits = text.bytes().take_while(u8::is_ascii_digit).count();
        let (count, suffix) = text.split_at(digits);
        let unit = match suffix {
            "d" => Unit::Days,
            "bd" => Unit::BusinessDays,
            "h" => Unit::Hours,
            "bh" => Unit::BusinessHours,
            "m" => Unit::Minutes,
            _ => return Err(NotASpan(text.to_owned())),
        };
        // Ten thousand of any unit is over a year of hours; more is a slip of the hand, and would overflow dates.
        match count.parse::<u32>() {
            Ok(count) if count <= 10_000 => Ok(Span { count, unit }),
            Ok(_) | Err(_) => Err(NotASpan(text.to_owned())),
        }
    }
}

impl Serialize for Span {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Span {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        text.parse().map_err(serde::de::Error::custom)
    }
}

/// A daily range of local time, half open: from `from`, before `to`. When `to <= from` it runs over midnight.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct DailyRange {
    /// First local time inside the range.
    pub from: NaiveTime,
    /// First local time after the range.
    pub to: NaiveTime,
}

impl DailyRange {
    /// Whether a local time lies in the range.
    pub fn contains(&self, time: NaiveTime) -> bool {
        if self.from < self.to { self.from <= time && time < self.to } else { self.from <= time || time < self.to }
    }
}

/// Hours in which a person or an office works: for each weekday, ranges that do not run over midnight.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct WorkingHours {
    /// `(weekday, from, to)`, half open. A `to` of 00:00 means the end of that day.
    pub ranges: Vec<(Weekday, NaiveTime, NaiveTime)>,
}

/// Days from `from` to `to`, both included, in the person's zone.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct DateRange {
    /// First day.
    pub from: NaiveDate,
    /// Last day.
    pub to: NaiveDate,
}

impl DateRange {
    /// Whether a local date lies in the range.
    pub fn contains(&self, date: NaiveDate) -> bool {
        self.from <= date && date <= self.to
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spans_are_read_as_they_are_written() {
        for text in ["5d", "5bd", "36h", "8bh", "5m", "0d"] {
            assert_eq!(text.parse::<Span>().unwrap().to_string(), text);
        }
        for text in ["", "d", "5", "5 d", "-1d", "1.5d", "5w", "99999d", "5D"] {
            assert!(text.parse::<Span>().is_err(), "{text}");
        }
    }

    #[test]
    fn a_range_over_midnight_contains_both_sides() {
        let time = |h| NaiveTime::from_hms_opt(h, 0, 0).unwrap();
        let night = DailyRange { from: time(20), to: time(8) };
        assert!(night.contains(time(23)) && night.contains(time(0)) && night.contains(time(20)));
        assert!(!night.contains(time(8)) && !night.contains(time(12)));
    }
}
