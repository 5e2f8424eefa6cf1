//! Record ids: fifteen characters whose case counts, or eighteen of which the last three guard the case.

use std::fmt;

const ALPHABET: &[u8; 62] = b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";
const CHECKS: &[u8; 32] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZ012345";
const LENGTH: usize = 15;

/// The id of a record; ids of one type grow in the order in which the records were made.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct Id([u8; LENGTH]);

impl Id {
    /// The id with a number, among the records of a type.
    pub(crate) fn new(prefix: &str, instance: [u8; 2], number: u64) -> Id {
        let mut characters = [b'0'; LENGTH];
        for (place, character) in characters.iter_mut().zip(prefix.bytes().take(3).chain(instance)) {
            *place = character;
        }
        let mut rest = number;
        for place in characters.iter_mut().skip(5).rev() {
            *place = digit(rest % 62);
            rest /= 62;
        }
        Id(characters)
    }

    /// Reads an id in either length; the guards of the long form are checked.
    pub(crate) fn parse(text: &str) -> Option<Id> {
        let bytes = text.as_bytes();
        if !bytes.iter().all(u8::is_ascii_alphanumeric) {
            return None;
        }
        let id = Id(bytes.get(..LENGTH)?.try_into().ok()?);
        match bytes.get(LENGTH..)? {
            [] => Some(id),
            guards if guards.eq_ignore_ascii_case(&id.guards()) => Some(id),
            _ => None,
        }
    }

    /// The characters that tell the type.
    pub(crate) fn prefix(&self) -> &str {
        std::str::from_utf8(&self.0[..3]).unwrap_or_default()
    }

    /// The short form.
    pub(crate) fn short(&self) -> &str {
        std::str::from_utf8(&self.0).unwrap_or_default()
    }

    /// One guard for each five characters: which of them are capitals.
    fn guards(&self) -> [u8; 3] {
        let mut guards = [b'A'; 3];
        for (guard, five) in guards.iter_mut().zip(self.0.chunks(5)) {
            let capitals = five
                .iter()
                .rev()
                .fold(0_usize, |bits, character| bits << 1 | usize::from(character.is_ascii_uppercase()));
            *guard = CHECKS.get(capitals).copied().unwrap_or(b'A');
        }
        guards
    }
}

fn digit(value: u64) -> u8 {
    usize::try_from(value).ok().and_then(|value| ALPHABET.get(value)).copied().unwrap_or(b'0')
}

impl fmt::Display for Id {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let guards = self.guards();
        write!(f, "{}{}", self.short(), std::str::from_utf8(&guards).unwrap_or_default())
    }
}

impl fmt::Debug for Id {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{self}")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_long_form_guards_the_case_of_the_short_one() {
        for (short, long) in [("006D000000CpOSy", "006D000000CpOSyIAN"), ("01gD0000002HU6K", "01gD0000002HU6KIAW")] {
            assert_eq!(Id::parse(short).unwrap().to_string(), long);
            assert_eq!(Id::parse(long), Id::parse(short));
        }
        assert_eq!(Id::parse("006D000000CpOSyIAM"), None);
        assert_eq!(Id::parse("006D000000CpOS"), None);
        assert_eq!(Id::parse("006D000000CpOSyI"), None);
        assert_eq!(Id::parse("006D-00000CpOSy"), None);
    }

    #[test]
    fn ids_grow_with_their_numbers() {
        let ids = [0, 1, 61, 62, 100_000].map(|number| Id::new("006", *b"Hs", number));
        assert!(ids.is_sorted());
        assert_eq!(ids[3].short(), "006Hs0000000010");
        assert_eq!(ids[0].prefix(), "006");
    }
}
