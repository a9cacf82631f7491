//! The ten states in which a device ends.

use std::fmt;

use serde::{Deserialize, Serialize};

/// State in which a device ended. Sums always show all of them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum EndState {
    /// Every step did what was expected.
    Ok,
    /// A command failed, or the service refused the start permanently.
    Failed,
    /// A step ran and its expectations do not hold.
    ExpectFailed,
    /// Ran out of time, on the device or by a limit of the playbook.
    TimedOut,
    /// Another session kept the device busy for too long.
    Busy,
    /// Not online in time.
    OfflineExpired,
    /// Cancelled by the operator, by the stop rule or by another client.
    Cancelled,
    /// Not started, because the run stopped or its deadline passed before.
    NotStarted,
    /// Left out: offline with `offline.mode: skip`, unable to run it, or without a step that applies.
    Skipped,
    /// Its outcome can't be known; a person decides.
    Unknown,
}

impl EndState {
    /// All of them, in the order in which sums show them.
    pub const ALL: [EndState; 10] = [
        EndState::Ok,
        EndState::Failed,
        EndState::ExpectFailed,
        EndState::TimedOut,
        EndState::Busy,
        EndState::OfflineExpired,
        EndState::Cancelled,
        EndState::NotStarted,
        EndState::Skipped,
        EndState::Unknown,
    ];

    /// Returns its position in [`EndState::ALL`].
    pub const fn index(self) -> usize {
        self as usize
    }

    /// Returns its name, as in the journal.
    pub const fn as_str(self) -> &'static str {
        match self {
            EndState::Ok => "ok",
            EndState::Failed => "failed",
            EndState::ExpectFailed => "expect_failed",
            EndState::TimedOut => "timed_out",
            EndState::Busy => "busy",
            EndState::OfflineExpired => "offline_expired",
            EndState::Cancelled => "cancelled",
            EndState::NotStarted => "not_started",
            EndState::Skipped => "skipped",
            EndState::Unknown => "unknown",
        }
    }
}

impl fmt::Display for EndState {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}
