//! A report as one JSON document; its fields are listed at [`dealclock_engine::report`].

use dealclock_engine::report::{Cell, NO_VERDICT, Section, Sheet};
use serde_json::{Map, Number, Value, json};

/// Shows a report.
pub(super) fn show(sheet: &Sheet) -> String {
    format!("{:#}\n", document(sheet))
}

/// The document.
pub(super) fn document(sheet: &Sheet) -> Value {
    let sections: Map<String, Value> =
        sheet.sections.iter().map(|section| (section.key.to_owned(), rows(section))).collect();
    json!({
        "kind": sheet.kind.as_str(),
        "title": sheet.title,
        "connection": sheet.connection,
        "from": sheet.period.from,
        "to": sheet.period.to,
        "zone": sheet.period.zone,
        "made_at": sheet.made_at,
        "note": NO_VERDICT,
        "summary": sheet.summary,
        "sections": sections,
    })
}

fn rows(section: &Section) -> Value {
    let object = |row: &Vec<Cell>| {
        let fields = section.columns.iter().zip(row).map(|(column, cell)| (column.key.to_owned(), value(cell)));
        Value::Object(fields.collect())
    };
    section.rows.iter().map(object).collect()
}

fn value(cell: &Cell) -> Value {
    match cell {
        Cell::Empty => Value::Null,
        Cell::Text(text) => text.as_str().into(),
        Cell::Count(count) => (*count).into(),
        Cell::Share(share) => share.ratio().and_then(|ratio| fraction(ratio.to_string().parse().ok()?)).into(),
        Cell::Fraction(value) => fraction(*value).into(),
        Cell::Secs(secs) => (*secs).into(),
        Cell::Flag(flag) => (*flag).into(),
    }
}

/// A fraction with four places.
fn fraction(value: f64) -> Option<Number> {
    Number::from_f64((value * 10_000.0).round() / 10_000.0)
}
