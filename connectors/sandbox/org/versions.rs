//! The versions of the API.

use serde_json::{Value, json};

/// The oldest version that is still answered, and the newest.
const OLDEST: u32 = 31;
const NEWEST: u32 = 68;

/// Every version, oldest first, as callers may ask for them without a session.
pub(crate) fn list() -> Value {
    let seasons = ["Winter", "Spring", "Summer"];
    let entry = |number: u32| {
        // Version 65 came with Winter '26, and each year has three.
        let ahead = number + 2 * 3 - 65 % 3;
        let season = seasons.get(usize::try_from(ahead % 3).unwrap_or(0)).copied().unwrap_or_default();
        let year = 26 + (i64::from(number) - 65).div_euclid(3);
        json!({
            "label": format!("{season} '{year}"),
            "url": format!("/services/data/v{number}.0"),
            "version": format!("{number}.0"),
        })
    };
    (OLDEST..=NEWEST).map(entry).collect()
}

/// Whether there is a version of that name: `v65.0`.
pub(crate) fn exists(version: &str) -> bool {
    let number = version.strip_prefix('v').and_then(|rest| rest.strip_suffix(".0"));
    number.and_then(|number| number.parse().ok()).is_some_and(|number: u32| (OLDEST..=NEWEST).contains(&number))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_bear_the_names_of_seasons() {
        let all = list();
        let label = |version: &str| {
            all.as_array().unwrap().iter().find(|entry| entry["version"] == version).unwrap()["label"].clone()
        };
        for (version, expected) in
            [("64.0", "Summer '25"), ("65.0", "Winter '26"), ("66.0", "Spring '26"), ("68.0", "Winter '27")]
        {
            assert_eq!(label(version), expected, "{version}");
        }
        assert!(exists("v65.0") && !exists("v69.0") && !exists("65.0") && !exists("v65"));
    }
}
