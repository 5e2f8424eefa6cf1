//! Makes a CRM's message fit for a log: tokens and mail addresses are cut out, and it is kept short.

use dealclock_model::EffectId;

/// Most characters of a CRM's message that we repeat.
const LONGEST: usize = 400;

/// Longest run of letters and digits that is still a word; opaque tokens are longer.
const LONGEST_WORD: usize = 40;

/// The message without tokens, mail addresses and control characters, cut after [`LONGEST`] characters.
pub fn redact(message: &str) -> String {
    let mut out = String::with_capacity(message.len().min(LONGEST));
    let mut after_bearer = false;
    for piece in pieces(message.get(..message.floor_char_boundary(4 * LONGEST)).unwrap_or(message)) {
        match piece {
            Piece::Gap(c) => out.push(if c.is_control() { ' ' } else { c }),
            Piece::Word(word) => {
                out.push_str(replacement(word, after_bearer).unwrap_or(word));
                after_bearer = word.eq_ignore_ascii_case("bearer");
            }
        }
    }
    match out.char_indices().nth(LONGEST) {
        Some((end, _)) => format!("{} ...", &out[..end]),
        None => out,
    }
}

fn replacement(word: &str, after_bearer: bool) -> Option<&'static str> {
    let is_address = word.split_once('@').is_some_and(|(name, host)| !name.is_empty() && !host.is_empty());
    let is_key = ["pat-", "sk-", "key-"].iter().any(|prefix| word.starts_with(prefix)) && word.len() > 12;
    let is_opaque = word.len() > LONGEST_WORD
        && word.bytes().any(|b| b.is_ascii_digit())
        && word.bytes().any(|b| b.is_ascii_alphabetic())
        && word.parse::<EffectId>().is_err();
    if is_address {
        Some("<address>")
    } else if after_bearer || is_key || is_opaque {
        Some("<secret>")
    } else {
        None
    }
}

enum Piece<'a> {
    Word(&'a str),
    Gap(char),
}

fn pieces(text: &str) -> impl Iterator<Item = Piece<'_>> {
    let is_word = |c: char| c.is_alphanumeric() || "._%+-@~".contains(c);
    let mut rest = text;
    std::iter::from_fn(move || {
        let first = rest.chars().next()?;
        let end = rest.find(|c| !is_word(c)).unwrap_or(rest.len());
        let (piece, after) = if end == 0 {
            (Piece::Gap(first), &rest[first.len_utf8()..])
        } else {
            (Piece::Word(&rest[..end]), &rest[end..])
        };
        rest = after;
        Some(piece)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tokens_and_addresses_are_cut_out() {
        for (message, clean) in [
            ("the token pat-na1-11111111-aaaa is wrong", "the token <secret> is wrong"),
            ("Authorization: Bearer abc.def", "Authorization: Bearer <secret>"),
            ("owner \"a.b+c@d.example\" not found", "owner \"<address>\" not found"),
            ("got CJSP5qf1KhICAQEYs-gDIIGOBii1hQIyGQAf3xBKmlwHjX7OIp", "got <secret>"),
            ("line\nbreak\u{1b}[31m", "line break [31m"),
        ] {
            assert_eq!(redact(message), clean);
        }
    }

    #[test]
    fn ordinary_words_ids_and_keys_of_ours_stay() {
        for message in [
            "Property \"x\" does not exist",
            "correlation a43683b0-5717-4ceb-80b4-104d02915d8c",
            "b613f36e3cbcb3146043-e12-r34-f849bd2dc48b is taken",
            "Größe 5 > 3 @ noon",
        ] {
            assert_eq!(redact(message), message);
        }
    }

    #[test]
    fn a_long_message_is_cut() {
        assert_eq!(redact(&"é ".repeat(5000)).chars().count(), LONGEST + 4);
    }

    proptest::proptest! {
        #[test]
        fn no_text_breaks_it_and_no_address_survives(text in "\\PC*", name in "[a-z]{1,8}", host in "[a-z]{1,8}\\.[a-z]{2}") {
            let address = format!("{name}@{host}");
            let clean = redact(&format!("{address} {text}"));
            proptest::prop_assert!(!clean.contains(&address), "{}", clean);
        }
    }
}
