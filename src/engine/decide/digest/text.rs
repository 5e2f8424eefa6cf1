//! What a digest says, for a manager who reads it on a phone: counts first, then one short paragraph a record.

use std::collections::BTreeMap;

use chrono::NaiveDate;
use chrono_tz::Tz;
use dealclock_model::digest::{Notice, NoticeKind, NoticeState, Reason, Told};
use dealclock_model::{Instant, RuleKey};

use super::section::{self, Section};
use super::waits_urgently;
use crate::decide::Desk;
use crate::decide::recipient::name;
use crate::rules::Digest;
use crate::template::{money, one_line};
use crate::time::local_date;

/// More than this no CRM's task holds; what follows is cut off at a paragraph, and said to be.
const MOST_CHARS: usize = 28_000;
/// Words of a rep are quoted up to this length.
const MOST_QUOTED: usize = 300;

/// A message as it is sent.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Message {
    /// One line.
    pub(super) subject: String,
    /// The counts alone, for a short notice.
    pub(super) counts: String,
    /// Paragraphs, separated by blank lines.
    pub(super) body: String,
}

/// What there is to say.
pub(super) struct Page<'a> {
    pub(super) desk: Desk<'a>,
    pub(super) digest: &'a Digest,
    pub(super) zone: Tz,
    pub(super) today: NaiveDate,
    pub(super) notices: Vec<&'a Told>,
    pub(super) unlisted: &'a BTreeMap<RuleKey, u32>,
}

impl<'a> Page<'a> {
    /// Whether there is nothing to say.
    pub(super) fn is_empty(&self) -> bool {
        self.unlisted.is_empty() && !self.notices.iter().any(|told| section::of(told).is_some())
    }

    /// The digest of the day.
    pub(super) fn digest(&self) -> Message {
        let sections = Section::ALL.map(|section| (section, self.in_section(section)));
        let filled = || sections.iter().filter(|(_, notices)| !notices.is_empty());
        let unlisted: u32 = self.unlisted.values().fold(0, |sum, count| sum.saturating_add(*count));
        let mut counts: Vec<String> = filled().map(|(section, notices)| section.count(notices.len())).collect();
        if unlisted > 0 {
            counts.push(format!("{unlisted} more"));
        }
        let counts = counts.join(", ");
        let mut body = vec![format!("{}: {counts}.", self.today.format("%A, %-d %B"))];
        for (section, notices) in filled() {
            self.write_section(*section, notices, &mut body);
        }
        for (rule, count) in self.unlisted {
            body.push(format!("... and {count} more under \"{}\", too many to list.", self.title(rule)));
        }
        let subject = one_line(&format!("{}: {counts}", self.digest.title));
        Message { subject, counts, body: cut(body) }
    }

    /// The urgent notices that wait.
    pub(super) fn urgent(&self) -> Message {
        let mut urgent: Vec<&Told> = self.notices.iter().copied().filter(|told| waits_urgently(told)).collect();
        by_value(&mut urgent);
        let counts = match urgent.as_slice() {
            [told] => format!("{} is late", self.headline(&told.notice)),
            many => format!("{} deals are late", many.len()),
        };
        let mut body = vec![format!("This cannot wait for the next digest: {counts}.")];
        self.write_groups(Section::New, &urgent, &mut body);
        Message { subject: one_line(&format!("Urgent: {counts}")), counts, body: cut(body) }
    }

