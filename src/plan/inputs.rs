//! Where the values of inputs come from, and which source wins.

use crate::source::SourceText;

/// The prefix of environment variables that set inputs: `SVAR_INPUT_DAYS` sets `days`.
pub const ENVIRONMENT_PREFIX: &str = "SVAR_INPUT_";

/// What the user handed in. The order of precedence is arguments, files (a later one wins over an
/// earlier one), environment, the playbook's defaults.
#[derive(Debug, Clone, Default)]
pub struct Given {
    /// `--input NAME=VALUE`, in order.
    pub arguments: Vec<(String, String)>,
    /// `--inputs FILE`, YAML or JSON, in order. The run folder's `inputs.json` is such a file.
    pub files: Vec<SourceText>,
    /// Environment variables; those without [`ENVIRONMENT_PREFIX`] are passed over.
    pub environment: Vec<(String, String)>,
}

/// The value of every input, with its origin.
#[derive(Debug, Clone, Default)]
pub struct Inputs {
    _private: (),
}

impl Inputs {
    /// What a resume needs to know: the values by name, secret ones left out. As a file of
    /// [`Given`] it gives the same inputs again, once the secrets are handed in.
    pub fn to_json(&self) -> serde_json::Value {
        unimplemented!()
    }
}
