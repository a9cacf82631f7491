//! Whose turn it is: looks at the devices whose moment has come, and says when the next one comes.

use std::time::Duration;

use svar_plan::{DeviceIndex, OfflineMode};
use svar_wire::Moment;

use super::Fleet;
use crate::device::intent::{Intent, Outlook, want};
use crate::device::state::{Readiness, Stage};
use crate::endpoint::Endpoint;
use crate::fact::{FactBody, RunLimit};
use crate::need::Need;
use crate::schedule::queues::{Pending, Place};
use crate::status::Waiting;

/// Tries for one result before it is recorded as missing: about a quarter of an hour.
const FETCHES_MAX: u8 = 20;

impl Fleet {
    /// What is to be done now. Each need is given once, and answered by a fact, or by
    /// [`Fleet::read_failed`], [`Fleet::watched`], [`Fleet::devices_read`]. `now` never goes
    /// backwards.
    pub fn poll(&mut self, now: Moment) -> Vec<Need> {
        self.now = self.now.max(now);
        let now = self.now;
        self.look_at_the_clock(now);
        self.queues.polled = true;
        let mut needs = Vec::new();
        if self.to_resume {
            if !self.queues.recording {
                self.queues.recording = true;
                needs.push(Need::Record {
                    device: None,
                    body: FactBody::Resumed,
                });
            }
            self.queues.wake_at = None;
            return needs;
        }
        self.look_at_devices(now, &mut needs);
        if !self.orders.lost {
            self.record_limits(now, &mut needs);
        }
        // What is recorded or resolved may stop the run. A start that is granted beside it would no
        // longer fit, so grants come when it is known.
        if !self.orders.lost && needs.is_empty() {
            self.grant_cancels(now, &mut needs);
            self.grant_calls_back(now, &mut needs);
            self.grant_searches(now, &mut needs);
            self.grant_watch(now, &mut needs);
            self.grant_fetches(now, &mut needs);
            self.grant_devices(now, &mut needs);
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
                let device = &self.devices[id.place()];
                // A start that was granted and not announced when the halt came is not sent.
                let granted =
                    device.asked == Some(Pending::Start) && device.progress.stage == Stage::Idle;
                !granted && !self.queues.parked.contains(id)
            })
    }

    fn look_at_devices(&mut self, now: Moment, needs: &mut Vec<Need>) {
        while let Some(id) = self.queues.dirty.pop_first() {
            self.look_at(id, now, needs);
        }
        while let Some(&(at, id)) = self.queues.timers.first()
            && at <= now
        {
            self.look_at(id, now, needs);
        }
    }

    /// Finds out what one device wants and puts it in the queue for that.
    pub(super) fn look_at(&mut self, id: DeviceIndex, now: Moment, needs: &mut Vec<Need>) {
        self.queues.take_out(id);
        let device = &self.devices[id.place()];
        let progress = &device.progress;
        if progress.is_done() {
            self.queues.unasked.remove(&id);
            return;
        }
        if progress.begun || progress.readiness != Readiness::Unasked {
            self.queues.unasked.remove(&id);
        }
        if device.asked.is_some() {
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
                Readiness::Asleep | Readiness::Dozing { .. } => {
                    let since = progress.since;
                    self.queues.put(id, Place::Sleepers(true, since, false));
                }
            }
            return;
        }
        if let Some(retry_at) = device.retry_at.filter(|retry_at| *retry_at > now)
            && !self.orders.lost
        {
            return self.queues.wake(id, retry_at);
        }
        let since = progress.since;
        match want(self.context(id), progress, self.outlook(now)) {
            Intent::Over => {}
            Intent::Answer => {}
            Intent::Park => {
                self.queues.parked.insert(id);
            }
            Intent::Pause { until, .. } => self.queues.wake(id, until),
            Intent::Watch { wake, .. } => self.queues.wake(id, wake),
            Intent::Resolve => {
                needs.push(Need::Resolve {
                    device: id,
                    session: progress.session,
                });
                self.ask(id, Pending::Resolve);
            }
            Intent::Record(body) => {
                needs.push(Need::Record {
                    device: Some(id),
                    body,
                });
                self.ask(id, Pending::Record);
            }
            Intent::Start {
                asleep,
                cleanup,
                give_up,
            } => {
                // Held back: whom the list does not show is not started.
                let held = self.plan.policy.offline.mode == OfflineMode::Hold
                    && progress.readiness == Readiness::Asleep;
                self.queues.put(
                    id,
                    if asleep {
                        Place::Sleepers(!progress.touched, since, !held)
                    } else {
                        Place::Starts(!cleanup, since)
                    },
                );
                if let Some(give_up) = give_up {
                    self.queues.wake(id, give_up);
                }
            }
            Intent::Search { .. } => self.queues.put(id, Place::Searches),
            Intent::Cancel { .. } => self.queues.put(id, Place::Cancels),
            Intent::Fetch { action, index, .. } => {
                if device.failures >= FETCHES_MAX {
                    needs.push(Need::Record {
                        device: Some(id),
                        body: FactBody::ResultMissing {
                            action,
                            index,
                            why: format!("not fetched after {FETCHES_MAX} tries"),
                        },
                    });
                    self.ask(id, Pending::Fetch);
                } else {
                    self.queues.put(id, Place::Fetches(since));
                }
            }
        }
    }

    pub(super) fn ask(&mut self, id: DeviceIndex, ask: Pending) {
        self.queues.take_out(id);
        self.devices[id.place()].asked = Some(ask);
        self.file(id);
    }

    pub(super) fn wants(&self, id: DeviceIndex, now: Moment) -> Intent {
        let progress = &self.devices[id.place()].progress;
        want(self.context(id), progress, self.outlook(now))
    }

    fn outlook(&self, now: Moment) -> Outlook<'_> {
        Outlook {
            now,
            orders: &self.orders,
            looked: self.watcher.looked(),
            after_hours: self.is_after_hours(),
            over_for_today: self.orders.interrupts > 0 && self.hours_allow_at(now) > now,
        }
    }

    pub(super) fn deadline_at(&self) -> Option<Moment> {
        let millis = self.plan.policy.deadline_ms?;
        (!self.orders.deadline).then(|| self.started + Duration::from_millis(millis))
    }

    /// When `offline.until` matters: only while a device sleeps, or may.
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
            device: None,
            body: FactBody::Passed { limit },
        });
    }

    fn next_wake(&self, now: Moment) -> Option<Moment> {
        if self.orders.lost || self.is_done() {
            return None;
        }
        let queues = &self.queues;
        let free = |endpoint, wanted: bool| wanted.then(|| self.quota.free_at(endpoint, now));
        let devices = self.devices_due();
        let watch = self.watcher.due();
        let limits = [self.deadline_at(), self.offline_at()];
        let limits = limits.into_iter().flatten().filter(|_| !queues.recording);
        let to_cancel = !queues.cancels.is_empty() || !self.to_call_back(now).is_empty();
        [
            queues.timers.first().map(|(at, _)| *at),
            free(Endpoint::Cancels, to_cancel),
            free(Endpoint::Actions, !queues.searches.is_empty()),
            free(Endpoint::Links, !queues.fetches.is_empty()),
            watch.map(|due| due.max(self.quota.free_at(Endpoint::Actions, due))),
            devices.map(|due| due.max(self.quota.free_at(Endpoint::Devices, due))),
            self.start_comes_at(now),
            self.hours_end_at(now),
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

    /// What the device waits for, for people.
    pub(super) fn waiting(&self, id: DeviceIndex) -> Option<Waiting> {
        let device = &self.devices[id.place()];
        let now = self.now;
        if device.progress.is_done() {
            return None;
        }
        let progress = &device.progress;
        if self.queues.parked.contains(&id) || (self.orders.halted() && !progress.begun) {
            return Some(Waiting::Resume);
        }
        if let Stage::Doubtful { settled, .. } = progress.stage {
            return Some(Waiting::Visibility { until: settled });
        }
        if device.asked.is_some() && progress.open_action().is_none() {
            return None;
        }
        if self.queues.is_sleeper(id) {
            return Some(Waiting::Offline {
                until: self.offline_until(),
            });
        }
        let opens = self.hours_allow_at(now);
        if opens > now && (self.queues.wants_start(id) || !progress.begun) && device.asked.is_none()
        {
            return Some(Waiting::Hours { until: opens });
        }
        if !progress.begun && !self.queues.admitted.contains(&id) {
            let gate = self.gate_opens_at(now);
            if let Some((wave, until)) = self.soak() {
                return Some(Waiting::Soak { wave, until });
            }
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
            let until = self.quota.free_at(Endpoint::Starts, now);
            if until == Moment::FAR_FUTURE {
                return Some(Waiting::Turn);
            }
            return Some(Waiting::Rate {
                endpoint: Endpoint::Starts,
                until,
            });
        }
        match self.wants(id, now) {
            Intent::Pause { waiting, .. } | Intent::Watch { waiting, .. } => Some(waiting),
            Intent::Fetch { .. } => Some(match device.retry_at {
                Some(until) => Waiting::Retry { until },
                None => Waiting::Rate {
                    endpoint: Endpoint::Links,
                    until: self.quota.free_at(Endpoint::Links, now),
                },
            }),
            _ => None,
        }
    }
}
