//! What a person probably meant by a name that does not exist.

/// The known name nearest to the written one, when it is near enough to be a slip of the hand.
pub(crate) fn nearest<'a>(written: &str, known: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let limit = (written.chars().count() / 3).max(1);
    known
        .into_iter()
        .map(|name| (distance(written, name), name))
        .filter(|(distance, _)| *distance <= limit)
        .min()
        .map(|(_, name)| name)
}

/// Help for an unknown name: the nearest known one, and all of them.
pub(crate) fn instead_of<'a>(
    written: &str,
    known: impl IntoIterator<Item = &'a str> + Clone,
    what_they_are: &str,
) -> String {
    let all = list(known.clone());
    match nearest(written, known) {
        Some(name) => format!("did you mean `{name}`? {what_they_are}: {all}"),
        None => format!("{what_they_are}: {all}"),
    }
}

/// Names in backticks, with commas.
pub(crate) fn list<'a>(names: impl IntoIterator<Item = &'a str>) -> String {
    names.into_iter().map(|name| format!("`{name}`")).collect::<Vec<_>>().join(", ")
}

/// Counts slips of the hand: letters added, left out, changed or swapped; capitals do not count.
fn distance(written: &str, name: &str) -> usize {
    strsim::damerau_levenshtein(&written.to_lowercase(), &name.to_lowercase())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_slip_of_the_hand_finds_its_name_and_another_word_finds_none() {
        let known = ["amount", "stage", "owner.name"];
        assert_eq!(nearest("amuont", known), Some("amount"));
        assert_eq!(nearest("Stage", known), Some("stage"));
        assert_eq!(nearest("probability", known), None);
        assert_eq!(nearest("", known), None);
    }
}
