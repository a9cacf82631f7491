//! Inputs and library files.

use schemars::JsonSchema;
use serde::Deserialize;

use crate::playbook::templated::AnyValue;
use crate::yaml::Spanned;

/// A value that is given with `--input NAME=VALUE`, `--inputs FILE` or the environment variable
/// `SVAR_INPUT_NAME`. Read it as `${{ inputs.NAME }}`.
#[derive(Debug, Clone, PartialEq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(title = "Input")]
pub struct Input {
    /// The type of the value.
    #[schemars(extend("default" = "string"))]
    pub r#type: Option<Spanned<InputType>>,
    /// The value if none is given.
    pub default: Option<AnyValue>,
    /// Whether a run needs a value for it. An input without `default` is required unless this is `false`; its
    /// value is then `null`.
    pub required: Option<Spanned<bool>>,
    /// A regular expression that the whole text of the value must match; for a list, each item.
    #[schemars(extend("examples" = ["[A-Z]{2}-[0-9]+"]))]
    pub pattern: Option<Spanned<String>>,
    /// The only values allowed; for a list, each item must be one of them.
    #[serde(default)]
    #[schemars(length(min = 1))]
    pub choices: Vec<AnyValue>,
    /// The minimum value of an `int`, `number` or `duration`, number of characters of a text, or number of items
    /// of a list.
    #[schemars(extend("type" = ["number", "string"], "examples" = [1, "30s"]))]
    pub min: Option<AnyValue>,
    /// The maximum value of an `int`, `number` or `duration`, number of characters of a text, or number of items
    /// of a list.
    #[schemars(extend("type" = ["number", "string"], "examples" = [30, "8h"]))]
    pub max: Option<AnyValue>,
    /// Whether the value is masked as `***` wherever it would be shown, and never written to disk.
    #[schemars(extend("default" = false))]
    pub secret: Option<Spanned<bool>>,
    /// The purpose of the value.
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

/// Type of the value of an input.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum InputType {
    /// Text, as it is written: `007` stays `007`.
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
    /// A duration such as `90s`, `15m`, `8h` or `2d`.
    Duration,
}

/// A file or script for `put` and `run`: one beside the playbook, or one that is already in the tenant's
/// library.
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
    /// The name in the tenant's library: letters, digits, `-`, `_` and `.`. Without it: the last part of
    /// `path`.
    #[schemars(length(min = 1), extend("examples" = ["collect.ps1"]))]
    pub name: Option<Spanned<String>>,
    /// The SHA-256 that the file must have: 64 hexadecimal digits.
    #[schemars(extend(
        "type" = ["string", "number"],
        "pattern" = "^[0-9a-fA-F]{64}$",
        "errorMessage" = "Expected a SHA-256: 64 hexadecimal digits",
    ))]
    pub sha256: Option<Spanned<String>>,
    /// The purpose and the source of the file.
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
