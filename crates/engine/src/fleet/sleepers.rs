//! What sleeping devices may hold of the tenant's slots, and which of their sessions are called back.
//!
//! A device sleeps if the machine list says so, or if it has not taken its session out of the
//! service's queue for [`PICKUP`]. Sessions of both hold slots while they wait, and no more of them
//! than `max_slots` do so for long. With `hold` none does while a device that is awake wants the slot.
//! It also sleeps if it does not hear of a cancel; nothing can take that slot back.

use svar_plan::{DeviceIndex, OfflineMode, PICKUP};
use svar_wire::Moment;

use super::Fleet;
use crate::device::state::Readiness;
use crate::fact::CancelWhy;
use crate::need::Need;
use crate::schedule::queues::Pending;

/// What the run knows of a device, so that whoever reads the machine list can tell what is news.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Known {
    /// Ready or not; `None` before the list was asked.
    pub ready: Option<bool>,
    /// It was ready and did not take the session that the service had accepted at this moment, or has
    /// not heard of a cancel since: it is ready again if it was seen later.
    pub seen_after: Option<Moment>,
}

impl Fleet {
    /// What is known of a device. Made of facts alone, so that another process that takes up the run
    /// knows the same.
    pub fn known(&self, device: DeviceIndex) -> Known {
        let Some(device) = device.get(&self.devices) else {
            return Known::default();
        };
        let (ready, seen_after) = match device.progress.readiness {
            Readiness::Unasked => (None, None),
            Readiness::Ready => (Some(true), None),
            Readiness::Dozing { since } => (Some(false), Some(since)),
            Readiness::Asleep => (Some(false), None),
        };
        Known { ready, seen_after }
    }

    /// Calls back what sleeping devices hold beyond their share.
    pub(super) fn grant_calls_back(&mut self, now: Moment, needs: &mut Vec<Need>) {
        for id in self.to_call_back(now) {
            let Some(action) = self.devices[id.place()].progress.open_action().cloned() else {
                continue;
            };
            if !self.grant_cancel(id, action, CancelWhy::Asleep, now, needs) {
                return;
            }
        }
    }

    /// Whose sessions are to be called back now: those that have waited longest come first. None whose
    /// device may be about to take it.
    pub(super) fn to_call_back(&self, now: Moment) -> Vec<DeviceIndex> {
        let policy = &self.plan.policy.offline;
        let looked = self.watcher.looked();
        let mut waiting: Vec<(Moment, DeviceIndex)> = Vec::new();
        let mut coming = 0;
        for id in &self.sleeping_in_slots {
            let device = &self.devices[id.place()];
            if device.asked == Some(Pending::Cancel) || device.progress.is_being_cancelled() {
                coming += 1;
            } else if let Some(accepted) = device.progress.waits_for_device()
                && device.asked.is_none()
                && looked.is_some_and(|looked| accepted + PICKUP <= looked)
            {
                waiting.push((accepted, *id));
            }
        }
        let staying = self.sleeping_in_slots.len() - coming;
        let beyond = staying.saturating_sub(policy.max_slots as usize);
        let wanted = match policy.mode {
            OfflineMode::Hold => self.starts_without_slot(now).saturating_sub(coming),
            OfflineMode::Queue | OfflineMode::Skip => 0,
        };
        waiting.sort_unstable();
        let count = beyond.max(wanted);
        waiting.into_iter().take(count).map(|(_, id)| id).collect()
    }

    /// Starts of devices that are awake and have nothing to wait for but a slot.
    fn starts_without_slot(&self, now: Moment) -> usize {
        if self.slot_is_free(now) || self.hours_allow_at(now) > now {
            return 0;
        }
        let gate = self.gate_opens_at(now).is_some_and(|at| at <= now);
        self.queues.starts.len() + if gate { self.queues.fresh.len() } else { 0 }
    }
}
