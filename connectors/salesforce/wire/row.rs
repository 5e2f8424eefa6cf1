//! Rows of a query, borrowed from the answer: a full read makes hundreds of thousands of them.

use std::borrow::Cow;
use std::fmt;
use std::str::FromStr;

use rust_decimal::Decimal;
use serde::Deserialize;
use serde::de::{Deserializer, IgnoredAny, MapAccess, SeqAccess, Visitor};

/// A page of a query.
#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Page<'a> {
    /// Rows in all.
    pub total_size: u64,
    /// Where the next page is; absent on the last.
    pub next_records_url: Option<String>,
    /// The rows.
    #[serde(borrow)]
    pub records: Vec<Row<'a>>,
}

/// A row: values by field, in the order of the query.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Row<'a> {
    cells: Vec<(Cow<'a, str>, Cell<'a>)>,
}

/// A value.
#[derive(Clone, Debug, PartialEq)]
pub enum Cell<'a> {
    /// Empty.
    Empty,
    /// A checkbox.
    Flag(bool),
    /// A number.
    Number(Decimal),
    /// Text, and everything that is written as text: dates, ids, picklist values.
    Text(Cow<'a, str>),
    /// The row behind a relationship, or the result of a subquery.
    Row(Row<'a>),
    /// A list.
    List(Vec<Cell<'a>>),
}

impl<'a> Row<'a> {
    /// A field's value; names are the same in any case.
    pub fn cell(&self, field: &str) -> Option<&Cell<'a>> {
        self.cells.iter().find(|(name, _)| name.eq_ignore_ascii_case(field)).map(|(_, cell)| cell)
    }

    /// A field's text; `None` when it is empty, absent or no text.
    pub fn text(&self, field: &str) -> Option<&str> {
        match self.cell(field)? {
            Cell::Text(text) if !text.is_empty() => Some(text),
            Cell::Text(_) | Cell::Empty | Cell::Flag(_) | Cell::Number(_) | Cell::Row(_) | Cell::List(_) => None,
        }
    }

    /// The id; empty when there is none.
    pub fn id(&self) -> &str {
        self.text("Id").unwrap_or_default()
    }

    /// A checkbox; `false` when it is absent.
    pub fn flag(&self, field: &str) -> bool {
        self.cell(field) == Some(&Cell::Flag(true))
    }

    /// A number that is whole and small.
    pub fn whole(&self, field: &str) -> Option<i64> {
        match self.cell(field)? {
            Cell::Number(number) => i64::try_from(*number).ok(),
            Cell::Text(text) => text.parse().ok(),
            Cell::Empty | Cell::Flag(_) | Cell::Row(_) | Cell::List(_) => None,
        }
    }

    /// The row behind a relationship.
    pub fn related(&self, relationship: &str) -> Option<&Row<'a>> {
        match self.cell(relationship)? {
            Cell::Row(row) => Some(row),
            Cell::Empty | Cell::Flag(_) | Cell::Number(_) | Cell::Text(_) | Cell::List(_) => None,
        }
    }

    /// The rows of a subquery; none when there are none.
    pub fn children(&self, relationship: &str) -> impl Iterator<Item = &Row<'a>> {
        let list = match self.related(relationship).and_then(|result| result.cell("records")) {
            Some(Cell::List(list)) => list.as_slice(),
            Some(Cell::Empty | Cell::Flag(_) | Cell::Number(_) | Cell::Text(_) | Cell::Row(_)) | None => &[],
        };
        list.iter().filter_map(|cell| match cell {
            Cell::Row(row) => Some(row),
            Cell::Empty | Cell::Flag(_) | Cell::Number(_) | Cell::Text(_) | Cell::List(_) => None,
        })
    }

    /// Where more rows of a subquery are.
    pub fn more_children(&self, relationship: &str) -> Option<&str> {
        self.related(relationship)?.text("nextRecordsUrl")
    }
}

impl<'de: 'a, 'a> Deserialize<'de> for Row<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_map(RowVisitor)
    }
}

struct RowVisitor;

impl<'de> Visitor<'de> for RowVisitor {
    type Value = Row<'de>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a row")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Row<'de>, A::Error> {
        let mut cells = Vec::with_capacity(24);
        while let Some(Text(name)) = map.next_key()? {
            // Type and address of the row: each half as long as the row itself, and known from the query.
            if name == "attributes" {
                map.next_value::<IgnoredAny>()?;
            } else {
                cells.push((name, map.next_value()?));
            }
        }
        Ok(Row { cells })
    }
}

/// Text, borrowed where it holds no escapes.
struct Text<'a>(Cow<'a, str>);

