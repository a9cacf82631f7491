//! The tenant's limits, as arithmetic on the time that is passed in.
//!
//! Nothing here waits. A window answers when the next call fits; a 429 blocks it until a moment.

use std::collections::VecDeque;
use std::time::Duration;

use svar_plan::{CallLimit, DeviceIndex, Limits};
use svar_wire::Moment;

use crate::endpoint::Endpoint;

const MINUTE: Duration = Duration::from_secs(60);
const HOUR: Duration = Duration::from_secs(3_600);

/// A start counts for this much longer than the minute. It counts from its answer on, when the
/// service had certainly counted it, so only the pace of the two clocks matters and not what they
/// read: clocks that are being slewed are off by 500 parts in a million at most, 30 ms a minute.
const START_MARGIN: Duration = Duration::from_millis(100);

/// Starts become free on these marks. The answers to a burst of starts come within a moment of one
/// another, and so do the starts that follow them a minute later: on one mark they share one write to
/// the disk. It costs 250 ms a minute on average.
const START_MARK_MS: i64 = 500;

/// Time after a refusal for lack of slots, or after the last try, until one slot more is tried.
const SLOT_RETRY: Duration = Duration::from_secs(60);

/// Time within which a start reaches the service that another process of this computer was granted.
const GRANTED_START_LAG: Duration = Duration::from_secs(5);

/// Interval at which a slot is checked that another process holds.
const FREE_SLOT_CHECK: Duration = Duration::from_secs(5);

/// A limit that a refusal has shown to be lower than that of the plan.
#[derive(Debug, Clone, Copy)]
struct ReducedLimit {
    limit: u32,
    since: Moment,
}

impl ReducedLimit {
    /// Returns the limit at `now`: one more for each `step` since, up to `full`.
    fn at(self, now: Moment, step: Duration, full: u32) -> u32 {
        let grown = u128::from(self.limit) + self.steps(now, step);
        u32::try_from(grown).map_or(full, |grown| grown.min(full))
    }

    fn steps(self, now: Moment, step: Duration) -> u128 {
        now.since(self.since).as_millis() / step.as_millis()
    }
}

/// Starts in the last minute. A start may reach the service at any time between its announcement
/// and its answer, so until answered it counts as just sent, and then from the answer on.
#[derive(Debug, Clone)]
pub(crate) struct StartWindow {
    per_minute: u32,
    taken: Vec<TakenStart>,
    blocked_until: Moment,
    /// The limit while another client starts sessions too.
    reduced: Option<ReducedLimit>,
}

/// A start that counts in the window.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum TakenStart {
    /// Of this device, granted or announced, and not answered.
    Unanswered(DeviceIndex),
    /// It reached the service at this moment or before.
    DeviceCounts(Moment),
}

impl TakenStart {
    /// Returns when the service no longer counts it.
    fn free_at(self) -> Moment {
        match self {
            TakenStart::Unanswered(_) => Moment::FAR_FUTURE,
            TakenStart::DeviceCounts(at) => {
                let free = (at + MINUTE + START_MARGIN).millis();
                let marks = (free + START_MARK_MS - 1).div_euclid(START_MARK_MS);
                Moment::from_millis(marks * START_MARK_MS)
            }
        }
    }
}

impl StartWindow {
    fn new(per_minute: u32) -> Self {
        StartWindow {
            per_minute: per_minute.max(1),
            taken: Vec::new(),
            blocked_until: Moment::EPOCH,
            reduced: None,
        }
    }

    /// Returns the starts a minute that this computer may send at `now`.
    fn limit(&self, now: Moment) -> u32 {
        match self.reduced {
            None => self.per_minute,
            Some(reduced) => reduced.at(now, MINUTE, self.per_minute),
        }
    }

