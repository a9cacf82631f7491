//! Building of a document from the events of the scanner.
//!
//! The scanner stops at its first error. Problems that are found here (duplicate keys, tags, merge keys,
//! unknown aliases) are collected, and building continues.

use std::collections::HashMap;
use std::sync::OnceLock;

use granit_parser::{Event, Parser, ScanError, StructureStyle};

use crate::diagnostic::Problem;
use crate::source::{SourceText, Span};

use super::document::{
    Comment, Document, MapEntry, Node, NodeId, NodeKind, NodePlace, ScalarStyle,
};
use super::limits::YamlLimits;
use super::scan::{options, span_of};
use super::syntax_errors::{self, ErrorContext};
use super::text::is_blank;
use super::{resolve, restrictions};

/// Result of scanning a text up to its end or the first syntax error.
pub(super) struct Attempt<'a> {
    builder: DocumentBuilder<'a>,
    /// Error that stopped it.
    pub(super) error: Option<Problem>,
}

impl Attempt<'_> {
    /// Returns the document, unless the text has no node, and the problems other than the syntax error.
    pub(super) fn into_document(mut self) -> (Option<Document>, Vec<Problem>) {
        let problems = std::mem::take(&mut self.builder.problems);
        let is_empty = self.builder.nodes.is_empty();
        let document = (!is_empty).then(|| self.builder.into_document());
        (document, problems)
    }

    /// Returns the problems other than the syntax error.
    pub(super) fn restrictions(self) -> Vec<Problem> {
        self.builder.problems
    }
}

/// Scans a text and builds its nodes.
pub(super) fn attempt<'a>(source: &'a SourceText, limits: &'a YamlLimits) -> Attempt<'a> {
    let mut builder = DocumentBuilder::new(source, limits);
    let error = builder.run().err().map(|error| *error);
    Attempt { builder, error }
}

/// A list or map that is still open.
struct OpenCollection {
    id: NodeId,
    anchor: usize,
    /// Whether it is in flow style, with brackets.
    is_flow: bool,
    /// End of its last child; in flow style, end of its bracket.
    end: u32,
    /// Depth of nested collections below it, itself included.
    height: usize,
    children: Children,
}

enum Children {
    List(Vec<NodeId>),
    Map {
        entries: Vec<MapEntry>,
        key: Option<NodeId>,
    },
}

/// Node of an anchor.
#[derive(Clone, Copy)]
enum Anchor {
    /// Collection that is still open: an alias to it would be recursive.
    Open(NodeId),
    Closed {
        first: NodeId,
        after: NodeId,
        height: usize,
    },
}

struct DocumentBuilder<'a> {
    source: &'a SourceText,
    limits: &'a YamlLimits,
    nodes: Vec<Node>,
    places: Vec<NodePlace>,
    comments: Vec<Comment>,
    originals: HashMap<NodeId, NodeId>,
    anchors: HashMap<usize, Anchor>,
    alias_nodes: usize,
    stack: Vec<OpenCollection>,
    problems: Vec<Problem>,
}

impl<'a> DocumentBuilder<'a> {
    fn new(source: &'a SourceText, limits: &'a YamlLimits) -> Self {
        DocumentBuilder {
            source,
            limits,
            nodes: Vec::with_capacity(source.text().len() / 16),
            places: Vec::with_capacity(source.text().len() / 16),
            comments: Vec::new(),
            originals: HashMap::new(),
            anchors: HashMap::new(),
            alias_nodes: 0,
            stack: Vec::new(),
            problems: Vec::new(),
        }
    }

    fn into_document(mut self) -> Document {
        self.comments.sort_by_key(|comment| comment.span);
        Document {
            source: self.source.clone(),
            nodes: self.nodes,
            places: self.places,
            comments: self.comments,
            originals: self.originals,
            key_indexes: OnceLock::new(),
        }
    }

    /// Converts an error of the scanner to a problem.
    fn problem(&self, error: &ScanError) -> Problem {
        let end = self.source.text().len();
        let at = error.marker().byte_offset().unwrap_or(end).min(end);
        let open = self.stack.iter().rev().find(|frame| frame.is_flow);
        let context = ErrorContext {
            source: self.source,
            at: at as u32,
            last: self.nodes.last().map_or(Span::default(), |node| node.span),
            open: open.map(|frame| {
                let start = self.nodes[frame.id.index()].span.start;
                Span::new(start, start + 1)
            }),
            limits: self.limits,
        };
        syntax_errors::problem(&context, error)
    }

