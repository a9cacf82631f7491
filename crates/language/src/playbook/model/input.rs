//! What comes from outside: inputs and library files.

use schemars::JsonSchema;
use serde::Deserialize;

use crate::playbook::templated::AnyValue;
use crate::yaml::Spanned;

/// A value that is handed in with `--input NAME=VALUE`, `--inputs FILE` or the environment variable
/// `SVAR_INPUT_NAME`; read it as `${{ inputs.NAME }}`.
#[derive(Debug, Clone, PartialEq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(title = "Input")]
pub struct Input {
    /// What kind of value it is.
    #[schemars(extend("default" = "string"))]
    pub r#type: Option<Spanned<InputType>>,
    /// The value where none is handed in.
    pub default: Option<AnyValue>,
    /// Whether a run must be given a value. An input without `default` is required unless this
    /// says `false`; its value is then `null`.
    pub required: Option<Spanned<bool>>,
    /// A regular expression that the whole text of the value must match; for a list, each item.
    #[schemars(extend("examples" = ["[A-Z]{2}-[0-9]+"]))]
    pub pattern: Option<Spanned<String>>,
    /// The only values allowed; for a list, each item must be one of them.
    #[serde(default)]
    #[schemars(length(min = 1))]
    pub choices: Vec<AnyValue>,
    /// The smallest value of an `int`, `number` or `duration`; the fewest characters of a text;
    /// the fewest items of a list.
    #[schemars(extend("type" = ["number", "string"], "examples" = [1, "30s"]))]
    pub min: Option<AnyValue>,
    /// The largest value of an `int`, `number` or `duration`; the most characters of a text; the
    /// most items of a list.
    #[schemars(extend("type" = ["number", "string"], "examples" = [30, "8h"]))]
    pub max: Option<AnyValue>,
    /// Whether the value is masked as `***` wherever it would be shown, and never written to disk.
    #[schemars(extend("default" = false))]
    pub secret: Option<Spanned<bool>>,
    /// What the value is for.
    pub description: Option<Spanned<String>>,
}

impl Input {
    /// Returns its type; the default is `string`.
    pub fn kind(&self) -> InputType {
        self.r#type
            .as_ref()
            .map_or(InputType::String, |kind| kind.value)
    }

    /// Returns whether a run needs a value for it.
    pub fn is_required(&self) -> bool {
        self.default.is_none() && self.required.as_ref().is_none_or(|required| required.value)
    }

    /// Returns whether its value must never be shown.
    pub fn is_secret(&self) -> bool {
        self.secret.as_ref().is_some_and(|secret| secret.value)
    }
}

/// What kind of value an input takes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum InputType {
    /// Text, taken as it is written: `007` stays `007`.
    #[default]
    String,
    /// A whole number.
    Int,
    /// A number.
    Number,
    /// `true` or `false`.
    Bool,
    /// A list of texts. On the command line its items are separated by commas.
    List,
    /// A path on the device, absolute, written once and raw.
    Path,
    /// A host name or a fully qualified domain name.
    Host,
    /// An IPv4 or IPv6 address.
    Ip,
    /// An MD5, SHA-1 or SHA-256 in hexadecimal digits.
    Hash,
    /// A length of time such as `90s`, `15m`, `8h` or `2d`.
    Duration,
}

/// A file or script that steps name in `put` and `run`: one of the repository, or one that is
/// already in the tenant's library.
#[derive(Debug, Clone, PartialEq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(title = "Library file")]
#[schemars(extend("anyOf" = [
    { "required": ["path"], "errorMessage": "Expected `path` or `name`, or both" },
    { "required": ["name"], "errorMessage": "Expected `path` or `name`, or both" },
]))]
pub struct LibraryFile {
    /// A file beside the playbook, relative to the playbook's folder, with `/` between folders.
    /// A run compares its hash with the tenant's library.
    #[schemars(length(min = 1), extend("examples" = ["scripts/collect.ps1", "tools/collect.exe"]))]
    pub path: Option<Spanned<String>>,
    /// The name in the tenant's library: letters, digits, `-`, `_` and `.`. Together with `path`,
    /// the name that the file gets there; without it, that is the last part of `path`.
    #[schemars(length(min = 1), extend("examples" = ["collect.ps1"]))]
    pub name: Option<Spanned<String>>,
    /// The SHA-256 that the file must have: 64 hexadecimal digits.
    #[schemars(extend(
        "type" = ["string", "number"],
        "pattern" = "^[0-9a-fA-F]{64}$",
        "errorMessage" = "Expected a SHA-256: 64 hexadecimal digits",
    ))]
    pub sha256: Option<Spanned<String>>,
    /// What the file is, and where it comes from.
    pub description: Option<Spanned<String>>,
}

impl LibraryFile {
    /// Returns the name in the tenant's library: `name`, else the last part of `path`.
    pub fn library_name(&self) -> &str {
        match (&self.name, &self.path) {
            (Some(name), _) => &name.value,
            (None, Some(path)) => path.value.rsplit('/').next().unwrap_or(&path.value),
            (None, None) => "",
        }
    }
}