    /// Lowers the limit after a start that was refused for its rate although we did not exceed it: another client
    /// starts sessions too, and gets half of what we had. Further refusals of the same burst change nothing.
    fn refused(&mut self, pause: Duration, at: Moment) {
        if at >= self.blocked_until {
            self.reduced = Some(ReducedLimit {
                limit: (self.limit(at) / 2).max(1),
                since: at + pause,
            });
        }
        self.block(at + pause);
    }

    fn unanswered(&mut self, device: DeviceIndex) -> Option<&mut TakenStart> {
        let unanswered = TakenStart::Unanswered(device);
        self.taken.iter_mut().find(|taken| **taken == unanswered)
    }

    /// Counts a start of this device that was granted or announced at `at`.
    pub(crate) fn take(&mut self, device: DeviceIndex, at: Moment) {
        if self.unanswered(device).is_none() {
            self.prune(at);
            self.taken.push(TakenStart::Unanswered(device));
        }
    }

    /// Counts a start that another process was granted at `at`.
    fn take_for_others(&mut self, at: Moment) {
        self.prune(at);
        self.taken
            .push(TakenStart::DeviceCounts(at + GRANTED_START_LAG));
    }

    /// Counts the start of this device from `at` on: it was answered, or is known to be lost.
    pub(crate) fn count_from(&mut self, device: DeviceIndex, at: Moment) {
        if let Some(taken) = self.unanswered(device) {
            *taken = TakenStart::DeviceCounts(at);
        }
    }

    /// Counts the unanswered starts of a process that has ended from `latest` on: until then they may
    /// reach the service.
    pub(crate) fn count_unanswered_from(&mut self, latest: Moment) {
        for taken in &mut self.taken {
            if let TakenStart::Unanswered(_) = taken {
                *taken = TakenStart::DeviceCounts(latest);
            }
        }
    }

    fn prune(&mut self, now: Moment) {
        self.taken.retain(|taken| taken.free_at() > now);
    }

    /// Returns when a start fits, at `now` or later.
    pub(crate) fn free_at(&self, now: Moment) -> Moment {
        let mut frees: Vec<Moment> = self
            .taken
            .iter()
            .map(|taken| taken.free_at())
            .filter(|free| *free > now)
            .collect();
        frees.sort_unstable();
        let free = match frees.len().checked_sub(self.limit(now) as usize) {
            Some(excess) => frees[excess],
            None => now,
        };
        free.max(self.blocked_until).max(now)
    }

