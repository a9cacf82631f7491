//! Types of a plan: plain data.

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

/// Plan of a run: policy, steps, and the sessions of each device.
#[derive(Debug, Clone)]
pub struct Plan {
    /// Digest of playbook, inputs, library hashes, limits and targets: `sha256:` and 64 hexadecimal digits. Of
    /// secret inputs it contains one byte of a hash only.
    pub digest: String,
    /// Name of the playbook.
    pub name: String,
    /// File of the playbook, as the user named it.
    pub file: String,
    /// Settings of the whole run.
    pub policy: Policy,
    /// Limits of the tenant.
    pub limits: Limits,
    /// Main steps, then cleanup steps, in the order of the playbook. Commands refer to them by index.
    pub steps: Vec<StepPlan>,
    /// Devices, in the order of the targets.
    pub devices: Vec<DevicePlan>,
    /// Inputs, for display.
    pub inputs: Vec<PlannedInput>,
    /// Files under `library`, in the order of the playbook.
    pub library: Vec<PlannedFile>,
    /// Remarks for the reader, one sentence each.
    pub notes: Vec<String>,
    /// Values that must not be shown. Requests contain them unmasked.
    pub secrets: Secrets,
}

/// A file under `library`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PlannedFile {
    /// Key in the playbook.
    pub key: String,
    /// Name in the tenant's library.
    pub name: String,
    /// Path beside the playbook; `None` for a file that is only in the tenant.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub path: Option<String>,
    /// SHA-256 of its content; `None` if it is only in the tenant and the playbook has no `sha256`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sha256: Option<String>,
}

/// An input of a plan, for display.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PlannedInput {
    /// Name.
    pub name: String,
    /// Value as text; `***` for a secret.
    pub value: String,
    /// Origin of the value: `--input`, `FILE:LINE`, the environment variable, `default`.
    pub origin: String,
}

/// A step of a plan, which is the same on all devices.
#[derive(Debug, Clone, PartialEq)]
pub struct StepPlan {
    /// `id` of the step, or `step-3` / `cleanup-1` by position (from 1).
    pub name: String,
    /// `name` of the step, or its verb and value.
    pub title: String,
    /// Kind of command.
    pub verb: Verb,
    /// List of the step: `steps` or `cleanup`.
    pub kind: SessionKind,
    /// Location in the playbook.
    pub place: StepLocation,
    /// Effect of a failure on the device.
    pub on_fail: OnFail,
    /// Retries.
    pub retry: Option<RetryPolicy>,
    /// Maximum execution time, after which the session is cancelled.
    pub timeout: Option<Duration>,
    /// Setting for fetching the result.
    pub results: ResultsWanted,
    /// Whether the result is needed (for `expect`, `save`, or a later step) and must be fetched regardless of
    /// `results`.
    pub judged: bool,
}

/// Location of a step in the playbook.
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

/// Retries of a failed step. The step is the last of its session, and each retry is a session with this one
/// command (our choice, so that nothing else is repeated).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct RetryPolicy {
    /// Maximum number of retries.
    pub max: u16,
    /// Pause before each retry, in milliseconds.
    pub delay_ms: u64,
}

/// A device with its sessions.
#[derive(Debug, Clone)]
pub struct DevicePlan {
    /// Device.
    pub target: Arc<Target>,
    /// Sessions: main ones in order, then at most one cleanup session. Devices with the same sessions share
    /// them.
    pub sessions: Arc<[Session]>,
}

/// Properties of a device, as known when the plan is compiled.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Target {
    /// Device id.
    pub id: DeviceId,
    /// DNS name, if known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// Platform name of the service (`Windows11`, `Linux`, `macOS` …), if known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub os: Option<String>,
    /// Tags.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub tags: Vec<String>,
    /// Device group, if known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub group: Option<String>,
    /// Selector that selected it.
    pub reason: String,
}

impl Target {
    /// Returns the name for display: the DNS name, else the id.
    pub fn label(&self) -> &str {
        self.name.as_deref().unwrap_or(self.id.as_str())
    }

    /// Returns the family of its platform name, if it is known.
    pub fn family(&self) -> Option<Os> {
        family_of(self.os.as_deref()?)
    }
}

/// Returns the family of a platform name of the service, if it is known. Names contain versions (`Windows11`,
/// `WindowsServer2022`), macOS has more than one spelling, and Linux may be named by its distribution.
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
    /// Kind of the session.
    pub kind: SessionKind,
    /// Commands, in order. If the session waits for results, some of them may be skipped.
    pub commands: Vec<CommandPlan>,
    /// Request body without the correlation tag; `None` if it depends on results.
    pub request: Option<Arc<LiveResponseRequest>>,
    /// Names of the steps whose results it waits for; empty if `request` is present.
    pub waits_for: Vec<String>,
}

/// Part of a playbook to which a session or step belongs.
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

/// Verdict on the result of a command. The engine keeps it in its facts.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "verdict", rename_all = "snake_case")]
pub enum Verdict {
    /// All expectations hold.
    Met,
    /// An expectation does not hold.
    NotMet {
        /// Reason, in one sentence.
        why: String,
    },
}

/// Settings of the whole run, with defaults.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Policy {
    /// Risk for a device.
    pub risk: Risk,
    /// Waves: the number of devices that may have been started by the end of each one.
    pub waves: Vec<CountOrPercent>,
    /// Pause between two waves, in milliseconds.
    pub soak_ms: u64,
    /// Maximum number of active devices at a time.
    pub max_active: Option<u32>,
    /// Rule that stops the run.
    pub stop_when: StopWhen,
    /// Treatment of devices that have not ended when the run stops.
    pub on_stop: OnStop,
    /// Treatment of offline devices.
    pub offline: OfflinePolicy,
    /// End of the whole run, in milliseconds from its start.
    pub deadline_ms: Option<u64>,
    /// Hours in which starts are allowed.
    pub window: Option<Hours>,
    /// Condition under which cleanup runs.
    pub cleanup_when: CleanupWhen,
    /// Maximum wait for a device that is busy with another session, in milliseconds.
    pub busy_wait_ms: u64,
}

/// Stop rule: the run stops when the number of failed devices reaches `failed`. A percentage is of `of`, and
/// counts once at least `after` devices have finished.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct StopWhen {
    /// Threshold.
    pub failed: CountOrPercent,
    /// Base of a percentage.
    pub of: StopBase,
    /// Number of finished devices from which a percentage counts.
    pub after: u32,
}

/// Treatment of offline devices.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct OfflinePolicy {
    /// Mode.
    pub mode: OfflineMode,
    /// Maximum number of slots that offline devices may hold.
    pub max_slots: u32,
    /// End of the wait for offline devices, in milliseconds from the start of the run.
    pub until_ms: u64,
}
