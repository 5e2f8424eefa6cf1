//! Reports as they are shown, and counted from a store.

use std::os::unix::fs::PermissionsExt;

use dealclock_engine::report::{Bar, Bars, Cell, Column, NO_VERDICT, Order, Period, Section, Share, Sheet};
use dealclock_engine::rules::{ReportKind, Rules};
use dealclock_model::case::RecordCase;
use dealclock_model::fact::Spell;
use dealclock_model::{Case, CaseId, Fact, Happened, Instant, Object, People, Profile, RecordRef};
use dealclock_store::{Batch, Options, Store};
use rust_decimal::Decimal;

use super::{Format, count, show, write_all, write_file};

fn period() -> Period {
    let date = |text: &str| text.parse().unwrap();
    Period { from: date("2026-10-01"), to: date("2026-10-31"), zone: chrono_tz::Europe::Berlin }
}

/// A rep whose name would be a tag on a page and a formula in a spreadsheet.
const NAME: &str = "=<b>Rita</b>, \"R\"";

fn sheet() -> Sheet {
    let share = Share { part: 9, whole: 20 };
    let columns = [("name", "Name"), ("all", "All"), ("share", "Share"), ("low", "From"), ("marked", "At the mark")];
    let row =
        vec![Cell::Text(NAME.into()), Cell::Count(20), Cell::Share(share), Cell::Fraction(0.258_2), Cell::Flag(true)];
    let bar = Bar { label: NAME.into(), share, value: "45.0 %".into(), marked: true };
    let bars = Bars { title: "Complex share".into(), bars: vec![bar], line: Some(Decimal::new(40, 2)) };
    let section = Section {
        key: "reps",
        title: "By rep",
        note: "What it means.",
        columns: columns.map(|(key, title)| Column { key, title }).into(),
        rows: vec![row],
        bars: Some(bars),
    };
    let took = Section {
        key: "approvers",
        title: "By approver",
        note: "How long.",
        columns: [("name", "Name"), ("took_median_secs", "Took")].map(|(key, title)| Column { key, title }).into(),
        rows: vec![vec![Cell::Text("Bo".into()), Cell::Secs(90_000)], vec![Cell::Text("Al".into()), Cell::Empty]],
        bars: None,
    };
    Sheet {
        kind: ReportKind::ComplexShare,
        title: "Complex share".into(),
        connection: "acme".into(),
        period: period(),
        made_at: "2026-11-01T07:00:00Z".parse().unwrap(),
        summary: vec!["1 of 4 reps is at the mark.".into()],
        sections: vec![section, took],
        marked: Vec::new(),
    }
}

#[test]
fn a_page_is_complete_in_itself_escapes_everything_and_says_that_a_mark_is_no_verdict() {
    let page = show(&sheet(), Format::Html).unwrap();
    assert!(page.contains(NO_VERDICT) && page.contains("2026-10-01 to 2026-10-31"));
    assert!(page.contains("=&#60;b&#62;Rita"), "{page}");
    for never in ["<b>Rita", "<script", "http://", "https://", "src=", "@import", "url("] {
        assert!(!page.contains(never), "{never}");
    }
    assert!(page.contains("<svg") && page.contains("mark: 40 %") && page.contains("1 d 1 h"));
    // The line of the mark stands at 40 % of the width, and the bar reaches 45 % of it.
    assert!(page.contains("x1=\"224\"") && page.contains("width=\"252\""));
}

#[test]
fn a_table_for_spreadsheets_is_one_rectangle_without_formulas() {
    let csv = show(&sheet(), Format::Csv).unwrap();
    let lines: Vec<_> = csv.split_terminator("\r\n").collect();
    assert_eq!(
        lines,
        [
            "connection,from,to,section,name,all,share,low,marked,took_median_secs",
            "acme,2026-10-01,2026-10-31,reps,\"'=<b>Rita</b>, \"\"R\"\"\",20,0.4500,0.2582,true,",
            "acme,2026-10-01,2026-10-31,approvers,Bo,,,,,90000",
            "acme,2026-10-01,2026-10-31,approvers,Al,,,,,",
        ]
    );
}

