//! Record ids in their two forms: fifteen characters whose case counts, or three more that guard the case.
//!
//! [Record ids](https://developer.salesforce.com/docs/atlas.en-us.object_reference.meta/object_reference/field_types.htm)
//! come in the long form from REST; people, formulas and old integrations still use the short one.

const SHORT: usize = 15;
const GUARDS: &[u8; 32] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZ012345";

/// Whether two ids, each in either form, name the same thing.
pub fn same(left: &str, right: &str) -> bool {
    match (left.get(..SHORT), right.get(..SHORT)) {
        (Some(left), Some(right)) => left == right,
        _ => left == right && !left.is_empty(),
    }
}

/// The long form; what is no id stays as it is.
pub fn long(id: &str) -> String {
    if id.len() != SHORT || !id.bytes().all(|byte| byte.is_ascii_alphanumeric()) {
        return id.to_owned();
    }
    let guards = id.as_bytes().chunks(5).map(|five| {
        let capitals = five.iter().rev().fold(0, |bits, byte| bits << 1 | usize::from(byte.is_ascii_uppercase()));
        char::from(GUARDS[capitals])
    });
    id.chars().chain(guards).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_long_form_guards_the_case_of_the_short_one() {
        for long_form in ["006D000000CpOSyIAN", "01gD0000002HU6KIAW"] {
            assert_eq!(long(&long_form[..15]), long_form);
            assert_eq!(long(long_form), long_form);
        }
        assert_eq!(long("no id"), "no id");
        assert_eq!(long("006D000000CpO-y"), "006D000000CpO-y");
    }

    #[test]
    fn ids_are_compared_by_their_short_form() {
        assert!(same("006D000000CpOSy", "006D000000CpOSyIAN"));
        assert!(!same("006D000000CpOSy", "006D000000CpOSY"));
        assert!(!same("", ""));
    }
}
