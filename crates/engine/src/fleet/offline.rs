//! What offline devices may hold of the tenant's slots, and which of their sessions are recalled.
//!
//! A device is offline if the device list says so, or if it has not taken its session out of the
//! service's queue for [`PICKUP`]. Sessions of both hold slots while they wait, and no more of them
//! than `max_slots` do so for long. With `hold` none does while a device that is online wants the slot.
//! A device that does not hear of a cancel is offline too; nothing can take that slot back.

use svar_plan::{DeviceIndex, OfflineMode, PICKUP};
use svar_wire::Moment;

use super::Fleet;
use crate::fact::CancelWhy;
use crate::need::Need;
use crate::schedule::queues::PendingNeed;
use crate::status::Readiness;

impl Fleet {
    /// Returns the readiness of a device, as far as is known; `None` if there is no such device.
    /// Made of facts alone, so that another process that resumes the run knows the same.
    pub fn readiness(&self, device: DeviceIndex) -> Option<&Readiness> {
        let device = device.get(&self.devices)?;
        Some(&device.state.readiness)
    }

    /// Recalls what offline devices hold beyond their share.
    pub(super) fn grant_recalls(&mut self, now: Moment, needs: &mut Vec<Need>) {
        for id in self.to_recall(now) {
            let Some(open) = self.devices[id.place()].state.open() else {
                panic!("internal error: device {id} is to be recalled and has no open action");
            };
            let action = open.action.clone();
            if !self.grant_cancel(id, action, CancelWhy::Unresponsive, now, needs) {
                return;
            }
        }
    }

    /// Returns the devices whose sessions are to be recalled now, those that have waited longest first.
    /// No device is among them that may be about to take its session.
    pub(super) fn to_recall(&self, now: Moment) -> Vec<DeviceIndex> {
        let policy = &self.plan.policy.offline;
        let action_list_read = self.watcher.last_read();
        let mut waiting: Vec<(Moment, DeviceIndex)> = Vec::new();
        let mut coming = 0;
        for id in &self.offline_in_slots {
            let device = &self.devices[id.place()];
            if device.pending == Some(PendingNeed::Cancel) || device.state.is_being_cancelled() {
                coming += 1;
            } else if let Some(accepted) = device.state.waits_for_device()
                && device.pending.is_none()
                && action_list_read.is_some_and(|read| accepted + PICKUP <= read)
            {
                waiting.push((accepted, *id));
            }
        }
        let staying = self.offline_in_slots.len() - coming;
        let beyond = staying.saturating_sub(policy.max_slots as usize);
        let wanted = match policy.mode {
            OfflineMode::Hold => self.starts_without_slot(now).saturating_sub(coming),
            OfflineMode::Queue | OfflineMode::Skip => 0,
        };
        waiting.sort_unstable();
        let count = beyond.max(wanted);
        waiting.into_iter().take(count).map(|(_, id)| id).collect()
    }

    /// Returns the number of starts of online devices that wait for nothing but a slot.
    fn starts_without_slot(&self, now: Moment) -> usize {
        if self.slot_is_free(now) || self.hours_allow_at(now) > now {
            return 0;
        }
        let gate = self.gate_opens_at(now).is_some_and(|at| at <= now);
        self.queues.starts.len() + if gate { self.queues.ready.len() } else { 0 }
    }
}
