//! What a plan costs in calls, how long it takes within the limits, and what would make it cheaper.

mod bound;
mod economy;
mod openings;

pub use bound::{Binding, Bound, Job, least_makespan};
pub use openings::Openings;

use std::time::Duration;

use serde::Serialize;

use crate::limits::PICKUP;
use crate::model::{Plan, Session, SessionKind};
use crate::polling::{DEVICES_AGAIN, DEVICES_AT_ONCE, DEVICES_SOON, TICK, TICKS_ASLEEP};
use economy::{Edit, edits};
use openings::Stage;
use svar_language::playbook::model::{CleanupWhen, OfflineMode, ResultsWanted, Verb};

/// From start to end of a session that was measured (API notes 4.6). Most of it is the device's
/// fetching and handing back, so it stands for every session whose own time nobody knows.
const SESSION: Duration = Duration::from_secs(162);

/// Calls that one read of the machine list takes at most.
const DEVICE_CALLS: u64 = 4;

/// A share of devices that sleep, to say what sleeping costs: usual for clients by day.
const ASLEEP_PERCENT: u64 = 10;

/// Calls and times of a run in which everything goes well, every device is awake and nobody else
/// uses the tenant's quota. Conditions that only results can decide count as met.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Forecast {
    /// Calls for each row of the API notes' table of rate limits.
    pub calls: Calls,
    /// No run is faster than this, whatever its sessions take.
    #[serde(rename = "at_least_ms", serialize_with = "millis")]
    pub at_least: Duration,
    /// What binds: a limit, `max_active`, or the pauses between waves; `None` where it is the sessions' own length.
    pub binding: Option<String>,
    /// From the start to the end with sessions of the length that was measured, pauses between
    /// waves included; hours in which nothing may be started are not.
    #[serde(rename = "expected_ms", serialize_with = "millis")]
    pub expected: Duration,
    /// The openings of `window` over which that time is spread; `None` without a `window`.
    pub openings: Option<Openings>,
    /// What it costs if a tenth of the devices sleep.
    pub asleep: Asleep,
    /// The edit of the playbook that would save the most.
    pub edit: Option<Gain>,
}

/// Calls for each row of the table of rate limits (API notes 1.1).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct Calls {
    /// Sessions to start.
    pub starts: u64,
    /// Lists of own actions, about.
    pub actions: u64,
    /// Results to fetch.
    pub links: u64,
    /// Cancels: none while all goes well.
    pub cancels: u64,
    /// Lists of devices before the first start.
    pub devices: u64,
    /// Lists of the library before the run.
    pub library: u64,
}

/// What sleeping devices cost, for a tenth of all.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Asleep {
    /// Devices that are taken to sleep.
    pub devices: u64,
    /// How they are treated.
    pub mode: OfflineMode,
    /// Slots of the tenant in which they wait at one time, once no device that is awake wants them:
    /// so they cost the others nothing.
    pub slots: u32,
    /// Starts of which each is used up by waiting in the service's queue until it expires.
    pub starts: u64,
    /// If all of them were seen so lately that the machine list shows them as ready: starts more,
    /// one for each that is called back and started again.
    pub seen_lately_starts: u64,
    /// How much longer the others take in that case: each holds a slot until it shows that it sleeps,
    /// and with `queue` some of them keep it. `None` where that is as long as they sleep, because
    /// they leave no place of `max_active` to the others.
    #[serde(rename = "seen_lately_ms", serialize_with = "maybe_millis")]
    pub seen_lately: Option<Duration>,
    /// Looks at the machine list an hour for their sake, while other devices are still to be started.
    pub device_looks_an_hour: u64,
    /// The same when they alone are waited for.
    pub device_looks_an_hour_alone: u64,
    /// Lists of own actions an hour while nothing but their waiting sessions is open.
    pub actions_an_hour_alone: u64,
    /// The run lasts so long if one of them never wakes; zero where they are left out.
    #[serde(rename = "until_ms", serialize_with = "millis")]
    pub until: Duration,
}

