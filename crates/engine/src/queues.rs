//! The devices by what they wait for, so that nothing that happens costs a look at all of them.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use svar_plan::DeviceIndex;
use svar_wire::Moment;

use super::fact::FactBody;

/// A need of one device that is given out and not yet answered.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Pending {
    Start,
    Search,
    Fetch,
    Resolve,
    Cancel,
    Record,
}

impl Pending {
    /// What a fact answers.
    pub(super) fn answered_by(body: &FactBody) -> Option<Pending> {
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

/// The devices by what they wait for. Every device that is not over stands in at most one of the
/// queues, and may have one wake-up besides.
#[derive(Debug)]
pub(super) struct Queues {
    /// Something happened to them since they were last looked at.
    pub(super) dirty: BTreeSet<DeviceIndex>,
    /// Their own moments.
    pub(super) timers: BTreeSet<(Moment, DeviceIndex)>,
    pub(super) wakes: BTreeMap<DeviceIndex, Moment>,
    /// Not begun; the machine list has not been asked about them.
    pub(super) unasked: BTreeSet<DeviceIndex>,
    /// Not begun, ready.
    pub(super) fresh: BTreeSet<DeviceIndex>,
    /// Want a start and sleep: those that something ran on already, then the rest, in the order in
    /// which they take turns.
    pub(super) sleepers: BTreeSet<(bool, Moment, DeviceIndex)>,
    /// Those of them that may have a slot which nobody else wants, whatever the gate says.
    pub(super) turns: BTreeSet<(bool, Moment, DeviceIndex)>,
    /// Want a start: cleanup before the rest.
    pub(super) starts: BTreeSet<(bool, Moment, DeviceIndex)>,
    pub(super) searches: BTreeSet<DeviceIndex>,
    pub(super) cancels: BTreeSet<DeviceIndex>,
    pub(super) fetches: BTreeSet<(Moment, DeviceIndex)>,
    /// Where a device stands, so that it can be taken out again.
    places: BTreeMap<DeviceIndex, Place>,
    /// Granted their first start, which is not announced yet.
    pub(super) admitted: BTreeSet<DeviceIndex>,
    /// Active devices that wait for the run to be resumed.
    pub(super) parked: BTreeSet<DeviceIndex>,
    /// The devices that the list is being asked about.
    pub(super) asking: Option<Vec<DeviceIndex>>,
    pub(super) devices_at: Moment,
    pub(super) sleepers_at: Moment,
    device_failures: u8,
    /// A record for the run as a whole is asked for.
    pub(super) recording: bool,
    /// Nothing has come in since the last poll, so `wake_at` is right.
    pub(super) polled: bool,
    pub(super) wake_at: Option<Moment>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Place {
    Fresh,
    /// Something ran on it or not, since when, whether it takes turns.
    Sleepers(bool, Moment, bool),
    Starts(bool, Moment),
    Searches,
    Cancels,
    Fetches(Moment),
}

impl Queues {
    pub(super) fn new(started: Moment) -> Self {
        Queues {
            dirty: BTreeSet::new(),
            timers: BTreeSet::new(),
            wakes: BTreeMap::new(),
            unasked: BTreeSet::new(),
            fresh: BTreeSet::new(),
            sleepers: BTreeSet::new(),
            turns: BTreeSet::new(),
            starts: BTreeSet::new(),
            searches: BTreeSet::new(),
            cancels: BTreeSet::new(),
            fetches: BTreeSet::new(),
            places: BTreeMap::new(),
            admitted: BTreeSet::new(),
            parked: BTreeSet::new(),
            asking: None,
            devices_at: started,
            sleepers_at: started,
            device_failures: 0,
            recording: false,
            polled: false,
            wake_at: None,
        }
    }

    /// Another process took up the run: what was asked for is not answered any more.
    pub(super) fn resumed(&mut self, now: Moment) {
        self.asking = None;
        self.device_failures = 0;
        self.devices_at = now;
        self.sleepers_at = now;
        self.admitted.clear();
        self.parked.clear();
        self.recording = false;
    }

    pub(super) fn devices_failed(&mut self, now: Moment, retry_after: Option<Duration>) {
        self.asking = None;
        let backoff = Duration::from_secs(5 << self.device_failures.min(5));
        self.device_failures = self.device_failures.saturating_add(1);
        self.devices_at = now + retry_after.unwrap_or_default().max(backoff);
    }

    /// The devices that the list was asked about.
    pub(super) fn devices_answered(&mut self, now: Moment) -> Vec<DeviceIndex> {
        self.device_failures = 0;
        self.devices_at = now;
        let asked = self.asking.take().unwrap_or_default();
        for id in &asked {
            self.unasked.remove(id);
        }
        asked
    }

    pub(super) fn put(&mut self, id: DeviceIndex, place: Place) {
        match place {
            Place::Fresh => self.fresh.insert(id),
            Place::Sleepers(fresh, since, turn) => {
                if turn {
                    self.turns.insert((fresh, since, id));
                }
                self.sleepers.insert((fresh, since, id))
            }
            Place::Starts(later, since) => self.starts.insert((later, since, id)),
            Place::Searches => self.searches.insert(id),
            Place::Cancels => self.cancels.insert(id),
            Place::Fetches(since) => self.fetches.insert((since, id)),
        };
        self.places.insert(id, place);
    }

    pub(super) fn take_out(&mut self, id: DeviceIndex) {
        match self.places.remove(&id) {
            None => false,
            Some(Place::Fresh) => self.fresh.remove(&id),
            Some(Place::Sleepers(fresh, since, _)) => {
                self.turns.remove(&(fresh, since, id));
                self.sleepers.remove(&(fresh, since, id))
            }
            Some(Place::Starts(later, since)) => self.starts.remove(&(later, since, id)),
            Some(Place::Searches) => self.searches.remove(&id),
            Some(Place::Cancels) => self.cancels.remove(&id),
            Some(Place::Fetches(since)) => self.fetches.remove(&(since, id)),
        };
        if let Some(at) = self.wakes.remove(&id) {
            self.timers.remove(&(at, id));
        }
        self.parked.remove(&id);
    }

    pub(super) fn wake(&mut self, id: DeviceIndex, at: Moment) {
        self.wakes.insert(id, at);
        self.timers.insert((at, id));
    }

    /// Whether a not begun device waits in front of the gate.
    pub(super) fn any_fresh(&self) -> bool {
        !self.fresh.is_empty()
    }

    pub(super) fn is_sleeper(&self, id: DeviceIndex) -> bool {
        matches!(self.places.get(&id), Some(Place::Sleepers(..)))
    }

    pub(super) fn wants_start(&self, id: DeviceIndex) -> bool {
        matches!(self.places.get(&id), Some(Place::Starts(..) | Place::Fresh))
    }
}
