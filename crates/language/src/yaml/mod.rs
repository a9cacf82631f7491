//! YAML with exact places. A text is parsed once to a [`Document`], which everything else reads.
//!
//! A document is an arena of nodes, each with its bytes. Checks refer to nodes by [`NodeId`] or JSON pointer
//! (`/steps/3/args`) and convert them to a [`Span`](crate::source::Span) when they report a problem. The
//! decoded text of a scalar differs from its source (quotes, escapes, folding):
//! [`Document::source_span`] maps a range of the decoded text back.
//!
//! Valid YAML is rejected if readers could understand it differently: duplicate keys, merge keys, tags,
//! directives, and more than one document.
//!
//! Start reading at [`Document::parse`].

mod builder;
mod decode;
mod deserialize;
mod document;
mod limits;
mod parse;
mod recover;
mod resolve;
mod restrictions;
pub(crate) mod rules;
mod scan;
mod source_map;
mod syntax_errors;
mod text;
mod wrappers;

pub use decode::decode;
pub use deserialize::DeserializeError;
pub use document::{
    Comment, Document, MapEntry, Node, NodeId, NodeKind, ParsedDocument, ScalarStyle,
};
pub use limits::YamlLimits;
pub use wrappers::{ScalarListOrMap, Spanned, TemplateOr};
