//! Makes the reports that are due: counts them, writes their files, and hands them over to be delivered.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use chrono::Duration;
use chrono_tz::Tz;
use dealclock_connector::Error;
use dealclock_engine::Ruleset;
use dealclock_engine::report::{Marked, Order, Period, Sheet};
use dealclock_engine::rules::Report;
use dealclock_engine::time::{Schedule, local_date};
use dealclock_model::digest::{AtMark, Made};
use dealclock_model::{CaseId, Event, Instant, People, ReportKey};
use dealclock_store::{Batch, Store, StoreError};

use super::gate::{Gate, live};
use super::signals::LoopId;
use super::{Connection, Runtime, RuntimeError, Step, names};
use crate::report::{FileError, count, write_all};

const WORK: &str = "reports";

/// How long a report waits at most for the data of its period, and how often it looks.
const PATIENCE: Duration = Duration::days(1);
const LOOK: Duration = Duration::minutes(1);

impl Runtime {
    pub(super) async fn reports_step(&self, connection: &Connection) -> Result<Step, RuntimeError> {
        let now = match self.gate(connection, WORK, live)? {
            Gate::Continue(now) => now,
            Gate::Break(rest) => return Ok(rest),
        };
        let Some(people) = connection.people() else { return Ok(Step::Rest(None)) };
        let (ruleset, zone) = (self.ruleset(), people.profile.zone);
        let mut next: Option<Instant> = None;
        for report in ruleset.reports.values().filter(|report| report.is_on(connection.id())) {
            let last = self.last_made(connection, report, now)?;
            let again = match latest(&report.every, last, now, zone) {
                Some(due) if self.is_told(connection, due, report, zone, now) => {
                    return self.make(connection, report, &ruleset, &people, due).await;
                }
                Some(_) => Some(now + LOOK),
                None => report.every.next_after(last.max(now), zone),
            };
            next = next.into_iter().chain(again).min();
        }
        connection.recovered(WORK);
        Ok(Step::Rest(next))
    }

    /// For when a report was made last. One that is new begins now: nothing is made in retrospect.
    fn last_made(&self, connection: &Connection, report: &Report, now: Instant) -> Result<Instant, StoreError> {
        let name = names::report(connection.id(), &report.key);
        if let Some(last) = self.store.meta(&name)? {
            return Ok(last);
        }
        let mut batch = Batch::new();
        batch.put_meta(&name, &now);
        self.store.commit(batch)?;
        Ok(now)
    }

    /// Whether the period's data is complete, or was waited for long enough: a day, and half the way to the next report.
    fn is_told(&self, connection: &Connection, due: Instant, report: &Report, zone: Tz, now: Instant) -> bool {
        let Some(as_of) = connection.state().as_of else { return false };
        let next = report.every.next_after(due, zone);
        let patience = next.map_or(PATIENCE, |next| PATIENCE.min((next - due) / 2));
        Period::before(due, &report.every, zone).end() <= as_of || due + patience <= now
    }

    async fn make(
        &self,
        connection: &Connection,
        report: &Report,
        ruleset: &Arc<Ruleset>,
        people: &Arc<People>,
        due: Instant,
    ) -> Result<Step, RuntimeError> {
        let now = self.clock.now();
        let press = Press {
            store: self.store.clone(),
            ruleset: Arc::clone(ruleset),
            people: Arc::clone(people),
            report: report.key.clone(),
            directory: self.reports_in.get().cloned(),
            period: Period::before(due, &report.every, people.profile.zone),
            now,
        };
        let printed = tokio::task::spawn_blocking(move || press.print()).await;
        let printed = printed.map_err(|error| RuntimeError::Broke(WORK.to_owned(), error.to_string()))?;
        let (sheet, files) = match printed {
            Ok(Some(printed)) => printed,
            Ok(None) => return Ok(Step::Again),
            Err(PrintError::Store(error)) => return Err(error.into()),
            Err(PrintError::File(error)) => {
                let error = Error::transient(error.to_string());
                return Ok(Step::Rest(Some(connection.failed(WORK, &error, now))));
            }
        };
        let mut batch = Batch::new();
        let case = CaseId::Report { connection: connection.id().clone(), report: report.key.clone() };
        let due_date = local_date(due, people.profile.zone);
        batch.put_event(&case, &Event::Made(Box::new(made(report, &sheet, &files, due_date))));
        batch.put_meta(&names::report(connection.id(), &report.key), &due);
        self.store.commit(batch)?;
        self.signals.raise(&LoopId::Decide);
        Ok(Step::Again)
    }
}

/// The last time up to now at which a report was due since it was made; after a long absence that is one, not many.
fn latest(every: &Schedule, last: Instant, now: Instant, zone: Tz) -> Option<Instant> {
    let mut due = None;
    let mut after = last;
    while let Some(next) = every.next_after(after, zone).filter(|next| *next <= now && after < *next) {
        due = Some(next);
        after = next;
    }
    due
}

