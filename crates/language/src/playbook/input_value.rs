//! Check that an input accepts a value: first its type, then its constraints.
//!
//! It is used for defaults when a playbook is checked, and for given values when it is run.

use std::net::IpAddr;

use regex::Regex;
use serde_json::{Number, Value};

use crate::source::SourceText;
use crate::yaml::{Document, NodeId, NodeKind};
use svar_wire::text::{count, one_line};

use super::model::{Input, InputType, Period};

/// Error of a value that an input does not accept. The message follows the name of the input, such as
/// "must be a number".
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct InputError(String);

impl InputType {
    /// Parses a value from the command line or the environment.
    ///
    /// # Errors
    /// The text is not a value of this type.
    pub fn parse(self, text: &str) -> Result<Value, InputError> {
        let text_if = |fits: bool, expected: &str| {
            if fits {
                Ok(Value::from(text))
            } else {
                Err(InputError(format!(
                    "must be {expected}, not `{}`",
                    shorten(text)
                )))
            }
        };
        match self {
            InputType::String => Ok(text.into()),
            InputType::Int => match text.trim().parse::<i64>() {
                Ok(number) => Ok(number.into()),
                Err(_) => Err(InputError(format!(
                    "must be a whole number, not `{}`",
                    shorten(text)
                ))),
            },
            InputType::Number => parse_number(text.trim())
                .ok_or_else(|| InputError(format!("must be a number, not `{}`", shorten(text)))),
            InputType::Bool => match text.trim() {
                "true" => Ok(true.into()),
                "false" => Ok(false.into()),
                other => Err(InputError(format!(
                    "must be `true` or `false`, not `{}`",
                    shorten(other)
                ))),
            },
            InputType::List if text.trim().is_empty() => Ok(Value::Array(Vec::new())),
            InputType::List if text.trim().starts_with('[') => {
                let message = || {
                    let text = shorten(text);
                    format!("must be a list such as `a,b` or `[\"a\", \"b\"]`, not `{text}`")
                };
                let source = SourceText::new("", text.trim());
                let document = Document::parse(&source).map_err(|_| InputError(message()))?;
                self.read(&document, document.root())
                    .map_err(|_| InputError(message()))
            }
            InputType::List => Ok(text
                .split(',')
                .map(|item| Value::from(item.trim()))
                .collect()),
            InputType::Path => text_if(
                is_absolute_path(text),
                r"an absolute path such as `C:\Windows\Temp` or `/var/log`",
            ),
            InputType::Host => text_if(is_host(text), "a host name"),
            InputType::Ip => text_if(text.parse::<IpAddr>().is_ok(), "an IP address"),
            InputType::Hash => text_if(
                matches!(text.len(), 32 | 40 | 64)
                    && text.bytes().all(|byte| byte.is_ascii_hexdigit()),
                "an MD5, SHA-1 or SHA-256 in hexadecimal digits",
            ),
            InputType::Duration => text_if(
                text.parse::<Period>().is_ok(),
                "a duration such as `90s`, `15m`, `8h` or `2d`",
            ),
        }
    }

    /// Reads a value from a node of a document.
    ///
    /// # Errors
    /// The node is not a value of this type.
    pub fn read(self, document: &Document, id: NodeId) -> Result<Value, InputError> {
        let node = document.node(id);
        match (&node.kind, self) {
            (NodeKind::List(items), InputType::List) => items
                .iter()
                .map(|item| match &document.node(*item).kind {
                    NodeKind::List(_) | NodeKind::Map(_) | NodeKind::Null => {
                        Err(InputError("must be a list of texts".to_owned()))
                    }
                    _ => Ok(Value::from(document.node(*item).text.as_str())),
                })
                .collect(),
            (NodeKind::Bool(value), InputType::Bool) => Ok((*value).into()),
            (NodeKind::Number(_), InputType::Bool | InputType::List) | (NodeKind::Bool(_), _) => {
                Err(InputError(format!(
                    "must be {}, not `{}`",
                    self.words(),
                    shorten(&node.text)
                )))
            }
            (NodeKind::Number(number), InputType::Int) => {
                number.as_i64().map(Value::from).ok_or_else(|| {
                    InputError(format!(
                        "must be a whole number, not `{}`",
                        shorten(&node.text)
                    ))
                })
            }
            (NodeKind::Number(number), InputType::Number) => Ok(number.clone().into()),
            // A quoted number is a text in YAML.
            (
                NodeKind::Text,
                InputType::Int | InputType::Number | InputType::Bool | InputType::List,
            ) => Err(InputError(format!(
                "must be {}, not the text `{}`",
                self.words(),
                shorten(&node.text)
            ))),
            (NodeKind::Text | NodeKind::Number(_), _) => self.parse(&node.text),
            (NodeKind::Null | NodeKind::List(_) | NodeKind::Map(_), _) => {
                Err(InputError(format!("must be {}", self.words())))
            }
        }
    }

    fn words(self) -> &'static str {
        match self {
            InputType::String => "a text",
            InputType::Int => "a whole number",
            InputType::Number => "a number",
            InputType::Bool => "`true` or `false`",
            InputType::List => "a list",
            InputType::Path => "a path",
            InputType::Host => "a host name",
            InputType::Ip => "an IP address",
            InputType::Hash => "a hash",
            InputType::Duration => "a duration",
        }
    }
}

