//! Schema errors as findings in the author's words, at exact nodes.
//!
//! Nothing in here knows playbooks: any document can be held against any schema of the same
//! style, so scenario and input files are checked with the same care.

use std::collections::HashSet;
use std::sync::LazyLock;

use jsonschema::error::ValidationErrorKind as Kind;
use jsonschema::{PatternOptions, ValidationError, Validator};
use serde_json::Value;

use crate::diagnostic::{Edit, Problem, nearest};
use crate::source::Span;
use crate::yaml::{self, DeserializeError, Document, NodeId};

use super::notation::listed;
use super::schema::COMMITTED;

/// A schema that documents are held against.
#[derive(Debug)]
pub struct Shape {
    schema: Value,
    validator: Validator,
}

/// The shape of a playbook.
pub(super) fn playbook() -> &'static Shape {
    static PLAYBOOK: LazyLock<Shape> = LazyLock::new(|| Shape::of(COMMITTED));
    &PLAYBOOK
}

/// Words of other tools, and what they are called here. A word counts only where the schema knows
/// the second one.
const OTHER_WORDS: &[(&str, &str)] = &[
    ("arguments", "args"),
    ("assert", "expect"),
    ("capture", "save"),
    ("collect", "get"),
    ("command", "run"),
    ("condition", "when"),
    ("continue_on_error", "on_fail"),
    ("continue-on-error", "on_fail"),
    ("copy", "put"),
    ("delete", "cleanup"),
    ("download", "get"),
    ("exec", "run"),
    ("execute", "run"),
    ("exit_code", "exit"),
    ("fetch", "get"),
    ("files", "library"),
    ("finally", "cleanup"),
    ("getfile", "get"),
    ("hosts", "targets"),
    ("if", "when"),
    ("ignore_errors", "on_fail"),
    ("machines", "targets"),
    ("parameters", "inputs"),
    ("params", "args"),
    ("platform", "os"),
    ("putfile", "put"),
    ("rc", "exit"),
    ("register", "save"),
    ("retries", "retry"),
    ("runscript", "run"),
    ("script", "run"),
    ("tags", "tag"),
    ("tasks", "steps"),
    ("title", "name"),
    ("upload", "put"),
    ("variables", "vars"),
    ("with", "args"),
];

impl Shape {
    /// The shape that a schema of our own describes.
    ///
    /// # Panics
    /// The text is no JSON Schema, which is our own mistake.
    pub fn of(schema: &str) -> Shape {
        let schema: Value = serde_json::from_str(schema)
            .unwrap_or_else(|error| panic!("internal error: a schema is no JSON: {error}"));
        let validator = jsonschema::options()
            .with_pattern_options(PatternOptions::regex())
            .offline()
            .build(&schema)
            .unwrap_or_else(|error| panic!("internal error: a schema is none: {error}"));
        Shape { schema, validator }
    }

    /// Everything in which a document differs from the shape, in no particular order.
    pub fn check(&self, document: &Document) -> Vec<Problem> {
        let value = document.to_json(document.root());
        let errors: Vec<_> = self.validator.iter_errors(&value).collect();
        // One sentence about a value is enough, and the one about its type comes first.
        let mistyped: HashSet<String> = errors
            .iter()
            .filter(|error| matches!(error.kind(), Kind::Type { .. }))
            .map(|error| error.instance_path().as_str().to_owned())
            .collect();
        let mut told = HashSet::new();
        let mut problems = Vec::new();
        for error in &errors {
            let pointer = error.instance_path().as_str();
            let about_type = matches!(error.kind(), Kind::Type { .. });
            if !about_type && mistyped.contains(pointer) {
                continue;
            }
            if let Kind::FalseSchema = error.kind() {
                // A key that another one excludes: told once, about the map that has both.
                let map = pointer.rsplit_once('/').map_or("", |(map, _)| map);
                if told.insert(format!("{map}/")) {
                    problems.extend(
                        Place::find(document, &self.schema, map)
                            .and_then(|place| place.alternative_keys()),
                    );
                }
                continue;
            }
            if is_about_value(error.kind()) && !told.insert(pointer.to_owned()) {
                continue;
            }
            if let Some(place) = Place::find(document, &self.schema, pointer) {
                place.explain(error, &mut problems);
            }
        }
        problems
    }
}

