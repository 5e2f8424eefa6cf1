//! The query language, as far as programs that read opportunities and tasks use it.
//!
//! <https://developer.salesforce.com/docs/atlas.en-us.soql_sosl.meta/soql_sosl/sforce_api_calls_soql.htm>

mod bind;
mod lex;
mod parse;
mod run;
mod test;

pub(crate) use bind::{Bound, Child, Column, Select, bind};
pub(crate) use parse::{Filter, Item, Literal, LiteralValue, Operator, parse};
