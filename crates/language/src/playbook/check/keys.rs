//! Problems with keys: unknown, missing, conflicting.

use jsonschema::ValidationError;
use serde_json::Value;

use crate::diagnostic::{Edit, Problem, nearest};
use crate::playbook::notation::code_list;
use crate::source::Span;
use crate::yaml::NodeId;

use super::node::{CheckedNode, expected_by, resolve};
use super::rules;

/// Keys of other tools, with our name for each. A pair applies only where the schema has our name.
const OTHER_TOOLS: &[(&str, &str)] = &[
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
    ("devices", "targets"),
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

impl<'a> CheckedNode<'a> {
    pub(super) fn unknown_key(&self, name: &str) -> Option<Problem> {
        let entry = self.document.entry(self.node, name)?;
        let span = self.document.span(entry.key);
        let message = format!("{} has no key `{name}`", self.owner());
        let problem = self.problem(&rules::UNKNOWN_KEY, span, message);
        if let Some(known) = self.suggested_key(name) {
            if self.document.get(self.node, known).is_some() {
                return Some(problem.help(format!(
                    "Known keys: {}. `{known}` is already given.",
                    code_list(&self.keys(), "and")
                )));
            }
            return Some(problem.label(format!("did you mean `{known}`?")).fix(
                format!("Replace `{name}` with `{known}`"),
                vec![Edit {
                    span,
                    text: known.to_owned(),
                }],
            ));
        }
        if let Some(home) = self.correct_parent(name) {
            return Some(problem.help(format!("`{name}` is a key of {home}: move it there.")));
        }
        Some(problem.help(format!("Known keys: {}.", code_list(&self.keys(), "and"))))
    }

    /// Returns the known key that was probably meant by an unknown one.
    fn suggested_key(&self, name: &str) -> Option<&'a str> {
        let lower = name.to_ascii_lowercase();
        let other = OTHER_TOOLS.iter().find(|(word, _)| *word == lower);
        if let Some((known, _)) =
            other.and_then(|(_, ours)| self.properties().find(|(name, _)| name == ours))
        {
            return Some(known);
        }
        // A key of a map below this one is more likely misplaced than misspelled.
        if self.child_with_key(name).is_some() {
            return None;
        }
        nearest(name, self.properties().map(|(known, _)| known))
    }

    /// Returns the map in which a key is known that is unknown here.
    fn correct_parent(&self, name: &str) -> Option<String> {
        if let Some(home) = self.child_with_key(name) {
            return Some(home);
        }
        let at_root = self.root.get("properties")?.get(name).is_some();
        (at_root && self.node != self.document.root())
            .then(|| "the top level (check the indentation)".to_owned())
    }

    fn child_with_key(&self, name: &str) -> Option<String> {
        self.properties()
            .find(|(_, schema)| {
                let inner = resolve(self.root, schema);
                inner
                    .get("properties")
                    .is_some_and(|keys| keys.get(name).is_some())
            })
            .map(|(home, _)| format!("`{home}`"))
    }

    pub(super) fn missing_key(&self, name: &str) -> Problem {
        let message = format!("{} needs a key `{name}`", self.owner());
        let problem = self.problem(&rules::MISSING_KEY, self.owner_span(), message);
        let schema = self.property(name);
        let only = schema
            .and_then(|schema| schema.get("enum")?.as_array())
            .filter(|values| values.len() == 1)
            .and_then(|values| values.first());
        if let Some(value) = only {
            let line = format!("{name}: {value}");
            let by_hand = problem.clone().help(format!("Add `{line}`."));
            let first = self.document.node(self.node).entries().first();
            // Only in a top-level block map can a line be inserted.
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

    /// Returns the keys of which the schema requires exactly one.
    pub(super) fn alternatives(&self) -> Option<Vec<&'a str>> {
        let branches = self.schema.get("anyOf")?.as_array()?;
        branches
            .iter()
            .map(|branch| branch.get("required")?.get(0)?.as_str())
            .collect()
    }

    /// Returns the problem if none of these keys is present, or more than one.
    pub(super) fn alternative_keys(&self) -> Option<Problem> {
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
                        .suggested_key(key)
                        .is_some_and(|meant| keys.contains(&meant))
            };
            let entries = self.document.node(self.node).entries();
            // The misspelled key has been reported; once it is corrected, nothing is missing.
            if entries
                .iter()
                .any(|entry| looks_like_one(&self.document.node(entry.key).text))
            {
                return None;
            }
            let (code, message) = if are_verbs {
                (
                    &rules::MISSING_VERB,
                    "a step needs a verb: `put`, `run` or `get`".to_owned(),
                )
            } else {
                let names = code_list(&names, "or");
                (
                    &rules::MISSING_KEY,
                    format!("{} needs a key {names}", self.owner()),
                )
            };
            return Some(self.problem(code, self.owner_span(), message));
        };
        let text = |key: &NodeId| &self.document.node(*key).text;
        // Shown in source order.
        let (first, second) = if self.document.span(*first) < self.document.span(*second) {
            (first, second)
        } else {
            (second, first)
        };
        let (code, message, help) = if are_verbs {
            (
                &rules::MULTIPLE_VERBS,
                format!(
                    "a step has one verb, this one has `{}` and `{}`",
                    text(first),
                    text(second)
                ),
                "Write a step for each.".to_owned(),
            )
        } else {
            (
                &rules::CONFLICTING_KEYS,
                format!(
                    "`{}` and `{}` cannot be used together",
                    text(first),
                    text(second)
                ),
                format!("Keep one of {}.", code_list(&names, "and")),
            )
        };
        Some(
            self.problem(code, self.document.span(*first), message)
                .also(self.document.span(*second), "")
                .help(help),
        )
    }

    pub(super) fn invalid_name(&self, error: &ValidationError<'_>) -> Option<Problem> {
        let name = error.instance().as_str()?;
        let entry = self.document.entry(self.node, name)?;
        let rule = self
            .schema
            .get("propertyNames")
            .or(self.unresolved.get("propertyNames"));
        let expected = rule.and_then(expected_by);
        let message = match expected {
            Some(expected) => format!("invalid name `{name}`: expected {expected}"),
            None => format!("invalid name `{name}`"),
        };
        let problem = self.problem(
            &rules::INVALID_FORMAT,
            self.document.span(entry.key),
            message,
        );
        let plain: String = name
            .chars()
            .map(|c| if c.is_ascii_alphanumeric() { c } else { '_' })
            .collect();
        let fits = plain.starts_with(|c: char| c.is_ascii_alphabetic());
        Some(if fits && plain != name {
            problem.help(format!("Use `{plain}`, for example."))
        } else {
            problem
        })
    }
}

fn first_sentence(text: &str) -> &str {
    match text.find(". ") {
        Some(end) => &text[..=end],
        None => text,
    }
}