/// What is left when the schema is content and a value still can't be read: a number too large for
/// its purpose, for example.
pub(super) fn misread(document: &Document, error: &DeserializeError) -> Problem {
    let node = error.node.unwrap_or(document.root());
    let name = match document.key(node) {
        Some(key) => format!("`{}`", document.node(key).text),
        None => "this value".to_owned(),
    };
    Problem::new(
        "wrong-form",
        document.source(),
        document.span(node),
        format!("{name} can't be used: {}", error.message),
    )
}

fn is_about_value(kind: &Kind) -> bool {
    !matches!(
        kind,
        Kind::AdditionalProperties { .. } | Kind::Required { .. } | Kind::PropertyNames { .. }
    )
}

/// A node with the part of the schema that speaks about it.
struct Place<'a> {
    document: &'a Document,
    root: &'a Value,
    /// The schema's part, references resolved; what stands beside a reference is `beside`.
    schema: &'a Value,
    beside: &'a Value,
    key: Option<NodeId>,
    node: NodeId,
    /// Whether its key is one that the schema names, and not a name that the author chose.
    is_property: bool,
}

impl<'a> Place<'a> {
    /// Walks document and schema together. Every union in our schemas is a union of scalars, so
    /// that the way through a schema follows from the way through the document.
    fn find(document: &'a Document, root: &'a Value, pointer: &str) -> Option<Place<'a>> {
        let mut place = Place {
            document,
            root,
            schema: root,
            beside: root,
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
                yaml::Kind::List(items) => {
                    place.node = *items.get(segment.parse::<usize>().ok()?)?;
                    place.key = None;
                    place.is_property = false;
                    place.schema.get("items")?
                }
                yaml::Kind::Map(_) => {
                    let entry = document.entry(place.node, &segment)?;
                    place.node = entry.value;
                    place.key = Some(entry.key);
                    let property = place.property(&segment);
                    place.is_property = property.is_some();
                    property.or_else(|| place.schema.get("additionalProperties"))?
                }
                _ => return None,
            };
            place.beside = part;
            place.schema = resolve(root, part);
        }
        Some(place)
    }

    fn property(&self, name: &str) -> Option<&'a Value> {
        self.schema.get("properties")?.get(name)
    }

    fn properties(&self) -> impl Iterator<Item = (&'a str, &'a Value)> + use<'a> {
        self.schema
            .get("properties")
            .and_then(Value::as_object)
            .into_iter()
            .flatten()
            .map(|(name, schema)| (name.as_str(), schema))
    }

    fn keys(&self) -> Vec<Value> {
        self.properties().map(|(name, _)| name.into()).collect()
    }

    fn text(&self) -> &'a str {
        &self.document.node(self.node).text
    }

    /// The bytes of the value if it is a scalar that can be seen, else those of its key, else of
    /// the first key inside.
    fn span(&self) -> Span {
        let node = self.document.node(self.node);
        if !node.is_collection() && !node.span.is_empty() {
            return node.span;
        }
        self.owner_span()
    }

    /// The bytes that stand for a whole list or map: never all of it.
    fn owner_span(&self) -> Span {
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

    /// What the value is called: by its key, by its list, or by the schema's title.
    fn name(&self) -> String {
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
    fn owner(&self) -> String {
        match self.key {
            Some(key) if self.is_property => format!("`{}`", self.document.node(key).text),
            _ => self.title(),
        }
    }

    fn title(&self) -> String {
        let title = self.schema.get("title").and_then(Value::as_str);
        let title = title.unwrap_or("value").to_lowercase();
        let article = if title.starts_with(['a', 'e', 'i', 'o', 'u']) {
            "an"
        } else {
            "a"
        };
        format!("{article} {title}")
    }

    fn problem(&self, code: &str, span: Span, message: String) -> Problem {
        Problem::new(code, self.document.source(), span, message)
    }

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
            Kind::PropertyNames { error } => problems.extend(self.wrong_name(error)),
            Kind::Type { .. } => problems.push(self.wrong_type()),
            Kind::Enum { .. } | Kind::AnyOf { .. } | Kind::Constant { .. } => {
                problems.push(self.unknown_choice());
            }
            Kind::Minimum { limit } => problems.push(self.out_of_range("at least", limit)),
            Kind::Maximum { limit } => problems.push(self.out_of_range("at most", limit)),
            Kind::MinItems { .. } => problems.push(
                self.problem(
                    "empty-list",
                    self.owner_span(),
                    format!("{} is empty", self.name()),
                )
                .help("Put at least one item into it, or remove the key."),
            ),
            Kind::MinLength { .. } => problems.push(self.empty_value()),
            Kind::Pattern { .. } => problems.push(self.wrong_form()),
            _ => problems.push(self.problem(
                "wrong-form",
                self.span(),
                format!("{} is not as it should be: {error}", self.name()),
            )),
        }
    }

    fn unknown_key(&self, name: &str) -> Option<Problem> {
        let entry = self.document.entry(self.node, name)?;
        let span = self.document.span(entry.key);
        let message = format!("{} has no key `{name}`", self.owner());
        let problem = self.problem("unknown-key", span, message);
        if let Some(known) = self.meant_key(name) {
            if self.document.get(self.node, known).is_some() {
                return Some(problem.help(format!(
                    "Keys it has: {}. `{known}` is there already.",
                    listed(&self.keys(), "and")
                )));
            }
            return Some(problem.label(format!("did you mean `{known}`?")).fix(
                format!("Replace `{name}` by `{known}`"),
                vec![Edit {
                    span,
                    text: known.to_owned(),
                }],
            ));
        }
        if let Some(home) = self.home_of(name) {
            return Some(problem.help(format!("`{name}` is a key of {home}: move it there.")));
        }
        Some(problem.help(format!("Keys it has: {}.", listed(&self.keys(), "and"))))
    }

    /// The known key that an unknown one stands for.
    fn meant_key(&self, name: &str) -> Option<&'a str> {
        let lower = name.to_ascii_lowercase();
        let other = OTHER_WORDS.iter().find(|(word, _)| *word == lower);
        if let Some((known, _)) =
            other.and_then(|(_, ours)| self.properties().find(|(name, _)| name == ours))
        {
            return Some(known);
        }
        // A key one level further in is more likely misplaced than misspelt.
        if self.inner_home(name).is_some() {
            return None;
        }
        nearest(name, self.properties().map(|(known, _)| known))
    }

    /// Where a key belongs that is not known here.
    fn home_of(&self, name: &str) -> Option<String> {
        if let Some(home) = self.inner_home(name) {
            return Some(home);
        }
        let at_root = self.root.get("properties")?.get(name).is_some();
        (at_root && self.node != self.document.root())
            .then(|| "the outermost map (look at the indentation)".to_owned())
    }

    fn inner_home(&self, name: &str) -> Option<String> {
        self.properties()
            .find(|(_, schema)| {
                let inner = resolve(self.root, schema);
                inner
                    .get("properties")
                    .is_some_and(|keys| keys.get(name).is_some())
            })
            .map(|(home, _)| format!("`{home}`"))
    }

    fn missing_key(&self, name: &str) -> Problem {
        let message = format!("{} needs a key `{name}`", self.owner());
        let problem = self.problem("missing-key", self.owner_span(), message);
        let schema = self.property(name);
        let only = schema
            .and_then(|schema| schema.get("enum")?.as_array())
            .filter(|values| values.len() == 1)
            .and_then(|values| values.first());
        if let Some(value) = only {
            let line = format!("{name}: {value}");
            let by_hand = problem.clone().help(format!("Add `{line}`."));
            let first = self.document.node(self.node).entries().first();
            // Only a block map at the very left has a place for a line of its own.
            let Some(start) = first.map(|entry| self.document.span(entry.key).start) else {
                return by_hand;
            };
            let source = self.document.source();
            if self.key.is_some() || source.position(start).column != 1 {
                return by_hand;
            }
            return problem.fix(
                format!("Add `{line}`"),
                vec![Edit {
                    span: Span::new(start, start),
                    text: format!("{line}\n"),
                }],
            );
        }
        match schema.and_then(|schema| schema.get("description")?.as_str()) {
            Some(words) => problem.help(format!("`{name}`: {}", first_sentence(words))),
            None => problem,
        }
    }

    /// The keys of a "one of these" over keys.
    fn alternatives(&self) -> Option<Vec<&'a str>> {
        let branches = self.schema.get("anyOf")?.as_array()?;
        branches
            .iter()
            .map(|branch| branch.get("required")?.get(0)?.as_str())
            .collect()
    }

    /// None of the keys of which one is needed, or more than one.
    fn alternative_keys(&self) -> Option<Problem> {
        let keys = self.alternatives()?;
        let names: Vec<Value> = keys.iter().map(|key| (*key).into()).collect();
        let are_verbs = self
            .schema
            .get("title")
            .is_some_and(|title| title == "Step");
        let there: Vec<NodeId> = keys
            .iter()
            .filter_map(|key| self.document.entry(self.node, key))
            .map(|entry| entry.key)
            .collect();
        let [first, second, ..] = there.as_slice() else {
            let looks_like_one = |key: &str| {
                self.property(key).is_none()
                    && self
                        .meant_key(key)
                        .is_some_and(|meant| keys.contains(&meant))
            };
            let entries = self.document.node(self.node).entries();
            // The misspelt key has been reported; with it corrected nothing would be missing.
            if entries
                .iter()
                .any(|entry| looks_like_one(&self.document.node(entry.key).text))
            {
                return None;
            }
            let (code, message) = if are_verbs {
                (
                    "no-verb",
                    "a step needs a verb: `put`, `run` or `get`".to_owned(),
                )
            } else {
                let names = listed(&names, "or");
                (
                    "missing-key",
                    format!("{} needs a key {names}", self.owner()),
                )
            };
            return Some(self.problem(code, self.owner_span(), message));
        };
        let text = |key: &NodeId| &self.document.node(*key).text;
        // Shown in the order of the text.
        let (first, second) = if self.document.span(*first) < self.document.span(*second) {
            (first, second)
        } else {
            (second, first)
        };
        let (code, message, help) = if are_verbs {
            (
                "two-verbs",
                format!(
                    "a step has one verb, and this one has `{}` and `{}`",
                    text(first),
                    text(second)
                ),
                "Make a step of its own of each.".to_owned(),
            )
        } else {
            (
                "conflicting-keys",
                format!(
                    "`{}` and `{}` exclude each other",
                    text(first),
                    text(second)
                ),
                format!("Keep one of {}.", listed(&names, "and")),
            )
        };
        Some(
            self.problem(code, self.document.span(*first), message)
                .also(self.document.span(*second), "")
                .help(help),
        )
    }

    fn wrong_name(&self, error: &ValidationError<'_>) -> Option<Problem> {
        let name = error.instance().as_str()?;
        let entry = self.document.entry(self.node, name)?;
        let rule = self
            .schema
            .get("propertyNames")
            .or(self.beside.get("propertyNames"));
        let wants = rule.and_then(wants_of);
        let message = match wants {
            Some(wants) => format!("`{name}` can't be a name here, which wants {wants}"),
            None => format!("`{name}` can't be a name here"),
        };
        let problem = self.problem("wrong-form", self.document.span(entry.key), message);
        let plain: String = name
            .chars()
            .map(|c| if c.is_ascii_alphanumeric() { c } else { '_' })
            .collect();
        let fits = plain.starts_with(|c: char| c.is_ascii_alphabetic());
        Some(if fits && plain != name {
            problem.help(format!("`{plain}` would do."))
        } else {
            problem
        })
    }

    fn wants(&self) -> String {
        if let Some(wants) = wants_of(self.beside).or_else(|| wants_of(self.schema)) {
            return wants;
        }
        let types = self.beside.get("type").or_else(|| self.schema.get("type"));
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

    fn wrong_type(&self) -> Problem {
        let node = self.document.node(self.node);
        let found = match node.kind {
            yaml::Kind::Null => return self.empty_value(),
            yaml::Kind::Bool(_) => "`true` or `false`",
            yaml::Kind::Number(_) => "a number",
            yaml::Kind::Text => "a text",
            yaml::Kind::List(_) => "a list",
            yaml::Kind::Map(_) => "a map",
        };
        let message = format!("{} wants {}", self.name(), self.wants());
        let problem = self
            .problem("wrong-type", self.span(), message)
            .label(format!("this is {found}"));
        self.with_remedy(problem)
    }

    /// The edit that turns a value of the wrong type into what was meant, where there is one.
    fn with_remedy(&self, problem: Problem) -> Problem {
        let types = self.beside.get("type").or_else(|| self.schema.get("type"));
        let allows = |name: &str| match types {
            Some(Value::Array(many)) => many.iter().any(|one| one == name),
            Some(one) => one == name,
            None => false,
        };
        let node = self.document.node(self.node);
        let written = self.document.source().slice(node.span);
        let replace = |title: String, text: String| (title, text);
        let (help, text) = match &node.kind {
            yaml::Kind::Text if allows("boolean") => match bool_meant(&node.text) {
                Some(value) => replace(
                    format!("In YAML 1.2 `{}` is a text; write `{value}`.", node.text),
                    value.to_string(),
                ),
                None => return problem,
            },
            yaml::Kind::Text if allows("integer") || allows("number") => {
                match node.text.parse::<i64>() {
                    Ok(number) => replace("Leave the quotes out.".to_owned(), number.to_string()),
                    Err(_) => return problem,
                }
            }
            yaml::Kind::Text | yaml::Kind::Number(_)
                if allows("array")
                    && !node.span.is_empty()
                    && !written.contains([',', ']', '\n']) =>
            {
                replace(
                    format!("A list of one item is written `[{written}]`."),
                    format!("[{written}]"),
                )
            }
            yaml::Kind::Number(_) | yaml::Kind::Bool(_) if allows("string") => {
                if wants_of(self.beside).is_some() {
                    return problem;
                }
                replace(
                    "Put it in quotes to make it a text.".to_owned(),
                    format!("\"{written}\""),
                )
            }
            _ => return problem,
        };
        let title = format!("Write `{text}`");
        problem.help(help).fix(
            title,
            vec![Edit {
                span: node.span,
                text,
            }],
        )
    }

    fn empty_value(&self) -> Problem {
        let message = format!("{} has no value", self.name());
        self.problem("empty-value", self.span(), message)
            .help(format!(
                "It wants {}. Give it one, or remove the key.",
                self.wants()
            ))
    }

    /// The values a choice has.
    fn choices(&self) -> &'a [Value] {
        let values = |schema: &'a Value| {
            schema
                .get("enum")
                .or_else(|| schema.get("anyOf")?.get(0)?.get("enum"))
                .and_then(Value::as_array)
        };
        values(self.beside)
            .or_else(|| values(self.schema))
            .map_or(&[], Vec::as_slice)
    }

    fn unknown_choice(&self) -> Problem {
        let choices = self.choices();
        let text = self.text();
        let message = format!("`{text}` is not a value of {}", self.name());
        let problem = self.problem("unknown-choice", self.span(), message);
        match nearest(text, choices.iter().filter_map(Value::as_str)) {
            Some(near) => problem
                .label(format!("did you mean `{near}`?"))
                .help(format!("Values it has: {}.", listed(choices, "and")))
                .fix(
                    format!("Replace `{text}` by `{near}`"),
                    vec![Edit {
                        span: self.document.span(self.node),
                        text: near.to_owned(),
                    }],
                ),
            None => problem.help(format!("It wants {}.", listed(choices, "or"))),
        }
    }

    fn out_of_range(&self, bound: &str, limit: &Value) -> Problem {
        self.problem(
            "out-of-range",
            self.span(),
            format!("{} must be {bound} {limit}", self.name()),
        )
    }

    fn wrong_form(&self) -> Problem {
        let message = format!("{} wants {}", self.name(), self.wants());
        let problem = self.problem("wrong-form", self.span(), message);
        self.with_remedy(problem)
    }
}

/// `true` or `false` for the words that older YAML took for them.
pub(super) fn bool_meant(text: &str) -> Option<bool> {
    match text.to_ascii_lowercase().as_str() {
        "yes" | "y" | "on" | "true" => Some(true),
        "no" | "n" | "off" | "false" => Some(false),
        _ => None,
    }
}

fn resolve<'a>(root: &'a Value, schema: &'a Value) -> &'a Value {
    schema
        .get("$ref")
        .and_then(Value::as_str)
        .and_then(|reference| root.pointer(reference.strip_prefix('#')?))
        .unwrap_or(schema)
}

/// What a schema wants, from its `errorMessage`: "Wants a path" gives "a path".
fn wants_of(schema: &Value) -> Option<String> {
    let message = schema
        .get("errorMessage")
        .or_else(|| schema.get("patternErrorMessage"))?;
    let message = message.as_str()?;
    Some(message.strip_prefix("Wants ").unwrap_or(message).to_owned())
}

fn first_sentence(text: &str) -> &str {
    match text.find(". ") {
        Some(end) => &text[..=end],
        None => text,
    }
}
