//! Decides when the action list is read: one call per tick for all open actions of the run.

use std::time::Duration;

use svar_plan::{OFFLINE_TICKS, TICK};
use svar_wire::Moment;

/// For how long lists are read half as often after the tenant refused one for its rate.
const THROTTLED_PERIOD: Duration = Duration::from_secs(600);

/// What the action list is read for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Awaited {
    Nothing,
    /// Only sessions that wait in the service's queue for offline devices.
    OfflineDevices,
    Sessions,
}

/// What the run waits for in the first place.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Bottleneck {
    /// Sessions to end.
    Sessions,
    /// Calls of result links.
    Links,
}

/// Decides when the list is read next.
#[derive(Debug, Clone)]
pub(crate) struct Watcher {
    /// What was open when this was last updated.
    awaited: Awaited,
    /// When it was last asked for: the ticks count from there, so that slow answers don't add calls.
    last: Option<Moment>,
    is_being_read: bool,
    /// When this process last requested a list that it got.
    read: Option<Moment>,
    not_before: Moment,
    /// What the run waited for when it was last asked for.
    bottleneck: Bottleneck,
    /// Another client reads the tenant's lists, and gets more room until then.
    slower_until: Option<Moment>,
}

impl Watcher {
    pub(crate) fn new(started: Moment) -> Self {
        Watcher {
            awaited: Awaited::Nothing,
            last: None,
            is_being_read: false,
            read: None,
            not_before: started,
            bottleneck: Bottleneck::Sessions,
            slower_until: None,
        }
    }

    /// Updates what is awaited. When that begins to be sessions, the list is read a tick later: no session
    /// ends before it is picked up.
    pub(crate) fn set_awaited(&mut self, awaited: Awaited, now: Moment) {
        if awaited > self.awaited {
            self.not_before = self.not_before.max(now + TICK);
        }
        self.awaited = awaited;
    }

    /// Returns when the list is to be read, if it is. While result links are what the run waits for, or the
    /// tenant has refused a list for its rate, it is read less often: others need the hour's calls
    /// more.
    pub(crate) fn due(&self) -> Option<Moment> {
        if self.awaited == Awaited::Nothing || self.is_being_read {
            return None;
        }
        let due = self.last.map(|last| {
            let is_slower = self.slower_until.is_some_and(|until| last < until);
            let ticks = match (self.awaited, self.bottleneck) {
                (Awaited::OfflineDevices, _) => OFFLINE_TICKS,
                (_, Bottleneck::Links) => 3,
                (_, Bottleneck::Sessions) if is_slower => 2,
                (_, Bottleneck::Sessions) => 1,
            };
            last + TICK * ticks
        });
        due.max(Some(self.not_before))
    }

    /// Notes that the list is being read.
    pub(crate) fn ask(&mut self, now: Moment, bottleneck: Bottleneck) {
        self.last = Some(now);
        self.is_being_read = true;
        self.bottleneck = bottleneck;
    }

    /// Notes that the list was read.
    pub(crate) fn answered(&mut self) {
        if std::mem::take(&mut self.is_being_read) {
            self.read = self.last;
        }
    }

    /// Returns when this process last requested a list that it got.
    pub(crate) fn last_read(&self) -> Option<Moment> {
        self.read
    }

    /// Notes that the list could not be read.
    pub(crate) fn failed(&mut self, now: Moment, retry_after: Option<Duration>) {
        self.is_being_read = false;
        self.not_before = self.not_before.max(now + retry_after.unwrap_or_default());
    }

    /// Notes that the tenant refused a list for its rate, though we did not exceed ours: another client reads as
    /// well.
    pub(crate) fn throttled(&mut self, at: Moment) {
        self.slower_until = Some(at + THROTTLED_PERIOD);
    }

    /// Adapts to another process that resumed the run. It first reads the list a tick later,
    /// so that processes that keep crashing don't use up the hour's calls.
    pub(crate) fn resumed(&mut self, now: Moment) {
        let slower_until = self.slower_until;
        *self = Watcher {
            slower_until,
            ..Watcher::new(now + TICK)
        };
    }
}
