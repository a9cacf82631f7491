//! What stands inside `${{ }}`: parsed, typed, evaluated.
//!
//! A [`Template`] is a text with expressions in it, and minijinja lives in this room alone. A
//! template is known in three depths: [`Template::parse`] reads it, [`Template::check`] holds it
//! against the types of the names that are visible, and [`Template::evaluate`] gives its value in
//! a [`Scope`]. What is wrong is a [`ExpressionError`] with a range of bytes in the template's own text; the
//! room knows nothing of YAML, and the caller carries the range on to the file.
//!
//! The language is an expression and nothing else: no statements, no functions, no clock, no
//! chance, no way to a file. A value depends on the scope alone, and work is bounded by fuel.

mod error;
mod evaluate;
mod filters;
mod parse;
mod template;
mod tree;
mod type_check;
mod types;

pub use error::{ExpressionError, ExpressionErrorKind};
pub use evaluate::{Scope, to_text};
pub use filters::{filter_names, test_names};
pub use template::{NameUse, Template};
pub use types::{ExpectedType, Record, Type};
