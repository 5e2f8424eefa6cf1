//! What people in the company saw: the course of some deals, and a digest and a report as their readers have them.

use std::cmp::Reverse;
use std::collections::{BTreeMap, HashSet};
use std::mem::{Discriminant, discriminant};

use dealclock_daemon::cli::Output;
use dealclock_sandbox::audit::{Message, Story, StoryKind};
use owo_colors::OwoColorize;

use super::play::Judged;

/// Deals whose whole story is told beside those that are looked for, on all connections together.
const FURTHER: usize = 2;
/// The longest digest that is shown, in lines.
const LONGEST: usize = 40;

/// A story that is looked for, by what has to happen in it, the rarest first.
struct Wanted {
    title: &'static str,
    kinds: &'static [StoryKind],
}

const WANTED: [Wanted; 3] = [
    Wanted {
        title: "A deal that was given more time",
        kinds: &[StoryKind::Granted, StoryKind::FirstReminder, StoryKind::Decided { granted: true }],
    },
    Wanted {
        title: "A discount that two people had to approve",
        kinds: &[StoryKind::DiscountGranted, StoryKind::Discount],
    },
    Wanted { title: "Somebody who granted it to themselves", kinds: &[StoryKind::SetBack, StoryKind::Tampered] },
];

/// Tells what people saw on one of some connections.
pub fn tell(judged: &Judged, connections: usize, output: Output) {
    let mut by_deal: BTreeMap<&str, Vec<&Story>> = BTreeMap::new();
    for story in &judged.stories {
        by_deal.entry(&story.deal).or_default().push(story);
    }
    output.text("What some of them saw, each in their own time:\n");
    let mut told = Vec::new();
    for wanted in &WANTED {
        if let Some(deal) = wanted.find(&by_deal, &told) {
            tell_deal(wanted.title, &by_deal[deal], output);
            told.push(deal);
        }
    }
    for deal in further(&by_deal, &mut told, FURTHER / connections) {
        tell_deal(&format!("deal {deal}"), &by_deal[deal], output);
    }
    if let Some(digest) = digest(&judged.digests) {
        show("digest", digest, output);
    }
    if let Some(report) = judged.reports.last() {
        show("report", report, output);
    }
}

impl Wanted {
    /// The deal in which all of it happens, and most of the rest.
    fn find<'a>(&self, by_deal: &BTreeMap<&'a str, Vec<&Story>>, told: &[&str]) -> Option<&'a str> {
        let happens = |deal: &str, kind: &StoryKind| by_deal[deal].iter().filter(|story| story.kind == *kind).count();
        let fits = |deal: &&str| !told.contains(deal) && self.kinds.iter().all(|kind| happens(deal, kind) > 0);
        let decided = StoryKind::Decided { granted: true };
        let fitting = by_deal.keys().copied().filter(fits);
        let ranked =
            fitting.map(|deal| ((happens(deal, &decided).min(2), kinds(&by_deal[deal]).len(), Reverse(deal)), deal));
        ranked.max().map(|(_, deal)| deal)
    }
}

fn kinds(stories: &[&Story]) -> HashSet<Discriminant<StoryKind>> {
    stories.iter().map(|story| discriminant(&story.kind)).collect()
}

/// The deals that together show the most kinds of things which were not told yet.
fn further<'a>(by_deal: &BTreeMap<&'a str, Vec<&Story>>, told: &mut Vec<&'a str>, deals: usize) -> Vec<&'a str> {
    let mut seen: HashSet<_> = told.iter().flat_map(|deal| kinds(&by_deal[*deal])).collect();
    let mut found = Vec::new();
    while found.len() < deals {
        let fresh = |deal: &str| kinds(&by_deal[deal]).iter().filter(|kind| !seen.contains(*kind)).count();
        let rest = by_deal.keys().copied().filter(|deal| !told.contains(deal));
        let ranked = rest.map(|deal| ((fresh(deal), kinds(&by_deal[deal]).len(), Reverse(deal)), deal));
        let Some((_, next)) = ranked.max() else { break };
        seen.extend(kinds(&by_deal[next]));
        told.push(next);
        found.push(next);
    }
    found
}

fn tell_deal(title: &str, stories: &[&Story], output: Output) {
    output.text(format_args!("{}", title.bold()));
    for story in stories {
        let at = story.at.with_timezone(&story.zone).format("%a %-d %b %H:%M");
        output.text(format_args!("  {at}  {}", story.text));
    }
    output.text("");
}

/// The digest that tells the most without being too long.
fn digest(digests: &[Message]) -> Option<&Message> {
    let lines = |digest: &&Message| digest.body.lines().count();
    let short = digests.iter().filter(|digest| lines(digest) <= LONGEST).max_by_key(lines);
    short.or_else(|| digests.iter().min_by_key(lines))
}

fn show(what: &str, message: &Message, output: Output) {
    let at = message.at.with_timezone(&message.zone).format("%a %-d %b %H:%M");
    output.text(format_args!("{}", format_args!("The {what} of {}, {at}", message.reader).bold()));
    output.text(format_args!("  {}", message.subject));
    for line in message.body.lines() {
        output.text(format_args!("  {line}"));
    }
    output.text("");
}
