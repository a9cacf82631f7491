//! Shows a run: one value for each device, and the sums.

use svar_plan::DeviceIndex;
use svar_wire::{ActionId, Moment};

use crate::device::state::{DeviceState, Stage};
use crate::end::EndState;
use crate::schedule::queues::Pending;
use crate::status::{DeviceView, End, Phase, SessionPhase, Standstill, Tally};
use crate::stop::{Standing, Stopped};

use super::Fleet;

impl Fleet {
    /// How one device stands.
    pub fn device(&self, device: DeviceIndex) -> Option<DeviceView> {
        let entry = device.get(&self.devices)?;
        let progress = &entry.progress;
        let end = progress.is_done().then(|| self.end(device, progress));
        let standing = match (&end, progress.decided()) {
            (Some(end), _) => end.state,
            (None, Some(state)) => state,
            (None, None) if progress.holds_slot() => EndState::Unknown,
            (None, None) if progress.touched => EndState::Cancelled,
            (None, None) => EndState::NotStarted,
        };
        Some(DeviceView {
            device,
            phase: phase(progress, entry.asked == Some(Pending::Start)),
            waiting: self.waiting(device),
            end,
            standing,
            owes_cleanup: progress.owes_cleanup(self.context(device)),
            since: progress.since,
        })
    }

    fn end(&self, device: DeviceIndex, progress: &DeviceState) -> End {
        let trouble = progress.trouble.as_deref();
        End {
            state: trouble.map_or(EndState::Ok, |trouble| trouble.state),
            step: trouble.and_then(|trouble| trouble.step),
            why: trouble.map(|trouble| trouble.why.to_string()),
            cleanup_owed: progress.owes_cleanup(self.context(device)),
            tolerated: progress.tolerated,
            at: progress.since,
        }
    }

    /// Every device, in the order of the target set.
    pub fn devices(&self) -> impl Iterator<Item = DeviceView> {
        (0..self.devices.len()).filter_map(|place| self.device(DeviceIndex(place as u32)))
    }

    /// The devices that are admitted and have not ended: cheap at any fleet size.
    pub fn active(&self) -> impl Iterator<Item = DeviceView> {
        self.active.iter().filter_map(|device| self.device(*device))
    }

    /// The sums, kept as the run goes; only the devices that are admitted are looked at.
    pub fn tally(&self) -> Tally {
        let count = |count: usize| u32::try_from(count).unwrap_or(u32::MAX);
        let asleep = count(self.asleep.len());
        let active = count(self.active.difference(&self.asleep).count());
        Tally {
            active,
            asleep,
            waiting: self.tally.total - self.tally.finished() - active - asleep,
            ..self.tally
        }
    }

    /// What holds up the run as a whole at the moment, if anything does. To be asked after
    /// [`Fleet::poll`].
    pub fn standstill(&self) -> Option<Standstill> {
        let queues = &self.queues;
        let ending = self.orders.closed();
        let wanted = !ending
            && (queues.any_fresh() || !queues.unasked.is_empty() || !queues.sleepers.is_empty());
        if let Some(until) = self.opens_at()
            && (wanted || !queues.starts.is_empty())
        {
            let cleanup = !wanted && queues.starts.iter().all(|(main, _, _)| !main);
            return Some(Standstill::Hours { until, cleanup });
        }
        if ending {
            return Some(Standstill::Ending);
        }
        if wanted && let Some((wave, until)) = self.soak() {
            return Some(Standstill::Soak { wave, until });
        }
        let alone = self.awake.is_empty() && queues.admitted.is_empty();
        let nobody_else = alone && !queues.any_fresh() && queues.unasked.is_empty();
        (nobody_else && !self.asleep.is_empty()).then(|| Standstill::Asleep {
            until: self.offline_until(),
        })
    }

    /// The wave that comes, from 0, and when it begins, during the pause before it.
    pub(super) fn soak(&self) -> Option<(u32, Moment)> {
        let is_last = self.wave + 1 >= self.plan.policy.waves.len();
        if is_last || self.begun < self.wave_limit(self.wave) {
            return None;
        }
        let opens = self.gate_opens_at(self.now).filter(|at| *at > self.now)?;
        let wave = u32::try_from(self.wave + 1).unwrap_or(u32::MAX);
        Some((wave, self.hours_allow_at(opens)))
    }

    /// How the stop rule stands.
    pub fn would_stop(&self) -> Standing {
        let left_out = self.tally.of(EndState::Skipped) + self.tally.of(EndState::NotStarted);
        self.score.standing(&self.plan.policy.stop_when, left_out)
    }

    /// The wave that runs, from 0, and how many devices may have been started by its end.
    pub fn wave(&self) -> (usize, u32) {
        (self.wave, self.wave_limit(self.wave))
    }

    /// When the policy's hours next allow a start; `None` while they do, or where there are none.
    pub fn opens_at(&self) -> Option<Moment> {
        Some(self.hours_allow_at(self.now)).filter(|opens| *opens > self.now)
    }

    /// How the run is to end, if the stop rule fell or the operator said so.
    pub fn stopped(&self) -> Option<Stopped> {
        self.orders.stopped
    }

    /// When that was decided.
    pub fn stopped_at(&self) -> Option<Moment> {
        self.orders.stopped.map(|stopped| stopped.at)
    }
}

fn phase(progress: &DeviceState, starting: bool) -> Phase {
    let at = |action: Option<&ActionId>, at| Phase::Session {
        session: progress.session,
        attempt: progress.attempt,
        action: action.cloned(),
        at,
    };
    match &progress.stage {
        Stage::Idle if starting => at(None, SessionPhase::Starting),
        Stage::Idle if progress.begun => Phase::Between {
            session: progress.session,
        },
        Stage::Idle => Phase::Waiting,
        Stage::Announced { .. } => at(None, SessionPhase::Starting),
        Stage::Doubtful { .. } => at(None, SessionPhase::Searching),
        Stage::Open(open) => {
            let phase = match (open.cancel, open.began) {
                (Some(_), _) => SessionPhase::Cancelling,
                (None, Some(_)) => SessionPhase::Running,
                (None, None) => SessionPhase::Queued,
            };
            at(Some(&open.action), phase)
        }
        Stage::Collecting(collecting) => at(Some(&collecting.action), SessionPhase::Collecting),
        Stage::Done => Phase::Ended,
    }
}
