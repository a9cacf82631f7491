//! Merges what the user handed in with the playbook's inputs, and finds everything wrong with it.

use std::collections::HashMap;

use regex::Regex;
use serde_json::Value;

use crate::diagnostic::{Problem, nearest, sort_problems};
use crate::playbook::model::{Input, InputType, Period};
use crate::playbook::{Loaded, Playbook};
use crate::source::{SourceText, Span};
use crate::yaml::{Document, NodeId};

use super::coerce::{coerce_node, coerce_text};
use super::inputs::{ENVIRONMENT_PREFIX, Given, InputValue, Inputs, Origin};

impl Inputs {
    /// The values of a playbook's inputs: from arguments, files, environment and defaults, the
    /// first that has one.
    ///
    /// # Errors
    /// Everything that is wrong with them, and the playbook's own findings if it has errors. The
    /// value of a secret input is in no message and no excerpt.
    pub fn merge(loaded: &Loaded, given: &Given) -> Result<Inputs, Vec<Problem>> {
        let (Some(document), Some(playbook)) = (&loaded.document, &loaded.playbook) else {
            return Err(loaded.problems.clone());
        };
        let mut merge = Merge {
            document,
            playbook,
            found: HashMap::new(),
            problems: Vec::new(),
        };
        merge.environment(given);
        for file in &given.files {
            merge.file(file);
        }
        merge.arguments(given);
        let values = playbook
            .inputs
            .iter()
            .filter_map(|(name, input)| merge.settle(name, input))
            .collect();
        let mut problems = merge.problems;
        if problems.is_empty() {
            Ok(Inputs::new(values))
        } else {
            sort_problems(&mut problems);
            Err(problems)
        }
    }
}

struct Merge<'a> {
    document: &'a Document,
    playbook: &'a Playbook,
    /// The latest value of each input; `None` for one that was refused.
    found: HashMap<String, Option<Candidate>>,
    problems: Vec<Problem>,
}

/// A value that was handed in.
struct Candidate {
    value: Value,
    origin: Origin,
    source: SourceText,
    span: Span,
}

