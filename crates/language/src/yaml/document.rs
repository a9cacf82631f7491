//! A document as an arena of nodes, with access by key, JSON pointer and place.

use std::borrow::Cow;
use std::collections::HashMap;
use std::sync::OnceLock;

use crate::diagnostic::Problem;
use crate::source::{SourceText, Span};

/// Id of a node of a [`Document`].
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, serde::Serialize, serde::Deserialize,
)]
pub struct NodeId(pub(super) u32);

impl NodeId {
    pub(super) const fn index(self) -> usize {
        self.0 as usize
    }
}

/// Kind of a node, with its children. Types follow the YAML 1.2 core schema.
#[derive(Debug, Clone, PartialEq)]
pub enum NodeKind {
    /// Empty, `~` or `null`.
    Null,
    /// `true` or `false`.
    Bool(bool),
    /// Number; its source text is in [`Node::text`].
    Number(serde_json::Number),
    /// Text, which is in [`Node::text`].
    Text,
    /// Sequence.
    List(Vec<NodeId>),
    /// Mapping, in source order, including duplicate keys.
    Map(Vec<MapEntry>),
}

/// One entry of a map.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct MapEntry {
    /// Node of the key.
    pub key: NodeId,
    /// Node of the value.
    pub value: NodeId,
}

/// Style of a scalar.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ScalarStyle {
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
    /// Bytes of the source. A scalar includes its quotes, a block scalar goes from its first to its last
    /// visible character, a collection to the end of its last child. Nodes that an alias repeats have the
    /// bytes of the alias.
    pub span: Span,
    /// Kind and children.
    pub kind: NodeKind,
    /// Style; [`ScalarStyle::Plain`] for collections.
    pub style: ScalarStyle,
    /// Decoded text of a scalar; empty for collections.
    pub text: String,
}

impl Node {
    /// Returns the text of a scalar of kind [`NodeKind::Text`].
    pub fn as_text(&self) -> Option<&str> {
        match self.kind {
            NodeKind::Text => Some(&self.text),
            _ => None,
        }
    }

    /// Returns the items of a list; empty for everything else.
    pub fn items(&self) -> &[NodeId] {
        match &self.kind {
            NodeKind::List(items) => items,
            _ => &[],
        }
    }

    /// Returns the entries of a map; empty for everything else.
    pub fn entries(&self) -> &[MapEntry] {
        match &self.kind {
            NodeKind::Map(entries) => entries,
            _ => &[],
        }
    }

    /// Returns whether it is a list or a map.
    pub fn is_collection(&self) -> bool {
        matches!(self.kind, NodeKind::List(_) | NodeKind::Map(_))
    }
}

/// A comment with its `#`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Comment {
    /// Bytes from the `#` to the end of the line.
    pub span: Span,
    /// Line, from 0.
    pub line: usize,
}

/// Position of a node in the tree.
#[derive(Debug, Clone, Copy)]
pub(super) enum NodePlace {
    /// Root node.
    Root,
    /// Item of a list.
    Item {
        /// List.
        parent: NodeId,
        /// Index of the item, from 0.
        index: u32,
    },
    /// Key or value of an entry of a map.
    Entry {
        /// Map.
        parent: NodeId,
        /// Index of the entry, from 0.
        index: u32,
    },
}

/// A parsed YAML document.
#[derive(Debug)]
pub struct Document {
    pub(super) source: SourceText,
    /// Nodes. A parent comes before its children, and each subtree is one contiguous range.
    pub(super) nodes: Vec<Node>,
    pub(super) places: Vec<NodePlace>,
    pub(super) comments: Vec<Comment>,
    /// Original node of each node that an alias repeats.
    pub(super) originals: HashMap<NodeId, NodeId>,
    /// Index from key to entry for each large map.
    pub(super) key_indexes: OnceLock<HashMap<NodeId, HashMap<String, u32>>>,
}

/// Number of entries from which a map is searched by an index.
const INDEXED_ENTRIES_MIN: usize = 32;

impl Document {
    /// Returns the source text.
    pub fn source(&self) -> &SourceText {
        &self.source
    }

    /// Returns the root node.
    pub fn root(&self) -> NodeId {
        NodeId(0)
    }

    /// Returns the number of nodes, including keys.
    pub fn node_count(&self) -> usize {
        self.nodes.len()
    }

    /// Returns a node.
    ///
    /// # Panics
    /// The id belongs to another document, which is an internal error.
    pub fn node(&self, id: NodeId) -> &Node {
        &self.nodes[id.index()]
    }

    /// Returns all nodes with their ids, in source order, parents before children.
    pub fn nodes(&self) -> impl Iterator<Item = (NodeId, &Node)> {
        (0u32..).map(NodeId).zip(&self.nodes)
    }

    /// Returns the bytes of a node.
    pub fn span(&self, id: NodeId) -> Span {
        self.node(id).span
    }

    /// Returns the list or map of which the node is an item, key or value.
    pub fn parent(&self, id: NodeId) -> Option<NodeId> {
        match self.places[id.index()] {
            NodePlace::Root => None,
            NodePlace::Item { parent, .. } | NodePlace::Entry { parent, .. } => Some(parent),
        }
    }

