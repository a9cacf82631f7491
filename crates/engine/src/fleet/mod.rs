//! One run: all its devices, what they share, and what happens to them.
//!
//! [`Fleet::handle`] is here; [`Fleet::poll`] is in `turn.rs`. A device is looked at when something
//! happened to it or its own moment has come, never because another one was.

mod grant;
mod hours;
mod notes;
mod recover;
mod sleepers;
mod turn;
mod view;

pub use recover::ReplayError;
pub use sleepers::Known;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use sha2::{Digest, Sha256};

use svar_plan::{DeviceIndex, Plan, SessionIndex};
use svar_wire::Moment;
use svar_wire::{ActionId, DeviceId, RunId, Tag};

use crate::device::apply::{ActionOwner, apply};
use crate::device::state::{Context, DeviceState, Misfit, Stage};
use crate::device::transition;
use crate::end::EndState;
use crate::endpoint::Endpoint;
use crate::fact::{Attempt, Fact, FactBody, RunLimit};
use crate::retry::{AnswerClass, class_of_start};
use crate::schedule::queues::{Pending, Queues};
use crate::schedule::quota::Quota;
use crate::schedule::watcher::Watcher;
use crate::status::Tally;
use crate::stop::{Orders, Score};

/// A fact that does not fit the state that the facts before it have made. The state is unchanged.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{fact} does not fit: {why}")]
pub struct ProtocolError {
    /// The fact's name, with its device.
    pub fact: String,
    /// What it meets.
    pub why: String,
}

/// The tag of a start: the first 20 hexadecimal digits of SHA-256 over run, device, session and
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

/// One device of the run. Only `progress` is made of facts; the rest is this process's own.
#[derive(Debug)]
struct DeviceRun {
    progress: DeviceState,
    /// A need of it that is given out and not yet answered.
    asked: Option<Pending>,
    /// A read that failed is not asked for again before.
    retry_at: Option<Moment>,
    /// Reads that failed, without one that succeeded since.
    failures: u8,
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
    score: Score,
    tally: Tally,
    quota: Quota,
    watcher: Watcher,
    /// Begun or admitted, and not ended.
    active: BTreeSet<DeviceIndex>,
    /// Begun, not ended, and not asleep: they hold up the next wave.
    awake: BTreeSet<DeviceIndex>,
    /// Not ended, asleep, and not at work: begun or not.
    asleep: BTreeSet<DeviceIndex>,
    /// Holding a slot, or about to.
    holding: BTreeSet<DeviceIndex>,
    /// Holding a slot while the device sleeps.
    sleeping_in_slots: BTreeSet<DeviceIndex>,
    /// With an open action.
    open: BTreeSet<DeviceIndex>,
    /// Devices that were ever started.
    begun: u32,
    /// The wave that runs, from 0.
    wave: usize,
    /// When all that the wave may start had ended.
    wave_over_at: Option<Moment>,
    /// A replayed run asks to be taken up before anything else.
    to_resume: bool,
    /// The opening of the policy's hours that holds `now`, or the next one. It decides nothing but
    /// when starts are granted, so no fact is needed to replay it.
    opening: Option<(Moment, Moment)>,
    queues: Queues,
}

impl Fleet {
    /// A run that has not begun.
    pub fn new(run: &RunId, plan: Arc<Plan>, started: Moment) -> Fleet {
        let total = u32::try_from(plan.devices.len()).unwrap_or(u32::MAX);
        let mut fleet = Fleet {
            run: run.clone(),
            started,
            now: started,
            devices: Vec::with_capacity(plan.devices.len()),
            owners: BTreeMap::new(),
            orders: Orders::default(),
            score: Score {
                targets: total,
                ..Score::default()
            },
            tally: Tally {
                total,
                ..Tally::default()
            },
            quota: Quota::new(&plan.limits),
            watcher: Watcher::new(started),
            active: BTreeSet::new(),
            awake: BTreeSet::new(),
            asleep: BTreeSet::new(),
            holding: BTreeSet::new(),
            sleeping_in_slots: BTreeSet::new(),
            open: BTreeSet::new(),
            begun: 0,
            wave: 0,
            wave_over_at: None,
            to_resume: false,
            opening: None,
            queues: Queues::new(started),
            plan,
        };
        fleet.look_at_the_clock(started);
        for place in 0..total {
            let id = DeviceIndex(place);
            fleet.devices.push(DeviceRun {
                progress: DeviceState::new(started),
                asked: None,
                retry_at: None,
                failures: 0,
            });
            let mut progress = DeviceState::new(started);
            if transition::nothing_to_do(fleet.context(id), &mut progress, started) {
                fleet.set(id, progress, started);
            } else {
                fleet.queues.unasked.insert(id);
            }
        }
        fleet
    }

