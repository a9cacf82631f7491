//! How a run goes over many devices.

use crate::playbook::templated::Templated;

use super::{Amount, Period};

/// How a run goes over many devices.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Rollout {
    /// How many devices may have been started by the end of each wave: a number, or a share of all
    /// devices. The next wave begins when the one before has ended. Absent: one wave with all.
    pub waves: Vec<Templated<Amount>>,
    /// The pause between the end of a wave and the start of the next one. Absent: none.
    pub soak: Option<Templated<Period>>,
    /// The most devices with a session at one time. Absent: as many as the tenant allows.
    pub max_active: Option<Templated<u32>>,
    /// When the run stops. Absent: when one device failed.
    pub stop_when: Option<StopWhen>,
    /// What happens to devices that have not ended when the run stops.
    pub on_stop: Option<Templated<OnStop>>,
}

/// The run stops when the failed devices are *at or above* `failed`.
#[derive(Debug, Clone, PartialEq)]
pub struct StopWhen {
    /// A number of devices, or a share of `of`.
    pub failed: Templated<Amount>,
    /// What a share is taken of.
    pub of: Option<Templated<StopBase>>,
    /// How many devices must have ended before a share counts. Absent: 1.
    pub after: Option<Templated<u32>>,
}

/// What a share of failed devices is taken of.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum StopBase {
    /// The devices that have ended so far.
    #[default]
    Finished,
    /// All devices of the run.
    Targets,
}

/// What happens to devices that have not ended when the run stops.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
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
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Offline {
    /// How they are treated.
    pub mode: Option<Templated<OfflineMode>>,
    /// For how long they are waited for, counted from the start of the run. Absent: `24h`.
    pub until: Option<Templated<Period>>,
    /// With `queue`: the most of the tenant's sessions that waiting devices may hold. Absent: 5.
    pub max_slots: Option<Templated<u32>>,
}

/// How sleeping devices are treated.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum OfflineMode {
    /// A device is started only when the machine list says that it was seen lately.
    Hold,
    /// A few wait in the service's queue and start the moment they wake; the others take turns.
    #[default]
    Queue,
    /// They are left out.
    Skip,
}
