//! The devices by what they wait for, so that nothing that happens costs a look at all of them.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use svar_plan::DeviceIndex;
use svar_wire::Moment;

use crate::fact::FactBody;

/// Kind of a need of one device that was returned by a poll and has no answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum PendingNeed {
    Start,
    Search,
    Fetch,
    Resolve,
    Cancel,
    Record,
}

impl PendingNeed {
    /// Returns the kind of need that a fact answers, if any.
    pub(crate) fn answered_by(body: &FactBody) -> Option<PendingNeed> {
        match body {
            FactBody::StartAccepted { adopted: true, .. } | FactBody::StartNotFound { .. } => {
                Some(PendingNeed::Search)
            }
            FactBody::StartAccepted { .. }
            | FactBody::StartRefused { .. }
            | FactBody::StartUnknown { .. } => Some(PendingNeed::Start),
            FactBody::ResultFetched { .. } | FactBody::ResultMissing { .. } => {
                Some(PendingNeed::Fetch)
            }
            FactBody::SessionResolved { .. } | FactBody::SessionUnresolvable { .. } => {
                Some(PendingNeed::Resolve)
            }
            FactBody::CancelAnswered { .. } | FactBody::CancelUnknown { .. } => {
                Some(PendingNeed::Cancel)
            }
            FactBody::GaveUp { .. } => Some(PendingNeed::Record),
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
    /// Not started; the device list has not been read for them.
    pub(crate) not_looked_up: BTreeSet<DeviceIndex>,
    /// Not started, and ready as far as is known.
    pub(crate) ready: BTreeSet<DeviceIndex>,
    /// Want a start and are offline.
    pub(crate) offline: BTreeSet<StartOrder>,
    /// Those of them that may have a slot which no online device wants, whatever the wave allows.
    pub(crate) offline_may_start: BTreeSet<StartOrder>,
    /// Want a start and are online.
    pub(crate) starts: BTreeSet<StartOrder>,
    pub(crate) searches: BTreeSet<DeviceIndex>,
    pub(crate) cancels: BTreeSet<DeviceIndex>,
    pub(crate) fetches: BTreeSet<(Moment, DeviceIndex)>,
    /// The queue of each device, so that it can be taken out again.
    places: BTreeMap<DeviceIndex, Queue>,
    /// Allowed to be started first, and not announced.
    pub(crate) admitted: BTreeSet<DeviceIndex>,
    /// Active devices that wait for the run to be resumed.
    pub(crate) awaiting_resume: BTreeSet<DeviceIndex>,
    /// The devices that the device list is being read for.
    pub(crate) looking_up: Option<Vec<DeviceIndex>>,
    /// The device list is not read before.
    pub(crate) devices_at: Moment,
    /// The device list is read then for offline devices.
    pub(crate) offline_at: Moment,
    device_failures: u8,
    /// A need to record a fact about the run as a whole has no answer.
    pub(crate) recording: bool,
    /// There was no input since the last poll, so `wake_at` is valid.
    pub(crate) wake_at_is_valid: bool,
    pub(crate) wake_at: Option<Moment>,
}

/// Order of a device in a queue for starts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct StartOrder {
    pub(crate) priority: Priority,
    /// When it began to wait.
    pub(crate) since: Moment,
    pub(crate) device: DeviceIndex,
}

/// Rank in a queue for starts. High: cleanup, and offline devices on which a session ran.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Priority {
    High,
    Normal,
}