    /// Takes in one thing that happened. The fact's own time counts, and may lie a little before
    /// that of one handed in earlier.
    ///
    /// # Errors
    /// It does not fit: the caller made a mistake, or the journal is damaged. Nothing changed.
    pub fn handle(&mut self, fact: &Fact) -> Result<(), ProtocolError> {
        let misfit = |Misfit(why): Misfit| ProtocolError {
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
        self.queues.polled = false;
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
    ) -> Result<(), Misfit> {
        let device = self
            .devices
            .get(id.place())
            .ok_or(Misfit("there is no such device"))?;
        if let FactBody::StartAnnounced {
            session,
            attempt,
            tag,
            ..
        } = body
        {
            let device = &self.plan.devices[id.place()].target.id;
            if *tag != tag_of(&self.run, device, *session, *attempt) {
                return Err(Misfit("the tag is not this start's"));
            }
        }
        let known = match body.action().and_then(|action| self.owners.get(action)) {
            None => ActionOwner::No,
            Some(owner) if *owner == id => ActionOwner::Own,
            Some(_) => ActionOwner::Other,
        };
        let was_begun = device.progress.begun;
        let mut progress = device.progress.clone();
        apply(self.context(id), &mut progress, at, body, known)?;
        self.set(id, progress, at);
        self.answered(id, Pending::answered_by(body));

        match body {
            FactBody::StartAnnounced { .. } => {
                self.quota.starts.take(id, at);
                if !was_begun {
                    self.begun += 1;
                    self.queues.admitted.remove(&id);
                    while self.begun > self.wave_limit(self.wave) {
                        self.wave += 1;
                    }
                    self.wave_over_at = None;
                }
            }
            FactBody::StartAccepted { action, .. } => {
                self.quota.starts.settle(id, at);
                if known == ActionOwner::No {
                    self.owners.insert(action.clone(), id);
                }
            }
            FactBody::StartRefused { refusal, .. } => {
                self.quota.starts.settle(id, at);
                if class_of_start(refusal.status, &refusal.code) == AnswerClass::Throttled {
                    let held = u32::try_from(self.holding.len()).unwrap_or(u32::MAX);
                    let pause = refusal.retry_after_ms.map(Duration::from_millis);
                    self.quota.throttled(held, pause, at);
                }
            }
            FactBody::StartUnknown { .. } => self.quota.starts.settle(id, at),
            _ => {}
        }
        self.after(at);
        Ok(())
    }

    fn handle_run(&mut self, at: Moment, body: &FactBody) -> Result<(), Misfit> {
        match body {
            FactBody::Blocked { endpoint, until } => {
                self.quota.block(*endpoint, *until);
                if *endpoint == Endpoint::Actions {
                    self.watcher.throttled(at);
                }
                return Ok(());
            }
            FactBody::Interrupted { count } => {
                self.orders.interrupts = self.orders.interrupts.max(*count);
                self.touch_active();
            }
            FactBody::Stopped { how, .. } => {
                self.orders.stop(at, *how, true);
                self.obey_all(at);
            }
            FactBody::TenantLost { .. } => {
                self.orders.lost = true;
                self.touch_active();
            }
            FactBody::Passed { limit } => {
                match limit {
                    RunLimit::Deadline => self.orders.deadline = true,
                    RunLimit::Offline => self.orders.offline = true,
                }
                self.queues.recording = false;
                self.obey_all(at);
            }
            FactBody::Resumed => self.resumed(at),
            _ => return Err(Misfit("it concerns one device, and names none")),
        }
        self.after(at);
        Ok(())
    }

    /// What may follow from any fact: the stop rule falls, a wave is over.
    fn after(&mut self, at: Moment) {
        if self.orders.stopped.is_none() && self.score.stops(&self.plan.policy.stop_when) {
            self.orders.stop(at, self.plan.policy.on_stop, false);
            self.obey_all(at);
        }
        let over = self.begun >= self.wave_limit(self.wave) && self.awake.is_empty();
        if !over {
            self.wave_over_at = None;
        } else if self.wave_over_at.is_none() {
            self.wave_over_at = Some(at);
        }
    }

    /// A new order: every device looks whether it is meant. Happens a few times in a run.
    fn obey_all(&mut self, at: Moment) {
        for place in 0..self.devices.len() {
            let id = DeviceIndex(place as u32);
            if self.devices[place].progress.is_done() {
                continue;
            }
            let progress = self.devices[place].progress.clone();
            self.set(id, progress, at);
        }
        self.touch_active();
    }

    /// Nothing that an earlier process asked for is answered any more; a start that it announced
    /// may have been sent at any time until now.
    fn resumed(&mut self, at: Moment) {
        self.to_resume = false;
        self.queues.resumed(at);
        self.orders.interrupts = 0;
        self.orders.lost = false;
        self.quota.starts.settle_all(at + transition::ON_ITS_WAY);
        self.watcher.resumed(at);
        for place in 0..self.devices.len() {
            let id = DeviceIndex(place as u32);
            let device = &mut self.devices[place];
            device.asked = None;
            device.retry_at = None;
            device.failures = 0;
            if !device.progress.is_done() {
                let mut progress = device.progress.clone();
                transition::resume(&mut progress, at);
                self.set(id, progress, at);
            }
        }
    }

    fn touch_active(&mut self) {
        for id in self.active.clone() {
            self.queues.dirty.insert(id);
        }
    }

    /// Puts a device's new state in its place, with everything that is counted over devices.
    fn set(&mut self, id: DeviceIndex, mut progress: DeviceState, at: Moment) {
        let context = self.context(id);
        transition::obey(context, &mut progress, &self.orders, at);
        let owes = progress.is_done() && progress.owes_cleanup(context);
        let owed = {
            let old = &self.devices[id.place()].progress;
            old.is_done() && old.owes_cleanup(context)
        };
        let old = &self.devices[id.place()].progress;
        let newly_decided = match old.decided() {
            None => progress.decided(),
            Some(_) => None,
        };
        let newly_done = progress.is_done() && !old.is_done();
        if let Some(state) = newly_decided {
            self.score.count(state);
        }
        if newly_done {
            let state = progress.decided().unwrap_or(EndState::Ok);
            self.tally.ended[state.index()] += 1;
        }
        self.tally.cleanup_owed = self.tally.cleanup_owed + u32::from(owes) - u32::from(owed);
        let device = &mut self.devices[id.place()];
        if device.progress.stage != progress.stage {
            device.retry_at = None;
            device.failures = 0;
        }
        device.progress = progress;
        self.file(id);
        self.queues.dirty.insert(id);
    }

    /// Files the device in the sets that it belongs to.
    fn file(&mut self, id: DeviceIndex) {
        let device = &self.devices[id.place()];
        let progress = &device.progress;
        if progress.is_done() {
            self.queues.admitted.remove(&id);
        }
        let admitted = self.queues.admitted.contains(&id);
        let active = (progress.begun || admitted) && !progress.is_done();
        let starting = device.asked == Some(Pending::Start);
        let asleep = progress.readiness.sleeps();
        let in_slot = progress.holds_slot() || starting;
        let sleeps_in_slot = progress.sleeps_in_slot() || (starting && asleep);
        // Made of facts alone, so that a replay sees the same waves.
        let dozes = progress.sleeps_in_slot() || (asleep && progress.stage == Stage::Idle);
        let awake = progress.begun && !progress.is_done() && !dozes;
        let open = progress.open_action().is_some();
        for (set, belongs) in [
            (&mut self.active, active),
            (&mut self.awake, awake),
            (&mut self.asleep, dozes && !progress.is_done()),
            (&mut self.holding, in_slot),
            (&mut self.sleeping_in_slots, sleeps_in_slot),
            (&mut self.open, open),
        ] {
            if belongs {
                set.insert(id);
            } else {
                set.remove(&id);
            }
        }
    }

    /// How many devices may have been started by the end of a wave.
    fn wave_limit(&self, wave: usize) -> u32 {
        let total = self.tally.total;
        match self.plan.policy.waves.get(wave) {
            Some(amount) => amount.of(total),
            None => total,
        }
    }

    /// A need of the device was answered.
    fn answered(&mut self, id: DeviceIndex, ask: Option<Pending>) {
        let device = &mut self.devices[id.place()];
        if ask.is_some() && device.asked == ask {
            device.asked = None;
            self.file(id);
        }
    }

    /// Session slots that this run holds, or is about to.
    pub fn slots_held(&self) -> u32 {
        u32::try_from(self.holding.len()).unwrap_or(u32::MAX)
    }

    /// Nothing is left to be done: every device has ended, or the run was interrupted (or lost its
    /// tenant) and nothing of it is in motion any more. To be asked after [`Fleet::poll`].
    pub fn is_done(&self) -> bool {
        self.tally.finished() == self.tally.total || (self.orders.halted() && !self.in_motion())
    }
}
