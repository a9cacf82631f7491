//! What the tenant allows, as arithmetic on the time that is handed in.
//!
//! Nothing here waits. A window is asked whether a call fits now, and since when one would; a 429
//! is taken in as "blocked until".

use std::collections::VecDeque;
use std::time::Duration;

use svar_plan::{DeviceIndex, Limits, ReadBudget};
use svar_wire::Moment;

use crate::endpoint::Endpoint;

const MINUTE: Duration = Duration::from_secs(60);
const HOUR: Duration = Duration::from_secs(3_600);

/// A start counts for this much longer than the minute. It counts from its answer on, when the
/// service had certainly counted it, so only the pace of the two clocks matters and not what they
/// read: clocks that are being set right go wrong by 500 parts in a million at most, 30 ms a minute.
const START_MARGIN: Duration = Duration::from_millis(100);

/// Starts become free on these marks. The answers to a burst of starts come within a moment of one
/// another, and so do the starts that follow them a minute later: on one mark they share one write to
/// the disk. It costs half a mark a minute.
const START_MARK_MS: i64 = 500;

/// For how long a refusal for want of slots is believed before one slot more is tried.
const SLOT_PATIENCE: Duration = Duration::from_secs(60);

/// A start that somebody else on this computer was granted reaches the service within so long.
const ON_ITS_WAY: Duration = Duration::from_secs(5);

/// How often a slot is looked for that another process holds.
const LOOK_AGAIN: Duration = Duration::from_secs(5);

/// Nobody's device: starts of other processes.
const OTHERS: DeviceIndex = DeviceIndex(u32::MAX);

/// Starts in the last minute. A start may reach the service at any time between its announcement
/// and its answer, so until answered it counts as just sent, and then from the answer on.
#[derive(Debug, Clone)]
pub(crate) struct StartWindow {
    per_minute: usize,
    taken: Vec<(DeviceIndex, Moment, bool)>,
    blocked_until: Moment,
    /// A refusal taught that somebody else starts sessions too: so many a minute are left for us,
    /// at that moment.
    taught: Option<(usize, Moment)>,
}

impl StartWindow {
    fn new(per_minute: u32) -> Self {
        StartWindow {
            per_minute: per_minute.max(1) as usize,
            taken: Vec::new(),
            blocked_until: Moment::EPOCH,
            taught: None,
        }
    }

    /// Starts a minute that this computer may send at `now`: what a refusal has taught, and one more
    /// for each minute since.
    fn room(&self, now: Moment) -> usize {
        match self.taught {
            None => self.per_minute,
            Some((taught, at)) => {
                let minutes = now.since(at).as_millis() / MINUTE.as_millis();
                let minutes = usize::try_from(minutes).unwrap_or(usize::MAX);
                taught.saturating_add(minutes).min(self.per_minute)
            }
        }
    }

    /// A start was refused for its rate although we keep it: somebody else starts sessions too, and
    /// gets half of what we had. The rest of the same burst teaches nothing more.
    fn refused(&mut self, pause: Duration, at: Moment) {
        if at >= self.blocked_until {
            self.taught = Some(((self.room(at) / 2).max(1), at + pause));
        }
        self.block(at + pause);
    }

    /// A start of this device was granted or announced at `at`.
    pub(crate) fn take(&mut self, device: DeviceIndex, at: Moment) {
        match self
            .taken
            .iter_mut()
            .find(|(other, _, open)| *other == device && *open)
        {
            Some(entry) => entry.1 = at,
            None => {
                self.prune(at);
                self.taken.push((device, at, true));
            }
        }
    }

    /// Another process was granted a start at `at`.
    fn take_for_others(&mut self, at: Moment) {
        self.prune(at);
        self.taken.push((OTHERS, at + ON_ITS_WAY, false));
    }

    /// The start of this device was answered, or is known to be lost.
    pub(crate) fn settle(&mut self, device: DeviceIndex, at: Moment) {
        if let Some(entry) = self
            .taken
            .iter_mut()
            .find(|(other, _, open)| *other == device && *open)
        {
            entry.1 = at;
            entry.2 = false;
        }
    }

