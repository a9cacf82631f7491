//! What the tenant allows: the numbers of API notes 1, as profiles.

use std::time::Duration;

use serde::{Deserialize, Serialize};

/// A device that is awake takes its session out of the service's queue sooner than this (API notes
/// 4.6: two minutes were measured). One that does not sleeps, whatever the machine list says.
pub const PICKUP: Duration = Duration::from_secs(300);

/// A named set of limits.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum LimitsProfile {
    /// As documented in June 2021: 25 slots, 3 days in the queue.
    #[serde(rename = "2021")]
    Y2021,
    /// As documented in December 2025: 50 slots, 2 hours in the queue.
    Current,
    /// Stricter of each, our choice for a tenant nobody measured.
    #[default]
    Safe,
}

/// One row of the table of rate limits (API notes 1.1).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct ReadBudget {
    /// Calls a minute.
    pub per_minute: u32,
    /// Calls an hour.
    pub per_hour: u32,
}

/// Limits a run keeps.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Limits {
    /// Profile they come from.
    pub profile: LimitsProfile,
    /// Starts a minute.
    pub starts_per_minute: u32,
    /// Sessions at one time, waiting ones included.
    pub slots: u32,
    /// Time for which the service lets an action wait for its device, in seconds.
    pub queue_seconds: u32,
    /// Calls that read or list machine actions.
    pub actions: ReadBudget,
    /// Calls for a result's address.
    pub links: ReadBudget,
    /// Cancel calls.
    pub cancels: ReadBudget,
    /// Library calls.
    pub library: ReadBudget,
    /// Device calls.
    pub devices: ReadBudget,
}

impl Limits {
    /// Returns the limits of a profile.
    pub const fn of(profile: LimitsProfile) -> Self {
        let row = ReadBudget {
            per_minute: 100,
            per_hour: 1_500,
        };
        let (slots, queue_seconds) = match profile {
            LimitsProfile::Y2021 => (25, 3 * 24 * 3_600),
            LimitsProfile::Current => (50, 2 * 3_600),
            LimitsProfile::Safe => (25, 2 * 3_600),
        };
        Limits {
            profile,
            starts_per_minute: 10,
            slots,
            queue_seconds,
            actions: row,
            links: row,
            cancels: row,
            library: row,
            devices: row,
        }
    }

    /// Returns how long an action may wait for its device before the service gives up.
    pub const fn queue(&self) -> Duration {
        Duration::from_secs(self.queue_seconds as u64)
    }
}
