//! Where the values of inputs come from, and which source wins.

use serde_json::{Map, Value};

use svar_language::source::SourceText;

/// Prefix of environment variables that set inputs: `SVAR_INPUT_DAYS` sets `days`.
pub const ENVIRONMENT_PREFIX: &str = "SVAR_INPUT_";

/// What the user handed in. The order of precedence is arguments, files (a later one wins over an
/// earlier one), environment, the playbook's defaults.
#[derive(Debug, Clone, Default)]
pub struct GivenInputs {
    /// `--input NAME=VALUE`, in order.
    pub arguments: Vec<(String, String)>,
    /// `--inputs FILE`, YAML or JSON, in order. The run folder's `inputs.json` is such a file.
    pub files: Vec<SourceText>,
    /// Environment variables; those without [`ENVIRONMENT_PREFIX`] are passed over.
    pub environment: Vec<(String, String)>,
    /// Treatment of secret inputs that have no value.
    pub missing_secrets: MissingSecrets,
}

/// Treatment of secret inputs that have no value.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum MissingSecrets {
    /// A required one is refused, as any input.
    #[default]
    Refuse,
    /// A placeholder takes its place, so that a run that is only shown can be compiled. Nothing may be
    /// sent then.
    Placeholder,
}

/// Source of a value.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum InputOrigin {
    /// `--input`.
    Argument,
    /// A file of `--inputs`: its name and the line, from 1.
    File(String, u32),
    /// An environment variable.
    Environment(String),
    /// Default in the playbook.
    Default,
    /// Nowhere: an optional input that nobody set.
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
    /// Its name.
    pub name: String,
    /// Value, of the input's type; null where nobody set it.
    pub value: Value,
    /// Source of the value.
    pub origin: InputOrigin,
    /// Whether it must not be shown.
    pub secret: bool,
}

/// Value of every input, with its origin, in the playbook's order.
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

    /// Returns the input of that name.
    pub fn find(&self, name: &str) -> Option<&InputValue> {
        self.values.iter().find(|input| input.name == name)
    }

    /// What a resume needs to know: the values by name, secret ones left out. As a file of
    /// [`Given`] it gives the same inputs again, once the secrets are handed in.
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
