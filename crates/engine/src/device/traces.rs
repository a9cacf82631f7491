//! What a run leaves on a device, and who cleans it up.

use serde::{Deserialize, Serialize};

/// What the run has done on the device, and whether it is cleaned up.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Traces {
    /// No start was announced.
    NotStarted,
    /// Starts were announced, and none has run as far as is known.
    Started {
        /// A person gave up the cleanup of what these starts may leave.
        waived: bool,
    },
    /// A session ran on the device, or may have.
    HasRun(Leftovers),
}

/// What earlier sessions left on a device.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Leftovers {
    /// Nothing that would have to be cleaned up.
    None,
    /// Something was put or run and is not cleaned up.
    Present,
    /// A person gave up the cleanup, also of what comes later.
    Waived,
}

impl Traces {
    pub(crate) fn is_started(self) -> bool {
        self != Traces::NotStarted
    }

    pub(crate) fn has_run(self) -> bool {
        matches!(self, Traces::HasRun(_))
    }

    pub(crate) fn is_waived(self) -> bool {
        matches!(
            self,
            Traces::Started { waived: true } | Traces::HasRun(Leftovers::Waived)
        )
    }

    /// Returns whether an ended session left something that is not cleaned up or given up.
    pub(crate) fn needs_cleanup(self) -> bool {
        self == Traces::HasRun(Leftovers::Present)
    }

    /// Records that a start is announced.
    pub(crate) fn mark_started(&mut self) {
        if *self == Traces::NotStarted {
            *self = Traces::Started { waived: false };
        }
    }

    /// Records that a session ran, or may have, and what it left.
    pub(crate) fn record_run(&mut self, left: Leftovers) {
        *self = Traces::HasRun(match *self {
            Traces::Started { waived: true } => Leftovers::Waived,
            Traces::NotStarted
            | Traces::Started { waived: false }
            | Traces::HasRun(Leftovers::None) => left,
            Traces::HasRun(before @ (Leftovers::Present | Leftovers::Waived)) => before,
        });
    }

    /// Records that what is left is cleaned up, or does not have to be.
    pub(crate) fn mark_cleaned(&mut self) {
        if self.needs_cleanup() {
            *self = Traces::HasRun(Leftovers::None);
        }
    }

    /// Records that a person gave up the cleanup.
    pub(crate) fn waive(&mut self) {
        *self = match self {
            Traces::NotStarted | Traces::Started { .. } => Traces::Started { waived: true },
            Traces::HasRun(_) => Traces::HasRun(Leftovers::Waived),
        };
    }
}
