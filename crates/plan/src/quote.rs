//! Arguments as a shell reads them back: one value in, one word out.
//!
//! Which shell is said by the script's name. What a value is quoted for is not only blanks:
//! PowerShell takes five more characters for quotes and three for dashes, reads `007` as seven and
//! `a,b` as a list. So a text stands bare only if it is made of letters that mean nothing.

use std::fmt::{self, Write};

use svar_language::playbook::model::Os;

/// Shell that splits the arguments.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Shell {
    /// `.ps1` on any system, and scripts without a known ending on Windows.
    PowerShell,
    /// Everything else.
    Posix,
}

impl Shell {
    /// Returns the shell that a script's arguments are written for. The name of the script decides; the
    /// system of the device only where its ending is not known.
    pub fn of(script: &str, os: Option<Os>) -> Shell {
        let ending = script
            .rsplit_once('.')
            .map(|(_, ending)| ending.to_ascii_lowercase());
        match ending.as_deref() {
            Some("ps1" | "psm1" | "cmd" | "bat" | "exe") => Shell::PowerShell,
            Some("sh" | "bash" | "py" | "zsh" | "pl") => Shell::Posix,
            _ if os == Some(Os::Windows) => Shell::PowerShell,
            _ => Shell::Posix,
        }
    }
}

/// A value as an argument. Numbers are texts as they were written: `007` stays `007`.
#[derive(Debug, Clone, PartialEq)]
pub enum Argument {
    /// Nothing.
    Null,
    /// True or false.
    Bool(bool),
    /// A number, as written.
    Number(String),
    /// Text.
    Text(String),
    /// A list.
    List(Vec<Argument>),
    /// A map, in the author's order.
    Map(Vec<(String, Argument)>),
}

/// Arguments that can't be written on a command line.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ArgumentError {
    /// A key of a map that can't be the name of an option.
    OptionName(String),
    /// Null in a list.
    NullItem,
    /// A list in a list.
    NestedList,
    /// A map in a list or below a key.
    NestedMap,
    /// A text with a NUL character.
    Nul,
}

impl fmt::Display for ArgumentError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            ArgumentError::OptionName(key) => write!(
                f,
                "`{key}` can't be the name of an option: letters, digits, `-` and `_` are allowed"
            ),
            ArgumentError::NullItem => f.write_str("null can't be an item of a list"),
            ArgumentError::NestedList => f.write_str("a list can't be nested in a list"),
            ArgumentError::NestedMap => f.write_str("a map can't be nested in arguments"),
            ArgumentError::Nul => f.write_str("an argument can't contain a NUL character"),
        }
    }
}

impl std::error::Error for ArgumentError {}

/// Returns the words of a list or a map, or the text itself, ready for the service's `Args`.
///
/// A map becomes `-Key value` for PowerShell and `--key value` for POSIX shells (`-k value` for a
/// key of one letter); `true` is a bare switch, `false` and null leave the key out. A list below a
/// key becomes `-Key a,b` for PowerShell, and `--key a --key b` for POSIX shells. All our choice.
///
/// # Errors
/// The arguments have a form that no command line has.
pub fn write_arguments(shell: Shell, arguments: &Argument) -> Result<String, ArgumentError> {
    let mut words = Vec::new();
    match arguments {
        Argument::Null => {}
        Argument::Text(text) => words.push(reject_nul(text)?.to_owned()),
        Argument::Bool(_) | Argument::Number(_) => words.push(word(shell, arguments)?),
        Argument::List(items) => {
            for item in items {
                words.push(word(shell, item)?);
            }
        }
        Argument::Map(entries) => {
            for (key, value) in entries {
                option(shell, key, value, &mut words)?;
            }
        }
    }
    Ok(words.join(" "))
}

fn option(
    shell: Shell,
    key: &str,
    value: &Argument,
    words: &mut Vec<String>,
) -> Result<(), ArgumentError> {
    let plain = |c: char| c.is_ascii_alphanumeric() || c == '-' || c == '_';
    if !key.starts_with(|c: char| c.is_ascii_alphanumeric()) || !key.chars().all(plain) {
        return Err(ArgumentError::OptionName(key.to_owned()));
    }
    let dashed = match shell {
        Shell::PowerShell => format!("-{key}"),
        Shell::Posix if key.len() == 1 => format!("-{key}"),
        Shell::Posix => format!("--{key}"),
    };
    match (shell, value) {
        (_, Argument::Null | Argument::Bool(false)) => {}
        (_, Argument::Bool(true)) => words.push(dashed),
        (Shell::PowerShell, Argument::List(items)) => {
            let items: Vec<String> = items
                .iter()
                .map(|item| word(shell, item))
                .collect::<Result<_, _>>()?;
            // An empty list is an option that is not given: `@()` would be a text here.
            if !items.is_empty() {
                words.push(dashed);
                words.push(items.join(","));
            }
        }
        (Shell::Posix, Argument::List(items)) => {
            for item in items {
                words.push(dashed.clone());
                words.push(word(shell, item)?);
            }
        }
        (_, value) => {
            words.push(dashed);
            words.push(word(shell, value)?);
        }
    }
    Ok(())
}