    /// Returns the key of a value in a map; `None` for items, keys and the root.
    pub fn key(&self, id: NodeId) -> Option<NodeId> {
        match self.places[id.index()] {
            NodePlace::Entry { parent, index } => {
                let entry = self.node(parent).entries().get(index as usize)?;
                (entry.value == id).then_some(entry.key)
            }
            _ => None,
        }
    }

    /// Returns the bytes of the original of a node that an alias repeats; `None` for other nodes.
    pub fn definition(&self, id: NodeId) -> Option<Span> {
        self.originals.get(&id).map(|original| self.span(*original))
    }

    /// Returns the value of a key of a map; the last one if the key is duplicate.
    pub fn get(&self, id: NodeId, key: &str) -> Option<NodeId> {
        self.entry(id, key).map(|entry| entry.value)
    }

    /// Returns the entry of a key of a map; the last one if the key is duplicate.
    pub fn entry(&self, id: NodeId, key: &str) -> Option<MapEntry> {
        let entries = self.node(id).entries();
        if entries.len() < INDEXED_ENTRIES_MIN {
            return entries
                .iter()
                .rev()
                .find(|entry| self.node(entry.key).text == key)
                .copied();
        }
        let index = *self.key_indexes().get(&id)?.get(key)?;
        entries.get(index as usize).copied()
    }

    fn key_indexes(&self) -> &HashMap<NodeId, HashMap<String, u32>> {
        self.key_indexes.get_or_init(|| {
            self.nodes()
                .filter(|(_, node)| node.entries().len() >= INDEXED_ENTRIES_MIN)
                .map(|(id, node)| {
                    let keys = node
                        .entries()
                        .iter()
                        .zip(0u32..)
                        .map(|(entry, index)| (self.node(entry.key).text.clone(), index));
                    (id, keys.collect())
                })
                .collect()
        })
    }

    /// Returns the node at a JSON pointer, with its key if its parent is a map.
    pub fn find(&self, pointer: &str) -> Option<(Option<NodeId>, NodeId)> {
        if pointer.is_empty() {
            return Some((None, self.root()));
        }
        let mut key = None;
        let mut at = self.root();
        for segment in pointer.strip_prefix('/')?.split('/') {
            let segment = unescape(segment);
            match &self.node(at).kind {
                NodeKind::Map(_) => {
                    let entry = self.entry(at, &segment)?;
                    key = Some(entry.key);
                    at = entry.value;
                }
                NodeKind::List(items) => {
                    // `01` and `+1` are not indices (RFC 6901, section 4).
                    if segment.starts_with('+') || (segment.len() > 1 && segment.starts_with('0')) {
                        return None;
                    }
                    key = None;
                    at = *items.get(segment.parse::<usize>().ok()?)?;
                }
                _ => return None,
            }
        }
        Some((key, at))
    }

    /// Returns the JSON pointer of a node, the inverse of [`Document::find`]. A key has the pointer of its
    /// value.
    pub fn pointer(&self, id: NodeId) -> String {
        let mut segments = Vec::new();
        let mut at = id;
        loop {
            match self.places[at.index()] {
                NodePlace::Root => break,
                NodePlace::Item { parent, index } => {
                    segments.push(Cow::Owned(index.to_string()));
                    at = parent;
                }
                NodePlace::Entry { parent, index } => {
                    let key = self.node(parent).entries().get(index as usize);
                    segments.push(key.map_or(Cow::Borrowed(""), |entry| {
                        escape(&self.node(entry.key).text)
                    }));
                    at = parent;
                }
            }
        }
        segments
            .iter()
            .rev()
            .fold(String::new(), |path, segment| path + "/" + segment)
    }

    /// Converts the node to JSON. If a key is duplicate, the last value wins.
    pub fn to_json(&self, id: NodeId) -> serde_json::Value {
        use serde_json::Value;
        // The recursion is bounded: no tree is deeper than `YamlLimits::depth`.
        let node = self.node(id);
        match &node.kind {
            NodeKind::Null => Value::Null,
            NodeKind::Bool(value) => Value::Bool(*value),
            NodeKind::Number(number) => Value::Number(number.clone()),
            NodeKind::Text => Value::String(node.text.clone()),
            NodeKind::List(items) => items.iter().map(|item| self.to_json(*item)).collect(),
            NodeKind::Map(entries) => Value::Object(
                entries
                    .iter()
                    .map(|entry| (self.node(entry.key).text.clone(), self.to_json(entry.value)))
                    .collect(),
            ),
        }
    }

    /// Returns all comments, sorted by place.
    pub fn comments(&self) -> &[Comment] {
        &self.comments
    }
}

/// Result of parsing a text: the document and its problems.
#[derive(Debug)]
pub struct ParsedDocument {
    /// Document; `None` after a syntax error or if a limit was exceeded.
    pub document: Option<Document>,
    /// Problems, sorted by place.
    pub problems: Vec<Problem>,
}

/// Escapes a segment of a JSON pointer (RFC 6901).
fn escape(segment: &str) -> Cow<'_, str> {
    if segment.contains(['~', '/']) {
        Cow::Owned(segment.replace('~', "~0").replace('/', "~1"))
    } else {
        Cow::Borrowed(segment)
    }
}

fn unescape(segment: &str) -> Cow<'_, str> {
    if segment.contains('~') {
        // `~01` is `~1`, not `/`: the order matters.
        Cow::Owned(segment.replace("~1", "/").replace("~0", "~"))
    } else {
        Cow::Borrowed(segment)
    }
}
