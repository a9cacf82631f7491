//! The devices by what they wait for, so that nothing that happens costs a look at all of them.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use svar_plan::DeviceIndex;
use svar_wire::Moment;

use crate::fact::FactBody;

/// Kind of a need of one device that was returned by a poll and has no answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Pending {
    Start,
    Search,
    Fetch,
    Resolve,
    Cancel,
    Record,
}

impl Pending {
    /// Returns the kind of need that a fact answers, if any.
    pub(crate) fn answered_by(body: &FactBody) -> Option<Pending> {
        match body {
            FactBody::StartAccepted { adopted: true, .. } | FactBody::StartAbsent { .. } => {
                Some(Pending::Search)
            }
            FactBody::StartAccepted { .. }
            | FactBody::StartRefused { .. }
            | FactBody::StartUnknown { .. } => Some(Pending::Start),
            FactBody::ResultFetched { .. } | FactBody::ResultMissing { .. } => Some(Pending::Fetch),
            FactBody::SessionResolved { .. } | FactBody::SessionUnresolvable { .. } => {
                Some(Pending::Resolve)
            }
            FactBody::CancelAnswered { .. } | FactBody::CancelUnknown { .. } => {
                Some(Pending::Cancel)
            }
            FactBody::GaveUp { .. } => Some(Pending::Record),
            _ => None,
        }
    }
}

/// The devices by what they wait for. Every device that has not ended is in at most one of the
/// queues, and may have a timer too.
#[derive(Debug)]
pub(crate) struct Queues {
    /// Changed since they were last looked at.
    pub(crate) dirty: BTreeSet<DeviceIndex>,
    /// Moments at which devices are looked at again.
    pub(crate) timers: BTreeSet<(Moment, DeviceIndex)>,
    pub(crate) timer_of: BTreeMap<DeviceIndex, Moment>,
    /// Not begun; the machine list has not been asked about them.
    pub(crate) unasked: BTreeSet<DeviceIndex>,
    /// Not begun, ready.
    pub(crate) fresh: BTreeSet<DeviceIndex>,
    /// Want a start and are offline: devices that something ran on first.
    pub(crate) offline: BTreeSet<Turn>,
    /// Those of them that may have a slot which no other device wants, whatever the gate says.
    pub(crate) offline_in_turn: BTreeSet<Turn>,
    /// Want a start: cleanup first.
    pub(crate) starts: BTreeSet<Turn>,
    pub(crate) searches: BTreeSet<DeviceIndex>,
    pub(crate) cancels: BTreeSet<DeviceIndex>,
    pub(crate) fetches: BTreeSet<(Moment, DeviceIndex)>,
    /// The queue of each device, so that it can be taken out again.
    places: BTreeMap<DeviceIndex, Place>,
    /// Granted their first start, which has not been announced.
    pub(crate) admitted: BTreeSet<DeviceIndex>,
    /// Active devices that wait for the run to be resumed.
    pub(crate) parked: BTreeSet<DeviceIndex>,
    /// The devices that the list is being read for.
    pub(crate) asking: Option<Vec<DeviceIndex>>,
    pub(crate) devices_at: Moment,
    pub(crate) offline_at: Moment,
    device_failures: u8,
    /// A need to record a fact about the run as a whole has no answer.
    pub(crate) recording: bool,
    /// There was no input since the last poll, so `wake_at` is valid.
    pub(crate) polled: bool,
    pub(crate) wake_at: Option<Moment>,
}

/// Order of a device in a queue for starts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Turn {
    pub(crate) priority: Priority,
    /// When it began to wait.
    pub(crate) since: Moment,
    pub(crate) device: DeviceIndex,
}

/// Which devices of a queue for starts come first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Priority {
    High,
    Normal,
}

/// The queue that a device is in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Place {
    Fresh,
    /// Offline, and not started before it is online.
    OfflineHeld(Turn),
    /// Offline, and started when a slot is idle.
    OfflineInTurn(Turn),
    Starts(Turn),
    Searches,
    Cancels,
    Fetches(Moment),
}

