//! What the engine is told that is no fact: how calls went that change nothing, and what others took.
//! None of it is journalled; it only decides when calls are made.

use std::time::Duration;

use svar_wire::Moment;

use super::Fleet;
use crate::device::state::Stage;
use crate::endpoint::Endpoint;
use crate::need::Need;
use crate::schedule::queues::Pending;

impl Fleet {
    /// A repeatable need could not be met and is to be asked for again, not before `retry_after`.
    /// Anything else is not repeated: its outcome is a fact.
    pub fn read_failed(&mut self, now: Moment, need: &Need, retry_after: Option<Duration>) {
        self.now = self.now.max(now);
        self.queues.polled = false;
        let backoff = |failures: u8| Duration::from_secs(2 << failures.min(5));
        let (id, ask) = match need {
            Need::Watch { .. } => return self.watcher.failed(now, retry_after),
            Need::Devices { .. } => return self.queues.devices_failed(now, retry_after),
            Need::Fetch { device, .. } => (*device, Pending::Fetch),
            Need::Search { device, .. } => (*device, Pending::Search),
            Need::Resolve { device, .. } => (*device, Pending::Resolve),
            Need::Record { .. } | Need::Start { .. } | Need::Cancel { .. } => return,
        };
        let Some(device) = self.devices.get_mut(id.place()) else {
            return;
        };
        if device.asked != Some(ask) {
            return;
        }
        let pause = retry_after
            .unwrap_or_default()
            .max(backoff(device.failures));
        let mut retry_at = now + pause;
        // A search that can't settle anything yet is not put off beyond the one that can.
        if let Stage::Doubtful { settled, .. } = device.progress.stage
            && settled > now
            && retry_after.is_none()
        {
            retry_at = retry_at.min(settled);
        }
        device.asked = None;
        device.failures = device.failures.saturating_add(1);
        device.retry_at = Some(retry_at);
        self.queues.dirty.insert(id);
    }

    /// A `Watch` was answered; the facts about what changed have been handed in before.
    pub fn watched(&mut self, now: Moment) {
        self.now = self.now.max(now);
        self.queues.polled = false;
        self.watcher.answered();
        // Those that a rule of the run meets may be judged by what was seen.
        if self.orders.stopped.is_some() || self.orders.offline || self.is_after_hours() {
            self.queues.dirty.extend(self.open.iter().copied());
        }
    }

    /// A `Devices` was answered; the facts about what changed have been handed in before.
    pub fn devices_read(&mut self, now: Moment) {
        self.now = self.now.max(now);
        self.queues.polled = false;
        for id in self.queues.devices_answered(now) {
            self.queues.dirty.insert(id);
        }
    }

    /// A need took more calls than the one of its grant: a list came in pages. No fact, as below.
    pub fn also_called(&mut self, now: Moment, endpoint: Endpoint, calls: u32) {
        self.now = self.now.max(now);
        self.queues.polled &= calls == 0;
        self.quota.also_called(endpoint, calls, now);
    }

    /// Nothing can go on before the machine list has told of devices that nobody was asked about yet.
    pub fn waits_for_device_list(&self) -> bool {
        !self.queues.unasked.is_empty() && self.active.is_empty() && !self.orders.closed()
    }

    /// What other processes of this computer have taken of the tenant's budget since this was last
    /// said, and how many session slots they hold now. No fact: it only decides when calls are made.
    pub fn others_took(&mut self, now: Moment, taken: &[(Endpoint, Moment)], slots_held: u32) {
        self.now = self.now.max(now);
        self.queues.polled = false;
        self.quota.others(taken, slots_held);
    }
}
