//! Grants what devices want, as far as quotas, slots, waves and the share of offline devices allow it
//! at this moment.

use std::time::Duration;

use svar_plan::{
    DEVICE_LIST_INTERVAL, DEVICE_LIST_INTERVAL_IDLE, DEVICES_PER_LOOKUP, DeviceIndex, OfflineMode,
};
use svar_wire::Moment;
use svar_wire::{ActionId, Tag};

use super::{Fleet, count, tag_of};
use crate::device::intent::Intent;
use crate::device::state::Current;
use crate::endpoint::Endpoint;
use crate::fact::CancelWhy;
use crate::need::{Need, NotFound};
use crate::schedule::queues::PendingNeed;
use crate::schedule::watcher::{Awaited, Bottleneck};

/// With fewer devices left that are known to be ready, the device list is read for the next ones.
const MIN_READY: usize = 60;

/// If results wait longer than this for their links, links are the bottleneck of the run.
const LINKS_BOTTLENECK_WAIT: Duration = Duration::from_secs(60);

impl Fleet {
    /// Takes a call of an endpoint that is not `starts`, if one fits now; returns whether it does.
    fn grant(&mut self, endpoint: Endpoint, now: Moment) -> bool {
        self.quota
            .endpoint(endpoint)
            .is_some_and(|window| window.grant(now))
    }

    pub(super) fn grant_cancels(&mut self, now: Moment, needs: &mut Vec<Need>) {
        while let Some(&id) = self.queues.cancels.first() {
            let Intent::Cancel { action, why } = self.wants(id, now) else {
                self.look_at(id, now, needs);
                continue;
            };
            if !self.grant_cancel(id, action, why, now, needs) {
                return;
            }
        }
    }

    /// Grants one cancel if its endpoint allows it now; returns whether it does.
    pub(super) fn grant_cancel(
        &mut self,
        device: DeviceIndex,
        action: ActionId,
        why: CancelWhy,
        now: Moment,
        needs: &mut Vec<Need>,
    ) -> bool {
        let granted = self.grant(Endpoint::Cancels, now);
        if granted {
            needs.push(Need::Cancel {
                device,
                action,
                why,
            });
            self.ask(device, PendingNeed::Cancel);
        }
        granted
    }

    pub(super) fn grant_searches(&mut self, now: Moment, needs: &mut Vec<Need>) {
        while let Some(&id) = self.queues.searches.first() {
            let Intent::Search { final_from } = self.wants(id, now) else {
                self.look_at(id, now, needs);
                continue;
            };
            if !self.grant(Endpoint::Actions, now) {
                return;
            }
            let current = self.current(id);
            needs.push(Need::Search {
                device: id,
                session: current.session,
                attempt: current.attempt,
                tag: self.tag(id),
                not_found: NotFound::at(now, final_from),
            });
            self.ask(id, PendingNeed::Search);
        }
    }

    pub(super) fn grant_watch(&mut self, now: Moment, needs: &mut Vec<Need>) {
        self.watcher.set_awaited(self.awaited(), now);
        if self.watcher.due().is_some_and(|due| due <= now) && self.grant(Endpoint::Actions, now) {
            let links_bind = !self.queues.fetches.is_empty()
                && self.quota.free_at(Endpoint::Links, now) > now + LINKS_BOTTLENECK_WAIT;
            let bottleneck = if links_bind {
                Bottleneck::Links
            } else {
                Bottleneck::Sessions
            };
            self.watcher.ask(now, bottleneck);
            let actions = self.open.iter().filter_map(|id| {
                let open = self.devices[id.place()].state.open()?;
                Some((*id, open.action.clone()))
            });
            needs.push(Need::Watch {
                actions: actions.collect(),
            });
        }
    }

    fn awaited(&self) -> Awaited {
        // No more than there are slots.
        let offline = self.offline_in_slots.iter().filter(|id| {
            let state = &self.devices[id.place()].state;
            state.waits_for_device().is_some() || state.is_cancel_undelivered()
        });
        match self.open.len() {
            0 => Awaited::Nothing,
            open if open == offline.count() => Awaited::OfflineDevices,
            _ => Awaited::Sessions,
        }
    }

    pub(super) fn grant_fetches(&mut self, now: Moment, needs: &mut Vec<Need>) {
        while let Some(&(_, id)) = self.queues.fetches.first() {
            let Intent::Fetch {
                action,
                index,
                final_from,
            } = self.wants(id, now)
            else {
                self.look_at(id, now, needs);
                continue;
            };
            if !self.grant(Endpoint::Links, now) {
                return;
            }
            let Some(sent) = self.devices[id.place()].state.sent() else {
                panic!("internal error: device {id} wants a result and has sent nothing");
            };
            needs.push(Need::Fetch {
                device: id,
                session: sent.current.session,
                action,
                index,
                step: sent.command(self.context(id), index).step,
                not_found: NotFound::at(now, final_from),
            });
            self.ask(id, PendingNeed::Fetch);
        }
    }

    /// Returns when the device list is to be read, if it is: for the devices that come next, or for
    /// those that are offline.
    pub(super) fn devices_due(&self) -> Option<Moment> {
        let queues = &self.queues;
        if queues.looking_up.is_some() || self.orders.is_paused() {
            return None;
        }
        let ahead = !queues.not_looked_up.is_empty()
            && queues.ready.len() < MIN_READY
            && !self.orders.begins_no_device();
        let ahead = ahead.then_some(queues.devices_at);
        let again = !queues.offline.is_empty();
        let again = again.then_some(queues.devices_at.max(self.offline_due()));
        // What the list says hours before a start is allowed is no longer true then.
        let due = [ahead, again].into_iter().flatten().min()?;
        Some(self.hours_allow_at(due))
    }

