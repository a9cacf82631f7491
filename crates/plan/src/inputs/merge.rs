//! Merge of the given values with the inputs that a playbook declares.

use std::collections::HashMap;

use serde_json::Value;

use svar_language::diagnostic::{Problem, nearest, sort_problems};
use svar_language::playbook::model::{Input, InputType};
use svar_language::playbook::{InputError, Loaded, Playbook};
use svar_language::rules::EMPTY_DOCUMENT;
use svar_language::source::{SourceText, Span};
use svar_language::yaml::{Document, NodeKind};

use super::value::{
    ENVIRONMENT_PREFIX, GivenInputs, InputOrigin, InputValue, Inputs, MissingSecrets,
};
use crate::rules;
use crate::secrets::MASK;

impl Inputs {
    /// Returns the values of a playbook's inputs, each from the first source that has one: arguments, files,
    /// environment, defaults.
    ///
    /// # Errors
    /// All problems of the values, or the findings of the playbook if it has errors. Messages and excerpts never
    /// contain the value of a secret input.
    pub fn merge(loaded: &Loaded, given: &GivenInputs) -> Result<Inputs, Vec<Problem>> {
        let (Some(document), Some(playbook)) = (&loaded.document, &loaded.playbook) else {
            return Err(loaded.problems.clone());
        };
        let mut merger = InputMerger {
            document,
            playbook,
            found: HashMap::new(),
            problems: Vec::new(),
        };
        merger.read_environment(given);
        for file in &given.files {
            merger.read_file(file);
        }
        merger.read_arguments(given);
        let values = playbook
            .inputs
            .iter()
            .filter_map(|(name, input)| merger.resolve(name, input, given.missing_secrets))
            .collect();
        let mut problems = merger.problems;
        if problems.is_empty() {
            Ok(Inputs::new(values))
        } else {
            sort_problems(&mut problems);
            Err(problems)
        }
    }
}

/// Reason why a given value is invalid.
enum InvalidValue {
    /// Second argument for an input that is not a list.
    Duplicate,
    /// Value that the input does not accept.
    NotAccepted(InputError),
}

impl From<InputError> for InvalidValue {
    fn from(error: InputError) -> Self {
        InvalidValue::NotAccepted(error)
    }
}

struct InputMerger<'a> {
    document: &'a Document,
    playbook: &'a Playbook,
    /// Latest value of each input; `None` if it was invalid.
    found: HashMap<String, Option<Candidate>>,
    problems: Vec<Problem>,
}

/// A given value with its origin.
struct Candidate {
    value: Value,
    origin: InputOrigin,
    source: SourceText,
    span: Span,
}

