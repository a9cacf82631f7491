//! A node together with its part of the schema.

use serde_json::Value;

use crate::diagnostic::{Problem, Rule};
use crate::source::Span;
use crate::yaml::{self, Document, NodeId};

/// A node with its part of the schema.
pub(super) struct CheckedNode<'a> {
    pub(super) document: &'a Document,
    pub(super) root: &'a Value,
    /// Schema of the node, with a `$ref` resolved.
    pub(super) schema: &'a Value,
    /// The same schema before a `$ref` was resolved. Its other keywords apply to this key only.
    pub(super) unresolved: &'a Value,
    pub(super) key: Option<NodeId>,
    pub(super) node: NodeId,
    /// Whether its key is a property of the schema, rather than a name chosen by the author.
    pub(super) is_property: bool,
}

impl<'a> CheckedNode<'a> {
    /// Finds the node at a JSON pointer, with its schema. Unions in our schemas are unions of scalars, so the
    /// path in the document determines the path in the schema.
    pub(super) fn find(
        document: &'a Document,
        root: &'a Value,
        pointer: &str,
    ) -> Option<CheckedNode<'a>> {
        let mut place = CheckedNode {
            document,
            root,
            schema: root,
            unresolved: root,
            key: None,
            node: document.root(),
            is_property: false,
        };
        if pointer.is_empty() {
            return Some(place);
        }
        for segment in pointer.strip_prefix('/')?.split('/') {
            let segment = segment.replace("~1", "/").replace("~0", "~");
            let part = match &document.node(place.node).kind {
                yaml::NodeKind::List(items) => {
                    place.node = *items.get(segment.parse::<usize>().ok()?)?;
                    place.key = None;
                    place.is_property = false;
                    place.schema.get("items")?
                }
                yaml::NodeKind::Map(_) => {
                    let entry = document.entry(place.node, &segment)?;
                    place.node = entry.value;
                    place.key = Some(entry.key);
                    let property = place.property(&segment);
                    place.is_property = property.is_some();
                    property.or_else(|| place.schema.get("additionalProperties"))?
                }
                _ => return None,
            };
            place.unresolved = part;
            place.schema = resolve(root, part);
        }
        Some(place)
    }

    pub(super) fn property(&self, name: &str) -> Option<&'a Value> {
        self.schema.get("properties")?.get(name)
    }

    pub(super) fn properties(&self) -> impl Iterator<Item = (&'a str, &'a Value)> + use<'a> {
        self.schema
            .get("properties")
            .and_then(Value::as_object)
            .into_iter()
            .flatten()
            .map(|(name, schema)| (name.as_str(), schema))
    }

    pub(super) fn keys(&self) -> Vec<Value> {
        self.properties().map(|(name, _)| name.into()).collect()
    }

    pub(super) fn text(&self) -> &'a str {
        &self.document.node(self.node).text
    }

    /// Returns the bytes of the value if it is a visible scalar, else those of its key, else those of its
    /// first child.
    pub(super) fn span(&self) -> Span {
        let node = self.document.node(self.node);
        if !node.is_collection() && !node.span.is_empty() {
            return node.span;
        }
        self.owner_span()
    }

    /// Returns the bytes to mark for a whole list or map: its key, or the beginning of its content.
    pub(super) fn owner_span(&self) -> Span {
        if let Some(key) = self.key {
            return self.document.span(key);
        }
        let node = self.document.node(self.node);
        match (node.entries().first(), node.items().first()) {
            (Some(entry), _) => self.document.span(entry.key),
            (_, Some(item)) if !self.document.node(*item).is_collection() => {
                self.document.span(*item)
            }
            _ => {
                // If the first child is a collection too, the first line is marked.
                let source = self.document.source();
                let line = source.line_span(source.line_of(node.span.start));
                Span::new(node.span.start, node.span.end.min(line.end))
            }
        }
    }

    /// Returns the name of the value for messages: its key, its list, or the title of the schema.
    pub(super) fn name(&self) -> String {
        if let Some(key) = self.key {
            return format!("`{}`", self.document.node(key).text);
        }
        match self.document.parent(self.node) {
            Some(list) => match self.document.key(list) {
                Some(key) => format!("an item of `{}`", self.document.node(key).text),
                None => "an item".to_owned(),
            },
            None => self.title(),
        }
    }

    /// Returns the name of a map for messages about its keys: `rollout`, but "a step" or "an input".
    pub(super) fn owner(&self) -> String {
        match self.key {
            Some(key) if self.is_property => format!("`{}`", self.document.node(key).text),
            _ => self.title(),
        }
    }

    pub(super) fn title(&self) -> String {
        let title = self.schema.get("title").and_then(Value::as_str);
        let title = title.unwrap_or("value").to_lowercase();
        let article = if title.starts_with(['a', 'e', 'i', 'o', 'u']) {
            "an"
        } else {
            "a"
        };
        format!("{article} {title}")
    }

    pub(super) fn problem(&self, rule: &'static Rule, span: Span, message: String) -> Problem {
        Problem::new(rule, self.document.source(), span, message)
    }

    pub(super) fn expected(&self) -> String {
        if let Some(expected) = expected_by(self.unresolved).or_else(|| expected_by(self.schema)) {
            return expected;
        }
        let types = self
            .unresolved
            .get("type")
            .or_else(|| self.schema.get("type"));
        let names: Vec<&str> = match types {
            Some(Value::String(one)) => vec![one],
            Some(Value::Array(many)) => many.iter().filter_map(Value::as_str).collect(),
            _ => Vec::new(),
        };
        let is_free_form = names.len() > 3;
        let words: Vec<&str> = names
            .iter()
            // A number is accepted as text, which is not worth mentioning.
            .filter(|name| **name != "number" || !names.contains(&"string"))
            .map(|name| match *name {
                "string" => "a text",
                "integer" => "a whole number",
                "number" => "a number",
                "boolean" => "`true` or `false`",
                "array" => "a list",
                "object" => "a map",
                other => other,
            })
            .collect();
        match words.split_last() {
            _ if is_free_form => "a value".to_owned(),
            None => "something else".to_owned(),
            Some((only, [])) => (*only).to_owned(),
            Some((last, words)) => format!("{} or {last}", words.join(", ")),
        }
    }
}

pub(super) fn resolve<'a>(root: &'a Value, schema: &'a Value) -> &'a Value {
    schema
        .get("$ref")
        .and_then(Value::as_str)
        .and_then(|reference| root.pointer(reference.strip_prefix('#')?))
        .unwrap_or(schema)
}

/// Returns the expected value in words, from the `errorMessage`: "a path" for "Expected a path".
pub(super) fn expected_by(schema: &Value) -> Option<String> {
    let message = schema
        .get("errorMessage")
        .or_else(|| schema.get("patternErrorMessage"))?;
    let message = message.as_str()?;
    Some(
        message
            .strip_prefix("Expected ")
            .unwrap_or(message)
            .to_owned(),
    )
}
