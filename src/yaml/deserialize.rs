//! serde over the arena: typed values whose places are kept.

use super::document::NodeId;

/// A value that did not fit, and the node it stands at.
#[derive(Debug, Clone, thiserror::Error)]
#[error("{message}")]
pub struct DeserializeError {
    /// The innermost node.
    pub node: Option<NodeId>,
    /// Why it does not fit.
    pub message: String,
}

/// A value with the node it was read from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Spanned<T> {
    /// The value.
    pub value: T,
    /// Where it stands.
    pub node: NodeId,
}
