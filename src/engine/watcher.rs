//! One bulk list call per tick for all own open actions, however many there are.

use std::time::Duration;

use crate::moment::Moment;

/// How often the list is read: 450 calls an hour, of 1,500 allowed (contract 5.3), and never more than
/// eight in a minute, however unevenly they travel. An end that is seen late keeps its slot from the
/// next start, and the run from its own end.
pub(super) const TICK: Duration = Duration::from_secs(8);

/// For how long lists are read half as often after the tenant refused one for its rate.
const YIELD: Duration = Duration::from_secs(600);

/// When the list is read next.
#[derive(Debug, Clone)]
pub(super) struct Watcher {
    asked: Option<Moment>,
    looked: Option<Moment>,
    due: Moment,
    /// Somebody else reads the tenant's lists, and gets more room until then.
    yields_until: Option<Moment>,
    /// Whether anything was open when last looked at.
    any_open: bool,
}

impl Watcher {
    pub(super) fn new(started: Moment) -> Self {
        Watcher {
            asked: None,
            looked: None,
            due: started,
            yields_until: None,
            any_open: false,
        }
    }

    /// Takes note whether any action is open. The first one of a quiet time is looked at a tick
    /// later: no action ends sooner than it is picked up.
    pub(super) fn open(&mut self, any_open: bool, now: Moment) {
        if any_open && !self.any_open {
            self.due = self.due.max(now + TICK);
        }
        self.any_open = any_open;
    }

    /// When the list is to be read, if it is.
    pub(super) fn due(&self) -> Option<Moment> {
        (self.any_open && self.asked.is_none()).then_some(self.due)
    }

    /// The list is being read. Counted from here, so that slow answers don't add calls. While
    /// result links are what the run waits for, or the tenant has just refused a list for its rate,
    /// it is read less often: somebody needs the hour's calls more.
    pub(super) fn ask(&mut self, now: Moment, links_bind: bool) {
        self.asked = Some(now);
        let is_yielding = self.yields_until.is_some_and(|until| now < until);
        let ticks = match (links_bind, is_yielding) {
            (true, _) => 3,
            (false, true) => 2,
            (false, false) => 1,
        };
        self.due = now + TICK * ticks;
    }

    /// It was read, as it was when it was asked for or later.
    pub(super) fn answered(&mut self) {
        self.looked = self.asked.take().or(self.looked);
    }

    /// When this process last read it.
    pub(super) fn looked(&self) -> Option<Moment> {
        self.looked
    }

    /// It could not be read.
    pub(super) fn failed(&mut self, now: Moment, retry_after: Option<Duration>) {
        self.asked = None;
        self.due = self.due.max(now + retry_after.unwrap_or_default());
    }

    /// The tenant refused a list for its rate, though we keep ours: somebody else reads as well.
    pub(super) fn throttled(&mut self, at: Moment) {
        self.yields_until = Some(at + YIELD);
    }

    /// Another process took up the run; its first look comes a tick after, however often processes
    /// die.
    pub(super) fn resumed(&mut self, now: Moment) {
        self.asked = None;
        self.looked = None;
        self.any_open = false;
        self.due = now + TICK;
    }
}