    /// Processes all events; the error is the one that stopped it.
    fn run(&mut self) -> Result<(), Box<Problem>> {
        let mut documents = 0;
        for event in Parser::new_from_str_with_options(self.source.text(), options(self.limits)) {
            let (event, place) = match event {
                Ok(found) => found,
                Err(error) => return Err(Box::new(self.problem(&error))),
            };
            if let Some(tag) = place.tag_span() {
                self.problems
                    .push(restrictions::tag(self.source, span_of(&tag)));
            }
            let span = span_of(&place);
            match event {
                Event::DocumentStart(..) => {
                    documents += 1;
                    if documents > 1 {
                        self.problems
                            .push(restrictions::second_document(self.source, span));
                        // The first document is complete, so it can still be checked.
                        return Ok(());
                    }
                }
                Event::Comment(..) => self.comments.push(Comment {
                    span,
                    line: self.source.line_of(span.start),
                }),
                Event::Scalar(text, style, anchor, _) => {
                    let id = self.scalar(&text, style, span)?;
                    if anchor != 0 {
                        let closed = Anchor::Closed {
                            first: id,
                            after: NodeId(id.0 + 1),
                            height: 0,
                        };
                        self.anchors.insert(anchor, closed);
                    }
                }
                Event::SequenceStart(style, anchor, _) => {
                    self.open(span, style, anchor, Children::List(Vec::new()))?;
                }
                Event::MappingStart(style, anchor, _) => {
                    let children = Children::Map {
                        entries: Vec::new(),
                        key: None,
                    };
                    self.open(span, style, anchor, children)?;
                }
                Event::SequenceEnd | Event::MappingEnd => self.close(span),
                Event::Alias(anchor) => self.alias(anchor, span)?,
                Event::UnresolvedAlias(_) => {
                    self.problems
                        .push(restrictions::unknown_alias(self.source, span));
                    let node = self.alias_as_text(span);
                    self.push(node, 0)?;
                }
                _ => {}
            }
        }
        Ok(())
    }

    fn scalar(
        &mut self,
        text: &str,
        style: granit_parser::ScalarStyle,
        span: Span,
    ) -> Result<NodeId, Box<Problem>> {
        let style = match style {
            granit_parser::ScalarStyle::SingleQuoted => ScalarStyle::Single,
            granit_parser::ScalarStyle::DoubleQuoted => ScalarStyle::Double,
            granit_parser::ScalarStyle::Literal => ScalarStyle::Literal,
            granit_parser::ScalarStyle::Folded => ScalarStyle::Folded,
            _ => ScalarStyle::Plain,
        };
        // The scanner gives `~` for an empty value.
        let text = if style == ScalarStyle::Plain && span.is_empty() {
            ""
        } else {
            text
        };
        let kind = match style {
            ScalarStyle::Plain => resolve::plain(text),
            _ => NodeKind::Text,
        };
        let span = match style {
            ScalarStyle::Literal | ScalarStyle::Folded if is_blank(text) => self.header(span),
            ScalarStyle::Literal | ScalarStyle::Folded => self.trimmed(span),
            _ => span,
        };
        let node = Node {
            span,
            kind,
            style,
            text: text.to_owned(),
        };
        self.push(node, 0)
    }

    /// Returns an unknown alias as a text node, which is what was probably meant.
    fn alias_as_text(&self, span: Span) -> Node {
        Node {
            span,
            kind: NodeKind::Text,
            style: ScalarStyle::Plain,
            text: self.source.slice(span).to_owned(),
        }
    }

    /// Returns the bytes of the `|` or `>` of a block scalar that has no visible text.
    fn header(&self, span: Span) -> Span {
        let text = self.source.text();
        // At the end of a file the span of the scanner is the header itself.
        let end = match text[span.range()].trim_end() {
            "" => text[..span.start as usize].trim_end().len(),
            header => span.start as usize + header.len(),
        };
        let line = self.source.line_span(self.source.line_of(end as u32));
        let before = &text[line.start as usize..end];
        let before = before.split(" #").next().unwrap_or(before);
        match before.rfind(['|', '>']) {
            Some(at) => Span::new(
                line.start + at as u32,
                line.start + before.trim_end().len() as u32,
            ),
            None => Span::new(span.start, span.start),
        }
    }

    /// Returns the span of a block scalar without the blank lines after it.
    fn trimmed(&self, span: Span) -> Span {
        let text = self.source.slice(span);
        let visible = text.trim_end_matches([' ', '\t', '\r', '\n']);
        Span::new(span.start, span.start + visible.len() as u32)
    }

    /// Adds a scalar, or a collection whose children follow.
    fn push(&mut self, node: Node, height: usize) -> Result<NodeId, Box<Problem>> {
        if self.nodes.len() >= self.limits.nodes {
            return Err(Box::new(restrictions::too_many_nodes(
                self.source,
                node.span,
                self.limits,
            )));
        }
        let id = NodeId(self.nodes.len() as u32);
        let span = node.span;
        self.nodes.push(node);
        self.places.push(NodePlace::Root);
        self.attach(id, span, height);
        Ok(id)
    }

    /// Adds a node to the innermost open collection as its next child.
    fn attach(&mut self, id: NodeId, span: Span, height: usize) {
        let Some(frame) = self.stack.last_mut() else {
            return;
        };
        frame.end = frame.end.max(span.end);
        frame.height = frame.height.max(height + 1);
        let parent = frame.id;
        self.places[id.index()] = match &mut frame.children {
            Children::List(items) => {
                items.push(id);
                NodePlace::Item {
                    parent,
                    index: items.len() as u32 - 1,
                }
            }
            Children::Map { entries, key } => {
                let index = entries.len() as u32;
                match key.take() {
                    None => *key = Some(id),
                    Some(key) => entries.push(MapEntry { key, value: id }),
                }
                NodePlace::Entry { parent, index }
            }
        };
    }