impl Queues {
    pub(crate) fn new(started: Moment) -> Self {
        Queues {
            dirty: BTreeSet::new(),
            timers: BTreeSet::new(),
            timer_of: BTreeMap::new(),
            unasked: BTreeSet::new(),
            fresh: BTreeSet::new(),
            offline: BTreeSet::new(),
            offline_in_turn: BTreeSet::new(),
            starts: BTreeSet::new(),
            searches: BTreeSet::new(),
            cancels: BTreeSet::new(),
            fetches: BTreeSet::new(),
            places: BTreeMap::new(),
            admitted: BTreeSet::new(),
            parked: BTreeSet::new(),
            asking: None,
            devices_at: started,
            offline_at: started,
            device_failures: 0,
            recording: false,
            polled: false,
            wake_at: None,
        }
    }

    /// Forgets what an earlier process asked for: it is not answered any more.
    pub(crate) fn resumed(&mut self, now: Moment) {
        self.asking = None;
        self.device_failures = 0;
        self.devices_at = now;
        self.offline_at = now;
        self.admitted.clear();
        self.parked.clear();
        self.recording = false;
    }

    pub(crate) fn devices_failed(&mut self, now: Moment, retry_after: Option<Duration>) {
        self.asking = None;
        let backoff = Duration::from_secs(5 << self.device_failures.min(5));
        self.device_failures = self.device_failures.saturating_add(1);
        self.devices_at = now + retry_after.unwrap_or_default().max(backoff);
    }

    /// Marks the list as read; returns the devices that it was read for.
    pub(crate) fn devices_answered(&mut self, now: Moment) -> Vec<DeviceIndex> {
        self.device_failures = 0;
        self.devices_at = now;
        let asked = self.asking.take().unwrap_or_default();
        for id in &asked {
            self.unasked.remove(id);
        }
        asked
    }

    pub(crate) fn put(&mut self, id: DeviceIndex, place: Place) {
        match place {
            Place::Fresh => self.fresh.insert(id),
            Place::OfflineHeld(turn) => self.offline.insert(turn),
            Place::OfflineInTurn(turn) => {
                self.offline_in_turn.insert(turn);
                self.offline.insert(turn)
            }
            Place::Starts(turn) => self.starts.insert(turn),
            Place::Searches => self.searches.insert(id),
            Place::Cancels => self.cancels.insert(id),
            Place::Fetches(since) => self.fetches.insert((since, id)),
        };
        self.places.insert(id, place);
    }

    pub(crate) fn take_out(&mut self, id: DeviceIndex) {
        match self.places.remove(&id) {
            None => false,
            Some(Place::Fresh) => self.fresh.remove(&id),
            Some(Place::OfflineHeld(turn)) => self.offline.remove(&turn),
            Some(Place::OfflineInTurn(turn)) => {
                self.offline_in_turn.remove(&turn);
                self.offline.remove(&turn)
            }
            Some(Place::Starts(turn)) => self.starts.remove(&turn),
            Some(Place::Searches) => self.searches.remove(&id),
            Some(Place::Cancels) => self.cancels.remove(&id),
            Some(Place::Fetches(since)) => self.fetches.remove(&(since, id)),
        };
        if let Some(at) = self.timer_of.remove(&id) {
            self.timers.remove(&(at, id));
        }
        self.parked.remove(&id);
    }

    pub(crate) fn wake(&mut self, id: DeviceIndex, at: Moment) {
        self.timer_of.insert(id, at);
        self.timers.insert((at, id));
    }

    /// Returns whether a device waits that is ready and not begun.
    pub(crate) fn any_fresh(&self) -> bool {
        !self.fresh.is_empty()
    }

    /// Returns whether the device waits to be started and is offline.
    pub(crate) fn is_offline(&self, id: DeviceIndex) -> bool {
        matches!(
            self.places.get(&id),
            Some(Place::OfflineHeld(_) | Place::OfflineInTurn(_))
        )
    }

    /// Returns whether the device is online and waits to be started.
    pub(crate) fn wants_start(&self, id: DeviceIndex) -> bool {
        matches!(self.places.get(&id), Some(Place::Starts(_) | Place::Fresh))
    }
}
