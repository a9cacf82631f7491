//! One run: all its devices, what they share, and what happens to them.
//!
//! [`Fleet::handle`] is here; [`Fleet::poll`] is in `poll.rs`. A device is looked at when something
//! happened to it or its timer is due, never because another device changed.

mod grant;
mod hours;
mod offline;
mod poll;
mod recover;
mod reports;
mod view;

pub use recover::ReplayError;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use sha2::{Digest, Sha256};

use svar_plan::{DeviceIndex, Opening, Plan, SessionIndex};
use svar_wire::Moment;
use svar_wire::{ActionId, DeviceId, RunId, Tag};

use crate::device::apply::ActionOwner;
use crate::device::state::{Context, DeviceState, Rejected};
use crate::device::transition::{REQUEST_ARRIVAL_LAG, Transition};
use crate::end::EndState;
use crate::endpoint::Endpoint;
use crate::fact::{Attempt, Fact, FactBody, RunLimit};
use crate::retry::{AnswerClass, class_of_start};
use crate::schedule::queues::{PendingNeed, Queues};
use crate::schedule::quota::Quota;
use crate::schedule::watcher::Watcher;
use crate::status::Tally;
use crate::stop::{Orders, StopCounts, StoppedBy};

/// A fact that does not fit the state that the facts before it have made. The state is unchanged.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{fact} does not fit: {why}")]
pub struct ProtocolError {
    /// The fact's name, with its device.
    pub fact: String,
    /// What it meets.
    pub why: String,
}

/// Returns the tag of a start: the first 20 hexadecimal digits of SHA-256 over run, device, session and
/// attempt. The same start has the same tag in every process that works on the run.
pub fn tag_of(run: &RunId, device: &DeviceId, session: SessionIndex, attempt: Attempt) -> Tag {
    let text = format!("{run}\n{device}\n{session}\n{attempt}\n");
    let digest = Sha256::digest(text.as_bytes());
    let mut digits = String::with_capacity(20);
    for byte in &digest[..10] {
        for nibble in [byte >> 4, byte & 15] {
            digits.push(char::from(b"0123456789abcdef"[usize::from(nibble)]));
        }
    }
    match Tag::parse(&digits) {
        Ok(tag) => tag,
        Err(error) => unreachable!("internal error: a tag of our own making: {error}"),
    }
}

/// One device of the run. Only `state` is made of facts; the rest is private to this process.
#[derive(Debug)]
struct DeviceRun {
    state: DeviceState,
    /// A need of it that was returned by a poll and has no answer.
    pending: Option<PendingNeed>,
    /// A read that failed is not asked for again before.
    retry_at: Option<Moment>,
    /// Reads in a row that failed.
    failures: u8,
    /// The sets that it is memberships in.
    memberships: Memberships,
}

/// The sets of the run that a device belongs to.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
struct Memberships {
    active: bool,
    online: bool,
    offline: bool,
    holding: bool,
    offline_in_slots: bool,
    open: bool,
}

impl DeviceRun {
    fn new(state: DeviceState) -> Self {
        DeviceRun {
            state,
            pending: None,
            retry_at: None,
            failures: 0,
            memberships: Memberships::default(),
        }
    }

    /// Forgets failed reads of an earlier process or an earlier stage.
    fn forget_reads(&mut self) {
        self.retry_at = None;
        self.failures = 0;
    }
}

/// What a device adds to the sums of the run.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
struct DeviceCounts {
    decided: Option<EndState>,
    ended: Option<EndState>,
    owes_cleanup: bool,
}

impl DeviceCounts {
    fn of(context: Context<'_>, state: &DeviceState) -> Self {
        let decided = state.certain_end();
        let is_done = state.is_done();
        DeviceCounts {
            decided,
            ended: decided.filter(|_| is_done),
            owes_cleanup: is_done && state.owes_cleanup(context),
        }
    }
}

/// Returns a number of devices or waves as the type of their indices.
///
/// # Panics
/// It does not fit, which is our own mistake.
fn count(devices: usize) -> u32 {
    match u32::try_from(devices) {
        Ok(count) => count,
        Err(_) => panic!("internal error: {devices} is no number of devices"),
    }
}