impl Input {
    /// Checks a value of the input's type against `choices`, `pattern`, `min` and `max`.
    ///
    /// # Errors
    /// A constraint is violated. A constraint that is itself invalid is ignored: that is a finding about the
    /// playbook.
    pub fn check_constraints(&self, document: &Document, value: &Value) -> Result<(), InputError> {
        if let Value::Array(items) = value {
            for item in items {
                self.check_value(document, item, InputType::String)?;
            }
            return self.check_length(document, items.len(), "item");
        }
        self.check_value(document, value, self.kind())?;
        match self.kind() {
            InputType::Int | InputType::Number => {
                self.check_range(document, value.as_f64(), |node| {
                    document.node(node).text.parse().ok()
                })
            }
            InputType::Duration => {
                let length = |text: &str| text.parse::<Period>().ok().map(|period| period.0);
                self.check_range(document, value.as_str().and_then(length), |node| {
                    length(&document.node(node).text)
                })
            }
            InputType::Bool => Ok(()),
            _ => {
                let text = value.as_str().unwrap_or_default();
                self.check_length(document, text.chars().count(), "character")
            }
        }
    }

    fn check_value(
        &self,
        document: &Document,
        value: &Value,
        kind: InputType,
    ) -> Result<(), InputError> {
        let shown = shorten(&as_text(value));
        if !self.choices.is_empty() {
            let known: Vec<Value> = self
                .choices
                .iter()
                .filter_map(|choice| kind.read(document, choice.node).ok())
                .collect();
            let is_known = known.iter().any(|choice| same(choice, value));
            // A choice of the wrong type is another finding.
            if !is_known && known.len() == self.choices.len() {
                let names: Vec<String> = known
                    .iter()
                    .map(|choice| format!("`{}`", as_text(choice)))
                    .collect();
                return Err(InputError(format!(
                    "must be one of {}, not `{shown}`",
                    names.join(", ")
                )));
            }
        }
        if let Some(pattern) = &self.pattern
            && let Ok(regex) = Regex::new(&format!("^(?:{})$", pattern.value))
            && !regex.is_match(&as_text(value))
        {
            return Err(InputError(format!(
                "must match `{}`, but `{shown}` does not",
                pattern.value
            )));
        }
        Ok(())
    }

    fn check_range<T: PartialOrd>(
        &self,
        document: &Document,
        value: Option<T>,
        read: impl Fn(NodeId) -> Option<T>,
    ) -> Result<(), InputError> {
        let Some(value) = value else { return Ok(()) };
        for bound in Bound::ALL {
            let Some(node) = bound.node(self) else {
                continue;
            };
            let Some(limit) = read(node) else { continue };
            if !bound.allows(&value, &limit) {
                let limit = &document.node(node).text;
                return Err(InputError(format!("must be {} {limit}", bound.words())));
            }
        }
        Ok(())
    }

    fn check_length(
        &self,
        document: &Document,
        length: usize,
        unit: &str,
    ) -> Result<(), InputError> {
        for bound in Bound::ALL {
            let Some(node) = bound.node(self) else {
                continue;
            };
            let Ok(limit) = document.node(node).text.parse::<usize>() else {
                continue;
            };
            if !bound.allows(&length, &limit) {
                let limit = count(limit, unit);
                return Err(InputError(format!(
                    "must have {} {limit}, not {length}",
                    bound.words()
                )));
            }
        }
        Ok(())
    }
}

/// Bound of the value or length of an input.
#[derive(Debug, Clone, Copy)]
enum Bound {
    Min,
    Max,
}

impl Bound {
    const ALL: [Bound; 2] = [Bound::Min, Bound::Max];

    fn node(self, input: &Input) -> Option<NodeId> {
        let bound = match self {
            Bound::Min => input.min,
            Bound::Max => input.max,
        };
        bound.map(|bound| bound.node)
    }

    fn allows<T: PartialOrd>(self, value: &T, limit: &T) -> bool {
        match self {
            Bound::Min => value >= limit,
            Bound::Max => value <= limit,
        }
    }

    fn words(self) -> &'static str {
        match self {
            Bound::Min => "at least",
            Bound::Max => "at most",
        }
    }
}

fn parse_number(text: &str) -> Option<Value> {
    if let Ok(whole) = text.parse::<i64>() {
        return Some(whole.into());
    }
    let plain = |byte: u8| byte.is_ascii_digit() || b"+-.eE".contains(&byte);
    if !text.bytes().all(plain) {
        return None;
    }
    text.parse()
        .ok()
        .and_then(Number::from_f64)
        .map(Value::Number)
}

/// Returns whether a text starts like an absolute path of Windows or of a POSIX system.
pub(super) fn is_absolute_path(text: &str) -> bool {
    (is_windows_path(text) || text.starts_with('/')) && !text.contains(|c: char| c.is_control())
}

/// Returns whether a text starts with a drive or a UNC prefix.
pub(super) fn is_windows_path(text: &str) -> bool {
    let bytes = text.as_bytes();
    let has_drive = bytes.len() >= 3
        && bytes[0].is_ascii_alphabetic()
        && bytes[1] == b':'
        && matches!(bytes[2], b'\\' | b'/');
    has_drive || text.starts_with(r"\\")
}

/// Returns whether a text is a host name by RFC 1123. `_` is allowed too, since Windows allows it.
fn is_host(text: &str) -> bool {
    let label = |label: &str| {
        (1..=63).contains(&label.len())
            && !label.starts_with('-')
            && !label.ends_with('-')
            && label
                .bytes()
                .all(|byte| byte.is_ascii_alphanumeric() || b"-_".contains(&byte))
    };
    text.len() <= 253 && text.split('.').all(label)
}

fn same(one: &Value, other: &Value) -> bool {
    match (one.as_f64(), other.as_f64()) {
        (Some(one), Some(other)) => one == other,
        _ => one == other,
    }
}

fn as_text(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        other => other.to_string(),
    }
}

/// Maximum length of a value in a message, in characters.
const SHOWN_MAX: usize = 60;

fn shorten(text: &str) -> String {
    one_line(text, SHOWN_MAX)
}