#[test]
fn a_document_for_programs_has_stable_names_and_numbers() {
    let document: serde_json::Value = serde_json::from_str(&show(&sheet(), Format::Json).unwrap()).unwrap();
    assert_eq!((&document["kind"], &document["from"]), (&"complex-share".into(), &"2026-10-01".into()));
    assert_eq!(
        document["sections"]["reps"],
        serde_json::json!([{ "name": NAME, "all": 20, "share": 0.45, "low": 0.2582, "marked": true }])
    );
    assert_eq!(document["sections"]["approvers"][1]["took_median_secs"], serde_json::Value::Null);
}

#[test]
fn files_stand_whole_in_their_connections_directory_for_user_and_group() {
    let directory = tempfile::tempdir().unwrap();
    let mut sheet = sheet();
    sheet.connection = "../acme".into();
    let paths = write_all(directory.path(), "share", &sheet).unwrap();
    let names = paths.iter().map(|path| path.strip_prefix(directory.path()).unwrap().display().to_string());
    let expected = ["html", "csv", "json"].map(|format| format!("_._acme/share-2026-10-01..2026-10-31.{format}"));
    assert_eq!(names.collect::<Vec<_>>(), expected);
    for path in &paths {
        assert_eq!(std::fs::metadata(path).unwrap().permissions().mode() & 0o777, 0o640);
    }
    write_all(directory.path(), "share", &sheet).unwrap();
    assert_eq!(std::fs::read_dir(paths[0].parent().unwrap()).unwrap().count(), 3, "nothing is left beside them");
}

#[test]
fn a_report_counts_every_page_of_cases_and_facts_of_its_connection() {
    let directory = tempfile::tempdir().unwrap();
    let store = Store::open(&Options::new(directory.path())).unwrap();
    let at = |text: &str| text.parse::<Instant>().unwrap();
    let spell = |since: &str, complex| Spell { since: at(since), owner: Some("rita".into()), open: true, complex };
    for (connection, records) in [("acme", 1_100), ("other", 7)] {
        let mut batch = Batch::new();
        for number in 0..records {
            let record =
                RecordRef { connection: connection.into(), object: Object::Opportunity, id: number.to_string().into() };
            let id = CaseId::Record(record);
            let lasting = RecordCase { spell: Some(spell("2026-10-05T00:00:00Z", false)), ..RecordCase::default() };
            batch.put_case(&id, &Case::Record(Box::new(lasting)));
            // Every other deal was on Complex until the fifth; the rest before October.
            let until = if number % 2 == 0 { "2026-10-05T00:00:00Z" } else { "2026-09-05T00:00:00Z" };
            let what = Happened::Held(spell("2026-09-01T00:00:00Z", true));
            batch
                .append_fact(&id, &Fact { at: at(until), owner: None, rule: None, episode: 0, in_shadow: false, what });
            if batch.len() > 80 {
                store.commit(std::mem::take(&mut batch)).unwrap();
            }
        }
        let person = CaseId::Person { connection: connection.into(), person: "rita".into() };
        batch.put_case(&person, &Case::new(&person));
        store.commit(batch).unwrap();
    }
    let (rules, people) = (Rules::default(), People::new(Profile::new("acme".into(), chrono_tz::Europe::Berlin)));
    let now = at("2026-11-01T07:00:00Z");
    let order = Order::on_demand(&rules, None, &people, ReportKind::ComplexShare, period(), now);
    let sheet = count(&store, order).unwrap();
    let [name, all, complex, ..] = &sheet.sections[0].rows[0][..] else { panic!("{sheet:?}") };
    assert_eq!((name, all, complex), (&Cell::Text("rita".into()), &Cell::Count(1_100), &Cell::Count(550)));
    assert_eq!(sheet.sections[0].rows.len(), 1);
}

#[test]
fn a_file_that_cannot_be_written_is_told_by_the_name_that_was_asked_for() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("nowhere/x.csv");
    let told = write_file(&path, "a,b").unwrap_err().to_string();
    assert_eq!(told, format!("failed to write {}: there is no such directory", path.display()));
}

#[test]
fn a_row_without_a_name_is_explained_where_it_stands() {
    let meaning = "(nobody): records that had no owner then.";
    let mut sheet = sheet();
    for format in [Format::Html, Format::Text] {
        assert!(!show(&sheet, format).unwrap().contains(meaning));
    }
    sheet.sections[1].rows.push(vec![Cell::Text("(nobody)".into()), Cell::Empty]);
    for format in [Format::Html, Format::Text] {
        assert!(show(&sheet, format).unwrap().contains(meaning));
    }
}
