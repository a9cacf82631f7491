//! Steps on a device.

use std::borrow::Cow;

use indexmap::IndexMap;
use schemars::{JsonSchema, Schema, SchemaGenerator};
use serde::{Deserialize, Deserializer, Serialize};

use crate::playbook::defaults;
use crate::playbook::notation::{WORD, allow_type, require_one_key};
use crate::playbook::templated::{AnyValue, Condition, Templated};
use crate::yaml::{ScalarListOrMap, Spanned};

use super::{Expect, InputType, Period};

/// One command on the device: exactly one of `put`, `run` and `get`.
#[derive(Debug, Clone, PartialEq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(title = "Step")]
#[schemars(transform = has_one_verb)]
pub struct Step {
    /// Copies a file into the folder that live response uses on the device: a name under
    /// `library`, or a file that is already in the tenant's library.
    #[schemars(length(min = 1), extend("type" = "string", "examples" = ["collector"]))]
    pub put: Option<Templated<String>>,
    /// Runs a script on the device, for at most 10 minutes: a name under `library`, or a script
    /// that is already in the tenant's library. Windows runs PowerShell (`.ps1`), Linux and macOS
    /// run bash (`.sh`).
    #[schemars(length(min = 1), extend("type" = "string", "examples" = ["minidump.ps1"]))]
    pub run: Option<Templated<String>>,
    /// Collects one file from the device: its full path, written once and raw. In YAML a Windows
    /// path needs no quotes, or single ones.
    #[schemars(length(min = 1), extend("type" = "string", "examples" = ["C:\\Windows\\Temp\\triage.zip", "/var/log/auth.log"]))]
    pub get: Option<Templated<String>>,
    /// The name by which later steps read the result: `${{ steps.ID.exit }}`, `stdout`, `stderr`,
    /// `json`, `file` and `saved`.
    #[schemars(extend(
        "pattern" = WORD,
        "errorMessage" = "Expected a name of letters, digits and `_` that begins with a letter",
        "examples" = ["collect"],
    ))]
    pub id: Option<Spanned<String>>,
    /// The name of the step in plans and reports, the same on every device.
    pub name: Option<Templated<String>>,
    /// The arguments of the script. A text is sent unchanged. A list or a map is quoted for the device's shell:
    /// PowerShell for `.ps1`, POSIX for `.sh`. A map becomes `-Key value` or `--key value`; `true` becomes an
    /// option without a value, and `false` nothing. The service may reject `;`, `&`, `|`, `!` and `$`.
    #[schemars(extend("examples" = [
        "-Depth 2",
        ["--since", "${{ inputs.days }}"],
        { "Days": "${{ inputs.days }}", "Force": true },
    ]))]
    pub args: Option<AnyValue>,
    /// The encoding of `args`.
    #[schemars(extend("default" = Pass::default()))]
    pub pass: Option<Templated<Pass>>,
    /// The conditions for the step to succeed. Without it: `exit: 0` for `run`.
    pub expect: Option<Expect>,
    /// Values to save from the output of `run`. Read them as `${{ steps.ID.saved.NAME }}`.
    #[serde(default)]
    #[schemars(extend("propertyNames" = {
        "pattern": WORD,
        "errorMessage": "Expected a name of letters, digits and `_` that begins with a letter",
    }))]
    pub save: IndexMap<String, Save>,
    /// Whether the step runs on a device: an expression, with or without `${{ }}` around it. A condition on the
    /// result of an earlier step costs a session.
    #[schemars(extend("examples" = ["target.family == 'windows'", "steps.check.exit == 3"]))]
    pub when: Option<Condition>,
    /// Whether later steps are sent only after the expectations of this step hold. Costs a session.
    #[schemars(extend("default" = defaults::GATE))]
    pub gate: Option<Templated<bool>>,
    /// The effect of a failure of this step on its device.
    #[schemars(extend("default" = OnFail::default()))]
    pub on_fail: Option<Templated<OnFail>>,
    /// Retries after a failure of the step: a number, or a map with `max` and `delay`. Each retry is a session of
    /// its own.
    pub retry: Option<Retry>,
    /// The maximum execution time of the step on the device, from when it is first seen executing. The wait for
    /// the device and the other steps of the session do not count. If it takes longer, its whole session is
    /// cancelled: later steps of the session do not run, and the device ends as `timed_out`, or continues with
    /// `on_fail: continue`. The status is requested every 8 seconds (every 32 while all open sessions wait for
    /// offline devices), and the service may end a script some time after the cancel. If the device goes offline
    /// during the step, the run waits for it until `offline.until`. Each try has the full time. After a timeout
    /// there is no retry, unless the step failed before the cancel took effect. Without `timeout` only the limit
    /// of the service applies: ten minutes for a script.
    #[schemars(extend("examples" = ["10m"]))]
    pub timeout: Option<Templated<Period>>,
    /// When the result of the step is fetched. `failed` and `none` save calls on large fleets. A result that
    /// `expect`, `save` or a later step needs is always fetched.
    #[schemars(extend("default" = ResultsWanted::default()))]
    pub results: Option<Templated<ResultsWanted>>,
}

fn has_one_verb(schema: &mut Schema) {
    require_one_key(
        schema,
        &["put", "run", "get"],
        "Expected one verb: `put`, `run` or `get`",
    );
}

fn has_one_source(schema: &mut Schema) {
    require_one_key(
        schema,
        &["json", "regex"],
        "Expected either `json` or `regex`",
    );
}