/// One run.
#[derive(Debug)]
pub struct Fleet {
    run: RunId,
    plan: Arc<Plan>,
    started: Moment,
    now: Moment,
    devices: Vec<DeviceRun>,
    /// Whose an action is: every one that this run ever owned.
    owners: BTreeMap<ActionId, DeviceIndex>,
    orders: Orders,
    stop_counts: StopCounts,
    tally: Tally,
    quota: Quota,
    watcher: Watcher,
    /// Begun or admitted, and not ended.
    active: BTreeSet<DeviceIndex>,
    /// Begun, not ended, and not offline: they hold up the next wave.
    online: BTreeSet<DeviceIndex>,
    /// Not ended, offline, and without a running session.
    offline: BTreeSet<DeviceIndex>,
    /// Holding a slot, or about to.
    holding: BTreeSet<DeviceIndex>,
    /// Holding a slot while the device is offline.
    offline_in_slots: BTreeSet<DeviceIndex>,
    /// With an open action.
    open: BTreeSet<DeviceIndex>,
    /// Number of devices that were started at least once.
    started_devices: u32,
    /// The wave that runs, from 0.
    wave: usize,
    /// When the last online device of the wave had ended.
    wave_over_at: Option<Moment>,
    /// A replayed run first asks for `Resumed` to be recorded.
    to_resume: bool,
    /// The opening of the policy's hours that contains `now`, or the next one. It decides nothing but
    /// when starts are granted, so no fact is needed to replay it.
    opening: Option<Opening>,
    queues: Queues,
}

impl Fleet {
    /// Returns a run without facts.
    pub fn new(run: &RunId, plan: Arc<Plan>, started: Moment) -> Fleet {
        let total = count(plan.devices.len());
        let mut fleet = Fleet {
            run: run.clone(),
            started,
            now: started,
            devices: Vec::with_capacity(plan.devices.len()),
            owners: BTreeMap::new(),
            orders: Orders::default(),
            stop_counts: StopCounts {
                targets: total,
                ..StopCounts::default()
            },
            tally: Tally {
                total,
                ..Tally::default()
            },
            quota: Quota::new(&plan.limits),
            watcher: Watcher::new(started),
            active: BTreeSet::new(),
            online: BTreeSet::new(),
            offline: BTreeSet::new(),
            holding: BTreeSet::new(),
            offline_in_slots: BTreeSet::new(),
            open: BTreeSet::new(),
            started_devices: 0,
            wave: 0,
            wave_over_at: None,
            to_resume: false,
            opening: None,
            queues: Queues::new(started),
            plan,
        };
        fleet.update_hours(started);
        for id in DeviceIndex::all(fleet.plan.devices.len()) {
            let state = DeviceState::new(fleet.context(id), started);
            let counted = DeviceCounts::of(fleet.context(id), &state);
            fleet.recount(DeviceCounts::default(), counted);
            if !state.is_done() {
                fleet.queues.not_looked_up.insert(id);
            }
            fleet.devices.push(DeviceRun::new(state));
        }
        fleet
    }

    /// Applies a fact. Its own time counts, and may lie a little before that of an earlier one.
    ///
    /// # Errors
    /// It does not fit: the caller made a mistake, or the journal is damaged. Nothing has changed.
    pub fn handle(&mut self, fact: &Fact) -> Result<(), ProtocolError> {
        let misfit = |Rejected(why): Rejected| ProtocolError {
            fact: match fact.device {
                Some(device) => format!("{} of device {device}", fact.body.name()),
                None => fact.body.name().to_owned(),
            },
            why: why.to_owned(),
        };
        match fact.device {
            Some(device) => self
                .handle_device(device, fact.at, &fact.body)
                .map_err(misfit)?,
            None => self.handle_run(fact.at, &fact.body).map_err(misfit)?,
        }
        self.now = self.now.max(fact.at);
        self.queues.wake_at_is_valid = false;
        Ok(())
    }

