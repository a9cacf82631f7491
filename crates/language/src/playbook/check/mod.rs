//! Validation of documents against a JSON Schema, with problems at exact nodes.
//!
//! Nothing here is specific to playbooks: scenario files are checked the same way.

use std::collections::HashSet;
use std::sync::{LazyLock, OnceLock};

use jsonschema::error::ValidationErrorKind as Kind;
use jsonschema::{PatternOptions, ValidationError, Validator};
use serde::de::DeserializeOwned;
use serde_json::Value;

use crate::diagnostic::Problem;
use crate::source::Span;
use crate::yaml::{DeserializeError, Document};

use self::fast_validator::FastValidator;
use self::node::CheckedNode;
use super::schema::{COMMITTED, TERSE};

mod fast_validator;
mod keys;
mod node;
pub(crate) mod rules;
mod values;

pub(super) use values::yaml_1_1_bool;

/// A schema that documents are checked against.
#[derive(Debug)]
pub struct DocumentSchema {
    text: &'static str,
    fast: Option<FastValidator>,
    full: OnceLock<FullValidator>,
}

/// Schema and validator that report errors, built when a document does not certainly match.
#[derive(Debug)]
struct FullValidator {
    schema: Value,
    validator: Validator,
}

/// Returns the schema of playbooks.
pub fn playbook_schema() -> &'static DocumentSchema {
    static PLAYBOOK: LazyLock<DocumentSchema> = LazyLock::new(|| DocumentSchema {
        text: COMMITTED,
        fast: FastValidator::of(TERSE),
        full: OnceLock::new(),
    });
    &PLAYBOOK
}

impl DocumentSchema {
    /// Creates a document schema from the text of one of our own JSON Schemas.
    pub fn of(schema: &'static str) -> DocumentSchema {
        DocumentSchema {
            text: schema,
            fast: FastValidator::of(schema),
            full: OnceLock::new(),
        }
    }

    /// Returns whether the document certainly matches, without the full validator. This is `true` for
    /// nearly every document that matches.
    pub fn accepts(&self, document: &Document) -> bool {
        (self.fast.as_ref()).is_some_and(|fast| fast.accepts(document))
    }

    /// Returns all differences between a document and the schema, in no particular order.
    ///
    /// # Panics
    /// The text given to [`DocumentSchema::of`] is not a JSON Schema, which is an internal error.
    pub fn check(&self, document: &Document) -> Vec<Problem> {
        if self.accepts(document) {
            Vec::new()
        } else {
            self.full().check(document)
        }
    }

    /// Deserializes a document that matches the schema.
    ///
    /// # Errors
    /// All differences from the schema, or the value that cannot be deserialized.
    pub fn read<T: DeserializeOwned>(&self, document: &Document) -> Result<T, Vec<Problem>> {
        let problems = self.check(document);
        if !problems.is_empty() {
            return Err(problems);
        }
        document
            .deserialize(document.root())
            .map_err(|error| vec![deserialize_problem(document, &error)])
    }

    /// Returns the document as JSON without the values that do not match, so that the rest can be checked
    /// further. If an item of a list does not match, the whole list is removed, so that indices of items
    /// stay valid.
    pub fn valid_part(&self, document: &Document) -> Value {
        let mut value = document.to_json(document.root());
        // Removing a value can lead to a new error, such as a missing key, hence several rounds.
        for _ in 0..ROUNDS_MAX {
            let wrong: Vec<(String, Vec<String>)> = self
                .full()
                .validator
                .iter_errors(&value)
                .map(|error| {
                    let keys = match error.kind() {
                        Kind::AdditionalProperties { unexpected } => unexpected.clone(),
                        _ => Vec::new(),
                    };
                    (error.instance_path().as_str().to_owned(), keys)
                })
                .collect();
            if wrong.is_empty() {
                return value;
            }
            for (pointer, keys) in &wrong {
                match keys.as_slice() {
                    [] => remove_value(&mut value, pointer),
                    keys => {
                        let map = value.pointer_mut(pointer).and_then(Value::as_object_mut);
                        if let Some(map) = map {
                            keys.iter().for_each(|key| drop(map.shift_remove(key)));
                        }
                    }
                }
            }
        }
        Value::Object(serde_json::Map::new())
    }

    /// Returns the bytes of the value at a JSON pointer if it is a scalar, else those of its key. If it is
    /// absent, returns those of its nearest existing parent.
    pub fn span(&self, document: &Document, pointer: &str) -> Span {
        let mut pointer = pointer;
        loop {
            if let Some(place) = CheckedNode::find(document, &self.full().schema, pointer) {
                return place.span();
            }
            match pointer.rsplit_once('/') {
                Some((around, _)) => pointer = around,
                None => return document.span(document.root()),
            }
        }
    }

    fn full(&self) -> &FullValidator {
        self.full.get_or_init(|| FullValidator::of(self.text))
    }
}

