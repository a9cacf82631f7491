//! Needs: what the engine returns. What it is given is in `fact.rs`.

use svar_plan::{DeviceIndex, SessionIndex, StepIndex};
use svar_wire::{ActionId, Moment, Tag};

use crate::endpoint::Endpoint;
use crate::fact::{Attempt, CancelWhy, FactBody, RequestIndex, SentCommand};

/// What the engine needs done. Each is asked for once; the answer comes back as a fact (or, for
/// reads that failed, as a note that it is to be asked for again: [`crate::Fleet::read_failed`]).
#[derive(Debug, Clone, PartialEq)]
#[allow(missing_docs)] // Fields named session, attempt, action, index say themselves.
pub enum Need {
    /// Journal this and hand it in, stamped with the present time: what time alone has decided.
    Record {
        device: Option<DeviceIndex>,
        body: FactBody,
    },
    /// Send a start. The driver first journals [`FactBody::StartAnnounced`], waits until it is
    /// durable, hands it to the engine, and only then sends.
    Start {
        device: DeviceIndex,
        session: SessionIndex,
        attempt: Attempt,
        tag: Tag,
        /// The commands to send: all that the session has, as resolved, or the one that is tried
        /// again. Without the files that they name, which the driver adds to the announcement.
        commands: Vec<SentCommand>,
    },
    /// List the device's live response actions and look for the tag. Found: `StartAccepted` with
    /// `adopted`. Not found: `StartAbsent` or [`crate::Fleet::read_failed`], by `not_found`.
    Search {
        device: DeviceIndex,
        session: SessionIndex,
        attempt: Attempt,
        tag: Tag,
        not_found: NotFound,
    },
    /// Read the action list for these actions: all open actions of the run. Facts for what changed,
    /// then [`crate::Fleet::watched`].
    Watch {
        actions: Vec<(DeviceIndex, ActionId)>,
    },
    /// Fetch, store and judge one result.
    Fetch {
        device: DeviceIndex,
        session: SessionIndex,
        action: ActionId,
        /// The service's index.
        index: RequestIndex,
        /// Whose result it is: index into [`Plan::steps`](svar_plan::Plan::steps).
        step: StepIndex,
        /// A 404 means `ResultMissing` or [`crate::Fleet::read_failed`].
        not_found: NotFound,
    },
    /// Compile a session that waited for results.
    Resolve {
        device: DeviceIndex,
        session: SessionIndex,
    },
    /// Cancel an action of this run. Announced and made durable first, like a start.
    Cancel {
        device: DeviceIndex,
        action: ActionId,
        why: CancelWhy,
    },
    /// Read the state of these devices from the device list. A `Readiness` fact for each whose
    /// readiness is new or has changed, then [`crate::Fleet::devices_read`].
    Devices { devices: Vec<DeviceIndex> },
}

/// What it means that something is not found.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum NotFound {
    /// It may become visible later (API notes 4.5, 6.2).
    MayAppear,
    /// It does not exist: it would be visible by now.
    Final,
}

impl NotFound {
    /// Returns what it means at `now` for something that is visible from `final_from` on.
    pub(crate) fn at(now: Moment, final_from: Moment) -> Self {
        if final_from <= now {
            NotFound::Final
        } else {
            NotFound::MayAppear
        }
    }
}

impl Need {
    /// Returns the endpoint of the rate limit table that the call counts in.
    pub fn endpoint(&self) -> Option<Endpoint> {
        match self {
            Need::Start { .. } => Some(Endpoint::Starts),
            Need::Search { .. } | Need::Watch { .. } => Some(Endpoint::Actions),
            Need::Fetch { .. } => Some(Endpoint::Links),
            Need::Cancel { .. } => Some(Endpoint::Cancels),
            Need::Devices { .. } => Some(Endpoint::Devices),
            Need::Resolve { .. } | Need::Record { .. } => None,
        }
    }
}
