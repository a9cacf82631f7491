//! What a run shows of itself: one value for each device, and the sums.

use std::fmt;

use svar_plan::{DeviceIndex, SessionIndex, StepIndex};
use svar_wire::ActionId;
use svar_wire::Moment;

use super::end::EndState;
use super::endpoint::Endpoint;
use super::fact::Attempt;
use super::fleet::Fleet;
use super::queues::Pending;
use super::state::{DeviceState, Stage};
use super::stop::{Standing, Stopped};

/// How one device stands.
#[derive(Debug, Clone, PartialEq)]
pub struct DeviceView {
    /// Which.
    pub device: DeviceIndex,
    /// What it is at.
    pub phase: Phase,
    /// What it waits for, if anything.
    pub waiting: Option<Waiting>,
    /// How it ended; `None` while it has not.
    pub end: Option<End>,
    /// How it counts if the run is left as it stands: its end, or `not_started`, `cancelled` or
    /// `unknown`. So the ten end states always add up to the targets.
    pub standing: EndState,
    /// Something was put or run on it, or may have been, and its cleanup is not done: now, whether it
    /// has ended or not.
    pub owes_cleanup: bool,
    /// Since when it is in this phase.
    pub since: Moment,
}

/// What a device is at.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Phase {
    /// Nothing was sent to it yet.
    Waiting,
    /// A session is being started, runs, or its results are fetched.
    Session {
        /// Which.
        session: SessionIndex,
        /// Start attempt, counted from 0.
        attempt: Attempt,
        /// The service's id, once known.
        action: Option<ActionId>,
        /// Where in its life.
        at: SessionPhase,
    },
    /// Between two sessions.
    Between {
        /// The one that comes next.
        session: SessionIndex,
    },
    /// It is over.
    Ended,
}

/// The phases of a session's life.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum SessionPhase {
    /// Announced; no answer yet.
    Starting,
    /// The answer was lost; looked for by its tag.
    Searching,
    /// Waits for the device in the service's queue.
    Queued,
    /// Runs on the device.
    Running,
    /// A cancel was sent; its effect is awaited.
    Cancelling,
    /// It has ended; results are fetched.
    Collecting,
}

/// What a device waits for.
#[derive(Debug, Clone, PartialEq)]
pub enum Waiting {
    /// Its turn among the devices.
    Turn,
    /// A free session slot of the tenant.
    Slot {
        /// Slots that this run holds.
        used: u32,
        /// Slots that it may hold now.
        of: u32,
    },
    /// The start rate, or a pause that the tenant asked for.
    Rate {
        /// Which endpoint of the rate limit table.
        endpoint: Endpoint,
        /// Free again at this moment, as far as known.
        until: Moment,
    },
    /// The end of the wave before.
    Wave {
        /// The wave that runs, from 0.
        wave: u32,
    },
    /// The pause after the wave before.
    Soak {
        /// The wave that comes, from 0.
        wave: u32,
        /// It begins then.
        until: Moment,
    },
    /// The hours in which the policy allows starts.
    Hours {
        /// They begin then.
        until: Moment,
    },
    /// It sleeps.
    Offline {
        /// Given up then.
        until: Moment,
    },
    /// Somebody else's session on it.
    Busy {
        /// Given up then.
        until: Moment,
    },
    /// The pause before a further try.
    Retry {
        /// Its end.
        until: Moment,
    },
    /// A lost start that may become visible yet.
    Visibility {
        /// Past it, finding nothing means that there is nothing.
        until: Moment,
    },
    /// The device, to take the session out of the service's queue.
    Device,
    /// The session to end.
    Session,
    /// The run to be resumed.
    Resume,
}

impl fmt::Display for Waiting {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Waiting::Turn => f.write_str("its turn"),
            Waiting::Slot { used, of } => write!(f, "slot {used}/{of}"),
            Waiting::Rate { endpoint, until } => write!(f, "rate of {endpoint} until {until}"),
            Waiting::Wave { wave } => write!(f, "the end of wave {}", wave + 1),
            Waiting::Soak { wave, until } => write!(f, "soak, wave {} from {until}", wave + 1),
            Waiting::Hours { until } => write!(f, "its hours, from {until}"),
            Waiting::Offline { until } => write!(f, "offline, until {until}"),
            Waiting::Busy { until } => write!(f, "busy, until {until}"),
            Waiting::Retry { until } => write!(f, "next try at {until}"),
            Waiting::Visibility { until } => write!(f, "lost start, known by {until}"),
            Waiting::Device => f.write_str("the device"),
            Waiting::Session => f.write_str("the session"),
            Waiting::Resume => f.write_str("resume"),
        }
    }
}

/// How a device ended, and why.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct End {
    /// The state.
    pub state: EndState,
    /// The step that decided it: index into [`Plan::steps`](svar_plan::Plan::steps).
    pub step: Option<StepIndex>,
    /// The reason in one sentence; `None` for `ok`.
    pub why: Option<String>,
    /// Something was put or run on it, and its cleanup was not done.
    pub cleanup_owed: bool,
    /// Steps that failed and were allowed to (`on_fail: continue`).
    pub tolerated: u16,
    /// When.
    pub at: Moment,
}

/// What holds up a run as a whole, so that the pace so far does not tell how long it will take.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Standstill {
    /// The policy's hours: a start is wanted that they do not allow.
    Hours {
        /// They begin then.
        until: Moment,
        /// Nothing but cleanup is still to be started.
        cleanup: bool,
    },
    /// The run was told to pause or to end: what is at work is waited for.
    Ending,
    /// The pause between two waves.
    Soak {
        /// The wave that comes, from 0.
        wave: u32,
        /// It begins then.
        until: Moment,
    },
    /// Nobody is left but devices that sleep.
    Asleep {
        /// They are given up then.
        until: Moment,
    },
}

/// How many devices stand how.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Tally {
    /// All targets.
    pub total: u32,
    /// Never sent anything so far, and not asleep as far as is known.
    pub waiting: u32,
    /// Admitted, not ended, and not asleep.
    pub active: u32,
    /// Asleep: not started for it, or with a session in the service's queue that they sleep over.
    pub asleep: u32,
    /// Ended, by state, in the order of [`EndState::ALL`].
    pub ended: [u32; 10],
    /// Ended with a cleanup owed.
    pub cleanup_owed: u32,
}

impl Tally {
    /// Devices that ended in this state.
    pub fn of(&self, state: EndState) -> u32 {
        self.ended[state.index()]
    }

    /// Devices that ended.
    pub fn finished(&self) -> u32 {
        self.ended.iter().sum()
    }
}

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
