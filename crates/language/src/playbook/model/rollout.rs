//! Rollout of a run over many devices.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::playbook::defaults;
use crate::playbook::templated::Templated;

use super::{CountOrPercent, Period};

/// Rollout of a run over many devices.
#[derive(Debug, Clone, PartialEq, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(title = "Rollout")]
pub struct Rollout {
    /// The devices that may have been started by the end of each wave: a number, or a percentage of all
    /// devices. The next wave starts when the previous one has ended. The last one must include all devices:
    /// end with `100%`. Without it: one wave with all devices.
    #[serde(default)]
    #[schemars(length(min = 1), extend("examples" = [[1, "5%", "100%"]]))]
    pub waves: Vec<Templated<CountOrPercent>>,
    /// The pause between the end of a wave and the start of the next one. Without it: none.
    #[schemars(extend("examples" = ["10m"]))]
    pub soak: Option<Templated<Period>>,
    /// The maximum number of devices with a session at a time. Without it: as many as the tenant allows.
    #[schemars(extend("minimum" = 1))]
    pub max_active: Option<Templated<u32>>,
    /// When the run stops. Without it: when one device has failed.
    pub stop_when: Option<StopWhen>,
    /// What happens to devices that have not ended when the run stops.
    #[schemars(extend("default" = OnStop::default()))]
    pub on_stop: Option<Templated<OnStop>>,
}

/// Rule that stops the run when the number of failed devices reaches `failed`.
#[derive(Debug, Clone, PartialEq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(title = "Stop rule")]
pub struct StopWhen {
    /// A number of devices, or a percentage of `of`: the run stops at this number or above it. Failed are
    /// those that end as `failed`, `expect_failed`, `timed_out` or `unknown`.
    #[schemars(extend("examples" = [1, "5%"]))]
    pub failed: Templated<CountOrPercent>,
    /// The base of a percentage.
    #[schemars(extend("default" = StopBase::default()))]
    pub of: Option<Templated<StopBase>>,
    /// The number of devices that must have ended before a percentage counts. Devices that are `skipped` or
    /// `not_started` do not count.
    #[schemars(extend("default" = defaults::STOP_AFTER, "examples" = [20]))]
    pub after: Option<Templated<u32>>,
}

/// Base of a percentage of failed devices.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum StopBase {
    /// The devices that have ended so far, except those that are `skipped` or `not_started`.
    #[default]
    Finished,
    /// All devices of the run.
    Targets,
}

/// Treatment of devices that have not ended when the run stops.
#[derive(
    Debug,
    Clone,
    Copy,
    PartialEq,
    Eq,
    PartialOrd,
    Ord,
    Hash,
    Default,
    Serialize,
    Deserialize,
    JsonSchema,
)]
#[serde(rename_all = "snake_case")]
pub enum OnStop {
    /// No new device is started; running ones finish.
    #[default]
    Drain,
    /// As `drain`, and sessions that wait for their device are cancelled.
    CancelQueued,
    /// All sessions are cancelled; cleanup still runs.
    Abort,
}

/// Treatment of offline devices.
#[derive(Debug, Clone, PartialEq, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(title = "Offline")]
pub struct Offline {
    /// Whether to wait for them, and how.
    #[schemars(extend("default" = OfflineMode::default()))]
    pub mode: Option<Templated<OfflineMode>>,
    /// The time until which the run waits for them, from its start.
    #[schemars(extend("default" = defaults::OFFLINE_UNTIL, "examples" = ["8h"]))]
    pub until: Option<Templated<Period>>,
    /// The maximum number of the tenant's sessions that offline devices may hold. With `hold`, only devices
    /// that were seen in the last 26 hours hold one, and only while no online device needs it.
    #[schemars(extend("minimum" = 1, "default" = defaults::OFFLINE_SLOTS))]
    pub max_slots: Option<Templated<u32>>,
}

/// Mode of waiting for offline devices.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum OfflineMode {
    /// A device is started only if the device list says that it was seen in the last 26 hours. If it turns out
    /// to be offline, it waits until it is seen again, or in a session that no other device needs.
    Hold,
    /// Up to `max_slots` devices wait in the service's queue, where a session starts as soon as its device comes
    /// online. They take turns with the other offline devices.
    #[default]
    Queue,
    /// Offline devices are skipped.
    Skip,
}
