//! What managers and directors read: digests and reports, as the CRM shows them.

use chrono::{DateTime, Utc};
use chrono_tz::Tz;

use super::people::People;
use super::rule::AuditedRule;
use super::task;
use super::words::Words;
use crate::dump::Dump;

/// A message in somebody's task list.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Message {
    /// When it came.
    pub at: DateTime<Utc>,
    /// The zone of the reader, in which `at` is best shown.
    pub zone: Tz,
    /// The reader's name.
    pub reader: String,
    /// Its one line.
    pub subject: String,
    /// Its text, as the page shows it.
    pub body: String,
}

/// Every digest that ever came, in order.
pub fn digests(dump: &Dump, rule: &AuditedRule) -> Vec<Message> {
    rule.digest.as_ref().map(|begins| messages(dump, rule, begins)).unwrap_or_default()
}

/// Every message of ours whose subject begins so, in order.
pub fn messages(dump: &Dump, rule: &AuditedRule, begins: &str) -> Vec<Message> {
    let words = Words::of(dump.crm);
    let people = People::read(dump, rule, words);
    let tasks = task::read(dump, rule).into_iter().filter(|task| task.subject().starts_with(begins));
    let message = |task: task::Task<'_>| Message {
        at: task.created_at(),
        zone: people.zone_at(task.first_owner(), task.created_at()),
        reader: people.name(task.first_owner()),
        subject: task.subject().to_owned(),
        body: shown(task.record.value(words.body).unwrap_or_default()),
    };
    tasks.map(message).collect()
}

/// A text as a page shows it: without markup.
fn shown(text: &str) -> String {
    let mut shown = String::new();
    let mut rest = text;
    while let Some((before, tag)) = rest.split_once('<') {
        let Some((tag, after)) = tag.split_once('>') else { break };
        shown.push_str(before);
        if tag.trim_end_matches([' ', '/']) == "br" || matches!(tag, "/p" | "/li" | "/ul" | "/h3") {
            shown.push('\n');
        }
        rest = after;
    }
    shown.push_str(rest);
    let entities = [("&lt;", "<"), ("&gt;", ">"), ("&quot;", "\""), ("&#39;", "'"), ("&nbsp;", " "), ("&amp;", "&")];
    entities.iter().fold(shown, |text, (entity, meant)| text.replace(entity, meant)).trim().to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_page_shows_no_markup() {
        let check = |text, expected| assert_eq!(shown(text), expected);
        check("<p>Two &amp; two<br>is <b>four</b></p><p>5 &lt; 6</p>", "Two & two\nis four\n5 < 6");
        check("no markup, 3 > 2", "no markup, 3 > 2");
        check("open < end", "open < end");
    }
}
