//! What the user hands in for the playbook's inputs, and the names a run has.

use std::env;
use std::path::PathBuf;

use svar_language::diagnostic::render;
use svar_plan::{ENVIRONMENT_PREFIX, GivenInputs};

use crate::cli::input::discover;
use crate::cli::output::exit::{Exit, Failure};
use crate::cli::output::terminal::{Terminal, say};

/// Collects arguments, files and environment.
///
/// # Errors
/// An argument is no `NAME=VALUE`, a file can't be read, or a variable is no text.
pub(crate) fn collect(
    arguments: &[String],
    file: Option<&PathBuf>,
    terminal: &Terminal,
) -> Result<GivenInputs, Failure> {
    let arguments = self::arguments(arguments)?;
    let mut files = Vec::new();
    if let Some(path) = file {
        match discover::read(path) {
            Ok(source) => files.push(source),
            Err(problem) => {
                say(&render::text(&[*problem], &terminal.finding_style()));
                return Err(Failure::said(Exit::Refused));
            }
        }
    }
    Ok(GivenInputs {
        arguments,
        files,
        environment: environment()?,
        only_looking: false,
    })
}

/// `NAME=VALUE`, each.
///
/// # Errors
/// One is none.
pub(crate) fn arguments(words: &[String]) -> Result<Vec<(String, String)>, Failure> {
    words.iter().map(|word| pair(word)).collect()
}

fn pair(argument: &str) -> Result<(String, String), Failure> {
    match argument.split_once('=') {
        Some((name, value)) if !name.trim().is_empty() => {
            Ok((name.trim().to_owned(), value.to_owned()))
        }
        // The text may be a secret whose name was forgotten, so it is not repeated.
        _ => Err(Failure::refused("--input takes NAME=VALUE")
            .help("write it like --input days=7; a value with blanks in quotes")),
    }
}

/// The variables that set inputs.
///
/// # Errors
/// One is not UTF-8: passed over, it would leave the input to its default without a word.
pub(crate) fn environment() -> Result<Vec<(String, String)>, Failure> {
    let variables = env::vars_os().filter_map(|(name, value)| {
        let name = name.into_string().ok()?;
        name.starts_with(ENVIRONMENT_PREFIX)
            .then(|| match value.into_string() {
                Ok(value) => Ok((name, value)),
                // The bytes may be a secret, so they are not repeated.
                Err(_) => Err(Failure::refused(format!(
                    "the environment variable {name} is not UTF-8"
                ))
                .help("set it to a text in UTF-8, or unset it")),
            })
    });
    variables.collect()
}

/// Who runs the playbook: the argument, the settings, the user by the environment, the user of the
/// process.
pub(crate) fn operator(argument: Option<&str>, settings: Option<&str>) -> String {
    let user = || {
        ["USER", "USERNAME", "LOGNAME"]
            .into_iter()
            .find_map(|name| env::var(name).ok().filter(|value| !value.is_empty()))
    };
    argument
        .or(settings)
        .map(str::to_owned)
        .or_else(user)
        .or_else(user_of_the_process)
        .unwrap_or_default()
}

/// The name of the process's user, else his number: services and containers set no variables.
#[cfg(unix)]
fn user_of_the_process() -> Option<String> {
    let number = rustix::process::getuid().as_raw().to_string();
    let users = std::fs::read_to_string("/etc/passwd").unwrap_or_default();
    let name = users.lines().find_map(|line| {
        let mut fields = line.split(':');
        let name = fields.next()?;
        (fields.nth(1) == Some(number.as_str())).then(|| name.to_owned())
    });
    Some(name.unwrap_or_else(|| format!("uid {number}")))
}

#[cfg(not(unix))]
fn user_of_the_process() -> Option<String> {
    None
}