impl InputMerger<'_> {
    fn read_environment(&mut self, given: &GivenInputs) {
        for (name, input) in &self.playbook.inputs {
            let variable = format!("{ENVIRONMENT_PREFIX}{}", name.to_uppercase());
            let Some((_, text)) = given.environment.iter().find(|(key, _)| *key == variable) else {
                continue;
            };
            let (source, span) = excerpt_of("environment", &variable, text, input);
            let origin = InputOrigin::Environment(variable);
            let value = input.kind().parse(text).map_err(InvalidValue::from);
            let candidate = candidate(name, input, value, origin, source, span);
            self.record(name, candidate);
        }
    }

    fn read_arguments(&mut self, given: &GivenInputs) {
        let mut seen: HashMap<&str, Value> = HashMap::new();
        for (name, text) in &given.arguments {
            match self.playbook.inputs.get_key_value(name.as_str()) {
                Some((name, input)) => {
                    let (source, span) = excerpt_of("--input", name, text, input);
                    let mut value = input.kind().parse(text).map_err(InvalidValue::from);
                    match (seen.get(name.as_str()), &mut value) {
                        // Items may be given one by one.
                        (Some(Value::Array(before)), Ok(Value::Array(items))) => {
                            items.splice(..0, before.iter().cloned());
                        }
                        (Some(_), Ok(_)) => {
                            value = Err(InvalidValue::Duplicate);
                        }
                        _ => {}
                    }
                    if let Ok(value) = &value {
                        seen.insert(name, value.clone());
                    }
                    let candidate =
                        candidate(name, input, value, InputOrigin::Argument, source, span);
                    self.record(name, candidate);
                }
                None => {
                    // The value of an unknown input may be a secret, so it is not shown.
                    let source = SourceText::new("--input", name.as_str());
                    let span = Span::new(0, source.text().len() as u32);
                    self.report_unknown(name, &source, span);
                }
            }
        }
    }

    fn read_file(&mut self, file: &SourceText) {
        let document = match Document::parse(file) {
            Ok(document) => document,
            Err(problems) if is_empty(&problems) => {
                let message = "the inputs file has no values";
                let problem =
                    Problem::new(&rules::INVALID_INPUTS_FILE, file, Span::new(0, 0), message);
                let help =
                    "Write one `name: value` on each line; without values leave `--inputs` out.";
                return self.problems.push(problem.help(help));
            }
            Err(problems) => return self.problems.extend(problems),
        };
        let root = document.node(document.root());
        if !matches!(root.kind, NodeKind::Null | NodeKind::Map(_)) {
            let problem = Problem::new(
                &rules::INVALID_INPUTS_FILE,
                file,
                document.span(document.root()),
                "an inputs file must be a map from names to values",
            );
            return self
                .problems
                .push(problem.help("Write one `name: value` on each line."));
        }
        for entry in root.entries() {
            let name = &document.node(entry.key).text;
            match self.playbook.inputs.get_key_value(name.as_str()) {
                Some((name, input)) => {
                    let span = document.span(entry.value);
                    let line = file.position(span.start).line;
                    let value = match document.node(entry.value).kind {
                        // An empty value is the same as no entry.
                        NodeKind::Null => Ok(Value::Null),
                        _ => (input.kind())
                            .read(&document, entry.value)
                            .map_err(InvalidValue::from),
                    };
                    let (source, span) = if input.is_secret() {
                        // An excerpt of the file would show it.
                        excerpt_of(file.name(), name, "", input)
                    } else {
                        (file.clone(), span)
                    };
                    let origin = InputOrigin::File(file.name().to_owned(), line);
                    let candidate = candidate(name, input, value, origin, source, span);
                    self.record(name, candidate);
                }
                None => self.report_unknown(name, file, document.span(entry.key)),
            }
        }
    }

    fn record(&mut self, name: &str, candidate: Result<Candidate, Problem>) {
        let candidate = match candidate {
            Ok(candidate) => Some(candidate),
            Err(problem) => {
                self.problems.push(problem);
                None
            }
        };
        self.found.insert(name.to_owned(), candidate);
    }

    fn report_unknown(&mut self, name: &str, source: &SourceText, span: Span) {
        let message = format!("the playbook has no input `{name}`");
        let problem = Problem::new(&rules::UNKNOWN_INPUT, source, span, message);
        let known = || self.playbook.inputs.keys().map(String::as_str);
        let help = match nearest(name, known()) {
            Some(near) => format!("Did you mean `{near}`?"),
            None if self.playbook.inputs.is_empty() => "The playbook has no inputs.".to_owned(),
            None => {
                let known: Vec<String> = known().map(|name| format!("`{name}`")).collect();
                format!("Known inputs: {}.", known.join(", "))
            }
        };
        self.problems.push(problem.help(help));
    }

    /// Returns the value of an input: the given one, else the default.
    fn resolve(
        &mut self,
        name: &str,
        input: &Input,
        missing_secrets: MissingSecrets,
    ) -> Option<InputValue> {
        let (value, origin) = match (self.found.remove(name), &input.default) {
            (Some(None), _) => return None,
            (Some(Some(candidate)), _) if !candidate.value.is_null() => {
                if let Err(error) = input.check_constraints(self.document, &candidate.value) {
                    let why = InvalidValue::from(error);
                    self.problems
                        .push(invalid_value(name, input, &why, &candidate));
                    return None;
                }
                (candidate.value, candidate.origin)
            }
            // The check has rejected an invalid default.
            (_, Some(default)) => {
                let value = input.kind().read(self.document, default.node).ok()?;
                (value, InputOrigin::Default)
            }
            (_, None) if input.is_secret() && missing_secrets == MissingSecrets::Placeholder => {
                (placeholder(input.kind()), InputOrigin::Unset)
            }
            (_, None) if input.is_required() => {
                self.report_missing(name);
                return None;
            }
            (_, None) => (Value::Null, InputOrigin::Unset),
        };
        Some(InputValue {
            name: name.to_owned(),
            value,
            origin,
            secret: input.is_secret(),
        })
    }

    fn report_missing(&mut self, name: &str) {
        let pointer = format!("/inputs/{}", name.replace('~', "~0").replace('/', "~1"));
        let span = match self.document.find(&pointer) {
            Some((Some(key), _)) => self.document.span(key),
            Some((None, node)) => self.document.span(node),
            None => Span::default(),
        };
        let message = format!("input `{name}` has no value");
        let problem = Problem::new(&rules::MISSING_INPUT, self.document.source(), span, message);
        let variable = format!("{ENVIRONMENT_PREFIX}{}", name.to_uppercase());
        self.problems.push(
            problem
                .label("has no default")
                .help(format!("Set it with `--input {name}=…` or {variable}.")),
        );
    }
}

