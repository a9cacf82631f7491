//! What a run leaves on a device, and who cleans it up.

use serde::{Deserialize, Serialize};

/// What the run has done on the device, and whether it is cleaned up.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Traces {
    /// No start was announced.
    NotBegun,
    /// Starts were announced, and none has run as far as is known.
    Begun {
        /// A person gave up the cleanup of what these starts may leave.
        waived: bool,
    },
    /// A session ran on the device, or may have.
    Touched(Leftovers),
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
    pub(crate) fn is_begun(self) -> bool {
        self != Traces::NotBegun
    }

    pub(crate) fn is_touched(self) -> bool {
        matches!(self, Traces::Touched(_))
    }

    pub(crate) fn is_waived(self) -> bool {
        matches!(
            self,
            Traces::Begun { waived: true } | Traces::Touched(Leftovers::Waived)
        )
    }

    /// Returns whether an ended session left something that is not cleaned up or given up.
    pub(crate) fn are_left(self) -> bool {
        self == Traces::Touched(Leftovers::Present)
    }

    /// Records that a start is announced.
    pub(crate) fn begin(&mut self) {
        if *self == Traces::NotBegun {
            *self = Traces::Begun { waived: false };
        }
    }

    /// Records that a session ran, or may have, and what it left.
    pub(crate) fn touch(&mut self, left: Leftovers) {
        *self = Traces::Touched(match *self {
            Traces::Begun { waived: true } => Leftovers::Waived,
            Traces::NotBegun
            | Traces::Begun { waived: false }
            | Traces::Touched(Leftovers::None) => left,
            Traces::Touched(before @ (Leftovers::Present | Leftovers::Waived)) => before,
        });
    }

    /// Records that what is left is cleaned up, or does not have to be.
    pub(crate) fn clean(&mut self) {
        if self.are_left() {
            *self = Traces::Touched(Leftovers::None);
        }
    }

    /// Records that a person gave up the cleanup.
    pub(crate) fn waive(&mut self) {
        *self = match self {
            Traces::NotBegun | Traces::Begun { .. } => Traces::Begun { waived: true },
            Traces::Touched(_) => Traces::Touched(Leftovers::Waived),
        };
    }
}
