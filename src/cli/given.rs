//! What the user hands in for the playbook's inputs, and the names a run has.

use std::env;
use std::path::PathBuf;

use crate::diagnostic::render;
use crate::plan::{ENVIRONMENT_PREFIX, Given};

use super::discover;
use super::exit::{Exit, Failure};
use super::terminal::{Terminal, say};

/// Collects arguments, files and environment.
///
/// # Errors
/// An argument is no `NAME=VALUE`, or a file can't be read.
pub(super) fn collect(
    arguments: &[String],
    file: Option<&PathBuf>,
    terminal: &Terminal,
) -> Result<Given, Failure> {
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
    Ok(Given {
        arguments,
        files,
        environment: environment(),
        only_looking: false,
    })
}

/// `NAME=VALUE`, each.
///
/// # Errors
/// One is none.
pub(super) fn arguments(words: &[String]) -> Result<Vec<(String, String)>, Failure> {
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

/// The variables that set inputs. One that is not text is passed over, as if it were not there.
pub(super) fn environment() -> Vec<(String, String)> {
    env::vars_os()
        .filter_map(|(name, value)| Some((name.into_string().ok()?, value.into_string().ok()?)))
        .filter(|(name, _)| name.starts_with(ENVIRONMENT_PREFIX))
        .collect()
}

/// Who runs the playbook: the argument, the settings, the user's name, nobody.
pub(super) fn operator(argument: Option<&str>, settings: Option<&str>) -> String {
    let user = || {
        ["USER", "USERNAME", "LOGNAME"]
            .into_iter()
            .find_map(|name| env::var(name).ok().filter(|value| !value.is_empty()))
    };
    argument
        .or(settings)
        .map(str::to_owned)
        .or_else(user)
        .unwrap_or_default()
}
