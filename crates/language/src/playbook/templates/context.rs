//! Which names a template may use at each key of a playbook, and which type its value must have.

use crate::expression::ExpectedType;

/// The names that a template may use.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum TemplateScope {
    /// No template is allowed.
    None,
    /// Names whose values are the same for the whole run: `inputs`, `run`, and vars that do not use
    /// the target.
    Run,
    /// `target` and all vars as well.
    Target,
    /// The results of earlier steps as well.
    Steps,
}

/// Names and types for the template in the value of a key.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct TemplateContext {
    pub(super) scope: TemplateScope,
    pub(super) expected: ExpectedType,
    pub(super) syntax: TemplateSyntax,
}

/// Syntax of an expression in a value.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum TemplateSyntax {
    /// Inside `${{ }}`; the rest of the text is literal.
    Delimited,
    /// The whole text is an expression; `${{ }}` around it is optional.
    Bare,
}

const fn context(scope: TemplateScope, expected: ExpectedType) -> TemplateContext {
    TemplateContext {
        scope,
        expected,
        syntax: TemplateSyntax::Delimited,
    }
}

impl TemplateContext {
    /// Everything is allowed under an unknown key, which is a finding of its own.
    pub(super) const UNKNOWN_KEY: TemplateContext =
        context(TemplateScope::Steps, ExpectedType::Anything);

    /// Returns the context at a path of keys, in which `-` is an item of a list; `None` for an unknown key.
    ///
    /// A test compares this with the schema: every key must have a line here.
    pub(super) fn at(path: &[&str]) -> Option<TemplateContext> {
        use ExpectedType::{Anything, Int, IntOrText, Text, Word};
        use TemplateScope::{None, Run, Target};
        Some(match path {
            ["playbook" | "name" | "description"] => context(None, Anything),
            ["inputs" | "library", ..] => context(None, Anything),
            ["vars", ..] => context(Target, Anything),
            ["comment"] => context(Target, Text),
            ["risk" | "os" | "cleanup_when" | "deadline" | "window"] => context(Run, Word),
            ["targets", "filter" | "hunt" | "file"] => context(Run, Text),
            ["targets", "tag" | "group" | "ids" | "names"] => context(Run, Text),
            ["targets", "tag" | "group" | "ids" | "names", "-"] => context(Run, Text),
            ["targets", "exclude", rest @ ..] => return TemplateContext::in_exclude(rest),
            ["targets", "expect", "min" | "max"] => context(Run, Int),
            ["rollout", "waves", "-"] => context(Run, IntOrText),
            ["rollout", "soak" | "on_stop"] => context(Run, Word),
            ["rollout", "max_active"] => context(Run, Int),
            ["rollout", "stop_when", "failed"] => context(Run, IntOrText),
            ["rollout", "stop_when", "of"] => context(Run, Word),
            ["rollout", "stop_when", "after"] => context(Run, Int),
            ["offline", "mode" | "until"] => context(Run, Word),
            ["offline", "max_slots"] => context(Run, Int),
            ["steps" | "cleanup", "-", rest @ ..] => return TemplateContext::in_step(rest),
            _ => return Option::None,
        })
    }

    fn in_exclude(path: &[&str]) -> Option<TemplateContext> {
        match path {
            ["file"]
            | ["tag" | "group" | "ids" | "names"]
            | ["tag" | "group" | "ids" | "names", "-"] => {
                Some(context(TemplateScope::Run, ExpectedType::Text))
            }
            _ => None,
        }
    }

    fn in_step(path: &[&str]) -> Option<TemplateContext> {
        use ExpectedType::{Anything, Bool, Int, IntOrText, Text, Word};
        use TemplateScope::{None, Run, Steps};
        Some(match path {
            ["id"] => context(None, Anything),
            ["name"] => context(Run, Text),
            ["put" | "run" | "get"] => context(Steps, Text),
            ["args", ..] => context(Steps, Anything),
            ["when"] => TemplateContext {
                syntax: TemplateSyntax::Bare,
                ..context(Steps, Bool)
            },
            ["gate"] => context(Run, Bool),
            ["pass" | "on_fail" | "results" | "timeout"] => context(Run, Word),
            ["retry"] | ["retry", "max"] => context(Run, Int),
            ["retry", "delay"] => context(Run, Word),
            ["expect", "exit"] | ["expect", "exit", "-"] => context(Steps, Int),
            ["expect", "json", ..] => context(Steps, Anything),
            ["expect", "size"] => context(Steps, IntOrText),
            ["expect", "sha256"] => context(Steps, Text),
            ["expect", "stdout" | "stderr"] | ["expect", "stdout" | "stderr", "-"] => {
                context(Steps, Text)
            }
            ["expect", "stdout" | "stderr", check, rest @ ..] => return in_text_check(check, rest),
            ["save", _, "default", ..] => context(Run, Anything),
            ["save", _, "json" | "regex" | "from" | "type"] => context(None, Anything),
            _ => return Option::None,
        })
    }
}

