//! Problems with values: wrong type or format, out of range, unknown choice.

use serde_json::Value;

use crate::diagnostic::{Edit, Problem, nearest};
use crate::playbook::notation::code_list;
use crate::yaml;

use super::node::{CheckedNode, expected_by};
use super::rules;

impl<'a> CheckedNode<'a> {
    pub(super) fn wrong_type(&self) -> Problem {
        let node = self.document.node(self.node);
        let found = match node.kind {
            yaml::NodeKind::Null => return self.empty_value(),
            yaml::NodeKind::Bool(_) => "`true` or `false`",
            yaml::NodeKind::Number(_) => "a number",
            yaml::NodeKind::Text => "a text",
            yaml::NodeKind::List(_) => "a list",
            yaml::NodeKind::Map(_) => "a map",
        };
        let message = format!("{} must be {}", self.name(), self.expected());
        let problem = self
            .problem(&rules::WRONG_TYPE, self.span(), message)
            .label(format!("this is {found}"));
        self.with_fix(problem)
    }

    /// Adds the help and the edit that turn a value of the wrong type into the one that was probably meant.
    fn with_fix(&self, problem: Problem) -> Problem {
        let types = self
            .unresolved
            .get("type")
            .or_else(|| self.schema.get("type"));
        let allows = |name: &str| match types {
            Some(Value::Array(many)) => many.iter().any(|one| one == name),
            Some(one) => one == name,
            None => false,
        };
        let node = self.document.node(self.node);
        let written = self.document.source().slice(node.span);
        let replace = |title: String, text: String| (title, text);
        let (help, text) = match &node.kind {
            yaml::NodeKind::Text if allows("boolean") => match yaml_1_1_bool(&node.text) {
                Some(value) => replace(
                    format!("In YAML 1.2 `{}` is a text; write `{value}`.", node.text),
                    value.to_string(),
                ),
                None => return problem,
            },
            yaml::NodeKind::Text if allows("integer") || allows("number") => {
                match node.text.parse::<i64>() {
                    Ok(number) => replace("Remove the quotes.".to_owned(), number.to_string()),
                    Err(_) => return problem,
                }
            }
            yaml::NodeKind::Text | yaml::NodeKind::Number(_)
                if allows("array")
                    && !node.span.is_empty()
                    && !written.contains([',', ']', '\n']) =>
            {
                replace(
                    format!("Write a list of one item as `[{written}]`."),
                    format!("[{written}]"),
                )
            }
            yaml::NodeKind::Number(_) | yaml::NodeKind::Bool(_) if allows("string") => {
                if expected_by(self.unresolved).is_some() {
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

    pub(super) fn empty_value(&self) -> Problem {
        let message = format!("{} has no value", self.name());
        self.problem(&rules::EMPTY_VALUE, self.span(), message)
            .help(format!(
                "Expected {}. Add one, or remove the key.",
                self.expected()
            ))
    }

    /// Returns the values that are allowed.
    fn choices(&self) -> &'a [Value] {
        let values = |schema: &'a Value| {
            schema
                .get("enum")
                .or_else(|| schema.get("anyOf")?.get(0)?.get("enum"))
                .and_then(Value::as_array)
        };
        values(self.unresolved)
            .or_else(|| values(self.schema))
            .map_or(&[], Vec::as_slice)
    }

    pub(super) fn unknown_choice(&self) -> Problem {
        let choices = self.choices();
        let text = self.text();
        let message = format!("unknown value `{text}` for {}", self.name());
        let problem = self.problem(&rules::UNKNOWN_CHOICE, self.span(), message);
        match nearest(text, choices.iter().filter_map(Value::as_str)) {
            Some(near) => problem
                .label(format!("did you mean `{near}`?"))
                .help(format!("Known values: {}.", code_list(choices, "and")))
                .fix(
                    format!("Replace `{text}` with `{near}`"),
                    vec![Edit {
                        span: self.document.span(self.node),
                        text: near.to_owned(),
                    }],
                ),
            None => problem.help(format!("Expected {}.", code_list(choices, "or"))),
        }
    }

    pub(super) fn out_of_range(&self, bound: &str, limit: &Value) -> Problem {
        self.problem(
            &rules::OUT_OF_RANGE,
            self.span(),
            format!("{} must be {bound} {limit}", self.name()),
        )
    }

    pub(super) fn wrong_format(&self) -> Problem {
        let message = format!("{} must be {}", self.name(), self.expected());
        let problem = self.problem(&rules::INVALID_FORMAT, self.span(), message);
        self.with_fix(problem)
    }
}

/// Returns the bool that YAML 1.1 reads from a word such as `yes` or `off`.
pub(crate) fn yaml_1_1_bool(text: &str) -> Option<bool> {
    match text.to_ascii_lowercase().as_str() {
        "yes" | "y" | "on" | "true" => Some(true),
        "no" | "n" | "off" | "false" => Some(false),
        _ => None,
    }
}