/// Returns one value as one word.
fn word(shell: Shell, value: &Argument) -> Result<String, ArgumentError> {
    match value {
        Argument::Bool(value) => Ok(value.to_string()),
        Argument::Number(number) => {
            let bare = |byte: u8| byte.is_ascii_alphanumeric() || b"+-._".contains(&byte);
            Ok(if number.bytes().all(bare) {
                number.clone()
            } else {
                quote(shell, number)
            })
        }
        Argument::Text(text) => {
            let text = reject_nul(text)?;
            let bare = match shell {
                Shell::PowerShell => is_bare_in_powershell(text),
                Shell::Posix => is_bare_in_posix(text),
            };
            Ok(if bare {
                text.to_owned()
            } else {
                quote(shell, text)
            })
        }
        Argument::Null => Err(ArgumentError::NullItem),
        Argument::List(_) => Err(ArgumentError::NestedList),
        Argument::Map(_) => Err(ArgumentError::NestedMap),
    }
}

fn reject_nul(text: &str) -> Result<&str, ArgumentError> {
    if text.contains('\0') {
        Err(ArgumentError::Nul)
    } else {
        Ok(text)
    }
}

fn quote(shell: Shell, text: &str) -> String {
    match shell {
        Shell::PowerShell => quote_for_powershell(text),
        Shell::Posix => quote_for_posix(text),
    }
}

/// Returns a single-quoted string. Inside it PowerShell takes `'` and U+2018 to U+201B for its end,
/// and any of them twice for itself.
pub(crate) fn quote_for_powershell(text: &str) -> String {
    let mut quoted = String::with_capacity(text.len() + 2);
    quoted.push('\'');
    for character in text.chars() {
        if matches!(character, '\'' | '\u{2018}'..='\u{201B}') {
            quoted.push(character);
        }
        quoted.push(character);
    }
    quoted.push('\'');
    quoted
}

/// Returns a single-quoted string; a quote in it stands outside of it, behind a backslash.
pub(crate) fn quote_for_posix(text: &str) -> String {
    let mut quoted = String::with_capacity(text.len() + 2);
    quoted.push('\'');
    for (index, part) in text.split('\'').enumerate() {
        if index > 0 {
            quoted.push_str("'\\''");
        }
        quoted.push_str(part);
    }
    quoted.push('\'');
    quoted
}

/// Returns whether the text begins like a name or a path, so that it is no number, option, list or
/// variable.
fn is_bare_in_powershell(text: &str) -> bool {
    let mut bytes = text.bytes();
    let first = bytes.next();
    first.is_some_and(|byte| byte.is_ascii_alphabetic() || b"\\/".contains(&byte))
        && bytes.all(|byte| byte.is_ascii_alphanumeric() || b"\\/:._-".contains(&byte))
}

/// Only characters that no shell acts on. `~` is not among them: at the beginning of a word, and
/// after `=` and `:`, it stands for a home folder.
fn is_bare_in_posix(text: &str) -> bool {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"@%+=:,./_-".contains(&byte);
    !text.is_empty() && text.bytes().all(plain)
}

/// Returns the JSON of the arguments as one token of letters, digits, `-` and `_`, without padding.
pub fn base64url(arguments: &Argument) -> String {
    use base64::Engine;
    let mut json = String::new();
    write_json(arguments, &mut json);
    base64::engine::general_purpose::URL_SAFE_NO_PAD.encode(json)
}

fn write_json(argument: &Argument, json: &mut String) {
    let text = |text: &str| serde_json::Value::from(text).to_string();
    match argument {
        Argument::Null => json.push_str("null"),
        Argument::Bool(value) => {
            let _ = write!(json, "{value}");
        }
        // Written as it was typed where JSON has such a number, and as text where it has not.
        Argument::Number(number) => match serde_json::from_str::<serde_json::Number>(number) {
            Ok(_) => json.push_str(number),
            Err(_) => json.push_str(&text(number)),
        },
        Argument::Text(value) => json.push_str(&text(value)),
        Argument::List(items) => {
            json.push('[');
            for (index, item) in items.iter().enumerate() {
                if index > 0 {
                    json.push(',');
                }
                write_json(item, json);
            }
            json.push(']');
        }
        Argument::Map(entries) => {
            json.push('{');
            for (index, (key, value)) in entries.iter().enumerate() {
                if index > 0 {
                    json.push(',');
                }
                json.push_str(&text(key));
                json.push(':');
                write_json(value, json);
            }
            json.push('}');
        }
    }
}
