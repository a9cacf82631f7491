//! What the run can grant of what its devices want: as much as quotas, slots, waves and the sleepers'
//! share allow at this moment.

use std::time::Duration;

use svar_plan::{
    DEVICE_LIST_INTERVAL, DEVICE_LIST_INTERVAL_IDLE, DEVICES_PER_LOOKUP, DeviceIndex, OfflineMode,
};
use svar_wire::Moment;
use svar_wire::{ActionId, Tag};

use super::{Fleet, tag_of};
use crate::device::intent::Intent;
use crate::endpoint::Endpoint;
use crate::fact::CancelWhy;
use crate::need::Need;
use crate::schedule::queues::Pending;
use crate::schedule::watcher::Awaited;

/// How few devices that the list has told of are left when the next ones are asked about.
const DEVICES_AHEAD: usize = 60;

/// Results that wait longer than this for their links are what the run waits for.
const LINKS_BIND: Duration = Duration::from_secs(60);

impl Fleet {
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

    /// One cancel, if its endpoint allows it now; says whether it does.
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
            self.ask(device, Pending::Cancel);
        }
        granted
    }

    pub(super) fn grant_searches(&mut self, now: Moment, needs: &mut Vec<Need>) {
        while let Some(&id) = self.queues.searches.first() {
            let Intent::Search { settled } = self.wants(id, now) else {
                self.look_at(id, now, needs);
                continue;
            };
            if !self.grant(Endpoint::Actions, now) {
                return;
            }
            let progress = &self.devices[id.place()].progress;
            needs.push(Need::Search {
                device: id,
                session: progress.session,
                attempt: progress.attempt,
                tag: self.tag(id),
                conclusive: settled <= now,
            });
            self.ask(id, Pending::Search);
        }
    }

    pub(super) fn grant_watch(&mut self, now: Moment, needs: &mut Vec<Need>) {
        self.watcher.awaits(self.awaited(), now);
        if self.watcher.due().is_some_and(|due| due <= now) && self.grant(Endpoint::Actions, now) {
            let links_bind = !self.queues.fetches.is_empty()
                && self.quota.free_at(Endpoint::Links, now) > now + LINKS_BIND;
            self.watcher.ask(now, links_bind);
            let actions = self.open.iter().filter_map(|id| {
                let action = self.devices[id.place()].progress.open_action()?;
                Some((*id, action.clone()))
            });
            needs.push(Need::Watch {
                actions: actions.collect(),
            });
        }
    }

    fn awaited(&self) -> Awaited {
        // No more than there are slots.
        let asleep = self.sleeping_in_slots.iter().filter(|id| {
            let progress = &self.devices[id.place()].progress;
            progress.waits_for_device().is_some() || progress.is_unheard()
        });
        match self.open.len() {
            0 => Awaited::Nothing,
            open if open == asleep.count() => Awaited::Sleepers,
            _ => Awaited::Sessions,
        }
    }

    pub(super) fn grant_fetches(&mut self, now: Moment, needs: &mut Vec<Need>) {
        while let Some(&(_, id)) = self.queues.fetches.first() {
            let Intent::Fetch {
                action,
                index,
                settled,
            } = self.wants(id, now)
            else {
                self.look_at(id, now, needs);
                continue;
            };
            if !self.grant(Endpoint::Links, now) {
                return;
            }
            let progress = &self.devices[id.place()].progress;
            let context = self.context(id);
            let command = index.of(progress.sent());
            let Some(command) = progress.command(context, *command) else {
                panic!("internal error: device {id} sent a command that its session does not have");
            };
            let step = command.step;
            needs.push(Need::Fetch {
                device: id,
                session: progress.session,
                action,
                index,
                step,
                conclusive: settled <= now,
            });
            self.ask(id, Pending::Fetch);
        }
    }

    /// When the machine list is to be read, if it is: for the devices that come next, or for those
    /// that sleep.
    pub(super) fn devices_due(&self) -> Option<Moment> {
        let queues = &self.queues;
        if queues.asking.is_some() || self.orders.halted() {
            return None;
        }
        let ahead = !queues.unasked.is_empty()
            && queues.fresh.len() < DEVICES_AHEAD
            && !self.orders.closed();
        let ahead = ahead.then_some(queues.devices_at);
        let again = !queues.sleepers.is_empty();
        let again = again.then_some(queues.devices_at.max(self.sleepers_due()));
        // What the list says hours before anything may be started is no longer true then.
        let due = [ahead, again].into_iter().flatten().min()?;
        Some(self.hours_allow_at(due))
    }

    /// When the list is to be read for the devices that sleep.
    fn sleepers_due(&self) -> Moment {
        let queues = &self.queues;
        match queues.fresh.is_empty() && queues.unasked.is_empty() {
            true => queues.sleepers_at - (DEVICE_LIST_INTERVAL - DEVICE_LIST_INTERVAL_IDLE),
            false => queues.sleepers_at,
        }
    }

    pub(super) fn grant_devices(&mut self, now: Moment, needs: &mut Vec<Need>) {
        if self.devices_due().is_none_or(|due| due > now) || !self.grant(Endpoint::Devices, now) {
            return;
        }
        let sleepers_due = self.sleepers_due();
        let queues = &mut self.queues;
        let mut devices: Vec<DeviceIndex> = Vec::new();
        if !self.orders.closed() && queues.fresh.len() < DEVICES_AHEAD {
            devices.extend(queues.unasked.iter().take(DEVICES_PER_LOOKUP));
        }
        if sleepers_due <= now {
            devices.extend(queues.sleepers.iter().map(|(_, _, id)| *id));
            queues.sleepers_at = now + DEVICE_LIST_INTERVAL;
        }
        queues.asking = Some(devices.clone());
        needs.push(Need::Devices { devices });
    }

    /// When the gate is open for devices that are not begun; `None` while only an answer opens it.
    pub(super) fn gate_opens_at(&self, now: Moment) -> Option<Moment> {
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

    /// The device whose start comes next: one that is begun, else a ready one, else a sleeping one.
    fn next_start(&self, now: Moment) -> Option<DeviceIndex> {
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
        if in_slots >= policy.max_slots {
            return None;
        }
        let hold = policy.mode == OfflineMode::Hold;
        // Others will want the slots as soon as the list has told who they are.
        if hold && !queues.unasked.is_empty() && !self.orders.closed() {
            return None;
        }
        let next = match gate && !hold {
            true => queues.sleepers.first(),
            false => queues.turns.first(),
        };
        next.map(|(_, _, id)| *id)
    }

    pub(super) fn slot_is_free(&self, now: Moment) -> bool {
        let held = u32::try_from(self.holding.len()).unwrap_or(u32::MAX);
        held < self.quota.slots(now)
    }

    pub(super) fn grant_starts(&mut self, now: Moment, needs: &mut Vec<Need>) {
        if self.hours_allow_at(now) > now {
            return;
        }
        while let Some(id) = self.next_start(now) {
            if !self.devices[id.place()].progress.begun {
                // From here on it is looked at like one that is begun.
                if !self.slot_is_free(now) || self.quota.free_at(Endpoint::Starts, now) > now {
                    return;
                }
                self.queues.admitted.insert(id);
            }
            let Intent::Start { .. } = self.wants(id, now) else {
                self.file(id);
                self.look_at(id, now, needs);
                continue;
            };
            if !self.slot_is_free(now) || self.quota.free_at(Endpoint::Starts, now) > now {
                return;
            }
            self.quota.starts.take(id, now);
            let progress = &self.devices[id.place()].progress;
            needs.push(Need::Start {
                device: id,
                session: progress.session,
                attempt: progress.attempt,
                tag: self.tag(id),
                commands: progress.to_send(self.context(id)),
            });
            self.ask(id, Pending::Start);
        }
    }

    fn tag(&self, id: DeviceIndex) -> Tag {
        let progress = &self.devices[id.place()].progress;
        let device = &self.plan.devices[id.place()].target.id;
        tag_of(&self.run, device, progress.session, progress.attempt)
    }

    /// When a start may become possible by time alone.
    pub(super) fn start_comes_at(&self, now: Moment) -> Option<Moment> {
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
        at = self.hours_allow_at(at);
        Some(self.hours_allow_at(at.max(self.quota.free_at(Endpoint::Starts, at))))
    }
}
