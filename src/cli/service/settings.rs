//! `svar.toml`: what stays the same from run to run, and never a secret.
//!
//! The nearest `svar.toml` from the working folder upwards is the project's; the one in the user's
//! configuration folder stands behind it. A profile of the project hides the user's one of the
//! same name.

use std::collections::BTreeMap;
use std::env;
use std::path::{Path, PathBuf};

use serde::Deserialize;

use svar_language::diagnostic::nearest;

use crate::cli::output::exit::Failure;

/// The file's name.
const NAME: &str = "svar.toml";

/// What svar.toml may say.
#[derive(Debug, Clone, Default, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Settings {
    /// The folder of all runs, relative to the file.
    pub(crate) runs: Option<PathBuf>,
    /// Who runs playbooks, where `--operator` does not say.
    pub(crate) operator: Option<String>,
    /// The profile that is used where `--profile` does not say.
    pub(crate) profile: Option<String>,
    /// The tenants.
    #[serde(default)]
    pub(crate) profiles: BTreeMap<String, Profile>,
}

/// A tenant, by name.
#[derive(Debug, Clone, Default, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Profile {
    /// The directory (tenant) id.
    pub(crate) tenant_id: Option<String>,
    /// The application (client) id.
    pub(crate) client_id: Option<String>,
    /// Where svar signs in: `https://login.microsoftonline.com` unless said.
    pub(crate) authority_host: Option<String>,
    /// Where the API answers: `https://api.security.microsoft.com` unless said.
    pub(crate) api_host: Option<String>,
    /// What a token is asked for, where it is not the public cloud's audience.
    pub(crate) scope: Option<String>,
    /// The tenant's limits: `safe`, `current` or `2021`.
    pub(crate) limits: Option<svar_plan::LimitsProfile>,
}

/// Words that a key with a secret under it has in it.
const SECRETS: &[&str] = &[
    "secret",
    "password",
    "token",
    "certificate",
    "private",
    "key",
];

impl Settings {
    /// Reads the project's and the user's file, where they are.
    ///
    /// # Errors
    /// A file can't be read, says something unknown, or holds a secret.
    pub(crate) fn load() -> Result<Self, Failure> {
        let project = env::current_dir().ok().and_then(|folder| above(&folder));
        let user = user_folder().map(|folder| folder.join(NAME));
        let mut settings = Settings::default();
        for path in [user, project].into_iter().flatten() {
            if path.is_file() {
                settings.cover(Settings::read(&path)?);
            }
        }
        Ok(settings)
    }

    fn read(path: &Path) -> Result<Self, Failure> {
        let shown = path.display();
        let text = std::fs::read_to_string(path).map_err(|error| {
            Failure::refused(format!("`{shown}` can't be read: {error}"))
                .help("correct the file's permissions, or move it away")
        })?;
        let mut settings = Settings::parse(&shown.to_string(), &text)?;
        let folder = path.parent().unwrap_or(Path::new("."));
        settings.runs = settings.runs.map(|runs| folder.join(runs));
        Ok(settings)
    }

    fn parse(shown: &str, text: &str) -> Result<Self, Failure> {
        refuse_secrets(shown, text)?;
        toml::from_str(text).map_err(|error| {
            let line = error.span().map_or(1, |span| line_of(text, span.start));
            // Only the first line of the words: the others draw the file's own text.
            let message = error.message().lines().next().unwrap_or_default();
            Failure::refused(format!("{shown}:{line}: {message}"))
                .help("svar.toml takes `runs`, `operator`, `profile`, and tables `[profiles.NAME]` with `tenant_id`, `client_id`, `authority_host`, `api_host`, `scope`, `limits`")
        })
    }

    /// Lays `over` over these settings.
    fn cover(&mut self, over: Settings) {
        self.runs = over.runs.or(self.runs.take());
        self.operator = over.operator.or(self.operator.take());
        self.profile = over.profile.or(self.profile.take());
        self.profiles.extend(over.profiles);
    }

    /// The profile of that name.
    ///
    /// # Errors
    /// There is none.
    pub(crate) fn profile(&self, name: &str) -> Result<&Profile, Failure> {
        self.profiles.get(name).ok_or_else(|| {
            let failure = Failure::refused(format!("svar.toml has no profile `{name}`"));
            let names = self.profiles.keys().map(String::as_str);
            match nearest(name, names) {
                Some(near) => failure.help(format!("did you mean `{near}`?")),
                None if self.profiles.is_empty() => failure.help(format!(
                    "write a table `[profiles.{name}]` with `tenant_id` and `client_id` into svar.toml"
                )),
                None => {
                    let known: Vec<_> = self.profiles.keys().map(String::as_str).collect();
                    failure.help(format!("it has {}", known.join(", ")))
                }
            }
        })
    }
}

/// Refuses a key that looks as if a secret stood under it. The value is never repeated.
fn refuse_secrets(shown: &str, text: &str) -> Result<(), Failure> {
    for (index, line) in text.lines().enumerate() {
        let Some((key, _)) = line.split_once('=') else {
            continue;
        };
        let key = key.trim().trim_matches(['"', '\'']);
        let last = key.rsplit('.').next().unwrap_or(key);
        let words = last.to_ascii_lowercase();
        let plain = last.len() <= 40
            && last
                .chars()
                .all(|c| c.is_ascii_alphanumeric() || "_-".contains(c));
        if plain && words.split(['_', '-']).any(|word| SECRETS.contains(&word)) {
            return Err(Failure::refused(format!(
                "{shown}:{}: `{last}` would keep a secret in a file that people commit",
                index + 1
            ))
            .help(
                "remove the line, put the secret into AZURE_CLIENT_SECRET, and renew it if the file \
                 was ever shared",
            ));
        }
    }
    Ok(())
}

/// The nearest file of that name from a folder upwards.
fn above(folder: &Path) -> Option<PathBuf> {
    folder
        .ancestors()
        .map(|folder| folder.join(NAME))
        .find(|path| path.is_file())
}

fn folder(name: &str) -> Option<PathBuf> {
    env::var_os(name)
        .filter(|value| !value.is_empty())
        .map(PathBuf::from)
}

/// Where what is true of this computer and may be lost is kept between runs.
pub(crate) fn state_folder() -> Option<PathBuf> {
    let folder = match () {
        () if cfg!(windows) => folder("LOCALAPPDATA"),
        () if cfg!(target_os = "macos") => {
            folder("HOME").map(|home| home.join("Library").join("Application Support"))
        }
        () => folder("XDG_STATE_HOME")
            .or_else(|| folder("HOME").map(|home| home.join(".local").join("state"))),
    };
    folder.map(|folder| folder.join("svar"))
}

/// The user's configuration folder.
fn user_folder() -> Option<PathBuf> {
    if cfg!(windows) {
        return folder("APPDATA").map(|folder| folder.join("svar"));
    }
    folder("XDG_CONFIG_HOME")
        .or_else(|| folder("HOME").map(|home| home.join(".config")))
        .map(|folder| folder.join("svar"))
}

fn line_of(text: &str, offset: usize) -> usize {
    1 + text
        .bytes()
        .take(offset)
        .filter(|byte| *byte == b'\n')
        .count()
}
