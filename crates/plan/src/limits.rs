//! Limits of the tenant (API notes 1), as profiles.

use std::time::Duration;

use serde::{Deserialize, Serialize};

/// Maximum time in which an online device picks up its session from the service's queue (API notes 4.6: two
/// minutes were measured). A device that takes longer is offline, whatever the device list says.
pub const PICKUP: Duration = Duration::from_secs(300);

/// Name of a set of limits.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum LimitsProfile {
    /// As documented in June 2021: 25 slots, 3 days in the queue.
    #[serde(rename = "2021")]
    Y2021,
    /// As documented in December 2025: 50 slots, 2 hours in the queue.
    Current,
    /// The stricter value of each: our choice for an unknown tenant.
    #[default]
    Safe,
}

/// Rate limit of a kind of call (API notes 1.1).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct CallLimit {
    /// Calls per minute.
    pub per_minute: u32,
    /// Calls per hour.
    pub per_hour: u32,
}

/// Limits that a run keeps.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Limits {
    /// Profile of the limits.
    pub profile: LimitsProfile,
    /// Session starts per minute.
    pub starts_per_minute: u32,
    /// Sessions at a time, including queued ones.
    pub slots: u32,
    /// Time after which an action in the service's queue expires, in seconds.
    pub queue_seconds: u32,
    /// Calls that read or list machine actions.
    pub actions: CallLimit,
    /// Calls for the link of a result.
    pub links: CallLimit,
    /// Cancel calls.
    pub cancels: CallLimit,
    /// Library calls.
    pub library: CallLimit,
    /// Device calls.
    pub devices: CallLimit,
}

impl Limits {
    /// Returns the limits of a profile.
    pub const fn of(profile: LimitsProfile) -> Self {
        let row = CallLimit {
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

    /// Returns the time after which an action in the service's queue expires.
    pub const fn queue(&self) -> Duration {
        Duration::from_secs(self.queue_seconds as u64)
    }
}
