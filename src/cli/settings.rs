//! `svar.toml`: settings for all runs, without secrets.
//!
//! The nearest `svar.toml` from the working folder upwards is the project's; it overrides the one
//! in the user's configuration folder. A profile of the project replaces the user's profile of the
//! same name.

use std::collections::BTreeMap;
use std::env;
use std::path::{Path, PathBuf};

use serde::Deserialize;

use svar_language::diagnostic::nearest;
use svar_wire::text;

use crate::cli::output::exit::CommandError;

/// Name of the file.
const FILE_NAME: &str = "svar.toml";

/// The content of svar.toml.
#[derive(Debug, Clone, Default, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Settings {
    /// Folder of all runs, relative to the file.
    pub(crate) runs: Option<PathBuf>,
    /// Name of the operator, unless `--operator` is used.
    pub(crate) operator: Option<String>,
    /// The default profile, unless `--profile` is used.
    pub(crate) profile: Option<String>,
    /// Tenants by name.
    #[serde(default)]
    pub(crate) profiles: BTreeMap<String, TenantProfile>,
}

/// The settings of a tenant.
#[derive(Debug, Clone, Default, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct TenantProfile {
    /// The directory (tenant) id.
    pub(crate) tenant_id: Option<String>,
    /// The application (client) id.
    pub(crate) client_id: Option<String>,
    /// Address of the sign-in service; default `https://login.microsoftonline.com`.
    pub(crate) authority_host: Option<String>,
    /// Address of the API; default `https://api.security.microsoft.com`.
    pub(crate) api_host: Option<String>,
    /// Scope of the token; default is the scope of the public cloud.
    pub(crate) scope: Option<String>,
    /// The tenant's limits: `safe`, `current` or `2021`.
    pub(crate) limits: Option<svar_plan::LimitsProfile>,
}

/// Words in names of keys that suggest a secret value.
const SECRET_WORDS: &[&str] = &[
    "secret",
    "password",
    "token",
    "certificate",
    "private",
    "key",
];

impl Settings {
    /// Loads the settings from the project's file and the user's file. Missing files are skipped.
    ///
    /// # Errors
    /// A file can't be read, has unknown keys, or contains a secret.
    pub(crate) fn load() -> Result<Self, CommandError> {
        let project = env::current_dir()
            .ok()
            .and_then(|folder| find_upwards(&folder));
        let user = user_folder().map(|folder| folder.join(FILE_NAME));
        let mut settings = Settings::default();
        for path in [user, project].into_iter().flatten() {
            if path.is_file() {
                settings.override_with(Settings::read(&path)?);
            }
        }
        Ok(settings)
    }

    fn read(path: &Path) -> Result<Self, CommandError> {
        let shown = path.display();
        let text = std::fs::read_to_string(path).map_err(|error| {
            CommandError::refused(format!("cannot read `{shown}`: {error}"))
                .help("check the file's permissions")
        })?;
        let mut settings = Settings::parse(&shown.to_string(), &text)?;
        let folder = path.parent().unwrap_or(Path::new("."));
        settings.runs = settings.runs.map(|runs| folder.join(runs));
        Ok(settings)
    }

    fn parse(shown: &str, text: &str) -> Result<Self, CommandError> {
        reject_secrets(shown, text)?;
        toml::from_str(text).map_err(|error| {
            let line = error.span().map_or(1, |span| line_of(text, span.start));
            // Only the first line of the message, because the others quote the file.
            let message = error.message().lines().next().unwrap_or_default();
            CommandError::refused(format!("{shown}:{line}: {message}"))
                .help("allowed are `runs`, `operator`, `profile`, and tables `[profiles.NAME]` with `tenant_id`, `client_id`, `authority_host`, `api_host`, `scope`, `limits`")
        })
    }

    /// Overrides these settings with `others`.
    fn override_with(&mut self, others: Settings) {
        self.runs = others.runs.or(self.runs.take());
        self.operator = others.operator.or(self.operator.take());
        self.profile = others.profile.or(self.profile.take());
        self.profiles.extend(others.profiles);
    }

    /// Returns the profile with this name.
    ///
    /// # Errors
    /// There is no such profile.
    pub(crate) fn profile(&self, name: &str) -> Result<&TenantProfile, CommandError> {
        self.profiles.get(name).ok_or_else(|| {
            let failure = CommandError::refused(format!("no profile `{name}` in svar.toml"));
            let names = self.profiles.keys().map(String::as_str);
            match nearest(name, names) {
                Some(near) => failure.help(format!("did you mean `{near}`?")),
                None if self.profiles.is_empty() => failure.help(format!(
                    "add a table `[profiles.{name}]` with `tenant_id` and `client_id`"
                )),
                None => {
                    let known = text::list(self.profiles.keys(), "and");
                    failure.help(format!("it has {known}"))
                }
            }
        })
    }
}

/// Rejects keys that look like a secret. Their values are never printed.
fn reject_secrets(shown: &str, text: &str) -> Result<(), CommandError> {
    for (index, line) in text.lines().enumerate() {
        let Some((key, _)) = line.split_once('=') else {
            continue;
        };
        let key = key.trim().trim_matches(['"', '\'']);
        let last = key.rsplit('.').next().unwrap_or(key);
        let lower = last.to_ascii_lowercase();
        let plain = last.len() <= 40
            && last
                .chars()
                .all(|c| c.is_ascii_alphanumeric() || "_-".contains(c));
        if plain
            && lower
                .split(['_', '-'])
                .any(|word| SECRET_WORDS.contains(&word))
        {
            return Err(CommandError::refused(format!(
                "{shown}:{}: `{last}` looks like a secret; svar.toml must not contain any",
                index + 1
            ))
            .help(
                "remove the line and set AZURE_CLIENT_SECRET instead; if the file was ever shared, renew the \
                 secret",
            ));
        }
    }
    Ok(())
}

/// Finds the nearest `svar.toml` in a folder or above it.
fn find_upwards(folder: &Path) -> Option<PathBuf> {
    folder
        .ancestors()
        .map(|folder| folder.join(FILE_NAME))
        .find(|path| path.is_file())
}

fn folder_variable(name: &str) -> Option<PathBuf> {
    env::var_os(name)
        .filter(|value| !value.is_empty())
        .map(PathBuf::from)
}

/// Returns the user's folder for state that may be lost between runs.
pub(crate) fn state_folder() -> Option<PathBuf> {
    let folder = match () {
        () if cfg!(windows) => folder_variable("LOCALAPPDATA"),
        () if cfg!(target_os = "macos") => {
            folder_variable("HOME").map(|home| home.join("Library").join("Application Support"))
        }
        () => folder_variable("XDG_STATE_HOME")
            .or_else(|| folder_variable("HOME").map(|home| home.join(".local").join("state"))),
    };
    folder.map(|folder| folder.join("svar"))
}

/// Returns the user's configuration folder.
fn user_folder() -> Option<PathBuf> {
    if cfg!(windows) {
        return folder_variable("APPDATA").map(|folder| folder.join("svar"));
    }
    folder_variable("XDG_CONFIG_HOME")
        .or_else(|| folder_variable("HOME").map(|home| home.join(".config")))
        .map(|folder| folder.join("svar"))
}

fn line_of(text: &str, offset: usize) -> usize {
    1 + text
        .bytes()
        .take(offset)
        .filter(|byte| *byte == b'\n')
        .count()
}