impl Step {
    /// Returns the verb and its value; `None` for a step without a verb, which a check rejects.
    pub fn verb(&self) -> Option<(Verb, &Templated<String>)> {
        let put = self.put.as_ref().map(|name| (Verb::Put, name));
        let run = self.run.as_ref().map(|name| (Verb::Run, name));
        let get = self.get.as_ref().map(|path| (Verb::Get, path));
        put.or(run).or(get)
    }
}

/// Key of a playbook that has a list of steps.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum StepSection {
    /// `steps`.
    Steps,
    /// `cleanup`.
    Cleanup,
}

impl StepSection {
    /// All sections, in the order in which they run.
    pub(crate) const ALL: [StepSection; 2] = [StepSection::Steps, StepSection::Cleanup];

    /// Returns the key.
    pub(crate) fn key(self) -> &'static str {
        match self {
            StepSection::Steps => "steps",
            StepSection::Cleanup => "cleanup",
        }
    }
}

/// The verb of a step.
///
/// Ordered as the commands of a session must be: PutFile, RunScript, GetFile (API notes 3.3).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Verb {
    /// `put`: PutFile.
    Put,
    /// `run`: RunScript.
    Run,
    /// `get`: GetFile.
    Get,
}

impl Verb {
    /// All verbs, in the order that a session must keep (API notes 3.3).
    pub const ALL: [Verb; 3] = [Verb::Put, Verb::Run, Verb::Get];

    /// Returns the key of the verb in a playbook.
    pub fn as_str(self) -> &'static str {
        match self {
            Verb::Put => "put",
            Verb::Run => "run",
            Verb::Get => "get",
        }
    }

    /// Returns whether commands of this kind have a result. `put` has none (API notes 6.2): it succeeds when
    /// the command completes.
    pub fn has_result(self) -> bool {
        self != Verb::Put
    }
}

/// Encoding of `args`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Pass {
    /// A text is sent unchanged, a list or map is quoted for the device's shell.
    #[default]
    Quoted,
    /// One token: the JSON of `args` in base64url without padding, which shells do not change. The script must
    /// decode it.
    Base64url,
}

/// Effect of a failure of a step on its device.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum OnFail {
    /// No later steps are sent to the device, except cleanup.
    #[default]
    Stop,
    /// The failure is recorded, and the device continues. Costs a session, since the service ends a session at
    /// its first failed command.
    Continue,
}

/// Results that are fetched.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum ResultsWanted {
    /// Always.
    #[default]
    All,
    /// Only if the session failed.
    Failed,
    /// Never.
    None,
}

/// Retries of a failed step.
#[derive(Debug, Clone, PartialEq)]
pub struct Retry {
    /// Number of retries, 1 to 10.
    pub max: Templated<u16>,
    /// Pause before each retry.
    pub delay: Option<Templated<Period>>,
}

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(title = "Retry")]
struct RetryMap {
    /// The number of retries.
    #[schemars(extend("minimum" = 1, "maximum" = 10))]
    max: Templated<u16>,
    /// The pause before each retry.
    #[schemars(extend("default" = defaults::RETRY_DELAY))]
    delay: Option<Templated<Period>>,
}

impl<'de> Deserialize<'de> for Retry {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let read: ScalarListOrMap<Templated<u16>, Templated<u16>, RetryMap> =
            ScalarListOrMap::deserialize(deserializer)?;
        Ok(match read {
            ScalarListOrMap::Scalar(max) | ScalarListOrMap::List(max) => Retry { max, delay: None },
            ScalarListOrMap::Map(RetryMap { max, delay }) => Retry { max, delay },
        })
    }
}

impl JsonSchema for Retry {
    fn inline_schema() -> bool {
        true
    }

    fn schema_name() -> Cow<'static, str> {
        "Retry".into()
    }

    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        let mut schema = Templated::<u16>::json_schema(generator);
        schema.insert("minimum".to_owned(), 1.into());
        schema.insert("maximum".to_owned(), 10.into());
        allow_type(&mut schema, "object");
        // For the pattern alone: beside `properties` an `errorMessage` would replace the messages
        // about single keys.
        schema.remove("errorMessage");
        schema.insert(
            "patternErrorMessage".to_owned(),
            "Expected a number of retries, or a map with `max` and `delay`".into(),
        );
        let map = RetryMap::json_schema(generator);
        for key in ["properties", "required", "additionalProperties"] {
            if let Some(value) = map.get(key) {
                schema.insert(key.to_owned(), value.clone());
            }
        }
        schema
    }
}

/// A value saved from a script's output: from its JSON or by a regular expression.
#[derive(Debug, Clone, PartialEq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(title = "Saved value")]
#[schemars(transform = has_one_source)]
pub struct Save {
    /// The path of the value in the output, which must be JSON: `status`, `items[0].name`.
    #[schemars(extend("examples" = ["items[0].name"]))]
    pub json: Option<Spanned<String>>,
    /// A regular expression. The value is its first group, or the whole match if it has none. `^` and `$` match
    /// at the start and end of a line.
    #[schemars(extend("examples" = ["Version: ([0-9.]+)"]))]
    pub regex: Option<Spanned<String>>,
    /// The output that is read.
    #[schemars(extend("default" = "stdout"))]
    pub from: Option<Spanned<Stream>>,
    /// The type that the value must have. Without it: `string` with `regex`, any with `json`.
    pub r#type: Option<Spanned<InputType>>,
    /// The value if the output has none. Without it the step fails.
    pub default: Option<AnyValue>,
}

/// An output of a script.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Stream {
    /// Standard output.
    #[default]
    Stdout,
    /// Standard error.
    Stderr,
}
