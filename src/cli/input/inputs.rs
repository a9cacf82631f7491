//! Values of inputs from arguments, files and environment, and the name of the operator.

use std::env;
use std::path::PathBuf;

use svar_language::diagnostic::render;
use svar_plan::{ENVIRONMENT_PREFIX, GivenInputs, MissingSecrets};

use crate::cli::input::discover;
use crate::cli::output::exit::{CommandError, Exit};
use crate::cli::output::terminal::{Terminal, eprint};

/// Collects the values of inputs from arguments, files and environment.
///
/// # Errors
/// An argument is not `NAME=VALUE`, a file can't be read, or a variable is not UTF-8.
pub(crate) fn collect(
    arguments: &[String],
    file: Option<&PathBuf>,
    terminal: &Terminal,
) -> Result<GivenInputs, CommandError> {
    let arguments = self::arguments(arguments)?;
    let mut files = Vec::new();
    if let Some(path) = file {
        match discover::read(path) {
            Ok(source) => files.push(source),
            Err(problem) => {
                eprint(&render::text(&[*problem], &terminal.finding_style()));
                return Err(CommandError::printed(Exit::Refused));
            }
        }
    }
    Ok(GivenInputs {
        arguments,
        files,
        environment: environment()?,
        missing_secrets: MissingSecrets::Refuse,
    })
}

/// Parses arguments of the form `NAME=VALUE`.
///
/// # Errors
/// An argument has another form.
pub(crate) fn arguments(words: &[String]) -> Result<Vec<(String, String)>, CommandError> {
    words.iter().map(|word| parse_pair(word)).collect()
}

fn parse_pair(argument: &str) -> Result<(String, String), CommandError> {
    match argument.split_once('=') {
        Some((name, value)) if !name.trim().is_empty() => {
            Ok((name.trim().to_owned(), value.to_owned()))
        }
        // The text may be a secret without its name, so it is not printed.
        _ => Err(
            CommandError::refused("invalid value for `--input`: expected NAME=VALUE")
                .help("for example `--input days=7`; quote values that contain spaces"),
        ),
    }
}

/// Returns the environment variables that set inputs.
///
/// # Errors
/// A variable is not UTF-8. Ignoring it would silently use the input's default.
pub(crate) fn environment() -> Result<Vec<(String, String)>, CommandError> {
    let variables = env::vars_os().filter_map(|(name, value)| {
        let name = name.into_string().ok()?;
        name.starts_with(ENVIRONMENT_PREFIX)
            .then(|| match value.into_string() {
                Ok(value) => Ok((name, value)),
                // The bytes may be a secret, so they are not printed.
                Err(_) => Err(CommandError::refused(format!(
                    "the value of environment variable {name} is not valid UTF-8"
                ))
                .help("set it again, or unset it")),
            })
    });
    variables.collect()
}

/// Returns the operator's name: from the argument, the settings, the environment, or the user of
/// the process.
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
        .or_else(process_user)
        .unwrap_or_default()
}

/// Returns the name or number of the process's user. Services and containers set no variables.
#[cfg(unix)]
fn process_user() -> Option<String> {
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
fn process_user() -> Option<String> {
    None
}