fn in_text_check(check: &str, rest: &[&str]) -> Option<TemplateContext> {
    let text = context(TemplateScope::Steps, ExpectedType::Text);
    match (check, rest) {
        ("equals", []) => Some(text),
        ("contains" | "not_contains" | "matches" | "not_matches", [] | ["-"]) => Some(text),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use serde_json::Value;

    use super::*;
    use crate::playbook::committed_schema;

    /// Adds the path of every scalar that the schema allows below a part of it.
    fn scalars(root: &Value, part: &Value, path: &mut Vec<String>, found: &mut Vec<Vec<String>>) {
        let reference = part.get("$ref").and_then(Value::as_str);
        let part = reference.map_or(part, |reference| {
            root.pointer(&reference[1..])
                .expect("a reference to a definition")
        });
        let types = match part.get("type") {
            Some(Value::Array(types)) => types.clone(),
            Some(one) => vec![one.clone()],
            None => Vec::new(),
        };
        if types.iter().any(|name| name != "object" && name != "array") || types.is_empty() {
            found.push(path.clone());
        }
        let mut into = |key: &str, part: &Value| {
            path.push(key.to_owned());
            scalars(root, part, path, found);
            path.pop();
        };
        for (key, inner) in part
            .get("properties")
            .and_then(Value::as_object)
            .into_iter()
            .flatten()
        {
            into(key, inner);
        }
        match part.get("additionalProperties") {
            None | Some(Value::Bool(_)) => {}
            Some(inner) => into("any_name", inner),
        }
        if let Some(inner) = part.get("items") {
            into("-", inner);
        }
    }

    fn all_keys() -> Vec<Vec<String>> {
        let root: Value = serde_json::from_str(&committed_schema()).expect("the schema is JSON");
        let mut found = Vec::new();
        scalars(&root, &root, &mut Vec::new(), &mut found);
        found
    }

    #[test]
    fn every_key_of_the_schema_has_a_context() {
        let keys = all_keys();
        assert!(keys.len() > 60, "{keys:?}");
        for path in keys {
            let keys: Vec<&str> = path.iter().map(String::as_str).collect();
            assert!(
                TemplateContext::at(&keys).is_some(),
                "say in `TemplateContext::at` what a template under `{}` may use",
                path.join(".")
            );
        }
    }

    /// Checks the names that each key may use, written independently of the table.
    #[test]
    fn names_are_visible_where_their_values_are_known() {
        let mut by_scope = [const { Vec::new() }; 4];
        for path in all_keys() {
            let keys: Vec<&str> = path.iter().map(String::as_str).collect();
            let context = TemplateContext::at(&keys).expect("every key has a context");
            by_scope[context.scope as usize].push(path.join("."));
        }
        let step = |key: &str| [format!("steps.-.{key}"), format!("cleanup.-.{key}")];
        let reads_results = |path: &String| {
            ["put", "run", "get", "args", "when", "expect"]
                .iter()
                .any(|key| {
                    step(key)
                        .iter()
                        .any(|start| path == start || path.starts_with(&format!("{start}.")))
                })
        };
        let [none, run, target, steps] = by_scope;
        assert!(steps.iter().all(reads_results), "{steps:?}");
        assert!(!none.iter().chain(&run).chain(&target).any(reads_results));
        assert!(
            target
                .iter()
                .all(|path| path == "comment" || path.starts_with("vars."))
        );
        for key in [
            "gate", "retry", "timeout", "on_fail", "results", "pass", "name",
        ] {
            assert!(run.contains(&step(key)[0]), "{key}");
        }
        for path in &none {
            let is_declaration = ["playbook", "name", "description", "inputs.", "library."]
                .iter()
                .any(|start| path.starts_with(start));
            let is_in_step = path.ends_with(".id") || path.contains(".save.");
            assert!(is_declaration || is_in_step, "{path}");
        }
    }
}
