//! Writes records as the CRM shows them.

use std::io::Write;

use serde_json::{Map, Value, json};

use super::Org;
use super::cell::Cell;
use super::id::Id;
use super::kind::Kind;
use super::row::Row;
use super::schema::{FieldId, FieldType};
use super::sight::Sight;
use super::soql::{Bound, Child, Column, Select};
use super::stamp::{write_instant, write_time};

impl Org {
    /// Writes the records that a query found, as a list.
    pub(super) fn write_records(&self, out: &mut Vec<u8>, query: &Bound, ids: &[Id], deleted: bool, version: &str) {
        let Select::Columns(columns, below) = &query.select else { return out.extend_from_slice(b"[]") };
        let (table, columns) = (self.table(query.kind), columns.iter().collect::<Vec<_>>());
        out.push(b'[');
        let mut first = true;
        for id in ids {
            // What was removed without a trace since the query began is left out.
            let Some(seen) = table.get(*id).and_then(|row| self.seen(row)) else { continue };
            if !std::mem::take(&mut first) {
                out.push(b',');
            }
            self.write_record(out, query.kind, seen.row(), &columns, 0, version);
            for child in below {
                self.write_children(out, child, *id, deleted || query.all_rows, version);
            }
            out.push(b'}');
        }
        out.push(b']');
    }

    /// Writes one record without its closing brace; `depth` says how many references led to it.
    fn write_record(&self, out: &mut Vec<u8>, kind: Kind, row: &Row, columns: &[&Column], depth: usize, version: &str) {
        let name = kind.name();
        // Writing to memory does not fail.
        drop(write!(
            out,
            "{{\"attributes\":{{\"type\":\"{name}\",\"url\":\"/services/data/{version}/sobjects/{name}/{}\"}}",
            row.id
        ));
        for (number, column) in columns.iter().enumerate() {
            let Some(shown) = column.names.get(depth) else { continue };
            if column.names.len() == depth + 1 {
                drop(write!(out, ",\"{shown}\":"));
                match column.path.field_of(kind, self) {
                    Some(field) => self.write_cell(out, kind, field, row.get(field)),
                    None => write_text(out, &column.path.end_in_words(self, kind, row)),
                }
                continue;
            }
            let leads_along = |other: &&&Column| other.names.len() > depth + 1 && other.names.get(depth) == Some(shown);
            if columns.iter().position(|other| leads_along(&other)) != Some(number) {
                continue;
            }
            drop(write!(out, ",\"{shown}\":"));
            let target = column.path.hops.get(depth).and_then(|hop| row.get(*hop).as_id()).and_then(|id| self.find(id));
            match target {
                Some((kind, row)) => {
                    let along: Vec<_> = columns.iter().filter(leads_along).copied().collect();
                    self.write_record(out, kind, row, &along, depth + 1, version);
                    out.push(b'}');
                }
                None => out.extend_from_slice(b"null"),
            }
        }
    }

    fn write_children(&self, out: &mut Vec<u8>, child: &Child, id: Id, deleted: bool, version: &str) {
        let ids = self.found_below(&child.query, child.parent, id, deleted);
        drop(write!(out, ",\"{}\":", child.name));
        if ids.is_empty() {
            return out.extend_from_slice(b"null");
        }
        drop(write!(out, "{{\"totalSize\":{},\"done\":true,\"records\":", ids.len()));
        self.write_records(out, &child.query, &ids, deleted, version);
        out.push(b'}');
    }

    fn write_cell(&self, out: &mut Vec<u8>, kind: Kind, field: FieldId, cell: &Cell) {
        match cell {
            Cell::Null => out.extend_from_slice(b"null"),
            Cell::Bool(flag) => drop(write!(out, "{flag}")),
            Cell::Number(number) if self.table(kind).schema.field(field).of == FieldType::Int => {
                drop(write!(out, "{number:.0}"));
            }
            Cell::Number(number) => drop(write!(out, "{number:?}")),
            Cell::Text(text) => write_text(out, text),
            Cell::Date(date) => drop(write!(out, "\"{date}\"")),
            Cell::Instant(millis) => drop(write!(out, "\"{}\"", write_instant(*millis))),
            Cell::Time(millis) => drop(write!(out, "\"{}\"", write_time(*millis))),
            Cell::Id(id) => drop(write!(out, "\"{id}\"")),
        }
    }

    /// A record as it is read on its own: all fields that the caller sees, or those that are asked for.
    pub(super) fn record(
        &self,
        kind: Kind,
        row: &Row,
        fields: Option<&[FieldId]>,
        sight: &Sight,
        version: &str,
    ) -> Value {
        let name = kind.name();
        let url = format!("/services/data/{version}/sobjects/{name}/{}", row.id);
        let mut record = Map::new();
        record.insert("attributes".to_owned(), json!({ "type": name, "url": url }));
        for (id, field) in self.table(kind).schema.iter().filter(|(id, _)| sight.sees(kind, *id)) {
            if fields.is_none_or(|fields| fields.contains(&id)) {
                record.insert(field.name.clone(), to_json(field.of, row.get(id)));
            }
        }
        Value::Object(record)
    }
}

fn write_text(out: &mut Vec<u8>, text: &str) {
    // Writing to memory does not fail, and every text is JSON.
    drop(serde_json::to_writer(out, text));
}

/// A value as JSON.
pub(super) fn to_json(of: FieldType, cell: &Cell) -> Value {
    match cell {
        Cell::Null => Value::Null,
        Cell::Bool(flag) => Value::Bool(*flag),
        // Whole numbers are kept within 2^53, so that no digit is lost.
        Cell::Number(number) if of == FieldType::Int => {
            serde_json::from_str(&format!("{number:.0}")).unwrap_or_default()
        }
        Cell::Number(number) => Value::from(*number),
        Cell::Text(text) => Value::from(&**text),
        Cell::Date(_) | Cell::Instant(_) | Cell::Time(_) | Cell::Id(_) => Value::from(cell.to_text()),
    }
}
