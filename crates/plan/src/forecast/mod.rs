//! Forecast of the calls and the time of a run, and of the edit of the playbook that saves the most.

mod bound;
mod saving;
mod windows;

pub use bound::{BindingLimit, MakespanBound, SessionTiming, least_makespan};
pub use saving::{PlaybookEdit, Saving};
pub use windows::WindowCount;

use std::time::Duration;

use svar_language::playbook::model::{CleanupWhen, OfflineMode, ResultsWanted};

use crate::limits::PICKUP;
use crate::model::{Plan, Session, SessionKind};
use crate::polling::{
    DEVICE_LIST_INTERVAL, DEVICE_LIST_INTERVAL_IDLE, DEVICES_PER_LOOKUP, OFFLINE_TICKS, TICK,
};
use saving::edits;
use windows::WaveStarts;

/// Estimated time of a session, as measured (API notes 4.6). Most of it is pickup and upload, so it is used
/// for all sessions.
pub const SESSION_ESTIMATE: Duration = Duration::from_secs(162);

/// Maximum number of calls for one lookup in the device list.
const DEVICE_CALLS: u64 = 4;

/// Assumed percentage of offline devices: usual for clients by day.
const OFFLINE_PERCENT: u64 = 10;

/// Calls and time of a run without failures, with all devices online and no other user of the tenant's quota.
/// Conditions that depend on results are assumed to hold.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Forecast {
    /// Calls by kind.
    pub calls: CallCounts,
    /// Time from start to end with sessions of [`SESSION_ESTIMATE`], including pauses between waves, but not the
    /// time outside of `window`.
    pub expected: Duration,
    /// Minimum time that the rate limits and pauses allow, for sessions of any length.
    pub at_least: Duration,
    /// Limit that determines the time; `None` if it is the length of the sessions.
    pub limited_by: Option<TimeLimit>,
    /// Number of windows that are needed; `None` without `window`.
    pub windows: Option<WindowCount>,
    /// Cost if a tenth of the devices are offline.
    pub offline: OfflineCost,
    /// Edit of the playbook that would save the most.
    pub saving: Option<Saving>,
}

/// Number of calls of each kind.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct CallCounts {
    /// Session starts.
    pub starts: u64,
    /// Status requests, approximately.
    pub status_requests: u64,
    /// Results to fetch.
    pub result_links: u64,
    /// Cancels: none without failures.
    pub cancels: u64,
    /// Requests of the device list before the first start.
    pub device_lists: u64,
    /// Requests of the library list before the run.
    pub library_lists: u64,
}

/// Limit that determines the time of a run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TimeLimit {
    /// Session starts per minute.
    StartsPerMinute(u32),
    /// Result links per minute.
    ResultLinksPerMinute(u32),
    /// Result links per hour.
    ResultLinksPerHour(u32),
    /// Sessions at a time.
    Sessions(u32),
    /// `max_active` of the playbook.
    MaxActive(u32),
    /// Waves, and the pauses between them.
    Waves,
}

/// Cost of offline devices, for a tenth of all.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OfflineCost {
    /// Assumed number of offline devices.
    pub devices: u64,
    /// Mode of the policy.
    pub mode: OfflineMode,
    /// Maximum number of them that wait in the service's queue at a time, in slots that online devices do not
    /// need.
    pub queued: u32,
    /// Additional starts, because sessions expire in the service's queue.
    pub extra_starts: u64,
    /// Cost if all of them were seen so recently that the device list shows them as online.
    pub recently_seen: RecentlySeenCost,
    /// Requests of the device list per hour for them, while other devices are not yet started.
    pub device_lists_per_hour: u64,
    /// The same when only they are left.
    pub device_lists_per_hour_alone: u64,
    /// Status requests per hour when only their queued sessions are open.
    pub status_requests_per_hour_alone: u64,
    /// Time from the start to the end of the run if one of them never comes online; `None` if the run does not
    /// wait for offline devices.
    pub ends_after: Option<Duration>,
}

/// Cost of offline devices that were seen so recently that they are started.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RecentlySeenCost {
    /// Additional starts, one for each device whose session is cancelled and started again.
    pub extra_starts: u64,
    /// Delay of the other devices.
    pub delay: OfflineDelay,
}

