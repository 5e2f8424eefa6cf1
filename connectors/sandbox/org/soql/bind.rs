//! Ties the names of a query to types and fields, and its literals to values of their fields.

use super::super::Org;
use super::super::builtin::children;
use super::super::cell::Cell;
use super::super::errors::Failure;
use super::super::id::Id;
use super::super::kind::Kind;
use super::super::schema::{Field, FieldId, FieldType};
use super::super::sight::Sight;
use super::super::stamp::{parse_date, parse_instant, parse_time};
use super::lex::pointed;
use super::parse::{Filter, Item, Literal, LiteralValue, Name, Operator, Query};
use super::test::{Pattern, Test};

/// A query that can be carried out.
#[derive(Clone, Debug)]
pub(crate) struct Bound {
    pub(crate) kind: Kind,
    pub(crate) select: Select,
    pub(crate) test: Option<Test>,
    pub(crate) order: Vec<(Path, bool, bool)>,
    pub(crate) limit: Option<usize>,
    pub(crate) offset: usize,
    pub(crate) all_rows: bool,
}

/// What is selected.
#[derive(Clone, Debug)]
pub(crate) enum Select {
    /// Only how many there are.
    Total,
    /// How many have a value, under a name.
    Count(Path, String),
    Columns(Vec<Column>, Vec<Child>),
}

/// A field to show, with the names under which it is shown.
#[derive(Clone, Debug)]
pub(crate) struct Column {
    pub(crate) path: Path,
    pub(crate) names: Vec<String>,
}

/// Records below each record.
#[derive(Clone, Debug)]
pub(crate) struct Child {
    pub(crate) name: String,
    /// The field that leads to the record above.
    pub(crate) parent: FieldId,
    pub(crate) query: Box<Bound>,
}

/// The way from a record to a value: over references, to a field.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Path {
    pub(crate) hops: Vec<FieldId>,
    pub(crate) end: End,
}

/// What stands at the end of a path.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum End {
    Field(FieldId),
    /// The name of the type of the record; only references that can lead to several types have it.
    Type,
    /// The name of a record of any of several types.
    Name,
}

/// Ties a query to the org as a user sees it.
pub(crate) fn bind(org: &Org, sight: &Sight, text: &str, query: &Query) -> Result<Bound, Failure> {
    let binder = Binder { org, sight, text };
    binder.query(binder.kind(&query.from)?, query)
}

struct Binder<'a> {
    org: &'a Org,
    sight: &'a Sight,
    text: &'a str,
}