impl<'de> Deserialize<'de> for Text<'de> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct TextVisitor;
        impl<'de> Visitor<'de> for TextVisitor {
            type Value = Text<'de>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("text")
            }

            fn visit_borrowed_str<E>(self, text: &'de str) -> Result<Text<'de>, E> {
                Ok(Text(Cow::Borrowed(text)))
            }

            fn visit_str<E>(self, text: &str) -> Result<Text<'de>, E> {
                Ok(Text(Cow::Owned(text.to_owned())))
            }
        }
        deserializer.deserialize_str(TextVisitor)
    }
}

impl<'de: 'a, 'a> Deserialize<'de> for Cell<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(CellVisitor)
    }
}

struct CellVisitor;

impl<'de> Visitor<'de> for CellVisitor {
    type Value = Cell<'de>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a value")
    }

    fn visit_unit<E>(self) -> Result<Cell<'de>, E> {
        Ok(Cell::Empty)
    }

    fn visit_bool<E>(self, flag: bool) -> Result<Cell<'de>, E> {
        Ok(Cell::Flag(flag))
    }

    fn visit_i64<E>(self, number: i64) -> Result<Cell<'de>, E> {
        Ok(Cell::Number(number.into()))
    }

    fn visit_u64<E>(self, number: u64) -> Result<Cell<'de>, E> {
        Ok(Cell::Number(number.into()))
    }

    /// Salesforce's numbers have at most 18 digits; the shortest text of the float is what was written. What is no
    /// decimal stays text, and is then no number that a rule could take for one.
    fn visit_f64<E>(self, number: f64) -> Result<Cell<'de>, E> {
        let text = number.to_string();
        Ok(Decimal::from_str(&text).map_or(Cell::Text(Cow::Owned(text)), Cell::Number))
    }

    fn visit_borrowed_str<E>(self, text: &'de str) -> Result<Cell<'de>, E> {
        Ok(Cell::Text(Cow::Borrowed(text)))
    }

    fn visit_str<E>(self, text: &str) -> Result<Cell<'de>, E> {
        Ok(Cell::Text(Cow::Owned(text.to_owned())))
    }

    fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<Cell<'de>, A::Error> {
        RowVisitor.visit_map(map).map(Cell::Row)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Cell<'de>, A::Error> {
        let mut list = Vec::new();
        while let Some(cell) = seq.next_element()? {
            list.push(cell);
        }
        Ok(Cell::List(list))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const PAGE: &str = r#"{"totalSize":3200,"done":false,"nextRecordsUrl":"/services/data/v65.0/query/01gD0000002HU6KIAW-2000",
        "records":[{"attributes":{"type":"Opportunity","url":"/x"},"Id":"006D000000CpOSyIAN","Amount":1200.10,"Name":"A \"b\"",
        "IsClosed":false,"Sort":7,"Nothing":null,"Owner":{"attributes":{"type":"User"},"ManagerId":"005A"},
        "OpportunityHistories":{"totalSize":2,"done":false,"nextRecordsUrl":"/n","records":[{"StageName":"Open"},{"StageName":"Won"}]}}]}"#;

    #[test]
    fn a_row_is_read_with_its_relationships_and_subqueries() {
        let page: Page<'_> = serde_json::from_str(PAGE).unwrap();
        assert_eq!((page.total_size, page.records.len()), (3200, 1));
        assert!(page.next_records_url.unwrap().ends_with("-2000"));
        let row = &page.records[0];
        assert_eq!(row.id(), "006D000000CpOSyIAN");
        assert_eq!(
            row.cell("amount"),
            Some(&Cell::Number("1200.1".parse().unwrap())),
            "names are the same in any case"
        );
        assert_eq!((row.text("Name"), row.whole("Sort"), row.flag("IsClosed")), (Some("A \"b\""), Some(7), false));
        assert_eq!((row.cell("Nothing"), row.cell("Absent")), (Some(&Cell::Empty), None));
        assert_eq!(row.related("Owner").unwrap().text("ManagerId"), Some("005A"));
        let stages: Vec<_> = row.children("OpportunityHistories").filter_map(|child| child.text("StageName")).collect();
        assert_eq!((stages, row.more_children("OpportunityHistories")), (vec!["Open", "Won"], Some("/n")));
        assert_eq!(row.cell("attributes"), None);
    }

    #[test]
    fn plain_text_is_borrowed_and_a_number_beyond_decimals_stays_text() {
        let page: Page<'_> = serde_json::from_str(r#"{"records":[{"Id":"006A","Amount":1e300}]}"#).unwrap();
        assert!(matches!(page.records[0].cell("Id"), Some(Cell::Text(Cow::Borrowed("006A")))));
        assert!(matches!(page.records[0].cell("Amount"), Some(Cell::Text(_))));
    }
}
