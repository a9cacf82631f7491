//! The playbook: the top-level map.

use indexmap::IndexMap;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::playbook::notation::WORD;
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
    /// The version of the format, usually the first key. There is one version: `1`.
    #[schemars(extend("enum" = [1], "errorMessage" = "Expected `1`, the only version of the format"))]
    pub playbook: Spanned<u64>,
    /// The name of the playbook in plans and reports. Without it: the name of the file.
    #[schemars(extend("examples" = ["Collect a process dump"]))]
    pub name: Option<Spanned<String>>,
    /// The purpose of the playbook, and what to know before running it.
    pub description: Option<Spanned<String>>,
    /// How much the playbook may change on a device.
    #[schemars(extend("default" = Risk::default()))]
    pub risk: Option<Templated<Risk>>,
    /// The operating system that the playbook is for. Devices with another one are skipped, and `svar check`
    /// compares scripts and paths with it. Without it: any.
    pub os: Option<Templated<Os>>,
    /// The comment that the service stores with every action and shows in its action center, with at most
    /// 1,000 characters. A tag by which a run finds its own actions is appended.
    #[schemars(extend("examples" = ["Case ${{ run.case }}, started by ${{ run.operator }}"]))]
    pub comment: Option<Templated<String>>,
    /// Values that are given when the playbook is run: `--input NAME=VALUE`, `--inputs FILE`,
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
    /// Files and scripts for `put` and `run`, each under a short name.
    #[serde(default)]
    #[schemars(transform = names_are_library_keys)]
    #[schemars(extend("examples" = [{ "collect": { "path": "scripts/collect.ps1" } }]))]
    pub library: IndexMap<String, LibraryFile>,
    /// The devices: all that match one of the selectors, except those in `exclude`. `--target` on the command
    /// line replaces the selectors.
    pub targets: Option<Targets>,
    /// The rollout over many devices. Without it: after the first failed device no new ones are started, and
    /// running ones finish.
    pub rollout: Option<Rollout>,
    /// The treatment of offline devices.
    pub offline: Option<Offline>,
    /// The end of the whole run, from its start. Sessions that have not ended by then are cancelled.
    #[schemars(extend("examples" = ["8h", "2d"]))]
    pub deadline: Option<Templated<Period>>,
    /// The hours in which sessions may be started, with optional days before them (default: every day) and an
    /// optional time zone after them (default: UTC). A range may go over midnight. The last starts are five
    /// minutes before the end, and sessions that their device has not picked up by the end are cancelled.
    #[schemars(extend("examples" = ["22:00-06:00", "Mon-Fri 20:00-23:30 Europe/Stockholm"]))]
    pub window: Option<Templated<Window>>,
    /// The steps on each device, in order. Each has exactly one of `put`, `run` and `get`.
    #[schemars(length(min = 1))]
    pub steps: Vec<Spanned<Step>>,
    /// Steps that undo changes, in a session of their own, also after a failure, a timeout or a cancel.
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
            "pattern": WORD,
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

/// How much a playbook may change on a device.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Risk {
    /// Only reads; at most leaves temporary files that cleanup removes.
    Read,
    /// Changes the device in a way that can be undone.
    #[default]
    Change,
    /// Removes or breaks something permanently.
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