    /// Returns when the device list is to be read for offline devices.
    fn offline_due(&self) -> Moment {
        let queues = &self.queues;
        if queues.ready.is_empty() && queues.not_looked_up.is_empty() {
            queues.offline_at - (DEVICE_LIST_INTERVAL - DEVICE_LIST_INTERVAL_IDLE)
        } else {
            queues.offline_at
        }
    }

    pub(super) fn grant_devices(&mut self, now: Moment, needs: &mut Vec<Need>) {
        if self.devices_due().is_none_or(|due| due > now) || !self.grant(Endpoint::Devices, now) {
            return;
        }
        let offline_due = self.offline_due();
        let queues = &mut self.queues;
        let mut devices: Vec<DeviceIndex> = Vec::new();
        if !self.orders.begins_no_device() && queues.ready.len() < MIN_READY {
            devices.extend(queues.not_looked_up.iter().take(DEVICES_PER_LOOKUP));
        }
        if offline_due <= now {
            devices.extend(queues.offline.iter().map(|turn| turn.device));
            queues.offline_at = now + DEVICE_LIST_INTERVAL;
        }
        queues.looking_up = Some(devices.clone());
        needs.push(Need::Devices { devices });
    }

    /// Returns when a further device may be started, by waves and `max_active`; `None` while only an answer can
    /// allow it.
    pub(super) fn gate_opens_at(&self, now: Moment) -> Option<Moment> {
        if self.orders.begins_no_device() {
            return None;
        }
        let active = count(self.active.len());
        if self
            .plan
            .policy
            .max_active
            .is_some_and(|max| active >= max.max(1))
        {
            return None;
        }
        let coming = count(self.queues.admitted.len());
        if self.started_devices + coming < self.wave_limit(self.wave) {
            return Some(now);
        }
        // The next wave, after the soak.
        if coming > 0 {
            return None;
        }
        let soak = Duration::from_millis(self.plan.policy.soak_ms);
        self.wave_over_at.map(|over| over + soak)
    }

    /// Returns the device whose start comes next: a started one, else a ready one, else an offline
    /// one.
    fn next_start(&self, now: Moment) -> Option<DeviceIndex> {
        let queues = &self.queues;
        if let Some(turn) = queues.starts.first() {
            return Some(turn.device);
        }
        let gate = self.gate_opens_at(now).is_some_and(|at| at <= now);
        if gate && let Some(id) = queues.ready.first() {
            return Some(*id);
        }
        let policy = &self.plan.policy.offline;
        if count(self.offline_in_slots.len()) >= policy.max_slots {
            return None;
        }
        let hold = policy.mode == OfflineMode::Hold;
        // Other devices will want the slots as soon as the list has shown them to be ready.
        if hold && !queues.not_looked_up.is_empty() && !self.orders.begins_no_device() {
            return None;
        }
        let next = if gate && !hold {
            queues.offline.first()
        } else {
            queues.offline_may_start.first()
        };
        next.map(|turn| turn.device)
    }

    pub(super) fn slot_is_free(&self, now: Moment) -> bool {
        count(self.holding.len()) < self.quota.slots(now)
    }

    pub(super) fn grant_starts(&mut self, now: Moment, needs: &mut Vec<Need>) {
        if self.hours_allow_at(now) > now {
            return;
        }
        while let Some(id) = self.next_start(now) {
            if !self.devices[id.place()].state.traces.is_started() {
                // From here on it is treated like a started one.
                if !self.slot_is_free(now) || self.quota.free_at(Endpoint::Starts, now) > now {
                    return;
                }
                self.queues.admitted.insert(id);
            }
            let Intent::Start { .. } = self.wants(id, now) else {
                self.update_sets(id);
                self.look_at(id, now, needs);
                continue;
            };
            if !self.slot_is_free(now) || self.quota.free_at(Endpoint::Starts, now) > now {
                return;
            }
            self.quota.starts.take(id, now);
            let current = self.current(id);
            needs.push(Need::Start {
                device: id,
                session: current.session,
                attempt: current.attempt,
                tag: self.tag(id),
                commands: current.to_send(self.context(id)),
            });
            self.ask(id, PendingNeed::Start);
        }
    }

    /// Returns the session that a device is at which has not ended.
    pub(super) fn current(&self, id: DeviceIndex) -> &Current {
        match self.devices[id.place()].state.current() {
            Some(current) => current,
            None => panic!("internal error: device {id} wants something and has ended"),
        }
    }

    fn tag(&self, id: DeviceIndex) -> Tag {
        let current = self.current(id);
        let device = &self.plan.devices[id.place()].target.id;
        tag_of(&self.run, device, current.session, current.attempt)
    }

    /// Returns when a start may become possible by time alone.
    pub(super) fn next_start_at(&self, now: Moment) -> Option<Moment> {
        let mut at = now;
        if self.next_start(now).is_none() {
            // Only a wave can begin by itself, and only if a device waits for it.
            let mode = self.plan.policy.offline.mode;
            let any_offline = mode != OfflineMode::Hold && !self.queues.offline.is_empty();
            if !self.queues.any_ready() && !any_offline {
                return None;
            }
            at = self.gate_opens_at(now).filter(|at| *at > now)?;
        }
        if !self.slot_is_free(now) {
            at = at.max(self.quota.slots_recheck_at(now)?);
        }
        at = self.hours_allow_at(at);
        Some(self.hours_allow_at(at.max(self.quota.free_at(Endpoint::Starts, at))))
    }
}