impl Merge<'_> {
    fn environment(&mut self, given: &Given) {
        for (name, input) in &self.playbook.inputs {
            let variable = format!(
                "{ENVIRONMENT_PREFIX}{}",
                name.to_uppercase().replace('-', "_")
            );
            let Some((_, text)) = given.environment.iter().find(|(key, _)| *key == variable) else {
                continue;
            };
            let (source, span) = shown("environment", &variable, text, input.is_secret());
            let origin = Origin::Environment(variable);
            let value = coerce_text(input.kind(), text);
            let candidate = candidate(name, input, value, origin, source, span);
            self.keep(name, candidate);
        }
    }

    fn arguments(&mut self, given: &Given) {
        for (name, text) in &given.arguments {
            match self.playbook.inputs.get_key_value(name.as_str()) {
                Some((name, input)) => {
                    let (source, span) = shown("--input", name, text, input.is_secret());
                    let value = coerce_text(input.kind(), text);
                    let candidate = candidate(name, input, value, Origin::Argument, source, span);
                    self.keep(name, candidate);
                }
                None => {
                    // What is behind an unknown name may be a secret.
                    let source = SourceText::new("--input", name.as_str());
                    let span = Span::new(0, source.text().len() as u32);
                    self.unknown(name, &source, span);
                }
            }
        }
    }

    fn file(&mut self, file: &SourceText) {
        let document = match Document::parse(file) {
            Ok(document) => document,
            Err(problems) => return self.problems.extend(problems),
        };
        let root = document.node(document.root());
        if root.entries().is_empty()
            && !matches!(
                root.kind,
                crate::yaml::Kind::Null | crate::yaml::Kind::Map(_)
            )
        {
            let problem = Problem::new(
                "inputs-file",
                file,
                document.span(document.root()),
                "a file of inputs is a map from names to values",
            );
            return self
                .problems
                .push(problem.help("write one `name: value` on each line"));
        }
        for entry in root.entries() {
            let name = &document.node(entry.key).text;
            match self.playbook.inputs.get_key_value(name.as_str()) {
                Some((name, input)) => {
                    let span = document.span(entry.value);
                    let line = file.position(span.start).line;
                    let value = coerce_node(input.kind(), &document, entry.value);
                    let (source, span) = match input.is_secret() {
                        // An excerpt of the file would show it.
                        true => shown(file.name(), name, "", true),
                        false => (file.clone(), span),
                    };
                    let origin = Origin::File(file.name().to_owned(), line);
                    let candidate = candidate(name, input, value, origin, source, span);
                    self.keep(name, candidate);
                }
                None => self.unknown(name, file, document.span(entry.key)),
            }
        }
    }

    fn keep(&mut self, name: &str, candidate: Result<Candidate, Problem>) {
        let candidate = match candidate {
            Ok(candidate) => Some(candidate),
            Err(problem) => {
                self.problems.push(problem);
                None
            }
        };
        self.found.insert(name.to_owned(), candidate);
    }

    fn unknown(&mut self, name: &str, source: &SourceText, span: Span) {
        let message = format!("the playbook has no input `{name}`");
        let problem = Problem::new("unknown-input", source, span, message);
        let known = || self.playbook.inputs.keys().map(String::as_str);
        let help = match nearest(name, known()) {
            Some(near) => format!("did you mean `{near}`?"),
            None if self.playbook.inputs.is_empty() => "it has no inputs at all".to_owned(),
            None => {
                let known: Vec<String> = known().map(|name| format!("`{name}`")).collect();
                format!("its inputs are {}", known.join(", "))
            }
        };
        self.problems.push(problem.help(help));
    }

    /// The value of one input: what was handed in, else the default.
    fn settle(&mut self, name: &str, input: &Input) -> Option<InputValue> {
        let given = match self.found.remove(name) {
            Some(None) => return None,
            Some(Some(candidate)) if !candidate.value.is_null() => Some(candidate),
            _ => None,
        };
        let candidate = match (given, &input.default) {
            (Some(candidate), _) => candidate,
            (None, Some(default)) => {
                let span = self.document.span(default.node);
                match coerce_node(input.kind(), self.document, default.node) {
                    Ok(value) => Candidate {
                        value,
                        origin: Origin::Default,
                        source: self.document.source().clone(),
                        span,
                    },
                    Err(why) => {
                        let source = self.document.source();
                        let message =
                            format!("the default of `{name}` does not fit its type: {why}");
                        self.problems
                            .push(Problem::new("input-value", source, span, message));
                        return None;
                    }
                }
            }
            (None, None) if input.is_required() => {
                self.missing(name);
                return None;
            }
            (None, None) => {
                return Some(InputValue {
                    name: name.to_owned(),
                    value: Value::Null,
                    origin: Origin::Unset,
                    secret: input.is_secret(),
                });
            }
        };
        if let Err(why) = self.holds(input, &candidate.value) {
            let message = format!("input `{name}` {why}");
            let problem = Problem::new("input-value", &candidate.source, candidate.span, message)
                .label(format!("from {}", candidate.origin));
            self.problems.push(problem);
            return None;
        }
        Some(InputValue {
            name: name.to_owned(),
            value: candidate.value,
            origin: candidate.origin,
            secret: input.is_secret(),
        })
    }

    fn missing(&mut self, name: &str) {
        let pointer = format!("/inputs/{}", name.replace('~', "~0").replace('/', "~1"));
        let span = match self.document.find(&pointer) {
            Some((Some(key), _)) => self.document.span(key),
            Some((None, node)) => self.document.span(node),
            None => Span::default(),
        };
        let message = format!("input `{name}` has no value");
        let problem = Problem::new("missing-input", self.document.source(), span, message);
        let variable = format!(
            "{ENVIRONMENT_PREFIX}{}",
            name.to_uppercase().replace('-', "_")
        );
        self.problems.push(
            problem
                .label("has no default")
                .help(format!("hand it in with `--input {name}=…` or {variable}")),
        );
    }

    /// Whether the value is within what the playbook allows; the error goes on after its name.
    fn holds(&self, input: &Input, value: &Value) -> Result<(), String> {
        let secret = input.is_secret();
        let texts: Vec<String> = match value {
            Value::Array(items) => items.iter().map(plain).collect(),
            one => vec![plain(one)],
        };
        let named = |text: &str| match secret {
            true => "its value".to_owned(),
            false => format!("`{text}`"),
        };
        if let Some(pattern) = &input.pattern {
            let whole = Regex::new(&format!("^(?:{})$", pattern.value))
                .map_err(|_| format!("has a `pattern` that can't be read: `{}`", pattern.value))?;
            if let Some(text) = texts.iter().find(|text| !whole.is_match(text)) {
                return Err(format!(
                    "wants a text like `{}`, and {} is not",
                    pattern.value,
                    named(text)
                ));
            }
        }
        if !input.choices.is_empty() {
            let choices: Vec<&str> = input
                .choices
                .iter()
                .map(|choice| self.document.node(choice.node).text.as_str())
                .collect();
            if let Some(text) = texts.iter().find(|text| !choices.contains(&text.as_str())) {
                let near = nearest(text, choices.iter().copied())
                    .filter(|_| !secret)
                    .map_or(String::new(), |near| format!("; did you mean `{near}`?"));
                let choices: Vec<String> = choices.iter().map(|text| format!("`{text}`")).collect();
                return Err(format!(
                    "allows {}, and {} is none of them{near}",
                    choices.join(", "),
                    named(text)
                ));
            }
        }
        let measure = measure(input.kind(), value);
        for (bound, is_min) in [(&input.min, true), (&input.max, false)] {
            let Some(bound) = bound else { continue };
            let limit = self.bound(input.kind(), bound.node);
            let (Some(limit), Some((size, unit))) = (limit, &measure) else {
                continue;
            };
            let text = &self.document.node(bound.node).text;
            if is_min && *size < limit {
                return Err(format!("wants at least {text}{unit}"));
            }
            if !is_min && *size > limit {
                return Err(format!("wants at most {text}{unit}"));
            }
        }
        Ok(())
    }

    fn bound(&self, kind: InputType, node: NodeId) -> Option<f64> {
        let text = &self.document.node(node).text;
        match kind {
            InputType::Duration => {
                let Period(duration) = text.parse().ok()?;
                Some(duration.as_secs_f64())
            }
            _ => text.parse().ok(),
        }
    }
}

