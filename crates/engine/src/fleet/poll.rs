//! Looks at the devices for which something has changed or a moment has come, and finds when the next
//! one comes.

use std::time::Duration;

use svar_plan::{DeviceIndex, OfflineMode};
use svar_wire::Moment;

use super::{Fleet, count};
use crate::device::intent::{HoursNow, Intent, Outlook, StartKind, want};
use crate::device::state::Stage;
use crate::endpoint::Endpoint;
use crate::fact::{FactBody, RunLimit};
use crate::need::Need;
use crate::schedule::queues::{PendingNeed, Priority, Queue, StartOrder};
use crate::status::{Readiness, Waiting};

/// Tries for one result before it is recorded as missing: about a quarter of an hour.
const FETCHES_MAX: u8 = 20;

impl Fleet {
    /// Returns what is to be done now. Each need is given once, and answered by a fact, or by
    /// [`Fleet::read_failed`], [`Fleet::watched`], [`Fleet::devices_read`]. `now` never goes
    /// backwards.
    pub fn poll(&mut self, now: Moment) -> Vec<Need> {
        self.now = self.now.max(now);
        let now = self.now;
        self.update_hours(now);
        self.queues.wake_at_is_valid = true;
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
        if !self.orders.tenant_lost {
            self.record_limits(now, &mut needs);
        }
        // A fact that is recorded or resolved may stop the run. A start granted at the same time would no
        // longer fit, so grants come when it is known.
        if !self.orders.tenant_lost && needs.is_empty() {
            self.grant_cancels(now, &mut needs);
            self.grant_recalls(now, &mut needs);
            self.grant_searches(now, &mut needs);
            self.grant_watch(now, &mut needs);
            self.grant_fetches(now, &mut needs);
            self.grant_devices(now, &mut needs);
            self.grant_starts(now, &mut needs);
        }
        self.queues.wake_at = self.next_wake(now);
        needs
    }

    /// Returns when to poll next if nothing happens; `None` if only an answer can change anything.
    /// Exact: a poll at that moment has something to do, and one before it has not.
    pub fn wake_at(&self) -> Option<Moment> {
        if self.queues.wake_at_is_valid {
            self.queues.wake_at
        } else {
            Some(self.now)
        }
    }

    /// Returns whether something that was asked for, or is under way, has to end before a halted run
    /// can be left.
    pub(super) fn has_work_in_progress(&self) -> bool {
        !self.queues.wake_at_is_valid
            || self.active.iter().any(|id| {
                let device = &self.devices[id.place()];
                // A start that was granted and not announced when the halt came is not sent.
                let granted = device.pending == Some(PendingNeed::Start) && device.state.is_idle();
                !granted && !self.queues.awaiting_resume.contains(id)
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

    /// Finds what one device wants and puts it in the queue for that.
    pub(super) fn look_at(&mut self, id: DeviceIndex, now: Moment, needs: &mut Vec<Need>) {
        self.queues.take_out(id);
        let device = &self.devices[id.place()];
        let state = &device.state;
        if state.is_done() {
            self.queues.not_looked_up.remove(&id);
            return;
        }
        let is_started = state.traces.is_started();
        if is_started || state.readiness != Readiness::Unknown {
            self.queues.not_looked_up.remove(&id);
        }
        if device.pending.is_some() {
            return;
        }
        let turn = |priority| StartOrder {
            priority,
            since: state.since,
            device: id,
        };
        if !is_started && !self.queues.admitted.contains(&id) {
            match state.readiness {
                Readiness::Unknown if self.queues.not_looked_up.contains(&id) => {}
                // Asked about and not in the answer: the answer to a start will show.
                Readiness::Unknown | Readiness::Ready => {
                    self.queues.not_looked_up.remove(&id);
                    self.queues.put(id, Queue::Ready);
                }
                Readiness::Offline { .. } | Readiness::Unresponsive { .. } => {
                    let turn = turn(Priority::Normal);
                    self.queues.put(id, Queue::OfflineHeld(turn));
                }
            }
            return;
        }
        if let Some(retry_at) = device.retry_at.filter(|retry_at| *retry_at > now)
            && !self.orders.tenant_lost
        {
            return self.queues.wake(id, retry_at);
        }
        match want(self.context(id), state, self.outlook(now)) {
            Intent::Nothing | Intent::AwaitAnswer => {}
            Intent::WaitForResume => {
                self.queues.awaiting_resume.insert(id);
            }
            Intent::WaitUntil { until, .. } => self.queues.wake(id, until),
            Intent::Watch { wake, .. } => self.queues.wake(id, wake),
            Intent::Resolve => {
                needs.push(Need::Resolve {
                    device: id,
                    session: self.current(id).session,
                });
                self.ask(id, PendingNeed::Resolve);
            }
            Intent::Record(body) => {
                needs.push(Need::Record {
                    device: Some(id),
                    body,
                });
                self.ask(id, PendingNeed::Record);
            }
            Intent::Start { kind, give_up } => {
                let place = match kind {
                    StartKind::Cleanup => Queue::Starts(turn(Priority::High)),
                    StartKind::Main => Queue::Starts(turn(Priority::Normal)),
                    StartKind::Offline => {
                        let turn = turn(if state.traces.has_run() {
                            Priority::High
                        } else {
                            Priority::Normal
                        });
                        let hold = self.plan.policy.offline.mode == OfflineMode::Hold;
                        if hold && matches!(state.readiness, Readiness::Offline { .. }) {
                            Queue::OfflineHeld(turn)
                        } else {
                            Queue::OfflineMayStart(turn)
                        }
                    }
                };
                self.queues.put(id, place);
                if let Some(give_up) = give_up {
                    self.queues.wake(id, give_up);
                }
            }
            Intent::Search { .. } => self.queues.put(id, Queue::Searches),
            Intent::Cancel { .. } => self.queues.put(id, Queue::Cancels),
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
                    self.ask(id, PendingNeed::Fetch);
                } else {
                    let since = state.since;
                    self.queues.put(id, Queue::Fetches(since));
                }
            }
        }
    }

    /// Marks a need of the device as given out.
    pub(super) fn ask(&mut self, id: DeviceIndex, pending: PendingNeed) {
        self.queues.take_out(id);
        self.devices[id.place()].pending = Some(pending);
        self.update_sets(id);
    }

    pub(super) fn wants(&self, id: DeviceIndex, now: Moment) -> Intent {
        let state = &self.devices[id.place()].state;
        want(self.context(id), state, self.outlook(now))
    }

    fn outlook(&self, now: Moment) -> Outlook<'_> {
        Outlook {
            now,
            orders: &self.orders,
            action_list_read: self.watcher.last_read(),
            hours: if self.is_outside_hours() {
                HoursNow::Closed
            } else if self.hours_allow_at(now) > now {
                HoursNow::Closing
            } else {
                HoursNow::Open
            },
        }
    }

