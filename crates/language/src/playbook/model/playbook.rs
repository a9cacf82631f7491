//! The outermost map.

use indexmap::IndexMap;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::playbook::templated::{AnyValue, Templated};
use crate::yaml::Spanned;

use super::{Input, LibraryFile, Offline, Period, Rollout, Step, Targets, Window};

/// A playbook: what to do on a device, on which devices, and how carefully.
///
/// Run it with `svar run FILE`, look at what it would do with `svar plan FILE`.
#[derive(Debug, Clone, PartialEq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(title = "Playbook")]
pub struct Playbook {
    /// Format version, by custom the first key. There is one version: `1`.
    #[schemars(extend("enum" = [1], "errorMessage" = "Expected `1`, the only version of the format"))]
    pub playbook: Spanned<u64>,
    /// What people call the playbook; plans and reports show it. Without it they show the file's
    /// name.
    #[schemars(extend("examples" = ["Collect a process dump"]))]
    pub name: Option<Spanned<String>>,
    /// What the playbook is for, and what its reader should know before running it.
    pub description: Option<Spanned<String>>,
    /// How much the playbook may alter on a device.
    #[schemars(extend("default" = Risk::default()))]
    pub risk: Option<Templated<Risk>>,
    /// The operating system it is written for. Devices with another one are skipped, and `svar
    /// check` compares scripts and paths with it. Without it: any.
    pub os: Option<Templated<Os>>,
    /// The comment that the service keeps with every action and shows in its action centre: at
    /// most 1,000 characters. A tag by which a run finds its own actions is added when it is sent.
    #[schemars(extend("examples" = ["Case ${{ run.case }}, started by ${{ run.operator }}"]))]
    pub comment: Option<Templated<String>>,
    /// Values that are handed in when the playbook is run: `--input NAME=VALUE`, `--inputs FILE`,
    /// or the environment variable `SVAR_INPUT_NAME`. Read them as `${{ inputs.NAME }}`.
    #[serde(default)]
    #[schemars(transform = names_are_words)]
    #[schemars(extend("examples" = [{ "days": { "type": "int", "default": 7, "min": 1, "max": 30 } }]))]
    pub inputs: IndexMap<String, Input>,
    /// Values derived from inputs and other vars, in any order. Read them as `${{ vars.NAME }}`.
    #[serde(default)]
    #[schemars(transform = names_are_words)]
    #[schemars(extend("examples" = [{ "archive": "C:\\ProgramData\\ir\\${{ inputs.case }}.zip" }]))]
    pub vars: IndexMap<String, AnyValue>,
    /// Files and scripts that steps put and run, each under a short name of its own.
    #[serde(default)]
    #[schemars(transform = names_are_library_keys)]
    #[schemars(extend("examples" = [{ "collect": { "path": "scripts/collect.ps1" } }]))]
    pub library: IndexMap<String, LibraryFile>,
    /// The devices: all that any of the selectors names, less those in `exclude`. `--target` on
    /// the command line replaces the selectors.
    pub targets: Option<Targets>,
    /// How a run goes over many devices. Without it: the first failed device stops new starts, and
    /// running ones finish.
    pub rollout: Option<Rollout>,
    /// What is done about devices that sleep.
    pub offline: Option<Offline>,
    /// End of the whole run, counted from its start: what has not ended by then is cancelled.
    #[schemars(extend("examples" = ["8h", "2d"]))]
    pub deadline: Option<Templated<Period>>,
    /// Hours in which sessions may be started. Days before and a time zone after the hours may be
    /// left out: every day, UTC. A range may go over midnight. The last starts come five minutes
    /// before the end, and what its device has not taken by then is called back.
    #[schemars(extend("examples" = ["22:00-06:00", "Mon-Fri 20:00-23:30 Europe/Stockholm"]))]
    pub window: Option<Templated<Window>>,
    /// What is done on each device, in order. Each step has exactly one of `put`, `run` and `get`.
    #[schemars(length(min = 1))]
    pub steps: Vec<Spanned<Step>>,
    /// Steps that put things back, in a session of their own: also after a failure, a time-out
    /// and a cancel.
    #[serde(default)]
    #[schemars(length(min = 1))]
    pub cleanup: Vec<Spanned<Step>>,
    /// When `cleanup` runs.
    #[schemars(extend("default" = CleanupWhen::default()))]
    pub cleanup_when: Option<Templated<CleanupWhen>>,
}

/// Restricts the keys of a map to names that can be used in expressions: `${{ inputs.NAME }}`.
fn names_are_words(schema: &mut schemars::Schema) {
    schema.insert(
        "propertyNames".to_owned(),
        serde_json::json!({
            "pattern": super::WORD,
            "errorMessage": "Expected a name of letters, digits and `_` that begins with a letter",
        }),
    );
}

fn names_are_library_keys(schema: &mut schemars::Schema) {
    schema.insert(
        "propertyNames".to_owned(),
        serde_json::json!({
            "pattern": "^[A-Za-z0-9_.-]+$",
            "errorMessage": "Expected a name of letters, digits, `-`, `_` and `.`",
        }),
    );
}

/// How much a playbook may alter on a device.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Risk {
    /// Looks only; at most leaves temporary files that cleanup removes.
    Read,
    /// Changes the device in a way that can be taken back.
    #[default]
    Change,
    /// Removes or breaks something for good.
    Destructive,
}

impl Risk {
    /// Returns the word that is written in a playbook.
    pub fn as_str(self) -> &'static str {
        match self {
            Risk::Read => "read",
            Risk::Change => "change",
            Risk::Destructive => "destructive",
        }
    }
}

/// A family of operating systems.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Os {
    /// Windows and Windows Server: scripts are PowerShell (`.ps1`).
    Windows,
    /// Linux: scripts are run by bash (`.sh`).
    Linux,
    /// macOS: scripts are run by bash (`.sh`).
    Macos,
}

impl Os {
    /// All families.
    pub const ALL: [Os; 3] = [Os::Windows, Os::Linux, Os::Macos];

    /// Returns the word that is written in a playbook and is the value of `target.family`.
    pub fn as_str(self) -> &'static str {
        match self {
            Os::Windows => "windows",
            Os::Linux => "linux",
            Os::Macos => "macos",
        }
    }
}

/// When cleanup runs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum CleanupWhen {
    /// On every device that was sent something.
    #[default]
    Always,
    /// Only on a device whose steps did not all succeed.
    Failed,
}