impl FullValidator {
    fn of(schema: &str) -> FullValidator {
        let schema: Value = serde_json::from_str(schema)
            .unwrap_or_else(|error| panic!("internal error: a schema is not JSON: {error}"));
        let validator = jsonschema::options()
            .with_pattern_options(PatternOptions::regex())
            .offline()
            .build(&schema)
            .unwrap_or_else(|error| panic!("internal error: invalid JSON Schema: {error}"));
        FullValidator { schema, validator }
    }

    fn check(&self, document: &Document) -> Vec<Problem> {
        let value = document.to_json(document.root());
        let errors: Vec<_> = self.validator.iter_errors(&value).collect();
        // Each value is reported once, and its type comes before everything else.
        let mistyped: HashSet<String> = errors
            .iter()
            .filter(|error| matches!(error.kind(), Kind::Type { .. }))
            .map(|error| error.instance_path().as_str().to_owned())
            .collect();
        let mut reported = HashSet::new();
        let mut problems = Vec::new();
        for error in &errors {
            let pointer = error.instance_path().as_str();
            let about_type = matches!(error.kind(), Kind::Type { .. });
            if !about_type && mistyped.contains(pointer) {
                continue;
            }
            if let Kind::FalseSchema = error.kind() {
                // Two keys that exclude each other: reported once, for the map that has both.
                let map = pointer.rsplit_once('/').map_or("", |(map, _)| map);
                if reported.insert(format!("{map}/")) {
                    problems.extend(
                        CheckedNode::find(document, &self.schema, map)
                            .and_then(|place| place.alternative_keys()),
                    );
                }
                continue;
            }
            if is_about_value(error.kind()) && !reported.insert(pointer.to_owned()) {
                continue;
            }
            if let Some(place) = CheckedNode::find(document, &self.schema, pointer) {
                place.explain(error, &mut problems);
            }
        }
        problems
    }
}

/// Returns the problem of a value that matches the schema but cannot be deserialized, such as a number
/// that is too large.
pub(super) fn deserialize_problem(document: &Document, error: &DeserializeError) -> Problem {
    let node = error.node.unwrap_or(document.root());
    let name = match document.key(node) {
        Some(key) => format!("`{}`", document.node(key).text),
        None => "this value".to_owned(),
    };
    // For the schema `1.0` and numbers above the maximum of the type are integers too.
    let message = match document.node(node).kind {
        crate::yaml::NodeKind::Number(_) => format!(
            "{name} must be a whole number written in digits and not too large, not `{}`",
            document.node(node).text
        ),
        _ => format!("{name} is not valid: {}", error.message),
    };
    Problem::new(
        &rules::INVALID_FORMAT,
        document.source(),
        document.span(node),
        message,
    )
}

/// Maximum number of rounds in which invalid values are removed, before the whole document is.
const ROUNDS_MAX: usize = 8;

/// Removes the value at a JSON pointer from its map. If it is in a list, removes the whole list.
fn remove_value(value: &mut Value, pointer: &str) {
    let Some((around, last)) = pointer.rsplit_once('/') else {
        *value = Value::Object(serde_json::Map::new());
        return;
    };
    let last = last.replace("~1", "/").replace("~0", "~");
    match value.pointer_mut(around) {
        Some(Value::Object(map)) => drop(map.shift_remove(&last)),
        Some(Value::Array(_)) => remove_value(value, around),
        _ => {}
    }
}

fn is_about_value(kind: &Kind) -> bool {
    !matches!(
        kind,
        Kind::AdditionalProperties { .. } | Kind::Required { .. } | Kind::PropertyNames { .. }
    )
}

impl CheckedNode<'_> {
    fn explain(&self, error: &ValidationError<'_>, problems: &mut Vec<Problem>) {
        match error.kind() {
            Kind::AdditionalProperties { unexpected } => {
                problems.extend(unexpected.iter().filter_map(|name| self.unknown_key(name)));
            }
            Kind::Required { property } => {
                problems.extend(property.as_str().map(|name| self.missing_key(name)));
            }
            Kind::AnyOf { .. } if self.alternatives().is_some() => {
                problems.extend(self.alternative_keys());
            }
            Kind::PropertyNames { error } => problems.extend(self.invalid_name(error)),
            Kind::Type { .. } => problems.push(self.wrong_type()),
            Kind::Enum { .. } | Kind::AnyOf { .. } | Kind::Constant { .. } => {
                problems.push(self.unknown_choice());
            }
            Kind::Minimum { limit } => problems.push(self.out_of_range("at least", limit)),
            Kind::Maximum { limit } => problems.push(self.out_of_range("at most", limit)),
            Kind::MinItems { .. } => problems.push(
                self.problem(
                    &rules::EMPTY_LIST,
                    self.owner_span(),
                    format!("{} is empty", self.name()),
                )
                .help("Put at least one item into it, or remove the key."),
            ),
            Kind::MinLength { .. } => problems.push(self.empty_value()),
            Kind::Pattern { .. } => problems.push(self.wrong_format()),
            _ => problems.push(self.problem(
                &rules::INVALID_FORMAT,
                self.span(),
                format!("{} is not valid: {error}", self.name()),
            )),
        }
    }
}
