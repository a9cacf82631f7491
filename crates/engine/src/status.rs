//! The state of a run as it is shown: one value for each device, and the sums.

use std::fmt;

use serde::{Deserialize, Serialize};

use svar_plan::{DeviceIndex, SessionIndex, StepIndex};
use svar_wire::ActionId;
use svar_wire::Moment;

use crate::end::EndState;
use crate::endpoint::Endpoint;
use crate::fact::Attempt;

/// State of one device.
#[derive(Debug, Clone, PartialEq)]
pub struct DeviceView {
    /// Its index.
    pub device: DeviceIndex,
    /// Phase of its run.
    pub phase: Phase,
    /// What it waits for, if anything.
    pub waiting: Option<Waiting>,
    /// How it ended; `None` while it has not.
    pub end: Option<End>,
    /// Its state in the sums if the run ends now: its end, or `not_started`, `cancelled` or
    /// `unknown`. So the ten end states always add up to the targets.
    pub standing: EndState,
    /// Something was put or run on it, or may have been, and its cleanup is not done: now, whether it
    /// has ended or not.
    pub owes_cleanup: bool,
    /// When this phase, the resolution of its session or its cancel began.
    pub since: Moment,
}

/// Phase of a device's run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Phase {
    /// Nothing has been sent to it.
    Waiting,
    /// A session is being started, runs, or its results are fetched.
    Session {
        /// Its index.
        session: SessionIndex,
        /// Start attempt, counted from 0.
        attempt: Attempt,
        /// The service's id, once known.
        action: Option<ActionId>,
        /// Its phase.
        at: SessionPhase,
    },
    /// Between two sessions.
    Between {
        /// The one that comes next.
        session: SessionIndex,
    },
    /// It is over.
    Ended,
}

/// The phases of a session's life.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum SessionPhase {
    /// Announced; no answer so far.
    Starting,
    /// The answer was lost; looked for by its tag.
    Searching,
    /// Waits for the device in the service's queue.
    Queued,
    /// Runs on the device.
    Running,
    /// A cancel was sent; its effect is awaited.
    Cancelling,
    /// It has ended; results are fetched.
    Collecting,
}

/// Whether a device can be started, as far as is known. The reader of the device list
/// compares with it to find what is new.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Readiness {
    /// The device list has not been read for it.
    Unknown,
    /// It was seen lately, or at work.
    Ready,
    /// It was seen lately, and has not taken the session that the service accepted at `since`, nor
    /// heard of a cancel since then. Only being seen after that moment makes it ready again: the same
    /// old report would have it started forever.
    Unresponsive {
        /// When its session was accepted, or cancelled first.
        since: Moment,
    },
    /// The device list does not show it as ready.
    Offline {
        /// Why not, as a clause.
        why: Box<str>,
    },
}

impl Readiness {
    /// Returns whether it is known not to be online.
    pub const fn is_offline(&self) -> bool {
        matches!(
            self,
            Readiness::Unresponsive { .. } | Readiness::Offline { .. }
        )
    }
}

/// What a device waits for.
#[derive(Debug, Clone, PartialEq)]
pub enum Waiting {
    /// Its turn among the devices.
    Turn,
    /// A free session slot of the tenant.
    Slot {
        /// Slots that this run holds.
        used: u32,
        /// Slots that it may hold now.
        of: u32,
    },
    /// The start rate, or a pause that the tenant asked for.
    Rate {
        /// Which endpoint of the rate limit table.
        endpoint: Endpoint,
        /// Free again at this moment, as far as known.
        until: Moment,
    },
    /// The end of the wave before.
    Wave {
        /// The wave that runs, from 0.
        wave: u32,
    },
    /// The pause after the wave before.
    Soak {
        /// The wave that comes, from 0.
        wave: u32,
        /// It begins then.
        until: Moment,
    },
    /// The hours in which the policy allows starts.
    Hours {
        /// They begin then.
        until: Moment,
    },
    /// It is offline.
    Offline {
        /// Given up then.
        until: Moment,
    },
    /// Another session on the device to end.
    Busy {
        /// Given up then.
        until: Moment,
    },
    /// The pause before a further try.
    Retry {
        /// Its end.
        until: Moment,
    },
    /// A lost start to become visible.
    LostStart {
        /// Past it, finding nothing means that there is nothing.
        until: Moment,
    },
    /// The device, to take the session out of the service's queue.
    Pickup,
    /// The session to end.
    SessionEnd,
    /// The run to be resumed.
    Resume,
}

impl fmt::Display for Waiting {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Waiting::Turn => f.write_str("its turn"),
            Waiting::Slot { used, of } => write!(f, "slot {used}/{of}"),
            Waiting::Rate { endpoint, until } => write!(f, "rate of {endpoint} until {until}"),
            Waiting::Wave { wave } => write!(f, "the end of wave {}", wave + 1),
            Waiting::Soak { wave, until } => write!(f, "soak, wave {} from {until}", wave + 1),
            Waiting::Hours { until } => write!(f, "allowed hours, from {until}"),
            Waiting::Offline { until } => write!(f, "offline, until {until}"),
            Waiting::Busy { until } => write!(f, "busy, until {until}"),
            Waiting::Retry { until } => write!(f, "next try at {until}"),
            Waiting::LostStart { until } => write!(f, "lost start, result known by {until}"),
            Waiting::Pickup => f.write_str("the device"),
            Waiting::SessionEnd => f.write_str("the session"),
            Waiting::Resume => f.write_str("resume"),
        }
    }
}

/// How a device ended, and why.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct End {
    /// The state.
    pub state: EndState,
    /// The step that decided it: index into [`Plan::steps`](svar_plan::Plan::steps).
    pub step: Option<StepIndex>,
    /// The reason in one sentence; `None` for `ok`.
    pub why: Option<String>,
    /// Something was put or run on it, and its cleanup was not done.
    pub cleanup_owed: bool,
    /// Steps that failed and were allowed to (`on_fail: continue`).
    pub tolerated: u16,
    /// When.
    pub at: Moment,
}

/// What holds up a run as a whole, so that the pace so far does not tell how long it will take.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Standstill {
    /// The policy's hours: a start is wanted that they do not allow.
    Hours {
        /// They begin then.
        until: Moment,
        /// Nothing but cleanup is still to be started.
        only_cleanup: bool,
    },
    /// The run is to pause or to end: sessions under way are waited for.
    Ending,
    /// The pause between two waves.
    Soak {
        /// The wave that comes, from 0.
        wave: u32,
        /// It begins then.
        until: Moment,
    },
    /// All devices that are left are offline.
    Offline {
        /// They are given up then.
        until: Moment,
    },
}

/// Counts of devices by state.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Tally {
    /// All targets.
    pub total: u32,
    /// Not started so far, and not offline as far as is known.
    pub waiting: u32,
    /// Admitted, not ended, and not offline.
    pub active: u32,
    /// Offline: waiting to be started, or with a session that waits in the service's queue.
    pub offline: u32,
    /// Ended, by state, in the order of [`EndState::ALL`].
    pub ended: [u32; 10],
    /// Ended with a cleanup owed.
    pub cleanup_owed: u32,
}

impl Tally {
    /// Devices that ended in this state.
    pub fn of(&self, state: EndState) -> u32 {
        self.ended[state.index()]
    }

    /// Devices that ended.
    pub fn finished(&self) -> u32 {
        self.ended.iter().sum()
    }
}
