//! The sections of a digest: where a notice stands, given what the reader knows of it.

use dealclock_model::digest::{NoticeKind, NoticeState, Told};

/// A section of a digest, in the order in which they are read.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Section {
    New,
    StillOpen,
    Requests,
    NotEnforceable,
    Tampering,
    Marks,
    Settled,
    Decided,
    TakenBack,
}

impl Section {
    pub(super) const ALL: [Section; 9] = [
        Section::New,
        Section::StillOpen,
        Section::Requests,
        Section::NotEnforceable,
        Section::Tampering,
        Section::Marks,
        Section::Settled,
        Section::Decided,
        Section::TakenBack,
    ];

    /// What stands above it.
    pub(super) fn heading(self) -> &'static str {
        match self {
            Section::New => "NEW SINCE THE LAST DIGEST",
            Section::StillOpen => "STILL OPEN",
            Section::Requests => "REQUESTS WAITING FOR A DECISION",
            Section::NotEnforceable => "LATE, BUT NOBODY'S FAULT",
            Section::Tampering => "TICKED WITHOUT A GRANT",
            Section::Marks => "REPS AT THE MARK",
            Section::Settled => "SETTLED SINCE THE LAST DIGEST",
            Section::Decided => "REQUESTS DECIDED SINCE THE LAST DIGEST",
            Section::TakenBack => "TAKEN BACK: THESE DO NOT COUNT",
        }
    }

    /// What stands below it, where numbers about people need a word.
    pub(super) fn remark(self) -> Option<&'static str> {
        match self {
            Section::NotEnforceable => {
                Some("No reminder had reached the owner in time, so these count against nobody.")
            }
            Section::Tampering => Some("The box was set back. The CRM does not say who ticked it."),
            Section::Marks => Some("A mark is a reason to look at the cases, never a verdict."),
            Section::New
            | Section::StillOpen
            | Section::Requests
            | Section::Settled
            | Section::Decided
            | Section::TakenBack => None,
        }
    }

    /// A number of notices of the section, for the first line.
    pub(super) fn count(self, count: usize) -> String {
        let s = if count == 1 { "" } else { "s" };
        match self {
            Section::New => format!("{count} new"),
            Section::StillOpen => format!("{count} still open"),
            Section::Requests => format!("{count} request{s} waiting"),
            Section::NotEnforceable => format!("{count} late without blame"),
            Section::Tampering => format!("{count} ticked without a grant"),
            Section::Marks => format!("{count} at the mark"),
            Section::Settled => format!("{count} settled"),
            Section::Decided => format!("{count} decided"),
            Section::TakenBack => format!("{count} taken back"),
        }
    }
}

/// Where a notice stands; `None` when there is nothing to tell: it is known as it is, or was over before it was told.
pub(super) fn of(told: &Told) -> Option<Section> {
    let heard = told.told.is_some() || told.sent_urgently;
    let news = told.told != Some(told.notice.state);
    match (told.notice.key.kind, told.notice.state) {
        (NoticeKind::Tampering, _) => news.then_some(Section::Tampering),
        (NoticeKind::Mark, NoticeState::Open) => news.then_some(Section::Marks),
        (NoticeKind::Violation, NoticeState::Open) if news => Some(Section::New),
        (NoticeKind::Violation, NoticeState::Open) => Some(Section::StillOpen),
        (NoticeKind::NotEnforceable, NoticeState::Open) => Some(Section::NotEnforceable),
        (NoticeKind::Request, NoticeState::Open) => Some(Section::Requests),
        (NoticeKind::Violation | NoticeKind::NotEnforceable, NoticeState::Settled) => news.then_some(Section::Settled),
        (NoticeKind::Violation | NoticeKind::NotEnforceable, NoticeState::Withdrawn) => {
            (news && heard).then_some(Section::TakenBack)
        }
        (NoticeKind::Request, NoticeState::Settled | NoticeState::Withdrawn) => {
            (news && heard).then_some(Section::Decided)
        }
        (NoticeKind::Mark, NoticeState::Settled | NoticeState::Withdrawn) => None,
    }
}

/// Whether a notice is forgotten once a digest told it as it is.
pub(super) fn is_over(told: &Told) -> bool {
    match told.notice.key.kind {
        NoticeKind::Tampering | NoticeKind::Mark => true,
        NoticeKind::Violation | NoticeKind::NotEnforceable | NoticeKind::Request => {
            told.notice.state != NoticeState::Open
        }
    }
}
