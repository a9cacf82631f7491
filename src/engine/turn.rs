//! Whose turn it is: what every lane wants, and what the run can grant of it now.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use crate::moment::Moment;
use crate::plan::OfflineMode;

use super::fact::{FactBody, LaneId, Need, Row, RunLimit};
use super::fleet::{Fleet, tag_of};
use super::progress::{Readiness, Stage};
use super::view::Waiting;
use super::want::{Want, want};

/// Machines asked about at one time, and how few known ones are left when the next are asked about.
/// Small, so that what the list says is still true when their turn comes: 200 starts take 20 minutes.
const MACHINES_AT_ONCE: usize = 200;
const MACHINES_AHEAD: usize = 60;

/// How often the list is read again for machines that sleep.
const MACHINES_AGAIN: Duration = Duration::from_secs(300);

/// Tries for one result before it is recorded as missing: about a quarter of an hour.
const FETCHES_MAX: u8 = 20;

/// A need of one lane that is given out and not yet answered.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Ask {
    Start,
    Search,
    Fetch,
    Resolve,
    Cancel,
    Record,
}

impl Ask {
    /// What a fact answers.
    pub(super) fn answered_by(body: &FactBody) -> Option<Ask> {
        match body {
            FactBody::StartAccepted { adopted: true, .. } | FactBody::StartAbsent { .. } => {
                Some(Ask::Search)
            }
            FactBody::StartAccepted { .. }
            | FactBody::StartRefused { .. }
            | FactBody::StartUnknown { .. } => Some(Ask::Start),
            FactBody::ResultFetched { .. } | FactBody::ResultMissing { .. } => Some(Ask::Fetch),
            FactBody::SessionResolved { .. } | FactBody::SessionUnresolvable { .. } => {
                Some(Ask::Resolve)
            }
            FactBody::CancelAnswered { .. } | FactBody::CancelUnknown { .. } => Some(Ask::Cancel),
            FactBody::GaveUp { .. } => Some(Ask::Record),
            _ => None,
        }
    }
}

