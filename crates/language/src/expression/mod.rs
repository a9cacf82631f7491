//! Expressions inside `${{ }}`: parsing, type checking, evaluation.
//!
//! A [`Template`] is a text with expressions in it. [`Template::parse`] parses it, [`Template::check`]
//! checks it against the types of the visible names, and [`Template::evaluate`] evaluates it in a
//! [`Scope`]. An [`ExpressionError`] has a range of bytes in the template's text; this module does not know
//! YAML, and the caller maps the range to the file. minijinja is used in this module only.
//!
//! There are no statements and no functions, and no access to clock, random numbers or files. A value
//! depends on the scope only, and the work is limited by fuel.

mod convert;
mod error;
mod evaluate;
mod filters;
mod parse;
mod template;
mod tree;
mod type_check;
mod types;

pub use convert::{ConversionError, to_text};
pub use error::{ExpressionError, ExpressionErrorKind};
pub use evaluate::Scope;
pub use filters::{filter_names, test_names};
pub use template::{EvaluatedExpression, NameUse, Template};
pub use types::{ExpectedType, Record, Type};
