//! Who gets which opportunity when, and which course it takes.

use chrono::{DateTime, Datelike, Duration, NaiveDate, Utc, Weekday};
use rand::Rng;
use rand::rngs::StdRng;
use rand::seq::SliceRandom;

use super::CompanyOptions;
use super::cast::{Cast, Member};
use super::course::{Course, Script};
use super::moment;
use super::stage::{PIPELINES, Stage};
use super::title::Titles;
use crate::edit::{Edit, TimedEdit};

/// How far the company's past goes back before the start.
pub(super) const PAST_DAYS: i64 = 14;

/// Everything that people do with opportunities, and what changes among the people; in no order.
pub(super) fn play(options: &CompanyOptions, cast: &Cast, rng: &mut StdRng) -> Vec<TimedEdit> {
    let titles = Titles::new(rng);
    let left_at =
        options.start + Duration::hours(i64::from(options.days) * 24 * 2 / 5) + Duration::milliseconds(97_531);
    let mut plot = Plot { options, cast, titles, deck: Vec::new(), left_at, told: 0, edits: Vec::new(), rng };
    plot.standing_deals();
    plot.deals_of_the_days();
    plot.news_about_people();
    plot.edits
}

struct Plot<'a> {
    options: &'a CompanyOptions,
    cast: &'a Cast,
    titles: Titles,
    /// Courses still to be taken before any is taken again.
    deck: Vec<Course>,
    /// When the leaver leaves.
    left_at: DateTime<Utc>,
    /// How many opportunities there are so far.
    told: usize,
    edits: Vec<TimedEdit>,
    rng: &'a mut StdRng,
}

impl<'a> Plot<'a> {
    /// Opportunities from before the start: some that the rule applies to at once, and some that are raised above the
    /// threshold on the first day although they have been open for days, so that even a run of one day sees second
    /// reminders and violations.
    fn standing_deals(&mut self) {
        let reps = self.cast.reps();
        for index in 0..self.options.standing as usize {
            let rep = &reps[index % reps.len()];
            let today = self.local_date(self.options.start, rep);
            let date = today - Duration::days(self.rng.random_range(2..=8));
            let entered = moment::within(8..17, date, rep.zone(), self.rng);
            let course = self.draw();
            self.tell(course, rep, entered, self.options.start);
        }
        for (index, rep) in reps.iter().enumerate() {
            self.raised_before_the_second_reminder(rep);
            if index % 2 == 0 {
                self.raised_before_the_deadline(rep);
            }
        }
    }

    fn raised_before_the_second_reminder(&mut self, rep: &'a Member) {
        let soon = self.options.start + Duration::minutes(90);
        let reminder = moment::next_hour_of_day(9, soon, rep.zone());
        let entered_on = self.local_date(reminder, rep) - Duration::days(4);
        self.raised(Course::RaisedAtLast, rep, entered_on, reminder - Duration::minutes(45));
    }

    fn raised_before_the_deadline(&mut self, rep: &'a Member) {
        let soon = self.options.start + Duration::minutes(90);
        let midnight = moment::next_hour_of_day(0, soon, rep.zone());
        let entered_on = self.local_date(midnight, rep) - Duration::days(6);
        self.raised(Course::RaisedTooLate, rep, entered_on, midnight - Duration::minutes(45));
    }

    fn raised(&mut self, course: Course, rep: &'a Member, entered_on: NaiveDate, until: DateTime<Utc>) {
        let entered = moment::within(8..17, entered_on, rep.zone(), self.rng);
        let raised_at = moment::between(self.options.start + Duration::minutes(12), until, self.rng);
        self.tell(course, rep, entered, raised_at);
    }