impl Binder<'_> {
    fn kind(&self, name: &Name) -> Result<Kind, Failure> {
        Kind::parse(&name.text).filter(|kind| kind.is_queryable()).ok_or_else(|| {
            let message = format!(
                "sObject type '{}' is not supported. If you are attempting to use a custom object, be sure to append \
                 the '__c' after the entity name. Please reference your WSDL or the describe call for the appropriate \
                 names.",
                name.text
            );
            Failure::invalid("INVALID_TYPE", pointed(self.text, name.at, &message))
        })
    }

    fn query(&self, kind: Kind, query: &Query) -> Result<Bound, Failure> {
        let order = query.order.iter().map(|order| {
            let path = self.filterable(kind, &order.by)?;
            Ok((path, order.descending, order.nulls_last.unwrap_or(order.descending)))
        });
        Ok(Bound {
            kind,
            select: self.select(kind, query)?,
            test: query.filter.as_ref().map(|filter| self.test(kind, filter)).transpose()?,
            order: order.collect::<Result<_, Failure>>()?,
            limit: query.limit,
            offset: query.offset,
            all_rows: query.all_rows,
        })
    }

    fn select(&self, kind: Kind, query: &Query) -> Result<Select, Failure> {
        if let [Item::Count(counted, alias)] = query.select.as_slice() {
            return match counted {
                None => Ok(Select::Total),
                Some(name) => {
                    Ok(Select::Count(self.path(kind, name)?, alias.clone().unwrap_or_else(|| "expr0".into())))
                }
            };
        }
        let (mut columns, mut below): (Vec<Column>, _) = (Vec::new(), Vec::new());
        for item in &query.select {
            match item {
                Item::Field(name) => {
                    let path = self.path(kind, name)?;
                    if columns.iter().any(|column| column.path == path) {
                        let message = format!("duplicate field selected: {}", name.text);
                        return Err(self.malformed(name.at, &message));
                    }
                    columns.push(Column { names: self.shown_names(kind, &path), path });
                }
                Item::Children(inner) => below.push(self.children(kind, inner)?),
                Item::Count(counted, _) => {
                    let at = counted.as_ref().map_or(query.from.at, |name| name.at);
                    return Err(self.malformed(at, "Grouped query is required for a count beside other fields"));
                }
            }
        }
        Ok(Select::Columns(columns, below))
    }

    fn children(&self, kind: Kind, inner: &Query) -> Result<Child, Failure> {
        let name = &inner.from;
        let found = children(kind).iter().find(|(known, ..)| known.eq_ignore_ascii_case(&name.text));
        let (known, child, parent) = *found.ok_or_else(|| {
            let message = format!(
                "Didn't understand relationship '{}' in FROM part of query call. If you are attempting to use a custom \
                 relationship, be sure to append the '__r' after the custom relationship name. Please reference your \
                 WSDL or the describe call for the appropriate names.",
                name.text
            );
            Failure::invalid("INVALID_TYPE", pointed(self.text, name.at, &message))
        })?;
        let parent = self.org.table(child).schema.known(parent);
        Ok(Child { name: known.to_owned(), parent, query: Box::new(self.query(child, inner)?) })
    }

    fn test(&self, kind: Kind, filter: &Filter) -> Result<Test, Failure> {
        let all = |filters: &[Filter]| filters.iter().map(|filter| self.test(kind, filter)).collect::<Result<_, _>>();
        match filter {
            Filter::All(filters) => Ok(Test::All(all(filters)?)),
            Filter::Any(filters) => Ok(Test::Any(all(filters)?)),
            Filter::Not(inner) => Ok(Test::Not(Box::new(self.test(kind, inner)?))),
            Filter::Compare(name, Operator::Like, literal) => {
                let path = self.filterable(kind, name)?;
                match &literal.value {
                    LiteralValue::Text(pattern) => Ok(Test::Like(path, Pattern::new(pattern))),
                    LiteralValue::Null | LiteralValue::Bool(_) | LiteralValue::Plain(_) => {
                        Err(self.malformed(literal.at, "invalid operator"))
                    }
                }
            }
            Filter::Compare(name, operator, literal) => {
                let path = self.filterable(kind, name)?;
                let value = self.value(kind, &path, name, literal)?;
                Ok(Test::Compare(path, *operator, value))
            }
            Filter::In(name, excludes, literals) => {
                let path = self.filterable(kind, name)?;
                let values = literals.iter().map(|literal| self.value(kind, &path, name, literal));
                let values = values.collect::<Result<_, _>>()?;
                Ok(Test::In(path, *excludes, values))
            }
            Filter::InQuery(name, excludes, inner) => {
                Ok(Test::In(self.filterable(kind, name)?, *excludes, self.listed(inner)?))
            }
        }
    }

    /// The values that a query finds in the only field that it selects.
    fn listed(&self, inner: &Query) -> Result<Vec<Cell>, Failure> {
        let kind = self.kind(&inner.from)?;
        let bound = self.query(kind, inner)?;
        let column = match &bound.select {
            Select::Columns(columns, below) if columns.len() == 1 && below.is_empty() => &columns[0],
            Select::Columns(..) | Select::Total | Select::Count(..) => {
                return Err(self.malformed(inner.from.at, "only one field can be selected in an inner query"));
            }
        };
        let found = self.org.found(&bound, false).into_iter();
        let rows = found.filter_map(|id| self.org.table(kind).get(id));
        Ok(rows.map(|row| column.path.read(self.org, kind, row)).collect())
    }

    fn filterable(&self, kind: Kind, name: &Name) -> Result<Path, Failure> {
        let path = self.path(kind, name)?;
        match self.field(kind, &path) {
            Some(field) if !field.filterable => {
                let message = format!("field '{}' can not be filtered in a query call", field.name);
                Err(Failure::invalid("INVALID_FIELD", pointed(self.text, name.at, &message)))
            }
            Some(_) | None => Ok(path),
        }
    }

    fn path(&self, kind: Kind, name: &Name) -> Result<Path, Failure> {
        // A query may prefix its fields with the type that it is about.
        let mut parts: Vec<&str> = name.text.split('.').collect();
        if parts.len() > 1 && parts[0].eq_ignore_ascii_case(kind.name()) && self.hop(kind, parts[0]).is_none() {
            parts.remove(0);
        }
        let (mut at, mut hops, mut several) = (kind, Vec::new(), false);
        let (last, before) = parts.split_last().unwrap_or((&"", &[]));
        for part in before {
            let (hop, targets) = self.hop(at, part).ok_or_else(|| {
                let message = format!(
                    "Didn't understand relationship '{part}' in field path. If you are attempting to use a custom \
                     relationship, be sure to append the '__r' after the custom relationship name. Please reference \
                     your WSDL or the describe call for the appropriate names."
                );
                Failure::invalid("INVALID_FIELD", pointed(self.text, name.at, &message))
            })?;
            hops.push(hop);
            several = targets.len() > 1;
            at = targets.first().copied().unwrap_or(at);
        }
        let end = match several {
            true if last.eq_ignore_ascii_case("type") => End::Type,
            true if last.eq_ignore_ascii_case("name") => End::Name,
            true if last.eq_ignore_ascii_case("id") => End::Field(FieldId(0)),
            true => return Err(self.no_such_field(name, last, "Name")),
            false => {
                let field = self.org.table(at).schema.find(last).filter(|field| self.sight.sees(at, *field));
                End::Field(field.ok_or_else(|| self.no_such_field(name, last, at.name()))?)
            }
        };
        Ok(Path { hops, end })
    }

    fn hop(&self, kind: Kind, relationship: &str) -> Option<(FieldId, &[Kind])> {
        let schema = &self.org.table(kind).schema;
        let field = schema.find_relationship(relationship).filter(|field| self.sight.sees(kind, *field))?;
        Some((field, &schema.field(field).targets))
    }

    /// The names as the CRM writes them, whatever case the query used.
    fn shown_names(&self, kind: Kind, path: &Path) -> Vec<String> {
        let (mut at, mut names) = (kind, Vec::new());
        for hop in &path.hops {
            let field = self.org.table(at).schema.field(*hop);
            names.extend(field.relationship.clone());
            at = field.targets.first().copied().unwrap_or(at);
        }
        names.push(match path.end {
            End::Field(field) => self.org.table(at).schema.field(field).name.clone(),
            End::Type => "Type".to_owned(),
            End::Name => "Name".to_owned(),
        });
        names
    }

    fn field(&self, kind: Kind, path: &Path) -> Option<&Field> {
        let mut at = kind;
        for hop in &path.hops {
            at = self.org.table(at).schema.field(*hop).targets.first().copied()?;
        }
        match path.end {
            End::Field(field) => Some(self.org.table(at).schema.field(field)),
            End::Type | End::Name => None,
        }
    }

    /// A literal as a value of the field that it is compared with.
    fn value(&self, kind: Kind, path: &Path, name: &Name, literal: &Literal) -> Result<Cell, Failure> {
        let of = self.field(kind, path).map_or(FieldType::Text, |field| field.of);
        let value = match (of, &literal.value) {
            (_, LiteralValue::Null) => Some(Cell::Null),
            (FieldType::Bool, LiteralValue::Bool(flag)) => Some(Cell::Bool(*flag)),
            (FieldType::Id | FieldType::Reference, LiteralValue::Text(text)) if text.is_empty() => Some(Cell::Null),
            (FieldType::Id | FieldType::Reference, LiteralValue::Text(text)) => {
                let id = Id::parse(text).ok_or_else(|| {
                    let message = format!("invalid ID field: {text}");
                    Failure::invalid("INVALID_QUERY_FILTER_OPERATOR", pointed(self.text, literal.at, &message))
                })?;
                Some(Cell::Id(id))
            }
            (
                FieldType::Text
                | FieldType::TextArea
                | FieldType::Picklist
                | FieldType::ComboBox
                | FieldType::Email
                | FieldType::Phone,
                LiteralValue::Text(text),
            ) => Some(if text.is_empty() { Cell::Null } else { Cell::text(text) }),
            (
                FieldType::Currency | FieldType::Number | FieldType::Percent | FieldType::Int,
                LiteralValue::Plain(text),
            ) => text.parse().ok().map(Cell::Number),
            (FieldType::Date, LiteralValue::Plain(text)) => parse_date(text).map(Cell::Date),
            (FieldType::Instant, LiteralValue::Plain(text)) => parse_instant(text).map(Cell::Instant),
            (FieldType::Time, LiteralValue::Plain(text)) => parse_time(text).map(Cell::Time),
            (_, LiteralValue::Bool(_) | LiteralValue::Text(_) | LiteralValue::Plain(_)) => None,
        };
        value.ok_or_else(|| {
            let quotes = match of {
                FieldType::Bool | FieldType::Date | FieldType::Instant | FieldType::Time => {
                    "and should not be enclosed in quotes"
                }
                FieldType::Currency | FieldType::Number | FieldType::Percent | FieldType::Int => {
                    "and should not be enclosed in quotes"
                }
                FieldType::Id
                | FieldType::Reference
                | FieldType::Text
                | FieldType::TextArea
                | FieldType::Picklist
                | FieldType::ComboBox
                | FieldType::Email
                | FieldType::Phone => "and should be enclosed in quotes",
            };
            let message =
                format!("value of filter criterion for field '{}' must be of type {} {quotes}", name.text, of.name());
            Failure::invalid("INVALID_FIELD", pointed(self.text, literal.at, &message))
        })
    }

    fn no_such_field(&self, name: &Name, field: &str, entity: &str) -> Failure {
        let message = format!(
            "No such column '{field}' on entity '{entity}'. If you are attempting to use a custom field, be sure to \
             append the '__c' after the custom field name. Please reference your WSDL or the describe call for the \
             appropriate names."
        );
        Failure::invalid("INVALID_FIELD", pointed(self.text, name.at, &message))
    }

    fn malformed(&self, at: usize, message: &str) -> Failure {
        super::lex::malformed(self.text, at, message)
    }
}
