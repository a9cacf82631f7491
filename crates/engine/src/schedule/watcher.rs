//! One bulk list call per tick for all own open actions, however many there are.

use std::time::Duration;

use svar_plan::{OFFLINE_TICKS, TICK};
use svar_wire::Moment;

/// For how long lists are read half as often after the tenant refused one for its rate.
const YIELD: Duration = Duration::from_secs(600);

/// What the list is read for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Awaited {
    Nothing,
    /// Nothing but sessions in the service's queue that their devices sleep over.
    Sleepers,
    Sessions,
}

/// When the list is read next.
#[derive(Debug, Clone)]
pub(crate) struct Watcher {
    /// As it was when last told.
    awaited: Awaited,
    /// When it was last asked for: the ticks count from there, so that slow answers don't add calls.
    last: Option<Moment>,
    is_being_read: bool,
    /// When this process last read it, as it was then or later.
    looked: Option<Moment>,
    not_before: Moment,
    /// Result links were what the run waited for when it was last asked for.
    links_bind: bool,
    /// Somebody else reads the tenant's lists, and gets more room until then.
    yields_until: Option<Moment>,
}

impl Watcher {
    pub(crate) fn new(started: Moment) -> Self {
        Watcher {
            awaited: Awaited::Nothing,
            last: None,
            is_being_read: false,
            looked: None,
            not_before: started,
            links_bind: false,
            yields_until: None,
        }
    }

    /// Takes note of what is open. The first session of a quiet time is looked at a tick later: none
    /// ends sooner than it is picked up.
    pub(crate) fn awaits(&mut self, awaited: Awaited, now: Moment) {
        if awaited > self.awaited {
            self.not_before = self.not_before.max(now + TICK);
        }
        self.awaited = awaited;
    }

    /// When the list is to be read, if it is. While result links are what the run waits for, or the
    /// tenant has refused a list for its rate, it is read less often: somebody needs the hour's calls
    /// more.
    pub(crate) fn due(&self) -> Option<Moment> {
        if self.awaited == Awaited::Nothing || self.is_being_read {
            return None;
        }
        let due = self.last.map(|last| {
            let is_yielding = self.yields_until.is_some_and(|until| last < until);
            let ticks = match (self.awaited, self.links_bind, is_yielding) {
                (Awaited::Sleepers, _, _) => OFFLINE_TICKS,
                (_, true, _) => 3,
                (_, false, true) => 2,
                (_, false, false) => 1,
            };
            last + TICK * ticks
        });
        due.max(Some(self.not_before))
    }

    /// The list is being read.
    pub(crate) fn ask(&mut self, now: Moment, links_bind: bool) {
        self.last = Some(now);
        self.is_being_read = true;
        self.links_bind = links_bind;
    }

    /// It was read.
    pub(crate) fn answered(&mut self) {
        if std::mem::take(&mut self.is_being_read) {
            self.looked = self.last;
        }
    }

    /// When this process last read it.
    pub(crate) fn looked(&self) -> Option<Moment> {
        self.looked
    }

    /// It could not be read.
    pub(crate) fn failed(&mut self, now: Moment, retry_after: Option<Duration>) {
        self.is_being_read = false;
        self.not_before = self.not_before.max(now + retry_after.unwrap_or_default());
    }

    /// The tenant refused a list for its rate, though we keep ours: somebody else reads as well.
    pub(crate) fn throttled(&mut self, at: Moment) {
        self.yields_until = Some(at + YIELD);
    }

    /// Another process took up the run; its first look comes a tick after, however often processes
    /// die.
    pub(crate) fn resumed(&mut self, now: Moment) {
        let yields_until = self.yields_until;
        *self = Watcher {
            yields_until,
            ..Watcher::new(now + TICK)
        };
    }
}