/// Delay of a run by offline devices.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum OfflineDelay {
    /// Duration: each device holds a slot until it turns out to be offline, and with `queue` some keep it.
    Time(Duration),
    /// Until they come online: they take up all of `max_active`.
    UntilOnline,
}

/// Amount of work of a run.
#[derive(Debug, Clone, Copy)]
struct Workload {
    devices: u64,
    starts: u64,
    links: u64,
    /// Maximum number of sessions of one device, which run one after the other.
    depth: u32,
    slots: u32,
    /// `max_active`, if it is less than the number of slots.
    active: Option<u32>,
    /// Number of sessions that hold a slot until their device turns out to be offline.
    offline: u64,
    /// Number of starts that are repeated for offline devices.
    repeated_starts: u64,
}

/// Expected course of a run.
#[derive(Debug, Default)]
struct Timeline {
    time: Duration,
    limited_by: Option<TimeLimit>,
    /// Time of the rate limits and the pauses between waves alone.
    at_least: Duration,
    /// Starts of each wave.
    stages: Vec<WaveStarts>,
}

impl Forecast {
    /// Counts the calls of a plan and estimates its time. Cleanup is included if it always runs.
    pub fn of(plan: &Plan) -> Forecast {
        let load = Workload::of(plan);
        let timeline = load.timeline(plan);
        let expected = timeline.time;
        let savings = edits(plan).into_iter().map(|saving| {
            let less = load.without(&saving);
            Saving {
                time: expected.saturating_sub(less.expected(plan)),
                ..saving
            }
        });
        // The first of equal savings.
        let best = savings.reduce(|best, other| {
            let value = |saving: &Saving| (saving.time, saving.starts, saving.result_links);
            if value(&other) > value(&best) {
                other
            } else {
                best
            }
        });
        Forecast {
            calls: CallCounts {
                starts: load.starts,
                status_requests: expected.as_secs().div_ceil(TICK.as_secs()),
                result_links: load.links,
                cancels: 0,
                device_lists: load.devices.div_ceil(DEVICES_PER_LOOKUP as u64)
                    * DEVICE_CALLS.min(load.devices.div_ceil(50)),
                library_lists: u64::from(plan.library.iter().any(|file| file.path.is_some())),
            },
            at_least: timeline.at_least,
            limited_by: timeline.limited_by,
            expected,
            windows: (plan.policy.window.as_ref())
                .filter(|_| load.starts > 0)
                .map(|hours| WindowCount::of(hours, &timeline.stages)),
            offline: load.offline(plan),
            saving: best,
        }
    }
}

impl Workload {
    fn of(plan: &Plan) -> Workload {
        let counts = |session: &&Session| {
            session.kind == SessionKind::Main || plan.policy.cleanup_when == CleanupWhen::Always
        };
        let mut load = Workload {
            devices: 0,
            starts: 0,
            links: 0,
            depth: 0,
            slots: plan.limits.slots,
            active: (plan.policy.max_active).filter(|most| *most < plan.limits.slots),
            offline: 0,
            repeated_starts: 0,
        };
        for device in &plan.devices {
            let mut depth = 0;
            for session in device.sessions.iter().filter(counts) {
                depth += 1;
                load.starts += 1;
                load.links += session
                    .commands
                    .iter()
                    .filter(|command| {
                        let step = command.step.of(&plan.steps);
                        command.verb.has_result()
                            && (step.judged || step.results == ResultsWanted::All)
                    })
                    .count() as u64;
            }
            load.devices += u64::from(depth > 0);
            load.depth = load.depth.max(depth);
        }
        load
    }

    fn without(&self, saving: &Saving) -> Workload {
        Workload {
            starts: self.starts.saturating_sub(saving.starts),
            links: self.links.saturating_sub(saving.result_links),
            depth: self.depth.saturating_sub(saving.sessions_per_device).max(1),
            ..*self
        }
    }

