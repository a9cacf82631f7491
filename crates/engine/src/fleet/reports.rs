//! Input that is no fact: reads that failed or were answered, and calls of other processes. None of it
//! is journalled; it only decides when calls are made.

use std::time::Duration;

use svar_wire::Moment;

use super::Fleet;
use crate::device::state::Stage;
use crate::endpoint::Endpoint;
use crate::need::Need;
use crate::schedule::queues::PendingNeed;

impl Fleet {
    /// Notes that a repeatable need failed: it is asked for again, not before `retry_after`. Any other
    /// need is not repeated: its outcome is a fact.
    pub fn read_failed(&mut self, now: Moment, need: &Need, retry_after: Option<Duration>) {
        self.now = self.now.max(now);
        self.queues.wake_at_is_valid = false;
        let backoff = |failures: u8| Duration::from_secs(2 << failures.min(5));
        let (id, pending) = match need {
            Need::Watch { .. } => return self.watcher.failed(now, retry_after),
            Need::Devices { .. } => return self.queues.devices_failed(now, retry_after),
            Need::Fetch { device, .. } => (*device, PendingNeed::Fetch),
            Need::Search { device, .. } => (*device, PendingNeed::Search),
            Need::Resolve { device, .. } => (*device, PendingNeed::Resolve),
            Need::Record { .. } | Need::Start { .. } | Need::Cancel { .. } => return,
        };
        let Some(device) = self.devices.get_mut(id.place()) else {
            return;
        };
        if device.pending != Some(pending) {
            return;
        }
        let pause = retry_after
            .unwrap_or_default()
            .max(backoff(device.failures));
        let mut retry_at = now + pause;
        // An early search, which can't be final, does not delay the final one.
        if let Stage::Searching { final_from, .. } = device.state.stage
            && final_from > now
            && retry_after.is_none()
        {
            retry_at = retry_at.min(final_from);
        }
        device.pending = None;
        device.failures = device.failures.saturating_add(1);
        device.retry_at = Some(retry_at);
        self.queues.dirty.insert(id);
    }

    /// Notes that a `Watch` was answered; the facts about what changed have been handed in before.
    pub fn watched(&mut self, now: Moment) {
        self.now = self.now.max(now);
        self.queues.wake_at_is_valid = false;
        self.watcher.answered();
        // Orders of the run may apply to sessions by what was seen.
        if self.orders.stopped.is_some()
            || self.orders.offline_limit_passed
            || self.is_outside_hours()
        {
            self.queues.dirty.extend(self.open.iter().copied());
        }
    }

    /// Notes that a `Devices` was answered; the facts about what changed have been handed in before.
    pub fn devices_read(&mut self, now: Moment) {
        self.now = self.now.max(now);
        self.queues.wake_at_is_valid = false;
        for id in self.queues.devices_answered(now) {
            self.queues.dirty.insert(id);
        }
    }

    /// Counts calls of a need beyond the one that was granted, for the further pages of a list.
    pub fn count_calls(&mut self, now: Moment, endpoint: Endpoint, calls: u32) {
        self.now = self.now.max(now);
        self.queues.wake_at_is_valid &= calls == 0;
        self.quota.count_calls(endpoint, calls, now);
    }

    /// Returns whether nothing can go on before the device list has been read for the next devices.
    pub fn waits_for_device_list(&self) -> bool {
        !self.queues.not_looked_up.is_empty()
            && self.active.is_empty()
            && !self.orders.begins_no_device()
    }

    /// Counts what other processes of this computer have taken of the tenant's budget since the last
    /// report. They hold `slots_held` session slots now.
    pub fn others_took(&mut self, now: Moment, taken: &[(Endpoint, Moment)], slots_held: u32) {
        self.now = self.now.max(now);
        self.queues.wake_at_is_valid = false;
        self.quota.count_other_processes(taken, slots_held);
    }
}
