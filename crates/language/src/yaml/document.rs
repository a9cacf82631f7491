//! The document as an arena of nodes, and how to find nodes in it.

use std::borrow::Cow;
use std::collections::HashMap;
use std::ops::Range;
use std::sync::OnceLock;

use crate::diagnostic::Problem;
use crate::source::{SourceText, Span};

use super::deserialize::{DeserializeError, NodeDeserializer};
use super::limits::YamlLimits;
use super::parse;
use super::source_map;

/// A node of a [`Document`].
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, serde::Serialize, serde::Deserialize,
)]
pub struct NodeId(pub(super) u32);

impl NodeId {
    pub(super) const fn index(self) -> usize {
        self.0 as usize
    }
}

/// What a node is. Types follow the YAML 1.2 core schema.
#[derive(Debug, Clone, PartialEq)]
pub enum NodeKind {
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
    Map(Vec<MapEntry>),
}

/// One entry of a map.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct MapEntry {
    /// The key's node.
    pub key: NodeId,
    /// The value's node.
    pub value: NodeId,
}

/// How a scalar was written.
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
    /// The bytes; for a scalar with its quotes, for a block scalar from its first to its last
    /// visible character, for a collection up to the end of its last child. What an alias stands
    /// for has the bytes of the alias.
    pub span: Span,
    /// What it is.
    pub kind: NodeKind,
    /// How it was written; [`ScalarStyle::Plain`] for collections.
    pub style: ScalarStyle,
    /// The decoded text of a scalar; empty for collections.
    pub text: String,
}

impl Node {
    /// Returns the text of a text scalar.
    pub fn as_text(&self) -> Option<&str> {
        match self.kind {
            NodeKind::Text => Some(&self.text),
            _ => None,
        }
    }

    /// Returns the items of a list; none of anything else.
    pub fn items(&self) -> &[NodeId] {
        match &self.kind {
            NodeKind::List(items) => items,
            _ => &[],
        }
    }

    /// Returns the entries of a map; none of anything else.
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
    /// The bytes from the `#` to the end of the line.
    pub span: Span,
    /// The line, from 0.
    pub line: usize,
}

/// Where a node hangs in the tree.
#[derive(Debug, Clone, Copy)]
pub(super) enum NodePlace {
    /// It is the outermost node.
    Root,
    /// An item of a list.
    Item {
        /// The list.
        parent: NodeId,
        /// Which item, from 0.
        index: u32,
    },
    /// The key or the value of a map's entry.
    Entry {
        /// The map.
        parent: NodeId,
        /// Which entry, from 0.
        index: u32,
    },
}

/// A parsed YAML document.
#[derive(Debug)]
pub struct Document {
    pub(super) source: SourceText,
    /// A parent stands before its children, and a subtree is one unbroken range.
    pub(super) nodes: Vec<Node>,
    pub(super) places: Vec<NodePlace>,
    pub(super) comments: Vec<Comment>,
    /// For every node that an alias repeats: the node it repeats.
    pub(super) originals: HashMap<NodeId, NodeId>,
    /// Key to entry for maps too wide to be searched again and again.
    pub(super) key_indexes: OnceLock<HashMap<NodeId, HashMap<String, u32>>>,
}

/// From this many entries on, a map is looked up through an index.
const INDEXED_ENTRIES_MIN: usize = 32;

impl Document {
    /// Parses the one document of a text.
    ///
    /// # Errors
    /// Everything that is wrong with the YAML, as problems at the bytes a person must change.
    pub fn parse(source: &SourceText) -> Result<Document, Vec<Problem>> {
        let parsed = Document::read(source, &YamlLimits::default());
        match parsed.document {
            Some(document) if parsed.problems.is_empty() => Ok(document),
            _ => Err(parsed.problems),
        }
    }

    /// Parses the one document of a text and keeps it even where something in it is refused.
    ///
    /// A duplicate key or a tag leaves the shape of the rest beyond doubt, so that later checks can
    /// go on and everything is found in one pass. After an error of syntax there is no document.
    pub fn read(source: &SourceText, limits: &YamlLimits) -> ParsedDocument {
        parse::parse(source, limits)
    }

