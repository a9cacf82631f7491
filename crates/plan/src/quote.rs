//! Quoting of arguments, so that the shell passes each value as one word.
//!
//! The shell depends on the name of the script. PowerShell accepts five further characters as quotes and three
//! as dashes, and reads `007` as seven and `a,b` as a list. So a text is left unquoted only if it has no
//! character that is special to the shell.

use std::fmt::{self, Write};

use svar_language::playbook::model::Os;

/// Shell that splits the arguments.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Shell {
    /// PowerShell: for `.ps1`, and on Windows for scripts without a known extension.
    PowerShell,
    /// POSIX shell: for everything else.
    Posix,
}

impl Shell {
    /// Returns the shell for the arguments of a script. The extension of the script decides; if it is not known,
    /// the operating system of the device.
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

/// Value of an argument.
#[derive(Debug, Clone, PartialEq)]
pub enum Argument {
    /// Null.
    Null,
    /// True or false.
    Bool(bool),
    /// Number, as its source text.
    Number(String),
    /// Text.
    Text(String),
    /// A list.
    List(Vec<Argument>),
    /// A map, in the order of the playbook.
    Map(Vec<(String, Argument)>),
}

/// Error of arguments that cannot be written on a command line.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ArgumentError {
    /// Key of a map that is not a valid option name.
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
                "invalid option name `{key}`: letters, digits, `-` and `_` are allowed"
            ),
            ArgumentError::NullItem => f.write_str("null cannot be an item of a list"),
            ArgumentError::NestedList => f.write_str("a list cannot be nested in a list"),
            ArgumentError::NestedMap => f.write_str("a map cannot be nested in arguments"),
            ArgumentError::Nul => f.write_str("an argument cannot contain a NUL character"),
        }
    }
}

impl std::error::Error for ArgumentError {}

/// Quotes arguments for the `Args` of the service. A text is not changed.
///
/// A map becomes `-Key value` for PowerShell and `--key value` for POSIX shells (`-k value` for a
/// key of one letter). `true` gives an option without a value; for `false` and null the option is left out.
/// A list under a key becomes `-Key a,b` for PowerShell, and `--key a --key b` for POSIX shells. All our
/// choice.
///
/// # Errors
/// The arguments cannot be written on a command line.
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
            // For an empty list the option is left out: `@()` would be a text here.
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

/// Quotes one value as one word.
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

/// Quotes a text for PowerShell in single quotes. `'` and U+2018 to U+201B end such a string, and are doubled
/// inside it.
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

/// Quotes a text for POSIX shells in single quotes. A single quote is written outside of them, with a
/// backslash.
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

/// Returns whether PowerShell reads the unquoted text literally: it starts like a name or a path, and is not a
/// number, option, list or variable.
fn is_bare_in_powershell(text: &str) -> bool {
    let mut bytes = text.bytes();
    let first = bytes.next();
    first.is_some_and(|byte| byte.is_ascii_alphabetic() || b"\\/".contains(&byte))
        && bytes.all(|byte| byte.is_ascii_alphanumeric() || b"\\/:._-".contains(&byte))
}

/// Returns whether a POSIX shell reads the unquoted text literally. `~` is not allowed: at the start of a word
/// and after `=` and `:` it is expanded to a home folder.
fn is_bare_in_posix(text: &str) -> bool {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"@%+=:,./_-".contains(&byte);
    !text.is_empty() && text.bytes().all(plain)
}

/// Encodes the JSON of the arguments in base64url without padding: one token of letters, digits, `-` and `_`.
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
        // The source text, if it is a number in JSON, else a JSON string.
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