    fn open(
        &mut self,
        span: Span,
        style: StructureStyle,
        anchor: usize,
        children: Children,
    ) -> Result<(), Box<Problem>> {
        if self.stack.len() >= self.limits.depth {
            return Err(Box::new(restrictions::too_deep(
                self.source,
                span,
                self.limits,
            )));
        }
        let kind = match children {
            Children::List(_) => NodeKind::List(Vec::new()),
            Children::Map { .. } => NodeKind::Map(Vec::new()),
        };
        let node = Node {
            span,
            kind,
            style: ScalarStyle::Plain,
            text: String::new(),
        };
        let id = self.push(node, 0)?;
        if anchor != 0 {
            self.anchors.insert(anchor, Anchor::Open(id));
        }
        self.stack.push(OpenCollection {
            id,
            anchor,
            is_flow: style == StructureStyle::Flow,
            end: match style {
                StructureStyle::Flow => span.end,
                StructureStyle::Block => span.start,
            },
            height: 1,
            children,
        });
        Ok(())
    }

    fn close(&mut self, span: Span) {
        let Some(frame) = self.stack.pop() else {
            return;
        };
        // The end of a block collection is after the blank lines that follow it and has no bytes; a closing
        // bracket has one byte.
        let end = frame.end.max(if span.is_empty() { 0 } else { span.end });
        let node = &mut self.nodes[frame.id.index()];
        node.span.end = end;
        node.kind = match frame.children {
            Children::List(items) => NodeKind::List(items),
            Children::Map { entries, .. } => NodeKind::Map(entries),
        };
        if let Some(outer) = self.stack.last_mut() {
            outer.end = outer.end.max(end);
            outer.height = outer.height.max(frame.height + 1);
        }
        if frame.anchor != 0 {
            let closed = Anchor::Closed {
                first: frame.id,
                after: NodeId(self.nodes.len() as u32),
                height: frame.height,
            };
            self.anchors.insert(frame.anchor, closed);
        }
        restrictions::keys(
            self.source,
            &self.nodes,
            self.nodes[frame.id.index()].entries(),
            &mut self.problems,
        );
    }

    /// Copies the nodes of the anchor, with the bytes of the alias.
    fn alias(&mut self, anchor: usize, span: Span) -> Result<(), Box<Problem>> {
        let (first, after, height) = match self.anchors.get(&anchor) {
            Some(Anchor::Closed {
                first,
                after,
                height,
            }) => (*first, *after, *height),
            Some(Anchor::Open(id)) => {
                let start = self.nodes[id.index()].span;
                self.problems.push(restrictions::alias_of_itself(
                    self.source,
                    span,
                    start.start,
                ));
                let node = self.alias_as_text(span);
                self.push(node, 0)?;
                return Ok(());
            }
            None => {
                self.problems
                    .push(restrictions::unknown_alias(self.source, span));
                let node = self.alias_as_text(span);
                self.push(node, 0)?;
                return Ok(());
            }
        };
        // Checked before anything is copied: a few lines can expand to billions of nodes.
        let count = (after.0 - first.0) as usize;
        self.alias_nodes += count;
        if self.alias_nodes > self.limits.alias_nodes
            || self.nodes.len() + count > self.limits.nodes
        {
            return Err(Box::new(restrictions::too_many_aliases(
                self.source,
                span,
                self.limits,
            )));
        }
        if self.stack.len() + height > self.limits.depth {
            return Err(Box::new(restrictions::too_deep(
                self.source,
                span,
                self.limits,
            )));
        }
        let shift = self.nodes.len() as u32 - first.0;
        let moved = |id: NodeId| NodeId(id.0 + shift);
        for index in first.0..after.0 {
            let original = NodeId(index);
            let mut node = self.nodes[original.index()].clone();
            node.span = span;
            match &mut node.kind {
                NodeKind::List(items) => items.iter_mut().for_each(|item| *item = moved(*item)),
                NodeKind::Map(entries) => entries.iter_mut().for_each(|entry| {
                    entry.key = moved(entry.key);
                    entry.value = moved(entry.value);
                }),
                _ => {}
            }
            let place = match self.places[original.index()] {
                _ if index == first.0 => NodePlace::Root,
                NodePlace::Root => NodePlace::Root,
                NodePlace::Item { parent, index } => NodePlace::Item {
                    parent: moved(parent),
                    index,
                },
                NodePlace::Entry { parent, index } => NodePlace::Entry {
                    parent: moved(parent),
                    index,
                },
            };
            let source = *self.originals.get(&original).unwrap_or(&original);
            self.originals.insert(moved(original), source);
            self.nodes.push(node);
            self.places.push(place);
        }
        self.attach(moved(first), span, height);
        Ok(())
    }
}
