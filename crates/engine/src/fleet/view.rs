//! Shows a run: one value for each device, and the sums.

use svar_plan::DeviceIndex;
use svar_wire::{ActionId, Moment};

use crate::device::state::{Current, DeviceState, Stage};
use crate::end::EndState;
use crate::schedule::queues::{PendingNeed, Priority};
use crate::status::{DeviceView, End, Phase, SessionPhase, Standstill, Tally};
use crate::stop::{StopRuleStatus, Stopped};

use super::{Fleet, count};

impl Fleet {
    /// Returns the state of one device.
    pub fn device(&self, device: DeviceIndex) -> Option<DeviceView> {
        let entry = device.get(&self.devices)?;
        let state = &entry.state;
        let standing = match state.certain_end() {
            Some(decided) => decided,
            None if state.holds_slot() => EndState::Unknown,
            None if state.traces.has_run() => EndState::Cancelled,
            None => EndState::NotStarted,
        };
        Some(DeviceView {
            device,
            phase: phase(state, entry.pending),
            waiting: self.waiting(device),
            end: state.is_done().then(|| self.end(device, state)),
            standing,
            owes_cleanup: state.owes_cleanup(self.context(device)),
            since: state.since,
        })
    }

    fn end(&self, device: DeviceIndex, state: &DeviceState) -> End {
        let trouble = state.trouble.as_deref();
        End {
            state: trouble.map_or(EndState::Ok, |trouble| trouble.state),
            step: trouble.and_then(|trouble| trouble.step),
            why: trouble.map(|trouble| trouble.why.to_string()),
            cleanup_owed: state.owes_cleanup(self.context(device)),
            tolerated: state.tolerated,
            at: state.since,
        }
    }

    /// Returns every device, in the order of the target set.
    pub fn devices(&self) -> impl Iterator<Item = DeviceView> {
        DeviceIndex::all(self.devices.len()).filter_map(|device| self.device(device))
    }

    /// Returns the devices that are admitted and have not ended: cheap at any fleet size.
    pub fn active(&self) -> impl Iterator<Item = DeviceView> {
        self.active.iter().filter_map(|device| self.device(*device))
    }

    /// Returns the sums. They are kept up to date; only the devices that are admitted are counted anew.
    pub fn tally(&self) -> Tally {
        let offline = count(self.offline.len());
        let active = count(self.active.difference(&self.offline).count());
        Tally {
            active,
            offline,
            waiting: self.tally.total - self.tally.finished() - active - offline,
            ..self.tally
        }
    }

    /// Returns what holds up the run as a whole at the moment, if anything does. To be called after
    /// [`Fleet::poll`].
    pub fn standstill(&self) -> Option<Standstill> {
        let queues = &self.queues;
        let ending = self.orders.begins_no_device();
        let wanted = !ending
            && (queues.any_ready()
                || !queues.not_looked_up.is_empty()
                || !queues.offline.is_empty());
        if let Some(until) = self.opens_at()
            && (wanted || !queues.starts.is_empty())
        {
            let mut starts = queues.starts.iter();
            let only_cleanup = !wanted && starts.all(|turn| turn.priority == Priority::High);
            return Some(Standstill::Hours {
                until,
                only_cleanup,
            });
        }
        if ending {
            return Some(Standstill::Ending);
        }
        if wanted && let Some((wave, until)) = self.soak() {
            return Some(Standstill::Soak { wave, until });
        }
        let any_online = !self.online.is_empty()
            || !queues.admitted.is_empty()
            || queues.any_ready()
            || !queues.not_looked_up.is_empty();
        (!any_online && !self.offline.is_empty()).then(|| Standstill::Offline {
            until: self.offline_until(),
        })
    }

    /// Returns the next wave, counted from 0, and when it begins, during the pause before it.
    pub(super) fn soak(&self) -> Option<(u32, Moment)> {
        let is_last = self.wave + 1 >= self.plan.policy.waves.len();
        if is_last || self.started_devices < self.wave_limit(self.wave) {
            return None;
        }
        let opens = self.gate_opens_at(self.now).filter(|at| *at > self.now)?;
        let wave = count(self.wave + 1);
        Some((wave, self.hours_allow_at(opens)))
    }

    /// Returns how far the stop rule is from being met.
    pub fn stop_rule_status(&self) -> StopRuleStatus {
        let left_out = self.tally.of(EndState::Skipped) + self.tally.of(EndState::NotStarted);
        self.stop_counts
            .standing(&self.plan.policy.stop_when, left_out)
    }

    /// Returns the current wave, counted from 0, and how many devices may have been started by its end.
    pub fn wave(&self) -> (usize, u32) {
        (self.wave, self.wave_limit(self.wave))
    }

    /// Returns when the policy's hours next allow a start; `None` while they do, or if there are none.
    pub fn opens_at(&self) -> Option<Moment> {
        Some(self.hours_allow_at(self.now)).filter(|opens| *opens > self.now)
    }

    /// Returns how the run is to end, if the stop rule or the operator has stopped it.
    pub fn stopped(&self) -> Option<Stopped> {
        self.orders.stopped
    }

    /// Returns when the run was stopped.
    pub fn stopped_at(&self) -> Option<Moment> {
        self.orders.stopped.map(|stopped| stopped.at)
    }
}

fn phase(state: &DeviceState, pending: Option<PendingNeed>) -> Phase {
    let at = |current: &Current, action: Option<&ActionId>, at| Phase::Session {
        session: current.session,
        attempt: current.attempt,
        action: action.cloned(),
        at,
    };
    match &state.stage {
        Stage::Idle(idle) if pending == Some(PendingNeed::Start) => {
            at(&idle.current, None, SessionPhase::Starting)
        }
        Stage::Idle(idle) if state.traces.is_started() => Phase::Between {
            session: idle.current.session,
        },
        Stage::Idle(_) => Phase::Waiting,
        Stage::Announced(start) => at(&start.sent.current, None, SessionPhase::Starting),
        Stage::Searching { start, .. } => at(&start.sent.current, None, SessionPhase::Searching),
        Stage::Open(open) => {
            let phase = match (open.cancel, open.running) {
                (Some(_), _) => SessionPhase::Cancelling,
                (None, Some(_)) => SessionPhase::Running,
                (None, None) => SessionPhase::Queued,
            };
            at(&open.sent.current, Some(&open.action), phase)
        }
        Stage::Collecting(collecting) => at(
            &collecting.sent.current,
            Some(&collecting.action),
            SessionPhase::Collecting,
        ),
        Stage::Done => Phase::Ended,
    }
}