    /// Returns the minimum time that the rate limits alone allow, and the limit that determines it.
    fn rate_limit_time(&self, plan: &Plan) -> (Duration, TimeLimit) {
        let limits = &plan.limits;
        let starts = self.starts + self.repeated_starts;
        let bounds = [
            (
                minutes(starts, limits.starts_per_minute),
                TimeLimit::StartsPerMinute(limits.starts_per_minute),
            ),
            (
                minutes(self.links, limits.links.per_minute),
                TimeLimit::ResultLinksPerMinute(limits.links.per_minute),
            ),
            (
                hours(self.links, limits.links.per_hour),
                TimeLimit::ResultLinksPerHour(limits.links.per_hour),
            ),
        ];
        let [first, others @ ..] = bounds;
        // The first of equal ones.
        (others.into_iter()).fold(
            first,
            |most, other| if other.0 > most.0 { other } else { most },
        )
    }

    /// Returns the time with sessions of [`SESSION_ESTIMATE`].
    fn expected(&self, plan: &Plan) -> Duration {
        self.timeline(plan).time
    }

    /// Returns the expected course of the run with sessions of [`SESSION_ESTIMATE`].
    fn timeline(&self, plan: &Plan) -> Timeline {
        if self.starts == 0 {
            return Timeline::default();
        }
        let (rate, by_rate) = self.rate_limit_time(plan);
        let slots = u64::from(self.slots.max(1));
        let each = |sessions: u64| to_u32(sessions.div_ceil(slots));
        let by_slots =
            SESSION_ESTIMATE * each(self.starts) + self.offline_delay(slots, self.starts);
        let max_active_time = self.max_active_time();
        let depth = SESSION_ESTIMATE * self.depth;
        let by_rates = rate + SESSION_ESTIMATE;
        let mut time = depth.max(by_slots).max(max_active_time).max(by_rates);
        let mut limited_by = match time {
            time if time == depth => None,
            time if time == by_rates => Some(by_rate),
            time if time == max_active_time => self.active.map(TimeLimit::MaxActive),
            _ => Some(TimeLimit::Sessions(self.slots)),
        };
        // Results may be fetched outside the window, so their limits do not delay starts.
        let sessions = depth.max(by_slots).max(max_active_time);
        let starts = minutes(
            self.starts + self.repeated_starts,
            plan.limits.starts_per_minute,
        );
        let minute = Duration::from_secs(60);
        let (spread, interval) = if starts + SESSION_ESTIMATE > sessions {
            (starts, minute)
        } else {
            (sessions.saturating_sub(SESSION_ESTIMATE), SESSION_ESTIMATE)
        };
        let main = WaveStarts {
            count: spread.as_secs().div_ceil(interval.as_secs()) + 1,
            interval,
            pause: Duration::ZERO,
        };
        let soak = Duration::from_millis(plan.policy.soak_ms);
        let total = to_u32(self.devices);
        let mut before = 0;
        let mut waves_begun = 0;
        for wave in &plan.policy.waves {
            let until = wave.of(total);
            waves_begun += u32::from(until > before);
            before = before.max(until);
        }
        let first = waves_begun.saturating_sub(1);
        // Each wave but the last one must end before the next one starts.
        let pauses = soak * first;
        let waited = depth * first + pauses;
        if waited > time {
            limited_by = Some(TimeLimit::Waves);
        }
        time += waited;
        let wave = WaveStarts {
            count: self.depth.into(),
            interval: SESSION_ESTIMATE,
            pause: SESSION_ESTIMATE + soak,
        };
        let mut stages = vec![wave; first as usize];
        stages.push(main);
        Timeline {
            time,
            limited_by,
            at_least: rate.max(pauses),
            stages,
        }
    }

    /// Returns the time for all devices with `max_active` of them at a time. A device counts as active between
    /// its sessions, so devices follow each other as a whole.
    fn max_active_time(&self) -> Duration {
        let Some(most) = self.active else {
            return Duration::ZERO;
        };
        let places = u64::from(most.max(1));
        let rounds = self.devices.div_ceil(places);
        let sessions = (rounds * self.starts).div_ceil(self.devices.max(1));
        SESSION_ESTIMATE * to_u32(sessions) + self.offline_delay(places, self.devices)
    }

