//! What is done on a device.

use indexmap::IndexMap;

use crate::playbook::templated::{Condition, Templated, Written};
use crate::yaml::Spanned;

use super::{Expect, InputType, Period};

/// One command on the device: exactly one of `put`, `run` and `get`.
#[derive(Debug, Clone, PartialEq)]
pub struct Step {
    /// The name by which later steps read the result, as in `${{ steps.ID.exit }}`.
    pub id: Option<Spanned<String>>,
    /// What people call the step.
    pub name: Option<Templated<String>>,
    /// Copies a file to the device: a name under `library`, or a file that is already in the
    /// tenant's library.
    pub put: Option<Templated<String>>,
    /// Runs a script on the device: a name under `library`, or a script that is already in the
    /// tenant's library.
    pub run: Option<Templated<String>>,
    /// Collects one file from the device: its full path, written once and raw.
    pub get: Option<Templated<String>>,
    /// Arguments of the script. A text is sent as it is; a list or a map is quoted for the
    /// target's shell.
    pub args: Option<Written>,
    /// How `args` reaches the script.
    pub pass: Option<Templated<Pass>>,
    /// What must hold for the step to succeed. Absent: `exit: 0` for `run`.
    pub expect: Option<Expect>,
    /// Values to keep from the output of `run`; read them as `${{ steps.ID.saved.NAME }}`.
    pub save: IndexMap<String, Save>,
    /// Whether the step is done on this device.
    pub when: Option<Condition>,
    /// Whether nothing after this step is sent until its expectations hold. Costs a session.
    pub gate: Option<Templated<bool>>,
    /// What a failure of this step means for its device.
    pub on_fail: Option<Templated<OnFail>>,
    /// Further tries when the step fails: a number, or a map. Each try is a session of its own.
    pub retry: Option<Retry>,
    /// How long the step's session may take before it is cancelled.
    pub timeout: Option<Templated<Period>>,
    /// Whether the step's result is fetched.
    pub results: Option<Templated<ResultsWanted>>,
}

impl Step {
    /// What it does, and with what. `None` only for a step that a check has refused.
    pub fn verb(&self) -> Option<(Verb, &Templated<String>)> {
        let put = self.put.as_ref().map(|name| (Verb::Put, name));
        let run = self.run.as_ref().map(|name| (Verb::Run, name));
        let get = self.get.as_ref().map(|path| (Verb::Get, path));
        put.or(run).or(get)
    }
}

/// The verb of a step.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Verb {
    /// `put`: PutFile.
    Put,
    /// `run`: RunScript.
    Run,
    /// `get`: GetFile.
    Get,
}

impl Verb {
    /// The key it is written with.
    pub fn as_str(self) -> &'static str {
        match self {
            Verb::Put => "put",
            Verb::Run => "run",
            Verb::Get => "get",
        }
    }
}

/// How `args` reaches the script.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Pass {
    /// A text as it is, a list or map quoted for the target's shell.
    #[default]
    Quoted,
    /// As one token: the JSON of `args` in base64url without padding, which no shell touches. The
    /// script decodes it.
    Base64url,
}

/// What a failure of a step means for its device.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum OnFail {
    /// Nothing later is sent to the device, except cleanup.
    #[default]
    Stop,
    /// It is recorded, and the device goes on. Costs a session, since the service ends a session
    /// at its first failed command.
    Continue,
}

/// Which results are fetched.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum ResultsWanted {
    /// Every one.
    #[default]
    All,
    /// Only where the session failed.
    Failed,
    /// None.
    None,
}

/// Further tries of a failed step.
#[derive(Debug, Clone, PartialEq)]
pub struct Retry {
    /// Tries after the first one, 1 to 10.
    pub max: Templated<u16>,
    /// The pause before each. Absent: `30s`.
    pub delay: Option<Templated<Period>>,
}

/// A value kept from a script's output: from its JSON or by a regular expression.
#[derive(Debug, Clone, PartialEq)]
pub struct Save {
    /// Where the value stands in the output, which must be JSON: `status`, `items[0].name`.
    pub json: Option<Spanned<String>>,
    /// A regular expression; the value is its first group, or the whole match where it has none.
    pub regex: Option<Spanned<String>>,
    /// Which output is read.
    pub from: Option<Spanned<Stream>>,
    /// The type the value must have. Absent: `string` with `regex`, any with `json`.
    pub r#type: Option<Spanned<InputType>>,
    /// The value where the output has none. Absent: the step fails.
    pub default: Option<Written>,
}

/// An output of a script.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Stream {
    /// Standard output.
    #[default]
    Stdout,
    /// Standard error.
    Stderr,
}
