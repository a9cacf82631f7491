//! Sources and values of inputs.

use serde_json::{Map, Value};

use svar_language::source::SourceText;

/// Prefix of environment variables that set inputs: `SVAR_INPUT_DAYS` sets `days`.
pub const ENVIRONMENT_PREFIX: &str = "SVAR_INPUT_";

/// Values given by the user. The order of precedence is: arguments, files (later ones first), environment,
/// defaults of the playbook.
#[derive(Debug, Clone, Default)]
pub struct GivenInputs {
    /// `--input NAME=VALUE`, in order.
    pub arguments: Vec<(String, String)>,
    /// `--inputs FILE`, YAML or JSON, in order. The run folder's `inputs.json` is such a file.
    pub files: Vec<SourceText>,
    /// Environment variables; those without [`ENVIRONMENT_PREFIX`] are ignored.
    pub environment: Vec<(String, String)>,
    /// Treatment of secret inputs that have no value.
    pub missing_secrets: MissingSecrets,
}

/// Treatment of secret inputs that have no value.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum MissingSecrets {
    /// A missing value is an error, as for any input.
    #[default]
    Refuse,
    /// A placeholder is used, so that a plan can be compiled for display. It must not be run.
    Placeholder,
}

/// Source of a value.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum InputOrigin {
    /// `--input`.
    Argument,
    /// File of `--inputs`: name, and line from 1.
    File(String, u32),
    /// Environment variable.
    Environment(String),
    /// Default in the playbook.
    Default,
    /// None: an optional input without a value.
    Unset,
}

impl std::fmt::Display for InputOrigin {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            InputOrigin::Argument => f.write_str("--input"),
            InputOrigin::File(name, line) => write!(f, "{name}:{line}"),
            InputOrigin::Environment(name) => write!(f, "environment variable {name}"),
            InputOrigin::Default => f.write_str("default"),
            InputOrigin::Unset => f.write_str("not set"),
        }
    }
}

/// Value of one input.
#[derive(Debug, Clone, PartialEq)]
pub struct InputValue {
    /// Name of the input.
    pub name: String,
    /// Value of the input's type; null if it is not set.
    pub value: Value,
    /// Source of the value.
    pub origin: InputOrigin,
    /// Whether the value must not be shown.
    pub secret: bool,
}

/// Values of all inputs, in the order of the playbook.
#[derive(Debug, Clone, Default)]
pub struct Inputs {
    values: Vec<InputValue>,
}

impl Inputs {
    pub(super) fn new(values: Vec<InputValue>) -> Self {
        Inputs { values }
    }

    /// Returns all values.
    pub fn iter(&self) -> impl Iterator<Item = &InputValue> {
        self.values.iter()
    }

    /// Returns the input with a name.
    pub fn find(&self, name: &str) -> Option<&InputValue> {
        self.values.iter().find(|input| input.name == name)
    }

    /// Returns the values by name as JSON, without secrets. Used as one of [`GivenInputs::files`], it gives the
    /// same inputs again, together with the secrets.
    pub fn to_json(&self) -> Value {
        let shown = self.values.iter().filter(|input| !input.secret);
        let shown: Map<String, Value> = shown
            .filter(|input| !input.value.is_null())
            .map(|input| (input.name.clone(), input.value.clone()))
            .collect();
        Value::Object(shown)
    }
}

/// Calls `visit` with every text in a value.
pub(crate) fn for_each_text(value: &Value, visit: &mut dyn FnMut(&str)) {
    match value {
        Value::String(text) => visit(text),
        Value::Number(number) => visit(&number.to_string()),
        Value::Array(items) => items.iter().for_each(|item| for_each_text(item, visit)),
        Value::Object(entries) => entries
            .values()
            .for_each(|value| for_each_text(value, visit)),
        Value::Null | Value::Bool(_) => {}
    }
}