    /// Returns the delay by offline devices that hold some of `places` slots which `others` need.
    fn offline_delay(&self, places: u64, others: u64) -> Duration {
        if others + self.offline <= places {
            return Duration::ZERO;
        }
        Duration::from_secs(PICKUP.as_secs() * self.offline / places)
    }

    fn offline(&self, plan: &Plan) -> OfflineCost {
        let policy = &plan.policy.offline;
        let devices = (self.devices * OFFLINE_PERCENT).div_ceil(100);
        let until = Duration::from_millis(policy.until_ms);
        let most = to_u32(devices);
        let queued = match policy.mode {
            OfflineMode::Queue => policy.max_slots.min(most).min(self.active.unwrap_or(most)),
            OfflineMode::Hold | OfflineMode::Skip => 0,
        };
        let turns = until.as_secs() / plan.limits.queue().as_secs().max(1);
        let waits = policy.mode != OfflineMode::Skip && devices > 0;
        // A device whose session waits in the queue is not looked for in the device list.
        let is_looked_for = waits && devices > u64::from(queued);
        let lists = |pause: Duration| if is_looked_for { per_hour(pause) } else { 0 };
        let called_back = if waits {
            devices - u64::from(queued)
        } else {
            0
        };
        OfflineCost {
            devices,
            mode: policy.mode,
            queued,
            extra_starts: u64::from(queued) * turns.max(1),
            recently_seen: RecentlySeenCost {
                extra_starts: called_back,
                delay: self.recently_seen_delay(plan, most, queued),
            },
            device_lists_per_hour: lists(DEVICE_LIST_INTERVAL),
            device_lists_per_hour_alone: lists(DEVICE_LIST_INTERVAL_IDLE),
            status_requests_per_hour_alone: if queued > 0 {
                per_hour(TICK * OFFLINE_TICKS)
            } else {
                0
            },
            ends_after: waits.then_some(until),
        }
    }

    /// Returns the delay of the other devices if `offline` devices are offline but were seen recently. `stay` of
    /// them stay in the service's queue.
    fn recently_seen_delay(&self, plan: &Plan, offline: u32, stay: u32) -> OfflineDelay {
        let devices = self.devices.saturating_sub(offline.into());
        if devices == 0 {
            return OfflineDelay::Time(Duration::ZERO);
        }
        let others = Workload {
            devices,
            starts: self.starts * devices / self.devices.max(1),
            ..*self
        };
        let is_waited_for = plan.policy.offline.mode != OfflineMode::Skip;
        // A device that was started and has not ended counts for `max_active`.
        let active = match self.active {
            Some(most) if is_waited_for && most <= offline => return OfflineDelay::UntilOnline,
            Some(most) if is_waited_for => Some(most - offline),
            active => active,
        };
        let called_back = u64::from(offline - stay);
        let beside_them = Workload {
            slots: self.slots.saturating_sub(stay).max(1),
            active,
            offline: called_back,
            repeated_starts: if is_waited_for { called_back } else { 0 },
            ..others
        };
        let longer = beside_them.expected(plan);
        OfflineDelay::Time(longer.saturating_sub(others.expected(plan)))
    }
}

/// Returns the minimum time for a number of calls at a limit per minute.
fn minutes(calls: u64, per_minute: u32) -> Duration {
    // The calls of the first minute need not wait.
    Duration::from_secs(calls.saturating_sub(1) / u64::from(per_minute.max(1)) * 60)
}

/// Returns the minimum time for a number of calls at a limit per hour.
fn hours(calls: u64, per_hour: u32) -> Duration {
    Duration::from_secs(calls.saturating_sub(1) / u64::from(per_hour.max(1)) * 3_600)
}

/// Returns the number of times per hour for an interval.
fn per_hour(interval: Duration) -> u64 {
    3_600 / interval.as_secs()
}

/// Converts a number of devices or sessions of a plan, which fits into 32 bits.
fn to_u32(number: u64) -> u32 {
    u32::try_from(number)
        .unwrap_or_else(|_| panic!("internal error: {number} devices or sessions in a plan"))
}
