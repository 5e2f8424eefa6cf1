//! A report as a page that is complete in itself: no scripts, nothing loaded from elsewhere, bars as SVG.

use askama::Template;
use chrono_tz::Tz;
use dealclock_engine::report::{Bar, Bars, Cell, NO_VERDICT, Section, Sheet};
use rust_decimal::Decimal;
use rust_decimal::prelude::ToPrimitive;

use super::text::cell as cell_text;

/// The most bars of one chart; the table beside it has them all.
const MOST_BARS: usize = 40;
/// Measures of a chart, in its own units: a row, and the space for bars.
const ROW: u32 = 34;
const WIDTH: u32 = 560;
/// Room under the bars for the scale.
const FOOT: u32 = 22;

/// The page.
#[derive(Template)]
#[template(path = "report.html")]
struct Page<'a> {
    title: &'a str,
    connection: &'a str,
    period: String,
    made_at: String,
    no_verdict: &'static str,
    summary: &'a [String],
    sections: Vec<Table<'a>>,
}

/// A section as shown.
struct Table<'a> {
    key: &'static str,
    title: &'static str,
    note: &'static str,
    head: Vec<Head>,
    rows: Vec<Row>,
    unnamed: Vec<&'static str>,
    chart: Option<Chart<'a>>,
}

struct Head {
    title: &'static str,
    number: bool,
}

struct Row {
    marked: bool,
    cells: Vec<Shown>,
}

struct Shown {
    text: String,
    number: bool,
}

/// Bars with their places.
struct Chart<'a> {
    title: &'a str,
    width: u32,
    height: u32,
    bars: Vec<Drawn<'a>>,
    /// Where the line of the mark stands, and what it says.
    line: Option<(u32, String)>,
    left_out: usize,
}

struct Drawn<'a> {
    label: &'a str,
    value: &'a str,
    text_y: u32,
    bar_y: u32,
    length: u32,
    marked: bool,
}

/// Shows a report.
pub(super) fn show(sheet: &Sheet) -> Result<String, askama::Error> {
    let zone = sheet.period.zone;
    let page = Page {
        title: &sheet.title,
        connection: sheet.connection.as_str(),
        period: format!("{} to {}, both days included", sheet.period.from, sheet.period.to),
        made_at: made_at(sheet, zone),
        no_verdict: NO_VERDICT,
        summary: &sheet.summary,
        sections: sheet.sections.iter().map(table).collect(),
    };
    page.render()
}

fn made_at(sheet: &Sheet, zone: Tz) -> String {
    format!("{} ({zone})", sheet.made_at.with_timezone(&zone).format("%Y-%m-%d %H:%M"))
}

fn table(section: &Section) -> Table<'_> {
    let is_number = |place: usize| {
        let cells = section.rows.iter().filter_map(|row| row.get(place));
        cells.into_iter().any(|cell| !matches!(cell, Cell::Empty | Cell::Text(_) | Cell::Flag(_)))
    };
    let numbers: Vec<bool> = (0..section.columns.len()).map(is_number).collect();
    let head =
        section.columns.iter().zip(&numbers).map(|(column, number)| Head { title: column.title, number: *number });
    let rows = section.rows.iter().map(|row| Row {
        marked: row.contains(&Cell::Flag(true)),
        cells: row
            .iter()
            .zip(&numbers)
            .map(|(cell, number)| Shown { text: cell_text(cell), number: *number })
            .collect(),
    });
    Table {
        key: section.key,
        title: section.title,
        note: section.note,
        head: head.collect(),
        rows: rows.collect(),
        unnamed: section.unnamed().collect(),
        chart: section.bars.as_ref().map(chart),
    }
}

fn chart(bars: &Bars) -> Chart<'_> {
    let drawn: Vec<_> = (0..).zip(bars.bars.iter().take(MOST_BARS)).map(|(place, bar)| draw(place, bar)).collect();
    let rows = u32::try_from(drawn.len()).unwrap_or(u32::MAX);
    let line = bars.line.map(|mark| (across(mark), format!("{} %", (mark * Decimal::ONE_HUNDRED).normalize())));
    Chart {
        title: &bars.title,
        width: WIDTH,
        height: rows * ROW + FOOT,
        left_out: bars.bars.len() - drawn.len(),
        bars: drawn,
        line,
    }
}

fn draw(place: u32, bar: &Bar) -> Drawn<'_> {
    Drawn {
        label: &bar.label,
        value: &bar.value,
        text_y: place * ROW + 13,
        bar_y: place * ROW + 18,
        length: across(bar.share.ratio().unwrap_or_default()),
        marked: bar.marked,
    }
}

/// A share as a distance from the left.
fn across(share: Decimal) -> u32 {
    let length = share.clamp(Decimal::ZERO, Decimal::ONE) * Decimal::from(WIDTH);
    length.round().to_u32().unwrap_or_default()
}
