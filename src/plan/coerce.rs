//! From what was typed to a value of an input's type.

use std::net::IpAddr;

use serde_json::{Number, Value};

use crate::playbook::model::{InputType, Period};
use crate::yaml::{Document, Kind, NodeId};

/// The value of this type that a text stands for, as `--input` and the environment have it. Items
/// of a list are separated by commas.
///
/// # Errors
/// What is wanted instead: half a sentence.
pub(super) fn coerce_text(kind: InputType, text: &str) -> Result<Value, String> {
    let wanted = |what: &str| Err(format!("{what} is wanted"));
    match kind {
        InputType::String => Ok(Value::from(text)),
        InputType::Int => match text.parse::<i64>() {
            Ok(int) => Ok(Value::from(int)),
            Err(_) => wanted("a whole number"),
        },
        InputType::Number => match number(text) {
            Some(number) => Ok(Value::Number(number)),
            None => wanted("a number"),
        },
        InputType::Bool => match text {
            "true" | "True" | "TRUE" => Ok(Value::Bool(true)),
            "false" | "False" | "FALSE" => Ok(Value::Bool(false)),
            _ => wanted("`true` or `false`"),
        },
        InputType::List => Ok(text
            .split(',')
            .map(str::trim)
            .filter(|item| !item.is_empty())
            .collect()),
        InputType::Path if is_absolute(text) => Ok(Value::from(text)),
        InputType::Path => wanted("an absolute path, such as `C:\\Temp\\x` or `/tmp/x`,"),
        InputType::Host if is_host(text) => Ok(Value::from(text)),
        InputType::Host => wanted("a host name"),
        InputType::Ip if text.parse::<IpAddr>().is_ok() => Ok(Value::from(text)),
        InputType::Ip => wanted("an IPv4 or IPv6 address"),
        InputType::Hash if is_hash(text) => Ok(Value::from(text)),
        InputType::Hash => wanted("an MD5, SHA-1 or SHA-256 (32, 40 or 64 hexadecimal digits)"),
        InputType::Duration => match text.parse::<Period>() {
            Ok(_) => Ok(Value::from(text)),
            Err(error) => Err(format!("{error} is wanted")),
        },
    }
}

/// The value of this type that a node stands for, as files and defaults have it. Where text is
/// wanted, a number is the text it was typed as.
///
/// # Errors
/// What is wanted instead: half a sentence.
pub(super) fn coerce_node(
    kind: InputType,
    document: &Document,
    node: NodeId,
) -> Result<Value, String> {
    let read = document.node(node);
    match (&read.kind, kind) {
        (Kind::List(items), InputType::List) => items
            .iter()
            .map(|item| {
                let item = document.node(*item);
                if item.is_collection() || item.kind == Kind::Null {
                    Err("a list of texts is wanted".to_owned())
                } else {
                    Ok(Value::from(item.text.as_str()))
                }
            })
            .collect(),
        (Kind::List(_) | Kind::Map(_), _) => Err(format!("{} is wanted", name(kind))),
        (Kind::Null, _) => Ok(Value::Null),
        (Kind::Text, InputType::Int | InputType::Number | InputType::Bool) => {
            Err(format!("{} is wanted, and this is text", name(kind)))
        }
        (Kind::Bool(value), InputType::Bool) => Ok(Value::Bool(*value)),
        (Kind::Number(number), InputType::Int) => number
            .as_i64()
            .map(Value::from)
            .ok_or_else(|| "a whole number is wanted".to_owned()),
        (Kind::Number(number), InputType::Number) => Ok(Value::Number(number.clone())),
        _ => coerce_text(kind, &read.text),
    }
}

/// The type as a message has it.
pub(super) fn name(kind: InputType) -> &'static str {
    match kind {
        InputType::String => "text",
        InputType::Int => "a whole number",
        InputType::Number => "a number",
        InputType::Bool => "`true` or `false`",
        InputType::List => "a list",
        InputType::Path => "an absolute path",
        InputType::Host => "a host name",
        InputType::Ip => "an IP address",
        InputType::Hash => "a hash",
        InputType::Duration => "a length of time",
    }
}

fn number(text: &str) -> Option<Number> {
    let plain = |byte: u8| byte.is_ascii_digit() || b"+-.eE".contains(&byte);
    if !text.bytes().all(plain) {
        return None;
    }
    match text.parse::<i64>() {
        Ok(int) => Some(int.into()),
        Err(_) => Number::from_f64(text.parse().ok()?),
    }
}

fn is_absolute(text: &str) -> bool {
    let bytes = text.as_bytes();
    let drive = matches!(bytes, [letter, b':', b'\\' | b'/', ..] if letter.is_ascii_alphabetic());
    let clean = !text.contains(|c: char| c.is_control());
    clean && (drive || text.starts_with('/') || text.starts_with(r"\\"))
}

fn is_host(text: &str) -> bool {
    let label = |label: &str| {
        (1..=63).contains(&label.len())
            && !label.starts_with('-')
            && !label.ends_with('-')
            && label
                .bytes()
                .all(|byte| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_')
    };
    text.len() <= 253 && text.split('.').all(label)
}

fn is_hash(text: &str) -> bool {
    matches!(text.len(), 32 | 40 | 64) && text.bytes().all(|byte| byte.is_ascii_hexdigit())
}
