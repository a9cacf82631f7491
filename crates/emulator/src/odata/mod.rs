//! Implements the part of OData that the service's lists support: `$filter`, `$top`, `$skip`,
//! `$orderby`, `$count` (API notes 5.1, 8.2).
//!
//! An expression is parsed against the properties of an [`EntityProperties`], so that a misspelled name or a
//! literal of the wrong kind is refused before any row is read. The module is independent of HTTP,
//! of the rows themselves (it reads them as a [`Row`]), and of the choice of an index.

mod entity;
mod filter;
mod options;
mod parse;
mod token;

pub(crate) use entity::{EntityProperties, PropertyType, QueryError};
pub(crate) use filter::{Comparison, Filter, Function, Literal, Row, Value, compare};
pub(crate) use options::{Direction, Filterable, Options, OrderBy};