/// An edit with its gain in time.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Gain {
    /// What to do.
    pub what: String,
    /// Sessions that it saves.
    pub starts: u64,
    /// Result links that it saves.
    pub links: u64,
    /// Sessions fewer on a device that it concerns.
    pub sessions_less: u32,
    /// Time that it saves.
    #[serde(rename = "time_ms", serialize_with = "millis")]
    pub time: Duration,
}

pub(crate) fn millis<S: serde::Serializer>(
    time: &Duration,
    serializer: S,
) -> Result<S::Ok, S::Error> {
    serializer.serialize_u64(u64::try_from(time.as_millis()).unwrap_or(u64::MAX))
}

fn maybe_millis<S: serde::Serializer>(
    time: &Option<Duration>,
    serializer: S,
) -> Result<S::Ok, S::Error> {
    match time {
        Some(time) => millis(time, serializer),
        None => serializer.serialize_none(),
    }
}

/// What is to be done, in numbers.
#[derive(Debug, Clone, Copy)]
struct Load {
    devices: u64,
    starts: u64,
    links: u64,
    /// Most sessions that one device gets, one after the other.
    depth: u32,
    slots: u32,
    /// `max_active`, where it is less than the slots.
    active: Option<u32>,
    /// Sessions that hold a slot until they show that their device sleeps.
    dozing: u64,
    /// Starts that are sent once more because of them.
    again: u64,
}

/// How a run is thought to go.
#[derive(Debug, Default)]
struct Course {
    time: Duration,
    /// What decides the time.
    binding: Option<String>,
    /// What the rate limits and the pauses between waves alone come to.
    at_least: Duration,
    /// Its starts, wave by wave.
    stages: Vec<Stage>,
}

impl Forecast {
    /// Counts a plan's calls. Cleanup counts where it always runs.
    pub fn of(plan: &Plan) -> Forecast {
        let load = Load::of(plan);
        let Course {
            time: expected,
            binding,
            at_least,
            stages,
        } = load.course(plan);
        let cheaper = edits(plan).into_iter().map(|edit| {
            let less = load.without(&edit);
            let time = expected.saturating_sub(less.expected(plan));
            let Edit {
                what,
                starts,
                links,
                sessions_less,
            } = edit;
            Gain {
                what,
                starts,
                links,
                sessions_less,
                time,
            }
        });
        // Of equal gains the first by its words: `leave out` and `move` before `write`.
        let edit = cheaper.reduce(|best, other| {
            let value = |gain: &Gain| (gain.time, gain.starts, gain.links);
            match value(&other) > value(&best) {
                true => other,
                false => best,
            }
        });
        Forecast {
            calls: Calls {
                starts: load.starts,
                actions: expected.as_secs().div_ceil(TICK.as_secs()),
                links: load.links,
                cancels: 0,
                devices: load.devices.div_ceil(DEVICES_AT_ONCE as u64)
                    * DEVICE_CALLS.min(load.devices.div_ceil(50)),
                library: u64::from(plan.library.iter().any(|file| file.path.is_some())),
            },
            at_least,
            binding,
            expected,
            openings: (plan.policy.window.as_ref())
                .filter(|_| load.starts > 0)
                .map(|hours| Openings::of(hours, &stages)),
            asleep: load.asleep(plan),
            edit,
        }
    }
}