    fn deals_of_the_days(&mut self) {
        for day in 0..self.options.days {
            let noon = self.options.start + Duration::days(i64::from(day)) + Duration::hours(6);
            let weekend = matches!(noon.weekday(), Weekday::Sat | Weekday::Sun);
            let deals = if weekend { self.options.deals_per_day / 4 } else { self.options.deals_per_day };
            for _ in 0..deals {
                let rep = self.choose_rep(noon);
                let date = self.local_date(noon, rep);
                let opened = moment::within(8..18, date, rep.zone(), self.rng);
                let opened =
                    opened.max(self.options.start + Duration::milliseconds(self.rng.random_range(60_000..9_000_000)));
                let course = self.draw();
                self.tell(course, rep, opened, opened);
            }
        }
    }

    /// Somebody leaves, somebody moves to another zone, and a stage that no rule names gets another label.
    fn news_about_people(&mut self) {
        let part = |percent: i64| Duration::minutes(i64::from(self.options.days) * 1440 * percent / 100);
        let mut news = Vec::new();
        if let Some(leaver) = self.cast.reps().iter().find(|rep| rep.leaves) {
            news.push((self.left_at, Edit::DeactivateOwner { owner: leaver.owner().to_owned() }));
        }
        if let Some(mover) = self.cast.reps().iter().find(|rep| !rep.leaves) {
            let zone = Some("Europe/Lisbon".to_owned());
            let edit = Edit::SetZone { owner: mover.owner().to_owned(), zone };
            news.push((self.options.start + part(60) + Duration::milliseconds(13_579), edit));
        }
        let pipeline = &PIPELINES[1];
        let rename = Edit::RenameStage {
            pipeline: pipeline.pipeline.to_owned(),
            stage: pipeline.id_of(Stage::Negotiation).to_owned(),
            label: "Talking terms".to_owned(),
        };
        news.push((self.options.start + part(30) + Duration::milliseconds(24_680), rename));
        self.edits.extend(news.into_iter().map(|(at, edit)| TimedEdit { at, edit }));
    }

    /// Lets an opportunity take its course. `anchor` is the instant from which its clock is expected to count: the entry
    /// into Open, or the start for those that were open already.
    fn tell(&mut self, course: Course, rep: &'a Member, entered: DateTime<Utc>, anchor: DateTime<Utc>) {
        self.told += 1;
        let script = Script {
            handle: format!("deal-{}", self.told),
            title: self.titles.next(),
            other_title: course.needs_two().then(|| self.titles.next()),
            pipeline: if self.rng.random_bool(0.7) { &PIPELINES[0] } else { &PIPELINES[1] },
            rep,
            colleague: self.choose_colleague(rep),
            manager: self.cast.manager_of(rep).unwrap_or(self.cast.director()),
            director: self.cast.director(),
            has_process: self.options.has_process,
            entered,
            first_day: self.local_date(anchor, rep),
            now: anchor,
            rng: &mut *self.rng,
            edits: &mut self.edits,
        };
        script.run(course);
    }

    /// Draws the next course; every one is taken once before any is taken again.
    fn draw(&mut self) -> Course {
        if self.deck.is_empty() {
            self.deck = Course::DECK.to_vec();
            self.deck.shuffle(self.rng);
        }
        self.deck.pop().unwrap_or(Course::SentAfterFirst)
    }

    fn choose_rep(&mut self, at: DateTime<Utc>) -> &'a Member {
        let reps = self.cast.reps();
        let chosen = &reps[self.rng.random_range(0..reps.len())];
        if chosen.leaves && at + Duration::days(1) > self.left_at { self.choose_colleague(chosen) } else { chosen }
    }

    /// Another rep, never the one who leaves.
    fn choose_colleague(&mut self, rep: &Member) -> &'a Member {
        let others: Vec<&Member> =
            self.cast.reps().iter().filter(|other| !other.leaves && other.owner() != rep.owner()).collect();
        others[self.rng.random_range(0..others.len())]
    }

    fn local_date(&self, at: DateTime<Utc>, rep: &Member) -> NaiveDate {
        at.with_timezone(&rep.zone()).date_naive()
    }
}
