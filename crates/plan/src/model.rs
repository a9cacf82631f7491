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
    /// The playbook's name.
    pub name: String,
    /// The playbook's file, as the user named it.
    pub file: String,
    /// How the run behaves as a whole.
    pub policy: Policy,
    /// The limits it was planned for.
    pub limits: Limits,
    /// Steps, then cleanup steps, as the author wrote them. Commands point here by index.
    pub steps: Vec<StepPlan>,
    /// One entry for each target, in the order of the target set.
    pub devices: Vec<DevicePlan>,
    /// The inputs the run was planned with, for people.
    pub inputs: Vec<PlannedInput>,
    /// The library files its steps name, in the playbook's order.
    pub library: Vec<PlannedFile>,
    /// What a reader should know and the numbers do not say, a sentence each.
    pub notes: Vec<String>,
    /// What must not be shown. Requests hold the true values: they are what is sent.
    pub secrets: Secrets,
}

/// A file under `library`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PlannedFile {
    /// Its key in the playbook.
    pub key: String,
    /// Its name in the tenant's library.
    pub name: String,
    /// Where it lies beside the playbook; `None` for a file that is in the tenant already.
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
    /// The author's `id`, or `step-3` / `cleanup-1` by position (from 1).
    pub name: String,
    /// The author's `name`, or what the verb says.
    pub title: String,
    /// What it does.
    pub verb: Verb,
    /// Whether it is part of `cleanup`.
    pub cleanup: bool,
    /// Where it stands.
    pub place: StepLocation,
    /// What happens to the device when it fails.
    pub on_fail: OnFail,
    /// Tries after the first.
    pub retry: Option<RetryPolicy>,
    /// How long it may execute before the engine cancels its session.
    pub timeout: Option<Duration>,
    /// Whether its result is fetched.
    pub results: ResultsWanted,
    /// Whether success is judged from the result (`expect`, `save`, or a later step that reads it),
    /// so that it must be fetched whatever `results` says.
    pub judged: bool,
}

/// A place in the playbook for people, and its pointer for devices.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct StepLocation {
    /// The file, as the user named it.
    pub file: String,
    /// The JSON pointer of the step, `/steps/2`.
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

/// One target: who it is, and what it gets.
#[derive(Debug, Clone)]
pub struct DevicePlan {
    /// The device.
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
    /// The service's platform name (`Windows11`, `Linux`, `macOS` …), where known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub os: Option<String>,
    /// Its tags.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub tags: Vec<String>,
    /// Its device group, where known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub group: Option<String>,
    /// Why it is in the set: the selector that named it.
    pub reason: String,
}

impl Target {
    /// The name people know it by: the DNS name, else the id.
    pub fn label(&self) -> &str {
        self.name.as_deref().unwrap_or(self.id.as_str())
    }

    /// The family its platform name belongs to, where it is known.
    pub fn family(&self) -> Option<Os> {
        family_of(self.os.as_deref()?)
    }
}

/// The family a platform name of the service belongs to, where it is known. The service names
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
    /// The commands, in order. Where the session waits, these are all that it may contain.
    pub commands: Vec<CommandPlan>,
    /// The body, correlation tag aside; `None` while it waits for results.
    pub request: Option<Arc<LiveResponseRequest>>,
    /// Names of the steps whose results it waits for; empty when `request` is there.
    pub waits_for: Vec<String>,
}

/// Main work, or what puts things back.
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
    /// What it does.
    pub verb: Verb,
}

/// How one command's result was judged. Made by the plan from a fetched result; part of the facts.
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

/// How the run behaves as a whole; defaults are filled in.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Policy {
    /// How much it may alter on a device.
    pub risk: Risk,
    /// Devices started in waves; each entry is how many may have been started by then.
    pub waves: Vec<CountOrPercent>,
    /// Pause between a wave's end and the next one, in milliseconds.
    pub soak_ms: u64,
    /// Most devices active at one time.
    pub max_active: Option<u32>,
    /// When the fleet stops.
    pub stop_when: StopWhen,
    /// What happens then to devices that are not done.
    pub on_stop: OnStop,
    /// Devices that sleep.
    pub offline: OfflinePolicy,
    /// End of the whole run, in milliseconds from its start.
    pub deadline_ms: Option<u64>,
    /// Hours in which starts are allowed.
    pub window: Option<Hours>,
    /// When cleanup runs.
    pub cleanup_when: CleanupWhen,
    /// How long a device that is busy with somebody else's session is waited for.
    pub busy_wait_ms: u64,
}

/// The stop rule: the fleet stops when the failed devices are *at or above* `failed`, out of `of`,
/// once at least `after` devices have finished.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct StopWhen {
    /// The threshold.
    pub failed: CountOrPercent,
    /// What a percentage is taken of.
    pub of: StopBase,
    /// Smallest sample before a percentage counts.
    pub after: u32,
}

/// What is done about devices that sleep.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct OfflinePolicy {
    /// How.
    pub mode: OfflineMode,
    /// Most slots that waiting devices may hold.
    pub max_slots: u32,
    /// For how long, in milliseconds from the run's start.
    pub until_ms: u64,
}