/// The queue that a device is in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Queue {
    Ready,
    /// Offline. With `hold`, not started before it is online.
    OfflineHeld(StartOrder),
    /// Offline, and started when no online device wants a slot, whatever the wave allows.
    OfflineMayStart(StartOrder),
    Starts(StartOrder),
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
            not_looked_up: BTreeSet::new(),
            ready: BTreeSet::new(),
            offline: BTreeSet::new(),
            offline_may_start: BTreeSet::new(),
            starts: BTreeSet::new(),
            searches: BTreeSet::new(),
            cancels: BTreeSet::new(),
            fetches: BTreeSet::new(),
            places: BTreeMap::new(),
            admitted: BTreeSet::new(),
            awaiting_resume: BTreeSet::new(),
            looking_up: None,
            devices_at: started,
            offline_at: started,
            device_failures: 0,
            recording: false,
            wake_at_is_valid: false,
            wake_at: None,
        }
    }

    /// Forgets what an earlier process asked for: it is not answered any more.
    pub(crate) fn resumed(&mut self, now: Moment) {
        self.looking_up = None;
        self.device_failures = 0;
        self.devices_at = now;
        self.offline_at = now;
        self.admitted.clear();
        self.awaiting_resume.clear();
        self.recording = false;
    }

    pub(crate) fn devices_failed(&mut self, now: Moment, retry_after: Option<Duration>) {
        self.looking_up = None;
        let backoff = Duration::from_secs(5 << self.device_failures.min(5));
        self.device_failures = self.device_failures.saturating_add(1);
        self.devices_at = now + retry_after.unwrap_or_default().max(backoff);
    }

    /// Marks the device list as read; returns the devices that it was read for.
    pub(crate) fn devices_answered(&mut self, now: Moment) -> Vec<DeviceIndex> {
        self.device_failures = 0;
        self.devices_at = now;
        let asked = self.looking_up.take().unwrap_or_default();
        for id in &asked {
            self.not_looked_up.remove(id);
        }
        asked
    }

    pub(crate) fn put(&mut self, id: DeviceIndex, place: Queue) {
        match place {
            Queue::Ready => self.ready.insert(id),
            Queue::OfflineHeld(turn) => self.offline.insert(turn),
            Queue::OfflineMayStart(turn) => {
                self.offline_may_start.insert(turn);
                self.offline.insert(turn)
            }
            Queue::Starts(turn) => self.starts.insert(turn),
            Queue::Searches => self.searches.insert(id),
            Queue::Cancels => self.cancels.insert(id),
            Queue::Fetches(since) => self.fetches.insert((since, id)),
        };
        self.places.insert(id, place);
    }

    pub(crate) fn take_out(&mut self, id: DeviceIndex) {
        match self.places.remove(&id) {
            None => false,
            Some(Queue::Ready) => self.ready.remove(&id),
            Some(Queue::OfflineHeld(turn)) => self.offline.remove(&turn),
            Some(Queue::OfflineMayStart(turn)) => {
                self.offline_may_start.remove(&turn);
                self.offline.remove(&turn)
            }
            Some(Queue::Starts(turn)) => self.starts.remove(&turn),
            Some(Queue::Searches) => self.searches.remove(&id),
            Some(Queue::Cancels) => self.cancels.remove(&id),
            Some(Queue::Fetches(since)) => self.fetches.remove(&(since, id)),
        };
        if let Some(at) = self.timer_of.remove(&id) {
            self.timers.remove(&(at, id));
        }
        self.awaiting_resume.remove(&id);
    }

    pub(crate) fn wake(&mut self, id: DeviceIndex, at: Moment) {
        self.timer_of.insert(id, at);
        self.timers.insert((at, id));
    }

    /// Returns whether a device waits that is ready and not started.
    pub(crate) fn any_ready(&self) -> bool {
        !self.ready.is_empty()
    }

    /// Returns whether the device waits to be started and is offline.
    pub(crate) fn is_offline(&self, id: DeviceIndex) -> bool {
        matches!(
            self.places.get(&id),
            Some(Queue::OfflineHeld(_) | Queue::OfflineMayStart(_))
        )
    }

    /// Returns whether the device is online and waits to be started.
    pub(crate) fn wants_start(&self, id: DeviceIndex) -> bool {
        matches!(self.places.get(&id), Some(Queue::Starts(_) | Queue::Ready))
    }
}
