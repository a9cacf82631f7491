//! Verdicts on results, and the values that `save` takes from them.

use std::fmt;

use regex::{Regex, RegexBuilder};
use serde::de::DeserializeOwned;
use serde_json::{Map, Value, json};

use svar_language::diagnostic::Problem;
use svar_language::expression::{Scope, to_text};
use svar_language::playbook::model::{Exit, Expect, Save, Stream, TextCheck};
use svar_language::playbook::{InputError, Templated};
use svar_wire::text::one_line;

use super::prepare::{PreparedPlaybook, PreparedStep};
use super::setting::from_json;
use crate::model::Verdict;
use crate::result::StepResult;

/// Maximum number of characters of an output that a message quotes.
const SHOWN_MAX: usize = 120;

impl PreparedPlaybook {
    /// Judges a result. The scope has the results that the expectations read.
    pub(crate) fn judge(&self, step: &PreparedStep, result: &StepResult, scope: &Scope) -> Verdict {
        let judge = Judge {
            prepared: self,
            scope,
        };
        let found = match result {
            StepResult::Script {
                exit,
                stdout,
                stderr,
            } => judge.script(step, *exit, stdout, stderr),
            StepResult::File { size, sha256, .. } => judge.file(step, *size, sha256),
        };
        match found {
            Ok(()) => Verdict::Met,
            Err(ResultError(why)) => Verdict::NotMet { why },
        }
    }

    /// Returns the value of `steps.NAME` for a step with this result.
    pub(crate) fn result_value(&self, step: &PreparedStep, result: &StepResult) -> Value {
        match result {
            StepResult::Script {
                exit,
                stdout,
                stderr,
            } => {
                let mut fields = Map::new();
                if let Some(exit) = exit {
                    fields.insert("exit".to_owned(), json!(exit));
                }
                fields.insert("stdout".to_owned(), json!(stdout));
                fields.insert("stderr".to_owned(), json!(stderr));
                if let Ok(json) = output_json(stdout) {
                    fields.insert("json".to_owned(), json);
                }
                let mut saved = Map::new();
                for (name, save) in &step.save {
                    if let Ok(value) = self.saved(save, stdout, stderr) {
                        saved.insert(name.clone(), value);
                    }
                }
                fields.insert("saved".to_owned(), Value::Object(saved));
                Value::Object(fields)
            }
            StepResult::File { path, size, sha256 } => {
                json!({ "file": { "path": path, "size": size, "sha256": sha256 } })
            }
        }
    }

    /// Returns the value that `save` takes from an output.
    fn saved(&self, save: &Save, stdout: &str, stderr: &str) -> Result<Value, ResultError> {
        let kept = extract(save, stdout, stderr);
        let value = match (kept, &save.default) {
            (Ok(value), _) => value,
            (Err(_), Some(default)) => {
                let field = self.evaluator.read(default.node)?;
                return field
                    .known()
                    .cloned()
                    .ok_or_else(|| ResultError("no value".to_owned()));
            }
            (Err(why), None) => return Err(why),
        };
        match &save.r#type {
            None => Ok(value),
            Some(kind) => {
                // A list or map is converted to JSON, which `type: list` parses.
                let text = to_text(&value).unwrap_or_else(|_| value.to_string());
                Ok(kind.value.parse(text.trim())?)
            }
        }
    }
}

/// Returns the value that `save` finds in an output, without its type and default.
fn extract(save: &Save, stdout: &str, stderr: &str) -> Result<Value, ResultError> {
    let output = match save
        .from
        .as_ref()
        .map(|from| from.value)
        .unwrap_or_default()
    {
        Stream::Stdout => stdout,
        Stream::Stderr => stderr,
    };
    match (&save.json, &save.regex) {
        (Some(path), _) => {
            output_json(output).and_then(|json| Ok(json_path(&json, &path.value)?.clone()))
        }
        (None, Some(pattern)) => match_regex(&pattern.value, output).map(Value::from),
        // The check rejects this.
        (None, None) => Err(ResultError(
            "neither `json` nor `regex` is given".to_owned(),
        )),
    }
}

/// Reason why a result does not meet an expectation, or why a value cannot be saved, in one sentence.
#[derive(Debug)]
struct ResultError(String);

impl fmt::Display for ResultError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl From<Problem> for ResultError {
    /// Keeps the message without its place.
    fn from(problem: Problem) -> Self {
        ResultError(problem.message)
    }
}