/// The lanes by what they wait for. Every lane that is not over stands in at most one of the
/// queues, and may have one wake-up besides.
#[derive(Debug)]
pub(super) struct Queues {
    /// Something happened to them since they were last looked at.
    pub(super) dirty: BTreeSet<LaneId>,
    /// Their own moments.
    timers: BTreeSet<(Moment, LaneId)>,
    wakes: BTreeMap<LaneId, Moment>,
    /// Not begun; the machine list has not been asked about them.
    pub(super) unasked: BTreeSet<LaneId>,
    /// Not begun, ready.
    fresh: BTreeSet<LaneId>,
    /// Want a start and sleep: those that are begun, then the rest, in the order in which they take
    /// turns.
    sleepers: BTreeSet<(bool, Moment, LaneId)>,
    /// Want a start: cleanup before the rest.
    starts: BTreeSet<(bool, Moment, LaneId)>,
    searches: BTreeSet<LaneId>,
    cancels: BTreeSet<LaneId>,
    fetches: BTreeSet<(Moment, LaneId)>,
    /// Where a lane stands, so that it can be taken out again.
    places: BTreeMap<LaneId, Place>,
    /// Granted their first start, which is not announced yet.
    pub(super) admitted: BTreeSet<LaneId>,
    /// Active lanes that wait for the run to be resumed.
    parked: BTreeSet<LaneId>,
    /// The machines that the list is being asked about.
    asking: Option<Vec<LaneId>>,
    machines_at: Moment,
    sleepers_at: Moment,
    machine_failures: u8,
    /// A record for the run as a whole is asked for.
    pub(super) recording: bool,
    /// Nothing has come in since the last poll, so `wake_at` is right.
    pub(super) polled: bool,
    wake_at: Option<Moment>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Place {
    Fresh,
    Sleepers(bool, Moment),
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
            starts: BTreeSet::new(),
            searches: BTreeSet::new(),
            cancels: BTreeSet::new(),
            fetches: BTreeSet::new(),
            places: BTreeMap::new(),
            admitted: BTreeSet::new(),
            parked: BTreeSet::new(),
            asking: None,
            machines_at: started,
            sleepers_at: started,
            machine_failures: 0,
            recording: false,
            polled: false,
            wake_at: None,
        }
    }

    /// Another process took up the run: what was asked for is not answered any more.
    pub(super) fn resumed(&mut self, now: Moment) {
        self.asking = None;
        self.machine_failures = 0;
        self.machines_at = now;
        self.sleepers_at = now;
        self.admitted.clear();
        self.parked.clear();
        self.recording = false;
    }

    pub(super) fn machines_failed(&mut self, now: Moment, retry_after: Option<Duration>) {
        self.asking = None;
        let backoff = Duration::from_secs(5 << self.machine_failures.min(5));
        self.machine_failures = self.machine_failures.saturating_add(1);
        self.machines_at = now + retry_after.unwrap_or_default().max(backoff);
    }

    /// The machines that the list was asked about.
    pub(super) fn machines_answered(&mut self, now: Moment) -> Vec<LaneId> {
        self.machine_failures = 0;
        self.machines_at = now;
        let asked = self.asking.take().unwrap_or_default();
        for id in &asked {
            self.unasked.remove(id);
        }
        asked
    }

    fn put(&mut self, id: LaneId, place: Place) {
        match place {
            Place::Fresh => self.fresh.insert(id),
            Place::Sleepers(fresh, since) => self.sleepers.insert((fresh, since, id)),
            Place::Starts(later, since) => self.starts.insert((later, since, id)),
            Place::Searches => self.searches.insert(id),
            Place::Cancels => self.cancels.insert(id),
            Place::Fetches(since) => self.fetches.insert((since, id)),
        };
        self.places.insert(id, place);
    }

    fn take_out(&mut self, id: LaneId) {
        match self.places.remove(&id) {
            None => false,
            Some(Place::Fresh) => self.fresh.remove(&id),
            Some(Place::Sleepers(fresh, since)) => self.sleepers.remove(&(fresh, since, id)),
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

    fn wake(&mut self, id: LaneId, at: Moment) {
        self.wakes.insert(id, at);
        self.timers.insert((at, id));
    }

    /// Whether a not begun machine waits in front of the gate.
    fn any_fresh(&self) -> bool {
        !self.fresh.is_empty()
    }

    pub(super) fn is_sleeper(&self, id: LaneId) -> bool {
        matches!(self.places.get(&id), Some(Place::Sleepers(..)))
    }

    pub(super) fn wants_start(&self, id: LaneId) -> bool {
        matches!(self.places.get(&id), Some(Place::Starts(..) | Place::Fresh))
    }
}

impl Fleet {
    /// What is to be done now. Each need is given once, and answered by a fact, or by
    /// [`Fleet::read_failed`], [`Fleet::watched`], [`Fleet::machines_read`]. `now` never goes
    /// backwards.
    pub fn poll(&mut self, now: Moment) -> Vec<Need> {
        self.now = self.now.max(now);
        let now = self.now;
        self.queues.polled = true;
        let mut needs = Vec::new();
        if self.to_resume {
            if !self.queues.recording {
                self.queues.recording = true;
                needs.push(Need::Record {
                    lane: None,
                    body: FactBody::Resumed,
                });
            }
            self.queues.wake_at = None;
            return needs;
        }
        self.look_at_lanes(now, &mut needs);
        if !self.orders.lost {
            self.record_limits(now, &mut needs);
            self.grant_cancels(now, &mut needs);
            self.grant_searches(now, &mut needs);
            self.grant_watch(now, &mut needs);
            self.grant_fetches(now, &mut needs);
            self.grant_machines(now, &mut needs);
            self.grant_starts(now, &mut needs);
        }
        self.queues.wake_at = self.next_wake(now);
        needs
    }

    /// When to poll next if nothing happens; `None`: only an answer can change anything. Exact: a
    /// poll at that moment has something to do, and one before it has not.
    pub fn wake_at(&self) -> Option<Moment> {
        if self.queues.polled {
            self.queues.wake_at
        } else {
            Some(self.now)
        }
    }

    /// Something that was asked for, or is going on, has yet to come to an end before a halted run
    /// can be left.
    pub(super) fn in_motion(&self) -> bool {
        !self.queues.polled
            || self.active.iter().any(|id| {
                let lane = &self.lanes[id.0 as usize];
                // A start that was granted and not announced when the halt came is not sent.
                let granted = lane.asked == Some(Ask::Start) && lane.progress.stage == Stage::Idle;
                !granted && !self.queues.parked.contains(id)
            })
    }

    fn look_at_lanes(&mut self, now: Moment, needs: &mut Vec<Need>) {
        while let Some(id) = self.queues.dirty.pop_first() {
            self.look_at(id, now, needs);
        }
        while let Some(&(at, id)) = self.queues.timers.first()
            && at <= now
        {
            self.look_at(id, now, needs);
        }
    }

    /// Finds out what one lane wants and puts it in the queue for that.
    fn look_at(&mut self, id: LaneId, now: Moment, needs: &mut Vec<Need>) {
        self.queues.take_out(id);
        let lane = &self.lanes[id.0 as usize];
        let progress = &lane.progress;
        if progress.is_done() {
            self.queues.unasked.remove(&id);
            return;
        }
        if progress.begun || progress.readiness != Readiness::Unasked {
            self.queues.unasked.remove(&id);
        }
        if lane.asked.is_some() {
            return;
        }
        if !progress.begun && !self.queues.admitted.contains(&id) {
            match progress.readiness {
                Readiness::Unasked if self.queues.unasked.contains(&id) => {}
                // Asked about and not in the answer: what the service says to a start will tell.
                Readiness::Unasked | Readiness::Ready => {
                    self.queues.unasked.remove(&id);
                    self.queues.put(id, Place::Fresh);
                }
                Readiness::Asleep => {
                    let since = progress.since;
                    self.queues.put(id, Place::Sleepers(true, since));
                }
            }
            return;
        }
        if let Some(retry_at) = lane.retry_at.filter(|retry_at| *retry_at > now)
            && !self.orders.lost
        {
            return self.queues.wake(id, retry_at);
        }
        let since = progress.since;
        match want(
            self.ground(id),
            progress,
            &self.orders,
            self.watcher.looked(),
            now,
        ) {
            Want::Over => {}
            Want::Answer => {}
            Want::Park => {
                self.queues.parked.insert(id);
            }
            Want::Pause { until, .. } => self.queues.wake(id, until),
            Want::Watch { wake, .. } => self.queues.wake(id, wake),
            Want::Resolve => {
                needs.push(Need::Resolve {
                    lane: id,
                    session: progress.session,
                });
                self.ask(id, Ask::Resolve);
            }
            Want::Record(body) => {
                needs.push(Need::Record {
                    lane: Some(id),
                    body,
                });
                self.ask(id, Ask::Record);
            }
            Want::Start {
                asleep,
                cleanup,
                give_up,
            } => {
                self.queues.put(
                    id,
                    if asleep {
                        Place::Sleepers(!progress.begun, since)
                    } else {
                        Place::Starts(!cleanup, since)
                    },
                );
                if let Some(give_up) = give_up {
                    self.queues.wake(id, give_up);
                }
            }
            Want::Search { .. } => self.queues.put(id, Place::Searches),
            Want::Cancel { .. } => self.queues.put(id, Place::Cancels),
            Want::Fetch { action, index, .. } => {
                if lane.failures >= FETCHES_MAX {
                    needs.push(Need::Record {
                        lane: Some(id),
                        body: FactBody::ResultMissing {
                            action,
                            index,
                            why: format!("it could not be fetched in {FETCHES_MAX} tries"),
                        },
                    });
                    self.ask(id, Ask::Fetch);
                } else {
                    self.queues.put(id, Place::Fetches(since));
                }
            }
        }
    }

    fn ask(&mut self, id: LaneId, ask: Ask) {
        self.queues.take_out(id);
        self.lanes[id.0 as usize].asked = Some(ask);
        self.file(id);
    }

    fn wants(&self, id: LaneId, now: Moment) -> Want {
        let progress = &self.lanes[id.0 as usize].progress;
        want(
            self.ground(id),
            progress,
            &self.orders,
            self.watcher.looked(),
            now,
        )
    }

    fn deadline_at(&self) -> Option<Moment> {
        let millis = self.plan.policy.deadline_ms?;
        (!self.orders.deadline).then(|| self.started + Duration::from_millis(millis))
    }

    /// When `offline.until` matters: only while a machine sleeps, or may.
    fn offline_at(&self) -> Option<Moment> {
        let waiting = !self.queues.sleepers.is_empty() || !self.open.is_empty();
        (!self.orders.offline && waiting).then(|| self.offline_until())
    }

    fn record_limits(&mut self, now: Moment, needs: &mut Vec<Need>) {
        if self.queues.recording || self.is_done() {
            return;
        }
        let limit = if self.deadline_at().is_some_and(|at| at <= now) {
            RunLimit::Deadline
        } else if self.offline_at().is_some_and(|at| at <= now) {
            RunLimit::Offline
        } else {
            return;
        };
        self.queues.recording = true;
        needs.push(Need::Record {
            lane: None,
            body: FactBody::Passed { limit },
        });
    }

    fn grant(&mut self, row: Row, now: Moment) -> bool {
        self.quota.row(row).is_some_and(|window| window.grant(now))
    }

    fn grant_cancels(&mut self, now: Moment, needs: &mut Vec<Need>) {
        while let Some(&id) = self.queues.cancels.first() {
            let Want::Cancel { action, why } = self.wants(id, now) else {
                self.look_at(id, now, needs);
                continue;
            };
            if !self.grant(Row::Cancels, now) {
                return;
            }
            needs.push(Need::Cancel {
                lane: id,
                action,
                why,
            });
            self.ask(id, Ask::Cancel);
        }
    }

    fn grant_searches(&mut self, now: Moment, needs: &mut Vec<Need>) {
        while let Some(&id) = self.queues.searches.first() {
            let Want::Search { since, settled } = self.wants(id, now) else {
                self.look_at(id, now, needs);
                continue;
            };
            if !self.grant(Row::Actions, now) {
                return;
            }
            let progress = &self.lanes[id.0 as usize].progress;
            needs.push(Need::Search {
                lane: id,
                session: progress.session,
                attempt: progress.attempt,
                tag: self.tag(id),
                since,
                conclusive: settled <= now,
            });
            self.ask(id, Ask::Search);
        }
    }

    fn grant_watch(&mut self, now: Moment, needs: &mut Vec<Need>) {
        self.watcher.open(!self.open.is_empty(), now);
        if self.watcher.due().is_some_and(|due| due <= now) && self.grant(Row::Actions, now) {
            self.watcher.ask(now);
            let actions = self.open.iter().filter_map(|id| {
                let action = self.lanes[id.0 as usize].progress.open_action()?;
                Some((*id, action.clone()))
            });
            needs.push(Need::Watch {
                actions: actions.collect(),
            });
        }
    }

    fn grant_fetches(&mut self, now: Moment, needs: &mut Vec<Need>) {
        while let Some(&(_, id)) = self.queues.fetches.first() {
            let Want::Fetch {
                action,
                index,
                settled,
            } = self.wants(id, now)
            else {
                self.look_at(id, now, needs);
                continue;
            };
            if !self.grant(Row::Links, now) {
                return;
            }
            let progress = &self.lanes[id.0 as usize].progress;
            let ground = self.ground(id);
            let command = progress
                .sent(ground)
                .get(usize::from(index))
                .and_then(|command| progress.command(ground, *command));
            let step = command.map_or(0, |command| command.step);
            needs.push(Need::Fetch {
                lane: id,
                session: progress.session,
                action,
                index,
                step,
                conclusive: settled <= now,
            });
            self.ask(id, Ask::Fetch);
        }
    }

    /// When the machine list is to be read, if it is: for the machines that come next, or for those
    /// that sleep.
    fn machines_due(&self) -> Option<Moment> {
        let queues = &self.queues;
        if queues.asking.is_some() || self.orders.halted() {
            return None;
        }
        let ahead = !queues.unasked.is_empty()
            && queues.fresh.len() < MACHINES_AHEAD
            && !self.orders.closed();
        let ahead = ahead.then_some(queues.machines_at);
        let again = !queues.sleepers.is_empty();
        let again = again.then_some(queues.machines_at.max(queues.sleepers_at));
        [ahead, again].into_iter().flatten().min()
    }

    fn grant_machines(&mut self, now: Moment, needs: &mut Vec<Need>) {
        if self.machines_due().is_none_or(|due| due > now) || !self.grant(Row::Machines, now) {
            return;
        }
        let queues = &mut self.queues;
        let mut lanes: Vec<LaneId> = Vec::new();
        if !self.orders.closed() && queues.fresh.len() < MACHINES_AHEAD {
            lanes.extend(queues.unasked.iter().take(MACHINES_AT_ONCE));
        }
        if queues.sleepers_at <= now {
            lanes.extend(queues.sleepers.iter().map(|(_, _, id)| *id));
            queues.sleepers_at = now + MACHINES_AGAIN;
        }
        queues.asking = Some(lanes.clone());
        needs.push(Need::Machines { lanes });
    }

    /// When the gate is open for machines that are not begun; `None` while only an answer opens it.
    fn gate_opens_at(&self, now: Moment) -> Option<Moment> {
        if self.orders.closed() {
            return None;
        }
        let active = u32::try_from(self.active.len()).unwrap_or(u32::MAX);
        if self
            .plan
            .policy
            .max_active
            .is_some_and(|max| active >= max.max(1))
        {
            return None;
        }
        let coming = u32::try_from(self.queues.admitted.len()).unwrap_or(u32::MAX);
        if self.begun + coming < self.wave_limit(self.wave) {
            return Some(now);
        }
        // The next wave, after the soak.
        if coming > 0 {
            return None;
        }
        let soak = Duration::from_millis(self.plan.policy.soak_ms);
        self.wave_over_at.map(|over| over + soak)
    }

    /// The lane whose start comes next: one that is begun, else a ready one, else a sleeping one.
    fn next_start(&self, now: Moment) -> Option<LaneId> {
        let queues = &self.queues;
        if let Some((_, _, id)) = queues.starts.first() {
            return Some(*id);
        }
        let gate = self.gate_opens_at(now).is_some_and(|at| at <= now);
        if gate && let Some(id) = queues.fresh.first() {
            return Some(*id);
        }
        let policy = &self.plan.policy.offline;
        let in_slots = u32::try_from(self.sleeping_in_slots.len()).unwrap_or(u32::MAX);
        if policy.mode == OfflineMode::Hold || in_slots >= policy.max_slots {
            return None;
        }
        let (fresh, _, id) = queues.sleepers.first()?;
        (gate || !fresh).then_some(*id)
    }

    fn slot_is_free(&self, now: Moment) -> bool {
        let held = u32::try_from(self.holding.len()).unwrap_or(u32::MAX);
        held < self.quota.slots(now)
    }

    fn grant_starts(&mut self, now: Moment, needs: &mut Vec<Need>) {
        while let Some(id) = self.next_start(now) {
            if !self.lanes[id.0 as usize].progress.begun {
                // From here on it is looked at like one that is begun.
                if !self.slot_is_free(now) || self.quota.free_at(Row::Starts, now) > now {
                    return;
                }
                self.queues.admitted.insert(id);
            }
            let Want::Start { .. } = self.wants(id, now) else {
                self.file(id);
                self.look_at(id, now, needs);
                continue;
            };
            if !self.slot_is_free(now) || self.quota.free_at(Row::Starts, now) > now {
                return;
            }
            self.quota.starts.take(id, now);
            let progress = &self.lanes[id.0 as usize].progress;
            needs.push(Need::Start {
                lane: id,
                session: progress.session,
                attempt: progress.attempt,
                tag: self.tag(id),
                only: progress.only,
            });
            self.ask(id, Ask::Start);
        }
    }

    fn tag(&self, id: LaneId) -> crate::name::Tag {
        let progress = &self.lanes[id.0 as usize].progress;
        let machine = &self.plan.machines[id.0 as usize].target.id;
        tag_of(&self.run, machine, progress.session, progress.attempt)
    }

    fn next_wake(&self, now: Moment) -> Option<Moment> {
        if self.orders.lost || self.is_done() {
            return None;
        }
        let queues = &self.queues;
        let free = |row, wanted: bool| wanted.then(|| self.quota.free_at(row, now));
        let machines = self.machines_due();
        let watch = self.watcher.due();
        let limits = [self.deadline_at(), self.offline_at()];
        let limits = limits.into_iter().flatten().filter(|_| !queues.recording);
        [
            queues.timers.first().map(|(at, _)| *at),
            free(Row::Cancels, !queues.cancels.is_empty()),
            free(Row::Actions, !queues.searches.is_empty()),
            free(Row::Links, !queues.fetches.is_empty()),
            watch.map(|due| due.max(self.quota.free_at(Row::Actions, due))),
            machines.map(|due| due.max(self.quota.free_at(Row::Machines, due))),
            self.start_comes_at(now),
        ]
        .into_iter()
        .flatten()
        .chain(limits)
        // Only an answer will tell.
        .filter(|at| *at < Moment::FAR_FUTURE)
        .min()
        // A moment that has passed would make the driver spin.
        .map(|at| at.max(now + Duration::from_millis(1)))
    }

    /// When a start may become possible by time alone.
    fn start_comes_at(&self, now: Moment) -> Option<Moment> {
        let mut at = now;
        if self.next_start(now).is_none() {
            // Only the gate can open by itself, and only for somebody.
            let mode = self.plan.policy.offline.mode;
            let sleepers = mode != OfflineMode::Hold && !self.queues.sleepers.is_empty();
            if !self.queues.any_fresh() && !sleepers {
                return None;
            }
            at = self.gate_opens_at(now).filter(|at| *at > now)?;
        }
        if !self.slot_is_free(now) {
            at = at.max(self.quota.slots_grow_at(now)?);
        }
        Some(at.max(self.quota.free_at(Row::Starts, at)))
    }

    /// What the lane waits for, for people.
    pub(super) fn waiting(&self, id: LaneId) -> Option<Waiting> {
        let lane = &self.lanes[id.0 as usize];
        let now = self.now;
        if lane.progress.is_done() {
            return None;
        }
        let progress = &lane.progress;
        if self.queues.parked.contains(&id) || (self.orders.halted() && !progress.begun) {
            return Some(Waiting::Resume);
        }
        if let Stage::Doubtful { settled, .. } = progress.stage {
            return Some(Waiting::Visibility { until: settled });
        }
        if lane.asked.is_some() && progress.open_action().is_none() {
            return None;
        }
        if self.queues.is_sleeper(id) {
            return Some(Waiting::Offline {
                until: self.offline_until(),
            });
        }
        if !progress.begun && !self.queues.admitted.contains(&id) {
            let gate = self.gate_opens_at(now);
            if gate.is_none_or(|at| at > now) && self.begun >= self.wave_limit(self.wave) {
                return Some(Waiting::Wave {
                    wave: u32::try_from(self.wave).unwrap_or(u32::MAX),
                });
            }
            if !self.queues.wants_start(id) || gate.is_none() {
                return Some(Waiting::Turn);
            }
        }
        if self.queues.wants_start(id) {
            if !self.slot_is_free(now) {
                return Some(Waiting::Slot {
                    used: u32::try_from(self.holding.len()).unwrap_or(u32::MAX),
                    of: self.quota.slots(now),
                });
            }
            let until = self.quota.free_at(Row::Starts, now);
            if until == Moment::FAR_FUTURE {
                return Some(Waiting::Turn);
            }
            return Some(Waiting::Rate {
                row: Row::Starts,
                until,
            });
        }
        match self.wants(id, now) {
            Want::Pause { waiting, .. } | Want::Watch { waiting, .. } => Some(waiting),
            Want::Fetch { .. } => Some(match lane.retry_at {
                Some(until) => Waiting::Retry { until },
                None => Waiting::Rate {
                    row: Row::Links,
                    until: self.quota.free_at(Row::Links, now),
                },
            }),
            _ => None,
        }
    }
}