    fn block(&mut self, until: Moment) {
        self.blocked_until = self.blocked_until.max(until);
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
    fn new(budget: CallLimit) -> Self {
        let without_reserve = |calls: u32| (calls - calls.div_ceil(20)).max(1) as usize;
        ReadWindow {
            per_minute: without_reserve(budget.per_minute),
            per_hour: without_reserve(budget.per_hour),
            taken: VecDeque::new(),
            blocked_until: Moment::EPOCH,
        }
    }

    /// Returns when a call fits, at `now` or later.
    pub(crate) fn free_at(&self, now: Moment) -> Moment {
        let within = |budget: usize, window: Duration| {
            let oldest = self.taken.len().checked_sub(budget)?;
            self.taken.get(oldest).map(|at| *at + window)
        };
        now.max(self.blocked_until)
            .max(within(self.per_minute, MINUTE).unwrap_or(now))
            .max(within(self.per_hour, HOUR).unwrap_or(now))
    }

    /// Counts a call.
    pub(crate) fn take(&mut self, now: Moment) {
        while self.taken.len() >= self.per_hour {
            self.taken.pop_front();
        }
        self.taken.push_back(now);
    }

    /// Counts a call that another process took at `at`.
    fn take_for_others(&mut self, at: Moment) {
        self.take(at);
        // It is reported a little later than it happened.
        let mut place = self.taken.len().saturating_sub(1);
        while place > 0 && self.taken[place - 1] > self.taken[place] {
            self.taken.swap(place - 1, place);
            place -= 1;
        }
    }

    /// Takes a call if one fits now; returns whether it does.
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
    /// The limit while other clients hold slots too.
    reduced: Option<ReducedLimit>,
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
            reduced: None,
        }
    }

    /// Returns the window of an endpoint that is not `starts`.
    pub(crate) fn endpoint(&mut self, endpoint: Endpoint) -> Option<&mut ReadWindow> {
        match endpoint {
            Endpoint::Starts => None,
            Endpoint::Actions => Some(&mut self.actions),
            Endpoint::Links => Some(&mut self.links),
            Endpoint::Cancels => Some(&mut self.cancels),
            Endpoint::Devices => Some(&mut self.devices),
        }
    }

    /// Counts further calls of an endpoint that is not `starts`.
    pub(crate) fn count_calls(&mut self, endpoint: Endpoint, calls: u32, now: Moment) {
        if let Some(window) = self.endpoint(endpoint) {
            (0..calls).for_each(|_| window.take(now));
        }
    }

    /// Returns when a call of the endpoint fits, at `now` or later.
    pub(crate) fn free_at(&self, endpoint: Endpoint, now: Moment) -> Moment {
        match endpoint {
            Endpoint::Starts => self.starts.free_at(now),
            Endpoint::Actions => self.actions.free_at(now),
            Endpoint::Links => self.links.free_at(now),
            Endpoint::Cancels => self.cancels.free_at(now),
            Endpoint::Devices => self.devices.free_at(now),
        }
    }

    /// Allows no call of the endpoint before `until`.
    pub(crate) fn block(&mut self, endpoint: Endpoint, until: Moment) {
        match self.endpoint(endpoint) {
            Some(window) => window.blocked_until = window.blocked_until.max(until),
            None => self.starts.block(until),
        }
    }

    /// Lowers a limit after a start that was refused with 429 while this run held `held` slots. With
    /// `retry_after` it was for the rate. Else, since our own starts keep the rate, no slot is free: the
    /// tenant has no more than we hold for now (API notes 9.3).
    pub(crate) fn throttled(&mut self, held: u32, retry_after: Option<Duration>, at: Moment) {
        match retry_after {
            Some(pause) => self.starts.refused(pause, at),
            None => {
                let held = held.saturating_add(self.held_by_others);
                self.reduced = Some(ReducedLimit {
                    limit: held.min(self.slots),
                    since: at,
                });
            }
        }
    }

    /// Counts what other processes of this computer have taken since the last call. They hold `held`
    /// slots now.
    pub(crate) fn count_other_processes(&mut self, taken: &[(Endpoint, Moment)], held: u32) {
        for (endpoint, at) in taken {
            match self.endpoint(*endpoint) {
                Some(window) => window.take_for_others(*at),
                None => self.starts.take_for_others(*at),
            }
        }
        self.held_by_others = held;
    }

    /// Returns the slots that this run may hold at `now`.
    pub(crate) fn slots(&self, now: Moment) -> u32 {
        self.slots_of_computer(now)
            .saturating_sub(self.held_by_others)
    }

    /// Returns the slots that this computer may hold at `now`.
    fn slots_of_computer(&self, now: Moment) -> u32 {
        match self.reduced {
            None => self.slots,
            Some(reduced) => reduced.at(now, SLOT_RETRY, self.slots),
        }
    }

    /// Returns when [`Quota::slots`] grows next by itself.
    pub(crate) fn slots_recheck_at(&self, now: Moment) -> Option<Moment> {
        // Other processes do not announce that they release one.
        let check = (self.held_by_others > 0).then(|| now + FREE_SLOT_CHECK);
        self.raised_at(now).into_iter().chain(check).min()
    }

    fn raised_at(&self, now: Moment) -> Option<Moment> {
        let reduced = self.reduced?;
        if self.slots_of_computer(now) >= self.slots {
            return None;
        }
        // Fewer steps than there are slots, so they fit.
        let next = u32::try_from(reduced.steps(now, SLOT_RETRY) + 1).ok()?;
        Some(reduced.since + SLOT_RETRY * next)
    }
}
