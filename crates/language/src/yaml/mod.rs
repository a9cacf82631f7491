//! YAML with exact places: one scan, one resolution of types, once; everything else reads the
//! same [`Document`].
//!
//! A document is an arena of nodes. Each node knows its bytes, so whoever checks holds a
//! [`NodeId`] or a pointer (`/steps/3/args`) and turns it into a [`Span`](crate::source::Span) as
//! late as possible. The text of a scalar and the bytes it was written with differ (quotes,
//! escapes, folding): [`Document::source_span`] maps a range of the decoded text back.
//!
//! What is legal YAML and still refused, because two readers would understand two things: keys
//! given twice, merge keys, tags, directives, further documents. What any of it means for a
//! playbook is left to the language.
//!
//! Start reading at [`Document::parse`].

mod by_kind;
mod decode;
mod deserialize;
mod document;
mod limits;
mod parse;
mod recover;
mod resolve;
mod restrictions;
pub(crate) mod rules;
mod source_map;
mod syntax_errors;

pub use by_kind::ScalarListOrMap;
pub use decode::decode;
pub use deserialize::{DeserializeError, Spanned, TemplateOr};
pub use document::{
    Comment, Document, MapEntry, Node, NodeId, NodeKind, ParsedDocument, ScalarStyle,
};
pub use limits::YamlLimits;
