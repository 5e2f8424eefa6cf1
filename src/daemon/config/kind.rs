//! What a value in the configuration may be, and how its text is read.

use std::time::Duration;

use chrono::{NaiveDate, NaiveTime};
use chrono_tz::Tz;
use dealclock_model::time::{DailyRange, DateRange};
use lettre::message::Mailbox;
use reqwest::Url;

use super::web;

/// What may stand behind a key.
#[derive(Debug)]
pub(super) enum Kind {
    /// A table with known keys.
    Section(&'static [Key]),
    /// A table whose keys the person chooses, each holding the same kind of value.
    Named(Naming, &'static Kind),
    /// A reference to a secret; never the secret itself.
    Secret,
    /// The source of a mapped field.
    Field,
    /// `true` or `false`.
    Bool,
    /// A whole number between two bounds, both included.
    Count(u32, u32),
    /// A number above the first bound and at most the second.
    Number(f64, f64),
    /// Text in one of the forms below.
    Text(Form),
    /// A list of texts.
    List(Form),
}

/// A known key with its kind.
#[derive(Debug)]
pub(super) struct Key {
    /// The key as written.
    pub(super) name: &'static str,
    /// What stands behind it.
    pub(super) kind: Kind,
}

/// How a key that the person chooses must look.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Naming {
    /// Lower-case letters, digits, `_` and `-`: it is part of every effect's identity and of environment variables.
    Connection,
    /// Lower-case letters, digits, `_` and `-`, as rules write `role:NAME`.
    Role,
    /// Lower-case letters, digits and `_`, as conditions write fields.
    Field,
    /// Letters, digits and `_`, as environment variables are written.
    Variable,
    /// Any text.
    Free,
}

/// The form of a text.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Form {
    /// Anything but nothing.
    Plain,
    /// A path or a pattern of paths.
    Path,
    /// One of these words.
    Word(&'static [&'static str]),
    /// Levels of logging, by part.
    LogLevel,
    /// A length of time: `60s`.
    Duration,
    /// An IANA time zone.
    Zone,
    /// A time of day: `09:00`.
    TimeOfDay,
    /// Two times of day: `20:00-07:00`.
    DailyRange,
    /// One day or a range of days.
    DateRange,
    /// An `http` or `https` address.
    Url,
    /// A mail address with or without a name.
    Mailbox,
    /// An address of this machine with a port.
    Listen,
    /// A size: `1MB`.
    Size,
}

/// Why a value is not what it should be: what is wrong, and what would be right.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Wrong {
    /// A lower-case fragment without the key.
    pub(super) message: String,
    /// What would be right.
    pub(super) help: String,
}

fn wrong(message: impl Into<String>, help: impl Into<String>) -> Wrong {
    Wrong { message: message.into(), help: help.into() }
}

impl Form {
    /// Checks a text against the form.
    pub(super) fn check(self, text: &str) -> Result<(), Wrong> {
        if text.trim().is_empty() {
            return Err(wrong("is empty", format!("write for example {}", self.example())));
        }
        match self {
            Form::Plain | Form::Path => Ok(()),
            Form::Word(words) => words.contains(&text).then_some(()).ok_or_else(|| not_a_word(text, words)),
            Form::LogLevel => log_level(text),
            Form::Duration => duration(text).map(drop),
            Form::Zone => zone(text).map(drop),
            Form::TimeOfDay => time_of_day(text).map(drop),
            Form::DailyRange => daily_range(text).map(drop),
            Form::DateRange => date_range(text).map(drop),
            Form::Url => url(text).map(drop),
            Form::Mailbox => mailbox(text).map(drop),
            Form::Listen => web::listen_address(text).map(drop),
            Form::Size => web::size(text).map(drop),
        }
    }

    /// A value in this form, quoted as in the file.
    pub(super) fn example(self) -> String {
        match self {
            Form::Plain => r#""some text""#.to_owned(),
            Form::Path => r#""dir/file""#.to_owned(),
            Form::Word(words) => words.iter().map(|word| format!("{word:?}")).collect::<Vec<_>>().join(" or "),
            Form::LogLevel => r#""info""#.to_owned(),
            Form::Duration => r#""60s", "5m", "24h" or "7d""#.to_owned(),
            Form::Zone => r#""Europe/Berlin""#.to_owned(),
            Form::TimeOfDay => r#""09:00""#.to_owned(),
            Form::DailyRange => r#""20:00-07:00""#.to_owned(),
            Form::DateRange => r#""2026-07-01..2026-07-14" or "2026-12-24""#.to_owned(),
            Form::Url => r#""https://crm.example.com""#.to_owned(),
            Form::Mailbox => r#""Dealclock <dealclock@example.com>""#.to_owned(),
            Form::Listen => r#""127.0.0.1:8787""#.to_owned(),
            Form::Size => r#""1MB""#.to_owned(),
        }
    }
}

