//! Reading of `reason = { picklist = "...", text = "..." }`: the fields in which an owner says why.

use dealclock_model::fault::Fault;

use super::checked::Ground;
use super::section::Section;
use super::wanted;
use crate::rules::ReasonFields;

const KEYS: [&str; 3] = ["picklist", "text", "wants_words"];
/// The value that is no reason without words, unless another is named.
const WANTS_WORDS: &str = "other";

/// Reads the fields of a reason.
pub(super) fn read(parent: &Section<'_>, ground: &Ground<'_>, faults: &mut Vec<Fault>) -> Option<ReasonFields> {
    let section = parent.section("reason", faults)?;
    section.allow(&KEYS, faults);
    let picklist = ground.field(&section, "picklist", &wanted::REASON, faults);
    let text = ground.field(&section, "text", &wanted::WORDS, faults);
    let wants_words = section.text("wants_words", "wants_words = \"other\"", faults);
    if !section.has("picklist") && !section.has("text") {
        let fault = section.fault(section.head.clone(), format!("`[{}]` names no field", section.path));
        faults.push(fault.help("add `picklist = \"delay_reason\"`, `text = \"delay_reason_text\"`, or both"));
    }
    if let (Some(picklist), Some(text)) = (&picklist, &text)
        && picklist.value == text.value
    {
        let fault = section.fault(text.span.clone(), format!("`{}` is the picklist already", text.value));
        faults.push(fault.help("the owner's own words need a field of their own"));
    }
    if let Some(value) = &wants_words {
        if !section.has("picklist") || !section.has("text") {
            let fault = section.fault(section.key_span("wants_words"), "`wants_words` needs a `picklist` and a `text`");
            faults.push(fault.help("it names the value of the picklist that is no reason without words in the text"));
        } else if let Some(picklist) = &picklist {
            ground.option(&section, value, &picklist.value, faults);
        }
    }
    Some(ReasonFields {
        picklist: picklist.map(|field| field.value),
        text: text.map(|field| field.value),
        wants_words: wants_words.map_or(WANTS_WORDS, |value| value.value).to_owned(),
    })
}