    fn in_section(&self, section: Section) -> Vec<&'a Told> {
        let mut notices: Vec<&Told> =
            self.notices.iter().copied().filter(|told| section::of(told) == Some(section)).collect();
        by_value(&mut notices);
        notices
    }

    fn write_section(&self, section: Section, notices: &[&Told], body: &mut Vec<String>) {
        body.push(format!("{} ({})", section.heading(), notices.len()));
        self.write_groups(section, notices, body);
        body.extend(section.remark().map(str::to_owned));
    }

    /// The largest, by rule and then rep; the rest is counted.
    fn write_groups(&self, section: Section, notices: &[&Told], body: &mut Vec<String>) {
        let shown = notices.len().min(self.digest.top as usize);
        let mut groups: BTreeMap<(&RuleKey, Option<&str>), Vec<&Told>> = BTreeMap::new();
        for told in &notices[..shown] {
            groups.entry((&told.notice.key.rule, self.rep(section, &told.notice))).or_default().push(told);
        }
        for ((rule, rep), group) in groups {
            let rep = rep.map(|rep| format!(" - {rep}")).unwrap_or_default();
            body.push(format!("{}{rep}", self.title(rule)));
            body.extend(group.into_iter().map(|told| self.record(section, told)));
        }
        if shown < notices.len() {
            body.push(format!("... and {} more.", notices.len() - shown));
        }
    }

    /// Whose name stands above a notice; nobody's where it is not known who did something.
    fn rep(&self, section: Section, notice: &'a Notice) -> Option<&'a str> {
        let owner = || Some(notice.owner.as_ref().map_or("nobody", |owner| name(self.desk.people, owner)));
        match section {
            Section::Tampering | Section::Marks => None,
            Section::New
            | Section::StillOpen
            | Section::Requests
            | Section::NotEnforceable
            | Section::Settled
            | Section::Decided
            | Section::TakenBack => owner(),
        }
    }

    /// One record: what and how large, how it stands, why, and where.
    fn record(&self, section: Section, told: &Told) -> String {
        let notice = &told.notice;
        let mut lines = vec![format!("{}: {}", self.headline(notice), self.course(section, told))];
        lines.extend(notice.reason.as_ref().map(|reason| format!("Reason: {}", quoted(reason))));
        if let Some(previous) = &notice.previous_owner {
            lines.push(format!("Owned before by {}", name(self.desk.people, previous)));
        }
        lines.extend(notice.url.clone());
        lines.join("\n")
    }

    fn headline(&self, notice: &Notice) -> String {
        let what = match (&notice.key.person, notice.key.kind) {
            (Some(person), NoticeKind::Mark) => name(self.desk.people, person),
            (Some(_) | None, _) => &notice.name,
        };
        match notice.amount {
            Some(amount) => format!("{}, {}", one_line(what), money(amount)),
            None => one_line(what),
        }
    }

    /// Since when, how old, and the one more sentence.
    fn course(&self, section: Section, told: &Told) -> String {
        let notice = &told.notice;
        let since = self.since(notice.since);
        let course = match section {
            Section::New | Section::StillOpen | Section::NotEnforceable => format!("late {since}"),
            Section::Requests => format!("asked {since}"),
            Section::Tampering => format!("ticked {since}"),
            Section::Marks => String::new(),
            Section::Settled | Section::TakenBack => format!("was late {since}"),
            Section::Decided => format!("was asked {since}"),
        };
        let known = told.sent_urgently && told.told.is_none();
        let already = (known && notice.state == NoticeState::Open).then_some("told at once already");
        let detail = notice.detail.as_deref().map(one_line);
        let parts = [course].into_iter().filter(|part| !part.is_empty());
        parts.chain(detail).chain(already.map(str::to_owned)).collect::<Vec<_>>().join("; ")
    }

    /// `since 23 November, 2 days`.
    fn since(&self, instant: Instant) -> String {
        let date = local_date(instant, self.zone);
        let age = match (self.today - date).num_days() {
            ..=0 => "today".to_owned(),
            1 => "1 day".to_owned(),
            days => format!("{days} days"),
        };
        format!("since {date} ({age})")
    }

    /// What people call a rule or approval.
    fn title(&self, key: &RuleKey) -> String {
        let rules = self.desk.rules;
        let rule = rules.by_key.get(key).map(|rule| rule.title.as_str());
        let approval = || rules.approvals.values().find(|approval| approval.request_key() == *key);
        let title = rule.or_else(|| approval().map(|approval| approval.title.as_str()));
        one_line(title.filter(|title| !title.is_empty()).unwrap_or(key.as_str()))
    }
}

/// The largest amounts first, those without one last.
fn by_value(notices: &mut [&Told]) {
    notices.sort_by(|one, other| {
        let (one, other) = (&one.notice, &other.notice);
        other.amount.cmp(&one.amount).then_with(|| one.key.cmp(&other.key))
    });
}

fn quoted(reason: &Reason) -> String {
    let words = reason.text.as_deref().map(|text| {
        let text = one_line(text);
        let short: String = text.chars().take(MOST_QUOTED).collect();
        format!("\"{short}\"")
    });
    reason.picklist.as_deref().map(one_line).into_iter().chain(words).collect::<Vec<_>>().join(", ")
}

/// Joins paragraphs, up to what a task holds.
fn cut(paragraphs: Vec<String>) -> String {
    let mut body = String::new();
    let mut paragraphs = paragraphs.into_iter();
    for paragraph in paragraphs.by_ref() {
        if body.len() + paragraph.len() > MOST_CHARS {
            let left = paragraphs.len() + 1;
            body += &format!("\n\n... and {left} more lines, which do not fit here.");
            break;
        }
        if !body.is_empty() {
            body += "\n\n";
        }
        body += &paragraph;
    }
    body
}