    fn context(&self, device: DeviceIndex) -> Context<'_> {
        Context {
            plan: &self.plan,
            device: &self.plan.devices[device.place()],
            offline_until: self.offline_until(),
        }
    }

    fn offline_until(&self) -> Moment {
        self.started + Duration::from_millis(self.plan.policy.offline.until_ms)
    }

    fn handle_device(
        &mut self,
        id: DeviceIndex,
        at: Moment,
        body: &FactBody,
    ) -> Result<(), Rejected> {
        let device = self
            .devices
            .get(id.place())
            .ok_or(Rejected("there is no such device"))?;
        if let FactBody::StartAnnounced {
            session,
            attempt,
            tag,
            ..
        } = body
        {
            let device = &self.plan.devices[id.place()].target.id;
            if *tag != tag_of(&self.run, device, *session, *attempt) {
                return Err(Rejected("the tag is not this start's"));
            }
        }
        let owner = match body.action().and_then(|action| self.owners.get(action)) {
            None => ActionOwner::Unowned,
            Some(owner) if *owner == id => ActionOwner::ThisDevice,
            Some(_) => ActionOwner::OtherDevice,
        };
        let was_started = device.state.traces.is_started();
        self.change(id, at, |device| device.apply(body, owner))?;
        self.answered(id, PendingNeed::answered_by(body));

        match body {
            FactBody::StartAnnounced { .. } => {
                self.quota.starts.take(id, at);
                if !was_started {
                    self.started_devices += 1;
                    self.queues.admitted.remove(&id);
                    while self.started_devices > self.wave_limit(self.wave) {
                        self.wave += 1;
                    }
                    self.wave_over_at = None;
                }
            }
            FactBody::StartAccepted { action, .. } => {
                self.quota.starts.count_from(id, at);
                if owner == ActionOwner::Unowned {
                    self.owners.insert(action.clone(), id);
                }
            }
            FactBody::StartRefused { refusal, .. } => {
                self.quota.starts.count_from(id, at);
                if class_of_start(refusal.status, &refusal.code) == AnswerClass::Throttled {
                    let held = count(self.holding.len());
                    let pause = refusal.retry_after_ms.map(Duration::from_millis);
                    self.quota.throttled(held, pause, at);
                }
            }
            FactBody::StartUnknown { .. } => self.quota.starts.count_from(id, at),
            _ => {}
        }
        self.check_stop_rule_and_wave(at);
        Ok(())
    }

    fn handle_run(&mut self, at: Moment, body: &FactBody) -> Result<(), Rejected> {
        match body {
            FactBody::RateLimited { endpoint, until } => {
                self.quota.block(*endpoint, *until);
                if *endpoint == Endpoint::Actions {
                    self.watcher.throttled(at);
                }
                return Ok(());
            }
            FactBody::Interrupted { how } => {
                self.orders.interrupt = self.orders.interrupt.max(Some(*how));
                self.mark_active_dirty();
            }
            FactBody::Stopped { how, .. } => {
                self.orders.stop(at, *how, StoppedBy::Operator);
                self.apply_orders_to_all(at);
            }
            FactBody::TenantLost { .. } => {
                self.orders.tenant_lost = true;
                self.mark_active_dirty();
            }
            FactBody::LimitPassed { limit } => {
                match limit {
                    RunLimit::Deadline => self.orders.deadline_passed = true,
                    RunLimit::Offline => self.orders.offline_limit_passed = true,
                }
                self.queues.recording = false;
                self.apply_orders_to_all(at);
            }
            FactBody::Resumed => self.resumed(at),
            _ => return Err(Rejected("it concerns one device, and names none")),
        }
        self.check_stop_rule_and_wave(at);
        Ok(())
    }

    /// Applies what may follow from any fact: the stop rule is met, or a wave is over.
    fn check_stop_rule_and_wave(&mut self, at: Moment) {
        if self.orders.stopped.is_none() && self.stop_counts.is_met(&self.plan.policy.stop_when) {
            let how = self.plan.policy.on_stop;
            self.orders.stop(at, how, StoppedBy::Rule);
            self.apply_orders_to_all(at);
        }
        let over = self.started_devices >= self.wave_limit(self.wave) && self.online.is_empty();
        if !over {
            self.wave_over_at = None;
        } else if self.wave_over_at.is_none() {
            self.wave_over_at = Some(at);
        }
    }

    /// Makes every device obey a new order. Happens a few times in a run.
    fn apply_orders_to_all(&mut self, at: Moment) {
        self.change_all(at, |_| {});
        self.mark_active_dirty();
    }

    /// Resumes the run of an earlier process. Its needs are not answered any more; a start that it
    /// announced may have been sent at any time until now.
    fn resumed(&mut self, at: Moment) {
        self.to_resume = false;
        self.queues.resumed(at);
        self.orders.interrupt = None;
        self.orders.tenant_lost = false;
        self.quota
            .starts
            .count_unanswered_from(at + REQUEST_ARRIVAL_LAG);
        self.watcher.resumed(at);
        for device in &mut self.devices {
            device.pending = None;
            device.forget_reads();
        }
        self.change_all(at, |mut device| device.resume());
    }

    fn mark_active_dirty(&mut self) {
        for id in self.active.clone() {
            self.queues.dirty.insert(id);
        }
    }

    /// Changes all devices that have not ended.
    fn change_all(&mut self, at: Moment, change: impl Fn(Transition<'_, '_>)) {
        for id in DeviceIndex::all(self.devices.len()) {
            if self.devices[id.place()].state.is_done() {
                continue;
            }
            let changed = self.change(id, at, |device| {
                change(device);
                Ok(())
            });
            if let Err(Rejected(why)) = changed {
                panic!("internal error: a change that does not depend on the state failed: {why}");
            }
        }
    }

    /// Changes a device's state, and updates everything that is counted over devices.
    ///
    /// # Errors
    /// Those of `change`, which leaves the state as it was then.
    fn change(
        &mut self,
        id: DeviceIndex,
        at: Moment,
        change: impl FnOnce(Transition<'_, '_>) -> Result<(), Rejected>,
    ) -> Result<(), Rejected> {
        let context = Context {
            plan: &self.plan,
            device: id.of(&self.plan.devices),
            offline_until: self.offline_until(),
        };
        let device = &mut self.devices[id.place()];
        let state = &mut device.state;
        let (counted, read) = (DeviceCounts::of(context, state), state.awaited_read());
        change(Transition { context, state, at })?;
        Transition { context, state, at }.apply_orders(&self.orders);
        let now_counted = DeviceCounts::of(context, state);
        if read != state.awaited_read() {
            device.forget_reads();
        }
        self.recount(counted, now_counted);
        self.update_sets(id);
        self.queues.dirty.insert(id);
        Ok(())
    }

    /// Updates the sums for a device whose contribution has changed.
    fn recount(&mut self, before: DeviceCounts, after: DeviceCounts) {
        if let (None, Some(state)) = (before.decided, after.decided) {
            self.stop_counts.count(state);
        }
        if let (None, Some(state)) = (before.ended, after.ended) {
            self.tally.ended[state.index()] += 1;
        }
        let owed = self.tally.cleanup_owed + u32::from(after.owes_cleanup);
        self.tally.cleanup_owed = owed - u32::from(before.owes_cleanup);
    }

    /// Files the device in the sets that it belongs to.
    fn update_sets(&mut self, id: DeviceIndex) {
        let device = &self.devices[id.place()];
        let state = &device.state;
        let is_done = state.is_done();
        if is_done {
            self.queues.admitted.remove(&id);
        }
        let is_admitted = self.queues.admitted.contains(&id);
        let is_started = state.traces.is_started();
        let is_starting = device.pending == Some(PendingNeed::Start);
        let is_offline = state.readiness.is_offline();
        // Made of facts alone, so that a replay sees the same waves.
        let waits_offline = state.is_offline_in_slot() || (is_offline && state.is_idle());
        let memberships = Memberships {
            active: !is_done && (is_started || is_admitted),
            online: !is_done && is_started && !waits_offline,
            offline: !is_done && waits_offline,
            holding: state.holds_slot() || is_starting,
            offline_in_slots: state.is_offline_in_slot() || (is_starting && is_offline),
            open: state.open().is_some(),
        };
        let before = std::mem::replace(&mut self.devices[id.place()].memberships, memberships);
        for (set, was, is) in [
            (&mut self.active, before.active, memberships.active),
            (&mut self.online, before.online, memberships.online),
            (&mut self.offline, before.offline, memberships.offline),
            (&mut self.holding, before.holding, memberships.holding),
            (
                &mut self.offline_in_slots,
                before.offline_in_slots,
                memberships.offline_in_slots,
            ),
            (&mut self.open, before.open, memberships.open),
        ] {
            match (was, is) {
                (false, true) => set.insert(id),
                (true, false) => set.remove(&id),
                (false, false) | (true, true) => continue,
            };
        }
    }

    /// Returns how many devices may have been started by the end of a wave.
    fn wave_limit(&self, wave: usize) -> u32 {
        let total = self.tally.total;
        match self.plan.policy.waves.get(wave) {
            Some(amount) => amount.of(total),
            None => total,
        }
    }

    /// Marks a need of the device as answered.
    fn answered(&mut self, id: DeviceIndex, answered: Option<PendingNeed>) {
        let device = &mut self.devices[id.place()];
        if answered.is_some() && device.pending == answered {
            device.pending = None;
            self.update_sets(id);
        }
    }

    /// Returns the session slots that this run holds, or is about to.
    pub fn slots_held(&self) -> u32 {
        count(self.holding.len())
    }

    /// Returns whether nothing is left to be done: every device has ended, or the run was interrupted
    /// (or lost its tenant) and nothing of it is under way. To be called after [`Fleet::poll`].
    pub fn is_done(&self) -> bool {
        self.tally.finished() == self.tally.total
            || (self.orders.is_paused() && !self.has_work_in_progress())
    }
}
