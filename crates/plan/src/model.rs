//! The plan's own types: plain data, no clock, no file.

use std::sync::Arc;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use svar_language::playbook::model::{
    CleanupWhen, CountOrPercent, OfflineMode, OnFail, OnStop, Os, ResultsWanted, Risk, StopBase,
    Verb,
};
use svar_wire::DeviceId;
use svar_wire::LiveResponseRequest;

use crate::hours::Hours;
use crate::index::StepIndex;
use crate::limits::Limits;
use crate::secrets::Secrets;

/// What a run will do, whole: policy, steps, and each device's sessions.
#[derive(Debug, Clone)]
pub struct Plan {
    /// `sha256:` and 64 hexadecimal digits over playbook, inputs, library hashes, limits profile
    /// and target set. The values of secret inputs are not in it.
    pub digest: String,
    /// Name of the playbook.
    pub name: String,
    /// File of the playbook, as the user named it.
    pub file: String,
    /// Behaviour of the run as a whole.
    pub policy: Policy,
    /// Limits it was planned for.
    pub limits: Limits,
    /// Steps, then cleanup steps, as the author wrote them. Commands point here by index.
    pub steps: Vec<StepPlan>,
    /// One entry for each target, in the order of the target set.
    pub devices: Vec<DevicePlan>,
    /// Inputs the run was planned with, for people.
    pub inputs: Vec<PlannedInput>,
    /// Library files its steps name, in the playbook's order.
    pub library: Vec<PlannedFile>,
    /// Remarks for the reader that no number says, a sentence each.
    pub notes: Vec<String>,
    /// Values that must not be shown. Requests hold the true values: they are what is sent.
    pub secrets: Secrets,
}

/// A file under `library`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PlannedFile {
    /// Its key in the playbook.
    pub key: String,
    /// Its name in the tenant's library.
    pub name: String,
    /// Path beside the playbook; `None` for a file that is in the tenant already.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub path: Option<String>,
    /// SHA-256 of its bytes; `None` where it is the tenant's and nobody pinned it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sha256: Option<String>,
}

/// An input as planned, for people.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PlannedInput {
    /// Its name.
    pub name: String,
    /// Its value as text; `***` for a secret.
    pub value: String,
    /// Where the value comes from: `--input`, `FILE:LINE`, the environment variable, `default`.
    pub origin: String,
}

/// A step as planned: what does not differ between devices.
#[derive(Debug, Clone, PartialEq)]
pub struct StepPlan {
    /// Author's `id`, or `step-3` / `cleanup-1` by position (from 1).
    pub name: String,
    /// Author's `name`, or what the verb says.
    pub title: String,
    /// Kind of command.
    pub verb: Verb,
    /// Whether it is part of `cleanup`.
    pub cleanup: bool,
    /// Location in the playbook.
    pub place: StepLocation,
    /// Consequence of its failure for the device.
    pub on_fail: OnFail,
    /// Tries after the first.
    pub retry: Option<RetryPolicy>,
    /// Time it may execute before the engine cancels its session.
    pub timeout: Option<Duration>,
    /// Whether its result is fetched.
    pub results: ResultsWanted,
    /// Whether success is judged from the result (`expect`, `save`, or a later step that reads it),
    /// so that it must be fetched whatever `results` says.
    pub judged: bool,
}

/// Location of a step: file, line and column for people, and a JSON pointer.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct StepLocation {
    /// File, as the user named it.
    pub file: String,
    /// JSON pointer of the step, `/steps/2`.
    pub pointer: String,
    /// Line, from 1.
    pub line: u32,
    /// Column, from 1, in characters.
    pub column: u32,
}

/// Further tries of a failed step. The step is the last of its session, and a try is a session of
/// its own with that one command (our choice: so nothing else is repeated).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct RetryPolicy {
    /// Tries after the first.
    pub max: u16,
    /// Pause before each, in milliseconds.
    pub delay_ms: u64,
}

/// One target and its sessions.
#[derive(Debug, Clone)]
pub struct DevicePlan {
    /// Device.
    pub target: Arc<Target>,
    /// Its sessions: main ones in order, then at most one cleanup session. Shared between devices
    /// that get the same.
    pub sessions: Arc<[Session]>,
}

