//! Text, and where things are in it.
//!
//! A place is a [`Span`] of bytes until the moment it is drawn or printed; only [`SourceText`]
//! turns it into the lines and columns that people count.

mod text;

pub use text::{Position, SourceText, Span};
