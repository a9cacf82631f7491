//! YAML with exact places: one scan, one resolution of types, once; everything else reads the
//! same [`Document`].
//!
//! A document is an arena of nodes. Each node knows its bytes, so whoever checks holds a
//! [`NodeId`] or a pointer (`/steps/3/args`) and turns it into a [`Span`](crate::source::Span) as
//! late as possible. The text of a scalar and the bytes it was written with differ (quotes,
//! escapes, folding): [`Document::source_span`] maps a range of the decoded text back.
//!
//! Start reading at [`Document::parse`].

mod deserialize;
mod document;

pub use deserialize::{DeserializeError, Spanned};
pub use document::{Comment, Document, Entry, Kind, Node, NodeId, Style};
