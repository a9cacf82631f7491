//! Whether a result is what the playbook expects, and what is kept of it.

use regex::{Regex, RegexBuilder};
use serde::de::DeserializeOwned;
use serde_json::{Map, Value, json};

use svar_language::diagnostic::Problem;
use svar_language::expression::{Scope, to_text};
use svar_language::playbook::Templated;
use svar_language::playbook::model::{Exit, Expect, InputType, Save, Stream, TextCheck};

use super::prepare::{Prepared, PreparedStep};
use super::scope::Values;
use super::setting::read;
use crate::model::Verdict;
use crate::result::StepResult;

/// Bytes of an output that stand in a sentence.
const SHOWN: usize = 120;

impl Prepared {
    /// Judges a result; the scope knows the device, and no results.
    pub(crate) fn judge(&self, step: &PreparedStep, result: &StepResult, scope: &Scope) -> Verdict {
        let judge = Judge {
            values: &self.values,
            scope,
        };
        let found = match (result, step.plan.verb) {
            (
                StepResult::Script {
                    exit,
                    stdout,
                    stderr,
                },
                _,
            ) => judge.script(step, *exit, stdout, stderr),
            (StepResult::File { size, sha256, .. }, _) => judge.file(step, *size, sha256),
        };
        match found {
            Ok(()) => Verdict::Met,
            Err(why) => Verdict::NotMet { why },
        }
    }

    /// What `steps.NAME` stands for once the step has this result.
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

    fn saved(&self, save: &Save, stdout: &str, stderr: &str) -> Result<Value, String> {
        let stream = save.from.as_ref().map_or(Stream::Stdout, |from| from.value);
        let output = match stream {
            Stream::Stdout => stdout,
            Stream::Stderr => stderr,
        };
        let found = match (&save.json, &save.regex) {
            (Some(path), _) => {
                output_json(output).and_then(|json| Ok(json_at(&json, &path.value)?.clone()))
            }
            (None, Some(pattern)) => first_match(&pattern.value, output).map(Value::from),
            (None, None) => Err("nothing says what is kept".to_owned()),
        };
        let value = match (found, &save.default) {
            (Ok(value), _) => value,
            (Err(_), Some(default)) => {
                let field = self
                    .values
                    .field(default.node)
                    .map_err(|problem| problem.message)?;
                return field.known().cloned().ok_or_else(|| "no value".to_owned());
            }
            (Err(why), None) => return Err(why),
        };
        match &save.r#type {
            None => Ok(value),
            Some(kind) if kind.value == InputType::List && value.is_array() => Ok(value),
            Some(kind) => {
                let text = to_text(&value)?;
                kind.value.parse(text.trim())
            }
        }
    }
}

struct Judge<'p> {
    values: &'p Values,
    scope: &'p Scope,
}

impl Judge<'_> {
    fn script(
        &self,
        step: &PreparedStep,
        exit: Option<i64>,
        stdout: &str,
        stderr: &str,
    ) -> Result<(), String> {
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
                let found = json_at(&json, path)?;
                let field = self.values.field(wanted.node).map_err(words)?;
                let wanted = self.values.evaluate(&field, self.scope).map_err(words)?;
                if !alike(found, &wanted) {
                    return Err(format!("`{path}` is {found}, and {wanted} is expected"));
                }
            }
        }
        // A value that is asked for and not there would be missed only when a later step reads it.
        for (name, save) in &step.save {
            self.save(name, save, step, stdout, stderr)?;
        }
        Ok(())
    }

    fn save(
        &self,
        name: &str,
        save: &Save,
        _step: &PreparedStep,
        stdout: &str,
        stderr: &str,
    ) -> Result<(), String> {
        if save.default.is_some() {
            return Ok(());
        }
        let stream = save.from.as_ref().map_or(Stream::Stdout, |from| from.value);
        let output = match stream {
            Stream::Stdout => stdout,
            Stream::Stderr => stderr,
        };
        let found = match (&save.json, &save.regex) {
            (Some(path), _) => output_json(output).and_then(|json| {
                let value = json_at(&json, &path.value)?;
                to_text(value).or_else(|_| Ok(value.to_string()))
            }),
            (None, Some(pattern)) => first_match(&pattern.value, output),
            (None, None) => Ok(String::new()),
        };
        let typed = match &save.r#type {
            None => found.map(Value::from),
            Some(kind) => found.and_then(|text| kind.value.parse(text.trim())),
        };
        typed
            .map(|_| ())
            .map_err(|why| format!("no value can be saved as `{name}`: {why}"))
    }

    fn exit(&self, expect: &Expect, exit: Option<i64>, stderr: &str) -> Result<(), String> {
        let codes = match &expect.exit {
            Some(Exit::Any) => return Ok(()),
            Some(Exit::Codes(codes)) => codes
                .iter()
                .map(|code| self.settle(code))
                .collect::<Result<Vec<i64>, _>>()?,
            None => vec![0],
        };
        let Some(exit) = exit else {
            return Err("the exit code is not known: the result could not be read".to_owned());
        };
        if codes.contains(&exit) {
            return Ok(());
        }
        let codes: Vec<String> = codes.iter().map(i64::to_string).collect();
        let said = stderr.trim();
        let said = if said.is_empty() {
            String::new()
        } else {
            format!(": {}", shorten(said))
        };
        Err(format!(
            "exit code {exit}, expected {}{said}",
            codes.join(" or ")
        ))
    }

    fn output(&self, name: &str, check: &TextCheck, output: &str) -> Result<(), String> {
        for (texts, wanted) in [(&check.contains, true), (&check.not_contains, false)] {
            for text in texts.iter() {
                let text = self.settle(text)?;
                if output.contains(&text) != wanted {
                    let does = if wanted {
                        "does not contain"
                    } else {
                        "contains"
                    };
                    return Err(format!(
                        "{name} {does} `{}`: {}",
                        shorten(&text),
                        said(output)
                    ));
                }
            }
        }
        if let Some(text) = &check.equals {
            let text = self.settle(text)?;
            if output.trim() != text.trim() {
                return Err(format!(
                    "{name} is not `{}`: {}",
                    shorten(&text),
                    said(output)
                ));
            }
        }
        for (patterns, wanted) in [(&check.matches, true), (&check.not_matches, false)] {
            for pattern in patterns.iter() {
                let pattern = self.settle(pattern)?;
                if regex(&pattern)?.is_match(output) != wanted {
                    let does = if wanted { "does not match" } else { "matches" };
                    return Err(format!("{name} {does} `{pattern}`: {}", said(output)));
                }
            }
        }
        Ok(())
    }

    fn file(&self, step: &PreparedStep, size: u64, sha256: &str) -> Result<(), String> {
        let Some(expect) = &step.expect else {
            return Ok(());
        };
        if let Some(check) = &expect.size {
            let wanted = self.settle(check)?;
            if !wanted.holds(size) {
                let words = check
                    .template()
                    .map_or_else(|| self.source(check.node()), str::to_owned);
                return Err(format!("the file has {size} bytes, expected {words}"));
            }
        }
        if let Some(hash) = &expect.sha256 {
            let wanted: String = self.settle(hash)?;
            if !wanted.trim().eq_ignore_ascii_case(sha256) {
                return Err(format!("the file has SHA-256 {sha256}, expected {wanted}"));
            }
        }
        Ok(())
    }

    fn source(&self, node: svar_language::yaml::NodeId) -> String {
        self.values.document.node(node).text.clone()
    }

    /// The value of something expected, on this device.
    fn settle<T: Clone + DeserializeOwned>(&self, expected: &Templated<T>) -> Result<T, String> {
        match expected {
            Templated::Value(value) => Ok(value.value.clone()),
            Templated::Template(text) => {
                let field = self
                    .values
                    .text_field(text.node, &text.value)
                    .map_err(words)?;
                let value = self.values.evaluate(&field, self.scope).map_err(words)?;
                read(&value)
            }
        }
    }
}

