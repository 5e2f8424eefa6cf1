//! Queries: literals that are safe, lists that fit, and addresses that carry them.

use chrono::SecondsFormat;
use dealclock_model::Instant;
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};

use crate::api::{self, ADDRESS};

/// What may stand in the query of an address as it is.
const PLAIN: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'_').remove(b'.').remove(b'~').remove(b'*');

/// Which rows a query sees.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Rows {
    /// What is live.
    Live,
    /// What is in the recycle bin or archived as well.
    All,
}

/// The path that runs a query.
pub fn path(rows: Rows, query: &str) -> String {
    let verb = match rows {
        Rows::Live => "/query",
        Rows::All => "/queryAll",
    };
    api::data(&format!("{verb}?q={}", encode(query)))
}

/// Text for the query of an address.
pub fn encode(text: &str) -> String {
    utf8_percent_encode(text, PLAIN).to_string().replace("%20", "+")
}

/// A text literal; [quotes and backslashes](https://developer.salesforce.com/docs/atlas.en-us.soql_sosl.meta/soql_sosl/sforce_api_calls_soql_select_quotedstringescapes.htm)
/// are escaped, so that no value leaves its literal.
pub fn text(value: &str) -> String {
    let mut out = String::with_capacity(value.len() + 2);
    out.push('\'');
    for c in value.chars() {
        match c {
            '\'' | '\\' => out.extend(['\\', c]),
            '\n' => out.push_str("\\n"),
            '\r' => out.push_str("\\r"),
            '\t' => out.push_str("\\t"),
            c if c.is_control() => {}
            c => out.push(c),
        }
    }
    out.push('\'');
    out
}

/// A datetime literal; comparisons are by the second, so the fraction is left out.
pub fn instant(at: Instant) -> String {
    at.to_rfc3339_opts(SecondsFormat::Secs, true)
}

/// A list for `IN`.
pub fn list<'a>(values: impl IntoIterator<Item = &'a str>) -> String {
    let values: Vec<String> = values.into_iter().map(text).collect();
    format!("({})", values.join(","))
}

/// Cuts values into lists of at most `most` that fit into an address beside the rest of their query.
pub fn lists<'a>(values: &'a [&'a str], most: usize, rest: &str) -> Vec<&'a [&'a str]> {
    let room = ADDRESS.saturating_sub(encode(rest).len() + encode("()").len()).max(200);
    let mut lists = Vec::new();
    let (mut from, mut used) = (0, 0);
    for (at, value) in values.iter().enumerate() {
        let length = encode(&text(value)).len() + 3;
        if at > from && (used + length > room || at - from == most) {
            lists.push(&values[from..at]);
            (from, used) = (at, 0);
        }
        used += length;
    }
    if from < values.len() {
        lists.push(&values[from..]);
    }
    lists
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_value_leaves_its_literal() {
        for (value, literal) in [
            ("Ada", "'Ada'"),
            ("O'Neil", r"'O\'Neil'"),
            (r"a\", r"'a\\'"),
            ("' OR Name != '", r"'\' OR Name != \''"),
            ("two\nlines", r"'two\nlines'"),
        ] {
            assert_eq!(text(value), literal);
        }
    }

    #[test]
    fn a_query_is_one_word_in_an_address() {
        let path = path(Rows::All, "SELECT Id FROM Task WHERE A >= 2026-01-05T09:12:44Z AND B = 'x+y & z'");
        assert_eq!(
            path,
            "/services/data/v65.0/queryAll?q=SELECT+Id+FROM+Task+WHERE+A+%3E%3D+2026-01-05T09%3A12%3A44Z+AND+B+%3D+%27x%2By+%26+z%27"
        );
        assert!(path.parse::<http::Uri>().is_ok());
    }

    #[test]
    fn lists_are_cut_by_number_and_by_length() {
        let ids: Vec<String> = (0..1_200).map(|n| format!("006000000000{n:06}")).collect();
        let ids: Vec<&str> = ids.iter().map(String::as_str).collect();
        let sizes = |lists: Vec<&[&str]>| lists.iter().map(|list| list.len()).collect::<Vec<_>>();
        assert_eq!(sizes(lists(&ids, 500, "")), [500, 500, 200]);
        assert_eq!(sizes(lists(&ids, 500, "")).iter().sum::<usize>(), 1_200);
        let long = "x".repeat(13_000);
        for list in lists(&ids, 500, &long) {
            let rest = format!("{long}{}", self::list(list.iter().copied()));
            assert!(encode(&rest).len() <= ADDRESS, "{}", list.len());
        }
        assert!(lists(&[], 500, "").is_empty());
        let huge = "y".repeat(20_000);
        assert_eq!(sizes(lists(&[&huge, "a"], 500, "")), [1, 1]);
    }
}