fn made(report: &Report, sheet: &Sheet, files: &[PathBuf], due: chrono::NaiveDate) -> Made {
    let Period { from, to, .. } = sheet.period;
    let mark = |Marked { person, share }: &Marked| AtMark {
        person: person.clone(),
        detail: format!("Complex share {} ({} of {}), {from} to {to}", share.percent(), share.part, share.whole),
    };
    Made {
        from,
        to,
        due,
        title: report.title.clone(),
        summary: sheet.summary.clone(),
        files: files.iter().map(|path| path.display().to_string()).collect(),
        readers: report.to.iter().map(|who| who.name().into()).collect(),
        via: report.via.clone(),
        marks: sheet.marked.iter().map(mark).collect(),
    }
}

/// What a report is printed from, on a thread that may block.
struct Press {
    store: Store,
    ruleset: Arc<Ruleset>,
    people: Arc<People>,
    report: ReportKey,
    directory: Option<PathBuf>,
    period: Period,
    now: Instant,
}

#[derive(Debug, thiserror::Error)]
enum PrintError {
    #[error(transparent)]
    Store(#[from] StoreError),
    #[error(transparent)]
    File(#[from] FileError),
}

impl Press {
    /// The report, and where its files stand; `None` when it is defined no more.
    fn print(&self) -> Result<Option<(Sheet, Vec<PathBuf>)>, PrintError> {
        let Some(report) = self.ruleset.reports.get(&self.report) else { return Ok(None) };
        let order = Order {
            rules: &self.ruleset.rules,
            people: &self.people,
            kind: report.kind,
            title: report.title.clone(),
            period: self.period,
            mark: report.mark,
            min_cases: report.min_cases,
            now: self.now,
        };
        let sheet = count(&self.store, order)?;
        let files = match &self.directory {
            Some(directory) => write_all(Path::new(directory), self.report.as_str(), &sheet)?,
            None => Vec::new(),
        };
        Ok(Some((sheet, files)))
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use chrono_tz::Europe::Berlin;
    use dealclock_model::Happened;
    use dealclock_model::fault::Source;

    use super::*;
    use crate::runtime::script::Stage;

    fn at(text: &str) -> Instant {
        text.parse().unwrap()
    }

    #[test]
    fn after_an_outage_a_report_is_due_once_for_the_latest_time() {
        let daily: Schedule = "0 8 * * *".parse().unwrap();
        for (last, now, due) in [
            ("2026-03-27T07:00:00Z", "2026-03-28T06:59:59Z", None),
            ("2026-03-27T07:00:00Z", "2026-03-28T07:00:00Z", Some("2026-03-28T07:00:00Z")),
            // Eight in the morning is an hour earlier once the clocks have changed.
            ("2026-03-27T07:00:00Z", "2026-03-29T06:00:00Z", Some("2026-03-29T06:00:00Z")),
            ("2026-03-27T07:00:00Z", "2026-04-27T12:00:00Z", Some("2026-04-27T06:00:00Z")),
            // The clock stepped back.
            ("2026-03-27T07:00:00Z", "2026-03-20T12:00:00Z", None),
        ] {
            assert_eq!(latest(&daily, at(last), at(now), Berlin), due.map(at), "{last} {now}");
        }
    }

    const RULES: &str = r#"
[report.share]
kind = "complex-share"
every = "0 8 * * *"
to = ["role:directors"]
"#;

    #[tokio::test]
    async fn a_report_waits_for_its_data_and_is_made_once_and_never_in_retrospect() {
        let stage = Stage::live().await;
        let directory = tempfile::tempdir().unwrap();
        stage.runtime.keep_reports_in(directory.path().to_owned());
        let source = Source::new("r.toml", RULES);
        stage.runtime.replace_rules(Ruleset::read(&[source], &BTreeMap::new(), &|_| Err(String::new())).unwrap());
        let is_empty = || std::fs::read_dir(directory.path()).unwrap().next().is_none();
        stage.pass(Duration::hours(22)).await;
        assert!(is_empty(), "today's time was over");
        stage.pass(Duration::hours(12)).await;
        assert!(is_empty(), "the CRM shows its data only as of the beginning, and is waited for");
        stage.pass(Duration::hours(4)).await;
        let files = std::fs::read_dir(directory.path().join("acme")).unwrap();
        let mut names: Vec<_> = files.map(|file| file.unwrap().file_name().into_string().unwrap()).collect();
        names.sort();
        let expected = ["csv", "html", "json"].map(|format| format!("share-2026-03-02..2026-03-02.{format}"));
        assert_eq!(names, expected);
        let facts = stage.runtime.store().facts(&"acme".into(), None, None, 100).unwrap();
        let made = facts.iter().filter(|(_, _, fact)| fact.what == Happened::ReportMade).count();
        assert_eq!(made, 1);
    }
}
