//! Source texts and places in them.
//!
//! A place is a [`Span`] of bytes. [`SourceText`] converts it to line and column when it is shown.

mod text;

pub use text::{Position, SourceText, Span};