impl From<InputError> for ResultError {
    fn from(error: InputError) -> Self {
        ResultError(error.to_string())
    }
}

impl From<serde_json::Error> for ResultError {
    fn from(error: serde_json::Error) -> Self {
        ResultError(error.to_string())
    }
}

/// Comparison of the result of a step with its expectations.
struct Judge<'p> {
    prepared: &'p PreparedPlaybook,
    scope: &'p Scope,
}

impl Judge<'_> {
    fn script(
        &self,
        step: &PreparedStep,
        exit: Option<i64>,
        stdout: &str,
        stderr: &str,
    ) -> Result<(), ResultError> {
        let default = Expect::default();
        let expect = step.expect.as_ref().unwrap_or(&default);
        self.exit(expect, exit, stderr)?;
        for (name, check, output) in [
            ("standard output", &expect.stdout, stdout),
            ("standard error", &expect.stderr, stderr),
        ] {
            if let Some(check) = check {
                self.output(name, check, output)?;
            }
        }
        if !expect.json.is_empty() {
            let json = output_json(stdout)?;
            for (path, wanted) in &expect.json {
                let found = json_path(&json, path)?;
                let field = self.prepared.evaluator.read(wanted.node)?;
                let wanted = self.prepared.evaluator.evaluate(&field, self.scope)?;
                if !equal_json(found, &wanted) {
                    return Err(ResultError(format!(
                        "`{path}` is {found}, expected {wanted}"
                    )));
                }
            }
        }
        // A missing value must fail this step, not a later one that reads it.
        for (name, save) in &step.save {
            self.prepared
                .saved(save, stdout, stderr)
                .map_err(|why| ResultError(format!("cannot save `{name}`: {why}")))?;
        }
        Ok(())
    }

    fn exit(&self, expect: &Expect, exit: Option<i64>, stderr: &str) -> Result<(), ResultError> {
        let codes = match &expect.exit {
            Some(Exit::Any) => return Ok(()),
            Some(Exit::Codes(codes)) => codes
                .iter()
                .map(|code| self.evaluate_expected(code))
                .collect::<Result<Vec<i64>, _>>()?,
            None => vec![0],
        };
        let Some(exit) = exit else {
            return Err(ResultError(
                "the exit code is unknown: the result could not be read".to_owned(),
            ));
        };
        if codes.contains(&exit) {
            return Ok(());
        }
        let codes: Vec<String> = codes.iter().map(i64::to_string).collect();
        let said = stderr.trim();
        let said = if said.is_empty() {
            String::new()
        } else {
            format!(": {}", one_line_of(said))
        };
        Err(ResultError(format!(
            "exit code {exit}, expected {}{said}",
            codes.join(" or ")
        )))
    }

    fn output(&self, name: &str, check: &TextCheck, output: &str) -> Result<(), ResultError> {
        for (texts, wanted) in [(&check.contains, true), (&check.not_contains, false)] {
            for text in texts.iter() {
                let text = self.evaluate_expected(text)?;
                if output.contains(&text) != wanted {
                    let does = if wanted {
                        "does not contain"
                    } else {
                        "contains"
                    };
                    return Err(ResultError(format!(
                        "{name} {does} `{}`: {}",
                        one_line_of(&text),
                        quote_output(output)
                    )));
                }
            }
        }
        if let Some(text) = &check.equals {
            let text = self.evaluate_expected(text)?;
            if output.trim() != text.trim() {
                return Err(ResultError(format!(
                    "{name} is not `{}`: {}",
                    one_line_of(&text),
                    quote_output(output)
                )));
            }
        }
        for (patterns, wanted) in [(&check.matches, true), (&check.not_matches, false)] {
            for pattern in patterns.iter() {
                let pattern = self.evaluate_expected(pattern)?;
                if compile_regex(&pattern)?.is_match(output) != wanted {
                    let does = if wanted { "does not match" } else { "matches" };
                    return Err(ResultError(format!(
                        "{name} {does} `{pattern}`: {}",
                        quote_output(output)
                    )));
                }
            }
        }
        Ok(())
    }

    fn file(&self, step: &PreparedStep, size: u64, sha256: &str) -> Result<(), ResultError> {
        let Some(expect) = &step.expect else {
            return Ok(());
        };
        if let Some(check) = &expect.size {
            let wanted = self.evaluate_expected(check)?;
            if !wanted.holds(size) {
                let words = check
                    .template()
                    .map_or_else(|| self.source(check.node()), str::to_owned);
                return Err(ResultError(format!(
                    "the file has {size} bytes, expected {words}"
                )));
            }
        }
        if let Some(hash) = &expect.sha256 {
            let wanted: String = self.evaluate_expected(hash)?;
            if !wanted.trim().eq_ignore_ascii_case(sha256) {
                return Err(ResultError(format!(
                    "the file has SHA-256 {sha256}, expected {wanted}"
                )));
            }
        }
        Ok(())
    }

    fn source(&self, node: svar_language::yaml::NodeId) -> String {
        self.prepared.evaluator.document.node(node).text.clone()
    }

    /// Evaluates an expected value for this device.
    fn evaluate_expected<T: Clone + DeserializeOwned>(
        &self,
        expected: &Templated<T>,
    ) -> Result<T, ResultError> {
        match expected {
            Templated::Value(value) => Ok(value.value.clone()),
            Templated::Template(text) => {
                let field = self.prepared.evaluator.read_text(text.node, &text.value)?;
                let value = self.prepared.evaluator.evaluate(&field, self.scope)?;
                Ok(from_json(&value)?)
            }
        }
    }
}