    /// What a process that ended before `at` has sent may arrive until `latest`.
    pub(crate) fn settle_all(&mut self, latest: Moment) {
        for entry in &mut self.taken {
            if entry.2 {
                entry.1 = latest;
                entry.2 = false;
            }
        }
    }

    fn prune(&mut self, now: Moment) {
        self.taken.retain(|entry| free_at(entry) > now);
    }

    /// When a start fits, at `now` or later.
    pub(crate) fn free_at(&self, now: Moment) -> Moment {
        let mut frees: Vec<Moment> = self
            .taken
            .iter()
            .map(free_at)
            .filter(|free| *free > now)
            .collect();
        frees.sort_unstable();
        let free = match frees.len().checked_sub(self.room(now)) {
            Some(excess) => frees[excess],
            None => now,
        };
        free.max(self.blocked_until).max(now)
    }

    fn block(&mut self, until: Moment) {
        self.blocked_until = self.blocked_until.max(until);
    }
}

fn free_at(&(_, at, open): &(DeviceIndex, Moment, bool)) -> Moment {
    if open {
        Moment::FAR_FUTURE
    } else {
        let free = (at + MINUTE + START_MARGIN).millis();
        Moment::from_millis((free + START_MARK_MS - 1).div_euclid(START_MARK_MS) * START_MARK_MS)
    }
}

/// Calls of one read endpoint in the last hour. A twentieth of the budget is left for other users of the
/// tenant and for differences between the clocks.
#[derive(Debug, Clone)]
pub(crate) struct ReadWindow {
    per_minute: usize,
    per_hour: usize,
    taken: VecDeque<Moment>,
    blocked_until: Moment,
}

impl ReadWindow {
    fn new(budget: ReadBudget) -> Self {
        let guarded = |calls: u32| (calls - calls.div_ceil(20).min(calls)).max(1) as usize;
        ReadWindow {
            per_minute: guarded(budget.per_minute),
            per_hour: guarded(budget.per_hour),
            taken: VecDeque::new(),
            blocked_until: Moment::EPOCH,
        }
    }

    /// When a call fits, at `now` or later.
    pub(crate) fn free_at(&self, now: Moment) -> Moment {
        let within = |budget: usize, window: Duration| {
            let oldest = self.taken.len().checked_sub(budget)?;
            self.taken.get(oldest).map(|at| *at + window)
        };
        now.max(self.blocked_until)
            .max(within(self.per_minute, MINUTE).unwrap_or(now))
            .max(within(self.per_hour, HOUR).unwrap_or(now))
    }

    /// A call is made.
    pub(crate) fn take(&mut self, now: Moment) {
        while self.taken.len() >= self.per_hour {
            self.taken.pop_front();
        }
        self.taken.push_back(now);
    }

    /// Another process took a call at `at`.
    fn take_for_others(&mut self, at: Moment) {
        self.take(at);
        // They are told of a little later than they happened.
        let mut place = self.taken.len().saturating_sub(1);
        while place > 0 && self.taken[place - 1] > self.taken[place] {
            self.taken.swap(place - 1, place);
            place -= 1;
        }
    }

    /// Takes a call if one fits now.
    pub(crate) fn grant(&mut self, now: Moment) -> bool {
        let free = self.free_at(now) <= now;
        if free {
            self.take(now);
        }
        free
    }
}

/// All budgets of one tenant, as far as this run uses them.
#[derive(Debug, Clone)]
pub(crate) struct Quota {
    pub(crate) starts: StartWindow,
    actions: ReadWindow,
    links: ReadWindow,
    cancels: ReadWindow,
    devices: ReadWindow,
    slots: u32,
    /// Slots that other processes of this computer hold.
    held_by_others: u32,
    /// A refusal taught that so many slots are to be had, at that moment.
    taught: Option<(u32, Moment)>,
}

impl Quota {
    pub(crate) fn new(limits: &Limits) -> Self {
        Quota {
            starts: StartWindow::new(limits.starts_per_minute),
            actions: ReadWindow::new(limits.actions),
            links: ReadWindow::new(limits.links),
            cancels: ReadWindow::new(limits.cancels),
            devices: ReadWindow::new(limits.devices),
            slots: limits.slots,
            held_by_others: 0,
            taught: None,
        }
    }