impl Load {
    fn of(plan: &Plan) -> Load {
        let counts = |session: &&Session| {
            session.kind == SessionKind::Main || plan.policy.cleanup_when == CleanupWhen::Always
        };
        let mut load = Load {
            devices: 0,
            starts: 0,
            links: 0,
            depth: 0,
            slots: plan.limits.slots,
            active: (plan.policy.max_active).filter(|most| *most < plan.limits.slots),
            dozing: 0,
            again: 0,
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
                        command.verb != Verb::Put
                            && (step.judged || step.results == ResultsWanted::All)
                    })
                    .count() as u64;
            }
            load.devices += u64::from(depth > 0);
            load.depth = load.depth.max(depth);
        }
        load
    }

    fn without(&self, edit: &Edit) -> Load {
        Load {
            starts: self.starts.saturating_sub(edit.starts),
            links: self.links.saturating_sub(edit.links),
            depth: self.depth.saturating_sub(edit.sessions_less).max(1),
            ..*self
        }
    }

    /// The least time that the rate limits alone allow, and which of them.
    fn limits_alone(&self, plan: &Plan) -> (Duration, String) {
        let limits = &plan.limits;
        let hours = |calls: u64, per_hour: u32| {
            Duration::from_secs(calls.saturating_sub(1) / u64::from(per_hour.max(1)) * 3_600)
        };
        let bounds = [
            (
                minutes(self.starts + self.again, limits.starts_per_minute),
                format!("{} starts a minute", limits.starts_per_minute),
            ),
            (
                minutes(self.links, limits.links.per_minute),
                format!("{} result links a minute", limits.links.per_minute),
            ),
            (
                hours(self.links, limits.links.per_hour),
                format!(
                    "{} result links an hour",
                    grouped(limits.links.per_hour.into())
                ),
            ),
        ];
        bounds
            .into_iter()
            .rev()
            .max_by_key(|(time, _)| *time)
            .unwrap_or_default()
    }

    /// The time with sessions of the usual length.
    fn expected(&self, plan: &Plan) -> Duration {
        self.course(plan).time
    }

    /// How the run goes with sessions of the usual length.
    fn course(&self, plan: &Plan) -> Course {
        if self.starts == 0 {
            return Course::default();
        }
        let (rate, by_rate) = self.limits_alone(plan);
        let slots = u64::from(self.slots.max(1));
        let each = |sessions: u64| u32::try_from(sessions.div_ceil(slots)).unwrap_or(u32::MAX);
        let by_slots = SESSION * each(self.starts) + self.dozing_in(slots, self.starts);
        let by_active = self.by_active();
        let depth = SESSION * self.depth;
        let by_rates = rate + SESSION;
        let mut time = depth.max(by_slots).max(by_active).max(by_rates);
        let mut binding = match time {
            time if time == depth => None,
            time if time == by_rates => Some(by_rate),
            time if time == by_active => self.active.map(|most| format!("`max_active: {most}`")),
            _ => Some(format!("{} sessions at a time", self.slots)),
        };
        // Results may be fetched after the hours, so their limits do not spread the starts.
        let sessions = depth.max(by_slots).max(by_active);
        let starts = minutes(self.starts + self.again, plan.limits.starts_per_minute);
        let minute = Duration::from_secs(60);
        let (spread, pace) = match starts + SESSION > sessions {
            true => (starts, minute),
            false => (sessions.saturating_sub(SESSION), SESSION),
        };
        let main = Stage {
            turns: spread.as_secs().div_ceil(pace.as_secs()) + 1,
            pace,
            then: Duration::ZERO,
        };
        let soak = Duration::from_millis(plan.policy.soak_ms);
        let total = u32::try_from(self.devices).unwrap_or(u32::MAX);
        let mut before = 0;
        let mut waves_begun = 0;
        for wave in &plan.policy.waves {
            let until = wave.of(total);
            waves_begun += u32::from(until > before);
            before = before.max(until);
        }
        let first = waves_begun.saturating_sub(1);
        // Each wave but the last one is waited for to its end.
        let pauses = soak * first;
        let waited = depth * first + pauses;
        if waited > time {
            binding = Some("the waves".to_owned());
        }
        time += waited;
        let wave = Stage {
            turns: self.depth.into(),
            pace: SESSION,
            then: SESSION + soak,
        };
        let mut stages = vec![wave; first as usize];
        stages.push(main);
        Course {
            time,
            binding,
            at_least: rate.max(pauses),
            stages,
        }
    }

    /// The time in which `max_active` devices at a time are brought to their ends. A device keeps
    /// its place between its sessions, so whole devices follow one another, not sessions.
    fn by_active(&self) -> Duration {
        let Some(most) = self.active else {
            return Duration::ZERO;
        };
        let places = u64::from(most.max(1));
        let rounds = self.devices.div_ceil(places);
        let sessions = (rounds * self.starts).div_ceil(self.devices.max(1));
        let sessions = u32::try_from(sessions).unwrap_or(u32::MAX);
        SESSION * sessions + self.dozing_in(places, self.devices)
    }

    /// The time that the dozing ones take from so many places, if others want them all.
    fn dozing_in(&self, places: u64, others: u64) -> Duration {
        if others + self.dozing <= places {
            return Duration::ZERO;
        }
        Duration::from_secs(PICKUP.as_secs() * self.dozing / places)
    }

    fn asleep(&self, plan: &Plan) -> Asleep {
        let policy = &plan.policy.offline;
        let devices = (self.devices * ASLEEP_PERCENT).div_ceil(100);
        let until = Duration::from_millis(policy.until_ms);
        let most = u32::try_from(devices).unwrap_or(u32::MAX);
        let slots = match policy.mode {
            OfflineMode::Queue => policy.max_slots.min(most).min(self.active.unwrap_or(most)),
            OfflineMode::Hold | OfflineMode::Skip => 0,
        };
        let turns = until.as_secs() / plan.limits.queue().as_secs().max(1);
        let waits = policy.mode != OfflineMode::Skip && devices > 0;
        let an_hour = |pause: Duration, are_made: bool| match are_made {
            true => 3_600 / pause.as_secs(),
            false => 0,
        };
        // Whose session waits in the queue is not looked for in the machine list.
        let looks = waits && devices > u64::from(slots);
        Asleep {
            devices,
            mode: policy.mode,
            slots,
            starts: u64::from(slots) * turns.max(1),
            seen_lately_starts: match waits {
                true => devices - u64::from(slots),
                false => 0,
            },
            seen_lately: self.seen_lately(plan, most, slots),
            device_looks_an_hour: an_hour(DEVICES_AGAIN, looks),
            device_looks_an_hour_alone: an_hour(DEVICES_SOON, looks),
            actions_an_hour_alone: an_hour(TICK * TICKS_ASLEEP, slots > 0),
            until: match waits {
                true => until,
                false => Duration::ZERO,
            },
        }
    }

    /// How much longer the others take if so many sleep and were seen lately, of which some stay in
    /// the service's queue.
    fn seen_lately(&self, plan: &Plan, asleep: u32, stay: u32) -> Option<Duration> {
        let devices = self.devices.saturating_sub(asleep.into());
        if devices == 0 {
            return Some(Duration::ZERO);
        }
        let others = Load {
            devices,
            starts: self.starts * devices / self.devices.max(1),
            ..*self
        };
        // A device that is begun and not through keeps its place of `max_active`.
        let active = match (self.active, plan.policy.offline.mode) {
            (Some(most), OfflineMode::Hold | OfflineMode::Queue) => {
                Some(most.checked_sub(asleep).filter(|left| *left > 0)?)
            }
            (active, _) => active,
        };
        let called_back = u64::from(asleep - stay);
        let beside_them = Load {
            slots: self.slots.saturating_sub(stay).max(1),
            active,
            dozing: called_back,
            again: match plan.policy.offline.mode {
                OfflineMode::Hold | OfflineMode::Queue => called_back,
                OfflineMode::Skip => 0,
            },
            ..others
        };
        let longer = beside_them.expected(plan);
        Some(longer.saturating_sub(others.expected(plan)))
    }
}

/// The least time for calls of which so many are allowed a minute.
fn minutes(calls: u64, per_minute: u32) -> Duration {
    // The first minute's calls need no waiting.
    Duration::from_secs(calls.saturating_sub(1) / u64::from(per_minute.max(1)) * 60)
}

/// A number as people read it: `1,500`.
pub(crate) fn grouped(number: u64) -> String {
    let digits = number.to_string();
    let mut text = String::new();
    for (place, digit) in digits.chars().enumerate() {
        if place > 0 && (digits.len() - place).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}
