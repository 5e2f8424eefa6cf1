//! A report as tables for a terminal.

use std::fmt::Write;

use comfy_table::{Table, TableStyle};
use dealclock_engine::report::figures::duration;
use dealclock_engine::report::{Cell, NO_VERDICT, Section, Sheet};

/// Shows a report.
pub(super) fn show(sheet: &Sheet) -> String {
    let mut text = format!(
        "{}\n{}, {} to {}, both days included ({})\n\n{NO_VERDICT}\n\n",
        sheet.title, sheet.connection, sheet.period.from, sheet.period.to, sheet.period.zone
    );
    for line in &sheet.summary {
        let _ = writeln!(text, "{line}");
    }
    for section in &sheet.sections {
        let _ = write!(text, "\n{}\n{}\n", section.title, section.note);
        if section.rows.is_empty() {
            text.push_str("Nothing in these days.\n");
        } else {
            let _ = writeln!(text, "{}", table(section));
            for meaning in section.unnamed() {
                let _ = writeln!(text, "{meaning}");
            }
        }
    }
    text
}

fn table(section: &Section) -> Table {
    let mut table = Table::new();
    table.load_style(TableStyle::new());
    table.set_header(section.columns.iter().map(|column| column.title));
    for row in &section.rows {
        table.add_row(row.iter().map(cell));
    }
    table
}

/// A cell as a person reads it.
pub(super) fn cell(cell: &Cell) -> String {
    match cell {
        Cell::Empty => "-".to_owned(),
        Cell::Text(text) => text.chars().map(|letter| if letter.is_control() { ' ' } else { letter }).collect(),
        Cell::Count(count) => count.to_string(),
        Cell::Share(share) => share.percent(),
        Cell::Fraction(fraction) => format!("{:.1} %", fraction * 100.0),
        Cell::Secs(secs) => duration(*secs),
        Cell::Flag(true) => "marked".to_owned(),
        Cell::Flag(false) => String::new(),
    }
}