fn compile_regex(pattern: &str) -> Result<Regex, ResultError> {
    // `^` and `$` match at line ends, and on Windows lines end with CR LF.
    RegexBuilder::new(pattern)
        .multi_line(true)
        .crlf(true)
        .build()
        .map_err(|_| ResultError(format!("invalid regular expression `{pattern}`")))
}

fn match_regex(pattern: &str, output: &str) -> Result<String, ResultError> {
    let found = compile_regex(pattern)?.captures(output).and_then(|groups| {
        groups
            .get(1)
            .or(groups.get(0))
            .map(|found| found.as_str().to_owned())
    });
    found.ok_or_else(|| {
        ResultError(format!(
            "nothing matches `{pattern}`: {}",
            quote_output(output)
        ))
    })
}

/// Parses the output as JSON, or else its last line, since scripts may print progress before it.
fn output_json(output: &str) -> Result<Value, ResultError> {
    let text = output
        .trim_start_matches('\u{feff}')
        .trim_matches(|c: char| c == '\0' || c.is_whitespace());
    serde_json::from_str(text)
        .or_else(|error| match text.lines().next_back() {
            Some(last) => serde_json::from_str(last).map_err(|_| error),
            None => Err(error),
        })
        .map_err(|error| {
            ResultError(format!(
                "the output is not JSON ({error}): {}",
                quote_output(output)
            ))
        })
}

/// Returns the value at a path such as `status`, `items[0].name` or `[0]`.
fn json_path<'j>(json: &'j Value, path: &str) -> Result<&'j Value, ResultError> {
    let mut at = json;
    for segment in path
        .replace('[', ".[")
        .split('.')
        .filter(|part| !part.is_empty())
    {
        let next = match segment
            .strip_prefix('[')
            .and_then(|rest| rest.strip_suffix(']'))
        {
            Some(index) => index.parse::<usize>().ok().and_then(|index| at.get(index)),
            None => at.get(segment),
        };
        at = next.ok_or_else(|| ResultError(format!("the output has no `{path}`")))?;
    }
    Ok(at)
}

/// Returns whether two values are equal. Numbers are compared by value.
fn equal_json(found: &Value, wanted: &Value) -> bool {
    match (found, wanted) {
        (Value::Number(found), Value::Number(wanted)) => {
            found == wanted || found.as_f64() == wanted.as_f64()
        }
        // A number such as `007`, which is kept as text, is compared as text.
        (Value::Number(found), Value::String(wanted)) => found.to_string() == *wanted,
        (Value::Array(found), Value::Array(wanted)) => {
            found.len() == wanted.len() && found.iter().zip(wanted).all(|(a, b)| equal_json(a, b))
        }
        (Value::Object(found), Value::Object(wanted)) => {
            found.len() == wanted.len()
                && wanted
                    .iter()
                    .all(|(key, b)| found.get(key).is_some_and(|a| equal_json(a, b)))
        }
        (found, wanted) => found == wanted,
    }
}

fn quote_output(output: &str) -> String {
    let output = output.trim();
    if output.is_empty() {
        "the output is empty".to_owned()
    } else {
        format!("the output is `{}`", one_line_of(output))
    }
}

/// Returns text from a device as one short line that is safe to print.
fn one_line_of(text: &str) -> String {
    one_line(text, SHOWN_MAX)
}