/// Returns a placeholder of the type of a secret without a value.
fn placeholder(kind: InputType) -> Value {
    match kind {
        InputType::Int | InputType::Number => Value::from(0),
        InputType::Bool => Value::Bool(false),
        InputType::List => Value::Array(Vec::new()),
        _ => Value::String(MASK.to_owned()),
    }
}

/// Returns whether the only problem of a file is that it is empty.
fn is_empty(problems: &[Problem]) -> bool {
    matches!(problems, [problem] if *problem.rule == EMPTY_DOCUMENT)
}

/// Returns the problem of an invalid value, without the value of a secret.
fn invalid_value(name: &str, input: &Input, why: &InvalidValue, candidate: &Candidate) -> Problem {
    let message = match why {
        InvalidValue::Duplicate => format!("input `{name}` is given twice with `--input`"),
        InvalidValue::NotAccepted(_) if input.is_secret() => {
            format!("invalid value for input `{name}`")
        }
        InvalidValue::NotAccepted(error) => format!("input `{name}` {error}"),
    };
    let problem = Problem::new(
        &rules::INVALID_INPUT_VALUE,
        &candidate.source,
        candidate.span,
        message,
    )
    .label(format!("from {}", candidate.origin));
    match &input.description {
        Some(words) => problem.help(words.value.clone()),
        None => problem,
    }
}

fn candidate(
    name: &str,
    input: &Input,
    value: Result<Value, InvalidValue>,
    origin: InputOrigin,
    source: SourceText,
    span: Span,
) -> Result<Candidate, Problem> {
    let (value, refusal) = match value {
        Ok(value) => (value, None),
        Err(why) => (Value::Null, Some(why)),
    };
    let candidate = Candidate {
        value,
        origin,
        source,
        span,
    };
    match refusal {
        None => Ok(candidate),
        Some(why) => Err(invalid_value(name, input, &why, &candidate)),
    }
}

/// Returns a source text for the excerpt of a given value. A secret is shown as `***`.
fn excerpt_of(name: &str, key: &str, text: &str, input: &Input) -> (SourceText, Span) {
    let text = if input.is_secret() { MASK } else { text };
    let source = SourceText::new(name, format!("{key}={text}"));
    let start = key.len() as u32 + 1;
    let span = Span::new(start, source.text().len() as u32);
    (source, span)
}