    /// The window of an endpoint that is not `starts`.
    pub(crate) fn endpoint(&mut self, endpoint: Endpoint) -> Option<&mut ReadWindow> {
        match endpoint {
            Endpoint::Starts => None,
            Endpoint::Actions => Some(&mut self.actions),
            Endpoint::Links => Some(&mut self.links),
            Endpoint::Cancels => Some(&mut self.cancels),
            Endpoint::Devices => Some(&mut self.devices),
        }
    }

    /// So many calls of an endpoint that is not `starts` were made besides.
    pub(crate) fn also_called(&mut self, endpoint: Endpoint, calls: u32, now: Moment) {
        if let Some(window) = self.endpoint(endpoint) {
            (0..calls).for_each(|_| window.take(now));
        }
    }

    /// When a call of the endpoint fits, at `now` or later.
    pub(crate) fn free_at(&self, endpoint: Endpoint, now: Moment) -> Moment {
        match endpoint {
            Endpoint::Starts => self.starts.free_at(now),
            Endpoint::Actions => self.actions.free_at(now),
            Endpoint::Links => self.links.free_at(now),
            Endpoint::Cancels => self.cancels.free_at(now),
            Endpoint::Devices => self.devices.free_at(now),
        }
    }

    /// The tenant refuses the endpoint until then.
    pub(crate) fn block(&mut self, endpoint: Endpoint, until: Moment) {
        match self.endpoint(endpoint) {
            Some(window) => window.blocked_until = window.blocked_until.max(until),
            None => self.starts.block(until),
        }
    }

    /// A start was refused with 429 while this run held `held` slots. With a pause named it is the
    /// rate. Else, since our own starts keep the rate, there is no free slot: as many as we hold are
    /// all there are for now (API notes 9.3).
    pub(crate) fn throttled(&mut self, held: u32, retry_after: Option<Duration>, at: Moment) {
        match retry_after {
            Some(pause) => self.starts.refused(pause, at),
            None => {
                let held = held.saturating_add(self.held_by_others);
                self.taught = Some((held.min(self.slots), at));
            }
        }
    }

    /// What other processes of this computer have taken since it was last said, and how many slots
    /// they hold.
    pub(crate) fn others(&mut self, taken: &[(Endpoint, Moment)], held: u32) {
        for (endpoint, at) in taken {
            match self.endpoint(*endpoint) {
                Some(window) => window.take_for_others(*at),
                None => self.starts.take_for_others(*at),
            }
        }
        self.held_by_others = held;
    }

    /// Slots that this run may hold at `now`.
    pub(crate) fn slots(&self, now: Moment) -> u32 {
        self.slots_of_all(now).saturating_sub(self.held_by_others)
    }

    /// Slots that this computer may hold at `now`.
    fn slots_of_all(&self, now: Moment) -> u32 {
        match self.taught {
            None => self.slots,
            Some((taught, at)) => {
                let minutes = now.since(at).as_millis() / SLOT_PATIENCE.as_millis();
                let grown = u128::from(taught) + minutes;
                u32::try_from(grown).unwrap_or(u32::MAX).min(self.slots)
            }
        }
    }

    /// When [`Quota::slots`] grows next by itself.
    pub(crate) fn slots_grow_at(&self, now: Moment) -> Option<Moment> {
        // Nobody tells when another process gives one back: it is looked for.
        let look = (self.held_by_others > 0).then(|| now + LOOK_AGAIN);
        self.learned_at(now).into_iter().chain(look).min()
    }

    fn learned_at(&self, now: Moment) -> Option<Moment> {
        let (_, at) = self.taught?;
        if self.slots_of_all(now) >= self.slots {
            return None;
        }
        let minutes = now.since(at).as_millis() / SLOT_PATIENCE.as_millis() + 1;
        Some(at + SLOT_PATIENCE * u32::try_from(minutes).unwrap_or(u32::MAX))
    }
}