    /// Returns the text it was parsed from.
    pub fn source(&self) -> &SourceText {
        &self.source
    }

    /// Returns the outermost node.
    pub fn root(&self) -> NodeId {
        NodeId(0)
    }

    /// Returns the number of nodes, keys included.
    pub fn node_count(&self) -> usize {
        self.nodes.len()
    }

    /// Returns a node.
    ///
    /// # Panics
    /// The id comes from another document, which is our own mistake.
    pub fn node(&self, id: NodeId) -> &Node {
        &self.nodes[id.index()]
    }

    /// Returns all nodes with their ids, each before its children, in the order of the text.
    pub fn nodes(&self) -> impl Iterator<Item = (NodeId, &Node)> {
        (0u32..).map(NodeId).zip(&self.nodes)
    }

    /// Returns the bytes of a node.
    pub fn span(&self, id: NodeId) -> Span {
        self.node(id).span
    }

    /// Returns the list or map a node belongs to, as key, value or item.
    pub fn parent(&self, id: NodeId) -> Option<NodeId> {
        match self.places[id.index()] {
            NodePlace::Root => None,
            NodePlace::Item { parent, .. } | NodePlace::Entry { parent, .. } => Some(parent),
        }
    }

    /// Returns the key a value stands under; `None` for items, keys and the outermost node.
    pub fn key(&self, id: NodeId) -> Option<NodeId> {
        match self.places[id.index()] {
            NodePlace::Entry { parent, index } => {
                let entry = self.node(parent).entries().get(index as usize)?;
                (entry.value == id).then_some(entry.key)
            }
            _ => None,
        }
    }

    /// Returns where the text of a node stands that an alias repeats: the second place to show.
    pub fn definition(&self, id: NodeId) -> Option<Span> {
        self.originals.get(&id).map(|original| self.span(*original))
    }

    /// Returns the value under a key of a map; the last one where the key is there twice.
    pub fn get(&self, id: NodeId, key: &str) -> Option<NodeId> {
        self.entry(id, key).map(|entry| entry.value)
    }

    /// Returns the entry of a map under a key; the last one where the key is there twice.
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

    /// Returns the node a JSON pointer names, with the key it stands under if its parent is a map.
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
                    // `01` and `+1` name no item (RFC 6901, section 4).
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

    /// Returns the pointer of a node: the way back of [`Document::find`]. A key has the pointer of
    /// its value.
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

    /// Returns the source bytes of a range of a scalar's decoded text.
    ///
    /// Both ends are moved outward to whole characters. What an alias repeats, and what is no
    /// scalar, gives the bytes of the node.
    pub fn source_span(&self, id: NodeId, decoded: Range<usize>) -> Span {
        let node = self.node(id);
        if node.is_collection() || self.originals.contains_key(&id) {
            return node.span;
        }
        source_map::source_span(self.source.text(), node, decoded)
    }

    /// Returns the node as JSON, for the validator. Of a duplicate key the last value counts.
    pub fn to_json(&self, id: NodeId) -> serde_json::Value {
        use serde_json::Value;
        // Recursion is bounded: no tree is deeper than `YamlLimits::depth`.
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

    /// Returns the node as a value of a Rust type.
    ///
    /// # Errors
    /// The innermost node that does not fit, and why.
    pub fn deserialize<T: serde::de::DeserializeOwned>(
        &self,
        id: NodeId,
    ) -> Result<T, DeserializeError> {
        T::deserialize(NodeDeserializer::new(self, id))
    }

    /// Returns all comments, by place.
    pub fn comments(&self) -> &[Comment] {
        &self.comments
    }
}

/// What came of a text: a document unless its syntax is broken, and what is wrong with it.
#[derive(Debug)]
pub struct ParsedDocument {
    /// The document; absent when the syntax is broken or a limit was met.
    pub document: Option<Document>,
    /// Everything found, by place.
    pub problems: Vec<Problem>,
}

/// Returns a segment of a JSON pointer, as RFC 6901 writes it.
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
