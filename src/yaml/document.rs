//! The arena, and the ways to walk it.

use std::ops::Range;

use crate::diagnostic::Problem;
use crate::source::{SourceText, Span};

/// A node of a [`Document`].
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, serde::Serialize, serde::Deserialize,
)]
pub struct NodeId(pub(super) u32);

/// What a node is. Types follow the YAML 1.2 core schema.
#[derive(Debug, Clone, PartialEq)]
pub enum Kind {
    /// Nothing, `~` or `null`.
    Null,
    /// `true` or `false`.
    Bool(bool),
    /// A number; its text as written is in [`Node::text`].
    Number(serde_json::Number),
    /// Text; it stands in [`Node::text`].
    Text,
    /// A sequence.
    List(Vec<NodeId>),
    /// A mapping in source order, duplicates kept.
    Map(Vec<Entry>),
}

/// One entry of a map.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Entry {
    /// The key's node.
    pub key: NodeId,
    /// The value's node.
    pub value: NodeId,
}

/// How a scalar was written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Style {
    /// Without quotes.
    Plain,
    /// `'…'`
    Single,
    /// `"…"`
    Double,
    /// `|`
    Literal,
    /// `>`
    Folded,
}

/// A node: its bytes, its kind, and for scalars the decoded text.
#[derive(Debug, Clone, PartialEq)]
pub struct Node {
    /// The bytes; for a scalar with its quotes, for a collection up to the end of its last child.
    pub span: Span,
    /// What it is.
    pub kind: Kind,
    /// How it was written; [`Style::Plain`] for collections.
    pub style: Style,
    /// The decoded text of a scalar; empty for collections.
    pub text: String,
}

/// A comment with its `#`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Comment {
    /// The bytes from the `#` to the end of the line.
    pub span: Span,
    /// The line, from 0.
    pub line: usize,
}

/// A parsed YAML document.
#[derive(Debug)]
pub struct Document {
    source: SourceText,
}

impl Document {
    /// Parses the one document of a text.
    ///
    /// # Errors
    /// Everything that is wrong with the YAML, as problems at the bytes a person must change.
    pub fn parse(source: &SourceText) -> Result<Document, Vec<Problem>> {
        unimplemented!()
    }

    /// The text it was parsed from.
    pub fn source(&self) -> &SourceText {
        &self.source
    }

    /// The outermost node.
    pub fn root(&self) -> NodeId {
        unimplemented!()
    }

    /// A node.
    pub fn node(&self, id: NodeId) -> &Node {
        unimplemented!()
    }

    /// The bytes of a node.
    pub fn span(&self, id: NodeId) -> Span {
        unimplemented!()
    }

    /// The value under a key of a map; the last one where the key is there twice.
    pub fn get(&self, id: NodeId, key: &str) -> Option<NodeId> {
        unimplemented!()
    }

    /// The node a JSON pointer names, with the key it stands under if its parent is a map.
    pub fn find(&self, pointer: &str) -> Option<(Option<NodeId>, NodeId)> {
        unimplemented!()
    }

    /// The pointer of a node: the way back of [`Document::find`].
    pub fn pointer(&self, id: NodeId) -> String {
        unimplemented!()
    }

    /// The source bytes of a range of a scalar's decoded text.
    pub fn source_span(&self, id: NodeId, decoded: Range<usize>) -> Span {
        unimplemented!()
    }

    /// The node as JSON, for the validator.
    pub fn to_json(&self, id: NodeId) -> serde_json::Value {
        unimplemented!()
    }

    /// The node as a value of a Rust type.
    ///
    /// # Errors
    /// The innermost node that does not fit, and why.
    pub fn deserialize<T: serde::de::DeserializeOwned>(
        &self,
        id: NodeId,
    ) -> Result<T, super::DeserializeError> {
        unimplemented!()
    }

    /// All comments, by place.
    pub fn comments(&self) -> &[Comment] {
        unimplemented!()
    }
}