/// What `min` and `max` look at, and the words behind their number.
fn measure(kind: InputType, value: &Value) -> Option<(f64, &'static str)> {
    match (kind, value) {
        (_, Value::Number(number)) => Some((number.as_f64()?, "")),
        (InputType::Duration, Value::String(text)) => {
            let Period(duration) = text.parse().ok()?;
            Some((duration.as_secs_f64(), ""))
        }
        (_, Value::String(text)) => Some((text.chars().count() as f64, " characters")),
        (_, Value::Array(items)) => Some((items.len() as f64, " items")),
        _ => None,
    }
}

fn plain(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        other => other.to_string(),
    }
}

fn candidate(
    name: &str,
    input: &Input,
    value: Result<Value, String>,
    origin: Origin,
    source: SourceText,
    span: Span,
) -> Result<Candidate, Problem> {
    match value {
        Ok(value) => Ok(Candidate {
            value,
            origin,
            source,
            span,
        }),
        Err(why) => {
            let message = format!("input `{name}` does not fit its type: {why}");
            let problem =
                Problem::new("input-value", &source, span, message).label(format!("from {origin}"));
            Err(match &input.description {
                Some(words) => problem.help(words.value.clone()),
                None => problem,
            })
        }
    }
}

/// A text that stands for what was handed in, for an excerpt; a secret stands as `***`.
fn shown(name: &str, key: &str, text: &str, secret: bool) -> (SourceText, Span) {
    let text = if secret { super::MASK } else { text };
    let source = SourceText::new(name, format!("{key}={text}"));
    let start = key.len() as u32 + 1;
    let span = Span::new(start, source.text().len() as u32);
    (source, span)
}
