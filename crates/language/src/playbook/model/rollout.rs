//! How a run goes over many devices.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::playbook::defaults;
use crate::playbook::templated::Templated;

use super::{CountOrPercent, Period};

/// How a run goes over many devices.
#[derive(Debug, Clone, PartialEq, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(title = "Rollout")]
pub struct Rollout {
    /// How many devices may have been started by the end of each wave: a number, or a share of all
    /// devices. The next wave begins when the one before has ended, and the last one has all devices:
    /// end with `100%`. Without it: one wave with all.
    #[serde(default)]
    #[schemars(length(min = 1), extend("examples" = [[1, "5%", "100%"]]))]
    pub waves: Vec<Templated<CountOrPercent>>,
    /// The pause between the end of a wave and the start of the next one. Without it: none.
    #[schemars(extend("examples" = ["10m"]))]
    pub soak: Option<Templated<Period>>,
    /// The most devices with a session at one time. Without it: as many as the tenant allows.
    #[schemars(extend("minimum" = 1))]
    pub max_active: Option<Templated<u32>>,
    /// When the run stops. Without it: when one device failed.
    pub stop_when: Option<StopWhen>,
    /// What happens to devices that have not ended when the run stops.
    #[schemars(extend("default" = OnStop::default()))]
    pub on_stop: Option<Templated<OnStop>>,
}

/// The run stops when the failed devices are *at or above* `failed`.
#[derive(Debug, Clone, PartialEq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(title = "Stop rule")]
pub struct StopWhen {
    /// A number of devices, or a share of `of`: the run stops at this number or above it. Failed are
    /// those that end `failed`, `expect_failed`, `timed_out` or `unknown`.
    #[schemars(extend("examples" = [1, "5%"]))]
    pub failed: Templated<CountOrPercent>,
    /// What a share is taken of.
    #[schemars(extend("default" = StopBase::default()))]
    pub of: Option<Templated<StopBase>>,
    /// How many devices must have ended before a share counts; `skipped` and `not_started` are no ends
    /// in this sense.
    #[schemars(extend("default" = defaults::STOP_AFTER, "examples" = [20]))]
    pub after: Option<Templated<u32>>,
}

/// What a share of failed devices is taken of.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum StopBase {
    /// The devices that have ended so far, but for those that are `skipped` or `not_started`.
    #[default]
    Finished,
    /// All devices of the run.
    Targets,
}

/// What happens to devices that have not ended when the run stops.
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
    /// No new device starts; those that run finish.
    #[default]
    Drain,
    /// As `drain`, and own actions that still wait for their device are cancelled.
    CancelQueued,
    /// All own actions are cancelled; cleanup still runs.
    Abort,
}

/// What is done about devices that sleep.
#[derive(Debug, Clone, PartialEq, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(title = "Offline")]
pub struct Offline {
    /// How they are treated.
    #[schemars(extend("default" = OfflineMode::default()))]
    pub mode: Option<Templated<OfflineMode>>,
    /// For how long they are waited for, counted from the start of the run.
    #[schemars(extend("default" = defaults::OFFLINE_UNTIL, "examples" = ["8h"]))]
    pub until: Option<Templated<Period>>,
    /// The most of the tenant's sessions that sleeping devices may hold. With `hold`: those that were
    /// seen in the last 26 hours, and only while no device that is awake wants the session.
    #[schemars(extend("minimum" = 1, "default" = defaults::OFFLINE_SLOTS))]
    pub max_slots: Option<Templated<u32>>,
}

/// How sleeping devices are treated.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum OfflineMode {
    /// A device is started only when the machine list says that it was seen in the last 26 hours. One
    /// that sleeps all the same waits until it is seen anew, and where nobody else wants the session.
    Hold,
    /// A few wait in the service's queue and start the moment they wake; the others take turns.
    #[default]
    Queue,
    /// They are left out.
    Skip,
}
