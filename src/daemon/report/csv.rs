//! A report as CSV by RFC 4180: one table, whose first column names the section, guarded against formulas.

use dealclock_engine::report::{Cell, Column, Sheet};

/// Shows a report. Sections have different columns: the header has them all, and a row leaves those of others empty.
pub(super) fn show(sheet: &Sheet) -> String {
    let mut columns: Vec<Column> = Vec::new();
    for column in sheet.sections.iter().flat_map(|section| &section.columns) {
        if !columns.iter().any(|known| known.key == column.key) {
            columns.push(*column);
        }
    }
    let mut csv = String::new();
    let fixed = ["connection", "from", "to", "section"].map(str::to_owned);
    line(&mut csv, fixed.into_iter().chain(columns.iter().map(|column| column.key.to_owned())));
    for section in &sheet.sections {
        for row in &section.rows {
            let of =
                [sheet.connection.as_str(), &sheet.period.from.to_string(), &sheet.period.to.to_string(), section.key];
            let cells = columns.iter().map(|column| {
                let place = section.columns.iter().position(|own| own.key == column.key);
                place.and_then(|place| row.get(place)).map(cell).unwrap_or_default()
            });
            line(&mut csv, of.map(text).into_iter().chain(cells));
        }
    }
    csv
}

fn line(csv: &mut String, cells: impl Iterator<Item = String>) {
    for (place, cell) in cells.enumerate() {
        if place > 0 {
            csv.push(',');
        }
        csv.push_str(&cell);
    }
    csv.push_str("\r\n");
}

/// A cell; numbers stay numbers.
fn cell(cell: &Cell) -> String {
    match cell {
        Cell::Empty => String::new(),
        Cell::Text(words) => text(words),
        Cell::Count(count) => count.to_string(),
        Cell::Share(share) => share.ratio().map(|ratio| ratio.to_string()).unwrap_or_default(),
        Cell::Fraction(fraction) => format!("{fraction:.4}"),
        Cell::Secs(secs) => secs.to_string(),
        Cell::Flag(flag) => flag.to_string(),
    }
}

/// Text as a cell. A spreadsheet would run what begins like a formula; a leading apostrophe makes it text again.
/// <https://owasp.org/www-community/attacks/CSV_Injection>
fn text(words: &str) -> String {
    let guard = if words.starts_with(['=', '+', '-', '@', '\t', '\r']) { "'" } else { "" };
    if words.contains([',', '"', '\r', '\n']) {
        format!("\"{guard}{}\"", words.replace('"', "\"\""))
    } else {
        format!("{guard}{words}")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_that_begins_like_a_formula_stays_text_and_numbers_stay_numbers() {
        for (words, shown) in [
            ("Rita Rep", "Rita Rep"),
            ("=1+1", "'=1+1"),
            ("+49 30", "'+49 30"),
            ("-1", "'-1"),
            ("@SUM(A1)", "'@SUM(A1)"),
            ("\tx", "'\tx"),
            ("\rx", "\"'\rx\""),
            ("Miller, \"Bob\"", "\"Miller, \"\"Bob\"\"\""),
            ("=a,b", "\"'=a,b\""),
            ("two\nlines", "\"two\nlines\""),
        ] {
            assert_eq!(text(words), shown, "{words:?}");
        }
        assert_eq!(cell(&Cell::Secs(-1)), "-1");
    }
}