fn words(problem: Problem) -> String {
    problem.message
}

fn regex(pattern: &str) -> Result<Regex, String> {
    // `^` and `$` stand for the ends of a line, and Windows ends its lines with CR LF.
    RegexBuilder::new(pattern)
        .multi_line(true)
        .crlf(true)
        .build()
        .map_err(|_| format!("`{pattern}` is no regular expression"))
}

fn first_match(pattern: &str, output: &str) -> Result<String, String> {
    let found = regex(pattern)?.captures(output).and_then(|groups| {
        groups
            .get(1)
            .or(groups.get(0))
            .map(|found| found.as_str().to_owned())
    });
    found.ok_or_else(|| format!("nothing matches `{pattern}`: {}", said(output)))
}

/// The output as JSON: the whole of it, or its last line, since scripts print progress before.
fn output_json(output: &str) -> Result<Value, String> {
    let text = output
        .trim_start_matches('\u{feff}')
        .trim_matches(|c: char| c == '\0' || c.is_whitespace());
    serde_json::from_str(text)
        .or_else(|error| match text.lines().next_back() {
            Some(last) => serde_json::from_str(last).map_err(|_| error),
            None => Err(error),
        })
        .map_err(|error| format!("the output is no JSON ({error}): {}", said(output)))
}

/// The value at `status`, `items[0].name` or `[0]`.
fn json_at<'j>(json: &'j Value, path: &str) -> Result<&'j Value, String> {
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
        at = next.ok_or_else(|| format!("the output has no `{path}`"))?;
    }
    Ok(at)
}

/// Numbers are alike when they are equal, however they are written.
fn alike(found: &Value, wanted: &Value) -> bool {
    match (found, wanted) {
        (Value::Number(found), Value::Number(wanted)) => {
            found == wanted || found.as_f64() == wanted.as_f64()
        }
        // What keeps its text, as `007` does, is compared as text.
        (Value::Number(found), Value::String(wanted)) => found.to_string() == *wanted,
        (Value::Array(found), Value::Array(wanted)) => {
            found.len() == wanted.len() && found.iter().zip(wanted).all(|(a, b)| alike(a, b))
        }
        (Value::Object(found), Value::Object(wanted)) => {
            found.len() == wanted.len()
                && wanted
                    .iter()
                    .all(|(key, b)| found.get(key).is_some_and(|a| alike(a, b)))
        }
        (found, wanted) => found == wanted,
    }
}

fn said(output: &str) -> String {
    let output = output.trim();
    if output.is_empty() {
        "it is empty".to_owned()
    } else {
        format!("it says `{}`", shorten(output))
    }
}

fn shorten(text: &str) -> String {
    let line: String = text
        .chars()
        .map(|c| if c.is_control() { ' ' } else { c })
        .take(SHOWN)
        .collect();
    if line.len() < text.len() {
        format!("{}…", line.trim_end())
    } else {
        line
    }
}
