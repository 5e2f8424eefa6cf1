//! Blanks out of a file's text whatever could be a secret, before any of it is shown.

use std::ops::Range;

/// Words in whose lines a secret is likely to stand.
const SECRET_WORDS: [&str; 5] = ["token", "password", "secret", "credential", "key"];

/// Replaces the ranges by asterisks of the same length, so that every other place stays where it is.
pub(super) fn blank(text: &str, ranges: &[Range<usize>]) -> String {
    let hidden = |at: usize| ranges.iter().any(|range| range.contains(&at));
    // One asterisk a byte keeps byte offsets, which is what spans count.
    text.char_indices()
        .flat_map(|(at, char)| {
            let hide = hidden(at) && char != '\n' && char != '\r';
            let (shown, times) = if hide { ('*', char.len_utf8()) } else { (char, 1) };
            std::iter::repeat_n(shown, times)
        })
        .collect()
}

/// For a file that cannot be parsed: blanks what stands behind `=` in every line that speaks of a secret, and all that
/// follows when a text of several lines begins there.
pub(super) fn blank_secret_lines(text: &str) -> String {
    let mut ranges = Vec::new();
    let mut start = 0;
    for line in text.split_inclusive('\n') {
        let lower = line.to_lowercase();
        if SECRET_WORDS.iter().any(|word| lower.contains(word)) {
            let value = start + line.find('=').map_or(0, |equals| equals + 1);
            if line.contains(r#"""""#) || line.contains("'''") {
                ranges.push(value..text.len());
                break;
            }
            ranges.push(value..start + line.len());
        }
        start += line.len();
    }
    blank(text, &ranges)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn offsets_stay_where_they_are() {
        let text = "a = \"bü\"\nc = 1\n";
        let blanked = blank(text, std::slice::from_ref(&(4..9)));
        assert_eq!(blanked, "a = *****\nc = 1\n");
        assert_eq!(blanked.len(), text.len());
    }

    #[test]
    fn a_broken_line_about_a_secret_shows_nothing_of_it() {
        for text in
            ["token = \"canary", "x = { password = canary", "token = \"\"\"\ncanary\n", "Token canary = 1 canary"]
        {
            let shown = blank_secret_lines(text);
            let after = shown.split('=').next_back().unwrap_or_default();
            assert!(!after.contains("canary"), "{shown}");
        }
    }
}