/// The known name nearest to a misspelt one, when one is near.
pub(crate) fn nearest<'a>(name: &str, known: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let name = name.to_lowercase();
    known
        .into_iter()
        .map(|candidate| (strsim::osa_distance(&name, &candidate.to_lowercase()), candidate))
        .filter(|(distance, candidate)| *distance <= candidate.chars().count().div_ceil(3))
        .min_by_key(|(distance, _)| *distance)
        .map(|(_, candidate)| candidate)
}

/// "did you mean", or what is allowed.
pub(super) fn suggest(name: &str, known: &[&str]) -> String {
    match nearest(name, known.iter().copied()) {
        Some(near) => format!("did you mean `{near}`?"),
        None => format!("write one of: {}", known.join(", ")),
    }
}

fn not_a_word(text: &str, words: &[&str]) -> Wrong {
    wrong(format!("cannot be `{text}`"), suggest(text, words))
}

fn log_level(text: &str) -> Result<(), Wrong> {
    let help = "write error, warn, info, debug or trace; by part: \"info,dealclock_daemon=debug\"";
    // A lone word that is no level would be read as the name of a part, and silence all others.
    let levels = ["off", "error", "warn", "info", "debug", "trace"];
    let named = |directive: &str| {
        let level = directive.rsplit('=').next().unwrap_or_default();
        levels.contains(&level.trim().to_lowercase().as_str())
    };
    let read = tracing_subscriber::EnvFilter::try_new(text).is_ok() && text.split(',').all(named);
    read.then_some(()).ok_or_else(|| wrong(format!("does not know the level `{text}`"), help))
}

/// Reads a whole number with `s`, `m`, `h` or `d`.
pub(super) fn duration(text: &str) -> Result<Duration, Wrong> {
    let help = "write a whole number and a unit: \"60s\", \"5m\", \"24h\" or \"7d\"";
    let not = || wrong(format!("is not a length of time: `{text}`"), help);
    let digits = text.bytes().take_while(u8::is_ascii_digit).count();
    let (count, unit) = text.split_at(digits);
    let seconds = match unit {
        "s" => 1,
        "m" => 60,
        "h" => 3_600,
        "d" => 86_400,
        _ => return Err(not()),
    };
    let total = count.parse::<u32>().map_err(|_| not())?;
    match u64::from(total) * seconds {
        0 => Err(wrong("cannot be zero", help)),
        long if long > 366 * 86_400 => Err(wrong("is longer than a year", help)),
        fine => Ok(Duration::from_secs(fine)),
    }
}

/// Reads an IANA zone.
pub(super) fn zone(text: &str) -> Result<Tz, Wrong> {
    text.parse::<Tz>().map_err(|_| {
        let near = nearest(text, chrono_tz::TZ_VARIANTS.iter().map(|zone| zone.name()));
        let help = match near {
            Some(near) => format!("did you mean `{near}`?"),
            None => "write a name of the IANA time zone database, such as \"Europe/Berlin\"".to_owned(),
        };
        wrong(format!("is not a time zone: `{text}`"), help)
    })
}

/// Reads `09:00`.
pub(super) fn time_of_day(text: &str) -> Result<NaiveTime, Wrong> {
    NaiveTime::parse_from_str(text.trim(), "%H:%M").map_err(|_| {
        wrong(format!("is not a time of day: `{text}`"), "write hours and minutes of a 24-hour clock: \"09:00\"")
    })
}

/// Reads `20:00-07:00`.
pub(super) fn daily_range(text: &str) -> Result<DailyRange, Wrong> {
    let help = "write two times of day: \"20:00-07:00\"";
    let not = || wrong(format!("is not a range of hours: `{text}`"), help);
    let (from, to) = text.split_once('-').ok_or_else(not)?;
    let range = DailyRange { from: time_of_day(from).map_err(|_| not())?, to: time_of_day(to).map_err(|_| not())? };
    if range.from == range.to {
        return Err(wrong("is quiet all day: no reminder could ever go out", help));
    }
    Ok(range)
}