    pub(super) fn deadline_at(&self) -> Option<Moment> {
        let millis = self.plan.policy.deadline_ms?;
        (!self.orders.deadline_passed).then(|| self.started + Duration::from_millis(millis))
    }

    /// Returns `offline.until` if it matters: only while a device is offline, or may be.
    fn offline_at(&self) -> Option<Moment> {
        let waiting = !self.queues.offline.is_empty() || !self.open.is_empty();
        (!self.orders.offline_limit_passed && waiting).then(|| self.offline_until())
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
            body: FactBody::LimitPassed { limit },
        });
    }

    fn next_wake(&self, now: Moment) -> Option<Moment> {
        if self.orders.tenant_lost || self.is_done() {
            return None;
        }
        let queues = &self.queues;
        let free = |endpoint, wanted: bool| wanted.then(|| self.quota.free_at(endpoint, now));
        let devices = self.devices_due();
        let watch = self.watcher.due();
        let limits = [self.deadline_at(), self.offline_at()];
        let limits = limits.into_iter().flatten().filter(|_| !queues.recording);
        let to_cancel = !queues.cancels.is_empty() || !self.to_recall(now).is_empty();
        [
            queues.timers.first().map(|(at, _)| *at),
            free(Endpoint::Cancels, to_cancel),
            free(Endpoint::Actions, !queues.searches.is_empty()),
            free(Endpoint::Links, !queues.fetches.is_empty()),
            watch.map(|due| due.max(self.quota.free_at(Endpoint::Actions, due))),
            devices.map(|due| due.max(self.quota.free_at(Endpoint::Devices, due))),
            self.next_start_at(now),
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

    /// Returns what the device waits for, for people.
    pub(super) fn waiting(&self, id: DeviceIndex) -> Option<Waiting> {
        let device = &self.devices[id.place()];
        let now = self.now;
        let state = &device.state;
        if state.is_done() {
            return None;
        }
        let is_started = state.traces.is_started();
        if self.queues.awaiting_resume.contains(&id) || (self.orders.is_paused() && !is_started) {
            return Some(Waiting::Resume);
        }
        if let Stage::Searching { final_from, .. } = state.stage {
            return Some(Waiting::LostStart { until: final_from });
        }
        if device.pending.is_some() && state.open().is_none() {
            return None;
        }
        if self.queues.is_offline(id) {
            return Some(Waiting::Offline {
                until: self.offline_until(),
            });
        }
        let opens = self.hours_allow_at(now);
        if opens > now && (self.queues.wants_start(id) || !is_started) && device.pending.is_none() {
            return Some(Waiting::Hours { until: opens });
        }
        if !is_started && !self.queues.admitted.contains(&id) {
            let gate = self.gate_opens_at(now);
            if let Some((wave, until)) = self.soak() {
                return Some(Waiting::Soak { wave, until });
            }
            if gate.is_none_or(|at| at > now) && self.started_devices >= self.wave_limit(self.wave)
            {
                return Some(Waiting::Wave {
                    wave: count(self.wave),
                });
            }
            if !self.queues.wants_start(id) || gate.is_none() {
                return Some(Waiting::Turn);
            }
        }
        if self.queues.wants_start(id) {
            if !self.slot_is_free(now) {
                return Some(Waiting::Slot {
                    used: count(self.holding.len()),
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
            Intent::WaitUntil { waiting, .. } | Intent::Watch { waiting, .. } => Some(waiting),
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
