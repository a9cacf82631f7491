//! A node, and the part of the schema that speaks about it.

use serde_json::Value;

use crate::diagnostic::{Problem, Rule};
use crate::source::Span;
use crate::yaml::{self, Document, NodeId};

/// A node with the part of the schema that speaks about it.
pub(super) struct CheckedNode<'a> {
    pub(super) document: &'a Document,
    pub(super) root: &'a Value,
    /// The schema's part, references resolved; what stands beside a reference is `beside`.
    pub(super) schema: &'a Value,
    pub(super) unresolved: &'a Value,
    pub(super) key: Option<NodeId>,
    pub(super) node: NodeId,
    /// Whether its key is one that the schema names, and not a name that the author chose.
    pub(super) is_property: bool,
}

impl<'a> CheckedNode<'a> {
    /// Walks document and schema together. Every union in our schemas is a union of scalars, so
    /// that the way through a schema follows from the way through the document.
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

    /// Returns the bytes of the value if it is a scalar that can be seen, else those of its key,
    /// else of the first key inside.
    pub(super) fn span(&self) -> Span {
        let node = self.document.node(self.node);
        if !node.is_collection() && !node.span.is_empty() {
            return node.span;
        }
        self.owner_span()
    }

    /// Returns the bytes that stand for a whole list or map: never all of it.
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
                // A collection that opens with another one is shown by its first line.
                let source = self.document.source();
                let line = source.line_span(source.line_of(node.span.start));
                Span::new(node.span.start, node.span.end.min(line.end))
            }
        }
    }

    /// Returns what the value is called: by its key, by its list, or by the schema's title.
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

    /// Who has keys: `rollout`, but "a step", "an input".
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
            // A number where text is wanted is taken as text: that needs no mention.
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

/// Returns what a schema expects, from its `errorMessage`: "Expected a path" gives "a path".
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