/// Reads `2026-07-01..2026-07-14`, both days included, or one day.
pub(super) fn date_range(text: &str) -> Result<DateRange, Wrong> {
    let help = "write a day or two: \"2026-12-24\" or \"2026-07-01..2026-07-14\", both included";
    let day = |text: &str| {
        text.trim().parse::<NaiveDate>().map_err(|_| wrong(format!("is not a date: `{}`", text.trim()), help))
    };
    let (from, to) = text.split_once("..").unwrap_or((text, text));
    let range = DateRange { from: day(from)?, to: day(to)? };
    if range.to < range.from {
        return Err(wrong(format!("ends before it begins: `{text}`"), help));
    }
    Ok(range)
}

/// Reads an `http` or `https` address without credentials in it.
pub(super) fn url(text: &str) -> Result<Url, Wrong> {
    let help = "write the whole address: \"https://crm.example.com\"";
    let url = Url::parse(text).map_err(|_| wrong("is not an address", help))?;
    if !matches!(url.scheme(), "http" | "https") || url.host_str().is_none() {
        return Err(wrong("is not an http or https address", help));
    }
    if !url.username().is_empty() || url.password().is_some() {
        return Err(wrong("holds a user or password, which do not belong into an address", help));
    }
    if url.query().is_some() || url.fragment().is_some() {
        return Err(wrong("holds more than an address and a path", help));
    }
    Ok(url)
}

/// Reads a mail address with or without a name.
pub(super) fn mailbox(text: &str) -> Result<Mailbox, Wrong> {
    text.parse::<Mailbox>().map_err(|_| {
        wrong("is not a mail address", "write \"dealclock@example.com\" or \"Dealclock <dealclock@example.com>\"")
    })
}

/// Whether a host is this machine, by name or address.
pub(super) fn is_loopback(url: &Url) -> bool {
    let host = url.host_str().unwrap_or_default();
    let bare = host.trim_start_matches('[').trim_end_matches(']');
    host == "localhost" || bare.parse::<std::net::IpAddr>().is_ok_and(|ip| ip.is_loopback())
}

/// Whether a host is an address of this machine or of a private network, as far as its text tells.
pub(super) fn is_local(url: &Url) -> bool {
    let host = url.host_str().unwrap_or_default();
    let bare = host.trim_start_matches('[').trim_end_matches(']');
    let private = match bare.parse::<std::net::IpAddr>() {
        Ok(std::net::IpAddr::V4(ip)) => ip.is_private() || ip.is_link_local() || ip.is_unspecified(),
        Ok(std::net::IpAddr::V6(ip)) => {
            ip.is_unique_local() || ip.is_unicast_link_local() || ip.is_unspecified() || ip.to_ipv4_mapped().is_some()
        }
        Err(_) => host.ends_with(".localhost"),
    };
    is_loopback(url) || private
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lengths_of_time_are_whole_numbers_with_a_unit() {
        for (text, seconds) in [("60s", 60), ("5m", 300), ("24h", 86_400), ("7d", 604_800)] {
            assert_eq!(duration(text).map(|d| d.as_secs()), Ok(seconds), "{text}");
        }
        for text in ["", "s", "60", "1.5h", "-1s", "0s", "60 s", "9999999999s", "400d", "1w", "4294967295d"] {
            assert!(duration(text).is_err(), "{text}");
        }
    }

    #[test]
    fn a_level_that_is_no_level_is_not_taken_for_a_part() {
        assert_eq!(log_level("info,dealclock_daemon=debug"), Ok(()));
        for text in ["inof", "info,loud", "dealclock_daemon=loud"] {
            assert!(log_level(text).is_err(), "{text}");
        }
    }

    #[test]
    fn addresses_of_this_machine_or_network_are_recognised() {
        for text in [
            "http://localhost:1",
            "http://127.9.9.9",
            "http://[::1]:80",
            "http://10.0.0.1",
            "http://169.254.169.254",
            "http://[::ffff:10.0.0.1]",
        ] {
            assert!(is_local(&Url::parse(text).unwrap()), "{text}");
        }
        for text in ["https://crm.example.com", "https://8.8.8.8", "https://localhost.example.com"] {
            assert!(!is_local(&Url::parse(text).unwrap()), "{text}");
        }
    }

    #[test]
    fn days_are_one_or_a_range() {
        assert!(date_range("2026-12-24").is_ok());
        assert!(date_range("2026-07-01..2026-07-14").is_ok());
        for text in ["2026-07-14..2026-07-01", "2026-02-30", "July", "2026-07-01..", ".."] {
            assert!(date_range(text).is_err(), "{text}");
        }
    }
}