/// A device as the target set knows it; frozen when the plan is made.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Target {
    /// Its id.
    pub id: DeviceId,
    /// Its DNS name, where known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// Service's platform name (`Windows11`, `Linux`, `macOS` …), where known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub os: Option<String>,
    /// Its tags.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub tags: Vec<String>,
    /// Its device group, where known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub group: Option<String>,
    /// Reason why it is in the set: the selector that named it.
    pub reason: String,
}

impl Target {
    /// Returns the name people know it by: the DNS name, else the id.
    pub fn label(&self) -> &str {
        self.name.as_deref().unwrap_or(self.id.as_str())
    }

    /// Returns the family its platform name belongs to, where it is known.
    pub fn family(&self) -> Option<Os> {
        family_of(self.os.as_deref()?)
    }
}

/// Returns the family a platform name of the service belongs to, where it is known. The service names
/// versions (`Windows11`, `WindowsServer2022`), macOS in more than one spelling, and Linux as such or
/// by its distribution.
pub fn family_of(platform: &str) -> Option<Os> {
    let os = platform.to_ascii_lowercase();
    let begins = |names: &[&str]| names.iter().any(|name| os.starts_with(name));
    if os.starts_with("windows") {
        Some(Os::Windows)
    } else if begins(&["macos", "mac os"]) {
        Some(Os::Macos)
    } else if begins(&[
        "linux", "ubuntu", "debian", "redhat", "rhel", "centos", "sles", "suse", "oracle",
        "amazon", "fedora", "rocky", "alma", "mariner",
    ]) {
        Some(Os::Linux)
    } else {
        None
    }
}

/// One `runliveresponse` call.
#[derive(Debug, Clone, PartialEq)]
pub struct Session {
    /// Main work or cleanup.
    pub kind: SessionKind,
    /// Commands, in order. Where the session waits, these are all that it may contain.
    pub commands: Vec<CommandPlan>,
    /// Body, correlation tag aside; `None` while it waits for results.
    pub request: Option<Arc<LiveResponseRequest>>,
    /// Names of the steps whose results it waits for; empty when `request` is there.
    pub waits_for: Vec<String>,
}

/// Main work or cleanup.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum SessionKind {
    /// From `steps`.
    Main,
    /// From `cleanup`.
    Cleanup,
}

/// One command of a session. Its index in the session is the service's `index`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct CommandPlan {
    /// Index into [`Plan::steps`].
    pub step: StepIndex,
    /// Kind of command.
    pub verb: Verb,
}

/// Judgement of one command's result. The plan makes it from a fetched result; facts hold it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "verdict", rename_all = "snake_case")]
pub enum Verdict {
    /// It is as expected.
    Met,
    /// An expectation does not hold.
    NotMet {
        /// Which, in one sentence.
        why: String,
    },
}

/// Behaviour of the run as a whole; defaults are filled in.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Policy {
    /// Amount of change to a device.
    pub risk: Risk,
    /// Devices started in waves; each entry is how many may have been started by then.
    pub waves: Vec<CountOrPercent>,
    /// Pause between a wave's end and the next one, in milliseconds.
    pub soak_ms: u64,
    /// Most devices active at one time.
    pub max_active: Option<u32>,
    /// Rule that stops the run.
    pub stop_when: StopWhen,
    /// Treatment of devices that are not done when the run stops.
    pub on_stop: OnStop,
    /// Treatment of offline devices.
    pub offline: OfflinePolicy,
    /// End of the whole run, in milliseconds from its start.
    pub deadline_ms: Option<u64>,
    /// Hours in which starts are allowed.
    pub window: Option<Hours>,
    /// Condition under which cleanup runs.
    pub cleanup_when: CleanupWhen,
    /// Time for which a device that is busy with another session is waited for.
    pub busy_wait_ms: u64,
}

/// Stop rule: the fleet stops when the failed devices are *at or above* `failed`, out of `of`, once
/// at least `after` devices have finished.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct StopWhen {
    /// Threshold.
    pub failed: CountOrPercent,
    /// Base of a percentage.
    pub of: StopBase,
    /// Smallest sample before a percentage counts.
    pub after: u32,
}

/// Treatment of offline devices.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct OfflinePolicy {
    /// Mode.
    pub mode: OfflineMode,
    /// Most slots that waiting devices may hold.
    pub max_slots: u32,
    /// End of the wait for them, in milliseconds from the start of the run.
    pub until_ms: u64,
}
